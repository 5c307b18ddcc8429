//! `[login]`: who has to show who they are, and for how long that lasts.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use access::{Role, StayLimits};
use serde::Deserialize;

use super::{ConfigError, Flags, leaked};
use crate::identity::{Login as Mode, PasswordRules, Policy};

/// The shortest part of the recorder's own name that no password is made of.
const WORD_MIN: usize = 4;

/// Of whom a second factor is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum SecondFactor {
    /// Of who logs in by password where HTTP is heard beyond loopback.
    #[default]
    Auto,
    /// Of nobody: each decides for themselves.
    Optional,
    /// Of who logs in by password.
    Required,
}

/// `[login]`, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Login {
    /// Whether a login is asked for. Default `auto`.
    pub mode: Option<Mode>,
    /// Minutes without a request after which a login ends. Default 30.
    pub idle_minutes: Option<u32>,
    /// Hours after which a login ends in any case. Default 12.
    pub hours: Option<u32>,
    /// Whether erasures and releases of legal holds need the approval of another. Default true.
    pub four_eyes: Option<bool>,
    /// Whether `/metrics` is told to everybody. Default false.
    pub open_metrics: Option<bool>,
    /// A list of leaked passwords that new ones are compared with: SHA-1, ordered by hash. Default: none.
    pub leaked_passwords: Option<PathBuf>,
    /// Whether a second factor is demanded. Default `auto`.
    pub second_factor: Option<SecondFactor>,
    /// Of which roles, where it is. Default: of all.
    pub second_factor_roles: Option<Vec<String>>,
    /// Hours within which a password that somebody else has set has to be used and changed. Default 72.
    pub first_password_hours: Option<u32>,
}

impl Login {
    /// The same where flags have been given.
    pub(super) fn with_flags(self, flags: &Flags) -> Self {
        Self {
            mode: flags.login.or(self.mode),
            idle_minutes: flags.login_idle_minutes.or(self.idle_minutes),
            hours: flags.login_hours.or(self.hours),
            four_eyes: flags.login_four_eyes.or(self.four_eyes),
            open_metrics: flags.login_open_metrics.or(self.open_metrics),
            leaked_passwords: flags.login_leaked_passwords.clone().or(self.leaked_passwords),
            second_factor: flags.login_second_factor.or(self.second_factor),
            second_factor_roles: flags.login_second_factor_roles.clone().or(self.second_factor_roles),
            first_password_hours: flags.login_first_password_hours.or(self.first_password_hours),
        }
    }

    /// What new passwords are held to; `host` is the recorder's name elsewhere.
    ///
    /// # Errors
    /// The list of leaked ones cannot be used.
    pub(super) fn passwords(&self, host: Option<&str>) -> Result<PasswordRules, ConfigError> {
        let words = host.unwrap_or_default().split(|c: char| !c.is_alphanumeric());
        let words = words.filter(|word| word.chars().count() >= WORD_MIN).map(str::to_lowercase).collect();
        let leaked = self.leaked_passwords.as_deref().map(leaked::open).transpose()?;
        Ok(PasswordRules { words, leaked })
    }

    /// What is asked of those who ask; `is_open` where HTTP is heard on loopback only, or was said to need no login.
    ///
    /// # Errors
    /// A number is out of range.
    pub(super) fn policy(&self, is_open: bool) -> Result<Policy, ConfigError> {
        let usual = Policy::default();
        let within = |key, wanted: Option<u32>, unit: u64, most: u32, usual: Duration| match wanted {
            None => Ok(usual),
            Some(count) if (1..=most).contains(&count) => Ok(Duration::from_secs(u64::from(count) * unit)),
            Some(count) => {
                let cause = format!("{count} is out of range; 1 to {most} are right");
                Err(ConfigError::Value { key, cause })
            }
        };
        let idle = within("login.idle_minutes", self.idle_minutes, 60, 1_440, usual.stay.idle)?;
        let absolute = within("login.hours", self.hours, 3_600, 168, usual.stay.absolute)?;
        let first = within(
            "login.first_password_hours",
            self.first_password_hours,
            3_600,
            720,
            usual.first_password,
        )?;
        Ok(Policy {
            login: self.mode.unwrap_or_default(),
            is_open,
            stay: StayLimits { idle, absolute },
            four_eyes: self.four_eyes.unwrap_or(usual.four_eyes),
            open_metrics: self.open_metrics.unwrap_or(usual.open_metrics),
            factor_of: self.factor_of(is_open)?,
            first_password: first,
        })
    }

    /// Of whom a second factor is demanded.
    fn factor_of(&self, is_open: bool) -> Result<BTreeSet<Role>, ConfigError> {
        let wrong = |cause: String| ConfigError::Value { key: "login.second_factor_roles", cause };
        let said = self.second_factor_roles.as_ref();
        let roles = said.map(|roles| roles.iter().map(|role| role.trim().parse()).collect());
        let roles: Option<Result<BTreeSet<Role>, access::NoRole>> = roles;
        let roles = roles.transpose().map_err(|error| wrong(error.to_string()))?;
        let roles = roles.unwrap_or_else(|| Role::ALL.into_iter().collect());
        if roles.is_empty() {
            let right = "it names no role; leave it out for all, or say login.second_factor = \"optional\"";
            return Err(wrong(right.to_owned()));
        }
        let is_demanded = match self.second_factor.unwrap_or_default() {
            SecondFactor::Auto => !is_open,
            SecondFactor::Optional => false,
            SecondFactor::Required => true,
        };
        Ok(if is_demanded { roles } else { BTreeSet::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(login: &Login, is_open: bool) -> Vec<Role> {
        login.policy(is_open).unwrap().factor_of.into_iter().collect()
    }

    #[test]
    fn a_second_factor_is_demanded_beyond_loopback_or_where_it_is_said_and_of_the_roles_that_are_said() {
        let said = |second_factor, roles: Option<&[&str]>| Login {
            second_factor,
            second_factor_roles: roles.map(|roles| roles.iter().map(|&role| role.to_owned()).collect()),
            ..Login::default()
        };
        assert_eq!(factor(&said(None, None), true), []);
        assert_eq!(factor(&said(None, None), false).len(), Role::ALL.len());
        assert_eq!(factor(&said(Some(SecondFactor::Required), None), true).len(), Role::ALL.len());
        assert_eq!(factor(&said(Some(SecondFactor::Optional), None), false), []);
        let some = said(Some(SecondFactor::Required), Some(&["administrator", "auditor"]));
        assert_eq!(factor(&some, true).len(), 2);
        for (wrong, right) in [(&["boss"][..], "administrator"), (&[], "optional")] {
            let told = said(None, Some(wrong)).policy(true).unwrap_err().to_string();
            assert!(told.contains("login.second_factor_roles") && told.contains(right), "{told}");
        }
        let long = Login { first_password_hours: Some(721), ..Login::default() };
        assert!(long.policy(true).unwrap_err().to_string().contains("1 to 720"));
    }
}
