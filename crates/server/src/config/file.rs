//! The settings file, as it is written.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::ConfigError;
use super::address::{read_alone, read_with_port};
use super::audit::Audit;
use super::http::Http;
use super::keys::Keys;
use super::login::Login;
use super::retention::{self, ArchiveSite, Retention};
use super::sign_on::SignOn;
use super::smtp::Smtp;
use super::tls::SipTls;
use super::trunk::{self, Trunk};
use super::wfo_xml::WfoXml;
use crate::ingest::KeepList;

/// The whole file. Every key may be left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct File {
    /// The data folder. Default `sidetone-data` where the recorder is started.
    pub data: Option<PathBuf>,
    /// A folder on another volume, which takes what is new while that of the data folder refuses. Default: none.
    pub spill: Option<PathBuf>,
    /// Agents to be taken at start: a CSV or JSON file.
    pub agents: Option<PathBuf>,
    /// `[http]`
    pub http: Http,
    /// `[login]`
    pub login: Login,
    /// `[sign_on]`
    pub sign_on: SignOn,
    /// `[sip]`
    pub sip: Sip,
    /// `[media]`
    pub media: Media,
    /// `[limits]`
    pub limits: Limits,
    /// `[blackout]`
    pub blackout: Blackout,
    /// `[calls]`
    pub calls: Calls,
    /// `[recording]`
    pub recording: Recording,
    /// `[hold_back]`
    pub hold_back: HoldBack,
    /// `[retention]`
    pub retention: Retention,
    /// `[metadata]`
    pub metadata: Metadata,
    /// `[wfo]`
    pub wfo: Wfo,
    /// `[wfo_xml]`
    pub wfo_xml: WfoXml,
    /// `[playback]`
    pub playback: Playback,
    /// `[webhooks]`
    pub webhooks: Webhooks,
    /// `[keys]`
    pub keys: Keys,
    /// `[audit]`
    pub audit: Audit,
    /// `[smtp]`
    pub smtp: Smtp,
    /// `[[archive]]`, one for each place that recordings may go to.
    pub archive: Vec<ArchiveSite>,
    /// `[[trunk]]`, one for each known peer.
    pub trunk: Vec<Trunk>,
}

/// `[sip]`: where recording clients call.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sip {
    /// Address and port, for UDP and TCP. Default `127.0.0.1:5060`.
    #[serde(default, deserialize_with = "read_with_port")]
    pub listen: Option<SocketAddr>,
    /// The address told to peers in SIP and SDP. Default: the one listened on.
    #[serde(default, deserialize_with = "read_alone")]
    pub advertised: Option<IpAddr>,
    /// `[sip.tls]`
    pub tls: SipTls,
    /// Connections of one address at a time. Default 256.
    pub connections_per_address: Option<usize>,
    /// What peers get that no trunk holds. Default `strict`.
    pub unlisted: Option<Unlisted>,
    /// Seconds between two questions to a client without session timer whether it is there. Default 300.
    pub probe_s: Option<u64>,
}

/// What peers get that no trunk holds (F-SIP-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Unlisted {
    /// They are served if their INVITE carries both marks of RFC 7866.
    Strict,
    /// One 403, never longer than what they sent.
    Refuse,
    /// Nothing.
    Silent,
}

/// `[metadata]`: what recording clients tell of calls.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metadata {
    /// What of it is kept (A4-14). Default: all.
    pub keep: Option<KeepList>,
}

/// `[media]`: where their RTP comes in.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    /// Ports, two for each stream. Default `20000-29999`.
    pub ports: Option<String>,
    /// Threads that read them. Default: half the cores.
    pub threads: Option<usize>,
    /// Seconds without media after which a call's clients are asked whether they are there. Default 600.
    pub ask_after_s: Option<u32>,
    /// Seconds without media after which a client that does not answer is gone. Default 60.
    pub gone_after_s: Option<u32>,
}

/// `[limits]`: what the recorder takes on at most; beyond it new calls get 503 (A9-06).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Streams at a time. Default: as many as there are media ports and open files.
    pub streams: Option<u64>,
    /// Recording sessions at a time. Default 5000.
    pub recording_sessions: Option<usize>,
    /// Memory of the recorder, MiB. Default: four fifths of what the machine or its container has.
    pub memory_mib: Option<u64>,
    /// Room on the disk that new calls may not touch, MiB. Default 512.
    pub disk_reserve_mib: Option<u64>,
}

/// `[blackout]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Blackout {
    /// Seconds after which a blackout nobody stopped ends; 0 for never. Default 600.
    pub timeout_s: Option<u64>,
    /// What happens then. Default `resume`.
    pub on_timeout: Option<TimeoutChoice>,
    /// Blackouts of an agent within an hour above which there is an alarm; 0 for never. Default 30.
    pub norm_times: Option<u32>,
    /// Minutes an agent is dark within an hour above which there is one; 0 for never. Default 30.
    pub norm_minutes: Option<u64>,
}

/// What happens to a blackout nobody stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum TimeoutChoice {
    /// Recording resumes, with an alarm.
    Resume,
    /// It stays dark, with an alarm.
    StayDark,
}

/// `[calls]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    /// Seconds an ended call stays among its agent's inactive calls. Default 300.
    pub inactive_s: Option<u64>,
    /// Whether a start with no call known makes one. Default true.
    pub callless_start: Option<bool>,
}

/// `[recording]`: what is kept.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recording {
    /// What becomes of calls that no schedule is for, where there are schedules. Default `keep`.
    pub unmatched: Option<UnmatchedChoice>,
}

/// What becomes of calls that no schedule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum UnmatchedChoice {
    /// They are kept.
    Keep,
    /// They are not.
    Drop,
}

/// `[hold_back]`: calls that are not kept wait in memory, so that a command can keep them from their beginning.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HoldBack {
    /// How far back the memory reaches, in seconds. Default 0, which holds nothing back.
    pub window_s: Option<u32>,
    /// Memory for all calls, MiB. Default 1024.
    pub memory_mib: Option<u64>,
    /// Which of the calls that are not kept. Default `on-demand`.
    pub calls: Option<HeldChoice>,
}

/// Which of the calls that are not kept are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum HeldChoice {
    /// Those that are there to be asked for: taken by an on-demand schedule, or by none.
    OnDemand,
    /// All that no command has stopped.
    All,
}

/// `[wfo]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wfo {
    /// Time zone of `starttime` and `endtime`, by IANA name. Default: the server's.
    pub zone: Option<String>,
}

/// `[playback]`: what those who listen need.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Playback {
    /// The ffmpeg that decodes G.729 and makes MP3: a path, or a name in the `PATH`. Default `ffmpeg`.
    pub ffmpeg: Option<PathBuf>,
}

/// `[webhooks]`: to whom events are sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// Networks and hosts that may be called although not everybody can reach them. Default: none.
    pub allow: Option<Vec<String>>,
    /// Authorities whose certificates are believed beside those of the system, PEM. Default: none.
    pub ca: Option<PathBuf>,
}

impl File {
    /// Reads a settings file.
    ///
    /// # Errors
    /// [`ConfigError`], with line and key.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let bytes = read(path)?;
        let text = std::str::from_utf8(&bytes).map_err(|bad| ConfigError::File {
            path: path.to_owned(),
            cause: format!("it is not UTF-8 from byte {} on", bad.valid_up_to()),
        })?;
        Self::parse(text).map_err(|cause| ConfigError::File { path: path.to_owned(), cause })
    }

    /// Reads the text of a settings file.
    ///
    /// # Errors
    /// Line, key and what would be right, as text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        trunk::check(&file.trunk)?;
        retention::check(&file.archive)?;
        Ok(file)
    }
}

/// Reads a file the settings name, or are.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })
}
