//! SRTP and SRTCP: what is protected on the wire becomes plain, and the other way round (A10-03, A10-07).
//!
//! Belongs here: key derivation, the transforms, the packet index, the replay window, what holds while keys change.
//! Does not: how keys are agreed (SDP, RFC 4568), and who asks for them; random numbers.
//!
//! RFC 3711 (AES counter mode with HMAC-SHA1), RFC 6188 (256-bit keys), RFC 7714 (AES-GCM). Packets are worked on in
//! place. State is kept only for sources whose packets have proved authentic, and for a bounded number of them.
//!
//! ```
//! use rtp::srtp::{Inbound, Keys, Outbound, Suite};
//!
//! let keys = Keys::new(Suite::AesCm128HmacSha1_80, &[7; 30])?;
//! let plain = [0x80, 0, 0, 1, 0, 0, 0, 160, 0, 0, 0, 9, 0xff, 0xff];
//! let mut packet = plain.to_vec();
//! Outbound::new(&keys).protect_rtp(&mut packet)?;
//! assert_ne!(packet[12..14], plain[12..14]);
//! let opened = Inbound::new(Some(&keys)).open_rtp(&mut packet)?;
//! assert_eq!((opened.packet, opened.authentic), (&plain[..], true));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod inbound;
mod index;
mod keyed;
mod keys;
mod outbound;
mod session;
mod suite;
mod window;
mod wire;

#[cfg(test)]
mod vectors;

pub use inbound::{Fault, Inbound, Opened};
pub use keyed::{MAX_SSRCS, SourceState, State};
pub use keys::{KeyError, Keys, MAX_KEYS, MAX_MKI_BYTES};
pub use outbound::{Outbound, ProtectError};
pub use suite::Suite;
pub use window::WINDOW;

/// The keys agreed for a stream: each side protects what it sends with its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// What the sender of the media protects its packets with.
    pub theirs: Keys,
    /// What our reports are protected with.
    pub ours: Keys,
}
