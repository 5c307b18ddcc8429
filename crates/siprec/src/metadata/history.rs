//! Who was in which call and who spoke into which stream, from when to when, by the recorder's own clock.
//!
//! The history is never written directly: after each update the picture says what holds now, and the difference to
//! what held before opens and closes the entries here. So partial and complete documents leave the same history.

use std::collections::HashSet;
use std::hash::Hash;
use std::time::Duration;

use super::merge::ApplyError;
use super::{MAX_HISTORY, Participant, Timestamp};

/// Everything that held at some time. Entries are in the order they began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Every participant ever named, with the latest names, without extensions.
    pub participants: Vec<Participant>,
    /// Who was in which call.
    pub presences: Vec<Presence>,
    /// Who spoke into which stream.
    pub sendings: Vec<StreamAssociation>,
    /// Who heard which stream (A4-11).
    pub hearings: Vec<StreamAssociation>,
}

/// A participant in a communication session, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Participant id.
    pub participant: String,
    /// Session id; `None` when the client binds the party to no session.
    pub session: Option<String>,
    /// When the recorder learned of it, on the clock of [`super::Picture::apply`]'s `arrived`.
    pub from: Duration,
    /// When the recorder learned of its end; `None` while it lasts.
    pub to: Option<Duration>,
    /// The client's own time of joining.
    pub claimed_from: Option<Timestamp>,
    /// The client's own time of leaving, or of the session's stop.
    pub claimed_to: Option<Timestamp>,
}

/// A participant speaking into, or hearing, a stream, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAssociation {
    /// Participant id.
    pub participant: String,
    /// Stream id.
    pub stream: String,
    /// The stream's label.
    pub label: Option<String>,
    /// Index of the m-line that carries the stream; `None` for a stream that is described but not delivered.
    pub line: Option<usize>,
    /// The m-line was found by elimination (A4-09), or an id is used twice (A4-12).
    pub inferred: bool,
    /// When the recorder learned of it.
    pub from: Duration,
    /// When it ended; `None` while it lasts.
    pub to: Option<Duration>,
}

impl StreamAssociation {
    fn key(&self) -> (&str, &str, Option<&str>, Option<usize>, bool) {
        (&self.participant, &self.stream, self.label.as_deref(), self.line, self.inferred)
    }
}

impl Presence {
    fn key(&self) -> (&str, Option<&str>) {
        (&self.participant, self.session.as_deref())
    }
}

/// What holds after an update.
pub(super) struct Now {
    pub(super) presences: Vec<Presence>,
    pub(super) sendings: Vec<StreamAssociation>,
    pub(super) hearings: Vec<StreamAssociation>,
}

impl History {
    /// Entries of `sendings` that last.
    pub fn current_sendings(&self) -> impl Iterator<Item = &StreamAssociation> {
        self.sendings.iter().filter(|entry| entry.to.is_none())
    }

    /// Entries of `hearings` that last.
    pub fn current_hearings(&self) -> impl Iterator<Item = &StreamAssociation> {
        self.hearings.iter().filter(|entry| entry.to.is_none())
    }

    /// Entries of `presences` that last.
    pub fn current_presences(&self) -> impl Iterator<Item = &Presence> {
        self.presences.iter().filter(|entry| entry.to.is_none())
    }

    /// Who spoke on the m-line with that index, in order of time.
    pub fn speakers_on(&self, line: usize) -> impl Iterator<Item = &StreamAssociation> {
        self.sendings.iter().filter(move |entry| entry.line == Some(line))
    }

    /// A participant by id, present or gone.
    #[must_use]
    pub fn participant(&self, id: &str) -> Option<&Participant> {
        self.participants.iter().find(|participant| participant.id == id)
    }

    pub(super) fn update(
        &mut self,
        now: Now,
        at: Duration,
        claimed_to: impl Fn(&Presence) -> Option<Timestamp>,
    ) -> Result<(), ApplyError> {
        diff(
            &mut self.presences,
            now.presences,
            |entry| (entry.key().0.to_owned(), entry.key().1.map(str::to_owned)),
            |entry| entry.to.is_none(),
            |entry| {
                entry.to = Some(at);
                entry.claimed_to = claimed_to(entry);
            },
        )?;
        for (entries, now) in [(&mut self.sendings, now.sendings), (&mut self.hearings, now.hearings)] {
            diff(
                entries,
                now,
                |entry| {
                    let (participant, stream, label, line, inferred) = entry.key();
                    (participant.to_owned(), stream.to_owned(), label.map(str::to_owned), line, inferred)
                },
                |entry| entry.to.is_none(),
                |entry| entry.to = Some(at),
            )?;
        }
        Ok(())
    }
}

/// Closes the open entries that no longer hold and adds those that newly do.
fn diff<T, K: Eq + Hash>(
    entries: &mut Vec<T>,
    now: Vec<T>,
    key: impl Fn(&T) -> K,
    is_open: impl Fn(&T) -> bool,
    close: impl Fn(&mut T),
) -> Result<(), ApplyError> {
    let holds: HashSet<K> = now.iter().map(&key).collect();
    let mut open = HashSet::new();
    for entry in entries.iter_mut().filter(|entry| is_open(entry)) {
        let key = key(entry);
        if holds.contains(&key) {
            open.insert(key);
        } else {
            close(entry);
        }
    }
    for entry in now {
        if !open.insert(key(&entry)) {
            continue;
        }
        if entries.len() == MAX_HISTORY {
            return Err(ApplyError::HistoryFull);
        }
        entries.push(entry);
    }
    Ok(())
}
