//! The crate from outside: bytes and time in, bytes and events out, with the messages of `tests/vendors` as material.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its material has to fail")]

mod admission;
mod call_histories;
mod client_calls;
mod closing;
mod fuzzed_bodies;
mod grammar;
mod modification;
mod peer;
mod resume;
mod rfc4475;
mod routing;
mod session_timer;
mod setup;
mod snapshot;
mod srtp;
mod torture;
mod trunks;
mod vendor_files;
mod vendor_oracles;
mod vendors;
