//! Which calls a schedule is for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::hours::{Civil, Hours};
use super::number::NumberPattern;
use crate::id::AgentId;

/// Which way a call goes, seen from the contact centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// `I` on the WFO wire.
    #[serde(alias = "I")]
    Inbound,
    /// `O` on the WFO wire.
    #[serde(alias = "O")]
    Outbound,
}

impl Direction {
    /// Reads the letter of the WFO wire.
    pub fn from_letter(letter: &str) -> Option<Self> {
        match letter {
            "I" => Some(Self::Inbound),
            "O" => Some(Self::Outbound),
            _ => None,
        }
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// What schedules look at of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traits {
    /// The agents it is tied to.
    pub agents: Vec<AgentId>,
    /// Its business unit: the first agent's, else the trunk's; 0 where there is none.
    pub business_unit: i64,
    /// The ACD queue.
    pub gate: String,
    /// The switch's skill group.
    pub skill_group: String,
    /// The calling number.
    pub ani: String,
    /// The number called.
    pub dnis: String,
    /// Which way it goes, if that is known.
    pub direction: Option<Direction>,
    /// The trunk it came by.
    pub trunk: String,
    /// The phone it is on.
    pub device: String,
}

/// Which calls a schedule is for: those for which every condition holds. A condition that names nothing holds for all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MatchRule {
    /// One of these agents is in it, by their own numbers.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub agents: BTreeSet<AgentId>,
    /// It is of one of these business units.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub business_units: BTreeSet<i64>,
    /// It came by one of these ACD queues; compared exactly.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub gates: BTreeSet<String>,
    /// It is of one of these skill groups; compared exactly.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub skill_groups: BTreeSet<String>,
    /// The calling number is one of these.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub ani: BTreeSet<NumberPattern>,
    /// The number called is one of these.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub dnis: BTreeSet<NumberPattern>,
    /// It goes this way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// It came by one of these trunks, by their names in the settings.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub trunks: BTreeSet<String>,
    /// It is on one of these phones; compared exactly.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub devices: BTreeSet<String>,
    /// It began in one of these hours.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<Hours>,
}

impl MatchRule {
    /// The first condition that does not hold for a call, as a sentence; `civil` is what the clocks showed when it began.
    pub fn first_failed(&self, call: &Traits, civil: impl FnOnce() -> Option<Civil>) -> Option<String> {
        let agents = call.agents.iter().any(|agent| self.agents.contains(agent));
        if !self.agents.is_empty() && !agents {
            return Some(match call.agents.as_slice() {
                [] => "no agent is known".to_owned(),
                [agent, ..] => format!("agent {agent} is not among its agents"),
            });
        }
        if !self.business_units.is_empty() && !self.business_units.contains(&call.business_unit) {
            return Some(format!("business unit {} is not among its business units", call.business_unit));
        }
        let named = [
            ("gate", "gates", &self.gates, &call.gate),
            ("skill group", "skill groups", &self.skill_groups, &call.skill_group),
            ("trunk", "trunks", &self.trunks, &call.trunk),
            ("device", "devices", &self.devices, &call.device),
        ];
        for (one, many, wanted, value) in named {
            if !wanted.is_empty() && !wanted.contains(value) {
                return Some(failed(one, many, value));
            }
        }
        for (name, wanted, value) in [("ani", &self.ani, &call.ani), ("dnis", &self.dnis, &call.dnis)] {
            if !wanted.is_empty() && !wanted.iter().any(|pattern| pattern.fits(value)) {
                return Some(failed(name, name, value));
            }
        }
        match (self.direction, call.direction) {
            (Some(_), None) => return Some("its direction is not known".to_owned()),
            (Some(wanted), Some(direction)) if wanted != direction => {
                return Some(format!("it is {}, not {}", direction.as_str(), wanted.as_str()));
            }
            _ => {}
        }
        if self.hours.is_empty() {
            return None;
        }
        match civil() {
            None => Some("its zone is not known".to_owned()),
            Some(civil) if self.hours.iter().any(|hours| hours.contains(civil)) => None,
            Some(Civil { minute, .. }) => {
                Some(format!("{:02}:{:02} is in none of its hours", minute / 60, minute % 60))
            }
        }
    }
}

fn failed(one: &str, many: &str, value: &str) -> String {
    if value.is_empty() {
        format!("its {one} is not known")
    } else {
        format!("{one} {value} is not among its {many}")
    }
}
