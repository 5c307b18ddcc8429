//! One stream connection of SIP: bytes in, bytes out. What they mean is the endpoint's business.

use std::net::SocketAddr;
use std::time::Duration;

use siprec::{Certificate, ConnectionId, Transport};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Messages that may wait to be written. A peer that reads slower than that is cut off.
const WRITE_LIMIT: usize = 256;

/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;

/// How long a message may take to be written.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// How long a new connection may say nothing: places are few, and a client that means to speak does so at once.
const FIRST_WORD_PATIENCE: Duration = Duration::from_secs(32);

/// How long a connection that we have ended is read on, so that the peer gets our last answer: closing a socket
/// with bytes unread would take it away.
const LINGER: Duration = Duration::from_secs(1);

/// What came from a connection.
#[derive(Debug)]
pub(in crate::ingest) enum Heard {
    /// It stands.
    Connected { link: Link, writer: mpsc::Sender<Vec<u8>> },
    /// It carried bytes.
    Bytes { connection: ConnectionId, bytes: Vec<u8> },
    /// It is gone.
    Disconnected { connection: ConnectionId },
    /// It never came to stand: no TLS was agreed.
    Unmade { connection: ConnectionId },
    /// It could not be made.
    Undialled { peer: SocketAddr },
}

/// What is known of a connection when it stands.
#[derive(Debug, Clone)]
pub(in crate::ingest) struct Link {
    pub(in crate::ingest) connection: ConnectionId,
    pub(in crate::ingest) transport: Transport,
    pub(in crate::ingest) peer: SocketAddr,
    /// The client certificate that was shown and verified.
    pub(in crate::ingest) certificate: Option<Certificate>,
}

/// Serves a connection until either side closes it, or `cut` says so.
pub(super) async fn serve<S>(link: Link, stream: S, heard: mpsc::Sender<Heard>, cut: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let connection = link.connection;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (sender, mut waiting) = mpsc::channel::<Vec<u8>>(WRITE_LIMIT);
    if heard.send(Heard::Connected { link, writer: sender }).await.is_err() {
        return;
    }
    let mut writing = tokio::spawn(async move {
        while let Some(bytes) = waiting.recv().await {
            // A peer that does not read would hold the socket for ever.
            let written = tokio::time::timeout(WRITE_PATIENCE, writer.write_all(&bytes)).await;
            if !matches!(written, Ok(Ok(()))) {
                return;
            }
        }
        let _ = writer.shutdown().await;
    });
    let mut buffer = vec![0; READ_BYTES];
    let silence = tokio::time::sleep(FIRST_WORD_PATIENCE);
    tokio::pin!(silence);
    let mut spoke = false;
    loop {
        tokio::select! {
            read = reader.read(&mut buffer) => match read {
                Ok(0) | Err(_) => break,
                Ok(count) => {
                    spoke = true;
                    let bytes = buffer[..count].to_vec();
                    if heard.send(Heard::Bytes { connection, bytes }).await.is_err() {
                        break;
                    }
                }
            },
            () = &mut silence, if !spoke => break,
            () = cut.cancelled() => break,
            // The endpoint has let go of the connection, or nothing can be written to it.
            _ = &mut writing => {
                let rest = async { while reader.read(&mut buffer).await.is_ok_and(|count| count > 0) {} };
                let _ = tokio::time::timeout(LINGER, rest).await;
                break;
            }
        }
    }
    writing.abort();
    let _ = heard.send(Heard::Disconnected { connection }).await;
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// A connection that is served, the peer's end of it, and what is heard of it.
    async fn served() -> (TcpStream, mpsc::Receiver<Heard>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, from) = listener.accept().await.unwrap();
        let (heard, hearing) = mpsc::channel(8);
        let (connection, transport) = (ConnectionId(1), Transport::Tcp);
        let link = Link { connection, transport, peer: from, certificate: None };
        tokio::spawn(serve(link, stream, heard, CancellationToken::new()));
        (peer, hearing)
    }

    async fn writer_of(hearing: &mut mpsc::Receiver<Heard>) -> mpsc::Sender<Vec<u8>> {
        match hearing.recv().await {
            Some(Heard::Connected { writer, .. }) => writer,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_the_endpoint_lets_go_is_closed_although_the_peer_stays() {
        let (mut peer, mut hearing) = served().await;
        let writer = writer_of(&mut hearing).await;
        writer.send(b"last".to_vec()).await.unwrap();
        drop(writer);
        assert!(matches!(hearing.recv().await, Some(Heard::Disconnected { .. })));
        let mut got = Vec::new();
        peer.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"last");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_is_closed() {
        let (_peer, mut hearing) = served().await;
        let _writer = writer_of(&mut hearing).await;
        assert!(matches!(hearing.recv().await, Some(Heard::Disconnected { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_is_cut_off() {
        let (peer, mut hearing) = served().await;
        peer.writable().await.unwrap();
        peer.try_write(b"hello").unwrap();
        let writer = writer_of(&mut hearing).await;
        assert!(matches!(hearing.recv().await, Some(Heard::Bytes { .. })));
        writer.send(vec![0; 64 << 20]).await.unwrap();
        assert!(matches!(hearing.recv().await, Some(Heard::Disconnected { .. })));
    }
}
