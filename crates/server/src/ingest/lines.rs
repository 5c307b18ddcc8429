//! The m-lines that a recording session is received on: ports, keys, and under which call a media thread reads each.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use calls::call::Format;
use calls::id::{CallId, StreamNumber};
use rtp::srtp::{self, Suite};
use rtp::{ReceiverConfig, SourceRule};
use siprec::sdp::{AcceptedLine, LocalMedia, MasterKey, Plan};

use super::keys;
use super::ports::{Lease, Lessee, Ports};
use super::settings::TrunkTerms;
use super::translate;
use crate::media::Inlet;

/// Packets a second expected of a stream that states no packet time: 20 ms each.
const PACKETS_PER_S: u32 = 50;

pub(super) type Lines = Vec<Option<Line>>;

/// Where a media thread reads a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) call: CallId,
    pub(super) stream: StreamNumber,
}

/// An m-line that is received.
pub(super) struct Line {
    lease: Arc<Lease>,
    label: Option<String>,
    rtcp_mux: bool,
    /// What its payload types have meant so far on the stream that it is.
    pub(super) formats: Vec<Format>,
    /// What our reports are protected with, and the suite it is for.
    key: Option<(Suite, MasterKey)>,
    /// Who we are in our reports.
    reporter: Reporter,
    /// Where a media thread reads it, once one does.
    pub(super) home: Option<Home>,
    /// Its inlet, while no media thread has it.
    pub(super) unopened: Option<Inlet>,
}

/// The random parts of who we are in the reports of one stream (RFC 3550 §8.1).
#[derive(Debug, Clone, Copy)]
struct Reporter {
    ssrc: u32,
    seed: u64,
}

impl Reporter {
    fn draw() -> Self {
        let (mut ssrc, mut seed) = ([0; 4], [0; 8]);
        keys::fill(&mut ssrc);
        keys::fill(&mut seed);
        Self { ssrc: u32::from_be_bytes(ssrc), seed: u64::from_be_bytes(seed) }
    }
}

impl Line {
    /// What is told of it in our answer.
    pub(super) fn local_media(&self) -> LocalMedia {
        let rtp_port = self.lease.rtp_port;
        LocalMedia {
            rtp_port,
            rtcp_port: if self.rtcp_mux { rtp_port } else { self.lease.rtcp_port() },
            key: self.key.as_ref().map(|(_, key)| key.clone()),
        }
    }

    /// A media thread has given it back. Our next reports come from somebody else: under one key and one SSRC no index
    /// may be used twice (RFC 3711 §9.1).
    pub(super) fn taken_back(&mut self, inlet: Inlet) {
        self.home = None;
        self.unopened = Some(inlet);
        self.reporter = Reporter::draw();
    }
}

/// What the lines of one recording session have in common.
pub(super) struct Terms {
    /// Who signals: media come from there where the SDP names no address.
    pub(super) peer: IpAddr,
    pub(super) cname: String,
    pub(super) ports: Ports,
    /// The terms of the trunk it came by.
    pub(super) trunk: Arc<TrunkTerms>,
}

impl Terms {
    /// The lines the plan wants: one that goes on keeps its ports, a new one gets a pair.
    pub(super) fn lines_for(&self, plan: &Plan, known: &Lines) -> std::io::Result<Lines> {
        let mut lines: Lines = plan.lines.iter().map(|_| None).collect();
        let lessee = self.lessee();
        for (index, accepted) in plan.accepted() {
            let label = plan.lines[index].label.clone();
            let rtcp_mux = accepted.rtcp_mux;
            let known = known.get(index).and_then(Option::as_ref);
            let means = translate::formats(accepted);
            // What is under way to a port has the meaning that was agreed for it.
            let goes_on = known.filter(|line| {
                line.label == label
                    && line.rtcp_mux == rtcp_mux
                    && !Format::any_remapped(&line.formats, &means)
            });
            let formats = goes_on.map_or_else(Vec::new, |line| line.formats.clone());
            let key = key_for(accepted, goes_on);
            let (lease, unopened) = match goes_on {
                Some(line) => (Arc::clone(&line.lease), None),
                None => {
                    let (lease, sockets) = self.ports.lease(&lessee, self.trunk.max_streams, rtcp_mux)?;
                    (Arc::new(lease), Some(Inlet { sockets, heard: srtp::State::default() }))
                }
            };
            let reporter = goes_on.map_or_else(Reporter::draw, |line| line.reporter);
            let home = goes_on.and_then(|line| line.home);
            lines[index] = Some(Line { lease, label, rtcp_mux, formats, key, reporter, home, unopened });
        }
        Ok(lines)
    }

    /// The lines of a session of an earlier run, on the ports and with the keys they had: `media` and `heard` are by line.
    pub(super) fn lines_again(
        &self,
        plan: &Plan,
        media: &[Option<LocalMedia>],
        heard: &[srtp::State],
    ) -> std::io::Result<Lines> {
        let mut lines: Lines = plan.lines.iter().map(|_| None).collect();
        let lessee = self.lessee();
        for (index, accepted) in plan.accepted() {
            let Some(Some(media)) = media.get(index) else { continue };
            let rtcp_mux = accepted.rtcp_mux;
            let (lease, sockets) = self.ports.lease_again(&lessee, media.rtp_port, rtcp_mux)?;
            let suite = accepted.crypto.as_ref().and_then(|crypto| Suite::from_name(&crypto.suite));
            let inlet = Inlet { sockets, heard: heard.get(index).cloned().unwrap_or_default() };
            lines[index] = Some(Line {
                lease: Arc::new(lease),
                label: plan.lines[index].label.clone(),
                rtcp_mux,
                formats: Vec::new(),
                key: suite.zip(media.key.clone()),
                reporter: Reporter::draw(),
                home: None,
                unopened: Some(inlet),
            });
        }
        Ok(lines)
    }

    fn lessee(&self) -> Lessee {
        let trunk = self.trunk.name.clone();
        trunk.map_or_else(|| Lessee::Address(self.peer.to_canonical()), Lessee::Trunk)
    }

    pub(super) fn remote_rtcp(&self, accepted: &AcceptedLine) -> Option<SocketAddr> {
        let remote = if accepted.rtcp_mux { accepted.remote_rtp } else { accepted.remote_rtcp };
        remote.map(|remote| self.ports.reachable(remote))
    }

    /// What a line is received by; `None` if it is protected and its keys are of no use: never in the clear then.
    pub(super) fn receiver(&self, line: &AcceptedLine, ours: &Line) -> Option<ReceiverConfig> {
        let srtp = match (&line.crypto, &ours.key) {
            (None, _) => None,
            (Some(theirs), Some((_, key))) => Some(keys::agreed(theirs, key).ok()?),
            (Some(_), None) => return None,
        };
        let address = line.remote_rtp.map_or(self.peer, |remote: SocketAddr| remote.ip());
        let by_ptime = line.ptime_ms.filter(|ms| *ms > 0).map(|ms| 1_000 / u32::from(ms));
        Some(ReceiverConfig {
            formats: translate::receiver_formats(line),
            allowed: self.allowed(address, line.remote_rtp),
            expected_packets_per_s: by_ptime.unwrap_or(PACKETS_PER_S).max(PACKETS_PER_S),
            ssrc: ours.reporter.ssrc,
            cname: self.cname.clone(),
            seed: ours.reporter.seed,
            srtp,
        })
    }

    /// Who may send media: behind an address translator the SDP's address is not where it comes from (B8-01, B8-02).
    fn allowed(&self, address: IpAddr, stated: Option<SocketAddr>) -> SourceRule {
        let networks = self.trunk.media_networks.clone();
        if !self.trunk.nat {
            return SourceRule::Listed { address, networks };
        }
        let signals = self.trunk.networks.iter().copied();
        SourceRule::Latched { stated, networks: networks.into_iter().chain(signals).collect() }
    }
}

/// Our key for a line: as long as the line goes on by the same suite, the one it has (RFC 4568 §7.1.4).
fn key_for(accepted: &AcceptedLine, known: Option<&Line>) -> Option<(Suite, MasterKey)> {
    let suite = Suite::from_name(&accepted.crypto.as_ref()?.suite)?;
    let kept = known.and_then(|line| line.key.clone()).filter(|(of, _)| *of == suite);
    Some(kept.unwrap_or_else(|| (suite, keys::draw(suite))))
}
