//! Recording metadata: what a client says about the calls it copies, who takes part and who speaks into which stream.
//!
//! *Belongs here*: reading the XML in the RFC's form and in the field's dialects, the current [`Picture`], applying
//! updates to it, and the history of who sent which stream from when to when. *Does not*: what the names mean to a
//! contact centre ([`crate::facts`]), MIME ([`crate::body`]).
//!
//! RFC 7865 (model and format), RFC 7866 §9 (how it travels), RFC 8068 (call flows), RFC 9806 (media type).
//! Requirements A4 and A5.
//!
//! One document is parsed with [`parse`] and applied with [`Picture::apply`]. The client's clock is kept as a claim;
//! order and duration come from the recorder's own arrival times (A4-08).

mod aor;
mod document;
mod history;
mod merge;
mod picture;
mod print;
mod read;
#[cfg(test)]
mod tests;
mod timestamp;
mod view;
mod xml;

pub use aor::{host_of, is_number, user_of};
pub use document::{
    Content, DataMode, Dialect, Document, Extension, Group, NameId, Owner, Participant, ParticipantSession,
    ParticipantStream, Reason, Session, SessionRecording, Stream, Warning,
};
pub use history::{History, Presence, StreamAssociation};
pub use merge::{ApplyError, Change};
pub use picture::{Picture, SessionState};
pub use print::{print, print_snapshot_request};
pub use read::{MetadataError, parse};
pub use timestamp::Timestamp;
pub use xml::{Element, XmlError};

/// The namespace of RFC 7865.
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:recording:1";

/// Deepest nesting of elements (A4-13).
pub const MAX_DEPTH: usize = 32;

/// Most elements in one document (A4-13).
pub const MAX_ELEMENTS: usize = 4_000;

/// Most attributes on one element (A4-13).
pub const MAX_ATTRIBUTES: usize = 32;

/// Most text in one element, in bytes (A4-13).
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Most elements of one kind in a picture; a conference of a thousand is still one call.
pub const MAX_PER_KIND: usize = 1_000;

/// Most text a picture and its history hold, in bytes: eight documents of the largest size.
pub const MAX_PICTURE_BYTES: usize = 1024 * 1024;

/// Most entries in each list of the history: a change of speaker every two seconds for over an hour.
pub const MAX_HISTORY: usize = 2_048;
