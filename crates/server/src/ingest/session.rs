//! One task for each recording session: its ports, its answer, its lifetime.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use calls::call::{Call, StreamState};
use calls::id::{CallId, StreamNumber};
use calls::tracker::Arrival;
use rtp::srtp::Suite;
use rtp::{ReceiverConfig, SourceRule};
use siprec::sdp::{AcceptedLine, LocalMedia, MasterKey, Plan};
use siprec::{Command, SessionId};
use tokio::sync::{mpsc, oneshot};

use super::keys;
use super::ports::{Lease, Lessee, Ports};
use super::settings::TrunkTerms;
use super::sip::Wish;
use super::translate;
use crate::clock::Clock;
use crate::desk;
use crate::media::{self, Instruction, Sockets};

/// Events of one session that may wait for its task.
pub(super) const WAITING_LIMIT: usize = 64;

/// Packets a second expected of a stream that states no packet time: 20 ms each.
const PACKETS_PER_S: u32 = 50;

/// What happens to a session.
#[derive(Debug)]
pub(super) enum Happening {
    /// It wants to begin.
    Invited { plan: Plan, arrival: Box<Arrival> },
    /// Its media are to change, and the SRC waits for an answer.
    Modified { plan: Plan },
    /// The change is off: the SRC withdrew it, or the answer took too long.
    Withdrawn,
    /// What it is of has changed; the plan is in force.
    Changed { plan: Plan, arrival: Box<Arrival> },
    /// Its client answered when it was asked whether it is there, or did not (A8-06).
    Answered { answers: bool },
    /// It is over, for the reason the sentence says.
    Closed { why: String },
}

/// What a session's task works with.
#[derive(Debug, Clone)]
pub(super) struct Tools {
    pub(super) clock: Clock,
    pub(super) desk: desk::Handle,
    pub(super) media: media::Handle,
    pub(super) ports: Ports,
    /// The terms of the trunk it came by.
    pub(super) terms: Arc<TrunkTerms>,
    pub(super) wishes: mpsc::Sender<Wish>,
}

/// A recording session on our side.
pub(super) struct Session {
    id: SessionId,
    /// The name under which calls know it.
    name: String,
    /// Who signals: media come from there where the SDP names no address.
    peer: IpAddr,
    tools: Tools,
    cname: String,
    call: Option<CallId>,
    /// The lines in force.
    lines: Lines,
    /// The lines of a change that was answered and is not known to be in force yet.
    proposed: Option<Lines>,
}

type Lines = Vec<Option<Line>>;

/// An m-line that is received.
struct Line {
    lease: Arc<Lease>,
    label: Option<String>,
    rtcp_mux: bool,
    /// What our reports are protected with, and the suite it is for.
    key: Option<(Suite, MasterKey)>,
    /// Who we are in our reports.
    reporter: Reporter,
    /// Under which number of the call a media thread reads it, once one does.
    stream: Option<StreamNumber>,
    /// Sockets that no media thread has yet.
    unopened: Option<Sockets>,
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
    fn local_media(&self) -> LocalMedia {
        let rtp_port = self.lease.rtp_port;
        LocalMedia {
            rtp_port,
            rtcp_port: if self.rtcp_mux { rtp_port } else { self.lease.rtcp_port() },
            key: self.key.as_ref().map(|(_, key)| key.clone()),
        }
    }
}

impl Session {
    pub(super) fn new(id: SessionId, peer: IpAddr, cname: String, tools: Tools) -> Self {
        Self { id, name: String::new(), peer, tools, cname, call: None, lines: Vec::new(), proposed: None }
    }

    pub(super) async fn run(mut self, mut happenings: mpsc::Receiver<Happening>) {
        let mut over = "stopped: the recorder lost sight of its recording session".to_owned();
        while let Some(happening) = happenings.recv().await {
            match happening {
                Happening::Invited { plan, arrival } => self.begin(&plan, *arrival).await,
                Happening::Modified { plan } => self.modify(&plan).await,
                Happening::Withdrawn => self.proposed = None,
                Happening::Changed { plan, arrival } => self.change(&plan, *arrival).await,
                Happening::Answered { answers } => self.answered(answers),
                Happening::Closed { why } => {
                    over = why;
                    break;
                }
            }
        }
        self.end(&over).await;
    }

    /// INVITE: ports first, then the fact that the call is recorded, then the 200 (A9-04).
    async fn begin(&mut self, plan: &Plan, arrival: Arrival) {
        match self.lines_for(plan) {
            Ok(lines) => self.lines = lines,
            Err(error) => {
                tracing::error!(%error, session = %self.id, "a recording session is refused: no media ports");
                return self.refuse(503, "No Media Ports").await;
            }
        }
        self.name.clone_from(&arrival.session);
        let call = match self.tools.desk.begin_call(arrival).await {
            Ok(call) => call,
            Err(error) => {
                tracing::error!(%error, session = %self.id, "a recording session is refused");
                // It may become a fact yet: then it is over as well, once the disk is back.
                let (desk, name) = (self.tools.desk.clone(), self.name.clone());
                tokio::spawn(async move { desk.abandon_call(name).await });
                return self.refuse(503, "Recording Cannot Be Stored Now").await;
            }
        };
        self.call = Some(call.id);
        let _ = self.tools.wishes.send(Wish::Began { session: self.id, call: call.id }).await;
        tracing::info!(session = %self.id, call.id = %call.id, streams = call.streams.len(), "a call is recorded");
        self.open_streams(plan, &call);
        self.accept(&self.lines).await;
    }

    /// re-INVITE or UPDATE with SDP: the same, except that what it is of is told once it is in force.
    async fn modify(&mut self, plan: &Plan) {
        match self.lines_for(plan) {
            Ok(lines) => {
                // First of all: what the client sends by the new terms may be here before anything else happens
                // (A2-15, A10-07). What came by the old ones is taken until then.
                self.expect(plan, &lines).await;
                self.accept(&lines).await;
                self.proposed = Some(lines);
            }
            Err(error) => {
                tracing::error!(%error, session = %self.id, "a change of media is refused: no media ports");
                self.refuse(503, "No Media Ports").await;
            }
        }
    }

    async fn change(&mut self, plan: &Plan, arrival: Arrival) {
        let Some(id) = self.call else { return };
        if let Some(lines) = self.proposed.take() {
            self.lines = lines;
        }
        match self.tools.desk.change_call(id, arrival).await {
            Ok(call) => {
                self.open_streams(plan, &call);
                self.tools.media.tell(id, Instruction::Expect { call: id, paused: call.is_paused() });
            }
            Err(error) => tracing::error!(%error, call.id = %id, "a change of a call did not become a fact"),
        }
    }

    /// The media threads know whether its media goes on, and so whether it is gone.
    fn answered(&self, answers: bool) {
        let Some(call) = self.call else { return };
        let streams = self.lines.iter().flatten().filter_map(|line| line.stream).collect();
        self.tools.media.tell(call, Instruction::Answered { call, carrier: self.id.0, streams, answers });
    }

    async fn end(mut self, why: &str) {
        let Some(call) = self.call.take() else { return };
        match self.tools.desk.leave_call(call, &self.name, why).await {
            Ok(shared) if shared.is_live() => return self.close_streams(&shared).await,
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, call.id = %call, "the end of a call did not become a fact in time");
            }
        }
        let (done, freed) = oneshot::channel();
        self.tools.media.tell(call, Instruction::End { call, done: Some(done) });
        let _ = freed.await;
        tracing::info!(session = %self.id, call.id = %call, "a call is over");
    }

    /// Gives up the session's part in a call that another session still brings.
    async fn close_streams(&self, call: &Call) {
        for stream in call.streams_of(&self.name).map(|stream| stream.number) {
            let (done, freed) = oneshot::channel();
            self.tools.media.tell(call.id, Instruction::Close { call: call.id, stream, done: Some(done) });
            let _ = freed.await;
        }
        tracing::info!(session = %self.id, call.id = %call.id, "a call goes on without one of its sessions");
    }

    /// The lines the plan wants: one that goes on keeps its ports, a new one gets a pair.
    fn lines_for(&self, plan: &Plan) -> std::io::Result<Lines> {
        let mut lines: Lines = plan.lines.iter().map(|_| None).collect();
        let trunk = self.tools.terms.name.clone();
        let lessee = trunk.map_or_else(|| Lessee::Address(self.peer.to_canonical()), Lessee::Trunk);
        for (index, accepted) in plan.accepted() {
            let label = plan.lines[index].label.clone();
            let rtcp_mux = accepted.rtcp_mux;
            let known = self.lines.get(index).and_then(Option::as_ref);
            let goes_on = known.filter(|line| line.label == label && line.rtcp_mux == rtcp_mux);
            let key = key_for(accepted, goes_on);
            let (lease, stream, unopened) = match goes_on {
                Some(line) => (Arc::clone(&line.lease), line.stream, None),
                None => {
                    let (lease, sockets) =
                        self.tools.ports.lease(&lessee, self.tools.terms.max_streams, rtcp_mux)?;
                    (Arc::new(lease), None, Some(sockets))
                }
            };
            let reporter = goes_on.map_or_else(Reporter::draw, |line| line.reporter);
            lines[index] = Some(Line { lease, label, rtcp_mux, key, reporter, stream, unopened });
        }
        Ok(lines)
    }

    /// Has the media threads take what is about to be agreed, on the lines they read already. Ends when they do.
    async fn expect(&self, plan: &Plan, lines: &Lines) {
        let Some(call) = self.call else { return };
        let now = self.tools.clock.now();
        for (index, accepted) in plan.accepted() {
            let Some(line) = lines.get(index).and_then(Option::as_ref) else { continue };
            let Some(stream) = line.stream else { continue };
            let Some(receiver) = self.receiver(accepted, line) else { continue };
            let remote_rtcp = self.remote_rtcp(accepted);
            self.tools.media.tell(call, Instruction::Update { call, stream, receiver, remote_rtcp });
            if !accepted.paused {
                self.tools.media.tell(call, Instruction::Pause { call, stream, resumed: Some(now) });
            }
        }
        self.tools.media.settled(call).await;
    }

    fn remote_rtcp(&self, accepted: &AcceptedLine) -> Option<SocketAddr> {
        let remote = if accepted.rtcp_mux { accepted.remote_rtp } else { accepted.remote_rtcp };
        remote.map(|remote| self.tools.ports.reachable(remote))
    }

    /// Has the media thread read what is agreed, under the numbers the call's streams have.
    fn open_streams(&mut self, plan: &Plan, call: &Call) {
        let ended = call.streams_of(&self.name).filter(|stream| stream.state == StreamState::Ended);
        for stream in ended.map(|stream| stream.number) {
            self.tools.media.tell(call.id, Instruction::Close { call: call.id, stream, done: None });
        }
        for (index, accepted) in plan.accepted() {
            let Ok(slot) = u16::try_from(index) else { continue };
            let Some(stream) = call.stream_at(&self.name, slot).map(|stream| stream.number) else { continue };
            let Some(line) = self.lines.get(index).and_then(Option::as_ref) else { continue };
            let Some(receiver) = self.receiver(accepted, line) else { continue };
            let remote_rtcp = self.remote_rtcp(accepted);
            let Some(line) = self.lines.get_mut(index).and_then(Option::as_mut) else { continue };
            line.stream = Some(stream);
            let call = call.id;
            let order = match line.unopened.take() {
                Some(sockets) => Instruction::Open { call, stream, sockets, receiver, remote_rtcp },
                None => Instruction::Update { call, stream, receiver, remote_rtcp },
            };
            self.tools.media.tell(call, order);
        }
    }

    /// What a line is received by; `None` if it is protected and its keys are of no use: never in the clear then.
    fn receiver(&self, line: &AcceptedLine, ours: &Line) -> Option<ReceiverConfig> {
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
        let terms = &self.tools.terms;
        let networks = terms.media_networks.clone();
        if !terms.nat {
            return SourceRule::Listed { address, networks };
        }
        let signals = terms.networks.iter().copied();
        SourceRule::Latched { stated, networks: networks.into_iter().chain(signals).collect() }
    }

    async fn accept(&self, lines: &Lines) {
        let media = lines.iter().map(|line| line.as_ref().map(Line::local_media));
        self.wish(Command::Accept { session: self.id, media: media.collect() }).await;
    }

    async fn refuse(&self, status: u16, reason: &str) {
        let reason = reason.to_owned();
        self.wish(Command::Reject { session: self.id, status, reason, retry_after_s: None }).await;
    }

    async fn wish(&self, command: Command) {
        // The SIP task outlives its sessions; when it is gone, so is the recorder.
        let _ = self.tools.wishes.send(Wish::Command(command)).await;
    }
}

/// Our key for a line: as long as the line goes on by the same suite, the one it has (RFC 4568 §7.1.4).
fn key_for(accepted: &AcceptedLine, known: Option<&Line>) -> Option<(Suite, MasterKey)> {
    let suite = Suite::from_name(&accepted.crypto.as_ref()?.suite)?;
    let kept = known.and_then(|line| line.key.clone()).filter(|(of, _)| *of == suite);
    Some(kept.unwrap_or_else(|| (suite, keys::draw(suite))))
}
