//! Files on their way to archives, and copies that outlive their recordings.

use calls::id::RecordingId;
use calls::time::Wall;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{Database, hold, read};
use crate::care::{Due, Transfer, TransferEnd, TransferKind};
use crate::error::{DatabaseError, Doing};
use crate::query::PAGE_MAX;

const SELECT: &str = "SELECT transfer.*, recording.ident, recording.id FROM transfer
    JOIN recording ON recording.ident = transfer.recording ";

pub(crate) async fn begin(
    database: &Database,
    due: &Due,
    kind: TransferKind,
    target: &str,
    at: Wall,
) -> Result<Option<Transfer>, DatabaseError> {
    const DOING: &str = "beginning a transfer";
    let mut tx = database.write(DOING).await?;
    if kind == TransferKind::Move && hold::in_the_way(&mut tx, due.ident, at).await?.is_some() {
        return Ok(None);
    }
    let number: Option<i64> = sqlx::query_scalar(
        "INSERT INTO transfer (recording, action, kind, target, origin, digest, begun_ns)
         SELECT ident, $2, $3, $4, place, digest, $5 FROM recording
         WHERE ident = $1 AND erased_ns IS NULL AND due_ns <= $5
            AND coalesce(next_action, archive_action) = $2
            AND NOT EXISTS (SELECT 1 FROM mark WHERE mark.recording = recording.ident)
            AND NOT EXISTS (SELECT 1 FROM redaction
                WHERE redaction.recording = recording.ident AND redaction.done_ns IS NULL)
            AND NOT EXISTS (SELECT 1 FROM transfer WHERE transfer.recording = recording.ident
                AND (transfer.done_ns IS NULL OR (transfer.kind = 'move' AND transfer.removed_ns IS NULL)))
         RETURNING number",
    )
    .bind(due.ident)
    .bind(due.action)
    .bind(kind.as_str())
    .bind(target)
    .bind(at.as_ns())
    .fetch_optional(&mut *tx)
    .await
    .doing(DOING)?;
    let Some(number) = number else { return Ok(None) };
    let transfer = one(&mut tx, number).await?;
    tx.commit().await.doing(DOING)?;
    Ok(transfer)
}

async fn one(conn: &mut SqliteConnection, number: i64) -> Result<Option<Transfer>, DatabaseError> {
    const ONE: &str = "SELECT transfer.*, recording.ident, recording.id FROM transfer
        JOIN recording ON recording.ident = transfer.recording WHERE transfer.number = $1";
    let row = sqlx::query(ONE).bind(number).fetch_optional(conn).await.doing("reading a transfer")?;
    row.as_ref().map(from_row).transpose()
}

pub(crate) async fn end(
    database: &Database,
    transfer: &Transfer,
    next: Option<(i64, Wall)>,
    at: Wall,
) -> Result<TransferEnd, DatabaseError> {
    const DOING: &str = "ending a transfer";
    let mut tx = database.write(DOING).await?;
    let is_move = transfer.kind == TransferKind::Move;
    if is_move && let Some(hold) = hold::in_the_way(&mut tx, transfer.ident, at).await? {
        tx.commit().await.doing(DOING)?;
        return Ok(TransferEnd::Held(hold));
    }
    let ended = sqlx::query(
        "UPDATE recording SET place = CASE WHEN $3 THEN $4 ELSE place END, next_action = $5, next_due_ns = $6
         WHERE ident = $1 AND digest = $2 AND erased_ns IS NULL
            AND EXISTS (SELECT 1 FROM transfer WHERE number = $7 AND done_ns IS NULL)",
    )
    .bind(transfer.ident)
    .bind(transfer.digest.as_slice())
    .bind(is_move)
    .bind(transfer.target.as_str())
    // Without a next action the row of actions is over: an action that is never due.
    .bind(next.map_or(transfer.action, |(action, _)| action))
    .bind(next.map(|(_, due)| due.as_ns()))
    .bind(transfer.number)
    .execute(&mut *tx)
    .await
    .doing(DOING)?;
    if ended.rows_affected() != 1 {
        return Ok(TransferEnd::Changed);
    }
    let done = sqlx::query("UPDATE transfer SET done_ns = $2 WHERE number = $1").bind(transfer.number);
    done.bind(at.as_ns()).execute(&mut *tx).await.doing(DOING)?;
    if transfer.kind == TransferKind::Backup {
        let backup = sqlx::query(BACKUP).bind(transfer.ident).bind(transfer.target.as_str());
        backup.bind(at.as_ns()).execute(&mut *tx).await.doing(DOING)?;
    }
    tx.commit().await.doing(DOING)?;
    Ok(TransferEnd::Done)
}

/// The call record with the address of its copy.
const BACKUP: &str = "
    INSERT INTO backup (recording, ident, target, file, digest, file_bytes, made_ns, record)
    SELECT id, ident, $2, file, digest, file_bytes, $3, json_object(
        'sip_call_id', sip_call_id, 'call_instance', call_instance, 'agent', agent_id, 'agent_name', agent_name,
        'device', device, 'direction', direction, 'ani', ani, 'dnis', dnis, 'business_unit', business_unit,
        'started_ns', started_ns, 'ended_ns', ended_ns, 'why', why,
        'fields', (SELECT json_group_object(field, value) FROM recording_field WHERE recording = ident),
        'parties', (SELECT json_group_array(json_object('name', name, 'address', address))
            FROM recording_party WHERE recording = ident),
        'numbers', (SELECT json_group_array(reversed) FROM recording_number WHERE recording = ident))
    FROM recording WHERE ident = $1";

pub(crate) async fn give_up(database: &Database, number: i64) -> Result<(), DatabaseError> {
    let given_up = sqlx::query("DELETE FROM transfer WHERE number = $1 AND done_ns IS NULL").bind(number);
    given_up.execute(&database.writer).await.doing("giving a transfer up").map(drop)
}

pub(crate) async fn removed(database: &Database, number: i64, at: Wall) -> Result<(), DatabaseError> {
    let removed =
        sqlx::query("UPDATE transfer SET removed_ns = $2 WHERE number = $1 AND done_ns IS NOT NULL");
    let removed = removed.bind(number).bind(at.as_ns()).execute(&database.writer).await;
    removed.doing("writing down that a moved file was removed").map(drop)
}

pub(crate) async fn not_done(database: &Database) -> Result<Vec<Transfer>, DatabaseError> {
    const DOING: &str = "reading transfers";
    let mut statement = sqlx::QueryBuilder::new(SELECT);
    statement.push(
        "WHERE (transfer.done_ns IS NULL OR (transfer.kind = 'move' AND transfer.removed_ns IS NULL))
            AND recording.erased_ns IS NULL ORDER BY transfer.number LIMIT ",
    );
    statement.push_bind(PAGE_MAX);
    let rows = statement.build().fetch_all(&database.readers).await.doing(DOING)?;
    rows.iter().map(from_row).collect()
}

pub(crate) async fn copies_of(database: &Database, id: RecordingId) -> Result<Vec<String>, DatabaseError> {
    const DOING: &str = "reading where copies are";
    let rows = sqlx::query(
        "SELECT DISTINCT target FROM transfer JOIN recording ON recording.ident = transfer.recording
         WHERE recording.id = $1 AND transfer.kind IN ('copy', 'backup') AND transfer.done_ns IS NOT NULL
         ORDER BY target",
    )
    .bind(id.as_bytes().as_slice())
    .fetch_all(&database.readers)
    .await
    .doing(DOING)?;
    rows.iter().map(|row| row.try_get("target").doing(DOING)).collect()
}

/// An archive in which the recording's file, or another of it, is or may be.
pub(super) async fn archive_with(
    conn: &mut SqliteConnection,
    ident: i64,
) -> Result<Option<String>, DatabaseError> {
    sqlx::query_scalar(
        "SELECT place AS name FROM recording WHERE ident = $1 AND place IS NOT NULL
         UNION SELECT target FROM transfer WHERE recording = $1 ORDER BY name LIMIT 1",
    )
    .bind(ident)
    .fetch_optional(conn)
    .await
    .doing("reading where copies are")
}

fn from_row(row: &SqliteRow) -> Result<Transfer, DatabaseError> {
    let cells = read::Cells::of(row)?;
    let kind: String = cells.get("kind")?;
    Ok(Transfer {
        number: cells.get("number")?,
        recording: RecordingId::from_bytes(cells.bytes("id")?),
        ident: cells.ident,
        action: cells.get("action")?,
        kind: TransferKind::from_word(&kind).ok_or_else(|| cells.invalid("kind"))?,
        target: cells.get("target")?,
        origin: cells.get("origin")?,
        digest: cells.bytes("digest")?,
        is_done: cells.get::<Option<i64>>("done_ns")?.is_some(),
    })
}
