//! The intake: admitted packets become encrypted frames, on the media thread.
//!
//! Belongs here: when a block is closed, when a data key is due, what a frame is bound to. Does not: writing
//! ([`crate::journal`]), deciding what may be written (`calls::gate` did).
//!
//! One [`RecordingWriter`] per live recording, owned by one thread; no lock, no system call except for the random
//! bytes of a new data key. It holds at most one open block per stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use calls::gate::Admitted;
use calls::id::{RecordingId, StreamNumber};
use calls::packet::Packet;
use calls::time::Wall;

use crate::batch::{FrameBatch, FrameHead};
use crate::block::{MAX_PAYLOAD_BYTES, OpenBlock};
use crate::frame::{self, Kind};
use crate::keys::{Cipher, KeyPlace, RecorderKeys, TAG_BYTES};
use crate::recording::layout::{
    KEY_BODY_BYTES, KeyFrame, MANIFEST_KEY, MAX_OFFSET_NS, MEDIA_HEAD_BYTES, MediaHead,
};
use crate::seal::Survey;

/// A data key covers this much audio (C2-12).
const KEY_NS: i64 = 60_000_000_000;

/// A block of another stream may have begun this much before the key's base: sockets are read in turn.
const EARLY_NS: i64 = 4 * KEY_NS;
const _: () = assert!(EARLY_NS + KEY_NS < MAX_OFFSET_NS, "a fresh key must reach over all open blocks");

/// Streams of one recording at most: each holds a buffer.
pub const MAX_STREAMS: usize = 64;

/// Where recordings begin. Clones lead to the same store.
#[derive(Debug, Clone)]
pub struct Intake {
    keys: RecorderKeys,
    lanes: Arc<AtomicU32>,
}

/// Why a packet was not taken. It is to be counted as lost by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The gate let it through for another recording.
    #[error("the packet was admitted to {admitted}, this writer is of {writer}")]
    WrongRecording {
        /// Whose gate it passed.
        admitted: RecordingId,
        /// Whose writer this is.
        writer: RecordingId,
    },
    /// The recording has [`MAX_STREAMS`] streams already.
    #[error("a recording has at most {MAX_STREAMS} streams; this packet is of one more")]
    TooManyStreams,
    /// A payload longer than a datagram can be.
    #[error("a payload has at most {MAX_PAYLOAD_BYTES} bytes, this one has {bytes}")]
    PayloadTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The recording has used up its frame numbers or its minutes (45 days); begin a new one.
    #[error("the recording is as long as a recording can be; begin a new one")]
    TooLong,
}

impl Intake {
    pub(crate) fn new(keys: RecorderKeys) -> Self {
        Self { keys, lanes: Arc::new(AtomicU32::new(0)) }
    }

    /// The writer of a new recording.
    pub fn begin(&self, recording: RecordingId) -> RecordingWriter {
        self.writer(recording, 0, 0)
    }

    /// The writer of a recording that goes on after a restart: numbers continue, the key is a fresh one.
    pub fn resume(&self, survey: &Survey) -> RecordingWriter {
        self.writer(survey.recording, survey.next_number, survey.next_key)
    }

    fn writer(&self, recording: RecordingId, next_number: u32, next_key: u16) -> RecordingWriter {
        RecordingWriter {
            recording,
            keys: self.keys.clone(),
            lane: self.lanes.fetch_add(1, Ordering::Relaxed),
            next_number,
            next_key,
            key: None,
            begins_here: false,
            streams: Vec::new(),
        }
    }
}

/// Packs, encrypts and numbers the packets of one recording.
#[derive(Debug)]
pub struct RecordingWriter {
    recording: RecordingId,
    keys: RecorderKeys,
    lane: u32,
    next_number: u32,
    next_key: u16,
    key: Option<LiveKey>,
    /// No frame before the next key's was ever written.
    begins_here: bool,
    streams: Vec<(StreamNumber, OpenBlock)>,
}

/// The data key of the minute.
#[derive(Debug)]
struct LiveKey {
    cipher: Box<Cipher>,
    number: u16,
    base: Wall,
}

impl LiveKey {
    /// Whether a block whose first packet came `at` may be encrypted under it.
    fn covers(&self, at: Wall) -> bool {
        let offset = at.as_ns().checked_sub(self.base.as_ns());
        offset.is_some_and(|offset| (-EARLY_NS..KEY_NS).contains(&offset))
    }
}

impl RecordingWriter {
    /// The recording it writes.
    pub fn recording(&self) -> RecordingId {
        self.recording
    }

    /// Takes a packet. Frames that are finished by it go to `out`: a full block, or the blocks of a minute that
    /// is over.
    ///
    /// # Errors
    /// [`AppendError`]; the packet was not taken, all before it are safe.
    ///
    /// # Panics
    /// If the operating system has no randomness to give for a new key.
    pub fn append(
        &mut self,
        admitted: Admitted<Packet<'_>>,
        out: &mut FrameBatch,
    ) -> Result<(), AppendError> {
        let packet = admitted.packet();
        if admitted.recording() != self.recording {
            let (admitted, writer) = (admitted.recording(), self.recording);
            return Err(AppendError::WrongRecording { admitted, writer });
        }
        let bytes = packet.payload.len();
        let length = u16::try_from(bytes).map_err(|_| AppendError::PayloadTooLong { bytes })?;
        let index = self.stream(admitted.stream())?;
        if !self.streams[index].1.takes(packet.arrival) {
            self.close(index, out);
        }
        if self.streams[index].1.is_empty() {
            self.key_for(packet.arrival, out)?;
        }
        self.streams[index].1.push(packet, length);
        Ok(())
    }

    /// Closes every block whose first packet came `older_than` or longer before `now`; [`Duration::ZERO`] closes
    /// all. Finished frames go to `out`.
    pub fn flush(&mut self, now: Wall, older_than: Duration, out: &mut FrameBatch) {
        for index in 0..self.streams.len() {
            let block = &self.streams[index].1;
            if !block.is_empty() && (older_than.is_zero() || now.since(block.first()) >= older_than) {
                self.close(index, out);
            }
        }
    }

    /// Closes every block, to `out`, and forgets the data key: what comes next is under a fresh one and needs nothing of
    /// what came before.
    pub fn renew(&mut self, out: &mut FrameBatch) {
        self.flush(Wall::EPOCH, Duration::ZERO, out);
        self.key = None;
    }

    /// Says with the next key that no frame before it was ever written and none is missing: all that was finished so far has
    /// left the memory ([`FrameBatch::begin_here`] where some is still there). Call it after [`renew`](Self::renew).
    pub fn begin_here(&mut self) {
        self.begins_here = self.next_number > 0;
    }

    /// Says that a batch with frames of this recording never reached the journal. The key may have been in it, so
    /// open blocks are kept under a fresh one. Returns how many packets had to be dropped all the same: none,
    /// unless the recording is as long as it can be.
    ///
    /// # Panics
    /// If the operating system has no randomness to give for the new key.
    pub fn batch_lost(&mut self, out: &mut FrameBatch) -> u64 {
        let oldest =
            self.streams.iter().filter(|(_, block)| !block.is_empty()).map(|(_, block)| block.first()).min();
        self.key = None;
        let Some(oldest) = oldest else { return 0 };
        if self.draw_key(oldest, out).is_ok() {
            return 0;
        }
        let dropped = self.streams.iter().map(|(_, block)| u64::from(block.packets())).sum();
        self.streams.iter_mut().for_each(|(_, block)| block.clear());
        dropped
    }

    fn stream(&mut self, stream: StreamNumber) -> Result<usize, AppendError> {
        if let Some(index) = self.streams.iter().position(|(number, _)| *number == stream) {
            return Ok(index);
        }
        if self.streams.len() == MAX_STREAMS {
            return Err(AppendError::TooManyStreams);
        }
        self.streams.push((stream, OpenBlock::new()));
        Ok(self.streams.len() - 1)
    }

    /// Sees to it that there is a key, and numbers, for a block that begins `at`.
    fn key_for(&mut self, at: Wall, out: &mut FrameBatch) -> Result<(), AppendError> {
        if self.key.as_ref().is_some_and(|key| key.covers(at)) && self.has_numbers() {
            return Ok(());
        }
        for index in 0..self.streams.len() {
            self.close(index, out);
        }
        self.draw_key(at, out)
    }

    /// Room in the numbers for a key and for every block that may be open.
    fn has_numbers(&self) -> bool {
        const RESERVE: u32 = 1_000;
        const _: () = assert!(MAX_STREAMS < RESERVE as usize, "every open block takes a number");
        self.next_number < u32::MAX - RESERVE
    }

    fn draw_key(&mut self, base: Wall, out: &mut FrameBatch) -> Result<(), AppendError> {
        if self.next_key == MANIFEST_KEY || !self.has_numbers() {
            return Err(AppendError::TooLong);
        }
        let place = KeyPlace { recording: self.recording, key: self.next_key, base };
        let (cipher, kept) = self.keys.draw(&place);
        let number = self.number();
        out.make_room(frame::HEAD_BYTES + KEY_BODY_BYTES);
        let offset = out.bytes.len();
        let is_first = std::mem::take(&mut self.begins_here);
        KeyFrame { lane: self.lane, number, place, kept, is_first }.write(&mut out.bytes);
        self.push_head(out, number, offset, true);
        self.key = Some(LiveKey { cipher: Box::new(cipher), number: self.next_key, base });
        self.next_key += 1;
        Ok(())
    }

    fn close(&mut self, index: usize, out: &mut FrameBatch) {
        if self.streams[index].1.is_empty() {
            return;
        }
        let number = self.number();
        let (stream, block) = &mut self.streams[index];
        let key = self.key.as_ref().expect("a block is begun only when there is a key for it");
        let head = MediaHead {
            lane: self.lane,
            number,
            key: key.number,
            stream: *stream,
            packets: block.packets(),
            span_ms: block.span_ms(),
            offset_ns: block.first().as_ns() - key.base.as_ns(),
        };
        // Room first, so that the packets are never moved while they are in the clear.
        let total = frame::HEAD_BYTES + MEDIA_HEAD_BYTES + block.plain().len() + TAG_BYTES;
        out.make_room(total);
        let offset = frame::start(&mut out.bytes, Kind::Media);
        head.write(&mut out.bytes);
        let text = out.bytes.len();
        out.bytes.extend_from_slice(block.plain());
        let aad = head.aad(self.recording, key.base);
        key.cipher.encrypt(u64::from(number), &aad, &mut out.bytes, text);
        frame::finish(&mut out.bytes, offset);
        block.clear();
        self.push_head(out, number, offset, false);
    }

    fn number(&mut self) -> u32 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    fn push_head(&self, out: &mut FrameBatch, number: u32, offset: usize, is_key: bool) {
        let len = out.bytes.len() - offset;
        out.heads.push(FrameHead { recording: self.recording, lane: self.lane, number, offset, len, is_key });
    }
}
