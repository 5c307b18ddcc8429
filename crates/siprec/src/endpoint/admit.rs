//! Whether a new session may begin, and who has how many (A9-05, A9-06, F-SIP-3, F-SIP-4).

use core::net::IpAddr;
use std::collections::{HashMap, HashSet};

use super::Incoming;
use crate::{
    Endpoint, Readiness, Source,
    digest::{Judgement, Words},
    recording_session::RecordingSession,
};

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
    /// Whether a peer that must log in has done so (RFC 3261 §22.1); if not, it is challenged. Peers without a rule are
    /// never challenged, so that they learn nothing by it (F-SIP-1).
    pub(super) fn is_logged_in(&mut self, incoming: &Incoming) -> bool {
        let Some(credentials) = self.config.rule(&incoming.source).and_then(|rule| rule.digest.as_ref())
        else {
            return true;
        };
        let request = &incoming.request;
        let answers = request.headers.all("Authorization").filter_map(|answer| {
            // Logins at other realms are for the proxies on the way.
            let realm = Words::parse(answer)?.get("realm")?.to_owned();
            (realm == credentials.realm).then_some(answer)
        });
        let method = request.method.to_string();
        let judgement = answers
            .into_iter()
            .next()
            .map(|answer| self.verifier.judge(self.now, credentials, &method, answer));
        let (stale, why) = match judgement {
            Some(Judgement::Right) => return true,
            Some(Judgement::Stale) => (true, "Log in again: the nonce is used up"),
            Some(Judgement::Wrong) => (false, "Name or password wrong"),
            None => (false, "Log in"),
        };
        let challenges = self.verifier.challenge(self.now, credentials, stale);
        let extra: Vec<_> = challenges.into_iter().map(|challenge| ("WWW-Authenticate", challenge)).collect();
        if judgement == Some(Judgement::Wrong) {
            self.refuse_with(incoming, 401, why, &extra);
        } else {
            // The usual way to log in, and nothing to tell anybody of.
            let mut response = self.stateless_response(request, 401, why);
            for (name, value) in extra {
                response.headers.push(name, value);
            }
            self.answer(incoming.transaction, &response);
        }
        false
    }

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
