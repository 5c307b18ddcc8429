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

/// How long an address is believed to be somebody's after their password was right there, and of how many it is remembered.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 3_600);
const KNOWN_PLACES: usize = 32;

/// Who waits. A name that nobody has waits as others do, so that it is not told which there are.
///
/// Who guesses at a name makes it wait for everybody, but where its password was right before: there wrong ones are counted apart.
/// So guesses from elsewhere keep nobody out who was in, and no blackout waits for them.
#[derive(Debug)]
pub(super) struct Attempts {
    /// By name, and by name and address where they belong together.
    names: Throttle,
    addresses: Throttle,
    /// Where the password of a name was right, and when it was last. Only names that accounts have are in it.
    places: HashMap<String, HashMap<String, Duration>>,
}

impl Default for Attempts {
    fn default() -> Self {
        let of = |free| Throttle::of(Lockout::after(free));
        Self { names: of(FREE_OF_NAME), addresses: of(FREE_OF_ADDRESS), places: HashMap::new() }
    }
}

impl Attempts {
    /// As what a try of this name at this address is counted.
    fn counted(&self, name: &str, from: &str, now: Duration) -> String {
        let key = key_of(name);
        let seen = self.places.get(&key).and_then(|places| places.get(from));
        match seen.filter(|seen| now.saturating_sub(**seen) < KNOWN_FOR) {
            // No name begins with a line end, for it is trimmed: nobody can have this one counted from elsewhere.
            Some(_) => format!("\n{from}\n{key}"),
            None => key,
        }
    }

    /// Begins to try a password: it is counted before it is compared, so that many at once are not more than many in a row.
    /// [`Attempts::end`] comes after it in any case, with what is returned.
    ///
    /// # Errors
    /// How long they have to wait.
    pub(super) fn begin(&mut self, name: &str, from: &str, now: Duration) -> Result<String, Duration> {
        let counted = self.counted(name, from, now);
        self.names.begin(&counted, now)?;
        self.addresses.begin(from, now).inspect_err(|_| self.names.end(&counted))?;
        Ok(counted)
    }

    /// A password was compared, and what it was has been told.
    pub(super) fn end(&mut self, counted: &str, from: &str) {
        self.names.end(counted);
        self.addresses.end(from);
    }

    /// A password was wrong.
    pub(super) fn fail(&mut self, name: &str, from: &str, now: Duration) {
        self.names.fail(&self.counted(name, from, now), now);
        self.addresses.fail(from, now);
    }

    /// Whether the next try of a name from there has to wait, since too many were wrong.
    pub(super) fn waits(&self, name: &str, from: &str, now: Duration) -> bool {
        self.names.admits(&self.counted(name, from, now), now).is_err()
    }

    /// A password was right.
    pub(super) fn succeed(&mut self, name: &str, from: &str, now: Duration) {
        self.names.succeed(&self.counted(name, from, now));
        self.addresses.succeed(from);
        let places = self.places.entry(key_of(name)).or_default();
        places.insert(from.to_owned(), now);
        if places.len() > KNOWN_PLACES {
            let oldest = places.iter().min_by_key(|(_, seen)| **seen).map(|(from, _)| from.clone());
            oldest.map(|from| places.remove(&from));
        }
    }

    /// The password of a name is another: where the one before was right says nothing any more.
    pub(super) fn forget(&mut self, name: &str) {
        self.places.remove(&key_of(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    /// Whether a password may be tried; it is not.
    fn admits(attempts: &mut Attempts, name: &str, from: &str) -> bool {
        let begun = attempts.begin(name, from, NOW);
        if let Ok(counted) = &begun {
            attempts.end(counted, from);
        }
        begun.is_ok()
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
    fn guesses_from_elsewhere_keep_nobody_out_where_the_password_was_right_and_guesses_from_there_do() {
        let mut attempts = Attempts::default();
        attempts.succeed("Dana", "192.0.2.7", NOW);
        for place in 0..200 {
            attempts.fail("dana", &format!("198.51.100.{place}"), NOW);
        }
        assert!(!admits(&mut attempts, "dana", "198.51.100.250"), "no other address guesses on");
        for name in ["dana\n192.0.2.7", "\n192.0.2.7\ndana"] {
            (0..5).for_each(|_| attempts.fail(name, "198.51.100.9", NOW));
        }
        for _ in 0..4 {
            assert!(admits(&mut attempts, "dana", "192.0.2.7"));
            attempts.fail("dana", "192.0.2.7", NOW);
        }
        assert!(admits(&mut attempts, " DANA", "192.0.2.7"));
        attempts.fail("dana", "192.0.2.7", NOW);
        assert!(!admits(&mut attempts, "dana", "192.0.2.7"), "nor does who is behind the same address");
    }

    #[test]
    fn a_right_password_where_it_is_known_frees_no_guesser_elsewhere_and_another_password_knows_no_place() {
        let mut attempts = Attempts::default();
        attempts.succeed("dana", "192.0.2.7", NOW);
        for _ in 0..5 {
            attempts.fail("dana", "198.51.100.9", NOW);
            attempts.succeed("dana", "192.0.2.7", NOW);
        }
        assert!(!admits(&mut attempts, "dana", "198.51.100.9"));
        assert!(admits(&mut attempts, "dana", "192.0.2.7"));
        attempts.forget("Dana");
        assert!(!admits(&mut attempts, "dana", "192.0.2.7"));
    }

    #[test]
    fn so_many_places_are_known_of_a_name_and_the_one_of_long_ago_goes() {
        let mut attempts = Attempts::default();
        for place in (0..).take(KNOWN_PLACES + 1) {
            let now = NOW + Duration::from_secs(place);
            attempts.succeed("dana", &format!("192.0.2.{place}"), now);
        }
        (0..5).for_each(|_| attempts.fail("dana", "198.51.100.9", NOW));
        assert!(!admits(&mut attempts, "dana", "192.0.2.0"));
        assert!(admits(&mut attempts, "dana", "192.0.2.1"));
        let later = NOW + KNOWN_FOR + Duration::from_secs(1);
        (0..5).for_each(|_| attempts.fail("dana", "198.51.100.9", later));
        assert!(attempts.begin("dana", "192.0.2.1", later).is_err(), "nobody was there for a month");
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
