//! A recording client with sound: places SIPREC calls at a recorder, as an SBC would, and sends their media at
//! real pace. Used by `sidetone call`, `sidetone demo`, the tests and the benchmark.
//!
//! Belongs here: sockets and pace of test calls. Does not: the client's SIP ([`siprec::client`]), the
//! recorder.

mod line;
mod opus;
mod pacer;
mod place;
mod sound;
mod test_call;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

pub use line::Signalling;
pub use pacer::{Pacer, PressedKeys};
pub use place::{CallError, Placed, place};
pub use sound::{Codec, FRAME_SAMPLES, Sound, SoundError};
pub use test_call::{NotNow, TALK, TestCalls, TestTurn, local_address, reachable, test_plan};

/// One call to be placed.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The recorder's SIP address.
    pub recorder: SocketAddr,
    /// How signalling travels.
    pub signalling: Signalling,
    /// The login given when the recorder asks for one.
    pub login: Option<siprec::digest::Login>,
    /// Our address, from which signalling and media come.
    pub local: IpAddr,
    /// The agent's phone: the user of the right party's address of record.
    pub agent_phone: String,
    /// The other party's number.
    pub number: String,
    /// How long to talk.
    pub talk: Duration,
    /// What the other party says.
    pub left: Arc<Sound>,
    /// What the agent says.
    pub right: Arc<Sound>,
    /// How it is encoded.
    pub codec: Codec,
    /// What media are protected by, if they are.
    pub srtp: Option<rtp::srtp::Suite>,
    /// Keys pressed by the other party, if any.
    pub keys: Option<PressedKeys>,
    /// Unpredictable, and different for each call.
    pub seed: [u8; 32],
}
