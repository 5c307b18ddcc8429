use super::*;
use crate::rate::{Rate, Resampler};
use crate::tone::{Sine, level_dbov, tone_share};
use proptest::prelude::*;

/// A tone at 16 kHz: one of half the pitch at 8 kHz.
fn tone(frequency_hz: f64) -> Vec<i16> {
    Sine::new(frequency_hz / 2.0, 8000).take(32_000).collect()
}

fn there_and_back(samples: &[i16]) -> Vec<i16> {
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
    samples.as_chunks::<2>().0.iter().flat_map(|pair| decoder.decode(encoder.encode(*pair))).collect()
}

#[test]
fn a_tone_of_either_band_comes_back_at_its_pitch_and_level() {
    for frequency_hz in [200.0, 440.0, 1000.0, 3000.0, 5000.0, 6500.0] {
        let heard = &there_and_back(&tone(frequency_hz))[1600..];
        let share = tone_share(heard, frequency_hz / 2.0);
        assert!(share > 0.98, "{frequency_hz} Hz: {share}");
        assert!((-16..=-14).contains(&level_dbov(heard)), "{frequency_hz} Hz: {}", level_dbov(heard));
    }
}

#[test]
fn silence_stays_quiet_and_full_scale_does_not_wrap() {
    assert!(there_and_back(&[0; 3200]).iter().all(|sample| sample.abs() < 16));
    let square: Vec<i16> =
        (0..32_000_u16).map(|n| if (n / 20).is_multiple_of(2) { i16::MAX } else { i16::MIN }).collect();
    let heard = there_and_back(&square);
    let middle = |n: usize| i32::from(heard[22 + 1600 + n * 20 + 10]);
    assert!((0..500_usize).all(|n| if n.is_multiple_of(2) {
        middle(n) > 20_000
    } else {
        middle(n) < -20_000
    }));
}

#[test]
fn a_decoder_that_begins_in_the_middle_soon_says_the_same() {
    let mut encoder = Encoder::default();
    let speech: Vec<i16> =
        tone(440.0).iter().zip(tone(1777.0)).map(|(one, other)| one / 2 + other / 2).collect();
    let bytes: Vec<u8> = speech.as_chunks::<2>().0.iter().map(|pair| encoder.encode(*pair)).collect();
    let (mut whole, mut late) = (Decoder::default(), Decoder::default());
    for byte in &bytes[..4000] {
        whole.decode(*byte);
    }
    let apart = bytes[4000..].iter().map(|byte| {
        let (one, other) = (whole.decode(*byte), late.decode(*byte));
        one[0].abs_diff(other[0]).max(one[1].abs_diff(other[1]))
    });
    let apart: Vec<u16> = apart.collect();
    assert!(apart[..80].iter().any(|apart| *apart > 1000), "it matters at first");
    let later = apart[8000..].iter().max().copied();
    assert!(later <= Some(8), "{later:?} after a second");
}

#[test]
fn the_telephone_band_of_it_is_kept_at_8_khz_and_the_rest_does_not_fold_back() {
    let halved = |frequency_hz: f64| {
        let heard = Resampler::new(Rate::Wide, Rate::Narrow).all(there_and_back(&tone(frequency_hz)));
        heard[1600..].to_vec()
    };
    for frequency_hz in [200.0, 1000.0, 3000.0] {
        let heard = halved(frequency_hz);
        assert!(tone_share(&heard, frequency_hz) > 0.98, "{frequency_hz} Hz");
        assert!((-16..=-14).contains(&level_dbov(&heard)), "{frequency_hz} Hz: {}", level_dbov(&heard));
    }
    for frequency_hz in [5000.0, 6000.0, 7000.0] {
        let folded = halved(frequency_hz);
        let share = tone_share(&folded, 8000.0 - frequency_hz);
        let level = f64::from(level_dbov(&folded)) + 10.0 * share.max(1e-9).log10();
        assert!(level < -60.0, "{frequency_hz} Hz folds back at {level} dBov");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_sound_and_any_samples_are_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..3000),
        samples in prop::collection::vec(any::<[i16; 2]>(), 0..3000),
    ) {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        for byte in bytes {
            decoder.decode(byte);
        }
        for pair in samples {
            let byte = encoder.encode(pair);
            // RFC 3551 and the Recommendation: the first four codes of the lower band never go out.
            prop_assert!(byte & 0x3f > 3);
            decoder.decode(byte);
        }
    }
}
