//! The sockets of SIP: where bytes go, and connections that are made for them.
//!
//! Belongs here: what the SIP task sends by. Does not: what it hears ([`super::connection`]), what any of it means.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use siprec::{ConnectionId, Target};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::connection::{Heard, serve};
use crate::observe::metrics::Metrics;

/// Both transports on one port. With port 0 a port is searched that both can have.
pub(super) async fn bind(address: SocketAddr) -> std::io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 0;
    loop {
        let udp = UdpSocket::bind(address).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(_) if address.port() == 0 && tries < 16 => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// The sending side of SIP's sockets.
pub(super) struct Wire {
    udp: Arc<UdpSocket>,
    heard: mpsc::Sender<Heard>,
    writers: HashMap<ConnectionId, mpsc::Sender<Vec<u8>>>,
    /// Bytes for peers that are being dialled.
    dialled: HashMap<SocketAddr, Vec<Vec<u8>>>,
    last_connection: u64,
    metrics: Arc<Metrics>,
    tasks: TaskTracker,
}

impl Wire {
    pub(super) fn new(
        udp: UdpSocket,
        heard: mpsc::Sender<Heard>,
        metrics: Arc<Metrics>,
        tasks: TaskTracker,
    ) -> Self {
        let (writers, dialled) = (HashMap::new(), HashMap::new());
        Self { udp: Arc::new(udp), heard, writers, dialled, last_connection: 0, metrics, tasks }
    }

    /// The socket datagrams come by.
    pub(super) fn udp(&self) -> Arc<UdpSocket> {
        Arc::clone(&self.udp)
    }

    /// Serves a connection that a peer has opened.
    pub(super) fn serve(&mut self, stream: TcpStream, peer: SocketAddr) {
        self.last_connection += 1;
        let connection = ConnectionId(self.last_connection);
        self.tasks.spawn(serve(connection, peer, stream, self.heard.clone()));
    }

    /// A connection stands: what waited for it goes out.
    pub(super) fn connected(
        &mut self,
        connection: ConnectionId,
        peer: SocketAddr,
        writer: mpsc::Sender<Vec<u8>>,
    ) {
        for bytes in self.dialled.remove(&peer).unwrap_or_default() {
            let _ = writer.try_send(bytes);
        }
        self.writers.insert(connection, writer);
    }

    /// A peer could not be reached. What waited is lost as a datagram is: its timers deal with it.
    pub(super) fn undialled(&mut self, peer: SocketAddr) {
        self.dialled.remove(&peer);
    }

    /// Closes a connection once what was sent has been written.
    pub(super) fn let_go(&mut self, connection: ConnectionId) {
        self.writers.remove(&connection);
    }

    /// Sends bytes, or counts that they were not sent.
    pub(super) fn transmit(&mut self, to: Target, bytes: Vec<u8>) {
        self.metrics.sip_sent.increment();
        match to {
            Target::Udp(peer) => {
                if let Err(error) = self.udp.try_send_to(&bytes, peer) {
                    self.metrics.sip_send_failed.increment();
                    tracing::debug!(%error, "a SIP datagram was not sent; its timers repeat it");
                }
            }
            Target::Connection(connection) => {
                let writer = self.writers.get(&connection);
                if writer.is_some_and(|writer| writer.try_send(bytes).is_err()) {
                    tracing::warn!(connection = connection.0, "a SIP peer reads too slowly and is cut off");
                    self.writers.remove(&connection);
                }
            }
            Target::Dial { peer, .. } => self.dial(peer, bytes),
        }
    }

    fn dial(&mut self, peer: SocketAddr, bytes: Vec<u8>) {
        let waiting = self.dialled.entry(peer).or_default();
        waiting.push(bytes);
        if waiting.len() > 1 {
            return;
        }
        self.last_connection += 1;
        let (connection, heard) = (ConnectionId(self.last_connection), self.heard.clone());
        self.tasks.spawn(async move {
            let stream = tokio::time::timeout(Duration::from_secs(10), TcpStream::connect(peer)).await;
            match stream {
                Ok(Ok(stream)) => serve(connection, peer, stream, heard).await,
                _ => drop(heard.send(Heard::Undialled { peer }).await),
            }
        });
    }
}
