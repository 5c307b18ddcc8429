//! re-INVITE and UPDATE: streams come and go, people come and go (RFC 7866 §7, §9; RFC 3261 §14.2; RFC 3311 §5.2).

use super::{Pending, content::arrival};
use crate::{Endpoint, Event, Modification, SessionId, endpoint::Incoming, message::Method, sdp};

impl Endpoint {
    /// A re-INVITE or UPDATE.
    pub(crate) fn modified(&mut self, incoming: Incoming, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else { return };
        if session.is_over() {
            return self.refuse(&incoming, 481, "Recording session is over");
        }
        let our_invite_pending = session.our_invite.is_some_and(|ours| !ours.answered);
        let theirs_pending = session.pending.is_some();
        // A7-01, glare. Two of theirs at once: 500. An offer of theirs and one of ours: 491.
        if theirs_pending {
            let retry_after = self.tokens.between(0, 10).to_string();
            let extra = [("Retry-After", retry_after)];
            return self.refuse_with(&incoming, 500, "Earlier request not answered yet", &extra);
        }
        let Some(content) = self.content(&incoming) else { return };
        if our_invite_pending && (incoming.request.method == Method::Invite || content.offer.is_some()) {
            return self.refuse(&incoming, 491, "Request Pending");
        }
        let agreed = self.sessions.get(&id).and_then(|session| session.interval);
        let interval = match self.negotiate(&incoming.request, agreed) {
            Ok(interval) => interval,
            Err(refusal) => return self.refuse_interval(&incoming, refusal),
        };
        self.note_peer(id, &incoming);
        self.warn(id, content.warnings);
        match content.offer {
            Some(offer) => self.reoffered(incoming, id, offer, content.metadata, interval),
            None if incoming.request.method == Method::Invite => {
                self.offer_ours(&incoming, id, content.metadata, interval);
            }
            None => {
                self.retarget(id, &incoming);
                self.succeed(id, incoming.transaction, &incoming.request, interval, None);
                self.describe(id, content.metadata);
            }
        }
    }

    fn note_peer(&mut self, id: SessionId, incoming: &Incoming) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let headers = &incoming.request.headers;
        session.note_uuid(headers.get("Session-ID"));
        if headers.get("Allow").is_some() {
            session.takes_update = headers.lists("Allow", "UPDATE");
        }
    }

    fn retarget(&mut self, id: SessionId, incoming: &Incoming) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.dialog.retarget(&incoming.request.headers);
        }
    }

    /// An offer inside the session.
    fn reoffered(
        &mut self,
        incoming: Incoming,
        id: SessionId,
        offer: sdp::Offer,
        metadata: Option<Vec<u8>>,
        interval: Option<super::Interval>,
    ) {
        let plan = sdp::plan(&offer, self.media_policy(id));
        if plan.nothing_to_record() && plan.refused().next().is_some() {
            let why = plan.refused().next().map(|(index, why)| format!("line {}: {why}", index + 1));
            return self.refuse(&incoming, 488, &why.unwrap_or_default());
        }
        let (now, address) = (self.now, self.config.identity.media_address);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Incoming { request, transaction, .. } = incoming;
        let mut picture = session.picture.clone();
        let labels = plan.labels();
        // A8-05, A2-11: an offer that changes nothing is answered as before, and nobody needs to know.
        let unchanged = session.agreed.as_ref().is_some_and(|agreed| agreed.plan == plan);
        if unchanged {
            let media = session.media().to_vec();
            let pending =
                Pending { transaction, request, offer, plan, offered_by_us: false, picture, interval };
            session.agree(&pending, media, address);
            session.dialog.retarget(&pending.request.headers);
            let sdp = session.agreed.as_ref().map(|agreed| agreed.sdp.clone());
            self.succeed(id, transaction, &pending.request, interval, sdp);
            return self.describe(id, metadata);
        }
        let arrival = arrival(&mut picture, metadata, &labels, now);
        let applied = arrival.as_ref().is_some_and(|arrival| arrival.outcome.is_ok());
        let relabelled = if applied { None } else { picture.labels_changed(&labels, now).ok() };
        session.pending = Some(Pending {
            transaction,
            request,
            offer,
            plan: plan.clone(),
            offered_by_us: false,
            picture,
            interval,
        });
        if let Some(arrival) = &arrival {
            self.snapshot_came(id, arrival);
        }
        self.await_decision(id, transaction);
        let modification = Modification { plan, metadata: arrival, relabelled, awaits_answer: true };
        self.emit(Event::Modified { session: id, modification: Box::new(modification) });
    }

    /// A re-INVITE without SDP wants an offer of ours: what is agreed, nothing added (A2-12; RFC 3261 §14.2).
    fn offer_ours(
        &mut self,
        incoming: &Incoming,
        id: SessionId,
        metadata: Option<Vec<u8>>,
        interval: Option<super::Interval>,
    ) {
        self.retarget(id, incoming);
        let address = self.config.identity.media_address;
        let Some(session) = self.sessions.get(&id) else { return };
        let offer = session.agreed.as_ref().map(|agreed| {
            let origin = sdp::Origin { session_id: session.sdp_session_id, version: agreed.version, address };
            sdp::print_offer(&agreed.offer, &agreed.plan, &origin, &agreed.media)
        });
        self.succeed(id, incoming.transaction, &incoming.request, interval, offer);
        if let Some(unacked) = self.sessions.get_mut(&id).and_then(|s| s.unacked.as_mut()) {
            unacked.offered = true;
        }
        self.describe(id, metadata);
    }
}
