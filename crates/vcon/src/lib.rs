//! A call as a vCon (draft-ietf-vcon-vcon-core), for whoever analyses speech.
//!
//! Belongs here: the draft's objects, who of a call becomes what in them, the form of ids, hashes and bodies. Does not: what a
//! recorder knows of a call and how its sound is made (the server says both), signing and encryption.
//!
//! A vCon comes out in pieces, with places for the sound between them: a recording is never held as a whole.

mod base64url;
mod compose;
mod conversation;
mod names;
mod object;
mod piece;

pub use base64url::Base64Url;
pub use compose::{Fault, compose};
pub use conversation::{Carried, Conversation, Note, Participant, Recording, Redaction};
pub use names::{agent_uuid, content_hash, vcon_uuid};
pub use piece::Piece;

/// The version string of the draft whose form is written.
pub const VERSION: &str = "0.4.0";

/// The media type of a vCon.
pub const MEDIA_TYPE: &str = "application/vcon";

/// The file name's extension.
pub const EXTENSION: &str = "vcon";

/// What stands inside by default; a larger file is referred to (D3-07).
pub const INLINE_MAX_BYTES: u64 = 64 << 20;
