//! JSON bodies, read strictly.

use std::fmt::Display;

use access::Principal;
use axum::http::StatusCode;
use calls::card;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::control::error::Problem;
use crate::trail::note;

/// Reads a body as the JSON object it has to be; `example` shows one that is right.
pub(super) fn read<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Problem> {
    told(body);
    read_untold(body, example)
}

/// The same of a body of which the audit is told elsewhere: it says whom something is about.
pub(super) fn read_untold<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, format!("the body is not as it should be ({error}): {example}"))
    })
}

/// What of a body stands in the audit: who, where, which rights, and under which name; why stands in a place of its own. What was
/// said of a caller is not among it, nor whom an erasure is about: the audit is not erased.
const TOLD: [&str; 19] = [
    "by",
    "matter",
    "owner",
    "dry_run",
    "from_ms",
    "to_ms",
    "card_data",
    "kind",
    "key",
    "name",
    "type",
    "active",
    "action",
    "target",
    "roles",
    "business_units",
    "agents",
    "days",
    "certificate",
];

/// Where a body says why.
const REASONS: [&str; 2] = ["why", "reason"];

/// Notes what the audit is told of a body.
pub(super) fn told(body: &[u8]) {
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else { return };
    let said = |name: &&'static str| Some((*name, readable(fields.get(*name)?)?));
    let told: Vec<String> =
        TOLD.iter().filter_map(said).map(|(name, words)| format!("{name}={words}")).collect();
    let reason = REASONS.iter().find_map(said).map(|(_, words)| words);
    note(|note| (note.detail, note.reason) = (Some(told.join(", ")), reason));
}

/// A value as people read it; of many the first.
fn readable(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Array(values) => Some(listed(values.iter().filter_map(readable), " and ")),
        Value::Null | Value::Object(_) => None,
    }
}

/// The most of many that are told.
const LISTED_MAX: usize = 50;

/// Many as people read them, and of how many no more is said. A word has to stand between numbers, for those that follow each other
/// may be the number of a card.
pub(super) fn listed(many: impl IntoIterator<Item = impl Display>, between: &str) -> String {
    let mut words: Vec<String> = many.into_iter().map(|one| one.to_string()).collect();
    let more = words.len().saturating_sub(LISTED_MAX);
    words.truncate(LISTED_MAX);
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    words.join(between)
}

/// What somebody writes, as it may be kept: no digit of a card (C2-04).
fn kept(text: &str) -> String {
    card::struck(text).into_owned()
}

/// One line of 1 to `most` characters, trimmed, without card numbers.
pub(super) fn line(name: &str, text: &str, most: usize) -> Result<String, Problem> {
    let text = text.trim();
    if !(1..=most).contains(&text.chars().count()) || text.chars().any(char::is_control) {
        return Err(Problem::parameter(name, format!("{name} must be a line of 1 to {most} characters")));
    }
    Ok(kept(text))
}

/// The longest name or reason.
const NAME_MAX_CHARS: usize = 500;

/// What stands behind a name where a program has asked for somebody, or somebody has approved.
const OURS: [&str; 2] = ["(by ", "approved by"];

/// The name of a person, or a reason: a line of 1 to 500 characters.
pub(super) fn name(name: &str, text: &str) -> Result<String, Problem> {
    line(name, text, NAME_MAX_CHARS)
}

/// Words that are kept and looked for as they are: what would be struck out of them would find something else.
pub(super) fn words(name: &str, text: String) -> Result<String, Problem> {
    if kept(&text) == text {
        return Ok(text);
    }
    let right = format!(
        "{name} must hold no card number, for it is kept: find the recordings, and name them by their ids"
    );
    Err(Problem::parameter(name, right))
}

/// The name somebody acts under: that of their login; else the one they say in `by`.
pub(super) fn signed(who: &Principal, by: Option<&str>) -> Result<String, Problem> {
    let said = by.map(|by| name("by", by)).transpose()?;
    // What we add to a name says who else was there; nobody adds it themselves.
    if said.as_deref().is_some_and(|said| OURS.iter().any(|ours| said.contains(ours))) {
        let right = format!("by must be a name alone, without \"{}\"", OURS.join("\" or \""));
        return Err(Problem::parameter("by", right));
    }
    who.signature(said.as_deref()).ok_or_else(|| {
        Problem::parameter(
            "by",
            format!("by must be a line of 1 to {NAME_MAX_CHARS} characters: who does it"),
        )
    })
}

/// A text of 1 to `most` characters that may have several lines, trimmed, without card numbers.
pub(super) fn lines(name: &str, text: &str, most: usize) -> Result<String, Problem> {
    let text = text.trim();
    let is_bad = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if !(1..=most).contains(&text.chars().count()) || text.chars().any(is_bad) {
        return Err(Problem::parameter(name, format!("{name} must be a text of 1 to {most} characters")));
    }
    Ok(kept(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_kept_without_card_numbers() {
        let line = line("why", " paid by 4539 5787 6362 1486, twice ", 60).map_err(|_| "refused");
        assert_eq!(line.as_deref(), Ok("paid by **** **** **** ****, twice"));
        let lines = lines("text", "card\n4539578763621486", 60).map_err(|_| "refused");
        assert_eq!(lines.as_deref(), Ok("card\n****************"));
        let name = name("reason", "order 4539578763621487").map_err(|_| "refused");
        assert_eq!(name.as_deref(), Ok("order 4539578763621487"), "that is no card");
    }

    #[test]
    fn words_that_are_looked_for_hold_no_card_number() {
        let refused = words("query.text", "4539578763621486".to_owned()).unwrap_err();
        assert!(refused.detail().contains("no card number"), "{}", refused.detail());
        assert_eq!(
            words("query.text", "claim 77".to_owned()).map_err(|_| "refused").as_deref(),
            Ok("claim 77")
        );
    }
}
