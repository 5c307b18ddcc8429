//! How many of its calls a schedule keeps, to the call.
//!
//! Nothing is left to luck: of a percentage a rest is carried from call to call, so that of any calls in a row the number
//! kept is less than one off. Rests and numbers are part of the tracker's state, and what a call changes in them is part
//! of the event that tells of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::hours::Civil;
use super::{Kind, Period, Schedule, Traits};
use crate::id::AgentId;

/// The most spans of a set number that are remembered: a clock that was put wrong and back finds what was counted.
const MAX_SPANS: usize = 16;

/// What a schedule has counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Hundredths of a call that are due: 0 to 99.
    #[serde(default)]
    pub rest: u8,
    /// The same for each agent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub agents: BTreeMap<AgentId, u8>,
    /// How many were kept of each day, or each week.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spans: BTreeMap<i32, u32>,
}

/// What a call changes in a tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// The rest is this now.
    Rest(u8),
    /// An agent's rest is.
    AgentRest(AgentId, u8),
    /// One more was kept of this span.
    Kept(i32),
}

/// What a schedule says of a call that it takes, before chance has its say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighed {
    /// Whether it would keep it.
    pub kept: bool,
    /// What the call changes in the tally, if it is as said.
    pub counted: Option<Counted>,
    /// More on that, to come after the schedule's name.
    pub says: String,
}

impl Tally {
    /// Takes in what a call changes.
    pub fn count(&mut self, counted: Counted) {
        match counted {
            Counted::Rest(rest) => self.rest = rest,
            Counted::AgentRest(agent, rest) => drop(self.agents.insert(agent, rest)),
            Counted::Kept(span) => {
                let kept = self.spans.entry(span).or_default();
                *kept = kept.saturating_add(1);
                let farthest = |spans: &BTreeMap<i32, u32>| {
                    spans.keys().copied().max_by_key(|other| other.abs_diff(span))
                };
                while self.spans.len() > MAX_SPANS
                    && let Some(far) = farthest(&self.spans)
                {
                    self.spans.remove(&far);
                }
            }
        }
    }
}

impl Schedule {
    /// What it says of a call that it takes; `civil` is what the clocks of its zone showed when the call began.
    pub fn weigh(&self, tally: &Tally, call: &Traits, civil: impl FnOnce() -> Option<Civil>) -> Weighed {
        match self.terms.kind {
            Kind::Percentage { percent } => {
                let (kept, rest) = due(tally.rest, percent);
                weighed(kept, Counted::Rest(rest), || {
                    format!(" keeps {percent} % of its calls, and this is none of them")
                })
            }
            Kind::AgentPercentage { percent } => {
                let agent = Self::agent_of(call);
                let (kept, rest) = due(tally.agents.get(&agent).copied().unwrap_or(0), percent);
                weighed(kept, Counted::AgentRest(agent, rest), || {
                    format!(" keeps {percent} % of each agent's calls, and this is none of them")
                })
            }
            Kind::SetNumber { count, per } => {
                let (span, of) = match per {
                    Period::Day => (civil().map_or(0, |civil| civil.day), " of today"),
                    Period::Week => (civil().map_or(0, Civil::week), " of this week"),
                    Period::Life => (0, ""),
                };
                let before = tally.spans.get(&span).copied().unwrap_or(0);
                let kept = before < count;
                let says = if kept {
                    format!(", {} of its {count}{of}", before + 1)
                } else {
                    format!(" has its {count}{of}")
                };
                Weighed { kept, counted: kept.then_some(Counted::Kept(span)), says }
            }
            Kind::ApiInitiated | Kind::OnDemand => Weighed {
                kept: false,
                counted: None,
                says: " keeps on demand, and nobody has asked".to_owned(),
            },
        }
    }
}

/// Whether a call is due, and what rest remains.
fn due(rest: u8, percent: u8) -> (bool, u8) {
    let sum = u16::from(rest) + u16::from(percent);
    let kept = sum >= 100;
    let left = if kept { sum - 100 } else { sum };
    (kept, u8::try_from(left).unwrap_or(99))
}

fn weighed(kept: bool, counted: Counted, declined: impl FnOnce() -> String) -> Weighed {
    let says = if kept { String::new() } else { declined() };
    Weighed { kept, counted: Some(counted), says }
}
