//! Gaps: where on the timeline packets of a leg never came (B2-04).
//!
//! Belongs here: finding holes in the sequence, and their places. Does not: whether packets are missing because nobody
//! was to keep them (a blackout, a pause), which the caller knows; silence without a hole (B4-01).
//!
//! One pass over packet heads in arrival order, as for the map. What comes late fills its hole again.

use crate::align::TimeMap;
use crate::codec::Codec;
use crate::packet::{Formats, StoredPacket};
use std::collections::VecDeque;

/// Gaps of one leg that are listed; further ones are counted.
pub const MAX_GAPS: usize = 1000;
/// Sources of one leg followed at a time.
const MAX_SOURCES: usize = 4;
/// Largest forward jump in sequence that is loss and not a restart (RFC 3550 A.1, B2-03).
const MAX_DROPOUT: i64 = 3000;
/// A hole that was found so long ago is filled no more: what is later is not stored (B2-02), save for some leniency.
const FILLED_NS: i64 = 4_000_000_000;
/// Holes that may still be filled; one more settles the oldest.
const MAX_HOLES: usize = 1024;
/// Packets further behind than this are of another sequence.
const WINDOW: i64 = 1024;

/// A span of the timeline that no packet was stored for, though the sequence says that some were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Its beginning, ns from the timeline's start.
    pub from_ns: i64,
    /// Its end.
    pub until_ns: i64,
    /// Sequence numbers that are missing.
    pub packets: u64,
    /// Stored packets could not be read there.
    pub damaged: bool,
}

/// The gaps of a leg.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gaps {
    /// The first [`MAX_GAPS`], in the order of the timeline.
    pub listed: Vec<Gap>,
    /// Further ones.
    pub more: u64,
    /// Sequence numbers missing in those.
    pub more_packets: u64,
}

/// Finds the gaps of one leg.
#[derive(Debug, Clone)]
pub struct GapFinder {
    formats: Formats,
    sources: Vec<Followed>,
    /// Holes in the order in which they were found.
    holes: VecDeque<Hole>,
    settled: Vec<Hole>,
    more: u64,
    more_packets: u64,
    damaged: bool,
}

/// The sequence of one source.
#[derive(Debug, Clone, Copy)]
struct Followed {
    ssrc: u32,
    newest: i64,
    /// Its newest packet of sound.
    sound: Edge,
    arrival_ns: i64,
}

/// Where a packet of sound ends or begins.
#[derive(Debug, Clone, Copy)]
struct Edge {
    timestamp: u32,
    arrival_ns: i64,
    /// Ticks behind the timestamp.
    ticks: i64,
}

/// Missing sequence numbers, `first` to `last`, and the sound on both sides of them.
#[derive(Debug, Clone, Copy)]
struct Hole {
    ssrc: u32,
    first: i64,
    last: i64,
    before: Edge,
    behind: Edge,
    found_ns: i64,
    damaged: bool,
}

impl Hole {
    fn packets(&self) -> u64 {
        u64::try_from(self.last - self.first + 1).unwrap_or(0)
    }
}

impl GapFinder {
    /// A finder that has seen nothing.
    #[must_use]
    pub fn new(formats: Formats) -> Self {
        Self {
            formats,
            sources: Vec::new(),
            holes: VecDeque::new(),
            settled: Vec::new(),
            more: 0,
            more_packets: 0,
            damaged: false,
        }
    }

    /// Takes the next packet in arrival order. Of the payload only the length is used.
    pub fn push(&mut self, packet: &StoredPacket<'_>) {
        self.settle(packet.arrival_ns.saturating_sub(FILLED_NS));
        let sound =
            self.formats.get(packet.payload_type).filter(|(codec, _)| *codec != Codec::TelephoneEvent);
        let ticks =
            sound.map_or(0, |(codec, _)| i64::try_from(codec.ticks_of(packet.payload.len())).unwrap_or(0));
        let here = Edge { timestamp: packet.timestamp, arrival_ns: packet.arrival_ns, ticks };
        let Some(source) = self.sources.iter_mut().find(|source| source.ssrc == packet.ssrc) else {
            return self.follow(packet, here);
        };
        source.arrival_ns = packet.arrival_ns;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "the low 16 bits, signed"
        )]
        let ahead = i64::from(packet.sequence.wrapping_sub(source.newest as u16) as i16);
        if (1..MAX_DROPOUT).contains(&ahead) {
            if ahead > 1 {
                self.holes.push_back(Hole {
                    ssrc: packet.ssrc,
                    first: source.newest + 1,
                    last: source.newest + ahead - 1,
                    before: source.sound,
                    behind: Edge { ticks: 0, ..here },
                    found_ns: packet.arrival_ns,
                    damaged: std::mem::take(&mut self.damaged),
                });
            }
            source.newest += ahead;
            if sound.is_some() {
                source.sound = here;
            }
        } else if (-WINDOW..=0).contains(&ahead) {
            let number = source.newest + ahead;
            self.fill(packet.ssrc, number, here);
        } else {
            (source.newest, source.sound) = (i64::from(packet.sequence), here);
        }
    }

    /// What should have come next was stored and cannot be read.
    pub fn push_damaged(&mut self) {
        self.damaged = true;
    }

    /// The gaps by the leg's map, without those in whose time (ns from the timeline's start, by arrival) nothing was
    /// to be kept.
    #[must_use]
    pub fn gaps(&self, map: &TimeMap, unkept: &[(i64, i64)]) -> Gaps {
        let mut all = self.clone();
        all.settle(i64::MAX);
        let meant = |hole: &Hole| {
            let (from_ns, until_ns) =
                (map.from_start(hole.before.arrival_ns), map.from_start(hole.behind.arrival_ns));
            unkept.iter().any(|(from, until)| *from <= until_ns && *until >= from_ns)
        };
        let place = |hole: &Hole| {
            let edge = |edge: Edge| {
                Some(map.place(hole.ssrc, edge.timestamp, edge.arrival_ns)?.timeline_ns(edge.ticks))
            };
            let (from_ns, until_ns) = (edge(hole.before)?, edge(hole.behind)?);
            (from_ns < until_ns).then_some(Gap {
                from_ns,
                until_ns,
                packets: hole.packets(),
                damaged: hole.damaged,
            })
        };
        let mut listed: Vec<Gap> = all.settled.iter().filter(|hole| !meant(hole)).filter_map(place).collect();
        listed.sort_by_key(|gap| gap.from_ns);
        Gaps { listed, more: all.more, more_packets: all.more_packets }
    }

    /// A source that was not heard before, in place of the one that was silent longest.
    fn follow(&mut self, packet: &StoredPacket<'_>, here: Edge) {
        let source = Followed {
            ssrc: packet.ssrc,
            newest: i64::from(packet.sequence),
            sound: here,
            arrival_ns: packet.arrival_ns,
        };
        if self.sources.len() < MAX_SOURCES {
            self.sources.push(source);
        } else if let Some(oldest) = self.sources.iter_mut().min_by_key(|source| source.arrival_ns) {
            *oldest = source;
        }
    }

    /// A late packet divides its hole.
    fn fill(&mut self, ssrc: u32, number: i64, here: Edge) {
        let within = |hole: &Hole| hole.ssrc == ssrc && (hole.first..=hole.last).contains(&number);
        let Some(at) = self.holes.iter().rposition(within) else { return };
        let Some(hole) = self.holes.remove(at) else { return };
        let parts = [
            Hole { last: number - 1, behind: Edge { ticks: 0, ..here }, ..hole },
            Hole { first: number + 1, before: here, ..hole },
        ];
        for part in parts.into_iter().rev().filter(|part| part.first <= part.last) {
            self.holes.insert(at, part);
        }
    }

    /// Holes that were found by then are filled no more.
    fn settle(&mut self, found_until_ns: i64) {
        while self.holes.len() > MAX_HOLES
            || self.holes.front().is_some_and(|hole| hole.found_ns <= found_until_ns)
        {
            let Some(hole) = self.holes.pop_front() else { return };
            if self.settled.len() < MAX_GAPS {
                self.settled.push(hole);
            } else {
                self.more += 1;
                self.more_packets += hole.packets();
            }
        }
    }
}
