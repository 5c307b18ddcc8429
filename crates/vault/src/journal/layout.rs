//! The bytes of a journal segment: its head, lane frames, event and checkpoint frames.
//!
//! Drawn in `ref/journal-file.md`. All numbers are little-endian.

use std::path::{Path, PathBuf};

use calls::id::RecordingId;

use crate::frame::{self, Frame, HEAD_BYTES, Kind, MAX_BODY_BYTES};
use crate::keys::{Cipher, KeyId, TAG_BYTES};
use crate::recording::layout::{Fields, LANE_BODY_BYTES};

/// A segment begins with these bytes.
const MAGIC: &[u8; 8] = b"SDTNJNL\x01";

/// Length of a segment's head.
pub(crate) const HEAD_COPY_BYTES: usize = 8 + 8 + 8 + 8 + 8 + 32 + 4;

/// The head stands twice: without its salt no event of the segment could be read, so one bit must not take it.
pub(crate) const SEGMENT_HEAD_BYTES: usize = 2 * HEAD_COPY_BYTES;

/// The longest event or checkpoint.
pub const MAX_OPAQUE_BYTES: usize = MAX_BODY_BYTES - 8 - TAG_BYTES;

/// What the head of a segment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHead {
    pub(crate) number: u64,
    /// The segment begun before this one; 0 for the first.
    pub(crate) previous: u64,
    /// The run of the recorder: lanes mean the same throughout a run.
    pub(crate) run: [u8; 8],
    pub(crate) state_key: KeyId,
    pub(crate) salt: [u8; 32],
}

impl SegmentHead {
    /// One copy.
    pub(crate) fn bytes(&self) -> [u8; HEAD_COPY_BYTES] {
        let mut out = [0; HEAD_COPY_BYTES];
        out[..8].copy_from_slice(MAGIC);
        out[8..16].copy_from_slice(&self.number.to_le_bytes());
        out[16..24].copy_from_slice(&self.previous.to_le_bytes());
        out[24..32].copy_from_slice(&self.run);
        out[32..40].copy_from_slice(&self.state_key.0);
        out[40..72].copy_from_slice(&self.salt);
        let crc = crc32c::crc32c(&out[..72]);
        out[72..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// `None` if this is no whole copy of a head of this version.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes.get(8..)?);
        let head = Self {
            number: fields.u64()?,
            previous: fields.u64()?,
            run: fields.take()?,
            state_key: KeyId(fields.take()?),
            salt: fields.take()?,
        };
        (bytes == head.bytes()).then_some(head)
    }
}

/// The file of a segment.
pub(crate) fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016x}.seg"))
}

/// The number a segment's file name tells; `None` for a stranger.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg")?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (digits.len() == 16 && format!("{number:016x}") == digits && number > 0).then_some(number)
}

/// Writes which recording a lane stands for.
pub(crate) fn write_lane(out: &mut Vec<u8>, lane: u32, recording: RecordingId) {
    let at = frame::start(out, Kind::Lane);
    out.extend_from_slice(&lane.to_le_bytes());
    out.extend_from_slice(recording.as_bytes());
    frame::finish(out, at);
}

pub(crate) fn read_lane(frame: &Frame<'_>) -> Option<(u32, RecordingId)> {
    if frame.kind != Kind::Lane || frame.body.len() != LANE_BODY_BYTES {
        return None;
    }
    let mut fields = Fields(frame.body);
    Some((fields.u32()?, RecordingId::from_bytes(fields.take()?)))
}

fn opaque_aad(kind: Kind, segment: u64) -> [u8; 9] {
    let mut aad = [0; 9];
    aad[0] = kind as u8;
    aad[1..].copy_from_slice(&segment.to_le_bytes());
    aad
}

/// Writes an event or a checkpoint. The caller checked its length against [`MAX_OPAQUE_BYTES`].
pub(crate) fn write_opaque(out: &mut Vec<u8>, kind: Kind, number: u64, plain: &[u8], key: (&Cipher, u64)) {
    let (cipher, segment) = key;
    out.reserve(HEAD_BYTES + 8 + plain.len() + TAG_BYTES);
    let at = frame::start(out, kind);
    out.extend_from_slice(&number.to_le_bytes());
    let text = out.len();
    out.extend_from_slice(plain);
    cipher.encrypt(number, &opaque_aad(kind, segment), out, text);
    frame::finish(out, at);
}

/// The number of an event or checkpoint, which is in the clear.
pub(crate) fn opaque_number(frame: &Frame<'_>) -> Option<u64> {
    Fields(frame.body).u64()
}

/// The number and the bytes of an event or checkpoint; `None` if it does not open.
pub(crate) fn read_opaque(frame: &Frame<'_>, cipher: &Cipher, segment: u64) -> Option<(u64, Vec<u8>)> {
    let mut fields = Fields(frame.body);
    let number = fields.u64()?;
    let mut plain = Vec::new();
    cipher.decrypt(number, &opaque_aad(frame.kind, segment), fields.0, &mut plain).then_some((number, plain))
}
