//! Bookmarks, notes and categories.

use calls::id::RecordingId;
use calls::time::Wall;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, Sqlite, Transaction};

use super::{Database, put, read, to_sql};
use crate::error::{DatabaseError, Doing, RemarkError};
use crate::remark::{REMARK_MAX_BYTES, REMARKS_MAX, Remark, RemarkKind, RemarkWanted};

const READING: &str = "reading remarks";
const TAKING_BACK: &str = "taking back a remark";

pub(crate) async fn add(database: &Database, wanted: &RemarkWanted) -> Result<Remark, RemarkError> {
    const DOING: &str = "writing down a remark";
    if wanted.text.is_empty() || wanted.text.len() > REMARK_MAX_BYTES {
        return Err(RemarkError::Text { bytes: wanted.text.len() });
    }
    let mut tx = database.write(DOING).await?;
    let row = read::one(&mut tx, wanted.recording).await?.ok_or(RemarkError::Unknown(wanted.recording))?;
    let key = wanted.text.to_lowercase();
    let standing = row.remarks.iter().find(|remark| {
        let said = &remark.said;
        wanted.kind == RemarkKind::Category && said.kind == wanted.kind && said.text.to_lowercase() == key
    });
    if let Some(standing) = standing {
        return Ok(standing.clone());
    }
    if row.remarks.len() >= REMARKS_MAX {
        return Err(RemarkError::TooMany);
    }
    let number = sqlx::query_scalar(
        "INSERT INTO remark (recording, kind, text, text_key, from_ms, to_ms, who, source, at_ns, moment)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, moment FROM recording WHERE ident = $1 RETURNING number",
    )
    .bind(row.ident)
    .bind(wanted.kind.label())
    .bind(wanted.text.as_str())
    .bind(key)
    .bind(wanted.from_ms.map(to_sql))
    .bind(wanted.to_ms.map(to_sql))
    .bind(wanted.who.as_str())
    .bind(wanted.source.as_str())
    .bind(wanted.at.as_ns())
    .fetch_one(&mut *tx)
    .await
    .doing(DOING)?;
    write_search_keys(&mut tx, wanted.recording).await?;
    tx.commit().await.doing(DOING)?;
    Ok(Remark { number, said: wanted.clone(), removed: None })
}

pub(crate) async fn remove(
    database: &Database,
    (recording, number): (RecordingId, i64),
    who: &str,
    at: Wall,
) -> Result<bool, DatabaseError> {
    let mut tx = database.write(TAKING_BACK).await?;
    let removed = sqlx::query(
        "UPDATE remark SET removed_by = $3, removed_ns = $4 WHERE number = $2 AND removed_ns IS NULL
             AND recording = (SELECT ident FROM recording WHERE id = $1)",
    )
    .bind(recording.as_bytes().as_slice())
    .bind(number)
    .bind(who)
    .bind(at.as_ns())
    .execute(&mut *tx)
    .await
    .doing(TAKING_BACK)?;
    if removed.rows_affected() == 0 {
        return Ok(false);
    }
    write_search_keys(&mut tx, recording).await?;
    tx.commit().await.doing(TAKING_BACK)?;
    Ok(true)
}

async fn write_search_keys(
    tx: &mut Transaction<'static, Sqlite>,
    recording: RecordingId,
) -> Result<(), DatabaseError> {
    let Some(row) = read::one(tx, recording).await? else { return Ok(()) };
    put::write_search_keys(tx, row.ident, &row).await
}

/// All remarks of a recording, in the order they were made, those that were taken back included.
pub(crate) async fn of(database: &Database, id: RecordingId) -> Result<Vec<Remark>, DatabaseError> {
    let ident = "SELECT ident FROM recording WHERE id = $1";
    let query = sqlx::query(AssertSqlSafe(format!("{SELECT_OF}{ident}) ORDER BY number")));
    let rows = query.bind(id.as_bytes().as_slice()).fetch_all(&database.readers).await.doing(READING)?;
    rows.iter().map(from_row).collect()
}

/// The question for the remarks of recordings, up to the list of their keys.
pub(super) const SELECT_OF: &str = "SELECT remark.*, recording.id AS id FROM remark
    JOIN recording ON recording.ident = remark.recording WHERE remark.recording IN (";

/// A remark, from a row of [`SELECT_OF`].
pub(super) fn from_row(row: &SqliteRow) -> Result<Remark, DatabaseError> {
    let number: i64 = row.try_get("number").doing(READING)?;
    let invalid = |column| DatabaseError::Row { ident: number, column };
    let text = |column: &'static str| -> Result<String, DatabaseError> { row.try_get(column).doing(READING) };
    let millis = |column: &'static str| -> Result<Option<u64>, DatabaseError> {
        let ms: Option<i64> = row.try_get(column).doing(READING)?;
        ms.map(|ms| u64::try_from(ms).map_err(|_| invalid(column))).transpose()
    };
    let time = |column: &'static str| -> Result<Option<Wall>, DatabaseError> {
        Ok(row.try_get::<Option<i64>, _>(column).doing(READING)?.map(Wall::from_ns))
    };
    let id: Vec<u8> = row.try_get("id").doing(READING)?;
    let removed_by: Option<String> = row.try_get("removed_by").doing(READING)?;
    Ok(Remark {
        number,
        said: RemarkWanted {
            recording: RecordingId::from_bytes(id.try_into().map_err(|_| invalid("id"))?),
            kind: RemarkKind::from_label(&text("kind")?).ok_or_else(|| invalid("kind"))?,
            text: text("text")?,
            from_ms: millis("from_ms")?,
            to_ms: millis("to_ms")?,
            who: text("who")?,
            source: text("source")?,
            at: time("at_ns")?.ok_or_else(|| invalid("at_ns"))?,
        },
        removed: removed_by.zip(time("removed_ns")?),
    })
}
