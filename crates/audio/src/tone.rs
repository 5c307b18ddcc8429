//! Making a tone and finding it again: how the demo and the tests know whose voice is on which leg.
//!
//! The detector is Goertzel's: it follows one frequency through the samples and gives the power there,
//!
//! ```text
//! s[n] = x[n] + 2 cos(w) s[n-1] - s[n-2]         w = 2 pi f / rate
//! |X|^2 = s[N-1]^2 + s[N-2]^2 - 2 cos(w) s[N-1] s[N-2]
//! ```
//!
//! For a pure tone |X|^2 is N/2 times the energy of the samples, so the quotient is the tone's share, 0 to 1.

use std::f64::consts::TAU;

/// A sine tone without end.
#[derive(Debug, Clone)]
pub struct Sine {
    phase: f64,
    step: f64,
    amplitude: f64,
}

impl Sine {
    /// A tone at 8 kHz samples; amplitude in sample units, up to 32,767.
    #[must_use]
    pub fn new(frequency_hz: f64, amplitude: i16) -> Self {
        Self {
            phase: 0.0,
            step: TAU * frequency_hz / f64::from(crate::rate::Rate::Narrow.hz()),
            amplitude: amplitude.into(),
        }
    }
}

impl Iterator for Sine {
    type Item = i16;

    fn next(&mut self) -> Option<i16> {
        let value = self.amplitude * self.phase.sin();
        self.phase = (self.phase + self.step) % TAU;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "float to integer saturates, and the amplitude fits"
        )]
        Some(value.round() as i16)
    }
}

/// The share of the energy of 8 kHz samples that lies at a frequency, 0 to 1; 0 for silence. Give it at least 50 ms: the
/// detector is as narrow as the samples are long (20 Hz for 50 ms).
#[must_use]
pub fn tone_share(samples: &[i16], frequency_hz: f64) -> f64 {
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    if energy == 0.0 {
        return 0.0;
    }
    let twice_cos = 2.0 * (TAU * frequency_hz / f64::from(crate::rate::Rate::Narrow.hz())).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        (last, before) = (f64::from(*sample) + twice_cos * last - before, last);
    }
    let power = last * last + before * before - twice_cos * last * before;
    #[expect(clippy::cast_precision_loss, reason = "2^53 samples are longer than any recording")]
    let length = samples.len() as f64;
    (power / (energy * length / 2.0)).clamp(0.0, 1.0)
}

/// Whether every sample is exactly zero.
#[must_use]
pub fn is_silent(samples: &[i16]) -> bool {
    samples.iter().all(|sample| *sample == 0)
}

/// Level of samples in dBov (0 is a full square wave, RFC 6464), -127 for silence.
#[must_use]
pub fn level_dbov(samples: &[i16]) -> i8 {
    #[expect(clippy::cast_precision_loss, reason = "2^53 samples are longer than any recording")]
    let length = samples.len().max(1) as f64;
    let power = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / length;
    let level = 10.0 * (power / 32_767.0_f64.powi(2)).log10();
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the range")]
    let level = level.clamp(-127.0, 0.0).round() as i8;
    level
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_found_and_no_other() {
        let samples: Vec<_> = Sine::new(440.0, 8000).take(4000).collect();
        assert!(tone_share(&samples, 440.0) > 0.99);
        assert!(tone_share(&samples, 523.25) < 0.01);
        assert_eq!(level_dbov(&samples), -15);
    }

    #[test]
    fn two_tones_share_the_energy() {
        let pair = Sine::new(440.0, 8000).zip(Sine::new(1000.0, 8000));
        let samples: Vec<_> = pair.take(8000).map(|(a, b)| a + b).collect();
        assert!((0.49..0.51).contains(&tone_share(&samples, 440.0)));
        assert!((0.49..0.51).contains(&tone_share(&samples, 1000.0)));
    }

    #[test]
    fn one_sample_breaks_silence() {
        assert!(is_silent(&[0; 100]) && !is_silent(&[0, 0, 1]));
        assert_eq!((tone_share(&[0; 100], 440.0), level_dbov(&[0; 100])), (0.0, -127));
    }
}
