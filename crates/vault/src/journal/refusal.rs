//! Why the journal does not take something.

use calls::id::RecordingId;

use super::layout::MAX_OPAQUE_BYTES;
use super::writer::MAX_QUEUED_BYTES;
use crate::batch::FrameBatch;
use crate::disk::DiskError;

/// Why something could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// [`MAX_QUEUED_BYTES`] wait for a commit that does not succeed.
    #[error("{MAX_QUEUED_BYTES} bytes wait for the disk; nothing more is taken until a commit succeeds")]
    Full,
    /// An event or checkpoint beyond the frame format.
    #[error("an event or checkpoint has at most {MAX_OPAQUE_BYTES} bytes, this one has {bytes}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Frames of a recording came out of their order: two writers, or batches swapped on the way.
    #[error("frame {number} of recording {recording} came after frame {last}")]
    OutOfOrder {
        /// Whose frame.
        recording: RecordingId,
        /// Its number.
        number: u32,
        /// The number before it.
        last: u32,
    },
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// A batch that was not taken, given back.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct Unappended {
    /// The batch as it was.
    pub batch: FrameBatch,
    /// Why.
    #[source]
    pub cause: WriteError,
}
