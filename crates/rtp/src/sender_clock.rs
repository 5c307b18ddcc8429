//! What sender reports say of their senders' clocks, kept to be sealed beside the media (B7-05).
//!
//! Belongs here: which reports are kept, and that they stay few. Does not: whether a report may be believed
//! ([`crate::Receiver`], B6-05), and what becomes of the timeline by it.

use crate::rtcp::SenderReport;
use serde::{Deserialize, Serialize};

/// Sources of one stream whose reports are kept; those of further ones are not.
pub const MAX_SENDER_CLOCKS: usize = 16;
/// Reports kept of one source.
pub const MAX_PAIRS: usize = 128;
/// Least time between two that are kept, until there are too many: then every second goes, and it doubles.
const SPACING_NS: i64 = 60_000_000_000;

/// The clocks of one source: its media clock and its wall clock, side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SenderClock {
    /// The source.
    pub ssrc: u32,
    /// Its canonical name, if its SDES gave one: sources of one name share a wall clock (RFC 3550 §6.5.1).
    #[serde(default)]
    pub cname: Option<String>,
    /// Its first report, its last, and some between, in the order of arrival.
    pub pairs: Vec<ClockPair>,
    #[serde(skip, default = "spacing")]
    spacing_ns: i64,
}

/// One instant by both clocks of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockPair {
    /// When the report came, ns on the recorder's timeline.
    pub arrival_ns: i64,
    /// NTP timestamp: seconds since 1900 in the upper half, fraction in the lower.
    pub ntp: u64,
    /// The same instant in RTP ticks.
    pub timestamp: u32,
}

fn spacing() -> i64 {
    SPACING_NS
}

/// The clocks of all sources of a stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct SenderClocks(Vec<SenderClock>);

impl SenderClocks {
    pub(crate) fn all(&self) -> &[SenderClock] {
        &self.0
    }

    /// Keeps what a report says. One without a wall clock (NTP 0, RFC 3550 §6.4.1) says nothing.
    pub(crate) fn note(&mut self, report: &SenderReport) {
        if report.ntp == 0 {
            return;
        }
        let pair = ClockPair { arrival_ns: report.arrival_ns, ntp: report.ntp, timestamp: report.timestamp };
        if let Some(clock) = self.0.iter_mut().find(|clock| clock.ssrc == report.ssrc) {
            clock.push(pair);
        } else if self.0.len() < MAX_SENDER_CLOCKS {
            let pairs = vec![pair];
            self.0.push(SenderClock { ssrc: report.ssrc, cname: None, pairs, spacing_ns: SPACING_NS });
        }
    }

    /// Keeps the name of a source that has sent a report. What is no text (RFC 3550 §6.5) is none.
    pub(crate) fn name(&mut self, ssrc: u32, cname: &[u8]) {
        let clock = self.0.iter_mut().find(|clock| clock.ssrc == ssrc);
        if let Some(clock) = clock
            && clock.cname.as_deref().map(str::as_bytes) != Some(cname)
        {
            clock.cname =
                std::str::from_utf8(cname).ok().filter(|cname| !cname.is_empty()).map(str::to_owned);
        }
    }

    /// Whose reports are kept.
    pub(crate) fn sources(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|clock| clock.ssrc)
    }
}

impl SenderClock {
    /// The last pair is always the newest; it stays only if it is far enough from the one before.
    fn push(&mut self, pair: ClockPair) {
        let near = |pairs: &[ClockPair], spacing_ns| match pairs {
            [.., before, last] => last.arrival_ns.saturating_sub(before.arrival_ns) < spacing_ns,
            _ => false,
        };
        if near(&self.pairs, self.spacing_ns) {
            self.pairs.pop();
        }
        self.pairs.push(pair);
        if self.pairs.len() > MAX_PAIRS {
            self.spacing_ns = self.spacing_ns.saturating_mul(2);
            let last = self.pairs.len() - 1;
            let mut at = 0;
            self.pairs.retain(|_| {
                at += 1;
                (at - 1) % 2 == 0 || at - 1 == last
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(ssrc: u32, second: i64, ntp: u64) -> SenderReport {
        let timestamp = u32::try_from(second * 8000 % (1 << 32)).unwrap();
        SenderReport { ssrc, ntp, timestamp, packets: 0, octets: 0, arrival_ns: second * 1_000_000_000 }
    }

    fn seconds(clock: &SenderClock) -> Vec<i64> {
        clock.pairs.iter().map(|pair| pair.arrival_ns / 1_000_000_000).collect()
    }

    #[test]
    fn of_a_source_the_first_the_last_and_one_a_minute_are_kept() {
        let mut clocks = SenderClocks::default();
        for second in (5..=200).step_by(5) {
            clocks.note(&report(7, second, 1));
        }
        assert_eq!(seconds(&clocks.all()[0]), [5, 65, 125, 185, 200]);
    }

    #[test]
    fn a_week_of_reports_stays_small_and_spans_the_week() {
        let mut clocks = SenderClocks::default();
        let week = 7 * 86_400;
        for second in (0..=week).step_by(5) {
            clocks.note(&report(7, second, 1));
        }
        let seconds = seconds(&clocks.all()[0]);
        assert!((MAX_PAIRS / 2 - 1..=MAX_PAIRS).contains(&seconds.len()), "{}", seconds.len());
        assert_eq!((seconds[0], *seconds.last().unwrap()), (0, week));
        let farthest = seconds.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(farthest <= 2 * week / 63, "{farthest} s between two");
    }

    #[test]
    fn reports_without_a_clock_and_of_too_many_sources_are_not_kept() {
        let mut clocks = SenderClocks::default();
        clocks.note(&report(7, 1, 0));
        assert!(clocks.all().is_empty());
        (0..100).for_each(|ssrc| clocks.note(&report(ssrc, 1, 1)));
        assert_eq!(clocks.all().len(), MAX_SENDER_CLOCKS);
    }

    #[test]
    fn a_name_that_is_no_text_is_none() {
        let mut clocks = SenderClocks::default();
        clocks.note(&report(7, 1, 1));
        clocks.name(7, b"room 1");
        clocks.name(8, b"nobody");
        assert_eq!(clocks.all()[0].cname.as_deref(), Some("room 1"));
        clocks.name(7, &[0xff]);
        assert_eq!(clocks.all()[0].cname, None);
    }
}
