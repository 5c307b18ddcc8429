//! Legs that click at known instants, sent through a model of bad clocks and networks: what a recorder makes of them
//! can be compared with the truth (B7).
//!
//! Nothing here runs in real time: a leg is a list of packets with the instant at which each would have arrived. The
//! same seed gives the same list.

/// A millisecond, in nanoseconds.
pub const MS: i64 = 1_000_000;
/// A second, in nanoseconds.
pub const S: i64 = 1_000_000_000;

/// The code of silence and that of a click, in mu-law (ITU-T G.711).
pub const SILENCE: u8 = 0xff;
/// See [`SILENCE`].
pub const CLICK: u8 = 0x80;

/// Samples, and bytes, of a packet.
const FRAME_SAMPLES: i64 = 160;

/// A sender, its clock, and the way to us.
#[derive(Debug, Clone)]
pub struct Way {
    /// How long the call lasts.
    pub seconds: i64,
    /// The sender's clock against the true one, parts per million.
    pub drift_ppm: i64,
    /// Least delay of the network.
    pub delay_ns: i64,
    /// Delay beyond that: evenly spread from nothing to this.
    pub jitter_ns: i64,
    /// Of a hundred packets so many are lost.
    pub lost_percent: u64,
    /// Of a hundred packets so many come twice.
    pub repeated_percent: u64,
    /// Of a hundred packets so many are overtaken by others, for up to 60 ms (E2-17).
    pub overtaken_percent: u64,
    /// One packet in a hundred or so comes this much later still.
    pub spike_ns: i64,
    /// Further delay of the first two seconds, as of a gateway that fills a buffer.
    pub startup_ns: i64,
    /// The second at which the sender begins.
    pub begins_s: i64,
    /// Between these seconds nothing is sent, while the sender's clock runs on (B4-01).
    pub hold_s: Option<(i64, i64)>,
    /// At each multiple of so many seconds the sender takes another SSRC, sequence and timestamp (B7-06).
    pub restarts_every_s: Option<i64>,
    /// At this second the timestamp jumps by so many ticks, and the sequence goes on (B7-07).
    pub set_at_s: Option<(i64, u32)>,
    /// The sender's wall clock, which its reports show, is ahead of the true time by this.
    pub wall_ahead_ns: i64,
    /// The first sequence number and timestamp; by chance if none are given (B2-01).
    pub starts_at: Option<(u16, u32)>,
    /// Where chance begins.
    pub seed: u64,
}

impl Default for Way {
    /// A minute over a clean network with 5 ms of delay.
    fn default() -> Self {
        Self {
            seconds: 60,
            drift_ppm: 0,
            delay_ns: 5 * MS,
            jitter_ns: 0,
            lost_percent: 0,
            repeated_percent: 0,
            overtaken_percent: 0,
            spike_ns: 0,
            startup_ns: 0,
            begins_s: 0,
            hold_s: None,
            restarts_every_s: None,
            set_at_s: None,
            wall_ahead_ns: 0,
            starts_at: None,
            seed: 1,
        }
    }
}

/// A packet as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// When, from the beginning of the call.
    pub arrival_ns: i64,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, at 8,000 Hz.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// 20 ms of mu-law.
    pub payload: Vec<u8>,
}

/// A sender report as it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    /// When, from the beginning of the call.
    pub arrival_ns: i64,
    /// Synchronisation source.
    pub ssrc: u32,
    /// An instant by the sender's wall clock, ns.
    pub wall_ns: i64,
    /// The same by its media clock.
    pub timestamp: u32,
}

/// A sender reports so often.
const REPORT_EVERY_S: i64 = 5;

impl Way {
    /// The packets of the leg, in order of arrival. It clicks at every whole second of true time at which it is sent:
    /// by true time t the sender has taken t * (1 + drift) * 8000 samples.
    ///
    /// # Panics
    /// For a call of more than some days.
    pub fn packets(&self) -> Vec<Arrived> {
        self.sent().0
    }

    /// The sender's reports, one every five seconds in which it sends, in order of arrival.
    ///
    /// # Panics
    /// As [`Way::packets`].
    pub fn reports(&self) -> Vec<Reported> {
        self.sent().1
    }

    fn sent(&self) -> (Vec<Arrived>, Vec<Reported>) {
        let mut dice = Dice(self.seed);
        let mut source = Source::drawn(&mut dice);
        if let Some((sequence, timestamp)) = self.starts_at {
            (source.sequence, source.first_timestamp) = (sequence.wrapping_sub(1), timestamp);
        }
        let mut restarts = 0;
        let (mut packets, mut reports) = (Vec::new(), Vec::new());
        for n in 0..self.seconds * 50 {
            let second = self.true_ns(n * FRAME_SAMPLES) / S;
            if let Some(count) = self.restarts_every_s.map(|every| second / every)
                && count > restarts
            {
                (source, restarts) = (Source::drawn(&mut dice), count);
            }
            if !self.is_sent(n) {
                continue;
            }
            let mut payload = vec![SILENCE; 160];
            if let Some(at) = self.click(n) {
                payload[at] = CLICK;
            }
            let packet = Arrived {
                arrival_ns: self.true_ns((n + 1) * FRAME_SAMPLES)
                    + self.delay_ns
                    + self.late_ns(&mut dice, n),
                sequence: source.next_sequence(),
                timestamp: source.timestamp(n).wrapping_add(self.set_by(second)),
                ssrc: source.ssrc,
                payload,
            };
            if n % (REPORT_EVERY_S * 50) == 50 {
                let wall_ns = self.true_ns(n * FRAME_SAMPLES) + self.wall_ahead_ns;
                let (arrival_ns, ssrc, timestamp) =
                    (packet.arrival_ns - 20 * MS, packet.ssrc, packet.timestamp);
                reports.push(Reported { arrival_ns, ssrc, wall_ns, timestamp });
            }
            let (lost, repeated) =
                (dice.below(100) < self.lost_percent, dice.below(100) < self.repeated_percent);
            if repeated {
                let again_ns = packet.arrival_ns + dice.ns(30 * MS);
                packets.push(Arrived { arrival_ns: again_ns, ..packet.clone() });
            }
            if !lost {
                packets.push(packet);
            }
        }
        packets.sort_by_key(|packet| packet.arrival_ns);
        reports.sort_by_key(|report| report.arrival_ns);
        (packets, reports)
    }

    /// Clicks that were sent, whatever became of their packets.
    pub fn clicks(&self) -> usize {
        (0..self.seconds * 50).filter(|n| self.is_sent(*n) && self.click(*n).is_some()).count()
    }

    /// When the sender takes a sample.
    fn true_ns(&self, sample: i64) -> i64 {
        sample * 125_000 * 1_000_000 / (1_000_000 + self.drift_ppm)
    }

    /// Whether the sender sends its frame of this number.
    fn is_sent(&self, n: i64) -> bool {
        let second = self.true_ns(n * FRAME_SAMPLES) / S;
        second >= self.begins_s && !self.hold_s.is_some_and(|(from, until)| (from..until).contains(&second))
    }

    /// Where in a frame the click of a whole second is: at the first sample at or after it.
    fn click(&self, n: i64) -> Option<usize> {
        let second = self.true_ns(n * FRAME_SAMPLES) / S;
        let sample = |second: i64| (second * 8000 * (1_000_000 + self.drift_ppm) + 999_999) / 1_000_000;
        let within = |second| sample(second) - n * FRAME_SAMPLES;
        let at = [second, second + 1].map(within).into_iter().find(|at| (0..FRAME_SAMPLES).contains(at))?;
        usize::try_from(at).ok()
    }

    /// Ticks by which the media clock was set until this second.
    fn set_by(&self, second: i64) -> u32 {
        self.set_at_s.filter(|(at, _)| second >= *at).map_or(0, |(_, ticks)| ticks)
    }

    /// What delays one packet beyond the least delay.
    fn late_ns(&self, dice: &mut Dice, n: i64) -> i64 {
        let overtaken = if dice.below(100) < self.overtaken_percent { dice.ns(60 * MS) } else { 0 };
        let spike = if dice.below(100) == 0 { self.spike_ns } else { 0 };
        let startup = if n < 100 { self.startup_ns } else { 0 };
        dice.ns(self.jitter_ns) + overtaken + spike + startup
    }

    /// The least time from a sample's instant to the arrival of the packet that begins with it: no recorder can know
    /// it, and it is the same for both legs of a call.
    pub fn known_ns(&self) -> i64 {
        self.delay_ns + 20 * MS
    }

    /// When the last sample ends, true time, as a recorder sees it.
    pub fn end_ns(&self) -> i64 {
        self.seconds * S * 1_000_000 / (1_000_000 + self.drift_ppm) + self.known_ns()
    }
}

/// What a sender counts by.
struct Source {
    ssrc: u32,
    sequence: u16,
    first_timestamp: u32,
}

impl Source {
    fn drawn(dice: &mut Dice) -> Self {
        let mut word = || u32::try_from(dice.below(1 << 32)).expect("32 bits");
        let (ssrc, sequence, first_timestamp) = (word(), word(), word());
        Self { ssrc, sequence: u16::try_from(sequence >> 16).expect("16 bits"), first_timestamp }
    }

    fn next_sequence(&mut self) -> u16 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    fn timestamp(&self, n: i64) -> u32 {
        let ticks = u64::try_from(n * FRAME_SAMPLES).expect("it is not negative") % (1 << 32);
        self.first_timestamp.wrapping_add(u32::try_from(ticks).expect("32 bits"))
    }
}

/// `SplitMix64`: seeded, so a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % limit
    }

    fn ns(&mut self, limit_ns: i64) -> i64 {
        i64::try_from(self.below(u64::try_from(limit_ns.max(1)).expect("positive"))).expect("small")
    }
}

/// Two legs over their ways, and how far apart a recorder may place what happened at one instant (B7).
#[derive(Debug, Clone)]
pub struct Condition {
    /// What is bad about it.
    pub name: &'static str,
    /// One leg.
    pub left: Way,
    /// The other.
    pub right: Way,
    /// The figure of B7, p99.
    pub apart_ns: i64,
    /// Whether it is known that both senders read one wall clock, which their reports show (B7-05).
    pub one_clock: bool,
}

/// Every condition that B7 and E2-17 name.
pub fn conditions() -> Vec<Condition> {
    let both = |name, way: Way, apart_ms: i64| Condition {
        name,
        right: Way { seed: way.seed + 1, ..way.clone() },
        left: way,
        apart_ns: apart_ms * MS,
        one_clock: false,
    };
    let long = Way { seconds: 600, jitter_ns: 20 * MS, ..Way::default() };
    let hours = Way { seconds: 7200, jitter_ns: 30 * MS, ..Way::default() };
    let mut all = vec![
        both("a clean network", Way { seconds: 600, ..Way::default() }, 20),
        both("100 ms of jitter", Way { jitter_ns: 100 * MS, ..long.clone() }, 40),
        both(
            "5 % lost, 5 % twice, 20 % overtaken within 60 ms, 100 ms of jitter",
            Way {
                jitter_ns: 100 * MS,
                lost_percent: 5,
                repeated_percent: 5,
                overtaken_percent: 20,
                ..long.clone()
            },
            40,
        ),
        both("packets up to 3 s late", Way { spike_ns: 2_950 * MS, ..long.clone() }, 20),
        both("late spikes of 450 ms", Way { spike_ns: 450 * MS, ..long.clone() }, 20),
        both("a buffer of 150 ms that fills at the start", Way { startup_ns: 150 * MS, ..long.clone() }, 20),
        both("another SSRC every 30 s", Way { restarts_every_s: Some(30), ..long.clone() }, 20),
        both(
            "a media clock set by half a day",
            Way { set_at_s: Some((300, 345_600_000)), ..long.clone() },
            20,
        ),
        both(
            "ten minutes of hold without packets",
            Way { seconds: 900, hold_s: Some((120, 720)), ..long.clone() },
            20,
        ),
    ];
    let starts = [
        ("sequence and timestamp that begin with 0", (0, 0)),
        ("a sequence that begins with 65,535", (u16::MAX, u32::MAX)),
        ("a timestamp that begins with 2^32 - 160", (1, u32::MAX - 159)),
    ];
    all.extend(starts.map(|(name, start)| {
        both(name, Way { seconds: 60, jitter_ns: 20 * MS, starts_at: Some(start), ..Way::default() }, 20)
    }));
    let mut late = both("a leg that begins 12 s late", long.clone(), 20);
    late.right.begins_s = 12;
    let mut drift = both("two hours at +200 and -200 ppm", hours, 50);
    (drift.left.drift_ppm, drift.right.drift_ppm) = (200, -200);
    // Arrival alone takes the longer way for a later instant: 60 ms beside what the clean network has.
    let mut unequal = both("least delays of 5 and 65 ms, by arrival alone", long, 80);
    unequal.right.delay_ns = 65 * MS;
    let mut reported = Condition {
        name: "least delays of 5 and 65 ms, with sender reports by one clock",
        apart_ns: 20 * MS,
        one_clock: true,
        ..unequal.clone()
    };
    (reported.left.wall_ahead_ns, reported.right.wall_ahead_ns) = (3_600 * S, 3_600 * S);
    let mut wrong = Condition {
        name: "sender reports by clocks a second apart that pass for one",
        one_clock: true,
        ..both("", Way { jitter_ns: 20 * MS, ..Way::default() }, 20)
    };
    wrong.right.wall_ahead_ns = S;
    all.extend([late, drift, unequal, reported, wrong]);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clicks(packets: &[Arrived]) -> usize {
        packets.iter().map(|packet| packet.payload.iter().filter(|code| **code == CLICK).count()).sum()
    }

    #[test]
    fn a_clean_leg_clicks_once_a_second_and_is_complete() {
        let packets = Way::default().packets();
        assert_eq!((packets.len(), clicks(&packets)), (3_000, 60));
        assert_eq!(Way::default().clicks(), 60);
        assert!(packets.windows(2).all(|pair| pair[1].arrival_ns - pair[0].arrival_ns == 20 * MS));
        assert!(packets.windows(2).all(|pair| pair[1].timestamp == pair[0].timestamp.wrapping_add(160)));
        assert_eq!(Way::default().packets(), packets, "the same seed, the same leg");
        let drifting = Way { drift_ppm: 200, ..Way::default() }.packets();
        assert!((59..=60).contains(&clicks(&drifting)));
    }

    #[test]
    fn each_impairment_does_what_it_says() {
        let base = Way::default();
        let count = |way: &Way| way.packets().len();
        assert!((2_700..2_950).contains(&count(&Way { lost_percent: 5, ..base.clone() })));
        assert!((3_050..3_300).contains(&count(&Way { repeated_percent: 5, ..base.clone() })));
        assert_eq!(count(&Way { begins_s: 10, ..base.clone() }), 2_500);
        assert_eq!(count(&Way { hold_s: Some((10, 50)), ..base.clone() }), 1_000);
        let swapped = Way { overtaken_percent: 20, ..base.clone() }.packets();
        assert!(swapped.windows(2).any(|pair| pair[1].sequence == pair[0].sequence.wrapping_sub(1)));
        let restarted = Way { restarts_every_s: Some(20), ..base.clone() }.packets();
        let mut sources: Vec<u32> = restarted.iter().map(|packet| packet.ssrc).collect();
        sources.dedup();
        assert_eq!(sources.len(), 3);
        let set = Way { set_at_s: Some((30, 1_000_000)), ..base }.packets();
        let jumps = set.windows(2).filter(|pair| pair[1].timestamp != pair[0].timestamp.wrapping_add(160));
        assert_eq!(jumps.count(), 1);
    }
}
