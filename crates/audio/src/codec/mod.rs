//! Codecs: payload bytes to 16-bit samples.
//!
//! Belongs here: one file per codec, and which of them a payload type may mean. Does not: where the samples go in time;
//! decoders that are no part of this program ([`Elsewhere`]).

pub mod g711;
pub mod g722;
pub mod g729;
pub mod l16;
pub mod opus;

use std::convert::Infallible;

use crate::rate::{Rate, Resampler};

/// What a payload carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// G.711 mu-law, one byte a sample.
    Pcmu,
    /// G.711 A-law, one byte a sample.
    Pcma,
    /// G.722 at 64 kbit/s: sampled at 16,000 Hz, its RTP clock is 8,000 Hz (B3-01). It has a memory.
    G722,
    /// G.729, also by annex A, with the silence frames of annex B. Decoded [`Elsewhere`]; it has a memory.
    G729,
    /// L16, sampled as fast as its RTP clock runs.
    L16(Rate),
    /// Opus (RFC 7587). It has a memory.
    Opus,
    /// RFC 3389: silence; its level is in the payload and stays in the store (B4-02).
    ComfortNoise,
    /// RFC 4733: a key was pressed; silence in the sound (B5-02).
    TelephoneEvent,
    /// Stored, but there is no decoder: silence.
    Undecoded,
}

impl Codec {
    /// What a payload type means by its registered name (RFC 3551 §4.5), in any case, its clock and its channels.
    /// Comfort noise and events need no sound of their own; any other sound with more than one channel is not decoded,
    /// except Opus, which is always called stereo (RFC 7587 §4.1).
    #[must_use]
    pub fn of(encoding: &str, clock_hz: u32, channels: u8) -> Self {
        let is = |name: &str| encoding.eq_ignore_ascii_case(name);
        match (channels, clock_hz) {
            _ if is("CN") => Self::ComfortNoise,
            _ if is("telephone-event") => Self::TelephoneEvent,
            (_, 48_000) if is("opus") => Self::Opus,
            (0 | 1, _) if is("PCMU") => Self::Pcmu,
            (0 | 1, _) if is("PCMA") => Self::Pcma,
            (0 | 1, 8000) if is("G722") => Self::G722,
            (0 | 1, 8000) if is("G729") => Self::G729,
            (0 | 1, _) if is("L16") => Rate::of_hz(clock_hz).map_or(Self::Undecoded, Self::L16),
            _ => Self::Undecoded,
        }
    }

    /// The rate its sound is sampled at; `None` for what is no sound.
    #[must_use]
    pub fn rate(self) -> Option<Rate> {
        match self {
            Self::Pcmu | Self::Pcma | Self::G729 => Some(Rate::Narrow),
            Self::G722 => Some(Rate::Wide),
            Self::L16(rate) => Some(rate),
            Self::Opus => Some(Rate::Full),
            Self::ComfortNoise | Self::TelephoneEvent | Self::Undecoded => None,
        }
    }

    /// Whether the samples of a payload, at this rate, depend on the payloads before it; such payloads go through a
    /// [`Decoder`].
    #[must_use]
    pub fn has_memory(self, at: Rate) -> bool {
        let own = self.rate();
        matches!(self, Self::G722 | Self::G729 | Self::Opus) || own.is_some_and(|own| own != at)
    }

    /// Appends the samples of a payload, at the codec's own rate; nothing for what is silence or has a memory.
    pub fn decode(self, payload: &[u8], out: &mut Vec<i16>) {
        match self {
            Self::Pcmu => out.extend(payload.iter().map(|byte| g711::pcmu_to_linear(*byte))),
            Self::Pcma => out.extend(payload.iter().map(|byte| g711::pcma_to_linear(*byte))),
            Self::L16(_) => out.extend(l16::decode(payload)),
            Self::G722 | Self::G729 | Self::Opus => {}
            Self::ComfortNoise | Self::TelephoneEvent | Self::Undecoded => {}
        }
    }

    /// RTP clock ticks in a payload (B3-02: length comes from the payload, not from SDP).
    #[must_use]
    pub fn ticks(self, payload: &[u8]) -> usize {
        match self {
            Self::Opus => opus::ticks(payload),
            _ => self.ticks_of(payload.len()),
        }
    }

    /// RTP clock ticks in a payload of which only the length is known. An Opus packet says how long it is in its first
    /// byte; here it counts as 20 ms.
    #[must_use]
    pub fn ticks_of(self, payload_bytes: usize) -> usize {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => payload_bytes,
            Self::G729 => g729::ticks(payload_bytes),
            Self::L16(_) => payload_bytes / 2,
            Self::Opus => opus::USUAL_TICKS.min(payload_bytes * opus::USUAL_TICKS),
            Self::ComfortNoise | Self::TelephoneEvent | Self::Undecoded => 0,
        }
    }
}

/// Decoders that are no part of this program.
pub trait Elsewhere {
    /// Why they do not answer.
    type Error;

    /// G.729: 80 samples at 8,000 Hz for each frame of 10 bytes, in order.
    ///
    /// # Errors
    /// Whatever stands in the way.
    fn g729(&mut self, frames: &[u8]) -> Result<Vec<i16>, Self::Error>;
}

/// There are none: what they would decode is silence.
impl Elsewhere for () {
    type Error = Infallible;

    fn g729(&mut self, _frames: &[u8]) -> Result<Vec<i16>, Infallible> {
        Ok(Vec::new())
    }
}

/// Decodes payloads of one codec, in order, to one rate.
#[derive(Debug)]
pub struct Decoder {
    codec: Codec,
    g722: g722::Decoder,
    opus: Option<opus::Decoder>,
    resampler: Resampler,
    /// Samples at the codec's own rate, for a moment.
    own: Vec<i16>,
}

impl Decoder {
    /// A decoder that has heard nothing.
    #[must_use]
    pub fn new(codec: Codec, rate: Rate) -> Self {
        Self {
            codec,
            g722: g722::Decoder::default(),
            opus: (codec == Codec::Opus).then(opus::Decoder::new),
            resampler: Resampler::new(codec.rate().unwrap_or_default(), rate),
            own: Vec::new(),
        }
    }

    /// Appends the samples of the next payload. `told` is what was decoded elsewhere of it.
    pub fn decode(&mut self, payload: &[u8], told: &[i16], out: &mut Vec<i16>) {
        self.own.clear();
        match (self.codec, &mut self.opus) {
            (Codec::G722, _) => self.own.extend(payload.iter().flat_map(|byte| self.g722.decode(*byte))),
            (Codec::G729, _) => self.own.extend(g729::samples(payload.len(), told)),
            (Codec::Opus, Some(opus)) => opus.decode(payload, &mut self.own),
            (codec, _) => codec.decode(payload, &mut self.own),
        }
        self.own.iter().for_each(|sample| self.resampler.push(*sample, out));
    }
}

/// The level of a comfort noise payload in -dBov, 0 (loudest) to 127; `None` if it is empty. RFC 3389 §3.
#[must_use]
pub fn comfort_noise_level(payload: &[u8]) -> Option<u8> {
    payload.first().map(|level| level & 0x7f)
}
