//! Whether the recorder is able to record, and if not, why not.
//!
//! `/readyz` and the answer to SIP OPTIONS tell the same, from here.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::overload::Strain;

/// The conditions that keep the recorder from recording. Copies of it tell the same.
///
/// Each condition has a key of its own, so that one part's "well again" does not hide another part's trouble.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    conditions: Arc<RwLock<BTreeMap<&'static str, String>>>,
    warnings: Arc<RwLock<BTreeMap<&'static str, String>>>,
}

/// Conditions in which giving out sound would take what recording needs (A9-07).
const SPARES_PLAYBACK: [&str; 3] = ["journal", "memory", "open_files"];

impl Readiness {
    /// Nothing is wrong.
    pub fn ready() -> Self {
        Self::default()
    }

    /// Not able to record, for the reason `why`, until [`Readiness::clear`] with the same `key`. Said again, the
    /// new reason takes the place of the old one.
    pub fn raise(&self, key: &'static str, why: impl Into<String>) {
        let mut conditions = self.conditions.write().unwrap_or_else(PoisonError::into_inner);
        conditions.insert(key, why.into());
    }

    /// The condition is over. Without it nothing changes.
    pub fn clear(&self, key: &'static str) {
        self.conditions.write().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Shows how strained a part is: over its limit it is a reason not to be ready, near it a warning. Each change
    /// is a line in the log.
    pub fn set_strain(&self, key: &'static str, strain: Strain) {
        let over = match &strain {
            Strain::Over(why) => replace(&self.conditions, key, Some(why)),
            Strain::Near(_) | Strain::None => replace(&self.conditions, key, None),
        };
        let near = match &strain {
            Strain::Near(why) => replace(&self.warnings, key, Some(why)),
            Strain::Over(_) | Strain::None => replace(&self.warnings, key, None),
        };
        match strain {
            Strain::Over(why) if !over => tracing::error!(part = key, why, "new calls are refused"),
            Strain::Near(why) if !near && !over => tracing::warn!(part = key, why, "a limit is near"),
            Strain::None | Strain::Near(_) if over => tracing::info!(part = key, "new calls are taken again"),
            _ => {}
        }
    }

    /// What somebody should see to before new calls are refused, by key.
    pub fn warnings(&self) -> BTreeMap<&'static str, String> {
        self.warnings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why no sound may be given out now, if recording needs what that would take.
    pub fn spares_playback(&self) -> Option<String> {
        let reasons = self.reasons();
        SPARES_PLAYBACK.iter().find_map(|key| reasons.get(key).cloned())
    }

    /// Every reason not to be ready, by key; empty when the recorder can record.
    pub fn reasons(&self) -> BTreeMap<&'static str, String> {
        self.conditions.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the recorder can record.
    pub fn is_ready(&self) -> bool {
        self.conditions.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// Says, says anew or takes back what is said under a key. Whether something was said before.
fn replace(said: &RwLock<BTreeMap<&'static str, String>>, key: &'static str, why: Option<&String>) -> bool {
    let mut said = said.write().unwrap_or_else(PoisonError::into_inner);
    match why {
        Some(why) => said.insert(key, why.clone()).is_some(),
        None => said.remove(key).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_condition_cleared_does_not_hide_another() {
        let readiness = Readiness::ready();
        let seen_elsewhere = readiness.clone();
        readiness.raise("disk", "no room is left");
        readiness.raise("sip", "port 5060 is taken");
        readiness.clear("sip");
        assert!(!seen_elsewhere.is_ready());
        assert_eq!(seen_elsewhere.reasons(), [("disk", "no room is left".to_owned())].into());
        readiness.clear("disk");
        assert!(seen_elsewhere.is_ready());
    }

    #[test]
    fn a_part_near_its_limit_warns_and_over_it_refuses() {
        let readiness = Readiness::ready();
        readiness.set_strain("memory", Strain::Near("much".to_owned()));
        assert!(readiness.is_ready());
        assert_eq!(readiness.warnings(), [("memory", "much".to_owned())].into());
        readiness.set_strain("memory", Strain::Over("too much".to_owned()));
        assert_eq!((readiness.is_ready(), readiness.warnings().len()), (false, 0));
        assert_eq!(readiness.spares_playback(), Some("too much".to_owned()));
        readiness.set_strain("memory", Strain::None);
        readiness.set_strain("disk", Strain::Over("full".to_owned()));
        assert_eq!(readiness.spares_playback(), None, "listening takes no room on the disk");
    }
}
