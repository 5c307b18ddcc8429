//! One test per behaviour.

use crate::{EVENT, MS, S, client, config, is_kept, packet, receiver, store, store_from, typed_packet};
use rtp::{Format, Kind, Network, Outcome, Receiver, Refusal, SourceRule, Verdict};

/// Stores `count` packets in order, 20 ms apart; returns the time after the last.
fn run(receiver: &mut Receiver, at_ns: i64, ssrc: u32, sequence: u16, timestamp: u32, count: u16) -> i64 {
    for n in 0..count {
        let sequence = sequence.wrapping_add(n);
        let timestamp = timestamp.wrapping_add(u32::from(n) * 160);
        let bytes = packet(ssrc, sequence, timestamp);
        let verdict = store(receiver, at_ns + i64::from(n) * 20 * MS, &bytes);
        assert!(is_kept(verdict), "packet {n}: {verdict:?}");
    }
    at_ns + i64::from(count) * 20 * MS
}

#[test]
fn a_clean_stream_is_kept_whole_from_any_start() {
    for (sequence, timestamp) in [(0, 0), (65_535, u32::MAX - 159), (65_500, 0_u32.wrapping_sub(160)), (1, 7)]
    {
        let mut receiver = receiver();
        run(&mut receiver, 0, 9, sequence, timestamp, 3000);
        let ledger = receiver.ledger();
        assert!(ledger.balances());
        assert_eq!((ledger.stored, ledger.expected, ledger.lost), (3000, 3000, 0));
        assert_eq!((ledger.reordered, ledger.restarts, ledger.timestamp_jumps), (0, 0, 0));
        assert_eq!((ledger.jitter_max_ns, ledger.longest_gap_ns), (0, 20_000_000));
    }
}

#[test]
fn a_repeat_is_stored_once() {
    let mut receiver = receiver();
    let end = run(&mut receiver, 0, 9, 65_530, 0, 10);
    assert_eq!(store(&mut receiver, end, &packet(9, 65_533, 480)), Verdict::Duplicate);
    assert_eq!(store(&mut receiver, end, &packet(9, 3, 1440)), Verdict::Duplicate);
    assert_eq!((receiver.ledger().duplicate, receiver.ledger().lost), (2, 0));
    assert!(receiver.ledger().balances());
}

#[test]
fn reordering_up_to_three_seconds_is_kept_and_not_counted_lost() {
    let mut receiver = receiver();
    run(&mut receiver, 0, 9, 100, 0, 10);
    let end = run(&mut receiver, 220 * MS, 9, 111, 11 * 160, 140);
    assert_eq!(receiver.ledger().lost, 1);
    assert!(is_kept(store(&mut receiver, end, &packet(9, 110, 1600))), "2.8 s behind");
    assert_eq!((receiver.ledger().lost, receiver.ledger().reordered), (0, 1));
    assert!(receiver.ledger().balances());
}

#[test]
fn late_packet_is_counted_not_stored() {
    let mut receiver = receiver();
    run(&mut receiver, 0, 9, 100, 0, 10);
    let end = run(&mut receiver, 220 * MS, 9, 111, 11 * 160, 190);
    assert_eq!(store(&mut receiver, end, &packet(9, 110, 1600)), Verdict::Late);
    assert_eq!(store(&mut receiver, end, &packet(9, 110, 1600)), Verdict::Duplicate);
    let ledger = receiver.ledger();
    assert_eq!((ledger.late, ledger.duplicate, ledger.lost, ledger.stored), (1, 1, 0, 200));
    assert!(ledger.balances());
}

#[test]
fn packets_before_the_first_one_move_the_beginning_back() {
    let mut receiver = receiver();
    run(&mut receiver, 0, 9, 2, 320, 1);
    assert!(is_kept(store(&mut receiver, MS, &packet(9, 65_535, 0_u32.wrapping_sub(160)))));
    assert!(is_kept(store(&mut receiver, MS, &packet(9, 1, 160))));
    let ledger = receiver.ledger();
    assert_eq!((ledger.expected, ledger.lost, ledger.reordered), (4, 1, 2));
    assert!(ledger.balances());
}

#[test]
fn a_jump_that_goes_on_in_sequence_is_a_restart_not_loss() {
    let mut receiver = receiver();
    let end = run(&mut receiver, 0, 9, 100, 0, 50);
    run(&mut receiver, end, 9, 30_000, 77, 50);
    let ledger = receiver.ledger();
    assert_eq!((ledger.stored, ledger.lost, ledger.restarts, ledger.stray), (100, 0, 1, 0));
    assert_eq!(ledger.expected, 100);
    assert!(ledger.balances());
}

#[test]
fn a_lone_jump_is_kept_as_a_stray_and_changes_nothing() {
    let mut receiver = receiver();
    let end = run(&mut receiver, 0, 9, 100, 0, 50);
    assert!(is_kept(store(&mut receiver, end, &packet(9, 30_000, 5))));
    assert_eq!(store(&mut receiver, end, &packet(9, 30_000, 5)), Verdict::Duplicate);
    run(&mut receiver, end, 9, 150, 50 * 160, 50);
    let ledger = receiver.ledger();
    assert_eq!((ledger.stored, ledger.lost, ledger.restarts, ledger.stray), (101, 0, 0, 1));
    assert!(ledger.balances());
}

#[test]
fn a_restart_on_sequence_numbers_just_used_loses_nothing() {
    let mut receiver = receiver();
    let end = run(&mut receiver, 0, 9, 0, 1_000_000, 300);
    run(&mut receiver, end, 9, 0, 3_000_000_000, 400);
    let ledger = receiver.ledger();
    assert_eq!((ledger.stored, ledger.duplicate, ledger.restarts, ledger.lost), (700, 0, 1, 0));
    assert!(ledger.balances());
}

#[test]
fn a_gap_is_counted_lost() {
    let mut receiver = receiver();
    run(&mut receiver, 0, 9, 65_530, 0, 3);
    run(&mut receiver, S, 9, 2990, 160 * 2996, 3);
    assert_eq!(receiver.ledger().lost, 2993);
    assert!(receiver.ledger().balances());
}

#[test]
fn a_pause_in_sending_is_neither_loss_nor_jitter() {
    let mut receiver = receiver();
    let end = run(&mut receiver, 0, 9, 0, 0, 50);
    run(&mut receiver, end + 600 * S, 9, 50, 50 * 160 + 600 * 8000, 50);
    let ledger = receiver.ledger();
    assert_eq!((ledger.lost, ledger.timestamp_jumps, ledger.jitter_max_ns), (0, 0, 0));
    assert_eq!(ledger.longest_gap_ns, 600_020_000_000);
}

#[test]
fn a_clock_that_is_set_is_noticed_and_not_taken_for_jitter() {
    let mut receiver = receiver();
    let end = run(&mut receiver, 0, 9, 0, 0, 50);
    run(&mut receiver, end, 9, 50, 2_000_000_000, 50);
    let ledger = receiver.ledger();
    assert_eq!((ledger.timestamp_jumps, ledger.lost, ledger.jitter_max_ns), (1, 0, 0));
}

#[test]
fn jitter_follows_rfc_3550() {
    let mut receiver = receiver();
    for n in 0..200_u16 {
        let wobble = if n % 2 == 0 { 0 } else { 8 * MS };
        let at = i64::from(n) * 20 * MS + wobble;
        store(&mut receiver, at, &packet(9, n, u32::from(n) * 160));
    }
    let ledger = receiver.ledger();
    assert!((7_990_000..=8_000_000).contains(&ledger.jitter_max_ns), "{}", ledger.jitter_max_ns);
    assert!((7_000_000..8_000_000).contains(&ledger.jitter_mean_ns()), "{}", ledger.jitter_mean_ns());
}

#[test]
fn a_changed_ssrc_is_the_same_leg() {
    let mut receiver = receiver();
    let end = run(&mut receiver, 0, 9, 100, 0, 50);
    run(&mut receiver, end, 10, 5000, 9999, 50);
    assert_eq!(receiver.source().map(|source| source.ssrc), Some(10));
    let ledger = receiver.ledger();
    assert_eq!((ledger.stored, ledger.ssrc_changes, ledger.extra_source, ledger.lost), (100, 1, 0, 0));
    assert!(ledger.balances());
}

#[test]
fn an_interleaving_source_is_stored_and_counted_as_extra() {
    let mut receiver = receiver();
    for n in 0..50_u16 {
        run(&mut receiver, i64::from(n) * 20 * MS, 9, n, u32::from(n) * 160, 1);
        run(&mut receiver, i64::from(n) * 20 * MS + 9 * MS, 10, 700 + n, u32::from(n) * 160, 1);
    }
    assert_eq!(receiver.source().map(|source| source.ssrc), Some(9));
    let ledger = receiver.ledger();
    assert_eq!((ledger.stored, ledger.extra_source, ledger.ssrc_changes), (100, 50, 0));
}

#[test]
fn more_sources_than_remembered_are_stored_all_the_same() {
    let mut receiver = receiver();
    for ssrc in 0..100 {
        run(&mut receiver, i64::from(ssrc) * S, ssrc, 1, 1, 3);
    }
    assert_eq!(receiver.ledger().stored, 300);
    assert!(receiver.ledger().balances());
}

#[test]
fn media_from_a_wrong_address_is_never_mixed_in() {
    let mut receiver = receiver();
    let thief = "198.51.100.1:40000".parse().unwrap();
    let bytes = packet(9, 1, 1);
    let refused = store_from(&mut receiver, 0, thief, &bytes);
    assert_eq!(refused, Verdict::Refused(Refusal::WrongSource));
    let other_port = "192.0.2.7:1".parse().unwrap();
    assert!(is_kept(store_from(&mut receiver, 0, other_port, &bytes)), "senders differ in the port");
    assert_eq!(receiver.ledger().refused.wrong_source, 1);
    assert_eq!(receiver.ledger().last_rejected, Some(thief));
    assert!(receiver.ledger().balances());
}

#[test]
fn after_an_update_old_and_new_source_are_legitimate_until_media_from_the_new() {
    let mut receiver = receiver();
    let old = client();
    let new = "203.0.113.5:9".parse().unwrap();
    let mut changed = config();
    changed.allowed = SourceRule::Listed { address: "203.0.113.5".parse().unwrap(), networks: vec![] };
    receiver.update(changed.clone());
    receiver.update(changed);
    assert!(is_kept(store_from(&mut receiver, 0, old, &packet(9, 1, 160))));
    assert!(is_kept(store_from(&mut receiver, 1, new, &packet(9, 2, 320))));
    let old_again = packet(9, 3, 480);
    assert_eq!(store_from(&mut receiver, 2, old, &old_again), Verdict::Refused(Refusal::WrongSource));
}

#[test]
fn the_trunk_networks_may_feed_too() {
    let mut networked = config();
    let network = Network::new("10.1.0.0".parse().unwrap(), 16);
    networked.allowed = SourceRule::Listed { address: client().ip(), networks: vec![network] };
    let mut receiver = Receiver::new(networked);
    assert!(is_kept(store_from(&mut receiver, 0, "10.1.2.3:5".parse().unwrap(), &packet(9, 1, 1))));
}

#[test]
fn a_payload_type_nobody_agreed_to_is_refused_and_its_number_is_no_loss() {
    let mut receiver = receiver();
    run(&mut receiver, 0, 9, 0, 0, 3);
    let unknown = typed_packet(96, 9, 3, 480, &[1, 2, 3]);
    assert_eq!(store(&mut receiver, S, &unknown), Verdict::Refused(Refusal::UnknownPayloadType(96)));
    run(&mut receiver, S, 9, 4, 640, 3);
    assert_eq!(receiver.ledger().lost, 0);
    assert!(receiver.ledger().balances());
}

#[test]
fn a_change_to_another_agreed_codec_is_normal_and_counted() {
    let mut receiver = receiver();
    for (sequence, pt) in [0, 0, 8, 8, 0].into_iter().enumerate() {
        let sequence = u16::try_from(sequence).unwrap();
        let bytes = typed_packet(pt, 9, sequence, u32::from(sequence) * 160, &[1]);
        assert!(is_kept(store(&mut receiver, i64::from(sequence) * 20 * MS, &bytes)));
    }
    assert_eq!(receiver.ledger().codec_changes, 2);
}

#[test]
fn events_and_comfort_noise_share_the_sequence() {
    let mut receiver = receiver();
    run(&mut receiver, 0, 9, 0, 0, 3);
    let event = typed_packet(EVENT, 9, 3, 480, &[5, 10, 0, 160]);
    assert!(matches!(store(&mut receiver, 60 * MS, &event), Verdict::Keep(_, Kind::TelephoneEvent)));
    let noise = typed_packet(13, 9, 4, 800, &[60]);
    assert!(matches!(store(&mut receiver, 100 * MS, &noise), Verdict::Keep(_, Kind::ComfortNoise)));
    let ledger = receiver.ledger();
    assert_eq!((ledger.telephone_event, ledger.comfort_noise, ledger.lost), (1, 1, 0));
}

#[test]
fn a_long_key_press_keeps_its_early_timestamp_and_disturbs_nothing() {
    let mut receiver = receiver();
    run(&mut receiver, 0, 9, 0, 0, 10);
    for n in 0..300_u16 {
        let bytes = typed_packet(EVENT, 9, 10 + n, 1600, &[5, 10, 0, 160]);
        assert!(is_kept(store(&mut receiver, (200 + i64::from(n) * 20) * MS, &bytes)));
    }
    run(&mut receiver, 6200 * MS, 9, 310, 310 * 160, 10);
    let ledger = receiver.ledger();
    assert_eq!((ledger.stored, ledger.timestamp_jumps, ledger.restarts), (320, 0, 0));
}

#[test]
fn every_kind_of_keepalive_is_only_a_keepalive() {
    let mut receiver = receiver();
    run(&mut receiver, 0, 9, 0, 0, 3);
    let stun_indication = [0x00, 0x11, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let version_zero = [0_u8; 12];
    let unknown_type = typed_packet(96, 9, 3, 480, &[]);
    let empty_audio = typed_packet(0, 9, 4, 640, &[]);
    for bytes in [&[][..], &stun_indication, &version_zero, &unknown_type, &empty_audio] {
        assert_eq!(store(&mut receiver, S, bytes), Verdict::Keepalive);
    }
    run(&mut receiver, 2 * S, 9, 5, 800, 3);
    let ledger = receiver.ledger();
    assert_eq!((ledger.keepalive, ledger.lost, ledger.refused.total()), (5, 0, 0));
    assert!(ledger.balances());
}

#[test]
fn stun_requests_and_dtls_are_told_apart() {
    let mut receiver = receiver();
    let request = [0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    assert_eq!(store(&mut receiver, 0, &request), Verdict::Refused(Refusal::Stun));
    assert_eq!(store(&mut receiver, 0, &[22, 0xfe, 0xfd, 0]), Verdict::Refused(Refusal::Dtls));
    assert!(receiver.ledger().balances());
}

#[test]
fn a_flood_is_cut_to_four_times_the_rate_and_is_no_loss() {
    let mut receiver = receiver();
    let mut refused = 0;
    for n in 0..10_000_u32 {
        let bytes = packet(9, u16::try_from(n).unwrap(), n * 160);
        let verdict = store(&mut receiver, i64::from(n) * MS, &bytes);
        refused += u64::from(verdict == Verdict::Refused(Refusal::Flood));
    }
    let ledger = receiver.ledger();
    assert_eq!(ledger.refused.flood, refused);
    assert!((2300..2500).contains(&ledger.stored), "200/s and a burst of 400: {}", ledger.stored);
    assert_eq!(ledger.lost, 0);
    assert!(ledger.balances());
}

#[test]
fn the_ledger_balances_only_when_every_kept_packet_is_accounted_for() {
    let mut receiver = receiver();
    for n in 0..3 {
        assert!(is_kept(receiver.receive(0, client(), &mut packet(9, n, u32::from(n) * 160))));
    }
    receiver.count(Outcome::Dark);
    receiver.count(Outcome::Dropped);
    assert!(!receiver.ledger().balances() && receiver.ledger().balances_in_flight());
    receiver.count(Outcome::Stored);
    assert!(receiver.ledger().balances());
    let json = serde_json::to_string(receiver.ledger()).unwrap();
    assert_eq!(&serde_json::from_str::<rtp::Ledger>(&json).unwrap(), receiver.ledger());
}

#[test]
fn the_ledger_of_a_part_of_a_stream_balances_too() {
    let mut receiver = receiver();
    run(&mut receiver, 0, 9, 0, 0, 5);
    run(&mut receiver, 120 * MS, 9, 6, 960, 5);
    assert!(is_kept(receiver.receive(220 * MS, client(), &mut packet(9, 11, 1760))));
    let earlier = receiver.ledger().clone();
    assert_eq!((earlier.lost, earlier.undecided), (1, 1));
    // The hole of the first part is filled in the second, and its last packet is decided there.
    assert!(is_kept(store(&mut receiver, 230 * MS, &packet(9, 5, 800))));
    receiver.count(Outcome::Stored);
    run(&mut receiver, 240 * MS, 9, 14, 2240, 3);
    let part = receiver.ledger().since(&earlier);
    assert_eq!((part.stored, part.received, part.reordered), (5, 5, 1));
    assert_eq!(
        (part.arrived, part.lost, part.expected),
        (4, 1, 5),
        "one of two holes is offset by the one filled"
    );
    assert!(part.balances());
}

#[test]
fn static_payload_types_need_no_rtpmap() {
    for pt in [0, 8, 9, 13, 18] {
        assert_eq!(Format::from_static(pt).map(|format| format.clock_hz), Some(8000));
    }
    assert_eq!(Format::from_static(96), None);
}
