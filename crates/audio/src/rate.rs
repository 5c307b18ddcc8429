//! Sampling rates, and the way from one to another.
//!
//! Belongs here: the rates sound is made at, and the filter that keeps what lies above the lower one's band from folding
//! into what is heard. Does not: fitting a packet to its place ([`crate::render`]).
//!
//! One windowed sine (Kaiser 6) for each ratio, with twelve taps a side for each sample at the lower rate: for 8 kHz
//! level to 3.4 kHz, 6 dB down at 4 kHz, more than 50 dB down from 4.6 kHz on, and 1.5 ms of delay.

use std::f64::consts::PI;
use std::sync::OnceLock;

/// A sampling rate of sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Rate {
    /// 8,000 Hz: G.711, G.729, L16 of that rate.
    #[default]
    Narrow,
    /// 16,000 Hz: G.722, L16 of that rate.
    Wide,
    /// 48,000 Hz: Opus, L16 of that rate.
    Full,
}

impl Rate {
    /// All of them, lowest first.
    pub const ALL: [Self; 3] = [Self::Narrow, Self::Wide, Self::Full];

    /// Samples a second.
    #[must_use]
    pub const fn hz(self) -> u32 {
        match self {
            Self::Narrow => 8_000,
            Self::Wide => 16_000,
            Self::Full => 48_000,
        }
    }

    /// The rate with so many samples a second.
    #[must_use]
    pub fn of_hz(hz: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|rate| rate.hz() == hz)
    }

    /// Frames in so many nanoseconds, a started one not counted; negative before the beginning.
    #[must_use]
    pub fn frames_in(self, ns: i64) -> i64 {
        let frames = (i128::from(ns) * i128::from(self.hz())).div_euclid(1_000_000_000);
        i64::try_from(frames).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
    }

    /// Frames in so many nanoseconds, a started one counted.
    #[must_use]
    pub fn frames_touched(self, ns: i64) -> i64 {
        self.frames_in(ns.saturating_neg()).saturating_neg()
    }

    /// When a frame begins, ns; a fraction is left away.
    #[must_use]
    pub fn ns_of(self, frame: u64) -> i64 {
        i64::try_from(u128::from(frame) * 1_000_000_000 / u128::from(self.hz())).unwrap_or(i64::MAX)
    }
}

/// Brings samples from one rate to another.
#[derive(Debug, Clone)]
pub struct Resampler {
    up: usize,
    down: usize,
    taps: &'static [f32],
    /// The newest samples that went in, oldest first; empty where nothing has to be done.
    heard: Vec<f32>,
    /// Samples at the higher rate so far, modulo `down`.
    count: usize,
}

impl Resampler {
    /// Nothing has been heard.
    #[must_use]
    pub fn new(from: Rate, to: Rate) -> Self {
        let up = (to.hz() / from.hz()).max(1) as usize;
        let down = (from.hz() / to.hz()).max(1) as usize;
        let taps = taps(up.max(down));
        let heard = if up == down { Vec::new() } else { vec![0.0; taps.len().div_ceil(up)] };
        Self { up, down, taps, heard, count: 0 }
    }

    /// Takes a sample, and appends those it gives: none, one, or several.
    pub fn push(&mut self, sample: i16, out: &mut Vec<i16>) {
        if self.heard.is_empty() {
            return out.push(sample);
        }
        self.heard.rotate_left(1);
        if let Some(newest) = self.heard.last_mut() {
            *newest = f32::from(sample);
        }
        for phase in 0..self.up {
            self.count = (self.count + 1) % self.down;
            if self.count == 0 {
                let taps = self.taps[phase..].iter().step_by(self.up);
                let sum: f32 = self.heard.iter().rev().zip(taps).map(|(sample, tap)| sample * tap).sum();
                // What went in between samples is silence: its share is made up for.
                #[expect(clippy::cast_possible_truncation, reason = "float to integer saturates")]
                out.push((sum * self.gain()).round() as i16);
            }
        }
    }

    /// All samples of a sound.
    pub fn all(&mut self, samples: impl IntoIterator<Item = i16>) -> Vec<i16> {
        let mut out = Vec::new();
        samples.into_iter().for_each(|sample| self.push(sample, &mut out));
        out
    }

    #[expect(clippy::cast_precision_loss, reason = "at most six")]
    fn gain(&self) -> f32 {
        self.up as f32
    }
}

/// The filter for a ratio, its sum one.
fn taps(ratio: usize) -> &'static [f32] {
    static TAPS: [OnceLock<Vec<f32>>; 4] = [const { OnceLock::new() }; 4];
    let place = match ratio {
        2 => 1,
        3 => 2,
        6 => 3,
        _ => return &[],
    };
    TAPS[place].get_or_init(|| {
        let side = 12 * i32::try_from(ratio).unwrap_or(1);
        let tap = |n: i32| {
            let at = f64::from(n) / f64::from(side);
            let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
            sinc(12.0 * at) * bessel(6.0 * (1.0 - at * at).max(0.0).sqrt())
        };
        let shape: Vec<f64> = (1 - side..side).map(tap).collect();
        let sum: f64 = shape.iter().sum();
        #[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
        shape.into_iter().map(|tap| (tap / sum) as f32).collect()
    })
}

/// The modified Bessel function of order zero, of which Kaiser's window is made.
fn bessel(x: f64) -> f64 {
    let terms = (1..32).scan(1.0, |term: &mut f64, k| {
        *term *= (x / 2.0 / f64::from(k)).powi(2);
        Some(*term)
    });
    1.0 + terms.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Sine, level_dbov, tone_share};

    /// A tone, brought from one rate to another; of what comes out the share is looked at as if it were 8 kHz.
    fn brought(hz: f64, from: Rate, to: Rate) -> Vec<i16> {
        let tone = Sine::new(at_8k(hz, from), 8000).take(from.hz() as usize);
        Resampler::new(from, to).all(tone)
    }

    fn at_8k(hz: f64, rate: Rate) -> f64 {
        hz * 8_000.0 / f64::from(rate.hz())
    }

    #[test]
    fn a_tone_of_the_lower_band_survives_every_way() {
        for (from, to) in Rate::ALL.into_iter().flat_map(|from| Rate::ALL.map(|to| (from, to))) {
            let edge = f64::from(from.min(to).hz()) * 0.41;
            for hz in [300.0, 440.0, 1000.0, edge] {
                let heard = brought(hz, from, to);
                assert_eq!(heard.len(), to.hz() as usize, "{from:?} to {to:?}");
                let share = tone_share(&heard[600..], at_8k(hz, to));
                assert!(share > 0.999, "{from:?} to {to:?}: {share} of {hz} Hz");
                assert_eq!(level_dbov(&heard[600..]), -15, "{from:?} to {to:?}: {hz} Hz");
            }
        }
    }

    #[test]
    fn what_lies_above_the_lower_band_is_gone() {
        for (from, to) in [(Rate::Wide, Rate::Narrow), (Rate::Full, Rate::Narrow), (Rate::Full, Rate::Wide)] {
            let half = f64::from(to.hz()) / 2.0;
            for hz in [half * 1.175, half * 1.25, half * 1.5, half * 1.9] {
                let level = level_dbov(&brought(hz, from, to)[600..]);
                assert!(level < -65, "{from:?} to {to:?}: {hz} Hz at {level} dBov");
            }
        }
    }

    #[test]
    fn no_image_of_a_tone_appears_above_the_lower_band() {
        for (from, to) in [(Rate::Narrow, Rate::Wide), (Rate::Narrow, Rate::Full), (Rate::Wide, Rate::Full)] {
            let image = f64::from(from.hz()) - 1000.0;
            let share = tone_share(&brought(1000.0, from, to)[600..], at_8k(image, to));
            assert!(share < 1e-5, "{from:?} to {to:?}: {share}");
        }
    }

    #[test]
    fn the_loudest_samples_saturate() {
        for (swing, to) in
            [1, 2, 3, 7].into_iter().flat_map(|swing| [(swing, Rate::Wide), (swing, Rate::Narrow)])
        {
            let loud = |n: usize| if (n / swing).is_multiple_of(2) { i16::MAX } else { i16::MIN };
            let from = if to == Rate::Wide { Rate::Narrow } else { Rate::Full };
            let heard = Resampler::new(from, to).all((0..1200).map(loud));
            assert_eq!(heard.len(), 1200 * to.hz() as usize / from.hz() as usize);
        }
    }

    #[test]
    fn frames_and_times_fit_each_other() {
        for rate in Rate::ALL {
            for frame in [0, 1, 2, 3, 47_999, 48_000, 10_000_000_001] {
                let touched = rate.frames_touched(rate.ns_of(frame));
                assert_eq!(touched, i64::try_from(frame).unwrap(), "{rate:?}");
            }
            assert_eq!((rate.frames_in(-1), rate.frames_touched(1)), (-1, 1));
            let whole = i64::MAX / 1_000_000_000 * i64::from(rate.hz());
            assert!(rate.frames_in(i64::MAX) >= whole && rate.frames_touched(i64::MIN) <= -whole);
        }
    }
}
