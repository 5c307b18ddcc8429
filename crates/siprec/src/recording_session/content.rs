//! What a request's body holds, and the refusals for what we cannot read (RFC 3261 §8.2.3, RFC 7866 §9).

use super::RecordingSession;
use crate::{
    Endpoint, Event, MetadataArrival, MetadataFault, SessionId, Warning,
    body::{self, Parts},
    endpoint::{Incoming, accept_types},
    metadata::{self, Picture},
    sdp::Offer,
};

/// A body that was read.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) offer: Option<Offer>,
    pub(super) metadata: Option<Vec<u8>>,
    pub(super) warnings: Vec<Warning>,
}

impl Endpoint {
    /// Reads the body; `None` if the request was refused for it.
    pub(super) fn content(&mut self, incoming: &Incoming) -> Option<Content> {
        let headers = &incoming.request.headers;
        if let Some(encoding) =
            headers.get("Content-Encoding").filter(|e| !e.eq_ignore_ascii_case("identity"))
        {
            let why = format!("Content-Encoding {encoding} not read");
            self.refuse_with(incoming, 415, &why, &[("Accept-Encoding", String::from("identity"))]);
            return None;
        }
        let parts = body::split(
            headers.get("Content-Type"),
            headers.get("Content-Disposition"),
            &incoming.request.body,
        );
        let parts = match parts {
            Ok(parts) => parts,
            Err(error) => {
                self.refuse_body(incoming, error.status(), &error.to_string());
                return None;
            }
        };
        let warnings = self.unknown_parts(incoming, &parts)?;
        let offer = match parts.sdp.as_deref().map(Offer::parse).transpose() {
            Ok(offer) => offer,
            Err(error) => {
                self.refuse(incoming, 400, &format!("SDP malformed: {error}"));
                return None;
            }
        };
        Some(Content { offer, metadata: parts.metadata, warnings })
    }

    /// A3-05: a required part of unknown type is 415, but beside a good part from an allow-listed trunk.
    fn unknown_parts(&mut self, incoming: &Incoming, parts: &Parts) -> Option<Vec<Warning>> {
        let Some(part) = parts.not_understood() else { return Some(Vec::new()) };
        let listed = incoming.source.rule.is_some();
        if listed && (parts.sdp.is_some() || parts.metadata.is_some()) {
            return Some(vec![Warning::PartIgnored { content_type: part.content_type.clone() }]);
        }
        let why = format!("Body type {} not read", part.content_type);
        self.refuse_body(incoming, 415, &why);
        None
    }

    fn refuse_body(&mut self, incoming: &Incoming, status: u16, why: &str) {
        if status == 415 {
            self.refuse_with(incoming, status, why, &[("Accept", accept_types())]);
        } else {
            self.refuse(incoming, status, why);
        }
    }

    /// Applies metadata that came without a change of media, and tells the program.
    pub(super) fn describe(&mut self, id: SessionId, raw: Option<Vec<u8>>) {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(&id) else { return };
        // A5-06: without SDP in the same message, labels mean the SDP in force.
        let labels = session.plan().map(crate::sdp::Plan::labels).unwrap_or_default();
        let Some(arrival) = arrival(&mut session.picture, raw, &labels, now) else { return };
        self.snapshot_came(id, &arrival);
        self.emit(Event::Described { session: id, metadata: Box::new(arrival) });
    }

    pub(super) fn warn(&mut self, session: SessionId, warnings: Vec<Warning>) {
        for warning in warnings {
            self.emit(Event::Warning { session, warning });
        }
    }
}

/// Applies metadata to a picture, all or nothing (A5-08). `None`: there was no metadata, so nothing changed (A5-05).
pub(super) fn arrival(
    picture: &mut Picture,
    raw: Option<Vec<u8>>,
    labels: &[Option<String>],
    now: crate::Now,
) -> Option<MetadataArrival> {
    let raw = raw?;
    let outcome = metadata::parse(&raw)
        .map_err(MetadataFault::from)
        .and_then(|document| Ok(picture.apply(&document, labels, now)?));
    Some(MetadataArrival { outcome, raw })
}

impl RecordingSession {
    /// Reads the peer's half of the Session-ID; it may change within a session (RFC 7989 §6).
    pub(super) fn note_uuid(&mut self, value: Option<&str>) {
        if let Some(uuid) = value.and_then(crate::message::header::SessionUuid::parse) {
            self.remote_uuid = Some(uuid);
        }
    }
}
