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

    /// Begins a try; [`Throttle::end`] comes after it in any case.
    ///
    /// # Errors
    /// How long they have to wait.
    pub(crate) fn begin(&mut self, who: &str, now: Duration) -> Result<(), Duration> {
        self.make_room(who, now);
        self.known.entry(who.to_owned()).or_insert_with(|| self.fresh.clone()).begin(now)
    }

    /// A try has ended.
    pub(crate) fn end(&mut self, who: &str) {
        if let Some(lockout) = self.known.get_mut(who) {
            lockout.end();
            if *lockout == self.fresh {
                self.known.remove(who);
            }
        }
    }

    /// A try was wrong.
    pub(crate) fn fail(&mut self, who: &str, now: Duration) {
        self.make_room(who, now);
        self.known.entry(who.to_owned()).or_insert_with(|| self.fresh.clone()).fail(now);
    }

    fn make_room(&mut self, who: &str, now: Duration) {
        if self.known.len() >= MAX && !self.known.contains_key(who) {
            self.known.retain(|_, lockout| !lockout.is_stale(now));
        }
        if self.known.len() >= MAX && !self.known.contains_key(who) {
            // Who waits least loses least.
            let least = self.known.iter().min_by_key(|(_, lockout)| lockout.admits(now).err());
            let least = least.map(|(key, _)| key.clone());
            least.map(|key| self.known.remove(&key));
        }
    }

    /// A try was right.
    pub(crate) fn succeed(&mut self, who: &str) {
        if let Some(lockout) = self.known.get_mut(who) {
            lockout.succeed();
            if *lockout == self.fresh {
                self.known.remove(who);
            }
        }
    }
}

/// A name as accounts are found by it: all that finds one account is one name here too.
pub(super) fn key_of(name: &str) -> String {
    name.trim().to_lowercase()
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
    /// Begins to try a password: it is counted before it is compared, so that many at once are not more than many in a row.
    /// [`Attempts::end`] comes after it in any case.
    ///
    /// # Errors
    /// How long they have to wait.
    pub(super) fn begin(&mut self, name: &str, from: &str, now: Duration) -> Result<(), Duration> {
        self.names.begin(&key_of(name), now)?;
        self.addresses.begin(from, now).inspect_err(|_| self.names.end(&key_of(name)))
    }

    /// A password was compared, and what it was has been told.
    pub(super) fn end(&mut self, name: &str, from: &str) {
        self.names.end(&key_of(name));
        self.addresses.end(from);
    }

    /// A password was wrong.
    pub(super) fn fail(&mut self, name: &str, from: &str, now: Duration) {
        self.names.fail(&key_of(name), now);
        self.addresses.fail(from, now);
    }

    /// A password was right.
    pub(super) fn succeed(&mut self, name: &str, from: &str) {
        self.names.succeed(&key_of(name));
        self.addresses.succeed(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    /// Whether a password may be tried; it is not.
    fn admits(attempts: &mut Attempts, name: &str, from: &str) -> bool {
        let may = attempts.begin(name, from, NOW).is_ok();
        if may {
            attempts.end(name, from);
        }
        may
    }

    #[test]
    fn guesses_at_one_name_lock_it_in_any_case_and_for_everybody() {
        let mut attempts = Attempts::default();
        for name in ["Dana", " dana", "DANA\t", "dana ", "dana"] {
            assert!(admits(&mut attempts, name, "192.0.2.1"), "{name}");
            attempts.fail(name, "192.0.2.1", NOW);
        }
        for name in ["dana", "  Dana  ", "\u{a0}dana"] {
            assert!(!admits(&mut attempts, name, "198.51.100.9"), "{name:?}");
        }
        assert!(admits(&mut attempts, "robin", "192.0.2.1"));
    }

    #[test]
    fn guesses_at_many_names_lock_the_address() {
        let mut attempts = Attempts::default();
        for place in 0..20 {
            attempts.fail(&format!("name{place}"), "192.0.2.1", NOW);
        }
        assert!(!admits(&mut attempts, "robin", "192.0.2.1"));
        assert!(admits(&mut attempts, "robin", "192.0.2.2"));
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
        assert!(!admits(&mut attempts, "dana", "192.0.2.2"));
    }
}
