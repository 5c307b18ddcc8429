//! Cost of one packet through validate, source, order and ledger, over many streams as a loaded recorder has them.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and prints"
)]

use rtp::srtp::{Agreed, Keys, Outbound, Suite};
use rtp::{Format, Outcome, Packet, Receiver, ReceiverConfig, SourceRule, Verdict};
use std::time::Instant;

/// Packets printed ahead of each timed run.
const BATCH: usize = 50;

fn main() {
    for streams in [1, 2000] {
        run(streams, None);
    }
    for suite in Suite::ALL {
        run(1, Some(suite));
    }
}

fn run(streams: usize, suite: Option<Suite>) {
    let keys = suite.map(|suite| {
        let keys = vec![7; suite.key_bytes() + suite.salt_bytes()];
        Keys::new(suite, &keys).expect("the length is the suite's")
    });
    let mut outbound = keys.as_ref().map(Outbound::new);
    let config = |seed| ReceiverConfig {
        formats: Format::from_static(0).into_iter().collect(),
        allowed: SourceRule::Listed { address: [127, 0, 0, 1].into(), networks: vec![] },
        expected_packets_per_s: 50,
        ssrc: 1,
        cname: "bench".into(),
        seed,
        srtp: keys.clone().map(|keys| Agreed { theirs: keys.clone(), ours: keys }),
    };
    let mut receivers: Vec<_> = (0..streams as u64).map(|seed| Receiver::new(config(seed))).collect();
    let from = "127.0.0.1:4000".parse().expect("an address");
    let payload = [0x7f; 160];
    let rounds = 4_000_000 / streams / BATCH;
    let (mut kept, mut spent_ns) = (0_u64, 0);
    for round in 0..rounds {
        let numbers = round * BATCH..(round + 1) * BATCH;
        let mut datagrams: Vec<_> = numbers.map(|number| datagram(number, &payload)).collect();
        if let Some(outbound) = &mut outbound {
            let packets = datagrams.iter_mut().map(|(_, packet)| packet);
            packets.for_each(|packet| outbound.protect_rtp(packet).expect("the key is not used up"));
        }
        let begun = Instant::now();
        for (arrival_ns, datagram) in &mut datagrams {
            for receiver in &mut receivers {
                if let Verdict::Keep(packet, _) = receiver.receive(*arrival_ns, from, datagram) {
                    kept += u64::from(packet.payload.len() == 160);
                    receiver.count(Outcome::Stored);
                }
            }
        }
        spent_ns += begun.elapsed().as_nanos();
    }
    let packets = (rounds * BATCH * streams) as u128;
    assert_eq!(u128::from(kept), packets);
    let how = suite.map_or("plain", Suite::name);
    println!("{streams:>5} streams, {how}: {} ns per packet", spent_ns / packets);
}

/// Packet `number` of a clean stream, and its arrival.
fn datagram(number: usize, payload: &[u8]) -> (i64, Vec<u8>) {
    let [.., high, low] = number.to_be_bytes();
    let packet = Packet {
        payload_type: 0,
        marker: false,
        sequence: u16::from_be_bytes([high, low]),
        timestamp: u32::try_from(number * 160).expect("a bench is shorter than a wrap"),
        ssrc: 7,
        csrc_list: &[],
        extension: None,
        payload,
    };
    (i64::try_from(number).expect("small") * 20_000_000, packet.to_bytes())
}
