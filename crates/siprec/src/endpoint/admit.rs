//! Whether a new session may begin, and who has how many (A9-05, A9-06, F-SIP-3, F-SIP-4).

use core::net::IpAddr;
use std::collections::{HashMap, HashSet};

use super::Incoming;
use crate::{Endpoint, Readiness, recording_session::RecordingSession};

/// What is known about the sessions that stand.
#[derive(Debug, Default)]
pub(super) struct Admitted {
    /// SIP Call-ID and From tag.
    invites: HashSet<(String, String)>,
    /// Sessions by the address that opened them.
    by_peer: HashMap<IpAddr, usize>,
}

impl Endpoint {
    /// Refuses with 503 if new sessions are not taken. `true`: refused.
    pub(crate) fn refused_as_unready(&mut self, incoming: &Incoming) -> bool {
        let limits = &self.config.limits;
        let of_peer = self.admitted.by_peer.get(&incoming.source.peer.ip()).copied().unwrap_or(0);
        let (why, stated) = match &self.readiness {
            Readiness::Refusing { reason, retry_after_s } => (reason.clone(), *retry_after_s),
            Readiness::Ready if self.sessions.len() >= limits.sessions => {
                (String::from("Recording sessions at their limit"), None)
            }
            Readiness::Ready if of_peer >= limits.sessions_per_peer => {
                (String::from("Recording sessions of this peer at their limit"), None)
            }
            Readiness::Ready => return false,
        };
        let retry_after = self.retry_after(stated);
        self.refuse_with(incoming, 503, &why, &[("Retry-After", retry_after)]);
        true
    }

    /// Whether the INVITE would open a session that stands already.
    pub(crate) fn is_replay(&self, incoming: &Incoming) -> bool {
        let essentials = &incoming.essentials;
        let from_tag = essentials.from.tag().unwrap_or("").to_owned();
        self.admitted.invites.contains(&(essentials.sip_call_id.clone(), from_tag))
    }

    /// A session begins.
    pub(crate) fn enter(&mut self, session: RecordingSession) {
        *self.admitted.by_peer.entry(session.opened_by()).or_default() += 1;
        self.admitted.invites.insert(name_of(&session));
        self.sessions.insert(session.id(), session);
    }

    /// A session has been taken out.
    pub(crate) fn left(&mut self, session: &RecordingSession) {
        self.admitted.invites.remove(&name_of(session));
        let peer = session.opened_by();
        if let Some(count) = self.admitted.by_peer.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                self.admitted.by_peer.remove(&peer);
            }
        }
    }
}

fn name_of(session: &RecordingSession) -> (String, String) {
    let id = &session.dialog().id;
    (id.sip_call_id.clone(), id.remote_tag.clone())
}
