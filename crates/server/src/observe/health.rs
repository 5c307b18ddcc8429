//! Whether the recorder is able to record, and if not, why not.
//!
//! `/readyz` and the answer to SIP OPTIONS tell the same, from here.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The conditions that keep the recorder from recording. Copies of it tell the same.
///
/// Each condition has a key of its own, so that one part's "well again" does not hide another part's trouble.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    conditions: Arc<RwLock<BTreeMap<&'static str, String>>>,
}

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

    /// Every reason not to be ready, by key; empty when the recorder can record.
    pub fn reasons(&self) -> BTreeMap<&'static str, String> {
        self.conditions.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the recorder can record.
    pub fn is_ready(&self) -> bool {
        self.conditions.read().unwrap_or_else(PoisonError::into_inner).is_empty()
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
}
