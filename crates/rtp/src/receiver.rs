//! The sum for one stream: every datagram in, a verdict out, everything counted.
//!
//! Belongs here: the order of the checks and the RTCP both ways. Does not: the checks themselves, sockets, or what
//! becomes of a kept packet (the caller says so through [`Receiver::count`]).
//!
//! ```text
//! datagram -> key or address -> protocol -> packet -> payload type -> rate -> source and order -> Keep
//!              |                   |          |           |            |            |
//!         Unauthenticated     Stun, Dtls  Malformed  UnknownPayload  Flood   Duplicate, Late
//!         Replayed            Keepalive
//!         WrongSource
//! ```
//!
//! Where a key proves a packet, the address it came from does not matter (B8-03). Keys are asked before the rate is
//! looked at: what is forged must not use up the rate of the sender.

use crate::access::{RateGuard, SourceRule};
use crate::latch::{Heard, Latch};
use crate::ledger::{Ledger, Outcome, Refusal};
use crate::order::{Mark, Place};
use crate::packet::{Packet, Protocol, protocol};
use crate::payload::{Format, Kind};
use crate::reporter::Reporter;
use crate::rtcp::{self, SenderReport};
use crate::sender_clock::{SenderClock, SenderClocks};
use crate::source::{Source, Sources};
use crate::srtp;
use std::net::SocketAddr;

/// What was agreed for a stream, and who we are on it.
#[derive(Debug, Clone)]
pub struct ReceiverConfig {
    /// Agreed payload types. Comfort noise 13 and 19 need not be listed (B1-02).
    pub formats: Vec<Format>,
    /// Who may feed the stream.
    pub allowed: SourceRule,
    /// Packets a second in a clean stream: 50 for 20 ms. Four times as many are let through (B8-05).
    pub expected_packets_per_s: u32,
    /// Our SSRC in reports: random, for each stream another (RFC 3550 §8.1). It is changed if a source has the same.
    pub ssrc: u32,
    /// Our canonical name: random for each recording session, no host name or address in it (B6-03, RFC 7022).
    pub cname: String,
    /// Seed of the report timer and of further SSRCs: random.
    pub seed: u64,
    /// What packets are protected with, both ways; `None` for plain RTP.
    pub srtp: Option<srtp::Agreed>,
}

/// What a datagram was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Media to be stored, in arrival order. Tell [`Receiver::count`] what became of it.
    Keep(Packet<'a>, Kind),
    /// An exact repeat of a kept packet.
    Duplicate,
    /// Too late to be put in its place.
    Late,
    /// Not for us, or not media.
    Refused(Refusal),
    /// Sent only to keep the path open (B9-01).
    Keepalive,
    /// RTCP on the media port (RFC 5761).
    Rtcp(Report),
}

/// What an RTCP compound told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Its sender report, worth keeping beside the media: it ties RTP time to the sender's wall clock (B7-05).
    pub sender_report: Option<SenderReport>,
    /// A source said goodbye. That ends the source, not the recording (B6-04).
    pub goodbye: bool,
}

/// Receives one stream (one m-line). About 0.8 KiB, and as much for each of up to [`crate::MAX_SOURCES`] sources.
#[derive(Debug, Clone)]
pub struct Receiver {
    agreed: Agreed,
    /// What held before the last [`Receiver::update`], until media follows the new (A2-15).
    former: Option<Box<Agreed>>,
    latch: Latch,
    guard: RateGuard,
    sources: Sources,
    sender_clocks: SenderClocks,
    ledger: Ledger,
    last_audio: Option<u8>,
    reporter: Reporter,
    inbound: srtp::Inbound,
    outbound: Option<Box<srtp::Outbound>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Agreed {
    allowed: SourceRule,
    /// Payload type, kind and clock, by payload type: a few, so a search touches less memory than a table.
    formats: Box<[(u8, Kind, u32)]>,
}

impl Agreed {
    fn new(formats: &[Format], allowed: SourceRule) -> Self {
        let mut table = [None; 128];
        let noise = [13, 19].into_iter().filter_map(Format::from_static);
        for format in noise.chain(formats.iter().copied()) {
            table[usize::from(format.payload_type & 0x7f)] = Some((format.kind, format.clock_hz));
        }
        let agreed = |(payload_type, format): (u8, Option<(Kind, u32)>)| {
            format.map(|(kind, clock_hz)| (payload_type, kind, clock_hz))
        };
        Self { allowed, formats: (0..).zip(table).filter_map(agreed).collect() }
    }

    #[inline]
    fn format(&self, payload_type: u8) -> Option<(Kind, u32)> {
        let format = self.formats.iter().find(|format| format.0 == payload_type)?;
        Some((format.1, format.2))
    }
}

impl Receiver {
    /// A receiver for what was agreed; it has heard nothing.
    #[must_use]
    pub fn new(config: ReceiverConfig) -> Self {
        let keys = config.srtp.as_ref();
        Self {
            inbound: srtp::Inbound::new(keys.map(|keys| &keys.theirs)),
            outbound: keys.map(|keys| Box::new(srtp::Outbound::new(&keys.ours))),
            agreed: Agreed::new(&config.formats, config.allowed),
            former: None,
            latch: Latch::default(),
            guard: RateGuard::new(config.expected_packets_per_s),
            sources: Sources::default(),
            sender_clocks: SenderClocks::default(),
            ledger: Ledger::default(),
            last_audio: None,
            reporter: Reporter::new(config.ssrc, config.cname, config.seed),
        }
    }

    /// Takes over a changed agreement after a re-INVITE or UPDATE. Old and new are both legitimate until media comes
    /// that only the new one allows (A2-15, RFC 3264 §8.3.1); so are old and new keys (A10-07). Our own SSRC, CNAME and
    /// report timer stay as they are.
    pub fn update(&mut self, config: ReceiverConfig) {
        let keys = config.srtp.as_ref();
        self.inbound.agree(keys.map(|keys| &keys.theirs));
        if keys.map(|keys| &keys.ours) != self.outbound.as_ref().map(|outbound| outbound.keys()) {
            self.outbound = keys.map(|keys| Box::new(srtp::Outbound::new(&keys.ours)));
        }
        let agreed = Agreed::new(&config.formats, config.allowed);
        self.guard.set_expected(config.expected_packets_per_s);
        if agreed.allowed != self.agreed.allowed {
            self.latch.relearn();
        }
        if agreed != self.agreed {
            // An update that no media followed is skipped: what holds is where media last came from.
            let replaced = std::mem::replace(&mut self.agreed, agreed);
            self.former.get_or_insert_with(|| Box::new(replaced));
        }
    }

    /// Judges one datagram of the media port. `arrival_ns` is on the recorder's monotonic clock. What is protected is
    /// decrypted where it lies. Nothing is copied, held back or allocated, except that a new SSRC takes a place among at
    /// most [`crate::MAX_SOURCES`].
    #[inline]
    pub fn receive<'a>(&mut self, arrival_ns: i64, from: SocketAddr, datagram: &'a mut [u8]) -> Verdict<'a> {
        self.ledger.received += 1;
        let opened = match protocol(datagram) {
            Protocol::Rtp => self.inbound.open_rtp(datagram),
            Protocol::Rtcp => self.inbound.open_rtcp(datagram),
            _ => Ok(srtp::Opened { packet: datagram, authentic: false }),
        };
        let datagram = match self.proved(arrival_ns, from, opened) {
            Ok(datagram) => datagram,
            Err(refusal) => return self.refuse(refusal),
        };
        match protocol(datagram) {
            Protocol::Rtp => self.receive_rtp(arrival_ns, from, datagram),
            Protocol::Rtcp => match self.read_rtcp(arrival_ns, from, datagram) {
                Ok(report) => Verdict::Rtcp(report),
                Err(refusal) => Verdict::Refused(refusal),
            },
            Protocol::Empty | Protocol::OtherVersion | Protocol::Stun { indication: true } => {
                self.keepalive()
            }
            Protocol::Stun { indication: false } => self.refuse(Refusal::Stun),
            Protocol::Dtls => self.refuse(Refusal::Dtls),
            Protocol::Zrtp => self.refuse(Refusal::Zrtp),
        }
    }

    /// The packet, if a key or its address proves that it may feed the stream (B8-01, B8-03).
    #[inline]
    fn proved<'a>(
        &mut self,
        arrival_ns: i64,
        from: SocketAddr,
        opened: Result<srtp::Opened<'a>, srtp::Fault>,
    ) -> Result<&'a [u8], Refusal> {
        let refusal = match opened {
            Ok(opened) if self.admits(arrival_ns, from, opened.packet) || opened.authentic => {
                if !opened.authentic {
                    self.inbound.plain_came();
                }
                return Ok(opened.packet);
            }
            Ok(_) => Refusal::WrongSource,
            Err(fault) => fault.into(),
        };
        if refusal != Refusal::Replayed {
            self.ledger.last_rejected = Some(from);
        }
        Err(refusal)
    }

    /// How far each source of a protected stream has come, to go on from by [`Receiver::restore_srtp`] (A10-07).
    #[must_use]
    pub fn srtp_state(&self) -> srtp::State {
        self.inbound.state()
    }

    /// A number that changes when what [`Receiver::srtp_state`] tells should be kept anew: with each source of a protected
    /// stream, and each half period of 32,768 packets it goes through. Kept so, it finds a source again after an outage
    /// of 65,536 packets.
    #[must_use]
    pub fn srtp_progress(&self) -> u64 {
        if !self.inbound.is_protected() {
            return 0;
        }
        let halves = |source: &srtp::SourceState| {
            (u64::from(source.roll_over_counter) << 1 | u64::from(source.highest_sequence >> 15)) + 1
        };
        self.inbound.state().rtp.iter().map(halves).sum()
    }

    /// Goes on from where another receiver of the same stream, with the same keys, has come.
    pub fn restore_srtp(&mut self, state: &srtp::State) {
        self.inbound.restore(state);
    }

    /// Says what became of a packet that [`Receiver::receive`] answered with [`Verdict::Keep`].
    #[inline]
    pub fn count(&mut self, outcome: Outcome) {
        let column = match outcome {
            Outcome::Stored => &mut self.ledger.stored,
            Outcome::Dark => &mut self.ledger.dark,
            Outcome::Paused => &mut self.ledger.paused,
            Outcome::Unrecorded => &mut self.ledger.unrecorded,
            Outcome::Dropped => &mut self.ledger.dropped,
        };
        *column += 1;
        self.ledger.undecided = self.ledger.undecided.saturating_sub(1);
    }

    /// Everything counted so far.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The source that is the leg at present, with its newest sender report; `None` before the first packet.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        self.sources.current()
    }

    /// What the sender reports of the stream's sources say of their clocks (B7-05).
    #[must_use]
    pub fn sender_clocks(&self) -> &[SenderClock] {
        self.sender_clocks.all()
    }

    fn receive_rtp<'a>(&mut self, arrival_ns: i64, from: SocketAddr, datagram: &'a [u8]) -> Verdict<'a> {
        let packet = match Packet::parse(datagram) {
            Ok(packet) => packet,
            Err(error) => return self.refuse(Refusal::Malformed(error)),
        };
        self.meet(arrival_ns, from, packet.ssrc);
        let agreed = self.format(packet.payload_type);
        let (kind, clock_hz) = agreed.unwrap_or((Kind::TelephoneEvent, 8000));
        let mark = Mark {
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            clock_hz,
            is_event: kind == Kind::TelephoneEvent,
            arrival_ns,
        };
        if agreed.is_none() || packet.payload.is_empty() || !self.guard.admits(arrival_ns) {
            let place = self.sources.note(packet.ssrc, mark);
            if place.is_some() {
                self.ledger.sequence(place);
            }
            return match (packet.payload.is_empty(), agreed) {
                (true, _) => self.keepalive(),
                (false, None) => self.refuse(Refusal::UnknownPayloadType(packet.payload_type)),
                (false, Some(_)) => self.refuse(Refusal::Flood),
            };
        }
        let arrival = self.sources.place(packet.ssrc, mark);
        if !self.ledger.place(&arrival) {
            return if arrival.place == Some(Place::Late) { Verdict::Late } else { Verdict::Duplicate };
        }
        self.ledger.undecided += 1;
        self.ledger.heard(arrival_ns, packet.payload.len());
        match kind {
            Kind::Audio => {
                let before = self.last_audio.replace(packet.payload_type);
                self.ledger.codec_changes += u64::from(before.is_some_and(|pt| pt != packet.payload_type));
            }
            Kind::TelephoneEvent => self.ledger.telephone_event += 1,
            Kind::ComfortNoise => self.ledger.comfort_noise += 1,
        }
        Verdict::Keep(packet, kind)
    }

    /// Whether the address may feed the stream, and through an address translator, whether it is the source.
    #[inline]
    fn admits(&mut self, arrival_ns: i64, from: SocketAddr, datagram: &[u8]) -> bool {
        if !self.allows(from) {
            return false;
        }
        if !matches!(self.agreed.allowed, SourceRule::Latched { .. }) {
            return true;
        }
        let packet = (protocol(datagram) == Protocol::Rtp).then(|| Packet::parse(datagram).ok()).flatten();
        let agreed = packet.filter(|packet| self.agreed.format(packet.payload_type).is_some());
        let heard = agreed.map(|packet| Heard { ssrc: packet.ssrc, sequence: packet.sequence });
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        self.latch.admits(arrival_ns, from, heard)
    }

    /// Whether the rules allow the address; media that only the new one allows ends the former one.
    #[inline]
    fn allows(&mut self, from: SocketAddr) -> bool {
        let now = self.agreed.allowed.admits(from.ip());
        let Some(former) = &self.former else { return now };
        let before = former.allowed.admits(from.ip());
        if now && !before {
            self.former = None;
        }
        now || before
    }

    #[inline]
    fn format(&mut self, payload_type: u8) -> Option<(Kind, u32)> {
        let now = self.agreed.format(payload_type);
        let Some(former) = &self.former else { return now };
        let before = former.format(payload_type);
        if now.is_some() && before.is_none() {
            self.former = None;
        }
        now.or(before)
    }

    fn refuse<'a>(&mut self, refusal: Refusal) -> Verdict<'a> {
        self.ledger.refused.count(refusal);
        Verdict::Refused(refusal)
    }

    fn keepalive<'a>(&mut self) -> Verdict<'a> {
        self.ledger.keepalive += 1;
        Verdict::Keepalive
    }

    /// Takes one datagram of the RTCP port. Only whom the stream accepts media from is listened to: a forged sender
    /// report would bend the timeline (B6-05). What is protected is decrypted where it lies.
    ///
    /// # Errors
    /// The reason why it was refused; it is counted.
    pub fn receive_rtcp(
        &mut self,
        arrival_ns: i64,
        from: SocketAddr,
        datagram: &mut [u8],
    ) -> Result<Report, Refusal> {
        self.ledger.received += 1;
        let opened = self.inbound.open_rtcp(datagram);
        match self.proved(arrival_ns, from, opened) {
            Ok(datagram) => self.read_rtcp(arrival_ns, from, datagram),
            Err(refusal) => {
                self.ledger.refused.count(refusal);
                Err(refusal)
            }
        }
    }

    fn read_rtcp(&mut self, arrival_ns: i64, from: SocketAddr, datagram: &[u8]) -> Result<Report, Refusal> {
        let read = self.apply_rtcp(arrival_ns, from, datagram).map_err(Refusal::MalformedRtcp);
        match read {
            Ok(_) => self.ledger.rtcp += 1,
            Err(refusal) => self.ledger.refused.count(refusal),
        }
        read
    }

    /// Somebody is heard under this SSRC, which may be ours (RFC 3550 §8.2).
    #[inline]
    fn meet(&mut self, now_ns: i64, from: SocketAddr, ssrc: u32) {
        if ssrc == self.reporter.ssrc() {
            let sources = &self.sources;
            self.reporter.collided(now_ns, from, |ssrc| sources.iter().any(|source| source.ssrc == ssrc));
        }
    }

    fn apply_rtcp(
        &mut self,
        arrival_ns: i64,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Result<Report, rtcp::RtcpError> {
        let mut report = Report::default();
        for packet in rtcp::compound(datagram)? {
            if let Some(ssrc) = packet.reporter() {
                self.meet(arrival_ns, from, ssrc);
            }
            match packet.packet_type {
                rtcp::SENDER_REPORT => {
                    let sender = rtcp::parse_sender_report(&packet, arrival_ns)?;
                    if let Some(source) = self.sources.find(sender.ssrc) {
                        source.sender_report = Some(sender);
                        self.sender_clocks.note(&sender);
                    }
                    report.sender_report = Some(sender);
                }
                rtcp::SOURCE_DESCRIPTION => {
                    let sources: Vec<u32> = self.sender_clocks.sources().collect();
                    for ssrc in sources {
                        // A name that cannot be read takes nothing from the report before it.
                        if let Ok(Some(cname)) = rtcp::parse_cname(&packet, ssrc) {
                            self.sender_clocks.name(ssrc, cname);
                        }
                    }
                }
                rtcp::GOODBYE => {
                    for ssrc in rtcp::parse_bye(&packet)? {
                        if let Some(source) = self.sources.find(ssrc) {
                            source.ended = true;
                        }
                        report.goodbye = true;
                    }
                }
                _ => {}
            }
        }
        Ok(report)
    }

    /// When [`Receiver::poll_rtcp`] wants to be called again, ns; the past until it was called once.
    #[must_use]
    pub fn next_rtcp_ns(&self) -> i64 {
        self.reporter.next_ns()
    }

    /// The report to send now, if one is due: RR with a block for each source heard since the last, and SDES CNAME
    /// (B6-01), protected if the stream is. To be sent from the port that receives (B1-06). The first call only starts
    /// the timer.
    pub fn poll_rtcp(&mut self, now_ns: i64) -> Option<Vec<u8>> {
        let report = self.reporter.poll(now_ns, &mut self.sources)?;
        self.protect(report)
    }

    /// The last report of the stream: as [`Receiver::poll_rtcp`], with a BYE behind it (RFC 3550 §6.6). `None` when no
    /// report was sent before (§6.3.7), or when it cannot be protected and so must not be sent.
    #[must_use]
    pub fn goodbye(&mut self, now_ns: i64) -> Option<Vec<u8>> {
        let goodbye = self.reporter.goodbye(now_ns, &mut self.sources)?;
        self.protect(goodbye)
    }

    fn protect(&mut self, mut report: Vec<u8>) -> Option<Vec<u8>> {
        match &mut self.outbound {
            // After 2^31 reports, a key is used up: some three hundred years.
            Some(outbound) => outbound.protect_rtcp(&mut report).ok().map(|()| report),
            None => Some(report),
        }
    }
}
