//! The end of the audit is signed: whoever writes behind it without the key is seen before the next entry is written.

use audit::{EndFault, Entry, Link, ends};
use index::trail::{Kept, Query};
use sqlx::SqliteConnection;

use crate::auditing::entry;
use crate::opening::raw;
use crate::world::{Key, World, row};

const OPEN: &str =
    "DROP TRIGGER IF EXISTS audit_is_not_changed; DROP TRIGGER IF EXISTS audit_is_not_deleted;";

/// Appends an entry as somebody would who has the database and no key: the chain has none.
async fn forge(world: &World, conn: &mut SqliteConnection, who: &str) {
    let before = world.index.trail().last().await.expect("it is read");
    let forged = entry(9, who, "recording.erase");
    let link = before.then(forged.content(before.number + 1));
    let texts = forged.texts().map(|(_, text)| format!("'{text}'")).join(", ");
    let hash: String = link.hash.to_string();
    let insert = format!("INSERT INTO audit VALUES ({}, {}, {texts}, x'{hash}')", link.number, forged.at_ns);
    sqlx::raw_sql(sqlx::AssertSqlSafe(insert)).execute(conn).await.expect("it is put in");
}

/// Whether the chain ends where somebody with the key left it.
async fn ended(world: &World) -> Option<Result<(), EndFault>> {
    let end = world.index.trail().end().await.expect("it is read");
    Some(ends(end.tip?.link, end.last, end.there))
}

/// What entries of the audit itself say, oldest first.
async fn said(world: &World) -> Vec<String> {
    let query = Query { action: Some("audit".into()), ..Query::default() };
    let page = world.index.trail().find(&query).await.expect("a page");
    let told = |Kept { number, said }: Kept| {
        let Entry { action, about, detail, .. } = said.expect("an entry").0;
        format!("{number} {action} {about}: {detail}")
    };
    page.items.into_iter().rev().map(told).collect()
}

const BEGUN: &str = "1 audit.begin : 0 entries before this one, 0 recordings adopted";

#[tokio::test]
async fn the_end_is_signed_with_every_entry_whoever_writes_it() {
    let world = World::signing().await;
    assert_eq!(ended(&world).await, Some(Ok(())));
    world.put(&row(1)).await;
    assert_eq!(ended(&world).await, Some(Ok(())));
    let appended = world.index.trail().append(&[entry(1, "dana", "hold.place")]).await.unwrap();
    let end = world.index.trail().end().await.unwrap();
    assert_eq!((end.last, end.tip.unwrap().link), (appended.after, appended.after));
    let world = world.reopened_by(Key::new("own")).await;
    assert_eq!((said(&world).await, ended(&world).await), (vec![BEGUN.to_owned()], Some(Ok(()))));
    assert_eq!(world.index.trail().take_touched(), None);
}

#[tokio::test]
async fn what_was_put_behind_the_end_is_named_by_the_next_entry_and_vouched_for_by_none() {
    let world = World::signing().await;
    let trail = world.index.trail();
    trail.append(&[entry(1, "dana", "hold.place")]).await.unwrap();
    let mut conn = raw(&world).await;
    forge(&world, &mut conn, "by retention").await;
    forge(&world, &mut conn, "cora").await;
    assert_eq!(ended(&world).await, Some(Err(EndFault::NotOurs { first: 3, last: 4 })));
    // Whoever writes next: here the seal of a recording.
    world.put(&row(1)).await;
    let told = "entries 3 to 4: entries 3 to 4 were not written by this recorder: nobody with its key vouches for them";
    assert_eq!(said(&world).await, [BEGUN.to_owned(), format!("5 audit.touched {told}")]);
    assert_eq!(trail.take_touched().as_deref(), Some(told));
    assert_eq!(trail.take_touched(), None, "it is said once");
    assert_eq!(ended(&world).await, Some(Ok(())), "it goes on");
    let appended = trail.append(&[entry(2, "dana", "hold.release")]).await.unwrap();
    assert_eq!((appended.before.number, appended.after.number), (6, 7));
}

#[tokio::test]
async fn a_recorder_that_starts_says_what_it_finds_before_it_writes_anything() {
    for (tampering, about) in [
        ("", "entries 4 to 4"),
        ("DELETE FROM audit WHERE number > 1", "entries 2 to 3"),
        ("DELETE FROM audit_tip", "entries up to 4"),
        (
            "UPDATE audit_tip SET number = 4, hash = (SELECT hash FROM audit WHERE number = 4)",
            "entries up to 4",
        ),
        ("UPDATE audit SET hash = zeroblob(32) WHERE number = 3", "entries up to 4"),
    ] {
        let world = World::signing().await;
        let two = [entry(1, "dana", "hold.place"), entry(2, "dana", "hold.release")];
        world.index.trail().append(&two).await.unwrap();
        let mut conn = raw(&world).await;
        sqlx::raw_sql(OPEN).execute(&mut conn).await.unwrap();
        forge(&world, &mut conn, "cora").await;
        sqlx::raw_sql(tampering).execute(&mut conn).await.unwrap();
        let world = world.reopened_by(Key::new("own")).await;
        world.put(&row(1)).await;
        let said = said(&world).await;
        assert!(
            said.len() == 2 && said[1].contains(&format!("audit.touched {about}: ")),
            "{tampering}: {said:?}"
        );
        assert!(world.index.trail().take_touched().is_some());
        assert_eq!(ended(&world).await, Some(Ok(())));
    }
}

#[tokio::test]
async fn another_key_of_the_install_goes_on_and_the_chain_says_from_where_and_a_stranger_is_told() {
    let world = World::signing().await;
    let world = world.reopened_by(Key::after("new", "own")).await;
    world.index.trail().append(&[]).await.unwrap();
    let rekeyed = "2 audit.rekey key own: until here the chain was signed with this key, which is not the one of this recorder";
    assert_eq!(said(&world).await, [BEGUN, rekeyed]);
    assert_eq!((world.index.trail().take_touched(), ended(&world).await), (None, Some(Ok(()))));
    let world = world.reopened_by(Key::new("a stranger's")).await;
    world.index.trail().append(&[]).await.unwrap();
    assert!(said(&world).await[2].contains("audit.touched entries up to 2: "), "{:?}", said(&world).await);
}

#[tokio::test]
async fn an_index_that_somebody_else_holds_is_opened_all_the_same() {
    let world = World::signing().await;
    let mut conn = raw(&world).await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut conn).await.unwrap();
    let world = world.reopened_by(Key::new("own")).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut conn).await.unwrap();
    world.put(&row(1)).await;
    assert_eq!(ended(&world).await, Some(Ok(())));
}

#[tokio::test]
async fn an_index_of_before_begins_with_what_is_there() {
    let world = World::new().await;
    world.index.trail().append(&[entry(1, "dana", "hold.place")]).await.unwrap();
    assert_eq!(ended(&world).await, None);
    let world = world.reopened_by(Key::new("own")).await;
    assert_eq!(said(&world).await, ["2 audit.begin : 1 entries before this one, 0 recordings adopted"]);
    assert_eq!(world.index.trail().end().await.unwrap().last.number, 2);
    assert_eq!(ended(&world).await, Some(Ok(())));
    assert_ne!(world.index.trail().last().await.unwrap(), Link::default());
}
