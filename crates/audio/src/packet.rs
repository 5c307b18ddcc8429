//! What goes in: stored packets, and what their payload types mean.
//!
//! Belongs here: the input of everything else in this crate, in its own words. Does not: decoding ([`crate::codec`]).

use crate::codec::Codec;

/// One packet as the store gives it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredPacket<'a> {
    /// Arrival, ns on the clock of the recording's timeline.
    pub arrival_ns: i64,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Payload; may be left empty where only the time is asked for.
    pub payload: &'a [u8],
}

/// One payload type of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// What it carries.
    pub codec: Codec,
    /// RTP clock, Hz; kept within 1,000 to 192,000.
    pub clock_hz: u32,
}

/// The payload types of a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formats {
    by_type: [Option<(Codec, u32)>; 128],
}

impl Formats {
    /// The static types of RFC 3551 §6 for PCMU, PCMA, G.722, G.729 and comfort noise, then those given, which win.
    #[must_use]
    pub fn new(formats: &[Format]) -> Self {
        let mut by_type = [None; 128];
        by_type[0] = Some((Codec::Pcmu, 8000));
        by_type[8] = Some((Codec::Pcma, 8000));
        by_type[9] = Some((Codec::G722, 8000));
        by_type[18] = Some((Codec::G729, 8000));
        by_type[13] = Some((Codec::ComfortNoise, 8000));
        by_type[19] = Some((Codec::ComfortNoise, 8000));
        for format in formats {
            let clock_hz = format.clock_hz.clamp(1000, 192_000);
            by_type[usize::from(format.payload_type & 0x7f)] = Some((format.codec, clock_hz));
        }
        Self { by_type }
    }

    /// Codec and clock of a payload type; `None` if it was never agreed.
    #[must_use]
    pub fn get(&self, payload_type: u8) -> Option<(Codec, u32)> {
        self.by_type[usize::from(payload_type & 0x7f)]
    }
}
