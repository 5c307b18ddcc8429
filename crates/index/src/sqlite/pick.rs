//! Recordings that somebody names: one by what is its own, or many by their keys.

use access::Scope;
use sqlx::{QueryBuilder, Sqlite};

use super::{Database, find, read};
use crate::error::{DatabaseError, Doing, FindError};
use crate::id_key::id_key;
use crate::query::{Named, Query};
use crate::row::RecordingRow;

const DOING: &str = "looking up recordings";

/// The newest that is named so. One that is no copy comes before one that is.
pub(crate) async fn newest(
    database: &Database,
    named: &Named,
    scope: &Scope,
) -> Result<Option<RecordingRow>, DatabaseError> {
    if let Named::User(number, value) = named {
        return newest_of_many(database, *number, value, scope).await;
    }
    let mut statement = QueryBuilder::new("SELECT * FROM recording WHERE erased_ns IS NULL AND (");
    condition(&mut statement, named);
    statement.push(")");
    find::within(&mut statement, scope);
    statement.push(" ORDER BY doubled, started_ns DESC, ident DESC LIMIT 1");
    Ok(rows(database, statement).await?.into_iter().next())
}

/// What users write may be on a great part of all recordings: the search finds the newest without looking at the others.
async fn newest_of_many(
    database: &Database,
    number: u8,
    value: &str,
    scope: &Scope,
) -> Result<Option<RecordingRow>, DatabaseError> {
    for copies in [false, true] {
        let user = [(number, value.to_owned())].into();
        let page = find::recordings(
            database,
            &Query { user, copies, scope: scope.clone(), limit: 1, ..Query::default() },
        )
        .await;
        match page {
            Ok(page) if page.items.is_empty() => {}
            Ok(page) => return Ok(page.items.into_iter().next()),
            Err(FindError::Database(error)) => return Err(error),
            // There is no such field, so no recording has it.
            Err(_) => break,
        }
    }
    Ok(None)
}

/// Those of these numeric keys that there are, by key.
pub(crate) async fn by_idents(
    database: &Database,
    idents: &[i64],
) -> Result<Vec<RecordingRow>, DatabaseError> {
    let mut statement = QueryBuilder::new("SELECT * FROM recording WHERE erased_ns IS NULL AND ident IN (");
    let mut keys = statement.separated(", ");
    idents.iter().for_each(|&ident| {
        keys.push_bind(ident);
    });
    statement.push(") ORDER BY ident");
    rows(database, statement).await
}

fn condition(statement: &mut QueryBuilder<Sqlite>, named: &Named) {
    const KNOWN_AS: &str = "ident IN (SELECT recording FROM recording_known_as WHERE id_key = ";
    const FIELD: &str = "ident IN (SELECT recording FROM recording_field WHERE field = ";
    let mut field = |key: &str, value: &str| {
        statement.push(FIELD).push_bind(key.to_owned());
        statement.push(" AND value = ").push_bind(value.to_owned()).push(")");
    };
    match named {
        Named::Ident(ident) => {
            statement.push("ident = ").push_bind(*ident);
        }
        Named::Recording(id) => {
            statement.push("id = ").push_bind(id.as_bytes().to_vec());
        }
        Named::User(number, value) => field(&format!("user{number}"), value),
        Named::CallId(value) => {
            field("callid", value);
            statement.push(" OR sip_call_id = ").push_bind(value.clone());
        }
        Named::GlobalId(value) => {
            statement.push(KNOWN_AS).push_bind(id_key(value).unwrap_or_default()).push(")");
            if let Ok(call) = value.parse::<calls::id::CallId>() {
                statement.push(" OR call_id = ").push_bind(call.as_bytes().to_vec());
            }
        }
    }
}

async fn rows(
    database: &Database,
    mut statement: QueryBuilder<Sqlite>,
) -> Result<Vec<RecordingRow>, DatabaseError> {
    let mut tx = database.read(DOING).await?;
    let found = statement.build().fetch_all(&mut *tx).await.doing(DOING)?;
    let mut rows = found.iter().map(read::from_row).collect::<Result<Vec<_>, _>>()?;
    read::add_parts(&mut tx, &mut rows).await?;
    Ok(rows)
}
