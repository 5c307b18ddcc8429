//! What time it is for retention, and when nobody can tell (C7-05): pure.
//!
//! Retention's time never goes back: it is the latest that was ever seen. A system clock that is over an hour ahead of what
//! the kernel's own count makes of it was set forward: then nothing is deleted until somebody says that it is right, or until
//! it is set back.

use std::time::Duration;

use calls::time::Wall;
use serde::{Deserialize, Serialize};

/// A clock that is ahead by more was set.
pub const MOST_AHEAD: Duration = Duration::from_secs(3_600);

/// A clock that is behind by more was set back: from then on it is measured from there.
const MOST_BEHIND: Duration = Duration::from_secs(60);

/// What the machine's clocks say at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The system clock.
    pub wall: Wall,
    /// Since when the machine runs, as a name of its own.
    pub boot: String,
    /// For how long it has been running, asleep or not.
    pub since_boot: Duration,
    /// Whether a time source keeps the system clock, by the kernel's word.
    pub synchronised: bool,
}

/// That the clock was set forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jump {
    /// By how much, at least as far as is known.
    pub by: Duration,
    /// What the clock should say.
    pub expected: Wall,
    /// What it says.
    pub found: Wall,
}

/// What is remembered over restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// The latest time that was seen and believed.
    seen: Option<Wall>,
    /// What time is measured from.
    anchor: Option<Reading>,
}

impl Guard {
    /// What time it is for retention.
    ///
    /// # Errors
    /// [`Jump`]: then nothing may be deleted.
    pub fn look(&mut self, reading: &Reading) -> Result<Wall, Jump> {
        let expected = self.expected(reading);
        let jump = |expected| Jump { by: reading.wall.since(expected), expected, found: reading.wall };
        match expected {
            Expected::Nothing => self.anchor = Some(reading.clone()),
            Expected::Exactly(expected) => {
                if reading.wall.since(expected) > MOST_AHEAD {
                    return Err(jump(expected));
                }
                if expected.since(reading.wall) > MOST_BEHIND {
                    self.anchor = Some(reading.clone());
                }
            }
            // Nobody knows how long the machine was off. A time source does know what time it is.
            Expected::NotBefore(seen) => {
                if reading.wall.since(seen) > MOST_AHEAD && !reading.synchronised {
                    return Err(jump(seen));
                }
                self.anchor = Some(reading.clone());
            }
        }
        let now = self.seen.unwrap_or(reading.wall).max(reading.wall);
        self.seen = Some(now);
        Ok(now)
    }

    /// Somebody says that the clock is right.
    pub fn confirm(&mut self, reading: &Reading) {
        self.anchor = Some(reading.clone());
    }

    /// The latest time that was seen and believed.
    pub fn seen(&self) -> Option<Wall> {
        self.seen
    }

    fn expected(&self, reading: &Reading) -> Expected {
        match (&self.anchor, self.seen) {
            (Some(anchor), _) if anchor.boot == reading.boot => {
                Expected::Exactly(anchor.wall.after(reading.since_boot.saturating_sub(anchor.since_boot)))
            }
            (Some(_), Some(seen)) => Expected::NotBefore(seen),
            _ => Expected::Nothing,
        }
    }
}

enum Expected {
    Nothing,
    Exactly(Wall),
    NotBefore(Wall),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR_S: i64 = 3_600;

    /// Reads clocks of a machine: `boot` counts its starts, `up` is seconds since the last, `set` what the clock says.
    fn reading(boot: u8, up: i64, set: i64) -> Reading {
        Reading {
            wall: Wall::from_ms(1_700_000_000_000 + set * 1_000),
            boot: boot.to_string(),
            since_boot: Duration::from_secs(up.unsigned_abs()),
            synchronised: false,
        }
    }

    fn wall(set: i64) -> Wall {
        reading(0, 0, set).wall
    }

    #[test]
    fn a_clock_that_goes_on_is_believed_for_years() {
        let mut guard = Guard::default();
        for hour in 0..20_000 {
            assert_eq!(guard.look(&reading(0, hour * HOUR_S, hour * HOUR_S)), Ok(wall(hour * HOUR_S)));
        }
    }

    #[test]
    fn a_clock_set_forward_by_over_an_hour_stops_it_until_it_is_confirmed_or_set_back() {
        let mut guard = Guard::default();
        guard.look(&reading(0, 0, 0)).unwrap();
        assert_eq!(guard.look(&reading(0, 60, 60 + HOUR_S)), Ok(wall(60 + HOUR_S)), "an hour is none");
        let mut other = guard.clone();
        for _ in 0..3 {
            let jump = guard.look(&reading(0, 120, 31 * 24 * HOUR_S)).unwrap_err();
            assert_eq!((jump.expected, jump.found), (wall(120), wall(31 * 24 * HOUR_S)));
        }
        assert_eq!(guard.look(&reading(0, 180, 180)), Ok(wall(60 + HOUR_S)), "set back: no time went by");
        other.look(&reading(0, 120, 31 * 24 * HOUR_S)).unwrap_err();
        other.confirm(&reading(0, 150, 31 * 24 * HOUR_S + 30));
        assert_eq!(other.look(&reading(0, 160, 31 * 24 * HOUR_S + 40)), Ok(wall(31 * 24 * HOUR_S + 40)));
    }

    #[test]
    fn many_small_steps_come_to_a_large_one() {
        let mut guard = Guard::default();
        guard.look(&reading(0, 0, 0)).unwrap();
        guard.look(&reading(0, 60, 60 + 1_800)).unwrap();
        guard.look(&reading(0, 120, 120 + 3_500)).unwrap();
        guard.look(&reading(0, 180, 180 + 5_000)).unwrap_err();
    }

    #[test]
    fn a_clock_set_back_does_not_take_time_back_and_is_measured_from_there() {
        let mut guard = Guard::default();
        guard.look(&reading(0, 0, 0)).unwrap();
        assert_eq!(guard.look(&reading(0, 60, 60 - 24 * HOUR_S)), Ok(wall(0)));
        guard.look(&reading(0, 120, 120)).unwrap_err();
    }

    #[test]
    fn after_the_machine_was_off_its_time_source_is_believed_and_nobody_else() {
        let mut guard = Guard::default();
        guard.look(&reading(0, 0, 0)).unwrap();
        assert!(guard.look(&reading(1, 60, HOUR_S)).is_ok(), "a short while");
        let mut weekend = reading(2, 60, 60 * HOUR_S);
        assert!(guard.look(&weekend).is_err());
        weekend.synchronised = true;
        assert_eq!(guard.look(&weekend), Ok(weekend.wall));
    }

    proptest! {
        #[test]
        fn time_never_goes_back_nor_runs_ahead_of_what_was_confirmed(
            steps in proptest::collection::vec((1..100_000_i64, -200_000..200_000_i64, any::<bool>()), 1..60),
        ) {
            let mut guard = Guard::default();
            let (mut up, mut set, mut last) = (0, 0, None);
            // The most the clock can be ahead of the kernel's count without having stopped anything.
            let mut allowed = 0;
            for (runs, step, confirmed) in steps {
                up += runs;
                set += runs + step;
                let now = reading(0, up, set);
                if confirmed {
                    guard.confirm(&now);
                    allowed = allowed.max(set - up);
                }
                if let Ok(time) = guard.look(&now) {
                    if last.is_none() {
                        allowed = set - up;
                    }
                    prop_assert!(last.is_none_or(|last| last <= time));
                    prop_assert!(time <= wall(up + allowed + HOUR_S), "{time:?} {allowed}");
                    last = Some(time);
                }
            }
        }
    }
}
