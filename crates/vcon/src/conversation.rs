//! What is to become a vCon, in words that belong to no recorder.

use serde_json::Value;

/// A call and what is kept of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    /// Its id: [`crate::vcon_uuid`].
    pub uuid: String,
    /// When it was made, ns since 1970.
    pub created_ns: i64,
    /// When it was changed last, ns since 1970.
    pub updated_ns: Option<i64>,
    /// The id by which the contact centre knows the call.
    pub interaction_id: String,
    /// Who was in the call. Others name them by their place here.
    pub parties: Vec<Participant>,
    /// What is kept of the call, oldest first.
    pub recordings: Vec<Recording>,
    /// What else there is to say.
    pub notes: Vec<Note>,
    /// What was taken out.
    pub redaction: Option<Redaction>,
    /// Who says all this, such as `Sidetone at rec1.example.com`: a party of the vCon, for notes are by somebody.
    pub recorder: String,
}

/// Somebody in the call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Participant {
    /// Their address as it was sent: a URI, or a bare number; may be empty.
    pub address: String,
    /// Their name, if one is known.
    pub name: Option<String>,
    /// Whether they are an agent of the contact centre (extension `CC`).
    pub is_agent: bool,
    /// An id that is theirs in each vCon: [`crate::agent_uuid`].
    pub uuid: Option<String>,
    /// Nothing may be said of who they are.
    pub anonymous: bool,
}

/// One recording of the call.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// When it begins, ns since 1970.
    pub started_ns: i64,
    /// How long it is, ms.
    pub duration_ms: u64,
    /// For each channel of its sound, who is heard in it; nobody, if the channel is not used (D3-03).
    pub channels: Vec<Vec<usize>>,
    /// Who placed the call, if that is known.
    pub originator: Option<usize>,
    /// The media type of its sound.
    pub media_type: &'static str,
    /// A name for a file of it.
    pub file_name: String,
    /// Where its sound is.
    pub carried: Carried,
}

/// Where the sound of a recording is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    /// Inside: a [`crate::Piece::Sound`] comes in its place.
    Inline,
    /// Elsewhere.
    At {
        /// Where: `https://` only (D3-04).
        url: String,
        /// Its hash: [`crate::content_hash`].
        content_hash: String,
    },
    /// Nowhere: it was not asked for.
    LeftOut,
}

/// Something said of a recording: an attachment with JSON in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// What it is for.
    pub purpose: &'static str,
    /// The recording it is about, by its place.
    pub recording: usize,
    /// Since when it holds, ns since 1970.
    pub start_ns: i64,
    /// What it says.
    pub body: Value,
}

/// That something was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    /// What kind of thing.
    pub kind: &'static str,
    /// The vCon in which it still stands; none if there is none any more.
    pub of: Option<String>,
}
