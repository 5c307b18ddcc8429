//! What the SIP task tells a recording session's task.

use calls::tracker::{Arrival, Document};
use rtp::srtp;
use siprec::sdp::Plan;

use super::lines::Home;
use super::resume::Remembrance;

/// What happens to a session.
#[derive(Debug)]
pub(super) enum Happening {
    /// It wants to begin.
    Invited { plan: Plan, arrivals: Vec<Arrival> },
    /// Its media are to change, and the SRC waits for an answer.
    Modified { plan: Plan },
    /// The change is off: the SRC withdrew it, or the answer took too long.
    Withdrawn,
    /// What it is of has changed; the plan is in force. The document is what told of it, for the calls that are over by it.
    Changed { plan: Plan, arrivals: Vec<Arrival>, document: Option<Document> },
    /// What came with its BYE (A3-06).
    Farewell(Document),
    /// How it is to go on after a restart, once what was told before is done.
    Remember(Box<Remembrance>),
    /// How far the sources of a protected stream have come.
    Heard { home: Home, state: srtp::State },
    /// Its client answered when it was asked whether it is there, or did not (A8-06).
    Answered { answers: bool },
    /// It is over, for the reason the sentence says.
    Closed { why: String },
}
