//! The receiver as its caller sees it.
#![expect(clippy::unwrap_used, reason = "functions that only tests call")]

mod bad_ways;
mod broken_bytes;
mod control;
mod ledger_model;
mod libsrtp;
mod srtp;
mod stories;

use rtp::{Format, Kind, Packet, Receiver, ReceiverConfig, SourceRule, Verdict};
use std::net::SocketAddr;

pub(crate) const MS: i64 = 1_000_000;
pub(crate) const S: i64 = 1_000_000_000;
pub(crate) const EVENT: u8 = 101;

pub(crate) fn client() -> SocketAddr {
    "192.0.2.7:40000".parse().unwrap()
}

pub(crate) fn config() -> ReceiverConfig {
    ReceiverConfig {
        formats: vec![
            Format::from_static(0).unwrap(),
            Format::from_static(8).unwrap(),
            Format { payload_type: EVENT, kind: Kind::TelephoneEvent, clock_hz: 8000 },
        ],
        allowed: SourceRule::Listed { address: client().ip(), networks: vec![] },
        expected_packets_per_s: 50,
        ssrc: 0x5eed_5eed,
        cname: "cm9vbSBmb3IgOTYgYml0cw".into(),
        seed: 42,
        srtp: None,
    }
}

pub(crate) fn receiver() -> Receiver {
    Receiver::new(config())
}

/// The last report of a stream that has reported before.
pub(crate) fn goodbye(receiver: &mut Receiver) -> Vec<u8> {
    receiver.poll_rtcp(0);
    receiver.poll_rtcp(receiver.next_rtcp_ns()).expect("due");
    receiver.goodbye(receiver.next_rtcp_ns()).expect("it has spoken")
}

/// A 20 ms G.711 packet with a one-byte payload.
pub(crate) fn packet(ssrc: u32, sequence: u16, timestamp: u32) -> Vec<u8> {
    typed_packet(0, ssrc, sequence, timestamp, &[0xd5])
}

pub(crate) fn typed_packet(pt: u8, ssrc: u32, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    Packet {
        payload_type: pt,
        marker: false,
        sequence,
        timestamp,
        ssrc,
        csrc_list: &[],
        extension: None,
        payload,
    }
    .to_bytes()
}

/// Receives from the client and stores what is kept, as a caller does.
pub(crate) fn store(receiver: &mut Receiver, at_ns: i64, datagram: &[u8]) -> Verdict<'static> {
    store_from(receiver, at_ns, client(), datagram)
}

pub(crate) fn store_from(
    receiver: &mut Receiver,
    at_ns: i64,
    from: SocketAddr,
    datagram: &[u8],
) -> Verdict<'static> {
    // The bytes live as long as the test, so that stories need not name what they send.
    let datagram = Box::leak(datagram.to_vec().into_boxed_slice());
    let verdict = receiver.receive(at_ns, from, datagram);
    if let Verdict::Keep(..) = verdict {
        receiver.count(rtp::Outcome::Stored);
    }
    verdict
}

pub(crate) fn is_kept(verdict: Verdict<'_>) -> bool {
    matches!(verdict, Verdict::Keep(..))
}
