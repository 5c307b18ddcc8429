//! What is to be done to a recording, and when: pure, without clock and files.
//!
//! Belongs here: the row of archive actions, day by day; the order of precedence (C6). Does not: holds that are placed while
//! something is done, which the index asks in the transaction that does it.

use std::time::Duration;

use calls::archive::{ArchiveActions, ArchiveKind};
use calls::id::ArchiveActionId;
use calls::time::Wall;
use index::TransferKind;

const DAY: Duration = Duration::from_secs(86_400);

/// So many days after an instant, each of 86,400 seconds.
pub fn days_after(at: Wall, days: u32) -> Wall {
    at.after(DAY.saturating_mul(days))
}

/// What an archive action does to a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is marked to be erased.
    Mark,
    /// Its file goes to an archive.
    Transfer(TransferKind, String),
}

/// The action that comes after one that has run, and when.
pub type Next = Option<(ArchiveActionId, Wall)>;

/// What an action does; `None` if there is no such action, or one without the target it needs: then nothing is done.
///
/// Whether an action is active does not matter: what was chosen before stays (wfo-api section 5.3).
pub fn step(actions: &ArchiveActions, action: ArchiveActionId) -> Option<Step> {
    let action = actions.get(action)?;
    let to = |kind| Some(Step::Transfer(kind, action.target.clone()?));
    match action.kind {
        ArchiveKind::Purge => Some(Step::Mark),
        ArchiveKind::Normal => to(TransferKind::Move),
        ArchiveKind::Copy => to(TransferKind::Copy),
        ArchiveKind::Backup => to(TransferKind::Backup),
    }
}

/// What comes after an action that has run at `at`. A row of actions that ends leaves the recording where it is.
pub fn next(actions: &ArchiveActions, action: ArchiveActionId, at: Wall) -> Next {
    let next = actions.get(action)?.next?;
    Some((next.action, days_after(at, next.after_days)))
}

/// The numbers of the actions that mark, and of those that bring something to an archive, by what they do now.
pub fn by_kind(actions: &ArchiveActions) -> (Vec<i64>, Vec<i64>) {
    let (purges, others): (Vec<_>, Vec<_>) =
        actions.iter().partition(|action| action.kind == ArchiveKind::Purge);
    let ids = |actions: Vec<&calls::archive::ArchiveAction>| {
        actions.into_iter().map(|action| i64::from(action.id.0)).collect()
    };
    (ids(purges), ids(others))
}

/// Why a recording stays although somebody wants it erased, or its days are over (C6: legal hold before statutory minimum
/// before erasure request before the operator's days).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stays {
    /// A hold holds it: its number.
    Held(i64),
    /// It is younger than what the law demands: until then.
    Young(Wall),
}

/// Whether a recording that ended at `ended` may be erased at `now`.
///
/// # Errors
/// [`Stays`], what comes first in the order of precedence.
pub fn may_go(holds: &[i64], ended: Wall, minimum_days: u32, now: Wall) -> Result<(), Stays> {
    if let Some(hold) = holds.first() {
        return Err(Stays::Held(*hold));
    }
    let old_enough = days_after(ended, minimum_days);
    // Without a minimum it does not matter what time it is.
    if minimum_days > 0 && now < old_enough { Err(Stays::Young(old_enough)) } else { Ok(()) }
}

/// A recording as retention sees it: for whoever plays years in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// When it ended.
    pub ended: Wall,
    /// What is next, and when; `None` for ever.
    pub next: Next,
    /// Not erased before this, once it is marked.
    pub erase: Option<Wall>,
    /// Holds that hold it.
    pub holds: Vec<i64>,
    /// The archive its file is in.
    pub place: Option<String>,
    /// Archives that have another one.
    pub copies: Vec<String>,
    /// That it was erased.
    pub erased: Option<Wall>,
}

/// What happened to a recording in one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It was brought to an archive by this action.
    Transferred(ArchiveActionId, TransferKind, String),
    /// It was marked by this action.
    Marked(ArchiveActionId),
    /// Its mark was taken away: a hold holds it.
    Restored,
    /// It was erased.
    Erased,
}

/// What is told to every look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long a mark stands before it is carried out (C7-03).
    pub grace: Duration,
    /// No recording is erased before it is so old.
    pub minimum_days: u32,
}

impl Life {
    /// A recording that ended, and is kept for so many days.
    pub fn new(ended: Wall, keep_days: Option<u32>, action: ArchiveActionId) -> Self {
        let next = keep_days.map(|days| (action, days_after(ended, days)));
        Self { ended, next, erase: None, holds: Vec::new(), place: None, copies: Vec::new(), erased: None }
    }

    /// The one thing that is to be done at `now`, if there is one; it is done when this returns. Ask until there is none.
    pub fn look(&mut self, actions: &ArchiveActions, terms: Terms, now: Wall) -> Option<Done> {
        if self.erased.is_some() {
            return None;
        }
        if let Some(erase) = self.erase {
            if !self.holds.is_empty() {
                self.erase = None;
                return Some(Done::Restored);
            }
            if now < erase || may_go(&self.holds, self.ended, terms.minimum_days, now).is_err() {
                return None;
            }
            self.erased = Some(now);
            return Some(Done::Erased);
        }
        let (action, due) = self.next?;
        // What a hold holds stays as it is.
        if now < due || !self.holds.is_empty() {
            return None;
        }
        match step(actions, action)? {
            Step::Mark => {
                may_go(&self.holds, self.ended, terms.minimum_days, now).ok()?;
                self.erase = Some(now.after(terms.grace));
                Some(Done::Marked(action))
            }
            Step::Transfer(kind, target) => {
                match kind {
                    TransferKind::Move => self.place = Some(target.clone()),
                    TransferKind::Copy | TransferKind::Backup => self.copies.push(target.clone()),
                }
                self.next = next(actions, action, now);
                Some(Done::Transferred(action, kind, target))
            }
        }
    }
}

#[cfg(test)]
mod day;
#[cfg(test)]
mod tests;
