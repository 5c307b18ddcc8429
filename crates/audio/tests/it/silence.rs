//! Silence that is meant: exact zeros of true length.

use crate::{MS, S, Stored, clean, event_format, leg, render, step_sample};
use audio::{Formats, Leg, tone};

fn clean_leg(packets: &[Stored]) -> Vec<i16> {
    render(&leg(packets), packets, 0, 16_000)
}

#[test]
fn lost_packets_are_silence_of_true_length() {
    let packets: Vec<_> = (0..100).filter(|n| !(40..60).contains(n)).map(clean).collect();
    let sound = clean_leg(&packets);
    assert!(tone::is_silent(&sound[40 * 160..60 * 160]));
    assert_eq!((sound[40 * 160 - 1], sound[60 * 160]), (step_sample(39), step_sample(60)));
}

#[test]
fn a_leg_that_starts_late_is_silent_from_the_beginning() {
    let mut packets: Vec<_> = (0..50).map(clean).collect();
    packets.iter_mut().for_each(|packet| packet.arrival_ns += S);
    let sound = clean_leg(&packets);
    assert!(tone::is_silent(&sound[..8000]) && sound[8000..].iter().all(|sample| *sample != 0));
}

#[test]
fn a_dark_span_is_exactly_silent_even_if_packets_are_there() {
    let packets: Vec<_> = (0..100).map(clean).collect();
    let mut leg = leg(&packets);
    leg.dark = vec![(500 * MS + 1, 700 * MS - 1), (-5 * S, 10 * MS), (1990 * MS, i64::MAX)];
    let sound = render(&leg, &packets, 0, 16_000);
    for (frame, sample) in sound.iter().enumerate() {
        let dark = frame < 80 || (4000..5600).contains(&frame) || frame >= 15_920;
        assert_eq!(*sample == 0, dark, "frame {frame}");
    }
}

#[test]
fn key_presses_and_comfort_noise_are_silence_and_shift_nothing() {
    let mut packets: Vec<_> = (0..100).map(clean).collect();
    for packet in &mut packets[40..60] {
        (packet.payload_type, packet.payload) = (101, vec![255, 10, 0, 160]);
        packet.timestamp = 40 * 160;
    }
    (packets[70].payload_type, packets[70].payload) = (13, vec![60]);
    let sound = clean_leg(&packets);
    assert!(tone::is_silent(&sound[40 * 160..60 * 160]) && tone::is_silent(&sound[70 * 160..71 * 160]));
    assert_eq!(sound.iter().filter(|sample| **sample == 0).count(), 21 * 160);
    assert_eq!(sound[60 * 160], step_sample(60));
    assert_eq!(audio::codec::comfort_noise_level(&packets[70].payload), Some(60));
}

#[test]
fn a_packet_that_comes_twice_is_heard_once() {
    let mut packets: Vec<_> = (0..100).map(clean).collect();
    let mut again = packets[10].clone();
    (again.arrival_ns, again.payload) = (again.arrival_ns + 3 * MS, vec![0x80; 160]);
    packets.insert(11, again);
    let sound = clean_leg(&packets);
    assert_eq!(sound[10 * 160], step_sample(10));
    assert_eq!(sound[11 * 160], step_sample(11));
}

#[test]
fn packet_length_may_change_and_be_odd() {
    let mut packets = Vec::new();
    let mut timestamp = 0;
    for (sequence, length) in (0..100_u16).zip([80_u32, 160, 161, 240, 1].into_iter().cycle()) {
        packets.push(Stored {
            arrival_ns: i64::from(timestamp) * 125_000,
            sequence,
            timestamp,
            ssrc: 1,
            payload_type: 8,
            payload: vec![0x2a; length as usize],
        });
        timestamp += length;
    }
    let sound = render(&leg(&packets), &packets, 0, timestamp as usize);
    assert!(sound.iter().all(|sample| *sample == -32_256));
}

#[test]
fn an_unknown_codec_is_silence() {
    let mut packets: Vec<_> = (0..10).map(clean).collect();
    packets.iter_mut().for_each(|packet| packet.payload_type = 96);
    assert!(tone::is_silent(&clean_leg(&packets)));
}

#[test]
fn a_leg_never_heard_is_silence_to_the_end() {
    let leg = Leg { formats: Formats::new(&[event_format()]), map: leg(&[]).map, dark: vec![] };
    assert_eq!(leg.map.end_ns(), 0);
    assert!(tone::is_silent(&render(&leg, &[], 123, 4567)));
}
