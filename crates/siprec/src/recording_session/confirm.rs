//! The ACK: of theirs to our 2xx, and of ours to theirs (RFC 3261 §13.2.2.4, §13.3.1.4).

use super::{Phase, SessionTimer, delayed::takes_our_keys};
use crate::{
    CloseCause, Endpoint, Event, Modification, SessionId, Source, Warning, body,
    endpoint::TimerId,
    message::{Essentials, Method, Request, Response},
    sdp::{self, Offer},
    transaction::timer::back_off,
};

impl Endpoint {
    /// An ACK in the dialog. `false`: it acknowledges nothing we sent.
    pub(crate) fn confirmed(
        &mut self,
        id: SessionId,
        source: Source,
        request: &Request,
        number: u32,
    ) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else { return false };
        if !session.dialog.admits(&source) {
            return false;
        }
        if session.acked == Some(number) {
            self.counters.repeats += 1;
            return true;
        }
        let Some(unacked) = session.unacked.take_if(|unacked| unacked.number == number) else { return false };
        session.acked = Some(number);
        session.dialog.seen_from(source);
        self.timers.stop(&TimerId::Session(id, SessionTimer::Repeat));
        self.timers.stop(&TimerId::Session(id, SessionTimer::AckMissing));
        match session.phase {
            Phase::Accepted => {
                session.phase = Phase::Confirmed;
                self.emit(Event::Confirmed { session: id });
            }
            Phase::Closing => {
                let reason = session.closing_reason.take();
                self.say_bye(id, reason.as_deref());
            }
            Phase::Invited | Phase::Confirmed => {}
        }
        if unacked.offered {
            let headers = &request.headers;
            let parts =
                body::split(headers.get("Content-Type"), headers.get("Content-Disposition"), &request.body);
            let sdp = parts.map_err(|error| error.to_string()).map(|parts| parts.sdp);
            let usable = self.answered(id, sdp);
            if !usable && unacked.needs_answer {
                self.say_bye(id, Some("No usable SDP in ACK"));
                self.end(id, CloseCause::AnswerMissing);
            }
        }
        true
    }

    /// Sends the 2xx again.
    pub(super) fn repeat(&mut self, id: SessionId) {
        let now = self.now;
        let Some(unacked) = self.sessions.get_mut(&id).and_then(|s| s.unacked.as_mut()) else { return };
        unacked.interval = back_off(unacked.interval);
        let (to, bytes, at) = (unacked.to, unacked.bytes.clone(), now + unacked.interval);
        self.timers.start(TimerId::Session(id, SessionTimer::Repeat), at);
        self.transmit(to, bytes);
    }

    /// An answer to an offer of ours: it may move the SRC's addresses, and adds nothing. `false`: it is of no use, and
    /// what was agreed stays.
    pub(super) fn answered(&mut self, id: SessionId, sdp: Result<Option<Vec<u8>>, String>) -> bool {
        let unusable = |why: String| vec![Warning::AnswerUnusable { why }];
        let text =
            sdp.as_ref().ok().and_then(|sdp| Some(String::from_utf8_lossy(sdp.as_deref()?).into_owned()));
        let answer = match sdp {
            Ok(Some(bytes)) => Offer::parse(&bytes).map_err(|error| error.to_string()),
            Ok(None) => Err(String::from("no SDP in the answer")),
            Err(why) => Err(why),
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(why) => {
                self.warn(id, unusable(why));
                return false;
            }
        };
        let plan = sdp::plan(&answer, self.media_policy(id));
        let offered = self.sessions.get(&id).and_then(|session| session.plan());
        if let Some(Err(why)) = offered.map(|offered| takes_our_keys(&answer, &plan, offered)) {
            self.warn(id, unusable(why));
            return false;
        }
        let Some(agreed) = self.sessions.get_mut(&id).and_then(|s| s.agreed.as_mut()) else { return false };
        if plan.lines.len() != agreed.plan.lines.len() {
            self.warn(id, unusable(String::from("number of m-lines differs from our offer")));
            return false;
        }
        if plan.nothing_to_record() {
            self.warn(id, unusable(String::from("no stream of our offer accepted")));
            return false;
        }
        agreed.offer_text = text.unwrap_or_default();
        if plan.lines.iter().zip(&agreed.plan.lines).all(|(new, old)| new.verdict == old.verdict) {
            return true;
        }
        agreed.plan = plan.clone();
        let modification = Modification { plan, metadata: None, relabelled: None, awaits_answer: false };
        self.emit(Event::Modified { session: id, modification: Box::new(modification) });
        true
    }

    /// What may be recorded in a session: what its trunk was allowed when it began.
    pub(super) fn media_policy(&self, id: SessionId) -> &sdp::Policy {
        self.config.media(self.sessions.get(&id).and_then(|session| session.opened_by.rule))
    }

    /// Acknowledges the 2xx to a re-INVITE of ours.
    pub(crate) fn ack_ours(&mut self, id: SessionId, number: u32) {
        let branch = self.tokens.branch();
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let ack = session.dialog.ack(number, &branch, &self.config.identity);
        let to = session.dialog.next_hop();
        let to = self.sessions.get(&id).map_or(to, |session| self.by_connection(session.dialog(), to));
        self.transmit(to, ack.to_bytes());
    }

    /// Acknowledges again when the 2xx to a re-INVITE of ours comes again. `false`: it is no such response.
    pub(crate) fn acked_again(&mut self, response: &Response, essentials: &Essentials) -> bool {
        if essentials.cseq.method != Method::Invite || !(200..300).contains(&response.status) {
            return false;
        }
        let id = crate::dialog::DialogId {
            sip_call_id: essentials.sip_call_id.clone(),
            local_tag: essentials.from.tag().unwrap_or("").to_owned(),
            remote_tag: essentials.to.tag().unwrap_or("").to_owned(),
        };
        let Some(id) = self.dialogs.get(&id).copied() else { return false };
        let ours = self.sessions.get(&id).and_then(|session| session.our_invite);
        if !ours.is_some_and(|ours| ours.number == essentials.cseq.number && ours.answered) {
            return false;
        }
        self.counters.repeats += 1;
        self.ack_ours(id, essentials.cseq.number);
        true
    }
}
