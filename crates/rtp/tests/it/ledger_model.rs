//! Random loss, repeats and delays against a model that remembers everything.

use crate::{MS, S, packet, receiver, store};
use proptest::prelude::*;
use rtp::Verdict;
use std::collections::BTreeSet;

#[derive(Debug, Clone, Copy)]
struct Sent {
    lost: bool,
    repeats: u8,
    delay_ms: i64,
}

fn sent() -> impl Strategy<Value = Sent> {
    let delay = prop_oneof![8 => 0_i64..60, 1 => 0_i64..2000, 1 => 2500_i64..6000];
    (prop::bool::weighted(0.1), 0_u8..3, delay).prop_map(|(lost, repeats, delay_ms)| Sent {
        lost,
        repeats: repeats / 2 * repeats,
        delay_ms,
    })
}

/// What the receiver must say, from first principles: the set of all numbers that came, and when the newest passed
/// each point.
#[derive(Default)]
struct Model {
    seen: BTreeSet<i64>,
    /// Every new newest number with its time.
    newest: Vec<(i64, i64)>,
    counts: [u64; 3],
    reordered: u64,
}

impl Model {
    fn expects(&mut self, number: i64, at_ns: i64) -> &'static str {
        let first = self.seen.first().copied();
        if !self.seen.insert(number) {
            self.counts[1] += 1;
            return "duplicate";
        }
        let newest = self.newest.last().map(|(newest, _)| *newest);
        if newest.is_none_or(|newest| number > newest) {
            self.newest.push((number, at_ns));
            self.counts[0] += 1;
            return "keep";
        }
        // A source is "beyond" a number once it has reached the next group of sixteen.
        let beyond = (number.div_euclid(16) + 1) * 16;
        let passed = self.newest.iter().find(|(newest, _)| *newest >= beyond);
        let late = first.is_some_and(|first| number > first)
            && passed.is_some_and(|(_, passed_ns)| at_ns - passed_ns > 3 * S);
        self.reordered += u64::from(!late);
        self.counts[if late { 2 } else { 0 }] += 1;
        if late { "late" } else { "keep" }
    }

    fn expected(&self) -> u64 {
        let span = self.seen.last().zip(self.seen.first()).map(|(last, first)| last - first + 1);
        u64::try_from(span.unwrap_or(0)).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_ledger_equals_the_model(
        packets in prop::collection::vec(sent(), 1..700),
        start in prop_oneof![Just(0_u16), Just(65_535), any::<u16>()],
        timestamp in prop_oneof![Just(0_u32), Just(0_u32.wrapping_sub(160)), any::<u32>()],
    ) {
        let mut arrivals = Vec::new();
        for (n, sent) in packets.iter().enumerate().filter(|(_, sent)| !sent.lost) {
            let n = i64::try_from(n).unwrap();
            for repeat in 0..=i64::from(sent.repeats) {
                arrivals.push((n * 20 * MS + sent.delay_ms * MS + repeat * 15 * MS, n));
            }
        }
        arrivals.sort_unstable();
        let (mut receiver, mut model) = (receiver(), Model::default());
        for (at_ns, n) in arrivals {
            let offset = u16::try_from(n).unwrap();
            let bytes = packet(9, start.wrapping_add(offset), timestamp.wrapping_add(u32::from(offset) * 160));
            let said = match store(&mut receiver, at_ns, &bytes) {
                Verdict::Keep(..) => "keep",
                Verdict::Duplicate => "duplicate",
                Verdict::Late => "late",
                _ => "other",
            };
            // Numbers as the receiver groups them: counted from the start value.
            prop_assert_eq!(said, model.expects(i64::from(start) + n, at_ns), "number {}", n);
        }
        let ledger = receiver.ledger();
        prop_assert!(ledger.balances());
        prop_assert_eq!([ledger.stored, ledger.duplicate, ledger.late], model.counts);
        prop_assert_eq!(ledger.expected, model.expected());
        prop_assert_eq!(ledger.lost, model.expected() - model.seen.len() as u64);
        prop_assert_eq!(ledger.reordered, model.reordered);
    }
}
