//! What a recording can be searched by, other than words and time: each as a set of places, as a question to one recording, and,
//! where its index is in the order of lists, as a walk from the newest on.

use std::collections::BTreeSet;

use access::Scope;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::error::{DatabaseError, Doing, FindError};
use crate::id_key::id_key;
use crate::number::{after, reversed_digits};
use crate::query::Query;
use crate::remark::RemarkKind;

/// A condition of a search.
pub(super) enum Condition<'q> {
    /// The call it is of.
    Call(Vec<u8>),
    /// An id another system gave the call.
    KnownAs(&'q str),
    /// The agent's number, name or phone; with it the columns in which it stands at all, once that was looked up.
    Agent(&'q str, Vec<&'static str>),
    /// The end of a number, reversed.
    Number(String),
    /// The value of a user field.
    User(String, &'q str),
    /// A category.
    Category(String),
    /// That it has a remark of a kind.
    Remarked(RemarkKind),
    /// That it is of one of these business units, or of one of these agents.
    Within(&'q BTreeSet<i64>, &'q BTreeSet<u32>),
}

/// The conditions of a search that are conditions.
pub(super) fn conditions(query: &Query) -> Result<Vec<Condition<'_>>, FindError> {
    let mut conditions = Vec::new();
    conditions.extend(query.call.map(|call| Condition::Call(call.as_bytes().to_vec())));
    conditions.extend(given(query.known_as.as_ref()).map(Condition::KnownAs));
    conditions.extend(given(query.agent.as_ref()).map(|agent| Condition::Agent(agent, AGENT_COLUMNS.into())));
    if let Some(number) = given(query.number.as_ref()) {
        conditions.push(Condition::Number(reversed_digits(number).ok_or(FindError::Number)?));
    }
    for (&number, value) in &query.user {
        if !(1..=15).contains(&number) {
            return Err(FindError::UserField { given: number });
        }
        conditions.push(Condition::User(format!("user{number}"), value));
    }
    conditions.extend(given(query.category.as_ref()).map(|name| Condition::Category(name.to_lowercase())));
    conditions.extend(query.remarked.map(Condition::Remarked));
    conditions.extend(Condition::within(&query.scope));
    Ok(conditions)
}

/// Asks a recording whether it is in a scope.
pub(in crate::sqlite) fn within(statement: &mut QueryBuilder<Sqlite>, scope: &Scope) {
    if let Some(condition) = Condition::within(scope) {
        condition.ask(statement);
    }
}

/// A text that was given and is not blank.
fn given(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// Where an agent may be named.
const AGENT_COLUMNS: [&str; 3] = ["agent_key", "device", "agent_id"];

/// Remarks that stand.
const STANDING: &str = "remark.removed_ns IS NULL AND remark.kind = ";

impl<'q> Condition<'q> {
    fn within(scope: &'q Scope) -> Option<Self> {
        match scope {
            Scope::All => None,
            Scope::Only { units, agents } => Some(Self::Within(units, agents)),
        }
    }
}

impl Condition<'_> {
    /// Looks up where an agent is named at all: one column is walked in order, several would have to be sorted.
    pub(super) async fn look_up(&mut self, conn: &mut SqliteConnection) -> Result<(), DatabaseError> {
        let Self::Agent(agent, columns) = self else { return Ok(()) };
        let mut known = Vec::new();
        for &column in columns.iter() {
            let mut statement =
                QueryBuilder::<Sqlite>::new("SELECT EXISTS (SELECT 1 FROM recording WHERE TRUE");
            named_in(&mut statement, agent, &[column]);
            statement.push(")");
            let stands: bool =
                statement.build_query_scalar().fetch_one(&mut *conn).await.doing("looking up an agent")?;
            known.extend(stands.then_some(column));
        }
        *columns = known;
        Ok(())
    }

    /// Selects the places of recordings that meet it, between two places.
    pub(super) fn select(&self, statement: &mut QueryBuilder<Sqlite>, (first, behind): (i64, i64)) {
        match self {
            Self::Number(reversed) => {
                statement.push(
                    "SELECT moment FROM recording_number CROSS JOIN recording ON ident = recording_number.recording
                     WHERE reversed >= ",
                );
                statement.push_bind(reversed.clone()).push(" AND reversed < ").push_bind(after(reversed));
            }
            Self::User(field, value) => {
                statement.push("SELECT moment FROM recording_field WHERE field = ").push_bind(field.clone());
                statement.push(" AND value = ").push_bind((*value).to_owned());
            }
            Self::Category(_) | Self::Remarked(_) => {
                statement.push("SELECT moment FROM remark WHERE ");
                self.remarks(statement);
            }
            Self::Call(_) | Self::KnownAs(_) | Self::Agent(..) | Self::Within(..) => {
                statement.push("SELECT moment FROM recording WHERE TRUE");
                self.ask(statement);
            }
        }
        // The sign keeps it a filter where it would be no good as an index.
        let sign = if matches!(self, Self::Call(_) | Self::KnownAs(_) | Self::Number(_)) { "+" } else { "" };
        statement.push(format!(" AND {sign}moment >= ")).push_bind(first);
        statement.push(format!(" AND {sign}moment < ")).push_bind(behind);
    }

    /// Asks a recording whether it meets it.
    pub(super) fn ask(&self, statement: &mut QueryBuilder<Sqlite>) {
        match self {
            Self::Call(call) => {
                statement.push(" AND call_id = ").push_bind(call.clone());
            }
            Self::KnownAs(id) => {
                statement.push(" AND (sip_call_id = ").push_bind((*id).to_owned());
                statement.push(" OR call_instance = ").push_bind((*id).to_owned());
                statement.push(" OR ident IN (SELECT recording FROM recording_known_as WHERE id_key = ");
                statement.push_bind(id_key(id).unwrap_or_default()).push("))");
            }
            Self::Agent(agent, columns) => named_in(statement, agent, columns),
            Self::Within(units, agents) => {
                let agents = agents.iter().copied().map(i64::from);
                let parts = [
                    ("business_unit", units.iter().copied().collect::<Vec<i64>>()),
                    ("agent_id", agents.collect::<Vec<i64>>()),
                ];
                one_of(statement, &parts);
            }
            Self::Number(reversed) => {
                statement.push(
                    " AND EXISTS (SELECT 1 FROM recording_number INDEXED BY recording_number_by_recording
                      WHERE recording_number.recording = ident AND reversed >= ",
                );
                statement.push_bind(reversed.clone()).push(" AND reversed < ");
                statement.push_bind(after(reversed)).push(")");
            }
            Self::User(field, value) => {
                statement
                    .push(" AND (SELECT value FROM recording_field WHERE recording = ident AND field = ");
                statement.push_bind(field.clone()).push(") = ").push_bind((*value).to_owned());
            }
            Self::Category(_) | Self::Remarked(_) => {
                statement.push(
                    " AND EXISTS (SELECT 1 FROM remark INDEXED BY remark_by_recording WHERE remark.recording = ident AND ",
                );
                self.remarks(statement);
                statement.push(")");
            }
        }
    }

    /// The remarks that meet it.
    fn remarks(&self, statement: &mut QueryBuilder<Sqlite>) {
        match self {
            Self::Category(name) => {
                statement.push(STANDING).push_bind(RemarkKind::Category.label());
                statement.push(" AND remark.text_key = ").push_bind(name.clone());
            }
            Self::Remarked(kind) => {
                statement.push(STANDING).push_bind(kind.label());
            }
            _ => {}
        }
    }

    /// How dear it is to ask it of one recording after the other: the dearest is walked.
    pub(super) fn cost_of_asking(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Call(_) | Self::Agent(..) | Self::KnownAs(_) | Self::Within(..) => 1,
            Self::User(..) => 2,
            Self::Category(_) | Self::Remarked(_) => 3,
        }
    }

    /// Begins a walk over the recordings that meet it, in the order of [`Condition::walked`]; `false` if there is no such walk.
    pub(super) fn walk(&self, statement: &mut QueryBuilder<Sqlite>) -> bool {
        match self {
            Self::User(field, value) => {
                statement.push("recording_field CROSS JOIN recording ON ident = recording_field.recording");
                statement.push(" WHERE field = ").push_bind(field.clone());
                statement.push(" AND value = ").push_bind((*value).to_owned());
            }
            Self::Category(_) => {
                statement.push("remark CROSS JOIN recording ON ident = remark.recording WHERE ");
                self.remarks(statement);
            }
            Self::Remarked(_) => {
                statement.push("remark CROSS JOIN recording ON ident = remark.recording WHERE ");
                self.remarks(statement);
                // Of several the last stands for all: a recording is met once.
                statement.push(
                    " AND NOT EXISTS (SELECT 1 FROM remark AS later WHERE later.recording = remark.recording
                      AND later.removed_ns IS NULL AND later.kind = remark.kind AND later.number > remark.number)",
                );
            }
            Self::Agent(..) => {
                statement.push("recording WHERE TRUE");
                self.ask(statement);
            }
            // Several would have to be sorted.
            Self::Within(units, agents) if units.len() + agents.len() == 1 => {
                statement.push("recording WHERE TRUE");
                self.ask(statement);
            }
            _ => return false,
        }
        true
    }

    /// The column by which its walk is ordered.
    pub(super) fn walked(&self) -> &'static str {
        match self {
            Self::User(..) => "recording_field.moment",
            Self::Category(_) | Self::Remarked(_) => "remark.moment",
            _ => "recording.moment",
        }
    }
}

/// That one of these columns holds one of its numbers. A column without numbers is left out, for the sake of the others' index.
fn one_of(statement: &mut QueryBuilder<Sqlite>, parts: &[(&'static str, Vec<i64>)]) {
    let mut joint = " AND (";
    for (column, numbers) in parts.iter().filter(|(_, numbers)| !numbers.is_empty()) {
        statement.push(joint).push(*column).push(" IN (");
        let mut values = statement.separated(", ");
        for number in numbers {
            values.push_bind(*number);
        }
        statement.push(")");
        joint = " OR ";
    }
    statement.push(if joint == " OR " { ")" } else { " AND FALSE" });
}

/// That one of these columns names the agent.
fn named_in(statement: &mut QueryBuilder<Sqlite>, agent: &str, columns: &[&'static str]) {
    if columns.is_empty() {
        statement.push(" AND FALSE");
    }
    for (place, &column) in columns.iter().enumerate() {
        // One comparison by itself is a range of an index; within OR it would be none.
        statement.push(if place == 0 { " AND (" } else { " OR " }).push(column).push(" = ");
        match column {
            // What is no number is nobody's.
            "agent_id" => statement.push_bind(agent.parse::<u32>().ok()),
            "agent_key" => statement.push_bind(agent.to_lowercase()),
            _ => statement.push_bind(agent.to_owned()),
        };
    }
    statement.push(if columns.is_empty() { "" } else { ")" });
}
