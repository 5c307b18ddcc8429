//! The result codes of the API Server (wfo-api section 4.4), and which of them a fault is.

use calls::tracker::Refusal;

use crate::desk::AskError;

/// A result code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(usize);

/// Every label of the documented table; its place is its code. 17 has the label of the table, not that of the example on
/// the same page; 19 is not in it.
const LABELS: [&str; 31] = [
    "API_RECORDING_STARTED",
    "API_ERROR_ALREADY_RECORDING",
    "API_ERROR_OUT_OF_DISK_SPACE",
    "API_ERROR_NO_FREE_CHANNELS",
    "API_ERROR_UNKNOWN",
    "API_DEVICE_ALIAS_UNSPECIFIED",
    "API_ERROR_SCHEDULER_NOT_RUNNING",
    "API_DEVICE_NOT_IN_CALL",
    "API_DEVICE_INVALID",
    "API_DID_NOT_MATCH_A_SCHEDULE",
    "API_UNKNOWN_MESSAGE_TYPE",
    "API_ERROR_PROCESSING_MESSAGE",
    "API_DEVICE_NOT_RECORDING",
    "API_RECORDING_STOPPED",
    "API_REQUESTID_INVALID",
    "API_INVALID_REQUEST_TYPE",
    "API_INVALID_MESSAGE_FORMAT",
    "API_INVALID_MESSAGE_FORMAT",
    "API_ERROR_NO_DEFAULT_RECORDING_PATH",
    "",
    "API_OK",
    "API_ERROR_INVALID_ACTION",
    "API_ERROR_KEYS_NOT_UNIQUE",
    "API_DATABASE_QUERY_ERROR",
    "API_AGENT_NOT_FOUND",
    "API_AGENT_NOT_ACTIVE",
    "API_BLANK_REQUIRED_VALUE",
    "API_NO_GROUP",
    "API_USER_NOT_FOUND",
    "API_MODE_INVALID",
    "API_EVENT_TYPE_INVALID",
];

impl Code {
    pub(super) const RECORDING_STARTED: Self = Self(0);
    pub(super) const ALREADY_RECORDING: Self = Self(1);
    pub(super) const ALIAS_UNSPECIFIED: Self = Self(5);
    pub(super) const NOT_IN_CALL: Self = Self(7);
    pub(super) const DEVICE_INVALID: Self = Self(8);
    pub(super) const NO_SCHEDULE: Self = Self(9);
    pub(super) const UNKNOWN_TYPE: Self = Self(10);
    pub(super) const PROCESSING: Self = Self(11);
    pub(super) const NOT_RECORDING: Self = Self(12);
    pub(super) const RECORDING_STOPPED: Self = Self(13);
    pub(super) const REQUEST_ID: Self = Self(14);
    pub(super) const REQUEST_TYPE: Self = Self(15);
    pub(super) const FORMAT: Self = Self(16);
    pub(super) const OK: Self = Self(20);
    pub(super) const ACTION: Self = Self(21);
    pub(super) const NOT_UNIQUE: Self = Self(22);
    pub(super) const AGENT_NOT_FOUND: Self = Self(24);
    pub(super) const AGENT_NOT_ACTIVE: Self = Self(25);
    pub(super) const BLANK: Self = Self(26);
    pub(super) const USER_NOT_FOUND: Self = Self(28);
    pub(super) const EVENT_TYPE: Self = Self(30);

    /// The number on the wire.
    pub(super) fn number(self) -> usize {
        self.0
    }

    /// The word on the wire.
    pub(super) fn label(self) -> &'static str {
        LABELS[self.0]
    }
}

/// A request that is not obeyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: Code,
    /// What is wrong and what would be right. It never holds the value of a field.
    pub(super) what: String,
}

impl Fault {
    pub(super) fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, what: what.into() }
    }

    /// What came is not of the form it must have.
    pub(super) fn format(what: impl Into<String>) -> Self {
        Self::new(Code::FORMAT, what)
    }
}

impl From<AskError> for Fault {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Refused(refusal) => Self::new(code_of(&refusal), refusal.to_string()),
            AskError::NotDurable => Self::new(
                Code::PROCESSING,
                "the command could not be written to disk in time, so it is not certain that it outlives a restart; a \
                 blackout asked for is on all the same; send the command again",
            ),
            AskError::Stopping => {
                Self::new(Code::PROCESSING, "the recorder is stopping; send the command again in a moment")
            }
        }
    }
}

/// Wfo-api section 6 gives the kinds of faults; which code is which of them is ours.
fn code_of(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::UnknownAgent { .. } => Code::AGENT_NOT_FOUND,
        Refusal::UnknownDevice(_) | Refusal::UnknownAlias(_) | Refusal::UnknownStation(_) => {
            Code::DEVICE_INVALID
        }
        Refusal::Ambiguous { .. } | Refusal::IdentifierTaken { .. } => Code::NOT_UNIQUE,
        Refusal::NoCall(_) | Refusal::UnknownInstance { .. } => Code::NOT_IN_CALL,
        Refusal::AlreadyRecording(_) => Code::ALREADY_RECORDING,
        Refusal::NotRecording(_) => Code::NOT_RECORDING,
        Refusal::Field(_) | Refusal::UnknownArchiveAction(_) => Code::FORMAT,
        _ => Code::PROCESSING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_page_lists_every_code_with_its_label() {
        let page = include_str!("../../../../../ref/wfo-xml.md");
        for (number, label) in LABELS.iter().enumerate().filter(|(_, label)| !label.is_empty()) {
            let row = format!("| {number} | `{label}` |");
            assert!(page.contains(&row), "ref/wfo-xml.md has no row \"{row}\"");
        }
        assert_eq!((Code::OK.number(), Code::OK.label()), (20, "API_OK"));
    }
}
