//! Aligning legs whose senders read one wall clock, by their sender reports (B7-05).
//!
//! Belongs here: by how much each segment is moved, and when arrival is believed instead. Does not: who shares a clock,
//! and whether a report is genuine.
//!
//! # The idea
//!
//! A map places a sender's instant where its least delayed packets arrived. If the sender also says what its wall clock
//! showed at that instant, then
//!
//! ```text
//! lag = place on the timeline - wall clock = (difference of the clocks) + (least delay of the way)
//! ```
//!
//! and between legs that share the wall clock the lags differ by the least delays alone: what arrival cannot know. So
//! each segment is moved by what its lag is above the least of all legs at the same time, towards the leg with the
//! least delay. Of a segment's reports the median counts.

use super::{MAX_REACH_NS, TimeMap};
use std::collections::BTreeMap;

/// Reports that would move a segment by more are at odds with arrival, which is believed (B7-05).
const MAX_SHIFT_NS: i64 = 250_000_000;
/// A report may be so late after the packets of its instant; one that is later speaks of another media clock.
const LATEST_NS: i64 = 2_000_000_000;

/// One instant by both clocks of a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInstant {
    /// Which wall clock it is by: the same number means the same clock.
    pub clock: usize,
    /// The source.
    pub ssrc: u32,
    /// The instant by its media clock.
    pub timestamp: u32,
    /// The instant by its wall clock, ns since any time.
    pub sender_ns: i64,
    /// When the report came, on the clock of the packets.
    pub arrival_ns: i64,
}

/// What sender reports did to a leg.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shift {
    /// The farthest that any segment was moved towards the beginning, ns.
    pub shifted_ns: i64,
    /// Reports of a clock that another leg has too, and that fit a segment.
    pub used: usize,
    /// The sender's wall clock is more than 250 ms at odds with arrival, which was believed.
    pub at_odds: bool,
}

/// The lag of one leg by one clock, as its reports show it.
struct Lag {
    leg: usize,
    segment: usize,
    arrival_ns: i64,
    lag_ns: i64,
}

/// The nanoseconds of an NTP timestamp, since the beginning of its era (RFC 5905 §6).
#[must_use]
pub fn ntp_ns(ntp: u64) -> i64 {
    let (seconds, fraction) = (ntp >> 32, ntp & 0xffff_ffff);
    i64::try_from(seconds * 1_000_000_000 + ((fraction * 1_000_000_000) >> 32)).unwrap_or(i64::MAX)
}

/// Moves the legs onto each other. `instants` are those of each leg; legs without any stay where they are.
pub fn align_by_senders(maps: &mut [TimeMap], instants: &[Vec<SenderInstant>]) -> Vec<Shift> {
    let mut shifts = vec![Shift::default(); maps.len()];
    let mut by_clock: BTreeMap<usize, Vec<Lag>> = BTreeMap::new();
    for (leg, (map, instants)) in maps.iter().zip(instants).enumerate() {
        for instant in instants {
            let SenderInstant { ssrc, timestamp, arrival_ns, .. } = *instant;
            let Some(place) = map.place_within(LATEST_NS, ssrc, timestamp, arrival_ns) else { continue };
            let lag_ns = place.timeline_ns(0).saturating_sub(instant.sender_ns);
            let (segment, _) = place.position();
            by_clock.entry(instant.clock).or_default().push(Lag { leg, segment, arrival_ns, lag_ns });
        }
    }
    for mut lags in by_clock.into_values() {
        lags.sort_by_key(|lag| (lag.leg, lag.arrival_ns));
        let legs: Vec<&[Lag]> = lags.chunk_by(|one, next| one.leg == next.leg).collect();
        if legs.len() < 2 {
            continue;
        }
        let mut excess: BTreeMap<(usize, usize), Vec<i64>> = BTreeMap::new();
        for lag in &lags {
            let least_ns = legs.iter().map(|lags| lag_at(lags, lag.arrival_ns)).min().unwrap_or(lag.lag_ns);
            excess.entry((lag.leg, lag.segment)).or_default().push(lag.lag_ns.saturating_sub(least_ns));
        }
        for ((leg, segment), mut excess) in excess {
            let middle = excess.len() / 2;
            let shift_ns = *excess.select_nth_unstable(middle).1;
            let shift = &mut shifts[leg];
            shift.used += excess.len();
            if shift_ns > MAX_SHIFT_NS {
                shift.at_odds = true;
            } else {
                maps[leg].bring_forward(segment, shift_ns);
                shift.shifted_ns = shift.shifted_ns.max(shift_ns);
            }
        }
    }
    shifts
}

/// The lag of a leg at a time: on the line between the reports before and after, level beyond them.
fn lag_at(lags: &[Lag], at_ns: i64) -> i64 {
    let after = lags.partition_point(|lag| lag.arrival_ns < at_ns);
    match (after.checked_sub(1).and_then(|before| lags.get(before)), lags.get(after)) {
        (Some(before), Some(after)) => {
            let span = i128::from(after.arrival_ns) - i128::from(before.arrival_ns);
            let part = i128::from(at_ns) - i128::from(before.arrival_ns);
            let rise = (i128::from(after.lag_ns) - i128::from(before.lag_ns)) * part / span.max(1);
            before.lag_ns.saturating_add(i64::try_from(rise).unwrap_or(0))
        }
        (Some(only), None) | (None, Some(only)) => only.lag_ns,
        (None, None) => i64::MAX,
    }
}

impl TimeMap {
    /// Moves a segment towards the beginning of the timeline. Its packets then come later after their places.
    fn bring_forward(&mut self, segment: usize, shift_ns: i64) {
        let Some(segment) = self.segments.get_mut(segment) else { return };
        for point in &mut segment.points {
            point.offset_ns = point.offset_ns.saturating_sub(shift_ns);
        }
        self.reach_ns = self.reach_ns.saturating_add(shift_ns).min(MAX_REACH_NS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Formats, MapBuilder, StoredPacket};

    const MS: i64 = 1_000_000;

    /// Ten seconds of a leg over a way of this delay, and its reports by a wall clock that is so far ahead of ours.
    fn leg(ssrc: u32, delay_ns: i64, clock: usize, ahead_ns: i64) -> (TimeMap, Vec<SenderInstant>) {
        let mut builder = MapBuilder::new(0, Formats::new(&[]));
        let payload = [0; 160];
        for (number, n) in (0_u16..500).zip(0_u32..) {
            builder.push(&StoredPacket {
                arrival_ns: i64::from(n) * 20 * MS + delay_ns,
                sequence: number,
                timestamp: n * 160,
                ssrc,
                payload_type: 0,
                marker: false,
                payload: &payload,
            });
        }
        let instants = (1..9).map(|second| SenderInstant {
            clock,
            ssrc,
            timestamp: second * 8000,
            sender_ns: i64::from(second) * 1000 * MS + ahead_ns,
            arrival_ns: i64::from(second) * 1000 * MS + delay_ns + 3 * MS,
        });
        (builder.map(), instants.collect())
    }

    fn aligned(legs: Vec<(TimeMap, Vec<SenderInstant>)>) -> (Vec<i64>, Vec<Shift>) {
        let (mut maps, instants): (Vec<_>, Vec<_>) = legs.into_iter().unzip();
        let shifts = align_by_senders(&mut maps, &instants);
        (maps.iter().map(TimeMap::end_ns).map(|end_ns| end_ns / MS).collect(), shifts)
    }

    #[test]
    fn legs_of_one_clock_are_moved_to_the_one_with_the_least_delay() {
        let ahead_ns = 3_600_000 * MS;
        let three =
            vec![leg(1, 65 * MS, 0, ahead_ns), leg(2, 5 * MS, 0, ahead_ns), leg(3, 20 * MS, 0, ahead_ns)];
        let (ends_ms, shifts) = aligned(three);
        assert_eq!(ends_ms, [10_005, 10_005, 10_005]);
        assert_eq!(shifts.iter().map(|shift| shift.shifted_ns / MS).collect::<Vec<_>>(), [60, 0, 15]);
        assert!(shifts.iter().all(|shift| shift.used == 8 && !shift.at_odds));
    }

    #[test]
    fn a_wall_clock_more_than_250_ms_at_odds_with_arrival_is_not_believed() {
        for (ahead_ms, ends_ms) in
            [(240, [10_065, 9_825]), (300, [10_065, 10_065]), (-3_600_000, [10_065, 10_065])]
        {
            let (ends, shifts) = aligned(vec![leg(1, 65 * MS, 0, 0), leg(2, 65 * MS, 0, -ahead_ms * MS)]);
            assert_eq!(ends, ends_ms, "{ahead_ms}");
            assert_eq!(shifts.iter().any(|shift| shift.at_odds), ahead_ms != 240, "{ahead_ms}");
        }
    }

    #[test]
    fn other_clocks_sources_that_were_not_heard_and_single_bad_reports_move_nothing() {
        let (ends_ms, shifts) = aligned(vec![leg(1, 65 * MS, 0, 0), leg(2, 5 * MS, 1, 0)]);
        assert_eq!((ends_ms, shifts), (vec![10_065, 10_005], vec![Shift::default(); 2]));
        let mut stranger = leg(2, 5 * MS, 0, 0);
        stranger.1.iter_mut().for_each(|instant| instant.ssrc = 99);
        let (ends_ms, _) = aligned(vec![leg(1, 65 * MS, 0, 0), stranger]);
        assert_eq!(ends_ms, [10_065, 10_005]);
        let mut bad = leg(1, 65 * MS, 0, 0);
        bad.1[4].sender_ns += 150 * MS;
        let (ends_ms, _) = aligned(vec![bad, leg(2, 5 * MS, 0, 0)]);
        assert_eq!(ends_ms, [10_005, 10_005]);
    }

    #[test]
    fn an_ntp_timestamp_is_nanoseconds() {
        assert_eq!(ntp_ns(1 << 32 | 0x8000_0000), 1_500_000_000);
        assert_eq!(ntp_ns(u64::MAX), 4_294_967_295_999_999_999);
    }
}
