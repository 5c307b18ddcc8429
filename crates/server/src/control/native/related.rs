//! Calls that have to do with a call: the other legs of a transfer, what it goes on from, copies of it.

use std::collections::{BTreeMap, BTreeSet};

use access::{Principal, Scope};
use calls::call::{Call, CallState, Link};
use calls::id::CallId;
use calls::tracker::Tracker;
use index::{RecordingRow, id_key};
use serde::Serialize;
use utoipa::ToSchema;

use crate::control::error::Problem;
use crate::control::scope::covers_call;
use crate::control::time::rfc3339;
use crate::http::App;

/// The most that are told of.
const MOST: usize = 50;

/// The most ids that recordings are looked for by.
const MOST_IDS: usize = 8;

/// A call that has to do with another.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RelatedCall {
    /// Its id.
    call: String,
    /// `copy` (the same, brought by another recording client); `before` (the other goes on where it ended); `after` (it goes on where
    /// the other ended); `same-session` (brought in the same recording session, as a consultation, or the call after a
    /// transfer); `shares-id` (some system gave both calls the same id, or put them into one group, as the legs of a transfer).
    relation: &'static str,
    /// Ids that both have, as this one has them.
    shared: Vec<String>,
    /// `on_call`, `on_hold` or `ended`.
    state: &'static str,
    /// When it began, RFC 3339.
    started: String,
    /// The phone.
    device: Option<String>,
    /// The agents it is tied to, by number.
    agents: Vec<u32>,
    /// Its recordings, by id.
    recordings: Vec<String>,
}

/// The ids other systems gave a call, by the key under which all spellings of one are the same.
fn ids_of(call: &Call) -> BTreeMap<String, String> {
    let ids = call.facts.iter().filter(|fact| fact.is_id);
    ids.filter_map(|fact| Some((id_key(&fact.value)?, fact.value.clone()))).collect()
}

fn relation(own: &Call, other: &Call) -> Option<&'static str> {
    let original = |call: &Call| call.copy_of().unwrap_or(call.id);
    let sessions = |call: &Call| -> BTreeSet<String> {
        call.carriers.iter().map(|carrier| carrier.session.clone()).collect()
    };
    if original(own) == original(other) {
        Some("copy")
    } else if own.link == Some(Link::Continues(other.id)) {
        Some("before")
    } else if other.link == Some(Link::Continues(own.id)) {
        Some("after")
    } else if !sessions(own).is_disjoint(&sessions(other)) {
        Some("same-session")
    } else {
        None
    }
}

/// Those that the tracker knows, live and just ended, in a scope; oldest first.
pub(super) fn live(tracker: &Tracker, scope: &Scope, own: &Call) -> Vec<RelatedCall> {
    let ids = ids_of(own);
    let others = tracker.state().calls.values().filter(|other| other.id != own.id);
    let found = others.filter(|other| covers_call(scope, tracker, other)).filter_map(|other| {
        let shared: Vec<String> = match ids.is_empty() {
            true => Vec::new(),
            false => {
                ids_of(other).into_iter().filter(|(key, _)| ids.contains_key(key)).map(|(_, id)| id).collect()
            }
        };
        let relation = relation(own, other).or((!shared.is_empty()).then_some("shares-id"))?;
        Some(RelatedCall::of_call(other, relation, shared))
    });
    found.take(MOST).collect()
}

/// The same, with those of which only recordings are left.
pub(super) async fn with_kept(
    app: &App,
    who: &Principal,
    own: &Call,
    live: Vec<RelatedCall>,
) -> Result<Vec<RelatedCall>, Problem> {
    let mut known: BTreeSet<String> = live.iter().map(|related| related.call.clone()).collect();
    known.insert(own.id.to_string());
    let mut kept: BTreeMap<CallId, RelatedCall> = BTreeMap::new();
    for (key, id) in ids_of(own).into_iter().take(MOST_IDS) {
        let wanted =
            index::Query { known_as: Some(id), scope: who.scope().clone(), ..index::Query::default() };
        for row in app.index.find(&wanted).await?.items {
            if known.contains(&row.call.to_string()) {
                continue;
            }
            let related = kept.entry(row.call).or_insert_with(|| RelatedCall::of_row(&row));
            let shared = row.known_as.iter().filter(|id| id_key(id).as_ref() == Some(&key));
            related.shared.extend(shared.cloned());
            related.recordings.push(row.id.to_string());
            related.shared.dedup();
            related.recordings.dedup();
        }
    }
    let mut all = live;
    all.extend(kept.into_values());
    all.sort_by(|a, b| a.started.cmp(&b.started));
    all.truncate(MOST);
    Ok(all)
}

impl RelatedCall {
    fn of_call(call: &Call, relation: &'static str, shared: Vec<String>) -> Self {
        Self {
            call: call.id.to_string(),
            relation,
            shared,
            state: match call.state {
                CallState::OnCall => "on_call",
                CallState::OnHold => "on_hold",
                CallState::Ended => "ended",
            },
            started: rfc3339(call.started),
            device: call.device.as_ref().map(ToString::to_string),
            agents: call.agents.iter().map(|agent| agent.0).collect(),
            recordings: call.recordings.iter().map(|recording| recording.id.to_string()).collect(),
        }
    }

    fn of_row(row: &RecordingRow) -> Self {
        Self {
            call: row.call.to_string(),
            relation: "shares-id",
            shared: Vec::new(),
            state: "ended",
            started: rfc3339(row.started),
            device: row.device.clone(),
            agents: row.agent.iter().map(|agent| agent.0).collect(),
            recordings: Vec::new(),
        }
    }
}
