//! The transactions that live, and what their machines want done.

use std::collections::HashMap;

use super::{Purpose, TimerId};
use crate::{
    ConnectionId, Endpoint, SessionId, Source, Target, Transport,
    dialog::{Dialog, DialogId},
    message::{Essentials, Method, Request, Response},
    recording_session::RecordingSession,
    transaction::{Client, InviteServer, Server, Step, Timer, TransactionKey},
};

/// A transaction's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TransactionId(u64);

#[derive(Debug)]
enum Machine {
    Invite(InviteServer),
    Other(Server),
}

#[derive(Debug)]
struct ServerTransaction {
    machine: Machine,
    key: TransactionKey,
    merge_key: Option<String>,
    reply_to: Target,
    source: Source,
    /// Method, URI and headers, to answer with.
    request: Request,
    /// The session that will answer an INVITE.
    session: Option<SessionId>,
}

/// A request of ours.
#[derive(Debug)]
pub(super) struct ClientTransaction {
    pub(super) machine: Client,
    branch: String,
    target: Target,
    /// Where it goes if the connection breaks before the answer.
    fallback: Option<Target>,
    pub(super) request: Request,
    pub(super) session: SessionId,
    pub(super) purpose: Purpose,
}

#[derive(Debug, Default)]
pub(super) struct Transactions {
    last: u64,
    servers: HashMap<TransactionId, ServerTransaction>,
    by_key: HashMap<TransactionKey, TransactionId>,
    /// Requests outside dialogs by From tag, Call-ID and number (RFC 3261 §8.2.2.2).
    by_merge_key: HashMap<String, TransactionId>,
    clients: HashMap<TransactionId, ClientTransaction>,
    by_branch: HashMap<String, TransactionId>,
}

impl Transactions {
    fn next_id(&mut self) -> TransactionId {
        self.last += 1;
        TransactionId(self.last)
    }
}

fn merge_key(essentials: &Essentials) -> Option<String> {
    if essentials.to.tag().is_some() || essentials.cseq.method == Method::Cancel {
        return None;
    }
    let from_tag = essentials.from.tag().unwrap_or("");
    Some(format!("{from_tag}\n{}\n{}", essentials.sip_call_id, essentials.cseq))
}

impl Endpoint {
    /// The server transaction with this key.
    pub(crate) fn server_transaction(&self, key: &TransactionKey) -> Option<TransactionId> {
        self.transactions.by_key.get(key).copied()
    }

    /// Whether the same request has come by another path (RFC 3261 §8.2.2.2).
    pub(super) fn is_merged(&self, essentials: &Essentials) -> bool {
        merge_key(essentials).is_some_and(|key| self.transactions.by_merge_key.contains_key(&key))
    }

    /// Opens a server transaction. `None`: there are too many.
    pub(super) fn open_server(
        &mut self,
        source: Source,
        request: &Request,
        essentials: &Essentials,
    ) -> Option<TransactionId> {
        // A9-07: what belongs to a session that stands has as much room again.
        let in_session = DialogId::of_request(essentials).is_some_and(|id| self.dialogs.contains_key(&id));
        let limit = self.config.limits.transactions * if in_session { 2 } else { 1 };
        if self.transactions.servers.len() >= limit {
            return None;
        }
        let id = self.transactions.next_id();
        let reliable = source.transport.is_reliable();
        let machine = if request.method == Method::Invite {
            Machine::Invite(InviteServer::new(reliable))
        } else {
            Machine::Other(Server::new(reliable))
        };
        let key = TransactionKey::of(request, essentials);
        // A merged request is not entered under a key that another transaction holds.
        let merge_key = merge_key(essentials).filter(|key| !self.transactions.by_merge_key.contains_key(key));
        self.transactions.by_key.insert(key.clone(), id);
        if let Some(merge_key) = &merge_key {
            self.transactions.by_merge_key.insert(merge_key.clone(), id);
        }
        let reply_to = super::receive::reply_target(source, request);
        let request = Request {
            method: request.method.clone(),
            uri: request.uri.clone(),
            headers: request.headers.clone(),
            body: Vec::new(),
        };
        let transaction =
            ServerTransaction { machine, key, merge_key, reply_to, source, request, session: None };
        self.transactions.servers.insert(id, transaction);
        Some(id)
    }

    /// The request of a transaction came again.
    pub(super) fn repeated(&mut self, id: TransactionId) {
        self.counters.repeats += 1;
        let Some(transaction) = self.transactions.servers.get(&id) else { return };
        let steps = match &transaction.machine {
            Machine::Invite(machine) => machine.retransmitted(),
            Machine::Other(machine) => Some(machine.retransmitted()),
        };
        match steps {
            Some(steps) => self.run_server(id, steps),
            None => self.trying(id),
        }
    }

    /// Says 100 to an INVITE that has no answer yet (RFC 3261 §17.2.1).
    pub(crate) fn trying(&mut self, id: TransactionId) {
        let Some(transaction) = self.transactions.servers.get(&id) else { return };
        let response = transaction.request.respond(100);
        self.answer(id, &response);
    }

    /// Sends a response in its transaction, to where the request came from.
    pub(crate) fn answer(&mut self, id: TransactionId, response: &Response) {
        let bytes = response.to_bytes();
        let Some(transaction) = self.transactions.servers.get_mut(&id) else { return };
        let steps = match &mut transaction.machine {
            Machine::Invite(machine) => machine.respond(response.status, bytes),
            Machine::Other(machine) => machine.respond(bytes),
        };
        self.run_server(id, steps);
    }

    /// Where the answers of a transaction go, for a 2xx that is repeated until its ACK.
    pub(crate) fn reply_to(&self, id: TransactionId) -> Option<Target> {
        self.transactions.servers.get(&id).map(|transaction| transaction.reply_to)
    }

    /// Ties an INVITE to the session that will answer it.
    pub(crate) fn tie(&mut self, id: TransactionId, session: SessionId) {
        if let Some(transaction) = self.transactions.servers.get_mut(&id) {
            transaction.session = Some(session);
        }
    }

    /// The session that will answer an INVITE, if a CANCEL from there may end it (F-SIP-3) and it is not answered yet.
    pub(crate) fn cancellable(&self, id: TransactionId, source: Source) -> Option<SessionId> {
        let transaction = self.transactions.servers.get(&id)?;
        let Machine::Invite(machine) = &transaction.machine else { return None };
        let same_peer = transaction.source.peer.ip() == source.peer.ip();
        transaction.session.filter(|_| same_peer && !machine.is_answered())
    }

    /// Whether an INVITE has been answered, and not by a session.
    pub(super) fn is_refused(&self, id: TransactionId) -> bool {
        self.transactions.servers.get(&id).is_some_and(|transaction| {
            let answered = matches!(&transaction.machine, Machine::Invite(machine) if machine.is_answered());
            answered && transaction.session.is_none()
        })
    }

    /// The session an INVITE opened or changed, while it stands.
    pub(crate) fn invited_session(&self, id: TransactionId) -> Option<SessionId> {
        let session = self.transactions.servers.get(&id)?.session?;
        self.sessions.contains_key(&session).then_some(session)
    }

    /// An ACK with the branch of an INVITE. `true`: it ended the repeats of a refusal.
    pub(super) fn acked(&mut self, key: &TransactionKey) -> bool {
        let Some(id) = self.server_transaction(key) else { return false };
        let steps = match self.transactions.servers.get_mut(&id).map(|t| &mut t.machine) {
            Some(Machine::Invite(machine)) => machine.acked(),
            _ => return false,
        };
        let acknowledged = !steps.is_empty();
        self.run_server(id, steps);
        acknowledged
    }

    pub(super) fn server_timer(&mut self, id: TransactionId, timer: Timer) {
        let steps = match self.transactions.servers.get_mut(&id).map(|t| &mut t.machine) {
            Some(Machine::Invite(machine)) => machine.fired(timer),
            Some(Machine::Other(machine)) => machine.fired(timer),
            None => return,
        };
        self.run_server(id, steps);
    }

    fn run_server(&mut self, id: TransactionId, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Send(bytes) => {
                    if let Some(to) = self.reply_to(id) {
                        self.transmit(to, bytes);
                    }
                }
                Step::Start(timer, after) => {
                    self.timers.start(TimerId::Server(id, timer), self.now + after);
                }
                Step::Stop(timer) => self.timers.stop(&TimerId::Server(id, timer)),
                Step::TimedOut => {}
                Step::Forget => self.forget_server(id),
            }
        }
    }

    pub(super) fn forget_server(&mut self, id: TransactionId) {
        let Some(transaction) = self.transactions.servers.remove(&id) else { return };
        self.transactions.by_key.remove(&transaction.key);
        if let Some(key) = &transaction.merge_key {
            self.transactions.by_merge_key.remove(key);
        }
        for timer in [Timer::Retransmit, Timer::GiveUp, Timer::Linger] {
            self.timers.stop(&TimerId::Server(id, timer));
        }
    }

    /// Sends a request of ours.
    pub(super) fn open_client(
        &mut self,
        branch: String,
        request: Request,
        session: SessionId,
        purpose: Purpose,
    ) {
        let Some(dialog) = self.sessions.get(&session).map(RecordingSession::dialog) else { return };
        let target = self.by_connection(dialog, dialog.next_hop());
        let fallback = Some(dialog.stated_hop()).filter(|_| matches!(target, Target::Connection(_)));
        let id = self.transactions.next_id();
        let reliable = !matches!(target, Target::Udp(_));
        let (machine, steps) = Client::send(request.method == Method::Invite, reliable, request.to_bytes());
        self.transactions.by_branch.insert(branch.clone(), id);
        let transaction = ClientTransaction { machine, branch, target, fallback, request, session, purpose };
        self.transactions.clients.insert(id, transaction);
        self.run_client(id, steps);
    }

    /// TLS connections are not dialled; another one of the same peer serves as well as that of the dialog.
    pub(crate) fn by_connection(&self, dialog: &Dialog, target: Target) -> Target {
        if !matches!(target, Target::Dial { transport: Transport::Tls, .. }) {
            return target;
        }
        self.newest_connection(|source| source.transport == Transport::Tls && dialog.admits(source))
            .map_or(target, Target::Connection)
    }

    /// Sends again, by another connection, the requests whose connection is gone before their answer came.
    pub(super) fn resend_elsewhere(&mut self, connection: ConnectionId) {
        let mut resent = Vec::new();
        for (id, transaction) in &mut self.transactions.clients {
            if transaction.target == Target::Connection(connection)
                && let Some(fallback) = transaction.fallback.take()
            {
                resent.push((*id, transaction.session, fallback, transaction.machine.resend()));
            }
        }
        resent.sort_by_key(|(id, ..)| *id);
        for (id, session, fallback, steps) in resent {
            let dialog = self.sessions.get(&session).map(RecordingSession::dialog);
            let target = dialog.map_or(fallback, |dialog| self.by_connection(dialog, fallback));
            if let Some(transaction) = self.transactions.clients.get_mut(&id) {
                transaction.target = target;
            }
            self.run_client(id, steps);
        }
    }

    /// The client transaction with this branch.
    pub(super) fn client_transaction(
        &mut self,
        branch: &str,
    ) -> Option<(TransactionId, &mut ClientTransaction)> {
        let id = *self.transactions.by_branch.get(branch)?;
        self.transactions.clients.get_mut(&id).map(|transaction| (id, transaction))
    }

    pub(super) fn client_timer(&mut self, id: TransactionId, timer: Timer) {
        let Some(transaction) = self.transactions.clients.get_mut(&id) else { return };
        let steps = transaction.machine.fired(timer);
        self.run_client(id, steps);
    }

    pub(super) fn run_client(&mut self, id: TransactionId, steps: Vec<Step>) {
        for step in steps {
            let Some(transaction) = self.transactions.clients.get(&id) else { return };
            match step {
                Step::Send(bytes) => {
                    let target = transaction.target;
                    self.transmit(target, bytes);
                }
                Step::Start(timer, after) => {
                    self.timers.start(TimerId::Client(id, timer), self.now + after);
                }
                Step::Stop(timer) => self.timers.stop(&TimerId::Client(id, timer)),
                Step::TimedOut => {
                    let (session, purpose) = (transaction.session, transaction.purpose);
                    self.request_ended(session, purpose, None);
                }
                Step::Forget => {
                    let branch = transaction.branch.clone();
                    self.transactions.by_branch.remove(&branch);
                    self.transactions.clients.remove(&id);
                    for timer in [Timer::Retransmit, Timer::GiveUp, Timer::Linger] {
                        self.timers.stop(&TimerId::Client(id, timer));
                    }
                }
            }
        }
    }
}
