//! One act, before it has a number.

use access::Principal;
use audit::{Entry, Outcome};
use calls::id::{CallId, RecordingId};
use calls::time::Wall;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `person`, `program`, `peer`, `local` or `recorder`.
    pub kind: &'static str,
    /// The name of the login or key.
    pub who: String,
    /// In which role.
    pub role: String,
    /// The network address.
    pub source: String,
}

impl From<&Principal> for Actor {
    fn from(principal: &Principal) -> Self {
        Self {
            kind: principal.kind.as_str(),
            who: principal.name.clone(),
            role: if principal.is_known() { roles_of(principal) } else { String::new() },
            source: principal.from.clone(),
        }
    }
}

impl Actor {
    /// The recorder itself: what its settings and rules have it do.
    pub fn recorder() -> Self {
        Self { kind: "recorder", who: "sidetone".to_owned(), role: String::new(), source: String::new() }
    }

    /// A program that is known by the address it may speak from.
    pub fn peer(source: impl Into<String>) -> Self {
        Self { kind: "peer", ..Self::local(source) }
    }

    /// Somebody who was asked for no login.
    pub fn local(source: impl Into<String>) -> Self {
        Self { kind: "local", who: "anonymous".to_owned(), role: String::new(), source: source.into() }
    }
}

fn roles_of(principal: &Principal) -> String {
    principal.grant.roles().iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" ")
}

/// Something that somebody does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    entry: Entry,
}

impl Act {
    /// An act: `action` is a noun and a verb with a dot between, such as `recording.listen`; `ref/audit.md` lists them.
    pub fn new(actor: &Actor, action: &str) -> Self {
        let text = String::new;
        let entry = Entry {
            at_ns: 0,
            kind: actor.kind.to_owned(),
            who: actor.who.clone(),
            role: actor.role.clone(),
            source: actor.source.clone(),
            action: action.to_owned(),
            outcome: Outcome::Done.label().to_owned(),
            answer: text(),
            recording: text(),
            call: text(),
            about: text(),
            detail: text(),
            reason: text(),
        };
        Self { entry }
    }

    /// To which recording.
    #[must_use]
    pub fn recording(mut self, id: RecordingId) -> Self {
        self.entry.recording = id.to_string();
        self
    }

    /// To which call.
    #[must_use]
    pub fn call(mut self, id: CallId) -> Self {
        self.entry.call = id.to_string();
        self
    }

    /// To what else: `agent 1`, `hold 4`.
    #[must_use]
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.entry.about = about.into();
        self
    }

    /// How.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.entry.detail = detail.into();
        self
    }

    /// Why, as who acts says (C5-06).
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.entry.reason = reason.into();
        self
    }

    /// What it has come to, and what was answered.
    #[must_use]
    pub fn outcome(mut self, outcome: Outcome, answer: impl Into<String>) -> Self {
        self.entry.outcome = outcome.label().to_owned();
        self.entry.answer = answer.into();
        self
    }

    pub(super) fn entry_mut(&mut self) -> &mut Entry {
        &mut self.entry
    }

    pub(super) fn into_entry(mut self, at: Wall) -> Entry {
        self.entry.at_ns = at.as_ns();
        // Whatever somebody searches for, names or gives as a reason: what may be stored nowhere is not stored here (C2-04).
        for text in [&mut self.entry.about, &mut self.entry.detail, &mut self.entry.reason] {
            if let Some(struck) = calls::card::strike_out(text) {
                *text = struck;
            }
        }
        self.entry.fit();
        self.entry
    }
}
