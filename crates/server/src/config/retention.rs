//! `[retention]` and `[[archive]]`: how recordings grow old, and where they go.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::secret::{self, Readers};
use super::{ConfigError, Flags};
use crate::aftercare::retention::brake::Brake;
use crate::aftercare::retention::{BucketSettings, Settings};

/// `[retention]`: how long what no schedule decides is kept, and how deletion goes about it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Days from the end of the call. Default: for ever.
    pub keep_days: Option<u32>,
    /// The number of the archive action that is done when they are over. Default 1, which purges.
    pub archive_action: Option<u32>,
    /// Seconds a recording stays marked before it is erased (C7-03). Default 86400.
    pub grace_s: Option<u64>,
    /// Days that the law wants every recording kept; nothing is erased before, whoever asks. Default 0.
    pub minimum_days: Option<u32>,
    /// Seconds between two jobs that erase. Default 3600.
    pub purge_every_s: Option<u64>,
    /// Recordings such a job erases at most; 0 for no limit. Default 0.
    pub purge_limit: Option<u32>,
    /// Seconds between two jobs that bring recordings to archives. Default 60.
    pub archive_every_s: Option<u64>,
    /// Recordings such a job brings at most; 0 for none. Default 100.
    pub archive_limit: Option<u32>,
    /// By how much a day's deletions may exceed a day's recordings, in percent (C7-03). Default 50.
    pub brake_percent: Option<u32>,
    /// Deletions of a day that are in order in any case. Default 100.
    pub brake_least: Option<u64>,
}

impl Retention {
    /// With flags and variables over what the file says.
    pub(super) fn with_flags(self, flags: &Flags) -> Self {
        Self {
            keep_days: flags.keep_days.or(self.keep_days),
            archive_action: flags.archive_action.or(self.archive_action),
            grace_s: flags.retention_grace_s.or(self.grace_s),
            minimum_days: flags.retention_minimum_days.or(self.minimum_days),
            purge_every_s: flags.retention_purge_every_s.or(self.purge_every_s),
            purge_limit: flags.retention_purge_limit.or(self.purge_limit),
            archive_every_s: flags.retention_archive_every_s.or(self.archive_every_s),
            archive_limit: flags.retention_archive_limit.or(self.archive_limit),
            brake_percent: flags.retention_brake_percent.or(self.brake_percent),
            brake_least: flags.retention_brake_least.or(self.brake_least),
        }
    }

    /// What it comes to, over what holds where nothing is said.
    pub(super) fn settings(&self) -> Result<Settings, ConfigError> {
        let Settings { grace, minimum_days, purge_every, purge_limit, archive_every, archive_limit, brake } =
            Settings::default();
        let seconds = |said: Option<u64>, usual| said.map_or(usual, Duration::from_secs);
        let settings = Settings {
            grace: seconds(self.grace_s, grace),
            minimum_days: self.minimum_days.unwrap_or(minimum_days),
            purge_every: seconds(self.purge_every_s, purge_every),
            purge_limit: self.purge_limit.unwrap_or(purge_limit),
            archive_every: seconds(self.archive_every_s, archive_every),
            archive_limit: self.archive_limit.unwrap_or(archive_limit),
            brake: Brake {
                percent: self.brake_percent.unwrap_or(brake.percent),
                least: self.brake_least.unwrap_or(brake.least),
            },
        };
        if settings.purge_every.is_zero() || settings.archive_every.is_zero() {
            let cause = "0 s would look without end; 3600 and 60 are usual".to_owned();
            let key = "retention.purge_every_s, retention.archive_every_s";
            return Err(ConfigError::Value { key, cause });
        }
        Ok(settings)
    }
}

/// `[[archive]]`: a place that archive actions name as their target.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveSite {
    /// Its name: the `target` of archive actions.
    pub name: String,
    /// A folder of this machine, or one that is mounted.
    pub folder: Option<PathBuf>,
    /// A bucket of a store that speaks S3.
    pub s3: Option<S3>,
    /// What `s3` comes to, with the key.
    #[serde(skip)]
    pub(crate) bucket: Option<BucketSettings>,
}

/// `s3` of `[[archive]]`: a bucket of a store that speaks S3.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// Where the store is heard, such as `https://s3.example:9000`. Default: Amazon's.
    pub endpoint: Option<String>,
    /// The bucket.
    pub bucket: String,
    /// What stands before the path of each object. Default: nothing.
    pub prefix: Option<String>,
    /// The region. Default `us-east-1`.
    pub region: Option<String>,
    /// A file with the access key's id in its first line and its secret in its second, for its owner only. Default: the
    /// variables `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
    pub key_file: Option<PathBuf>,
}

impl ArchiveSite {
    /// Reads the key of a bucket.
    pub(super) fn read_key(&mut self) -> Result<(), ConfigError> {
        self.bucket = match &self.s3 {
            Some(s3) => Some(s3.settings(&format!("archive \"{}\"", self.name))?),
            None => None,
        };
        Ok(())
    }
}

impl S3 {
    /// What it comes to, with the key; `whose` is named if there is none.
    pub(super) fn settings(&self, whose: &str) -> Result<BucketSettings, ConfigError> {
        let key = match &self.key_file {
            Some(path) => {
                let text = String::from_utf8_lossy(&secret::read(path, Readers::Owner)?).into_owned();
                let mut lines =
                    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty());
                lines.next().zip(lines.next()).ok_or_else(|| ConfigError::File {
                    path: path.clone(),
                    cause: "the access key's id in its first line and its secret in its second are right"
                        .to_owned(),
                })?
            }
            None => {
                let said = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
                said("AWS_ACCESS_KEY_ID").zip(said("AWS_SECRET_ACCESS_KEY")).ok_or_else(|| ConfigError::Value {
                    key: "s3",
                    cause: format!(
                        "{whose} has no access key; say key_file, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                    ),
                })?
            }
        };
        Ok(BucketSettings {
            endpoint: self.endpoint.clone(),
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone().unwrap_or_default(),
            region: self.region.clone().unwrap_or_else(|| "us-east-1".to_owned()),
            key,
        })
    }
}

/// Looks at each archive, and at all of them together.
pub(super) fn check(sites: &[ArchiveSite]) -> Result<(), String> {
    for (place, site) in sites.iter().enumerate() {
        let name = &site.name;
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
        if name.trim() != name || name.is_empty() || name.len() > 200 || !name.chars().all(is_plain) {
            return Err(format!(
                "archive \"{}\": a name has 1 to 200 letters, digits, blanks, hyphens, underscores or dots",
                name.escape_debug()
            ));
        }
        if sites[..place].iter().any(|other| other.name == *name) {
            return Err(format!("archive \"{name}\" is there twice; give each a name of its own"));
        }
        if site.folder.is_some() == site.s3.is_some() {
            return Err(format!(
                "archive \"{name}\" needs one place: folder = \"/path\", or s3 = {{ bucket = \"...\" }}"
            ));
        }
    }
    Ok(())
}
