//! What an [`crate::Endpoint`] tells the program.

use core::{fmt, net::SocketAddr};

use crate::{
    Source, Transport,
    message::{Method, header::SessionUuid},
    metadata::{ApplyError, Change, MetadataError},
    sdp::Plan,
};

/// A recording session, numbered by the endpoint from 1 and never again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rs-{}", self.0)
    }
}

/// One thing the program should know.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// An SRC wants a recording session. Answer with `Accept` or `Reject`; a 100 goes out by itself after 200 ms, and
    /// a 503 after [`crate::config::Limits::decision`].
    Invited {
        /// Its number from now on.
        session: SessionId,
        /// Everything it said.
        invitation: Box<Invitation>,
    },
    /// The media of a session change.
    Modified {
        /// Which session.
        session: SessionId,
        /// What is new.
        modification: Box<Modification>,
    },
    /// A modification needs no answer any more: the SRC cancelled it, or the answer took too long. The session goes on
    /// as it was before.
    Withdrawn {
        /// Which session.
        session: SessionId,
    },
    /// Metadata came without a change of media. It has been answered already.
    Described {
        /// Which session.
        session: SessionId,
        /// What it said.
        metadata: Box<MetadataArrival>,
    },
    /// The SRC's ACK has come: the session stands.
    Confirmed {
        /// Which session.
        session: SessionId,
    },
    /// The session is over; its number means nothing any more.
    Closed {
        /// Which session.
        session: SessionId,
        /// Why.
        cause: CloseCause,
    },
    /// The other side is there: it answered a probe, or after [`Event::Unreachable`] sent a request of its own.
    Reachable {
        /// Which session.
        session: SessionId,
    },
    /// The other side does not answer, or denies the dialog (A8-06). If no media has come for 60 s either, send
    /// `Close`.
    Unreachable {
        /// Which session.
        session: SessionId,
        /// The status of its answer; `None` if none came.
        status: Option<u16>,
    },
    /// A request was turned away.
    Refused {
        /// Who sent it.
        source: Source,
        /// Its method.
        method: Method,
        /// Its SIP Call-ID, if it could be read.
        sip_call_id: Option<String>,
        /// The status it got; `None` if it got no answer.
        status: Option<u16>,
        /// Why, in the words the sender was given.
        why: String,
    },
    /// A message came or went that belongs to a recording session, or wants to begin one. Told only where
    /// [`crate::Config::tell_messages`] says so; comes before what the message leads to.
    Passed(Box<Passed>),
    /// Something was wrong and recording goes on.
    Warning {
        /// Which session.
        session: SessionId,
        /// What.
        warning: Warning,
    },
}

/// One message that came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Whether we sent it.
    pub sent: bool,
    /// How it travelled.
    pub transport: Transport,
    /// The other end.
    pub peer: SocketAddr,
    /// Name of the peer rule that holds the other end.
    pub trunk: Option<String>,
    /// Its SIP Call-ID.
    pub sip_call_id: String,
    /// The method of a request, the status of a response.
    pub what: String,
    /// Its `CSeq`, such as `1 INVITE`.
    pub cseq: String,
    /// The message without keys, secrets and foreign bodies ([`crate::excerpt`]). It holds names and numbers of people.
    pub text: String,
}

/// What an SRC said when it asked for a recording session.
#[derive(Debug)]
pub struct Invitation {
    /// Who sent it and how.
    pub source: Source,
    /// Name of the peer rule that admitted it.
    pub trunk: Option<String>,
    /// The SIP Call-ID of the recording session.
    pub sip_call_id: String,
    /// From, as written.
    pub from: String,
    /// To, as written.
    pub to: String,
    /// The Request-URI, as written.
    pub request_uri: String,
    /// P-Asserted-Identity lines.
    pub asserted: Vec<String>,
    /// All header lines in order, long names, for `facts`.
    pub headers: Vec<(String, String)>,
    /// User-Agent, if stated.
    pub user_agent: Option<String>,
    /// The SRC's half of the Session-ID (RFC 7989), if stated.
    pub remote_uuid: Option<SessionUuid>,
    /// What would be recorded. If the INVITE had no SDP: what we offer; the answer follows as [`Event::Modified`].
    pub plan: Plan,
    /// The metadata; `None` if the message had none (A1-09).
    pub metadata: Option<MetadataArrival>,
}

/// A metadata part that came. Its `Debug` form leaves the bytes out, as they hold personal data.
pub struct MetadataArrival {
    /// What it changed, or why it could not be read.
    pub outcome: Result<Change, MetadataFault>,
    /// The bytes as they came. They hold personal data: keep them encrypted or not at all (A4-10, A4-14).
    pub raw: Vec<u8>,
}

impl fmt::Debug for MetadataArrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetadataArrival")
            .field("outcome", &self.outcome)
            .field("raw_bytes", &self.raw.len())
            .finish()
    }
}

/// Why a metadata part changed nothing. The media are recorded all the same (A4-10).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataFault {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] MetadataError),
    /// It can be read, and does not fit what is known already.
    #[error(transparent)]
    NotApplied(#[from] ApplyError),
}

/// A change of media.
#[derive(Debug)]
pub struct Modification {
    /// The new plan. Its lines match the old one's by index; there may be more.
    pub plan: Plan,
    /// Metadata that came with it. It takes effect when the modification is accepted.
    pub metadata: Option<MetadataArrival>,
    /// What the new labels change when no metadata that could be applied came with them.
    pub relabelled: Option<Change>,
    /// Whether the SRC waits for `Accept` or `Reject`. If not, the plan is in force already.
    pub awaits_answer: bool,
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseCause {
    /// The SRC sent BYE.
    Bye {
        /// Its `Reason` header, if there was one.
        reason: Option<String>,
    },
    /// The SRC sent CANCEL before the answer.
    Cancelled,
    /// `Close` or `Reject`.
    Asked,
    /// The program gave no answer in time.
    Undecided,
    /// No ACK for our 200 within 64*T1.
    AckMissing,
    /// The INVITE had no SDP and its ACK brought no usable answer to our offer (A2-07).
    AnswerMissing,
    /// The session timer ran out (RFC 4028 §10).
    Expired,
    /// The other side said that it knows no such dialog, or that it gave up (481, 408).
    Denied {
        /// The status.
        status: u16,
    },
}

/// Something that was wrong and did not stop the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Our snapshot request was refused, or not followed by a snapshot within 10 s (A6-03, A6-04).
    MetadataStale {
        /// The status of the refusal.
        status: Option<u16>,
    },
    /// A snapshot was asked for within a minute of the last request; none was sent (A6-01).
    SnapshotTooSoon,
    /// Parts of unknown types that their sender called required were ignored (A3-05).
    PartIgnored {
        /// The type.
        content_type: String,
    },
    /// Keys of media came or went over a transport that anybody on the way can read (RFC 4568 §8).
    KeysInTheClear,
    /// The answer to our offer was missing or unreadable; the media stay as they were.
    AnswerUnusable {
        /// Why.
        why: String,
    },
}

impl fmt::Display for CloseCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bye { reason: None } => f.write_str("the client hung up"),
            Self::Bye { reason: Some(reason) } => write!(f, "the client hung up: {reason}"),
            Self::Cancelled => f.write_str("the client cancelled it before the answer"),
            Self::Asked => f.write_str("the recorder ended it"),
            Self::Undecided => f.write_str("the recorder did not decide in time"),
            Self::AckMissing => f.write_str("no ACK came for our 200 within 32 s"),
            Self::AnswerMissing => f.write_str("the ACK brought no usable answer to our offer"),
            Self::Expired => f.write_str("its session timer ran out: no refresh came"),
            Self::Denied { status } => write!(f, "the client does not know the dialog any more ({status})"),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MetadataStale { status: None } => f.write_str("the snapshot we asked for did not come"),
            Self::MetadataStale { status: Some(status) } => {
                write!(f, "the snapshot we asked for was refused with {status}")
            }
            Self::SnapshotTooSoon => {
                f.write_str("no snapshot was asked for, as the last request is less than a minute ago")
            }
            Self::PartIgnored { content_type } => {
                write!(f, "a part of type {content_type} that had to be understood was passed over")
            }
            Self::KeysInTheClear => {
                f.write_str("keys of media travelled over a transport that can be read on the way; use TLS")
            }
            Self::AnswerUnusable { why } => write!(f, "the answer to our offer is of no use: {why}"),
        }
    }
}
