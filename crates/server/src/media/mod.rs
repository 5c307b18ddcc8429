//! Media: packets are judged, guarded and packed, on a few threads that wait for nobody.
//!
//! Each call belongs to one thread. A thread lets datagrams pile up in the kernel for a tick, reads what is
//! there, and takes every packet through its receiver, its gate and the recording's writer in one pass; full
//! blocks leave encrypted for the journal's thread. What a thread is told to do ([`Instruction`]) it does between two
//! packets, so a gate that was said to be closed is closed for every packet read after.
//!
//! Belongs here: sockets of RTP and RTCP, the life of a stream on its thread. Does not: SIP, decisions, SQL,
//! HTTP (never waited for here), decoding.

pub mod batch;
mod call;
mod held;
mod instruction;
mod notice;
pub mod poller;
pub(crate) mod steps;
pub(crate) mod table;
mod tap;
mod thread;

pub(crate) use batch::prepare;
pub use held::HoldBack;
#[cfg(test)]
pub(crate) use instruction::by_hand;
pub use instruction::{Finished, Handle, Inlet, Instruction, Sockets, StreamFinished};
pub use notice::{Notice, Noticed};
pub use tap::{Tap, Tapped};
pub use thread::{TICK, start};
