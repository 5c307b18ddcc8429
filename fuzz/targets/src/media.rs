//! Datagrams.

use std::net::SocketAddr;

use rtp::rtcp::{self, compound};
use rtp::srtp::{Agreed, Inbound, Keys, Outbound, Suite};
use rtp::{
    Format, KeyPresses, Outcome, Packet, Receiver, ReceiverConfig, SourceRule, TelephoneEvent, Verdict,
    withhold_digit,
};

const SENDER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)), 4_000);

fn receiver() -> Receiver {
    Receiver::new(config())
}

fn config() -> ReceiverConfig {
    ReceiverConfig {
        formats: [0, 8].into_iter().filter_map(Format::from_static).collect(),
        allowed: SourceRule::Listed { address: SENDER.ip(), networks: Vec::new() },
        expected_packets_per_s: 50,
        ssrc: 0x5eed,
        cname: "bm90aGluZyB0byBzZWU".to_owned(),
        seed: 1,
        srtp: None,
    }
}

/// The datagrams of an input: each behind a byte that says how long it is.
fn datagrams(mut input: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&len, rest) = input.split_first()?;
        let (datagram, rest) = rest.split_at(usize::from(len).min(rest.len()));
        input = rest;
        Some(datagram)
    })
}

/// Whatever comes, in whatever order: every datagram is in the ledger once, and a packet survives being printed.
pub(crate) fn rtp(input: &[u8]) {
    if let Ok(packet) = Packet::parse(input) {
        let printed = packet.to_bytes();
        assert_eq!(Packet::parse(&printed), Ok(packet));
    }
    let mut receiver = receiver();
    let mut now_ns = 0;
    for datagram in datagrams(input) {
        now_ns += 20_000_000;
        if let Verdict::Keep(..) = receiver.receive(now_ns, SENDER, &mut datagram.to_vec()) {
            receiver.count(Outcome::Stored);
        }
        assert!(receiver.ledger().balances(), "{:?}", receiver.ledger());
    }
}

/// Reports are read without a fault, and ours stay readable whatever came before.
pub(crate) fn rtcp(input: &[u8]) {
    if let Ok(packets) = compound(input) {
        for packet in packets {
            let _ = rtcp::parse_sender_report(&packet, 1);
            let _ = rtcp::parse_receiver_report(&packet);
            let _ = rtcp::parse_bye(&packet).map(Iterator::count);
            let _ = rtcp::parse_cname(&packet, 1);
        }
    }
    let mut receiver = receiver();
    // The first only starts the timer.
    assert_eq!(receiver.poll_rtcp(0), None);
    for (now_ns, datagram) in (0..).step_by(20_000_000).zip(datagrams(input)) {
        let _ = receiver.receive_rtcp(now_ns, SENDER, &mut datagram.to_vec());
        let _ = receiver.receive(now_ns, SENDER, &mut datagram.to_vec());
    }
    // A source that has reported says goodbye (RFC 3550 §6.3.7).
    let report = receiver.poll_rtcp(60_000_000_000).expect("one is due after a minute");
    let goodbye = receiver.goodbye(60_000_000_000).expect("a plain report needs no key");
    for sent in [report, goodbye] {
        assert!(compound(&sent).is_ok(), "{sent:?}");
    }
}

fn keys(suite: Suite) -> Keys {
    let bytes: Vec<u8> = (0..).take(suite.key_bytes() + suite.salt_bytes()).collect();
    Keys::new(suite, &bytes).expect("the length is the suite's")
}

/// Nothing that no key proves is opened or remembered, and what was protected comes out as it went in.
pub(crate) fn srtp(input: &[u8]) {
    let Some((&choice, input)) = input.split_first() else { return };
    let keys = keys(Suite::ALL[usize::from(choice) % Suite::ALL.len()]);
    let (mut inbound, mut outbound) = (Inbound::new(Some(&keys)), Outbound::new(&keys));
    for datagram in datagrams(input) {
        let mut raw = datagram.to_vec();
        assert!(inbound.open_rtp(&mut raw).is_err() && inbound.open_rtcp(&mut raw).is_err());
        assert_eq!(raw, datagram, "what is not proved stays as it is");
    }
    assert_eq!(inbound.state(), rtp::srtp::State::default(), "what is not proved is not remembered");
    let config = ReceiverConfig { srtp: Some(Agreed { theirs: keys.clone(), ours: keys }), ..config() };
    let mut receiver = Receiver::new(config);
    for datagram in datagrams(input) {
        let mut packet = datagram.to_vec();
        if outbound.protect_rtp(&mut packet).is_ok() {
            match Inbound::new(Some(outbound.keys())).open_rtp(&mut packet.clone()) {
                Ok(opened) => assert_eq!(opened.packet, datagram),
                // A source may have rolled over more often than one that has heard nothing can guess.
                Err(fault) => assert_eq!(fault, rtp::srtp::Fault::Unauthenticated),
            }
        }
        if let Verdict::Keep(..) = receiver.receive(0, SENDER, &mut packet) {
            receiver.count(Outcome::Stored);
        }
        assert!(receiver.ledger().balances(), "{:?}", receiver.ledger());
    }
}

/// Telephone events: a press is never longer than its packets say, and what is stored tells no digit (B5-03).
pub(crate) fn telephone_event(input: &[u8]) {
    let mut presses = KeyPresses::default();
    for (number, payload) in (0u32..).zip(datagrams(input)) {
        if let Some(event) = TelephoneEvent::parse(payload) {
            assert_eq!(
                event.to_bytes()[..],
                payload[..4]
                    .iter()
                    .enumerate()
                    .map(|(at, byte)| {
                        // The reserved bit is not kept.
                        if at == 1 { byte & 0xbf } else { *byte }
                    })
                    .collect::<Vec<_>>()[..]
            );
        }
        let stored = TelephoneEvent::parse(&withhold_digit(payload)).expect("four bytes");
        assert_eq!(stored.event, rtp::WITHHELD_EVENT);
        let _ = presses.observe(number / 4, number / 2 * 160, payload);
        let _ = rtp::comfort_noise_level(payload);
    }
}
