//! What happens, as it happens, for whoever listens: each fact once it is durable, each change of an alarm.
//!
//! The newest are kept, so that a listener that was away for a while goes on where it was; what it missed beyond that is
//! counted for it. It names what happened and to whom, and no more: contents stand where they are asked for.

use std::collections::VecDeque;
use std::sync::Arc;

use calls::blackout::Owner;
use calls::event::Event;
use calls::id::{AgentId, ArchiveActionId, CallId, RecordingId, ScheduleId};
use calls::time::Wall;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::alarms::Alarm;

/// The newest that are kept: some minutes of a busy centre.
const KEPT: usize = 4_096;

/// The most that are handed over at once.
const AT_ONCE: usize = 256;

/// Every kind of what is told.
pub const KINDS: &[&str] = &[
    "alarm",
    "call.began",
    "call.described",
    "call.held",
    "call.resumed",
    "call.tagged",
    "call.not_recorded",
    "call.ended",
    "recording.started",
    "recording.reaches",
    "recording.stopped",
    "recording.sealed",
    "recording.failed",
    "recording.redacted",
    "recording.annotated",
    "recording.exported",
    "recording.archived",
    "recording.marked",
    "recording.restored",
    "recording.erased",
    "recording.restricted",
    "recording.unrestricted",
    "hold.placed",
    "hold.released",
    "blackout.opened",
    "blackout.overdue",
    "blackout.closed",
    "agent.put",
    "agent.removed",
    "schedule.put",
    "schedule.removed",
    "archive_action.put",
];

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// What, such as `recording.sealed`.
    pub kind: &'static str,
    /// When.
    pub at: Wall,
    /// To which call.
    pub call: Option<CallId>,
    /// To which recording.
    pub recording: Option<RecordingId>,
    /// To which agents.
    pub agents: Vec<AgentId>,
    /// To which device.
    pub device: Option<String>,
    /// To which schedule.
    pub schedule: Option<ScheduleId>,
    /// To which archive action.
    pub archive_action: Option<ArchiveActionId>,
    /// Why, as a sentence.
    pub why: Option<String>,
    /// The names of fields that were written.
    pub fields: Vec<String>,
}

impl Happened {
    fn of(kind: &'static str, at: Wall) -> Self {
        Self {
            kind,
            at,
            call: None,
            recording: None,
            agents: Vec::new(),
            device: None,
            schedule: None,
            archive_action: None,
            why: None,
            fields: Vec::new(),
        }
    }
}

/// Something that is told.
#[derive(Debug, Clone)]
pub enum Told {
    /// A fact.
    Happened(Happened),
    /// An alarm as it is now.
    Alarm(Box<Alarm>),
}

/// The feed. Copies of it are the same.
#[derive(Debug, Clone)]
pub struct Feed(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// How many were told.
    told: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the first that is kept, counted from 1.
    first: u64,
    /// Each with the number of the journal's frame up to which all was told with it.
    kept: VecDeque<(Told, u64)>,
    /// The number of the journal's frame up to which all was told.
    journal: u64,
}

impl State {
    fn push(&mut self, told: Told, journal: u64) {
        self.kept.push_back((told, journal));
        if self.kept.len() > KEPT {
            self.kept.pop_front();
            self.first += 1;
        }
    }

    fn last(&self) -> u64 {
        self.first + self.kept.len() as u64 - 1
    }
}

impl Default for Feed {
    fn default() -> Self {
        let state = Mutex::new(State { first: 1, ..State::default() });
        Self(Arc::new(Inner { state, told: watch::Sender::new(0) }))
    }
}

/// What a listener gets next.
#[derive(Debug)]
pub enum Next {
    /// These, each with its number.
    Told(Vec<(u64, Told)>),
    /// So many are not kept any more.
    Missed(u64),
}

impl Feed {
    /// Tells something.
    pub fn tell(&self, told: Told) {
        let mut state = self.0.state.lock();
        let journal = state.journal;
        state.push(told, journal);
        self.0.told.send_replace(state.last());
    }

    /// Tells facts that are durable now, all that were decided together; `number` is that of their last frame in the journal.
    pub fn tell_facts(&self, now: Wall, events: &[Event], number: u64) {
        let mut told: VecDeque<Told> = told_of(events, now).collect();
        let mut state = self.0.state.lock();
        while let Some(next) = told.pop_front() {
            // Only with the last of them all of them are told.
            let journal = if told.is_empty() { number } else { state.journal };
            state.push(next, journal);
        }
        // 0 of what the journal could not take.
        state.journal = state.journal.max(number);
        self.0.told.send_replace(state.last());
    }

    /// The journal's frame with this number tells nothing: if all before it was told, all up to it was.
    pub fn pass(&self, number: u64) {
        let mut state = self.0.state.lock();
        if state.journal + 1 == number {
            state.journal = number;
        }
    }

    /// The journal begins behind this number: nothing up to it will be told here.
    pub fn begin_behind(&self, number: u64) {
        self.0.state.lock().journal = number;
    }

    /// The number of the journal's frame up to which all was told.
    pub fn journal(&self) -> u64 {
        self.0.state.lock().journal
    }

    /// Tells that a span of a recording was erased, and who approved it.
    pub fn tell_redacted(&self, at: Wall, recording: RecordingId, by: &str) {
        self.tell_of(at, "recording.redacted", recording, format!("approved by {by}"));
    }

    /// Tells that a recording has left in an export, and to whom.
    pub fn tell_exported(&self, at: Wall, recording: RecordingId, by: &str) {
        self.tell_of(at, "recording.exported", recording, format!("exported by {by}"));
    }

    /// Tells that something was attached to a recording, or fields of it were written: `what` names the kinds, or the
    /// fields; empty if something was taken back.
    pub fn tell_annotated(&self, at: Wall, recording: RecordingId, what: &[&str]) {
        let fields = what.iter().map(ToString::to_string).collect();
        self.tell(Told::Happened(Happened {
            recording: Some(recording),
            fields,
            ..Happened::of("recording.annotated", at)
        }));
    }

    /// Tells what happened to a recording after its seal, and why.
    pub fn tell_of(&self, at: Wall, kind: &'static str, recording: RecordingId, why: String) {
        let of = Happened::of(kind, at);
        self.tell(Told::Happened(Happened { recording: Some(recording), why: Some(why), ..of }));
    }

    /// Tells of a hold, and of which matter it is.
    pub fn tell_hold(&self, at: Wall, kind: &'static str, number: i64, matter: &str) {
        let why = Some(format!("hold {number} of matter {matter}"));
        self.tell(Told::Happened(Happened { why, ..Happened::of(kind, at) }));
    }

    /// The number of what was told last; 0 if nothing was.
    pub fn last(&self) -> u64 {
        *self.0.told.borrow()
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> Vec<Told> {
        self.0.state.lock().kept.iter().map(|(told, _)| told.clone()).collect()
    }

    /// A listener to what comes after a number.
    pub fn after(&self, number: u64) -> Listener {
        Listener { feed: self.clone(), told: self.0.told.subscribe(), seen: number }
    }
}

/// Somebody who listens.
#[derive(Debug)]
pub struct Listener {
    feed: Feed,
    told: watch::Receiver<u64>,
    seen: u64,
}

impl Listener {
    /// What comes next, as soon as there is something. `None` when nothing will.
    pub async fn next(&mut self) -> Option<Next> {
        let seen = self.seen;
        self.told.wait_for(|told| *told > seen).await.ok()?;
        let state = self.feed.0.state.lock();
        if state.first > seen + 1 {
            self.seen = state.first - 1;
            return Some(Next::Missed(self.seen - seen));
        }
        let from = usize::try_from(seen + 1 - state.first).unwrap_or(usize::MAX);
        let told = state.kept.iter().skip(from).take(AT_ONCE);
        let told: Vec<(u64, Told)> = (seen + 1..).zip(told.map(|(told, _)| told.clone())).collect();
        self.seen += told.len() as u64;
        Some(Next::Told(told))
    }

    /// The number of the journal's frame up to which all has come to this listener.
    pub fn journal(&self) -> u64 {
        let state = self.feed.0.state.lock();
        if self.seen >= state.last() {
            return state.journal;
        }
        let last = self.seen.checked_sub(state.first).and_then(|place| usize::try_from(place).ok());
        last.and_then(|place| state.kept.get(place)).map_or(0, |(_, journal)| *journal)
    }

    /// Whether all that was told has come to this listener.
    pub fn is_level(&self) -> bool {
        self.seen >= self.feed.last()
    }
}

/// What events tell to listeners.
pub fn told_of(events: &[Event], now: Wall) -> impl Iterator<Item = Told> {
    events.iter().filter_map(move |event| happened(event, now)).map(Told::Happened)
}

/// What an event tells to listeners; some are for the recorder alone.
fn happened(event: &Event, now: Wall) -> Option<Happened> {
    let of = Happened::of;
    let of_call = |kind, at, call: CallId| Happened { call: Some(call), ..of(kind, at) };
    let of_recording = |kind, at, id: RecordingId| Happened { recording: Some(id), ..of(kind, at) };
    let of_schedule = |kind, at, id| Happened { schedule: Some(id), ..of(kind, at) };
    let of_owner = |kind, at, owner: &Owner| match owner {
        Owner::Agent(agent) => Happened { agents: vec![*agent], ..of(kind, at) },
        Owner::Device(device) => Happened { device: Some(device.to_string()), ..of(kind, at) },
    };
    Some(match event {
        Event::AgentPut { agent } => Happened { agents: vec![agent.id], ..of("agent.put", now) },
        Event::AgentRemoved { agent } => Happened { agents: vec![*agent], ..of("agent.removed", now) },
        Event::SchedulePut { schedule } => of_schedule("schedule.put", now, schedule.id),
        Event::ScheduleRemoved { schedule } => of_schedule("schedule.removed", now, *schedule),
        Event::ArchiveActionPut { action } => {
            Happened { archive_action: Some(action.id), ..of("archive_action.put", now) }
        }
        Event::CallBegan { call, device, agents, at, .. } => Happened {
            agents: agents.clone(),
            device: device.as_ref().map(ToString::to_string),
            ..of_call("call.began", *at, *call)
        },
        Event::CallDescribed { call, description, at } => Happened {
            agents: description.agents.clone(),
            device: description.device.as_ref().map(ToString::to_string),
            ..of_call("call.described", *at, *call)
        },
        Event::CallHeld { call, on_hold: true, at } => of_call("call.held", *at, *call),
        Event::CallHeld { call, on_hold: false, at } => of_call("call.resumed", *at, *call),
        Event::CallTagged { call, fields, at } => Happened {
            fields: fields.keys().map(ToString::to_string).collect(),
            ..of_call("call.tagged", *at, *call)
        },
        Event::CallEnded { call, at } => of_call("call.ended", *at, *call),
        Event::RecordingDeclined { call, why, taken, at, .. } => Happened {
            schedule: taken.map(|taken| taken.schedule),
            why: Some(why.clone()),
            ..of_call("call.not_recorded", *at, *call)
        },
        Event::RecordingStarted { call, recording, why, taken, at, .. } => Happened {
            call: Some(*call),
            schedule: taken.map(|taken| taken.schedule),
            why: Some(why.clone()),
            ..of_recording("recording.started", *at, *recording)
        },
        Event::RecordingReaches { recording, from, why } => {
            Happened { why: Some(why.clone()), ..of_recording("recording.reaches", *from, *recording) }
        }
        Event::RecordingStopped { recording, why, at } => {
            let why = Some(why.clone()).filter(|why| !why.is_empty());
            Happened { why, ..of_recording("recording.stopped", *at, *recording) }
        }
        Event::RecordingSealed { recording, good: true } => of_recording("recording.sealed", now, *recording),
        Event::RecordingSealed { recording, good: false } => {
            of_recording("recording.failed", now, *recording)
        }
        Event::BlackoutOpened { owner, at, .. } => of_owner("blackout.opened", *at, owner),
        Event::BlackoutOverdue { owner } => of_owner("blackout.overdue", now, owner),
        Event::BlackoutClosed { owner, at, why } => {
            let why = Some(format!("{why:?}").to_lowercase());
            Happened { why, ..of_owner("blackout.closed", *at, owner) }
        }
        Event::SnapshotArrived { .. }
        | Event::CallNamed { .. }
        | Event::StationMapped { .. }
        | Event::CallForgotten { .. }
        | Event::SessionRemembered { .. }
        | Event::SessionForgotten { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn ended(number: u8) -> Event {
        Event::CallEnded { call: CallId::from_bytes([number; 16]), at: Wall::from_ms(i64::from(number)) }
    }

    /// The place of an event's sort: one that is added to the tracker must be added here, and so below.
    fn sort(event: &Event) -> usize {
        match event {
            Event::AgentPut { .. } => 0,
            Event::AgentRemoved { .. } => 1,
            Event::SchedulePut { .. } => 2,
            Event::ScheduleRemoved { .. } => 3,
            Event::ArchiveActionPut { .. } => 4,
            Event::CallBegan { .. } => 5,
            Event::CallDescribed { .. } => 6,
            Event::SnapshotArrived { .. } => 7,
            Event::CallHeld { .. } => 8,
            Event::CallTagged { .. } => 9,
            Event::CallEnded { .. } => 10,
            Event::CallForgotten { .. } => 11,
            Event::RecordingStarted { .. } => 12,
            Event::RecordingDeclined { .. } => 13,
            Event::RecordingStopped { .. } => 14,
            Event::RecordingSealed { .. } => 15,
            Event::BlackoutOpened { .. } => 16,
            Event::BlackoutOverdue { .. } => 17,
            Event::BlackoutClosed { .. } => 18,
            Event::SessionRemembered { .. } => 19,
            Event::SessionForgotten { .. } => 20,
            Event::CallNamed { .. } => 21,
            Event::StationMapped { .. } => 22,
            Event::RecordingReaches { .. } => 23,
        }
    }

    /// Events of each sort, in each way in which they are told.
    fn every_event() -> Vec<Event> {
        let told = json!([
            {"event": "agent_put", "agent": {"id": 1}},
            {"event": "agent_removed", "agent": 1},
            {"event": "schedule_put", "schedule": {"id": 1, "created": 0, "terms": {
                "name": "x", "kind": {"type": "on_demand"}, "probability": 100, "priority": 0, "starts": 0, "zone": "UTC",
                "keeping": {"archive_action": 1}, "active": true,
            }}},
            {"event": "schedule_removed", "schedule": 1},
            {"event": "archive_action_put", "action": {"id": 2, "name": "x", "kind": "purge", "active": true}},
            {"event": "call_began", "call": ID, "instance": "a", "origin": "Api", "device": null, "agents": [], "at": 0},
            {"event": "call_named", "call": ID, "instance": "pbx-7"},
            {"event": "station_mapped", "device": "4678", "station": "WS-17"},
            {"event": "call_described", "call": ID, "description": {}, "at": 0},
            {"event": "snapshot_arrived", "call": ID, "snapshot": null},
            {"event": "call_held", "call": ID, "on_hold": true, "at": 0},
            {"event": "call_held", "call": ID, "on_hold": false, "at": 0},
            {"event": "call_tagged", "call": ID, "fields": {}, "at": 0},
            {"event": "call_ended", "call": ID, "at": 0},
            {"event": "call_forgotten", "call": ID},
            {"event": "recording_started", "call": ID, "recording": ID, "why": "kept", "at": 0},
            {"event": "recording_declined", "call": ID, "why": "not kept", "at": 0},
            {"event": "recording_reaches", "recording": ID, "from": 0, "why": "kept"},
            {"event": "recording_stopped", "recording": ID, "at": 0},
            {"event": "recording_sealed", "recording": ID, "good": true},
            {"event": "recording_sealed", "recording": ID, "good": false},
            {"event": "blackout_opened", "owner": {"Agent": 1}, "at": 0, "until": null},
            {"event": "blackout_overdue", "owner": {"Device": "4678"}},
            {"event": "blackout_closed", "owner": {"Agent": 1}, "why": "Stopped", "at": 0},
            {"event": "session_remembered", "session": "rs-1", "text": ""},
            {"event": "session_forgotten", "session": "rs-1"},
        ]);
        serde_json::from_value(told).expect("they are events")
    }

    const ID: &str = "0198c7a2-4f3e-7abc-8def-0123456789ab";

    #[test]
    fn what_is_told_and_what_may_be_asked_for_are_the_same_kinds() {
        let facts = every_event();
        let sorts: BTreeSet<usize> = facts.iter().map(sort).collect();
        assert_eq!(sorts, (0..=23).collect(), "each sort is tried");
        let told = facts.iter().filter_map(|event| happened(event, Wall::EPOCH)).map(|it| it.kind);
        // None of these is a fact of the tracker.
        let others = [
            "alarm",
            "recording.redacted",
            "recording.annotated",
            "recording.exported",
            "recording.archived",
            "recording.marked",
            "recording.restored",
            "recording.erased",
            "recording.restricted",
            "recording.unrestricted",
            "hold.placed",
            "hold.released",
        ];
        let told: BTreeSet<&str> = told.chain(others).collect();
        assert_eq!(told, KINDS.iter().copied().collect());
        let page = include_str!("../../../../ref/control-api.md");
        KINDS
            .iter()
            .for_each(|kind| assert!(page.contains(&format!("`{kind}`")), "ref/control-api.md: {kind}"));
    }

    async fn numbers(listener: &mut Listener) -> Vec<u64> {
        match listener.next().await.expect("the feed is there") {
            Next::Told(told) => told.into_iter().map(|(number, _)| number).collect(),
            Next::Missed(missed) => panic!("{missed} were missed"),
        }
    }

    #[tokio::test]
    async fn a_listener_gets_everything_once_and_goes_on_where_it_was() {
        let feed = Feed::default();
        let mut listener = feed.after(feed.last());
        feed.tell_facts(Wall::EPOCH, &[ended(1), ended(2)], 0);
        assert_eq!(numbers(&mut listener).await, [1, 2]);
        feed.tell_facts(Wall::EPOCH, &[ended(3)], 0);
        drop(listener);
        let mut again = feed.after(2);
        feed.tell_facts(Wall::EPOCH, &[ended(4)], 0);
        assert_eq!(numbers(&mut again).await, [3, 4]);
        let waiting = tokio::spawn(async move { numbers(&mut again).await });
        tokio::task::yield_now().await;
        feed.tell_facts(Wall::EPOCH, &[ended(5)], 0);
        assert_eq!(waiting.await.unwrap(), [5]);
    }

    #[tokio::test]
    async fn what_is_not_kept_any_more_is_counted() {
        let feed = Feed::default();
        let mut slow = feed.after(0);
        for _ in 0..KEPT + 7 {
            feed.tell_facts(Wall::EPOCH, &[ended(1)], 0);
        }
        let Some(Next::Missed(7)) = slow.next().await else { panic!("seven are gone") };
        let mut rest = 0;
        while rest < KEPT {
            rest += numbers(&mut slow).await.len();
        }
        assert_eq!(rest, KEPT);
    }

    #[tokio::test]
    async fn a_listener_knows_up_to_which_frame_of_the_journal_all_has_come() {
        let feed = Feed::default();
        feed.begin_behind(6);
        let mut listener = feed.after(0);
        assert_eq!(listener.journal(), 6);
        feed.tell_facts(Wall::EPOCH, &[ended(1), ended(2)], 7);
        assert_eq!((listener.journal(), listener.is_level()), (0, false));
        numbers(&mut listener).await;
        assert_eq!((listener.journal(), listener.is_level()), (7, true));
        feed.tell_facts(Wall::EPOCH, &[Event::CallForgotten { call: CallId::from_bytes([1; 16]) }], 8);
        assert_eq!(listener.journal(), 8, "a frame that tells nothing is passed");
        feed.pass(9);
        feed.pass(11);
        assert_eq!(listener.journal(), 9, "10 is still to be told");
        // More than are handed over at once, of one decision: all of them or none.
        let many: Vec<Event> = (0..AT_ONCE + 5).map(|_| ended(3)).collect();
        feed.tell_facts(Wall::EPOCH, &many, 10);
        numbers(&mut listener).await;
        assert_eq!(listener.journal(), 9);
        numbers(&mut listener).await;
        assert_eq!(listener.journal(), 10);
    }

    #[test]
    fn values_of_fields_and_what_is_the_recorders_own_are_not_told() {
        let fields = [(calls::field::Field::from_wire("user1").unwrap(), "secret".to_owned())].into();
        let call = CallId::from_bytes([1; 16]);
        let tagged = happened(&Event::CallTagged { call, fields, at: Wall::EPOCH }, Wall::EPOCH).unwrap();
        assert_eq!((tagged.kind, tagged.fields.as_slice()), ("call.tagged", &["user1".to_owned()][..]));
        assert!(!format!("{tagged:?}").contains("secret"));
        assert!(happened(&Event::CallForgotten { call }, Wall::EPOCH).is_none());
    }
}
