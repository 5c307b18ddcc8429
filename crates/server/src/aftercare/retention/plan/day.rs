//! A day of a contact centre under eight schedules, and what becomes of it in the two years after.
//!
//! Which call is kept is held, call by call, by the second hand among the tests of the tracker. Here the recordings go on:
//! what was fixed on each when it was started is carried out with a clock that steps.

use calls::agent::Agent;
use calls::archive::{ArchiveAction, Keeping, NextAction, Retention};
use calls::id::AgentId;
use calls::schedule::hours::Civil;
use calls::schedule::{Kind, MatchRule, Period, Terms as Schedule};
use calls::tracker::{Arrival, ArrivingStream, Settings, Tracker, Unmatched};

use super::*;

const CALLS: u32 = 10_000;
const COPY: ArchiveActionId = ArchiveActionId(2);
const MOVE: ArchiveActionId = ArchiveActionId(3);

/// For each agent, 1 to 8, how many of their calls are kept, for how many days, and what is done then.
const EIGHT: [(&str, Kind, u32, ArchiveActionId); 8] = [
    ("all", Kind::Percentage { percent: 100 }, 0, ArchiveActionId::PURGE),
    ("a fifth", Kind::Percentage { percent: 20 }, 30, ArchiveActionId::PURGE),
    ("a third", Kind::AgentPercentage { percent: 33 }, 90, COPY),
    ("none", Kind::Percentage { percent: 0 }, 90, COPY),
    ("five a day", Kind::SetNumber { count: 5, per: Period::Day }, 365, MOVE),
    ("seventy a week", Kind::SetNumber { count: 70, per: Period::Week }, 180, COPY),
    ("by command", Kind::ApiInitiated, 7, ArchiveActionId::PURGE),
    ("half", Kind::Percentage { percent: 50 }, 400, MOVE),
];

/// Of so many calls as the schedule sees, how many it keeps.
fn kept_of(kind: Kind, calls: usize) -> usize {
    match kind {
        Kind::Percentage { percent } | Kind::AgentPercentage { percent } => {
            calls * usize::from(percent) / 100
        }
        Kind::SetNumber { count, .. } => calls.min(usize::try_from(count).unwrap()),
        Kind::ApiInitiated | Kind::OnDemand => 0,
    }
}

/// The morning the day begins with.
fn morning() -> Wall {
    days_after(Wall::EPOCH, 20_000)
}

fn centre() -> Tracker {
    let settings = Settings { unmatched: Unmatched::Drop, civil: Civil::in_utc, ..Settings::default() };
    let mut tracker = Tracker::new(settings, [7; 32]);
    let action = |id: ArchiveActionId, kind, after_days| ArchiveAction {
        id,
        name: format!("action {id}"),
        kind,
        target: Some("vault".to_owned()),
        next: Some(NextAction { action: ArchiveActionId::PURGE, after_days }),
        active: true,
    };
    tracker.put_archive_action(action(COPY, ArchiveKind::Copy, 30)).unwrap();
    tracker.put_archive_action(action(MOVE, ArchiveKind::Normal, 60)).unwrap();
    let agent =
        |id: u32| serde_json::from_value(serde_json::json!({"id": id, "phone": (4_000 + id).to_string()}));
    let agents: Vec<Agent> = (1..=8).map(|id| agent(id).unwrap()).collect();
    tracker.put_agents(agents).unwrap();
    for (id, (name, kind, days, action)) in (1..).zip(EIGHT) {
        let schedule = Schedule {
            name: name.to_owned(),
            description: String::new(),
            owner: String::new(),
            kind,
            rule: MatchRule { agents: [AgentId(id)].into(), ..MatchRule::default() },
            probability: 100,
            priority: 0,
            starts: Wall::EPOCH,
            ends: None,
            zone: "UTC".to_owned(),
            keeping: Keeping { keep_days: Some(days), archive_action: action },
            active: true,
        };
        tracker.add_schedule(morning(), schedule).unwrap();
    }
    tracker
}

/// When a recording ended, and what was fixed on it.
type Kept = (Wall, Retention);

/// The day: for each call its agent, what was said of it, and what was kept of it.
fn day_of(tracker: &mut Tracker) -> Vec<(u32, String, Option<Kept>)> {
    let call = |n: u32| {
        let (agent, began) = (n * 7 % 8 + 1, morning().after(Duration::from_millis(u64::from(n) * 8_000)));
        let arrival = Arrival {
            session: format!("rs-{n}"),
            sip_call_id: format!("{n}@sbc"),
            candidates: vec![(4_000 + agent).to_string()],
            streams: vec![ArrivingStream::default()],
            ..Arrival::default()
        };
        let (call, _) = tracker.begin_call(began, arrival);
        let ended = began.after(Duration::from_secs(5));
        tracker.leave_call(ended, call, &format!("rs-{n}"), "stopped: over");
        let known = tracker.call(call).expect("it ended just now");
        let kept = known.recordings.first().map(|recording| (ended, recording.retention.clone()));
        let why = known.ruling.as_ref().expect("every call is ruled").why.clone();
        for recording in known.recordings.iter().map(|recording| recording.id).collect::<Vec<_>>() {
            tracker.sealed(recording, true);
        }
        tracker.tick(began.after(Duration::from_secs(600)));
        (agent, why, kept)
    };
    (0..CALLS).map(call).collect()
}

#[test]
fn a_day_of_ten_thousand_calls_is_kept_as_eight_schedules_say_and_ages_as_was_fixed_that_day() {
    let mut tracker = centre();
    let day = day_of(&mut tracker);
    for (id, (name, kind, days, action)) in (1..).zip(EIGHT) {
        let of: Vec<_> = day.iter().filter(|(agent, ..)| *agent == id).collect();
        let kept: Vec<_> = of.iter().filter_map(|(_, why, kept)| Some((why, kept.as_ref()?))).collect();
        assert_eq!((of.len(), kept.len()), (1_250, kept_of(kind, 1_250)), "{name}");
        for (_, why, kept) in &of {
            // One that only commands use takes no other call: such a call has no schedule.
            let said = match (kept, kind) {
                (Some(_), _) => format!("kept: schedule {name}"),
                (None, Kind::ApiInitiated) => "not kept: no schedule matched".to_owned(),
                (None, _) => format!("not kept: schedule {name}"),
            };
            assert!(why.starts_with(&said), "{why} is no {said}");
        }
        assert!(
            kept.iter()
                .all(|(_, (_, fixed))| (fixed.keep_days, fixed.archive_action) == (Some(days), action))
        );
    }

    // Every seventh recording is held from the second day until the five hundredth.
    let actions = tracker.state().archive_actions.clone();
    let kept: Vec<Kept> = day.into_iter().filter_map(|(.., kept)| kept).collect();
    let life = |(ended, fixed): &Kept| Life::new(*ended, fixed.keep_days, fixed.archive_action);
    let mut lives: Vec<Life> = kept.iter().map(life).collect();
    let terms = Terms { grace: DAY, minimum_days: 0 };
    // The clock goes by a day and a half, and now and then stands.
    let mut now = morning().after(DAY);
    for look in 0..500_u32 {
        let today = (now.as_ns() - morning().as_ns()) / 86_400_000_000_000;
        for (number, life) in lives.iter_mut().enumerate() {
            let held = number.is_multiple_of(7) && (2..500).contains(&today);
            life.holds = if held { vec![1] } else { Vec::new() };
            while let Some(done) = life.look(&actions, terms, now) {
                assert!(!held || done == Done::Restored, "{done:?} under a hold");
                let (ended, fixed) = &kept[number];
                assert!(
                    now >= days_after(*ended, fixed.keep_days.unwrap()),
                    "{done:?} before its days are over"
                );
            }
        }
        now = if look.is_multiple_of(10) { now } else { now.after(DAY * 3 / 2) };
    }
    for (life, (ended, fixed)) in lives.iter().zip(&kept) {
        let erased = life.erased.expect("nothing is held any more, and all ends with a purge");
        let rest = match fixed.archive_action {
            COPY => 30,
            MOVE => 60,
            _ => 0,
        };
        assert!(erased >= days_after(*ended, fixed.keep_days.unwrap() + rest + 1));
        let archive = Some("vault".to_owned());
        let (place, copies) = match fixed.archive_action {
            COPY => (None, archive.into_iter().collect()),
            MOVE => (archive, Vec::new()),
            _ => (None, Vec::new()),
        };
        assert_eq!((&life.place, &life.copies), (&place, &copies));
    }
}
