//! Going on after a restart of the program: what must be remembered of a session, and how it stands again (A9-12).
//!
//! *Belongs here*: the form in which a session is remembered. *Does not*: where that is kept; the metadata documents
//! that made its picture, which the program keeps as they came.

use core::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};

use super::{Agreed, Interval, Pending, Phase, RecordingSession};
use crate::{
    Endpoint, Now, SessionId, Source, Transport, body,
    dialog::Dialog,
    message::{Essentials, Fault, Method, Request, header::SessionUuid},
    metadata::{self, Picture},
    sdp::{self, LocalMedia, Offer, Origin, SdpError, Verdict},
};

/// How far our numbers leap ahead: requests of ours after the last time the session was remembered are forgotten, and
/// a number must never come twice (RFC 3261 §12.2.1.1 has them rise).
const LEAP: u32 = 1_000;

/// All that must be remembered of a session so that it can go on. It holds what the client said, keys included: keep
/// it encrypted. Its `Debug` form shows neither.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    request_uri: String,
    headers: Vec<(String, String)>,
    transport: Transport,
    peer: SocketAddr,
    #[serde(default)]
    certificate: Option<[u8; 32]>,
    trunk: Option<String>,
    local_tag: String,
    local_uuid: [u8; 16],
    remote_uuid: Option<[u8; 16]>,
    sdp_session_id: u64,
    version: u64,
    local_cseq: u32,
    remote_cseq: u32,
    remote_target: String,
    offer: String,
    media: Vec<Option<LocalMedia>>,
    interval_s: Option<u32>,
    we_refresh: bool,
    takes_update: bool,
}

impl Remembered {
    /// The trunk it came by.
    pub fn trunk(&self) -> Option<&str> {
        self.trunk.as_deref()
    }

    /// The headers of its INVITE.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Who signals.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Puts other texts in place of what headers say that are not the dialog's own: what a vendor tells of the call.
    pub fn rewrite_headers(&mut self, rewrite: impl Fn(&str) -> Option<String>) {
        const OF_DIALOG: [&str; 9] =
            ["via", "from", "to", "call-id", "cseq", "contact", "record-route", "session-id", "content-type"];
        for (name, value) in &mut self.headers {
            let is_dialogs = OF_DIALOG.contains(&name.to_ascii_lowercase().as_str());
            if let Some(other) = rewrite(value).filter(|_| !is_dialogs) {
                *value = other;
            }
        }
    }

    /// Our ports, by line of the plan.
    pub fn media(&self) -> &[Option<LocalMedia>] {
        &self.media
    }
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transport, peer, trunk, version, media, .. } = self;
        f.debug_struct("Remembered")
            .field("transport", transport)
            .field("peer", peer)
            .field("trunk", trunk)
            .field("version", version)
            .field("lines", &media.len())
            .finish_non_exhaustive()
    }
}

/// Why a remembered session cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// Its INVITE cannot be read any more.
    #[error("the INVITE that opened it cannot be read: {0}")]
    Invite(#[from] Fault),
    /// Its offer cannot be read any more, or no answer to ours had come.
    #[error("the description in force cannot be read: {0}")]
    Offer(#[from] SdpError),
    /// The settings have changed so that other lines would be recorded now.
    #[error("by the settings of now, other lines of it would be recorded")]
    Lines,
    /// It stands already.
    #[error("a session with its Call-ID and From tag stands already")]
    Stands,
}

impl RecordingSession {
    /// What must be remembered of the session once `media` is what it is received on: before the `Accept` that says
    /// so, if one is due, so that a 200 never promises what a restart forgets.
    ///
    /// `None` before anything is agreed or to be agreed.
    pub fn remembered(&self, media: &[Option<LocalMedia>]) -> Option<Remembered> {
        let (offer, version, interval) = match (&self.pending, &self.agreed) {
            (Some(pending), agreed) => {
                let version = agreed.as_ref().map_or(0, |agreed| agreed.version) + 1;
                (pending.offer_text(), version, pending.interval)
            }
            (None, Some(agreed)) => (agreed.offer_text.clone(), agreed.version, self.interval),
            (None, None) => return None,
        };
        let source = self.dialog.source();
        Some(Remembered {
            request_uri: self.request_uri.clone(),
            headers: self.headers.clone(),
            transport: source.transport,
            peer: source.peer,
            certificate: source.certificate,
            trunk: self.trunk.clone(),
            local_tag: self.dialog.id.local_tag.clone(),
            local_uuid: *self.local_uuid.as_bytes(),
            remote_uuid: self.remote_uuid.map(|uuid| *uuid.as_bytes()),
            sdp_session_id: self.sdp_session_id,
            version,
            local_cseq: self.dialog.numbers().0,
            remote_cseq: self.dialog.numbers().1,
            remote_target: self.dialog.remote_target().to_owned(),
            offer,
            media: media.to_vec(),
            interval_s: interval.map(|interval| interval.seconds),
            we_refresh: interval.is_some_and(|interval| interval.we_refresh),
            takes_update: self.takes_update,
        })
    }
}

impl Endpoint {
    /// Lets a session go on that stood in an earlier run (A9-12). `documents` are the metadata documents that made its
    /// picture, oldest first; what cannot be applied is passed over. The client is asked at once whether it is still
    /// there: its answer comes as [`crate::Event::Unreachable`] if it is not. Afterwards drain [`Endpoint::poll`].
    ///
    /// # Errors
    /// [`ResumeError`]; the endpoint is as it was then.
    pub fn resume<'a>(
        &mut self,
        now: Now,
        remembered: &Remembered,
        documents: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<SessionId, ResumeError> {
        self.now = self.now.max(now);
        let source = self.source_of(remembered);
        let mut request = Request::new(Method::Invite, remembered.request_uri.clone());
        for (name, value) in &remembered.headers {
            request.headers.push(name, value.clone());
        }
        let essentials = Essentials::of_request(&request)?;
        let offer = Offer::parse(remembered.offer.as_bytes())?;
        let plan = sdp::plan(&offer, self.config.media(source.rule));
        let received = |line: usize| remembered.media.get(line).is_some_and(Option::is_some);
        let agrees =
            |line: &sdp::LinePlan| matches!(line.verdict, Verdict::Accepted(_)) || !received(line.index);
        if plan.lines.len() != remembered.media.len() || !plan.lines.iter().all(agrees) {
            return Err(ResumeError::Lines);
        }
        let mut dialog = Dialog::new(&request, &essentials, source, remembered.local_tag.clone());
        dialog.go_on(
            remembered.local_cseq.saturating_add(LEAP),
            remembered.remote_cseq,
            remembered.remote_target.clone(),
        );
        if self.dialogs.contains_key(&dialog.id) {
            return Err(ResumeError::Stands);
        }
        let picture = picture_of(documents, &plan.labels(), self.now);
        let origin = Origin {
            session_id: remembered.sdp_session_id,
            version: remembered.version,
            address: self.config.identity.media_address,
        };
        let interval =
            remembered.interval_s.map(|seconds| Interval { seconds, we_refresh: remembered.we_refresh });
        let media = remembered.media.clone();
        let id = self.next_session_id();
        let session = RecordingSession {
            trunk: remembered.trunk.clone(),
            headers: remembered.headers.clone(),
            phase: Phase::Confirmed,
            local_uuid: SessionUuid::from_bytes(remembered.local_uuid),
            remote_uuid: remembered.remote_uuid.map(SessionUuid::from_bytes),
            agreed: Some(Agreed {
                sdp: sdp::print_answer(&offer, &plan, &origin, &media),
                offer_text: remembered.offer.clone(),
                version: remembered.version,
                offer,
                plan,
                media,
            }),
            picture,
            acked: Some(essentials.cseq.number),
            takes_update: remembered.takes_update,
            sdp_session_id: remembered.sdp_session_id,
            ..RecordingSession::new(id, dialog, source, remembered.request_uri.clone())
        };
        self.dialogs.insert(session.dialog.id.clone(), id);
        self.enter(session);
        self.restart_session_timer(id, interval);
        self.ask_whether_there(id);
        Ok(id)
    }

    /// Where the session's last request came from, with the rule that is right for it now.
    fn source_of(&self, remembered: &Remembered) -> Source {
        let Remembered { transport, peer, certificate, trunk, .. } = remembered;
        let named = self.config.peers.iter().position(|rule| Some(&rule.name) == trunk.as_ref());
        Source {
            transport: *transport,
            peer: *peer,
            connection: None,
            rule: named,
            certificate: *certificate,
        }
    }
}

impl Pending {
    /// The description the request came with, or, where we make the offer, nothing yet.
    pub(super) fn offer_text(&self) -> String {
        if self.offered_by_us {
            return String::new();
        }
        let headers = &self.request.headers;
        let parts =
            body::split(headers.get("Content-Type"), headers.get("Content-Disposition"), &self.request.body);
        let sdp = parts.ok().and_then(|parts| parts.sdp).unwrap_or_default();
        String::from_utf8_lossy(&sdp).into_owned()
    }
}

fn picture_of<'a>(
    documents: impl IntoIterator<Item = &'a [u8]>,
    labels: &[Option<String>],
    now: Now,
) -> Picture {
    let mut picture = Picture::default();
    for document in documents {
        if let Ok(document) = metadata::parse(document) {
            // What did not apply then does not apply now.
            let _ = picture.apply(&document, labels, now);
        }
    }
    picture
}
