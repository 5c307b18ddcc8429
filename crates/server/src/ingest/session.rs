//! One task for each recording session: its ports, its answer, the calls it brings, its lifetime.
//!
//! A session brings one call for each communication session that goes on in it (A5-03, A7-08): as a rule one, several
//! side by side or after one another where a client keeps its recording session, and none while nothing goes on. Lines of
//! no call are read all the same, and nothing of them is kept.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use calls::call::{Call, StreamState};
use calls::id::{CallId, RecordingId, StreamNumber};
use calls::tracker::{Arrival, Document};
use rtp::srtp;
use siprec::sdp::Plan;
use siprec::{Command, SessionId};
use tokio::sync::{mpsc, oneshot};

use super::happening::Happening;
use super::keys;
use super::lines::{Home, Lines, Terms};
use super::ports::Ports;
use super::resume::Remembrance;
use super::settings::TrunkTerms;
use super::sip::Wish;
use crate::clock::Clock;
use crate::desk;
use crate::media::{self, Instruction};

/// Events of one session that may wait for its task.
pub(super) const WAITING_LIMIT: usize = 64;

/// Why a call is over whose recording session goes on.
const CS_OVER: &str = "stopped: the recording client said that its communication session was over";

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
    tools: Tools,
    terms: Terms,
    /// The calls it brings.
    parts: Vec<Part>,
    /// Stands for no call where media threads want one.
    nobody: CallId,
    /// The lines in force.
    lines: Lines,
    /// The lines of a change that was answered and is not known to be in force yet.
    proposed: Option<Lines>,
    /// How it is to go on after a restart, as SIP sees it.
    remembrance: Option<Remembrance>,
    /// How far the sources of protected streams have come, by line.
    heard: Vec<srtp::State>,
    /// Whether a call of it is or was in a blackout: what the client told may hold a card number then.
    was_dark: bool,
}

/// A call, and the communication session it is; empty while none was told.
struct Part {
    cs: String,
    call: CallId,
}

impl Session {
    pub(super) fn new(id: SessionId, name: String, peer: IpAddr, cname: String, tools: Tools) -> Self {
        let mut nobody = [0; 16];
        keys::fill(&mut nobody);
        let terms = Terms { peer, cname, ports: tools.ports.clone(), trunk: Arc::clone(&tools.terms) };
        Self {
            id,
            name,
            tools,
            terms,
            parts: Vec::new(),
            nobody: CallId::from_bytes(nobody),
            lines: Vec::new(),
            proposed: None,
            remembrance: None,
            heard: Vec::new(),
            was_dark: false,
        }
    }

    /// A session of an earlier run: `made` gives its lines, and how far their sources had come.
    ///
    /// # Errors
    /// When its lines cannot be had.
    pub(super) fn again(
        id: SessionId,
        name: String,
        (peer, cname, tools): (IpAddr, String, Tools),
        parts: Vec<(String, CallId)>,
        made: impl FnOnce(&Terms) -> std::io::Result<(Lines, Vec<srtp::State>)>,
    ) -> std::io::Result<Self> {
        let mut session = Self::new(id, name, peer, cname, tools);
        (session.lines, session.heard) = made(&session.terms)?;
        session.parts = parts.into_iter().map(|(cs, call)| Part { cs, call }).collect();
        Ok(session)
    }

    pub(super) async fn run(mut self, mut happenings: mpsc::Receiver<Happening>) {
        let mut over = "stopped: the recorder lost sight of its recording session".to_owned();
        while let Some(happening) = happenings.recv().await {
            match happening {
                Happening::Invited { plan, arrivals } => self.begin(&plan, arrivals).await,
                Happening::Modified { plan } => self.modify(&plan).await,
                Happening::Withdrawn => self.proposed = None,
                Happening::Changed { plan, arrivals, document } => {
                    self.change(&plan, arrivals, document).await;
                }
                Happening::Farewell(document) => self.keep(&self.parts, &document).await,
                Happening::Remember(remembrance) => {
                    self.remembrance = Some(*remembrance);
                    self.remember().await;
                }
                Happening::Heard { home, state } => self.heard(home, state).await,
                Happening::Answered { answers } => self.answered(answers).await,
                Happening::Closed { why } => {
                    over = why;
                    break;
                }
            }
        }
        self.end(&over).await;
    }

    /// INVITE: ports first, then the fact that its calls are recorded, then the 200 (A9-04).
    async fn begin(&mut self, plan: &Plan, arrivals: Vec<Arrival>) {
        match self.terms.lines_for(plan, &self.lines) {
            Ok(lines) => self.lines = lines,
            Err(error) => {
                tracing::error!(%error, session = %self.id, "a recording session is refused: no media ports");
                return self.refuse(503, "No Media Ports").await;
            }
        }
        let mut calls = Vec::new();
        for arrival in arrivals {
            let cs = arrival.session_id.clone();
            match self.tools.desk.begin_call(arrival).await {
                Ok(call) => {
                    self.began(cs, &call).await;
                    calls.push(call);
                }
                Err(error) => {
                    tracing::error!(%error, session = %self.id, "a recording session is refused");
                    // It may become a fact yet: then it is over as well, once the disk is back.
                    let (desk, name) = (self.tools.desk.clone(), self.name.clone());
                    tokio::spawn(async move { desk.abandon_calls(name).await });
                    return self.refuse(503, "Recording Cannot Be Stored Now").await;
                }
            }
        }
        self.place(plan, &calls);
        self.accept(&self.lines).await;
    }

    /// A session of an earlier run: its calls go on, each with a recording of its own for what comes from now on, unless the one
    /// it had is not among those that hold something.
    pub(super) async fn go_on(
        mut self,
        plan: Plan,
        begun: Arc<BTreeSet<RecordingId>>,
        happenings: mpsc::Receiver<Happening>,
    ) {
        let mut calls = Vec::new();
        for Part { call, .. } in &self.parts {
            let _ = self.tools.wishes.send(Wish::Began { session: self.id, call: *call }).await;
            match self.tools.desk.go_on(*call, Arc::clone(&begun)).await {
                Ok(call) => calls.push(call),
                Err(error) => {
                    tracing::error!(%error, call.id = %call, "a call does not go on after a restart")
                }
            }
        }
        self.place(&plan, &calls);
        for call in &calls {
            tracing::info!(session = %self.id, call.id = %call.id, "a call goes on after a restart");
        }
        self.expect_media(&calls);
        self.run(happenings).await;
    }

    /// Has it written down how the session is to go on.
    async fn remember(&self) {
        let Some(remembrance) = &self.remembrance else { return };
        let parts = self.parts.iter().map(|part| (part.cs.clone(), part.call)).collect();
        let (cname, heard) = (self.terms.cname.clone(), self.heard.clone());
        let text = remembrance.to_text(cname, parts, heard, self.was_dark);
        if let Err(error) = self.tools.desk.remember_session(self.name.clone(), text).await {
            tracing::warn!(%error, session = %self.id, "a restart would not find the session as it is now");
        }
    }

    async fn heard(&mut self, home: Home, state: srtp::State) {
        let at = self.lines.iter().position(|line| line.as_ref().is_some_and(|it| it.home == Some(home)));
        let Some(index) = at else { return };
        if self.heard.len() <= index {
            self.heard.resize_with(index + 1, srtp::State::default);
        }
        tracing::debug!(session = %self.id, line = index, ?state, "how far protected sources have come is kept");
        self.heard[index] = state;
        self.remember().await;
    }

    async fn began(&mut self, cs: String, call: &Call) {
        self.parts.push(Part { cs, call: call.id });
        let _ = self.tools.wishes.send(Wish::Began { session: self.id, call: call.id }).await;
        let why = call.ruling.as_ref().map_or("kept", |ruling| ruling.why.as_str());
        tracing::info!(session = %self.id, call.id = %call.id, streams = call.streams.len(), why, "a call came");
    }

    /// re-INVITE or UPDATE with SDP: the same, except that what it is of is told once it is in force.
    async fn modify(&mut self, plan: &Plan) {
        match self.terms.lines_for(plan, &self.lines) {
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

    async fn change(&mut self, plan: &Plan, arrivals: Vec<Arrival>, document: Option<Document>) {
        if let Some(lines) = self.proposed.take() {
            let former = std::mem::replace(&mut self.lines, lines);
            self.let_go(&former);
        }
        self.match_up(&arrivals);
        self.detach(&arrivals).await;
        self.leave_all_but(&arrivals, document).await;
        let mut calls = Vec::new();
        for arrival in arrivals {
            let cs = arrival.session_id.clone();
            let known = self.part(&cs).map(|part| part.call);
            let fact = match known {
                Some(call) => self.tools.desk.change_call(call, arrival).await,
                None => self.tools.desk.bring_call(arrival).await,
            };
            match fact {
                Ok(call) => {
                    if known.is_none() {
                        self.began(cs, &call).await;
                    }
                    calls.push(call);
                }
                Err(error) => {
                    tracing::error!(%error, session = %self.id, "a change of a call did not become a fact");
                }
            }
        }
        self.place(plan, &calls);
        self.expect_media(&calls);
    }

    /// Has the media threads miss what does not come on a call that is not paused.
    fn expect_media(&self, calls: &[Call]) {
        for call in calls {
            let (call, paused) = (call.id, call.is_paused());
            self.tools.media.tell(call, Instruction::Expect { call, paused });
        }
    }

    fn part(&self, cs: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.cs == cs)
    }

    /// A call of which no communication session was told is the one that is told now, and stays what it is if none is told
    /// any more.
    fn match_up(&mut self, arrivals: &[Arrival]) {
        let is_new = |arrival: &&Arrival| self.part(&arrival.session_id).is_none();
        let Some(arrival) = arrivals.iter().find(is_new) else { return };
        let is_left = |part: &&mut Part| {
            !arrivals.iter().any(|arrival| arrival.session_id == part.cs)
                && (part.cs.is_empty() || arrival.session_id.is_empty())
        };
        if let Some(part) = self.parts.iter_mut().find(is_left) {
            part.cs.clone_from(&arrival.session_id);
        }
    }

    /// Takes lines back from calls they are of no more: what comes on them from now on waits in their sockets for
    /// the call they are of next.
    async fn detach(&mut self, arrivals: &[Arrival]) {
        let owner_of = |index: usize| {
            let has = |arrival: &&Arrival| arrival.streams.iter().any(|it| usize::from(it.slot) == index);
            let owner = arrivals.iter().find(has);
            match owner.map(|arrival| self.part(&arrival.session_id)) {
                None => Some(self.nobody),
                Some(part) => part.map(|part| part.call),
            }
        };
        let moves: Vec<(usize, Home)> = (self.lines.iter().enumerate())
            .filter_map(|(index, line)| Some((index, line.as_ref()?.home?)))
            .filter(|(index, home)| owner_of(*index) != Some(home.call))
            .collect();
        for (index, Home { call, stream }) in moves {
            let (done, closed) = oneshot::channel();
            self.tools.media.tell(call, Instruction::Close { call, stream, done: Some(done) });
            let Ok(inlet) = closed.await else { continue };
            if let Some(line) = self.lines.get_mut(index).and_then(Option::as_mut) {
                line.taken_back(inlet);
            }
        }
    }

    /// Ends calls whose communication sessions are over, which `document` has said.
    async fn leave_all_but(&mut self, arrivals: &[Arrival], document: Option<Document>) {
        let goes_on = |part: &Part| arrivals.iter().any(|arrival| arrival.session_id == part.cs);
        let (going_on, over): (Vec<Part>, Vec<Part>) = self.parts.drain(..).partition(goes_on);
        self.parts = going_on;
        if let Some(document) = document {
            self.keep(&over, &document).await;
        }
        for Part { call, .. } in over {
            self.leave(call, CS_OVER).await;
            let _ = self.tools.wishes.send(Wish::Left { session: self.id, call }).await;
        }
    }

    /// Keeps a document with calls that are over by it.
    async fn keep(&self, parts: &[Part], document: &Document) {
        for Part { call, .. } in parts {
            let kept = self.tools.desk.keep_document(*call, self.name.clone(), document.clone()).await;
            if let Err(error) = kept {
                tracing::error!(%error, call.id = %call, "the last that was told of a call did not become a fact");
            }
        }
    }

    /// The media threads know whether its media goes on, and so whether it is gone. A client that brings no call has no
    /// media to show for itself.
    async fn answered(&self, answers: bool) {
        if self.parts.is_empty() && !answers {
            let reason = "No answer and no call".to_owned();
            return self.wish(Command::Close { session: self.id, reason }).await;
        }
        for Part { call, .. } in &self.parts {
            let call = *call;
            let homes = self.lines.iter().flatten().filter_map(|line| line.home);
            let streams = homes.filter(|home| home.call == call).map(|home| home.stream).collect();
            self.tools.media.tell(call, Instruction::Answered { call, carrier: self.id.0, streams, answers });
        }
    }

    async fn end(mut self, why: &str) {
        for Part { call, .. } in std::mem::take(&mut self.parts) {
            self.leave(call, why).await;
        }
        self.end_media(self.nobody).await;
        if self.tools.desk.forget_session(self.name).await.is_err() {
            tracing::warn!(session = %self.id, "a session is over that the next start will look for");
        }
    }

    /// The session brings a call no more.
    async fn leave(&self, call: CallId, why: &str) {
        match self.tools.desk.leave_call(call, &self.name, why).await {
            Ok(shared) if shared.is_live() => return self.close_streams(&shared).await,
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, call.id = %call, "the end of a call did not become a fact in time");
            }
        }
        self.end_media(call).await;
        tracing::info!(session = %self.id, call.id = %call, "a call is over");
    }

    async fn end_media(&self, call: CallId) {
        let (done, freed) = oneshot::channel();
        self.tools.media.tell(call, Instruction::End { call, done: Some(done) });
        let _ = freed.await;
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

    /// Stops reading lines of no call that are not agreed any more. Those of calls end with their streams.
    fn let_go(&self, former: &Lines) {
        let homes =
            |lines: &Lines| -> Vec<Home> { lines.iter().flatten().filter_map(|it| it.home).collect() };
        let kept = homes(&self.lines);
        for Home { call, stream } in homes(former) {
            if call == self.nobody && !kept.contains(&Home { call, stream }) {
                self.tools.media.tell(call, Instruction::Close { call, stream, done: None });
            }
        }
    }

    /// Has the media threads take what is about to be agreed, on the lines they read already. Ends when they do.
    async fn expect(&self, plan: &Plan, lines: &Lines) {
        let now = self.tools.clock.now();
        for (index, accepted) in plan.accepted() {
            let Some(line) = lines.get(index).and_then(Option::as_ref) else { continue };
            let Some(Home { call, stream }) = line.home else { continue };
            let Some(receiver) = self.terms.receiver(accepted, line) else { continue };
            let remote_rtcp = self.terms.remote_rtcp(accepted);
            self.tools.media.tell(call, Instruction::Update { call, stream, receiver, remote_rtcp });
            if !accepted.paused {
                self.tools.media.tell(call, Instruction::Pause { call, stream, resumed: Some(now) });
            }
        }
        self.tools.media.settled(self.parts.iter().map(|part| part.call).collect()).await;
    }

    /// Has the media threads read what is agreed, under the numbers that the calls' streams have.
    fn place(&mut self, plan: &Plan, calls: &[Call]) {
        self.was_dark |= calls.iter().any(Call::was_dark);
        for call in calls {
            let ended = call.streams_of(&self.name).filter(|stream| stream.state == StreamState::Ended);
            for stream in ended.map(|stream| stream.number) {
                self.tools.media.tell(call.id, Instruction::Close { call: call.id, stream, done: None });
            }
        }
        for (index, accepted) in plan.accepted() {
            let Ok(slot) = u16::try_from(index) else { continue };
            let of_call = |call: &Call| {
                let stream = call.stream_at(&self.name, slot)?;
                Some((Home { call: call.id, stream: stream.number }, stream.formats.clone()))
            };
            let nobodys = || (Home { call: self.nobody, stream: StreamNumber(slot) }, Vec::new());
            let (home, formats) = calls.iter().find_map(of_call).unwrap_or_else(nobodys);
            let Home { call, stream } = home;
            let Some(line) = self.lines.get_mut(index).and_then(Option::as_mut) else { continue };
            let Some(receiver) = self.terms.receiver(accepted, line) else { continue };
            let remote_rtcp = self.terms.remote_rtcp(accepted);
            (line.home, line.formats) = (Some(home), formats);
            let order = match line.unopened.take() {
                Some(inlet) => Instruction::Open { call, stream, inlet, receiver, remote_rtcp },
                None => Instruction::Update { call, stream, receiver, remote_rtcp },
            };
            self.tools.media.tell(call, order);
            if call == self.nobody {
                self.tools.media.tell(call, Instruction::Expect { call, paused: true });
            }
        }
    }

    async fn accept(&self, lines: &Lines) {
        let media = lines.iter().map(|line| line.as_ref().map(super::lines::Line::local_media));
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
