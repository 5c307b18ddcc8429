//! Where the newest frames of a recording lie: for whoever follows it while it is made.

use std::collections::HashMap;
use std::sync::Arc;

use calls::id::RecordingId;
use parking_lot::Mutex;
use vault::Settlement;

use super::Handle;

/// Knows what the journal holds of recordings, of this run and of an earlier one. Cheap to clone.
#[derive(Clone)]
pub struct Unsettled {
    journal: Handle,
    left: Arc<Mutex<HashMap<RecordingId, Settlement>>>,
}

impl Unsettled {
    /// Of this run's journal, and of what an earlier run has left in it.
    pub fn new(journal: Handle, left: Arc<Mutex<HashMap<RecordingId, Settlement>>>) -> Self {
        Self { journal, left }
    }

    /// The frames of a recording that are durable in the journal and in no part file yet, oldest first. None while the
    /// journal has too much to do.
    pub async fn of(&self, recording: RecordingId) -> Option<Vec<Settlement>> {
        let left = self.left.lock().get(&recording).cloned();
        let now = self.journal.unsettled(recording).await?;
        Some(left.into_iter().chain([now]).collect())
    }
}
