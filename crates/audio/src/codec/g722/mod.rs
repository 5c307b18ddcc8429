//! G.722: 7 kHz of speech in 64 kbit/s. ITU-T G.722, RFC 3551 §4.5.2.
//!
//! Two filters (the QMF) split 16,000 samples a second into a lower and a higher band of 8,000 each. Each band is coded
//! as the difference from what a predictor expects (`band`): six bits for the lower band, two for the higher, which
//! make one byte for every two samples. So the RTP clock of 8,000 Hz counts bytes (B3-01).
//!
//! Both sides adapt to what went over the wire, so a decoder has a memory: it must be given packets in order, and a new
//! one begins after a gap. Names in capitals are blocks of the Recommendation.

mod band;

use band::{Band, HIGHER, LOWER};

/// Samples a second of what is coded, Hz.
pub const RATE_HZ: u32 = 16_000;

/// The QMF has 24 taps and is symmetric; this is every second of them.
const TAPS: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// The last 24 values of a QMF.
#[derive(Debug, Clone, Default)]
struct Qmf {
    values: [i32; 24],
}

impl Qmf {
    /// Takes two values more, and gives the sums over the two halves of the filter.
    fn push(&mut self, first: i32, second: i32) -> (i32, i32) {
        self.values.copy_within(2.., 0);
        (self.values[22], self.values[23]) = (first, second);
        let pairs = self.values.as_chunks::<2>().0.iter().zip(TAPS.iter().zip(TAPS.iter().rev()));
        pairs.fold((0, 0), |(one, other), ([early, late], (tap, mirrored))| {
            (one + early * tap, other + late * mirrored)
        })
    }
}

/// Bytes to samples at [`RATE_HZ`].
#[derive(Debug, Clone)]
pub struct Decoder {
    lower: Band,
    higher: Band,
    qmf: Qmf,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { lower: Band::new(&LOWER), higher: Band::new(&HIGHER), qmf: Qmf::default() }
    }
}

impl Decoder {
    /// The two samples of the next byte.
    pub fn decode(&mut self, byte: u8) -> [i16; 2] {
        let lower = self.lower.decode_lower(byte & 0x3f);
        let higher = self.higher.decode_higher(byte >> 6);
        let (late, early) = self.qmf.push(lower + higher, lower - higher);
        [sample(early >> 11), sample(late >> 11)]
    }
}

/// Samples at [`RATE_HZ`] to bytes.
#[derive(Debug, Clone)]
pub struct Encoder {
    lower: Band,
    higher: Band,
    qmf: Qmf,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { lower: Band::new(&LOWER), higher: Band::new(&HIGHER), qmf: Qmf::default() }
    }
}

impl Encoder {
    /// The byte of the next two samples.
    pub fn encode(&mut self, samples: [i16; 2]) -> u8 {
        let (odd, even) = self.qmf.push(samples[0].into(), samples[1].into());
        let lower = self.lower.encode_lower((even + odd) >> 14);
        let higher = self.higher.encode_higher((even - odd) >> 14);
        higher << 6 | lower
    }
}

/// A word of 16 bits, cut where it does not fit.
fn sample(value: i32) -> i16 {
    i16::try_from(value).unwrap_or(if value < 0 { i16::MIN } else { i16::MAX })
}

#[cfg(test)]
mod tests;
