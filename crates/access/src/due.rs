//! What a login is held to before it is good for anything.

use std::collections::BTreeSet;

use crate::{Grant, Role};

/// Something that somebody has to do first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Due {
    /// Take another password than the one that somebody else has set.
    Password,
    /// Set up a second factor.
    SecondFactor,
}

impl Due {
    /// Its word in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::SecondFactor => "second_factor",
        }
    }
}

/// What is known of a login, as far as something may be due of it.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// What the account may do.
    pub grant: &'a Grant,
    /// Whether it was entered by a password of the account; else another system has made sure of the person.
    pub by_password: bool,
    /// Whether the password was set by somebody else, and not changed since.
    pub has_first_password: bool,
    /// Whether the account has a second factor.
    pub has_factor: bool,
}

impl Entry<'_> {
    /// What is due, in the order in which it has to be done. A second factor is demanded of those who have one of these roles.
    pub fn due(&self, factor_of: &BTreeSet<Role>) -> Vec<Due> {
        if !self.by_password {
            return Vec::new();
        }
        let is_demanded = !self.has_factor && !self.grant.roles().is_disjoint(factor_of);
        let password = self.has_first_password.then_some(Due::Password);
        password.into_iter().chain(is_demanded.then_some(Due::SecondFactor)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scope;

    #[test]
    fn a_password_that_another_has_set_is_changed_first_and_a_factor_is_set_up_by_those_of_whom_it_is_demanded()
     {
        let grant = Grant::new([Role::Compliance, Role::Auditor], Scope::All).unwrap();
        let of = |by_password, has_first_password, has_factor, roles: &[Role]| {
            let entry = Entry { grant: &grant, by_password, has_first_password, has_factor };
            entry.due(&roles.iter().copied().collect())
        };
        let (all, none, others) = (&Role::ALL[..], &[][..], &[Role::Administrator, Role::Agent][..]);
        assert_eq!(of(true, true, false, all), [Due::Password, Due::SecondFactor]);
        assert_eq!(of(true, true, true, all), [Due::Password]);
        assert_eq!(of(true, false, false, &[Role::Auditor]), [Due::SecondFactor]);
        assert_eq!(of(true, false, false, others), []);
        assert_eq!(of(true, false, false, none), []);
        assert_eq!(of(true, false, true, all), []);
        assert_eq!(of(false, true, false, all), [], "who vouches has made sure of them");
    }
}
