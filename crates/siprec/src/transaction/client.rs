//! The client transactions (RFC 3261 §17.1): one machine, as the two differ little.
//!
//! We send BYE, UPDATE and OPTIONS, and INVITE only to refresh a dialog whose other side knows no UPDATE.

use core::time::Duration;

use super::{
    Step, Timer,
    timer::{GIVE_UP, T1, T2, T4, back_off},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Calling or Trying.
    Trying,
    Proceeding,
    Completed,
}

/// Sends one request until it is answered.
#[derive(Debug)]
pub struct Client {
    invite: bool,
    reliable: bool,
    state: State,
    request: Vec<u8>,
    /// The ACK to a refusal of our INVITE, to be sent again when the refusal comes again.
    ack: Option<Vec<u8>>,
    interval: Duration,
}

/// What a response means to the owner of the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Provisional, or seen before.
    Nothing,
    /// The one final response.
    Final,
}

impl Client {
    /// Sends a request. `reliable`: over TCP or TLS.
    pub fn send(invite: bool, reliable: bool, request: Vec<u8>) -> (Self, Vec<Step>) {
        let mut steps = vec![Step::Send(request.clone()), Step::Start(Timer::GiveUp, GIVE_UP)];
        if !reliable {
            steps.push(Step::Start(Timer::Retransmit, T1));
        }
        (Self { invite, reliable, state: State::Trying, request, ack: None, interval: T1 }, steps)
    }

    /// Whether it sent an INVITE.
    pub fn is_invite(&self) -> bool {
        self.invite
    }

    /// The request once more, if it has no answer yet: its connection broke.
    pub fn resend(&self) -> Vec<Step> {
        match self.state {
            State::Trying => vec![Step::Send(self.request.clone())],
            State::Proceeding | State::Completed => Vec::new(),
        }
    }

    /// A response has come. `ack` makes the ACK to a refusal of INVITE.
    pub fn answered(&mut self, status: u16, ack: impl FnOnce() -> Vec<u8>) -> (Verdict, Vec<Step>) {
        if self.state == State::Completed {
            return (Verdict::Nothing, self.ack.iter().cloned().map(Step::Send).collect());
        }
        if status < 200 {
            self.state = State::Proceeding;
            if self.invite {
                return (Verdict::Nothing, vec![Step::Stop(Timer::Retransmit)]);
            }
            self.interval = T2;
            return (Verdict::Nothing, Vec::new());
        }
        self.state = State::Completed;
        let mut steps = vec![Step::Stop(Timer::Retransmit), Step::Stop(Timer::GiveUp)];
        if self.invite && status >= 300 {
            let ack = ack();
            steps.push(Step::Send(ack.clone()));
            self.ack = Some(ack);
        }
        // Timer D is 32 s, K is T4. A 2xx ends an INVITE transaction; its repeats concern the dialog.
        let linger = if self.invite { GIVE_UP } else { T4 };
        let forget = self.reliable || (self.invite && status < 300);
        steps.push(if forget { Step::Forget } else { Step::Start(Timer::Linger, linger) });
        (Verdict::Final, steps)
    }

    /// A timer is due.
    pub fn fired(&mut self, timer: Timer) -> Vec<Step> {
        match (timer, self.state) {
            (Timer::Retransmit, State::Trying | State::Proceeding) => {
                // Timer A doubles without limit, timer E up to T2.
                self.interval = if self.invite { self.interval * 2 } else { back_off(self.interval) };
                vec![Step::Send(self.request.clone()), Step::Start(Timer::Retransmit, self.interval)]
            }
            (Timer::GiveUp, State::Trying | State::Proceeding) => vec![Step::TimedOut, Step::Forget],
            (Timer::Linger, _) => vec![Step::Forget],
            _ => Vec::new(),
        }
    }
}
