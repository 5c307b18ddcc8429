//! What comes over the wire: calls begin, change and end.

use super::streams::{parties_of, streams_after};
use super::{Outcome, Tracker};
use crate::agent::Agent;
use crate::call::{
    Call, CallState, Carrier, Fact, Format, Link, MAX_FACTS, MAX_SNAPSHOT_BYTES, Origin, Party, Snapshot,
    StreamState,
};
use crate::card;
use crate::effect::{Alarm, Effect};
use crate::event::{Description, Event};
use crate::field::{Field, Fields};
use crate::id::{AgentId, CallId, DeviceId};
use crate::time::Wall;

/// What an SRC tells of a call, translated into the domain's words: always the whole picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrival {
    /// The name of the recording session: it tells recording sessions apart.
    pub session: String,
    /// SIP's Call-ID of the recording session.
    pub sip_call_id: String,
    /// What is the same for the recording sessions that make one call together (A13-07).
    pub pair: Option<String>,
    /// The communication session's id, empty if none was told.
    pub session_id: String,
    /// Numbers and user names that may name an agent, most trusted first (A13-08).
    pub candidates: Vec<String>,
    /// Fields the SRC's facts fill.
    pub fields: Fields,
    /// What headers and metadata say of it.
    pub facts: Vec<Fact>,
    /// Who is in it.
    pub parties: Vec<ArrivingParty>,
    /// The m-lines that are agreed.
    pub streams: Vec<ArrivingStream>,
    /// Whether the parties do not hear each other now.
    pub on_hold: bool,
    /// The trunk it came by, if a trunk holds its peer.
    pub trunk: Option<String>,
    /// Where it was brought from: transport, address, and the certificate that was shown.
    pub brought_by: Option<String>,
    /// The trunk's business unit.
    pub business_unit: Option<i64>,
    /// The metadata document that told it.
    pub document: Option<Document>,
    /// When it was agreed, where that was before it is told here: media may come by it from then on.
    pub since: Option<Wall>,
}

/// A metadata document as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// When it came: it may be told of later.
    pub received: Wall,
    /// Its text.
    pub text: String,
    /// Whether that is base64 (RFC 4648 section 4) of bytes that are no UTF-8.
    pub base64: bool,
    /// What was wrong with it.
    pub fault: Option<String>,
}

/// A party as the SRC names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArrivingParty {
    /// Address of record.
    pub address: String,
    /// Display name.
    pub name: String,
    /// The m-lines it speaks into.
    pub sends: Vec<u16>,
    /// The m-lines it hears.
    pub hears: Vec<u16>,
}

/// An agreed m-line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArrivingStream {
    /// Its place, counted from 0.
    pub slot: u16,
    /// Its label.
    pub label: Option<String>,
    /// What its payload types mean.
    pub formats: Vec<Format>,
    /// The crypto suite it is protected by; `None` in the clear.
    pub suite: Option<String>,
    /// Whether the SRC has it paused.
    pub paused: bool,
    /// Whether who had spoken into it does not any more.
    pub held: bool,
}

impl Tracker {
    /// A recording session brought a call. Schedules say whether it is kept (product decisions 2 and 9), unless a
    /// command has already started a recording for its agent or device. The second of two sessions that make
    /// one call joins the first's (A13-07).
    pub fn begin_call(&mut self, now: Wall, arrival: Arrival) -> (CallId, Outcome) {
        if let Some(call) = self.paired_call(&arrival) {
            return (call, self.change_call(now, call, arrival));
        }
        let mut outcome = Outcome::default();
        let since = arrival.since.map_or(now, |since| since.min(now));
        let agents = self.agents_meant(&arrival.candidates);
        let device = self.device_of(&agents, &arrival.candidates);
        let call = match self.waiting_call(&agents, device.as_ref()) {
            Some(call) => call,
            None => {
                let call = self.draw_call(now);
                let instance = arrival.sip_call_id.clone();
                let (origin, agents) = (Origin::Siprec, agents.clone());
                self.emit(
                    &mut outcome,
                    Event::CallBegan { call, instance, origin, device, agents, at: since },
                );
                call
            }
        };
        if agents.len() > 1 {
            let agents = agents.len();
            outcome.effects.push(Effect::Alarm(Alarm::AmbiguousAgent { call, agents }));
        }
        let was_pending = self.call(call).is_some_and(|call| call.live_recording().is_some());
        self.describe_call(now, call, arrival, &mut outcome);
        if was_pending {
            self.record(since, call, &mut outcome);
        } else {
            self.rule(since, call, &mut outcome);
        }
        (call, outcome)
    }

    /// The SRC told more, or something else, of a call.
    pub fn change_call(&mut self, now: Wall, call: CallId, arrival: Arrival) -> Outcome {
        let mut outcome = Outcome::default();
        if self.call(call).is_none_or(|call| !call.is_live()) {
            return outcome;
        }
        let before = self.call(call).cloned();
        let since = arrival.since.map_or(now, |since| since.min(now));
        self.describe_call(now, call, arrival, &mut outcome);
        if let Some(before) = before {
            self.guard_changes(since, &before, &mut outcome);
            // What came before this was told went unrecorded.
            self.rule_again(now, call, &self.traits(&before), &mut outcome);
        }
        outcome
    }

    /// A recording session brings the call no more. With the last of them the call is over, for the reason that the
    /// sentence `why` says.
    pub fn leave_call(&mut self, now: Wall, id: CallId, session: &str, why: &str) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(call) = self.call(id).filter(|call| call.is_live()) else { return outcome };
        let Some(carrier) = call.carrier(session) else { return outcome };
        let mut left = Description::of(call);
        left.carriers[usize::from(carrier)].over = true;
        if left.carriers.iter().all(|carrier| carrier.over) {
            self.end(now, id, why, &mut outcome);
            return outcome;
        }
        left.streams = streams_after(now, &call.streams, carrier, &[]);
        let before = call.clone();
        self.emit(&mut outcome, Event::CallDescribed { call: id, description: left, at: now });
        self.guard_changes(now, &before, &mut outcome);
        outcome
    }

    /// Keeps what a recording session tells last of a call: a goodbye changes nothing of who took part.
    pub fn keep_document(&mut self, now: Wall, id: CallId, session: &str, document: Document) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(call) = self.call(id).filter(|call| call.is_live()) else { return outcome };
        let dark = self.is_dark(call);
        let snapshot = self.snapshot(now, id, session, document).filter(|_| !dark);
        self.emit(&mut outcome, Event::SnapshotArrived { call: id, snapshot });
        outcome
    }

    /// The live calls that a recording session brings.
    pub fn calls_of_session(&self, session: &str) -> Vec<CallId> {
        let live = self.state.calls.values().filter(|call| call.is_live());
        live.filter(|call| call.carrier(session).is_some()).map(|call| call.id).collect()
    }

    /// The live call that this is told of, if it was told before.
    pub fn call_brought(&self, arrival: &Arrival) -> Option<CallId> {
        let of_session = self.calls_of_session(&arrival.session);
        let is_same = |id: &CallId| self.call(*id).is_some_and(|call| call.session_id == arrival.session_id);
        of_session.into_iter().find(is_same)
    }

    fn describe_call(&mut self, now: Wall, id: CallId, arrival: Arrival, outcome: &mut Outcome) {
        let Some(call) = self.call(id) else { return };
        let (carriers, carrier) = carriers_with(call, &arrival.session);
        // What one session tells of a call does not undo what another has told.
        let is_shared = carriers.len() > 1;
        let mut agents = self.agents_meant(&arrival.candidates);
        if agents.is_empty() || (is_shared && !call.agents.is_empty()) {
            agents.clone_from(&call.agents);
        }
        let known_device = call.device.clone().filter(|_| is_shared);
        let device = known_device
            .or_else(|| self.device_of(&agents, &arrival.candidates))
            .or_else(|| call.device.clone());
        let is_told_anew = call.sip_call_id.is_none() || call.session_id != arrival.session_id;
        let link = call.link.or_else(|| is_told_anew.then(|| self.link_of(now, id, &arrival)).flatten());
        let streams = streams_after(now, &call.streams, carrier, &arrival.streams);
        let parties = parties_of(&arrival, carrier, &streams);
        // Whom the document brings counts: what an agent in blackout comes with is dark already.
        let original = link.and_then(|link| match link {
            Link::CopyOf(original) => self.call(original),
            Link::Continues(_) => None,
        });
        let dark = self.is_dark(call)
            || self.is_dark_for(device.as_ref(), &agents)
            || original.is_some_and(|original| self.is_dark(original));
        let dark_before = original.map_or_else(|| self.dark_kin(call), |original| self.dark_kin(original));
        // What was told in the dark stays in the session's picture, and is told again in the light.
        let guarded = dark || call.was_dark();
        let parties = parties.into_iter().map(|party| if guarded { without_card(party) } else { party });
        let others = call.parties.iter().filter(|party| party.carrier != carrier).cloned();
        let parties = others.chain(parties).collect();
        let facts = facts_after(call, is_shared, arrival.facts, guarded);
        let (on_hold, was_on_hold) = (arrival.on_hold, call.state == CallState::OnHold);
        let told = if is_shared { call.told.clone() } else { Fields::new() };
        let mut description = Description {
            sip_call_id: Some(call.sip_call_id.clone().filter(|_| is_shared).unwrap_or(arrival.sip_call_id)),
            carriers,
            pair: arrival.pair.or_else(|| call.pair.clone()),
            link,
            trunk: arrival.trunk,
            brought_by: arrival.brought_by.or_else(|| call.brought_by.clone()),
            business_unit: arrival.business_unit,
            session_id: arrival.session_id,
            device,
            fields: told,
            facts,
            parties,
            streams,
            agents,
        };
        description.fields.extend(Self::without_cards(guarded, id, arrival.fields, false, outcome));
        for (field, value) in self.fields_of_agent(&description.agents) {
            description.fields.entry(field).or_insert(value);
        }
        if let Some(document) = arrival.document {
            let snapshot = self.snapshot(now, id, &arrival.session, document).filter(|_| !dark);
            self.emit(outcome, Event::SnapshotArrived { call: id, snapshot });
        }
        self.emit(outcome, Event::CallDescribed { call: id, description, at: now });
        self.darken_kin(id, &dark_before, &mut outcome.effects);
        if on_hold != was_on_hold {
            self.emit(outcome, Event::CallHeld { call: id, on_hold, at: now });
        }
    }

    /// The document, if there is room for it and it did not come in a blackout.
    fn snapshot(&self, now: Wall, call: CallId, session: &str, document: Document) -> Option<Snapshot> {
        let call = self.call(call)?;
        let kept: usize = call.snapshots.iter().map(|snapshot| snapshot.text.len()).sum();
        let fits = kept + document.text.len() <= MAX_SNAPSHOT_BYTES;
        let mut spans = call.dark.iter().chain(call.recordings.iter().flat_map(|recording| &recording.dark));
        // A document tells of all calls of its session: what was told in the dark of one is not kept with another.
        let is_dark = |other: &Call| {
            let of_recordings = other.recordings.iter().flat_map(|recording| &recording.dark);
            let mut spans = other.dark.iter().chain(of_recordings);
            self.is_dark(other) || spans.any(|span| span.contains(document.received))
        };
        let mut others = self.state.calls.values().filter(|other| other.id != call.id && other.is_live());
        let keep = fits
            && !spans.any(|span| span.contains(document.received))
            && !others.any(|other| other.carrier(session).is_some() && is_dark(other));
        let Document { text, base64, fault, .. } = document;
        keep.then_some(Snapshot { at: now, text, base64, fault })
    }

    /// What a change of streams and agents, in force `since`, means for the gates.
    fn guard_changes(&self, since: Wall, before: &Call, outcome: &mut Outcome) {
        let Some(call) = self.call(before.id) else { return };
        let id = call.id;
        for stream in call.streams.iter().filter(|stream| stream.state != StreamState::Ended) {
            match before.streams.iter().find(|old| old.number == stream.number) {
                None => {
                    let kept = call.live_recording().map(|recording| (recording.id, recording.started));
                    let held = || self.held.get(&id).map(|held| (held.recording, held.since));
                    if let Some((recording, started)) = kept.or_else(held) {
                        let gate = self.gate(since.max(started), call, recording, stream.number);
                        outcome.effects.push(Effect::Guard { call: id, gate });
                    }
                }
                Some(old) if old.state != stream.state => {
                    let resumed = (stream.state == StreamState::Live).then_some(since);
                    outcome.effects.push(Effect::Pause { call: id, stream: stream.number, resumed });
                }
                Some(_) => {}
            }
        }
        // A blackout whose gates are still closing counts: its owner may have joined the call just now.
        if self.is_dark(call) && !self.is_dark(before) {
            outcome.effects.push(Effect::Darken { calls: vec![id] });
        }
    }

    /// The live call of which the arriving session is the other end.
    fn paired_call(&self, arrival: &Arrival) -> Option<CallId> {
        let pair = arrival.pair.as_ref()?;
        let lacks_an_end = |call: &&Call| {
            let mut present = call.carriers.iter().filter(|carrier| !carrier.over);
            call.carriers.len() < MAX_CARRIERS && present.nth(1).is_none()
        };
        let mut live = self.state.calls.values().rev().filter(|call| call.is_live());
        let call = live.find(|call| call.pair.as_ref() == Some(pair)).filter(lacks_an_end)?;
        call.carrier(&arrival.session).is_none().then_some(call.id)
    }

    /// A call a command has made for this agent or device, to which the media now come.
    fn waiting_call(&self, agents: &[AgentId], device: Option<&DeviceId>) -> Option<CallId> {
        let meant = |call: &&Call| match call.agents.as_slice() {
            [] => call.device.is_some() && call.device.as_ref() == device,
            own => own.iter().any(|agent| agents.contains(agent)),
        };
        let waiting = |call: &&Call| call.is_live() && call.origin == Origin::Api && !call.has_media();
        self.state.calls.values().rev().filter(waiting).find(meant).map(|call| call.id)
    }

    /// The phone a call is on: its agent's, or the first number the SRC's facts offer.
    fn device_of(&self, agents: &[AgentId], candidates: &[String]) -> Option<DeviceId> {
        let agent = match agents {
            [agent, ..] => self.state.agents.get(agent),
            [] => None,
        };
        let phone = agent.map(|agent| &agent.phone).filter(|phone| !phone.is_empty());
        phone.or(candidates.first()).map(|number| DeviceId(number.clone()))
    }

    fn fields_of_agent(&self, agents: &[AgentId]) -> Fields {
        let [agent] = agents else { return Fields::new() };
        let Some(Agent { station, device_alias, phone, .. }) = self.state.agents.get(agent) else {
            return Fields::new();
        };
        // What a command has said counts before what the agent brings.
        let station = self.station_beside(phone).unwrap_or(station);
        let of_agent = [(Field::Station, station), (Field::DeviceAlias, device_alias)];
        of_agent.into_iter().filter(|(_, value)| !value.is_empty()).map(|(f, v)| (f, v.clone())).collect()
    }
}

/// The most recording sessions that may bring one call's media, one after the other.
const MAX_CARRIERS: usize = 64;

/// The recording sessions that bring the call's media when `session` does, and its place among them.
fn carriers_with(call: &Call, session: &str) -> (Vec<Carrier>, u16) {
    let mut carriers = call.carriers.clone();
    let place = call.carrier(session).unwrap_or_else(|| {
        carriers.push(Carrier { session: session.to_owned(), over: false });
        u16::try_from(carriers.len() - 1).unwrap_or(u16::MAX)
    });
    (carriers, place)
}

/// A caller chooses what stands in a display name: in a blackout no card number passes there either (C2-04).
/// The facts of a call once more were told: of one session the newest, of several all. What was learnt in a blackout is
/// held without card numbers (C2-04).
fn facts_after(call: &Call, is_shared: bool, arriving: Vec<Fact>, guarded: bool) -> Vec<Fact> {
    let mut facts = if is_shared { call.facts.clone() } else { Vec::new() };
    for mut fact in arriving {
        if let Some(safe) = card::strike_out(&fact.value).filter(|_| guarded) {
            fact.value = safe;
        }
        let known = facts.iter().any(|known| known.name == fact.name && known.value == fact.value);
        if !known && facts.len() < MAX_FACTS {
            facts.push(fact);
        }
    }
    facts
}

fn without_card(mut party: Party) -> Party {
    for text in [&mut party.name, &mut party.address] {
        if let Some(safe) = card::strike_out(text) {
            *text = safe;
        }
    }
    party
}
