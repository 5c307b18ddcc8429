//! The bytes of key and media frames, and of the recording file's head and trailer.
//!
//! Drawn in `ref/recording-file.md`. All numbers are little-endian.

use calls::id::{RecordingId, StreamNumber};
use calls::time::Wall;

use crate::frame::{self, Frame, Kind};
use crate::keys::{ENCAPSULATED_BYTES, KeyId, KeyPlace, TAG_BYTES, WRAPPED_BYTES, WrappedKey};

/// Lane, recording.
pub(crate) const LANE_BODY_BYTES: usize = 4 + 16;

/// Lane, number, recording, key number, base, reading key, encapsulated key, wrapped key.
pub(crate) const KEY_BODY_BYTES: usize = 4 + 4 + 16 + 2 + 8 + 8 + ENCAPSULATED_BYTES + WRAPPED_BYTES;

/// What a key frame adds that no frame was written before: its number once more.
pub(crate) const FIRST_BYTES: usize = 4;

/// Lane, number, key number, stream, packets, span, first arrival: what stands before the encrypted packets.
pub(crate) const MEDIA_HEAD_BYTES: usize = 4 + 4 + 2 + 2 + 1 + 2 + 5;

/// The key number of the manifest's own key: no minute of audio has it.
pub(crate) const MANIFEST_KEY: u16 = u16::MAX;

/// A first arrival is stored as a signed 40-bit distance from its key's base.
pub(crate) const MAX_OFFSET_NS: i64 = (1 << 39) - 1;

/// The recording file begins with these bytes.
pub(crate) const FILE_MAGIC: &[u8; 8] = b"SDTNREC\x01";

/// Length of the recording file's head.
pub(crate) const FILE_HEAD_BYTES: usize = 8 + 16 + 4;

/// The recording file ends with these bytes and its version.
const TRAILER_MAGIC: &[u8; 7] = b"SDTNEND";

/// Offset of the tail, offset of the catalogue, digest, checksum, magic.
pub(crate) const TRAILER_BYTES: usize = 8 + 8 + 32 + 4 + 8;

/// Reads numbers one after the other; `None` when the bytes are used up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }
}

/// What a key frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyFrame {
    pub(crate) lane: u32,
    pub(crate) number: u32,
    pub(crate) place: KeyPlace,
    pub(crate) kept: WrappedKey,
    /// Frames with lower numbers have left the memory before the recording was kept: none was ever written.
    pub(crate) is_first: bool,
}

impl KeyFrame {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let at = frame::start(out, Kind::Key);
        out.extend_from_slice(&self.lane.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(self.place.recording.as_bytes());
        out.extend_from_slice(&self.place.key.to_le_bytes());
        out.extend_from_slice(&self.place.base.as_ns().to_le_bytes());
        out.extend_from_slice(&self.kept.reading_key.0);
        out.extend_from_slice(&self.kept.encapsulated);
        out.extend_from_slice(&self.kept.wrapped);
        if self.is_first {
            out.extend_from_slice(&self.number.to_le_bytes());
        }
        frame::finish(out, at);
    }

    pub(crate) fn read(frame: &Frame<'_>) -> Option<Self> {
        const LONGER_BODY_BYTES: usize = KEY_BODY_BYTES + FIRST_BYTES;
        if frame.kind != Kind::Key || !matches!(frame.body.len(), KEY_BODY_BYTES | LONGER_BODY_BYTES) {
            return None;
        }
        let mut fields = Fields(frame.body);
        let read = Self {
            lane: fields.u32()?,
            number: fields.u32()?,
            place: KeyPlace {
                recording: RecordingId::from_bytes(fields.take()?),
                key: fields.u16()?,
                base: Wall::from_ns(fields.i64()?),
            },
            kept: WrappedKey {
                reading_key: KeyId(fields.take()?),
                encapsulated: fields.take()?,
                wrapped: fields.take()?,
            },
            is_first: frame.body.len() == LONGER_BODY_BYTES,
        };
        (!read.is_first || fields.u32()? == read.number).then_some(read)
    }
}

/// What a media frame says in the clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MediaHead {
    pub(crate) lane: u32,
    pub(crate) number: u32,
    pub(crate) key: u16,
    pub(crate) stream: StreamNumber,
    pub(crate) packets: u8,
    pub(crate) span_ms: u16,
    /// First arrival less the key's base; fits 40 bits.
    pub(crate) offset_ns: i64,
}

impl MediaHead {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.lane.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.key.to_le_bytes());
        out.extend_from_slice(&self.stream.0.to_le_bytes());
        out.push(self.packets);
        out.extend_from_slice(&self.span_ms.to_le_bytes());
        out.extend_from_slice(&self.offset_ns.to_le_bytes()[..5]);
    }

    /// The head and the encrypted packets.
    pub(crate) fn read<'a>(frame: &Frame<'a>) -> Option<(Self, &'a [u8])> {
        if frame.kind != Kind::Media || frame.body.len() < MEDIA_HEAD_BYTES + TAG_BYTES {
            return None;
        }
        let mut fields = Fields(frame.body);
        let head = Self {
            lane: fields.u32()?,
            number: fields.u32()?,
            key: fields.u16()?,
            stream: StreamNumber(fields.u16()?),
            packets: fields.u8()?,
            span_ms: fields.u16()?,
            offset_ns: {
                let [a, b, c, d, e] = fields.take::<5>()?;
                i64::from_le_bytes([0, 0, 0, a, b, c, d, e]) >> 24
            },
        };
        Some((head, fields.0))
    }

    /// Arrival of the first packet.
    pub(crate) fn first(&self, base: Wall) -> Wall {
        Wall::from_ns(base.as_ns().saturating_add(self.offset_ns))
    }

    /// An instant not before the last arrival, within a millisecond of it.
    pub(crate) fn last(&self, base: Wall) -> Wall {
        Wall::from_ns(self.first(base).as_ns().saturating_add(i64::from(self.span_ms) * 1_000_000))
    }

    /// What the tag of the block is bound to (C8-01).
    pub(crate) fn aad(&self, recording: RecordingId, base: Wall) -> [u8; 36] {
        let mut aad = [0; 36];
        aad[0] = Kind::Media as u8;
        aad[1..17].copy_from_slice(recording.as_bytes());
        aad[17..19].copy_from_slice(&self.stream.0.to_le_bytes());
        aad[19..23].copy_from_slice(&self.number.to_le_bytes());
        aad[23..25].copy_from_slice(&self.key.to_le_bytes());
        aad[25..33].copy_from_slice(&self.first(base).as_ns().to_le_bytes());
        aad[33] = self.packets;
        aad[34..36].copy_from_slice(&self.span_ms.to_le_bytes());
        aad
    }
}

/// Lane and number of a frame that belongs to a recording.
pub(crate) fn lane_and_number(frame: &Frame<'_>) -> Option<(u32, u32)> {
    match frame.kind {
        Kind::Key => KeyFrame::read(frame).map(|key| (key.lane, key.number)),
        Kind::Media => MediaHead::read(frame).map(|(head, _)| (head.lane, head.number)),
        _ => None,
    }
}

/// The head of a recording file.
pub(crate) fn file_head(recording: RecordingId) -> [u8; FILE_HEAD_BYTES] {
    let mut head = [0; FILE_HEAD_BYTES];
    head[..8].copy_from_slice(FILE_MAGIC);
    head[8..24].copy_from_slice(recording.as_bytes());
    let crc = crc32c::crc32c(&head[..24]);
    head[24..].copy_from_slice(&crc.to_le_bytes());
    head
}

/// Which recording a file head is of; `None` if it is no whole head of this version.
pub(crate) fn read_file_head(head: &[u8]) -> Option<RecordingId> {
    let recording = RecordingId::from_bytes(head.get(8..24)?.try_into().ok()?);
    (head == file_head(recording)).then_some(recording)
}

/// What a sealed file has at its end. Its minutes are the same in all versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// Manifest and catalogue.
    One = 1,
    /// Leaves and seal as well.
    Two = 2,
}

/// The end of a sealed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trailer {
    pub(crate) version: Version,
    /// Where the frames of the minutes end and the tail begins: manifest key, manifest, catalogue, leaves, seal.
    pub(crate) tail: u64,
    pub(crate) catalogue: u64,
    pub(crate) digest: [u8; 32],
}

impl Trailer {
    pub(crate) fn bytes(&self) -> [u8; TRAILER_BYTES] {
        let mut out = [0; TRAILER_BYTES];
        out[..8].copy_from_slice(&self.tail.to_le_bytes());
        out[8..16].copy_from_slice(&self.catalogue.to_le_bytes());
        out[16..48].copy_from_slice(&self.digest);
        let crc = crc32c::crc32c(&out[..48]);
        out[48..52].copy_from_slice(&crc.to_le_bytes());
        out[52..59].copy_from_slice(TRAILER_MAGIC);
        out[59] = self.version as u8;
        out
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let version = match bytes.last()? {
            1 => Version::One,
            2 => Version::Two,
            _ => return None,
        };
        let trailer = Self { version, tail: fields.u64()?, catalogue: fields.u64()?, digest: fields.take()? };
        (bytes == trailer.bytes()).then_some(trailer)
    }
}
