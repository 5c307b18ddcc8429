//! What we keep of a call, and its states.

use serde::{Deserialize, Serialize};

use crate::archive::Retention;
use crate::id::RecordingId;
use crate::time::{Span, Wall};

/// Where a recording stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordingState {
    /// Started, but no media has come yet.
    Pending,
    /// Media is being kept.
    Recording,
    /// No more media is kept; the file may still be in the making.
    Stopped,
    /// The file is finished, or there was nothing to put into one.
    Sealed,
    /// It could not be finished.
    Error,
}

/// How the beginning of a recording was held back in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HeldBack {
    /// It was since a restart of the recorder, which took what was held back before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_restart: bool,
}

/// A recording of a call. A call may have several, one after another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Its id.
    pub id: RecordingId,
    /// Where it stands.
    pub state: RecordingState,
    /// When it was started.
    pub started: Wall,
    /// When it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Wall>,
    /// The sentence that says why it is kept (product decision 9).
    pub why: String,
    /// The sentence that says why it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_stopped: Option<String>,
    /// How long it is kept, and what becomes of it then.
    #[serde(default)]
    pub retention: Retention,
    /// Its beginning was held back in memory, and is on its way to the disk: it is not known yet how far back it reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reaching: Option<HeldBack>,
    /// The blackouts that lay over it, in order; the last may still last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dark: Vec<Span>,
}

impl Recording {
    /// Whether it still takes media.
    pub fn is_live(&self) -> bool {
        matches!(self.state, RecordingState::Pending | RecordingState::Recording)
    }

    /// Whether a blackout lies over it now.
    pub fn is_dark(&self) -> bool {
        self.is_live() && self.dark.last().is_some_and(|span| span.until.is_none())
    }
}
