//! Settings: a flag beats a `SIDETONE_` variable beats the file beats the default.
//!
//! One TOML file; unknown keys are refused with their place. `ref/config.md` explains each key and a test holds
//! the two together.

mod address;
mod audit;
mod blackout;
mod check;
mod file;
mod flags;
mod http;
mod keys;
mod leaked;
mod login;
mod public;
mod retention;
mod secret;
mod sign_on;
mod smtp;
mod tls;
mod trunk;
mod wfo_xml;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use access::Rates;
use calls::agent::Agent;
use calls::agents_file;
use calls::id::ArchiveActionId;
use calls::tracker::{self, HeldCalls, Unmatched};
use jiff::tz::TimeZone;
use rtp::supervision::Patience;

pub use audit::Audit;
pub use file::{
    Blackout, Calls, File, HeldChoice, HoldBack, Limits, Media, Metadata, Playback, Recording, Sip,
    TimeoutChoice, Unlisted, UnmatchedChoice, Webhooks, Wfo,
};
pub use flags::Flags;
pub use http::{Http, HttpTls};
pub(crate) use keys::first_line;
pub use keys::{Keys, ReadingKeyPlace};
pub use login::{Login, SecondFactor};
pub use public::PublicUrl;
pub use retention::{ArchiveSite, Retention, S3};
pub use sign_on::{SignOn, SignOnGroup, UnknownChoice};
pub use smtp::Smtp;
pub use tls::{SipTls, TlsFiles, TlsListener, TlsTexts};
pub use trunk::{CertificateRule, CodecName, Digest, Nat, Network, Profile, Srtp, Trunk};
pub use wfo_xml::WfoXml;

use crate::aftercare;
use crate::identity::{PasswordRules, Policy};
use crate::ingest::{KeepList, PortRange};
use crate::media;
use crate::observe::blackout_norm::BlackoutNorm;
use crate::observe::overload;
use crate::playback::Ffmpeg;
use crate::webhooks::Allow;
use crate::zones;

/// Everything the recorder is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// A folder on another volume, for what is new while the first refuses (E2-08).
    pub spill: Option<PathBuf>,
    /// Where HTTP is heard.
    pub http: SocketAddr,
    /// HTTP may be heard outside this machine although nobody has to log in.
    pub http_without_login: bool,
    /// What is asked of those who ask over HTTP.
    pub login: Policy,
    /// What new passwords are held to.
    pub passwords: PasswordRules,
    /// Who vouches for people, if somebody does.
    pub sign_on: Option<crate::sign_on::Settings>,
    /// HTTP may be heard outside this machine although nothing is encrypted.
    pub http_without_tls: bool,
    /// By which files HTTP is heard over TLS, if it is.
    pub http_tls: Option<TlsFiles>,
    /// For how long a browser is told to come by TLS only; not at all if zero.
    pub hsts: Duration,
    /// Proxies whose word is taken on who asks.
    pub trusted_proxies: Vec<Network>,
    /// The address HTTP is reached at from elsewhere.
    pub public_url: Option<PublicUrl>,
    /// How often one account or key may ask.
    pub rates: Rates,
    /// Where SIP is heard, over UDP and TCP.
    pub sip: SocketAddr,
    /// The address peers reach us at, where it is not the one SIP is heard at.
    pub sip_advertised: Option<IpAddr>,
    /// SIP over TLS, if it is to be heard.
    pub sip_tls: Option<TlsListener>,
    /// SIP connections of one address at a time.
    pub connections_per_address: usize,
    /// How often a client without session timer is asked whether it is there (A8-06).
    pub probe_every: Duration,
    /// What peers get that no trunk holds.
    pub unlisted: Unlisted,
    /// Media ports.
    pub rtp_ports: PortRange,
    /// Media threads.
    pub media_threads: usize,
    /// How long no media is borne.
    pub patience: Patience,
    /// What is kept of what clients tell, where their trunk does not say otherwise.
    pub keep: KeepList,
    /// What is held back of calls that are not kept: memory, and how far it reaches.
    pub hold_back: media::HoldBack,
    /// Which of those calls.
    pub held_calls: HeldCalls,
    /// What is taken on at most.
    pub limits: overload::Limits,
    /// Agents to be taken at start.
    pub agents: Vec<Agent>,
    /// What the tracker is told.
    pub tracker: tracker::Settings,
    /// How often and how long agents usually are dark.
    pub blackout_norm: BlackoutNorm,
    /// The API Server of WFO.
    pub wfo_xml: WfoXml,
    /// The zone of times in WFO fields.
    pub zone: TimeZone,
    /// What decodes what we do not.
    pub ffmpeg: Ffmpeg,
    /// Receivers of events in networks that are closed to others.
    pub webhooks_allow: Allow,
    /// Authorities that webhooks believe beside those of the system, as the text of their PEM file.
    pub webhooks_ca: Option<Vec<u8>>,
    /// The mail server by which exports are sent, if there is one.
    pub smtp: Option<crate::export::Smtp>,
    /// Where the private half of the reading key is, and what opens it.
    pub keys: Keys,
    /// Who did what.
    pub audit: Audit,
    /// How recordings grow old.
    pub retention: aftercare::retention::Settings,
    /// Where they may go.
    pub archives: Vec<ArchiveSite>,
    /// Known peers.
    pub trunks: Vec<Trunk>,
}

/// Why the recorder cannot start with these settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {cause}{}", vault::owner::right(cause, path))]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// What stood in the way.
        cause: std::io::Error,
    },
    /// The file says something that cannot be.
    #[error("{path} cannot be used:\n{cause}")]
    File {
        /// Its path.
        path: PathBuf,
        /// Line, key and what would be right.
        cause: String,
    },
    /// A setting says something that cannot be.
    #[error("{key}: {cause}")]
    Value {
        /// The setting.
        key: &'static str,
        /// What would be right.
        cause: String,
    },
    /// HTTP would be open to the network.
    #[error(
        "http = {0} is heard outside this machine, and login.mode = \"open\" asks nobody for a login: whoever reaches it can \
         hear every call and stop every recording. Leave login.mode out, or say --http-without-login to give that up"
    )]
    OpenHttp(SocketAddr),
    /// HTTP would be read on the way.
    #[error(
        "http = {0} is heard outside this machine without TLS: passwords, commands and calls can be read and changed on \
         the way. Name a certificate and its key (http.tls.certificate, http.tls.key), listen on 127.0.0.1 behind a \
         proxy that has them, or say --http-without-tls to give that up"
    )]
    PlainHttp(SocketAddr),
}

impl Config {
    /// The settings of a fresh install, in `data`.
    pub fn of_fresh_install(data: PathBuf) -> Self {
        let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self {
            data,
            spill: None,
            http: loopback(8080),
            http_without_login: false,
            login: Policy::default(),
            passwords: PasswordRules::default(),
            sign_on: None,
            http_without_tls: false,
            http_tls: None,
            hsts: Duration::from_hours(365 * 24),
            trusted_proxies: Vec::new(),
            public_url: None,
            rates: Rates::default(),
            sip: loopback(5060),
            sip_advertised: None,
            sip_tls: None,
            connections_per_address: 256,
            probe_every: Duration::from_secs(300),
            unlisted: Unlisted::Strict,
            rtp_ports: "20000-29999".parse().expect("it is a range"),
            media_threads: std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)),
            patience: Patience::default(),
            keep: KeepList::default(),
            hold_back: media::HoldBack { window: Duration::ZERO, bytes: 1 << 30 },
            held_calls: HeldCalls::default(),
            limits: overload::Limits::default(),
            agents: Vec::new(),
            tracker: tracker::Settings { civil: zones::civil, ..tracker::Settings::default() },
            blackout_norm: BlackoutNorm::default(),
            wfo_xml: WfoXml::default(),
            zone: TimeZone::system(),
            ffmpeg: Ffmpeg::default(),
            webhooks_allow: Allow::default(),
            webhooks_ca: None,
            smtp: None,
            keys: Keys::default(),
            audit: Audit::default(),
            retention: aftercare::retention::Settings::default(),
            archives: Vec::new(),
            trunks: Vec::new(),
        }
    }

    /// The settings that flags, variables and the file named among them come to.
    ///
    /// # Errors
    /// [`ConfigError`], saying what would be right.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        let file = match &flags.config {
            Some(path) => File::read(path)?,
            None => File::default(),
        };
        Self::of(&file, flags)
    }

    /// What a file comes to with flags and variables over it.
    fn of(file: &File, flags: &Flags) -> Result<Self, ConfigError> {
        let data = flags.data.clone().or(file.data.clone()).unwrap_or_else(|| "sidetone-data".into());
        let mut config = Self::of_fresh_install(data);
        config.take_file(file)?;
        config.wfo_xml = file.wfo_xml.clone().with_flags(flags);
        config.http_tls = file.http.tls.clone().with_flags(flags).files()?;
        config.sip_tls = file.sip.tls.clone().with_flags(flags).listener()?;
        config.smtp = file.smtp.clone().with_flags(flags).mail_server()?;
        config.keys = file.keys.clone().with_flags(flags);
        config.audit = file.audit.clone().with_flags(flags).read()?;
        config.set_retention(&file.retention.clone().with_flags(flags))?;
        config.take_flags(flags)?;
        let is_open = config.http.ip().is_loopback() || config.http_without_login;
        let login = file.login.clone().with_flags(flags);
        config.login = login.policy(is_open)?;
        config.passwords = login.passwords(config.public_url.as_ref().map(PublicUrl::host))?;
        config.sign_on = file.sign_on.clone().with_flags(flags).settings(config.home())?;
        config.check()?;
        Ok(config)
    }

    fn take_file(&mut self, file: &File) -> Result<(), ConfigError> {
        let File {
            data: _,
            spill,
            agents,
            http,
            sip,
            media,
            limits,
            blackout,
            calls,
            recording,
            hold_back,
            retention: _,
            metadata,
            wfo,
            wfo_xml: _,
            playback,
            webhooks,
            audit: _,
            smtp: _,
            keys: _,
            login: _,
            sign_on: _,
            archive,
            trunk,
        } = file;
        self.spill.clone_from(spill);
        set(&mut self.http, http.listen);
        set(&mut self.http_without_login, http.without_login);
        set(&mut self.http_without_tls, http.without_tls);
        set(&mut self.trusted_proxies, http.trusted_proxies.clone());
        self.set_hsts(http.hsts_s);
        self.public_url.clone_from(&http.public_url);
        self.set_rates(http.questions_per_minute, http.content_per_minute, http.changes_per_minute);
        set(&mut self.sip, sip.listen);
        self.sip_advertised = sip.advertised;
        set(&mut self.unlisted, sip.unlisted);
        set(&mut self.probe_every, sip.probe_s.map(Duration::from_secs));
        set(&mut self.connections_per_address, sip.connections_per_address);
        if let Some(ports) = &media.ports {
            self.rtp_ports = ports.parse().map_err(value("media.ports"))?;
        }
        set(&mut self.media_threads, media.threads);
        self.set_patience(media.ask_after_s, media.gone_after_s);
        self.set_limits(limits);
        if let Some(path) = agents {
            self.agents = read_agents(path)?;
        }
        self.set_blackout(blackout);
        self.set_grace(calls.inactive_s);
        set(&mut self.tracker.callless_start, calls.callless_start);
        self.set_unmatched(recording.unmatched);
        self.set_hold_back(hold_back);
        self.archives.clone_from(archive);
        self.archives.iter_mut().try_for_each(ArchiveSite::read_key)?;
        set(&mut self.keep, metadata.keep.clone());
        self.set_zone(wfo.zone.as_deref(), "wfo.zone")?;
        set(&mut self.ffmpeg, playback.ffmpeg.clone().map(Ffmpeg::new));
        self.set_allow(webhooks.allow.as_deref(), "webhooks.allow")?;
        self.set_webhooks_ca(webhooks.ca.as_deref())?;
        self.trunks.clone_from(trunk);
        for trunk in &mut self.trunks {
            trunk.credentials = trunk.digest.as_ref().map(Digest::read).transpose()?;
        }
        Ok(())
    }

    fn take_flags(&mut self, flags: &Flags) -> Result<(), ConfigError> {
        self.spill = flags.spill.clone().or(self.spill.take());
        set(&mut self.http, flags.http);
        if flags.http_without_login {
            self.http_without_login = true;
        }
        if flags.http_without_tls {
            self.http_without_tls = true;
        }
        set(&mut self.trusted_proxies, flags.http_trusted_proxies.clone());
        self.set_hsts(flags.http_hsts_s);
        self.public_url = flags.http_public_url.clone().or(self.public_url.take());
        let (questions, content) = (flags.http_questions_per_minute, flags.http_content_per_minute);
        self.set_rates(questions, content, flags.http_changes_per_minute);
        set(&mut self.sip, flags.sip);
        self.sip_advertised = flags.sip_advertised.or(self.sip_advertised);
        set(&mut self.unlisted, flags.sip_unlisted);
        set(&mut self.probe_every, flags.sip_probe_s.map(Duration::from_secs));
        set(&mut self.connections_per_address, flags.sip_connections_per_address);
        if let Some(ports) = &flags.rtp_ports {
            self.rtp_ports = ports.parse().map_err(value("--rtp-ports"))?;
        }
        set(&mut self.media_threads, flags.media_threads);
        self.set_patience(flags.media_ask_after_s, flags.media_gone_after_s);
        self.set_limits(&Limits {
            streams: flags.limit_streams,
            recording_sessions: flags.limit_recording_sessions,
            memory_mib: flags.limit_memory_mib,
            disk_reserve_mib: flags.disk_reserve_mib,
        });
        if let Some(path) = &flags.agents {
            self.agents = read_agents(path)?;
        }
        self.set_blackout(&Blackout {
            timeout_s: flags.blackout_timeout_s,
            on_timeout: flags.blackout_on_timeout,
            norm_times: flags.blackout_norm_times,
            norm_minutes: flags.blackout_norm_minutes,
        });
        self.set_grace(flags.inactive_s);
        set(&mut self.tracker.callless_start, flags.callless_start);
        self.set_unmatched(flags.recording_unmatched);
        self.set_hold_back(&HoldBack {
            window_s: flags.hold_back_window_s,
            memory_mib: flags.hold_back_memory_mib,
            calls: flags.hold_back_calls,
        });
        set(&mut self.ffmpeg, flags.ffmpeg.clone().map(Ffmpeg::new));
        set(&mut self.keep, flags.metadata_keep.clone());
        self.set_allow(flags.webhooks_allow.as_deref(), "--webhooks-allow")?;
        self.set_webhooks_ca(flags.webhooks_ca.as_deref())?;
        self.set_zone(flags.zone.as_deref(), "--zone")
    }

    fn set_hsts(&mut self, seconds: Option<u32>) {
        set(&mut self.hsts, seconds.map(|seconds| Duration::from_secs(seconds.into())));
    }

    fn set_limits(&mut self, said: &Limits) {
        let bytes = |mib: Option<u64>| mib.map(|mib| mib.saturating_mul(1 << 20));
        let limits = &mut self.limits;
        limits.streams = said.streams.or(limits.streams);
        set(&mut limits.recording_sessions, said.recording_sessions);
        limits.memory_bytes = bytes(said.memory_mib).or(limits.memory_bytes);
        set(&mut limits.disk_reserve_bytes, bytes(said.disk_reserve_mib));
    }

    fn set_patience(&mut self, ask_s: Option<u32>, gone_s: Option<u32>) {
        let ns = |seconds: Option<u32>| seconds.map(|seconds| i64::from(seconds) * 1_000_000_000);
        set(&mut self.patience.ask_ns, ns(ask_s));
        set(&mut self.patience.gone_ns, ns(gone_s));
    }

    fn set_grace(&mut self, seconds: Option<u64>) {
        set(&mut self.tracker.inactive_grace, seconds.map(Duration::from_secs));
    }

    fn set_unmatched(&mut self, choice: Option<UnmatchedChoice>) {
        if let Some(choice) = choice {
            self.tracker.unmatched = match choice {
                UnmatchedChoice::Keep => Unmatched::Keep,
                UnmatchedChoice::Drop => Unmatched::Drop,
            };
        }
    }

    fn set_hold_back(&mut self, said: &HoldBack) {
        if let Some(choice) = said.calls {
            self.held_calls = match choice {
                HeldChoice::OnDemand => HeldCalls::OnDemand,
                HeldChoice::All => HeldCalls::All,
            };
        }
        let hold_back = &mut self.hold_back;
        set(&mut hold_back.window, said.window_s.map(|seconds| Duration::from_secs(seconds.into())));
        let bytes = said.memory_mib.map(|mib| mib.saturating_mul(1 << 20));
        set(&mut hold_back.bytes, bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)));
        let (calls, window) = (self.held_calls, hold_back.window);
        self.tracker.hold_back = (!window.is_zero()).then_some(tracker::HoldBack { calls, window });
    }

    fn set_retention(&mut self, said: &Retention) -> Result<(), ConfigError> {
        let keeping = &mut self.tracker.keeping;
        keeping.keep_days = said.keep_days;
        set(&mut keeping.archive_action, said.archive_action.map(ArchiveActionId));
        self.retention = said.settings()?;
        Ok(())
    }

    fn set_allow(&mut self, entries: Option<&[String]>, key: &'static str) -> Result<(), ConfigError> {
        if let Some(entries) = entries {
            self.webhooks_allow = Allow::read(entries).map_err(value(key))?;
        }
        Ok(())
    }

    fn set_webhooks_ca(&mut self, path: Option<&Path>) -> Result<(), ConfigError> {
        let Some(path) = path else { return Ok(()) };
        let text = tls::read(path)?;
        crate::tls::roots_of(&text).map_err(|cause| ConfigError::File { path: path.to_owned(), cause })?;
        self.webhooks_ca = Some(text);
        Ok(())
    }

    fn set_zone(&mut self, name: Option<&str>, key: &'static str) -> Result<(), ConfigError> {
        if let Some(name) = name {
            let wrong = |_| format!("\"{name}\" is no time zone; a name such as Europe/Berlin, or UTC, is");
            self.zone = TimeZone::get(name).map_err(wrong).map_err(value(key))?;
        }
        Ok(())
    }
}

fn read_agents(path: &Path) -> Result<Vec<Agent>, ConfigError> {
    let bytes = file::read(path)?;
    agents_file::parse(&bytes)
        .map_err(|error| ConfigError::File { path: path.to_owned(), cause: error.listed("; ") })
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn value<E: ToString>(key: &'static str) -> impl Fn(E) -> ConfigError {
    move |cause| ConfigError::Value { key, cause: cause.to_string() }
}
