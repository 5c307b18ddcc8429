//! Search: the newest of what fits, found without looking at all that fits. Every value is bound (F-SQL-1).
//!
//! All that is searched for is indexed in the order of lists ([`crate::moment`]). A condition that few recordings meet is
//! answered whole, and those are looked at. Where every condition is met by many, one of them is walked from the newest on,
//! each recording is asked about the others, and the walk ends when the page is full. Words are always walked: the full-text
//! engine gives them in this order, and to ask it about one recording would cost as much.

mod condition;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{Database, read};
use crate::error::{Doing, FindError};
use crate::moment;
use crate::query::{Cursor, PAGE_MAX, Page, Query};
use crate::row::RecordingRow;
use crate::text;
pub(super) use condition::within;
use condition::{Condition, conditions};

const DOING: &str = "searching recordings";

/// So many are few: they are looked at one by one in a few milliseconds.
const FEW: usize = 1_000;

pub(crate) async fn recordings(database: &Database, query: &Query) -> Result<Page<RecordingRow>, FindError> {
    page(database, query, FEW).await
}

async fn page(database: &Database, query: &Query, few: usize) -> Result<Page<RecordingRow>, FindError> {
    if !(1..=PAGE_MAX).contains(&query.limit) {
        return Err(FindError::Limit { given: query.limit });
    }
    let mut search = Search::of(query)?;
    let mut tx = database.read(DOING).await?;
    let Some(mut statement) = search.plan(&mut tx, few).await? else {
        return Ok(Page { items: Vec::new(), next: None });
    };
    // One row more than the page holds tells whether there is a next page.
    statement.push_bind(query.limit.saturating_add(1));
    let found = statement.build().fetch_all(&mut *tx).await.doing(DOING)?;
    let mut items = found.iter().map(read::from_row).collect::<Result<Vec<_>, _>>()?;
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    read::add_parts(&mut tx, &mut items).await?;
    let next = found.get(limit.saturating_sub(1)).filter(|_| more).map(read::moment).transpose()?;
    Ok(Page { items, next: next.map(|moment| Cursor { moment }.to_string()) })
}

/// A search as it is carried out.
struct Search<'q> {
    query: &'q Query,
    words: Option<String>,
    conditions: Vec<Condition<'q>>,
    /// The places it may be in: from the first on, and before the second.
    places: (i64, i64),
}

impl<'q> Search<'q> {
    fn of(query: &'q Query) -> Result<Self, FindError> {
        let cursor =
            query.cursor.as_ref().map(|cursor| cursor.parse::<Cursor>().map_err(|()| FindError::Cursor));
        let before_cursor = cursor.transpose()?.map_or(i64::MAX, |cursor| cursor.moment);
        let first = query.from.map_or(i64::MIN, moment::first);
        let behind = query.to.map_or(i64::MAX, moment::behind);
        Ok(Self {
            query,
            words: query.text.as_deref().and_then(text::expression),
            conditions: conditions(query)?,
            places: (first, behind.min(before_cursor)),
        })
    }

    /// The statement that answers it, but for the number of rows; `None` if nothing can be found.
    async fn plan(
        &mut self,
        conn: &mut SqliteConnection,
        most: usize,
    ) -> Result<Option<QueryBuilder<Sqlite>>, FindError> {
        for condition in &mut self.conditions {
            condition.look_up(conn).await?;
        }
        let (few, many) = self.few(conn, most).await?;
        let hopeless = few.as_ref().is_some_and(BTreeSet::is_empty);
        Ok((!hopeless).then(|| self.statement(few, &many)))
    }

    /// The places of recordings that meet all conditions that at most so many meet, if there are such conditions; and the
    /// others.
    async fn few(
        &self,
        conn: &mut SqliteConnection,
        most: usize,
    ) -> Result<(Option<BTreeSet<i64>>, Vec<&Condition<'q>>), FindError> {
        let mut few: Option<BTreeSet<i64>> = None;
        let mut many = Vec::new();
        for condition in &self.conditions {
            let mut statement = QueryBuilder::<Sqlite>::new("");
            condition.select(&mut statement, self.places);
            statement.push(" LIMIT ").push_bind(i64::try_from(most + 1).unwrap_or(i64::MAX));
            let found: Vec<i64> = statement.build_query_scalar().fetch_all(&mut *conn).await.doing(DOING)?;
            if found.len() > most {
                many.push(condition);
                continue;
            }
            let found: BTreeSet<i64> = found.into_iter().collect();
            few = Some(few.map_or_else(|| found.clone(), |known| &known & &found));
        }
        Ok((few, many))
    }

    /// The whole search as one statement, but for the number of rows.
    fn statement(&self, few: Option<BTreeSet<i64>>, many: &[&Condition<'q>]) -> QueryBuilder<Sqlite> {
        let mut statement = QueryBuilder::new("SELECT recording.* FROM ");
        let mut asked: Vec<&Condition<'q>> = many.to_vec();
        let walked = match (&self.words, &few) {
            (Some(words), _) => {
                statement.push("recording_words CROSS JOIN recording ON moment = recording_words.rowid");
                statement.push(" WHERE recording_words MATCH ").push_bind(words.clone());
                "recording_words.rowid"
            }
            (None, None) if !asked.is_empty() => {
                asked.sort_by_key(|condition| condition.cost_of_asking());
                let condition = asked.pop().filter(|condition| condition.walk(&mut statement));
                if condition.is_none() {
                    asked = many.to_vec();
                    statement.push("recording WHERE TRUE");
                }
                condition.map_or("recording.moment", |condition| condition.walked())
            }
            (None, _) => {
                statement.push("recording WHERE TRUE");
                "recording.moment"
            }
        };
        if let Some(few) = few {
            // The sign keeps it a filter where the words are walked.
            let sign = if self.words.is_some() { "+" } else { "" };
            statement.push(format!(" AND {sign}{walked} IN ("));
            let mut places = statement.separated(", ");
            for place in few {
                places.push_bind(place);
            }
            statement.push(")");
        }
        statement.push(format!(" AND {walked} >= ")).push_bind(self.places.0);
        statement.push(format!(" AND {walked} < ")).push_bind(self.places.1);
        asked.iter().for_each(|condition| condition.ask(&mut statement));
        self.narrow(&mut statement);
        statement.push(format!(" ORDER BY {walked} DESC LIMIT "));
        statement
    }

    /// What every recording is asked.
    fn narrow(&self, statement: &mut QueryBuilder<Sqlite>) {
        statement.push(" AND erased_ns IS NULL");
        if !self.query.copies && self.query.call.is_none() {
            statement.push(" AND doubled = 0");
        }
        between(statement, self.query);
    }
}

/// That a recording started in the time asked for.
fn between(statement: &mut QueryBuilder<Sqlite>, query: &Query) {
    if let Some(from) = query.from {
        statement.push(" AND started_ns >= ").push_bind(from.as_ns());
    }
    if let Some(to) = query.to {
        statement.push(" AND started_ns < ").push_bind(to.as_ns());
    }
}

/// The conditions of a search on a recording, each with its AND, for a statement that is about all that meet them; or, with
/// `of_one`, about one that is known.
pub(super) fn all_of(
    statement: &mut QueryBuilder<Sqlite>,
    query: &Query,
    of_one: bool,
) -> Result<(), FindError> {
    between(statement, query);
    for condition in conditions(query)? {
        if of_one {
            condition.ask(statement);
        } else {
            statement.push(" AND moment IN (");
            condition.select(statement, (i64::MIN, i64::MAX));
            statement.push(")");
        }
    }
    if let Some(words) = query.text.as_deref().and_then(text::expression) {
        let of_one = if of_one { "recording_words.rowid = moment AND " } else { "" };
        statement.push(" AND moment IN (SELECT rowid FROM recording_words WHERE ").push(of_one);
        statement.push("recording_words MATCH ").push_bind(words).push(")");
    }
    Ok(())
}
