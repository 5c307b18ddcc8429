//! The way to the SIP task, and how it is started.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use calls::id::CallId;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;
use siprec::{Command, Endpoint, Readiness, SessionId};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::super::session::Tools;
use super::super::settings::{Settings, Wiring};
use super::super::wire::{Places, Wire, bind};
use super::super::witness::Witness;
use super::{Ears, Sip};

/// Wishes that may wait for the task.
const WISHES_LIMIT: usize = 4_096;

/// Reads of connections that may wait for the task.
const HEARD_LIMIT: usize = 1_024;

/// Where SIP is heard.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// Datagrams.
    pub udp: SocketAddr,
    /// Connections.
    pub tcp: SocketAddr,
    /// Connections over TLS, if they are heard.
    pub tls: Option<SocketAddr>,
}

/// One wish to the task.
#[derive(Debug)]
pub(in crate::ingest) enum Wish {
    Command(Command),
    /// A call of a session has become a fact.
    Began {
        session: SessionId,
        call: CallId,
    },
    /// A call of a session is over; the session goes on.
    Left {
        session: SessionId,
        call: CallId,
    },
    /// Close every session and end.
    End,
    /// Leave every session as it is for the next run, hear nothing more, and say so.
    Rest {
        done: oneshot::Sender<()>,
    },
}

/// The way to the task. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    wishes: mpsc::Sender<Wish>,
    /// Where SIP is heard.
    pub addresses: Addresses,
}

impl Handle {
    /// Says whether new sessions are taken.
    pub async fn set_readiness(&self, readiness: Readiness) {
        let _ = self.wishes.send(Wish::Command(Command::Readiness(readiness))).await;
    }

    /// Leaves every session as it is, for the next run to go on with; nothing more is heard.
    pub async fn rest(&self) {
        let (done, resting) = oneshot::channel();
        let _ = self.wishes.send(Wish::Rest { done }).await;
        let _ = resting.await;
    }

    /// Closes every session and stops listening.
    pub async fn end(&self) {
        let _ = self.wishes.send(Wish::End).await;
    }
}

/// Opens the sockets and starts the task.
///
/// # Errors
/// What the system says to the addresses.
pub async fn start(mut settings: Settings, wiring: Wiring) -> std::io::Result<Handle> {
    let (udp, tcp) = bind(settings.bind).await?;
    let tls = match settings.tls.take() {
        None => None,
        Some((address, tls)) => Some((TcpListener::bind(address).await?, tls)),
    };
    let tls_address = tls.as_ref().map(|(listener, _)| listener.local_addr()).transpose()?;
    let addresses = Addresses { udp: udp.local_addr()?, tcp: tcp.local_addr()?, tls: tls_address };
    let identity = &mut settings.endpoint.identity;
    if identity.udp_port == 0 {
        identity.udp_port = addresses.udp.port();
    }
    if identity.tcp_port == 0 {
        identity.tcp_port = addresses.tcp.port();
    }
    if identity.tls_port == 0 {
        identity.tls_port = tls_address.map_or(5061, |address| address.port());
    }
    let places = Places::new(settings.endpoint.limits.connections, settings.connections_per_address);
    let (wishes, wished) = mpsc::channel(WISHES_LIMIT);
    let (heard_by_us, heard) = mpsc::channel(HEARD_LIMIT);
    let tools = Tools {
        clock: wiring.clock,
        desk: wiring.desk.clone(),
        media: wiring.media.clone(),
        ports: wiring.ports.clone(),
        terms: Arc::default(),
        wishes: wishes.clone(),
    };
    settings.endpoint.tell_messages = true;
    let trunks = Arc::new(settings.trunks);
    let config = settings.endpoint.clone();
    let mut task = Sip {
        witness: Witness::new(config, Arc::clone(&trunks), &wiring),
        endpoint: Endpoint::new(settings.endpoint, settings.seed),
        clock: wiring.clock,
        wire: Wire::new(udp, heard_by_us, places, Arc::clone(&wiring.metrics), wiring.tasks.clone()),
        tools,
        trunks,
        metrics: wiring.metrics,
        tasks: wiring.tasks.clone(),
        random: ChaCha12Rng::from_seed(settings.seed),
        alarms: wiring.alarms,
        sessions: HashMap::new(),
        behind: HashSet::new(),
        wake: None,
        ending: false,
        resting: false,
    };
    task.go_on(wiring.desk, wiring.begun).await.map_err(std::io::Error::other)?;
    let ears = Ears { tcp, tls, heard, wished, notices: wiring.notices };
    wiring.tasks.spawn(task.run(ears));
    Ok(Handle { wishes, addresses })
}
