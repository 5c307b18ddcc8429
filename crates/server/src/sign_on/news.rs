//! Which failures are written down: so many that nobody can fill the audit, from however many addresses. All are counted.

use std::time::Duration;

/// How many an hour.
const HOUR: Duration = Duration::from_secs(3_600);
const OF_AN_HOUR: u32 = 500;

/// How often it is written down that the provider is away.
const OF_THE_SAME: Duration = Duration::from_secs(60);

/// What was written down of late.
#[derive(Debug, Default)]
pub(super) struct News {
    hour: Duration,
    written: u32,
    away: Option<Duration>,
}

impl News {
    /// Whether one more is written down; `is_away` if it is that the provider is.
    pub(super) fn admit(&mut self, is_away: bool, now: Duration) -> bool {
        if now.saturating_sub(self.hour) >= HOUR {
            (self.hour, self.written) = (now, 0);
        }
        let is_known = is_away && self.away.is_some_and(|at| now.saturating_sub(at) < OF_THE_SAME);
        if is_known || self.written >= OF_AN_HOUR {
            return false;
        }
        self.written += 1;
        if is_away {
            self.away = Some(now);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_written_down_but_for_what_is_known_and_what_would_fill_the_audit() {
        let s = Duration::from_secs;
        let mut news = News::default();
        assert!(news.admit(true, s(10)) && !news.admit(true, s(69)) && news.admit(true, s(70)));
        assert!(news.admit(false, s(70)), "something else is news");
        let written = (0..1_000).filter(|_| news.admit(false, s(100))).count();
        assert_eq!(written, 497);
        assert!(!news.admit(true, s(3_599)) && news.admit(true, s(3_600)) && news.admit(false, s(3_601)));
    }
}
