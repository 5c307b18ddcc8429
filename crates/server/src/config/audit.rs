//! `[audit]`: what is written down of who did what, and the settings as the audit has them at a start.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{Config, ConfigError, Flags, S3};
use crate::aftercare::retention::BucketSettings;

/// `[audit]`: who did what.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// Whether who listens or exports has to say why (C5-06). Default false.
    pub ask_reason: bool,
    /// Recordings that a person hears or takes away within an hour, above which there is an alarm; 0 for never. Default 200.
    pub norm_recordings: Option<u32>,
    /// Seconds between two signatures, if there was something new: 1 to 60 (C8-03). Default 60.
    pub sign_every_s: Option<u64>,
    /// A folder elsewhere that signed heads are copied to. Default: none.
    pub witness_folder: Option<PathBuf>,
    /// A bucket with object lock that they are copied to. Default: none.
    pub witness_s3: Option<S3>,
    /// A time stamping authority (RFC 3161), `http://`. Default: none.
    pub timestamp_url: Option<String>,
    /// What `witness_s3` comes to, with the key.
    #[serde(skip)]
    pub(crate) bucket: Option<BucketSettings>,
}

impl Audit {
    /// With flags and variables over what the file says.
    pub(super) fn with_flags(self, flags: &Flags) -> Self {
        // Without a bucket there is none, wherever the store may be.
        let bucket = flags.audit_witness_s3_bucket.clone();
        let bucket = bucket.or(self.witness_s3.as_ref().map(|s3| s3.bucket.clone()));
        let witness_s3 = bucket.map(|bucket| {
            let file = self.witness_s3.as_ref();
            let said = |flag: &Option<String>, file: Option<&Option<String>>| {
                flag.clone().or(file.cloned().flatten())
            };
            S3 {
                bucket,
                endpoint: said(&flags.audit_witness_s3_endpoint, file.map(|s3| &s3.endpoint)),
                prefix: said(&flags.audit_witness_s3_prefix, file.map(|s3| &s3.prefix)),
                region: said(&flags.audit_witness_s3_region, file.map(|s3| &s3.region)),
                key_file: flags.audit_witness_s3_key_file.clone().or(file.and_then(|s3| s3.key_file.clone())),
            }
        });
        Self {
            witness_s3,
            ask_reason: flags.audit_ask_reason.unwrap_or(self.ask_reason),
            norm_recordings: flags.audit_norm_recordings.or(self.norm_recordings),
            sign_every_s: flags.audit_sign_every_s.or(self.sign_every_s),
            witness_folder: flags.audit_witness_folder.clone().or(self.witness_folder),
            timestamp_url: flags.audit_timestamp_url.clone().or(self.timestamp_url),
            ..self
        }
    }

    /// Looks at the values, and reads the key of the bucket.
    pub(super) fn read(&self) -> Result<Self, ConfigError> {
        if !(1..=60).contains(&self.every().as_secs()) {
            let cause = "the audit is signed at least each minute: 1 to 60".to_owned();
            return Err(ConfigError::Value { key: "audit.sign_every_s", cause });
        }
        if self.timestamp_url.as_ref().is_some_and(|url| !url.starts_with("http://")) {
            let cause =
                "an http:// address is right: what an authority says is signed, and says no more than a hash"
                    .to_owned();
            return Err(ConfigError::Value { key: "audit.timestamp_url", cause });
        }
        let bucket = self.witness_s3.as_ref().map(|s3| s3.settings("audit.witness_s3")).transpose()?;
        Ok(Self { bucket, ..self.clone() })
    }

    /// How many recordings it is usual that somebody hears within an hour.
    pub(crate) fn norm(&self) -> Option<u32> {
        Some(self.norm_recordings.unwrap_or(200)).filter(|norm| *norm > 0)
    }

    /// How often it is signed how the audit stands.
    pub(crate) fn every(&self) -> Duration {
        Duration::from_secs(self.sign_every_s.unwrap_or(60))
    }
}

impl Config {
    /// The settings as the audit has them: what an auditor asks for first, and a hash over all, by which a change shows. No
    /// secret can be read off it.
    pub(crate) fn told(&self) -> String {
        let archives: Vec<&str> = self.archives.iter().map(|archive| archive.name.as_str()).collect();
        let trunks: Vec<&str> = self.trunks.iter().map(|trunk| trunk.name.as_str()).collect();
        let timeout = self.tracker.blackout.timeout.map_or(0, |timeout| timeout.as_secs());
        let keep = self.tracker.keeping.keep_days.map_or("ever".to_owned(), |days| format!("{days} days"));
        let hash: [u8; 32] = Sha256::digest(format!("{self:?}")).into();
        let hash = vault::Digest(hash);
        format!(
            "http {}, sip {}, blackout timeout {timeout} s, kept for {keep}, minimum {} days, archives [{}], trunks [{}], \
             reason asked {}, settings {hash}",
            self.http,
            self.sip,
            self.retention.minimum_days,
            archives.join(", "),
            trunks.join(", "),
            self.audit.ask_reason,
        )
    }
}
