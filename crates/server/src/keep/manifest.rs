//! The manifest of a recording: what must be known to understand its packets, sealed into its file.
//!
//! JSON, encrypted by the vault. Times are nanoseconds on the recorder's timeline
//! ([`calls::time::Wall`]). Fields are only ever added (ref/recording-file.md).

use calls::archive::Retention;
pub use calls::call::Format;
use calls::call::{Fact, Link, Party, Snapshot};
use calls::field::Fields;
use calls::id::{AgentId, CallId, RecordingId, StreamNumber};
use calls::time::{Span, Wall};
use serde::{Deserialize, Serialize};

use crate::clock::{ClockStep, SystemClock};
use crate::observe::chronicle::Entry;

/// What a sealed recording says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The recording.
    pub recording: RecordingId,
    /// The call it is of.
    pub call: CallId,
    /// The call's name on the WFO wire.
    pub call_instance: String,
    /// SIP's Call-ID of the recording session.
    #[serde(default)]
    pub sip_call_id: Option<String>,
    /// The communication session's id.
    #[serde(default)]
    pub session_id: String,
    /// How the call belongs to an earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// Where it was brought from: transport, address, and the certificate that was shown (C8-02).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brought_by: Option<String>,
    /// The program and version that made the recording (C8-02).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub program: String,
    /// The agents the call was tied to.
    #[serde(default)]
    pub agents: Vec<AgentId>,
    /// The phone it was on.
    #[serde(default)]
    pub device: Option<String>,
    /// When the recording was started: the zero of its timeline.
    pub started: Wall,
    /// When it was stopped.
    pub stopped: Wall,
    /// Whether it was cut by a crash rather than stopped.
    #[serde(default)]
    pub interrupted: bool,
    /// The sentence that says why it was kept.
    pub why: String,
    /// The sentence that says why it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_stopped: Option<String>,
    /// How long it was to be kept when it was sealed, and what was to become of it then.
    #[serde(default)]
    pub retention: Retention,
    /// The fields of the call when the recording was sealed.
    #[serde(default)]
    pub fields: Fields,
    /// What headers and metadata said of it, with their sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// Who was in the call.
    #[serde(default)]
    pub parties: Vec<Party>,
    /// The metadata documents of the SRC, as they came.
    #[serde(default)]
    pub snapshots: Vec<Snapshot>,
    /// Spans of blackouts: silence of true length in playback.
    #[serde(default)]
    pub dark: Vec<Span>,
    /// Spans that were erased after it was sealed: silence of true length in playback.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redacted: Vec<RedactedSpan>,
    /// What happened to the call until the recording was sealed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chronicle: Vec<Entry>,
    /// Entries of it that there was no room for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub chronicle_dropped: u64,
    /// Whether the reports of all its senders are by one clock, as its trunk says (B7-05).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_clock: bool,
    /// The system clock while it was made; absent when a crash took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockReport>,
    /// The streams, in the order of their numbers.
    pub streams: Vec<StreamManifest>,
}

impl Manifest {
    /// Spans of which nothing is kept: blackouts, and what was erased.
    pub fn silenced(&self) -> impl Iterator<Item = &Span> {
        self.dark.iter().chain(self.redacted.iter().map(|redacted| &redacted.span))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The system clock while a recording was made (B7-01, B7-09).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockReport {
    /// When it was started.
    pub at_start: SystemClock,
    /// When it was stopped.
    pub at_stop: SystemClock,
    /// Its steps between.
    #[serde(default)]
    pub steps: Vec<ClockStep>,
}

/// A span that was erased after the recording was sealed (C2-12), with what shows that it was once part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedactedSpan {
    /// The redaction's number in the index.
    pub number: i64,
    /// The span.
    pub span: Span,
    /// Who approved it.
    pub who: String,
    /// Why.
    pub why: String,
    /// When it was asked for.
    pub asked: Wall,
    /// How many packets were erased.
    pub packets: u64,
    /// The digest of the file before, hexadecimal.
    pub digest_before: String,
    /// The minutes that lost packets, as the file before had them.
    pub minutes: Vec<RedactedMinute>,
}

/// A minute that lost packets, by the digests it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedactedMinute {
    /// The number of its key.
    pub key: u16,
    /// SHA-256 of the key frame that was destroyed, hexadecimal.
    pub key_digest: String,
    /// SHA-256 of its media frames, hexadecimal.
    pub blocks_digest: String,
}

/// One stream of the recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamManifest {
    /// Its number: the key under which the vault holds its packets.
    pub number: StreamNumber,
    /// Its label.
    #[serde(default)]
    pub label: Option<String>,
    /// What its payload types mean.
    pub formats: Vec<Format>,
    /// The crypto suites by which it was protected on its way, oldest first; none if it came in the clear.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<String>,
    /// When the SRC had it paused.
    #[serde(default)]
    pub paused: Vec<Span>,
    /// When who had spoken into it did not any more, as on hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Span>,
    /// What became of every packet; absent when a crash took it.
    #[serde(default)]
    pub ledger: Option<rtp::Ledger>,
    /// What its senders reported of their clocks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sender_clocks: Vec<rtp::SenderClock>,
}
