//! The recorder's requests inside our dialog, and the answers they get.

use super::outgoing::{ACCEPT, ALLOW};
use super::{Call, EndedBy, Event, State};
use crate::body;
use crate::message::header::{CSeq, NameAddr};
use crate::message::{Method, Request, Response};
use crate::metadata::{self, MetadataError};

impl Call {
    pub(super) fn incoming(&mut self, request: &Request) {
        if request.method == Method::Ack {
            return;
        }
        let cseq = request.headers.get("CSeq").and_then(|cseq| CSeq::parse(cseq).ok());
        let Some(cseq) = cseq else {
            self.ignored += 1;
            return;
        };
        if let Some((number, method, bytes)) = &self.response
            && (*number, method) == (cseq.number, &request.method)
        {
            // The same request again: the same answer (RFC 3261 §17.2.2).
            let bytes = bytes.clone();
            return self.transmit(bytes);
        }
        let response = if !self.is_ours(request) {
            request.respond(481)
        } else if self.dialog.remote_cseq.is_some_and(|last| cseq.number < last) {
            request.respond(500).because("CSeq out of order")
        } else {
            self.dialog.remote_cseq = Some(cseq.number);
            self.in_dialog(request)
        };
        let bytes = response.to_bytes();
        self.response = Some((cseq.number, request.method.clone(), bytes.clone()));
        self.transmit(bytes);
        self.after(request, response.status);
    }

    /// Call-ID and both tags are those of our dialog (RFC 3261 §12.2.2).
    fn is_ours(&self, request: &Request) -> bool {
        let tag = |name: &str| {
            let name_addr = request.headers.get(name).and_then(|value| NameAddr::parse(value).ok());
            name_addr.and_then(|name_addr| name_addr.tag().map(str::to_owned))
        };
        let remote = self.dialog.remote.as_ref().and_then(NameAddr::tag);
        self.state != State::Ended
            && request.headers.get("Call-ID") == Some(&self.dialog.sip_call_id)
            && tag("To").as_ref() == Some(&self.dialog.local_tag)
            && remote.is_some()
            && tag("From").as_deref() == remote
    }

    fn in_dialog(&self, request: &Request) -> Response {
        let mut response = match request.method {
            Method::Bye | Method::Options => request.respond(200),
            Method::Update => request.respond(update_status(request)),
            // A recorder may re-INVITE; this client's streams are its own to change.
            Method::Invite => request.respond(488),
            Method::Cancel => request.respond(481),
            _ => request.respond(405),
        };
        response.headers.push("Allow", ALLOW);
        if response.status == 415 || request.method == Method::Options {
            response.headers.push("Accept", ACCEPT);
        }
        if response.status == 200 && request.method == Method::Update {
            response.headers.push("Contact", self.contact());
        }
        response
    }

    fn after(&mut self, request: &Request, status: u16) {
        if status != 200 {
            return;
        }
        if request.method == Method::Bye {
            return self.ended(EndedBy::Recorder);
        }
        let Some(reason) = snapshot_request(request) else { return };
        self.event(Event::SnapshotRequested { reason });
        self.queue_snapshot();
    }
}

/// 200 for a refresh and a snapshot request, 488 for SDP, 415 for what is neither.
fn update_status(request: &Request) -> u16 {
    let headers = &request.headers;
    match body::split(headers.get("Content-Type"), headers.get("Content-Disposition"), &request.body) {
        Ok(parts) if parts.sdp.is_some() => 488,
        Ok(parts) if parts.is_empty() => 200,
        Ok(_) if snapshot_request(request).is_some() => 200,
        Ok(_) => 415,
        Err(error) => error.status(),
    }
}

/// The reason of a snapshot request, when the request is one (RFC 7866 §9.2).
fn snapshot_request(request: &Request) -> Option<Option<String>> {
    let headers = &request.headers;
    let parts =
        body::split(headers.get("Content-Type"), headers.get("Content-Disposition"), &request.body).ok()?;
    match metadata::parse(&parts.metadata?) {
        Err(MetadataError::SnapshotRequest { reason }) => Some(reason),
        _ => None,
    }
}
