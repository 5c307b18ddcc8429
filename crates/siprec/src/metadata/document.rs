//! One metadata document in the words of RFC 7865 §6, whatever dialect it came in.

use std::fmt;

use super::{Element, Timestamp};

/// A parsed document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Whole picture or change; complete when not said (RFC 7865 §5).
    pub data_mode: DataMode,
    /// RFC 7865's form or one of the older ones.
    pub dialect: Dialect,
    /// The elements.
    pub content: Content,
    /// What is odd about it; none of it kept the document from being read.
    pub warnings: Vec<Warning>,
}

/// How a document relates to what is known already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DataMode {
    /// The whole picture.
    #[default]
    Complete,
    /// Only what changed.
    Partial,
}

/// Which form the document has (A4-03).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// RFC 7865 as published.
    #[default]
    Rfc7865,
    /// A draft's or vendor's form, read all the same.
    Legacy,
}

/// The elements of a document, or of a picture put together from several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// Related calls.
    pub groups: Vec<Group>,
    /// Communication sessions.
    pub sessions: Vec<Session>,
    /// Parties and devices.
    pub participants: Vec<Participant>,
    /// Streams; an m-line is found by its label.
    pub streams: Vec<Stream>,
    /// `sessionrecordingassoc`: a CS is in this RS.
    pub session_recordings: Vec<SessionRecording>,
    /// `participantsessionassoc`: a party is in a CS.
    pub participant_sessions: Vec<ParticipantSession>,
    /// `participantstreamassoc`: who speaks into and hears which stream.
    pub participant_streams: Vec<ParticipantStream>,
    /// Elements of the document itself that the RFC does not know.
    pub extensions: Vec<Extension>,
}

/// `group` (RFC 7865 §6.3). All ids are opaque text (A4-06).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// `group_id`.
    pub id: String,
    /// `associate-time`.
    pub associated: Option<Timestamp>,
    /// `disassociate-time`.
    pub disassociated: Option<Timestamp>,
    /// What else stands in the element.
    pub extensions: Vec<Extension>,
}

/// `session`: one communication session (RFC 7865 §6.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Session {
    /// `session_id`.
    pub id: String,
    /// `sipSessionID`: RFC 7989 pairs, or a Call-ID from some clients.
    pub sip_session_ids: Vec<String>,
    /// Why it ended.
    pub reasons: Vec<Reason>,
    /// `group-ref`.
    pub group: Option<String>,
    /// `start-time`.
    pub started: Option<Timestamp>,
    /// `stop-time`: all its participants have left (A5-04).
    pub stopped: Option<Timestamp>,
    /// What else stands in the element.
    pub extensions: Vec<Extension>,
}

/// `reason` of a session (RFC 3326 words).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// `protocol`, `SIP` when not said.
    pub protocol: String,
    /// `cause`, when it is a number.
    pub cause: Option<u32>,
    /// The text.
    pub text: String,
}

/// `participant` (RFC 7865 §6.5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Participant {
    /// `participant_id`.
    pub id: String,
    /// `nameID`: addresses of record with their names, the first one first.
    pub names: Vec<NameId>,
    /// What else stands in the element.
    pub extensions: Vec<Extension>,
}

/// `nameID`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameId {
    /// Address of record as sent.
    pub aor: String,
    /// Display name; none when empty or only white space (A4-05).
    pub name: Option<String>,
    /// `xml:lang` of the name.
    pub language: Option<String>,
}

/// `stream` (RFC 7865 §6.7).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stream {
    /// `stream_id`; empty from some clients.
    pub id: String,
    /// `session_id`.
    pub session: Option<String>,
    /// `label`: the m-line with that `a=label`.
    pub label: Option<String>,
    /// `associate-time`, in older forms.
    pub associated: Option<Timestamp>,
    /// `disassociate-time`, in older forms.
    pub disassociated: Option<Timestamp>,
    /// What else stands in the element.
    pub extensions: Vec<Extension>,
}

/// `sessionrecordingassoc` (RFC 7865 §6.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionRecording {
    /// `session_id`.
    pub session: String,
    /// `associate-time`.
    pub associated: Option<Timestamp>,
    /// `disassociate-time`: the CS is no longer in this RS.
    pub disassociated: Option<Timestamp>,
}

/// `participantsessionassoc` (RFC 7865 §6.6).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParticipantSession {
    /// `participant_id`.
    pub participant: String,
    /// `session_id`.
    pub session: String,
    /// `associate-time`.
    pub associated: Option<Timestamp>,
    /// `disassociate-time`: the party has left.
    pub disassociated: Option<Timestamp>,
    /// `param`: name and value, capabilities such as `isfocus`.
    pub params: Vec<(String, String)>,
}

/// `participantstreamassoc` (RFC 7865 §6.8).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParticipantStream {
    /// `participant_id`.
    pub participant: String,
    /// Ids of the streams the party speaks into; the one truth about who speaks (A4-04).
    pub send: Vec<String>,
    /// Ids of the streams the party hears (A4-11).
    pub recv: Vec<String>,
    /// `associate-time`.
    pub associated: Option<Timestamp>,
    /// `disassociate-time`.
    pub disassociated: Option<Timestamp>,
}

/// An element RFC 7865 does not know, kept raw and as a tree (A4-07).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// The text as sent, from `<` to `>`.
    pub raw: String,
    /// The same, read.
    pub element: Element,
}

/// The kinds of element that have an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// `group`
    Group,
    /// `session`
    Session,
    /// `participant`
    Participant,
    /// `stream`
    Stream,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Group => "group",
            Self::Session => "session",
            Self::Participant => "participant",
            Self::Stream => "stream",
        })
    }
}

/// Something odd that did not keep the document from being read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// One id for two elements; neither is bound as certain (A4-12).
    #[error("id `{id}` names a {first} and another {second}; neither is taken as certain")]
    DuplicateId {
        /// The id.
        id: String,
        /// Kind of the first element.
        first: Owner,
        /// Kind of the second.
        second: Owner,
    },
    /// `datamode` is neither complete nor partial; read as partial, which closes nothing.
    #[error("datamode `{text}` is neither complete nor partial; read as partial")]
    DataMode {
        /// The text.
        text: String,
    },
    /// A time that cannot be read; its text is kept.
    #[error("time `{text}` is not RFC 3339")]
    Time {
        /// The text.
        text: String,
    },
    /// A namespace no known client uses.
    #[error("namespace `{namespace}` is not that of RFC 7865 nor of its drafts")]
    Namespace {
        /// The namespace.
        namespace: String,
    },
}
