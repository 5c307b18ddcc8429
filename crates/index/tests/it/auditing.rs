//! Who did what: appended, chained, found, and every change of it seen.

use audit::{Checker, Entry, Fault, Head, Link};
use calls::time::Wall;
use index::trail::{Kept, Query};
use index::{Index, Listen, Trail};
use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use sqlx::Connection;

use crate::opening::raw;
use crate::world::{World, id};

pub(crate) fn entry(at_ms: i64, who: &str, action: &str) -> Entry {
    Entry {
        at_ns: at_ms * 1_000_000,
        kind: "person".into(),
        who: who.into(),
        role: String::new(),
        source: "192.0.2.7".into(),
        action: action.into(),
        outcome: "done".into(),
        answer: "200".into(),
        recording: id(1).to_string(),
        call: String::new(),
        about: String::new(),
        detail: "wav, channels as recorded".into(),
        reason: String::new(),
    }
}

/// Goes through all rows as `sidetone check --audit` does.
async fn checked(trail: &Trail, heads: &[Head]) -> Result<Link, Fault> {
    let mut checker = Checker::new();
    for head in heads {
        checker.add(head.link, &"a head".into())?;
    }
    loop {
        let page = trail.after(checker.at().number, &Query::default()).await.expect("a page");
        if page.is_empty() {
            return checker.end();
        }
        for (Kept { number, said }, _) in page {
            let (entry, hash) = said.map_err(|cause| Fault::Unreadable { number, cause })?;
            checker.next(number, entry.content(number), hash)?;
        }
    }
}

async fn world_of(entries: i64) -> World {
    let world = World::new().await;
    let entries: Vec<Entry> = (0..entries).map(|at| entry(at, "dana", "recording.listen")).collect();
    world.index.trail().append(&entries).await.expect("they are written");
    world
}

#[tokio::test]
async fn the_chain_goes_on_after_a_restart() {
    let world = world_of(3).await;
    let before = world.index.trail().last().await.unwrap();
    let world = world.reopened().await;
    let appended = world.index.trail().append(&[entry(9, "robin", "hold.place")]).await.unwrap();
    assert_eq!((appended.before, appended.after.number), (before, 4));
    assert_eq!(checked(&world.index.trail(), &[]).await.unwrap(), appended.after);
}

#[tokio::test]
async fn entries_are_found_by_who_what_which_recording_and_when_a_page_at_a_time() {
    let world = World::new().await;
    let trail = world.index.trail();
    let other =
        Entry { recording: id(2).to_string(), call: "a call".into(), ..entry(3, "dana", "recording.view") };
    let entries = [
        entry(1, "dana", "recording.listen"),
        entry(2, "robin", "hold.place"),
        other,
        entry(4, "robin", "hold.release"),
        entry(5, "robin", "holder.nothing"),
    ];
    trail.append(&entries).await.expect("they are written");
    let found = async |query: Query| {
        let page = trail.find(&query).await.unwrap();
        page.items.iter().map(|kept| kept.number).collect::<Vec<_>>()
    };
    let text = |text: &str| Some(text.to_owned());
    let all = Query::default;
    assert_eq!(found(all()).await, [5, 4, 3, 2, 1]);
    assert_eq!(found(Query { who: text("dana"), ..all() }).await, [3, 1]);
    assert_eq!(found(Query { action: text("hold"), ..all() }).await, [4, 2], "a family, and no other word");
    assert_eq!(found(Query { action: text("hold.place"), ..all() }).await, [2]);
    assert_eq!(found(Query { recording: text(&id(2).to_string()), ..all() }).await, [3]);
    assert_eq!(found(Query { call: text("a call"), ..all() }).await, [3]);
    let (from, to) = (Some(Wall::from_ms(2)), Some(Wall::from_ms(4)));
    assert_eq!(found(Query { from, to, ..all() }).await, [3, 2]);
    let page = trail.find(&Query { limit: 2, ..all() }).await.unwrap();
    assert_eq!(page.next, Some(4));
    assert_eq!(found(Query { limit: 2, before: page.next, ..all() }).await, [3, 2]);
    let span = trail.span(&Query { who: text("robin"), ..all() }).await.unwrap().unwrap();
    assert_eq!((span.first, span.last, span.count), (2, 5, 3));
    assert_eq!(trail.span(&Query { who: text("nobody"), ..all() }).await.unwrap(), None);
}

#[tokio::test]
async fn the_audit_cannot_be_rewritten_by_a_statement_of_ours() {
    let world = world_of(2).await;
    let last = world.index.trail().last().await.unwrap();
    let head = Head::signed(last, 0, |_| "ed25519:00".to_owned());
    world.index.trail().put_head(&head).await.unwrap();
    world.index.trail().put_token(2, b"a token").await.unwrap();
    let mut conn = raw(&world).await;
    for statement in [
        "UPDATE audit SET who = 'nobody'",
        "DELETE FROM audit",
        "UPDATE audit_head SET signature = ''",
        "UPDATE audit_head SET token = x''",
        "DELETE FROM audit_head",
    ] {
        let refused = sqlx::query(statement).execute(&mut conn).await.unwrap_err();
        assert!(
            refused.to_string().contains("the audit is not")
                || refused.to_string().contains("a head of the audit is not"),
            "{refused}"
        );
    }
    let kept = world.index.trail().last_head().await.unwrap().unwrap();
    assert_eq!((kept.head, kept.token.as_deref()), (head, Some(b"a token".as_slice())));
}

#[tokio::test]
async fn what_is_done_to_the_rows_past_us_is_found_and_the_first_is_named() {
    // Whoever can write the file can take the triggers away.
    const OPEN: &str = "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_deleted;";
    let changed = |number| Fault::Changed { number };
    let cases = [
        ("UPDATE audit SET who = 'nobody' WHERE number = 4", changed(4)),
        ("UPDATE audit SET detail = '' WHERE number = 4", changed(4)),
        ("UPDATE audit SET at_ns = at_ns + 1 WHERE number = 4", changed(4)),
        ("UPDATE audit SET hash = zeroblob(32) WHERE number = 4", changed(4)),
        ("DELETE FROM audit WHERE number = 4", Fault::Missing { first: 4, next: 5 }),
        ("DELETE FROM audit WHERE number < 4", Fault::Missing { first: 1, next: 4 }),
        (
            "DELETE FROM audit WHERE number = 4; UPDATE audit SET number = number - 1 WHERE number > 4",
            changed(4),
        ),
        (
            "UPDATE audit SET number = -4 WHERE number = 4; UPDATE audit SET number = 4 WHERE number = 7; \
             UPDATE audit SET number = 7 WHERE number = -4",
            changed(4),
        ),
        ("DELETE FROM audit WHERE number > 4", Fault::Cut { last: 4, signed: 9, place: "a head".into() }),
        ("DELETE FROM audit", Fault::Cut { last: 0, signed: 9, place: "a head".into() }),
    ];
    for (statement, fault) in cases {
        let world = world_of(9).await;
        let head = Head::signed(world.index.trail().last().await.unwrap(), 0, |_| String::new());
        let mut conn = raw(&world).await;
        sqlx::raw_sql(OPEN).execute(&mut conn).await.unwrap();
        assert!(checked(&world.index.trail(), std::slice::from_ref(&head)).await.is_ok());
        sqlx::raw_sql(statement).execute(&mut conn).await.unwrap();
        assert_eq!(checked(&world.index.trail(), &[head]).await, Err(fault), "{statement}");
    }
}

#[tokio::test]
async fn an_earlier_log_of_listens_becomes_the_beginning_of_the_audit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut conn = sqlx::sqlite::SqliteConnection::connect_with(&options).await.unwrap();
    for entry in std::fs::read_dir("schema/sqlite")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect::<std::collections::BTreeSet<_>>()
    {
        if entry.file_name().unwrap().to_str().unwrap() < "0010" {
            let step = std::fs::read_to_string(entry).unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(step)).execute(&mut conn).await.unwrap();
        }
    }
    let listens: String = (1..=2_500)
        .map(|at| {
            let recording: String = id(1).as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            format!("INSERT INTO listen (at_ns, recording, who, source, what) VALUES ({at}, x'{recording}', 'anonymous', '192.0.2.1', 'wav {at}');")
        })
        .collect();
    let marks = "PRAGMA user_version = 9; PRAGMA application_id = 1399084142;";
    let statements = format!("BEGIN; {listens} COMMIT; {marks}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();

    let index = Index::open(&path).await.unwrap();
    let end = checked(&index.trail(), &[]).await.unwrap();
    assert_eq!(end.number, 2_500);
    let first = index.trail().find(&Query { before: Some(2), ..Query::default() }).await.unwrap();
    let (first, _) = first.items[0].said.clone().unwrap();
    assert_eq!((first.at_ns, first.recording.as_str()), (1, id(1).to_string().as_str()));
    assert_eq!((first.kind.as_str(), first.action.as_str()), ("local", "recording.listen"));
    let newest = index.listens(id(1)).await.unwrap().remove(0);
    let expected = Listen {
        at: Wall::from_ns(2_500),
        recording: id(1),
        who: "anonymous".into(),
        from: "192.0.2.1".into(),
        what: "wav 2500".into(),
    };
    assert_eq!(newest, expected);
    let appended = index.trail().append(&[entry(9, "dana", "hold.place")]).await.unwrap();
    assert_eq!(appended.after.number, 2_501);
    assert!(checked(&index.trail(), &[]).await.is_ok());
}

#[tokio::test]
async fn a_flipped_bit_anywhere_in_the_rows_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.db");
    let index = Index::open(&path).await.unwrap();
    let who = |at: i64| format!("dana-{at}-with-a-name-that-is-found-in-the-file");
    let entries: Vec<Entry> = (0..60).map(|at| entry(at, &who(at), "recording.listen")).collect();
    let end = index.trail().append(&entries).await.expect("they are written").after;
    let head = Head::signed(end, 0, |_| String::new());
    index.close().await;
    let whole = std::fs::read(&path).unwrap();
    // Each row's bytes: from the name on to the end of its hash, and some of the head of its record before.
    let spans: Vec<_> = (0..60)
        .flat_map(|at| {
            let name = who(at);
            let places =
                (0..whole.len() - name.len()).filter(|&place| whole[place..].starts_with(name.as_bytes()));
            places.map(|place| place..place + 150).collect::<Vec<_>>()
        })
        .collect();
    assert!(spans.len() >= 60, "{}", spans.len());
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let flipped = folder.path().join("flipped.db");
    for _ in 0..200 {
        let span = &spans[random.next_u32() as usize % spans.len()];
        let place = span.start + random.next_u32() as usize % span.len();
        let bit = random.next_u32() % 8;
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << bit;
        std::fs::write(&flipped, &bytes).unwrap();
        let Ok(index) = Index::open_to_read(&flipped).await else { continue };
        let said = checked(&index.trail(), std::slice::from_ref(&head)).await;
        let damages = index.trail().damages().await.unwrap();
        assert!(said.is_err() || !damages.is_empty(), "bit {bit} of byte {place} is not missed: {said:?}");
        index.close().await;
    }
}
