//! Finds what a request belongs to, in the order of RFC 3261 §8.2: transaction, method, URI, dialog, extensions.

use super::{
    Incoming,
    respond::{ALLOW, SUPPORTED, accept_types},
};
use crate::{
    Endpoint, SessionId, Source,
    dialog::DialogId,
    message::{
        Essentials, Method, Request,
        check::{check_uri, is_known_method},
    },
    transaction::TransactionKey,
};

impl Endpoint {
    pub(super) fn request(&mut self, source: Source, mut request: Request, essentials: Essentials) {
        self.note_source(&mut request, source);
        if request.method == Method::Ack {
            return self.ack(source, &request, &essentials);
        }
        if let Some(transaction) = self.server_transaction(&TransactionKey::of(&request, &essentials)) {
            return self.repeated(transaction);
        }
        let merged = self.is_merged(&essentials);
        let Some(transaction) = self.open_server(source, &request, &essentials) else {
            return self.refuse_statelessly(source, &request, 503, "Transactions at their limit");
        };
        let incoming = Incoming { source, request, essentials, transaction };
        let in_dialog = incoming.essentials.to.tag().is_some();
        let keep = incoming.request.method == Method::Invite || in_dialog;
        // F-SIP-2: what a stranger's INVITE is refused with is not repeated to whom its source address names.
        let is_once = !in_dialog && self.config.rule(&source).is_none();
        if merged {
            self.refuse(&incoming, 482, "Same request came by another path");
        } else {
            self.dispatch(incoming);
        }
        // RFC 3261 §8.2.7: what opens nothing and changes nothing is answered the same each time, so nothing is kept.
        if !keep || is_once && self.is_refused(transaction) {
            self.forget_server(transaction);
        }
    }

    fn dispatch(&mut self, incoming: Incoming) {
        match &incoming.request.method {
            Method::Cancel => self.cancel(&incoming),
            Method::Invite | Method::Bye | Method::Options | Method::Update => self.served(incoming),
            method if is_known_method(method) => {
                let why = format!("{method} Not Allowed");
                self.refuse_with(&incoming, 405, &why, &[("Allow", ALLOW.to_owned())]);
            }
            method => {
                let why = format!("{method} Not Implemented");
                self.refuse_with(&incoming, 501, &why, &[("Allow", ALLOW.to_owned())]);
            }
        }
    }

    /// A request whose method we serve.
    fn served(&mut self, incoming: Incoming) {
        if let Err(fault) = check_uri(&incoming.request) {
            return self.refuse(&incoming, fault.status(), &fault.to_string());
        }
        if !self.is_logged_in(&incoming) {
            return;
        }
        let session = match DialogId::of_request(&incoming.essentials) {
            None => None,
            Some(id) => match self.in_dialog(&incoming, &id) {
                Some(session) => Some(session),
                None => return,
            },
        };
        let unknown = unknown_extensions(&incoming.request);
        if !unknown.is_empty() {
            let why = format!("Extension not supported: {unknown}");
            return self.refuse_with(&incoming, 420, &why, &[("Unsupported", unknown)]);
        }
        match (&incoming.request.method, session) {
            (Method::Options, session) => self.options(&incoming, session),
            (Method::Invite, None) => self.invited(incoming),
            (Method::Invite | Method::Update, Some(session)) => self.modified(incoming, session),
            (Method::Bye, Some(session)) => self.bye(&incoming, session),
            _ => self.refuse(&incoming, 481, "Not inside a dialog: To has no tag"),
        }
    }

    /// The session of a request inside a dialog; `None` if it was refused.
    fn in_dialog(&mut self, incoming: &Incoming, id: &DialogId) -> Option<SessionId> {
        let Some(session) = self.dialogs.get(id).copied() else {
            self.refuse(incoming, 481, "Call/Transaction Does Not Exist");
            return None;
        };
        let dialog = self.sessions.get_mut(&session).map(|s| s.dialog_mut())?;
        // F-SIP-3: a forger elsewhere learns nothing and ends nothing.
        if !dialog.admits(&incoming.source) {
            self.refuse(incoming, 403, "Not from the peer of this dialog");
            return None;
        }
        dialog.seen_from(incoming.source);
        if !dialog.advance(incoming.essentials.cseq.number) {
            self.refuse(incoming, 500, "CSeq out of order");
            return None;
        }
        self.heard_from(session);
        Some(session)
    }

    /// OPTIONS (RFC 3261 §11.2; A9-05): outside a dialog it asks whether we would take an INVITE.
    fn options(&mut self, incoming: &Incoming, session: Option<SessionId>) {
        if session.is_none() && self.refused_as_unready(incoming) {
            return;
        }
        let mut response = match session {
            Some(session) => self.session_response(session, &incoming.request, 200),
            None => self.stateless_response(&incoming.request, 200, "OK"),
        };
        let bare = response.clone();
        response.headers.push("Allow", ALLOW);
        response.headers.push("Accept", accept_types());
        response.headers.push("Accept-Encoding", "identity");
        response.headers.push("Accept-Language", "en");
        response.headers.push("Supported", SUPPORTED);
        response.headers.push("Contact", self.config.identity.contact(incoming.source.transport));
        // F-SIP-2: to a stranger no more goes back than came, and what can be done is told by each refusal too. A
        // connection's other end is who it says, so nobody else can be sent more.
        let may_be_forged = !incoming.source.transport.is_reliable();
        let is_strangers = may_be_forged && session.is_none() && self.config.rule(&incoming.source).is_none();
        let is_longer = || response.to_bytes().len() > incoming.request.to_bytes().len();
        let response = if is_strangers && is_longer() { bare } else { response };
        self.answer(incoming.transaction, &response);
    }

    fn ack(&mut self, source: Source, request: &Request, essentials: &Essentials) {
        // The ACK to a 2xx belongs to the dialog, that to a refusal to the INVITE's transaction (§17.1.1.3).
        let session = DialogId::of_request(essentials).and_then(|id| self.dialogs.get(&id).copied());
        let acknowledged = match session {
            Some(session) => self.confirmed(session, source, request, essentials.cseq.number),
            None => false,
        };
        if !acknowledged && !self.acked(&TransactionKey::of(request, essentials)) {
            self.counters.acks_dropped += 1;
        }
    }
}

/// The options in Require that we do not know, as a list (A1-02, A9-11).
fn unknown_extensions(request: &Request) -> String {
    let known = |option: &&str| SUPPORTED.split(", ").any(|ours| ours.eq_ignore_ascii_case(option));
    let unknown: Vec<&str> = request.headers.list("Require").filter(|option| !known(option)).collect();
    unknown.join(", ")
}
