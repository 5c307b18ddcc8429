//! What the program asks of an [`crate::Endpoint`].

use crate::{SessionId, sdp::LocalMedia};

/// One wish. A wish for a session that is gone, or that is waiting for nothing, is counted and otherwise ignored.
#[derive(Debug, Clone)]
pub enum Command {
    /// Answers [`crate::Event::Invited`] or [`crate::Event::Modified`] with a 200. The ports must be open already
    /// (A9-04).
    Accept {
        /// Which session.
        session: SessionId,
        /// Our ports, one entry for each line of the plan; `None` answers that line with port 0.
        media: Vec<Option<LocalMedia>>,
    },
    /// Answers it with a refusal. Refusing a modification leaves the session as it was.
    Reject {
        /// Which session.
        session: SessionId,
        /// Status code, 400 to 699.
        status: u16,
        /// Why, for the reason phrase.
        reason: String,
        /// Value for `Retry-After`, in seconds.
        retry_after_s: Option<u32>,
    },
    /// Ends the session with BYE (or a refusal if it was never accepted).
    Close {
        /// Which session.
        session: SessionId,
        /// Why, for the `Reason` header.
        reason: String,
    },
    /// Asks the SRC for a full snapshot (A6). At most once a minute for each session.
    RequestSnapshot {
        /// Which session.
        session: SessionId,
        /// Why, for `requestreason`.
        reason: String,
    },
    /// Asks the other side whether it is still there. The answer comes as [`crate::Event::Reachable`] or
    /// [`crate::Event::Unreachable`], the latter after 32 s if there is none.
    Probe {
        /// Which session.
        session: SessionId,
    },
    /// Whether new sessions are taken. Starts as ready.
    Readiness(Readiness),
}

/// Whether new sessions are taken (A9-05, A9-06).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Yes.
    Ready,
    /// No: OPTIONS and new INVITEs get 503. Sessions that stand go on.
    Refusing {
        /// Why, for the reason phrase.
        reason: String,
        /// Value for `Retry-After` in seconds; without it each answer draws 5 to 30 at random.
        retry_after_s: Option<u32>,
    },
}
