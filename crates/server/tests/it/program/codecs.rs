//! Codecs besides G.711: stored as they come, heard as they were said, and decoded as others decode them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use audio::codec::g722;
use sim::Program;
use sim::debian;
use sim::rtp::{Head, Leg, packet};
use sim::sip::{Offer, Session, Stream, Transport};
use sim::time::Since;

use super::{legs, on_a_recorded_call, packets, printed, sealed, setup, text, tone_share};

#[test]
fn a_call_in_any_codec_is_heard_at_its_tones_on_both_channels_at_the_codecs_own_rate() {
    let program = setup().start();
    let codecs = [
        ("pcma", "PCMA", 8, 160, 8_000),
        ("g722", "G722", 9, 160, 16_000),
        ("l16", "L16", 96, 320, 8_000),
        ("l16/16000", "L16", 96, 640, 16_000),
        ("opus", "opus", 111, 80, 48_000),
    ];
    for (count, (codec, encoding, payload_type, payload_bytes, rate_hz)) in (1..).zip(codecs) {
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
        assert_eq!(debian::ffprobe(&path).rate_hz, rate_hz, "{codec}");
        for (leg, tone_hz) in exported.channels.iter().zip([440.0, 880.0]) {
            let scale = f64::from(rate_hz / 8_000);
            let from = rate_hz as usize;
            let own = audio::tone::tone_share(&leg[from..from + from / 10], tone_hz / scale);
            assert!(own > 0.9, "{codec}: {own} at {tone_hz} Hz of {rate_hz}");
        }
        let fetched = legs(&program.http, &found);
        for (leg, tone_hz, other_hz) in [(&fetched[0], 440.0, 880.0), (&fetched[1], 880.0, 440.0)] {
            let said = &leg[4_000..20_000];
            let (own, other) = (tone_share(said, tone_hz), tone_share(said, other_hz));
            assert!(own > 0.95 && other < 0.01, "{codec}: {own} at {tone_hz} Hz, {other} at {other_hz} Hz");
        }
    }
}

/// Has a recording client say G.729 frames into two legs: `frames` packets of 20 ms, and one with a silence frame.
fn says_g729(program: &Program) -> [Vec<u8>; 2] {
    let sides = [Leg::new(51), Leg::new(52)];
    let line =
        |label, port| Stream { maps: vec!["18 G729/8000"], formats: "18", ..Stream::g711(label, port) };
    let streams = vec![line("1", sides[0].port()), line("2", sides[1].port())];
    let offer = Offer::new(streams, sim::sip::metadata("4678").into_bytes());
    let session = Session::open(program.sip, Transport::Udp, offer).expect("it is answered");
    let (media, began) = (session.media(), Since::now());
    let frames = |seed, number| sim::rtp::noise(seed, number)[..20].to_vec();
    for number in 0..100_u32 {
        for ((leg, to), seed) in sides.iter().zip(&media).zip([51, 52]) {
            let (sequence, timestamp) = (u16::try_from(number).expect("few"), number * 160);
            let ssrc = u32::try_from(seed).expect("small");
            let head = Head { payload_type: 18, marker: number == 0, sequence, timestamp, ssrc };
            let silence: &[u8] = if number == 99 { &[1, 2] } else { &[] };
            assert!(leg.send(*to, &packet(head, &[&frames(seed, number)[..], silence].concat())));
        }
        began.sleep_until(Duration::from_millis(20) * (number + 1));
    }
    assert_eq!(session.bye(), 200);
    [51, 52].map(|seed| (0..100).flat_map(|number| frames(seed, number)).collect())
}

#[test]
fn a_call_in_g729_is_recorded_and_becomes_sound_by_an_installed_ffmpeg() {
    let program = setup().start();
    let said = says_g729(&program);
    let found = sealed(&program.http, 1).remove(0);
    assert_eq!(packets(&program.data(), &found).len(), 200);
    let path = program.setup.beside("g729.wav");
    printed(&program, &["export", text(&found["id"]), "-o", &path.display().to_string()]);
    let exported =
        audio::file::wav::read(&std::fs::read(&path).expect("it was exported")).expect("a WAV file");
    assert_eq!((exported.rate_hz, exported.channels.len()), (8_000, 2));
    for (index, (leg, frames)) in exported.channels.iter().zip(said).enumerate() {
        let (input, output) =
            (program.setup.write(&format!("{index}.g729"), &frames), program.setup.beside("g729.raw"));
        ffmpeg(&["-f", "g729"], &input, &["-f", "s16le"], &output);
        let decoded = std::fs::read(output).expect("ffmpeg wrote it");
        let decoded = decoded.as_chunks::<2>().0.iter().map(|bytes| i16::from_le_bytes(*bytes));
        let decoded: Vec<i16> = decoded.collect();
        assert_eq!(decoded.len(), 16_000);
        // Sample by sample, but for those pieces in which the sender's clock cost or gave one.
        let whole = |piece: &&[i16]| leg.windows(piece.len()).any(|window| window == *piece);
        let found = decoded.chunks(400).filter(whole).count();
        assert!(found > 20, "channel {index}: {found} of 40 pieces are what ffmpeg decodes");
    }
}

#[test]
fn without_ffmpeg_a_call_in_g729_is_complete_and_its_export_is_refused_with_a_sentence() {
    let program = setup().argument("--ffmpeg").argument("no-such-ffmpeg").start();
    says_g729(&program);
    let found = sealed(&program.http, 1).remove(0);
    assert_eq!(found["completeness"], "complete", "{found}");
    assert_eq!(packets(&program.data(), &found).len(), 200);
    let answer = program.http.get(&format!("/v1/recordings/{}/audio", text(&found["id"])));
    assert_eq!(answer.status, 501);
    let detail = text(&answer.json()["detail"]).to_owned();
    let wanted = ["G.729", "no `no-such-ffmpeg`", "install ffmpeg", "the recording itself is complete"];
    assert!(wanted.iter().all(|wanted| detail.contains(wanted)), "{detail}");
    let output = program.run(&["export", text(&found["id"])]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    assert!(wanted.iter().all(|wanted| said.contains(wanted)), "{said}");
    assert!(super::recording(&program.http, &found).to_string().contains("G729"), "the rest can be read");
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
