//! What a media thread notices of a call.

use calls::id::{CallId, StreamNumber};
use rtp::srtp;
use rtp::supervision::Alarm;

/// Something a thread noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The call.
    pub call: CallId,
    /// What it is.
    pub what: Noticed,
}

/// What a thread noticed of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noticed {
    /// Its media, or the want of it.
    Alarm(Alarm),
    /// How far the sources of a protected stream have come, to be kept (A10-07).
    Heard {
        /// The stream.
        stream: StreamNumber,
        /// How far.
        state: srtp::State,
    },
}
