//! What becomes of recordings: marked and erased, moved, held, restricted. A hold wins whenever it is asked.

use std::collections::BTreeMap;

use calls::id::RecordingId;
use calls::time::Wall;
use index::{
    Cause, Due, Erasure, HoldError, HoldWanted, Mark, Query, RecordingRow, RedactError, RedactionAsked,
    Restriction, Rule, TransferEnd, TransferKind, Verdict,
};

use crate::world::{World, id, row};

const DAY_MS: i64 = 86_400_000;

/// So many days after the recording ended, and one second.
fn after(recording: &RecordingRow, days: i64) -> Wall {
    Wall::from_ms(recording.ended.as_ms() + days * DAY_MS + 1_000)
}

/// A recording that is kept for ten days, then goes by an action.
async fn kept(world: &World, place: u8, action: i64) -> (i64, RecordingRow) {
    let row = RecordingRow { keep_days: Some(10), archive_action: action, ..row(place) };
    (world.put(&row).await, row)
}

fn cause(rule: Rule) -> Cause {
    Cause { rule, who: "Robin".into(), why: "GDPR 17".into(), source: "recorder".into() }
}

fn mark_at(marked: Wall, erase: Wall) -> Mark {
    Mark { marked, erase, cause: cause(Rule::Retention) }
}

fn hold(query: Option<Query>, recordings: &[RecordingId]) -> HoldWanted {
    HoldWanted {
        matter: "2026-77".into(),
        owner: "Dana".into(),
        reason: "a claim".into(),
        who: "Robin".into(),
        source: "127.0.0.1".into(),
        query,
        recordings: recordings.to_vec(),
    }
}

fn number(number: &str) -> Option<Query> {
    Some(Query { number: Some(number.into()), ..Query::default() })
}

async fn due(world: &World, now: Wall) -> Vec<Due> {
    world.index.due((now, now), &[1, 2, 3], 100).await.expect("what is due is told")
}

async fn decided(world: &World, ident: i64, at: Wall) -> Erasure {
    match world.index.decide_erasure(ident, at).await.expect("it is decided") {
        Verdict::Done(erasure) => erasure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_recording_is_due_when_its_days_are_over_and_not_before() {
    let world = World::new().await;
    let (ident, first) = kept(&world, 1, 1).await;
    world.put(&RecordingRow { keep_days: None, ..row(2) }).await;
    world.put(&RecordingRow { keep_days: Some(0), ..row(3) }).await;
    let ended = first.ended.as_ns();
    let at = Wall::from_ns(ended + 10 * DAY_MS * 1_000_000);
    assert_eq!(due(&world, Wall::from_ns(at.as_ns() - 1)).await.len(), 1, "that of no days");
    let found = due(&world, at).await;
    assert_eq!(
        found.iter().map(|due| due.recording).collect::<Vec<_>>(),
        [id(3), id(1)],
        "the longest first"
    );
    assert_eq!((found[1].ident, found[1].due, found[1].action), (ident, at, 1));
    assert_eq!(world.index.due((at, at), &[2], 100).await.unwrap(), [], "to no such action");
    assert_eq!(
        world.index.due((at, first.ended.before(std::time::Duration::from_secs(1))), &[1], 9).await.unwrap(),
        []
    );
    assert_eq!(world.index.count_due((at, at), &[1, 2, 3]).await.unwrap(), 2);
    assert_eq!(due(&world, Wall::from_ms(i64::MAX / 2_000_000)).await.len(), 2, "for ever is for ever");
}

#[tokio::test]
async fn saying_anew_how_long_it_is_kept_takes_the_mark_away() {
    let world = World::new().await;
    let (ident, first) = kept(&world, 1, 1).await;
    let now = after(&first, 10);
    world.index.mark(&[ident], &mark_at(now, now), true).await.unwrap();
    assert_eq!(due(&world, now).await, [], "what is marked waits for its erasure");
    let fields = [("keepdays".to_owned(), "20".to_owned())];
    world.index.annotate(id(1), &fields, now).await.unwrap();
    assert_eq!(world.index.decide_erasure(ident, now).await.unwrap(), Verdict::Gone);
    assert_eq!(due(&world, after(&first, 20)).await.len(), 1);
}

#[tokio::test]
async fn erased_is_gone_from_every_question_and_proven() {
    let world = World::new().await;
    let (ident, first) = kept(&world, 1, 1).await;
    world.put(&row(2)).await;
    let now = after(&first, 10);
    let grace = after(&first, 11);
    let marked = world.index.mark(&[ident], &mark_at(now, grace), true).await.unwrap();
    assert_eq!(marked, [(ident, Verdict::Done(()))]);
    let shown = world.index.recording(id(1)).await.unwrap().unwrap().care.mark.unwrap();
    assert_eq!(shown, mark_at(now, grace));
    assert_eq!(world.index.decide_erasure(ident, now).await.unwrap(), Verdict::Gone, "not in its grace");
    assert_eq!(world.index.marked_by(now, 10).await.unwrap(), []);
    assert_eq!(world.index.marked_by(grace, 10).await.unwrap()[0].recording, id(1));

    let erasure = decided(&world, ident, grace).await;
    assert_eq!((erasure.recording, erasure.ident, erasure.digest), (id(1), ident, first.digest));
    assert_eq!(world.places(Query::default()).await, [2]);
    assert!(world.index.recording(id(1)).await.unwrap().is_none());
    assert_eq!(world.index.erasures_not_done().await.unwrap(), std::slice::from_ref(&erasure));
    let world = world.reopened().await;
    world.index.end_erasure(erasure.number, grace, (1, 3)).await.unwrap();
    world.index.end_erasure(erasure.number, after(&first, 99), (7, 7)).await.unwrap();
    let proof = world.index.erasure_of(id(1)).await.unwrap().unwrap();
    assert_eq!(proof, Erasure { done: Some((grace, 1, 3)), ..erasure });
    assert_eq!(world.index.erasures_not_done().await.unwrap(), []);
    assert_eq!(world.index.erasures_after(0).await.unwrap().len(), 1);
    assert_eq!((world.index.count().await.unwrap(), world.index.files().await.unwrap().len()), (1, 1));
    // Start-up recovery may put the row again; it stays erased.
    assert_eq!(world.put(&first).await, ident);
    assert!(world.index.recording(id(1)).await.unwrap().is_none());
    for change in ["DELETE FROM erasure", "UPDATE erasure SET who = 'nobody'"] {
        let mut database = crate::opening::raw(&world).await;
        let refused = sqlx::raw_sql(change).execute(&mut database).await.unwrap_err().to_string();
        assert!(refused.contains("erasure"), "{refused}");
    }
}

#[tokio::test]
async fn what_was_known_of_it_is_not_in_the_files_of_the_index_any_more() {
    let world = World::new().await;
    let secret = |place: u8| {
        let fields = BTreeMap::from([("user1".to_owned(), "zanzibarovich".to_owned())]);
        RecordingRow {
            fields,
            agent_name: Some("Quillfeather".into()),
            ani: Some("+4930901820".into()),
            ..row(place)
        }
    };
    let ident = world.put(&secret(1)).await;
    // Others share its pages and its words' pages.
    for place in 2..60 {
        world.put(&row(place)).await;
    }
    let holds = |world: &World| {
        let mut found = Vec::new();
        for name in ["index.db", "index.db-wal"] {
            let bytes = std::fs::read(world.path().with_file_name(name)).unwrap_or_default();
            for needle in ["zanzibarovich", "Quillfeather", "quillfeather", "4930901820", "0281090394"] {
                if bytes.windows(needle.len()).any(|window| window == needle.as_bytes()) {
                    found.push((name, needle));
                }
            }
        }
        found
    };
    assert!(!holds(&world).is_empty(), "the look can find it");
    let now = after(&row(1), 0);
    world.index.mark(&[ident], &mark_at(now, now), true).await.unwrap();
    let erasure = decided(&world, ident, now).await;
    world.index.end_erasure(erasure.number, now, (1, 1)).await.unwrap();
    world.index.scrub().await.unwrap();
    assert_eq!(holds(&world), []);
    assert_eq!(
        world.places(Query { text: Some("jane".into()), limit: 100, ..Query::default() }).await.len(),
        58
    );
}

#[tokio::test]
async fn a_hold_is_in_the_way_of_marking_and_of_the_decision_and_takes_marks_away() {
    let world = World::new().await;
    let (ident, first) = kept(&world, 1, 1).await;
    let now = after(&first, 10);
    world.index.mark(&[ident], &mark_at(now, now), true).await.unwrap();
    let held = world.index.place_hold(&hold(None, &[id(1)]), now).await.unwrap();
    assert_eq!((held.number, held.held), (1, 1));
    assert_eq!(world.index.recording(id(1)).await.unwrap().unwrap().care.holds, [1]);
    assert_eq!(world.index.marked_by(now, 10).await.unwrap(), [], "placed between mark and erasure");
    assert_eq!(world.index.decide_erasure(ident, now).await.unwrap(), Verdict::Held(1));
    assert_eq!(due(&world, now).await, []);
    let marked = world.index.mark(&[ident], &mark_at(now, now), true).await.unwrap();
    assert_eq!(marked, [(ident, Verdict::Held(1))]);
    let released = world.index.release_hold(1, ("Dana", "settled"), now).await.unwrap();
    assert_eq!(released.released, Some((now, "Dana".into(), "settled".into())));
    assert_eq!(due(&world, now).await.len(), 1);
    assert!(matches!(world.index.release_hold(1, ("D", "s"), now).await, Err(HoldError::Released(1))));
    assert!(matches!(world.index.release_hold(2, ("D", "s"), now).await, Err(HoldError::NoSuch(2))));
    assert_eq!(world.index.holds(false).await.unwrap(), []);
    assert_eq!(world.index.holds(true).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_hold_by_query_holds_what_matches_and_what_comes_to_match() {
    let world = World::new().await;
    let (_, first) = kept(&world, 1, 1).await;
    let now = after(&first, 10);
    let held = world.index.place_hold(&hold(number("5550100"), &[]), now).await.unwrap();
    assert_eq!(held.held, 1);
    assert_eq!(held.wanted.query.as_ref().unwrap().number.as_deref(), Some("5550100"));
    // Of another caller, and so found only once it is annotated.
    let other = RecordingRow {
        ani: Some("1".into()),
        parties: vec![],
        keep_days: Some(10),
        archive_action: 1,
        ..row(2)
    };
    let (new, other) = (kept(&world, 3, 1).await.0, world.put(&other).await);
    let held = |found: Vec<(RecordingId, Wall)>| found.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(held(world.index.held_by(1).await.unwrap()).len(), 2, "the new one joined");
    let marked = world.index.mark(&[new], &mark_at(now, now), true).await.unwrap();
    assert_eq!(marked, [(new, Verdict::Held(1))]);
    let marked = world.index.mark(&[other], &mark_at(now, now), true).await.unwrap();
    assert_eq!(marked, [(other, Verdict::Done(()))]);
    let fields = [("ani".to_owned(), "+1 555 0100".to_owned())];
    world.index.annotate(id(2), &fields, now).await.unwrap();
    assert_eq!(world.index.decide_erasure(other, now).await.unwrap(), Verdict::Held(1));
    assert!(world.index.recording(id(2)).await.unwrap().unwrap().care.mark.is_none());
}

#[tokio::test]
async fn a_hold_that_names_what_is_not_there_or_cannot_be_asked_for_is_refused_whole() {
    let world = World::new().await;
    world.put(&row(1)).await;
    let refused = world.index.place_hold(&hold(None, &[id(1), id(9)]), Wall::EPOCH).await.unwrap_err();
    assert!(matches!(refused, HoldError::Unknown(unknown) if unknown == id(9)), "{refused}");
    let refused = world.index.place_hold(&hold(number("none"), &[]), Wall::EPOCH).await.unwrap_err();
    assert!(matches!(refused, HoldError::Condition(_)), "{refused}");
    assert_eq!(world.index.holds(true).await.unwrap(), []);
    assert_eq!(world.index.recording(id(1)).await.unwrap().unwrap().care.holds, [] as [i64; 0]);
}

#[tokio::test]
async fn under_a_hold_card_data_alone_is_redacted_and_the_hold_is_named() {
    let world = World::new().await;
    world.put(&row(1)).await;
    world.index.place_hold(&hold(None, &[id(1)]), Wall::EPOCH).await.unwrap();
    let mut asked = RedactionAsked {
        recording: id(1),
        from: Wall::from_ms(1),
        until: Wall::from_ms(2),
        who: "Robin".into(),
        why: "w".into(),
        source: "s".into(),
        at: Wall::EPOCH,
        card_data: false,
    };
    let refused = world.index.ask_redaction(&asked).await.unwrap_err();
    assert!(matches!(refused, RedactError::Held(1)), "{refused}");
    asked.card_data = true;
    world.index.ask_redaction(&asked).await.unwrap();
    assert_eq!(world.index.redactions(id(1)).await.unwrap()[0].under_hold, Some(1));
}

#[tokio::test]
async fn a_move_changes_the_row_when_it_is_done_and_its_next_action_is_due_after_it() {
    let world = World::new().await;
    let (ident, first) = kept(&world, 1, 2).await;
    let now = after(&first, 10);
    let [what] = &due(&world, now).await[..] else { panic!("one is due") };
    let begun = world.index.begin_transfer(what, TransferKind::Move, "cold", now).await.unwrap().unwrap();
    assert!(
        world.index.begin_transfer(what, TransferKind::Move, "cold", now).await.unwrap().is_none(),
        "once"
    );
    let world = world.reopened().await;
    assert_eq!(world.index.transfers_not_done().await.unwrap(), std::slice::from_ref(&begun));
    let next = Some((1, after(&first, 30)));
    assert_eq!(world.index.end_transfer(&begun, next, now).await.unwrap(), TransferEnd::Done);
    let moved = world.index.recording(id(1)).await.unwrap().unwrap().care;
    assert_eq!((moved.place.as_deref(), moved.next), (Some("cold"), next));
    assert!(world.index.transfers_not_done().await.unwrap()[0].is_done, "the file before is still there");
    world.index.end_removal(begun.number, now).await.unwrap();
    assert_eq!(world.index.transfers_not_done().await.unwrap(), []);
    assert_eq!(due(&world, after(&first, 29)).await, []);
    let [what] = &due(&world, after(&first, 30)).await[..] else { panic!("the next is due") };
    assert_eq!((what.action, what.place.as_deref(), what.ident), (1, Some("cold"), ident));
    let at = after(&first, 30);
    world.index.mark(&[ident], &mark_at(at, at), true).await.unwrap();
    assert_eq!(decided(&world, ident, at).await.places, ["cold"]);
}

#[tokio::test]
async fn a_hold_that_came_while_a_file_was_on_its_way_keeps_it_where_it_is() {
    let world = World::new().await;
    let (_, first) = kept(&world, 1, 2).await;
    let now = after(&first, 10);
    let what = due(&world, now).await.remove(0);
    let begun = world.index.begin_transfer(&what, TransferKind::Move, "cold", now).await.unwrap().unwrap();
    world.index.place_hold(&hold(None, &[id(1)]), now).await.unwrap();
    assert_eq!(world.index.end_transfer(&begun, None, now).await.unwrap(), TransferEnd::Held(1));
    world.index.give_up_transfer(begun.number).await.unwrap();
    assert_eq!(world.index.recording(id(1)).await.unwrap().unwrap().care.place, None);
    assert!(world.index.begin_transfer(&what, TransferKind::Move, "cold", now).await.unwrap().is_none());
    let copied = world.index.begin_transfer(&what, TransferKind::Copy, "cold", now).await.unwrap();
    assert!(copied.is_some(), "a copy takes nothing away");
}

#[tokio::test]
async fn a_copy_goes_with_its_recording_and_a_backup_stays_unless_somebody_asks() {
    for (rule, places) in [(Rule::Retention, vec!["near"]), (Rule::Subject, vec!["near", "tape"])] {
        let world = World::new().await;
        let (ident, first) = kept(&world, 1, 2).await;
        let now = after(&first, 10);
        for (kind, target, next) in
            [(TransferKind::Copy, "near", Some((3, now))), (TransferKind::Backup, "tape", None)]
        {
            let what = due(&world, now).await.remove(0);
            let begun = world.index.begin_transfer(&what, kind, target, now).await.unwrap().unwrap();
            assert_eq!(world.index.end_transfer(&begun, next, now).await.unwrap(), TransferEnd::Done);
        }
        assert_eq!(world.index.copies_of(id(1)).await.unwrap(), ["near", "tape"]);
        assert_eq!(due(&world, after(&first, 9_999)).await, [], "its row of actions is over");
        let asked = RedactionAsked {
            recording: id(1),
            from: Wall::from_ms(1),
            until: Wall::from_ms(2),
            who: "R".into(),
            why: "w".into(),
            source: "s".into(),
            at: now,
            card_data: true,
        };
        let refused = world.index.ask_redaction(&asked).await;
        assert!(matches!(refused, Err(RedactError::Archived(archive)) if archive == "near"));
        let mark = Mark { cause: cause(rule), ..mark_at(now, now) };
        world.index.mark(&[ident], &mark, false).await.unwrap();
        let erasure = decided(&world, ident, now).await;
        assert_eq!(erasure.places, places);
        world.index.end_erasure(erasure.number, now, (1, 1)).await.unwrap();
        let mut database = crate::opening::raw(&world).await;
        let kept: String =
            sqlx::query_scalar("SELECT record FROM backup").fetch_one(&mut database).await.unwrap();
        assert_eq!(kept.contains("Jane Doe"), rule == Rule::Retention, "{kept}");
    }
}

#[tokio::test]
async fn a_restriction_is_there_until_it_is_lifted() {
    let world = World::new().await;
    world.put(&row(1)).await;
    let restriction =
        Restriction { since: Wall::from_ms(5), who: "R".into(), why: "GDPR 18".into(), source: "s".into() };
    world.index.restrict(id(1), &restriction).await.unwrap();
    let other = Restriction { who: "other".into(), ..restriction.clone() };
    world.index.restrict(id(1), &other).await.expect("said again, it stays as it is");
    let now = async || world.index.recording(id(1)).await.unwrap().unwrap().care.restriction;
    assert_eq!(now().await, Some(restriction));
    world.index.lift_restriction(id(1), "R", Wall::from_ms(6)).await.unwrap();
    assert_eq!(now().await, None);
    assert!(world.index.restrict(id(9), &other).await.is_err());
}

#[tokio::test]
async fn what_is_about_somebody_is_told_by_the_whole_name() {
    let world = World::new().await;
    world.put(&row(1)).await;
    let mut other = row(2);
    other.parties[0].name = Some("J\u{f6}rg M\u{fc}llermann".into());
    world.put(&other).await;
    let about = async |name| {
        let rows = world.index.about(&Query::default(), Some(name)).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(about("j\u{f6}rg m\u{fc}ller").await, [id(1)]);
    assert_eq!(about("J\u{f6}rg").await, []);
}

#[tokio::test]
async fn a_days_volume_is_an_average_and_marks_that_were_confirmed_do_not_count() {
    let world = World::new().await;
    for place in 0..40 {
        world.put(&row(place)).await;
    }
    let now = after(&row(0), 9);
    world.index.mark(&[1, 2, 3], &mark_at(now, now), true).await.unwrap();
    world.index.mark(&[4], &mark_at(now, now), false).await.unwrap();
    decided(&world, 1, now).await;
    assert_eq!(world.index.volume(now, after(&row(0), 8)).await.unwrap(), (4, 3));
    assert_eq!(world.index.volume(now, after(&row(0), 10)).await.unwrap(), (4, 0));
    let standing = world.index.standing().await.unwrap();
    assert_eq!((standing.kept, standing.marked, standing.not_done), (39, 3, 1));
}

#[tokio::test]
async fn what_retention_remembers_outlives_a_restart() {
    let world = World::new().await;
    assert_eq!(world.index.retention_state().await.unwrap(), None);
    world.index.remember_retention("{}").await.unwrap();
    world.index.remember_retention("{\"seen\":1}").await.unwrap();
    let world = world.reopened().await;
    assert_eq!(world.index.retention_state().await.unwrap().as_deref(), Some("{\"seen\":1}"));
}
