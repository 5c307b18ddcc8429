//! The sockets of SIP: where bytes go, and connections that are made for them.
//!
//! Belongs here: what the SIP task sends by, and who may connect. Does not: what any of it means.

mod connection;
mod places;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use siprec::{ConnectionId, Target, Transport};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::observe::metrics::Metrics;
use crate::tls::{TlsServer, certificate_of};

pub(super) use connection::{Heard, Link};
pub(super) use places::Places;

use connection::serve;
use places::Entry;

/// How long a TLS client may take until it may speak SIP.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection of ours may take to stand.
const DIAL_PATIENCE: Duration = Duration::from_secs(10);

/// After how much silence, and how often then, the system asks whether the peer is there (A9-01).
const PROBE_AFTER_S: u32 = 60;

/// Datagrams that may wait in the kernel. An SBC that restarts ends all its sessions in one burst, and what does not find
/// room is sent again half a second later at the earliest (RFC 3261 §17.1.2.1).
const RECEIVE_BUFFER_BYTES: usize = 8 << 20;

/// Both transports on one port. With port 0 a port is searched that both can have.
pub(super) async fn bind(address: SocketAddr) -> std::io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 0;
    loop {
        let udp = UdpSocket::bind(address).await?;
        // What the kernel grants, up to net.core.rmem_max.
        setsockopt(&udp, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES)?;
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
    places: Places,
    /// What closes a connection of a peer, from its first moment to its last.
    cuts: HashMap<ConnectionId, CancellationToken>,
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
        places: Places,
        metrics: Arc<Metrics>,
        tasks: TaskTracker,
    ) -> Self {
        let (cuts, writers, dialled) = (HashMap::new(), HashMap::new(), HashMap::new());
        let udp = Arc::new(udp);
        Self { udp, heard, places, cuts, writers, dialled, last_connection: 0, metrics, tasks }
    }

    /// The socket datagrams come by.
    pub(super) fn udp(&self) -> Arc<UdpSocket> {
        Arc::clone(&self.udp)
    }

    /// Serves a connection that a peer has opened, if there is a place for it.
    pub(super) fn serve(&mut self, stream: TcpStream, peer: SocketAddr, tls: Option<&TlsServer>) {
        // An IPv4 peer of a socket for both is that, and nothing else.
        let peer = canonical(peer);
        self.last_connection += 1;
        let connection = ConnectionId(self.last_connection);
        match self.places.enter(connection, peer.ip()) {
            Entry::Entered => {}
            Entry::InPlaceOf(silent) => {
                self.metrics.sip_pushed_out.increment();
                self.cut(silent);
            }
            Entry::Full => {
                self.metrics.sip_too_many_connections.increment();
                return tracing::debug!(%peer, "a SIP connection is closed: its address has too many");
            }
        }
        prepare(&stream);
        let cut = CancellationToken::new();
        self.cuts.insert(connection, cut.clone());
        let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
        let link = Link { connection, transport, peer, certificate: None };
        let heard = self.heard.clone();
        match tls {
            None => self.tasks.spawn(serve(link, stream, heard, cut)),
            Some(tls) => {
                let (tls, metrics) = (tls.config(), Arc::clone(&self.metrics));
                self.tasks.spawn(async move {
                    let agreed = agree(tls, stream, &link, &cut).await;
                    match agreed {
                        Some((stream, certificate)) => {
                            serve(Link { certificate, ..link }, stream, heard, cut).await;
                        }
                        None => {
                            metrics.sip_no_handshake.increment();
                            let _ = heard.send(Heard::Unmade { connection }).await;
                        }
                    }
                })
            }
        };
    }

    /// A connection stands: what waited for it goes out.
    pub(super) fn connected(&mut self, link: &Link, writer: mpsc::Sender<Vec<u8>>) {
        for bytes in self.dialled.remove(&link.peer).unwrap_or_default() {
            let _ = writer.try_send(bytes);
        }
        self.writers.insert(link.connection, writer);
    }

    /// A connection has carried something.
    pub(super) fn spoke(&mut self, connection: ConnectionId) {
        self.places.spoke(connection);
    }

    /// A connection is gone.
    pub(super) fn gone(&mut self, connection: ConnectionId) {
        self.places.leave(connection);
        self.cuts.remove(&connection);
        self.writers.remove(&connection);
    }

    fn cut(&mut self, connection: ConnectionId) {
        if let Some(cut) = self.cuts.remove(&connection) {
            cut.cancel();
        }
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
                if let Err(error) = self.udp.try_send_to(&bytes, self.reachable(peer)) {
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
            // TLS goes out by connections that the peer has opened: a name to verify it by is not known.
            Target::Dial { transport: Transport::Tls, .. } => self.metrics.sip_send_failed.increment(),
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
            let stream = tokio::time::timeout(DIAL_PATIENCE, TcpStream::connect(peer)).await;
            match stream {
                Ok(Ok(stream)) => {
                    prepare(&stream);
                    let link = Link { connection, transport: Transport::Tcp, peer, certificate: None };
                    serve(link, stream, heard, CancellationToken::new()).await;
                }
                _ => drop(heard.send(Heard::Undialled { peer }).await),
            }
        });
    }

    /// An address as the datagram socket reaches it: one for both families wants IPv4 mapped.
    fn reachable(&self, peer: SocketAddr) -> SocketAddr {
        self.udp.local_addr().map_or(peer, |ours| mapped_for(ours.ip(), peer))
    }
}

/// A peer's address as a socket bound to `ours` takes it.
pub(super) fn mapped_for(ours: IpAddr, peer: SocketAddr) -> SocketAddr {
    match (ours, peer) {
        (IpAddr::V6(_), SocketAddr::V4(v4)) => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
        _ => peer,
    }
}

/// An address without the mapping of a socket for both families.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn prepare(stream: &TcpStream) {
    use nix::sys::socket::{setsockopt, sockopt};
    // A request and its answer are small; waiting to fill a segment only costs time.
    let _ = stream.set_nodelay(true);
    // Without these a peer that vanished would keep its place for ever. Nothing is lost where they are not taken.
    let _ = setsockopt(stream, sockopt::KeepAlive, &true);
    let _ = setsockopt(stream, sockopt::TcpKeepIdle, &PROBE_AFTER_S);
    let _ = setsockopt(stream, sockopt::TcpKeepInterval, &(PROBE_AFTER_S / 6));
}

/// Agrees on TLS with a client; `None` if it does not come to that in time.
async fn agree(
    tls: Arc<rustls::ServerConfig>,
    stream: TcpStream,
    link: &Link,
    cut: &CancellationToken,
) -> Option<(tokio_rustls::server::TlsStream<TcpStream>, Option<siprec::Certificate>)> {
    let accepting = tokio_rustls::TlsAcceptor::from(tls).accept(stream);
    let agreed = tokio::select! {
        agreed = tokio::time::timeout(HANDSHAKE_PATIENCE, accepting) => agreed,
        () = cut.cancelled() => return None,
    };
    match agreed {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let certificate = shown.map(certificate_of);
            Some((stream, certificate))
        }
        Ok(Err(error)) => {
            tracing::info!(peer = %link.peer, %error, "a SIP client and this recorder do not agree on TLS");
            None
        }
        Err(_) => {
            tracing::info!(peer = %link.peer, "a SIP client began TLS and did not go on");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn more_datagrams_may_wait_for_sip_than_for_any_socket() {
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let (udp, tcp) = bind(anywhere).await.unwrap();
        assert_eq!(udp.local_addr().unwrap(), tcp.local_addr().unwrap());
        let room = |udp: &UdpSocket| nix::sys::socket::getsockopt(udp, sockopt::RcvBuf).unwrap();
        assert!(room(&udp) > room(&UdpSocket::bind(anywhere).await.unwrap()));
    }
}
