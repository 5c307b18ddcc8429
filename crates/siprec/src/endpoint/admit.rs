//! Whether a new session may begin, and who has how many (A9-05, A9-06, F-SIP-3, F-SIP-4).

use core::net::IpAddr;
use std::collections::{HashMap, HashSet};

use super::Incoming;
use crate::{Endpoint, Readiness, Source, recording_session::RecordingSession};

/// What is known about the sessions that stand.
#[derive(Debug, Default)]
pub(super) struct Admitted {
    /// SIP Call-ID and From tag.
    invites: HashSet<(String, String)>,
    /// Sessions by whose they are.
    by_owner: HashMap<Owner, usize>,
}

/// Whose a session is, where sessions are counted: the trunk's, or that of an address without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Owner {
    Trunk(usize),
    Address(IpAddr),
}

impl Owner {
    fn of(source: &Source) -> Self {
        source.rule.map_or_else(|| Self::Address(source.peer.ip().to_canonical()), Self::Trunk)
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Trunk(_) => "trunk",
            Self::Address(_) => "peer",
        }
    }
}

impl Endpoint {
    /// Refuses with 503 if new sessions are not taken. `true`: refused.
    pub(crate) fn refused_as_unready(&mut self, incoming: &Incoming) -> bool {
        let limits = &self.config.limits;
        let owner = Owner::of(&incoming.source);
        let of_peer = self.admitted.by_owner.get(&owner).copied().unwrap_or(0);
        let limit_of_peer =
            self.config.rule(&incoming.source).map_or(limits.sessions_per_peer, |rule| rule.max_sessions);
        let (why, stated) = match &self.readiness {
            Readiness::Refusing { reason, retry_after_s } => (reason.clone(), *retry_after_s),
            Readiness::Ready if self.sessions.len() >= limits.sessions => {
                (String::from("Recording sessions at their limit"), None)
            }
            Readiness::Ready if of_peer >= limit_of_peer => {
                (format!("Recording sessions of this {} at their limit", owner.noun()), None)
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
        *self.admitted.by_owner.entry(Owner::of(session.opened_by())).or_default() += 1;
        self.admitted.invites.insert(name_of(&session));
        self.sessions.insert(session.id(), session);
    }

    /// A session has been taken out.
    pub(crate) fn left(&mut self, session: &RecordingSession) {
        self.admitted.invites.remove(&name_of(session));
        let owner = Owner::of(session.opened_by());
        if let Some(count) = self.admitted.by_owner.get_mut(&owner) {
            *count -= 1;
            if *count == 0 {
                self.admitted.by_owner.remove(&owner);
            }
        }
    }
}

fn name_of(session: &RecordingSession) -> (String, String) {
    let id = &session.dialog().id;
    (id.sip_call_id.clone(), id.remote_tag.clone())
}
