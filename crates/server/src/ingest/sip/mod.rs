//! The sockets of SIP, and the task that owns the endpoint. It decides nothing.

mod handle;
mod resume;

pub(super) use handle::Wish;
pub use handle::{Addresses, Handle, start};

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use calls::id::CallId;
use calls::time::Wall;
use calls::tracker::Arrival;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::RngCore;
use rtp::supervision::Alarm;
use siprec::{Command, Endpoint, Event, Input, MetadataArrival, Output, Readiness, SessionId};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::task::TaskTracker;

use super::happening::Happening;
use super::lines::Home;
use super::session::{Session, Tools, WAITING_LIMIT};
use super::settings::{TermsByTrunk, TrunkTerms};
use super::translate;
use super::wire::{Heard, Link, Wire, canonical};
use super::witness::Witness;
use crate::clock::Clock;
use crate::media;
use crate::observe::alarms::{About, Alarms, Kind};
use crate::observe::metrics::Metrics;
use crate::tls::TlsServer;

/// The largest SIP datagram (A3-08).
const DATAGRAM_BYTES: usize = 65_535;

/// How soon a session that was behind is told again.
const CATCH_UP_EVERY: Duration = Duration::from_millis(50);

/// Why a recording was stopped whose client neither answered nor sent media.
const GONE: &str =
    "the recording client was gone: it did not answer in its session, and no media came for a minute";

/// Datagrams read before anything else is looked at again.
const DATAGRAM_BURST: usize = 64;

/// A session as the task knows it.
struct Known {
    happenings: mpsc::Sender<Happening>,
    terms: Arc<TrunkTerms>,
    /// The headers of its INVITE: facts are derived from them again with each change.
    headers: translate::Headers,
    /// The calls it brings, once they are facts.
    calls: Vec<CallId>,
    /// A change its task had no room for.
    overdue: Option<Happening>,
    /// Metadata of a change that awaits its answer.
    document: Option<MetadataArrival>,
    /// Why we close it.
    closing: Option<&'static str>,
    /// Ids its metadata refers to and never described.
    undescribed: Vec<String>,
}

impl Known {
    /// One of which no call is a fact yet.
    fn new(
        happenings: mpsc::Sender<Happening>,
        terms: Arc<TrunkTerms>,
        headers: translate::Headers,
        undescribed: Vec<String>,
    ) -> Self {
        let calls = Vec::new();
        Self { happenings, terms, headers, calls, overdue: None, document: None, closing: None, undescribed }
    }
}

/// What the task listens to.
struct Ears {
    tcp: TcpListener,
    tls: Option<(TcpListener, TlsServer)>,
    heard: mpsc::Receiver<Heard>,
    wished: mpsc::Receiver<Wish>,
    notices: mpsc::Receiver<media::Notice>,
}

/// The next connection for TLS; never, if it is not heard.
async fn accept_tls(
    tls: Option<&(TcpListener, TlsServer)>,
) -> std::io::Result<(TcpStream, SocketAddr, &TlsServer)> {
    match tls {
        None => std::future::pending().await,
        Some((listener, tls)) => listener.accept().await.map(|(stream, peer)| (stream, peer, tls)),
    }
}

struct Sip {
    endpoint: Endpoint,
    witness: Witness,
    clock: Clock,
    wire: Wire,
    tools: Tools,
    trunks: Arc<TermsByTrunk>,
    metrics: Arc<Metrics>,
    tasks: TaskTracker,
    random: ChaCha12Rng,
    alarms: Alarms,
    sessions: HashMap<SessionId, Known>,
    /// Sessions with a change overdue.
    behind: HashSet<SessionId>,
    wake: Option<Duration>,
    ending: bool,
    resting: bool,
}

impl Sip {
    async fn run(mut self, ears: Ears) {
        let Ears { tcp, tls, mut heard, mut wished, mut notices } = ears;
        let mut datagram = vec![0; DATAGRAM_BYTES];
        let udp = self.wire.udp();
        while !(self.ending && self.sessions.is_empty()) {
            if self.resting {
                // The sessions' tasks must not take it for their end.
                return std::future::pending().await;
            }
            let wake = self.wake.map_or_else(
                || {
                    tokio::time::Instant::from_std(
                        self.clock.instant(self.clock.since_start() + Duration::from_secs(60)),
                    )
                },
                |at| tokio::time::Instant::from_std(self.clock.instant(at)),
            );
            tokio::select! {
                received = udp.recv_from(&mut datagram) => self.datagrams(received, &mut datagram),
                Ok((stream, peer)) = tcp.accept(), if !self.ending => self.wire.serve(stream, peer, None),
                Ok((stream, peer, tls)) = accept_tls(tls.as_ref()), if !self.ending => {
                    self.wire.serve(stream, peer, Some(tls));
                }
                Some(heard) = heard.recv() => self.on_heard(heard),
                Some(wish) = wished.recv() => self.on_wish(wish),
                Some(notice) = notices.recv() => self.on_notice(notice),
                () = tokio::time::sleep_until(wake) => self.feed(Input::Timeout),
                () = tokio::time::sleep(CATCH_UP_EVERY), if !self.behind.is_empty() => self.catch_up(),
            }
        }
    }

    fn datagrams(&mut self, received: std::io::Result<(usize, SocketAddr)>, buffer: &mut [u8]) {
        let udp = self.wire.udp();
        let mut received = Some(received);
        // None is read that is not fed.
        for _ in 0..DATAGRAM_BURST {
            match received.take().unwrap_or_else(|| udp.try_recv_from(buffer)) {
                Ok((count, peer)) => {
                    self.feed(Input::Datagram { peer: canonical(peer), bytes: &buffer[..count] });
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                // An ICMP answer to something we sent: its timers deal with it.
                Err(error) => return tracing::debug!(%error, "the SIP port"),
            }
        }
    }

    fn on_heard(&mut self, heard: Heard) {
        match heard {
            Heard::Connected { link, writer } => {
                self.wire.connected(&link, writer);
                let Link { connection, transport, peer, certificate } = link;
                self.feed(Input::Connected { connection, transport, peer, certificate });
            }
            Heard::Bytes { connection, bytes } => {
                self.wire.spoke(connection);
                self.feed(Input::Bytes { connection, bytes: &bytes });
            }
            Heard::Unmade { connection } => self.wire.gone(connection),
            Heard::Disconnected { connection } => {
                self.wire.gone(connection);
                self.feed(Input::Disconnected { connection });
            }
            // What waited is lost as a datagram is: its timers deal with it. The next may dial again.
            Heard::Undialled { peer } => self.wire.undialled(peer),
        }
    }

    fn on_wish(&mut self, wish: Wish) {
        self.witness.wish(&wish);
        match wish {
            Wish::Command(Command::Accept { session, media }) => {
                let was_modification =
                    self.endpoint.session(session).is_some_and(|known| known.is_confirmed());
                // Our 200 leaves now: the client may send by it before it has become a fact.
                let since = self.clock.now();
                self.feed(Input::Command(Command::Accept { session, media }));
                if !was_modification {
                    self.remember(session);
                } else {
                    let document = self.sessions.get_mut(&session).and_then(|known| known.document.take());
                    self.changed(session, document.as_ref(), Some(since));
                }
            }
            Wish::Command(command) => self.feed(Input::Command(command)),
            Wish::Began { session, call } => {
                if let Some(known) = self.sessions.get_mut(&session) {
                    known.calls.push(call);
                }
            }
            Wish::Left { session, call } => {
                if let Some(known) = self.sessions.get_mut(&session) {
                    known.calls.retain(|known| *known != call);
                }
            }
            Wish::Rest { done } => {
                self.resting = true;
                let _ = done.send(());
            }
            Wish::End => {
                self.ending = true;
                self.feed(Input::Command(Command::Readiness(Readiness::Refusing {
                    reason: "Stopping".to_owned(),
                    retry_after_s: None,
                })));
                let sessions: Vec<SessionId> = self.sessions.keys().copied().collect();
                for session in sessions {
                    self.close(session, "The recorder stops", "the recorder was stopped");
                }
            }
        }
    }

    /// Clients of a call without media are asked whether they are there (B10-02), and one that neither answers nor
    /// sends media is given up (A8-06); the rest is for people to know.
    fn on_notice(&mut self, notice: media::Notice) {
        self.witness.notice(&notice);
        let media::Notice { call, what } = notice;
        let alarm = match what {
            media::Noticed::Alarm(alarm) => alarm,
            media::Noticed::Heard { stream, state } => {
                let brings = |(_, known): &(&SessionId, &Known)| known.calls.contains(&call);
                let sessions: Vec<SessionId> =
                    self.sessions.iter().filter(brings).map(|(id, _)| *id).collect();
                for session in sessions {
                    let (home, state) = (Home { call, stream }, state.clone());
                    self.happen(session, Happening::Heard { home, state });
                }
                return;
            }
        };
        match alarm {
            Alarm::Ask => {
                tracing::warn!(call.id = %call, "no media for long: its recording clients are asked whether they are there");
                let of_call = self.sessions.iter().filter(|(_, known)| known.calls.contains(&call));
                let sessions: Vec<SessionId> = of_call.map(|(session, _)| *session).collect();
                for session in sessions {
                    self.feed(Input::Command(Command::Probe { session }));
                }
            }
            Alarm::Gone(carrier) => {
                let session = SessionId(carrier);
                self.alarms.raise(
                    Kind::ClientGone,
                    About::Call(call),
                    format!("recording session {session}"),
                );
                self.close(session, "No answer and no media", GONE);
            }
            Alarm::LegSilent(leg) => {
                let what = "it has sent nothing for three seconds, and another leg has";
                self.alarms.raise(Kind::OneWayAudio, About::Leg(call, leg), what);
            }
            Alarm::LegHeard(leg) => self.alarms.clear(Kind::OneWayAudio, &About::Leg(call, leg)),
            Alarm::LegMute(leg) => {
                self.alarms.raise(Kind::NoSound, About::Leg(call, leg), "silence for 30 seconds");
            }
            Alarm::LegAudible(leg) => self.alarms.clear(Kind::NoSound, &About::Leg(call, leg)),
            Alarm::NoMedia => {
                self.alarms.raise(Kind::NoMedia, About::Call(call), "no packet on any of its legs");
            }
            Alarm::MediaAgain => self.alarms.clear(Kind::NoMedia, &About::Call(call)),
        }
    }

    /// Ends a session: `reason` is told to its client, `why` to whoever asks about the recording.
    fn close(&mut self, session: SessionId, reason: &str, why: &'static str) {
        if let Some(known) = self.sessions.get_mut(&session) {
            known.closing = Some(why);
        }
        self.feed(Input::Command(Command::Close { session, reason: reason.to_owned() }));
    }

    /// Feeds the endpoint, and does what it says.
    fn feed(&mut self, input: Input<'_>) {
        let before = self.endpoint.counters();
        self.endpoint.handle(self.clock.since_start(), input);
        self.count(&before);
        self.drain();
    }

    /// Does what the endpoint says.
    fn drain(&mut self) {
        loop {
            match self.endpoint.poll() {
                Output::Transmit { to, bytes } => self.wire.transmit(to, bytes),
                Output::Disconnect { connection } => self.wire.let_go(connection),
                Output::Event(event) => self.on_event(event),
                Output::Timeout(at) => return self.wake = Some(at),
                Output::Idle => return self.wake = None,
            }
        }
    }

    fn count(&self, before: &siprec::Counters) {
        let after = self.endpoint.counters();
        let since = |count: fn(&siprec::Counters) -> u64| count(&after) - count(before);
        self.metrics.sip_received.add(since(|it| it.requests + it.responses));
        self.metrics.sip_unreadable.add(since(|it| it.unreadable_dropped));
        self.metrics.sip_too_big.add(since(|it| it.datagrams_too_large));
        self.metrics.sip_too_many_connections.add(since(|it| it.connections_refused));
        self.metrics.sip_unlisted.add(since(|it| it.unlisted_dropped));
        self.metrics.sip_stray_response.add(since(|it| it.responses_dropped));
        self.metrics.sip_stray_ack.add(since(|it| it.acks_dropped));
    }

    fn on_event(&mut self, event: Event) {
        self.witness.event(&event);
        match event {
            Event::Invited { session, invitation } => self.on_invited(session, *invitation),
            Event::Modified { session, modification } if modification.awaits_answer => {
                // It takes effect with our answer, and is told then.
                if let Some(known) = self.sessions.get_mut(&session) {
                    known.document = modification.metadata;
                }
                self.happen(session, Happening::Modified { plan: modification.plan });
            }
            Event::Modified { session, modification } => {
                self.changed(session, modification.metadata.as_ref(), None)
            }
            Event::Withdrawn { session } => self.happen(session, Happening::Withdrawn),
            Event::Described { session, metadata } => self.changed(session, Some(&metadata), None),
            Event::Closed { session, cause } => {
                tracing::info!(%session, %cause, "a recording session is closed");
                let ours = self.sessions.get(&session).and_then(|known| known.closing);
                self.happen(session, Happening::Closed { why: translate::why_over(&cause, ours) });
                self.sessions.remove(&session);
            }
            Event::Confirmed { .. } => self.metrics.sessions_accepted.increment(),
            Event::Refused { source, status, why, .. } => {
                self.metrics.sessions_refused.increment();
                tracing::warn!(peer = %source.peer, ?status, why, "a SIP request was turned away");
            }
            Event::Warning { session, warning } => tracing::warn!(%session, %warning, "a recording session"),
            Event::Reachable { session } => self.happen(session, Happening::Answered { answers: true }),
            Event::Unreachable { session, status } => {
                tracing::warn!(%session, ?status, "a recording client does not answer in its dialog");
                self.happen(session, Happening::Answered { answers: false });
            }
            _ => {}
        }
    }

    fn on_invited(&mut self, session: SessionId, invitation: siprec::Invitation) {
        let Some(known) = self.endpoint.session(session) else { return };
        for (line, why) in invitation.plan.refused() {
            tracing::warn!(%session, line, %why, "a stream is not recorded");
        }
        let terms = Arc::clone(self.trunks.of(invitation.trunk.as_deref()));
        let mut headers = translate::Headers::new(invitation.headers, known);
        let metadata = invitation.metadata.as_ref().map(|metadata| (metadata, self.clock.now()));
        let document = metadata.and_then(|told| translate::document_of(told, &terms));
        let arrivals = translate::arrivals(known, &invitation.plan, &mut headers, document.as_ref(), &terms);
        let name = known.local_tag().to_owned();
        self.witness.note_fault(session, invitation.metadata.as_ref());
        let (happenings, waiting) = mpsc::channel(WAITING_LIMIT);
        let cname = self.draw_cname();
        let tools = Tools { terms: Arc::clone(&terms), ..self.tools.clone() };
        let task = Session::new(session, name, invitation.source.peer.ip(), cname, tools);
        self.tasks.spawn(task.run(waiting));
        let undescribed = undescribed(invitation.metadata.as_ref());
        self.sessions.insert(session, Known::new(happenings, terms, headers, undescribed));
        self.happen(session, Happening::Invited { plan: invitation.plan, arrivals });
    }

    /// Tells the session's task what the endpoint knows of it now; `since` is when that was agreed, if it was not now.
    fn changed(&mut self, session: SessionId, metadata: Option<&MetadataArrival>, since: Option<Wall>) {
        let now = self.clock.now();
        self.witness.note_fault(session, metadata);
        let Some(known) = self.sessions.get_mut(&session) else { return };
        let told = metadata.map(|metadata| (metadata, now));
        let document = told.and_then(|told| translate::document_of(told, &known.terms));
        let Some(recording) = self.endpoint.session(session) else {
            return document.into_iter().for_each(|it| self.happen(session, Happening::Farewell(it)));
        };
        let Some(plan) = recording.plan() else { return };
        let arrivals =
            translate::arrivals(recording, plan, &mut known.headers, document.as_ref(), &known.terms);
        let since = Some(since.unwrap_or(now));
        let arrivals = arrivals.into_iter().map(|arrival| Arrival { since, ..arrival }).collect();
        let plan = plan.clone();
        self.happen(session, Happening::Changed { plan, arrivals, document });
        self.remember(session);
        self.ask_for_snapshot(session, metadata);
    }

    /// A change builds on what was never told here: the client is asked to tell everything anew (A5-07, A6-01; RFC 7866
    /// §9.2). What its INVITE did not say is not asked for, nor what cannot be read (A4-10): it would be said no better.
    fn ask_for_snapshot(&mut self, session: SessionId, metadata: Option<&MetadataArrival>) {
        let (Some(metadata), Some(known)) = (metadata, self.sessions.get_mut(&session)) else { return };
        if metadata.outcome.is_err() {
            return;
        }
        let before = std::mem::replace(&mut known.undescribed, undescribed(Some(metadata)));
        if let Some(id) = known.undescribed.iter().find(|id| !before.contains(id)) {
            let reason = format!("{id} was never described");
            self.feed(Input::Command(Command::RequestSnapshot { session, reason }));
        }
    }

    fn happen(&mut self, session: SessionId, happening: Happening) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        match known.happenings.try_send(happening) {
            Ok(()) => {}
            // Each change tells the whole picture, so only the newest need not be lost.
            Err(TrySendError::Full(newest @ Happening::Changed { .. })) => {
                known.overdue = Some(newest);
                self.behind.insert(session);
            }
            Err(TrySendError::Full(Happening::Remember(_))) => drop(self.behind.insert(session)),
            Err(error) => {
                tracing::error!(%session, %error, "a recording session changes faster than it can be followed");
            }
        }
    }

    /// Tells sessions that were behind what they have not been told.
    fn catch_up(&mut self) {
        for session in std::mem::take(&mut self.behind) {
            let overdue = self.sessions.get_mut(&session).and_then(|known| known.overdue.take());
            if let Some(happening) = overdue {
                self.happen(session, happening);
            }
            self.remember(session);
        }
    }

    /// Random, so that nothing about this host can be read from it (B6-03).
    fn draw_cname(&mut self) -> String {
        let mut bytes = [0; 12];
        self.random.fill_bytes(&mut bytes);
        base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes)
    }
}

/// Ids that a client refers to and has described nowhere.
fn undescribed(metadata: Option<&MetadataArrival>) -> Vec<String> {
    let change = metadata.and_then(|metadata| metadata.outcome.as_ref().ok());
    change.map(|change| change.dangling.clone()).unwrap_or_default()
}
