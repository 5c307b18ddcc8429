//! A batch of finished frames, on its way from a media thread to the journal.

use calls::id::RecordingId;
use zeroize::Zeroize;

use crate::frame::Frame;
use crate::recording::layout::KeyFrame;

/// By how much a batch that is wiped grows at least: it must not be copied often, nor be much larger than what it holds.
const SECRET_STEP_BYTES: usize = 64 << 10;

/// Finished frames of any number of recordings, encrypted. Reuse it: it keeps its room.
#[derive(Debug, Default)]
pub struct FrameBatch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) heads: Vec<FrameHead>,
    /// Nothing of it may be left in memory once it is gone.
    is_secret: bool,
}

impl Drop for FrameBatch {
    fn drop(&mut self) {
        if self.is_secret {
            self.bytes.zeroize();
        }
    }
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

    /// An empty batch for frames that may never be written: what it held is overwritten when it is dropped, and when it
    /// grows. So are the wrapped keys in it, without which nobody can read its blocks.
    pub fn secret() -> Self {
        Self { bytes: Vec::new(), heads: Vec::new(), is_secret: true }
    }

    /// Adds the frames of another, in their order.
    pub fn append(&mut self, other: &Self) {
        self.make_room(other.bytes.len());
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        let moved = other.heads.iter().map(|head| FrameHead { offset: start + head.offset, ..*head });
        self.heads.extend(moved);
    }

    /// Says in its first frame, a key's, that none before it was ever written and none is missing.
    pub fn begin_here(&mut self) {
        let Some(head) = self.heads.first().copied().filter(|head| head.is_key && head.number > 0) else {
            return;
        };
        let whole = Frame::read(&self.bytes[head.offset..head.offset + head.len]);
        let Some(key) = whole.and_then(|frame| KeyFrame::read(&frame)) else { return };
        let mut first = Vec::with_capacity(head.len + 8);
        KeyFrame { is_first: true, ..key }.write(&mut first);
        let by = first.len() - head.len;
        self.make_room(by);
        self.bytes.splice(head.offset..head.offset + head.len, first);
        self.heads[0].len += by;
        self.heads[1..].iter_mut().for_each(|head| head.offset += by);
    }

    /// The memory it takes.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.heads.capacity() * size_of::<FrameHead>()
    }

    /// Gives back memory it does not need.
    pub fn shrink(&mut self) {
        if self.bytes.capacity() > self.bytes.len() {
            self.move_to(self.bytes.len());
        }
        self.heads.shrink_to_fit();
    }

    /// Makes room for so many bytes more.
    pub(crate) fn make_room(&mut self, more: usize) {
        let needed = self.bytes.len() + more;
        if !self.is_secret {
            self.bytes.reserve(more);
        } else if needed > self.bytes.capacity() {
            self.move_to(needed.max(self.bytes.len() + SECRET_STEP_BYTES));
        }
    }

    fn move_to(&mut self, capacity: usize) {
        let mut other = Vec::with_capacity(capacity);
        other.extend_from_slice(&self.bytes);
        if self.is_secret {
            self.bytes.zeroize();
        }
        self.bytes = other;
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
