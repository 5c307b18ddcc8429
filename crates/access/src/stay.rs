//! How long a login lasts.

use std::time::Duration;

/// When a login ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StayLimits {
    /// After so long without a request.
    pub idle: Duration,
    /// After so long in any case.
    pub absolute: Duration,
}

/// One login, from the password to its end. Time is since any fixed moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    began: Duration,
    seen: Duration,
}

impl Stay {
    /// It begins.
    pub const fn begin(now: Duration) -> Self {
        Self { began: now, seen: now }
    }

    /// When it began.
    pub const fn began(&self) -> Duration {
        self.began
    }

    /// When a request came last.
    pub const fn seen(&self) -> Duration {
        self.seen
    }

    /// Whether it is over.
    pub fn is_over(&self, limits: &StayLimits, now: Duration) -> bool {
        now >= self.ends(limits)
    }

    /// When it ends if nothing comes any more.
    pub fn ends(&self, limits: &StayLimits) -> Duration {
        self.seen.saturating_add(limits.idle).min(self.began.saturating_add(limits.absolute))
    }

    /// A request came: the idle time begins anew. One that is over stays over.
    pub fn touch(&mut self, limits: &StayLimits, now: Duration) {
        if !self.is_over(limits, now) {
            self.seen = self.seen.max(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: StayLimits =
        StayLimits { idle: Duration::from_secs(1_800), absolute: Duration::from_secs(43_200) };

    proptest::proptest! {
        #[test]
        fn a_login_ends_when_nothing_comes_or_when_its_time_is_over_and_never_comes_back(
            pauses in proptest::collection::vec(0_u64..2_500, 1..100),
        ) {
            let mut stay = Stay::begin(Duration::from_secs(7));
            let (mut now, mut was_over) = (Duration::from_secs(7), false);
            for pause in pauses {
                now += Duration::from_secs(pause);
                let is_over = stay.is_over(&LIMITS, now);
                let should = was_over || pause >= 1_800 || now >= Duration::from_secs(43_207);
                proptest::prop_assert_eq!(is_over, should);
                was_over = is_over;
                stay.touch(&LIMITS, now);
            }
        }
    }
}
