//! Facts added to a recording after its seal.

use std::collections::BTreeMap;

use calls::id::RecordingId;
use calls::time::Wall;
use sqlx::SqliteConnection;

use super::{Database, hold, put, read};
use crate::error::{AnnotateError, DatabaseError, Doing};
use crate::row::{Direction, RecordingRow};
use crate::{FIELD_NAME_MAX_BYTES, FIELD_VALUE_MAX_BYTES, FIELDS_MAX};

const DOING: &str = "annotating a recording";

/// The fields that say how long a recording is kept, and what becomes of it then.
const RETENTION: [&str; 2] = ["keepdays", "archiveaction"];

pub(crate) async fn recording(
    database: &Database,
    id: RecordingId,
    fields: &[(String, String)],
    at: Wall,
) -> Result<(), AnnotateError> {
    check(fields)?;
    let mut tx = database.write(DOING).await?;
    let row = read::one(&mut tx, id).await?.ok_or(AnnotateError::Unknown(id))?;
    for (field, value) in fields {
        let field = field.to_lowercase();
        // Whoever writes it directly and the tracker both say so; it happened once.
        if row.fields.get(&field) == Some(value) {
            continue;
        }
        sqlx::query("INSERT INTO annotation (recording, at_ns, field, value) VALUES ($1, $2, $3, $4)")
            .bind(row.ident)
            .bind(at.as_ns())
            .bind(field.as_str())
            .bind(value.as_str())
            .execute(&mut *tx)
            .await
            .doing(DOING)?;
        put::set_field(&mut tx, row.ident, &field, value).await?;
        set_column(&mut tx, row.ident, &field, value).await?;
    }
    let row = read::one(&mut tx, id).await?.ok_or(AnnotateError::Unknown(id))?;
    put::write_search_keys(&mut tx, row.ident, &row).await?;
    if fields.iter().any(|(field, _)| RETENTION.iter().any(|of| field.eq_ignore_ascii_case(of))) {
        set_retention(&mut tx, &row).await?;
    }
    hold::join(&mut tx, row.ident, at).await?;
    tx.commit().await.doing(DOING)?;
    Ok(())
}

/// The last value of each field that was written after the seal.
pub(crate) async fn of(
    database: &Database,
    id: RecordingId,
) -> Result<BTreeMap<String, String>, DatabaseError> {
    const DOING: &str = "reading what was annotated";
    let rows = sqlx::query_as::<_, (String, String)>(
        "SELECT field, value FROM annotation WHERE recording = (SELECT ident FROM recording WHERE id = $1) ORDER BY number",
    );
    let rows = rows.bind(id.as_bytes().as_slice()).fetch_all(&database.readers).await.doing(DOING)?;
    Ok(rows.into_iter().collect())
}

fn check(fields: &[(String, String)]) -> Result<(), AnnotateError> {
    if fields.len() > FIELDS_MAX {
        return Err(AnnotateError::TooMany { given: fields.len() });
    }
    for (field, value) in fields {
        if field.is_empty() || field.len() > FIELD_NAME_MAX_BYTES {
            return Err(AnnotateError::FieldName { bytes: field.len() });
        }
        if value.len() > FIELD_VALUE_MAX_BYTES {
            return Err(AnnotateError::TooLong { field: field.clone(), bytes: value.len() });
        }
    }
    Ok(())
}

/// Some metadata has a column of its own, which follows its field.
async fn set_column(
    conn: &mut SqliteConnection,
    ident: i64,
    field: &str,
    value: &str,
) -> Result<(), DatabaseError> {
    let (statement, value) = match field {
        "ani" => ("UPDATE recording SET ani = $1 WHERE ident = $2", Some(value)),
        "dnis" => ("UPDATE recording SET dnis = $1 WHERE ident = $2", Some(value)),
        "calldirection" => (
            "UPDATE recording SET direction = $1 WHERE ident = $2",
            Direction::from_letter(value).map(Direction::letter),
        ),
        _ => return Ok(()),
    };
    sqlx::query(statement).bind(value).bind(ident).execute(conn).await.doing(DOING)?;
    Ok(())
}

/// How long it is kept follows its fields; -1, and what is no such number, inherits.
async fn set_retention(conn: &mut SqliteConnection, row: &RecordingRow) -> Result<(), DatabaseError> {
    let said = |field| row.fields.get(field)?.parse::<u32>().ok().map(i64::from);
    let [days, action] = RETENTION.map(said);
    sqlx::query("UPDATE recording SET keep_days = $1, archive_action = $2, overridden = $3 WHERE ident = $4")
        .bind(days.or(row.inherited.keep_days))
        .bind(action.unwrap_or(row.inherited.archive_action))
        .bind(days.is_some() || action.is_some())
        .bind(row.ident)
        .execute(conn)
        .await
        .doing(DOING)?;
    Ok(())
}
