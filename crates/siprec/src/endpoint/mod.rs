//! The SIP user agent server that records: one object for all peers, connections and sessions.
//!
//! *Belongs here*: which transaction, dialog and session a message belongs to; what leaves, and when to wake up.
//! *Does not*: what happens to a recording session: see [`crate::recording_session`].
//!
//! RFC 3261 §8.2 (how a server treats a request), §17, §18.

mod admit;
mod dispatch;
mod observe;
mod receive;
mod request;
mod respond;
mod transact;

use std::collections::{HashMap, VecDeque};

use sha2::{Digest as _, Sha256};

use crate::{
    Command, Config, ConnectionId, Event, Input, Now, Output, Readiness, SessionId, Source, Target,
    dialog::DialogId,
    digest::Verifier,
    message::{Essentials, Request},
    recording_session::{RecordingSession, SessionTimer},
    token::Tokens,
    transaction::{Timer, timer::TimerQueue},
};

pub(crate) use request::Purpose;
pub(crate) use respond::{ALLOW, SUPPORTED, accept_types};
pub(crate) use transact::TransactionId;

/// What has been dropped or seen, since the start. Every message is either answered or counted here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that were read.
    pub requests: u64,
    /// Responses that were read.
    pub responses: u64,
    /// Requests or responses that came again.
    pub repeats: u64,
    /// Datagrams over a size limit (A3-08).
    pub datagrams_too_large: u64,
    /// Messages from unlisted peers that got no answer.
    pub unlisted_dropped: u64,
    /// Bytes that are no SIP, and responses that could not be read.
    pub unreadable_dropped: u64,
    /// Responses to nothing we asked.
    pub responses_dropped: u64,
    /// ACKs that acknowledge nothing we sent.
    pub acks_dropped: u64,
    /// Connections closed at once because of the limit or because their peer is unlisted.
    pub connections_refused: u64,
    /// Bytes on connections that are unknown or broken off.
    pub bytes_dropped: u64,
    /// Commands for sessions that are gone or wait for nothing.
    pub commands_ignored: u64,
}

/// A running timer's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TimerId {
    Server(TransactionId, Timer),
    Client(TransactionId, Timer),
    Session(SessionId, SessionTimer),
    /// The rest of a message has not come.
    Message(ConnectionId),
}

/// The SRS. See the crate's documentation for the contract.
#[derive(Debug)]
pub struct Endpoint {
    pub(crate) config: Config,
    pub(crate) tokens: Tokens,
    verifier: Verifier,
    pub(crate) now: Now,
    pub(crate) readiness: Readiness,
    pub(crate) counters: Counters,
    pub(crate) timers: TimerQueue<TimerId>,
    pub(crate) sessions: HashMap<SessionId, RecordingSession>,
    pub(crate) dialogs: HashMap<DialogId, SessionId>,
    admitted: admit::Admitted,
    transactions: transact::Transactions,
    connections: HashMap<ConnectionId, receive::Connection>,
    outputs: VecDeque<Output>,
    last_session: u64,
}

/// A request on its way through the endpoint.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) source: Source,
    pub(crate) request: Request,
    pub(crate) essentials: Essentials,
    /// The server transaction that answers it.
    pub(crate) transaction: TransactionId,
}

impl Endpoint {
    /// An endpoint that is ready. `seed` must be unpredictable in production: dialogs are protected by tags made from
    /// it.
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        Self {
            config,
            // Not the seed itself: what is made of it is shown to everybody.
            verifier: Verifier::new(Sha256::digest([&b"digest"[..], &seed].concat()).into()),
            tokens: Tokens::new(seed),
            now: Now::ZERO,
            readiness: Readiness::Ready,
            counters: Counters::default(),
            timers: TimerQueue::default(),
            sessions: HashMap::new(),
            dialogs: HashMap::new(),
            admitted: admit::Admitted::default(),
            transactions: transact::Transactions::default(),
            connections: HashMap::new(),
            outputs: VecDeque::new(),
            last_session: 0,
        }
    }

    /// Feeds one thing that happened. Afterwards drain [`Endpoint::poll`].
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        self.now = self.now.max(now);
        // What was due before this input is done before it.
        self.fire_due();
        match input {
            Input::Datagram { peer, bytes } => self.datagram(peer, bytes),
            Input::Connected { connection, transport, peer, certificate } => {
                self.connected(connection, transport, peer, certificate.as_ref());
            }
            Input::Bytes { connection, bytes } => self.bytes(connection, bytes),
            Input::Disconnected { connection } => self.disconnected(connection),
            Input::Timeout => {}
            Input::Command(command) => self.command(command),
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Output {
        match (self.outputs.pop_front(), self.timers.next()) {
            (Some(output), _) => output,
            (None, Some(at)) => Output::Timeout(at),
            (None, None) => Output::Idle,
        }
    }

    /// A session by its number, until it is closed.
    pub fn session(&self, session: SessionId) -> Option<&RecordingSession> {
        self.sessions.get(&session).filter(|session| !session.is_over())
    }

    /// All sessions.
    pub fn sessions(&self) -> impl Iterator<Item = &RecordingSession> {
        self.sessions.values().filter(|session| !session.is_over())
    }

    /// What has been counted.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Whether new sessions are taken.
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Accept { session, media } => self.accept(session, media),
            Command::Reject { session, status, reason, retry_after_s } => {
                self.reject(session, status, &reason, retry_after_s);
            }
            Command::Close { session, reason } => self.close_asked(session, &reason),
            Command::RequestSnapshot { session, reason } => self.request_snapshot(session, &reason),
            Command::Probe { session } => self.probe_asked(session),
            Command::Readiness(readiness) => self.readiness = readiness,
        }
    }

    fn fire_due(&mut self) {
        while let Some(timer) = self.timers.take_due(self.now) {
            match timer {
                TimerId::Server(transaction, timer) => self.server_timer(transaction, timer),
                TimerId::Client(transaction, timer) => self.client_timer(transaction, timer),
                TimerId::Session(session, timer) => self.session_timer(session, timer),
                TimerId::Message(connection) => self.break_off(connection),
            }
        }
    }

    pub(crate) fn next_session_id(&mut self) -> SessionId {
        self.last_session += 1;
        SessionId(self.last_session)
    }

    pub(crate) fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(crate) fn transmit(&mut self, to: Target, bytes: Vec<u8>) {
        self.tell_sent(to, &bytes);
        self.outputs.push_back(Output::Transmit { to, bytes });
    }
}
