//! What retention does to the data folder, as a seam: the sealer and the journal, or what stands for them in a test.

use calls::id::RecordingId;
use vault::Destroyed;

use crate::desk::Later;
use crate::keep::{Handle, Sealing};

/// The sealed files of the data folder, and the journal behind them.
pub trait Files: Send + Sync + 'static {
    /// Has the journal let go of everything that is sealed: what it holds of a recording could make a file of it again.
    fn forget_journal(&self) -> Later<Result<(), String>>;

    /// Destroys a recording's files, keys first. Again changes nothing.
    fn erase(&self, recording: RecordingId) -> Later<Result<Destroyed, String>>;

    /// Removes the file of a recording that is in an archive. Again changes nothing.
    fn remove_moved(&self, recording: RecordingId) -> Later<Result<(), String>>;
}

/// Those of a recorder that runs.
#[derive(Clone)]
pub struct LocalFiles {
    /// The sealer's thread.
    pub sealing: Sealing,
    /// The journal's thread.
    pub journal: Handle,
}

impl Files for LocalFiles {
    fn forget_journal(&self) -> Later<Result<(), String>> {
        let journal = self.journal.clone();
        Box::pin(async move { journal.begin_anew().await })
    }

    fn erase(&self, recording: RecordingId) -> Later<Result<Destroyed, String>> {
        let sealing = self.sealing.clone();
        Box::pin(async move { sealing.erase(recording).await })
    }

    fn remove_moved(&self, recording: RecordingId) -> Later<Result<(), String>> {
        let sealing = self.sealing.clone();
        Box::pin(async move { sealing.remove_moved(recording).await })
    }
}
