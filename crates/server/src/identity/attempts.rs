//! Wrong passwords: of each name, and from each address.

use std::collections::HashMap;
use std::time::Duration;

use access::Lockout;

/// Wrong passwords in a row before somebody waits: of one name, and from one address, which many may share.
const FREE_OF_NAME: u32 = 5;
const FREE_OF_ADDRESS: u32 = 20;

/// Names and addresses that are remembered.
const MAX: usize = 10_000;

/// Who fails and has to wait, by name or address.
#[derive(Debug)]
pub(crate) struct Throttle {
    fresh: Lockout,
    known: HashMap<String, Lockout>,
}

impl Throttle {
    /// One that treats each as this lockout does.
    pub(crate) fn of(fresh: Lockout) -> Self {
        Self { fresh, known: HashMap::new() }
    }

    /// Whether somebody may try now.
    ///
    /// # Errors
    /// How long they have to wait.
    pub(crate) fn admits(&self, who: &str, now: Duration) -> Result<(), Duration> {
        self.known.get(who).map_or(Ok(()), |lockout| lockout.admits(now))
    }

    /// A try was wrong.
    pub(crate) fn fail(&mut self, who: &str, now: Duration) {
        if self.known.len() >= MAX && !self.known.contains_key(who) {
            self.known.retain(|_, lockout| !lockout.is_stale(now));
        }
        if self.known.len() >= MAX && !self.known.contains_key(who) {
            // Who waits least loses least.
            let least = self.known.iter().min_by_key(|(_, lockout)| lockout.admits(now).err());
            let least = least.map(|(key, _)| key.clone());
            least.map(|key| self.known.remove(&key));
        }
        self.known.entry(who.to_owned()).or_insert_with(|| self.fresh.clone()).fail(now);
    }

    /// A try was right.
    pub(crate) fn succeed(&mut self, who: &str) {
        self.known.remove(who);
    }
}

/// Who waits. A name that nobody has waits as others do, so that it is not told which there are.
#[derive(Debug)]
pub(super) struct Attempts {
    names: Throttle,
    addresses: Throttle,
}

impl Default for Attempts {
    fn default() -> Self {
        let of = |free| Throttle::of(Lockout::after(free));
        Self { names: of(FREE_OF_NAME), addresses: of(FREE_OF_ADDRESS) }
    }
}

impl Attempts {
    /// Whether a password may be tried.
    ///
    /// # Errors
    /// How long they have to wait.
    pub(super) fn admits(&self, name: &str, from: &str, now: Duration) -> Result<(), Duration> {
        let of_name = self.names.admits(&name.to_lowercase(), now);
        of_name.and(self.addresses.admits(from, now))
    }

    /// A password was wrong.
    pub(super) fn fail(&mut self, name: &str, from: &str, now: Duration) {
        self.names.fail(&name.to_lowercase(), now);
        self.addresses.fail(from, now);
    }

    /// A password was right.
    pub(super) fn succeed(&mut self, name: &str, from: &str) {
        self.names.succeed(&name.to_lowercase());
        self.addresses.succeed(from);
    }
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
        assert!(attempts.names.known.len() <= MAX && attempts.addresses.known.len() <= MAX);
        assert!(attempts.admits("dana", "192.0.2.2", NOW).is_err());
    }
}
