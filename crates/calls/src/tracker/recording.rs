//! Recordings are started, stopped and sealed; ended calls are forgotten in time.

use std::collections::BTreeSet;

use super::hold_back::Held;
use super::ruling::Kept;
use super::{MAX_INACTIVE, Outcome, Refusal, Target, Tracker};
use crate::blackout::Owner;
use crate::call::{Call, Origin, StreamState};
use crate::effect::Effect;
use crate::event::Event;
use crate::field::Fields;
use crate::gate::{Closed, Gate};
use crate::id::{CallId, DeviceId, RecordingId, StreamNumber};
use crate::recording::{Recording, RecordingState};
use crate::time::Wall;

impl Tracker {
    /// Starts a recording of the owner's active call, unless one is already being made (wfo-api section 9
    /// row 3). With no call known it makes one, to which media may come later (row 4).
    ///
    /// # Errors
    /// An unknown agent, device or archive action; [`Refusal::NoCall`] where calls are not made by commands.
    pub fn start_recording(
        &mut self,
        now: Wall,
        target: &Target,
        fields: Fields,
    ) -> Result<(Owner, Outcome), Refusal> {
        let owner = self.resolve(target)?;
        self.check_fields(&fields)?;
        let mut outcome = Outcome::default();
        let call = match self.active_call(&owner) {
            Some(call) => call,
            None if self.settings.callless_start => {
                self.begin_callless(now, &owner, Origin::Api, &mut outcome)
            }
            None => return Err(Refusal::NoCall(Self::who(&owner))),
        };
        self.tag_call(now, call, &fields, &mut outcome);
        let kept = self.kept_by_command(call, &Self::who(&owner));
        self.start_kin(now, call, &kept, &mut outcome);
        Ok((owner, outcome))
    }

    /// Starts recordings of a call and of its copies, where there is none.
    pub(super) fn start_kin(&mut self, now: Wall, call: CallId, kept: &Kept, outcome: &mut Outcome) {
        for call in self.live_kin(call) {
            if self.call(call).is_some_and(|call| call.live_recording().is_none()) {
                self.start(now, call, kept.clone(), outcome);
            }
        }
    }

    /// Stops the recording of the owner's active call. The call goes on, unless it lives by the API alone
    /// (wfo-api section 9 row 5). Stopping what is stopped changes nothing.
    ///
    /// # Errors
    /// An unknown agent or device; [`Refusal::NoCall`] when there is not even an ended one.
    pub fn stop_recording(&mut self, now: Wall, target: &Target) -> Result<(Owner, Outcome), Refusal> {
        let owner = self.resolve(target)?;
        let mut outcome = Outcome::default();
        let recorded =
            |call: &&Call| call.is_live() && call.live_recording().is_some() && !self.is_doubled(call);
        let call = self.calls_of(&owner).rev().find(recorded).map(|call| call.id);
        match call.or_else(|| self.active_call(&owner)) {
            Some(call) => self.stop_for(now, call, &owner, &mut outcome),
            None if self.newest_inactive_call(&owner).is_some() => {}
            None => return Err(Refusal::NoCall(Self::who(&owner))),
        }
        Ok((owner, outcome))
    }

    /// Stops the recordings of a call and of its copies by command. One that lives by commands alone is over.
    pub(super) fn stop_for(&mut self, now: Wall, call: CallId, owner: &Owner, outcome: &mut Outcome) {
        let why = format!("stopped: by command for {}", Self::who(owner));
        for call in self.live_kin(call) {
            self.stop(now, call, &why, outcome);
            self.decline_by_command(now, call, &Self::who(owner), outcome);
        }
        if self.call(call).is_some_and(|call| !call.has_media()) {
            self.end(now, call, &why, outcome);
        }
    }

    /// A recording's file was finished, or could not be.
    pub fn sealed(&mut self, recording: RecordingId, good: bool) -> Outcome {
        let mut outcome = Outcome::default();
        self.emit(&mut outcome, Event::RecordingSealed { recording, good });
        outcome
    }

    /// Does what is due by `now`.
    pub fn tick(&mut self, now: Wall) -> Outcome {
        let mut outcome = Outcome::default();
        self.tick_blackouts(now, &mut outcome);
        let grace = self.settings.inactive_grace;
        let due = self.over.iter().take_while(|(ended, _)| ended.after(grace) <= now);
        for call in due.map(|(_, call)| *call).collect::<BTreeSet<_>>() {
            self.emit(&mut outcome, Event::CallForgotten { call });
        }
        outcome
    }

    /// When [`Tracker::tick`] has something to do next.
    pub fn next_deadline(&self) -> Option<Wall> {
        let blackouts = self.state.blackouts.iter().filter_map(|blackout| blackout.until);
        let first = self.over.first().map(|(ended, _)| ended.after(self.settings.inactive_grace));
        first.into_iter().chain(blackouts).min()
    }

    pub(super) fn start(&mut self, now: Wall, call: CallId, kept: Kept, outcome: &mut Outcome) {
        let Kept { why, retention, taken } = kept;
        if let Some(held) = self.held.remove(&call) {
            let Held { recording, since: at, held_back } = held;
            let held_back = Some(held_back);
            let event = Event::RecordingStarted { call, recording, why, retention, taken, held_back, at };
            self.emit(outcome, event);
            outcome.effects.push(Effect::Keep { call, recording });
            return;
        }
        let (recording, held_back) = (self.draw_recording(now), None);
        let event = Event::RecordingStarted { call, recording, why, retention, taken, held_back, at: now };
        self.emit(outcome, event);
        self.record(now, call, outcome);
    }

    /// Says how the live recording of a call is to be kept, if there is media to keep.
    pub(super) fn record(&self, now: Wall, call: CallId, outcome: &mut Outcome) {
        let Some(call) = self.call(call).filter(|call| call.has_media()) else { return };
        let Some(recording) = call.live_recording() else { return };
        let (recording, gates) = (recording.id, self.gates(now, call, recording.id));
        outcome.effects.push(Effect::Record { call: call.id, recording, gates });
    }

    /// A gate for each stream there is.
    pub(super) fn gates(&self, from: Wall, call: &Call, recording: RecordingId) -> Vec<Gate> {
        let live = call.streams.iter().filter(|stream| stream.state != StreamState::Ended);
        live.map(|stream| self.gate(from, call, recording, stream.number)).collect()
    }

    /// The gate of a stream, as closed as it must be now; what came at or after `from` may pass, but for what came
    /// before the last blackout ended.
    pub(super) fn gate(&self, from: Wall, call: &Call, recording: RecordingId, number: StreamNumber) -> Gate {
        let mut gate = Gate::closed(recording, number);
        if !self.is_dark(call) {
            gate.open(Closed::Blackout, self.lightened.map_or(from, |end| from.max(end)));
        }
        let stream = call.streams.iter().find(|stream| stream.number == number);
        if stream.is_some_and(|stream| stream.state == StreamState::Paused) {
            gate.close(Closed::Paused);
        }
        gate
    }

    /// The call, and its copies that still go on.
    pub(super) fn live_kin(&self, call: CallId) -> Vec<CallId> {
        let kin = self.call(call).map(|call| self.kin(call)).unwrap_or_default();
        kin.into_iter().filter(|id| self.call(*id).is_some_and(Call::is_live)).collect()
    }

    pub(super) fn stop(&mut self, now: Wall, call: CallId, why: &str, outcome: &mut Outcome) {
        let Some(live) = self.call(call) else { return };
        let (has_media, recordings) = (live.has_media(), &live.recordings);
        let ids: Vec<RecordingId> = recordings.iter().filter(|r| r.is_live()).map(|r| r.id).collect();
        for recording in ids {
            self.emit(outcome, Event::RecordingStopped { recording, why: why.to_owned(), at: now });
            if has_media {
                outcome.effects.push(Effect::Stop { call, recording });
            } else {
                self.emit(outcome, Event::RecordingSealed { recording, good: true });
            }
        }
    }

    pub(super) fn end(&mut self, now: Wall, call: CallId, why: &str, outcome: &mut Outcome) {
        self.stop(now, call, why, outcome);
        self.wipe(call, outcome);
        self.emit(outcome, Event::CallEnded { call, at: now });
        let Some(ended) = self.call(call) else { return };
        let owners: Vec<Owner> = owners_of(ended);
        for owner in owners {
            let inactive = self.all_of(&owner).filter_map(|call| Some((over_since(call)?, call.id)));
            let mut oldest: Vec<_> = inactive.collect();
            oldest.sort_unstable();
            let surplus = oldest.len().saturating_sub(MAX_INACTIVE);
            for (_, call) in oldest.into_iter().take(surplus) {
                self.emit(outcome, Event::CallForgotten { call });
            }
        }
    }

    /// Begins a call by command, to which media may come, or a chat.
    pub(super) fn begin_callless(
        &mut self,
        now: Wall,
        owner: &Owner,
        origin: Origin,
        outcome: &mut Outcome,
    ) -> CallId {
        let call = self.draw_call(now);
        let (device, agents) = match owner {
            Owner::Agent(id) => {
                let phone = self.state.agents.get(id).map(|agent| agent.phone.clone());
                (phone.filter(|phone| !phone.is_empty()).map(DeviceId), vec![*id])
            }
            Owner::Device(device) => (Some(device.clone()), Vec::new()),
        };
        let instance = format!("{call}@sidetone");
        self.emit(outcome, Event::CallBegan { call, instance, origin, device, agents, at: now });
        call
    }
}

fn owners_of(call: &Call) -> Vec<Owner> {
    match (&call.device, call.agents.as_slice()) {
        (Some(device), []) => vec![Owner::Device(device.clone())],
        (_, agents) => agents.iter().map(|agent| Owner::Agent(*agent)).collect(),
    }
}

/// Since when a call is over, if nothing of it is still in the making.
pub(super) fn over_since(call: &Call) -> Option<Wall> {
    let is_made = |r: &Recording| matches!(r.state, RecordingState::Sealed | RecordingState::Error);
    call.ended.filter(|_| call.recordings.iter().all(is_made))
}
