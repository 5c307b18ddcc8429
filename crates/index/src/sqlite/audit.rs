//! Who listened to what.

use calls::id::RecordingId;
use calls::time::Wall;
use sqlx::Row;

use super::Database;
use crate::error::{DatabaseError, Doing};
use crate::query::PAGE_MAX;
use crate::row::Listen;

pub(crate) async fn record_listen(database: &Database, listen: &Listen) -> Result<(), DatabaseError> {
    sqlx::query("INSERT INTO listen (at_ns, recording, who, source, what) VALUES ($1, $2, $3, $4, $5)")
        .bind(listen.at.as_ns())
        .bind(listen.recording.as_bytes().as_slice())
        .bind(listen.who.as_str())
        .bind(listen.from.as_str())
        .bind(listen.what.as_str())
        .execute(&database.writer)
        .await
        .doing("writing down a listen")?;
    Ok(())
}

pub(crate) async fn listens(database: &Database, id: RecordingId) -> Result<Vec<Listen>, DatabaseError> {
    const DOING: &str = "reading who listened";
    let rows = sqlx::query(
        "SELECT at_ns, who, source, what FROM listen WHERE recording = $1 ORDER BY number DESC LIMIT $2",
    )
    .bind(id.as_bytes().as_slice())
    .bind(PAGE_MAX)
    .fetch_all(&database.readers)
    .await
    .doing(DOING)?;
    let listen = |row: &sqlx::sqlite::SqliteRow| -> Result<Listen, sqlx::Error> {
        Ok(Listen {
            at: Wall::from_ns(row.try_get("at_ns")?),
            recording: id,
            who: row.try_get("who")?,
            from: row.try_get("source")?,
            what: row.try_get("what")?,
        })
    };
    rows.iter().map(|row| listen(row).doing(DOING)).collect()
}
