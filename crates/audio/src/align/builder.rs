//! One pass over packet heads, in arrival order, that builds a [`TimeMap`].
//!
//! Belongs here: which SSRC is the leg, where segments are cut and joined. Does not: the envelope itself.

use super::{MAX_REACH_NS, Point, REORDER_NS, Segment, TimeMap, envelope, media_ns, signed};
use crate::codec::Codec;
use crate::packet::{Formats, StoredPacket};

/// Segments of one leg; packets beyond are counted, not placed.
pub const MAX_SEGMENTS: usize = 10_000;
/// Disagreement of arrival and media time between two packets that may be a set clock (B7-03).
const CUT_NS: i64 = 200_000_000;
/// Disagreement that no delay explains: only arrival counts (B7-07).
const CERTAIN_NS: i64 = 2_000_000_000;
/// A jump of media time beyond this ends the axis of media time too.
const AXIS_S: i64 = 10;
/// Packets that are evidence for an offset of their own.
const EVIDENCE_PACKETS: u32 = 10;
/// Offsets of this much media time on each side of a cut are compared.
const COMPARED_NS: i64 = 10_000_000_000;
/// Media time of one point.
const POINT_NS: i64 = 1_000_000_000;
/// Another SSRC takes over after this silence of the current one (B7-06) ...
const TAKEOVER_SILENCE_NS: i64 = 100_000_000;
/// ... and so many packets in sequence (RFC 3550 A.1).
const MIN_SEQUENTIAL: usize = 2;
/// Largest forward jump in sequence that is loss and not a restart (RFC 3550 A.1).
const MAX_DROPOUT: i64 = 3000;
/// Packets of another SSRC that are remembered until it takes over.
const MAX_WAITING: usize = 64;

/// Builds the map of one leg from the heads of its packets.
#[derive(Debug, Clone)]
pub struct MapBuilder {
    origin_ns: i64,
    formats: Formats,
    done: Vec<Segment>,
    open: Option<Open>,
    waiting: Vec<Head>,
    run: usize,
    extra_source: u64,
    unplaced: u64,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    arrival_ns: i64,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    clock_hz: u32,
    samples: i64,
}

/// The segment being filled.
#[derive(Debug, Clone)]
struct Open {
    segment: Segment,
    /// Media time axis continues from the segment before, so the two may be joined.
    joinable: bool,
    packets: u32,
    newest: Head,
    newest_ticks: i64,
    /// Media time at which the newest point began.
    point_begun_ns: i64,
    /// The least offset since then. The point itself is the second least, so that one packet with a slipped timestamp
    /// cannot bend the map.
    least: Point,
}

impl MapBuilder {
    /// Starts the map of a leg on a timeline that begins at `origin_ns` of the packets' clock.
    #[must_use]
    pub fn new(origin_ns: i64, formats: Formats) -> Self {
        Self {
            origin_ns,
            formats,
            done: Vec::new(),
            open: None,
            waiting: Vec::new(),
            run: 0,
            extra_source: 0,
            unplaced: 0,
        }
    }

    /// Takes the next packet in arrival order. Of the payload only the length is used.
    pub fn push(&mut self, packet: &StoredPacket<'_>) {
        let Some((codec, clock_hz)) = self.formats.get(packet.payload_type) else { return };
        // An event repeats the timestamp of its beginning: it says nothing about time (B5-02).
        if codec == Codec::TelephoneEvent {
            return;
        }
        let head = Head {
            arrival_ns: packet.arrival_ns,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
            clock_hz,
            samples: i64::try_from(codec.ticks_of(packet.payload.len())).unwrap_or(0),
        };
        match &self.open {
            Some(open) if open.newest.ssrc != head.ssrc => self.push_aside(head),
            _ => self.push_current(head),
        }
    }

    /// What payload types mean from now on: of a call that is still running more may have been agreed.
    pub fn know(&mut self, formats: Formats) {
        self.formats = formats;
    }

    /// The map as of now. The builder may go on: a call that is still running is mapped again later.
    #[must_use]
    pub fn map(&self) -> TimeMap {
        let mut all = self.clone();
        // A source that changed just before the end has had no time to prove the silence of the other.
        if all.run >= MIN_SEQUENTIAL {
            all.take_over();
        }
        all.close();
        // Packets reordered across a cut were not measured against the segment they belong to.
        let mut reach_ns = if all.done.len() > 1 { REORDER_NS } else { 0 };
        for segment in &mut all.done {
            envelope::settle(&mut segment.points);
            let lowest = segment.points.iter().map(|point| point.offset_ns).min();
            reach_ns =
                reach_ns.max(lowest.map_or(0, |lowest| segment.highest_offset_ns.saturating_sub(lowest)));
        }
        TimeMap {
            origin_ns: all.origin_ns,
            segments: all.done,
            reach_ns: reach_ns.min(MAX_REACH_NS),
            extra_source: all.extra_source + all.waiting.len() as u64,
            unplaced: all.unplaced,
        }
    }

    /// A packet that does not continue the leg so far: of another SSRC, or far from its sequence. It waits until its
    /// successors prove that the leg goes on there (RFC 3550 A.1).
    fn push_aside(&mut self, head: Head) {
        let before = self.waiting.last().copied();
        if before.is_some_and(|before| before.ssrc != head.ssrc) || self.waiting.len() == MAX_WAITING {
            self.forget_waiting();
        }
        let sequential = before.is_some_and(|before| {
            before.ssrc == head.ssrc && before.sequence.wrapping_add(1) == head.sequence
        });
        self.run = if sequential { self.run + 1 } else { 1 };
        self.waiting.push(head);
        let free = self.open.as_ref().is_none_or(|open| {
            let silent_ns = head.arrival_ns.saturating_sub(open.newest.arrival_ns);
            open.newest.ssrc == head.ssrc || silent_ns >= TAKEOVER_SILENCE_NS
        });
        if self.run >= MIN_SEQUENTIAL && free {
            self.take_over();
        }
    }

    /// The leg goes on as before: what waited was not it.
    fn forget_waiting(&mut self) {
        self.extra_source += self.waiting.len() as u64;
        self.waiting.clear();
        self.run = 0;
    }

    /// The waiting source becomes the leg, from its first packet on: no gap is invented (B7-06).
    fn take_over(&mut self) {
        self.close();
        self.run = 0;
        for head in std::mem::take(&mut self.waiting) {
            self.push_current(head);
        }
    }

    fn push_current(&mut self, head: Head) {
        let Some(open) = &mut self.open else { return self.begin(head, 0, false) };
        let ahead = signed(u32::from(head.sequence.wrapping_sub(open.newest.sequence)) << 16) >> 16;
        let ticks = signed(head.timestamp.wrapping_sub(open.newest.timestamp));
        let axis = AXIS_S * i64::from(head.clock_hz);
        let same_clock = head.clock_hz == open.newest.clock_hz;
        let passed_ns = head.arrival_ns.saturating_sub(open.newest.arrival_ns);
        let disagreement_ns = passed_ns.saturating_sub(media_ns(ticks, head.clock_hz));
        let agrees = same_clock && disagreement_ns.saturating_abs() < CUT_NS;
        if ahead <= 0 && same_clock && (-axis..=0).contains(&ticks) {
            open.note_reordered(head, ticks);
        } else if ahead > 0 && agrees {
            open.extend(head, ticks);
        } else if ahead > 0 && ahead < MAX_DROPOUT {
            let joinable = same_clock && (-axis..=axis).contains(&ticks);
            let next_ticks = if joinable { open.newest_ticks + ticks } else { 0 };
            self.close();
            self.begin(head, next_ticks, joinable);
        } else {
            return self.push_aside(head);
        }
        self.forget_waiting();
    }

    fn begin(&mut self, head: Head, ticks: i64, joinable: bool) {
        if self.done.len() >= MAX_SEGMENTS {
            self.unplaced += 1;
            return;
        }
        let earliest = self.done.last().map_or(i64::MIN, |segment| segment.first_arrival_ns);
        let first_arrival_ns = head.arrival_ns.max(earliest);
        let media_ns = media_ns(ticks, head.clock_hz);
        let offset_ns = head.arrival_ns.saturating_sub(media_ns);
        self.open = Some(Open {
            segment: Segment {
                ssrc: head.ssrc,
                clock_hz: head.clock_hz,
                first_arrival_ns,
                last_arrival_ns: first_arrival_ns,
                base_timestamp: head.timestamp,
                base_ticks: ticks,
                end_ticks: ticks.saturating_add(head.samples),
                highest_offset_ns: offset_ns,
                points: vec![Point { media_ns, offset_ns }],
            },
            joinable,
            packets: 1,
            newest: head,
            newest_ticks: ticks,
            point_begun_ns: media_ns,
            least: Point { media_ns, offset_ns },
        });
    }

    /// Ends the open segment: joins it to the one before if both tell of the same clock, else keeps it.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        if let Some(before) = self.done.last_mut()
            && open.joinable
            && open.agrees_with(before)
        {
            before.highest_offset_ns = before.highest_offset_ns.max(open.segment.highest_offset_ns);
            before.last_arrival_ns = before.last_arrival_ns.max(open.segment.last_arrival_ns);
            before.end_ticks = before.end_ticks.max(open.segment.end_ticks);
            let last_ns = before.points.last().map_or(i64::MIN, |point| point.media_ns);
            before.points.extend(open.segment.points.into_iter().filter(|point| point.media_ns > last_ns));
        } else {
            self.done.push(open.segment);
        }
    }
}

impl Open {
    fn extend(&mut self, head: Head, ticks: i64) {
        self.newest_ticks = self.newest_ticks.saturating_add(ticks);
        self.newest = head;
        self.packets = self.packets.saturating_add(1);
        let media_ns = media_ns(self.newest_ticks, head.clock_hz);
        let offset_ns = head.arrival_ns.saturating_sub(media_ns);
        let segment = &mut self.segment;
        segment.last_arrival_ns = segment.last_arrival_ns.max(head.arrival_ns);
        segment.end_ticks = segment.end_ticks.max(self.newest_ticks.saturating_add(head.samples));
        segment.highest_offset_ns = segment.highest_offset_ns.max(offset_ns);
        let here = Point { media_ns, offset_ns };
        let Some(point) = segment.points.last_mut() else { return };
        if media_ns.saturating_sub(self.point_begun_ns) >= POINT_NS && media_ns > point.media_ns {
            self.point_begun_ns = media_ns;
            self.least = here;
            segment.points.push(here);
        } else if media_ns < self.point_begun_ns {
            // A timestamp that goes back while the sequence goes on: no evidence.
        } else if offset_ns < self.least.offset_ns {
            *point = std::mem::replace(&mut self.least, here);
        } else if offset_ns < point.offset_ns || self.least == *point {
            *point = here;
        }
    }

    /// A packet behind the newest shows nothing about the clock, only how far back one must look for packets.
    fn note_reordered(&mut self, head: Head, ticks: i64) {
        let media_ns = media_ns(self.newest_ticks.saturating_add(ticks), head.clock_hz);
        let offset_ns = head.arrival_ns.saturating_sub(media_ns);
        let segment = &mut self.segment;
        segment.highest_offset_ns = segment.highest_offset_ns.max(offset_ns);
        segment.last_arrival_ns = segment.last_arrival_ns.max(head.arrival_ns);
    }

    /// Least offset near the beginning.
    fn lowest_begin(&self) -> i64 {
        let points = &self.segment.points;
        let until = points.first().map_or(0, |point| point.media_ns).saturating_add(COMPARED_NS);
        let near = points.iter().take_while(|point| point.media_ns <= until);
        near.map(|point| point.offset_ns).min().unwrap_or(0)
    }

    /// Whether this segment's offsets continue those of the one before: less than [`CUT_NS`] of step. Few packets are
    /// no evidence of a step up to [`CERTAIN_NS`], as long as they are late and not early: late ones change nothing.
    fn agrees_with(&self, before: &Segment) -> bool {
        let step_ns = self.lowest_begin().saturating_sub(lowest_end(before));
        let weak = self.packets < EVIDENCE_PACKETS;
        step_ns > -CUT_NS && step_ns < if weak { CERTAIN_NS } else { CUT_NS }
    }
}

/// Least offset near the end of a segment.
fn lowest_end(segment: &Segment) -> i64 {
    let last_ns = segment.points.last().map_or(0, |point| point.media_ns);
    let near = segment.points.iter().rev();
    let near = near.take_while(|point| point.media_ns >= last_ns.saturating_sub(COMPARED_NS));
    near.map(|point| point.offset_ns).min().unwrap_or(0)
}
