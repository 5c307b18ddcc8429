//! Legs over bad networks, by the receiver's own count (E2-17, B2-01, B2-02).

use crate::{config, is_kept, store, typed_packet};
use rtp::Receiver;
use sim::clicks::{Way, conditions};

/// The ledger after a whole leg, and how many different packets were kept.
fn received(way: &Way) -> (rtp::Ledger, u64) {
    // What comes at once after a stall is no flood here: nothing is to be turned away.
    let mut receiver = Receiver::new(rtp::ReceiverConfig { expected_packets_per_s: 500, ..config() });
    let mut kept = 0;
    for packet in way.packets() {
        let bytes = typed_packet(0, packet.ssrc, packet.sequence, packet.timestamp, &packet.payload);
        kept += u64::from(is_kept(store(&mut receiver, packet.arrival_ns, &bytes)));
    }
    (receiver.ledger().clone(), kept)
}

/// Frames that were sent and of which no packet came.
fn truly_lost(way: &Way) -> u64 {
    let sent = Way { lost_percent: 0, ..way.clone() }.packets();
    let numbers = |packets: Vec<sim::clicks::Arrived>| {
        let mut numbers: Vec<_> =
            packets.into_iter().map(|packet| (packet.ssrc, packet.sequence, packet.timestamp)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.len() as u64
    };
    numbers(sent) - numbers(way.packets())
}

#[test]
fn losses_are_listed_within_a_hundredth_of_the_truth_over_every_condition() {
    for condition in conditions().into_iter().filter(|condition| condition.left.seconds <= 900) {
        for way in [condition.left, condition.right] {
            let (ledger, kept) = received(&way);
            let truth = truly_lost(&way);
            assert!(ledger.balances(), "{}", condition.name);
            assert_eq!(kept, ledger.stored);
            assert!(
                ledger.lost.abs_diff(truth) * 100 <= truth,
                "{}: {} lost, truly {truth}",
                condition.name,
                ledger.lost
            );
            let sent = (way.seconds - way.begins_s - way.hold_s.map_or(0, |(from, until)| until - from)) * 50;
            let sent = u64::try_from(sent).unwrap();
            assert_eq!(kept, sent - truth, "{}: what came is kept once", condition.name);
        }
    }
}
