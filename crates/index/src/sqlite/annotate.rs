//! Facts added to a recording after its seal.

use calls::id::RecordingId;
use calls::time::Wall;
use sqlx::SqliteConnection;

use super::{Database, put, read};
use crate::error::{AnnotateError, DatabaseError, Doing};
use crate::row::Direction;
use crate::{FIELD_NAME_MAX_BYTES, FIELD_VALUE_MAX_BYTES, FIELDS_MAX};

const DOING: &str = "annotating a recording";

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
    tx.commit().await.doing(DOING)?;
    Ok(())
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
