//! The non-INVITE server transaction (RFC 3261 §17.2.2).

use super::{Step, Timer, timer::GIVE_UP};

/// Answers one request once, however often it comes.
#[derive(Debug)]
pub struct Server {
    reliable: bool,
    response: Option<Vec<u8>>,
}

impl Server {
    /// A request has come. `reliable`: over TCP or TLS.
    pub fn new(reliable: bool) -> Self {
        Self { reliable, response: None }
    }

    /// The request came again.
    pub fn retransmitted(&self) -> Vec<Step> {
        self.response.iter().cloned().map(Step::Send).collect()
    }

    /// Whether the final response has been given.
    pub fn is_answered(&self) -> bool {
        self.response.is_some()
    }

    /// The final response. A second one is ignored.
    pub fn respond(&mut self, bytes: Vec<u8>) -> Vec<Step> {
        if self.response.is_some() {
            return Vec::new();
        }
        self.response = Some(bytes.clone());
        // Timer J.
        if self.reliable {
            vec![Step::Send(bytes), Step::Forget]
        } else {
            vec![Step::Send(bytes), Step::Start(Timer::Linger, GIVE_UP)]
        }
    }

    /// A timer is due.
    pub fn fired(&mut self, timer: Timer) -> Vec<Step> {
        if timer == Timer::Linger { vec![Step::Forget] } else { Vec::new() }
    }
}
