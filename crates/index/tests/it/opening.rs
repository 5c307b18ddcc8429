use index::{Index, OpenError, Query};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use crate::world::{World, id, row};

pub(crate) async fn raw(world: &World) -> SqliteConnection {
    SqliteConnectOptions::new().filename(world.path()).connect().await.expect("the file opens")
}

#[tokio::test]
async fn what_was_put_is_there_after_opening_again() {
    let world = World::new().await;
    let ident = world.put(&row(1)).await;
    let world = world.reopened().await;
    assert_eq!(world.index.recording(id(1)).await.unwrap().unwrap().ident, ident);
    assert_eq!(world.places(Query { text: Some("jane".into()), ..Query::default() }).await, [1]);
    assert_eq!(world.put(&row(2)).await, ident + 1);
}

#[tokio::test]
async fn a_second_program_reads_beside_the_first() {
    let world = World::new().await;
    world.put(&row(1)).await;
    let beside = Index::open(&world.path()).await.unwrap();
    assert_eq!(beside.count().await.unwrap(), 1);
    world.put(&row(2)).await;
    assert_eq!(beside.count().await.unwrap(), 2);
}

#[tokio::test]
async fn a_newer_version_is_refused_before_any_write() {
    let world = World::new().await;
    let mut conn = raw(&world).await;
    sqlx::raw_sql("PRAGMA user_version = 99; PRAGMA journal_mode = DELETE;")
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    let path = world.path();
    let World { index, .. } = &world;
    index.clone().close().await;
    let before = std::fs::read(&path).unwrap();

    let refused = Index::open(&path).await.unwrap_err();
    assert!(matches!(&refused, OpenError::Newer { found: 99, known: 6.., .. }), "{refused}");
    assert!(refused.to_string().contains("start the newer Sidetone"), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn files_of_somebody_else_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("other.db");
    let mut conn =
        SqliteConnectOptions::new().filename(&database).create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql("CREATE TABLE theirs (x)").execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "these are my notes, and no database at all. ".repeat(50)).unwrap();

    for path in [database, text] {
        let before = std::fs::read(&path).unwrap();
        let refused = Index::open(&path).await.unwrap_err();
        assert!(matches!(refused, OpenError::Stranger { .. }), "{refused}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}

#[tokio::test]
async fn a_folder_that_is_missing_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let refused = Index::open(&folder.path().join("missing/index.db")).await.unwrap_err();
    assert!(matches!(refused, OpenError::Database(_)), "{refused}");
}
