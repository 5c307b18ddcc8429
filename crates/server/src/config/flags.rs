//! Settings as flags of `sidetone serve`, each also a variable.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::address::{alone, with_port};
use super::{
    HeldChoice, Network, PublicUrl, ReadingKeyPlace, SecondFactor, TimeoutChoice, UnknownChoice, Unlisted,
    UnmatchedChoice,
};
use crate::export::SmtpTls;
use crate::identity::Login;
use crate::ingest::KeepList;

/// Flags of `sidetone serve`. What is not said is taken from the file.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// The settings file (TOML).
    #[arg(long, env = "SIDETONE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data folder [default: sidetone-data].
    #[arg(long, env = "SIDETONE_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// A folder on another volume that takes what is new while that of the data folder refuses.
    #[arg(long, env = "SIDETONE_SPILL", value_name = "DIR")]
    pub spill: Option<PathBuf>,
    /// Where HTTP is heard [default: 127.0.0.1:8080].
    #[arg(long, env = "SIDETONE_HTTP", value_name = "ADDR", value_parser = with_port)]
    pub http: Option<SocketAddr>,
    /// Let HTTP be heard outside this machine although nobody has to log in.
    #[arg(long, env = "SIDETONE_HTTP_WITHOUT_LOGIN")]
    pub http_without_login: bool,
    /// Let HTTP be heard outside this machine although nothing is encrypted.
    #[arg(long, env = "SIDETONE_HTTP_WITHOUT_TLS")]
    pub http_without_tls: bool,
    /// The certificate HTTP shows, with those between it and its authority (PEM); with it HTTP is heard over TLS only.
    #[arg(long, env = "SIDETONE_HTTP_TLS_CERTIFICATE", value_name = "FILE")]
    pub http_tls_certificate: Option<PathBuf>,
    /// Its key (PEM).
    #[arg(long, env = "SIDETONE_HTTP_TLS_KEY", value_name = "FILE")]
    pub http_tls_key: Option<PathBuf>,
    /// The authorities whose client certificates are believed (PEM).
    #[arg(long, env = "SIDETONE_HTTP_TLS_CLIENT_CA", value_name = "FILE")]
    pub http_tls_client_ca: Option<PathBuf>,
    /// Refuse HTTP clients that show no certificate.
    #[arg(long, env = "SIDETONE_HTTP_TLS_REQUIRE_CLIENT_CERTIFICATE")]
    pub http_tls_require_client_certificate: bool,
    /// For how long browsers are told to come by TLS only, 0 for not at all [default: 31536000].
    #[arg(long, env = "SIDETONE_HTTP_HSTS_S", value_name = "S")]
    pub http_hsts_s: Option<u32>,
    /// Proxies whose word is taken on who asks: addresses and networks, between commas.
    #[arg(long, env = "SIDETONE_HTTP_TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',', value_parser = network)]
    pub http_trusted_proxies: Option<Vec<Network>>,
    /// The address HTTP is reached at from elsewhere, for links to sound [default: none].
    #[arg(long, env = "SIDETONE_HTTP_PUBLIC_URL", value_name = "URL")]
    pub http_public_url: Option<PublicUrl>,
    /// Questions of one login or key within a minute, 0 for any [default: 1200].
    #[arg(long, env = "SIDETONE_HTTP_QUESTIONS_PER_MINUTE", value_name = "N")]
    pub http_questions_per_minute: Option<u32>,
    /// Requests of one login or key for sound and files within a minute, 0 for any [default: 600].
    #[arg(long, env = "SIDETONE_HTTP_CONTENT_PER_MINUTE", value_name = "N")]
    pub http_content_per_minute: Option<u32>,
    /// Changes by one login or key within a minute, 0 for any [default: 600].
    #[arg(long, env = "SIDETONE_HTTP_CHANGES_PER_MINUTE", value_name = "N")]
    pub http_changes_per_minute: Option<u32>,
    /// Whether who asks has to show who they are [default: auto].
    #[arg(long, env = "SIDETONE_LOGIN", value_enum)]
    pub login: Option<Login>,
    /// Minutes without a request after which a login ends [default: 30].
    #[arg(long, env = "SIDETONE_LOGIN_IDLE_MINUTES", value_name = "MIN")]
    pub login_idle_minutes: Option<u32>,
    /// Hours after which a login ends in any case [default: 12].
    #[arg(long, env = "SIDETONE_LOGIN_HOURS", value_name = "H")]
    pub login_hours: Option<u32>,
    /// Whether erasures and releases of legal holds need the approval of another [default: true].
    #[arg(long, env = "SIDETONE_LOGIN_FOUR_EYES", value_name = "BOOL")]
    pub login_four_eyes: Option<bool>,
    /// Whether metrics are told to everybody [default: false].
    #[arg(long, env = "SIDETONE_LOGIN_OPEN_METRICS", value_name = "BOOL")]
    pub login_open_metrics: Option<bool>,
    /// A list of leaked passwords that new ones are compared with: SHA-1, ordered by hash [default: none].
    #[arg(long, env = "SIDETONE_LOGIN_LEAKED_PASSWORDS", value_name = "FILE")]
    pub login_leaked_passwords: Option<PathBuf>,
    /// Whether a second factor is demanded of who logs in by password [default: auto].
    #[arg(long, env = "SIDETONE_LOGIN_SECOND_FACTOR", value_enum)]
    pub login_second_factor: Option<SecondFactor>,
    /// Of which roles, between commas [default: all].
    #[arg(long, env = "SIDETONE_LOGIN_SECOND_FACTOR_ROLES", value_name = "ROLES", value_delimiter = ',')]
    pub login_second_factor_roles: Option<Vec<String>>,
    /// Hours within which a password that somebody else has set has to be used and changed [default: 72].
    #[arg(long, env = "SIDETONE_LOGIN_FIRST_PASSWORD_HOURS", value_name = "H")]
    pub login_first_password_hours: Option<u32>,
    /// The OpenID Connect provider that vouches for people, as it names itself [default: none].
    #[arg(long, env = "SIDETONE_SIGN_ON_ISSUER", value_name = "URL")]
    pub sign_on_issuer: Option<String>,
    /// As what the recorder is known there.
    #[arg(long, env = "SIDETONE_SIGN_ON_CLIENT_ID", value_name = "ID")]
    pub sign_on_client_id: Option<String>,
    /// A file with its secret in the first line [default: it has none].
    #[arg(long, env = "SIDETONE_SIGN_ON_CLIENT_SECRET_FILE", value_name = "FILE")]
    pub sign_on_client_secret_file: Option<PathBuf>,
    /// What is asked for beside openid, between commas [default: profile,email].
    #[arg(long, env = "SIDETONE_SIGN_ON_SCOPES", value_name = "SCOPES", value_delimiter = ',')]
    pub sign_on_scopes: Option<Vec<String>>,
    /// What stands on the button [default: the provider's host].
    #[arg(long, env = "SIDETONE_SIGN_ON_NAME", value_name = "NAME")]
    pub sign_on_name: Option<String>,
    /// The claim that names an account [default: `preferred_username`].
    #[arg(long, env = "SIDETONE_SIGN_ON_NAME_CLAIM", value_name = "CLAIM")]
    pub sign_on_name_claim: Option<String>,
    /// The claim that names groups [default: groups].
    #[arg(long, env = "SIDETONE_SIGN_ON_GROUPS_CLAIM", value_name = "CLAIM")]
    pub sign_on_groups_claim: Option<String>,
    /// The claim that holds an agent's number [default: none].
    #[arg(long, env = "SIDETONE_SIGN_ON_AGENT_CLAIM", value_name = "CLAIM")]
    pub sign_on_agent_claim: Option<String>,
    /// What becomes of somebody without an account [default: refuse].
    #[arg(long, env = "SIDETONE_SIGN_ON_UNKNOWN", value_enum)]
    pub sign_on_unknown: Option<UnknownChoice>,
    /// Authorities that are believed there beside those of the system (PEM).
    #[arg(long, env = "SIDETONE_SIGN_ON_CA", value_name = "FILE")]
    pub sign_on_ca: Option<PathBuf>,
    /// How strongly the provider has to make sure of people, one of these between commas [default: as it likes].
    #[arg(long, env = "SIDETONE_SIGN_ON_ACR_VALUES", value_name = "WORDS", value_delimiter = ',')]
    pub sign_on_acr_values: Option<Vec<String>>,
    /// By what it has to, all of these between commas, as in mfa [default: by what it likes].
    #[arg(long, env = "SIDETONE_SIGN_ON_AMR", value_name = "WORDS", value_delimiter = ',')]
    pub sign_on_amr: Option<Vec<String>>,
    /// Where SIP is heard, over UDP and TCP [default: 127.0.0.1:5060].
    #[arg(long, env = "SIDETONE_SIP", value_name = "ADDR", value_parser = with_port)]
    pub sip: Option<SocketAddr>,
    /// The address told to SIP peers, where it is not the one heard on.
    #[arg(long, env = "SIDETONE_SIP_ADVERTISED", value_name = "IP", value_parser = alone)]
    pub sip_advertised: Option<IpAddr>,
    /// Where SIP is heard over TLS, 5061 by custom [default: nowhere].
    #[arg(long, env = "SIDETONE_SIP_TLS", value_name = "ADDR", value_parser = with_port)]
    pub sip_tls: Option<SocketAddr>,
    /// The certificate shown there, with those between it and its authority (PEM).
    #[arg(long, env = "SIDETONE_SIP_TLS_CERTIFICATE", value_name = "FILE")]
    pub sip_tls_certificate: Option<PathBuf>,
    /// Its key (PEM).
    #[arg(long, env = "SIDETONE_SIP_TLS_KEY", value_name = "FILE")]
    pub sip_tls_key: Option<PathBuf>,
    /// The authorities whose client certificates are believed (PEM).
    #[arg(long, env = "SIDETONE_SIP_TLS_CLIENT_CA", value_name = "FILE")]
    pub sip_tls_client_ca: Option<PathBuf>,
    /// Refuse TLS clients that show no certificate.
    #[arg(long, env = "SIDETONE_SIP_TLS_REQUIRE_CLIENT_CERTIFICATE")]
    pub sip_tls_require_client_certificate: bool,
    /// SIP connections of one address at a time [default: 256].
    #[arg(long, env = "SIDETONE_SIP_CONNECTIONS_PER_ADDRESS", value_name = "N")]
    pub sip_connections_per_address: Option<usize>,
    /// What peers get that no trunk holds [default: strict].
    #[arg(long, env = "SIDETONE_SIP_UNLISTED", value_enum)]
    pub sip_unlisted: Option<Unlisted>,
    /// Seconds between two questions to a client without session timer whether it is there [default: 300].
    #[arg(long, env = "SIDETONE_SIP_PROBE_S", value_name = "S")]
    pub sip_probe_s: Option<u64>,
    /// Media ports [default: 20000-29999].
    #[arg(long, env = "SIDETONE_RTP_PORTS", value_name = "A-B")]
    pub rtp_ports: Option<String>,
    /// Media threads [default: half the cores].
    #[arg(long, env = "SIDETONE_MEDIA_THREADS", value_name = "N")]
    pub media_threads: Option<usize>,
    /// Seconds without media after which a call's clients are asked whether they are there [default: 600].
    #[arg(long, env = "SIDETONE_MEDIA_ASK_AFTER_S", value_name = "S")]
    pub media_ask_after_s: Option<u32>,
    /// Seconds without media after which a client that does not answer is gone [default: 60].
    #[arg(long, env = "SIDETONE_MEDIA_GONE_AFTER_S", value_name = "S")]
    pub media_gone_after_s: Option<u32>,
    /// Streams at a time [default: as many as there are media ports and open files].
    #[arg(long, env = "SIDETONE_LIMIT_STREAMS", value_name = "N")]
    pub limit_streams: Option<u64>,
    /// Recording sessions at a time [default: 5000].
    #[arg(long, env = "SIDETONE_LIMIT_RECORDING_SESSIONS", value_name = "N")]
    pub limit_recording_sessions: Option<usize>,
    /// Memory of the recorder [default: four fifths of what there is].
    #[arg(long, env = "SIDETONE_LIMIT_MEMORY_MIB", value_name = "MIB")]
    pub limit_memory_mib: Option<u64>,
    /// Room on the disk that new calls may not touch [default: 512].
    #[arg(long, env = "SIDETONE_DISK_RESERVE_MIB", value_name = "MIB")]
    pub disk_reserve_mib: Option<u64>,
    /// Agents to be taken at start: a CSV or JSON file.
    #[arg(long, env = "SIDETONE_AGENTS", value_name = "FILE")]
    pub agents: Option<PathBuf>,
    /// Seconds after which a blackout nobody stopped ends, 0 for never [default: 600].
    #[arg(long, env = "SIDETONE_BLACKOUT_TIMEOUT_S", value_name = "S")]
    pub blackout_timeout_s: Option<u64>,
    /// What happens then [default: resume].
    #[arg(long, env = "SIDETONE_BLACKOUT_ON_TIMEOUT", value_enum)]
    pub blackout_on_timeout: Option<TimeoutChoice>,
    /// Blackouts of an agent within an hour above which there is an alarm, 0 for never [default: 30].
    #[arg(long, env = "SIDETONE_BLACKOUT_NORM_TIMES", value_name = "N")]
    pub blackout_norm_times: Option<u32>,
    /// Minutes an agent is dark within an hour above which there is one, 0 for never [default: 30].
    #[arg(long, env = "SIDETONE_BLACKOUT_NORM_MINUTES", value_name = "MIN")]
    pub blackout_norm_minutes: Option<u64>,
    /// Seconds an ended call stays among its agent's inactive calls [default: 300].
    #[arg(long, env = "SIDETONE_INACTIVE_S", value_name = "S")]
    pub inactive_s: Option<u64>,
    /// Whether a start with no call known makes one [default: true].
    #[arg(long, env = "SIDETONE_CALLLESS_START", value_name = "BOOL")]
    pub callless_start: Option<bool>,
    /// What becomes of calls that no schedule is for, where there are schedules [default: keep].
    #[arg(long, env = "SIDETONE_RECORDING_UNMATCHED", value_enum)]
    pub recording_unmatched: Option<UnmatchedChoice>,
    /// How far back a call that is not kept is held in memory, in seconds [default: 0, not at all].
    #[arg(long, env = "SIDETONE_HOLD_BACK_WINDOW_S", value_name = "S")]
    pub hold_back_window_s: Option<u32>,
    /// Memory for all calls that are held back [default: 1024].
    #[arg(long, env = "SIDETONE_HOLD_BACK_MEMORY_MIB", value_name = "MIB")]
    pub hold_back_memory_mib: Option<u64>,
    /// Which of the calls that are not kept are held back [default: on-demand].
    #[arg(long, env = "SIDETONE_HOLD_BACK_CALLS", value_enum)]
    pub hold_back_calls: Option<HeldChoice>,
    /// Days from the end of the call that what no schedule decides is kept [default: for ever].
    #[arg(long, env = "SIDETONE_KEEP_DAYS", value_name = "DAYS")]
    pub keep_days: Option<u32>,
    /// The archive action that is done when they are over, by number [default: 1, which purges].
    #[arg(long, env = "SIDETONE_ARCHIVE_ACTION", value_name = "ID")]
    pub archive_action: Option<u32>,
    /// What is kept of what clients tell of a call, between commas, such as ani,dnis,ucid [default: all].
    #[arg(long, env = "SIDETONE_METADATA_KEEP", value_name = "NAMES")]
    pub metadata_keep: Option<KeepList>,
    /// Time zone of WFO times, by IANA name [default: the server's].
    #[arg(long, env = "SIDETONE_ZONE", value_name = "NAME")]
    pub zone: Option<String>,
    /// Where WFO commands in XML are heard, 5620 by custom [default: nowhere].
    #[arg(long, env = "SIDETONE_WFO_XML", value_name = "ADDR", value_parser = with_port)]
    pub wfo_xml: Option<SocketAddr>,
    /// Where their events are heard, 5621 by custom [default: nowhere].
    #[arg(long, env = "SIDETONE_WFO_XML_EVENTS", value_name = "ADDR", value_parser = with_port)]
    pub wfo_xml_events: Option<SocketAddr>,
    /// Where they are heard over HTTP, 2012 by custom [default: nowhere].
    #[arg(long, env = "SIDETONE_WFO_XML_WEB", value_name = "ADDR", value_parser = with_port)]
    pub wfo_xml_web: Option<SocketAddr>,
    /// The same over TLS, with the certificate of SIP over TLS, 2013 by custom [default: nowhere].
    #[arg(long, env = "SIDETONE_WFO_XML_WEB_TLS", value_name = "ADDR", value_parser = with_port)]
    pub wfo_xml_web_tls: Option<SocketAddr>,
    /// Who may speak there beside this machine: addresses and networks, between commas.
    #[arg(long, env = "SIDETONE_WFO_XML_ALLOW", value_name = "NETWORKS", value_delimiter = ',', value_parser = network)]
    pub wfo_xml_allow: Vec<Network>,
    /// The ffmpeg that decodes G.729 and makes MP3: a path, or a name in the PATH [default: ffmpeg].
    #[arg(long, env = "SIDETONE_FFMPEG", value_name = "PROGRAM")]
    pub ffmpeg: Option<PathBuf>,
    /// A network or host that webhooks may call although not everybody can reach it; several are parted by commas.
    #[arg(long, env = "SIDETONE_WEBHOOKS_ALLOW", value_name = "NETWORK|HOST", value_delimiter = ',')]
    pub webhooks_allow: Option<Vec<String>>,
    /// The file with the private half of the reading key, or none [default: keys/reading.key in the data folder].
    #[arg(long, env = "SIDETONE_READING_KEY", value_name = "FILE|none")]
    pub reading_key: Option<ReadingKeyPlace>,
    /// The file with the state key [default: keys/state.key in the data folder].
    #[arg(long, env = "SIDETONE_STATE_KEY", value_name = "FILE")]
    pub state_key: Option<PathBuf>,
    /// A file with the passphrase it is sealed with, or the PIN of its token [default: asked for on the terminal].
    #[arg(long, env = "SIDETONE_UNLOCK_FILE", value_name = "FILE")]
    pub unlock_file: Option<PathBuf>,
    /// The PKCS#11 module of the token it is encrypted by [default: none].
    #[arg(long, env = "SIDETONE_PKCS11_MODULE", value_name = "FILE")]
    pub pkcs11_module: Option<PathBuf>,
    /// The label of that token, if there are several.
    #[arg(long, env = "SIDETONE_PKCS11_TOKEN", value_name = "LABEL")]
    pub pkcs11_token: Option<String>,
    /// Seconds a recording stays marked before it is erased [default: 86400].
    #[arg(long, env = "SIDETONE_RETENTION_GRACE_S", value_name = "S")]
    pub retention_grace_s: Option<u64>,
    /// Days that every recording is kept by law [default: 0].
    #[arg(long, env = "SIDETONE_RETENTION_MINIMUM_DAYS", value_name = "DAYS")]
    pub retention_minimum_days: Option<u32>,
    /// Seconds between two jobs that erase [default: 3600].
    #[arg(long, env = "SIDETONE_RETENTION_PURGE_EVERY_S", value_name = "S")]
    pub retention_purge_every_s: Option<u64>,
    /// Recordings such a job erases at most, 0 for no limit [default: 0].
    #[arg(long, env = "SIDETONE_RETENTION_PURGE_LIMIT", value_name = "N")]
    pub retention_purge_limit: Option<u32>,
    /// Seconds between two jobs that bring recordings to archives [default: 60].
    #[arg(long, env = "SIDETONE_RETENTION_ARCHIVE_EVERY_S", value_name = "S")]
    pub retention_archive_every_s: Option<u64>,
    /// Recordings such a job brings at most, 0 for none [default: 100].
    #[arg(long, env = "SIDETONE_RETENTION_ARCHIVE_LIMIT", value_name = "N")]
    pub retention_archive_limit: Option<u32>,
    /// By how much a day's deletions may exceed a day's recordings [default: 50].
    #[arg(long, env = "SIDETONE_RETENTION_BRAKE_PERCENT", value_name = "PERCENT")]
    pub retention_brake_percent: Option<u32>,
    /// Deletions of a day that are in order in any case [default: 100].
    #[arg(long, env = "SIDETONE_RETENTION_BRAKE_LEAST", value_name = "N")]
    pub retention_brake_least: Option<u64>,
    /// Whether who listens or exports has to say why [default: false].
    #[arg(long, env = "SIDETONE_AUDIT_ASK_REASON", value_name = "BOOL")]
    pub audit_ask_reason: Option<bool>,
    /// Recordings that a person hears within an hour above which there is an alarm, 0 for never [default: 200].
    #[arg(long, env = "SIDETONE_AUDIT_NORM_RECORDINGS", value_name = "N")]
    pub audit_norm_recordings: Option<u32>,
    /// Seconds between two signatures under the audit, 1 to 60 [default: 60].
    #[arg(long, env = "SIDETONE_AUDIT_SIGN_EVERY_S", value_name = "S")]
    pub audit_sign_every_s: Option<u64>,
    /// A folder elsewhere that signed heads of the audit are copied to [default: none].
    #[arg(long, env = "SIDETONE_AUDIT_WITNESS_FOLDER", value_name = "DIR")]
    pub audit_witness_folder: Option<PathBuf>,
    /// Where the store of the bucket is heard [default: Amazon's].
    #[arg(long, env = "SIDETONE_AUDIT_WITNESS_S3_ENDPOINT", value_name = "URL")]
    pub audit_witness_s3_endpoint: Option<String>,
    /// A bucket with object lock that signed heads of the audit are copied to [default: none].
    #[arg(long, env = "SIDETONE_AUDIT_WITNESS_S3_BUCKET", value_name = "NAME")]
    pub audit_witness_s3_bucket: Option<String>,
    /// What stands before the name of each object there [default: none].
    #[arg(long, env = "SIDETONE_AUDIT_WITNESS_S3_PREFIX", value_name = "TEXT")]
    pub audit_witness_s3_prefix: Option<String>,
    /// The region of the bucket [default: us-east-1].
    #[arg(long, env = "SIDETONE_AUDIT_WITNESS_S3_REGION", value_name = "NAME")]
    pub audit_witness_s3_region: Option<String>,
    /// A file with the id of the bucket's access key in its first line and its secret in its second [default: those of AWS's variables].
    #[arg(long, env = "SIDETONE_AUDIT_WITNESS_S3_KEY_FILE", value_name = "FILE")]
    pub audit_witness_s3_key_file: Option<PathBuf>,
    /// A time stamping authority that is asked for a token for each of them (RFC 3161) [default: none].
    #[arg(long, env = "SIDETONE_AUDIT_TIMESTAMP_URL", value_name = "URL")]
    pub audit_timestamp_url: Option<String>,
    /// Authorities that webhooks believe beside those of the system (PEM).
    #[arg(long, env = "SIDETONE_WEBHOOKS_CA", value_name = "FILE")]
    pub webhooks_ca: Option<PathBuf>,
    /// The mail server by which exports are sent [default: none].
    #[arg(long, env = "SIDETONE_SMTP_SERVER", value_name = "HOST")]
    pub smtp_server: Option<String>,
    /// Its port [default: 587; 465 with implicit TLS, 25 without TLS].
    #[arg(long, env = "SIDETONE_SMTP_PORT", value_name = "PORT")]
    pub smtp_port: Option<u16>,
    /// How the line to it is encrypted [default: starttls].
    #[arg(long, env = "SIDETONE_SMTP_TLS", value_enum)]
    pub smtp_tls: Option<SmtpTls>,
    /// The authorities whose certificates are believed (PEM) [default: those of the system].
    #[arg(long, env = "SIDETONE_SMTP_CA", value_name = "FILE")]
    pub smtp_ca: Option<PathBuf>,
    /// The user name at the mail server.
    #[arg(long, env = "SIDETONE_SMTP_USERNAME", value_name = "NAME")]
    pub smtp_username: Option<String>,
    /// A file with the password in its first line.
    #[arg(long, env = "SIDETONE_SMTP_PASSWORD_FILE", value_name = "FILE")]
    pub smtp_password_file: Option<PathBuf>,
    /// The address that sends.
    #[arg(long, env = "SIDETONE_SMTP_FROM", value_name = "ADDRESS")]
    pub smtp_from: Option<String>,
    /// The most bytes of a letter [default: 20971520].
    #[arg(long, env = "SIDETONE_SMTP_MAX_BYTES", value_name = "BYTES")]
    pub smtp_max_bytes: Option<u64>,
    /// Domains and addresses that may get recordings, between commas; * for everybody.
    #[arg(long, env = "SIDETONE_SMTP_ALLOW_RECIPIENTS", value_name = "NAMES", value_delimiter = ',')]
    pub smtp_allow_recipients: Option<Vec<String>>,
}

fn network(text: &str) -> Result<Network, String> {
    Network::try_from(text.trim().to_owned())
}
