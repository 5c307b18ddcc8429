//! Session descriptions: what a recording client offers, and what the recorder answers.
//!
//! *Belongs here*: reading an offer liberally, deciding line by line what can be recorded, printing answers and the
//! offers of an established session. *Does not*: ports and sockets (the caller brings them), RTP, what a label means
//! in the metadata ([`crate::metadata`]).
//!
//! RFC 8866 (syntax), RFC 3264 (offer and answer), RFC 4574 (label), RFC 3605 and RFC 5761 (RTCP ports), RFC 7866 §7
//! and §8 (a recording session's rules).
//!
//! ```
//! let offer = siprec::sdp::Offer::parse(b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
//!     m=audio 4000 RTP/AVP 0\r\na=sendonly\r\na=label:1\r\n")?;
//! let plan = siprec::sdp::plan(&offer, &siprec::sdp::Policy::default());
//! assert_eq!(plan.accepted().count(), 1);
//! # Ok::<(), siprec::sdp::SdpError>(())
//! ```

mod codec;
mod crypto;
mod description;
mod parse;
mod plan;
mod print;
#[cfg(test)]
mod tests;

pub use codec::{Codec, Format};
pub use crypto::{Crypto, CryptoError, MasterKey, NamedKey, Srtp, Suite};
pub use description::{Answer, Description, Direction, Offer, OfferLine, Rtcp};
pub use parse::SdpError;
pub use plan::{AcceptedLine, LinePlan, Plan, Policy, Refusal, Verdict, plan};
pub use print::{LocalMedia, Origin, print_answer, print_offer};

/// Most media lines read at all; a description with more is refused whole. Lines above the policy's limit but within
/// this one are answered with port 0 (A2-10).
pub const MAX_LINES: usize = 128;

/// Most payload formats read per media line; the payload type field has 128 values (RFC 3550 §5.1).
pub const MAX_FORMATS: usize = 128;

/// Most text lines read.
pub const MAX_TEXT_LINES: usize = 8_192;
