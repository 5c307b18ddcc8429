//! How long recordings are kept, as it is fixed and overridden.

use super::*;
use crate::archive::{ArchiveAction, ArchiveKind, Keeping, NextAction, Retention};
use crate::id::ArchiveActionId;

fn to_vault(id: u32) -> ArchiveAction {
    ArchiveAction {
        id: ArchiveActionId(id),
        name: "to the vault".into(),
        kind: ArchiveKind::Copy,
        target: Some("vault".into()),
        next: Some(NextAction { action: ArchiveActionId::PURGE, after_days: 30 }),
        active: true,
    }
}

fn keeping_90() -> Tracker {
    let keeping = Keeping { keep_days: Some(90), archive_action: ArchiveActionId::PURGE };
    let mut tracker = Tracker::new(Settings { keeping, ..Settings::default() }, [1; 32]);
    tracker.put_agents(vec![agent(1, "4678")]).unwrap();
    tracker.put_archive_action(to_vault(2)).unwrap();
    tracker
}

fn fields(days: &str, action: &str) -> Fields {
    let pairs = [(Field::KeepDays, days), (Field::ArchiveAction, action)];
    pairs.into_iter().filter(|(_, value)| !value.is_empty()).map(|(f, v)| (f, v.to_owned())).collect()
}

fn retention(tracker: &Tracker, call: CallId) -> Retention {
    tracker.call(call).unwrap().recordings.last().unwrap().retention.clone()
}

#[test]
fn what_holds_for_a_recording_is_fixed_when_it_is_started() {
    let mut tracker = keeping_90();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    tracker.settings.keeping.keep_days = Some(7);
    let held = retention(&tracker, call);
    assert_eq!((held.keep_days, held.archive_action, held.overridden), (Some(90), ArchiveActionId(1), false));
    let (later, _) = tracker.begin_call(ms(9), arrival("b@sbc", "4678"));
    assert_eq!(retention(&tracker, later).keep_days, Some(7));
}

#[test]
fn keepdays_and_archiveaction_override_and_minus_one_inherits_again() {
    let mut tracker = keeping_90();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let mut tag = |days, action| {
        tracker.tag(ms(5), &by_id("1"), None, fields(days, action)).unwrap();
        let held = retention(&tracker, call);
        (held.keep_days, held.archive_action.0, held.overridden)
    };
    assert_eq!(tag("3650", "2"), (Some(3650), 2, true));
    assert_eq!(tag("-1", ""), (Some(90), 2, true));
    assert_eq!(tag("0", "-1"), (Some(0), 1, true));
    assert_eq!(tag("-1", ""), (Some(90), 1, false));
}

#[test]
fn what_is_written_with_a_start_or_after_the_stop_counts_too() {
    let mut tracker = keeping_90();
    tracker.start_recording(ms(0), &by_id("1"), fields("5", "")).unwrap();
    let (call, _) = tracker.begin_call(ms(1), arrival("a@sbc", "4678"));
    assert_eq!(retention(&tracker, call).keep_days, Some(5));
    tracker.stop_recording(ms(2), &by_id("1")).unwrap();
    let (_, outcome) = tracker.tag(ms(3), &by_id("1"), None, fields("6", "2")).unwrap();
    let annotated = outcome.effects.iter().any(
        |effect| matches!(effect, Effect::Annotate { fields, .. } if fields[&Field::KeepDays] == "6" && fields[&Field::ArchiveAction] == "2"),
    );
    assert!(annotated, "the row follows");
    assert_eq!(retention(&tracker, call).keep_days, Some(6));
}

#[test]
fn an_archive_action_that_does_not_exist_is_refused_before_anything_happens() {
    let mut tracker = keeping_90();
    let before = tracker.state().clone();
    let unknown = Refusal::UnknownArchiveAction(ArchiveActionId(9));
    assert_eq!(tracker.start_recording(ms(0), &by_id("1"), fields("", "9")).unwrap_err(), unknown);
    assert_eq!(tracker.state(), &before);
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    assert_eq!(tracker.tag(ms(1), &by_id("1"), None, fields("8", "9")).unwrap_err(), unknown);
    assert_eq!(retention(&tracker, call).keep_days, Some(90));
}

#[test]
fn actions_are_put_once_edited_and_kept_over_a_restart() {
    let mut tracker = keeping_90();
    assert!(tracker.put_archive_action(to_vault(2)).unwrap().events.is_empty(), "nothing has changed");
    let edited = ArchiveAction { active: false, ..to_vault(2) };
    let outcome = tracker.put_archive_action(edited.clone()).unwrap();
    let ring = NextAction { action: ArchiveActionId(2), after_days: 1 };
    let ring = ArchiveAction { next: Some(ring), ..to_vault(2) };
    assert!(matches!(tracker.put_archive_action(ring), Err(Refusal::ArchiveAction(_))));

    let mut again = keeping_90();
    outcome.events.iter().for_each(|event| again.replay(event));
    assert_eq!(again.state(), tracker.state());
    assert_eq!(again.state().archive_actions.get(ArchiveActionId(2)), Some(&edited));
    let checkpoint = serde_json::to_string(tracker.state()).unwrap();
    assert_eq!(&serde_json::from_str::<State>(&checkpoint).unwrap(), tracker.state());
}

#[test]
fn checkpoints_and_events_of_earlier_versions_are_read() {
    let old: State = serde_json::from_str(r#"{"agents":{},"calls":{},"blackouts":[]}"#).unwrap();
    assert_eq!(old, State::default());
    assert!(old.archive_actions.get(ArchiveActionId::PURGE).is_some());
    let id = "0198c7a2-4f3e-7abc-8def-0123456789ab";
    let old =
        format!(r#"{{"event":"recording_started","call":"{id}","recording":"{id}","why":"kept","at":5}}"#);
    let Event::RecordingStarted { retention, .. } = serde_json::from_str(&old).unwrap() else { panic!() };
    assert_eq!(retention, Retention::default());
}
