//! What must be done now, as the tracker decides it. The shell does it; the tracker performs nothing.

use crate::blackout::Owner;
use crate::field::Fields;
use crate::gate::{Closed, Gate};
use crate::id::{CallId, RecordingId, StreamNumber};
use crate::time::Wall;

/// One thing to do.
#[derive(Debug)]
pub enum Effect {
    /// Begin to keep a call's media under `recording`, each stream behind its gate.
    Record {
        /// The call.
        call: CallId,
        /// The recording it goes into.
        recording: RecordingId,
        /// A gate for each stream there is; more come as [`Effect::Guard`].
        gates: Vec<Gate>,
    },
    /// Hold a call's media back in memory, each stream behind its gate: a command may want it kept.
    HoldBack {
        /// The call.
        call: CallId,
        /// The recording it would go into.
        recording: RecordingId,
        /// A gate for each stream there is; more come as [`Effect::Guard`].
        gates: Vec<Gate>,
    },
    /// Keep what was held back of a call, and what comes, behind the gates that are there; then say
    /// [`crate::tracker::Tracker::reached`].
    Keep {
        /// The call.
        call: CallId,
        /// The recording, the one of [`Effect::HoldBack`].
        recording: RecordingId,
    },
    /// Forget what was held back of a call, and hold nothing back any more.
    Wipe {
        /// The call.
        call: CallId,
    },
    /// A stream joined a call that is being recorded: keep it behind this gate.
    Guard {
        /// The call.
        call: CallId,
        /// The stream's gate.
        gate: Gate,
    },
    /// Close the gates of every stream of these calls, then say [`crate::tracker::Tracker::gates_closed`].
    Darken {
        /// The calls.
        calls: Vec<CallId>,
    },
    /// Open the gates of these calls as far as blackouts are concerned.
    Lighten {
        /// The calls.
        calls: Vec<CallId>,
        /// The first instant that may be kept.
        at: Wall,
    },
    /// Close or open one stream's gate for the SRC's pause.
    Pause {
        /// The call.
        call: CallId,
        /// The stream.
        stream: StreamNumber,
        /// `Some(instant)` opens it from that instant on.
        resumed: Option<Wall>,
    },
    /// Keep no more media under `recording`, and seal what there is.
    Stop {
        /// The call.
        call: CallId,
        /// The recording.
        recording: RecordingId,
    },
    /// The fields of a call changed after a recording of it was stopped: its row must follow.
    Annotate {
        /// The recording.
        recording: RecordingId,
        /// The fields written.
        fields: Fields,
    },
    /// Tell the people who run the recorder.
    Alarm(Alarm),
}

/// A condition somebody should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// More than one agent could be meant by what the SRC sent (A13-08).
    AmbiguousAgent {
        /// The call.
        call: CallId,
        /// How many agents match.
        agents: usize,
    },
    /// A blackout was not stopped in its time (C2-10).
    BlackoutTimedOut {
        /// Whose.
        owner: Owner,
        /// Whether recording resumed.
        resumed: bool,
    },
    /// A metadata field held a card number during a blackout; it was struck out (C2-04).
    CardNumberStruckOut {
        /// The call.
        call: CallId,
        /// Whether it came from a command rather than from the SRC.
        by_command: bool,
    },
}

impl Effect {
    /// Whether the effect withdraws calls from disk for a blackout: it is done before the fact is journaled, and
    /// waits for no disk.
    pub fn is_darkening(&self) -> bool {
        matches!(self, Self::Darken { .. })
    }
}

impl From<Closed> for &'static str {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Blackout => "blackout",
            Closed::Paused => "paused by the recording client",
        }
    }
}
