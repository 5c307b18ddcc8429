//! Steps of the system clock, as a media thread sees them (B7-01).

use std::collections::VecDeque;

use calls::time::Wall;

use crate::clock::ClockStep;

/// A change between two looks that no time source makes by speeding or slowing the clock: that is 500 ppm at most, and
/// looks are some milliseconds apart.
const STEP_NS: i64 = 50_000_000;

/// Steps remembered; more steps than this in one recording is a clock out of order, and the newest tell it.
const MOST: usize = 64;

/// The steps seen so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// What had to be added to the system clock at the last look.
    last_ns: Option<i64>,
    seen: VecDeque<ClockStep>,
}

impl Steps {
    /// Takes note of what has to be added to the system clock now, and says if that was stepped.
    pub(super) fn look(&mut self, at: Wall, offset_ns: i64) -> Option<ClockStep> {
        let before_ns = self.last_ns.replace(offset_ns)?;
        let by_ns = before_ns.saturating_sub(offset_ns);
        if by_ns.saturating_abs() < STEP_NS {
            return None;
        }
        let step = ClockStep { at, by_ns };
        if self.seen.len() == MOST {
            self.seen.pop_front();
        }
        self.seen.push_back(step);
        Some(step)
    }

    /// The steps since an instant of the timeline.
    pub(super) fn since(&self, from: Wall) -> Vec<ClockStep> {
        self.seen.iter().filter(|step| step.at >= from).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    #[test]
    fn a_step_is_noted_with_its_time_and_a_slow_correction_is_not() {
        let mut steps = Steps::default();
        let mut offset_ns = 7_000 * MS;
        for second in 0..60 {
            assert_eq!(steps.look(Wall::from_ms(second * 1_000), offset_ns), None);
            offset_ns -= MS / 2;
        }
        // The system clock is put forward by two seconds, and back by one.
        let forward = steps.look(Wall::from_ms(60_000), offset_ns - 2_000 * MS).expect("a step");
        assert!((1_999 * MS..=2_001 * MS).contains(&forward.by_ns), "{forward:?}");
        let back = steps.look(Wall::from_ms(61_000), offset_ns - 1_000 * MS).expect("a step");
        assert_eq!(back.by_ns, -1_000 * MS);
        assert_eq!(steps.since(Wall::from_ms(60_000)), [forward, back]);
        assert_eq!(steps.since(Wall::from_ms(60_001)), [back]);
    }

    #[test]
    fn of_a_clock_out_of_order_the_newest_steps_are_remembered() {
        let mut steps = Steps::default();
        for second in 0..1_000 {
            steps.look(Wall::from_ms(second * 1_000), second % 2 * 100 * MS);
        }
        let seen = steps.since(Wall::EPOCH);
        assert_eq!((seen.len(), seen[MOST - 1].at), (MOST, Wall::from_ms(999_000)));
    }
}
