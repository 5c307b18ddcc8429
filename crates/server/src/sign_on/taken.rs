//! Logout tokens that were taken: each counts once, as long as it would be taken again.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

/// Tokens that are remembered. Each has been signed by the provider, so nobody else can fill this.
const MAX: usize = 10_000;

/// Those that were taken, by the SHA-256 of what names them, and until when.
#[derive(Debug, Default)]
pub(super) struct Taken(HashMap<[u8; 32], i64>);

impl Taken {
    /// Takes a token, once. Where there are too many, the one that would be refused first anyway is forgotten: who shows that again
    /// ends what has ended.
    pub(super) fn take(&mut self, id: &str, until_s: i64, now_s: i64) -> bool {
        self.0.retain(|_, until| *until > now_s);
        let key = Sha256::digest(id.as_bytes()).into();
        if self.0.contains_key(&key) {
            return false;
        }
        if self.0.len() >= MAX {
            let first = self.0.iter().min_by_key(|(_, until)| **until).map(|(key, _)| *key);
            first.map(|key| self.0.remove(&key));
        }
        self.0.insert(key, until_s);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logout_token_is_taken_once_and_remembered_within_limits() {
        let mut taken = Taken::default();
        assert!(taken.take("a", 100, 0) && !taken.take("a", 100, 99));
        assert!(taken.take("b", 200, 100), "another");
        assert_eq!(taken.0.len(), 1, "what would not be taken any more is forgotten");
        for number in 0..2 * MAX as i64 {
            assert!(taken.take(&number.to_string(), 1_000 + number, 150));
        }
        assert_eq!(taken.0.len(), MAX);
        assert!(!taken.take(&(2 * MAX - 1).to_string(), 1_000, 150));
    }
}
