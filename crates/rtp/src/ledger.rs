//! The ledger of one stream: what came, what became of it, and what never came. Kept with each recording (B10-03).
//!
//! Belongs here: counters and the two sums that prove them. Does not: any decision.

use crate::order::Place;
use crate::source::{Arrival, Role};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Everything counted about one stream (one m-line), over all its sources. Plain data; all counts are datagrams unless
/// the name says otherwise.
///
/// Two sums always hold, and [`Ledger::balances`] checks them (E3-6):
///
/// ```text
/// received = stored + dark + paused + unrecorded + dropped + duplicate + late + refused + keepalive + rtcp (+ undecided)
/// expected = arrived + lost                                              in sequence numbers
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Datagrams handed to the receiver, of whatever kind.
    pub received: u64,
    /// Kept packets that were stored.
    pub stored: u64,
    /// Kept packets that were not stored because the stream was dark (blackout).
    pub dark: u64,
    /// Kept packets that were not stored because the client had paused the stream (A7-03).
    pub paused: u64,
    /// Kept packets that no recording was there for.
    pub unrecorded: u64,
    /// Kept packets that fell off a full queue.
    pub dropped: u64,
    /// Exact repeats, not stored.
    pub duplicate: u64,
    /// Came more than [`crate::order::REORDER_LIMIT_NS`] behind their successors, not stored.
    pub late: u64,
    /// Neither media nor harmless, by reason.
    pub refused: Refused,
    /// Sent only to keep a path open (RFC 6263 §4): empty, STUN indication, wrong version, no payload.
    pub keepalive: u64,
    /// Well-formed RTCP from where it may come.
    pub rtcp: u64,
    /// Kept packets of which the receiver has not been told what became: in flight.
    pub undecided: u64,

    /// Sequence numbers that should have come.
    pub expected: u64,
    /// Sequence numbers that did come, whatever became of the packet.
    pub arrived: u64,
    /// Sequence numbers that never came, so far.
    pub lost: u64,
    /// Kept packets that came behind a successor.
    pub reordered: u64,
    /// Kept packets far from any sequence.
    pub stray: u64,

    /// Times another SSRC became the leg (B7-06).
    pub ssrc_changes: u64,
    /// Times a source began a new sequence (B2-03).
    pub restarts: u64,
    /// Times a media clock was set: timestamp jumped while the sequence went on (B7-07).
    pub timestamp_jumps: u64,
    /// Kept packets of an SSRC that is not the leg (B7-06).
    pub extra_source: u64,
    /// Times the audio payload type changed (B1-02).
    pub codec_changes: u64,
    /// Kept telephone-event packets.
    pub telephone_event: u64,
    /// Kept comfort noise packets.
    pub comfort_noise: u64,

    /// Largest interarrival jitter, RFC 3550 A.8, ns.
    pub jitter_max_ns: u64,
    /// Sum of the jitter estimate over [`Ledger::jitter_samples`] packets, ns.
    pub jitter_sum_ns: u64,
    /// Packets that took part in the jitter estimate.
    pub jitter_samples: u64,
    /// Longest time between two kept packets, ns; a pause in speech counts too.
    pub longest_gap_ns: u64,
    /// Arrival of the first kept packet, ns on the recorder's clock.
    pub first_ns: Option<i64>,
    /// Arrival of the newest kept packet, ns.
    pub last_ns: Option<i64>,
    /// Payload bytes of kept packets.
    pub payload_bytes: u64,
    /// Where the newest packet from a wrong source came from (B8-03).
    pub last_rejected: Option<SocketAddr>,
}

/// Refused datagrams by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Lengths or padding contradict each other (B1-01).
    pub malformed: u64,
    /// From an address that may not feed this stream (B8-01).
    pub wrong_source: u64,
    /// A payload type that was not agreed, with a payload (B1-02).
    pub unknown_payload_type: u64,
    /// Surplus over four times the expected rate (B8-05).
    pub flood: u64,
    /// STUN request or response; not negotiated (B9-02).
    pub stun: u64,
    /// DTLS record; not negotiated (B9-02).
    pub dtls: u64,
    /// ZRTP message; not negotiated.
    pub zrtp: u64,
    /// RTCP that is no valid compound.
    pub malformed_rtcp: u64,
    /// Not proved by a key that was agreed (A10-07).
    #[serde(default)]
    pub unauthenticated: u64,
    /// Proved, and came before (A10-07).
    #[serde(default)]
    pub replayed: u64,
}

/// Why a datagram was refused. The receiver counts it by the same name in [`Refused`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Not an RTP packet.
    Malformed(crate::Malformed),
    /// From an address that may not feed this stream.
    WrongSource,
    /// The payload type was not agreed.
    UnknownPayloadType(u8),
    /// Surplus of a sender that is too fast.
    Flood,
    /// STUN that expects an answer.
    Stun,
    /// DTLS.
    Dtls,
    /// ZRTP.
    Zrtp,
    /// Not an RTCP compound.
    MalformedRtcp(crate::rtcp::RtcpError),
    /// No key that was agreed proves it.
    Unauthenticated,
    /// It is authentic and came before.
    Replayed,
}

impl From<crate::srtp::Fault> for Refusal {
    fn from(fault: crate::srtp::Fault) -> Self {
        match fault {
            crate::srtp::Fault::Unauthenticated => Self::Unauthenticated,
            crate::srtp::Fault::Replayed => Self::Replayed,
        }
    }
}

impl Refused {
    /// All refused datagrams.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.malformed
            + self.wrong_source
            + self.unknown_payload_type
            + self.flood
            + self.stun
            + self.dtls
            + self.zrtp
            + self.malformed_rtcp
            + self.unauthenticated
            + self.replayed
    }

    fn since(&self, earlier: &Self) -> Self {
        let count = |of: fn(&Self) -> u64| of(self).saturating_sub(of(earlier));
        Self {
            malformed: count(|r| r.malformed),
            wrong_source: count(|r| r.wrong_source),
            unknown_payload_type: count(|r| r.unknown_payload_type),
            flood: count(|r| r.flood),
            stun: count(|r| r.stun),
            dtls: count(|r| r.dtls),
            zrtp: count(|r| r.zrtp),
            malformed_rtcp: count(|r| r.malformed_rtcp),
            unauthenticated: count(|r| r.unauthenticated),
            replayed: count(|r| r.replayed),
        }
    }

    pub(crate) fn count(&mut self, refusal: Refusal) {
        let column = match refusal {
            Refusal::Malformed(_) => &mut self.malformed,
            Refusal::WrongSource => &mut self.wrong_source,
            Refusal::UnknownPayloadType(_) => &mut self.unknown_payload_type,
            Refusal::Flood => &mut self.flood,
            Refusal::Stun => &mut self.stun,
            Refusal::Dtls => &mut self.dtls,
            Refusal::Zrtp => &mut self.zrtp,
            Refusal::MalformedRtcp(_) => &mut self.malformed_rtcp,
            Refusal::Unauthenticated => &mut self.unauthenticated,
            Refusal::Replayed => &mut self.replayed,
        };
        *column += 1;
    }
}

/// What became of a kept packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was handed to the store.
    Stored,
    /// The gate was closed: nothing of it may be written.
    Dark,
    /// The client had paused the stream.
    Paused,
    /// No recording was being made.
    Unrecorded,
    /// The queue to the store was full.
    Dropped,
}

impl Ledger {
    /// Kept packets: media that was neither repeated nor late.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.stored + self.dark + self.paused + self.unrecorded + self.dropped + self.undecided
    }

    /// What came since `earlier`, a copy of this ledger made before: every count is the difference; the maxima and
    /// the ends of the time range are those of the whole life. The sums hold for the part as for the whole: a packet in
    /// flight at the cut, or one that filled a hole from before it, belongs to this part.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let count = |of: fn(&Self) -> u64| of(self).saturating_sub(of(earlier));
        let arrived = count(|l| l.arrived);
        let lost = count(|l| l.expected).saturating_sub(arrived);
        Self {
            received: count(|l| l.received) + earlier.undecided,
            stored: count(|l| l.stored),
            dark: count(|l| l.dark),
            paused: count(|l| l.paused),
            unrecorded: count(|l| l.unrecorded),
            dropped: count(|l| l.dropped),
            duplicate: count(|l| l.duplicate),
            late: count(|l| l.late),
            refused: self.refused.since(&earlier.refused),
            keepalive: count(|l| l.keepalive),
            rtcp: count(|l| l.rtcp),
            undecided: self.undecided,
            expected: arrived + lost,
            arrived,
            lost,
            reordered: count(|l| l.reordered),
            stray: count(|l| l.stray),
            ssrc_changes: count(|l| l.ssrc_changes),
            restarts: count(|l| l.restarts),
            timestamp_jumps: count(|l| l.timestamp_jumps),
            extra_source: count(|l| l.extra_source),
            codec_changes: count(|l| l.codec_changes),
            telephone_event: count(|l| l.telephone_event),
            comfort_noise: count(|l| l.comfort_noise),
            jitter_sum_ns: count(|l| l.jitter_sum_ns),
            jitter_samples: count(|l| l.jitter_samples),
            payload_bytes: count(|l| l.payload_bytes),
            ..self.clone()
        }
    }

    /// Mean of the jitter estimate, ns.
    #[must_use]
    pub fn jitter_mean_ns(&self) -> u64 {
        self.jitter_sum_ns.checked_div(self.jitter_samples).unwrap_or(0)
    }

    /// Whether both sums hold with nothing left undecided: the proof that every datagram is accounted for. While
    /// packets are in flight to the store use [`Ledger::balances_in_flight`].
    #[must_use]
    pub fn balances(&self) -> bool {
        self.undecided == 0 && self.balances_in_flight()
    }

    /// Whether both sums hold, packets in flight counted as such.
    #[must_use]
    pub fn balances_in_flight(&self) -> bool {
        let parts =
            self.kept() + self.duplicate + self.late + self.refused.total() + self.keepalive + self.rtcp;
        self.received == parts && self.expected == self.arrived + self.lost
    }

    /// Notes where a packet stands; true when it is to be kept.
    #[inline]
    pub(crate) fn place(&mut self, arrival: &Arrival) -> bool {
        self.sequence(arrival.place);
        match arrival.place {
            Some(Place::Duplicate) => {
                self.duplicate += 1;
                return false;
            }
            Some(Place::Late) => {
                self.late += 1;
                return false;
            }
            Some(Place::Reordered | Place::BeforeFirst { .. }) => self.reordered += 1,
            Some(Place::Stray) => self.stray += 1,
            Some(Place::Restart) => {
                // The stray that began it turned out to be the first packet of the new sequence.
                self.stray = self.stray.saturating_sub(1);
                self.restarts += 1;
            }
            Some(Place::Next { .. }) | None => {}
        }
        match arrival.role {
            Role::Current => {}
            Role::Extra => self.extra_source += 1,
            Role::TookOver { counted_extra } => {
                self.extra_source = self.extra_source.saturating_sub(u64::from(counted_extra));
                self.ssrc_changes += 1;
            }
        }
        if let Some(jitter) = arrival.jitter_ns.and_then(|ns| u64::try_from(ns).ok()) {
            self.jitter_max_ns = self.jitter_max_ns.max(jitter);
            self.jitter_sum_ns += jitter;
            self.jitter_samples += 1;
        }
        self.timestamp_jumps += u64::from(arrival.timestamp_jump);
        true
    }

    /// Keeps the sum of sequence numbers; `None` begins a sequence.
    #[inline]
    pub(crate) fn sequence(&mut self, place: Option<Place>) {
        let (expected, arrived) = match place {
            None => (1, 1),
            Some(Place::Next { skipped } | Place::BeforeFirst { skipped }) => (u64::from(skipped) + 1, 1),
            Some(Place::Reordered | Place::Late) => (0, 1),
            Some(Place::Restart) => (2, 2),
            Some(Place::Duplicate | Place::Stray) => (0, 0),
        };
        self.expected += expected;
        self.arrived += arrived;
        self.lost = (self.lost + expected).saturating_sub(arrived);
    }

    /// Notes the arrival time of a kept packet.
    #[inline]
    pub(crate) fn heard(&mut self, arrival_ns: i64, payload_bytes: usize) {
        if let Some(last_ns) = self.last_ns {
            let gap = u64::try_from(arrival_ns.saturating_sub(last_ns)).unwrap_or(0);
            self.longest_gap_ns = self.longest_gap_ns.max(gap);
        } else {
            self.first_ns = Some(arrival_ns);
        }
        self.last_ns = Some(self.last_ns.map_or(arrival_ns, |last_ns| last_ns.max(arrival_ns)));
        self.payload_bytes += payload_bytes as u64;
    }
}
