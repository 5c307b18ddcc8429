//! The only file that reads a clock.
//!
//! Wall time is read once, at start; from then on the recorder's timeline advances with the monotonic clock
//! (B7-01), so that a step of the system clock changes nothing inside a recording.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use calls::time::Wall;

/// The recorder's clock. Copies of it tell the same time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    zero: Instant,
    zero_wall: Wall,
}

impl Clock {
    /// Anchors the timeline to the system clock, now.
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
    pub fn start() -> Self {
        Self { zero: Instant::now(), zero_wall: system_time() }
    }

    /// Now, on the recorder's timeline.
    pub fn now(&self) -> Wall {
        self.zero_wall.after(self.since_start())
    }

    /// How long the recorder has been running: the `now` of the pure protocol cores.
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
    pub fn since_start(&self) -> Duration {
        Instant::now().saturating_duration_since(self.zero)
    }

    /// The instant at which [`Clock::since_start`] will be `at`, for timers.
    pub fn instant(&self, at: Duration) -> Instant {
        self.zero + at
    }

    /// What must be added to a stamp of the system clock, in nanoseconds, to put it on the timeline. The
    /// kernel stamps datagrams with the system clock, which may step.
    pub fn offset_of_system_ns(&self) -> i64 {
        self.now().as_ns() - system_time().as_ns()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
fn system_time() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall::EPOCH.after(since)
}

/// Whether the kernel says that a time source keeps the system clock; `None` if it does not tell.
#[expect(unsafe_code, reason = "no crate at hand reads the kernel's clock state")]
pub fn is_synchronised() -> Option<bool> {
    // SAFETY: all bytes zero are a valid `timex`; with `modes` 0 the call only fills it in.
    let state = unsafe {
        let mut state: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut state) >= 0).then_some(state)
    };
    state.map(|state| state.status & libc::STA_UNSYNC == 0)
}
