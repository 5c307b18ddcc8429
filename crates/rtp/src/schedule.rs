//! When the next RTCP report is due: RFC 3550 §6.2 and §6.3.1.
//!
//! A recording stream has two members, one of which sends, so the bandwidth rule never lifts the interval above its
//! minimum and the membership rules (timer reconsideration, timeouts) have nothing to do.

/// Minimum interval, RFC 3550 §6.2 (B6-01).
pub const MIN_INTERVAL_NS: i64 = 5_000_000_000;
/// e - 3/2 in thousandths: the factor that makes up for the convergence of timer reconsideration, RFC 3550 §6.3.1.
const COMPENSATION_PER_MILLE: i64 = 1_218;

/// The reporting timer of one stream.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    next_ns: Option<i64>,
    random: u64,
}

impl Schedule {
    pub(crate) fn new(seed: u64) -> Self {
        Self { next_ns: None, random: seed }
    }

    /// When to look again; the past until the timer was first looked at.
    pub(crate) fn next_ns(&self) -> i64 {
        self.next_ns.unwrap_or(i64::MIN)
    }

    /// True when a report is due; the timer is then set anew. The first look only sets it, to half the interval.
    pub(crate) fn is_due(&mut self, now_ns: i64) -> bool {
        match self.next_ns {
            Some(next_ns) if now_ns < next_ns => false,
            Some(_) => {
                self.set(now_ns, MIN_INTERVAL_NS);
                true
            }
            None => {
                self.set(now_ns, MIN_INTERVAL_NS / 2);
                false
            }
        }
    }

    /// The interval times a random factor in 0.5 to 1.5, divided by the compensation.
    fn set(&mut self, now_ns: i64, interval_ns: i64) {
        let per_mille = 500 + i64::try_from(self.draw() % 1001).unwrap_or(500);
        self.next_ns = Some(now_ns.saturating_add(interval_ns / COMPENSATION_PER_MILLE * per_mille));
    }

    /// Something is to be said at once.
    pub(crate) fn hurry(&mut self, now_ns: i64) {
        self.next_ns = self.next_ns.map(|next_ns| next_ns.min(now_ns));
    }

    /// A random word, for an SSRC.
    pub(crate) fn draw_word(&mut self) -> u32 {
        u32::try_from(self.draw() >> 32).unwrap_or_default()
    }

    /// The generator `SplitMix64`: even, seeded, and enough for a timer.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.random;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_random_around_the_minimum_interval_and_the_first_comes_early() {
        let mut schedule = Schedule::new(7);
        assert!(!schedule.is_due(0));
        assert!((1_000_000_000..=3_100_000_000).contains(&schedule.next_ns()));
        let mut now = schedule.next_ns();
        let mut intervals = Vec::new();
        for _ in 0..1000 {
            assert!(schedule.is_due(now));
            intervals.push(schedule.next_ns() - now);
            now = schedule.next_ns();
        }
        // RFC 3550 §6.3.1: 5 s * [0.5, 1.5] / 1.218.
        assert!(intervals.iter().all(|ns| (2_050_000_000..=6_160_000_000).contains(ns)));
        let mean = intervals.iter().sum::<i64>() / 1000;
        assert!((3_900_000_000..=4_300_000_000).contains(&mean), "mean {mean}");
    }
}
