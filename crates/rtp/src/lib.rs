//! RTP as a recorder meets it: datagrams in; judged packets, reports and a loss ledger out.
//!
//! A recorder may wait, must never lie about time, and keeps what came even when it looks wrong. So packets are judged
//! here and stored in **arrival order**; sound is built later, from all of them. Nothing is held back.
//!
//! Belongs here: RTP and RTCP on the receiving side of one stream (RFC 3550, 3551, 4733, 3389, 5761, 6263, 7983), who
//! may feed it, its protection ([`srtp`]), what its senders report, and the count of everything that came. Does not:
//! sockets, clocks, the store, decoding. Time is an argument, in nanoseconds of one monotonic clock.
//!
//! ```
//! use rtp::{Format, Outcome, Packet, Receiver, ReceiverConfig, SourceRule, Verdict};
//!
//! let mut receiver = Receiver::new(ReceiverConfig {
//!     formats: Format::from_static(0).into_iter().collect(),
//!     allowed: SourceRule::Listed { address: "192.0.2.7".parse()?, networks: vec![] },
//!     expected_packets_per_s: 50,
//!     ssrc: 0x5eed,
//!     cname: "dGhpcyBpcyByYW5kb20".into(),
//!     seed: 1,
//!     srtp: None,
//! });
//! let mut datagram = [0x80, 0, 0, 1, 0, 0, 0, 160, 0, 0, 0, 9, 0xff, 0xff];
//! match receiver.receive(1_000_000, "192.0.2.7:4000".parse()?, &mut datagram) {
//!     Verdict::Keep(packet, _kind) => {
//!         assert_eq!(packet.payload, [0xff, 0xff]); // store it, then say so:
//!         receiver.count(Outcome::Stored);
//!     }
//!     other => panic!("{other:?}"),
//! }
//! assert!(receiver.ledger().balances());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access;
mod latch;
mod ledger;
pub mod order;
mod packet;
mod payload;
mod receiver;
mod reporter;
pub mod rtcp;
mod schedule;
mod sender_clock;
mod source;
pub mod srtp;
pub mod supervision;

pub use access::{MAX_NETWORKS, Network, SourceRule};
pub use ledger::{Ledger, Outcome, Refusal, Refused};
pub use packet::{Extension, FIXED_HEADER_BYTES, Malformed, Packet, Protocol, protocol};
pub use payload::{
    Format, KeyPress, KeyPresses, Kind, Press, TelephoneEvent, WITHHELD_EVENT, comfort_noise_level,
    withhold_digit,
};
pub use receiver::{Receiver, ReceiverConfig, Report, Verdict};
pub use schedule::MIN_INTERVAL_NS;
pub use sender_clock::{ClockPair, MAX_PAIRS, MAX_SENDER_CLOCKS, SenderClock};
pub use source::{MAX_SOURCES, Source};
