//! Which calls are kept: small days with schedules.

use super::*;
use crate::archive::{ArchiveAction, ArchiveKind, Keeping};
use crate::id::{ArchiveActionId, ScheduleId};
use crate::schedule::{Kind, MatchRule, Period, ScheduleFault, Terms, Traits};

pub(super) fn terms(name: &str, kind: Kind) -> Terms {
    Terms {
        name: name.into(),
        description: String::new(),
        owner: String::new(),
        kind,
        rule: MatchRule::default(),
        probability: 100,
        priority: 0,
        starts: Wall::EPOCH,
        ends: None,
        zone: "UTC".into(),
        keeping: Keeping { keep_days: Some(90), archive_action: ArchiveActionId::PURGE },
        active: true,
    }
}

/// Puts one of some schedules, or removes the oldest there is.
pub(super) fn change(tracker: &mut Tracker, at: Wall, which: u8) -> Outcome {
    let half = Kind::AgentPercentage { percent: 50 };
    let new = match which {
        0 => Terms { rule: only(1), ..terms("half of agent 1", half) },
        1 => Terms { probability: 50, ..terms("lucky", ALL) },
        2 => terms("none", NONE),
        3 => Terms { priority: 3, rule: only(2), ..terms("ask", Kind::OnDemand) },
        4 => Terms { priority: 5, ..terms("twice", Kind::SetNumber { count: 2, per: Period::Life }) },
        _ => {
            let oldest = tracker.state().schedules.keys().next().copied();
            return oldest.map_or_else(Outcome::default, |id| tracker.remove_schedule(id).unwrap());
        }
    };
    tracker.add_schedule(at, new).unwrap().1
}

const ALL: Kind = Kind::Percentage { percent: 100 };
const NONE: Kind = Kind::Percentage { percent: 0 };

fn with(terms: Vec<Terms>) -> Tracker {
    let mut tracker = tracker();
    for terms in terms {
        tracker.add_schedule(ms(-1_000), terms).unwrap();
    }
    tracker
}

fn only(agent: u32) -> MatchRule {
    MatchRule { agents: [AgentId(agent)].into(), ..MatchRule::default() }
}

fn why(tracker: &Tracker, call: CallId) -> String {
    tracker.call(call).unwrap().ruling.as_ref().unwrap().why.clone()
}

fn is_recorded(tracker: &Tracker, call: CallId) -> bool {
    tracker.call(call).unwrap().live_recording().is_some()
}

#[test]
fn a_call_that_is_not_kept_is_known_and_says_why_and_nothing_of_it_is_stored() {
    let mut tracker = with(vec![terms("Sales", NONE)]);
    let (call, outcome) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    assert!(gates_of(&outcome).is_empty(), "no gate, no media");
    assert_eq!(
        why(&tracker, call),
        "not kept: schedule Sales keeps 0 % of its calls, and this is none of them"
    );
    let declined = |event: &Event| matches!(event, Event::RecordingDeclined { .. });
    assert_eq!(outcome.events.iter().filter(|event| declined(event)).count(), 1);
    let shown = view(&tracker, &by_id("1")).active.unwrap();
    assert!(shown.is_live() && shown.recordings.is_empty());
    let outcome = tracker.leave_call(ms(9), call, "", "stopped: over");
    assert!(!outcome.effects.iter().any(|effect| matches!(effect, Effect::Stop { .. })));
    let due = tracker.next_deadline().unwrap();
    tracker.tick(due);
    assert!(tracker.call(call).is_none(), "what has nothing to seal is forgotten in time");
}

#[test]
fn with_no_schedule_in_force_every_call_is_kept_as_the_settings_say() {
    let mut tracker = tracker();
    tracker.settings.unmatched = Unmatched::Drop;
    let inactive = Terms { active: false, ..terms("asleep", NONE) };
    tracker.add_schedule(ms(0), inactive).unwrap();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    assert_eq!(why(&tracker, call), "kept: every call is recorded");
    assert_eq!(tracker.call(call).unwrap().recordings[0].retention.keep_days, None);
}

#[test]
fn what_no_schedule_is_for_is_kept_or_not_as_the_settings_say() {
    let mut tracker = with(vec![Terms { rule: only(2), ..terms("Sales", ALL) }]);
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    assert_eq!(why(&tracker, call), "kept: no schedule matched");
    tracker.settings.unmatched = Unmatched::Drop;
    let (call, _) = tracker.begin_call(ms(0), arrival("b@sbc", "4678"));
    assert_eq!(
        (why(&tracker, call).as_str(), is_recorded(&tracker, call)),
        ("not kept: no schedule matched", false)
    );
}

#[test]
fn the_schedule_that_takes_a_call_gives_its_retention_and_its_word_holds() {
    let high = Terms { priority: 5, rule: only(1), ..terms("high", NONE) };
    let keeping = Keeping { keep_days: Some(7), archive_action: ArchiveActionId::PURGE };
    let low = Terms { keeping, ..terms("low", ALL) };
    let mut tracker = with(vec![low, high]);
    let (first, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    assert!(!is_recorded(&tracker, first), "what the higher does not keep falls to no other");
    let (second, _) = tracker.begin_call(ms(1), arrival("b@sbc", "4102"));
    assert_eq!(why(&tracker, second), "kept: schedule low");
    let held = &tracker.call(second).unwrap().recordings[0].retention;
    assert_eq!((held.keep_days, held.schedule.as_ref().unwrap().name.as_str()), (Some(7), "low"));
}

#[test]
fn a_start_by_command_records_what_was_not_kept_and_a_stop_holds_against_schedules() {
    let asked = Keeping { keep_days: Some(7), ..Keeping::default() };
    let on_demand = Terms { keeping: asked, priority: -1, ..terms("asked for", Kind::ApiInitiated) };
    let mut tracker = with(vec![terms("none", NONE), on_demand]);
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    assert!(!is_recorded(&tracker, call));
    let (_, outcome) = tracker.start_recording(ms(5), &by_id("1"), Fields::new()).unwrap();
    let gates = gates_of(&outcome);
    assert_eq!(gates.len(), 2);
    assert!(gates.iter().all(|gate| gate.admit(ms(5), ()).is_ok() && gate.admit(ms(4), ()).is_err()));
    let recording = tracker.call(call).unwrap().live_recording().unwrap();
    assert_eq!(recording.why, "kept: started by command for agent 1, under schedule asked for");
    assert_eq!(recording.retention.keep_days, Some(7));

    let (other, _) = tracker.begin_call(ms(6), arrival("b@sbc", "4102"));
    tracker.stop_recording(ms(7), &by_id("2")).unwrap();
    assert_eq!(why(&tracker, other), "not kept: stopped by command for agent 2");
    let queue = [(Field::AcdGate, "vip".to_owned())].into();
    tracker.tag(ms(8), &by_id("2"), None, queue).unwrap();
    assert!(!is_recorded(&tracker, other));
    tracker.start_recording(ms(9), &by_id("2"), Fields::new()).unwrap();
    assert!(is_recorded(&tracker, other));
}

#[test]
fn an_on_demand_schedule_takes_a_call_and_waits_to_be_asked() {
    let mut tracker = with(vec![Terms { priority: 1, ..terms("ask me", Kind::OnDemand) }, terms("all", ALL)]);
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    assert_eq!(why(&tracker, call), "not kept: schedule ask me keeps on demand, and nobody has asked");
    tracker.start_recording(ms(1), &by_phone("4678"), Fields::new()).unwrap();
    let held = &tracker.call(call).unwrap().recordings[0].retention;
    assert_eq!(held.schedule.as_ref().unwrap().name, "ask me");
}

#[test]
fn a_call_that_a_command_began_is_kept_under_the_schedule_for_such() {
    let rule = MatchRule { gates: ["vip".to_owned()].into(), ..MatchRule::default() };
    let mut tracker = with(vec![terms("all", NONE), Terms { rule, ..terms("api", Kind::ApiInitiated) }]);
    let queue = [(Field::AcdGate, "vip".to_owned())].into();
    tracker.start_recording(ms(0), &by_id("1"), queue).unwrap();
    let (call, _) = tracker.begin_call(ms(5), arrival("a@sbc", "4678"));
    let recording = tracker.call(call).unwrap().live_recording().unwrap();
    assert_eq!(recording.retention.schedule.as_ref().unwrap().name, "api");
    assert_eq!(tracker.call(call).unwrap().recordings.len(), 1, "its media goes where the command wanted it");
}

#[test]
fn what_becomes_known_later_has_a_call_ruled_again_once_by_each_schedule() {
    let mut tracker = with(vec![
        Terms { rule: only(1), priority: 2, ..terms("agent 1", ALL) },
        terms("half", Kind::Percentage { percent: 50 }),
    ]);
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "nobody"));
    assert!(!is_recorded(&tracker, call));
    let again = |tracker: &mut Tracker, at: i64, extension: &str, ani: &str| {
        let mut arrival = arrival("a@sbc", extension);
        arrival.fields.insert(Field::Ani, ani.into());
        tracker.change_call(ms(at), call, arrival)
    };
    let outcome = again(&mut tracker, 1, "nobody", "+15550100");
    assert!(
        !outcome.events.iter().any(|event| matches!(event, Event::RecordingDeclined { .. })),
        "nothing is new"
    );
    again(&mut tracker, 2, "nobody", "+15550199");
    assert!(!is_recorded(&tracker, call), "the schedule that said no is not asked twice");
    assert_eq!(tracker.state().tallies[&ScheduleId(2)].rest, 50);
    let outcome = again(&mut tracker, 3, "4678", "+15550199");
    assert_eq!(why(&tracker, call), "kept: schedule agent 1");
    assert_eq!(gates_of(&outcome).len(), 2, "both streams are kept from now on");
    assert!(gates_of(&outcome).iter().all(|gate| gate.admit(ms(2), ()).is_err()));
    again(&mut tracker, 4, "nobody", "+15550100");
    assert!(is_recorded(&tracker, call), "what is kept stays kept");
}

#[test]
fn a_field_written_by_command_has_a_call_ruled_again_too() {
    let rule = MatchRule { gates: ["vip".to_owned()].into(), ..MatchRule::default() };
    let mut tracker = with(vec![Terms { rule, priority: 1, ..terms("vip", ALL) }, terms("rest", NONE)]);
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    tracker.tag(ms(1), &by_id("1"), None, [(Field::User(1), "vip".to_owned())].into()).unwrap();
    assert!(!is_recorded(&tracker, call));
    let (_, outcome) =
        tracker.tag(ms(2), &by_id("1"), None, [(Field::AcdGate, "vip".to_owned())].into()).unwrap();
    assert!(is_recorded(&tracker, call) && gates_of(&outcome).len() == 2);
}

#[test]
fn the_second_end_of_a_forked_call_that_is_not_kept_is_not_kept_either() {
    let mut tracker = with(vec![terms("none", NONE)]);
    let (call, _) = tracker.begin_call(ms(0), end_of_pair("near", "4678"));
    let (joined, outcome) = tracker.begin_call(ms(40), end_of_pair("far", "4678"));
    assert!(joined == call && gates_of(&outcome).is_empty());
    let (_, outcome) = tracker.start_recording(ms(50), &by_id("1"), Fields::new()).unwrap();
    assert_eq!(gates_of(&outcome).len(), 2, "a command keeps both ends");
}

/// A call that another recording client brings too.
fn twin(session: &str, extension: &str) -> Arrival {
    let mut arrival = arrival(&format!("{session}@sbc"), extension);
    (arrival.session, arrival.session_id) = (session.into(), "cs-1".into());
    arrival
}

#[test]
fn a_copy_is_as_its_original_and_is_not_counted() {
    let mut tracker = with(vec![terms("half", Kind::Percentage { percent: 50 })]);
    let (first, _) = tracker.begin_call(ms(0), twin("a", "4678"));
    let (copy, _) = tracker.begin_call(ms(1), twin("b", "4678"));
    assert!(!is_recorded(&tracker, first) && !is_recorded(&tracker, copy));
    assert_eq!(tracker.state().tallies[&ScheduleId(1)].rest, 50);
    tracker.start_recording(ms(2), &by_id("1"), Fields::new()).unwrap();
    assert!(is_recorded(&tracker, first) && is_recorded(&tracker, copy), "a command to one is one to all");
    let (third, _) = tracker.begin_call(ms(3), twin("c", "4678"));
    assert!(is_recorded(&tracker, third) && why(&tracker, third).starts_with("kept: a copy of call "));
    assert_eq!(tracker.state().tallies[&ScheduleId(1)].rest, 50);
}

#[test]
fn what_is_learnt_from_a_copy_keeps_the_original_too() {
    let mut tracker =
        with(vec![Terms { rule: only(1), priority: 1, ..terms("agent 1", ALL) }, terms("rest", NONE)]);
    let mut unknown = twin("a", "4678");
    unknown.candidates = vec!["nobody".into()];
    let (first, _) = tracker.begin_call(ms(0), unknown);
    assert!(!is_recorded(&tracker, first));
    let (copy, outcome) = tracker.begin_call(ms(1), twin("b", "4678"));
    assert!(is_recorded(&tracker, first) && is_recorded(&tracker, copy));
    assert_eq!(gates_of(&outcome).len(), 4);
}

#[test]
fn a_call_that_goes_on_by_another_session_is_as_it_was() {
    for kind in [ALL, Kind::Percentage { percent: 50 }] {
        let mut tracker = with(vec![terms("one", kind)]);
        let (first, _) = tracker.begin_call(ms(0), twin("a", "4678"));
        let was = is_recorded(&tracker, first);
        tracker.leave_call(ms(10), first, "a", "stopped: failed over");
        let (second, _) = tracker.begin_call(ms(20), twin("b", "4678"));
        assert_eq!(tracker.call(second).unwrap().link, Some(Link::Continues(first)));
        assert_eq!(is_recorded(&tracker, second), was, "{kind:?}");
    }
}

#[test]
fn what_a_command_has_said_of_how_long_a_call_is_kept_holds_for_what_is_one_with_it() {
    for schedules in [vec![], vec![terms("all", ALL)]] {
        let mut tracker = with(schedules);
        let (first, _) = tracker.begin_call(ms(0), twin("a", "4678"));
        let long = [(Field::KeepDays, "3650".to_owned())].into();
        tracker.tag(ms(1), &by_id("1"), None, long).unwrap();
        let (copy, _) = tracker.begin_call(ms(2), twin("b", "4678"));
        tracker.leave_call(ms(3), copy, "b", "stopped: failed over");
        tracker.leave_call(ms(4), first, "a", "stopped: failed over");
        let (second, _) = tracker.begin_call(ms(5), twin("c", "4678"));
        for call in [copy, second] {
            let held = &tracker.call(call).unwrap().recordings[0].retention;
            assert_eq!((held.keep_days, held.overridden), (Some(3650), true));
        }
    }
}

#[test]
fn a_call_that_is_not_kept_stays_so_over_a_restart_and_one_that_is_keeps_its_retention() {
    let mut tracker = with(vec![terms("half", Kind::Percentage { percent: 50 })]);
    let (first, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let (second, _) = tracker.begin_call(ms(1), arrival("b@sbc", "4102"));
    let begun = tracker.call(second).unwrap().recordings.iter().map(|recording| recording.id).collect();
    let mut again = Tracker::new(Settings::default(), [2; 32]);
    again.restore(serde_json::from_str(&serde_json::to_string(tracker.state()).unwrap()).unwrap());
    again.go_on(ms(10), first, &begun);
    again.go_on(ms(10), second, &begun);
    again.end_lost_calls(ms(11), &[first, second].into());
    assert!(again.call(first).unwrap().is_live() && !is_recorded(&again, first));
    let recordings = &again.call(second).unwrap().recordings;
    assert_eq!(recordings.len(), 2);
    assert_eq!(recordings[1].retention, recordings[0].retention);
    let (third, _) = again.begin_call(ms(12), arrival("c@sbc", "4102"));
    assert!(!is_recorded(&again, third), "the third of a half is the first of the next two");
}

#[test]
fn what_was_told_in_the_dark_of_a_call_that_is_not_kept_is_guarded_when_it_is() {
    let mut tracker = with(vec![terms("none", NONE)]);
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    go_dark(&mut tracker, ms(1), &by_id("1"));
    let (_, outcome) = tracker.start_recording(ms(2), &by_id("1"), Fields::new()).unwrap();
    assert!(gates_of(&outcome).iter().all(|gate| gate.is_dark()), "born closed");
    tracker.stop_recording(ms(3), &by_id("1")).unwrap();

    let (call_2, _) = tracker.begin_call(ms(4), arrival("b@sbc", "4102"));
    go_dark(&mut tracker, ms(5), &by_id("2"));
    tracker.close_blackout(ms(6), &by_id("2")).unwrap();
    let mut told = arrival("b@sbc", "4102");
    told.parties[0].name = "4111 1111 1111 1111".into();
    tracker.change_call(ms(7), call_2, told);
    assert!(!tracker.call(call_2).unwrap().parties[0].name.contains("1111"));
    assert!(tracker.call(call).unwrap().was_dark());
}

#[test]
fn each_agent_has_a_percentage_of_its_own() {
    let mut tracker = with(vec![terms("third", Kind::AgentPercentage { percent: 34 })]);
    let mut kept = HashMap::<&str, usize>::new();
    for place in 0..30 {
        for extension in ["4678", "4678", "4102"] {
            let (call, _) = tracker.begin_call(ms(place), arrival("a@sbc", extension));
            *kept.entry(extension).or_default() += usize::from(is_recorded(&tracker, call));
        }
    }
    assert_eq!(kept, [("4678", 20), ("4102", 10)].into());
    let (call, _) = tracker.begin_call(ms(99), arrival("a@sbc", "nobody"));
    assert_eq!(why(&tracker, call), "kept: no schedule matched", "it is for calls of agents");
}

#[test]
fn a_draw_is_carried_in_the_event_and_a_number_is_used_up_by_what_is_kept_alone() {
    let kind = Kind::SetNumber { count: 20, per: Period::Day };
    let mut tracker = with(vec![Terms { probability: 50, ..terms("lucky", kind) }]);
    let (mut kept, mut draws) = (0, Vec::new());
    for place in 0..200 {
        let (call, outcome) = tracker.begin_call(ms(place), arrival("a@sbc", "4678"));
        let taken = outcome.events.iter().find_map(|event| match event {
            Event::RecordingStarted { taken, .. } | Event::RecordingDeclined { taken, .. } => *taken,
            _ => None,
        });
        let said = why(&tracker, call);
        match taken.unwrap().draw {
            Some(draw) if draw <= 50 => {
                kept += 1;
                assert_eq!(said, format!("kept: schedule lucky, {kept} of its 20 of today, draw {draw}"));
                draws.push(draw);
            }
            Some(draw) => {
                assert_eq!(said, format!("not kept: schedule lucky, draw {draw} above 50"));
                draws.push(draw);
            }
            None => assert_eq!(said, "not kept: schedule lucky has its 20 of today"),
        }
    }
    assert_eq!(kept, 20);
    assert!(draws.iter().any(|draw| *draw > 50) && draws.iter().all(|draw| *draw <= 100));
}

#[test]
fn schedules_are_made_changed_and_removed_and_their_numbers_are_not_given_again() {
    let mut tracker = with(vec![terms("a", ALL), terms("a", NONE)]);
    tracker.remove_schedule(ScheduleId(2)).unwrap();
    assert_eq!(tracker.remove_schedule(ScheduleId(2)).unwrap_err(), Refusal::UnknownSchedule(ScheduleId(2)));
    let (id, _) = tracker.add_schedule(ms(0), terms("c", ALL)).unwrap();
    assert_eq!(id, ScheduleId(3));
    let created = tracker.state().schedules[&id].created;
    tracker.put_schedule(ms(50), id, terms("d", ALL)).unwrap();
    assert_eq!(tracker.state().schedules[&id].created, created, "a change makes it no younger");
    assert!(tracker.put_schedule(ms(51), id, terms("d", ALL)).unwrap().events.is_empty());
    assert!(matches!(
        tracker.put_schedule(ms(0), ScheduleId(9), terms("d", ALL)),
        Err(Refusal::UnknownSchedule(_))
    ));
    let wrong = Terms { zone: "Mars/Olympus".into(), ..terms("d", ALL) };
    let zone = Refusal::Schedule(ScheduleFault::Zone("Mars/Olympus".into()));
    assert_eq!(tracker.add_schedule(ms(0), wrong).unwrap_err(), zone);
    while tracker.state().schedules.len() < MAX_SCHEDULES {
        tracker.add_schedule(ms(0), terms("more", ALL)).unwrap();
    }
    assert_eq!(tracker.add_schedule(ms(0), terms("more", ALL)).unwrap_err(), Refusal::TooManySchedules);
}

#[test]
fn an_archive_action_that_is_not_active_is_kept_but_not_chosen_anew() {
    let mut tracker = tracker();
    let id = ArchiveActionId(2);
    let target = Some("vault".to_owned());
    let copy =
        ArchiveAction { id, name: "copy".into(), kind: ArchiveKind::Copy, target, next: None, active: true };
    tracker.put_archive_action(copy.clone()).unwrap();
    let keeping = Keeping { keep_days: None, archive_action: id };
    let chosen = Terms { keeping, ..terms("a", ALL) };
    let (first, _) = tracker.add_schedule(ms(0), chosen.clone()).unwrap();
    tracker.put_archive_action(ArchiveAction { active: false, ..copy }).unwrap();
    let fault = Refusal::Schedule(ScheduleFault::ArchiveAction(id));
    assert_eq!(tracker.add_schedule(ms(0), chosen.clone()).unwrap_err(), fault);
    tracker.put_schedule(ms(0), first, Terms { priority: 4, ..chosen }).unwrap();
}

#[test]
fn a_dry_run_says_what_each_schedule_would_do_and_changes_nothing() {
    let mut tracker = with(vec![
        Terms { rule: only(2), priority: 9, ..terms("agent 2", ALL) },
        Terms { priority: 5, probability: 30, ..terms("some", ALL) },
        terms("low", ALL),
        Terms { priority: 7, ..terms("api", Kind::ApiInitiated) },
    ]);
    let before = tracker.state().clone();
    let call = Traits { agents: vec![AgentId(1)], ..Traits::default() };
    let said = tracker.explain(ms(0), &call, false);
    assert_eq!((said.kept, said.why.as_str()), (None, "kept if its draw is at most 30: schedule some"));
    let asked: Vec<_> =
        said.asked.iter().map(|it| (it.schedule.name.as_str(), it.passed_over.as_deref())).collect();
    assert_eq!(
        asked,
        [
            ("agent 2", Some("agent 1 is not among its agents")),
            ("api", Some("it takes calls that a command starts")),
            ("some", None),
            ("low", Some("one of a higher priority, or of the same and made earlier, takes the call")),
        ]
    );
    let said = tracker.explain(ms(0), &call, true);
    assert_eq!((said.kept, said.schedule.unwrap().name.as_str()), (Some(true), "api"));
    let other = Traits { agents: vec![AgentId(2)], ..Traits::default() };
    assert_eq!(tracker.explain(ms(0), &other, false).why, "kept: schedule agent 2");
    assert_eq!(tracker.state(), &before);
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4102"));
    assert_eq!(why(&tracker, call), "kept: schedule agent 2");
}
