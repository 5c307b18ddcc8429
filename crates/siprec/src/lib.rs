//! The SRS side of SIPREC (RFC 7866, RFC 7865): SIP text in, recording sessions and metadata out.
//!
//! Pure: no socket, clock, thread or file. An [`Endpoint`] is fed what happened, with the time, and says what to do:
//!
//! ```
//! use siprec::{Config, Endpoint, Identity, Input, Now, Output};
//!
//! let identity = Identity {
//!     user: "recorder".into(),
//!     host: "203.0.113.10".into(),
//!     udp_port: 5060,
//!     tcp_port: 5060,
//!     tls_port: 5061,
//!     media_address: "203.0.113.10".parse().unwrap(),
//! };
//! let mut endpoint = Endpoint::new(Config::new(identity), [7; 32]);
//! let options = b"OPTIONS sip:recorder@203.0.113.10 SIP/2.0\r\n\
//!     Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n\
//!     Call-ID: 1@b\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
//! let peer = "192.0.2.1:5060".parse().unwrap();
//! endpoint.handle(Now::ZERO, Input::Datagram { peer, bytes: options });
//! loop {
//!     match endpoint.poll() {
//!         Output::Transmit { to, bytes } => assert!(bytes.starts_with(b"SIP/2.0 200 OK\r\n"), "{to:?}"),
//!         Output::Disconnect { .. } | Output::Event(_) => {}
//!         Output::Timeout(_at) => break, // wait for input until then
//!         Output::Idle => break,         // wait for input
//!     }
//! }
//! ```
//!
//! # A message's way
//!
//! Bytes are cut and read by [`message`]; the endpoint finds the [`transaction`], the dialog and the
//! [`RecordingSession`] they belong to; [`body`] takes the message apart, [`sdp`] decides line by line what is recorded,
//! [`metadata`] keeps the picture of who speaks, and [`facts`] says what a contact centre wants to know of it.
//! [`client`] is the other end: a small SRC for tests and trial calls.
//!
//! # The contract
//!//!
//! - After each [`Endpoint::handle`], call [`Endpoint::poll`] until it gives [`Output::Timeout`] or [`Output::Idle`].
//!   Outputs stand in the order in which they are to be done.
//! - `Now` never goes back; its zero is the caller's choice. A call with an earlier time counts as the latest time
//!   seen.
//! - [`Event::Invited`] and [`Event::Modified`] with `awaits_answer` want one [`Command::Accept`] or
//!   [`Command::Reject`]. Open the media ports first. Everything else is answered here.
//! - The same seed, times and inputs give the same outputs. Take the seed from the operating system.
//! - No input panics, and nothing grows without a limit: see [`config::Limits`] and the constants of [`message`].

pub mod body;
pub mod client;
mod command;
pub mod config;
mod dialog;
pub mod digest;
mod endpoint;
mod event;
pub mod excerpt;
pub mod facts;
mod io;
pub mod message;
pub mod metadata;
mod recording_session;
pub mod sdp;
mod token;
pub mod transaction;

pub use command::{Command, Readiness};
pub use config::{
    Certificate, CertificateRule, Config, Identity, Leniency, Limits, Network, PeerRule, Unlisted,
};
pub use endpoint::{Counters, Endpoint};
pub use event::{
    CloseCause, Event, Invitation, MetadataArrival, MetadataFault, Modification, Passed, SessionId, Warning,
};
pub use io::{ConnectionId, Input, Output, Source, Target, Transport};
pub use recording_session::{RecordingSession, Remembered, ResumeError};

/// Time since a zero of the caller's choice, from a clock that never goes back.
pub type Now = core::time::Duration;
