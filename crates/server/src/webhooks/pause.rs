//! When a delivery that failed is tried again, and when it is given up.

use std::time::Duration;

/// How long an event is tried to be delivered.
pub(super) const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// The pause after the first failure; each is four times the one before.
const FIRST: Duration = Duration::from_secs(5);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);

/// How long to wait after the failure of try number `attempt`, counted from 1. `chance` spreads it by a fifth to either side, so
/// that receivers that come back are not met by all at once.
pub(super) fn after(attempt: u32, wanted: Option<Duration>, chance: u8) -> Duration {
    let grown = FIRST.saturating_mul(4_u32.saturating_pow(attempt.saturating_sub(1).min(10)));
    let pause = grown.max(wanted.unwrap_or_default()).min(LONGEST);
    let spread = 0.8 + 0.4 * f64::from(chance) / 255.0;
    pause.mul_f64(spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_two_hours_and_a_day_holds_some_fifteen_of_them() {
        let even = |attempt| after(attempt, None, 127).as_secs();
        assert_eq!([even(1), even(2), even(3), even(4), even(5)], [4, 19, 79, 319, 1278]);
        assert!(even(7) <= 7_200 && even(7) > 7_100 && even(u32::MAX) == even(7));
        let mut waited = Duration::ZERO;
        let tries = (1..).take_while(|attempt| {
            waited += after(*attempt, None, 127);
            waited < PATIENCE
        });
        assert!((12..20).contains(&tries.count()));
    }

    #[test]
    fn a_receiver_may_ask_for_longer_but_not_without_end_and_chance_spreads() {
        assert!(after(1, Some(Duration::from_secs(60)), 127).as_secs() >= 59);
        assert!(after(1, Some(Duration::from_secs(1 << 40)), 255) <= LONGEST.mul_f64(1.2));
        assert_eq!((after(1, None, 0), after(1, None, 255)), (FIRST.mul_f64(0.8), FIRST.mul_f64(1.2)));
    }
}
