//! Asking the SRC for a full snapshot (RFC 7866 §9.2, RFC 7865 §7; A6).

use core::time::Duration;

use super::SessionTimer;
use crate::{
    Endpoint, MetadataArrival, SessionId, Warning,
    body::METADATA_TYPE,
    endpoint::{Purpose, TimerId, accept_types},
    message::Method,
    metadata::print_snapshot_request,
};

/// Not more often than this for one session (A6-01).
const AT_MOST_EVERY: Duration = Duration::from_secs(60);
/// How long the snapshot may take once the request is accepted (A6-04).
const EXPECTED_WITHIN: Duration = Duration::from_secs(10);

impl Endpoint {
    /// `Command::RequestSnapshot`.
    pub(crate) fn request_snapshot(&mut self, id: SessionId, reason: &str) {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(&id).filter(|s| s.agreed.is_some() && !s.is_over()) else {
            self.counters.commands_ignored += 1;
            return;
        };
        if session.snapshot_asked_at.is_some_and(|at| now < at + AT_MOST_EVERY) {
            return self.warn(id, vec![Warning::SnapshotTooSoon]);
        }
        // The request goes by UPDATE or not at all (A6-02).
        if !session.takes_update {
            return self.warn(id, vec![Warning::MetadataStale { status: None }]);
        }
        session.snapshot_asked_at = Some(now);
        session.snapshot_wanted = true;
        let Some((branch, mut request)) = self.session_request(id, Method::Update) else { return };
        request.headers.push("Require", "siprec");
        request.headers.push("Accept", accept_types());
        request.headers.push("Content-Disposition", "recording-session");
        request.headers.push("Content-Type", METADATA_TYPE);
        request.body = print_snapshot_request(Some(reason));
        self.send(id, Purpose::Snapshot, branch, request);
    }

    /// The SRC has answered the request. Refusal is normal and changes nothing about the recording (A6-03).
    pub(super) fn snapshot_answered(&mut self, id: SessionId, status: Option<u16>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match status {
            Some(200..300) if session.snapshot_wanted => {
                let at = self.now + EXPECTED_WITHIN;
                self.timers.start(TimerId::Session(id, SessionTimer::Snapshot), at);
            }
            Some(200..300) => {}
            Some(status @ (408 | 481)) => self.denied(id, status),
            status => {
                session.snapshot_wanted = false;
                if status.is_some_and(|status| matches!(status, 405 | 501)) {
                    session.takes_update = false;
                }
                self.warn(id, vec![Warning::MetadataStale { status }]);
                if status.is_none() {
                    self.not_heard_from(id, status);
                }
            }
        }
    }

    /// Metadata has come, asked for or not.
    pub(super) fn snapshot_came(&mut self, id: SessionId, arrival: &MetadataArrival) {
        if arrival.outcome.is_ok()
            && let Some(session) = self.sessions.get_mut(&id)
        {
            session.snapshot_wanted = false;
            self.timers.stop(&TimerId::Session(id, SessionTimer::Snapshot));
        }
    }

    pub(super) fn snapshot_missing(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.snapshot_wanted = false;
            self.warn(id, vec![Warning::MetadataStale { status: None }]);
        }
    }
}
