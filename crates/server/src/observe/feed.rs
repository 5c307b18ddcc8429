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
pub const KINDS: [&str; 22] = [
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
    kept: VecDeque<Told>,
}

impl Default for Feed {
    fn default() -> Self {
        let state = Mutex::new(State { first: 1, kept: VecDeque::new() });
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
        state.kept.push_back(told);
        if state.kept.len() > KEPT {
            state.kept.pop_front();
            state.first += 1;
        }
        let last = state.first + state.kept.len() as u64 - 1;
        self.0.told.send_replace(last);
    }

    /// Tells facts that are durable now.
    pub fn tell_facts(&self, now: Wall, events: &[Event]) {
        events.iter().filter_map(|event| happened(event, now)).for_each(|it| self.tell(Told::Happened(it)));
    }

    /// Tells that a span of a recording was erased, and who approved it.
    pub fn tell_redacted(&self, at: Wall, recording: RecordingId, by: &str) {
        let why = Some(format!("approved by {by}"));
        self.tell(Told::Happened(Happened {
            recording: Some(recording),
            why,
            ..Happened::of("recording.redacted", at)
        }));
    }

    /// The number of what was told last; 0 if nothing was.
    pub fn last(&self) -> u64 {
        *self.0.told.borrow()
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> Vec<Told> {
        self.0.state.lock().kept.iter().cloned().collect()
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
        let told = state.kept.iter().skip(from).take(AT_ONCE).cloned();
        let told: Vec<(u64, Told)> = (seen + 1..).zip(told).collect();
        self.seen += told.len() as u64;
        Some(Next::Told(told))
    }
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
            Event::RecordingReaches { .. } => 21,
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
        assert_eq!(sorts, (0..=21).collect(), "each sort is tried");
        let told = facts.iter().filter_map(|event| happened(event, Wall::EPOCH)).map(|it| it.kind);
        // Neither of these is a fact of the tracker.
        let told: BTreeSet<&str> = told.chain(["alarm", "recording.redacted"]).collect();
        assert_eq!(told, KINDS.into_iter().collect());
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
        feed.tell_facts(Wall::EPOCH, &[ended(1), ended(2)]);
        assert_eq!(numbers(&mut listener).await, [1, 2]);
        feed.tell_facts(Wall::EPOCH, &[ended(3)]);
        drop(listener);
        let mut again = feed.after(2);
        feed.tell_facts(Wall::EPOCH, &[ended(4)]);
        assert_eq!(numbers(&mut again).await, [3, 4]);
        let waiting = tokio::spawn(async move { numbers(&mut again).await });
        tokio::task::yield_now().await;
        feed.tell_facts(Wall::EPOCH, &[ended(5)]);
        assert_eq!(waiting.await.unwrap(), [5]);
    }

    #[tokio::test]
    async fn what_is_not_kept_any_more_is_counted() {
        let feed = Feed::default();
        let mut slow = feed.after(0);
        for _ in 0..KEPT + 7 {
            feed.tell_facts(Wall::EPOCH, &[ended(1)]);
        }
        let Some(Next::Missed(7)) = slow.next().await else { panic!("seven are gone") };
        let mut rest = 0;
        while rest < KEPT {
            rest += numbers(&mut slow).await.len();
        }
        assert_eq!(rest, KEPT);
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
