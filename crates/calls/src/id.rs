//! Identities. A bare number or string never stands for one of these.
//!
//! Belongs here: newtypes and their text forms. Does not: how an id is drawn (the tracker draws them).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $noun:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes the id from its `UUIDv7`.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The sixteen bytes of the id, as they stand in files.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// When the id was drawn, in milliseconds since 1970 (RFC 9562 section 5.7).
            pub fn drawn_ms(&self) -> i64 {
                self.as_bytes()[..6].iter().fold(0, |ms, byte| ms << 8 | i64::from(*byte))
            }

            /// Reads the id back from its sixteen bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($noun, " {}"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Uuid::try_parse(text).map(Self).map_err(|_| NotAnId { noun: $noun })
            }
        }
    };
}

uuid_id! {
    /// One call: our unit of talk. Not SIP's Call-ID, which is `sip_call_id` everywhere.
    CallId, "call"
}
uuid_id! {
    /// One recording: what is kept of a call, the thing found and played.
    RecordingId, "recording"
}

/// A text that is no id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no {noun} id; an id has the form 0198c7a2-4f3e-7abc-8def-0123456789ab")]
pub struct NotAnId {
    noun: &'static str,
}

/// An agent's own number: `Id` on the WFO wire, a JSON number in its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentId(pub u32);

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A schedule's own number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScheduleId(pub u32);

impl fmt::Display for ScheduleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An archive action's own number: `archiveaction` on the WFO wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArchiveActionId(pub u32);

impl ArchiveActionId {
    /// The built-in action that deletes.
    pub const PURGE: Self = Self(1);
}

impl Default for ArchiveActionId {
    fn default() -> Self {
        Self::PURGE
    }
}

impl fmt::Display for ArchiveActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A device: the physical number of a phone, `DEVICEID` on the WFO wire.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceId(pub String);

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A stream's place in its call, counted from 0 in the order the streams appeared. A slot that is reused for
/// a new stream (RFC 3264 section 8.2, A2-14) takes a new number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamNumber(pub u16);

impl fmt::Display for StreamNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
