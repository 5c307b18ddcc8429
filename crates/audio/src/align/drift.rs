//! How fast a sender's media clock runs (B7-03), as its map shows it.

use super::{Segment, TimeMap};

/// Less of unbroken media clock than this says nothing: the points wander by the network's jitter.
const LEAST_NS: i64 = 60_000_000_000;

impl TimeMap {
    /// How many ppm the sender's media clock is fast, or if negative slow, against the clock of arrival, by the longest
    /// stretch of unbroken media clock; `None` if that is under a minute.
    #[must_use]
    pub fn drift_ppm(&self) -> Option<f64> {
        let length_ns = |segment: &&Segment| segment.length_ns();
        let longest = self.segments.iter().max_by_key(length_ns)?;
        (longest.length_ns() >= LEAST_NS).then(|| longest.drift_ppm())
    }
}

impl Segment {
    fn length_ns(&self) -> i64 {
        match self.points.as_slice() {
            [first, .., last] => last.media_ns.saturating_sub(first.media_ns),
            _ => 0,
        }
    }

    /// The straight line with the least squares through the points: where offsets fall, the sender is fast.
    #[expect(clippy::cast_precision_loss, reason = "differences of less than 2^53 ns, which is 104 days")]
    fn drift_ppm(&self) -> f64 {
        let Some(first) = self.points.first() else { return 0.0 };
        let at = |point: &super::Point| {
            let media = point.media_ns.saturating_sub(first.media_ns) as f64;
            (media, point.offset_ns.saturating_sub(first.offset_ns) as f64)
        };
        let count = self.points.len() as f64;
        let (media, offset) =
            self.points.iter().map(at).fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        let (media_mean, offset_mean) = (media / count, offset / count);
        let (mut with, mut over) = (0.0, 0.0);
        for (media, offset) in self.points.iter().map(at) {
            with += (media - media_mean) * (offset - offset_mean);
            over += (media - media_mean) * (media - media_mean);
        }
        if over > 0.0 { -with / over * 1e6 } else { 0.0 }
    }
}
