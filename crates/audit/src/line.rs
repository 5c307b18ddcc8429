//! The lines of an extract, and of a witness: one JSON object each.
//!
//! An extract begins with a [`Start`]; then each entry from there on, whole or, where it was not asked for, only as the hash of
//! its content, so that the chain can be followed; then the head that vouches for them. A witness is heads only.

use std::fmt;

use jiff::Timestamp;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::chain::{Hash, Link};
use crate::entry::Entry;
use crate::head::Head;
use crate::hex;

/// The name and version of the form.
pub const EXTRACT: &str = "sidetone-audit-1";

/// Where an extract begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The link before its first entry.
    pub behind: Link,
    /// What was asked for, as a text for people.
    pub asked: String,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The first of an extract.
    Start(Start),
    /// An entry.
    Entry {
        /// Its number.
        number: u64,
        /// What it says.
        entry: Box<Entry>,
        /// The hash behind it.
        hash: Hash,
    },
    /// What is left of an entry that was not asked for.
    Stub {
        /// Its number.
        number: u64,
        /// The hash of its content.
        content: Hash,
    },
    /// A head.
    Head(Head),
    /// The token of a time stamping authority for the line of a head (RFC 3161, DER).
    Stamp {
        /// The head's number.
        number: u64,
        /// It.
        token: Vec<u8>,
    },
}

/// Why a line is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LineFault(String);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadLine {
    head: u64,
    hash: String,
    at: String,
    signature: String,
}

/// A JSON object that says each thing once: of what is said twice, programs differ in which they show, and only one of both was
/// hashed or signed.
struct Once(Map<String, Value>);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Once;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut said: A) -> Result<Once, A::Error> {
                let mut object = Map::new();
                while let Some((name, value)) = said.next_entry::<String, Value>()? {
                    if object.contains_key(&name) {
                        return Err(A::Error::custom(format!("it says {} twice", name.escape_debug())));
                    }
                    object.insert(name, value);
                }
                Ok(Once(object))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl Line {
    /// The line as JSON, without a line break.
    pub fn to_json(&self) -> String {
        match self {
            Self::Start(Start { behind, asked }) => json!({
                "extract": EXTRACT,
                "behind": behind.number,
                "hash": behind.hash.to_string(),
                "asked": asked,
            })
            .to_string(),
            Self::Entry { number, entry, hash } => {
                let mut object = Map::new();
                object.insert("number".to_owned(), (*number).into());
                object.insert("at".to_owned(), instant(entry.at_ns).into());
                for (name, text) in entry.texts() {
                    object.insert(name.to_owned(), text.into());
                }
                object.insert("hash".to_owned(), hash.to_string().into());
                Value::Object(object).to_string()
            }
            Self::Stub { number, content } => {
                json!({ "number": number, "content": content.to_string() }).to_string()
            }
            Self::Head(head) => head_line(head),
            Self::Stamp { number, token } => {
                json!({ "stamp": number, "token": hex::to_hex(token) }).to_string()
            }
        }
    }

    /// Reads a line.
    ///
    /// # Errors
    /// [`LineFault`] says what is wrong with it.
    pub fn from_json(text: &str) -> Result<Self, LineFault> {
        let Once(object) =
            serde_json::from_str(text).map_err(|error| LineFault(format!("it cannot be read: {error}")))?;
        let object = &object;
        if object.contains_key("extract") {
            read_start(object)
        } else if object.contains_key("head") {
            read_head(object)
        } else if object.contains_key("stamp") {
            read_stamp(object)
        } else if object.contains_key("content") {
            known(object, &["number", "content"])?;
            Ok(Self::Stub { number: number(object, "number")?, content: hash(object, "content")? })
        } else {
            read_entry(object)
        }
    }
}

fn head_line(head: &Head) -> String {
    let line = HeadLine {
        head: head.link.number,
        hash: head.link.hash.to_string(),
        at: instant(head.at_ns),
        signature: head.signature.clone(),
    };
    serde_json::to_string(&line).expect("texts and numbers are JSON")
}

fn read_head(object: &Map<String, Value>) -> Result<Line, LineFault> {
    known(object, &["head", "hash", "at", "signature"])?;
    let line = HeadLine::deserialize(object)
        .map_err(|error| LineFault(format!("it is not the head of an audit: {error}")))?;
    let hash = Hash::from_hex(&line.hash).ok_or_else(|| wrong("hash", "64 hexadecimal digits"))?;
    let link = Link { number: line.head, hash };
    Ok(Line::Head(Head { link, at_ns: read_instant(&line.at)?, signature: line.signature }))
}

fn read_start(object: &Map<String, Value>) -> Result<Line, LineFault> {
    known(object, &["extract", "behind", "hash", "asked"])?;
    match text(object, "extract")?.as_str() {
        EXTRACT => {}
        other => {
            return Err(LineFault(format!("its form is {}, and {EXTRACT} is known", other.escape_debug())));
        }
    }
    let behind = Link { number: number(object, "behind")?, hash: hash(object, "hash")? };
    Ok(Line::Start(Start { behind, asked: text(object, "asked")? }))
}

fn read_stamp(object: &Map<String, Value>) -> Result<Line, LineFault> {
    known(object, &["stamp", "token"])?;
    let token = hex::from_hex(&text(object, "token")?);
    let token = token.ok_or_else(|| wrong("token", "hexadecimal digits"))?;
    Ok(Line::Stamp { number: number(object, "stamp")?, token })
}

fn read_entry(object: &Map<String, Value>) -> Result<Line, LineFault> {
    let take = |name: &str| text(object, name);
    let entry = Entry {
        at_ns: read_instant(&take("at")?)?,
        kind: take("kind")?,
        who: take("who")?,
        role: take("role")?,
        source: take("source")?,
        action: take("action")?,
        outcome: take("outcome")?,
        answer: take("answer")?,
        recording: take("recording")?,
        call: take("call")?,
        about: take("about")?,
        detail: take("detail")?,
        reason: take("reason")?,
    };
    let names: Vec<&str> = entry.texts().into_iter().map(|(name, _)| name).collect();
    // What is not hashed could say anything.
    known(object, &[names.as_slice(), &["number", "at", "hash"]].concat())?;
    Ok(Line::Entry { number: number(object, "number")?, hash: hash(object, "hash")?, entry: Box::new(entry) })
}

fn known(object: &Map<String, Value>, names: &[&str]) -> Result<(), LineFault> {
    match object.keys().find(|key| !names.contains(&key.as_str())) {
        Some(key) => Err(LineFault(format!("it says {}, which is no part of it", key.escape_debug()))),
        None => Ok(()),
    }
}

fn text(object: &Map<String, Value>, name: &str) -> Result<String, LineFault> {
    let text = object.get(name).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| wrong(name, "a text"))
}

fn number(object: &Map<String, Value>, name: &str) -> Result<u64, LineFault> {
    object.get(name).and_then(Value::as_u64).ok_or_else(|| wrong(name, "a whole number"))
}

fn hash(object: &Map<String, Value>, name: &str) -> Result<Hash, LineFault> {
    Hash::from_hex(&text(object, name)?).ok_or_else(|| wrong(name, "64 hexadecimal digits"))
}

fn wrong(name: &str, right: &str) -> LineFault {
    LineFault(format!("its {name} should be {right}"))
}

/// RFC 3339 in UTC to the nanosecond: what is hashed is the instant, so that none of it may be lost.
fn instant(at_ns: i64) -> String {
    let at = Timestamp::from_nanosecond(i128::from(at_ns)).expect("64-bit nanoseconds lie within its range");
    at.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string()
}

fn read_instant(text: &str) -> Result<i64, LineFault> {
    let at: Option<Timestamp> = text.parse().ok();
    let ns = at.and_then(|at| i64::try_from(at.as_nanosecond()).ok());
    ns.ok_or_else(|| wrong("at", "an instant after RFC 3339"))
}
