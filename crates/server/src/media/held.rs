//! What is held back of one call (product decision 10): encrypted pieces in memory, each under data keys of its own, so that
//! the oldest can go.
//!
//! Nothing of it reaches a disk before it is kept, and what is let go is overwritten. What a gate has turned away never
//! comes here.

use std::collections::VecDeque;
use std::time::Duration;

use calls::time::Wall;
use rtp::Ledger;
use vault::{FrameBatch, RecordingWriter};

/// How much may be held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldBack {
    /// How far back, of each call: the memory reaches so far at least, and by one piece more at most.
    pub window: Duration,
    /// Memory for all calls of a thread.
    pub bytes: usize,
}

impl Default for HoldBack {
    /// Nothing.
    fn default() -> Self {
        Self { window: Duration::ZERO, bytes: 0 }
    }
}

impl HoldBack {
    /// How long a piece is: a tenth of what is held, from two to ten seconds. A recording has some 65,000 keys, one for each
    /// piece: a call can be held back for a day and a half at least.
    pub(super) fn piece(self) -> Duration {
        (self.window / 10).clamp(Duration::from_secs(2), Duration::from_secs(10))
    }
}

/// Some seconds of a call.
struct Piece {
    begun: Wall,
    /// The earliest arrival in it, or when it was begun; of the first piece the beginning of time, for it has all.
    from: Wall,
    frames: FrameBatch,
    /// Ledgers of the streams when it was begun, by place.
    ledgers: Vec<(usize, Ledger)>,
}

/// See the module's head.
pub(super) struct Held {
    /// Oldest first; the last is open, and there always is one.
    pieces: VecDeque<Piece>,
    last: Piece,
    /// Memory of all but the last.
    closed_bytes: usize,
    is_kept: bool,
}

impl Held {
    pub(super) fn begin(now: Wall) -> Self {
        let from = Wall::from_ns(i64::MIN);
        let last = Piece { begun: now, from, frames: FrameBatch::secret(), ledgers: Vec::new() };
        Self { pieces: VecDeque::new(), last, closed_bytes: 0, is_kept: false }
    }

    pub(super) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Where a packet that came `arrival` goes.
    pub(super) fn take(&mut self, arrival: Wall) -> &mut FrameBatch {
        self.last.from = self.last.from.min(arrival);
        &mut self.last.frames
    }

    /// Where blocks go.
    pub(super) fn last(&mut self) -> &mut FrameBatch {
        &mut self.last.frames
    }

    /// When the oldest piece was begun.
    pub(super) fn oldest(&self) -> Wall {
        self.pieces.front().map_or(self.last.begun, |piece| piece.begun)
    }

    /// Memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.closed_bytes + self.last.frames.memory_bytes()
    }

    /// Whether the open piece is all there is.
    pub(super) fn is_one(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether the open piece is as long as a piece is.
    pub(super) fn is_full(&self, now: Wall, hold_back: HoldBack) -> bool {
        now.since(self.last.begun) >= hold_back.piece()
    }

    /// Begins another piece, where the ledgers are as given.
    pub(super) fn turn(&mut self, now: Wall, writer: &mut RecordingWriter, ledgers: Vec<(usize, Ledger)>) {
        writer.renew(&mut self.last.frames);
        self.last.frames.shrink();
        self.closed_bytes += self.last.frames.memory_bytes();
        let next = Piece { begun: now, from: now, frames: FrameBatch::secret(), ledgers };
        self.pieces.push_back(std::mem::replace(&mut self.last, next));
    }

    /// Whether the oldest piece is older than what is held, all of it.
    pub(super) fn is_over(&self, now: Wall, hold_back: HoldBack) -> bool {
        let next = self.pieces.get(1).unwrap_or(&self.last);
        !self.pieces.is_empty() && now.since(next.begun) >= hold_back.window
    }

    /// Lets the oldest piece go, unless it is the open one. Says how many bytes it had, and how the ledgers were where the next
    /// begins.
    pub(super) fn drop_oldest(&mut self) -> Option<(usize, &[(usize, Ledger)])> {
        let frames = self.pieces.pop_front()?.frames;
        self.closed_bytes -= frames.memory_bytes();
        let bytes = frames.bytes();
        let next = self.pieces.front().unwrap_or(&self.last);
        Some((bytes, &next.ledgers))
    }

    /// Keeps it: all but the open piece goes out, and is not to be overwritten any more. `None` if it is kept already.
    pub(super) fn keep(&mut self, writer: &mut RecordingWriter) -> Option<(VecDeque<FrameBatch>, Wall)> {
        if std::mem::replace(&mut self.is_kept, true) {
            return None;
        }
        writer.flush(Wall::EPOCH, Duration::ZERO, &mut self.last.frames);
        let from = self.pieces.front().unwrap_or(&self.last).from;
        let first = self.pieces.iter_mut().chain([&mut self.last]).find(|piece| !piece.frames.is_empty());
        match first {
            Some(first) => first.frames.begin_here(),
            None => writer.begin_here(),
        }
        Some((self.pieces.drain(..).map(|piece| piece.frames).collect(), from))
    }

    pub(super) fn into_last(self) -> FrameBatch {
        self.last.frames
    }
}
