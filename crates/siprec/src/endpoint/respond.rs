//! Responses: what every one of ours carries, and those for which nothing is kept.

use super::{Incoming, receive::reply_target};
use crate::{
    Endpoint, Event, SessionId, Source,
    body::{METADATA_TYPE, SDP_TYPE},
    message::{
        Request, Response,
        header::{NameAddr, SessionUuid},
    },
};

/// Methods we serve.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE";
/// Extensions we know (RFC 4028; RFC 7866 §6.2).
pub(crate) const SUPPORTED: &str = "timer, siprec";

/// Body types we read (A3-02).
pub(crate) fn accept_types() -> String {
    format!("{SDP_TYPE}, {METADATA_TYPE}")
}

impl Endpoint {
    /// Gives a response our tag, our half of the Session-ID and our name.
    pub(crate) fn sign(&self, request: &Request, response: &mut Response, tag: &str, uuid: SessionUuid) {
        if let Some(to) = response.headers.get("To")
            && response.status > 100
            && NameAddr::parse(to).is_ok_and(|to| to.tag().is_none())
        {
            let tagged = format!("{to};tag={tag}");
            response.headers.set("To", tagged);
        }
        // A9-10. A peer that does not speak RFC 7989 is not bothered with it.
        if let Some(theirs) = request.headers.get("Session-ID").and_then(SessionUuid::parse) {
            response.headers.push("Session-ID", format!("{uuid};remote={theirs}"));
        }
        response.headers.push("Server", self.config.product.clone());
    }

    /// A response to a request outside any session: the same tag whenever the same request comes (RFC 3261 §8.2.7).
    pub(crate) fn stateless_response(&self, request: &Request, status: u16, reason: &str) -> Response {
        let mut response = request.respond(status).because(reason);
        let word = |name| request.headers.get(name).unwrap_or("");
        // Not the method: the answers to an INVITE and its CANCEL have one tag (§9.2).
        let number = word("CSeq").split(' ').next().unwrap_or("");
        let hash = self.tokens.keyed(&[word("Call-ID"), word("From"), number].join("\n"));
        let uuid = SessionUuid::from_bytes(hash.to_be_bytes());
        self.sign(request, &mut response, &format!("{hash:032x}"), uuid);
        response
    }

    /// Refuses a request without keeping anything about it.
    pub(super) fn refuse_statelessly(&mut self, source: Source, request: &Request, status: u16, why: &str) {
        let response = self.stateless_response(request, status, why);
        self.transmit(reply_target(source, request), response.to_bytes());
        self.tell_refused(source, request, status, why);
    }

    /// Refuses a request in its transaction, saying why in the reason phrase.
    pub(crate) fn refuse(&mut self, incoming: &Incoming, status: u16, why: &str) {
        self.refuse_with(incoming, status, why, &[]);
    }

    /// Refuses a request with more headers than the usual.
    pub(crate) fn refuse_with(
        &mut self,
        incoming: &Incoming,
        status: u16,
        why: &str,
        extra: &[(&str, String)],
    ) {
        let mut response = self.stateless_response(&incoming.request, status, why);
        for (name, value) in extra {
            response.headers.push(name, value.clone());
        }
        if status == 488 {
            // RFC 3261 §20.43: 305, incompatible media format. Some clients show this and not the reason phrase.
            let words = why.replace(['"', '\\'], "'");
            response.headers.push("Warning", format!("305 {} \"{words}\"", self.config.identity.host));
        }
        self.answer(incoming.transaction, &response);
        self.tell_refused(incoming.source, &incoming.request, status, why);
    }

    fn tell_refused(&mut self, source: Source, request: &Request, status: u16, why: &str) {
        let sip_call_id = request.headers.get("Call-ID").map(str::to_owned);
        let method = request.method.clone();
        self.emit(Event::Refused { source, method, sip_call_id, status: Some(status), why: why.to_owned() });
    }

    /// A response inside a session: its tag, its Session-ID.
    pub(crate) fn session_response(
        &mut self,
        session: SessionId,
        request: &Request,
        status: u16,
    ) -> Response {
        let mut response = request.respond(status);
        if let Some(session) = self.sessions.get(&session) {
            self.sign(request, &mut response, session.local_tag(), session.local_uuid());
        }
        response
    }

    /// `Retry-After` in seconds: the program's, or 5 to 30 at random so that clients do not come back at once (A9-06).
    pub(crate) fn retry_after(&mut self, stated: Option<u32>) -> String {
        stated.unwrap_or_else(|| self.tokens.between(5, 30)).to_string()
    }
}
