//! Tells the chronicles what was decided. Names and numbers stand in what anybody with the right to the call may see; values
//! of fields do not.

use calls::blackout::Owner;
use calls::call::{Call, Snapshot};
use calls::effect::{Alarm, Effect};
use calls::event::{Description, Event};
use calls::id::{CallId, RecordingId};
use calls::time::Wall;
use calls::tracker::Tracker;

use crate::observe::chronicle::{Chronicles, Entry, Kind};

/// Tells of the events and alarms of one decision, which the tracker has taken in already.
pub(super) fn tell(
    chronicles: &Chronicles,
    tracker: &Tracker,
    now: Wall,
    events: &[Event],
    effects: &[Effect],
) {
    for event in events {
        for (call, kind, what) in sentences(tracker, event) {
            chronicles.call(call, Entry::new(now, kind, what));
        }
    }
    for effect in effects {
        if let Some((call, what)) = of_memory(effect) {
            chronicles.call(call, Entry::new(now, Kind::Decision, what));
            continue;
        }
        let (call, what) = match effect {
            Effect::Alarm(Alarm::AmbiguousAgent { call, agents }) => {
                (call, format!("{agents} agents match what the client sent; the call is tied to each"))
            }
            Effect::Alarm(Alarm::CardNumberStruckOut { call, by_command }) => {
                let whose = if *by_command { "a command" } else { "the recording client" };
                (call, format!("a card number in a field of {whose} was struck out in a blackout"))
            }
            _ => continue,
        };
        chronicles.call(*call, Entry::new(now, Kind::Fault, what));
    }
}

/// What is held back is no fact, and no event tells of it.
fn of_memory(effect: &Effect) -> Option<(CallId, String)> {
    match effect {
        Effect::HoldBack { call, .. } => Some((*call, "what comes is held back in memory".to_owned())),
        Effect::Wipe { call } => Some((*call, "what was held back in memory is wiped".to_owned())),
        _ => None,
    }
}

fn sentences(tracker: &Tracker, event: &Event) -> Vec<(CallId, Kind, String)> {
    let one = |call: &CallId, kind, what: String| vec![(*call, kind, what)];
    match event {
        Event::CallBegan { call, device, agents, .. } => {
            let device =
                device.as_ref().map_or_else(|| "no device".to_owned(), |id| format!("device {}", id.0));
            one(
                call,
                Kind::Decision,
                format!("a call began: {device}, {}", agents_of(agents.iter().map(|id| id.0))),
            )
        }
        Event::CallDescribed { call, description, .. } => {
            let streams = streams_of(description);
            let agents = agents_of(description.agents.iter().map(|id| id.0));
            let parties = description.parties.len();
            one(call, Kind::Decision, format!("{agents}, {parties} parties, streams: {streams}"))
        }
        Event::SnapshotArrived { call, snapshot } => {
            one(call, Kind::Metadata, document_sentence(snapshot.as_ref()))
        }
        Event::CallHeld { call, on_hold, .. } => {
            let what = if *on_hold {
                "the parties do not hear each other any more"
            } else {
                "the parties hear each other again"
            };
            one(call, Kind::Decision, what.to_owned())
        }
        Event::CallTagged { call, fields, .. } => {
            let names: Vec<String> = fields.keys().map(ToString::to_string).collect();
            one(call, Kind::Command, format!("fields were written: {}", names.join(", ")))
        }
        Event::CallEnded { call, .. } => one(call, Kind::Decision, "the call is over".to_owned()),
        Event::RecordingStarted { call, recording, why, .. } => {
            one(call, Kind::Decision, format!("recording {recording} started: {why}"))
        }
        Event::RecordingReaches { recording, why, .. } => {
            of_recording(tracker, *recording, Kind::Decision, &format!("recording {recording}: {why}"))
        }
        Event::RecordingDeclined { call, why, .. } => one(call, Kind::Decision, why.clone()),
        Event::RecordingStopped { recording, .. } => {
            of_recording(tracker, *recording, Kind::Decision, &format!("recording {recording} stopped"))
        }
        Event::RecordingSealed { recording, good } => {
            let (kind, what) =
                if *good { (Kind::Decision, "is sealed") } else { (Kind::Fault, "could not be sealed") };
            of_recording(tracker, *recording, kind, &format!("recording {recording} {what}"))
        }
        Event::BlackoutOpened { owner, .. } => of_owner(tracker, owner, "a blackout lies over the call"),
        Event::BlackoutClosed { owner, why, .. } => {
            of_owner(tracker, owner, &format!("the blackout is over: {why:?}").to_lowercase())
        }
        Event::BlackoutOverdue { owner } => of_owner(tracker, owner, "the blackout has timed out, and stays"),
        Event::CallNamed { call, .. } => {
            one(call, Kind::Command, "it was reported under a name of its own".to_owned())
        }
        Event::AgentPut { .. }
        | Event::StationMapped { .. }
        | Event::AgentRemoved { .. }
        | Event::ArchiveActionPut { .. }
        | Event::SchedulePut { .. }
        | Event::ScheduleRemoved { .. }
        | Event::CallForgotten { .. }
        | Event::SessionRemembered { .. }
        | Event::SessionForgotten { .. } => Vec::new(),
    }
}

fn document_sentence(snapshot: Option<&Snapshot>) -> String {
    match snapshot {
        None => "a metadata document was not kept: over the limit, or in a blackout".to_owned(),
        Some(Snapshot { fault: Some(fault), .. }) => format!("metadata that cannot be read: {fault}"),
        Some(snapshot) => format!("a metadata document of {} bytes", snapshot.text.len()),
    }
}

/// Each stream with its label, state and crypto suite.
fn streams_of(description: &Description) -> String {
    let streams = description.streams.iter().map(|stream| {
        let label = stream.label.as_deref().map_or_else(String::new, |label| format!(" label {label}"));
        let suite = stream.suites.last().map_or_else(String::new, |suite| format!(" by {suite}"));
        format!("{}{label} {:?}{suite}", stream.number.0, stream.state).to_lowercase()
    });
    streams.collect::<Vec<_>>().join(", ")
}

fn agents_of(ids: impl Iterator<Item = u32>) -> String {
    let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
    if ids.is_empty() { "no agent known".to_owned() } else { format!("agent {}", ids.join(" and ")) }
}

fn of_recording(tracker: &Tracker, id: RecordingId, kind: Kind, what: &str) -> Vec<(CallId, Kind, String)> {
    let has = |call: &&Call| call.recordings.iter().any(|recording| recording.id == id);
    let call = tracker.state().calls.values().rev().find(has);
    call.map(|call| (call.id, kind, what.to_owned())).into_iter().collect()
}

fn of_owner(tracker: &Tracker, owner: &Owner, what: &str) -> Vec<(CallId, Kind, String)> {
    let concerned = |call: &&Call| match owner {
        Owner::Agent(id) => call.is_live() && call.agents.contains(id),
        Owner::Device(device) => call.is_live() && call.device.as_ref() == Some(device),
    };
    let calls = tracker.state().calls.values().filter(concerned);
    calls.map(|call| (call.id, Kind::Command, what.to_owned())).collect()
}
