//! A batch of finished frames, on its way from a media thread to the journal.

use calls::id::RecordingId;

/// Finished frames of any number of recordings, encrypted. Reuse it: it keeps its room.
#[derive(Debug, Default)]
pub struct FrameBatch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) heads: Vec<FrameHead>,
}

/// Where a frame lies in its batch, and whose it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameHead {
    pub(crate) recording: RecordingId,
    pub(crate) lane: u32,
    pub(crate) number: u32,
    pub(crate) offset: usize,
    pub(crate) len: usize,
    /// A key frame says itself which recording its lane stands for.
    pub(crate) is_key: bool,
}

impl FrameBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it holds no frame.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How many frames it holds.
    pub fn frames(&self) -> usize {
        self.heads.len()
    }

    /// The recordings that have frames in it, each as often as it has frames: whom to tell when it is lost.
    pub fn recordings(&self) -> impl Iterator<Item = RecordingId> + '_ {
        self.heads.iter().map(|head| head.recording)
    }

    /// Whether its memory is in fair proportion to what it held: one that grew in a stall is not worth keeping.
    pub(crate) fn is_filled(&self) -> bool {
        const SMALL_BYTES: usize = 64 << 10;
        self.bytes.capacity() <= 2 * self.bytes.len().max(SMALL_BYTES)
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.heads.clear();
    }
}
