//! INVITE to 200 (RFC 7866 §6, §7; RFC 3261 §13.3).

use core::time::Duration;

use super::{
    Agreed, Pending, Phase, RecordingSession, SessionTimer, Unacked,
    content::{Content, arrival},
    delayed::own_offer,
    recognise::{contact, is_recording_session, why_no_recording_session},
};
use crate::{
    CloseCause, Endpoint, Event, Invitation, Leniency, SessionId, Transport, Warning,
    dialog::Dialog,
    endpoint::{Incoming, TimerId, TransactionId},
    message::{Method, Request, Response, header::SessionUuid},
    metadata::Picture,
    sdp::{self, LocalMedia, Offer, Origin, Plan},
    transaction::timer::{GIVE_UP, T1},
};

/// How long an INVITE waits before it is told that we are at it (A9-04).
const TRYING_AFTER: Duration = Duration::from_millis(200);

impl Endpoint {
    /// An INVITE outside any dialog.
    pub(crate) fn invited(&mut self, incoming: Incoming) {
        if self.refused_as_unready(&incoming) {
            return;
        }
        // F-SIP-4: a captured INVITE sent again while its session stands.
        if self.is_replay(&incoming) {
            return self.refuse(&incoming, 482, "A session with this Call-ID and From tag stands");
        }
        let contact = match contact(&incoming.request) {
            Ok(contact) => contact,
            Err(fault) => return self.refuse(&incoming, 400, &fault.to_string()),
        };
        let rule = self.config.rule(&incoming.source);
        let leniency = rule.map_or(Leniency::Strict, |rule| rule.leniency);
        let strict_metadata = rule.is_some_and(|rule| rule.strict_metadata);
        let by_headers = is_recording_session(&incoming.request, &contact, leniency);
        if !by_headers && leniency != Leniency::BodyOnly {
            return self.refuse(
                &incoming,
                403,
                why_no_recording_session(&incoming.request, &contact, leniency),
            );
        }
        let Some(content) = self.content(&incoming) else { return };
        if !by_headers && content.metadata.is_none() {
            return self.refuse(
                &incoming,
                403,
                why_no_recording_session(&incoming.request, &contact, leniency),
            );
        }
        let interval = match self.negotiate(&incoming.request, None) {
            Ok(interval) => interval,
            Err(refusal) => return self.refuse_interval(&incoming, refusal),
        };
        let policy = self.config.media(incoming.source.rule);
        let offered = match &content.offer {
            Some(offer) => Some((offer.clone(), sdp::plan(offer, policy))),
            None => own_offer(policy),
        };
        let Some((offer, plan)) = offered else {
            return self.refuse(&incoming, 488, "INVITE without SDP: send an offer");
        };
        if plan.nothing_to_record() {
            return self.refuse(&incoming, 488, &why_nothing_to_record(&plan));
        }
        let mut picture = Picture::default();
        let labels = plan.labels();
        let raw = content.metadata.clone();
        let arrival = arrival(&mut picture, raw, &labels, self.now);
        if let Some(Err(error)) = arrival.as_ref().map(|arrival| &arrival.outcome)
            && strict_metadata
        {
            return self.refuse(&incoming, 400, &format!("Recording metadata malformed: {error}"));
        }
        let invitation = Box::new(self.invitation(&incoming, plan.clone(), arrival));
        self.open_session(incoming, content, Opening { offer, plan, picture, interval }, invitation);
    }

    fn invitation(
        &self,
        incoming: &Incoming,
        plan: Plan,
        metadata: Option<crate::MetadataArrival>,
    ) -> Invitation {
        let headers = &incoming.request.headers;
        let text = |name| headers.get(name).unwrap_or_default().to_owned();
        Invitation {
            source: incoming.source,
            trunk: self.config.rule(&incoming.source).map(|rule| rule.name.clone()),
            sip_call_id: incoming.essentials.sip_call_id.clone(),
            from: text("From"),
            to: text("To"),
            request_uri: incoming.request.uri.clone(),
            asserted: headers.list("P-Asserted-Identity").map(str::to_owned).collect(),
            headers: headers.to_pairs(),
            user_agent: headers.get("User-Agent").map(str::to_owned),
            remote_uuid: headers.get("Session-ID").and_then(SessionUuid::parse),
            plan,
            metadata,
        }
    }

    fn open_session(
        &mut self,
        incoming: Incoming,
        content: Content,
        opening: Opening,
        invitation: Box<Invitation>,
    ) {
        let id = self.next_session_id();
        let Incoming { source, request, essentials, transaction } = incoming;
        let dialog = Dialog::new(&request, &essentials, source, self.tokens.tag());
        let takes_update = request.headers.get("Allow").is_none() || request.headers.lists("Allow", "UPDATE");
        let Opening { offer, plan, picture, interval } = opening;
        let offered_by_us = content.offer.is_none();
        let session = RecordingSession {
            trunk: invitation.trunk.clone(),
            headers: invitation.headers.clone(),
            local_uuid: self.tokens.session_uuid(),
            remote_uuid: invitation.remote_uuid,
            sdp_session_id: self.tokens.sdp_session_id(),
            takes_update,
            pending: Some(Pending { transaction, request, offer, plan, offered_by_us, picture, interval }),
            ..RecordingSession::new(id, dialog, source, invitation.request_uri.clone())
        };
        self.enter(session);
        self.await_decision(id, transaction);
        self.emit(Event::Invited { session: id, invitation });
        self.warn(id, content.warnings);
    }

    /// Starts the timers of a request that waits for the program.
    pub(super) fn await_decision(&mut self, id: SessionId, transaction: TransactionId) {
        self.tie(transaction, id);
        self.timers.start(TimerId::Session(id, SessionTimer::Trying), self.now + TRYING_AFTER);
        let decision = self.now + self.config.limits.decision;
        self.timers.start(TimerId::Session(id, SessionTimer::Decision), decision);
    }

    /// `Command::Accept`.
    pub(crate) fn accept(&mut self, id: SessionId, media: Vec<Option<LocalMedia>>) {
        let Some(pending) = self.take_pending(id) else {
            self.counters.commands_ignored += 1;
            return;
        };
        let has_port = pending.plan.accepted().any(|(index, line)| {
            media.get(index).and_then(Option::as_ref).is_some_and(|local| local.serves(line))
        });
        if !has_port && !pending.plan.nothing_to_record() {
            // A2-03: never a 200 with nothing to record.
            let retry_after = self.retry_after(None);
            return self.turn_down(id, pending, 503, "No media port free", Some(retry_after));
        }
        let media_address = self.config.identity.media_address;
        let keys = pending.plan.accepted().any(|(_, line)| line.crypto.is_some());
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let in_the_clear = keys && session.dialog.source().transport != Transport::Tls;
        session.agree(&pending, media, media_address);
        session.picture = pending.picture;
        session.dialog.retarget(&pending.request.headers);
        let sdp = session.agreed.as_ref().map(|agreed| agreed.sdp.clone());
        if session.phase == Phase::Invited {
            session.phase = Phase::Accepted;
            let dialog = session.dialog.id.clone();
            self.dialogs.insert(dialog, id);
        }
        self.succeed(id, pending.transaction, &pending.request, pending.interval, sdp);
        if in_the_clear {
            self.warn(id, vec![Warning::KeysInTheClear]);
        }
        if pending.offered_by_us
            && let Some(unacked) = self.sessions.get_mut(&id).and_then(|s| s.unacked.as_mut())
        {
            (unacked.offered, unacked.needs_answer) = (true, true);
        }
    }

    /// Takes what waits for the program, and stops waiting.
    pub(super) fn take_pending(&mut self, id: SessionId) -> Option<Pending> {
        let pending = self.sessions.get_mut(&id)?.pending.take()?;
        self.timers.stop(&TimerId::Session(id, SessionTimer::Trying));
        self.timers.stop(&TimerId::Session(id, SessionTimer::Decision));
        Some(pending)
    }

    /// Answers 200 to INVITE or UPDATE, with our description if there is one to send.
    pub(super) fn succeed(
        &mut self,
        id: SessionId,
        transaction: TransactionId,
        request: &Request,
        interval: Option<super::Interval>,
        sdp: Option<Vec<u8>>,
    ) {
        let mut response = self.session_response(id, request, 200);
        let Some(session) = self.sessions.get(&id) else { return };
        let contact = session.dialog.contact(&self.config.identity);
        self.describe_us(request, &mut response, contact);
        if let Some(interval) = interval {
            interval.state(request, &mut response);
        }
        if let Some(sdp) = sdp {
            response.headers.push("Content-Type", sdp_type());
            response.body = sdp;
        }
        let to = self.reply_to(transaction);
        self.answer(transaction, &response);
        if request.method == Method::Invite
            && let Some(to) = to
        {
            self.repeat_until_acked(id, request, &response, to);
        }
        self.restart_session_timer(id, interval);
    }

    fn describe_us(&self, request: &Request, response: &mut Response, contact: String) {
        // RFC 3261 §12.1.1: the client finds its route in the 2xx.
        for route in request.headers.all("Record-Route") {
            response.headers.push("Record-Route", route);
        }
        response.headers.push("Contact", contact);
        response.headers.push("Allow", crate::endpoint::ALLOW);
        response.headers.push("Supported", crate::endpoint::SUPPORTED);
        response.headers.push("Accept", crate::endpoint::accept_types());
    }

    fn repeat_until_acked(
        &mut self,
        id: SessionId,
        request: &Request,
        response: &Response,
        to: crate::Target,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let number =
            request.headers.get("CSeq").and_then(|cseq| cseq.split_whitespace().next()?.parse().ok());
        session.unacked = Some(Unacked {
            bytes: response.to_bytes(),
            to,
            number: number.unwrap_or(0),
            interval: T1,
            offered: false,
            needs_answer: false,
        });
        self.timers.start(TimerId::Session(id, SessionTimer::Repeat), self.now + T1);
        self.timers.start(TimerId::Session(id, SessionTimer::AckMissing), self.now + GIVE_UP);
    }

    /// `Command::Reject`.
    pub(crate) fn reject(&mut self, id: SessionId, status: u16, reason: &str, retry_after_s: Option<u32>) {
        let Some(pending) = self.take_pending(id) else {
            self.counters.commands_ignored += 1;
            return;
        };
        let status = if (400..700).contains(&status) { status } else { 500 };
        // A9-06: without Retry-After a 503 is taken for a 500.
        let retry_after = match retry_after_s {
            None if status != 503 => None,
            stated => Some(self.retry_after(stated)),
        };
        self.turn_down(id, pending, status, reason, retry_after);
    }

    /// Refuses what waited. A session that never stood is over; one that stood goes on as it was.
    pub(super) fn turn_down(
        &mut self,
        id: SessionId,
        pending: Pending,
        status: u16,
        why: &str,
        retry_after: Option<String>,
    ) {
        let mut response = self.session_response(id, &pending.request, status);
        if !why.is_empty() {
            response = response.because(why);
        }
        if let Some(retry_after) = retry_after {
            response.headers.push("Retry-After", retry_after);
        }
        self.answer(pending.transaction, &response);
        if self.sessions.get(&id).is_some_and(|session| session.phase == Phase::Invited) {
            self.end(id, CloseCause::Asked);
        }
    }
}

/// What an INVITE would make of a session.
struct Opening {
    offer: Offer,
    plan: Plan,
    picture: Picture,
    interval: Option<super::Interval>,
}

impl RecordingSession {
    /// Agrees on an offer. The o= version rises only if our description changes (A2-11).
    pub(super) fn agree(
        &mut self,
        pending: &Pending,
        media: Vec<Option<LocalMedia>>,
        address: core::net::IpAddr,
    ) {
        let print = |version| {
            let origin = Origin { session_id: self.sdp_session_id, version, address };
            sdp::print_answer(&pending.offer, &pending.plan, &origin, &media)
        };
        let (version, sdp) = match &self.agreed {
            None => (1, print(1)),
            Some(agreed) => {
                let same = print(agreed.version);
                if same == agreed.sdp {
                    (agreed.version, same)
                } else {
                    (agreed.version + 1, print(agreed.version + 1))
                }
            }
        };
        let (offer, plan) = (pending.offer.clone(), pending.plan.clone());
        let offer_text = pending.offer_text();
        self.agreed = Some(Agreed { offer_text, offer, plan, media, sdp, version });
    }
}

fn sdp_type() -> &'static str {
    crate::body::SDP_TYPE
}

fn why_nothing_to_record(plan: &Plan) -> String {
    plan.refused().next().map_or_else(
        || String::from("No stream to record: every port is 0"),
        |(index, why)| format!("No stream to record: line {}: {why}", index + 1),
    )
}
