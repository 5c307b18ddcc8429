//! What is heard of legs that click at known instants, beside the instants (B7). The tests and the benchmark measure by
//! the same.

use audio::codec::g711;
use audio::{Formats, Leg, MapBuilder, StoredPacket};
use sim::clicks::{Arrived, CLICK, Condition, S, Way};
use std::collections::BTreeMap;
use std::fmt;

/// Frames rendered at a time: ten seconds, as a player would ask for.
const WINDOW: u32 = 80_000;
const FRAME_NS: i64 = 125_000;

fn stored(packet: &Arrived) -> StoredPacket<'_> {
    StoredPacket {
        arrival_ns: packet.arrival_ns,
        sequence: packet.sequence,
        timestamp: packet.timestamp,
        ssrc: packet.ssrc,
        payload_type: 0,
        marker: false,
        payload: &packet.payload,
    }
}

/// A leg as a player makes it of the packets' heads.
pub(crate) fn leg(packets: &[Arrived]) -> Leg {
    let formats = Formats::new(&[]);
    let mut builder = MapBuilder::new(0, formats.clone());
    packets.iter().for_each(|packet| builder.push(&stored(packet)));
    Leg { formats, map: builder.map(), dark: vec![] }
}

/// When the clicks are heard, ns of the timeline.
pub(crate) fn clicks(leg: &Leg, packets: &[Arrived]) -> Vec<i64> {
    let loud = g711::pcmu_to_linear(CLICK);
    let mut sound = vec![0; WINDOW as usize];
    let mut clicks = Vec::new();
    let mut from_frame = 0_u64;
    let mut begin_ns = 0;
    while begin_ns < leg.map.end_ns() {
        let until_ns = begin_ns + i64::from(WINDOW) * FRAME_NS;
        let (from_ns, last_ns) = leg.map.arrivals_of(begin_ns, until_ns);
        let from = packets.partition_point(|packet| packet.arrival_ns < from_ns);
        let until = packets.partition_point(|packet| packet.arrival_ns <= last_ns);
        leg.render(packets[from..until].iter().map(stored), from_frame, &mut sound);
        let found = sound.iter().zip(0_i64..).filter(|(sample, _)| **sample == loud);
        clicks.extend(found.map(|(_, at)| begin_ns + at * FRAME_NS));
        (from_frame, begin_ns) = (from_frame + u64::from(WINDOW), until_ns);
    }
    clicks
}

/// What was measured over one condition.
pub(crate) struct Measured {
    name: &'static str,
    figure_ns: i64,
    /// How far apart the legs place one instant; ascending.
    apart_ns: Vec<i64>,
    /// The same of the last instant that both were heard at.
    pub(crate) at_end_ns: i64,
    /// The worse of the two legs' ends against the truth.
    pub(crate) duration_error_ns: i64,
    /// Clicks that were sent on both legs.
    pub(crate) sent: usize,
    /// Of those the ones heard.
    pub(crate) heard: usize,
}

/// Sends both legs, renders them, and compares.
pub(crate) fn measure(condition: &Condition) -> Measured {
    let one = |way: &Way| {
        let packets = way.packets();
        let leg = leg(&packets);
        // The second of a click is the one nearest to where it is heard.
        let second = |at: &i64| (at - way.known_ns() + S / 2).div_euclid(S);
        let heard = clicks(&leg, &packets);
        let by_second: BTreeMap<i64, i64> = heard.iter().map(|at| (second(at), *at)).collect();
        (by_second, heard.len(), (leg.map.end_ns() - way.end_ns()).abs())
    };
    let (left, left_heard, left_error_ns) = one(&condition.left);
    let (right, right_heard, right_error_ns) = one(&condition.right);
    let apart = |(second, at): (&i64, &i64)| Some((at - right.get(second)?).abs());
    let mut apart_ns: Vec<i64> = left.iter().filter_map(apart).collect();
    let at_end_ns = apart_ns.last().copied().unwrap_or(i64::MAX);
    apart_ns.sort_unstable();
    Measured {
        name: condition.name,
        figure_ns: condition.apart_ns,
        apart_ns,
        at_end_ns,
        duration_error_ns: left_error_ns.max(right_error_ns),
        sent: condition.left.clicks() + condition.right.clicks(),
        heard: left_heard + right_heard,
    }
}

impl Measured {
    /// So many of a hundred instants are no further apart.
    pub(crate) fn apart_ns(&self, percent: usize) -> i64 {
        let last = self.apart_ns.len().saturating_sub(1);
        self.apart_ns.get(last * percent / 100).copied().unwrap_or(i64::MAX)
    }
}

/// A row of a table: name, figure, p50, p99, largest, at the end, duration, heard of sent.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |ns: i64| format!("{}.{}", ns / 1_000_000, ns / 100_000 % 10);
        let [p50, p99, most] = [50, 99, 100].map(|percent| ms(self.apart_ns(percent)));
        let (end, duration) = (ms(self.at_end_ns), ms(self.duration_error_ns));
        let (name, figure, heard, sent) = (self.name, self.figure_ns / 1_000_000, self.heard, self.sent);
        write!(f, "| {name} | {figure} | {p50} | {p99} | {most} | {end} | {duration} | {heard} of {sent} |")
    }
}
