//! Sources: the SSRCs that feed one stream, and which of them is the leg.
//!
//! Belongs here: the change from one SSRC to the next, interleaving extra sources (B7-06), jitter (RFC 3550 A.8), what
//! a reception report says about a source. Does not: sequence arithmetic ([`crate::order`]).

use crate::order::{MIN_SEQUENTIAL, Mark, Order, Place};
use crate::rtcp::{ReportBlock, SenderReport};

/// SSRCs of one stream remembered at a time. One more takes the place of the one that was silent longest; its packets
/// are stored all the same, only its repeats are no longer known.
pub const MAX_SOURCES: usize = 4;
/// The current source must be silent this long before another in sequence takes over: longer than one packet of any
/// usual length, so that two interleaving sources do not swap with every packet (B7-06).
const TAKEOVER_SILENCE_NS: i64 = 100_000_000;
/// A step of arrival against media time beyond this is a clock that was set, not jitter (B7-07).
const MAX_JITTER_STEP_NS: i64 = 2_000_000_000;

/// One SSRC as seen on a stream.
#[derive(Debug, Clone)]
pub struct Source {
    /// The SSRC.
    pub ssrc: u32,
    /// Arrival of its newest packet, ns.
    pub last_arrival_ns: i64,
    /// Its newest sender report.
    pub sender_report: Option<SenderReport>,
    /// An RTCP BYE has ended it (B6-04); packets begin it again.
    pub ended: bool,
    pub(crate) order: Order,
    /// Packets kept since the current source was last heard; see [`Sources::place`].
    waiting: u32,
    run: u16,
    run_next: u16,
    jitter: Jitter,
    received: u64,
    /// Sequence numbers expected in the epochs before the last restart.
    expected_before: u64,
    reported_expected: u64,
    reported_received: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Jitter {
    last: Option<(i64, u32, u32)>,
    estimate_ns: i64,
    clock_hz: u32,
}

/// What the arrival of a packet meant among the sources of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Its place in the sequence; `None` for the first packet of a source, which begins one.
    pub(crate) place: Option<Place>,
    pub(crate) role: Role,
    /// The jitter estimate after this packet, if it took part.
    pub(crate) jitter_ns: Option<i64>,
    /// The media clock was set: sequence in order, timestamp seconds away from where arrival puts it.
    pub(crate) timestamp_jump: bool,
}

/// Whether the source of a packet is the leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It is.
    Current,
    /// It is not, so far.
    Extra,
    /// It has just become it; so many of its packets had been counted as extra.
    TookOver { counted_extra: u32 },
}

impl Source {
    fn new(mark: Mark, ssrc: u32) -> Self {
        Self {
            ssrc,
            last_arrival_ns: mark.arrival_ns,
            sender_report: None,
            ended: false,
            order: Order::new(mark),
            waiting: 0,
            run: 0,
            run_next: mark.sequence,
            jitter: Jitter::default(),
            received: 0,
            expected_before: 0,
            reported_expected: 0,
            reported_received: 0,
        }
    }

    #[inline]
    fn judge(&mut self, mark: Mark) -> Place {
        let expected = self.order.expected();
        let place = self.order.judge(mark);
        match place {
            // Two packets of the new sequence, one of them counted when it was a stray.
            Place::Restart => self.expected_before += expected,
            Place::Duplicate => return place,
            _ => {}
        }
        self.received += 1;
        place
    }

    /// RFC 3550 §6.4.1: what happened to this source since the last report about it; `None` if it was not heard.
    pub(crate) fn report(&mut self, now_ns: i64) -> Option<ReportBlock> {
        let expected = self.expected_before + self.order.expected();
        let expected_now = expected - self.reported_expected.min(expected);
        let received_now = self.received - self.reported_received;
        if received_now == 0 && self.reported_expected != 0 {
            return None;
        }
        (self.reported_expected, self.reported_received) = (expected, self.received);
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction = (lost_now << 8).checked_div(expected_now).unwrap_or(0);
        let lost =
            i64::try_from(expected).unwrap_or(i64::MAX) - i64::try_from(self.received).unwrap_or(i64::MAX);
        let (last_sr, delay) = self.sender_report.map_or((0, 0), |report| {
            let delay_ns = u64::try_from(now_ns.saturating_sub(report.arrival_ns)).unwrap_or(0);
            let delay = u128::from(delay_ns) * 65_536 / 1_000_000_000;
            (report.middle_ntp(), u32::try_from(delay).unwrap_or(u32::MAX))
        });
        Some(ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            cumulative_lost: i32::try_from(lost.clamp(-0x80_0000, 0x7f_ffff)).unwrap_or(0),
            extended_highest_sequence: self.order.extended_newest(),
            jitter: self.jitter.ticks(),
            last_sr,
            delay_since_last_sr: delay,
        })
    }
}

impl Jitter {
    /// RFC 3550 A.8, in nanoseconds: J += (|D| - J) / 16. True beside it when the media clock was set.
    #[inline]
    fn step(&mut self, mark: Mark) -> (Option<i64>, bool) {
        let before = self.last.replace((mark.arrival_ns, mark.timestamp, mark.clock_hz));
        self.clock_hz = mark.clock_hz;
        let Some((arrival_ns, timestamp, clock_hz)) = before else { return (None, false) };
        if clock_hz != mark.clock_hz || clock_hz == 0 {
            return (None, false);
        }
        #[expect(clippy::cast_possible_wrap, reason = "the signed distance of wrapping timestamps")]
        let ticks = i64::from(mark.timestamp.wrapping_sub(timestamp) as i32);
        let media_ns = ticks * 1_000_000_000 / i64::from(clock_hz);
        let step = mark.arrival_ns.saturating_sub(arrival_ns).saturating_sub(media_ns).saturating_abs();
        if step > MAX_JITTER_STEP_NS {
            return (None, true);
        }
        self.estimate_ns += (step - self.estimate_ns) / 16;
        (Some(self.estimate_ns), false)
    }

    fn ticks(&self) -> u32 {
        let ticks = i128::from(self.estimate_ns) * i128::from(self.clock_hz) / 1_000_000_000;
        u32::try_from(ticks).unwrap_or(u32::MAX)
    }
}

/// The sources of one stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    known: Vec<Source>,
    current: usize,
}

impl Sources {
    pub(crate) fn current(&self) -> Option<&Source> {
        self.known.get(self.current)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Source> {
        self.known.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Source> {
        self.known.iter_mut()
    }

    #[inline]
    pub(crate) fn find(&mut self, ssrc: u32) -> Option<&mut Source> {
        self.known.iter_mut().find(|source| source.ssrc == ssrc)
    }

    /// Takes note of a sequence number that was used up by a packet we do not keep, so that it is not counted lost.
    pub(crate) fn note(&mut self, ssrc: u32, mark: Mark) -> Option<Place> {
        self.find(ssrc)?.order.note(mark)
    }

    /// Finds the place of a packet.
    #[inline]
    pub(crate) fn place(&mut self, ssrc: u32, mark: Mark) -> Arrival {
        let index = match self.known.get(self.current) {
            Some(source) if source.ssrc == ssrc => self.current,
            _ => match self.known.iter().position(|source| source.ssrc == ssrc) {
                Some(index) => index,
                None => return self.begin(ssrc, mark),
            },
        };
        let source = &mut self.known[index];
        let place = source.judge(mark);
        let in_order = matches!(place, Place::Next { .. } | Place::Restart);
        let (jitter_ns, timestamp_jump) =
            if in_order && !mark.is_event { source.jitter.step(mark) } else { (None, false) };
        let role = self.role(index, mark, Some(place));
        Arrival { place: Some(place), role, jitter_ns, timestamp_jump }
    }

    fn begin(&mut self, ssrc: u32, mark: Mark) -> Arrival {
        let mut source = Source::new(mark, ssrc);
        source.received = 1;
        source.jitter.step(mark);
        let index = if self.known.len() < MAX_SOURCES {
            self.known.push(source);
            self.known.len() - 1
        } else {
            let oldest = (0..self.known.len())
                .filter(|index| *index != self.current)
                .min_by_key(|index| self.known[*index].last_arrival_ns)
                .expect("MAX_SOURCES is more than one");
            self.known[oldest] = source;
            oldest
        };
        let role = self.role(index, mark, None);
        Arrival { place: None, role, jitter_ns: None, timestamp_jump: false }
    }

    /// Decides whether the packet's source is the leg. Another source takes over when it has sent [`MIN_SEQUENTIAL`]
    /// packets in sequence while the current one was silent for [`TAKEOVER_SILENCE_NS`] or has said BYE.
    #[inline]
    fn role(&mut self, index: usize, mark: Mark, place: Option<Place>) -> Role {
        let kept = !matches!(place, Some(Place::Duplicate | Place::Late));
        if index == self.current {
            let source = &mut self.known[index];
            if kept {
                source.last_arrival_ns = mark.arrival_ns;
                source.ended = false;
                if self.known.len() > 1 {
                    self.known.iter_mut().for_each(|source| (source.waiting, source.run) = (0, 0));
                }
            }
            return Role::Current;
        }
        let current = &self.known[self.current];
        let silent_ns = mark.arrival_ns.saturating_sub(current.last_arrival_ns);
        let free = current.ended || silent_ns >= TAKEOVER_SILENCE_NS;
        let source = &mut self.known[index];
        if !kept {
            return Role::Extra;
        }
        source.last_arrival_ns = mark.arrival_ns;
        source.ended = false;
        source.run = if mark.sequence == source.run_next { source.run.saturating_add(1) } else { 1 };
        source.run_next = mark.sequence.wrapping_add(1);
        if source.run < MIN_SEQUENTIAL || !free {
            source.waiting = source.waiting.saturating_add(1);
            return Role::Extra;
        }
        let counted_extra = std::mem::take(&mut source.waiting);
        self.current = index;
        Role::TookOver { counted_extra }
    }
}
