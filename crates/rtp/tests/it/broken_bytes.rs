//! Whatever comes in: no panic, and the sums hold.

use crate::{EVENT, client, config, packet, typed_packet};
use proptest::prelude::*;
use rtp::{KeyPresses, Outcome, Packet, Receiver, SourceRule, Verdict, rtcp};

/// Bytes that get past the first checks often enough: random, or a good packet with some bytes changed and cut.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let good = (prop::sample::select(vec![0_u8, 8, 13, 96, EVENT]), 0..4_u32, any::<u16>(), any::<u32>())
        .prop_map(|(pt, ssrc, seq, ts)| typed_packet(pt, ssrc, seq, ts, &[7; 20]));
    let mutated = (good, prop::collection::vec((0..32_usize, any::<u8>()), 0..3), 0..33_usize).prop_map(
        |(mut bytes, changes, length)| {
            changes.into_iter().for_each(|(at, byte)| bytes[at] = byte);
            bytes.truncate(length);
            bytes
        },
    );
    let report = prop::collection::vec(any::<u8>(), 0..64).prop_map(|mut body| {
        body.truncate(body.len() / 4 * 4);
        let words = u8::try_from(body.len() / 4).unwrap();
        let kind = 200 + body.first().map_or(0, |byte| byte % 8);
        let count = body.last().map_or(0, |byte| byte % 4);
        [&[0x80 | count, kind, 0, words], &body[..]].concat()
    });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..64), mutated, report]
}

proptest! {
    #[test]
    fn any_datagrams_leave_a_balanced_ledger(
        datagrams in prop::collection::vec((any::<i64>(), datagram()), 0..200),
    ) {
        let mut receiver = Receiver::new(rtp::ReceiverConfig { allowed: SourceRule::Anywhere, ..config() });
        let mut presses = KeyPresses::default();
        let mut half = receiver.ledger().clone();
        for (n, (at_ns, bytes)) in datagrams.iter().enumerate() {
            if n == datagrams.len() / 2 {
                half = receiver.ledger().clone();
            }
            if let Verdict::Keep(packet, _) = receiver.receive(*at_ns, client(), &mut bytes.clone()) {
                let outcomes = [Outcome::Stored, Outcome::Dark, Outcome::Dropped];
                receiver.count(outcomes[n % 3]);
                presses.observe(packet.ssrc, packet.timestamp, packet.payload);
            }
            let _ = receiver.receive_rtcp(*at_ns, client(), &mut bytes.clone());
            if let Some(report) = receiver.poll_rtcp(*at_ns) {
                prop_assert!(rtcp::compound(&report).is_ok());
            }
        }
        let ledger = receiver.ledger();
        prop_assert!(ledger.balances(), "{:?}", ledger);
        prop_assert!(ledger.since(&half).balances());
        prop_assert_eq!(ledger.received, 2 * datagrams.len() as u64);
    }

    #[test]
    fn our_reader_and_a_second_one_agree(bytes in datagram()) {
        let theirs = rtp_types::RtpPacket::parse(&bytes);
        match (Packet::parse(&bytes), theirs) {
            (Ok(ours), Ok(theirs)) => {
                prop_assert_eq!(ours.payload_type, theirs.payload_type());
                prop_assert_eq!(ours.marker, theirs.marker_bit());
                prop_assert_eq!(ours.sequence, theirs.sequence_number());
                prop_assert_eq!(ours.timestamp, theirs.timestamp());
                prop_assert_eq!(ours.ssrc, theirs.ssrc());
                prop_assert_eq!(ours.payload, theirs.payload());
                prop_assert!(ours.contributing_sources().eq(theirs.csrc()));
                prop_assert_eq!(ours.extension.map(|e| (e.profile, e.data)), theirs.extension());
                let printed = ours.to_bytes();
                prop_assert_eq!(Packet::parse(&printed), Ok(ours), "round trip");
            }
            (Err(_), Err(_)) => {}
            (ours, theirs) => prop_assert!(false, "{:?} against {:?}", ours, theirs.is_ok()),
        }
    }

    #[test]
    fn any_sequence_schedule_balances(
        steps in prop::collection::vec((0..3_u32, prop_oneof![-40..40_i32, any::<i32>()], any::<u32>()), 0..400),
    ) {
        let mut receiver = Receiver::new(rtp::ReceiverConfig { expected_packets_per_s: 1000, ..config() });
        let (mut sequence, mut at_ns) = (0_u16, 0);
        for (ssrc, step, timestamp) in steps {
            sequence = sequence.wrapping_add((step & 0xffff) as u16);
            at_ns += i64::from(timestamp % 5_000_000);
            if let Verdict::Keep(..) = receiver.receive(at_ns, client(), &mut packet(ssrc, sequence, timestamp)) {
                receiver.count(Outcome::Stored);
            }
        }
        prop_assert!(receiver.ledger().balances(), "{:?}", receiver.ledger());
    }
}
