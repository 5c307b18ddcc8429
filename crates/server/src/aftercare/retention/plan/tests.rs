use calls::archive::{ArchiveAction, NextAction};
use proptest::prelude::*;

use super::*;

const TERMS: Terms = Terms { grace: DAY, minimum_days: 0 };

fn action(id: u32, kind: ArchiveKind, next: Option<(u32, u32)>) -> ArchiveAction {
    ArchiveAction {
        id: ArchiveActionId(id),
        name: format!("action {id}"),
        kind,
        target: (kind != ArchiveKind::Purge).then(|| format!("archive {id}")),
        next: next.map(|(id, after_days)| NextAction { action: ArchiveActionId(id), after_days }),
        active: false,
    }
}

/// Purge, and others besides.
fn actions(others: &[ArchiveAction]) -> ArchiveActions {
    let all = [&[action(1, ArchiveKind::Purge, None)], others].concat();
    let by_id: serde_json::Map<String, serde_json::Value> = all
        .into_iter()
        .map(|action| (action.id.to_string(), serde_json::to_value(action).unwrap()))
        .collect();
    serde_json::from_value(by_id.into()).unwrap()
}

fn day(day: u32) -> Wall {
    days_after(Wall::EPOCH, day)
}

/// All that happens in a look.
fn looks(life: &mut Life, actions: &ArchiveActions, terms: Terms, now: Wall) -> Vec<Done> {
    std::iter::from_fn(|| life.look(actions, terms, now)).collect()
}

#[test]
fn a_row_of_actions_runs_day_by_day_each_once() {
    let actions = actions(&[
        action(2, ArchiveKind::Copy, Some((3, 5))),
        action(3, ArchiveKind::Normal, Some((4, 10))),
        action(4, ArchiveKind::Backup, Some((1, 0))),
    ]);
    let mut life = Life::new(day(0), Some(30), ArchiveActionId(2));
    let mut said = Vec::new();
    for at in 0..100 {
        said.extend(looks(&mut life, &actions, TERMS, day(at)).into_iter().map(|done| (at, done)));
    }
    let to = |id: u32, kind| Done::Transferred(ArchiveActionId(id), kind, format!("archive {id}"));
    assert_eq!(
        said,
        [
            (30, to(2, TransferKind::Copy)),
            (35, to(3, TransferKind::Move)),
            (45, to(4, TransferKind::Backup)),
            (45, Done::Marked(ArchiveActionId(1))),
            (46, Done::Erased),
        ]
    );
}

#[test]
fn no_days_go_at_once_and_for_ever_is_for_ever() {
    let actions = actions(&[]);
    let no_grace = Terms { grace: Duration::ZERO, ..TERMS };
    let mut none = Life::new(day(1), Some(0), ArchiveActionId::PURGE);
    assert_eq!(looks(&mut none, &actions, no_grace, Wall::from_ns(day(1).as_ns() - 1)), []);
    assert_eq!(looks(&mut none, &actions, no_grace, day(1)).last(), Some(&Done::Erased));
    let mut ever = Life::new(day(1), None, ArchiveActionId::PURGE);
    assert_eq!(looks(&mut ever, &actions, no_grace, day(36_500)), []);
}

#[test]
fn an_action_nobody_knows_does_nothing() {
    let mut life = Life::new(day(0), Some(1), ArchiveActionId(77));
    assert_eq!(looks(&mut life, &actions(&[]), TERMS, day(99)), []);
}

#[test]
fn precedence_is_hold_then_minimum() {
    assert_eq!(may_go(&[3, 4], day(0), 30, day(1)), Err(Stays::Held(3)));
    assert_eq!(may_go(&[], day(0), 30, day(1)), Err(Stays::Young(day(30))));
    assert_eq!(may_go(&[], day(0), 30, day(30)), Ok(()));
}

#[test]
fn a_hold_that_is_placed_in_the_grace_takes_the_mark_away_and_its_release_begins_anew() {
    let actions = actions(&[]);
    let mut life = Life::new(day(0), Some(10), ArchiveActionId::PURGE);
    assert_eq!(looks(&mut life, &actions, TERMS, day(10)), [Done::Marked(ArchiveActionId::PURGE)]);
    life.holds.push(7);
    assert_eq!(looks(&mut life, &actions, TERMS, day(11)), [Done::Restored]);
    assert_eq!(looks(&mut life, &actions, TERMS, day(400)), []);
    life.holds.clear();
    assert_eq!(looks(&mut life, &actions, TERMS, day(400)), [Done::Marked(ArchiveActionId::PURGE)]);
    assert_eq!(looks(&mut life, &actions, TERMS, day(401)), [Done::Erased]);
}

/// What may come in a recording's life, beside days.
#[derive(Debug, Clone)]
enum Came {
    Days(u32),
    Hold,
    Release,
}

fn came() -> impl Strategy<Value = Came> {
    prop_oneof![6 => (0..40_u32).prop_map(Came::Days), 1 => Just(Came::Hold), 1 => Just(Came::Release)]
}

fn row_of_actions() -> impl Strategy<Value = Vec<ArchiveAction>> {
    let kind = prop_oneof![Just(ArchiveKind::Normal), Just(ArchiveKind::Copy), Just(ArchiveKind::Backup),];
    proptest::collection::vec((kind, 0..20_u32), 0..5).prop_map(|kinds| {
        let last = u32::try_from(kinds.len()).unwrap() + 1;
        (2..)
            .zip(kinds)
            .map(|(id, (kind, days))| {
                // Each goes on with the next, the last with Purge.
                action(id, kind, Some((if id == last { 1 } else { id + 1 }, days)))
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn nothing_a_hold_covers_goes_nothing_goes_before_its_time_and_each_action_runs_once(
        row in row_of_actions(),
        keep_days in 0..60_u32,
        minimum_days in 0..90_u32,
        grace_days in 0..4_u32,
        story in proptest::collection::vec(came(), 1..60),
    ) {
        let actions = actions(&row);
        let terms = Terms { grace: DAY * grace_days, minimum_days };
        let first = if row.is_empty() { ArchiveActionId::PURGE } else { ArchiveActionId(2) };
        let mut life = Life::new(day(0), Some(keep_days), first);
        let (mut today, mut ran, mut due, mut marked) = (0, Vec::new(), keep_days, None);
        for came in story.into_iter().chain([Came::Release]).chain(vec![Came::Days(900); 8]) {
            match came {
                Came::Days(days) => today += days,
                Came::Hold => life.holds = vec![1],
                Came::Release => life.holds.clear(),
            }
            for done in looks(&mut life, &actions, terms, day(today)) {
                match done {
                    Done::Transferred(id, ..) => {
                        prop_assert!(today >= due, "before its time");
                        prop_assert!(life.holds.is_empty(), "moved under a hold");
                        ran.push(id);
                        due = today + actions.get(id).unwrap().next.unwrap().after_days;
                    }
                    Done::Marked(_) => {
                        prop_assert!(today >= due.max(minimum_days) && life.holds.is_empty());
                        marked = Some(today);
                    }
                    Done::Restored => {
                        prop_assert!(!life.holds.is_empty());
                        marked = None;
                    }
                    Done::Erased => {
                        prop_assert!(life.holds.is_empty(), "erased under a hold");
                        prop_assert!(marked.is_some_and(|marked| today >= marked + grace_days));
                    }
                }
            }
        }
        prop_assert_eq!(ran, row.iter().map(|action| action.id).collect::<Vec<_>>(), "each once, in order");
        prop_assert!(life.erased.is_some(), "what nothing holds goes in the end");
    }
}

#[test]
fn ten_thousand_recordings_age_through_copy_purge_hold_and_release_in_a_moment() {
    let actions = actions(&[action(2, ArchiveKind::Copy, Some((1, 30)))]);
    let life = |ended: u32| Life::new(day(ended % 365), Some(90), ArchiveActionId(2));
    let mut lives: Vec<Life> = (0..10_000).map(life).collect();
    let held = |number: usize| number.is_multiple_of(10);
    for today in 0..800 {
        for (number, life) in lives.iter_mut().enumerate() {
            life.holds = if held(number) && today < 700 { vec![1] } else { Vec::new() };
            looks(life, &actions, TERMS, day(today));
        }
        if today == 699 {
            let erased = |held_too: bool| {
                let of = lives.iter().enumerate().filter(|(number, _)| held(*number) == held_too);
                of.filter(|(_, life)| life.erased.is_some()).count()
            };
            assert_eq!((erased(true), erased(false)), (0, 9_000));
        }
    }
    assert!(lives.iter().all(|life| life.erased.is_some() && life.copies == ["archive 2"]));
}
