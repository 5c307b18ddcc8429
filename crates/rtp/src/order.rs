//! The place of a packet in its source's sequence: next, reordered, late, repeated, or from somewhere else.
//!
//! Belongs here: 16-bit sequence arithmetic with wraps, the memory of which sequence numbers were seen, the restart
//! rule. Does not: counting ([`crate::Ledger`]) and telling sources apart ([`crate::Source`]). RFC 3550 A.1.
//!
//! Nothing is held back. The window is memory of the past only: a bitmap of the last [`WINDOW`] sequence numbers, and
//! for every sixteen of them the arrival time at which the source was first seen there or beyond.

/// Largest forward jump that still is loss and not a restart (RFC 3550 A.1, B2-03).
pub const MAX_DROPOUT: u16 = 3000;
/// Packets in sequence that make a source, or a restart of one, believed (RFC 3550 A.1, B2-03).
pub const MIN_SEQUENTIAL: u16 = 2;
/// A packet that comes later than this behind its successors is late, not reordered (B2-02).
pub const REORDER_LIMIT_NS: i64 = 3_000_000_000;
/// Sequence numbers remembered: 3 s at 200 packets a second (5 ms packets) and some. RFC 3550's `MAX_MISORDER` of 100
/// is 2 s at 20 ms and would call a reordering that must be healed a restart.
pub const WINDOW: u16 = 1024;
/// Sequence numbers that share one arrival time: 320 ms at 20 ms packets, the leniency of the late rule.
const GROUP: i64 = 16;
const GROUPS: usize = WINDOW as usize / 16;
/// An exact repeat cannot carry a timestamp older than this many seconds before the newest: no window of [`WINDOW`]
/// packets of up to 60 ms lasts longer. Anything else is a restart that happens to reuse sequence numbers.
const REPEAT_SPAN_S: i64 = 62;

/// Where a packet stands in the sequence of its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Ahead of all before it; `skipped` sequence numbers between are missing so far.
    Next {
        /// Missing numbers, 0 in a clean stream.
        skipped: u16,
    },
    /// Behind the newest, within the time that still heals. It fills a hole.
    Reordered,
    /// Behind even the first packet seen; the beginning moves back and leaves `skipped` holes.
    BeforeFirst {
        /// Missing numbers between this packet and the former first.
        skipped: u16,
    },
    /// Fills a hole, but too late (more than [`REORDER_LIMIT_NS`]).
    Late,
    /// Seen before.
    Duplicate,
    /// Far from the sequence, alone so far. It may be the first packet of a restart.
    Stray,
    /// Second packet in sequence far from the old one: the source has restarted, this and the stray before it begin a
    /// new sequence.
    Restart,
}

/// What order needs to know of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Sequence number.
    pub sequence: u16,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Clock of its payload, Hz.
    pub clock_hz: u32,
    /// Telephone-event packets repeat the timestamp of their beginning, so it says little about their place.
    pub is_event: bool,
    /// Arrival, ns.
    pub arrival_ns: i64,
}

/// The sequence of one source. Fixed size, 0.7 KiB.
#[derive(Debug, Clone)]
pub struct Order {
    /// Newest sequence number, extended by wraps.
    newest: i64,
    /// First sequence number, extended; may move back below zero.
    first: i64,
    newest_timestamp: u32,
    /// The number that would prove a restart: one more than the last stray's.
    restart_at: Option<u16>,
    /// Bit `n % WINDOW` is set when number n was seen.
    seen: [u64; WINDOW as usize / 64],
    /// `entered_ns[g % GROUPS]`: arrival of the first packet of group g or a later one.
    entered_ns: [i64; GROUPS],
}

impl Order {
    /// Starts a sequence with its first packet.
    #[must_use]
    pub fn new(first: Mark) -> Self {
        let newest = i64::from(first.sequence);
        let mut order = Self {
            newest,
            first: newest,
            newest_timestamp: first.timestamp,
            restart_at: None,
            seen: [0; WINDOW as usize / 64],
            entered_ns: [first.arrival_ns; GROUPS],
        };
        order.set_seen(newest);
        order
    }

    /// Newest sequence number with wraps counted in the upper bits, as RFC 3550 §6.4.1 reports it.
    #[must_use]
    pub fn extended_newest(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "32 bits by definition")]
        let extended = self.newest as u32;
        extended
    }

    /// Sequence numbers from first to newest: what should have come (RFC 3550 A.3).
    #[must_use]
    pub fn expected(&self) -> u64 {
        u64::try_from(self.newest - self.first + 1).unwrap_or(0)
    }

    /// Takes note of a packet that is not kept but used up a sequence number, so that it does not pass for loss. Only
    /// what continues the sequence or fills a hole changes anything.
    pub fn note(&mut self, mark: Mark) -> Option<Place> {
        let (ahead, behind) = self.distances(mark.sequence);
        if ahead != 0 && ahead < MAX_DROPOUT {
            return Some(self.advance(ahead, Mark { is_event: true, ..mark }));
        }
        let number = self.newest - i64::from(behind);
        if behind >= WINDOW || number < self.first || self.is_seen(number) {
            return None;
        }
        self.set_seen(number);
        Some(Place::Reordered)
    }

    /// Judges the next packet to arrive and remembers it.
    #[inline]
    pub fn judge(&mut self, mark: Mark) -> Place {
        let (ahead, behind) = self.distances(mark.sequence);
        if ahead != 0 && ahead < MAX_DROPOUT {
            return self.advance(ahead, mark);
        }
        if behind < WINDOW { self.look_back(behind, mark) } else { self.far(mark) }
    }

    /// Distances ahead of and behind the newest, both modulo 2^16.
    #[inline]
    fn distances(&self, sequence: u16) -> (u16, u16) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the low 16 bits are meant"
        )]
        let newest = self.newest as u16;
        (sequence.wrapping_sub(newest), newest.wrapping_sub(sequence))
    }

    #[inline]
    fn advance(&mut self, ahead: u16, mark: Mark) -> Place {
        let before = self.newest;
        self.newest += i64::from(ahead);
        if ahead < WINDOW {
            (before + 1..=self.newest).for_each(|number| self.clear_seen(number));
        } else {
            self.seen = [0; WINDOW as usize / 64];
        }
        let (old_group, new_group) = (before.div_euclid(GROUP), self.newest.div_euclid(GROUP));
        for group in (old_group + 1).max(new_group - i64::from(WINDOW) / GROUP + 1)..=new_group {
            self.entered_ns[ring(group, GROUPS)] = mark.arrival_ns;
        }
        self.set_seen(self.newest);
        if !mark.is_event {
            self.newest_timestamp = mark.timestamp;
        }
        Place::Next { skipped: ahead - 1 }
    }

    fn look_back(&mut self, behind: u16, mark: Mark) -> Place {
        let number = self.newest - i64::from(behind);
        if self.is_seen(number) {
            return if self.could_repeat(mark) { Place::Duplicate } else { self.far(mark) };
        }
        // Before the first packet nothing was seen, so nothing says how late this one is.
        if number < self.first {
            let skipped = u16::try_from(self.first - number - 1).unwrap_or(u16::MAX);
            self.first = number;
            self.set_seen(number);
            return Place::BeforeFirst { skipped };
        }
        let next_group = number.div_euclid(GROUP) + 1;
        let late = next_group <= self.newest.div_euclid(GROUP)
            && mark.arrival_ns.saturating_sub(self.entered_ns[ring(next_group, GROUPS)]) > REORDER_LIMIT_NS;
        // Late means "not stored", so be sure that it is not a restart on reused numbers.
        if late && !self.could_repeat(mark) {
            return self.far(mark);
        }
        self.set_seen(number);
        if late { Place::Late } else { Place::Reordered }
    }

    /// A number far from the sequence, or inside it with an impossible timestamp (B2-03).
    fn far(&mut self, mark: Mark) -> Place {
        match self.restart_at {
            Some(number) if number == mark.sequence => {
                let mut restarted = Self::new(Mark { sequence: mark.sequence.wrapping_sub(1), ..mark });
                restarted.advance(1, mark);
                restarted.newest_timestamp = mark.timestamp;
                *self = restarted;
                Place::Restart
            }
            Some(number) if number == mark.sequence.wrapping_add(1) => Place::Duplicate,
            _ => {
                self.restart_at = Some(mark.sequence.wrapping_add(1));
                Place::Stray
            }
        }
    }

    /// Whether a packet behind the newest carries a timestamp that a repeat could have: not newer than the newest, and
    /// not older than the window can be.
    fn could_repeat(&self, mark: Mark) -> bool {
        #[expect(clippy::cast_possible_wrap, reason = "the signed distance of wrapping timestamps")]
        let older_by = i64::from(self.newest_timestamp.wrapping_sub(mark.timestamp) as i32);
        let second = i64::from(mark.clock_hz);
        let lead = if mark.is_event { second } else { 0 };
        (-lead..=REPEAT_SPAN_S * second).contains(&older_by)
    }

    #[inline]
    fn is_seen(&self, number: i64) -> bool {
        let bit = ring(number, WINDOW as usize);
        self.seen[bit / 64] & (1 << (bit % 64)) != 0
    }

    #[inline]
    fn set_seen(&mut self, number: i64) {
        let bit = ring(number, WINDOW as usize);
        self.seen[bit / 64] |= 1 << (bit % 64);
    }

    #[inline]
    fn clear_seen(&mut self, number: i64) {
        let bit = ring(number, WINDOW as usize);
        self.seen[bit / 64] &= !(1 << (bit % 64));
    }
}

/// Position of a running number in a ring of `size` places, a power of two.
#[inline]
fn ring(number: i64, size: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "only the low bits are used")]
    let low = number as usize;
    low & (size - 1)
}
