//! The port of commands: messages in, an answer to each, in their order.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch as signal;
use tokio::time::{sleep, timeout};

use super::answer::Outcome;
use super::code::Fault;
use super::command::{self, Head, Speaker};
use super::document;
use super::framer::{Framer, Next};
use super::peers::Peers;
use crate::http::App;

/// How long a message may take to be whole, once it has begun.
const MESSAGE_LIMIT: Duration = Duration::from_secs(30);

/// How long nothing may be said on a connection.
const IDLE_LIMIT: Duration = Duration::from_secs(600);

/// How long a client may take to take an answer.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// How long a port rests that cannot be accepted from, as when there are no files left.
const REST: Duration = Duration::from_millis(200);

/// Takes connections of those who may speak, until the recorder stops.
pub(super) async fn accept(listener: TcpListener, peers: Peers, app: Arc<App>, stop: signal::Receiver<bool>) {
    each_peer(listener, peers, stop.clone(), move |stream| {
        let (app, mut stop) = (Arc::clone(&app), stop.clone());
        async move {
            tokio::select! {
                () = serve(stream, &app) => {}
                _ = stop.wait_for(|stopping| *stopping) => {}
            }
        }
    })
    .await;
}

/// Has each connection served by a task of its own.
pub(super) async fn each_peer<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    peers: Peers,
    mut stop: signal::Receiver<bool>,
    serve: impl Fn(TcpStream) -> F,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stopping| *stopping) => return,
        };
        let Ok((stream, peer)) = accepted else {
            sleep(REST).await;
            continue;
        };
        let Some(place) = peers.place(peer.ip()) else { continue };
        // A listener may say nothing for days: the kernel finds out whether it is still there.
        let _ = setsockopt(&stream, sockopt::KeepAlive, &true);
        let served = serve(stream);
        tokio::spawn(async move {
            served.await;
            drop(place);
        });
    }
}

async fn serve(mut stream: TcpStream, app: &App) {
    let from = stream.peer_addr().map_or_else(|_| "unknown".to_owned(), |peer| peer.ip().to_string());
    let mut messages = Messages::of_speaker();
    while let Some(message) = messages.next(&mut stream).await {
        let (answer, goes_on) = match message {
            Ok(bytes) => {
                // What is asked of who speaks may change while they are connected.
                let speaker = Speaker::peer(from.clone(), app.identity.asks());
                (command::answer(app, &speaker, document::read(&bytes)).await, true)
            }
            Err(fault) => {
                app.metrics.xml_broken.increment();
                let (head, outcome): (Head, Outcome) = (Head::default(), Err(fault));
                command::tell(&app.metrics, &head, &outcome);
                (head.answer(&outcome), false)
            }
        };
        if !write(&mut stream, answer).await {
            app.metrics.xml_slow.increment();
            return;
        }
        if !goes_on {
            return;
        }
    }
}

/// Writes one document and the end of the message. False if the client does not take it in time.
pub(super) async fn write(stream: &mut (impl tokio::io::AsyncWrite + Unpin), document: String) -> bool {
    let written = timeout(WRITE_LIMIT, async {
        stream.write_all((document + "\r\n").as_bytes()).await?;
        stream.flush().await
    });
    matches!(written.await, Ok(Ok(())))
}

/// Messages of a connection.
#[derive(Debug)]
pub(super) struct Messages {
    framer: Framer,
    /// How long nothing may be said.
    idle: Option<Duration>,
}

impl Messages {
    /// Of one that is there to speak.
    pub(super) fn of_speaker() -> Self {
        Self { framer: Framer::default(), idle: Some(IDLE_LIMIT) }
    }

    /// Of one that is there to listen, and may say nothing for ever.
    pub(super) fn of_listener() -> Self {
        Self { framer: Framer::default(), idle: None }
    }

    /// The next message; why no more can be read; or `None` when the client is done, or has said nothing for too long.
    ///
    /// Not to be dropped while it waits, but for good: bytes it has taken are in the framer, time it has waited is not.
    pub(super) async fn next(
        &mut self,
        stream: &mut (impl tokio::io::AsyncRead + Unpin),
    ) -> Option<Result<Vec<u8>, Fault>> {
        let mut piece = [0; 8_192];
        let mut whole_by = None;
        loop {
            match self.framer.next() {
                Next::Message(message) => return Some(Ok(message)),
                Next::Broken(broken) => return Some(Err(Fault::format(broken.to_string()))),
                Next::More => {}
            }
            let is_idle = self.framer.is_idle();
            if is_idle {
                whole_by = None;
            } else {
                whole_by.get_or_insert_with(|| Box::pin(sleep(MESSAGE_LIMIT)));
            }
            let read = match &mut whole_by {
                None => match self.idle {
                    Some(idle) => timeout(idle, stream.read(&mut piece)).await.ok()?,
                    None => stream.read(&mut piece).await,
                },
                Some(whole_by) => tokio::select! {
                    read = stream.read(&mut piece) => read,
                    () = whole_by => {
                        let what = format!("the message was not whole within {} s", MESSAGE_LIMIT.as_secs());
                        return Some(Err(Fault::format(what)));
                    }
                },
            };
            match read {
                Ok(0) if is_idle => return None,
                Ok(0) => {
                    return Some(Err(Fault::format(
                        "the connection was closed before the message was whole",
                    )));
                }
                Ok(count) => self.framer.push(&piece[..count]),
                Err(_) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    const TEST: &[u8] = b"<REQUEST><TYPE>TEST</TYPE><REQUESTID>1</REQUESTID></REQUEST>\r\n";

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_has_its_place_for_ten_minutes() {
        let (_client, mut server) = duplex(1_024);
        let clock = crate::clock::Clock::start();
        assert!(Messages::of_speaker().next(&mut server).await.is_none());
        assert_eq!(clock.since_start().as_secs(), 600);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_byte_by_byte_has_half_a_minute_for_a_message() {
        let (mut client, mut server) = duplex(1_024);
        let dripping = tokio::spawn(async move {
            for byte in TEST.iter().cycle() {
                client.write_all(&[*byte]).await.unwrap();
                sleep(Duration::from_secs(1)).await;
            }
        });
        let clock = crate::clock::Clock::start();
        let fault = Messages::of_speaker().next(&mut server).await.unwrap().unwrap_err();
        assert!(fault.what.contains("not whole within 30 s"), "{fault:?}");
        assert!(clock.since_start().as_secs() <= 31);
        dripping.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_no_answer_is_waited_for_ten_seconds() {
        let (_client, mut server) = duplex(64);
        let clock = crate::clock::Clock::start();
        assert!(write(&mut server, "short".to_owned()).await);
        assert!(!write(&mut server, "long".repeat(100)).await);
        assert_eq!(clock.since_start().as_secs(), 10);
    }

    #[tokio::test]
    async fn what_breaks_off_is_answered_and_what_is_whole_is_read_without_its_end_of_line() {
        for (sent, is_whole) in [(&TEST[..TEST.len() - 2], true), (&TEST[..20], false)] {
            let (mut client, mut server) = duplex(1_024);
            client.write_all(sent).await.unwrap();
            client.shutdown().await.unwrap();
            let mut messages = Messages::of_listener();
            assert_eq!(messages.next(&mut server).await.unwrap().is_ok(), is_whole);
            assert!(!is_whole || messages.next(&mut server).await.is_none());
        }
    }
}
