//! A call: our unit of talk, with its streams and parties.
//!
//! Belongs here: the record of one call. Does not: SIPREC words (they are translated at the edge), what may
//! happen to a call ([`crate::tracker`]).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::agent::Agent;
use crate::blackout::Owner;
use crate::card;
use crate::field::{Field, Fields};
use crate::id::{AgentId, CallId, DeviceId, ScheduleId, StreamNumber};
use crate::recording::Recording;
use crate::time::{Span, Wall};

/// How we came to know of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// An SRC sent its media.
    Siprec,
    /// A command started it before any media came (wfo-api section 9 row 4).
    Api,
    /// A command reported it, and it is no talk: a chat, of which no media ever comes.
    Chat,
}

/// Whether the parties hear each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallState {
    /// They talk.
    OnCall,
    /// One of them is on hold: a fact about the call, not about the recording.
    OnHold,
    /// It is over.
    Ended,
}

/// Somebody in the call, as the SRC named them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Address of record, as sent.
    pub address: String,
    /// Display name, empty when none was given.
    #[serde(default)]
    pub name: String,
    /// The streams this party speaks into.
    #[serde(default)]
    pub sends: Vec<StreamNumber>,
    /// The streams this party hears, as far as the SRC says so (A4-11).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hears: Vec<StreamNumber>,
    /// The place in [`Call::carriers`] of the recording session that named it.
    #[serde(default, skip_serializing_if = "is_first")]
    pub carrier: u16,
}

/// A recording session that brings a call's media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carrier {
    /// Its name: it tells recording sessions apart.
    pub session: String,
    /// Whether the session, or its part in this call, is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub over: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks this way")]
fn is_first(carrier: &u16) -> bool {
    *carrier == 0
}

/// What a stream does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamState {
    /// Media is expected.
    Live,
    /// The SRC has paused it (A7-03).
    Paused,
    /// It was removed, or its slot refused.
    Ended,
}

/// What a payload type means (RFC 3551; `a=rtpmap` of RFC 8866).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// 0 to 127.
    pub payload_type: u8,
    /// Encoding name as registered, such as `PCMU`.
    pub encoding: String,
    /// RTP clock rate.
    pub clock_hz: u32,
    /// Channels.
    pub channels: u8,
}

impl Format {
    /// Whether the two say the same of a payload type. Encoding names know no case (RFC 8866 §6.6).
    pub fn is_same(&self, other: &Self) -> bool {
        self.encoding.eq_ignore_ascii_case(&other.encoding)
            && (self.payload_type, self.clock_hz, self.channels)
                == (other.payload_type, other.clock_hz, other.channels)
    }

    /// Whether one of `new` gives a payload type of `known` another meaning, which a client must not do within one
    /// stream (RFC 3264 §8.3.2).
    pub fn any_remapped(known: &[Self], new: &[Self]) -> bool {
        let is_remapped = |new: &Self| {
            known.iter().any(|known| known.payload_type == new.payload_type && !known.is_same(new))
        };
        new.iter().any(is_remapped)
    }

    /// Adds to `known` what it does not hold yet.
    pub fn join(known: &mut Vec<Self>, new: &[Self]) {
        for format in new {
            if !known.iter().any(|known| known.is_same(format)) {
                known.push(format.clone());
            }
        }
    }
}

/// Something that is known of a call, where it was read, and how sure it is (A13-01).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is: `ani`, `queue`, `ucid`, ...
    pub name: String,
    /// Its value, as it was sent (A13-02).
    pub value: String,
    /// The header or element it was read from.
    pub source: String,
    /// How sure it is.
    pub confidence: Confidence,
    /// Whether it is an id that another system gave the call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_id: bool,
}

/// How sure a fact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Concluded from other facts.
    Inferred,
    /// Set by the operator for the trunk.
    Configured,
    /// Said by the client in so many words.
    Stated,
}

impl Confidence {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inferred => "inferred",
            Self::Configured => "configured",
            Self::Stated => "stated",
        }
    }
}

/// How a call belongs to an earlier one of the same communication session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Another recording session brings the same at the same time (A9-09).
    CopyOf(CallId),
    /// It goes on by another recording session after that one's had ended (A7-09).
    Continues(CallId),
}

impl Link {
    /// The earlier call.
    pub const fn call(self) -> CallId {
        match self {
            Self::CopyOf(call) | Self::Continues(call) => call,
        }
    }
}

/// The most facts kept of one call.
pub const MAX_FACTS: usize = 64;

/// One labelled media description of the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Its number in the call.
    pub number: StreamNumber,
    /// The place in [`Call::carriers`] of the recording session that brings it.
    #[serde(default, skip_serializing_if = "is_first")]
    pub carrier: u16,
    /// The m-line of that session it stands on, counted from 0.
    pub slot: u16,
    /// Its `a=label`, if it has one.
    #[serde(default)]
    pub label: Option<String>,
    /// What its payload types mean.
    #[serde(default)]
    pub formats: Vec<Format>,
    /// The crypto suites that were agreed for it, oldest first; none if it came in the clear.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<String>,
    /// What it does now.
    pub state: StreamState,
    /// When the SRC had it paused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paused: Vec<Span>,
    /// When who had spoken into it did not any more, as on hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Span>,
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// The name that tells two calls on one device apart: `CallInstance` on the WFO wire.
    pub instance: String,
    /// The name that a command has given it, where it was reported under one: as good as [`Call::instance`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<String>,
    /// How we came to know of it.
    pub origin: Origin,
    /// SIP's Call-ID of the recording session, once there is one; of several, the first.
    #[serde(default)]
    pub sip_call_id: Option<String>,
    /// The recording sessions that bring its media, oldest first: one as a rule, two when a phone forks each end in
    /// a session of its own (A13-07).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carriers: Vec<Carrier>,
    /// What is the same for the recording sessions that make this one call together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<String>,
    /// How it belongs to an earlier call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// The trunk it came by, if a trunk holds its peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<String>,
    /// Where it was brought from: transport, address, and the certificate that was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brought_by: Option<String>,
    /// The trunk's business unit: that of the call where no agent has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_unit: Option<i64>,
    /// The business unit it was of when it ended: whoever moves an agent afterwards moves none of the agent's calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_at_end: Option<i64>,
    /// The id of the communication session, as the SRC gave it.
    #[serde(default)]
    pub session_id: String,
    /// The phone it is on.
    #[serde(default)]
    pub device: Option<DeviceId>,
    /// The agents it is tied to (A13-08): one as a rule, two when agents talk to each other.
    #[serde(default)]
    pub agents: Vec<AgentId>,
    /// Whether the parties hear each other.
    pub state: CallState,
    /// When it began, by our clock.
    pub started: Wall,
    /// When it ended, by our clock.
    #[serde(default)]
    pub ended: Option<Wall>,
    /// The blackouts that lie over it. One that began while its agent was in the call stays with the call until
    /// it ends, even if the agent leaves.
    #[serde(default)]
    pub dark_by: BTreeSet<Owner>,
    /// The spans in which blackouts lay over it, in order; the last may still last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dark: Vec<Span>,
    /// Whether it is kept, and why; absent while nobody had to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
    /// Fields the SRC's facts fill.
    #[serde(default)]
    pub told: Fields,
    /// Fields written by command; they win over what the SRC told.
    #[serde(default)]
    pub tagged: Fields,
    /// What the SRC's headers and metadata say of it, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// Who is or was in it.
    #[serde(default)]
    pub parties: Vec<Party>,
    /// Its streams, ended ones included.
    #[serde(default)]
    pub streams: Vec<Stream>,
    /// Its recordings, oldest first.
    #[serde(default)]
    pub recordings: Vec<Recording>,
    /// The metadata documents the SRC sent, as they came, up to [`MAX_SNAPSHOT_BYTES`] together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<Snapshot>,
    /// Documents that were not kept: over the limit, or in a blackout.
    #[serde(default)]
    pub snapshots_dropped: u32,
}

/// Whether a call is kept (product decision 9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// Whether it is, or was until somebody stopped it.
    pub kept: bool,
    /// The sentence that says why, or why not.
    pub why: String,
    /// Whether a command said so: then schedules are not asked again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_command: bool,
    /// Whether it may be held back, for a command to keep it from its beginning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_hold: bool,
    /// The schedules that have taken it so far; the last spoke last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<ScheduleId>,
    /// When.
    pub at: Wall,
}

/// The most bytes of metadata documents kept of one call.
pub const MAX_SNAPSHOT_BYTES: usize = 16 * 1024;

/// A metadata document as it came (A4-10): at rest it is never in clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it came.
    pub at: Wall,
    /// The document.
    pub text: String,
    /// Whether `text` is base64 (RFC 4648 section 4) of bytes that are no UTF-8.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub base64: bool,
    /// What was wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl Call {
    /// The business unit it is of, with what is known of its agent: that of the agent, else that of the trunk; 0 if there is none.
    /// Of an ended call the one it was of then.
    pub fn business_unit_with(&self, agent: Option<&Agent>) -> i64 {
        let of_agent = agent.map(|agent| agent.business_unit).filter(|unit| *unit != 0);
        self.unit_at_end.or(of_agent).or(self.business_unit).unwrap_or(0)
    }

    /// Whether it is still going on.
    pub fn is_live(&self) -> bool {
        self.state != CallState::Ended
    }

    /// Whether it is in a blackout now, or was: what was told of it then may hold a card number.
    pub fn was_dark(&self) -> bool {
        let mut of_recordings = self.recordings.iter().flat_map(|recording| &recording.dark);
        !self.dark.is_empty() || !self.dark_by.is_empty() || of_recordings.next().is_some()
    }

    /// Whether it is a chat: nobody talks in it, and no media comes.
    pub fn is_chat(&self) -> bool {
        self.origin == Origin::Chat
    }

    /// Whether it goes by this `CallInstance`.
    pub fn is_called(&self, instance: &str) -> bool {
        // One that was named in a blackout may be named without what was a card number in it.
        let is_it = |named: &str| {
            named == instance || (named.contains('*') && card::strike_out(instance).as_deref() == Some(named))
        };
        self.instance == instance || self.named.as_deref().is_some_and(is_it)
    }

    /// Whether media streams of an SRC belong to it.
    pub fn has_media(&self) -> bool {
        !self.streams.is_empty()
    }

    /// The recording that takes media now.
    pub fn live_recording(&self) -> Option<&Recording> {
        self.recordings.iter().find(|recording| recording.is_live())
    }

    /// The call it is a copy of.
    pub fn copy_of(&self) -> Option<CallId> {
        match self.link {
            Some(Link::CopyOf(original)) => Some(original),
            Some(Link::Continues(_)) | None => None,
        }
    }

    /// Whether only one came of the two recording sessions that were to make it together (A13-07).
    pub fn lacks_an_end(&self) -> bool {
        self.pair.is_some() && self.carriers.len() < 2
    }

    /// The place in [`Call::carriers`] of a recording session that brings media now.
    pub fn carrier(&self, session: &str) -> Option<u16> {
        let place = self.carriers.iter().position(|carrier| carrier.session == session && !carrier.over)?;
        u16::try_from(place).ok()
    }

    /// The streams a recording session has brought, ended ones included.
    pub fn streams_of<'c>(&'c self, session: &str) -> impl Iterator<Item = &'c Stream> + use<'c> {
        let place = self.carriers.iter().position(|carrier| carrier.session == session);
        self.streams.iter().filter(move |stream| place == Some(usize::from(stream.carrier)))
    }

    /// The stream that stands on m-line `slot` of a recording session now.
    pub fn stream_at(&self, session: &str, slot: u16) -> Option<&Stream> {
        self.streams_of(session).find(|stream| stream.slot == slot && stream.state != StreamState::Ended)
    }

    /// Whether media is expected on no stream, because the SRC has paused all there are.
    pub fn is_paused(&self) -> bool {
        let mut current = self.streams.iter().filter(|stream| stream.state != StreamState::Ended).peekable();
        current.peek().is_some() && current.all(|stream| stream.state == StreamState::Paused)
    }

    /// A field's value, empty when unset.
    pub fn field(&self, field: Field) -> &str {
        self.tagged.get(&field).or_else(|| self.told.get(&field)).map_or("", String::as_str)
    }

    /// Every field that is set.
    pub fn fields(&self) -> Fields {
        let mut fields = self.told.clone();
        fields.extend(self.tagged.clone());
        fields
    }
}
