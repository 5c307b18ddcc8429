//! JSON bodies, read strictly.

use access::Principal;
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::control::error::Problem;
use crate::trail::note;

/// Reads a body as the JSON object it has to be; `example` shows one that is right.
pub(super) fn read<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Problem> {
    told(body);
    serde_json::from_slice(body).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, format!("the body is not as it should be ({error}): {example}"))
    })
}

/// What of a body stands in the audit: who and why, where, and under which name. What was said of a caller is not among it, nor
/// whom an erasure is about: the audit is not erased.
const TOLD: [&str; 16] = [
    "by",
    "why",
    "matter",
    "owner",
    "reason",
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
];

/// Notes what the audit is told of a body.
pub(super) fn told(body: &[u8]) {
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else { return };
    let known = TOLD.iter().filter_map(|name| Some((*name, fields.get(*name)?)));
    let told = known.filter_map(|(name, value)| match value {
        Value::String(text) => Some(format!("{name}={}", text.trim())),
        Value::Number(number) => Some(format!("{name}={number}")),
        Value::Bool(flag) => Some(format!("{name}={flag}")),
        _ => None,
    });
    let told: Vec<String> = told.collect();
    note(|note| note.detail = Some(told.join(", ")));
}

/// One line of 1 to `most` characters, trimmed.
pub(super) fn line(name: &str, text: &str, most: usize) -> Result<String, Problem> {
    let text = text.trim();
    if !(1..=most).contains(&text.chars().count()) || text.chars().any(char::is_control) {
        return Err(Problem::parameter(name, format!("{name} must be a line of 1 to {most} characters")));
    }
    Ok(text.to_owned())
}

/// The longest name or reason.
const NAME_MAX_CHARS: usize = 500;

/// What stands behind a name where a program has asked for somebody, or somebody has approved.
const OURS: [&str; 2] = ["(by ", "approved by"];

/// The names of people, and reasons: each a line of 1 to 500 characters.
pub(super) fn names(texts: &[(&str, &str)]) -> Result<(), Problem> {
    texts.iter().try_for_each(|(name, text)| line(name, text, NAME_MAX_CHARS).map(drop))
}

/// The name somebody acts under: that of their login; else the one they say in `by`.
pub(super) fn signed(who: &Principal, by: Option<&str>) -> Result<String, Problem> {
    let said = by.map(|by| line("by", by, NAME_MAX_CHARS)).transpose()?;
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

/// A text of 1 to `most` characters that may have several lines, trimmed.
pub(super) fn lines(name: &str, text: &str, most: usize) -> Result<String, Problem> {
    let text = text.trim();
    let is_bad = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if !(1..=most).contains(&text.chars().count()) || text.chars().any(is_bad) {
        return Err(Problem::parameter(name, format!("{name} must be a text of 1 to {most} characters")));
    }
    Ok(text.to_owned())
}
