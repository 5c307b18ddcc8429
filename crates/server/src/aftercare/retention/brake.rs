//! The brake (C7-03): a run that would mark more than a day's plan and a share of it marks nothing, until somebody says that
//! it is meant. Pure.

use serde::{Deserialize, Serialize};

/// How much is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brake {
    /// The share of a day's volume that may go beyond it, in percent.
    pub percent: u32,
    /// So many recordings a day are never too much: a small centre has days of all sizes.
    pub least: u64,
}

impl Default for Brake {
    /// Half a day's volume more, and a hundred recordings in any case.
    fn default() -> Self {
        Self { percent: 50, least: 100 }
    }
}

/// What somebody has confirmed, remembered over restarts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// Recordings that may be marked beside the plan.
    pub left: u64,
}

/// What a run may mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// All of it: so many as were confirmed, the rest by plan.
    Go {
        /// Marks that do not count.
        confirmed: u64,
    },
    /// Nothing.
    Stop {
        /// How many it would be.
        due: u64,
        /// How many there is room for.
        room: u64,
    },
}

impl Brake {
    /// What a run may do that finds `due` recordings, where `volume` are made in a day and `marked` were marked in the last.
    pub fn judge(&self, due: u64, volume: u64, marked: u64, allowance: Allowance) -> Leave {
        let plan = volume.saturating_mul(100 + u64::from(self.percent)) / 100;
        let room = plan.max(self.least).saturating_sub(marked);
        if due > room.saturating_add(allowance.left) {
            return Leave::Stop { due, room: room.saturating_add(allowance.left) };
        }
        Leave::Go { confirmed: due.min(allowance.left) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_day_like_others_goes_and_half_as_much_again_and_no_more() {
        let brake = Brake { percent: 50, least: 0 };
        let none = Allowance::default();
        assert_eq!(brake.judge(150, 100, 0, none), Leave::Go { confirmed: 0 });
        assert_eq!(brake.judge(151, 100, 0, none), Leave::Stop { due: 151, room: 150 });
        assert_eq!(
            brake.judge(51, 100, 100, none),
            Leave::Stop { due: 51, room: 50 },
            "what went before counts"
        );
        assert_eq!(brake.judge(51, 100, 100, Allowance { left: 60 }), Leave::Go { confirmed: 51 });
    }

    #[test]
    fn a_small_centre_is_not_braked_by_a_busy_day() {
        assert_eq!(Brake::default().judge(100, 3, 0, Allowance::default()), Leave::Go { confirmed: 0 });
    }

    proptest! {
        #[test]
        fn more_than_plan_and_share_and_what_was_confirmed_never_goes(
            (due, volume, marked, left) in (0..1_000_u64, 0..500_u64, 0..500_u64, 0..500_u64),
            (percent, least) in (0..200_u32, 0..300_u64),
        ) {
            let most = (volume * (100 + u64::from(percent)) / 100).max(least);
            match (Brake { percent, least }).judge(due, volume, marked, Allowance { left }) {
                Leave::Go { confirmed } => {
                    prop_assert!(confirmed <= left);
                    prop_assert!(due == confirmed || marked + due - confirmed <= most);
                }
                Leave::Stop { .. } => prop_assert!(due > 0 && (marked + due).saturating_sub(left) > most),
            }
        }
    }
}
