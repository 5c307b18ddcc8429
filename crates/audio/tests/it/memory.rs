//! Codecs whose packets depend on the ones before: sound across packets, gaps, windows and rates.

use crate::{MS, Stored, leg, render, render_at};
use audio::codec::Decoder;
use audio::codec::{g711, g722, g729, l16};
use audio::file::ogg;
use audio::rate::Resampler;
use audio::tone::{Sine, is_silent, tone_share};
use audio::{Codec, Elsewhere, Rate};
use std::process::Command;

/// G.711, G.722, L16 at 8 and 16 kHz, Opus.
const TYPES: [u8; 5] = [0, 9, 97, 98, 99];

/// A tone as others encode it.
fn opus(frequency_hz: f64, packets: u16) -> Vec<Vec<u8>> {
    let file = ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        &format!("sine=frequency={frequency_hz}:sample_rate=48000:duration={}", f64::from(packets) / 50.0),
        "-c:a",
        "libopus",
        "-b:a",
        "32k",
        "-f",
        "ogg",
        "pipe:1",
    ]);
    ogg::opus_packets(&file).unwrap()
}

/// What ffmpeg gives.
fn ffmpeg(arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(sim::debian::program("ffmpeg", "ffmpeg"));
    let output = command.args(["-nostdin", "-v", "error"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn opus_is_decoded_as_libopus_decodes_it() {
    let folder = tempfile::tempdir().unwrap();
    for (name, most_apart, encoded) in [
        ("voice", 1, &["-b:a", "12k", "-application", "voip"][..]),
        ("hybrid", 1, &["-b:a", "28k", "-application", "voip"]),
        ("music", 1, &["-b:a", "64k", "-application", "audio"]),
        // What this decoder does with frames of 60 ms differs, by no more than one hears: 54 dB below full scale.
        ("long frames", 70, &["-b:a", "16k", "-application", "voip", "-frame_duration", "60"]),
    ] {
        let path = folder.path().join(format!("{name}.ogg"));
        let path = path.to_str().unwrap();
        let sweep = "aevalsrc=0.4*sin(300*t*t*PI)+0.1*random(0):s=48000:d=4";
        ffmpeg(&[&["-f", "lavfi", "-i", sweep, "-c:a", "libopus"], encoded, &[path]].concat());
        let theirs = ffmpeg(&["-c:a", "libopus", "-i", path, "-f", "s16le", "-ac", "1", "pipe:1"]);
        let theirs: Vec<i16> = theirs.as_chunks::<2>().0.iter().map(|it| i16::from_le_bytes(*it)).collect();
        let mut decoder = Decoder::new(Codec::Opus, Rate::Full);
        let mut ours = Vec::new();
        for packet in ogg::opus_packets(&std::fs::read(path).unwrap()).unwrap() {
            decoder.decode(&packet, &[], &mut ours);
        }
        // A file says how much of its beginning is not to be heard (RFC 7845 §4.2): 312 samples here.
        let apart = ours[312..].iter().zip(&theirs).map(|(one, other)| one.abs_diff(*other)).max();
        assert!(theirs.len() > 190_000 && apart <= Some(most_apart), "{name}: {apart:?}");
    }
}

/// A tone as packets of 20 ms of a payload type.
fn talk(payload_type: u8, frequency_hz: f64, packets: u16) -> Vec<Stored> {
    let mut encoder = g722::Encoder::default();
    let mut to_wide = Resampler::new(Rate::Narrow, Rate::Wide);
    let opus = if payload_type == 99 { opus(frequency_hz, packets) } else { Vec::new() };
    let mut tone = Sine::new(frequency_hz, 8000);
    let mut packet = |n: u16| {
        let samples: Vec<i16> = tone.by_ref().take(160).collect();
        let wide = to_wide.all(samples.iter().copied());
        let payload = match payload_type {
            0 => samples.iter().map(|sample| g711::linear_to_pcmu(*sample)).collect(),
            9 => wide.as_chunks::<2>().0.iter().map(|pair| encoder.encode(*pair)).collect(),
            97 => l16::encode(&samples).collect(),
            98 => l16::encode(&wide).collect(),
            _ => opus[usize::from(n)].clone(),
        };
        let ticks = match payload_type {
            98 => 320,
            99 => 960,
            _ => 160,
        };
        Stored {
            arrival_ns: i64::from(n) * 20 * MS,
            sequence: n,
            timestamp: u32::from(n) * ticks,
            ssrc: 7,
            payload_type,
            payload,
        }
    };
    (0..packets).map(&mut packet).collect()
}

#[test]
fn a_tone_is_heard_at_its_pitch_in_every_codec_at_every_rate() {
    for (payload_type, rate) in TYPES.into_iter().flat_map(|it| Rate::ALL.map(|rate| (it, rate))) {
        let packets = talk(payload_type, 440.0, 250);
        let leg = leg(&packets);
        assert_eq!(leg.map.end_ns(), 5000 * MS, "type {payload_type}");
        let mut sound = vec![-1; 5 * rate.hz() as usize];
        render_at(rate, &leg, &packets, 0, &mut sound);
        let at_8k = 440.0 * 8000.0 / f64::from(rate.hz());
        let share = tone_share(&sound[sound.len() / 50..], at_8k);
        assert!(share > 0.98, "type {payload_type} at {rate:?}: {share}");
    }
}

#[test]
fn any_window_of_a_long_call_gives_the_samples_of_the_whole() {
    for (payload_type, rate) in
        [(9, Rate::Narrow), (98, Rate::Narrow), (9, Rate::Full), (0, Rate::Wide), (0, Rate::Full)]
    {
        let packets = talk(payload_type, 1234.0, 500);
        let leg = leg(&packets);
        let mut whole = vec![0; 10 * rate.hz() as usize];
        render_at(rate, &leg, &packets, 0, &mut whole);
        let second = rate.hz() as usize;
        for from in [0, 1, second - 1, second, 4 * second + 1, 7 * second, 10 * second - 1000] {
            let (from_ns, until_ns) = (rate.ns_of(from as u64), rate.ns_of(from as u64 + 900));
            let (first_ns, last_ns) = leg.map.arrivals_of(from_ns, until_ns);
            let near: Vec<_> =
                packets.iter().filter(|it| (first_ns..=last_ns).contains(&it.arrival_ns)).cloned().collect();
            let mut window = [0; 900];
            render_at(rate, &leg, &near, from as u64, &mut window);
            assert!(window == whole[from..from + 900], "{payload_type} at {rate:?}: {from}");
        }
    }
}

#[test]
fn any_window_of_opus_sounds_like_the_whole() {
    let packets = talk(99, 1234.0, 500);
    let leg = leg(&packets);
    let mut whole = vec![0; 480_000];
    render_at(Rate::Full, &leg, &packets, 0, &mut whole);
    for from in [1_usize, 48_000, 200_001] {
        let mut window = vec![0; 4_800];
        render_at(Rate::Full, &leg, &packets, from as u64, &mut window);
        let apart = window.iter().zip(&whole[from..]).map(|(one, other)| one.abs_diff(*other)).max();
        assert!(apart <= Some(8), "{from}: {apart:?}");
    }
}

/// A decoder that gives each frame's first byte as its samples, and remembers what it was asked.
#[derive(Default)]
struct FirstByte {
    asked: Vec<usize>,
    broken: bool,
}

impl Elsewhere for FirstByte {
    type Error = &'static str;

    fn g729(&mut self, frames: &[u8]) -> Result<Vec<i16>, &'static str> {
        self.asked.push(frames.len());
        let samples = frames.chunks(g729::FRAME_BYTES).flat_map(|frame| [i16::from(frame[0]); 80]);
        if self.broken { Err("no decoder") } else { Ok(samples.collect()) }
    }
}

#[test]
fn what_is_decoded_elsewhere_is_asked_for_once_and_lies_where_it_was_said() {
    let packet = |n: u8| Stored {
        arrival_ns: i64::from(n) * 20 * MS,
        sequence: n.into(),
        timestamp: u32::from(n) * 160,
        ssrc: 7,
        payload_type: 18,
        // Two frames; in the fifth packet one, and one of silence; then a pause.
        payload: if n == 4 { vec![n + 1; 12] } else { vec![n + 1; 20] },
    };
    let packets: Vec<Stored> = [0, 1, 2, 3, 4, 10, 11].map(packet).into();
    let leg = leg(&packets);
    let mut sound = vec![-1; 2400];
    let mut elsewhere = FirstByte::default();
    let all = || packets.iter().map(Stored::packet);
    leg.render(Rate::Narrow, &mut elsewhere, all(), 0, &mut sound).unwrap();
    assert_eq!(elsewhere.asked, [13 * 10]);
    for (at, sample) in [
        (0, 1),
        (159, 1),
        (160, 2),
        (640, 5),
        (719, 5),
        (720, 0),
        (800, 0),
        (1599, 0),
        (1600, 11),
        (1919, 12),
    ] {
        assert_eq!(sound[at], sample, "sample {at}");
    }
    elsewhere.broken = true;
    assert_eq!(leg.render(Rate::Narrow, &mut elsewhere, all(), 0, &mut sound), Err("no decoder"));
    // A window in which nobody says anything in G.729 needs no decoder.
    assert!(leg.render(Rate::Narrow, &mut elsewhere, all(), 80_000, &mut sound).is_ok());
}

#[test]
fn packets_that_were_reordered_and_doubled_sound_as_if_they_were_not() {
    let packets = talk(9, 440.0, 200);
    let straight = render(&leg(&packets), &packets, 0, 32_000);
    let mut mixed = packets.clone();
    mixed[50].arrival_ns += 50 * MS;
    let mut again = packets[120].clone();
    (again.arrival_ns, again.payload) = (again.arrival_ns + 5 * MS, vec![0x80; 160]);
    mixed.push(again);
    mixed.sort_by_key(|packet| packet.arrival_ns);
    assert!(render(&leg(&mixed), &mixed, 0, 32_000) == straight);
}

#[test]
fn a_decoder_begins_anew_after_a_gap() {
    let packets: Vec<_> =
        talk(9, 440.0, 200).into_iter().filter(|packet| !(60..80).contains(&packet.sequence)).collect();
    let sound = render(&leg(&packets), &packets, 0, 32_000);
    assert!(is_silent(&sound[60 * 160..80 * 160]));
    let behind: Vec<_> = packets[60..].to_vec();
    let alone = render(&leg(&behind), &behind, 80 * 160, 1600);
    assert!(sound[80 * 160..][..1600] == alone, "nothing of before the gap is left");
    assert!(tone_share(&sound[80 * 160 + 800..], 440.0) > 0.99);
}
