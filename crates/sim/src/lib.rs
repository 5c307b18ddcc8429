//! For tests: the built program as a child process, a recording client that knows what it sent, and real
//! counterparts.
//!
//! Everything here stands outside of the recorder and meets it as its users do: over SIP, RTP and HTTP, by its
//! command line, by signals, and by what lies in its data folder. Nothing of the product is linked in, so that
//! a test cannot make the product's own mistake.
//!
//! Belongs here: what tests of several modules or crates share. Does not: what is asserted. What cannot be had
//! (a program of Debian, a port) ends the test with a sentence that says what to do.

pub mod clicks;
pub mod counterpart;
pub mod debian;
pub mod disk;
pub mod http;
pub mod malformed;
pub mod program;
pub mod pypi;
pub mod relay;
pub mod rtp;
pub mod sip;
pub mod time;

pub use http::{Answer, Http};
pub use program::{Ended, Program, Setup};
