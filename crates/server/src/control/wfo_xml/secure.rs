//! TLS under the web face: the handshake is a part of each connection, so that one that drags on holds up no other.

use std::future::Future as _;
use std::io::{Error, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use crate::http::listener::{Connection, LimitedListener};
use crate::tls::TlsServer;

/// A listener whose connections are TLS.
pub(super) struct SecureListener {
    pub(super) listener: LimitedListener,
    pub(super) tls: TlsServer,
}

impl Listener for SecureListener {
    type Io = Secure;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Secure, SocketAddr) {
        let (connection, peer) = self.listener.accept().await;
        let acceptor = TlsAcceptor::from(self.tls.config());
        (Secure::Shaking(Box::new(acceptor.accept(connection))), peer)
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection, from its handshake on. It fails, as others do, when nothing has left by it for 75 s.
pub(super) enum Secure {
    Shaking(Box<Accept<Connection>>),
    Open(Box<TlsStream<Connection>>),
}

impl Secure {
    /// The connection, once hands are shaken.
    fn open(&mut self, context: &mut Context<'_>) -> Poll<Result<Pin<&mut TlsStream<Connection>>>> {
        if let Self::Shaking(shaking) = self {
            let stream = ready!(Pin::new(shaking.as_mut()).poll(context))?;
            *self = Self::Open(Box::new(stream));
        }
        match self {
            Self::Open(stream) => Poll::Ready(Ok(Pin::new(stream.as_mut()))),
            Self::Shaking(_) => Poll::Ready(Err(Error::other("the handshake is done"))),
        }
    }
}

impl AsyncRead for Secure {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        ready!(self.open(context))?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Secure {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        ready!(self.open(context))?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.open(context))?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.open(context))?.poll_shutdown(context)
    }
}
