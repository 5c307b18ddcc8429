//! Connections of HTTP, counted and not kept for nothing.
//!
//! Each takes an open file, and so do media: clients that connect and say nothing must not use them up.
//!
//! Belongs here: how many there are and how long one may be idle. Does not: what is said on them.

use std::collections::HashMap;
use std::future::Future;
use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

use crate::control::wfo_xml::Peers;

/// Connections at a time; the next one waits in the kernel until one is closed.
const MAX_CONNECTIONS: usize = 1_024;

/// Connections of one address at a time; the next one is closed. Behind a proxy all come from one, so it is no small
/// part.
const MAX_PER_ADDRESS: usize = 512;

/// How long a connection may take until something of an answer leaves. What comes in does not count: a client that
/// sends a head byte by byte would have its place for ever. Longer than any request may take
/// (`super::REQUEST_TIMEOUT`).
const IDLE_LIMIT: Duration = Duration::from_secs(75);

/// A listener with a limited number of connections.
#[derive(Debug)]
pub struct LimitedListener {
    listener: TcpListener,
    places: Arc<Semaphore>,
    by_address: Counts,
    /// Who may connect; everybody if nothing is said.
    peers: Option<Peers>,
}

type Counts = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// A connection's place among those of its address; given back when dropped.
#[derive(Debug)]
struct Share {
    address: IpAddr,
    counts: Counts,
}

impl Share {
    fn take(counts: &Counts, address: IpAddr) -> Option<Self> {
        let mut taken = counts.lock();
        let count = taken.entry(address).or_default();
        if *count >= MAX_PER_ADDRESS {
            return None;
        }
        *count += 1;
        Some(Self { address, counts: Arc::clone(counts) })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.counts.lock();
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
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        Self { listener, places, by_address: Counts::default(), peers: None }
    }

    /// Closes connections of others than these.
    pub(crate) fn of(self, peers: Peers) -> Self {
        Self { peers: Some(peers), ..self }
    }
}

impl Listener for LimitedListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let places = Arc::clone(&self.places);
        let place = places.acquire_owned().await.expect("the semaphore is never closed");
        loop {
            let (stream, peer) = Listener::accept(&mut self.listener).await;
            if self.peers.as_ref().is_some_and(|peers| !peers.admit(peer.ip())) {
                continue;
            }
            let Some(share) = Share::take(&self.by_address, peer.ip().to_canonical()) else { continue };
            let idle = Box::pin(sleep(IDLE_LIMIT));
            return (Connection { stream, idle, _place: place, _share: share }, peer);
        }
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that fails when nothing has left by it for 75 s.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
    _share: Share,
}

impl Connection {
    /// Notes that something left.
    fn left<T>(&mut self, context: &mut Context<'_>, done: Poll<Result<T>>) -> Poll<Result<T>> {
        if done.is_ready() {
            self.idle.set(sleep(IDLE_LIMIT));
        }
        self.watch(context, done)
    }

    /// Fails when nothing has left for too long.
    fn watch<T>(&mut self, context: &mut Context<'_>, done: Poll<Result<T>>) -> Poll<Result<T>> {
        if done.is_ready() {
            return done;
        }
        self.idle.as_mut().poll(context).map(|()| Err(Error::from(ErrorKind::TimedOut)))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let done = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.watch(context, done)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.left(context, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[std::io::IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.left(context, done)
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn one_address_does_not_have_all_connections() {
        let counts = Counts::default();
        let [one, other]: [IpAddr; 2] = [[192, 0, 2, 1].into(), [192, 0, 2, 2].into()];
        let held: Vec<_> = (0..600).map_while(|_| Share::take(&counts, one)).collect();
        assert_eq!(held.len(), MAX_PER_ADDRESS);
        assert!(Share::take(&counts, other).is_some());
        drop(held);
        assert!(counts.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_its_head_byte_by_byte_is_closed_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut served, _) = LimitedListener::new(listener).accept().await;
        let clock = crate::clock::Clock::start();
        let dripping = tokio::spawn(async move {
            while client.write_all(b"a").await.is_ok() {
                sleep(Duration::from_secs(5)).await;
            }
        });
        let mut got = [0; 64];
        let failed = loop {
            match served.read(&mut got).await {
                Ok(count) => assert!(count > 0),
                Err(error) => break error,
            }
        };
        assert_eq!(failed.kind(), ErrorKind::TimedOut);
        assert!(clock.since_start() <= IDLE_LIMIT + Duration::from_secs(5));
        dripping.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_closed_and_gives_its_place_to_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let places = Arc::new(Semaphore::new(1));
        let mut limited = LimitedListener { places, ..LimitedListener::new(listener) };
        let mut first = TcpStream::connect(at).await.unwrap();
        let (mut served, _) = limited.accept().await;
        first.write_all(b"GET").await.unwrap();
        let mut got = [0; 3];
        served.read_exact(&mut got).await.unwrap();

        let _second = TcpStream::connect(at).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_secs(5), limited.accept()).await.is_err());
        let clock = crate::clock::Clock::start();
        assert_eq!(served.read(&mut got).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(clock.since_start() <= IDLE_LIMIT);
        drop(served);
        limited.accept().await;
    }
}
