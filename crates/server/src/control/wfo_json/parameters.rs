//! The parameters of a command, wherever the caller has put them.
//!
//! They may stand in the URI, in a JSON body or in a form body, or in several of them; the body wins. Keys match
//! without regard to case, numbers are taken where texts are expected, and the body is read as JSON whatever its
//! content type says, for clients label it in many ways (wfo-api section 2.1).
//!
//! Belongs here: bytes to names and values, with faults that name the place. Does not: what a name means to a
//! command. No fault ever holds a value.

use std::fmt;

use calls::field::{Field, FieldError, Fields};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::control::error::WfoFault;

/// The most characters a parameter outside of `CallMetadata` may have. The longest that can match anything is a
/// `CallInstance` made from a SIP Call-ID.
const MAX_VALUE_CHARS: usize = 512;

/// The parameters of one command.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    /// Names in lower case. Of several with one name the last counts.
    values: Vec<(String, String)>,
    /// The entries of `CallMetadata` in the order they came, if it was sent at all.
    metadata: Option<Vec<(String, String)>>,
}

/// What is to be written into a call, and what of it will not be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) fields: Fields,
    /// Keys that are read-only or unknown (wfo-api section 9 row 7).
    pub(super) ignored: Vec<String>,
}

impl Parameters {
    /// Reads the query of the URI, then the body.
    pub(super) fn read(query: &str, is_form: bool, body: &[u8]) -> Result<Self, WfoFault> {
        let mut parameters = Self::default();
        parameters.add_pairs(query.as_bytes())?;
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
        // curl labels a body as a form unless told otherwise, so a brace says more than the label.
        if is_form && !body.starts_with(b"{") {
            parameters.add_pairs(body)?;
        } else if !body.is_empty() {
            parameters.add_json(body)?;
        }
        Ok(parameters)
    }

    /// A parameter that is there and not blank, trimmed.
    pub(super) fn get(&self, name: &str) -> Result<Option<&str>, WfoFault> {
        let value = self.long(name).map(str::trim);
        let chars = value.map_or(0, |value| value.chars().count());
        if chars > MAX_VALUE_CHARS {
            return Err(fault(format!("{name} has {chars} characters; at most {MAX_VALUE_CHARS} are taken")));
        }
        Ok(value.filter(|value| !value.is_empty()))
    }

    /// A parameter as it was sent, however long; whoever asks for it has a limit of their own.
    pub(super) fn long(&self, name: &str) -> Option<&str> {
        let is_name = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.values.iter().rev().find(is_name).map(|(_, value)| value.as_str())
    }

    /// What `CallMetadata` asks to write; `None` if it was not sent.
    pub(super) fn metadata(&self) -> Result<Option<Metadata>, WfoFault> {
        let Some(entries) = &self.metadata else { return Ok(None) };
        let mut metadata = Metadata::default();
        for (key, value) in entries {
            match Field::from_wire(key) {
                Ok(field) => {
                    let value =
                        field.accept(value).map_err(|error| fault(format!("In CallMetadata {error}")))?;
                    metadata.fields.insert(field, value);
                }
                Err(FieldError::ReadOnly(key) | FieldError::Unknown(key)) => metadata.ignored.push(key),
                Err(error) => return Err(fault(error.to_string())),
            }
        }
        Ok(Some(metadata))
    }

    fn add_pairs(&mut self, pairs: &[u8]) -> Result<(), WfoFault> {
        for (key, value) in form_urlencoded::parse(pairs) {
            let lower = key.to_ascii_lowercase();
            if lower == "callmetadata" {
                self.add_metadata(&value)?;
            } else if let Some(key) = metadata_key(&lower) {
                self.metadata.get_or_insert_default().push((key.to_owned(), value.into_owned()));
            } else {
                self.values.push((lower, value.into_owned()));
            }
        }
        Ok(())
    }

    fn add_json(&mut self, body: &[u8]) -> Result<(), WfoFault> {
        let body = std::str::from_utf8(body)
            .map_err(|bad| fault(format!("the body is not UTF-8 at byte {}", bad.valid_up_to())))?;
        if !body.starts_with('{') {
            return Err(fault(format!("the body is no JSON object; send for example {EXAMPLE}")));
        }
        let entries: Entries<'_> = serde_json::from_str(body)
            .map_err(|bad| fault(format!("the body is no JSON: {bad}; send for example {EXAMPLE}")))?;
        for (key, value) in entries.0 {
            if key.eq_ignore_ascii_case("CallMetadata") {
                if value.get() != "null" {
                    self.add_metadata(value.get())?;
                }
            } else if key.eq_ignore_ascii_case("idents") && value.get().starts_with('[') {
                self.values.push(("idents".to_owned(), joined(value)?));
            } else if let Some(value) = scalar(&key, value)? {
                self.values.push((key.to_ascii_lowercase(), value));
            }
        }
        Ok(())
    }

    fn add_metadata(&mut self, json: &str) -> Result<(), WfoFault> {
        let wanted = "CallMetadata must be a JSON object of texts, for example {\"user2\":\"1234567890\"}";
        if !json.trim_ascii().starts_with('{') {
            return Err(fault(wanted.to_owned()));
        }
        let entries: Entries<'_> =
            serde_json::from_str(json).map_err(|bad| fault(format!("{wanted}: {bad}")))?;
        let metadata = self.metadata.get_or_insert_default();
        for (key, value) in entries.0 {
            // A null writes nothing: clients send it for fields they have no value for.
            if let Some(value) = scalar(&key, value)? {
                metadata.push((key, value));
            }
        }
        Ok(())
    }
}

const EXAMPLE: &str = "{\"AgentIdentifier\":\"Id\",\"Value\":\"1\"}";

/// The key inside `CallMetadata.user2` or `CallMetadata[user2]`, the two ways a form can write it.
fn metadata_key(lower: &str) -> Option<&str> {
    let rest = lower.strip_prefix("callmetadata")?;
    match rest.strip_prefix('.') {
        Some(key) => Some(key),
        None => rest.strip_prefix('[')?.strip_suffix(']'),
    }
}

/// The text of a JSON text, number or truth value; `None` for null.
fn scalar(key: &str, value: &RawValue) -> Result<Option<String>, WfoFault> {
    let raw = value.get();
    let wanted = |what: &str| fault(format!("{} must be a text{what}", name(key)));
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw).map(Some).map_err(|_| wanted(" of whole characters")),
        Some(b'{' | b'[') => Err(wanted(" or a number, not an object or a list")),
        _ if raw == "null" => Ok(None),
        // A number is taken as it is written: 007 is none, 1.0 stays 1.0, and no digit of a long one is lost.
        _ => Ok(Some(raw.to_owned())),
    }
}

/// A list of numbers or texts as the one text it is elsewhere, with commas between.
fn joined(list: &RawValue) -> Result<String, WfoFault> {
    let wanted = || fault("idents must be a list of whole numbers, or a text such as 1,5,34".to_owned());
    let items: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|_| wanted())?;
    let texts = items.into_iter().map(|item| scalar("idents", item)?.ok_or_else(wanted));
    Ok(texts.collect::<Result<Vec<String>, WfoFault>>()?.join(","))
}

/// A key as it may be repeated to the caller.
fn name(key: &str) -> String {
    if key.chars().count() <= 64 { key.to_owned() } else { "a parameter with a long name".to_owned() }
}

pub(super) fn fault(message: String) -> WfoFault {
    WfoFault::not_found(&message)
}

/// A JSON object, with its keys in order, duplicates kept, and its values as they are written.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ReadEntries;

        impl<'de> Visitor<'de> for ReadEntries {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(ReadEntries)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(query: &str, body: &str) -> Parameters {
        Parameters::read(query, false, body.as_bytes()).unwrap()
    }

    fn said(body: &[u8]) -> String {
        match Parameters::read("", false, body).and_then(|parameters| parameters.metadata()) {
            Err(WfoFault::NotFound(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_body_wins_over_the_uri_and_keys_match_in_any_case() {
        let parameters = read("AGENTIDENTIFIER=Phone&value=1", r#"{"Value":4678}"#);
        assert_eq!(parameters.get("AgentIdentifier"), Ok(Some("Phone")));
        assert_eq!(parameters.get("Value"), Ok(Some("4678")));
    }

    #[test]
    fn a_number_keeps_every_digit() {
        let parameters = read("", r#"{"Value":15550100123456789012345678}"#);
        assert_eq!(parameters.get("value"), Ok(Some("15550100123456789012345678")));
    }

    #[test]
    fn blank_and_null_are_missing() {
        let parameters = read("a=+", r#"{"B":null,"C":" x "}"#);
        assert_eq!((parameters.get("a"), parameters.get("b")), (Ok(None), Ok(None)));
        assert_eq!(parameters.get("c"), Ok(Some("x")));
    }

    #[test]
    fn a_form_may_carry_metadata_in_three_ways() {
        let form = b"Value=1&CallMetadata.user1=a&CallMetadata[user2]=b&callmetadata=%7B%22user3%22%3A3%7D";
        let metadata = Parameters::read("", true, form).unwrap().metadata().unwrap().unwrap();
        let texts: Vec<_> = metadata.fields.into_iter().map(|(f, v)| (f.to_string(), v)).collect();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(texts, [pair("user1", "a"), pair("user2", "b"), pair("user3", "3")]);
    }

    #[test]
    fn json_labelled_as_a_form_is_json() {
        let parameters = Parameters::read("", true, br#" {"Value":"1"}"#).unwrap();
        assert_eq!(parameters.get("Value"), Ok(Some("1")));
    }

    #[test]
    fn unknown_and_read_only_keys_are_named_and_nulls_write_nothing() {
        let parameters =
            read("", r#"{"CallMetadata":{"USER2":"x","user16":"y","StartTime":"z","user3":null}}"#);
        let metadata = parameters.metadata().unwrap().unwrap();
        assert_eq!(metadata.fields, [(Field::User(2), "x".to_owned())].into());
        assert_eq!(metadata.ignored, ["user16", "starttime"]);
    }

    #[test]
    fn each_fault_says_where_and_what_would_be_right_without_repeating_values() {
        assert!(said(b"{\"Value\":").contains("line 1 column 9"));
        assert!(said(b"{} 4111111111111111").contains("trailing characters at line 1 column 4"));
        assert!(said(b"[1]").contains("no JSON object; send for example {"));
        assert!(said(b"{\"a\":\"\xff\"}").contains("not UTF-8 at byte 6"));
        assert!(said(br#"{"Value":{"x":1}}"#).starts_with("Value must be a text or a number"));
        assert!(said(br#"{"CallMetadata":"411111"}"#).starts_with("CallMetadata must be a JSON object"));
        assert!(
            said(br#"{"CallMetadata":{"keepdays":"411111x"}}"#).contains("keepdays must be a whole number")
        );
        for body in [&br#"{"CallMetadata":"411111"}"#[..], br#"{"CallMetadata":{"keepdays":"411111x"}}"#] {
            assert!(!said(body).contains("411111"));
        }
        let long = format!("{{\"Value\":\"{}\"}}", "1".repeat(513));
        let parameters = Parameters::read("", false, long.as_bytes()).unwrap();
        assert!(parameters.get("Value").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            query in "\\PC{0,60}",
            is_form in any::<bool>(),
            body in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            if let Ok(parameters) = Parameters::read(&query, is_form, &body) {
                let _ = (parameters.get("Value"), parameters.metadata());
            }
        }

        #[test]
        fn any_near_json_is_read_or_refused(body in r#"\{("[A-Za-z]{0,5}"|:|,|\{|\}|\[|null|1e9|"CallMetadata"|"\\ud800"){0,12}\}"#) {
            if let Ok(parameters) = Parameters::read("", false, body.as_bytes()) {
                let _ = (parameters.get("Value"), parameters.metadata());
            }
        }
    }
}
