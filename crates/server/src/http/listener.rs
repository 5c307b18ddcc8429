//! Connections of HTTP, counted.
//!
//! Each takes an open file, and so do media: clients that connect and say nothing must not use them up.
//!
//! Belongs here: how many there are. Does not: how long one may be idle (`serve`), what is said on them.

use std::collections::HashMap;
use std::io::Result;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::serve::Listener;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::room::{Place, Presence, Room};
use crate::control::wfo_xml::Peers;
use crate::observe::metrics::Metrics;

/// Connections at a time; for the next one another makes room.
const MAX_CONNECTIONS: usize = 1_024;

/// Connections of one address at a time; the next one is closed. Behind a proxy all come from one, so it is no small
/// part.
const MAX_PER_ADDRESS: usize = 512;

/// A listener with a limited number of connections.
#[derive(Debug)]
pub struct LimitedListener {
    listener: TcpListener,
    places: Arc<Semaphore>,
    by_address: Shares,
    room: Room,
    /// Who may connect; everybody if nothing is said.
    peers: Option<Peers>,
}

/// What each address has of something, of which it may have so much. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Shares {
    most: usize,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One of them; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    address: IpAddr,
    of: Shares,
}

impl Shares {
    pub(super) fn new(most: usize) -> Self {
        Self { most, counts: Arc::default() }
    }

    /// One more for an address; `None` if it has all it may have.
    pub(super) fn take(&self, address: IpAddr) -> Option<Share> {
        let address = address.to_canonical();
        let mut taken = self.counts.lock();
        let count = taken.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Share { address, of: self.clone() })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.of.counts.lock();
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

impl LimitedListener {
    /// Limits what `listener` accepts.
    pub fn new(listener: TcpListener) -> Self {
        Self::with_places(listener, MAX_CONNECTIONS)
    }

    /// With so many places.
    pub(super) fn with_places(listener: TcpListener, places: usize) -> Self {
        let places = Arc::new(Semaphore::new(places));
        Self {
            listener,
            places,
            by_address: Shares::new(MAX_PER_ADDRESS),
            room: Room::default(),
            peers: None,
        }
    }

    /// Closes connections of others than these.
    pub(crate) fn of(self, peers: Peers) -> Self {
        Self { peers: Some(peers), ..self }
    }

    /// The next connection, which has a place. Those that get none are closed, and counted; so is the one that makes room.
    pub(super) async fn accept(&mut self, metrics: &Metrics) -> (Connection, SocketAddr) {
        loop {
            // Of axum: it waits a moment when the system has no open file left.
            let (stream, peer) = Listener::accept(&mut self.listener).await;
            if self.peers.as_ref().is_some_and(|peers| !peers.admit(peer.ip())) {
                continue;
            }
            let Some(share) = self.by_address.take(peer.ip()) else {
                metrics.http_turned_away.increment();
                continue;
            };
            if self.places.available_permits() == 0 && self.room.make() {
                metrics.http_pushed_out.increment();
            }
            let permit =
                Arc::clone(&self.places).acquire_owned().await.expect("the semaphore is never closed");
            let _ = stream.set_nodelay(true);
            let place = self.room.enter(peer.ip());
            return (Connection { stream, place, _permit: permit, _share: share }, peer);
        }
    }
}

/// A connection that has a place.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    place: Place,
    _permit: OwnedSemaphorePermit,
    _share: Share,
}

impl Connection {
    /// What it does, for whom there is no room any more.
    pub(super) fn presence(&self) -> Presence {
        self.place.presence()
    }

    /// The address it came to.
    pub(super) fn at(&self) -> Option<SocketAddr> {
        self.stream.local_addr().ok()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[std::io::IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_does_not_have_all_connections() {
        let shares = Shares::new(MAX_PER_ADDRESS);
        let [one, other]: [IpAddr; 2] = [[192, 0, 2, 1].into(), [192, 0, 2, 2].into()];
        let held: Vec<_> = (0..600).map_while(|_| shares.take(one)).collect();
        assert_eq!(held.len(), MAX_PER_ADDRESS);
        assert!(shares.take(other).is_some());
        drop(held);
        assert!(shares.counts.lock().is_empty());
    }
}
