//! Blackouts are opened, run over their time, and are closed.

use std::collections::BTreeSet;

use super::{Outcome, Refusal, Target, Tracker};
use crate::blackout::{Blackout, Ended, Owner};
use crate::call::Call;
use crate::effect::{Alarm, Effect};
use crate::event::Event;
use crate::id::{AgentId, CallId, DeviceId};
use crate::time::Wall;

impl Tracker {
    /// Asks for a blackout: names the gates to close. It becomes a fact with [`Tracker::gates_closed`]; until
    /// then every new gate of the owner is already born closed.
    ///
    /// A second start while dark goes the same way and restarts the time-out (wfo-api section 9 row 16).
    ///
    /// # Errors
    /// [`Refusal::UnknownAgent`], [`Refusal::UnknownDevice`]. Having no call is no error (row 15).
    pub fn open_blackout(&mut self, target: &Target) -> Result<(Owner, Outcome), Refusal> {
        let owner = self.resolve(target)?;
        self.closing.insert(owner.clone());
        let calls = self.gated_calls_of(&owner);
        let effects = vec![Effect::Darken { calls }];
        Ok((owner, Outcome { events: Vec::new(), effects }))
    }

    /// Every gate named is closed since `at`: the blackout is a fact.
    pub fn gates_closed(&mut self, owner: &Owner, at: Wall) -> Outcome {
        let mut outcome = Outcome::default();
        if !self.closing.remove(owner) {
            // A stop came in between: the gates are open again, and there is nothing to tell.
            return outcome;
        }
        let until = self.settings.blackout.timeout.map(|timeout| at.after(timeout));
        self.emit(&mut outcome, Event::BlackoutOpened { owner: owner.clone(), at, until });
        outcome
    }

    /// Ends a blackout; none being open is no error (wfo-api section 9 row 16).
    ///
    /// # Errors
    /// [`Refusal::UnknownAgent`], [`Refusal::UnknownDevice`].
    pub fn close_blackout(&mut self, now: Wall, target: &Target) -> Result<(Owner, Outcome), Refusal> {
        let owner = self.resolve(target)?;
        let outcome = self.end_blackout(now, &owner, Ended::Stopped);
        Ok((owner, outcome))
    }

    /// The blackout that lasts, if any.
    pub fn blackout_of(&self, owner: &Owner) -> Option<&Blackout> {
        self.state.blackouts.iter().find(|blackout| blackout.owner == *owner)
    }

    /// Whether nothing of the call may be stored now, blackouts in the making included.
    pub fn is_dark(&self, call: &Call) -> bool {
        !call.dark_by.is_empty() || self.closing.iter().any(|owner| self.is_of(call, owner))
    }

    /// Whether a call on this phone, with these agents in it, is dark, blackouts in the making included.
    pub(super) fn is_dark_for(&self, device: Option<&DeviceId>, agents: &[AgentId]) -> bool {
        let mut owners =
            agents.iter().map(|agent| Owner::Agent(*agent)).chain(device.cloned().map(Owner::Device));
        owners.any(|owner| self.closing.contains(&owner) || self.blackout_of(&owner).is_some())
    }

    pub(super) fn end_blackout(&mut self, now: Wall, owner: &Owner, why: Ended) -> Outcome {
        let mut outcome = Outcome::default();
        let dark_before = self.dark_calls();
        let is_open = self.blackout_of(owner).is_some();
        if self.closing.remove(owner) || is_open {
            self.lightened = Some(now);
        }
        if is_open {
            self.emit(&mut outcome, Event::BlackoutClosed { owner: owner.clone(), why, at: now });
        }
        let calls: Vec<CallId> = dark_before.difference(&self.dark_calls()).copied().collect();
        if !calls.is_empty() {
            outcome.effects.push(Effect::Lighten { calls, at: now });
        }
        outcome
    }

    /// Blackouts whose time is up.
    pub(super) fn tick_blackouts(&mut self, now: Wall, outcome: &mut Outcome) {
        let due = |blackout: &&Blackout| blackout.until.is_some_and(|until| until <= now);
        let owners: Vec<Owner> =
            self.state.blackouts.iter().filter(due).map(|blackout| blackout.owner.clone()).collect();
        for owner in owners {
            let resumed = !self.settings.blackout.stay_dark;
            if resumed {
                let ended = self.end_blackout(now, &owner, Ended::TimedOut);
                outcome.events.extend(ended.events);
                outcome.effects.extend(ended.effects);
            } else {
                self.emit(outcome, Event::BlackoutOverdue { owner: owner.clone() });
            }
            outcome.effects.push(Effect::Alarm(Alarm::BlackoutTimedOut { owner, resumed }));
        }
    }

    /// The calls that have gates. To one without media gates come later, born closed; a media thread that was
    /// told of it would wait for it for ever.
    fn gated_calls_of(&self, owner: &Owner) -> Vec<CallId> {
        let gated = |call: &&Call| call.is_live() && call.has_media() && self.is_of(call, owner);
        self.state.calls.values().filter(gated).map(|call| call.id).collect()
    }

    fn dark_calls(&self) -> BTreeSet<CallId> {
        let dark = |call: &&Call| call.is_live() && call.has_media() && self.is_dark(call);
        self.state.calls.values().filter(dark).map(|call| call.id).collect()
    }
}
