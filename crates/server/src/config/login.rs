//! `[login]`: who has to show who they are, and for how long that lasts.

use std::path::PathBuf;
use std::time::Duration;

use access::StayLimits;
use serde::Deserialize;

use super::{ConfigError, Flags, leaked};
use crate::identity::{Login as Mode, PasswordRules, Policy};

/// The shortest part of the recorder's own name that no password is made of.
const WORD_MIN: usize = 4;

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
        Ok(Policy {
            login: self.mode.unwrap_or_default(),
            is_open,
            stay: StayLimits { idle, absolute },
            four_eyes: self.four_eyes.unwrap_or(usual.four_eyes),
            open_metrics: self.open_metrics.unwrap_or(usual.open_metrics),
        })
    }
}
