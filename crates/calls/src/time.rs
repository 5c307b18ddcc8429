//! The one clock the domain speaks of.
//!
//! Belongs here: instants and spans on the recorder's own timeline. Does not: reading a clock (the server
//! does), RTP media time (the `rtp` and `audio` crates), local zones (the WFO face).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An instant on the recorder's timeline: nanoseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// Within one run of the recorder it is anchored to wall time once and then advances with the monotonic
/// clock, so that a step of the system clock changes nothing inside a recording (B7-01).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wall(i64);

impl Wall {
    /// The zero of the timeline.
    pub const EPOCH: Self = Self(0);

    /// From nanoseconds since the epoch.
    pub const fn from_ns(ns: i64) -> Self {
        Self(ns)
    }

    /// From milliseconds since the epoch; saturates at the ends of the range.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_ns(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down.
    pub const fn as_ms(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This instant, later by `by`; saturates.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// This instant, earlier by `by`; saturates.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}s", self.0.div_euclid(1_000_000_000), self.0.rem_euclid(1_000_000_000))
    }
}

/// A half-open span of the timeline. `until` is absent while the span lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first instant inside.
    pub from: Wall,
    /// The first instant after it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Wall>,
}

impl Span {
    /// A span that lasts.
    pub const fn opened(from: Wall) -> Self {
        Self { from, until: None }
    }

    /// Whether `at` lies inside.
    pub fn contains(&self, at: Wall) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}
