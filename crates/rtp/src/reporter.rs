//! Who we are on a stream, and what we say there: our SSRC and name, when we report, and when we leave.
//!
//! Belongs here: the making of our compounds, and what happens when somebody else has our SSRC (RFC 3550 §8.2). Does
//! not: what is said of a source ([`crate::source`]), the wire form ([`crate::rtcp`]).

use std::net::SocketAddr;

use crate::rtcp;
use crate::schedule::{MIN_INTERVAL_NS, Schedule};
use crate::source::{MAX_SOURCES, Sources};

/// How long an address that had our SSRC is remembered: if it has the next one too, it is our own reports that come
/// back (RFC 3550 §8.2: ten intervals).
const CONFLICT_NS: i64 = 10 * MIN_INTERVAL_NS;

/// The reporting side of one stream.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    ssrc: u32,
    cname: String,
    schedule: Schedule,
    /// Whether anything was ever sent under the SSRC: who never spoke does not say goodbye (RFC 3550 §6.3.7).
    has_spoken: bool,
    /// The SSRC we give up, until that is said.
    left: Option<u32>,
    /// Who had our SSRC, and when.
    conflict: Option<(SocketAddr, i64)>,
}

impl Reporter {
    pub(crate) fn new(ssrc: u32, cname: String, seed: u64) -> Self {
        Self { ssrc, cname, schedule: Schedule::new(seed), has_spoken: false, left: None, conflict: None }
    }

    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(crate) fn next_ns(&self) -> i64 {
        self.schedule.next_ns()
    }

    /// Somebody else sends under our SSRC: we take another, and say goodbye under the old one with the next look at
    /// the timer. From an address that has done so already it is our own reports coming back, and changes nothing.
    #[cold]
    pub(crate) fn collided(&mut self, now_ns: i64, from: SocketAddr, is_taken: impl Fn(u32) -> bool) {
        let before = self.conflict.replace((from, now_ns));
        if before.is_some_and(|(who, at_ns)| who == from && now_ns.saturating_sub(at_ns) < CONFLICT_NS) {
            return;
        }
        let old = self.ssrc;
        while self.ssrc == old || is_taken(self.ssrc) {
            self.ssrc = self.schedule.draw_word();
        }
        if std::mem::take(&mut self.has_spoken) {
            self.left = Some(old);
            self.schedule.hurry(now_ns);
        }
    }

    /// The compound to send now, if one is due.
    pub(crate) fn poll(&mut self, now_ns: i64, sources: &mut Sources) -> Option<Vec<u8>> {
        if !self.schedule.is_due(now_ns) {
            return None;
        }
        if let Some(left) = self.left.take() {
            return Some(self.print(now_ns, left, true, sources));
        }
        self.has_spoken = true;
        Some(self.print(now_ns, self.ssrc, false, sources))
    }

    /// The last compound; none from whom never spoke.
    pub(crate) fn goodbye(&mut self, now_ns: i64, sources: &mut Sources) -> Option<Vec<u8>> {
        self.has_spoken.then(|| self.print(now_ns, self.ssrc, true, sources))
    }

    fn print(&self, now_ns: i64, ssrc: u32, leaves: bool, sources: &mut Sources) -> Vec<u8> {
        let blocks: Vec<_> = sources.iter_mut().filter_map(|source| source.report(now_ns)).collect();
        let mut out = Vec::with_capacity(8 + 24 * MAX_SOURCES + 12 + self.cname.len() + 8);
        rtcp::print_receiver_report(&mut out, ssrc, &blocks);
        rtcp::print_cname(&mut out, ssrc, &self.cname);
        if leaves {
            rtcp::print_bye(&mut out, ssrc);
        }
        out
    }
}
