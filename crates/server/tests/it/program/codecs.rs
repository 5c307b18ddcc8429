//! Codecs besides G.711: stored as they come, heard as they were said, and decoded as others decode them.

use std::path::Path;
use std::process::Command;

use audio::codec::g722;
use sim::debian;

use super::{legs, on_a_recorded_call, packets, printed, sealed, setup, text, tone_share};

#[test]
fn a_call_in_g722_or_l16_is_heard_at_its_tones_on_both_channels() {
    let program = setup().start();
    let codecs = [("g722", "G722", 9, 160), ("l16", "L16", 96, 320), ("l16/16000", "L16", 96, 640)];
    for (count, (codec, encoding, payload_type, payload_bytes)) in (1..).zip(codecs) {
        let call = program.call(&["--seconds", "3", "--codec", codec]);
        on_a_recorded_call(&program.http, "4678");
        call.wait();
        let found = sealed(&program.http, count).pop().expect("the newest is last");
        let shown = super::recording(&program.http, &found).to_string();
        assert!(shown.contains(encoding), "{shown}");

        let stored = packets(&program.data(), &found);
        assert!(stored.len() > 200, "{codec}: {} packets", stored.len());
        let as_sent = |packet: &super::Stored| {
            packet.payload_type == payload_type && packet.payload.len() == payload_bytes
        };
        assert!(stored.iter().all(as_sent), "{codec} is stored as it came");

        let path = program.setup.beside(&format!("{count}.wav"));
        printed(&program, &["export", text(&found["id"]), "-o", &path.display().to_string()]);
        let file = std::fs::read(&path).expect("it was exported");
        let exported = audio::file::wav::read(&file).expect("a WAV file");
        let fetched = legs(&program.http, &found);
        assert!(exported.channels == fetched, "{codec}: the file is what the API gives");
        for (leg, tone_hz, other_hz) in [(&fetched[0], 440.0, 880.0), (&fetched[1], 880.0, 440.0)] {
            let said = &leg[4_000..20_000];
            let (own, other) = (tone_share(said, tone_hz), tone_share(said, other_hz));
            assert!(own > 0.95 && other < 0.01, "{codec}: {own} at {tone_hz} Hz, {other} at {other_hz} Hz");
        }
    }
}

#[test]
fn ffmpeg_and_we_decode_the_same_g722_to_the_same_samples_both_ways() {
    let setup = setup();
    let spoken = sound();
    let mut encoder = g722::Encoder::default();
    let ours: Vec<u8> = spoken.as_chunks::<2>().0.iter().map(|pair| encoder.encode(*pair)).collect();
    let raw: Vec<u8> = spoken.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let (raw, theirs) = (setup.write("spoken.raw", &raw), setup.beside("theirs.g722"));
    ffmpeg(&["-f", "s16le", "-ar", "16000", "-ac", "1"], &raw, &["-f", "g722"], &theirs);
    let theirs = std::fs::read(theirs).expect("ffmpeg wrote it");
    // Bytes that no encoder sends reach the limits of the arithmetic.
    let noise: Vec<u8> = (0..500).flat_map(|frame| sim::rtp::noise(722, frame)).collect();

    for (name, coded) in [("ours", &ours), ("theirs", &theirs), ("noise", &noise)] {
        let (input, output) =
            (setup.write(&format!("{name}.in"), coded), setup.beside(&format!("{name}.raw")));
        ffmpeg(&["-f", "g722"], &input, &["-f", "s16le"], &output);
        let decoded = std::fs::read(output).expect("ffmpeg wrote it");
        let decoded: Vec<i16> =
            decoded.as_chunks::<2>().0.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect();
        let mut decoder = g722::Decoder::default();
        let samples: Vec<i16> = coded.iter().flat_map(|byte| decoder.decode(*byte)).collect();
        assert!(coded.len() > 30_000 && samples.len() == decoded.len(), "{name}: {} samples", samples.len());
        let first = samples.iter().zip(&decoded).position(|(one, other)| one != other);
        assert_eq!(first, None, "{name}: the first sample that differs");
    }
}

/// Five seconds at 16 kHz: a sweep through both bands with bursts of noise, from silent to full scale.
fn sound() -> Vec<i16> {
    let noise = (0..500).flat_map(|frame| sim::rtp::noise(16, frame)).map(|byte| i32::from(byte) - 128);
    let (mut phase, mut samples) = (0.0_f64, Vec::new());
    for (n, noise) in (0..80_000_u32).zip(noise) {
        phase += std::f64::consts::PI * f64::from(n) / 80_000.0;
        let loudness = f64::from(n % 16_000) / 16_000.0;
        #[expect(clippy::cast_possible_truncation, reason = "float to integer saturates")]
        let swept = (phase.sin() * loudness * 40_000.0) as i16;
        let burst = if (n / 2_000).is_multiple_of(5) { noise * 60 } else { 0 };
        samples.push(i16::try_from(i32::from(swept) + burst).unwrap_or(i16::MAX));
    }
    samples
}

fn ffmpeg(input: &[&str], from: &Path, output: &[&str], to: &Path) {
    let mut command = Command::new(debian::program("ffmpeg", "ffmpeg"));
    command.args(["-v", "error", "-y"]).args(input).arg("-i").arg(from).args(output).arg(to);
    debian::run(&mut command);
}
