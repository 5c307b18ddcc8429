//! The figures of B7: legs that click every second, sent through a model of bad networks and clocks, and measured in
//! the rendered sound.

use crate::heard;
use crate::{MS, S, clean, leg, render, step_sample};
use audio::codec::g711;
use sim::clicks::{Way, conditions};

/// What is heard of a condition has to be within B7's figures.
fn holds(name: &str) {
    let condition = conditions().into_iter().find(|condition| condition.name == name).unwrap();
    let measured = heard::measure(&condition);
    let figure_ns = condition.apart_ns;
    assert!(measured.apart_ns(99) <= figure_ns, "{measured}");
    assert!(measured.at_end_ns <= figure_ns, "at the end: {measured}");
    assert!(measured.duration_error_ns <= 20 * MS, "duration: {measured}");
    // What was not lost is heard, and once.
    assert!(measured.heard <= measured.sent, "{measured}");
    let lost_percent = condition.left.lost_percent.max(condition.right.lost_percent);
    let unheard = measured.sent - measured.heard;
    assert!(unheard as u64 * 100 <= (lost_percent + 2) * measured.sent as u64, "{measured}");
}

/// A test for each condition, so that they run side by side, and one that none is forgotten.
macro_rules! tested {
    ($($test:ident: $name:literal,)*) => {
        $(#[test] fn $test() { holds($name); })*

        #[test]
        fn every_condition_has_a_test() {
            let tested = [$($name),*];
            let untested = conditions().into_iter().map(|condition| condition.name).filter(|name| !tested.contains(name));
            assert_eq!(untested.collect::<Vec<_>>(), [""; 0]);
        }
    };
}

tested! {
    b7_clean: "a clean network",
    b7_jitter_of_100_ms: "100 ms of jitter",
    e2_17_loss_repeats_reordering_and_jitter: "5 % lost, 5 % twice, 20 % overtaken within 60 ms, 100 ms of jitter",
    b2_02_packets_three_seconds_late: "packets up to 3 s late",
    late_spikes: "late spikes of 450 ms",
    b7_02_a_buffer_that_fills_at_the_start: "a buffer of 150 ms that fills at the start",
    b7_06_another_ssrc_every_30_s: "another SSRC every 30 s",
    b7_07_a_media_clock_that_is_set: "a media clock set by half a day",
    b4_01_ten_minutes_of_hold: "ten minutes of hold without packets",
    b7_08_a_leg_that_begins_late: "a leg that begins 12 s late",
    b7_two_hours_of_drifting_clocks: "two hours at +200 and -200 ppm",
    b2_01_start_at_nothing: "sequence and timestamp that begin with 0",
    b2_01_start_before_the_sequence_wraps: "a sequence that begins with 65,535",
    b2_01_start_before_the_timestamp_wraps: "a timestamp that begins with 2^32 - 160",
    unequal_least_delays_by_arrival: "least delays of 5 and 65 ms, by arrival alone",
    b7_05_unequal_least_delays_by_sender_reports: "least delays of 5 and 65 ms, with sender reports by one clock",
    b7_05_sender_reports_at_odds_with_arrival: "sender reports by clocks a second apart that pass for one",
}

/// How far from its true instant each click is heard on one leg.
fn errors(way: &Way) -> Vec<i64> {
    let packets = way.packets();
    let clicks = heard::clicks(&heard::leg(&packets), &packets);
    clicks.iter().map(|at| (at - way.known_ns() + S / 2).rem_euclid(S) - S / 2).collect()
}

fn worst(errors: &[i64]) -> i64 {
    errors.iter().map(|error| error.abs()).max().unwrap()
}

#[test]
fn a_clean_leg_is_placed_within_a_millisecond() {
    let errors = errors(&Way::default());
    assert_eq!(errors.len(), 60);
    assert!(worst(&errors) <= MS, "{errors:?}");
}

#[test]
fn late_spikes_cut_no_segment_and_shift_nothing() {
    for spike_ms in [150, 250, 450, 1900, 2900] {
        let way = Way { seconds: 300, jitter_ns: 40 * MS, spike_ns: spike_ms * MS, ..Way::default() };
        let errors = errors(&way);
        assert!(errors.len() > 297, "{spike_ms} ms: {} clicks", errors.len());
        assert!(worst(&errors) <= 20 * MS, "{spike_ms} ms: {} ms", worst(&errors) / MS);
        assert_eq!(heard::leg(&way.packets()).map.segments().len(), 1, "{spike_ms} ms");
    }
}

#[test]
fn the_drift_of_a_senders_clock_is_measured_where_there_is_a_minute_of_it() {
    for drift_ppm in [-200, -50, 0, 50, 200] {
        let way = Way { seconds: 600, drift_ppm, jitter_ns: 40 * MS, ..Way::default() };
        let measured = heard::leg(&way.packets()).map.drift_ppm().unwrap();
        let truth = f64::from(i32::try_from(drift_ppm).unwrap());
        assert!((measured - truth).abs() < 10.0, "{drift_ppm} ppm: {measured}");
    }
    let short = Way { seconds: 40, drift_ppm: 200, ..Way::default() };
    assert_eq!(heard::leg(&short.packets()).map.drift_ppm(), None);
}

#[test]
fn drift_over_ten_minutes_of_pure_clock_is_followed_to_a_millisecond() {
    for drift_ppm in [-400, -200, 200, 400] {
        let errors = errors(&Way { seconds: 600, drift_ppm, ..Way::default() });
        assert!((599..=601).contains(&errors.len()), "{} clicks", errors.len());
        assert!(worst(&errors) <= 2 * MS, "{drift_ppm} ppm: {} us", worst(&errors) / 1000);
    }
}

/// The first frame of each step in the sound, for packets of [`crate::step`].
fn first_frame(sound: &[i16], n: u16) -> usize {
    sound.iter().position(|sample| *sample == step_sample(n)).unwrap()
}

#[test]
fn reordering_of_three_seconds_is_healed() {
    let mut packets: Vec<_> = (0..400).map(clean).collect();
    let mut late = packets.remove(13);
    late.arrival_ns += 3 * S;
    late.payload = vec![0x80; 160];
    packets.push(late);
    packets.sort_by_key(|packet| packet.arrival_ns);
    let sound = render(&leg(&packets), &packets, 0, 64_000);
    assert!(sound[13 * 160..14 * 160].iter().all(|sample| *sample == g711::pcmu_to_linear(0x80)));
    assert!(sound.iter().all(|sample| *sample != 0));
}

#[test]
fn a_ten_minute_pause_in_sending_keeps_time() {
    let mut packets: Vec<_> = (0..50).map(clean).collect();
    packets.extend((50..100).map(|n| {
        let mut packet = clean(n);
        packet.arrival_ns += 600 * S;
        packet.timestamp += 600 * 8000;
        packet
    }));
    let leg = leg(&packets);
    assert_eq!(leg.map.segments().len(), 1);
    let sound = render(&leg, &packets, 0, 602 * 8000);
    assert!(audio::tone::is_silent(&sound[8000..601 * 8000]));
    assert_eq!(sound[601 * 8000], step_sample(50));
}

#[test]
fn a_clock_that_is_set_makes_no_silence_and_no_overlap() {
    for jump in [5_000_000_u32, 40_000, 4_294_000_000, 2_147_483_648, 3_000_000_000] {
        let mut packets: Vec<_> = (0..100).map(clean).collect();
        packets[50..].iter_mut().for_each(|packet| packet.timestamp = packet.timestamp.wrapping_add(jump));
        let leg = leg(&packets);
        assert_eq!(leg.map.segments().len(), 2, "jump of {jump}");
        let sound = render(&leg, &packets, 0, 16_000);
        assert!(sound.iter().all(|sample| *sample != 0), "jump of {jump}");
        assert_eq!(leg.map.end_ns(), 2 * S);
    }
}

#[test]
fn one_slipped_timestamp_moves_nothing_but_its_packet() {
    let mut packets: Vec<_> = (0..1000).map(clean).collect();
    packets[500].timestamp += 150 * 8;
    let leg = leg(&packets);
    let sound = render(&leg, &packets, 0, 160_000);
    for n in (0..1000).filter(|n| !(500..510).contains(n)) {
        assert_eq!(sound[usize::from(n) * 160 + 80], step_sample(n), "packet {n}");
    }
    assert!(audio::tone::is_silent(&sound[80_000..80_160]));
}

#[test]
fn a_clock_that_stood_still_during_hold_is_placed_by_arrival() {
    let mut packets: Vec<_> = (0..100).map(clean).collect();
    packets[50..].iter_mut().for_each(|packet| packet.arrival_ns += 30 * S);
    let sound = render(&leg(&packets), &packets, 0, 32 * 8000);
    assert!(audio::tone::is_silent(&sound[8000..31 * 8000]));
    assert!(sound[31 * 8000..].iter().all(|sample| *sample != 0));
}

#[test]
fn a_stalled_network_that_catches_up_shifts_nothing() {
    let mut packets: Vec<_> = (0..400).map(clean).collect();
    for (n, packet) in (0..).zip(&mut packets[100..200]) {
        packet.arrival_ns = packet.arrival_ns.max(4 * S + n);
    }
    let leg = leg(&packets);
    let sound = render(&leg, &packets, 0, 64_000);
    assert_eq!(leg.map.segments().len(), 1);
    assert_eq!(sound[8000 * 2 + 10], step_sample(100));
    assert!(sound.iter().all(|sample| *sample != 0));
}

#[test]
fn a_changed_ssrc_continues_the_leg_without_gap_or_overlap() {
    let mut packets: Vec<_> = (0..100).map(clean).collect();
    for packet in &mut packets[50..] {
        packet.ssrc = 99;
        packet.sequence = packet.sequence.wrapping_add(40_000);
    }
    for (n, packet) in (0..).zip(&mut packets[50..]) {
        packet.timestamp = 4_294_960_000_u32.wrapping_add(n * 160);
    }
    let leg = leg(&packets);
    assert_eq!(leg.map.segments().iter().map(|segment| segment.ssrc()).collect::<Vec<_>>(), [7, 99]);
    let sound = render(&leg, &packets, 0, 16_000);
    assert!(sound.iter().all(|sample| *sample != 0));
    assert_eq!(first_frame(&sound[8000..], 50), 0);
    assert_eq!(leg.map.extra_source(), 0);
}

#[test]
fn an_interleaving_source_is_left_out_of_the_sound() {
    let mut packets = Vec::new();
    for n in 0..100 {
        packets.push(clean(n));
        let mut other = clean(n);
        (other.ssrc, other.arrival_ns, other.payload) = (99, other.arrival_ns + 7 * MS, vec![0x00; 160]);
        packets.push(other);
    }
    let leg = leg(&packets);
    let sound = render(&leg, &packets, 0, 16_000);
    assert!(!sound.contains(&g711::pcmu_to_linear(0x00)));
    assert!(leg.map.extra_source() >= 99);
}

#[test]
fn a_restarted_sequence_goes_on_by_arrival_and_a_stray_packet_changes_nothing() {
    let mut packets: Vec<_> = (0..150).map(clean).collect();
    for packet in &mut packets[100..] {
        packet.sequence += 30_000;
        packet.timestamp += 3_000_000_000;
    }
    let mut stray = clean(50);
    (stray.sequence, stray.timestamp, stray.payload) = (20_000, 99, vec![0; 160]);
    packets.insert(50, stray);
    let leg = leg(&packets);
    assert_eq!(leg.map.segments().len(), 2);
    let sound = render(&leg, &packets, 0, 24_000);
    assert!(sound.iter().all(|sample| *sample != 0 && *sample != g711::pcmu_to_linear(0)));
}

#[test]
fn a_map_survives_being_stored() {
    let packets: Vec<_> = (0..100).map(clean).collect();
    let map = leg(&packets).map;
    let json = serde_json::to_string(&map).unwrap();
    assert_eq!(serde_json::from_str::<audio::TimeMap>(&json).unwrap(), map);
}
