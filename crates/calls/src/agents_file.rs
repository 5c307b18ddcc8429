//! The agents file: CSV with a header, or JSON with the same names.
//!
//! ```text
//! id,phone,username,system_username,crm_username,name,business_unit,device_alias,station
//! 1,4678,rpike,CORP\rpike,,Rowan Pike,0,,
//! ```
//!
//! Belongs here: bytes to agents, with errors that name the line. Does not: whether the agents clash with
//! those already known ([`crate::tracker`]).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::Deserialize;

use crate::agent::{Agent, AgentIdentifier};
use crate::id::AgentId;

/// The columns a file may have. Only `id` is required.
pub const COLUMNS: [&str; 9] = [
    "id",
    "phone",
    "username",
    "system_username",
    "crm_username",
    "name",
    "business_unit",
    "device_alias",
    "station",
];

/// The most agents one file may hold.
pub const MAX_AGENTS: usize = 100_000;

/// The most characters a value may have.
const MAX_VALUE_CHARS: usize = 256;

/// How many faults of a file are told; the others are counted.
const MAX_FAULTS: usize = 20;

/// What is wrong with a file: every line that is at fault, in their order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.listed("\n"))]
pub struct AgentsFileError {
    /// The first twenty; never empty.
    pub faults: Vec<Fault>,
    /// How many more there are.
    pub more: usize,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl AgentsFileError {
    /// All of it as a text.
    #[must_use]
    pub fn listed(&self, between: &str) -> String {
        let mut told: Vec<String> = self.faults.iter().map(ToString::to_string).collect();
        if self.more > 0 {
            told.push(format!("and {} more", self.more));
        }
        told.join(between)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl From<Fault> for AgentsFileError {
    fn from(fault: Fault) -> Self {
        Self { faults: vec![fault], more: 0 }
    }
}

/// A row with its line, or what is wrong with that.
type Read = Result<(u64, Row), Fault>;

/// Reads an agents file. JSON is told by its first character.
///
/// # Errors
/// What is wrong, line by line. A file of another shape, with another header or in another encoding has that one fault.
pub fn parse(bytes: &[u8]) -> Result<Vec<Agent>, AgentsFileError> {
    let text = std::str::from_utf8(bytes).map_err(|bad| {
        let line = 1 + bytes[..bad.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
        at(line as u64, "the file is not UTF-8 from here on")
    })?;
    let text = text.trim_start_matches('\u{feff}');
    let rows = if text.trim_start().starts_with(['[', '{']) { json_rows(text)? } else { csv_rows(text)? };
    if rows.len() > MAX_AGENTS {
        let what = format!("the file holds {} agents; at most {MAX_AGENTS} are taken", rows.len());
        return Err(at(1, what).into());
    }
    let (mut agents, mut faults) = (Vec::with_capacity(rows.len()), Vec::new());
    for read in rows {
        match read.and_then(|(line, row)| Ok((line, row.into_agent(line)?))) {
            Ok(agent) => agents.push(agent),
            Err(fault) => faults.push(fault),
        }
    }
    faults.extend(twins(&agents));
    if faults.is_empty() {
        return Ok(agents.into_iter().map(|(_, agent)| agent).collect());
    }
    faults.sort_by_key(|fault| fault.line);
    let more = faults.len().saturating_sub(MAX_FAULTS);
    faults.truncate(MAX_FAULTS);
    Err(AgentsFileError { faults, more })
}

/// One row as it stands in the file, every value still a text.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Row {
    id: Text,
    phone: Text,
    username: Text,
    system_username: Text,
    crm_username: Text,
    name: Text,
    business_unit: Text,
    device_alias: Text,
    station: Text,
}

/// A JSON value that may be written as a text or as a number.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged, expecting = "each field must be a text or a number")]
enum Text {
    Number(i64),
    String(String),
    #[default]
    Missing,
}

impl Text {
    fn into_string(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::String(text) => text.trim().to_owned(),
            Self::Missing => String::new(),
        }
    }
}

impl Row {
    fn into_agent(self, line: u64) -> Result<Agent, Fault> {
        let id = self.id.into_string();
        let business_unit = self.business_unit.into_string();
        let agent = Agent {
            id: AgentId(id.parse().map_err(|_| {
                at(line, format!("the id must be a whole number from 0 to {}, not \"{id}\"", u32::MAX))
            })?),
            phone: self.phone.into_string(),
            username: self.username.into_string(),
            system_username: self.system_username.into_string(),
            crm_username: self.crm_username.into_string(),
            name: self.name.into_string(),
            business_unit: match business_unit.as_str() {
                "" => 0,
                number => number.parse().map_err(|_| {
                    at(line, format!("the business_unit must be a whole number, not \"{number}\""))
                })?,
            },
            device_alias: self.device_alias.into_string(),
            station: self.station.into_string(),
        };
        let texts = [
            (&agent.phone, "phone"),
            (&agent.username, "username"),
            (&agent.system_username, "system_username"),
            (&agent.crm_username, "crm_username"),
            (&agent.name, "name"),
            (&agent.device_alias, "device_alias"),
            (&agent.station, "station"),
        ];
        let too_long = texts.into_iter().find(|(value, _)| value.chars().count() > MAX_VALUE_CHARS);
        if let Some((_, column)) = too_long {
            return Err(at(line, format!("the {column} is longer than {MAX_VALUE_CHARS} characters")));
        }
        Ok(agent)
    }
}

fn at(line: u64, what: impl Into<String>) -> Fault {
    Fault { line, what: what.into() }
}

fn csv_rows(text: &str) -> Result<Vec<Read>, Fault> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let csv_fault = |fault: csv::Error| {
        let line = fault.position().map_or(1, csv::Position::line);
        match fault.into_kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                at(line, format!("{len} values where the header names {expected_len} columns"))
            }
            kind => at(line, format!("this is no CSV: {kind:?}")),
        }
    };
    let header = reader.headers().map_err(csv_fault)?.clone();
    if let Some(unknown) = header.iter().find(|name| !COLUMNS.contains(name)) {
        return Err(at(1, format!("unknown column \"{unknown}\"; the columns are {}", COLUMNS.join(","))));
    }
    if !header.iter().any(|name| name == "id") {
        return Err(at(1, format!("the header has no column \"id\"; the columns are {}", COLUMNS.join(","))));
    }
    let row = |record: csv::StringRecord| {
        let value = |column: &str| {
            let place = header.iter().position(|name| name == column);
            Text::String(place.and_then(|place| record.get(place)).unwrap_or_default().to_owned())
        };
        Row {
            id: value("id"),
            phone: value("phone"),
            username: value("username"),
            system_username: value("system_username"),
            crm_username: value("crm_username"),
            name: value("name"),
            business_unit: value("business_unit"),
            device_alias: value("device_alias"),
            station: value("station"),
        }
    };
    let read = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.map_err(csv_fault)?;
        Ok((record.position().map_or(1, csv::Position::line), row(record)))
    };
    Ok(reader.records().map(read).collect())
}

fn json_rows(text: &str) -> Result<Vec<Read>, Fault> {
    let values: Vec<&serde_json::value::RawValue> = serde_json::from_str(text)
        .map_err(|bad| at(bad.line() as u64, format!("a JSON array of agents is wanted: {bad}")))?;
    let line_of = |part: &str| {
        let offset = part.as_ptr() as usize - text.as_ptr() as usize;
        1 + text[..offset].bytes().filter(|&byte| byte == b'\n').count() as u64
    };
    let read = |value: &serde_json::value::RawValue| {
        let line = line_of(value.get());
        let row = serde_json::from_str(value.get())
            .map_err(|bad| at(line + bad.line() as u64 - 1, format!("this is no agent: {bad}")))?;
        Ok((line, row))
    };
    Ok(values.into_iter().map(read).collect())
}

/// Two agents of one file may not answer to the same identifier.
fn twins(agents: &[(u64, Agent)]) -> Vec<Fault> {
    let (mut seen, mut faults) = (HashMap::new(), Vec::new());
    for (line, agent) in agents {
        for kind in AgentIdentifier::ALL {
            let value = kind.value_of(agent);
            if value.is_empty() {
                continue;
            }
            match seen.entry((kind, value)) {
                Entry::Vacant(place) => {
                    place.insert(line);
                }
                Entry::Occupied(first) => {
                    let ((kind, value), first) = (first.key(), first.get());
                    let what = format!("the {kind} \"{value}\" is taken by the agent of line {first}");
                    faults.push(at(*line, what));
                }
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_csv_file_gives_its_agents_whatever_the_order_of_columns() {
        let agents = parse(b"phone, id ,name\n4678,1,\"Pike, Rowan\"\n4102, 2,\n").unwrap();
        assert_eq!(agents.len(), 2);
        assert_eq!((agents[0].id, agents[0].name.as_str()), (AgentId(1), "Pike, Rowan"));
        assert_eq!(agents[1].phone, "4102");
    }

    #[test]
    fn a_json_file_takes_numbers_and_texts() {
        let agents = parse(br#"[{"id":1,"phone":"4678"},{"id":"2","phone":4102}]"#).unwrap();
        assert_eq!(agents[1].phone, "4102");
    }

    #[test]
    fn each_fault_names_its_line_and_what_would_be_right() {
        let said = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
        assert_eq!(
            said(b"id,fone\n1,2\n"),
            format!("line 1: unknown column \"fone\"; the columns are {}", COLUMNS.join(","))
        );
        assert!(said(b"phone\n4678\n").starts_with("line 1: the header has no column \"id\""));
        assert!(said(b"id,phone\n1,4678\nx,4102\n").starts_with("line 3: the id must be a whole number"));
        assert!(said(b"id,phone\n1,4678\n2\n").starts_with("line 3: 1 values where the header names 2"));
        assert!(said(b"id,phone\n1,4678\n2,4678\n").starts_with("line 3: the Phone \"4678\" is taken"));
        assert!(said(b"[{\"id\":1},\n {\"id\":2,\"fone\":1}]").starts_with("line 2: this is no agent"));
        assert!(said(b"[{\"id\":1},").starts_with("line 1: a JSON array of agents is wanted"));
        assert!(said(b"id\n1\n\xff\n").starts_with("line 3: the file is not UTF-8"));
    }

    #[test]
    fn every_line_at_fault_is_told_and_of_very_many_the_first() {
        let bad =
            parse(b"id,phone,business_unit\n1,4678,0\nx,4102,0\n3,4678,0\n4,4104,north\n5\n").unwrap_err();
        let lines: Vec<u64> = bad.faults.iter().map(|fault| fault.line).collect();
        assert_eq!((lines, bad.more), (vec![3, 4, 5, 6], 0), "{bad}");
        assert!(bad.to_string().contains("\nline 5: the business_unit must be a whole number"), "{bad}");
        let bad = parse(b"[{\"id\":\"x\"},\n {\"id\":2,\"fone\":1},\n {\"id\":\"y\"}]").unwrap_err();
        assert_eq!(bad.faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [1, 2, 3], "{bad}");
        let bad = parse(format!("id\n{}", "x\n".repeat(70)).as_bytes()).unwrap_err();
        assert_eq!((bad.faults.len(), bad.more), (MAX_FAULTS, 50));
        assert!(bad.to_string().ends_with("\nand 50 more"), "{bad}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn any_near_csv_is_read_or_refused(text in "(id|phone|name|,|\"|\n|1|é|x){0,60}") {
            if let Ok(agents) = parse(text.as_bytes()) {
                prop_assert!(agents.len() <= text.lines().count());
            }
        }
    }
}
