//! Calls that are one communication session, brought by several recording sessions: copies, side by side (A9-09), and
//! one that goes on where another has ended (A7-09).

use std::collections::BTreeSet;
use std::time::Duration;

use super::resolve::belongs;
use super::{Arrival, Tracker};
use crate::blackout::Owner;
use crate::call::{Call, Fact, Link};
use crate::effect::Effect;
use crate::id::{AgentId, CallId};
use crate::time::Wall;

/// How long after its end a call may go on by another recording session.
const GOES_ON_WITHIN: Duration = Duration::from_secs(60);

/// How far apart copies may begin that only a vendor's id shows to be copies.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);

impl Tracker {
    /// How a call of which this is told belongs to one that is known.
    pub(super) fn link_of(&self, now: Wall, own: CallId, arrival: &Arrival) -> Option<Link> {
        if self.copies.contains_key(&own) {
            return None;
        }
        let others =
            self.state.calls.values().rev().filter(|call| call.id != own && call.copy_of().is_none());
        let brought =
            others.filter(|call| call.sip_call_id.is_some() && call.carrier(&arrival.session).is_none());
        let agents = self.agents_meant(&arrival.candidates);
        brought.into_iter().find_map(|call| link_to(call, now, arrival, &agents))
    }

    /// The call and those it is the same as, by copying: a blackout of one is a blackout of all, and a command to one
    /// is a command to all.
    pub(super) fn kin(&self, call: &Call) -> BTreeSet<CallId> {
        let mut kin = BTreeSet::from([call.id]);
        if !self.copies.is_empty() {
            let original = call.copy_of().unwrap_or(call.id);
            kin.insert(original);
            kin.extend(self.copies.get(&original).into_iter().flatten());
        }
        kin
    }

    /// Whether the call, or one it is the same as, is the owner's.
    pub(super) fn is_of(&self, call: &Call, owner: &Owner) -> bool {
        let is_owners = |call: &Call| belongs(&self.state.agents, call, owner);
        is_owners(call) || (!self.copies.is_empty() && self.known_kin(call).any(is_owners))
    }

    /// Whether the call need not be shown beside the one it is a copy of.
    pub(super) fn is_doubled(&self, call: &Call) -> bool {
        let original = call.copy_of().and_then(|original| self.call(original));
        original.is_some_and(|original| original.is_live() || !call.is_live())
    }

    /// Closes the gates of copies that have become dark with the call.
    pub(super) fn darken_kin(&self, call: CallId, dark_before: &BTreeSet<CallId>, effects: &mut Vec<Effect>) {
        let Some(call) = self.call(call) else { return };
        let calls: Vec<CallId> = self
            .dark_kin(call)
            .into_iter()
            .filter(|id| *id != call.id && !dark_before.contains(id))
            .collect();
        if !calls.is_empty() {
            effects.push(Effect::Darken { calls });
        }
    }

    /// Those of the call's kin that are dark.
    pub(super) fn dark_kin(&self, call: &Call) -> BTreeSet<CallId> {
        let dark = |call: &&Call| call.is_live() && call.has_media() && self.is_dark(call);
        self.known_kin(call).filter(dark).map(|call| call.id).collect()
    }

    fn known_kin<'t>(&'t self, call: &Call) -> impl Iterator<Item = &'t Call> {
        self.kin(call).into_iter().filter_map(|id| self.call(id))
    }

    /// Notes, for [`Tracker::kin`], that a call is a copy.
    pub(super) fn note_copy(&mut self, copy: CallId, link: Option<Link>) {
        if let Some(Link::CopyOf(original)) = link {
            self.copies.entry(original).or_default().insert(copy);
        }
    }

    /// Notes that a call is not known any more.
    pub(super) fn forget_copy(&mut self, call: &Call) {
        if let Some(original) = call.copy_of()
            && let Some(copies) = self.copies.get_mut(&original)
        {
            copies.remove(&call.id);
            if copies.is_empty() {
                self.copies.remove(&original);
            }
        }
    }
}

fn link_to(call: &Call, now: Wall, arrival: &Arrival, agents: &[AgentId]) -> Option<Link> {
    let is_same = !arrival.session_id.is_empty() && arrival.session_id == call.session_id;
    if is_same && may_be_the_same(call, arrival) {
        return match call.ended {
            None => Some(Link::CopyOf(call.id)),
            Some(ended) if now.since(ended) <= GOES_ON_WITHIN => Some(Link::Continues(call.id)),
            Some(_) => None,
        };
    }
    // Ids of vendors name a call and all its legs: that it is the same leg must be seen from the rest.
    let told_otherwise = !arrival.session_id.is_empty() && !call.session_id.is_empty();
    let shares_id = || {
        let known = |id: &Fact| call.facts.iter().any(|fact| fact.name == id.name && fact.value == id.value);
        arrival.facts.iter().filter(|fact| fact.is_id).any(known)
    };
    let is_copy = call.is_live()
        && !told_otherwise
        && now.since(call.started) <= BEGIN_WITHIN
        && !arrival.parties.is_empty()
        && told_users(arrival) == known_users(call)
        && call.agents == agents
        && call.pair.is_none()
        && arrival.pair.is_none()
        && shares_id();
    is_copy.then_some(Link::CopyOf(call.id))
}

/// Ids that clients mean to be unique are not always: who takes part must not speak against it.
fn may_be_the_same(call: &Call, arrival: &Arrival) -> bool {
    let (told, known) = (told_users(arrival), known_users(call));
    told.is_subset(&known) || known.is_subset(&told)
}

fn told_users(arrival: &Arrival) -> BTreeSet<String> {
    arrival.parties.iter().map(|party| user_of(&party.address)).filter(|user| !user.is_empty()).collect()
}

fn known_users(call: &Call) -> BTreeSet<String> {
    call.parties.iter().map(|party| user_of(&party.address)).filter(|user| !user.is_empty()).collect()
}

/// The user of an address, without scheme, host and parameters.
fn user_of(address: &str) -> String {
    let bare = address.split_once(':').map_or(address, |(_, rest)| rest);
    bare.split(['@', ';']).next().unwrap_or_default().to_lowercase()
}
