//! What people attach to recordings, in domain words.
//!
//! Belongs here: bookmarks, notes and categories as rows. Does not: who may write them, what a text may hold.

use calls::id::RecordingId;
use calls::time::Wall;

/// The most remarks that stand at one recording.
pub const REMARKS_MAX: usize = 200;

/// The longest text of a remark.
pub const REMARK_MAX_BYTES: usize = 16_384;

/// What a remark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemarkKind {
    /// A place to come back to, or the whole recording, with a few words.
    Bookmark,
    /// A text.
    Note,
    /// The name of a drawer that the recording is put into.
    Category,
}

impl RemarkKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bookmark, Self::Note, Self::Category];

    /// The word as it is stored and shown.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Bookmark => "bookmark",
            Self::Note => "note",
            Self::Category => "category",
        }
    }

    /// Reads the word.
    pub fn from_label(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == text)
    }
}

/// Something to be attached to a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemarkWanted {
    /// The recording.
    pub recording: RecordingId,
    /// What it is.
    pub kind: RemarkKind,
    /// Its text.
    pub text: String,
    /// The place it is about, in ms from the recording's start; `None` if it is about the whole.
    pub from_ms: Option<u64>,
    /// Where that place ends; `None` for a point.
    pub to_ms: Option<u64>,
    /// Who says it.
    pub who: String,
    /// The network address it comes from.
    pub source: String,
    /// When.
    pub at: Wall,
}

/// A remark as it is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Its number, over all recordings.
    pub number: i64,
    /// What was said.
    pub said: RemarkWanted,
    /// Who took it back, and when; absent while it stands.
    pub removed: Option<(String, Wall)>,
}
