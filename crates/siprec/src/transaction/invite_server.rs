//! The INVITE server transaction (RFC 3261 §17.2.1, as corrected by RFC 6026 §7.1).
//!
//! ```text
//!                    2xx
//!  Proceeding -----------------> Accepted -- L --> forgotten
//!   |  (1xx; INVITE again:       (INVITE again: the 2xx again)
//!   |   the last 1xx again)
//!   |
//!   |  300..699                  ACK
//!   +-----------> Completed ----------> Confirmed -- I --> forgotten
//!                 (G: again; H: give up)
//! ```
//!
//! The 2xx itself is repeated by the recording session until its ACK comes (RFC 3261 §13.3.1.4), as the ACK to a 2xx
//! is no part of this transaction.

use core::time::Duration;

use super::{
    Step, Timer,
    timer::{GIVE_UP, T1, T4, back_off},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Proceeding,
    Accepted,
    Completed,
    Confirmed,
}

/// Answers one INVITE.
#[derive(Debug)]
pub struct InviteServer {
    reliable: bool,
    state: State,
    /// The last response sent.
    response: Option<Vec<u8>>,
    interval: Duration,
}

impl InviteServer {
    /// An INVITE has come. `reliable`: over TCP or TLS.
    pub fn new(reliable: bool) -> Self {
        Self { reliable, state: State::Proceeding, response: None, interval: T1 }
    }

    /// Whether a final response has been given.
    pub fn is_answered(&self) -> bool {
        self.state != State::Proceeding
    }

    /// The INVITE came again. `None`: nothing has been answered yet, send a 100.
    pub fn retransmitted(&self) -> Option<Vec<Step>> {
        match self.state {
            State::Confirmed => Some(Vec::new()),
            _ => self.response.clone().map(|bytes| vec![Step::Send(bytes)]),
        }
    }

    /// A response. Only the first final one counts.
    pub fn respond(&mut self, status: u16, bytes: Vec<u8>) -> Vec<Step> {
        if self.is_answered() {
            return Vec::new();
        }
        self.response = Some(bytes.clone());
        let mut steps = vec![Step::Send(bytes)];
        match status {
            100..200 => {}
            200..300 => {
                self.state = State::Accepted;
                steps.push(Step::Start(Timer::Linger, GIVE_UP));
            }
            _ => {
                self.state = State::Completed;
                steps.push(Step::Start(Timer::GiveUp, GIVE_UP));
                if !self.reliable {
                    steps.push(Step::Start(Timer::Retransmit, T1));
                }
            }
        }
        steps
    }

    /// An ACK with this transaction's branch.
    pub fn acked(&mut self) -> Vec<Step> {
        if self.state != State::Completed {
            return Vec::new();
        }
        self.state = State::Confirmed;
        let mut steps = vec![Step::Stop(Timer::Retransmit), Step::Stop(Timer::GiveUp)];
        steps.push(if self.reliable { Step::Forget } else { Step::Start(Timer::Linger, T4) });
        steps
    }

    /// A timer is due.
    pub fn fired(&mut self, timer: Timer) -> Vec<Step> {
        match (timer, self.state) {
            (Timer::Retransmit, State::Completed) => {
                self.interval = back_off(self.interval);
                let again = self.response.iter().cloned().map(Step::Send);
                again.chain([Step::Start(Timer::Retransmit, self.interval)]).collect()
            }
            (Timer::GiveUp, State::Completed) | (Timer::Linger, _) => vec![Step::Forget],
            _ => Vec::new(),
        }
    }
}
