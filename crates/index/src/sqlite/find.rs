//! Search: every condition is an index range or a full-text match, every value is bound (F-SQL-1).

use sqlx::{QueryBuilder, Sqlite};

use super::{Database, read};
use crate::error::{Doing, FindError};
use crate::id_key::id_key;
use crate::number::{after, reversed_digits};
use crate::query::{Cursor, PAGE_MAX, Page, Query};
use crate::row::RecordingRow;
use crate::text;

const DOING: &str = "searching recordings";

pub(crate) async fn recordings(database: &Database, query: &Query) -> Result<Page<RecordingRow>, FindError> {
    let mut statement = statement(query)?;
    let mut tx = database.read(DOING).await?;
    let found = statement.build().fetch_all(&mut *tx).await.doing(DOING)?;
    let mut items = found.iter().map(read::from_row).collect::<Result<Vec<_>, _>>()?;

    // One row more than the page holds was asked for; it tells whether there is a next page.
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    read::add_parts(&mut tx, &mut items).await?;
    let next = items.last().filter(|_| more);
    let next = next.map(|row| Cursor { started: row.started, ident: row.ident }.to_string());
    Ok(Page { items, next })
}

/// The whole search as one statement.
fn statement(query: &Query) -> Result<QueryBuilder<Sqlite>, FindError> {
    if !(1..=PAGE_MAX).contains(&query.limit) {
        return Err(FindError::Limit { given: query.limit });
    }
    let mut statement = QueryBuilder::new("SELECT * FROM recording WHERE erased_ns IS NULL");
    if !query.copies && query.call.is_none() {
        statement.push(" AND doubled = 0");
    }
    conditions(&mut statement, query)?;
    if let Some(cursor) = &query.cursor {
        let cursor: Cursor = cursor.parse().map_err(|()| FindError::Cursor)?;
        statement.push(" AND (started_ns, ident) < (").push_bind(cursor.started.as_ns());
        statement.push(", ").push_bind(cursor.ident).push(")");
    }
    statement.push(" ORDER BY started_ns DESC, ident DESC LIMIT ").push_bind(query.limit.saturating_add(1));
    Ok(statement)
}

/// The conditions on what a recording is, each with its AND.
pub(super) fn conditions(statement: &mut QueryBuilder<Sqlite>, query: &Query) -> Result<(), FindError> {
    if let Some(from) = query.from {
        statement.push(" AND started_ns >= ").push_bind(from.as_ns());
    }
    if let Some(to) = query.to {
        statement.push(" AND started_ns < ").push_bind(to.as_ns());
    }
    if let Some(call) = query.call {
        statement.push(" AND call_id = ").push_bind(call.as_bytes().to_vec());
    }
    if let Some(agent) = given(query.agent.as_ref()) {
        by_agent(statement, agent);
    }
    if let Some(number) = given(query.number.as_ref()) {
        by_number(statement, number)?;
    }
    if let Some(words) = query.text.as_deref().and_then(text::expression) {
        statement.push(" AND ident IN (SELECT rowid FROM recording_words WHERE recording_words MATCH ");
        statement.push_bind(words).push(")");
    }
    if let Some(id) = given(query.known_as.as_ref()) {
        by_known_as(statement, id);
    }
    for (&number, value) in &query.user {
        by_user_field(statement, number, value)?;
    }
    Ok(())
}

/// A text that was given and is not blank.
fn given(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn by_agent(statement: &mut QueryBuilder<Sqlite>, agent: &str) {
    statement.push(" AND (agent_key = ").push_bind(agent.to_lowercase());
    statement.push(" OR device = ").push_bind(agent.to_owned());
    if let Ok(id) = agent.parse::<u32>() {
        statement.push(" OR agent_id = ").push_bind(id);
    }
    statement.push(")");
}

fn by_number(statement: &mut QueryBuilder<Sqlite>, number: &str) -> Result<(), FindError> {
    let reversed = reversed_digits(number).ok_or(FindError::Number)?;
    statement.push(" AND ident IN (SELECT recording FROM recording_number WHERE reversed >= ");
    statement.push_bind(reversed.clone()).push(" AND reversed < ").push_bind(after(&reversed)).push(")");
    Ok(())
}

fn by_known_as(statement: &mut QueryBuilder<Sqlite>, id: &str) {
    statement.push(" AND (sip_call_id = ").push_bind(id.to_owned());
    statement.push(" OR call_instance = ").push_bind(id.to_owned());
    statement.push(" OR ident IN (SELECT recording FROM recording_known_as WHERE id_key = ");
    statement.push_bind(id_key(id).unwrap_or_default()).push("))");
}

fn by_user_field(statement: &mut QueryBuilder<Sqlite>, number: u8, value: &str) -> Result<(), FindError> {
    if !(1..=15).contains(&number) {
        return Err(FindError::UserField { given: number });
    }
    statement.push(" AND ident IN (SELECT recording FROM recording_field WHERE field = ");
    statement.push_bind(format!("user{number}")).push(" AND value = ").push_bind(value.to_owned()).push(")");
    Ok(())
}
