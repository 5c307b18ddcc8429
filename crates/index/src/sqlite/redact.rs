//! What was erased of sealed recordings, by whom and why.

use ::audit::Entry;
use calls::id::RecordingId;
use calls::time::Wall;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

use super::{Database, custody, hold, read, to_sql, transfer};
use crate::error::{DatabaseError, Doing, RedactError};
use crate::row::{Redaction, RedactionAsked, RedactionDone};

const READING: &str = "reading redactions";

pub(crate) async fn ask(database: &Database, asked: &RedactionAsked) -> Result<i64, RedactError> {
    const DOING: &str = "writing down a redaction";
    let mut tx = database.write(DOING).await?;
    let row = read::one(&mut tx, asked.recording).await?.ok_or(RedactError::Unknown(asked.recording))?;
    let under_hold = hold::in_the_way(&mut tx, row.ident, asked.at).await?;
    if let Some(hold) = under_hold.filter(|_| !asked.card_data) {
        return Err(RedactError::Held(hold));
    }
    if let Some(archive) = transfer::archive_with(&mut tx, row.ident).await? {
        return Err(RedactError::Archived(archive));
    }
    let number = sqlx::query_scalar(
        "INSERT INTO redaction (recording, from_ns, until_ns, who, why, source, asked_ns, card_data, under_hold)
         SELECT ident, $2, $3, $4, $5, $6, $7, $8, $9 FROM recording WHERE id = $1 RETURNING number",
    )
    .bind(asked.recording.as_bytes().as_slice())
    .bind(asked.from.as_ns())
    .bind(asked.until.as_ns())
    .bind(asked.who.as_str())
    .bind(asked.why.as_str())
    .bind(asked.source.as_str())
    .bind(asked.at.as_ns())
    .bind(asked.card_data)
    .bind(under_hold)
    .fetch_one(&mut *tx)
    .await
    .doing(DOING)?;
    tx.commit().await.doing(DOING)?;
    Ok(number)
}

pub(crate) async fn end(database: &Database, number: i64, done: &RedactionDone) -> Result<(), DatabaseError> {
    const DOING: &str = "ending a redaction";
    let mut tx = database.write(DOING).await?;
    let ended = sqlx::query(
        "UPDATE redaction SET done_ns = $2, packets = $3, digest_before = $4, digest_after = $5
         WHERE number = $1 AND done_ns IS NULL",
    )
    .bind(number)
    .bind(done.at.as_ns())
    .bind(to_sql(done.packets))
    .bind(done.digest_before.as_slice())
    .bind(done.digest_after.as_slice())
    .execute(&mut *tx)
    .await
    .doing(DOING)?;
    // One that is ended already has its row as it should be.
    if ended.rows_affected() == 1 {
        let id: Vec<u8> = sqlx::query_scalar(
            "UPDATE recording SET file_bytes = $2, digest = $3, packets_stored = $4
             WHERE ident = (SELECT recording FROM redaction WHERE number = $1) RETURNING id",
        )
        .bind(number)
        .bind(to_sql(done.file_bytes))
        .bind(done.digest_after.as_slice())
        .bind(to_sql(done.packets_left))
        .fetch_one(&mut *tx)
        .await
        .doing(DOING)?;
        let id = id.try_into().map_err(|_| DatabaseError::Row { ident: number, column: "id" })?;
        let [after, before] = [done.digest_after, done.digest_before].map(custody::digest_text);
        let resealed = Entry {
            about: format!("redaction {number}"),
            detail: format!("{after} in place of {before}"),
            ..custody::entry("recording.reseal", RecordingId::from_bytes(id), done.at)
        };
        custody::write(database, &mut tx, &resealed).await?;
    }
    tx.commit().await.doing(DOING)
}

pub(crate) async fn of(database: &Database, id: RecordingId) -> Result<Vec<Redaction>, DatabaseError> {
    select(database, "recording.id = $1 ORDER BY number", Some(id)).await
}

pub(crate) async fn not_done(database: &Database) -> Result<Vec<Redaction>, DatabaseError> {
    select(database, "redaction.done_ns IS NULL ORDER BY number", None).await
}

async fn select(
    database: &Database,
    which: &'static str,
    id: Option<RecordingId>,
) -> Result<Vec<Redaction>, DatabaseError> {
    let statement = format!(
        "SELECT redaction.*, recording.id AS id FROM redaction
         JOIN recording ON recording.ident = redaction.recording WHERE {which}"
    );
    // Made of constants of this file.
    let mut query = sqlx::query(AssertSqlSafe(statement));
    if let Some(id) = id {
        query = query.bind(id.as_bytes().to_vec());
    }
    let rows = query.fetch_all(&database.readers).await.doing(READING)?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &SqliteRow) -> Result<Redaction, DatabaseError> {
    let number: i64 = row.try_get("number").doing(READING)?;
    let bytes = |column: &'static str| -> Result<Option<Vec<u8>>, DatabaseError> {
        row.try_get(column).doing(READING)
    };
    let invalid = |column| DatabaseError::Row { ident: number, column };
    let digest = |column: &'static str| -> Result<[u8; 32], DatabaseError> {
        let bytes = bytes(column)?.unwrap_or_default();
        bytes.try_into().map_err(|_| invalid(column))
    };
    let time = |column: &'static str| -> Result<Wall, DatabaseError> {
        Ok(Wall::from_ns(row.try_get(column).doing(READING)?))
    };
    let id = bytes("id")?.unwrap_or_default().try_into().map_err(|_| invalid("id"))?;
    let done_ns: Option<i64> = row.try_get("done_ns").doing(READING)?;
    let done = match done_ns {
        None => None,
        Some(at) => {
            let packets: i64 = row.try_get("packets").doing(READING)?;
            let packets = u64::try_from(packets).map_err(|_| invalid("packets"))?;
            Some((Wall::from_ns(at), packets, digest("digest_before")?, digest("digest_after")?))
        }
    };
    Ok(Redaction {
        number,
        asked: RedactionAsked {
            recording: RecordingId::from_bytes(id),
            from: time("from_ns")?,
            until: time("until_ns")?,
            who: row.try_get("who").doing(READING)?,
            why: row.try_get("why").doing(READING)?,
            source: row.try_get("source").doing(READING)?,
            at: time("asked_ns")?,
            card_data: row.try_get("card_data").doing(READING)?,
        },
        under_hold: row.try_get("under_hold").doing(READING)?,
        done,
    })
}
