//! The figures of B7: legs that click every second, sent through a model of bad networks and clocks, and measured in
//! the rendered sound.

use crate::{Dice, MS, S, Stored, clean, leg, render, step_sample};
use audio::codec::g711;

/// A sender, its clock, and the way to us.
#[derive(Clone)]
struct Way {
    seconds: i64,
    /// The sender's clock against ours, parts per million.
    drift_ppm: i64,
    delay_ns: i64,
    jitter_ns: i64,
    loss_percent: u64,
    /// Every packet in a hundred or so comes this much later still.
    spike_ns: i64,
    /// Extra delay of the first seconds, as a gateway that fills a buffer has.
    startup_ns: i64,
    seed: u64,
}

const CLEAN: Way = Way {
    seconds: 60,
    drift_ppm: 0,
    delay_ns: 5 * MS,
    jitter_ns: 0,
    loss_percent: 0,
    spike_ns: 0,
    startup_ns: 0,
    seed: 1,
};

/// Packets of a leg that clicks at every whole second of true time, in arrival order. The sender samples by its own
/// clock: by true time t it has taken t * (1 + drift) * 8000 samples.
fn clicks(way: &Way) -> Vec<Stored> {
    let mut dice = Dice(way.seed);
    let faster = 1_000_000 + way.drift_ppm;
    let (true_ns, start) = (|sample: i64| sample * 125_000 * 1_000_000 / faster, dice.below(1 << 32));
    // The first sample at or after a whole second of true time.
    let click = |second: i64| (second * 8000 * faster + 999_999) / 1_000_000;
    let mut next_click = 1;
    let mut packets = Vec::new();
    for n in 0..way.seconds * 50 {
        let mut payload = vec![0xff; 160];
        if let Some(at) = click(next_click).checked_sub(n * 160).filter(|at| *at < 160) {
            payload[usize::try_from(at).unwrap()] = 0x80;
            next_click += 1;
        }
        let sent_ns = true_ns((n + 1) * 160);
        let spike_ns = if dice.below(100) == 0 { way.spike_ns } else { 0 };
        let late_ns = dice.ns(way.jitter_ns) + spike_ns + if n < 100 { way.startup_ns } else { 0 };
        if dice.below(100) >= way.loss_percent {
            packets.push(Stored {
                arrival_ns: sent_ns + way.delay_ns + late_ns,
                sequence: u16::try_from((n + 65_500) % 65_536).unwrap(),
                timestamp: u32::try_from((n as u64 * 160 + start) % (1 << 32)).unwrap(),
                ssrc: 7,
                payload_type: 0,
                payload,
            });
        }
    }
    packets.sort_by_key(|packet| packet.arrival_ns);
    packets
}

/// Times of the clicks in the rendered leg, ns, rendered in pieces of ten seconds as a player would.
fn heard(packets: &[Stored]) -> Vec<i64> {
    let leg = leg(packets);
    let mut clicks = Vec::new();
    let mut from_frame = 0_u64;
    while i64::try_from(from_frame).unwrap() * 125_000 < leg.map.end_ns() {
        let begin_ns = i64::try_from(from_frame).unwrap() * 125_000;
        let (from_ns, until_ns) = leg.map.arrivals_of(begin_ns, begin_ns + 10 * S);
        let from = packets.partition_point(|packet| packet.arrival_ns < from_ns);
        let until = packets.partition_point(|packet| packet.arrival_ns <= until_ns);
        let sound = render(&leg, &packets[from..until], from_frame, 80_000);
        let loud = g711::pcmu_to_linear(0x80);
        let found = sound.iter().zip(0_i64..).filter(|(sample, _)| **sample == loud);
        clicks.extend(found.map(|(_, at)| begin_ns + at * 125_000));
        from_frame += 80_000;
    }
    clicks
}

/// Where the sound must be: a click of second k lies at k seconds plus the delay that every packet has at least
/// (packets arrive 20 ms after their first sample, and no recorder can know that).
fn errors(way: &Way) -> Vec<i64> {
    let clicks = heard(&clicks(way));
    let known = way.delay_ns + 20 * MS;
    clicks.iter().map(|at| (at - known + S / 2).rem_euclid(S) - S / 2).collect()
}

fn worst(errors: &[i64]) -> i64 {
    errors.iter().map(|error| error.abs()).max().unwrap()
}

#[test]
fn a_clean_network_is_aligned_within_a_millisecond() {
    let errors = errors(&CLEAN);
    assert_eq!(errors.len(), 59);
    assert!(worst(&errors) <= MS, "{errors:?}");
}

#[test]
fn two_legs_with_100_ms_of_jitter_and_loss_stay_within_40_ms() {
    let left = errors(&Way { jitter_ns: 100 * MS, loss_percent: 2, ..CLEAN });
    let right = errors(&Way { jitter_ns: 100 * MS, loss_percent: 2, seed: 2, ..CLEAN });
    assert!(left.len() > 50 && right.len() > 50);
    let apart = worst(&left) + worst(&right);
    println!("100 ms of jitter: {} us", apart / 1000);
    assert!(apart <= 40 * MS, "{} ms", apart / MS);
}

#[test]
fn late_spikes_cut_no_segment_and_shift_nothing() {
    for spike_ms in [150, 250, 450, 1900, 2900] {
        let way = Way { seconds: 300, jitter_ns: 40 * MS, spike_ns: spike_ms * MS, ..CLEAN };
        let errors = errors(&way);
        assert!(errors.len() > 297, "{spike_ms} ms: {} clicks", errors.len());
        assert!(worst(&errors) <= 20 * MS, "{spike_ms} ms: {} ms", worst(&errors) / MS);
        assert_eq!(leg(&clicks(&way)).map.segments().len(), 1, "{spike_ms} ms");
    }
}

#[test]
fn two_hours_of_drifting_clocks_end_within_50_ms() {
    let hours = Way { seconds: 7200, jitter_ns: 30 * MS, ..CLEAN };
    let left = errors(&Way { drift_ppm: 200, ..hours.clone() });
    let right = errors(&Way { drift_ppm: -200, seed: 9, ..hours });
    assert!(left.len() > 7190 && right.len() > 7190, "{} and {} clicks", left.len(), right.len());
    let apart = worst(&left) + worst(&right);
    println!("two hours: {} us", apart / 1000);
    assert!(apart <= 50 * MS, "{} ms", apart / MS);
}

#[test]
fn drift_over_ten_minutes_of_pure_clock_is_followed_to_a_millisecond() {
    for drift_ppm in [-400, -200, 200, 400] {
        let errors = errors(&Way { seconds: 600, drift_ppm, ..CLEAN });
        assert!((599..=600).contains(&errors.len()), "{} clicks", errors.len());
        assert!(worst(&errors) <= 2 * MS, "{drift_ppm} ppm: {} us", worst(&errors) / 1000);
    }
}

#[test]
fn a_start_up_buffer_does_not_shift_the_leg() {
    let errors = errors(&Way { startup_ns: 150 * MS, ..CLEAN });
    assert!(worst(&errors) <= 2 * MS, "{} ms", worst(&errors) / MS);
}

#[test]
fn a_duration_is_true_within_20_ms() {
    let way = Way { seconds: 600, drift_ppm: 200, jitter_ns: 50 * MS, ..CLEAN };
    let leg = leg(&clicks(&way));
    let truth = 600 * S * 1_000_000 / 1_000_200 + way.delay_ns + 20 * MS;
    assert!((leg.map.end_ns() - truth).abs() <= 20 * MS, "{}", leg.map.end_ns() - truth);
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
    let map = leg(&clicks(&CLEAN)).map;
    let json = serde_json::to_string(&map).unwrap();
    assert_eq!(serde_json::from_str::<audio::TimeMap>(&json).unwrap(), map);
}
