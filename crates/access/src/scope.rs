//! Whose calls somebody may do something to.

use std::collections::BTreeSet;

/// Whose calls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scope {
    /// Everybody's.
    #[default]
    All,
    /// Those of these business units, and those of these agents.
    Only {
        /// Business units, as agents and trunks have them.
        units: BTreeSet<i64>,
        /// Agents, by their own numbers.
        agents: BTreeSet<u32>,
    },
}

impl Scope {
    /// These and no others. With neither it is nobody's.
    pub fn only(units: impl IntoIterator<Item = i64>, agents: impl IntoIterator<Item = u32>) -> Self {
        Self::Only { units: units.into_iter().collect(), agents: agents.into_iter().collect() }
    }

    /// Whether something of this business unit and this agent is in it.
    pub fn covers(&self, unit: i64, agent: Option<u32>) -> bool {
        match self {
            Self::All => true,
            Self::Only { units, agents } => {
                units.contains(&unit) || agent.is_some_and(|agent| agents.contains(&agent))
            }
        }
    }

    /// Whether it is everybody's.
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// Whether nothing can be in it.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Only { units, agents } if units.is_empty() && agents.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_scope_covers_what_is_of_its_units_or_its_agents_and_nothing_else(
            units in proptest::collection::btree_set(0_i64..5, 0..4),
            agents in proptest::collection::btree_set(0_u32..5, 0..4),
            unit in 0_i64..5,
            agent in proptest::option::of(0_u32..5),
        ) {
            let scope = Scope::only(units.clone(), agents.clone());
            let is_of_agent = agent.is_some_and(|agent| agents.contains(&agent));
            prop_assert_eq!(scope.covers(unit, agent), units.contains(&unit) || is_of_agent);
            prop_assert!(Scope::All.covers(unit, agent));
            prop_assert!(!scope.is_empty() || !scope.covers(unit, agent));
        }
    }
}
