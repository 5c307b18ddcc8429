//! The only file that reads a clock.
//!
//! Wall time is read once, at start; from then on the recorder's timeline advances with the monotonic clock
//! (B7-01), so that a step of the system clock changes nothing inside a recording.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use calls::time::Wall;
use serde::{Deserialize, Serialize};

use crate::aftercare::retention::guard::Reading;

/// The recorder's clock. Copies of it tell the same time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// The runtime's clock is the monotonic clock, unless a test has it stand still.
    zero: tokio::time::Instant,
    zero_wall: Wall,
}

impl Clock {
    /// Anchors the timeline to the system clock, now.
    pub fn start() -> Self {
        Self::at(system_time())
    }

    /// A timeline on which it is `wall` now.
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
    pub fn at(wall: Wall) -> Self {
        Self { zero: tokio::time::Instant::now(), zero_wall: wall }
    }

    /// Now, on the recorder's timeline.
    pub fn now(&self) -> Wall {
        self.zero_wall.after(self.since_start())
    }

    /// Seconds since 1970 as the world counts them now, by the system clock: for codes and tokens that others make by it (RFC 6238,
    /// RFC 7519). The timeline is apart from it once the system clock was stepped.
    pub fn world_s(&self) -> i64 {
        system_time().as_ns() / 1_000_000_000
    }

    /// When the timeline begins: the recorder's start.
    pub fn zero(&self) -> Wall {
        self.zero_wall
    }

    /// How long the recorder has been running: the `now` of the pure protocol cores.
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
    pub fn since_start(&self) -> Duration {
        tokio::time::Instant::now().saturating_duration_since(self.zero)
    }

    /// The instant at which [`Clock::since_start`] will be `at`, for timers.
    pub fn instant(&self, at: Duration) -> Instant {
        self.zero.into_std() + at
    }

    /// What must be added to a stamp of the system clock, in nanoseconds, to put it on the timeline. The
    /// kernel stamps datagrams with the system clock, which may step.
    pub fn offset_of_system_ns(&self) -> i64 {
        let mut least = (Duration::MAX, 0);
        // A thread that is held up between the two readings would see a step that was none.
        for _ in 0..READINGS {
            let (before, system) = (self.since_start(), system_time());
            let apart = self.since_start().saturating_sub(before);
            if apart < least.0 {
                least = (apart, self.zero_wall.after(before).as_ns() - system.as_ns());
            }
            if apart < CLOSE {
                break;
            }
        }
        least.1
    }

    /// What the system clock is like now.
    pub fn system(&self) -> SystemClock {
        let (synchronised, max_error_ns) = match kernel_clock() {
            Some((synchronised, error_ns)) => (Some(synchronised), Some(error_ns)),
            None => (None, None),
        };
        SystemClock { synchronised, max_error_ns, ahead_ns: -self.offset_of_system_ns() }
    }
}

/// What the machine's clocks say now, for whoever doubts one of them (C7-05).
pub fn reading(boot: String) -> Reading {
    let since_boot = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME);
    let since_boot = since_boot.map(Duration::from).unwrap_or_default();
    Reading { wall: system_time(), boot, since_boot, synchronised: is_synchronised().unwrap_or(false) }
}

/// Two readings closer together than this were not interrupted.
const CLOSE: Duration = Duration::from_micros(100);

/// The most pairs of readings of which the closest counts.
const READINGS: usize = 4;

/// The system clock at an instant (B7-09).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemClock {
    /// Whether a time source keeps it, by the kernel's word; `None` if it does not tell.
    pub synchronised: Option<bool>,
    /// How far it may be off, ns, by the word of whatever keeps it.
    pub max_error_ns: Option<i64>,
    /// How far it is ahead of the recorder's timeline, ns.
    pub ahead_ns: i64,
}

/// A step of the system clock. The timeline does not take part in it (B7-01).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStep {
    /// When, on the timeline.
    pub at: Wall,
    /// By how much it was put forward, ns; back if negative.
    pub by_ns: i64,
}

#[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
fn system_time() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall::EPOCH.after(since)
}

/// Whether the kernel says that a time source keeps the system clock; `None` if it does not tell.
pub fn is_synchronised() -> Option<bool> {
    kernel_clock().map(|(synchronised, _)| synchronised)
}

/// Whether a time source keeps the system clock, and by how many ns it may be off.
#[expect(unsafe_code, reason = "no crate at hand reads the kernel's clock state")]
fn kernel_clock() -> Option<(bool, i64)> {
    // SAFETY: all bytes zero are a valid `timex`; with `modes` 0 the call only fills it in.
    let state = unsafe {
        let mut state: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut state) >= 0).then_some(state)
    };
    // Microseconds, whatever the unit of other fields.
    state.map(|state| (state.status & libc::STA_UNSYNC == 0, state.maxerror.saturating_mul(1_000)))
}
