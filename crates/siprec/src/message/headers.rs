//! The header lines of one message, in order.

use super::header::list;

/// Header lines in the order they stood. Names are compared without regard to case; compact names are stored long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    lines: Vec<(String, String)>,
}

/// Compact forms (RFC 3261 §7.3.3 and the IANA registry).
const COMPACT: [(char, &str); 18] = [
    ('a', "Accept-Contact"),
    ('b', "Referred-By"),
    ('c', "Content-Type"),
    ('d', "Request-Disposition"),
    ('e', "Content-Encoding"),
    ('f', "From"),
    ('i', "Call-ID"),
    ('j', "Reject-Contact"),
    ('k', "Supported"),
    ('l', "Content-Length"),
    ('m', "Contact"),
    ('o', "Event"),
    ('r', "Refer-To"),
    ('s', "Subject"),
    ('t', "To"),
    ('u', "Allow-Events"),
    ('v', "Via"),
    ('x', "Session-Expires"),
];

/// The long form of a header name.
pub(super) fn long_name(name: &str) -> &str {
    let mut letters = name.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) => COMPACT
            .iter()
            .find(|(compact, _)| compact.eq_ignore_ascii_case(&letter))
            .map_or(name, |(_, long)| long),
        _ => name,
    }
}

impl Headers {
    /// Adds a line at the end. Line breaks in the value become spaces, so a value cannot forge a header.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.lines.push((long_name(name).to_owned(), one_line(value.into())));
    }

    /// Adds a line before all others.
    pub fn push_front(&mut self, name: &str, value: impl Into<String>) {
        self.lines.insert(0, (long_name(name).to_owned(), one_line(value.into())));
    }

    /// Replaces the first line of that name, or adds one.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = one_line(value.into());
        match self.lines.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some(line) => line.1 = value,
            None => self.lines.push((long_name(name).to_owned(), value)),
        }
    }

    /// Removes every line of that name.
    pub fn remove(&mut self, name: &str) {
        self.lines.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// The value of the first line of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.lines.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The values of all lines of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The elements of a comma-separated header, over all its lines, trimmed, empty ones left out.
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.all(name).flat_map(list::split)
    }

    /// Whether a comma-separated header has this element; compared without regard to case.
    pub fn lists(&self, name: &str, element: &str) -> bool {
        self.list(name).any(|e| e.eq_ignore_ascii_case(element))
    }

    /// All lines as (name, value).
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// All lines as owned pairs.
    pub fn to_pairs(&self) -> Vec<(String, String)> {
        self.lines.clone()
    }
}

fn one_line(value: String) -> String {
    if value.contains(['\r', '\n', '\0']) {
        value.replace(['\r', '\n', '\0'], " ").trim().to_owned()
    } else {
        value
    }
}
