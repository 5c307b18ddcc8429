//! Requests of ours, and the responses to them.

use crate::{
    Endpoint, SessionId,
    message::{Essentials, Method, Request, Response, header::Via},
    transaction::client::Verdict,
};

/// What a request of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Keeps the session timer from running out.
    Refresh,
    /// Asks whether the other side is there.
    Probe,
    /// Asks for a metadata snapshot.
    Snapshot,
    /// Ends the session.
    Bye,
}

impl Endpoint {
    /// A request inside a session's dialog, complete but for body and what belongs to its purpose.
    pub(crate) fn session_request(
        &mut self,
        session: SessionId,
        method: Method,
    ) -> Option<(String, Request)> {
        let branch = self.tokens.branch();
        let session = self.sessions.get_mut(&session)?;
        let identity = &self.config.identity;
        let uuids = session.uuids();
        let dialog = session.dialog_mut();
        let mut request = dialog.request(method, &branch, identity);
        if request.method != Method::Bye {
            request.headers.push("Contact", dialog.contact(identity));
        }
        if let Some((ours, theirs)) = uuids {
            request.headers.push("Session-ID", format!("{ours};remote={theirs}"));
        }
        request.headers.push("User-Agent", self.config.product.clone());
        Some((branch, request))
    }

    /// Sends a request made by [`Endpoint::session_request`].
    pub(crate) fn send(&mut self, session: SessionId, purpose: Purpose, branch: String, request: Request) {
        self.open_client(branch, request, session, purpose);
    }

    pub(super) fn response(&mut self, response: &Response) {
        let Ok(essentials) = Essentials::of_response(response) else {
            self.counters.unreadable_dropped += 1;
            return;
        };
        let branch = essentials.via.branch().unwrap_or("");
        let Some((id, transaction)) = self.client_transaction(branch) else {
            // RFC 3261 §13.2.2.4: a 2xx to an INVITE that comes again wants its ACK again.
            if !self.acked_again(response, &essentials) {
                self.counters.responses_dropped += 1;
            }
            return;
        };
        if transaction.request.method != essentials.cseq.method {
            self.counters.responses_dropped += 1;
            return;
        }
        let (session, purpose) = (transaction.session, transaction.purpose);
        let request = &transaction.request;
        let (verdict, steps) =
            transaction.machine.answered(response.status, || ack_to_refusal(request, response).to_bytes());
        let invite = transaction.machine.is_invite();
        self.run_client(id, steps);
        if verdict == Verdict::Nothing {
            self.counters.repeats += u64::from(response.status >= 200);
            return;
        }
        if invite && response.status < 300 {
            self.ack_ours(session, essentials.cseq.number);
        }
        self.request_ended(session, purpose, Some(response));
    }
}

/// The ACK to a refusal: the INVITE's branch, the response's To (RFC 3261 §17.1.1.3).
fn ack_to_refusal(request: &Request, response: &Response) -> Request {
    let mut ack = Request::new(Method::Ack, request.uri.clone());
    let via = request.headers.list("Via").next().and_then(|via| Via::parse(via).ok());
    ack.headers.push("Via", via.map(|via| via.to_string()).unwrap_or_default());
    ack.headers.push("Max-Forwards", "70");
    ack.headers.push("From", request.headers.get("From").unwrap_or_default());
    ack.headers.push("To", response.headers.get("To").unwrap_or_default());
    ack.headers.push("Call-ID", request.headers.get("Call-ID").unwrap_or_default());
    let number = request.headers.get("CSeq").unwrap_or_default().split(' ').next().unwrap_or("0");
    ack.headers.push("CSeq", format!("{number} ACK"));
    for route in request.headers.all("Route") {
        ack.headers.push("Route", route);
    }
    ack
}
