//! Alignment: where on the recording's timeline each RTP timestamp of a leg lies (B7).
//!
//! Belongs here: the map and how it is built from packet heads. Does not: samples ([`crate::render`]).
//!
//! # The idea
//!
//! Media time runs by the sender's clock, arrival by ours. For each packet the difference
//!
//! ```text
//! offset = arrival - media time = (clock difference) + (network delay, never negative)
//! ```
//!
//! so the **least delayed** packets show the clock difference, and everything above them is delay (B7-02). Of each
//! second the second least offset counts, so that a single slipped timestamp does not. The clock difference changes
//! slowly, as crystals do: by at most 500 ppm (B7-03). The map therefore is the *largest function that lies below these
//! offsets and bends by at most 500 ppm*. It touches the least delayed packets, ignores late ones, and follows drift. No
//! window length has to be chosen: an offset 10 ms above the truth can matter only until a better one comes within 20 s.
//!
//! Such a function can follow a clock, not a step. Where the media clock is *set* (timestamp jump, stale clock after a
//! hold, new SSRC) the line is cut into [`Segment`]s, each with its own offsets (B7-06, B7-07). A cut is made only where
//! arrival and media time disagree by 200 ms from one packet to the next and the offsets on both sides still do.

//!
//! Arrival cannot tell a longer way from a later instant. Where the senders of two legs read one wall clock and report
//! it, their maps are then moved onto each other: [`align_by_senders`] (B7-05).

mod builder;
mod drift;
mod envelope;
mod sender_clock;

pub use builder::{MAX_SEGMENTS, MapBuilder};
pub use sender_clock::{SenderInstant, Shift, align_by_senders, ntp_ns};

use serde::{Deserialize, Serialize};

/// A packet further behind its place on the timeline than this is not rendered.
pub const MAX_REACH_NS: i64 = 60_000_000_000;
/// Packets reordered across the end of a segment are still looked for in it this long (B2-02).
const REORDER_NS: i64 = 3_000_000_000;
/// A packet cannot arrive before it is sent. Its place may still lie so far after its arrival: single slipped timestamps
/// up to what cuts a segment, and what lies between the points of the map.
const EARLY_NS: i64 = 200_000_000;
/// A packet with more sound than this is not rendered; it bounds how far back one must look.
pub(crate) const LONGEST_PACKET_S: i64 = 5;
/// Segments back from the newest that a packet is looked for in.
const SEARCH_BACK: usize = 8;

/// RTP time of one leg to time on the recording's timeline. Small: one point a second of media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeMap {
    origin_ns: i64,
    segments: Vec<Segment>,
    reach_ns: i64,
    extra_source: u64,
    unplaced: u64,
}

/// A stretch of one source by one unbroken media clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    ssrc: u32,
    clock_hz: u32,
    first_arrival_ns: i64,
    last_arrival_ns: i64,
    base_timestamp: u32,
    base_ticks: i64,
    end_ticks: i64,
    highest_offset_ns: i64,
    points: Vec<Point>,
}

/// One point of the map: at this media time the offset is this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Point {
    media_ns: i64,
    offset_ns: i64,
}

/// Where a packet lies: on which segment, at which of its ticks.
#[derive(Debug, Clone, Copy)]
pub struct Placement<'a> {
    number: usize,
    segment: &'a Segment,
    ticks: i64,
    origin_ns: i64,
}

impl TimeMap {
    /// Where the packet lies; `None` if it belongs to no segment: an extra source, or too far out of place.
    #[must_use]
    pub fn place(&self, ssrc: u32, timestamp: u32, arrival_ns: i64) -> Option<Placement<'_>> {
        self.place_within(self.reach_ns, ssrc, timestamp, arrival_ns)
    }

    /// Where what came at most so late lies.
    fn place_within(
        &self,
        reach_ns: i64,
        ssrc: u32,
        timestamp: u32,
        arrival_ns: i64,
    ) -> Option<Placement<'_>> {
        let begun = self.segments.partition_point(|segment| segment.first_arrival_ns <= arrival_ns);
        self.segments[..begun].iter().enumerate().rev().take(SEARCH_BACK).find_map(|(number, segment)| {
            let ticks = segment.ticks(timestamp);
            let over_ns = arrival_ns.saturating_sub(segment.last_arrival_ns);
            let over = over_ns > 0 && (over_ns > REORDER_NS || ticks >= segment.end_ticks);
            if segment.ssrc != ssrc || over {
                return None;
            }
            let late_ns = arrival_ns.saturating_sub(segment.at_ns(ticks));
            let fits = (-EARLY_NS..=reach_ns).contains(&late_ns);
            fits.then_some(Placement { number, segment, ticks, origin_ns: self.origin_ns })
        })
    }

    /// An arrival as time from the timeline's start, ns; negative before it.
    #[must_use]
    pub fn from_start(&self, arrival_ns: i64) -> i64 {
        arrival_ns.saturating_sub(self.origin_ns)
    }

    /// The arrival times between which all packets lie that can sound in a span of the timeline, both in ns from the
    /// timeline's start; arrival times are on the clock of the packets.
    #[must_use]
    pub fn arrivals_of(&self, from_ns: i64, until_ns: i64) -> (i64, i64) {
        let longest_ns = LONGEST_PACKET_S * 1_000_000_000 + EARLY_NS;
        let from = self.origin_ns.saturating_add(from_ns).saturating_sub(longest_ns);
        let until = self.origin_ns.saturating_add(until_ns).saturating_add(self.reach_ns);
        (from, until)
    }

    /// End of the last packet, ns from the timeline's start; 0 for a leg that was never heard.
    #[must_use]
    pub fn end_ns(&self) -> i64 {
        let ends = self.segments.iter().map(|segment| segment.at_ns(segment.end_ticks) - self.origin_ns);
        ends.max().unwrap_or(0).max(0)
    }

    /// Stretches of unbroken media clock, one for a clean leg.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Largest time a packet was behind its place, ns.
    #[must_use]
    pub fn reach_ns(&self) -> i64 {
        self.reach_ns
    }

    /// Packets of SSRCs that sent between those of the leg: kept in the store, not in the sound (B7-06).
    #[must_use]
    pub fn extra_source(&self) -> u64 {
        self.extra_source
    }

    /// Packets that no segment was opened for because there were [`MAX_SEGMENTS`] already.
    #[must_use]
    pub fn unplaced(&self) -> u64 {
        self.unplaced
    }
}

impl Placement<'_> {
    /// Number of its segment, and its tick on the segment's axis.
    pub(crate) fn position(&self) -> (usize, i64) {
        (self.number, self.ticks)
    }

    /// The packet's clock, Hz.
    #[must_use]
    pub fn clock_hz(&self) -> u32 {
        self.segment.clock_hz
    }

    /// Time of the tick that is so many after the packet's timestamp, ns from the timeline's start. Packets that follow
    /// one another in media time meet exactly: the end of one is the beginning of the next.
    #[must_use]
    pub fn timeline_ns(&self, ticks: i64) -> i64 {
        self.segment.at_ns(self.ticks.saturating_add(ticks)).saturating_sub(self.origin_ns)
    }
}

impl Segment {
    /// Source of this segment.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Unwraps a timestamp: the value nearest to where the segment began.
    fn ticks(&self, timestamp: u32) -> i64 {
        self.base_ticks + signed(timestamp.wrapping_sub(self.base_timestamp))
    }

    /// Arrival clock of a tick: media time plus the map's offset there.
    fn at_ns(&self, ticks: i64) -> i64 {
        let media_ns = media_ns(ticks, self.clock_hz);
        media_ns.saturating_add(envelope::value(&self.points, media_ns))
    }
}

/// The signed distance of wrapping timestamps.
fn signed(distance: u32) -> i64 {
    #[expect(clippy::cast_possible_wrap, reason = "two's complement is meant")]
    i64::from(distance as i32)
}

/// Ticks as ns, without overflow and without losing a fraction of a tick over days.
fn media_ns(ticks: i64, clock_hz: u32) -> i64 {
    let clock = i64::from(clock_hz.max(1));
    let seconds = ticks.div_euclid(clock).saturating_mul(1_000_000_000);
    seconds.saturating_add(ticks.rem_euclid(clock) * 1_000_000_000 / clock)
}
