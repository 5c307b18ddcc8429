//! The session timer (RFC 4028), and the probe where there is none.

use core::time::Duration;

use super::{OurInvite, Phase, SessionTimer};
use crate::{
    CloseCause, Endpoint, Event, SessionId,
    endpoint::{Incoming, Purpose, TimerId},
    message::{
        Method, Request, Response,
        header::{MinSe, Refresher, SessionExpires},
    },
};

/// The smallest interval RFC 4028 §4 allows, seconds.
const FLOOR_S: u32 = 90;
/// How soon a refresh that met another request is tried again (RFC 3261 §14.1: up to 2 s when we do not own the
/// Call-ID).
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// An agreed session timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) seconds: u32,
    /// Whether we refresh; else the SRC does.
    pub(super) we_refresh: bool,
}

/// Why a session timer is refused.
#[derive(Debug)]
pub(super) enum IntervalRefusal {
    /// 422 with this Min-SE.
    TooSmall(u32),
    /// 400.
    Malformed(&'static str, &'static str),
}

impl Interval {
    /// States the interval and the refresher in a 2xx (A8-02).
    pub(super) fn state(self, request: &Request, response: &mut Response) {
        let refresher = if self.we_refresh { Refresher::Uas } else { Refresher::Uac };
        let value = SessionExpires { seconds: self.seconds, refresher: Some(refresher) };
        response.headers.push("Session-Expires", value.to_string());
        if refresher == Refresher::Uac && supports_timer(request) {
            response.headers.push("Require", "timer");
        }
    }

    /// When to refresh, and when it is over (§10).
    fn deadlines(self) -> (Duration, Duration) {
        let whole = Duration::from_secs(u64::from(self.seconds));
        let refresh = if self.we_refresh {
            whole / 2
        } else {
            // A8-04: where we would have to send BYE we ask once more ourselves; ending a live recording is the
            // worse fault.
            whole - Duration::from_secs(32).min(whole / 3)
        };
        (refresh, whole)
    }
}

fn supports_timer(request: &Request) -> bool {
    request.headers.lists("Supported", "timer") || request.headers.lists("Require", "timer")
}

impl Endpoint {
    /// The interval a request leads to, by §9. `agreed`: the one in force.
    pub(super) fn negotiate(
        &self,
        request: &Request,
        agreed: Option<Interval>,
    ) -> Result<Option<Interval>, IntervalRefusal> {
        let policy = &self.config.session_timer;
        let ours = policy.min_se_s.max(FLOOR_S);
        let header = |name| request.headers.get(name);
        let asked = header("Session-Expires").map(SessionExpires::parse).transpose();
        let asked = asked.map_err(|why| IntervalRefusal::Malformed("Session-Expires", why))?;
        let min_se = header("Min-SE").map(MinSe::parse).transpose();
        let min_se = min_se.map_err(|why| IntervalRefusal::Malformed("Min-SE", why))?;
        let min_se = min_se.map_or(FLOOR_S, |min_se| min_se.seconds);
        let supported = supports_timer(request);
        match asked {
            Some(asked) if asked.seconds < ours && supported => Err(IntervalRefusal::TooSmall(ours)),
            Some(asked) => {
                // Table 2: without support at the client it is for us to refresh; else the client's choice stands.
                let we_refresh = !supported || asked.refresher == Some(Refresher::Uas);
                Ok(Some(Interval { seconds: asked.seconds.max(FLOOR_S), we_refresh }))
            }
            // A8-03.
            None if supported => {
                let seconds = policy.default_s.max(min_se).max(ours);
                Ok(Some(agreed.unwrap_or(Interval { seconds, we_refresh: false })))
            }
            // A request that says nothing about timers is a sign of life and leaves the interval alone.
            None => Ok(agreed),
        }
    }

    pub(super) fn refuse_interval(&mut self, incoming: &Incoming, refusal: IntervalRefusal) {
        match refusal {
            IntervalRefusal::TooSmall(min_se) => {
                let why = format!("Session interval too small: want {min_se} s or more");
                self.refuse_with(incoming, 422, &why, &[("Min-SE", min_se.to_string())]);
            }
            IntervalRefusal::Malformed(name, why) => {
                self.refuse(incoming, 400, &format!("{name} header malformed: {why}"));
            }
        }
    }

    /// Counts the interval from now; without one, probes (A8-06).
    pub(super) fn restart_session_timer(&mut self, id: SessionId, interval: Option<Interval>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.interval = interval;
        let timer = |timer| TimerId::Session(id, timer);
        match interval {
            Some(interval) => {
                let (refresh, end) = interval.deadlines();
                self.timers.start(timer(SessionTimer::Refresh), self.now + refresh);
                self.timers.start(timer(SessionTimer::End), self.now + end);
                self.timers.stop(&timer(SessionTimer::Probe));
            }
            None => {
                self.timers.stop(&timer(SessionTimer::Refresh));
                self.timers.stop(&timer(SessionTimer::End));
                let at = self.now + self.config.session_timer.probe_every;
                self.timers.start(timer(SessionTimer::Probe), at);
            }
        }
    }

    /// Asks whether the other side is there, now and from time to time.
    pub(super) fn probe(&mut self, id: SessionId) {
        let at = self.now + self.config.session_timer.probe_every;
        self.timers.start(TimerId::Session(id, SessionTimer::Probe), at);
        self.ask_whether_there(id);
    }

    /// `Command::Probe`.
    pub(crate) fn probe_asked(&mut self, id: SessionId) {
        if self.sessions.get(&id).is_none_or(|session| session.agreed.is_none() || session.is_over()) {
            self.counters.commands_ignored += 1;
            return;
        }
        self.ask_whether_there(id);
    }

    /// A probe: OPTIONS, to which any answer but 408 and 481 is a sign of life.
    pub(super) fn ask_whether_there(&mut self, id: SessionId) {
        if let Some((branch, request)) = self.session_request(id, Method::Options) {
            self.send(id, Purpose::Probe, branch, request);
        }
    }

    /// The other side sent something inside the dialog.
    pub(crate) fn heard_from(&mut self, id: SessionId) {
        let session = self.sessions.get_mut(&id);
        if session.is_some_and(|session| core::mem::take(&mut session.unreachable)) {
            self.emit(Event::Reachable { session: id });
        }
    }

    /// A request of ours got no answer, or one by which there is no dialog.
    pub(super) fn not_heard_from(&mut self, id: SessionId, status: Option<u16>) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.unreachable = true;
            self.emit(Event::Unreachable { session: id, status });
        }
    }

    /// Refreshes the session: UPDATE, or re-INVITE with what is agreed if the other side knows no UPDATE.
    pub(super) fn refresh(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else { return };
        let Some(interval) = session.interval else { return };
        let busy = session.pending.is_some()
            || session.unacked.is_some()
            || session.our_invite.is_some_and(|ours| !ours.answered);
        if busy {
            let at = self.now + RETRY_AFTER;
            return self.timers.start(TimerId::Session(id, SessionTimer::Refresh), at);
        }
        let method = if session.takes_update { Method::Update } else { Method::Invite };
        let sdp = session.agreed.as_ref().map(|agreed| agreed.sdp.clone());
        let Some((branch, mut request)) = self.session_request(id, method) else { return };
        let refresher = if interval.we_refresh { Refresher::Uac } else { Refresher::Uas };
        let expires = SessionExpires { seconds: interval.seconds, refresher: Some(refresher) };
        request.headers.push("Supported", "timer");
        request.headers.push("Session-Expires", expires.to_string());
        request.headers.push("Min-SE", FLOOR_S.to_string());
        if request.method == Method::Invite {
            request.headers.push("Require", "siprec");
            request.headers.push("Allow", crate::endpoint::ALLOW);
            request.headers.push("Content-Type", crate::body::SDP_TYPE);
            request.body = sdp.unwrap_or_default();
            let number = request.headers.get("CSeq").and_then(|cseq| cseq.split(' ').next()?.parse().ok());
            if let Some(session) = self.sessions.get_mut(&id) {
                session.our_invite = Some(OurInvite { number: number.unwrap_or(0), answered: false });
            }
        }
        self.send(id, Purpose::Refresh, branch, request);
    }

    /// The end of a request of ours: its final response, or `None` when none came in 64*T1.
    pub(crate) fn request_ended(&mut self, id: SessionId, purpose: Purpose, response: Option<&Response>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let status = response.map(|response| response.status);
        match purpose {
            Purpose::Bye => {}
            Purpose::Snapshot => self.snapshot_answered(id, status),
            Purpose::Probe => {
                if matches!(status, None | Some(408 | 481)) {
                    self.not_heard_from(id, status);
                } else {
                    session.unreachable = false;
                    self.emit(Event::Reachable { session: id });
                }
            }
            Purpose::Refresh => {
                let by_invite = session.our_invite.as_mut().filter(|ours| !ours.answered);
                let by_invite = by_invite.map(|ours| ours.answered = true).is_some();
                self.refreshed(id, by_invite, response);
            }
        }
    }

    fn refreshed(&mut self, id: SessionId, by_invite: bool, response: Option<&Response>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(interval) = session.interval else { return };
        let Some(response) = response else {
            // It will be tried until the interval ends.
            self.timers.start(TimerId::Session(id, SessionTimer::Refresh), self.now);
            return self.not_heard_from(id, None);
        };
        match response.status {
            200..300 => {
                session.dialog.retarget(&response.headers);
                let stated =
                    response.headers.get("Session-Expires").and_then(|v| SessionExpires::parse(v).ok());
                let interval = stated.map_or(interval, |stated| Interval {
                    seconds: stated.seconds.max(FLOOR_S),
                    we_refresh: stated.refresher != Some(Refresher::Uas),
                });
                self.restart_session_timer(id, Some(interval));
                if by_invite {
                    self.answered(id, Ok(Some(response.body.clone()).filter(|body| !body.is_empty())));
                }
            }
            422 => {
                let min_se = response.headers.get("Min-SE").and_then(|v| MinSe::parse(v).ok());
                let seconds = min_se.map_or(0, |min_se| min_se.seconds);
                if seconds > interval.seconds {
                    session.interval = Some(Interval { seconds, ..interval });
                    self.refresh(id);
                }
            }
            status @ (408 | 481) => self.denied(id, status),
            491 | 500 | 503 | 504 => {
                let at = self.now + RETRY_AFTER;
                self.timers.start(TimerId::Session(id, SessionTimer::Refresh), at);
            }
            _ if !by_invite => {
                session.takes_update = false;
                self.refresh(id);
            }
            // It refuses and so it lives.
            _ => self.restart_session_timer(id, Some(interval)),
        }
    }

    /// The other side says that there is no such dialog, or that it gave up on it (RFC 3261 §12.2.1.2).
    pub(super) fn denied(&mut self, id: SessionId, status: u16) {
        if status == 408 {
            self.say_bye(id, None);
        }
        self.end(id, CloseCause::Denied { status });
    }

    pub(crate) fn session_timer(&mut self, id: SessionId, timer: SessionTimer) {
        let Some(session) = self.sessions.get(&id) else { return };
        match timer {
            SessionTimer::Trying => {
                let waiting = session.pending.as_ref().filter(|p| p.request.method == Method::Invite);
                if let Some(transaction) = waiting.map(|pending| pending.transaction) {
                    self.trying(transaction);
                }
            }
            SessionTimer::Decision => self.undecided(id),
            SessionTimer::Repeat => self.repeat(id),
            SessionTimer::AckMissing => {
                let over = session.phase == Phase::Closing;
                self.say_bye(id, Some("No ACK"));
                if !over {
                    self.end(id, CloseCause::AckMissing);
                }
            }
            SessionTimer::Refresh => self.refresh(id),
            SessionTimer::End => {
                self.say_bye(id, Some("Session timer expired"));
                self.end(id, CloseCause::Expired);
            }
            SessionTimer::Probe => self.probe(id),
            SessionTimer::Snapshot => self.snapshot_missing(id),
        }
    }
}
