//! From 16,000 samples a second to 8,000 and back.
//!
//! Belongs here: the filter that keeps what lies above 4 kHz from folding into what is heard. Does not: fitting a packet
//! to its place ([`crate::render`]).
//!
//! One half-band filter of 47 taps serves both ways (windowed sine, Kaiser 6): level to 3.4 kHz, 6 dB down at 4 kHz,
//! more than 50 dB down from 4.6 kHz on, and 1.4 ms of delay.

/// Every second tap of one side, in 1/32,768; the others are zero, and the middle one is a half.
const SIDE: [i32; 12] = [10_384, -3332, 1851, -1175, 779, -518, 338, -213, 127, -69, 33, -13];

/// Halves the rate.
#[derive(Debug, Clone)]
pub struct Halver {
    values: [i32; 47],
    /// Whether a sample waits for its second.
    waits: bool,
}

impl Default for Halver {
    fn default() -> Self {
        Self { values: [0; 47], waits: false }
    }
}

impl Halver {
    /// Takes a sample; every second one gives one.
    pub fn push(&mut self, sample: i16) -> Option<i16> {
        self.values.copy_within(1.., 0);
        self.values[46] = sample.into();
        self.waits = !self.waits;
        if self.waits {
            return None;
        }
        let (before, after) =
            (self.values[..23].iter().rev().step_by(2), self.values[24..].iter().step_by(2));
        let sides = before.zip(after).zip(SIDE).map(|((before, after), tap)| (before + after) * tap);
        // The sum of all magnitudes is below 2^31.
        Some(rounded(self.values[23] * 16_384 + sides.sum::<i32>()))
    }
}

/// Doubles the rate.
#[derive(Debug, Clone, Default)]
pub struct Doubler {
    values: [i32; 24],
}

impl Doubler {
    /// Two samples for one.
    pub fn push(&mut self, sample: i16) -> [i16; 2] {
        self.values.copy_within(1.., 0);
        self.values[23] = sample.into();
        let (before, after) = (self.values[..12].iter().rev(), self.values[12..].iter());
        let between =
            before.zip(after).zip(SIDE).map(|((before, after), tap)| i64::from((before + after) * tap));
        let between = (2 * between.sum::<i64>()).clamp(-(1 << 30), (1 << 30) - 1);
        [rounded(self.values[11] << 15), rounded(i32::try_from(between).unwrap_or(0))]
    }
}

fn rounded(sum: i32) -> i16 {
    let rounded = sum.saturating_add(1 << 14) >> 15;
    i16::try_from(rounded).unwrap_or(if rounded < 0 { i16::MIN } else { i16::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Sine, level_dbov, tone_share};

    fn halved(samples: impl Iterator<Item = i16>) -> Vec<i16> {
        let mut halver = Halver::default();
        samples.filter_map(|sample| halver.push(sample)).collect()
    }

    #[test]
    fn a_tone_of_the_telephone_band_survives_both_ways() {
        for frequency_hz in [50.0, 440.0, 1000.0, 3300.0] {
            let mut doubler = Doubler::default();
            let heard = halved(Sine::new(frequency_hz, 8000).take(8000).flat_map(|it| doubler.push(it)));
            assert!(tone_share(&heard[100..], frequency_hz) > 0.999, "{frequency_hz} Hz");
            assert_eq!(level_dbov(&heard[100..]), -15, "{frequency_hz} Hz");
        }
    }

    #[test]
    fn what_lies_above_the_telephone_band_is_gone() {
        // A tone of half the pitch at half the rate.
        for frequency_hz in [4700.0, 5000.0, 6000.0, 7500.0] {
            let heard = halved(Sine::new(frequency_hz / 2.0, 16_000).take(16_000));
            assert!(level_dbov(&heard[100..]) < -65, "{frequency_hz} Hz: {}", level_dbov(&heard[100..]));
        }
    }

    #[test]
    fn the_loudest_samples_do_not_overflow() {
        for swing in [1, 2, 3, 7] {
            let loud = |n: usize| if (n / swing).is_multiple_of(2) { i16::MAX } else { i16::MIN };
            let mut doubler = Doubler::default();
            assert_eq!(halved((0..1000).map(loud)).len(), 500);
            assert_eq!((0..1000).flat_map(|n| doubler.push(loud(n))).count(), 2000);
        }
    }
}
