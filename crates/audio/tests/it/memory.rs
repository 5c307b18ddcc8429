//! Codecs whose packets depend on the ones before: sound across packets, gaps and windows.

use crate::{MS, Stored, leg, render};
use audio::codec::{g722, l16};
use audio::rate::Doubler;
use audio::tone::{Sine, is_silent, tone_share};

/// A tone as packets of 20 ms of a payload type: 9 is G.722, 97 and 98 are L16 at 8 and 16 kHz.
fn talk(payload_type: u8, frequency_hz: f64, packets: u16) -> Vec<Stored> {
    let (mut doubler, mut encoder) = (Doubler::default(), g722::Encoder::default());
    let mut tone = Sine::new(frequency_hz, 8000);
    let mut packet = |n: u16| {
        let samples: Vec<i16> = tone.by_ref().take(160).collect();
        let wide: Vec<i16> = samples.iter().flat_map(|sample| doubler.push(*sample)).collect();
        let payload = match payload_type {
            9 => wide.as_chunks::<2>().0.iter().map(|pair| encoder.encode(*pair)).collect(),
            97 => l16::encode(&samples).collect(),
            _ => l16::encode(&wide).collect(),
        };
        Stored {
            arrival_ns: i64::from(n) * 20 * MS,
            sequence: n,
            timestamp: u32::from(n) * if payload_type == 98 { 320 } else { 160 },
            ssrc: 7,
            payload_type,
            payload,
        }
    };
    (0..packets).map(&mut packet).collect()
}

#[test]
fn a_tone_is_heard_at_its_pitch_in_every_codec() {
    for payload_type in [9, 97, 98] {
        let packets = talk(payload_type, 440.0, 250);
        let leg = leg(&packets);
        assert_eq!(leg.map.end_ns(), 5000 * MS, "type {payload_type}");
        let sound = render(&leg, &packets, 0, 40_000);
        let share = tone_share(&sound[800..], 440.0);
        assert!(share > 0.99, "type {payload_type}: {share}");
    }
}

#[test]
fn any_window_of_a_long_call_gives_the_samples_of_the_whole() {
    for payload_type in [9, 98] {
        let packets = talk(payload_type, 1234.0, 1000);
        let leg = leg(&packets);
        let whole = render(&leg, &packets, 0, 160_000);
        for from in [0_u32, 1, 7999, 8000, 60_001, 100_000, 159_000] {
            let (from_ns, until_ns) = (i64::from(from) * 125_000, (i64::from(from) + 900) * 125_000);
            let (first_ns, last_ns) = leg.map.arrivals_of(from_ns, until_ns);
            let near: Vec<_> =
                packets.iter().filter(|it| (first_ns..=last_ns).contains(&it.arrival_ns)).cloned().collect();
            let from = from as usize;
            assert!(
                render(&leg, &near, from as u64, 900) == whole[from..from + 900],
                "{payload_type}: {from}"
            );
        }
    }
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
