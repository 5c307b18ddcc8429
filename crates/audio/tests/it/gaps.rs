//! Where packets never came, against what was really lost (B2-04).

use crate::{MS, S, Stored, clean, heard, leg};
use audio::{Formats, Gap, GapFinder, Gaps};
use sim::clicks::{Way, conditions};

fn gaps(packets: &[Stored], unkept: &[(i64, i64)]) -> Gaps {
    let leg = leg(packets);
    let mut finder = GapFinder::new(leg.formats.clone());
    packets.iter().for_each(|packet| finder.push(&packet.packet()));
    finder.gaps(&leg.map, unkept)
}

fn lost(from_ms: i64, until_ms: i64, packets: u64) -> Gap {
    Gap { from_ns: from_ms * MS, until_ns: until_ms * MS, packets, damaged: false }
}

#[test]
fn a_gap_is_listed_with_its_place_and_length() {
    let packets: Vec<_> = (0..500).filter(|n| *n != 10 && !(100..150).contains(n)).map(clean).collect();
    let listed = vec![lost(200, 220, 1), lost(2000, 3000, 50)];
    assert_eq!(gaps(&packets, &[]), Gaps { listed, ..Gaps::default() });
}

#[test]
fn a_pause_of_the_sender_without_a_hole_is_no_gap() {
    let mut packets: Vec<_> = (0..100).map(clean).collect();
    for packet in &mut packets[50..] {
        packet.arrival_ns += 60 * S;
        packet.timestamp += 60 * 8000;
    }
    assert_eq!(gaps(&packets, &[]), Gaps::default());
}

#[test]
fn what_comes_late_fills_its_gap_and_repeats_change_nothing() {
    let mut packets: Vec<_> = (0..400).filter(|n| !(100..110).contains(n)).map(clean).collect();
    for n in [104, 100, 101, 109, 104] {
        let mut late = clean(n);
        late.arrival_ns += 2 * S;
        packets.push(late);
    }
    packets.sort_by_key(|packet| packet.arrival_ns);
    let listed = vec![lost(2040, 2080, 2), lost(2100, 2180, 4)];
    assert_eq!(gaps(&packets, &[]), Gaps { listed, ..Gaps::default() });
}

#[test]
fn where_nothing_was_to_be_kept_nothing_is_lost() {
    let packets: Vec<_> =
        (0..500).filter(|n| *n != 10 && !(100..150).contains(n) && *n != 400).map(clean).collect();
    let found = gaps(&packets, &[(2000 * MS, 3000 * MS)]);
    assert_eq!(found.listed, [lost(200, 220, 1), lost(8000, 8020, 1)]);
}

#[test]
fn a_restart_and_another_source_are_no_gaps_and_wraps_neither() {
    let mut packets: Vec<_> = (0..300).map(clean).collect();
    for packet in &mut packets {
        packet.sequence = packet.sequence.wrapping_add(65_500);
    }
    packets[100..].iter_mut().for_each(|packet| packet.sequence = packet.sequence.wrapping_add(20_000));
    packets[200..].iter_mut().for_each(|packet| packet.ssrc = 99);
    assert_eq!(gaps(&packets, &[]), Gaps::default());
}

#[test]
fn a_clock_that_is_set_behind_a_gap_makes_it_no_longer() {
    let mut packets: Vec<_> = (0..300).filter(|n| !(100..110).contains(n)).map(clean).collect();
    for packet in packets.iter_mut().filter(|packet| packet.sequence >= 110) {
        packet.timestamp = packet.timestamp.wrapping_add(3_000_000_000);
    }
    assert_eq!(gaps(&packets, &[]).listed, [lost(2000, 2200, 10)]);
}

#[test]
fn thousands_of_gaps_are_counted() {
    let packets: Vec<_> = (0..6000).filter(|n| n % 2 == 0).map(clean).collect();
    let found = gaps(&packets, &[]);
    assert_eq!((found.listed.len(), found.more), (audio::MAX_GAPS, 2999 - audio::MAX_GAPS as u64));
}

#[test]
fn unreadable_packets_are_told_from_lost_ones() {
    let packets: Vec<_> = (0..100).filter(|n| *n != 30 && *n != 60).map(clean).collect();
    let leg = leg(&packets);
    let mut finder = GapFinder::new(leg.formats.clone());
    for packet in &packets {
        if packet.sequence == 61 {
            finder.push_damaged();
        }
        finder.push(&packet.packet());
    }
    let damaged: Vec<bool> = finder.gaps(&leg.map, &[]).listed.iter().map(|gap| gap.damaged).collect();
    assert_eq!(damaged, [false, true]);
}

/// E2-17: losses listed within 1 % of truth.
#[test]
fn over_every_condition_the_list_is_true() {
    for condition in conditions().into_iter().filter(|condition| condition.left.seconds <= 900) {
        let way = condition.left;
        let came = way.packets();
        let sent = Way { lost_percent: 0, ..way.clone() }.packets();
        let truly_lost = distinct(&sent) - distinct(&came);
        let leg = heard::leg(&came);
        let mut finder = GapFinder::new(Formats::new(&[]));
        came.iter().for_each(|packet| finder.push(&heard::stored(packet)));
        let found = finder.gaps(&leg.map, &[]);
        let packets: u64 = found.listed.iter().map(|gap| gap.packets).sum::<u64>();
        let length_ns: i64 = found.listed.iter().map(|gap| gap.until_ns - gap.from_ns).sum();
        let name = condition.name;
        let whole = packets + found.more_packets;
        assert!(whole.abs_diff(truly_lost) * 100 <= truly_lost, "{name}: {whole} of {truly_lost}");
        let should_ns = i64::try_from(packets).unwrap() * 20 * MS;
        assert!((length_ns - should_ns).abs() * 100 <= should_ns, "{name}: {length_ns} of {should_ns} ns");
    }
}

fn distinct(packets: &[sim::clicks::Arrived]) -> u64 {
    let mut numbers: Vec<_> =
        packets.iter().map(|packet| (packet.ssrc, packet.sequence, packet.timestamp)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.len() as u64
}
