//! How far an export is.

use std::sync::Arc;

use calls::id::RecordingId;
use parking_lot::Mutex;
use serde::Serialize;

/// The most failures that are named; more are counted.
const MAX_NAMED: usize = 1_000;

/// A recording that could not be made sound, wholly or from somewhere on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Its id.
    pub recording: String,
    /// Its number.
    pub ident: i64,
    /// The file in the zip that holds what there is of it; null if there is none.
    pub file: Option<String>,
    /// Why.
    pub why: String,
}

/// What became of an export so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Recordings that have left.
    pub exported: u64,
    /// Recordings that are not there, or that who asked may not hear.
    pub omitted: u64,
    /// Recordings that could not be made sound; each that left in part counts among those that left too.
    pub failed: u64,
    /// The first of them.
    pub failures: Vec<Failure>,
    /// Sound that has left, ms.
    pub sounded_ms: u64,
    /// Bytes that have left.
    pub bytes: u64,
}

/// The tally of an export, seen by who asks while it grows.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<Mutex<Tally>>);

impl Progress {
    /// As it is now.
    pub(super) fn tally(&self) -> Tally {
        self.0.lock().clone()
    }

    /// Changes it.
    pub(super) fn note(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.0.lock());
    }

    /// Notes a recording that failed.
    pub(super) fn fail(&self, recording: RecordingId, ident: i64, file: Option<&str>, why: &str) {
        let file = file.map(str::to_owned);
        let failure = Failure { recording: recording.to_string(), ident, file, why: why.to_owned() };
        self.note(|tally| {
            tally.failed += 1;
            if tally.failures.len() < MAX_NAMED {
                tally.failures.push(failure);
            }
        });
    }
}
