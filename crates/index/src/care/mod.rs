//! What becomes of a recording after its seal: where its file is, what stands between it and its erasure, what is left of
//! it then. In domain words.
//!
//! Belongs here: the records, and beside them what is asked of the index about them. Does not: when something is due (the
//! server's `aftercare`), how it is stored ([`crate::sqlite`]).

mod questions;

use calls::id::RecordingId;
use calls::time::Wall;

use crate::query::Query;

/// What is done, or to be done, to a recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Care {
    /// The archive its file is in; `None` for the data folder.
    pub place: Option<String>,
    /// The archive action that is next, and when it is due; `None` if it is kept for ever.
    pub next: Option<(i64, Wall)>,
    /// That it is to be erased.
    pub mark: Option<Mark>,
    /// That it is neither played nor given out.
    pub restriction: Option<Restriction>,
    /// The numbers of the holds that hold it.
    pub holds: Vec<i64>,
}

/// By what something is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Its days are over.
    Retention,
    /// Somebody asked that what is about them be erased (C5-02).
    Subject,
}

impl Rule {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Subject => "subject",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Retention, Self::Subject].into_iter().find(|rule| rule.as_str() == word)
    }
}

/// Who wants something done to a recording, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// By what rule.
    pub rule: Rule,
    /// Who.
    pub who: String,
    /// The legal ground, or the reason.
    pub why: String,
    /// The network address it was asked from; `recorder` where nobody asked.
    pub source: String,
}

/// That a recording is to be erased (C7-03).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Since when.
    pub marked: Wall,
    /// Not before this.
    pub erase: Wall,
    /// Why.
    pub cause: Cause,
}

/// That a recording is neither played nor given out (C5-05).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restriction {
    /// Since when.
    pub since: Wall,
    /// Who asked for it.
    pub who: String,
    /// Why.
    pub why: String,
    /// The network address it was asked from.
    pub source: String,
}

/// A recording whose next archive action is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Its numeric key.
    pub ident: i64,
    /// Its id.
    pub recording: RecordingId,
    /// When it ended: its days are counted from there.
    pub ended: Wall,
    /// The action.
    pub action: i64,
    /// Since when it is due.
    pub due: Wall,
    /// The archive its file is in.
    pub place: Option<String>,
    /// The digest of its file.
    pub digest: [u8; 32],
    /// The length of its file.
    pub file_bytes: u64,
}

/// A recording whose mark is old enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// Its numeric key.
    pub ident: i64,
    /// Its id.
    pub recording: RecordingId,
    /// The mark.
    pub mark: Mark,
}

/// What came of marking a recording, or of the decision to erase it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<T> {
    /// It is so.
    Done(T),
    /// A hold is in the way: its number.
    Held(i64),
    /// There is nothing to do any more.
    Gone,
}

/// A recording that was erased, or is about to be: the proof of it (C5-01).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Its number, over all recordings.
    pub number: i64,
    /// The recording.
    pub recording: RecordingId,
    /// Its numeric key.
    pub ident: i64,
    /// The digest of the file that was erased.
    pub digest: [u8; 32],
    /// Its length.
    pub file_bytes: u64,
    /// From when it was recorded.
    pub started: Wall,
    /// To when.
    pub ended: Wall,
    /// Why it was erased.
    pub cause: Cause,
    /// The archives that had it, beside the data folder.
    pub places: Vec<String>,
    /// When it was marked.
    pub marked: Wall,
    /// When it was decided.
    pub decided: Wall,
    /// When it was done, how many files were destroyed, and how many keys in them; absent while it is not.
    pub done: Option<(Wall, u64, u64)>,
}

/// What a transfer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferKind {
    /// The file is in the archive from then on.
    Move,
    /// The archive has a second one, for as long as the recording is kept.
    Copy,
    /// The archive has a second one, with what is known of it, for good.
    Backup,
}

impl TransferKind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Move => "move",
            Self::Copy => "copy",
            Self::Backup => "backup",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Move, Self::Copy, Self::Backup].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A file on its way to an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Its number.
    pub number: i64,
    /// The recording.
    pub recording: RecordingId,
    /// Its numeric key.
    pub ident: i64,
    /// The archive action.
    pub action: i64,
    /// What it does.
    pub kind: TransferKind,
    /// The archive it goes to.
    pub target: String,
    /// The archive it comes from; `None` for the data folder.
    pub origin: Option<String>,
    /// The digest of the file.
    pub digest: [u8; 32],
    /// Whether it is whole there and the row says so: then what is left of a move is to remove the file before.
    pub is_done: bool,
}

/// What came of the end of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferEnd {
    /// The row says so.
    Done,
    /// A hold is in the way: its number. What was put there is to be erased, and the transfer given up.
    Held(i64),
    /// The recording's file is another by now, or is to be erased. What was put there is to be erased, and the transfer given
    /// up.
    Changed,
}

/// A hold that is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HoldWanted {
    /// The matter's id.
    pub matter: String,
    /// Whose it is.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Who places it.
    pub who: String,
    /// The network address it was asked from.
    pub source: String,
    /// What belongs to it, also of what is to come; of the conditions of a search agent, number, from, to and text count.
    pub query: Option<Query>,
    /// Recordings that belong to it.
    pub recordings: Vec<RecordingId>,
}

/// A hold (C7-02).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its number.
    pub number: i64,
    /// As it was wanted; the recordings that were named are not told apart from those that match.
    pub wanted: HoldWanted,
    /// When it was placed.
    pub placed: Wall,
    /// When it was released, by whom and why.
    pub released: Option<(Wall, String, String)>,
    /// How many recordings it holds, or held.
    pub held: u64,
}

/// How much is marked and erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Recordings that are kept.
    pub kept: u64,
    /// Of them in an archive.
    pub archived: u64,
    /// Of them marked.
    pub marked: u64,
    /// Of them under a hold.
    pub held: u64,
    /// Of them neither played nor given out.
    pub restricted: u64,
    /// Recordings that were erased.
    pub erased: u64,
    /// Erasures that are decided and not done.
    pub not_done: u64,
}
