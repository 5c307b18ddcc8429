//! Roles and a scope that go together.

use std::collections::BTreeSet;

use crate::{Permission, Role, Scope};

/// What somebody was given: roles, and whose calls they are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    roles: BTreeSet<Role>,
    scope: Scope,
}

/// Why roles and a scope do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// There is none.
    #[error("say at least one role")]
    NoRole,
    /// An agent without an agent's number.
    #[error(
        "the role agent is for somebody's own calls: say the agent's number in agents, and no business units"
    )]
    Agent,
    /// A supervisor of everybody, or of nobody.
    #[error("the role supervisor needs business_units or agents: whose calls it is for")]
    Supervisor,
    /// A role that sees across business units.
    #[error(
        "the role {0} is for the whole recorder: leave business_units and agents out, or make another account for it"
    )]
    Whole(Role),
    /// A scope of nobody.
    #[error("business_units and agents are empty: leave both out for all, or say some")]
    Empty,
}

impl Grant {
    /// Checks that they go together.
    ///
    /// What a role of the whole recorder shows (holds, erasures, the audit) names calls of every business unit, so it is
    /// not given along with a scope.
    ///
    /// # Errors
    /// [`GrantError`] says what would be right.
    pub fn new(roles: impl IntoIterator<Item = Role>, scope: Scope) -> Result<Self, GrantError> {
        let roles: BTreeSet<Role> = roles.into_iter().collect();
        if roles.is_empty() {
            return Err(GrantError::NoRole);
        }
        if scope.is_empty() {
            return Err(GrantError::Empty);
        }
        if roles.contains(&Role::Agent) && !roles.contains(&Role::Supervisor) {
            let is_own = matches!(&scope, Scope::Only { units, .. } if units.is_empty());
            if !is_own {
                return Err(GrantError::Agent);
            }
        }
        if scope.is_all() {
            return if roles.contains(&Role::Supervisor) {
                Err(GrantError::Supervisor)
            } else {
                Ok(Self { roles, scope })
            };
        }
        let whole = [Role::Compliance, Role::PrivacyOfficer, Role::Administrator, Role::Auditor];
        match whole.into_iter().find(|role| roles.contains(role)) {
            Some(role) => Err(GrantError::Whole(role)),
            None => Ok(Self { roles, scope }),
        }
    }

    /// All roles, for everybody's calls: where nobody is asked who they are.
    pub fn everything() -> Self {
        Self { roles: Role::ALL.into_iter().collect(), scope: Scope::All }
    }

    /// Nothing.
    pub fn nothing() -> Self {
        Self { roles: BTreeSet::new(), scope: Scope::only([], []) }
    }

    /// The roles.
    pub fn roles(&self) -> &BTreeSet<Role> {
        &self.roles
    }

    /// Whose calls they are for.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Both together, where that lets nobody do more than either does: the same roles for more calls, or more roles for the same
    /// calls.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Option<Self> {
        if self.scope == other.scope {
            let roles = self.roles.union(&other.roles).copied();
            return Self::new(roles, self.scope.clone()).ok();
        }
        if self.roles != other.roles {
            return None;
        }
        let scope = match (&self.scope, &other.scope) {
            (Scope::Only { units, agents }, Scope::Only { units: more_units, agents: more_agents }) => {
                Scope::only(units.union(more_units).copied(), agents.union(more_agents).copied())
            }
            (Scope::All, _) | (_, Scope::All) => Scope::All,
        };
        Self::new(self.roles.iter().copied(), scope).ok()
    }

    /// Whether one of the roles may do it.
    pub fn has(&self, permission: Permission) -> bool {
        self.roles.iter().any(|role| role.permissions().contains(&permission))
    }

    /// All that the roles may do.
    pub fn permissions(&self) -> BTreeSet<Permission> {
        self.roles.iter().flat_map(|role| role.permissions()).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_roles() -> impl Strategy<Value = Vec<Role>> {
        proptest::sample::subsequence(Role::ALL.to_vec(), 0..=Role::ALL.len())
    }

    fn any_scope() -> impl Strategy<Value = Scope> {
        let only = (proptest::collection::vec(0_i64..3, 0..3), proptest::collection::vec(0_u32..3, 0..3));
        prop_oneof![Just(Scope::All), only.prop_map(|(units, agents)| Scope::only(units, agents))]
    }

    #[test]
    fn roles_and_scopes_that_go_together_are_taken_and_others_say_what_would_be_right() {
        use Role::{Administrator, Agent, Compliance, Integration, Supervisor};
        let own = Scope::only([], [7]);
        let unit = Scope::only([3], []);
        for (roles, scope) in [
            (vec![Agent], own.clone()),
            (vec![Supervisor], own.clone()),
            (vec![Supervisor, Agent], Scope::only([3], [7])),
            (vec![Integration], unit.clone()),
            (vec![Integration], Scope::All),
            (vec![Compliance, Administrator], Scope::All),
        ] {
            assert!(Grant::new(roles.clone(), scope).is_ok(), "{roles:?}");
        }
        for (roles, scope, wrong) in [
            (vec![], Scope::All, GrantError::NoRole),
            (vec![Agent], Scope::All, GrantError::Agent),
            (vec![Agent], unit.clone(), GrantError::Agent),
            (vec![Supervisor], Scope::All, GrantError::Supervisor),
            (vec![Supervisor, Compliance], unit, GrantError::Whole(Compliance)),
            (vec![Administrator], own, GrantError::Whole(Administrator)),
            (vec![Integration], Scope::only([], []), GrantError::Empty),
        ] {
            assert_eq!(Grant::new(roles, scope), Err(wrong));
        }
    }

    proptest! {
        #[test]
        fn who_has_a_scope_has_no_permission_that_shows_what_is_beyond_it(roles in any_roles(), scope in any_scope()) {
            let beyond = [
                Permission::SeeCare, Permission::Hold, Permission::Erase, Permission::Approve, Permission::ReadAudit,
                Permission::ManageAccess, Permission::ManageWebhooks, Permission::SeeHealth, Permission::Redact,
                Permission::PlaceTestCalls,
            ];
            if let Ok(grant) = Grant::new(roles, scope) && !grant.scope().is_all() {
                for permission in beyond {
                    prop_assert!(!grant.has(permission), "{permission:?}");
                }
            }
        }

        #[test]
        fn two_grants_together_do_nothing_to_a_call_that_neither_does(
            roles in any_roles(), scope in any_scope(), more in any_roles(), wider in any_scope(),
            unit in 0_i64..3, agent in proptest::option::of(0_u32..3),
        ) {
            let (Ok(one), Ok(other)) = (Grant::new(roles, scope), Grant::new(more, wider)) else { return Ok(()) };
            let does = |grant: &Grant, what| grant.has(what) && grant.scope().covers(unit, agent);
            if let Some(both) = one.joined(&other) {
                for what in Permission::ALL {
                    prop_assert_eq!(does(&both, what), does(&one, what) || does(&other, what), "{:?}", what);
                }
            }
            prop_assert_eq!(one.joined(&one), Some(one.clone()));
        }

        #[test]
        fn more_roles_never_may_less(roles in any_roles(), more in any_roles()) {
            let few = Grant { roles: roles.iter().copied().collect(), scope: Scope::All };
            let many = Grant { roles: roles.into_iter().chain(more).collect(), scope: Scope::All };
            prop_assert!(few.permissions().is_subset(&many.permissions()));
        }

        #[test]
        fn an_administrator_hears_only_by_another_role(roles in any_roles()) {
            let without: Vec<Role> = roles.iter().copied().filter(|role| *role != Role::Administrator).collect();
            let with = Grant { roles: roles.into_iter().collect(), scope: Scope::All };
            let without = Grant { roles: without.into_iter().collect(), scope: Scope::All };
            for sound in [Permission::Hear, Permission::Export] {
                prop_assert_eq!(with.has(sound), without.has(sound));
            }
        }
    }
}
