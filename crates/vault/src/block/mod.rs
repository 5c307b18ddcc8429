//! The block: a tenth of a second or so of packets of one stream, packed.
//!
//! Belongs here: how packets are packed and unpacked, in the clear and in memory. Does not: encryption and the
//! block's place on disk ([`crate::intake`], [`crate::recording`]).
//!
//! A packet differs little from the one before, so only the difference is kept. In the steady state a packet
//! costs four bytes of head. `ref/recording-file.md` draws the coding; the state that both sides keep is
//! [`Before`].

use calls::packet::Packet;
use calls::time::Wall;
use zeroize::Zeroize;

/// A block is closed when it holds this many bytes (the last packet may go beyond).
pub(crate) const FULL_BYTES: usize = 4 << 10;

/// Packets in a block at most: their count is one byte.
pub(crate) const MAX_PACKETS: u8 = u8::MAX;

/// The longest payload: its length is two bytes.
pub(crate) const MAX_PAYLOAD_BYTES: usize = u16::MAX as usize;

/// Arrivals in a block lie within this span: it is two bytes of milliseconds.
pub(crate) const MAX_SPAN_NS: i64 = (u16::MAX as i64 - 1) * 1_000_000;

/// Room a stream's buffer keeps between blocks.
const KEPT_BYTES: usize = 2 << 10;

/// Flags, the first byte of a packet's head.
const MARKER: u8 = 1;
const SEQUENCE: u8 = 1 << 1;
const TIMESTAMP: u8 = 1 << 2;
const SSRC: u8 = 1 << 3;
const PAYLOAD_TYPE: u8 = 1 << 4;
const LENGTH: u8 = 1 << 5;
const ARRIVAL_SHIFT: u8 = 6;

/// Bytes of arrival for each value of the two top flags.
const ARRIVAL_BYTES: [usize; 4] = [2, 3, 4, 8];

/// What is known of the packet before: the next one is told apart from it.
#[derive(Debug, Clone, Copy)]
struct Before {
    arrival: i64,
    arrival_step: i64,
    sequence: u16,
    timestamp: u32,
    timestamp_step: u32,
    ssrc: u32,
    payload_type: u8,
    length: u16,
}

impl Before {
    /// Before the first packet: as if 20 ms of G.711 mu-law had come in good time.
    fn first(arrival: Wall) -> Self {
        const STEP_NS: i64 = 20_000_000;
        Self {
            arrival: arrival.as_ns().wrapping_sub(STEP_NS),
            arrival_step: STEP_NS,
            sequence: 0,
            timestamp: 0,
            timestamp_step: 160,
            ssrc: 0,
            payload_type: 0,
            length: 160,
        }
    }

    fn expected_arrival(&self) -> i64 {
        self.arrival.wrapping_add(self.arrival_step)
    }

    fn expected_timestamp(&self, sequence: u16) -> u32 {
        let packets = u32::from(sequence.wrapping_sub(self.sequence));
        self.timestamp.wrapping_add(self.timestamp_step.wrapping_mul(packets))
    }

    /// Takes the next packet for the one before. The steps follow it only if no packet is missing between.
    fn advance(&mut self, packet: &Packet<'_>, length: u16, arrival_code: u8) {
        let arrival = packet.arrival.as_ns();
        if packet.sequence == self.sequence.wrapping_add(1) {
            self.timestamp_step = packet.timestamp.wrapping_sub(self.timestamp);
            if arrival_code >= 2 {
                self.arrival_step = arrival.wrapping_sub(self.arrival);
            }
        }
        self.arrival = arrival;
        self.sequence = packet.sequence;
        self.timestamp = packet.timestamp;
        self.ssrc = packet.ssrc;
        self.payload_type = packet.payload_type;
        self.length = length;
    }
}

/// A block that still takes packets. The packets in it are wiped when it is closed or dropped.
#[derive(Debug)]
pub(crate) struct OpenBlock {
    plain: Vec<u8>,
    packets: u8,
    first: Wall,
    last: Wall,
    before: Before,
}

impl Drop for OpenBlock {
    fn drop(&mut self) {
        self.plain.zeroize();
    }
}

impl OpenBlock {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let first = Wall::EPOCH;
        Self { plain: Vec::new(), packets: 0, first, last: first, before: Before::first(first) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.packets == 0
    }

    pub(crate) fn packets(&self) -> u8 {
        self.packets
    }

    /// Arrival of the first packet.
    pub(crate) fn first(&self) -> Wall {
        self.first
    }

    /// Latest arrival less the first, in milliseconds, rounded up.
    pub(crate) fn span_ms(&self) -> u16 {
        let span_ns = self.last.as_ns().saturating_sub(self.first.as_ns());
        u16::try_from(span_ns.unsigned_abs().div_ceil(1_000_000)).unwrap_or(u16::MAX)
    }

    /// The packed packets.
    pub(crate) fn plain(&self) -> &[u8] {
        &self.plain
    }

    /// Whether a packet that came `at` can still go in.
    pub(crate) fn takes(&self, at: Wall) -> bool {
        self.is_empty()
            || (self.packets < MAX_PACKETS
                && self.plain.len() < FULL_BYTES
                && at >= self.first
                && at.as_ns().checked_sub(self.first.as_ns()).is_some_and(|span| span <= MAX_SPAN_NS))
    }

    /// Packs a packet. The caller asked [`Self::takes`] and checked the payload's length.
    pub(crate) fn push(&mut self, packet: &Packet<'_>, length: u16) {
        if self.is_empty() {
            self.first = packet.arrival;
            self.last = packet.arrival;
            self.before = Before::first(packet.arrival);
        }
        self.last = self.last.max(packet.arrival);
        self.put(packet, length);
    }

    /// A block of some of the packets of another that began at `first` and had `last` as its latest arrival: it says
    /// the same of its time, also if none of them is left.
    pub(crate) fn of_some<'p>(
        (first, last): (Wall, Wall),
        packets: impl Iterator<Item = (Packet<'p>, u16)>,
    ) -> Self {
        let mut block = Self { plain: Vec::new(), packets: 0, first, last, before: Before::first(first) };
        packets.for_each(|(packet, length)| block.put(&packet, length));
        block
    }

    fn put(&mut self, packet: &Packet<'_>, length: u16) {
        self.grow(packet.payload.len() + 32);

        let before = &self.before;
        let residual = zigzag(packet.arrival.as_ns().wrapping_sub(before.expected_arrival()));
        let code = match residual {
            0..0x1_0000 => 0,
            0x1_0000..0x100_0000 => 1,
            0x100_0000..0x1_0000_0000 => 2,
            _ => 3,
        };
        let new_sequence = packet.sequence != before.sequence.wrapping_add(1);
        let new_timestamp = packet.timestamp != before.expected_timestamp(packet.sequence);
        let mut flags = code << ARRIVAL_SHIFT;
        for (differs, flag) in [
            (packet.marker, MARKER),
            (new_sequence, SEQUENCE),
            (new_timestamp, TIMESTAMP),
            (packet.ssrc != before.ssrc, SSRC),
            (packet.payload_type != before.payload_type, PAYLOAD_TYPE),
            (length != before.length, LENGTH),
        ] {
            if differs {
                flags |= flag;
            }
        }
        let out = &mut self.plain;
        out.push(flags);
        out.extend_from_slice(&residual.to_le_bytes()[..ARRIVAL_BYTES[usize::from(code)]]);
        if flags & SEQUENCE != 0 {
            out.extend_from_slice(&packet.sequence.to_le_bytes());
        }
        if flags & TIMESTAMP != 0 {
            out.extend_from_slice(&packet.timestamp.to_le_bytes());
        }
        if flags & SSRC != 0 {
            out.extend_from_slice(&packet.ssrc.to_le_bytes());
        }
        if flags & PAYLOAD_TYPE != 0 {
            out.push(packet.payload_type);
        }
        if flags & LENGTH != 0 {
            out.extend_from_slice(&length.to_le_bytes());
        }
        out.extend_from_slice(packet.payload);
        self.before.advance(packet, length, code);
        self.packets += 1;
    }

    /// Empties and wipes the block; a buffer that grew large is given back.
    pub(crate) fn clear(&mut self) {
        self.plain.zeroize();
        if self.plain.capacity() > FULL_BYTES + KEPT_BYTES {
            self.plain = Vec::new();
        }
        self.packets = 0;
    }

    /// Makes room without leaving a copy of the packets behind in freed memory.
    fn grow(&mut self, by: usize) {
        let needed = self.plain.len() + by;
        if needed > self.plain.capacity() {
            let mut wider = Vec::with_capacity(needed.next_power_of_two().max(KEPT_BYTES));
            wider.extend_from_slice(&self.plain);
            self.plain.zeroize();
            self.plain = wider;
        }
    }
}

/// The packed bytes do not make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadBlock;

/// Unpacks a block.
#[derive(Debug, Clone)]
pub(crate) struct Unpack {
    at: usize,
    left: u8,
    before: Before,
}

impl Unpack {
    /// Reads `packets` packets, the first of which came at `first`.
    pub(crate) fn new(first: Wall, packets: u8) -> Self {
        Self { at: 0, left: packets, before: Before::first(first) }
    }

    /// The next packet of `plain`, which must be the same bytes at every call: its head, and where its payload
    /// begins. `None` after the last.
    pub(crate) fn next(&mut self, plain: &[u8]) -> Result<Option<(PacketHead, usize)>, BadBlock> {
        if self.left == 0 {
            return if self.at == plain.len() { Ok(None) } else { Err(BadBlock) };
        }
        let (head, payload) = self.packet(plain).ok_or(BadBlock)?;
        self.left -= 1;
        Ok(Some((head, payload)))
    }

    fn packet(&mut self, plain: &[u8]) -> Option<(PacketHead, usize)> {
        let at = &mut self.at;
        let before = &self.before;
        let flags = take(plain, at, 1)?[0];
        let code = flags >> ARRIVAL_SHIFT;
        let mut residual = [0; 8];
        let width = ARRIVAL_BYTES[usize::from(code)];
        residual[..width].copy_from_slice(take(plain, at, width)?);
        let residual = unzigzag(u64::from_le_bytes(residual));
        let arrival = Wall::from_ns(before.expected_arrival().wrapping_add(residual));
        let sequence = if flags & SEQUENCE == 0 {
            before.sequence.wrapping_add(1)
        } else {
            u16::from_le_bytes(take(plain, at, 2)?.try_into().ok()?)
        };
        let timestamp = if flags & TIMESTAMP == 0 {
            before.expected_timestamp(sequence)
        } else {
            u32::from_le_bytes(take(plain, at, 4)?.try_into().ok()?)
        };
        let ssrc = if flags & SSRC == 0 {
            before.ssrc
        } else {
            u32::from_le_bytes(take(plain, at, 4)?.try_into().ok()?)
        };
        let payload_type =
            if flags & PAYLOAD_TYPE == 0 { before.payload_type } else { take(plain, at, 1)?[0] };
        let length = if flags & LENGTH == 0 {
            before.length
        } else {
            u16::from_le_bytes(take(plain, at, 2)?.try_into().ok()?)
        };
        let start = *at;
        let payload_bytes = take(plain, at, usize::from(length))?.len();
        let marker = flags & MARKER != 0;
        let head = PacketHead { arrival, sequence, timestamp, ssrc, payload_type, marker, payload_bytes };
        self.before.advance(&head.with(&[]), length, code);
        Some((head, start))
    }
}

/// A stored packet without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketHead {
    /// When the datagram arrived.
    pub arrival: Wall,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, in ticks of the payload's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Length of the payload, in bytes.
    pub payload_bytes: usize,
}

impl PacketHead {
    /// The packet with this head and `payload`.
    pub(crate) fn with<'a>(&self, payload: &'a [u8]) -> Packet<'a> {
        let Self { arrival, sequence, timestamp, ssrc, payload_type, marker, .. } = *self;
        Packet { arrival, sequence, timestamp, ssrc, payload_type, marker, payload }
    }
}

fn take<'a>(bytes: &'a [u8], at: &mut usize, count: usize) -> Option<&'a [u8]> {
    let taken = bytes.get(*at..at.checked_add(count)?)?;
    *at += count;
    Some(taken)
}

/// Small differences of either sign become small numbers.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests;
