//! Wrong passwords: of each name, and from each address.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use access::Lockout;

/// Wrong passwords in a row before somebody waits: of one name, and from one address, which many may share.
const FREE_OF_NAME: u32 = 5;
const FREE_OF_ADDRESS: u32 = 20;

/// Names and addresses that are remembered.
const MAX: usize = 10_000;

/// Who waits. A name that nobody has waits as others do, so that it is not told which there are.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    names: HashMap<String, Lockout>,
    addresses: HashMap<String, Lockout>,
}

impl Attempts {
    /// Whether a password may be tried.
    ///
    /// # Errors
    /// How long they have to wait.
    pub(super) fn admits(&self, name: &str, from: &str, now: Duration) -> Result<(), Duration> {
        let of_name = self.names.get(&name.to_lowercase()).map_or(Ok(()), |lockout| lockout.admits(now));
        let of_address = self.addresses.get(from).map_or(Ok(()), |lockout| lockout.admits(now));
        of_name.and(of_address)
    }

    /// A password was wrong.
    pub(super) fn fail(&mut self, name: &str, from: &str, now: Duration) {
        note(&mut self.names, name.to_lowercase(), FREE_OF_NAME, now);
        note(&mut self.addresses, from.to_owned(), FREE_OF_ADDRESS, now);
    }

    /// A password was right.
    pub(super) fn succeed(&mut self, name: &str, from: &str) {
        self.names.remove(&name.to_lowercase());
        self.addresses.remove(from);
    }
}

fn note<K: Hash + Eq + Clone>(known: &mut HashMap<K, Lockout>, key: K, free: u32, now: Duration) {
    if known.len() >= MAX && !known.contains_key(&key) {
        known.retain(|_, lockout| !lockout.is_stale(now));
    }
    if known.len() >= MAX && !known.contains_key(&key) {
        // Who waits least loses least.
        let least =
            known.iter().min_by_key(|(_, lockout)| lockout.admits(now).err()).map(|(key, _)| key.clone());
        least.map(|key| known.remove(&key));
    }
    known.entry(key).or_insert(Lockout::after(free)).fail(now);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    #[test]
    fn guesses_at_one_name_lock_it_in_any_case_and_for_everybody() {
        let mut attempts = Attempts::default();
        for place in 0..5 {
            assert_eq!(attempts.admits("Dana", "192.0.2.1", NOW), Ok(()), "{place}");
            attempts.fail("Dana", "192.0.2.1", NOW);
        }
        assert!(attempts.admits("dana", "198.51.100.9", NOW).is_err());
        assert_eq!(attempts.admits("robin", "192.0.2.1", NOW), Ok(()));
    }

    #[test]
    fn guesses_at_many_names_lock_the_address() {
        let mut attempts = Attempts::default();
        for place in 0..20 {
            attempts.fail(&format!("name{place}"), "192.0.2.1", NOW);
        }
        assert!(attempts.admits("robin", "192.0.2.1", NOW).is_err());
        assert_eq!(attempts.admits("robin", "192.0.2.2", NOW), Ok(()));
    }

    #[test]
    fn a_flood_of_names_does_not_free_the_one_that_is_locked() {
        let mut attempts = Attempts::default();
        for _ in 0..8 {
            attempts.fail("dana", "192.0.2.1", NOW);
        }
        for place in 0..2 * MAX {
            attempts.fail(&format!("name{place}"), &format!("address{place}"), NOW);
        }
        assert!(attempts.names.len() <= MAX && attempts.addresses.len() <= MAX);
        assert!(attempts.admits("dana", "192.0.2.2", NOW).is_err());
    }
}
