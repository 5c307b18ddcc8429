//! What else there is of a recording's call.

use std::collections::BTreeSet;

use calls::call::Link;
use calls::id::RecordingId;
use sqlx::SqliteConnection;

use super::{Database, read};
use crate::error::{DatabaseError, Doing};
use crate::id_key::id_key;
use crate::row::{RecordingRow, Related, Relation};

const DOING: &str = "looking for related recordings";

/// How far apart recordings may begin that only an id of another system relates.
const WINDOW_NS: i64 = 24 * 3_600 * 1_000_000_000;

/// The most that are listed; the nearest in time are.
const MOST: u32 = 50;

/// What is linked with the call, and what shares an id with the recording and is no copy of something else.
const SELECT: &str = "
    SELECT * FROM recording WHERE ident <> $1 AND erased_ns IS NULL AND (
        call_id IN ($2, $3) OR linked_call IN ($2, $3)
        OR (doubled = 0 AND abs(started_ns - $4) <= $5 AND ident IN (
            SELECT other.recording FROM recording_known_as own
            JOIN recording_known_as other ON other.id_key = own.id_key WHERE own.recording = $1)))
    ORDER BY abs(started_ns - $4), ident LIMIT $6";

pub(crate) async fn recordings(database: &Database, id: RecordingId) -> Result<Vec<Related>, DatabaseError> {
    let mut tx = database.read(DOING).await?;
    let Some(own) = read::one(&mut tx, id).await? else { return Ok(Vec::new()) };
    let mut rows = found(&mut tx, &own).await?;
    read::add_parts(&mut tx, &mut rows).await?;
    rows.sort_by_key(|row| (row.started, row.ident));
    Ok(rows.into_iter().map(|row| related(&own, row)).collect())
}

async fn found(conn: &mut SqliteConnection, own: &RecordingRow) -> Result<Vec<RecordingRow>, DatabaseError> {
    let call = own.call.as_bytes().to_vec();
    let linked = own.link.map_or_else(|| call.clone(), |link| link.call().as_bytes().to_vec());
    let found = sqlx::query(SELECT)
        .bind(own.ident)
        .bind(call)
        .bind(linked)
        .bind(own.started.as_ns())
        .bind(WINDOW_NS)
        .bind(MOST)
        .fetch_all(conn)
        .await
        .doing(DOING)?;
    found.iter().map(read::from_row).collect()
}

fn related(own: &RecordingRow, row: RecordingRow) -> Related {
    let original = |row: &RecordingRow| match row.link {
        Some(Link::CopyOf(original)) => original,
        Some(Link::Continues(_)) | None => row.call,
    };
    let relation = if row.call == own.call {
        Relation::SameCall
    } else if original(&row) == original(own) {
        Relation::Copy
    } else if own.link == Some(Link::Continues(row.call)) {
        Relation::Before
    } else if row.link == Some(Link::Continues(own.call)) {
        Relation::After
    } else {
        Relation::SharesId
    };
    let keys: BTreeSet<String> = own.known_as.iter().filter_map(|id| id_key(id)).collect();
    let shared = |id: &&String| id_key(id).is_some_and(|key| keys.contains(&key));
    let shared = row.known_as.iter().filter(shared).cloned().collect();
    Related { row, relation, shared }
}
