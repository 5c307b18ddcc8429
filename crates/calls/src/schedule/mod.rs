//! A schedule: a rule that says which calls are kept (product decision 9, wfo-api sections 5.1 and 5.3).
//!
//! Of the schedules that are for a call the one of the highest priority takes it, of equal ones the earliest made, and
//! what it says holds: a call that it does not keep falls to no other.
//!
//! Belongs here: the record, which calls it is for, how many of them it keeps. Does not: when a call is asked about
//! ([`crate::tracker`]), lists of zones (the shell).

pub mod hours;
pub mod number;
mod rule;
mod tally;

use serde::{Deserialize, Serialize};

use crate::archive::{Keeping, MAX_DAYS, MAX_NAME_BYTES, ScheduleName};
use crate::id::{AgentId, ArchiveActionId, ScheduleId};
use crate::time::Wall;
use hours::Civil;
pub use rule::{Direction, MatchRule, Traits};
pub use tally::{Counted, Tally, Weighed};

/// The most schedules there may be.
pub const MAX_SCHEDULES: usize = 200;

/// The most entries of one condition.
pub const MAX_CONDITION: usize = 1_000;

/// The most bytes of UTF-8 a description has.
pub const MAX_DESCRIPTION_BYTES: usize = 2_000;

/// The highest chance: every draw is below it.
pub const CERTAIN: u8 = 100;

/// How a schedule chooses among the calls it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    deny_unknown_fields,
    expecting = "an object with its type, such as {\"type\": \"percentage\", \"percent\": 20}"
)]
pub enum Kind {
    /// The first so many.
    SetNumber {
        /// How many.
        count: u32,
        /// Of what span.
        per: Period,
    },
    /// So many of a hundred, spread evenly.
    Percentage {
        /// 0 to 100.
        percent: u8,
    },
    /// The same of each agent's.
    AgentPercentage {
        /// 0 to 100.
        percent: u8,
    },
    /// Those that a command starts; it takes no other.
    ApiInitiated,
    /// Those that a command asks for; it takes the others too, and does not keep them.
    OnDemand,
}

impl Kind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SetNumber { .. } => "set_number",
            Self::Percentage { .. } => "percentage",
            Self::AgentPercentage { .. } => "agent_percentage",
            Self::ApiInitiated => "api_initiated",
            Self::OnDemand => "on_demand",
        }
    }

    /// Whether it is there for calls that a command keeps.
    pub const fn is_by_command(self) -> bool {
        matches!(self, Self::ApiInitiated | Self::OnDemand)
    }
}

/// A span in which a set number is counted, as the calendar of the schedule's zone has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday.
    Week,
    /// As long as the schedule is there.
    Life,
}

/// What somebody writes into a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// For people; several may have the same.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Whose it is.
    #[serde(default)]
    pub owner: String,
    /// How it chooses.
    pub kind: Kind,
    /// Which calls it is for.
    #[serde(default)]
    pub rule: MatchRule,
    /// A call that it would keep draws a number from 0 to 100, and is kept if that is not above this.
    pub probability: u8,
    /// The highest counts.
    pub priority: i32,
    /// The first instant at which calls may begin that it is for.
    pub starts: Wall,
    /// The first after it; `None` never expires.
    #[serde(default)]
    pub ends: Option<Wall>,
    /// The zone of its hours, days and weeks, by IANA name.
    pub zone: String,
    /// How long what it keeps is kept, and what becomes of it then.
    pub keeping: Keeping,
    /// Whether it counts at all.
    pub active: bool,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its number. That of a schedule that was removed is not given again.
    pub id: ScheduleId,
    /// When it was made.
    pub created: Wall,
    /// What it says.
    pub terms: Terms,
}

/// Why a schedule is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleFault {
    /// No name, or one that is too long.
    #[error("a schedule has a name of 1 to {MAX_NAME_BYTES} bytes")]
    Name,
    /// Too long.
    #[error("a description has at most {MAX_DESCRIPTION_BYTES} bytes")]
    Description,
    /// Too long.
    #[error("an owner has at most {MAX_NAME_BYTES} bytes")]
    Owner,
    /// More than all.
    #[error("percent must be a whole number from 0 to 100")]
    Percent,
    /// None at all.
    #[error("count must be a whole number from 1 on")]
    Count,
    /// More than certain.
    #[error("probability must be a whole number from 0 to {CERTAIN}")]
    Probability,
    /// It would never be in force.
    #[error("ends must be later than starts")]
    Ends,
    /// No such zone.
    #[error("\"{0}\" is no time zone; a name such as Europe/Berlin, or UTC, is")]
    Zone(String),
    /// More than [`MAX_DAYS`].
    #[error("0 to {MAX_DAYS} days can be kept; leave keep_days out to keep for ever")]
    KeepDays,
    /// No such archive action, or one that is not to be chosen any more.
    #[error(
        "archive_action {0} is none that can be chosen; GET /v1/archive-actions lists those that are active"
    )]
    ArchiveAction(ArchiveActionId),
    /// More than [`MAX_CONDITION`].
    #[error("{0} has more than {MAX_CONDITION} entries")]
    Condition(&'static str),
    /// Hours without length.
    #[error("from and to of hours are the same; 00:00 to 24:00 is a whole day")]
    Hours,
}

impl ScheduleFault {
    /// The part of the schedule that is at fault.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Description => "description",
            Self::Owner => "owner",
            Self::Percent => "kind.percent",
            Self::Count => "kind.count",
            Self::Probability => "probability",
            Self::Ends => "ends",
            Self::Zone(_) => "zone",
            Self::KeepDays => "keep_days",
            Self::ArchiveAction(_) => "archive_action",
            Self::Condition(field) => field,
            Self::Hours => "match.hours",
        }
    }
}

impl Terms {
    /// Whether they say what can be, but for zone and archive action, of which others know.
    ///
    /// # Errors
    /// [`ScheduleFault`], saying what would be right.
    pub fn check(&self) -> Result<(), ScheduleFault> {
        if self.name.trim().is_empty() || self.name.len() > MAX_NAME_BYTES {
            return Err(ScheduleFault::Name);
        }
        if self.description.len() > MAX_DESCRIPTION_BYTES {
            return Err(ScheduleFault::Description);
        }
        if self.owner.len() > MAX_NAME_BYTES {
            return Err(ScheduleFault::Owner);
        }
        match self.kind {
            Kind::Percentage { percent } | Kind::AgentPercentage { percent } if percent > 100 => {
                return Err(ScheduleFault::Percent);
            }
            Kind::SetNumber { count: 0, .. } => return Err(ScheduleFault::Count),
            _ => {}
        }
        if self.probability > CERTAIN {
            return Err(ScheduleFault::Probability);
        }
        if self.ends.is_some_and(|ends| ends <= self.starts) {
            return Err(ScheduleFault::Ends);
        }
        if self.keeping.keep_days.is_some_and(|days| days > MAX_DAYS) {
            return Err(ScheduleFault::KeepDays);
        }
        self.check_rule()
    }

    fn check_rule(&self) -> Result<(), ScheduleFault> {
        let rule = &self.rule;
        let sizes = [
            ("match.agents", rule.agents.len()),
            ("match.business_units", rule.business_units.len()),
            ("match.gates", rule.gates.len()),
            ("match.skill_groups", rule.skill_groups.len()),
            ("match.ani", rule.ani.len()),
            ("match.dnis", rule.dnis.len()),
            ("match.trunks", rule.trunks.len()),
            ("match.devices", rule.devices.len()),
            ("match.hours", rule.hours.len()),
        ];
        if let Some((field, _)) = sizes.into_iter().find(|(_, size)| *size > MAX_CONDITION) {
            return Err(ScheduleFault::Condition(field));
        }
        if rule.hours.iter().any(|hours| hours.from == hours.to) {
            return Err(ScheduleFault::Hours);
        }
        Ok(())
    }
}

impl Schedule {
    /// Number and name.
    pub fn named(&self) -> ScheduleName {
        ScheduleName { id: self.id, name: self.terms.name.clone() }
    }

    /// Orders schedules so that the first that is for a call takes it.
    pub fn rank(&self) -> impl Ord + use<> {
        (std::cmp::Reverse(self.terms.priority), self.created, self.id)
    }

    /// The first condition that does not hold for a call that began at `began`, when clocks in the schedule's zone
    /// showed `civil`; `None` if it is for the call.
    pub fn first_failed(
        &self,
        call: &Traits,
        began: Wall,
        civil: impl FnOnce() -> Option<Civil>,
    ) -> Option<String> {
        let terms = &self.terms;
        if !terms.active {
            return Some("it is not active".to_owned());
        }
        if began < terms.starts {
            return Some("it has not begun".to_owned());
        }
        if terms.ends.is_some_and(|ends| began >= ends) {
            return Some("it is over".to_owned());
        }
        if matches!(terms.kind, Kind::AgentPercentage { .. }) && call.agents.is_empty() {
            return Some("no agent is known".to_owned());
        }
        terms.rule.first_failed(call, civil)
    }

    /// The agent whose percentage counts: of several, the first.
    fn agent_of(call: &Traits) -> AgentId {
        call.agents.first().copied().unwrap_or(AgentId(0))
    }
}

#[cfg(test)]
mod tests;
