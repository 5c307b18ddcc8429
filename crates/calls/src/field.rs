//! The fields of a call that people and systems may write: user1 to user15 and their neighbours.
//!
//! On the WFO wire all of a call's metadata travels as one object of 32 strings (wfo-api section 2.3). This
//! module knows which of them may be written (section 9 row 7) and what a value may look like.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The most bytes of UTF-8 a field's value may have.
pub const MAX_VALUE_BYTES: usize = 4_096;

/// A field that may be written through the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Field {
    /// `user1` to `user15`: the customer's own.
    User(u8),
    /// The calling number.
    Ani,
    /// The number dialled.
    Dnis,
    /// The ACD queue: `gate` on the wire.
    AcdGate,
    /// The switch's split or skill group: `sgroup`.
    SkillGroup,
    /// The PBX's id of the call: `callid`.
    PbxCallId,
    /// `I` or `O`: `calldirection`.
    Direction,
    /// Days to keep, -1 for no override: `keepdays`.
    KeepDays,
    /// Archive action by number, -1 for no override: `archiveaction`.
    ArchiveAction,
    /// The workstation.
    Station,
    /// The device's second name.
    DeviceAlias,
}

/// Values of some fields.
pub type Fields = BTreeMap<Field, String>;

/// The metadata keys of the wire that exist but may not be written.
pub const READ_ONLY: [&str; 7] =
    ["deviceid", "callinstance", "starttime", "endtime", "sessionid", "callsegmentid", "istrunk"];

/// Why a key or its value is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// A key of the call that only the recorder writes.
    #[error("{0} is written by the recorder only")]
    ReadOnly(String),
    /// No such key.
    #[error("there is no metadata key {0}")]
    Unknown(String),
    /// A value longer than [`MAX_VALUE_BYTES`].
    #[error("the value of {field} has {bytes} bytes; at most {MAX_VALUE_BYTES} are taken")]
    TooLong {
        /// The field meant.
        field: Field,
        /// How many bytes came.
        bytes: usize,
    },
    /// A value that is not of the field's kind.
    #[error("the value of {field} must be {wanted}")]
    Malformed {
        /// The field meant.
        field: Field,
        /// What would be right.
        wanted: &'static str,
    },
}

impl Field {
    /// Every field, in the order of the wire.
    pub fn all() -> impl Iterator<Item = Self> {
        let named = [
            Self::DeviceAlias,
            Self::AcdGate,
            Self::Ani,
            Self::Dnis,
            Self::PbxCallId,
            Self::SkillGroup,
            Self::Direction,
            Self::Station,
            Self::KeepDays,
            Self::ArchiveAction,
        ];
        named.into_iter().chain((1..=15).map(Self::User))
    }

    /// Reads a key from the wire, without regard to case.
    ///
    /// # Errors
    /// [`FieldError::ReadOnly`] or [`FieldError::Unknown`], each naming the key.
    pub fn from_wire(key: &str) -> Result<Self, FieldError> {
        let key = key.trim().to_ascii_lowercase();
        if let Some(field) = Self::all().find(|field| field.to_string() == key) {
            return Ok(field);
        }
        Err(if READ_ONLY.contains(&key.as_str()) {
            FieldError::ReadOnly(key)
        } else {
            FieldError::Unknown(key)
        })
    }

    /// Takes a value for this field: trims it and checks that it is of the right kind.
    ///
    /// # Errors
    /// [`FieldError::TooLong`] and [`FieldError::Malformed`], each saying what would be right.
    pub fn accept(self, value: &str) -> Result<String, FieldError> {
        let value = value.trim();
        if value.len() > MAX_VALUE_BYTES {
            return Err(FieldError::TooLong { field: self, bytes: value.len() });
        }
        let number_from_minus_one = || value.parse::<i32>().is_ok_and(|n| n >= -1);
        match self {
            Self::Direction if !value.is_empty() => match value {
                "I" | "i" => Ok("I".to_owned()),
                "O" | "o" => Ok("O".to_owned()),
                _ => Err(FieldError::Malformed { field: self, wanted: "I or O" }),
            },
            Self::KeepDays | Self::ArchiveAction if !number_from_minus_one() => {
                Err(FieldError::Malformed { field: self, wanted: "a whole number, -1 for no override" })
            }
            _ => Ok(value.to_owned()),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User(n) => return write!(f, "user{n}"),
            Self::Ani => "ani",
            Self::Dnis => "dnis",
            Self::AcdGate => "gate",
            Self::SkillGroup => "sgroup",
            Self::PbxCallId => "callid",
            Self::Direction => "calldirection",
            Self::KeepDays => "keepdays",
            Self::ArchiveAction => "archiveaction",
            Self::Station => "station",
            Self::DeviceAlias => "devicealias",
        })
    }
}

impl From<Field> for String {
    fn from(field: Field) -> Self {
        field.to_string()
    }
}

impl TryFrom<String> for Field {
    type Error = FieldError;

    fn try_from(key: String) -> Result<Self, FieldError> {
        Self::from_wire(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_reads_back_what_it_prints_in_any_case() {
        for field in Field::all() {
            assert_eq!(Field::from_wire(&field.to_string().to_uppercase()), Ok(field));
        }
    }

    #[test]
    fn writable_and_read_only_keys_make_up_the_32_of_the_wire() {
        assert_eq!(Field::all().count() + READ_ONLY.len(), 32);
    }

    #[test]
    fn a_read_only_key_and_an_unknown_one_are_told_apart() {
        assert_eq!(Field::from_wire("StartTime"), Err(FieldError::ReadOnly("starttime".into())));
        assert_eq!(Field::from_wire("user16"), Err(FieldError::Unknown("user16".into())));
    }

    #[test]
    fn values_are_trimmed_and_checked_by_kind() {
        assert_eq!(Field::User(2).accept(" 123 "), Ok("123".into()));
        assert_eq!(Field::Direction.accept("o"), Ok("O".into()));
        assert!(Field::Direction.accept("outbound").is_err());
        assert_eq!(Field::KeepDays.accept("3650"), Ok("3650".into()));
        assert!(Field::KeepDays.accept("soon").is_err());
        assert!(Field::User(1).accept(&"x".repeat(MAX_VALUE_BYTES + 1)).is_err());
    }
}
