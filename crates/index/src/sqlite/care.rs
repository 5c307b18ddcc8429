//! What is due, how much there is, and what retention remembers.

use calls::id::RecordingId;
use calls::time::Wall;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{Database, read};
use crate::care::{Due, Standing};
use crate::error::{DatabaseError, Doing};

const DOING: &str = "looking for what is due";

/// A day.
const DAY_NS: i64 = 86_400 * 1_000_000_000;

/// Days whose volume is averaged.
const AVERAGED_DAYS: i64 = 30;

/// That no hold holds a recording.
pub(super) const NOT_HELD: &str = " NOT EXISTS (SELECT 1 FROM held JOIN hold ON hold.number = held.hold
    WHERE held.recording = recording.ident AND hold.released_ns IS NULL)";

fn due_to(select: &str, (now, ended_by): (Wall, Wall), actions: &[i64]) -> QueryBuilder<Sqlite> {
    let mut statement = QueryBuilder::new(select);
    statement.push(" FROM recording WHERE due_ns <= ").push_bind(now.as_ns());
    statement.push(" AND ended_ns <= ").push_bind(ended_by.as_ns());
    statement.push(" AND coalesce(next_action, archive_action) IN (");
    let mut ids = statement.separated(", ");
    for &action in actions {
        ids.push_bind(action);
    }
    statement.push(") AND NOT EXISTS (SELECT 1 FROM mark WHERE mark.recording = recording.ident) AND");
    statement.push(NOT_HELD);
    statement
}

pub(crate) async fn due(
    database: &Database,
    by: (Wall, Wall),
    actions: &[i64],
    limit: u32,
) -> Result<Vec<Due>, DatabaseError> {
    const SELECT: &str =
        "SELECT ident, id, ended_ns, coalesce(next_action, archive_action) AS action, due_ns, place,
        digest, file_bytes";
    let mut statement = due_to(SELECT, by, actions);
    statement.push(" ORDER BY due_ns, ident LIMIT ").push_bind(limit);
    let rows = statement.build().fetch_all(&database.readers).await.doing(DOING)?;
    let due = |row: &SqliteRow| -> Result<Due, DatabaseError> {
        let cells = read::Cells::of(row)?;
        Ok(Due {
            ident: cells.ident,
            recording: RecordingId::from_bytes(cells.bytes("id")?),
            ended: Wall::from_ns(cells.get("ended_ns")?),
            action: cells.get("action")?,
            due: Wall::from_ns(cells.get("due_ns")?),
            place: cells.get("place")?,
            digest: cells.bytes("digest")?,
            file_bytes: cells.count("file_bytes")?,
        })
    };
    rows.iter().map(due).collect()
}

pub(crate) async fn count_due(
    database: &Database,
    by: (Wall, Wall),
    actions: &[i64],
) -> Result<u64, DatabaseError> {
    let mut statement = due_to("SELECT count(*) AS due", by, actions);
    let row = statement.build().fetch_one(&database.readers).await.doing(DOING)?;
    Ok(row.try_get::<i64, _>("due").doing(DOING)?.unsigned_abs())
}

pub(crate) async fn volume(database: &Database, now: Wall, since: Wall) -> Result<(u64, u64), DatabaseError> {
    const DOING: &str = "measuring a day's volume";
    let from = now.as_ns().saturating_sub(AVERAGED_DAYS * DAY_NS);
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM recording WHERE started_ns BETWEEN $1 AND $2) AS made,
            (SELECT min(started_ns) FROM recording) AS first,
            (SELECT count(*) FROM mark WHERE counted = 1 AND rule = 'retention' AND marked_ns >= $3)
            + (SELECT count(*) FROM erasure WHERE counted = 1 AND rule = 'retention' AND marked_ns >= $3) AS marked",
    )
    .bind(from)
    .bind(now.as_ns())
    .bind(since.as_ns())
    .fetch_one(&database.readers)
    .await
    .doing(DOING)?;
    let made: i64 = row.try_get("made").doing(DOING)?;
    let first: Option<i64> = row.try_get("first").doing(DOING)?;
    let marked: i64 = row.try_get("marked").doing(DOING)?;
    let days = first.map_or(1, |first| now.as_ns().saturating_sub(first) / DAY_NS + 1);
    let days = days.clamp(1, AVERAGED_DAYS);
    Ok((made.unsigned_abs().div_ceil(days.unsigned_abs()), marked.unsigned_abs()))
}

pub(crate) async fn standing(database: &Database) -> Result<Standing, DatabaseError> {
    const DOING: &str = "counting what is kept and marked";
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM recording WHERE erased_ns IS NULL) AS kept,
            (SELECT count(*) FROM recording WHERE erased_ns IS NULL AND place IS NOT NULL) AS archived,
            (SELECT count(*) FROM mark) AS marked,
            (SELECT count(DISTINCT held.recording) FROM held JOIN hold ON hold.number = held.hold
                JOIN recording ON recording.ident = held.recording
                WHERE hold.released_ns IS NULL AND recording.erased_ns IS NULL) AS held,
            (SELECT count(*) FROM restriction WHERE lifted_ns IS NULL) AS restricted,
            (SELECT count(*) FROM erasure WHERE done_ns IS NOT NULL) AS erased,
            (SELECT count(*) FROM erasure WHERE done_ns IS NULL) AS not_done",
    )
    .fetch_one(&database.readers)
    .await
    .doing(DOING)?;
    let count = |column: &str| -> Result<u64, DatabaseError> {
        Ok(row.try_get::<i64, _>(column).doing(DOING)?.unsigned_abs())
    };
    Ok(Standing {
        kept: count("kept")?,
        archived: count("archived")?,
        marked: count("marked")?,
        held: count("held")?,
        restricted: count("restricted")?,
        erased: count("erased")?,
        not_done: count("not_done")?,
    })
}

pub(crate) async fn last_ident(database: &Database) -> Result<i64, DatabaseError> {
    let last = sqlx::query_scalar("SELECT coalesce(max(ident), 0) FROM recording");
    last.fetch_one(&database.readers).await.doing("looking for the last recording")
}

pub(crate) async fn state(database: &Database) -> Result<Option<String>, DatabaseError> {
    let state = sqlx::query_scalar("SELECT state FROM retention").fetch_optional(&database.readers);
    state.await.doing("reading what retention remembers")
}

pub(crate) async fn remember(database: &Database, state: &str) -> Result<(), DatabaseError> {
    sqlx::query(
        "INSERT INTO retention (one, state) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET state = excluded.state",
    )
    .bind(state)
    .execute(&database.writer)
    .await
    .doing("writing down what retention remembers")?;
    Ok(())
}
