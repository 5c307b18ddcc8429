//! Waiting for conditions, and the clock of the test.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The system's time, nanoseconds since 1970: what the program's own times can be compared with.
///
/// # Panics
/// When the clock is set before 1970.
pub fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set after 1970");
    i64::try_from(since.as_nanos()).expect("it is before the year 2262")
}

/// Waits until `look` finds something, and gives it.
///
/// # Panics
/// When it has not been found after `patience`; the sentence names `what`.
pub fn wait_for<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < patience, "after {patience:?} still not: {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// A point in time, to measure from.
#[derive(Debug, Clone, Copy)]
pub struct Since(Instant);

impl Since {
    /// Now.
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// How long ago it is.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Sleeps until `after` has passed since then; not at all if it has.
    pub fn sleep_until(self, after: Duration) {
        std::thread::sleep(after.saturating_sub(self.0.elapsed()));
    }
}
