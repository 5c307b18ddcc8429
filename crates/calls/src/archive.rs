//! How long a recording is kept, and what becomes of it then (wfo-api section 5.3).
//!
//! Both are fixed when a recording is started: what is changed in a schedule or in the settings later concerns later
//! recordings. Only a command that writes `keepdays` or `archiveaction` changes them for one call (section 9 row 20).
//!
//! Belongs here: the records and what overrides what. Does not: carrying it out, which the server does once the days
//! are over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::field::{Field, Fields};
use crate::id::{ArchiveActionId, ScheduleId};

/// The most archive actions there may be.
pub const MAX_ARCHIVE_ACTIONS: usize = 1_000;

/// The most bytes of UTF-8 the name of a schedule, an action or a target may have.
pub const MAX_NAME_BYTES: usize = 200;

/// The most days anything is counted in: a hundred years.
pub const MAX_DAYS: u32 = 36_500;

/// What an archive action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveKind {
    /// The recording is deleted.
    Purge,
    /// It is moved to the target, and found there from then on.
    Normal,
    /// It is copied to the target; nothing else changes.
    Copy,
    /// It is copied to the target, with what is known of it.
    Backup,
}

impl ArchiveKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Purge, Self::Normal, Self::Copy, Self::Backup];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Purge => "purge",
            Self::Normal => "normal",
            Self::Copy => "copy",
            Self::Backup => "backup",
        }
    }
}

/// What comes after an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextAction {
    /// The action.
    pub action: ArchiveActionId,
    /// How many days later.
    pub after_days: u32,
}

/// What becomes of a recording when its days are over. Edited and made inactive, never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveAction {
    /// Its number: `archive_action_id` of the WFO family.
    pub id: ArchiveActionId,
    /// Its name, for people.
    pub name: String,
    /// What it does.
    pub kind: ArchiveKind,
    /// The name of an archive target of the settings; all but [`ArchiveKind::Purge`] have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What comes after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextAction>,
    /// Whether it may be chosen. What was chosen before stays.
    pub active: bool,
}

/// Why an archive action is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionFault {
    /// Another [`ArchiveActionId::PURGE`].
    #[error(
        "archive action {} is the built-in Purge and stays as it is; put the action under another id",
        ArchiveActionId::PURGE
    )]
    BuiltIn,
    /// No name, or one that is too long.
    #[error("an archive action has a name of 1 to {MAX_NAME_BYTES} bytes; this one has {bytes}")]
    Name {
        /// How many bytes came.
        bytes: usize,
    },
    /// No target where there must be one.
    #[error("an archive action of the kind {} needs a target: the name of an archive target of the settings", .0.as_str())]
    NoTarget(ArchiveKind),
    /// A target where there can be none, or whose name is too long.
    #[error("target must be left out of a purge, and be a name of at most {MAX_NAME_BYTES} bytes otherwise")]
    Target,
    /// Nothing is left to act on.
    #[error("nothing is left after a purge; leave next out")]
    AfterPurge,
    /// The next action does not exist.
    #[error("next names archive action {0}, and there is none; put that one first")]
    UnknownNext(ArchiveActionId),
    /// More than [`MAX_DAYS`].
    #[error("next comes after {0} days; 0 to {MAX_DAYS} are right")]
    Days(u32),
    /// The actions would follow each other for ever.
    #[error("next leads from archive action {0} back to it; a row of actions must end")]
    Ring(ArchiveActionId),
    /// Recordings may wait for it, and would be erased against what was fixed when they began.
    #[error(
        "recordings may wait for archive action {0}, and so it would erase them, or erase them sooner than it does; what an action \
         erases is fixed when it is made: make another, and have schedules name that one"
    )]
    Sooner(ArchiveActionId),
    /// More than [`MAX_ARCHIVE_ACTIONS`].
    #[error("no more than {MAX_ARCHIVE_ACTIONS} archive actions can be known")]
    TooMany,
}

impl ActionFault {
    /// The part of the action that is at fault.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::BuiltIn | Self::TooMany => "id",
            Self::Name { .. } => "name",
            Self::NoTarget(_) | Self::Target => "target",
            Self::Sooner(_) => "kind",
            Self::AfterPurge | Self::UnknownNext(_) | Self::Days(_) | Self::Ring(_) => "next",
        }
    }
}

/// All archive actions, by id. The built-in Purge is always among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArchiveActions(BTreeMap<ArchiveActionId, ArchiveAction>);

impl Default for ArchiveActions {
    fn default() -> Self {
        let purge = ArchiveAction {
            id: ArchiveActionId::PURGE,
            name: "Purge".to_owned(),
            kind: ArchiveKind::Purge,
            target: None,
            next: None,
            active: true,
        };
        Self([(purge.id, purge)].into())
    }
}

impl ArchiveActions {
    /// An action by its id.
    pub fn get(&self, id: ArchiveActionId) -> Option<&ArchiveAction> {
        self.0.get(&id)
    }

    /// Every action, by id.
    pub fn iter(&self) -> impl Iterator<Item = &ArchiveAction> {
        self.0.values()
    }

    /// An id that no action has.
    pub fn free_id(&self) -> ArchiveActionId {
        let last = self.0.keys().next_back().map_or(0, |last| last.0);
        ArchiveActionId(last.saturating_add(1))
    }

    pub(crate) fn insert(&mut self, action: ArchiveAction) {
        self.0.insert(action.id, action);
    }

    /// Whether an action may be put, new or in place of the one with its id.
    ///
    /// # Errors
    /// [`ActionFault`], saying what would be right.
    pub fn check(&self, action: &ArchiveAction) -> Result<(), ActionFault> {
        if self.get(action.id) == Some(action) {
            return Ok(());
        }
        if action.id == ArchiveActionId::PURGE || action.id.0 == 0 {
            return Err(ActionFault::BuiltIn);
        }
        if action.name.trim().is_empty() || action.name.len() > MAX_NAME_BYTES {
            return Err(ActionFault::Name { bytes: action.name.len() });
        }
        let target = action.target.as_deref().map(str::trim);
        match (action.kind, target) {
            (ArchiveKind::Purge, Some(_)) => return Err(ActionFault::Target),
            (ArchiveKind::Purge, None) if action.next.is_some() => return Err(ActionFault::AfterPurge),
            (ArchiveKind::Purge, None) => {}
            (kind, None | Some("")) => return Err(ActionFault::NoTarget(kind)),
            (_, Some(target)) if target.len() > MAX_NAME_BYTES => return Err(ActionFault::Target),
            (_, Some(_)) => {}
        }
        self.check_row(action)?;
        if self.get(action.id).is_some_and(|known| self.is_sooner(action, known)) {
            return Err(ActionFault::Sooner(action.id));
        }
        if !self.0.contains_key(&action.id) && self.0.len() >= MAX_ARCHIVE_ACTIONS {
            return Err(ActionFault::TooMany);
        }
        Ok(())
    }

    /// Whether a recording goes sooner by the one than by the other. A recording that waits for an action before it, in a row, does
    /// so if and only if this is so.
    fn is_sooner(&self, action: &ArchiveAction, known: &ArchiveAction) -> bool {
        match (self.erases_after(action), self.erases_after(known)) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(days), Some(before)) => days < before,
        }
    }

    /// How many days after this action has run a recording is erased; `None` if it never is.
    fn erases_after(&self, action: &ArchiveAction) -> Option<u64> {
        let (mut action, mut days) = (action, 0);
        while action.kind != ArchiveKind::Purge {
            let next = action.next?;
            days += u64::from(next.after_days);
            action = self.get(next.action)?;
        }
        Some(days)
    }

    /// Whether the row of actions that begins with this one ends.
    fn check_row(&self, action: &ArchiveAction) -> Result<(), ActionFault> {
        let mut next = action.next;
        // What is known already has no ring, so one leads through the action.
        while let Some(NextAction { action: id, after_days }) = next {
            if after_days > MAX_DAYS {
                return Err(ActionFault::Days(after_days));
            }
            if id == action.id {
                return Err(ActionFault::Ring(action.id));
            }
            next = self.get(id).ok_or(ActionFault::UnknownNext(id))?.next;
        }
        Ok(())
    }
}

/// How long something is kept, and what becomes of it then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keeping {
    /// Days from the end of the call; `None` for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u32>,
    /// What is done when they are over.
    pub archive_action: ArchiveActionId,
}

impl Default for Keeping {
    /// For ever.
    fn default() -> Self {
        Self { keep_days: None, archive_action: ArchiveActionId::PURGE }
    }
}

/// A schedule by number and name, as it was when it decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleName {
    /// Its number.
    pub id: ScheduleId,
    /// Its name.
    pub name: String,
}

/// What holds for a recording, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Retention {
    /// The schedule that had the call kept; `None` if the settings did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleName>,
    /// Days from the end of the call that it is kept; `None` for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u32>,
    /// What is done when they are over.
    #[serde(default)]
    pub archive_action: ArchiveActionId,
    /// Whether a command said otherwise than schedule and settings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overridden: bool,
    /// What schedule or settings said: what -1 goes back to.
    #[serde(default)]
    pub inherited: Keeping,
}

impl Retention {
    /// As schedule or settings say.
    pub fn inherit(schedule: Option<ScheduleName>, inherited: Keeping) -> Self {
        let Keeping { keep_days, archive_action } = inherited;
        Self { schedule, keep_days, archive_action, overridden: false, inherited }
    }

    /// The same under what commands have written into the call's fields: `keepdays` and `archiveaction`, where -1 and
    /// nothing at all inherit, and 0 days are over at once (wfo-api section 9 row 20).
    #[must_use]
    pub fn under(&self, tagged: &Fields) -> Self {
        let said = |field| tagged.get(&field).and_then(|value| value.parse::<u32>().ok());
        let (days, action) = (said(Field::KeepDays), said(Field::ArchiveAction));
        Self {
            schedule: self.schedule.clone(),
            keep_days: days.or(self.inherited.keep_days),
            archive_action: action.map_or(self.inherited.archive_action, ArchiveActionId),
            overridden: days.is_some() || action.is_some(),
            inherited: self.inherited,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn action(id: u32, next: Option<u32>) -> ArchiveAction {
        let next = next.map(|next| NextAction { action: ArchiveActionId(next), after_days: 30 });
        let target = Some("vault".to_owned());
        let (name, kind) = (format!("to the vault {id}"), ArchiveKind::Copy);
        ArchiveAction { id: ArchiveActionId(id), name, kind, target, next, active: true }
    }

    #[test]
    fn purge_is_always_there_and_stays_as_it_is() {
        let actions = ArchiveActions::default();
        let purge = actions.get(ArchiveActionId::PURGE).unwrap().clone();
        assert_eq!(actions.check(&purge), Ok(()));
        let inactive = ArchiveAction { active: false, ..purge };
        assert_eq!(actions.check(&inactive), Err(ActionFault::BuiltIn));
        assert_eq!(actions.free_id(), ArchiveActionId(2));
    }

    #[test]
    fn no_action_is_made_to_erase_what_waits_for_it_or_to_erase_it_sooner() {
        let mut actions = ArchiveActions::default();
        let days = |action: ArchiveAction, after_days| {
            let next = action.next.map(|next| NextAction { after_days, ..next });
            ArchiveAction { next, ..action }
        };
        for known in [action(2, None), action(3, Some(1)), action(4, Some(3))] {
            actions.insert(known);
        }
        let purge =
            |id| ArchiveAction { kind: ArchiveKind::Purge, target: None, next: None, ..action(id, None) };
        for sooner in [
            purge(2),
            purge(3),
            action(2, Some(1)),
            action(2, Some(3)),
            days(action(3, Some(1)), 29),
            days(action(4, Some(3)), 29),
            days(action(4, Some(1)), 59),
        ] {
            assert_eq!(actions.check(&sooner), Err(ActionFault::Sooner(sooner.id)), "{sooner:?}");
        }
        let moved = ArchiveAction { kind: ArchiveKind::Normal, ..action(2, None) };
        for as_late in [
            moved,
            action(3, None),
            days(action(3, Some(1)), 31),
            days(action(4, Some(1)), 60),
            action(4, Some(2)),
            ArchiveAction { active: false, ..action(3, Some(1)) },
            purge(5),
        ] {
            assert_eq!(actions.check(&as_late), Ok(()), "{as_late:?}");
        }
    }

    #[test]
    fn each_fault_names_the_part_that_is_at_fault() {
        let mut actions = ArchiveActions::default();
        actions.insert(action(2, Some(1)));
        let good = action(3, Some(2));
        assert_eq!(actions.check(&good), Ok(()));
        let purge = |good: &ArchiveAction| ArchiveAction { kind: ArchiveKind::Purge, ..good.clone() };
        let wrong = [
            (ArchiveAction { id: ArchiveActionId(0), ..good.clone() }, "id"),
            (ArchiveAction { name: " ".into(), ..good.clone() }, "name"),
            (ArchiveAction { name: "n".repeat(201), ..good.clone() }, "name"),
            (ArchiveAction { target: None, ..good.clone() }, "target"),
            (ArchiveAction { target: Some(" ".into()), ..good.clone() }, "target"),
            (purge(&good), "target"),
            (ArchiveAction { target: None, ..purge(&good) }, "next"),
            (action(3, Some(9)), "next"),
            (action(3, Some(3)), "next"),
        ];
        for (action, field) in wrong {
            assert_eq!(actions.check(&action).unwrap_err().field(), field, "{action:?}");
        }
        let many = NextAction { action: ArchiveActionId(2), after_days: MAX_DAYS + 1 };
        let far = ArchiveAction { next: Some(many), ..good };
        assert_eq!(actions.check(&far), Err(ActionFault::Days(MAX_DAYS + 1)));
    }

    #[test]
    fn a_ring_of_actions_is_refused_however_long() {
        let mut actions = ArchiveActions::default();
        for id in 2..50 {
            actions.insert(action(id, Some(id - 1)));
        }
        assert_eq!(actions.check(&action(2, Some(49))), Err(ActionFault::Ring(ArchiveActionId(2))));
        assert_eq!(actions.check(&action(50, Some(49))), Ok(()));
    }

    #[test]
    fn more_actions_than_can_be_known_are_refused() {
        let mut actions = ArchiveActions::default();
        let last = u32::try_from(MAX_ARCHIVE_ACTIONS).unwrap();
        (2..=last).for_each(|id| actions.insert(action(id, None)));
        assert_eq!(actions.check(&action(last + 1, None)), Err(ActionFault::TooMany));
        let edited = ArchiveAction { active: false, ..action(last, None) };
        assert_eq!(actions.check(&edited), Ok(()), "one that is known is edited");
    }

    fn written(days: Option<i32>, action: Option<i32>) -> Fields {
        let pairs = [(Field::KeepDays, days), (Field::ArchiveAction, action)];
        pairs.into_iter().filter_map(|(field, value)| Some((field, value?.to_string()))).collect()
    }

    #[test]
    fn what_a_command_writes_beats_the_schedule_and_minus_one_goes_back_to_it() {
        let keeping = Keeping { keep_days: Some(90), archive_action: ArchiveActionId(3) };
        let retention = Retention::inherit(None, keeping);
        let at_once = retention.under(&written(Some(0), None));
        assert_eq!((at_once.keep_days, at_once.archive_action.0, at_once.overridden), (Some(0), 3, true));
        let other = at_once.under(&written(Some(-1), Some(1)));
        assert_eq!((other.keep_days, other.archive_action.0, other.overridden), (Some(90), 1, true));
        assert_eq!(other.under(&written(Some(-1), Some(-1))), retention);
        assert_eq!(other.under(&Fields::new()), retention);
    }

    proptest! {
        #[test]
        fn retention_reads_back_from_json_and_from_nothing(days in proptest::option::of(any::<u32>()), said in -1..9_i32) {
            let keeping = Keeping { keep_days: days, archive_action: ArchiveActionId(2) };
            let retention = Retention::inherit(None, keeping).under(&written(Some(said), None));
            let json = serde_json::to_string(&retention).unwrap();
            prop_assert_eq!(serde_json::from_str::<Retention>(&json).unwrap(), retention);
            prop_assert_eq!(serde_json::from_str::<Retention>("{}").unwrap(), Retention::default());
        }
    }
}
