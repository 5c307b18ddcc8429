//! Transactions (RFC 3261 §17, RFC 6026): what makes SIP over UDP arrive once.
//!
//! *Belongs here*: three small machines that are fed messages and timers and say what to send and when to be woken.
//! *Does not*: who the message is for, and where it goes: see [`crate::Endpoint`].

pub mod client;
pub mod invite_server;
pub mod key;
pub mod server;
pub mod timer;

pub use client::Client;
pub use invite_server::InviteServer;
pub use key::TransactionKey;
pub use server::Server;
pub use timer::Timer;

use core::time::Duration;

/// One thing a machine wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send these bytes to the transaction's other side.
    Send(Vec<u8>),
    /// Start, or start again, a timer.
    Start(Timer, Duration),
    /// Stop a timer if it runs.
    Stop(Timer),
    /// Nothing came in 64*T1: tell the owner (RFC 3261 §8.1.3.1: as if 408 had come).
    TimedOut,
    /// Forget the transaction and all its timers.
    Forget,
}

#[cfg(test)]
mod tests;
