//! Files as other programs read them, however the sound was handed over.

use std::path::Path;
use std::process::Command;

use audio::Rate;
use audio::file::{Encoder, Form, Meter, Shape, mp3};
use audio::tone::{Sine, is_silent, level_dbov, tone_share};
use proptest::prelude::*;
use sim::debian::{ffprobe, heard as ffmpeg, program, run};

/// The forms that are made here.
const FORMS: [Form; 3] = [Form::Wav, Form::Flac, Form::OggOpus];

/// A file of these samples, handed over in windows of these sizes, over and over.
fn encoded(form: Form, shape: Shape, samples: &[i16], windows: &[usize]) -> Vec<u8> {
    let mut encoder = Encoder::new(form, shape).unwrap().expect("a form made here");
    let (mut file, mut rest) = (Vec::new(), samples);
    for size in windows.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (now, later) = rest.split_at((*size).min(rest.len()));
        encoder.push(now, &mut file);
        rest = later;
    }
    encoder.finish(&mut file);
    file
}

fn shape(channels: u16, rate: Rate, samples: &[i16]) -> Shape {
    Shape { channels, rate, frames: Some(samples.len() as u64 / u64::from(channels)) }
}

fn sox(path: &Path) -> Vec<i16> {
    let raw = path.with_extension("raw");
    run(Command::new(program("sox", "sox"))
        .arg(path)
        .args(["-t", "raw", "-e", "signed", "-b", "16"])
        .arg(&raw));
    samples_of(&std::fs::read(raw).unwrap())
}

fn samples_of(bytes: &[u8]) -> Vec<i16> {
    let (samples, rest) = bytes.as_chunks::<2>();
    assert!(rest.is_empty());
    samples.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect()
}

/// Noise of a seed, of any loudness.
fn noise(seed: u64, amplitude: i16) -> impl Iterator<Item = i16> {
    let mut state = seed | 1;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let [.., high, higher] = state.to_le_bytes();
        let sample = i32::from(i16::from_le_bytes([high, higher])) * i32::from(amplitude) / 32_767;
        i16::try_from(sample.clamp(-32_768, 32_767)).unwrap()
    })
}

/// Signals of every kind a block can have.
fn signals() -> Vec<(&'static str, Vec<i16>)> {
    let square = (0..9_000).map(|n: usize| if n.is_multiple_of(2) { i16::MIN } else { i16::MAX });
    let mut talk: Vec<i16> = Sine::new(440.0, 9_000).take(5_000).collect();
    talk.extend([0; 10_000]);
    talk.extend(noise(3, 300).take(7_777));
    vec![
        ("talk and silence", talk),
        ("loud noise", noise(7, i16::MAX).take(8_192).collect()),
        ("faint noise", noise(9, 3).take(4_097).collect()),
        ("the steepest there is", square.collect()),
        ("a constant", vec![-5; 4_096]),
        ("a block but one", noise(11, 900).take(4_095).collect()),
        ("fifteen", noise(13, 900).take(15).collect()),
        ("one", vec![-32_768]),
    ]
}

#[test]
fn flac_holds_the_samples_to_the_bit_as_ffmpeg_and_sox_read_it() {
    let folder = tempfile::tempdir().unwrap();
    for (name, signal) in signals() {
        for (channels, rate) in [(1, Rate::Narrow), (2, Rate::Narrow), (2, Rate::Wide), (1, Rate::Full)] {
            let other = noise(5, 2_000);
            let samples: Vec<i16> = match channels {
                1 => signal.clone(),
                _ => signal.iter().copied().zip(other).flat_map(|(left, right)| [left, right]).collect(),
            };
            let path = folder.path().join("it.flac");
            let file = encoded(Form::Flac, shape(channels, rate, &samples), &samples, &[1_000]);
            std::fs::write(&path, &file).unwrap();
            assert!(ffmpeg(&path, rate.hz()) == samples, "{name}, {channels} channels at {rate:?}: ffmpeg");
            assert!(sox(&path) == samples, "{name}, {channels} channels at {rate:?}: sox");
            let probed = ffprobe(&path);
            assert_eq!((probed.codec.as_str(), probed.rate_hz), ("flac", rate.hz()), "{name}");
            // Never much longer than the samples are.
            assert!(
                file.len() <= samples.len() * 2 + 42 + samples.len() / 100 + 20,
                "{name}: {}",
                file.len()
            );
        }
    }
}

/// Two tones, both silent in the third second of five.
fn two_tones(rate: Rate) -> Vec<i16> {
    let second = rate.hz() as usize;
    let at_8k = |hz: f64| hz * 8_000.0 / f64::from(rate.hz());
    let tones = Sine::new(at_8k(440.0), 8_000).zip(Sine::new(at_8k(880.0), 8_000)).take(5 * second);
    let dark = 2 * second..3 * second;
    let heard = tones.enumerate().map(|(at, pair)| if dark.contains(&at) { (0, 0) } else { pair });
    heard.flat_map(|(left, right)| [left, right]).collect()
}

#[test]
fn opus_lasts_as_long_as_the_sound_keeps_sides_apart_and_silence_silent() {
    let folder = tempfile::tempdir().unwrap();
    for rate in Rate::ALL {
        let samples = two_tones(rate);
        let path = folder.path().join("it.opus");
        let file = encoded(Form::OggOpus, shape(2, rate, &samples), &samples, &[3_333]);
        std::fs::write(&path, &file).unwrap();
        let probed = ffprobe(&path);
        assert_eq!((probed.codec.as_str(), probed.channels), ("opus", 2));
        let heard = ffmpeg(&path, 48_000);
        assert_eq!(heard.len(), 2 * 5 * 48_000, "{rate:?}");
        for (channel, own, others) in [(0, 440.0, 880.0), (1, 880.0, 440.0)] {
            let heard: Vec<i16> = heard.iter().skip(channel).step_by(2).copied().collect();
            for span in [4_800..95_000, 150_000..235_000] {
                let (own, others) =
                    (tone_share(&heard[span.clone()], own / 6.0), tone_share(&heard[span], others / 6.0));
                assert!(own > 0.97 && others < 0.001, "{rate:?}, channel {channel}: {own}, {others}");
            }
            let dark = level_dbov(&heard[98_000..142_000]);
            assert!(dark < -70, "{rate:?}, channel {channel}: {dark} dBov in the dark");
            // Where the dark begins and ends is where it did.
            assert!(level_dbov(&heard[94_000..95_500]) > -20 && level_dbov(&heard[145_000..146_500]) > -20);
        }
    }
}

/// A tone that climbs from 300 Hz to 2,400 Hz in a second: it is like itself at no other time.
fn sweep(rate: Rate) -> Vec<i16> {
    let hz = f64::from(rate.hz());
    let at = |n: u32| f64::from(n) / hz;
    let phase = |t: f64| std::f64::consts::TAU * (300.0 * t + 1_050.0 * t * t);
    #[expect(clippy::cast_possible_truncation, reason = "it fits")]
    (0..rate.hz()).map(|n| (phase(at(n)).sin() * 8_000.0) as i16).collect()
}

/// By how many samples one sound is behind the other, where they are most alike.
fn lag(heard: &[i16], said: &[i16]) -> i64 {
    let alike = |lag: i64| -> i64 {
        let pairs = said.iter().zip(0_i64..).filter_map(|(said, at)| {
            let heard = heard.get(usize::try_from(at + lag).ok()?)?;
            Some(i64::from(*said) * i64::from(*heard))
        });
        pairs.sum()
    };
    (-400..=400).max_by_key(|lag| alike(*lag)).unwrap()
}

#[test]
fn opus_is_heard_at_the_time_it_was_said() {
    let folder = tempfile::tempdir().unwrap();
    for rate in Rate::ALL {
        let samples = sweep(rate);
        let path = folder.path().join("it.opus");
        std::fs::write(&path, encoded(Form::OggOpus, shape(1, rate, &samples), &samples, &[1_000])).unwrap();
        let lag = lag(&ffmpeg(&path, 48_000), &ffmpeg_of(&samples, rate, folder.path()));
        // Less than a tenth of a millisecond; what remains is that of the two resamplers.
        assert!(lag.abs() <= 5, "{rate:?}: {lag} samples at 48 kHz");
    }
}

/// Samples as ffmpeg brings them to 48 kHz.
fn ffmpeg_of(samples: &[i16], rate: Rate, folder: &Path) -> Vec<i16> {
    let path = folder.join("it.wav");
    std::fs::write(&path, encoded(Form::Wav, shape(1, rate, samples), samples, &[samples.len()])).unwrap();
    ffmpeg(&path, 48_000)
}

#[test]
fn sound_without_a_known_end_is_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let samples = two_tones(Rate::Narrow);
    for form in FORMS {
        let path = folder.path().join(format!("it.{}", form.extension()));
        let shape = Shape { channels: 2, rate: Rate::Narrow, frames: None };
        std::fs::write(&path, encoded(form, shape, &samples, &[160])).unwrap();
        let heard = ffmpeg(&path, 8_000);
        if form == Form::OggOpus {
            assert_eq!(heard.len(), samples.len());
        } else {
            assert!(heard == samples, "{form}");
        }
    }
}

#[test]
fn no_sound_at_all_is_a_file_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for form in FORMS {
        let path = folder.path().join(format!("it.{}", form.extension()));
        std::fs::write(&path, encoded(form, shape(1, Rate::Narrow, &[]), &[], &[1])).unwrap();
        let heard = ffmpeg_or_nothing(&path);
        assert!(heard.is_none_or(|heard| heard.is_empty()), "{form}");
    }
}

/// ffmpeg complains of a file in which nothing is.
fn ffmpeg_or_nothing(path: &Path) -> Option<Vec<i16>> {
    let mut command = Command::new(program("ffmpeg", "ffmpeg"));
    command.args(["-nostdin", "-v", "quiet", "-i"]).arg(path).args(["-f", "s16le", "pipe:1"]);
    let output = command.output().unwrap();
    output.status.success().then(|| samples_of(&output.stdout))
}

#[test]
fn hours_of_sound_pass_through_less_than_a_second_of_it() {
    for form in FORMS {
        // Opus takes a hundred times as long as the others to make.
        let minutes = if form == Form::OggOpus { 5 } else { 300 };
        let shape = Shape { channels: 2, rate: Rate::Narrow, frames: None };
        let mut encoder = Encoder::new(form, shape).unwrap().unwrap();
        let window: Vec<i16> = noise(1, 500).take(2 * 8 * 8_000).collect();
        let (mut most_held, mut most_given, mut out) = (0, 0, Vec::new());
        for _ in 0..minutes * 60 / 8 {
            out.clear();
            encoder.push(&window, &mut out);
            most_held = most_held.max(encoder.held_bytes());
            most_given = most_given.max(out.len());
        }
        assert!(most_held < 2 * 2 * 8_000, "{form}: {most_held} bytes are held");
        assert!(most_given <= 2 * window.len() + 100, "{form}: {most_given} bytes for one window");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn windows_of_any_size_give_the_same_file(
        seed in any::<u64>(),
        amplitude in 0_i16..,
        frames in 0_usize..20_000,
        channels in 1_u16..=2,
        windows in prop::collection::vec(1_usize..9_000, 1..6),
        rate in prop::sample::select(Rate::ALL.to_vec()),
    ) {
        let samples: Vec<i16> = noise(seed, amplitude).take(frames * usize::from(channels)).collect();
        for form in FORMS {
            let shape = shape(channels, rate, &samples);
            let whole = encoded(form, shape, &samples, &[usize::MAX]);
            prop_assert!(encoded(form, shape, &samples, &windows) == whole, "{}", form);
            let mut meter = Meter::new(form);
            let mut last = 0;
            for piece in whole.chunks(windows[0]) {
                let now = meter.push(piece);
                prop_assert!(now >= last, "{}: {} after {}", form, now, last);
                last = now;
            }
        }
    }

    #[test]
    fn a_meter_takes_any_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..3_000),
        begin in prop::sample::select(vec![&b""[..], b"fLaC", b"OggS\0\0", b"RIFF", b"\xff\xfb\xf0"]),
        size in 1_usize..500,
    ) {
        let bytes = [begin, &bytes].concat();
        for form in Form::ALL {
            let mut meter = Meter::new(form);
            bytes.chunks(size).for_each(|piece| { meter.push(piece); });
        }
    }
}

#[test]
fn what_is_silent_in_wav_and_flac_is_exactly_silent() {
    let folder = tempfile::tempdir().unwrap();
    let samples = two_tones(Rate::Narrow);
    for form in [Form::Wav, Form::Flac] {
        let path = folder.path().join(format!("it.{}", form.extension()));
        std::fs::write(&path, encoded(form, shape(2, Rate::Narrow, &samples), &samples, &[777])).unwrap();
        let heard = ffmpeg(&path, 8_000);
        assert!(is_silent(&heard[2 * 16_000..3 * 16_000]) && !is_silent(&heard[..100]));
    }
}

#[test]
fn a_meter_says_how_much_sound_has_come() {
    let samples = two_tones(Rate::Narrow);
    for form in Form::ALL {
        let shape = shape(2, Rate::Narrow, &samples);
        let file = match form {
            // As an encoder would: so many bytes in a second.
            Form::Mp3 => [mp3::head(&shape), vec![0; 5 * 8_000]].concat(),
            form => encoded(form, shape, &samples, &[1_000]),
        };
        let mut meter = Meter::new(form);
        let times: Vec<u64> = file.chunks(500).map(|piece| meter.push(piece)).collect();
        let end = times.last().copied().unwrap();
        assert!((4_400..=5_100).contains(&end), "{form}: {end} ms of 5000");
        assert!(times.iter().any(|ms| (1_000..2_600).contains(ms)), "{form}: it moves: {times:?}");
    }
}
