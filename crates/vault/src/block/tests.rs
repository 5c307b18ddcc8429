use proptest::prelude::*;

use super::*;

type Owned = (i64, u16, u32, u32, u8, bool, Vec<u8>);

fn packet(owned: &Owned) -> Packet<'_> {
    Packet {
        arrival: Wall::from_ns(owned.0),
        sequence: owned.1,
        timestamp: owned.2,
        ssrc: owned.3,
        payload_type: owned.4,
        marker: owned.5,
        payload: &owned.6,
    }
}

/// Packs what fits one block; returns it and how many packets that were.
fn pack(packets: &[Owned]) -> (OpenBlock, usize) {
    let mut block = OpenBlock::new();
    let mut count = 0;
    for owned in packets {
        if !block.takes(Wall::from_ns(owned.0)) {
            break;
        }
        block.push(&packet(owned), u16::try_from(owned.6.len()).unwrap());
        count += 1;
    }
    (block, count)
}

#[test]
fn steady_g711_costs_four_bytes_a_packet() {
    let packets: Vec<Owned> = (0..5u8)
        .map(|i| {
            let jitter = [0, 900_000, -2_000_000, 40, 7_000_000][usize::from(i)];
            let arrival = 1_700_000_000_000_000_000 + i64::from(i) * 20_000_000 + jitter;
            (arrival, 9_000 + u16::from(i), 77 + u32::from(i) * 160, 0xdead_beef, 0, false, vec![i; 160])
        })
        .collect();
    let (block, count) = pack(&packets);
    assert_eq!(count, 5);
    assert_eq!(block.plain().len(), 5 * 160 + 13 + 4 * 4);
}

#[test]
fn a_block_that_is_cleared_is_wiped_and_small() {
    let (mut block, _) = pack(&[(0, 1, 2, 3, 4, true, vec![0xaa; 60_000])]);
    block.clear();
    assert!(block.is_empty() && block.plain().is_empty());
    assert!(block.plain.capacity() <= FULL_BYTES + KEPT_BYTES);
}

#[test]
fn a_block_takes_no_packet_before_its_first_and_none_far_behind() {
    let (block, _) = pack(&[(0, 1, 2, 3, 4, true, vec![])]);
    assert!(block.takes(Wall::from_ns(0)) && block.takes(Wall::from_ns(MAX_SPAN_NS)));
    assert!(!block.takes(Wall::from_ns(-1)) && !block.takes(Wall::from_ns(MAX_SPAN_NS + 1)));
}

fn any_packets() -> impl Strategy<Value = Vec<Owned>> {
    let arrival = prop_oneof![any::<i64>(), 0..40_000_000i64, Just(i64::MIN), Just(i64::MAX)];
    let payload = prop::collection::vec(any::<u8>(), 0..200);
    prop::collection::vec(
        (arrival, any::<u16>(), any::<u32>(), any::<u32>(), any::<u8>(), any::<bool>(), payload),
        1..60,
    )
}

proptest! {
    #[test]
    fn whatever_is_packed_unpacks(mut packets in any_packets(), sorted in any::<bool>()) {
        if sorted {
            packets.sort_by_key(|owned| owned.0);
        }
        let (block, count) = pack(&packets);
        prop_assert!(count >= 1);
        let mut unpack = Unpack::new(block.first(), block.packets());
        for owned in &packets[..count] {
            let (head, start) = unpack.next(block.plain()).unwrap().unwrap();
            let payload = &block.plain()[start..start + head.payload_bytes];
            prop_assert_eq!(head.with(payload), packet(owned));
        }
        prop_assert_eq!(unpack.next(block.plain()), Ok(None));
    }

    #[test]
    fn no_bytes_make_unpacking_panic(plain in prop::collection::vec(any::<u8>(), 0..600), count in any::<u8>(), first in any::<i64>()) {
        let mut unpack = Unpack::new(Wall::from_ns(first), count);
        let mut seen = 0;
        while let Ok(Some(_)) = unpack.next(&plain) {
            seen += 1;
        }
        prop_assert!(seen <= usize::from(count));
    }
}
