//! The way of a test call's signalling to the recorder: datagrams, a stream, an encrypted stream.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use siprec::Transport;
use siprec::message::{Frame, Framer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::place::CallError;

/// How signalling travels.
#[derive(Debug, Clone)]
pub enum Signalling {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// An encrypted stream.
    Tls {
        /// Whom we believe, and what we show.
        config: Arc<rustls::ClientConfig>,
        /// The name that was dialled.
        name: ServerName<'static>,
    },
}

impl Signalling {
    /// As SIP names it.
    pub(super) fn transport(&self) -> Transport {
        match self {
            Self::Udp => Transport::Udp,
            Self::Tcp => Transport::Tcp,
            Self::Tls { .. } => Transport::Tls,
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The way to the recorder.
pub(super) struct Line {
    pub(super) local: SocketAddr,
    way: Way,
}

enum Way {
    Datagrams(UdpSocket),
    Stream(Box<dyn Stream>, Box<Framer>),
}

impl Line {
    pub(super) async fn open(to: SocketAddr, from: IpAddr, by: &Signalling) -> Result<Self, CallError> {
        let network = |cause| CallError::Network { doing: format!("reaching {to}"), cause };
        if let Signalling::Udp = by {
            let socket = UdpSocket::bind((from, 0)).await.map_err(network)?;
            socket.connect(to).await.map_err(network)?;
            return Ok(Self { local: socket.local_addr().map_err(network)?, way: Way::Datagrams(socket) });
        }
        let stream = TcpStream::connect(to).await.map_err(network)?;
        let local = stream.local_addr().map_err(network)?;
        let stream: Box<dyn Stream> = match by {
            Signalling::Tls { config, name } => {
                let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
                let agreed = connector.connect(name.clone(), stream).await;
                let doing = || format!("agreeing on TLS with {to}");
                Box::new(agreed.map_err(|cause| CallError::Network { doing: doing(), cause })?)
            }
            _ => Box::new(stream),
        };
        Ok(Self { local, way: Way::Stream(stream, Box::default()) })
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), CallError> {
        let sent = match &mut self.way {
            // A closed port says so with the next send; the transaction's timers decide.
            Way::Datagrams(socket) => socket.send(bytes).await.map(drop).or(Ok(())),
            Way::Stream(stream, _) => match stream.write_all(bytes).await {
                Ok(()) => stream.flush().await,
                Err(error) => Err(error),
            },
        };
        sent.map_err(|cause| CallError::Network { doing: "sending to the recorder".to_owned(), cause })
    }

    pub(super) async fn receive(&mut self, buffer: &mut [u8]) -> Result<Vec<Vec<u8>>, CallError> {
        let lost = |cause| CallError::Network { doing: "hearing from the recorder".to_owned(), cause };
        match &mut self.way {
            Way::Datagrams(socket) => match socket.recv(buffer).await {
                Ok(count) => Ok(vec![buffer[..count].to_vec()]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Ok(Vec::new()),
                Err(error) => Err(lost(error)),
            },
            Way::Stream(stream, framer) => match stream.read(buffer).await {
                Ok(0) => Err(lost(std::io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => framed(framer, &buffer[..count]),
                Err(error) => Err(lost(error)),
            },
        }
    }
}

/// The whole messages a connection has carried so far.
fn framed(framer: &mut Framer, bytes: &[u8]) -> Result<Vec<Vec<u8>>, CallError> {
    framer.push(bytes);
    let mut messages = Vec::new();
    while let Some(frame) = framer.next_frame().map_err(|error| CallError::Unusable(error.to_string()))? {
        if let Frame::Message(message) = frame {
            messages.push(message);
        }
    }
    Ok(messages)
}
