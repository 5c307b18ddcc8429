//! The wire comes in: SIP sockets, recording sessions, media ports.
//!
//! Belongs here: sockets of SIP, one task for each recording session, and the one place where SIPREC's words
//! become the domain's. Does not: SIP itself (the `siprec` crate), packets ([`crate::media`]), decisions
//! ([`crate::desk`]).

mod happening;
mod keep_list;
mod keys;
mod lines;
mod ports;
mod resume;
mod session;
mod settings;
mod sip;
mod translate;
mod wire;
mod witness;

pub use keep_list::{KeepList, NothingToKeep};
pub(crate) use keys::draw as draw_key;
pub use ports::{Lease, Lessee, NoPortRange, PortRange, Ports};
pub use settings::{Settings, TermsByTrunk, TrunkTerms, Wiring};
pub use sip::{Addresses, Handle, start};
