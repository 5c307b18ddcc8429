//! Medians, percentiles, and numbers as a table wants them.

use std::time::Duration;

/// The median; 0 of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Times, to be asked for percentiles.
#[derive(Debug, Default, Clone)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Takes one.
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Takes those of another.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The time that `percent` of all do not exceed, in milliseconds.
    pub(crate) fn percentile_ms(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }

    /// "p50 1.2 ms, p99 3.4 ms, worst 5.6 ms (200)".
    pub(crate) fn describe(&self) -> String {
        format!(
            "p50 {:.2} ms, p99 {:.2} ms, worst {:.2} ms ({} of them)",
            self.percentile_ms(50),
            self.percentile_ms(99),
            self.percentile_ms(100),
            self.len()
        )
    }
}

/// A count as a number to divide by or with.
#[expect(clippy::cast_precision_loss, reason = "no count here reaches 2^53")]
pub(crate) fn to_f64(count: u64) -> f64 {
    count as f64
}

/// The same of a count of things in memory.
pub(crate) fn count_f64(count: usize) -> f64 {
    to_f64(count as u64)
}
