//! The catalogue: where everything in a recording file is, minute by minute.
//!
//! Belongs here: its contents and bytes. Does not: making it from frames ([`super::surveying`]), reading the file.

use calls::id::StreamNumber;
use calls::time::Wall;

use super::digest::{Chain, Digest};
use super::layout::Fields;

/// What is kept of one stream, in sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamTally {
    /// Which stream.
    pub stream: StreamNumber,
    /// Packets stored.
    pub packets: u64,
    /// Arrival of the first.
    pub first_arrival: Wall,
    /// Arrival of the last, rounded up by less than a millisecond.
    pub last_arrival: Wall,
}

/// One stream in one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MinuteStream {
    pub(crate) stream: StreamNumber,
    pub(crate) blocks: u32,
    pub(crate) packets: u32,
    pub(crate) first: Wall,
    pub(crate) last: Wall,
    /// Its first block, counted from the beginning of the file.
    pub(crate) offset: u64,
}

/// The frames under one data key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Minute {
    pub(crate) key: u16,
    pub(crate) base: Wall,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    /// Length of the key frame at `offset`; 0 if it was lost.
    pub(crate) key_bytes: u32,
    pub(crate) first_number: u32,
    pub(crate) last_number: u32,
    pub(crate) frames: u32,
    pub(crate) key_digest: [u8; 32],
    pub(crate) blocks_digest: [u8; 32],
    pub(crate) streams: Vec<MinuteStream>,
}

impl Minute {
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.bytes
    }

    /// Its key frame never reached the file, so that nobody can read its blocks: they count as missing.
    pub(crate) fn is_lost(&self) -> bool {
        self.key_bytes == 0
    }
}

/// Everything the catalogue says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Catalogue {
    pub(crate) missing_frames: u64,
    pub(crate) minutes: Vec<Minute>,
}

impl Catalogue {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.missing_frames.to_le_bytes());
        out.extend_from_slice(&count(self.minutes.len()).to_le_bytes());
        for minute in &self.minutes {
            out.extend_from_slice(&minute.key.to_le_bytes());
            out.extend_from_slice(&minute.base.as_ns().to_le_bytes());
            out.extend_from_slice(&minute.offset.to_le_bytes());
            out.extend_from_slice(&minute.bytes.to_le_bytes());
            out.extend_from_slice(&minute.key_bytes.to_le_bytes());
            out.extend_from_slice(&minute.first_number.to_le_bytes());
            out.extend_from_slice(&minute.last_number.to_le_bytes());
            out.extend_from_slice(&minute.frames.to_le_bytes());
            out.extend_from_slice(&minute.key_digest);
            out.extend_from_slice(&minute.blocks_digest);
            out.extend_from_slice(&count(minute.streams.len()).to_le_bytes());
            for stream in &minute.streams {
                out.extend_from_slice(&stream.stream.0.to_le_bytes());
                out.extend_from_slice(&stream.blocks.to_le_bytes());
                out.extend_from_slice(&stream.packets.to_le_bytes());
                out.extend_from_slice(&stream.first.as_ns().to_le_bytes());
                out.extend_from_slice(&stream.last.as_ns().to_le_bytes());
                out.extend_from_slice(&stream.offset.to_le_bytes());
            }
        }
    }

    /// `None` if the bytes are no catalogue.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let mut fields = Fields(body);
        let missing_frames = fields.u64()?;
        let minutes = fields.u32()?;
        // Grown as it is read: a count is not believed beyond the bytes there are.
        let mut catalogue = Self { missing_frames, minutes: Vec::new() };
        for _ in 0..minutes {
            catalogue.minutes.push(read_minute(&mut fields)?);
        }
        fields.0.is_empty().then_some(catalogue)
    }

    pub(crate) fn streams(&self) -> Vec<StreamTally> {
        let mut tallies: Vec<StreamTally> = Vec::new();
        let readable = self.minutes.iter().filter(|minute| !minute.is_lost());
        for part in readable.flat_map(|minute| &minute.streams) {
            let packets = u64::from(part.packets);
            match tallies.iter_mut().find(|tally| tally.stream == part.stream) {
                Some(tally) => {
                    tally.packets += packets;
                    tally.first_arrival = tally.first_arrival.min(part.first);
                    tally.last_arrival = tally.last_arrival.max(part.last);
                }
                None => tallies.push(StreamTally {
                    stream: part.stream,
                    packets,
                    first_arrival: part.first,
                    last_arrival: part.last,
                }),
            }
        }
        tallies.sort_by_key(|tally| tally.stream);
        tallies
    }

    /// The digest these minutes and this tail lead to.
    pub(crate) fn digest(&self, file_head: &[u8], tail: &[u8]) -> Digest {
        let mut chain = Chain::begin(file_head);
        for minute in &self.minutes {
            chain.minute(&minute.key_digest, &minute.blocks_digest);
        }
        chain.end(tail)
    }

    /// The last frame number, if there is a frame.
    pub(crate) fn last_number(&self) -> Option<u32> {
        self.minutes.last().map(|minute| minute.last_number)
    }
}

pub(super) fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

fn read_minute(fields: &mut Fields<'_>) -> Option<Minute> {
    let mut minute = Minute {
        key: fields.u16()?,
        base: Wall::from_ns(fields.i64()?),
        offset: fields.u64()?,
        bytes: fields.u64()?,
        key_bytes: fields.u32()?,
        first_number: fields.u32()?,
        last_number: fields.u32()?,
        frames: fields.u32()?,
        key_digest: fields.take()?,
        blocks_digest: fields.take()?,
        streams: Vec::new(),
    };
    minute.offset.checked_add(minute.bytes)?;
    for _ in 0..fields.u32()? {
        minute.streams.push(MinuteStream {
            stream: StreamNumber(fields.u16()?),
            blocks: fields.u32()?,
            packets: fields.u32()?,
            first: Wall::from_ns(fields.i64()?),
            last: Wall::from_ns(fields.i64()?),
            offset: fields.u64()?,
        });
    }
    Some(minute)
}
