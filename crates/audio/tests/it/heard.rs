//! What is heard of legs that click at known instants, beside the instants (B7). The tests and the benchmark measure by
//! the same.

use audio::align::{SenderInstant, align_by_senders};
use audio::codec::g711;
use audio::{Formats, Leg, MapBuilder, Rate, StoredPacket};
use sim::clicks::{Arrived, CLICK, Condition, Reported, S, Way};
use std::collections::BTreeMap;
use std::fmt;

/// Frames rendered at a time: ten seconds, as a player would ask for.
const WINDOW: u32 = 80_000;
const FRAME_NS: i64 = 125_000;

pub(crate) fn stored(packet: &Arrived) -> StoredPacket<'_> {
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
        let near = packets[from..until].iter().map(stored);
        let Ok(_) = leg.render(Rate::Narrow, &mut (), near, from_frame, &mut sound);
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
    let ways = [&condition.left, &condition.right];
    let packets = ways.map(Way::packets);
    let mut legs = packets.each_ref().map(|packets| leg(packets));
    if condition.one_clock {
        let mut maps = legs.each_ref().map(|leg| leg.map.clone());
        align_by_senders(&mut maps, &ways.map(instants));
        for (leg, map) in legs.iter_mut().zip(maps) {
            leg.map = map;
        }
    }
    // By one clock that is one indeed, both legs are placed as the one with the least delay.
    let true_clock = condition.one_clock && condition.left.wall_ahead_ns == condition.right.wall_ahead_ns;
    let least_ns = ways.map(Way::known_ns).into_iter().min().filter(|_| true_clock);
    let heard = [0, 1].map(|side| {
        let (way, leg) = (ways[side], &legs[side]);
        let known_ns = least_ns.unwrap_or(way.known_ns());
        // The second of a click is the one nearest to where it is heard.
        let second = |at: &i64| (at - known_ns + S / 2).div_euclid(S);
        let heard = clicks(leg, &packets[side]);
        let by_second: BTreeMap<i64, i64> = heard.iter().map(|at| (second(at), *at)).collect();
        let end_ns = way.end_ns() - way.known_ns() + known_ns;
        (by_second, heard.len(), (leg.map.end_ns() - end_ns).abs())
    });
    let [(left, left_heard, left_error_ns), (right, right_heard, right_error_ns)] = heard;
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

/// What the reports of a leg say, by a clock that all share.
fn instants(way: &Way) -> Vec<SenderInstant> {
    let instant = |report: Reported| SenderInstant {
        clock: 0,
        ssrc: report.ssrc,
        timestamp: report.timestamp,
        sender_ns: report.wall_ns,
        arrival_ns: report.arrival_ns,
    };
    way.reports().into_iter().map(instant).collect()
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
