//! Wrong passwords in a row: who guesses has to wait longer and longer (F-API-2).

use std::time::Duration;

/// The first wait; each further failure doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(30);

/// The longest wait: nobody can lock somebody else out for good.
pub const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// How long who tries too much at once waits before the next.
const AT_ONCE_WAIT: Duration = Duration::from_secs(1);

/// Failures in a row of one account, or from one address. Time is since any fixed moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lockout {
    free: u32,
    failures: u32,
    /// Tries of which it is not known yet what they were.
    pending: u32,
    until: Duration,
}

impl Lockout {
    /// One that lets so many failures pass before it makes anybody wait.
    pub const fn after(free: u32) -> Self {
        Self { free, failures: 0, pending: 0, until: Duration::ZERO }
    }

    /// Whether somebody may try now.
    ///
    /// # Errors
    /// How long they have to wait.
    pub fn admits(&self, now: Duration) -> Result<(), Duration> {
        match self.until.checked_sub(now) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(()),
        }
    }

    /// Begins a try, of which it is told later what it was: [`Lockout::end`] comes after it in any case. Of tries at once there are
    /// no more than could be wrong before somebody waits, and one where somebody has waited.
    ///
    /// # Errors
    /// How long they have to wait.
    pub fn begin(&mut self, now: Duration) -> Result<(), Duration> {
        self.admits(now)?;
        if self.pending > 0 && self.failures.saturating_add(self.pending) >= self.free {
            return Err(AT_ONCE_WAIT);
        }
        self.pending = self.pending.saturating_add(1);
        Ok(())
    }

    /// A try has ended, and what it was has been told.
    pub fn end(&mut self) {
        self.pending = self.pending.saturating_sub(1);
    }

    /// A try was wrong.
    pub fn fail(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        if let Some(over) = self.failures.checked_sub(self.free) {
            let wait = FIRST_WAIT.saturating_mul(1_u32.checked_shl(over).unwrap_or(u32::MAX));
            self.until = now.saturating_add(wait.min(LONGEST_WAIT));
        }
    }

    /// A try was right: all is forgotten.
    pub fn succeed(&mut self) {
        *self = Self { pending: self.pending, ..Self::after(self.free) };
    }

    /// Whether nothing would be lost by forgetting it: nobody waits, and the last failure is long past.
    pub fn is_stale(&self, now: Duration) -> bool {
        self.pending == 0 && now >= self.until.saturating_add(LONGEST_WAIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_few_slips_cost_nothing_and_guessing_costs_more_and_more() {
        let mut lockout = Lockout::after(5);
        for _ in 0..4 {
            lockout.fail(10 * S);
            assert_eq!(lockout.admits(10 * S), Ok(()));
        }
        let mut now = 10 * S;
        let mut waits = Vec::new();
        for _ in 0..8 {
            lockout.fail(now);
            let wait = lockout.admits(now).unwrap_err();
            waits.push(wait.as_secs());
            now += wait;
            assert_eq!(lockout.admits(now), Ok(()));
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900, 900]);
        lockout.succeed();
        assert_eq!(lockout, Lockout::after(5));
    }

    #[test]
    fn many_tries_at_once_are_no_more_than_may_be_wrong() {
        let mut lockout = Lockout::after(5);
        let begun = (0..60).filter(|_| lockout.begin(S).is_ok()).count();
        assert_eq!(begun, 5);
        assert_eq!(lockout.begin(S), Err(AT_ONCE_WAIT));
        for _ in 0..5 {
            lockout.fail(S);
            lockout.end();
        }
        assert_eq!(lockout.begin(2 * S), Err(29 * S), "they wait as if they had come one after the other");
        // Who has waited tries once, and not sixty times.
        assert_eq!((0..60).filter(|_| lockout.begin(40 * S).is_ok()).count(), 1);
        lockout.succeed();
        lockout.end();
        assert_eq!(lockout, Lockout::after(5));
    }

    proptest::proptest! {
        #[test]
        fn nobody_waits_for_ever_and_nobody_guesses_fast(
            steps in proptest::collection::vec((0_u32..2_000, proptest::bool::weighted(0.1)), 1..200),
        ) {
            let mut lockout = Lockout::after(5);
            let (mut now, mut failures) = (Duration::ZERO, Vec::new());
            for (pause, right) in steps {
                now += S * pause;
                match lockout.admits(now) {
                    Err(wait) => proptest::prop_assert!(wait <= LONGEST_WAIT && failures.len() >= 5),
                    Ok(()) if right => {
                        lockout.succeed();
                        failures.clear();
                    }
                    Ok(()) => {
                        lockout.fail(now);
                        failures.push(now);
                    }
                }
            }
            for pair in failures.windows(2).skip(4) {
                proptest::prop_assert!(pair[1] - pair[0] >= FIRST_WAIT);
            }
            proptest::prop_assert_eq!(lockout.admits(now + LONGEST_WAIT), Ok(()));
        }
    }
}
