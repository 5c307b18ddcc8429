//! Who may hear what: the one place that says it, for whoever listens and for every export (F-API-1).

use index::RecordingRow;

/// Who asks for sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The name of the login or key; `anonymous` where none is asked.
    pub who: String,
    /// The network address.
    pub from: String,
}

impl Asker {
    /// Somebody who was asked for no login.
    pub fn anonymous(from: Option<std::net::IpAddr>) -> Self {
        let from = from.map_or_else(|| "unknown".to_owned(), |from| from.to_string());
        Self { who: "anonymous".to_owned(), from }
    }

    /// Whether they may hear a recording. What they may not hear is to them as if it were not there.
    ///
    /// Without logins everybody who reaches the recorder may hear what has a row and is not restricted (C5-05).
    pub fn may_hear(&self, row: &RecordingRow) -> bool {
        row.care.restriction.is_none()
    }
}
