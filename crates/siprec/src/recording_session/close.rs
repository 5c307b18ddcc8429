//! How a session ends: BYE, CANCEL, refusal, silence (RFC 3261 §9.2, §15).

use super::{Phase, SessionTimer};
use crate::{
    CloseCause, Endpoint, Event, SessionId,
    endpoint::{Incoming, Purpose, TimerId},
    message::Method,
    transaction::TransactionKey,
};

impl Endpoint {
    /// A BYE. Metadata in it is used before the end (A3-06).
    pub(crate) fn bye(&mut self, incoming: &Incoming, id: SessionId) {
        // A BYE is never refused for its body: the session is over either way.
        let headers = &incoming.request.headers;
        let parts = crate::body::split(
            headers.get("Content-Type"),
            headers.get("Content-Disposition"),
            &incoming.request.body,
        );
        let over = self.sessions.get(&id).is_some_and(super::RecordingSession::is_over);
        if !over {
            self.describe(id, parts.ok().and_then(|parts| parts.metadata));
        }
        // RFC 3261 §15.1.2: what waits is answered 487.
        if let Some(pending) = self.take_pending(id) {
            let response = self.session_response(id, &pending.request, 487);
            self.answer(pending.transaction, &response);
        }
        let response = self.session_response(id, &incoming.request, 200);
        self.answer(incoming.transaction, &response);
        let reason = headers.get("Reason").map(str::to_owned);
        self.end(id, CloseCause::Bye { reason });
    }

    /// A CANCEL (A9-03).
    pub(crate) fn cancel(&mut self, incoming: &Incoming) {
        let key = TransactionKey::cancelled_by(&incoming.request, &incoming.essentials);
        let Some(transaction) = self.server_transaction(&key) else {
            return self.refuse(incoming, 481, "No INVITE to cancel");
        };
        let Some(id) = self.cancellable(transaction, incoming.source) else {
            // Too late, or not from where the INVITE came: the INVITE's answer stands (§9.2).
            let response = match self.invited_session(transaction) {
                Some(id) => self.session_response(id, &incoming.request, 200),
                None => self.stateless_response(&incoming.request, 200, "OK"),
            };
            return self.answer(incoming.transaction, &response);
        };
        let response = self.session_response(id, &incoming.request, 200);
        self.answer(incoming.transaction, &response);
        let Some(pending) = self.take_pending(id) else { return };
        let response = self.session_response(id, &pending.request, 487);
        self.answer(pending.transaction, &response);
        if self.sessions.get(&id).is_some_and(|session| session.phase == Phase::Invited) {
            self.end(id, CloseCause::Cancelled);
        } else {
            self.emit(Event::Withdrawn { session: id });
        }
    }

    /// `Command::Close`.
    pub(crate) fn close_asked(&mut self, id: SessionId, reason: &str) {
        if self.sessions.get(&id).is_none_or(super::RecordingSession::is_over) {
            self.counters.commands_ignored += 1;
            return;
        }
        if let Some(pending) = self.take_pending(id) {
            // A session that never stood ends here.
            self.turn_down(id, pending, 480, reason, None);
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.unacked.is_some() && session.phase == Phase::Accepted {
            // RFC 3261 §15: no BYE before the ACK.
            session.phase = Phase::Closing;
            session.closing_reason = Some(reason.to_owned());
            for timer in
                [SessionTimer::Refresh, SessionTimer::End, SessionTimer::Probe, SessionTimer::Snapshot]
            {
                self.timers.stop(&TimerId::Session(id, timer));
            }
            return self.emit(Event::Closed { session: id, cause: CloseCause::Asked });
        }
        self.say_bye(id, Some(reason));
        self.end(id, CloseCause::Asked);
    }

    /// The program did not answer in time.
    pub(super) fn undecided(&mut self, id: SessionId) {
        let Some(pending) = self.take_pending(id) else { return };
        let retry_after = self.retry_after(None);
        let mut response = self.session_response(id, &pending.request, 503).because("No decision in time");
        response.headers.push("Retry-After", retry_after);
        self.answer(pending.transaction, &response);
        if self.sessions.get(&id).is_some_and(|session| session.phase == Phase::Invited) {
            self.end(id, CloseCause::Undecided);
        } else {
            self.emit(Event::Withdrawn { session: id });
        }
    }

    /// Sends BYE; its answer is not waited for. A session that was over already is forgotten.
    pub(super) fn say_bye(&mut self, id: SessionId, reason: Option<&str>) {
        if let Some((branch, mut request)) = self.session_request(id, Method::Bye) {
            if let Some(reason) = reason {
                let text: String = reason.chars().filter(|c| !matches!(c, '"' | '\\')).take(80).collect();
                request.headers.push("Reason", format!("SIP;cause=200;text=\"{text}\""));
            }
            self.send(id, Purpose::Bye, branch, request);
        }
        if self.sessions.get(&id).is_some_and(super::RecordingSession::is_over) {
            self.forget(id);
        }
    }

    /// Forgets a session and tells why, unless that was told already.
    pub(super) fn end(&mut self, id: SessionId, cause: CloseCause) {
        let told = self.sessions.get(&id).is_none_or(super::RecordingSession::is_over);
        self.forget(id);
        if !told {
            self.emit(Event::Closed { session: id, cause });
        }
    }

    fn forget(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.remove(&id) {
            self.dialogs.remove(&session.dialog.id);
            self.left(&session);
        }
        for timer in SessionTimer::ALL {
            self.timers.stop(&TimerId::Session(id, timer));
        }
    }
}
