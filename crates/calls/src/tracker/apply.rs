//! From an event to the state. The only place that changes it; shared by deciding and replaying.

use std::collections::BTreeSet;

use super::Tracker;
use super::recording::over_since;
use crate::archive::Retention;
use crate::blackout::{Blackout, Owner};
use crate::call::{Call, CallState, Origin, Ruling};
use crate::event::{Description, Event, Taken};
use crate::field::Fields;
use crate::id::{AgentId, CallId, DeviceId, RecordingId};
use crate::recording::{Recording, RecordingState};
use crate::schedule::Schedule;
use crate::time::{Span, Wall};

impl Tracker {
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::AgentPut { agent } => drop(self.state.agents.insert(agent.id, agent.clone())),
            Event::AgentRemoved { agent } => {
                self.state.agents.remove(agent);
                for tally in self.state.tallies.values_mut() {
                    tally.agents.remove(agent);
                }
            }
            Event::ArchiveActionPut { action } => self.state.archive_actions.insert(action.clone()),
            Event::SchedulePut { schedule } => self.schedule_put(schedule),
            Event::ScheduleRemoved { schedule } => {
                self.state.schedules.remove(schedule);
                self.state.tallies.remove(schedule);
            }
            Event::StationMapped { device, station } => self.map(device, station),
            Event::CallBegan { .. }
            | Event::CallNamed { .. }
            | Event::CallDescribed { .. }
            | Event::SnapshotArrived { .. }
            | Event::CallHeld { .. }
            | Event::CallTagged { .. }
            | Event::CallEnded { .. }
            | Event::CallForgotten { .. }
            | Event::RecordingStarted { .. }
            | Event::RecordingReaches { .. }
            | Event::RecordingDeclined { .. }
            | Event::RecordingStopped { .. }
            | Event::RecordingSealed { .. } => self.apply_to_call(event),
            Event::BlackoutOpened { owner, at, until } => self.blackout_opened(owner, *at, *until),
            Event::BlackoutOverdue { owner } => {
                if let Some(blackout) = self.blackout_mut(owner) {
                    blackout.until = None;
                    blackout.overdue = true;
                }
            }
            Event::BlackoutClosed { owner, at, .. } => self.blackout_closed(owner, *at),
            Event::SessionRemembered { session, text } => {
                self.state.sessions.insert(session.clone(), text.clone());
            }
            Event::SessionForgotten { session } => drop(self.state.sessions.remove(session)),
        }
    }

    fn apply_to_call(&mut self, event: &Event) {
        match event {
            Event::CallBegan { call, instance, origin, device, agents, at } => {
                let dark_by = self.owners_dark_now(device.as_ref(), agents);
                let call = Call { dark_by, ..begun(*call, instance, *origin, *at) };
                let mut call = Call { device: device.clone(), agents: agents.clone(), ..call };
                mark_darkness(&mut call, *at);
                self.state.calls.insert(call.id, call);
            }
            Event::CallNamed { call, instance } => self.called(*call, instance),
            Event::CallDescribed { call, description, at } => self.describe(*call, description, *at),
            Event::SnapshotArrived { call, snapshot } => self.with_call(*call, |call| match snapshot {
                Some(snapshot) => call.snapshots.push(snapshot.clone()),
                None => call.snapshots_dropped += 1,
            }),
            Event::CallHeld { call, on_hold, .. } => self.with_call(*call, |call| {
                call.state = if *on_hold { CallState::OnHold } else { CallState::OnCall };
            }),
            Event::CallTagged { call, fields, .. } => {
                self.with_call(*call, |call| {
                    call.tagged.extend(fields.clone());
                    for recording in &mut call.recordings {
                        recording.retention = recording.retention.under(&call.tagged);
                    }
                });
            }
            Event::CallEnded { call, at } => {
                let unit = self.call(*call).map(|call| self.business_unit_of(call));
                self.with_call(*call, |call| {
                    call.state = CallState::Ended;
                    call.ended = Some(*at);
                    call.unit_at_end = unit;
                    end_span(&mut call.dark, *at);
                });
            }
            Event::CallForgotten { call } => {
                if let Some(call) = self.state.calls.remove(call) {
                    self.note_over(call.id, over_since(&call), None);
                    self.forget_copy(&call);
                }
            }
            Event::RecordingStarted { call, recording, why, retention, taken, held_back, at } => {
                self.count(taken.as_ref());
                let recording =
                    Recording { reaching: *held_back, ..begun_recording(*recording, why, retention, *at) };
                self.with_call(*call, |call| start(call, recording, taken.as_ref()));
            }
            Event::RecordingReaches { recording, from, why } => {
                self.with_recording(*recording, |recording| {
                    recording.reaching = None;
                    recording.started = *from;
                    recording.why.clone_from(why);
                    recording.dark = since(&recording.dark, *from);
                });
            }
            Event::RecordingDeclined { call, why, taken, by_command, may_hold, at } => {
                self.count(taken.as_ref());
                let ruling = Ruling { by_command: *by_command, may_hold: *may_hold, ..ruling(why, *at) };
                self.with_call(*call, |call| ruled(call, ruling, taken.as_ref()));
            }
            Event::RecordingStopped { recording, why, at } => self.with_recording(*recording, |recording| {
                recording.state = RecordingState::Stopped;
                recording.why_stopped = Some(why.clone()).filter(|why| !why.is_empty());
                recording.stopped = Some(*at);
                end_span(&mut recording.dark, *at);
            }),
            Event::RecordingSealed { recording, good } => self.with_recording(*recording, |recording| {
                recording.state = if *good { RecordingState::Sealed } else { RecordingState::Error };
            }),
            _ => {}
        }
    }

    fn schedule_put(&mut self, schedule: &Schedule) {
        let id = schedule.id;
        self.state.last_schedule = self.state.last_schedule.max(id.0);
        let before = self.state.schedules.insert(id, schedule.clone());
        let way = |schedule: &Schedule| std::mem::discriminant(&schedule.terms.kind);
        if before.is_some_and(|before| way(&before) != way(schedule)) {
            self.state.tallies.remove(&id);
        }
    }

    fn count(&mut self, taken: Option<&Taken>) {
        let Some(Taken { schedule, counted: Some(counted), .. }) = taken else { return };
        if self.state.schedules.contains_key(schedule) {
            self.state.tallies.entry(*schedule).or_default().count(*counted);
        }
    }

    /// A call goes by another name too.
    fn called(&mut self, call: CallId, instance: &str) {
        self.with_call(call, |call| call.named = Some(instance.to_owned()));
    }

    /// A workstation stands beside one device; an empty one beside none.
    fn map(&mut self, device: &DeviceId, station: &str) {
        self.state.stations.retain(|_, known| known != station);
        if station.is_empty() {
            self.state.stations.remove(device);
        } else {
            self.state.stations.insert(device.clone(), station.to_owned());
        }
    }

    fn describe(&mut self, id: CallId, description: &Description, at: Wall) {
        let dark = self.owners_dark_now(description.device.as_ref(), &description.agents);
        self.with_call(id, |call| {
            call.sip_call_id.clone_from(&description.sip_call_id);
            call.carriers.clone_from(&description.carriers);
            call.pair.clone_from(&description.pair);
            call.link = description.link;
            call.trunk.clone_from(&description.trunk);
            call.brought_by.clone_from(&description.brought_by);
            call.business_unit = description.business_unit;
            call.facts.clone_from(&description.facts);
            call.session_id.clone_from(&description.session_id);
            call.device.clone_from(&description.device);
            call.agents.clone_from(&description.agents);
            call.told.clone_from(&description.fields);
            call.parties.clone_from(&description.parties);
            call.streams.clone_from(&description.streams);
            call.dark_by.extend(dark);
            if call.has_media() {
                for recording in call.recordings.iter_mut().filter(|r| r.state == RecordingState::Pending) {
                    recording.state = RecordingState::Recording;
                }
            }
        });
        self.note_copy(id, description.link);
        self.share_darkness(id, at);
    }

    /// What a call is dark by, those it is the same as are dark by.
    fn share_darkness(&mut self, id: CallId, at: Wall) {
        let Some(call) = self.call(id) else { return };
        let kin = self.kin(call);
        let live = kin.iter().filter_map(|id| self.call(*id)).filter(|call| call.is_live());
        let dark_by: BTreeSet<Owner> = live.flat_map(|call| call.dark_by.iter().cloned()).collect();
        for id in kin {
            self.with_call(id, |call| {
                if call.is_live() {
                    call.dark_by.clone_from(&dark_by);
                }
                mark_darkness(call, at);
            });
        }
    }

    fn blackout_opened(&mut self, owner: &Owner, at: Wall, until: Option<Wall>) {
        match self.blackout_mut(owner) {
            Some(blackout) => {
                blackout.until = until;
                blackout.overdue = false;
            }
            None => {
                let blackout = Blackout { owner: owner.clone(), since: at, until, overdue: false };
                self.state.blackouts.push(blackout);
            }
        }
        let of_owner = |call: &&Call| call.is_live() && self.is_of(call, owner);
        let calls: Vec<CallId> = self.state.calls.values().filter(of_owner).map(|call| call.id).collect();
        for id in calls {
            self.with_call(id, |call| {
                call.dark_by.insert(owner.clone());
                mark_darkness(call, at);
            });
        }
    }

    fn blackout_closed(&mut self, owner: &Owner, at: Wall) {
        self.state.blackouts.retain(|blackout| blackout.owner != *owner);
        for call in self.state.calls.values_mut() {
            if call.dark_by.remove(owner) {
                mark_darkness(call, at);
            }
        }
    }

    /// Of these possible owners, the ones that are dark now.
    fn owners_dark_now(&self, device: Option<&DeviceId>, agents: &[AgentId]) -> BTreeSet<Owner> {
        agents
            .iter()
            .map(|agent| Owner::Agent(*agent))
            .chain(device.map(|device| Owner::Device(device.clone())))
            .filter(|owner| self.blackout_of(owner).is_some())
            .collect()
    }

    fn blackout_mut(&mut self, owner: &Owner) -> Option<&mut Blackout> {
        self.state.blackouts.iter_mut().find(|blackout| blackout.owner == *owner)
    }

    fn with_call(&mut self, id: CallId, change: impl FnOnce(&mut Call)) {
        let Some(call) = self.state.calls.get_mut(&id) else { return };
        let before = over_since(call);
        change(call);
        let after = over_since(call);
        self.note_over(id, before, after);
    }

    /// Notes, for what is due, since when a call is over.
    fn note_over(&mut self, id: CallId, before: Option<Wall>, after: Option<Wall>) {
        if before != after {
            before.map(|ended| self.over.remove(&(ended, id)));
            self.over.extend(after.map(|ended| (ended, id)));
        }
    }

    fn with_recording(&mut self, id: RecordingId, change: impl FnOnce(&mut Recording)) {
        let place = |call: &Call| {
            let place = call.recordings.iter().position(|recording| recording.id == id)?;
            Some((call.id, place))
        };
        // The newest are the likeliest.
        if let Some((call, place)) = self.state.calls.values().rev().find_map(place) {
            self.with_call(call, |call| change(&mut call.recordings[place]));
        }
    }
}

/// A call of which nothing is known yet but that it is there.
fn begun(id: CallId, instance: &str, origin: Origin, at: Wall) -> Call {
    Call {
        id,
        instance: instance.to_owned(),
        named: None,
        origin,
        sip_call_id: None,
        carriers: Vec::new(),
        pair: None,
        link: None,
        trunk: None,
        brought_by: None,
        business_unit: None,
        unit_at_end: None,
        facts: Vec::new(),
        session_id: String::new(),
        device: None,
        agents: Vec::new(),
        state: CallState::OnCall,
        started: at,
        ended: None,
        dark_by: BTreeSet::new(),
        dark: Vec::new(),
        ruling: None,
        told: Fields::new(),
        tagged: Fields::new(),
        parties: Vec::new(),
        streams: Vec::new(),
        recordings: Vec::new(),
        snapshots: Vec::new(),
        snapshots_dropped: 0,
    }
}

fn begun_recording(id: RecordingId, why: &str, retention: &Retention, at: Wall) -> Recording {
    Recording {
        id,
        state: RecordingState::Pending,
        started: at,
        stopped: None,
        why: why.to_owned(),
        why_stopped: None,
        retention: retention.clone(),
        reaching: None,
        dark: Vec::new(),
    }
}

fn start(call: &mut Call, mut recording: Recording, taken: Option<&Taken>) {
    let at = recording.started;
    if call.ruling.as_ref().is_none_or(|ruling| !ruling.kept) {
        ruled(call, Ruling { kept: true, ..ruling(&recording.why, at) }, taken);
    }
    if call.has_media() {
        recording.state = RecordingState::Recording;
    }
    if recording.reaching.is_some() {
        recording.dark = since(&call.dark, at);
    }
    call.recordings.push(recording);
    mark_darkness(call, at);
}

fn ruling(why: &str, at: Wall) -> Ruling {
    Ruling { kept: false, why: why.to_owned(), by_command: false, may_hold: false, asked: Vec::new(), at }
}

/// The call is ruled anew, by the schedule that took it now and those that took it before.
fn ruled(call: &mut Call, mut ruling: Ruling, taken: Option<&Taken>) {
    ruling.asked = call.ruling.take().map(|before| before.asked).unwrap_or_default();
    ruling.asked.extend(taken.map(|taken| taken.schedule));
    call.ruling = Some(ruling);
}

/// Opens or ends the dark span of the call and of its live recording, as the call's blackouts say.
fn mark_darkness(call: &mut Call, at: Wall) {
    let dark = !call.dark_by.is_empty();
    match (dark && call.is_live(), call.dark.last().is_some_and(|span| span.until.is_none())) {
        (true, false) => call.dark.push(Span::opened(at)),
        (false, true) => end_span(&mut call.dark, at),
        _ => {}
    }
    for recording in call.recordings.iter_mut().filter(|recording| recording.is_live()) {
        match (dark, recording.is_dark()) {
            (true, false) => recording.dark.push(Span::opened(at)),
            (false, true) => end_span(&mut recording.dark, at),
            _ => {}
        }
    }
}

/// The spans as far as they lie at or after an instant.
fn since(spans: &[Span], from: Wall) -> Vec<Span> {
    let later = spans.iter().filter(|span| span.until.is_none_or(|until| until > from));
    later.map(|span| Span { from: span.from.max(from), ..*span }).collect()
}

fn end_span(spans: &mut [Span], at: Wall) {
    if let Some(last) = spans.last_mut().filter(|span| span.until.is_none()) {
        last.until = Some(at);
    }
}
