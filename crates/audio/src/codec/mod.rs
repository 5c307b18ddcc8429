//! Codecs: payload bytes to 16-bit samples.
//!
//! Belongs here: one file per codec, and which of them a payload type may mean. Does not: where the samples go in time.

pub mod g711;
pub mod g722;
pub mod l16;

use crate::rate::Halver;

/// What a payload carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// G.711 mu-law, one byte a sample.
    Pcmu,
    /// G.711 A-law, one byte a sample.
    Pcma,
    /// G.722 at 64 kbit/s: sampled at 16,000 Hz, its RTP clock is 8,000 Hz (B3-01). It has a memory.
    G722,
    /// L16 at 8,000 Hz.
    L16,
    /// L16 at 16,000 Hz. It has a memory, that of the filter which brings it to 8,000 Hz.
    L16Wide,
    /// RFC 3389: silence; its level is in the payload and stays in the store (B4-02).
    ComfortNoise,
    /// RFC 4733: a key was pressed; silence in the sound (B5-02).
    TelephoneEvent,
    /// Stored, but there is no decoder: silence.
    Undecoded,
}

impl Codec {
    /// What a payload type means by its registered name (RFC 3551 §4.5), in any case, its clock and its channels.
    /// Comfort noise and events need no sound of their own; any other sound with more than one channel is not decoded.
    #[must_use]
    pub fn of(encoding: &str, clock_hz: u32, channels: u8) -> Self {
        let is = |name: &str| encoding.eq_ignore_ascii_case(name);
        match (channels, clock_hz) {
            _ if is("CN") => Self::ComfortNoise,
            _ if is("telephone-event") => Self::TelephoneEvent,
            (0 | 1, _) if is("PCMU") => Self::Pcmu,
            (0 | 1, _) if is("PCMA") => Self::Pcma,
            (0 | 1, 8000) if is("G722") => Self::G722,
            (0 | 1, 8000) if is("L16") => Self::L16,
            (0 | 1, 16_000) if is("L16") => Self::L16Wide,
            _ => Self::Undecoded,
        }
    }

    /// Whether the samples of a payload depend on the payloads before it; such payloads go through a [`Decoder`].
    #[must_use]
    pub fn has_memory(self) -> bool {
        matches!(self, Self::G722 | Self::L16Wide)
    }

    /// Appends the samples of a payload; nothing for what is silence or has a memory.
    pub fn decode(self, payload: &[u8], out: &mut Vec<i16>) {
        match self {
            Self::Pcmu => out.extend(payload.iter().map(|byte| g711::pcmu_to_linear(*byte))),
            Self::Pcma => out.extend(payload.iter().map(|byte| g711::pcma_to_linear(*byte))),
            Self::L16 => out.extend(l16::decode(payload)),
            Self::G722 | Self::L16Wide => {}
            Self::ComfortNoise | Self::TelephoneEvent | Self::Undecoded => {}
        }
    }

    /// RTP clock ticks in a payload of so many bytes (B3-02: length comes from the payload, not from SDP).
    #[must_use]
    pub fn ticks(self, payload_bytes: usize) -> usize {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => payload_bytes,
            Self::L16 | Self::L16Wide => payload_bytes / 2,
            Self::ComfortNoise | Self::TelephoneEvent | Self::Undecoded => 0,
        }
    }
}

/// Decodes payloads of a codec with a memory, in order, to 8,000 samples a second.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    g722: g722::Decoder,
    halver: Halver,
}

impl Decoder {
    /// Appends the samples of the next payload; nothing if the codec is one without a memory.
    pub fn decode(&mut self, codec: Codec, payload: &[u8], out: &mut Vec<i16>) {
        match codec {
            Codec::G722 => {
                let wide = payload.iter().flat_map(|byte| self.g722.decode(*byte));
                out.extend(wide.filter_map(|sample| self.halver.push(sample)));
            }
            Codec::L16Wide => out.extend(l16::decode(payload).filter_map(|sample| self.halver.push(sample))),
            _ => {}
        }
    }
}

/// The level of a comfort noise payload in -dBov, 0 (loudest) to 127; `None` if it is empty. RFC 3389 §3.
#[must_use]
pub fn comfort_noise_level(payload: &[u8]) -> Option<u8> {
    payload.first().map(|level| level & 0x7f)
}
