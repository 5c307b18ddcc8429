use super::*;

const TWO: &[&str] =
    &["CREATE TABLE a (x); INSERT INTO a VALUES (7);", "ALTER TABLE a ADD COLUMN y DEFAULT 8;"];
const BROKEN: &[&str] = &[TWO[0], "CREATE TABLE b (x); CREATE TABLE nonsense"];

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("index.db");
    (folder, path)
}

async fn upgrade(path: &Path, steps: &'static [&'static str]) -> Result<(), OpenError> {
    run(path, &SqliteConnectOptions::new().filename(path), steps).await
}

async fn number(path: &Path, question: &'static str) -> i64 {
    let mut conn = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    sqlx::query_scalar(question).fetch_one(&mut conn).await.unwrap()
}

#[tokio::test]
async fn steps_that_are_missing_run_and_a_copy_of_the_old_version_stays() {
    let (_folder, path) = place();
    upgrade(&path, &TWO[..1]).await.unwrap();
    upgrade(&path, TWO).await.unwrap();
    assert_eq!(number(&path, "SELECT x + y FROM a").await, 15);
    let copy = path.with_extension("db.v1");
    assert_eq!(number(&copy, "PRAGMA user_version").await, 1);
    assert_eq!(number(&copy, "SELECT x FROM a").await, 7);
    upgrade(&path, TWO).await.expect("nothing is left to do");
}

#[tokio::test]
async fn a_step_that_fails_leaves_the_old_version() {
    let (_folder, path) = place();
    upgrade(&path, &TWO[..1]).await.unwrap();
    assert!(matches!(upgrade(&path, BROKEN).await, Err(OpenError::Database(_))));
    assert_eq!(number(&path, "PRAGMA user_version").await, 1);
    assert_eq!(number(&path, "SELECT count(*) FROM sqlite_schema WHERE name = 'b'").await, 0);
}

#[tokio::test]
async fn a_copy_is_never_overwritten() {
    let (_folder, path) = place();
    upgrade(&path, &TWO[..1]).await.unwrap();
    std::fs::write(path.with_extension("db.v1"), "older").unwrap();
    assert!(matches!(upgrade(&path, TWO).await, Err(OpenError::CopyInTheWay { .. })));
    assert_eq!(number(&path, "PRAGMA user_version").await, 1);
}

#[tokio::test]
async fn what_is_only_to_be_read_has_to_be_there_in_this_version_and_is_left_as_it_is() {
    let (_folder, path) = place();
    let expect = async |steps| {
        let options = SqliteConnectOptions::new().filename(&path).read_only(true);
        expect_current(&path, &options, steps).await
    };
    assert!(matches!(expect(TWO).await, Err(OpenError::Missing { .. })));
    assert!(!path.exists());
    upgrade(&path, &TWO[..1]).await.unwrap();
    assert!(matches!(expect(TWO).await, Err(OpenError::Older { found: 1, known: 2, .. })));
    assert_eq!(number(&path, "PRAGMA user_version").await, 1);
    upgrade(&path, TWO).await.unwrap();
    expect(TWO).await.unwrap();
    assert!(matches!(expect(&TWO[..1]).await, Err(OpenError::Newer { found: 2, known: 1, .. })));
}

#[tokio::test]
async fn what_was_asked_of_two_before_a_key_could_be_stays_as_it_was_and_is_decided_once() {
    const ASK: &str = "INSERT INTO approval (kind, what, asked_by, asker, why, source, asked_ns, expires_ns)
                       VALUES ('erasure', '{}', 'pia', 'person pia', 'w', '::1', 1, 2)";
    let (_folder, path) = place();
    upgrade(&path, &STEPS[..12]).await.unwrap();
    let mut conn = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    sqlx::query(ASK).execute(&mut conn).await.unwrap();
    sqlx::query(ASK).execute(&mut conn).await.unwrap();
    let decide = "UPDATE approval SET approved = 1, decided_by = 'paul', decided_ns = 2 WHERE number = 1";
    sqlx::query(decide).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();

    upgrade(&path, STEPS).await.unwrap();
    assert_eq!(number(&path, "SELECT count(*) FROM approval WHERE asked_by = 'pia'").await, 2);
    assert_eq!(
        number(&path, "SELECT number FROM approval WHERE approved = 1 AND decided_by = 'paul'").await,
        1
    );
    let mut conn = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    for refused in [decide, "UPDATE approval SET why = 'x'", "DELETE FROM approval"] {
        sqlx::query(refused).execute(&mut conn).await.unwrap_err();
    }
    sqlx::query(ASK).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    assert_eq!(number(&path, "SELECT max(number) FROM approval").await, 3);
}

#[tokio::test]
async fn whom_erasures_were_about_that_were_decided_before_it_was_struck_out_is_struck_out() {
    const ASK: &str = "INSERT INTO approval (kind, what, asked_by, asker, why, source, asked_ns, expires_ns)
                       VALUES ($1, '{\"number\":\"7\"}', 'pia', 'person pia', 'w', '::1', 1, 2)";
    let (_folder, path) = place();
    upgrade(&path, &STEPS[..15]).await.unwrap();
    let mut conn = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    for kind in ["erasure", "hold_release", "erasure"] {
        sqlx::query(ASK).bind(kind).execute(&mut conn).await.unwrap();
    }
    let decide = "UPDATE approval SET approved = 1, decided_by = 'paul', decided_ns = 2 WHERE number < 3";
    sqlx::query(decide).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();

    upgrade(&path, STEPS).await.unwrap();
    assert_eq!(number(&path, "SELECT number FROM approval WHERE what = '{\"struck\":true}'").await, 1);
    assert_eq!(number(&path, "SELECT count(*) FROM carried_out WHERE problem IS NULL").await, 2);
    let mut conn = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    for refused in [
        "UPDATE approval SET what = '{}' WHERE number = 3",
        "UPDATE approval SET what = '{\"struck\":true}' WHERE number = 2",
        "UPDATE approval SET approved = 0 WHERE number = 1",
        "UPDATE carried_out SET problem = 'x'",
        "DELETE FROM carried_out",
    ] {
        sqlx::query(refused).execute(&mut conn).await.unwrap_err();
    }
    sqlx::query("UPDATE approval SET what = '{\"struck\":true}' WHERE number = 3")
        .execute(&mut conn)
        .await
        .unwrap();
}
