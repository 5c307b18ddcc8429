//! Connections of HTTP/1.1 and HTTP/2, in the clear or over TLS, each in a task of its own.
//!
//! Belongs here: what may be said on a connection, how much of it, and how slowly (F-API-4, F-TLS-1). Does not: what
//! is answered; how many connections there may be ([`super::listener`]).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderValue, Request, Response, StatusCode, Version, header};
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use super::add_safe_headers;
use super::client::{Line, Proxies};
use super::listener::{Connection, LimitedListener, Shares};
use super::pace::{Pace, Paced};
use super::unread::attended;
use crate::control::error::Problem;
use crate::observe::metrics::Metrics;
use crate::tls::{TlsServer, client_certificate};

/// How long a connection may take until it goes forward ([`Pace`]). Longer than any request may take
/// ([`super::REQUEST_TIMEOUT`]).
const IDLE_LIMIT: Duration = Duration::from_secs(75);

/// How long one that is to end is given to end well.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long two may shake hands.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// The most bytes of a request before its body. Over HTTP/1 the answer is 431 beyond it, and 414 for an address.
const HEAD_BYTES: usize = 64 << 10;

/// Requests at a time on one connection of HTTP/2; the next ones wait.
const STREAMS: u32 = 100;

/// Requests of one address that are answered at a time, over all its connections. An answer that has begun counts no
/// more: sound and exports have limits of their own.
const REQUESTS: usize = 256;

/// Bytes that wait to leave by each of them.
const STREAM_OUT_BYTES: usize = 64 << 10;

/// Requests that were taken back before we looked at them; whoever takes back more loses the connection
/// (CVE-2023-44487).
const TAKEN_BACK: usize = 20;

/// Where HTTP comes in.
pub(crate) struct Entrance {
    pub(crate) listener: LimitedListener,
    /// What is shown; in the clear if there is none.
    pub(crate) tls: Option<TlsServer>,
    /// Whose word is taken on who asks.
    pub(crate) proxies: Proxies,
    /// What browsers are told about coming by TLS only.
    pub(crate) hsts: Option<HeaderValue>,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
}

/// What each connection needs of the entrance.
struct Hall {
    tls: Option<TlsServer>,
    proxies: Proxies,
    hsts: Option<HeaderValue>,
    metrics: Arc<Metrics>,
    requests: Shares,
    router: Router,
    stop: watch::Receiver<bool>,
}

/// What browsers are told about coming by TLS only, for so long; nothing if that is no time.
pub(crate) fn hsts(for_time: Duration) -> Option<HeaderValue> {
    let said = format!("max-age={}; includeSubDomains", for_time.as_secs());
    (!for_time.is_zero()).then(|| HeaderValue::try_from(said).expect("it is a header"))
}

/// Serves until the recorder stops. Connections then end with the answers they are in.
pub(crate) async fn serve(entrance: Entrance, router: Router, stop: watch::Receiver<bool>) {
    let Entrance { mut listener, tls, proxies, hsts, metrics } = entrance;
    let hall = Arc::new(Hall {
        tls,
        proxies,
        hsts,
        metrics,
        requests: Shares::new(REQUESTS),
        router,
        stop: stop.clone(),
    });
    let mut stop = stop;
    loop {
        tokio::select! {
            (connection, peer) = listener.accept(&hall.metrics) => {
                tokio::spawn(Arc::clone(&hall).meet(connection, peer));
            }
            _ = stop.wait_for(|stopping| *stopping) => return,
        }
    }
}

impl Hall {
    /// Serves a connection until one of the two ends it, or it has to make room.
    async fn meet(self: Arc<Self>, connection: Connection, peer: SocketAddr) {
        let presence = connection.presence();
        tokio::select! {
            () = self.greet(connection, peer, Pace::new(presence.clone())) => {}
            () = presence.cut() => {}
        }
    }

    /// Shakes hands if that is asked for, then speaks.
    async fn greet(self: Arc<Self>, connection: Connection, peer: SocketAddr, pace: Pace) {
        let at = connection.at();
        let Some(tls) = &self.tls else {
            let line = Line { peer, at, secure: false, certificate: None };
            return self.speak(connection, line, pace).await;
        };
        let shaking = TlsAcceptor::from(tls.config()).accept(connection);
        let Ok(Ok(stream)) = timeout(HANDSHAKE_LIMIT, shaking).await else {
            return self.metrics.http_handshakes.increment();
        };
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let line = Line { peer, at, secure: true, certificate: shown.map(client_certificate).map(Arc::new) };
        self.speak(stream, line, pace).await;
    }

    /// Answers what is asked, until one of the two ends it.
    async fn speak<S>(self: Arc<Self>, stream: S, line: Line, pace: Pace)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut stop = self.stop.clone();
        let service = {
            let (hall, line, pace) = (Arc::clone(&self), Arc::new(line), pace.clone());
            service_fn(move |request| Arc::clone(&hall).answer(request, Arc::clone(&line), pace.clone()))
        };
        let builder = builder();
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let mut idle = pin!(sleep(IDLE_LIMIT));
        let (mut ending, mut stopping) = (false, false);
        loop {
            tokio::select! {
                _ = connection.as_mut() => return,
                () = pace.stepped(), if !ending => idle.set(sleep(IDLE_LIMIT)),
                () = &mut idle => {
                    if ending {
                        return self.metrics.http_slow.increment();
                    }
                    ending = true;
                    idle.set(sleep(LAST_WORDS));
                    connection.as_mut().graceful_shutdown();
                }
                _ = stop.wait_for(|stopping| *stopping), if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        line: Arc<Line>,
        pace: Pace,
    ) -> Result<Response<Paced>, Infallible> {
        pace.step();
        let (mut request, rest) = attended(request.map(Body::new));
        let client = self.proxies.client(&line, request.headers());
        let (secure, share) = (client.secure, self.requests.take(client.address));
        request.extensions_mut().insert(client);
        let mut response = if let Err(why) = one_host(&request) {
            Problem::new(StatusCode::BAD_REQUEST, why).into_response()
        } else if share.is_some() {
            let Ok(response) = self.router.clone().call(request).await;
            response
        } else {
            self.metrics.http_too_many.increment();
            Problem::unavailable("too many requests of this address are being answered; send fewer at a time")
                .into_response()
        };
        rest.ends().await;
        drop(share);
        add_safe_headers(response.headers_mut());
        if let Some(hsts) = self.hsts.as_ref().filter(|_| secure) {
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
        Ok(response.map(|body| Paced::new(body, pace)))
    }
}

/// Whom a request is for is said once, over HTTP/1.1 in any case (RFC 9112 section 3.2). Who says it in Host and in what is asked for
/// (`:authority`, or a whole URL) says the same (RFC 9113 section 8.3.1): one of both could be what somebody in between looked at.
fn one_host<B>(request: &Request<B>) -> Result<(), &'static str> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => match request.uri().authority() {
            Some(asked) if !is_same(host, asked, request.uri().scheme()) => Err(
                "Host and the address that is asked for (:authority over HTTP/2, a whole URL over HTTP/1.1) name different \
                 recorders; send the same in both, or one of them",
            ),
            _ => Ok(()),
        },
        (None, _) if request.version() != Version::HTTP_11 => Ok(()),
        (None, _) => Err(
            "a request of HTTP/1.1 says in Host whom it is for; send Host, with the name or address of this recorder",
        ),
        (Some(_), Some(_)) => Err("there is more than one Host; send one"),
    }
}

/// Whether both name the same host and port: in any case, and the port of custom said or left out (RFC 3986 section 6.2).
fn is_same(host: &HeaderValue, asked: &Authority, scheme: Option<&Scheme>) -> bool {
    let custom = if scheme == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(custom);
    let host: Option<Authority> = host.to_str().ok().and_then(|host| host.parse().ok());
    host.is_some_and(|host| host.host().eq_ignore_ascii_case(asked.host()) && port(&host) == port(asked))
}

/// How both versions are spoken.
fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .max_header_list_size(u32::try_from(HEAD_BYTES).expect("it is small"))
        .max_concurrent_streams(STREAMS)
        .max_send_buf_size(STREAM_OUT_BYTES)
        .max_pending_accept_reset_streams(TAKEN_BACK);
    builder
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use h2::client::SendRequest;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::clock::Clock;

    /// An entrance with so many places, behind which `/` says a word and `/much` never ends.
    async fn opened(places: usize) -> (SocketAddr, Arc<Metrics>, watch::Sender<bool>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let much = || async {
            Body::from_stream(futures_util::stream::repeat_with(|| Ok::<_, Infallible>(vec![7; 65_536])))
        };
        let router = Router::new().route("/", get(|| async { "a word" })).route("/much", get(much));
        let metrics = Arc::new(Metrics::default());
        let entrance = Entrance {
            listener: LimitedListener::with_places(listener, places),
            tls: None,
            proxies: Proxies::default(),
            hsts: None,
            metrics: Arc::clone(&metrics),
        };
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(serve(entrance, router, stopped));
        (at, metrics, stop)
    }

    /// A client of HTTP/2, and what ends when its connection does.
    async fn http2(
        at: SocketAddr,
    ) -> (SendRequest<axum::body::Bytes>, h2::PingPong, tokio::task::JoinHandle<()>) {
        let stream = TcpStream::connect(at).await.unwrap();
        let (client, mut connection) = h2::client::handshake(stream).await.unwrap();
        let pings = connection.ping_pong().unwrap();
        let ended = tokio::spawn(async move { drop(connection.await) });
        (client.ready().await.unwrap(), pings, ended)
    }

    fn asking(path: &str) -> Request<()> {
        Request::get(format!("http://127.0.0.1{path}")).body(()).unwrap()
    }

    #[tokio::test]
    async fn a_request_says_once_whom_it_is_for() {
        let (at, _, _stop) = opened(8).await;
        for (head, status) in [
            ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", 200),
            ("GET / HTTP/1.0\r\n", 200),
            ("GET / HTTP/1.1\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: localhost\r\n", 400),
            ("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n", 400),
            ("GET http://Recorder.example/ HTTP/1.1\r\nHost: recorder.EXAMPLE:80\r\n", 200),
            ("GET http://recorder.example/ HTTP/1.0\r\n", 200),
            ("GET http://recorder.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n", 400),
            ("GET http://127.0.0.1/ HTTP/1.1\r\nHost: evil.example\r\n", 400),
            ("GET http://127.0.0.1:8080/ HTTP/1.1\r\nHost: 127.0.0.1\r\n", 400),
            ("GET http://127.0.0.1/ HTTP/1.0\r\nHost: \r\n", 400),
        ] {
            let mut stream = TcpStream::connect(at).await.unwrap();
            stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer.split(' ').nth(1), Some(&*status.to_string()), "{head:?}: {answer}");
            assert!(status == 200 || answer.contains("Host"), "{answer}");
        }
    }

    #[tokio::test]
    async fn over_http2_host_says_the_same_as_the_authority_or_nothing() {
        let (at, _, _stop) = opened(1).await;
        let (mut client, _pings, _ended) = http2(at).await;
        for (host, status) in [
            (None, 200),
            (Some("127.0.0.1"), 200),
            (Some("127.0.0.1:80"), 200),
            (Some("127.0.0.1:8080"), 400),
            (Some("evil.example"), 400),
            (Some(""), 400),
        ] {
            let mut request = asking("/");
            request.headers_mut().extend(host.map(|host| (header::HOST, HeaderValue::from_static(host))));
            let (answer, _) = client.send_request(request, true).unwrap();
            let (head, mut body) = answer.await.unwrap().into_parts();
            assert_eq!(head.status, status, "{host:?}");
            let said = body.data().await.unwrap().unwrap();
            assert!(status == 200 || String::from_utf8_lossy(&said).contains(":authority"), "{said:?}");
            client = client.ready().await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_its_head_byte_by_byte_is_closed_in_time() {
        let (at, _, _stop) = opened(1).await;
        let (mut read, mut write) = TcpStream::connect(at).await.unwrap().into_split();
        let clock = Clock::start();
        let dripping = tokio::spawn(async move {
            while write.write_all(b"a").await.is_ok() {
                sleep(Duration::from_secs(5)).await;
            }
        });
        let _ = read.read_to_end(&mut Vec::new()).await;
        assert!(clock.since_start() <= IDLE_LIMIT + LAST_WORDS + Duration::from_secs(5));
        dripping.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_when_all_places_are_taken_is_served_at_once_in_the_place_of_one_that_says_nothing()
    {
        let (at, metrics, _stop) = opened(2).await;
        let mut silent = TcpStream::connect(at).await.unwrap();
        let mut spoke = TcpStream::connect(at).await.unwrap();
        let mut answer = [0; 15];
        spoke.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
        spoke.read_exact(&mut answer).await.unwrap();
        let clock = Clock::start();
        let mut third = TcpStream::connect(at).await.unwrap();
        third.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
        third.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        assert!(clock.since_start() < Duration::from_secs(1), "{:?}", clock.since_start());
        assert_eq!(silent.read(&mut [0; 1]).await.unwrap_or(0), 0, "it was closed");
        assert_eq!(metrics.http_pushed_out.get(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_closed_in_time() {
        let (at, _, _stop) = opened(1).await;
        let mut first = TcpStream::connect(at).await.unwrap();
        first.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
        let mut answer = [0; 15];
        first.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");

        let clock = Clock::start();
        first.read_to_end(&mut Vec::new()).await.unwrap();
        let waited = clock.since_start();
        assert!(waited > IDLE_LIMIT / 2 && waited <= IDLE_LIMIT + LAST_WORDS, "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_of_http2_that_only_pings_loses_its_place() {
        let (at, _, _stop) = opened(1).await;
        let (mut client, mut pings, ended) = http2(at).await;
        let (answer, _) = client.send_request(asking("/"), true).unwrap();
        assert_eq!(answer.await.unwrap().status(), 200);
        let clock = Clock::start();
        while pings.ping(h2::Ping::opaque()).await.is_ok() {
            sleep(Duration::from_secs(5)).await;
        }
        ended.await.unwrap();
        assert!(clock.since_start() <= IDLE_LIMIT + LAST_WORDS + Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_of_http2_that_asks_and_does_not_read_loses_its_place_and_is_counted() {
        let (at, metrics, _stop) = opened(1).await;
        let (mut client, mut pings, ended) = http2(at).await;
        let (answer, _) = client.send_request(asking("/much"), true).unwrap();
        let _unread = answer.await.unwrap();
        let clock = Clock::start();
        while pings.ping(h2::Ping::opaque()).await.is_ok() {
            sleep(Duration::from_secs(5)).await;
        }
        ended.await.unwrap();
        assert!(clock.since_start() <= IDLE_LIMIT + LAST_WORDS + Duration::from_secs(10));
        assert_eq!(metrics.http_slow.get(), 1);
    }

    #[tokio::test]
    async fn one_address_does_not_have_all_requests() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let metrics = Arc::new(Metrics::default());
        let entrance = Entrance {
            listener: LimitedListener::new(listener),
            tls: None,
            proxies: Proxies::default(),
            hsts: None,
            metrics: Arc::clone(&metrics),
        };
        let (_stop, stopped) = watch::channel(false);
        let router = Router::new().route("/", get(std::future::pending::<&str>));
        tokio::spawn(serve(entrance, router, stopped));
        let mut waiting = Vec::new();
        for _ in 0..3 {
            let (mut client, pings, ended) = http2(at).await;
            for _ in 0..STREAMS {
                waiting.push(tokio::spawn(client.send_request(asking("/"), true).unwrap().0));
                client = client.ready().await.unwrap();
            }
            std::mem::forget((client, pings, ended));
        }
        while metrics.http_too_many.get() < 300 - REQUESTS as u64 {
            sleep(Duration::from_millis(5)).await;
        }
        let mut refused = 0;
        for answer in &mut waiting {
            if let Ok(answer) = timeout(Duration::from_millis(5), answer).await {
                assert_eq!(answer.unwrap().unwrap().status(), 503);
                refused += 1;
            }
        }
        assert_eq!(refused, 300 - REQUESTS);
    }

    /// A certificate in this name by an authority, and the authority's own, all PEM.
    fn certificate(name: &str) -> (String, String, String) {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer =
            rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "the CRM");
        let key = rcgen::KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &issuer).unwrap();
        (signed.pem(), key.serialize_pem(), issuer.pem())
    }

    #[tokio::test]
    async fn whoever_answers_learns_the_address_and_the_certificate_of_the_client() {
        let folder = tempfile::tempdir().unwrap();
        let (shown, key, authority) = certificate("localhost");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let files = crate::config::TlsFiles {
            certificate: write("shown.pem", &shown),
            key: write("key.pem", &key),
            client_ca: Some(write("ca.pem", &authority)),
            require_client_certificate: false,
        };
        std::fs::set_permissions(&files.key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let who = |axum::Extension(client): axum::Extension<crate::http::Client>| async move {
            let certificate = client.certificate.as_ref().map(|it| (it.subject.clone(), it.names.clone()));
            format!("{} {} {certificate:?}", client.address, client.secure)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let entrance = Entrance {
            listener: LimitedListener::new(listener),
            tls: Some(TlsServer::open(files, crate::tls::Spoken::Http).unwrap()),
            proxies: Proxies::default(),
            hsts: hsts(Duration::from_secs(5)),
            metrics: Arc::default(),
        };
        let (_stop, stopped) = watch::channel(false);
        tokio::spawn(serve(entrance, Router::new().route("/", get(who)), stopped));
        for (mine, says) in [
            (
                Some((shown.as_bytes(), key.as_bytes())),
                r#"127.0.0.1 true Some(("CN=the CRM", ["localhost"]))"#,
            ),
            (None, "127.0.0.1 true None"),
        ] {
            let believed = crate::tls::client::Believed::Authorities(authority.as_bytes());
            let settings = crate::tls::client::client(believed, mine).unwrap();
            let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
            let stream = TcpStream::connect(at).await.unwrap();
            let mut stream = tokio_rustls::TlsConnector::from(settings).connect(name, stream).await.unwrap();
            stream
                .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                .await
                .unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(
                answer.ends_with(says) && answer.contains("strict-transport-security: max-age=5"),
                "{answer}"
            );
        }
    }

    /// A frame of HTTP/2 (RFC 9113 section 4.1).
    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    #[tokio::test]
    async fn requests_that_are_taken_back_at_once_end_the_connection() {
        let (at, _, _stop) = opened(1).await;
        let (mut read, mut write) = TcpStream::connect(at).await.unwrap().into_split();
        // SETTINGS, then HEADERS (GET http://x/) and RST_STREAM (CANCEL), over and over.
        let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        sent.extend(frame(4, 0, 0, &[]));
        for stream in (1..20_000).step_by(2) {
            sent.extend(frame(1, 5, stream, b"\x82\x86\x84\x41\x01x"));
            sent.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
        }
        let sending = tokio::spawn(async move { write.write_all(&sent).await.map(|()| write) });
        let mut said = Vec::new();
        let ended = timeout(Duration::from_secs(20), read.read_to_end(&mut said)).await;
        let ended = ended.expect("it could go on for ever");
        // GOAWAY, ENHANCE_YOUR_CALM, whatever words stand behind it; the reset of a connection that had more to say may overtake it.
        let goaway = said.windows(17).find(|frame| frame[3..9] == [7, 0, 0, 0, 0, 0]);
        match ended {
            Ok(_) => {
                assert_eq!(goaway.map(|frame| &frame[13..]), Some(&11_u32.to_be_bytes()[..]), "why it ends")
            }
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
        sending.abort();
    }

    #[tokio::test]
    async fn no_more_than_a_hundred_requests_of_one_connection_are_at_work() {
        let (at, _, _stop) = opened(1).await;
        let (mut client, _pings, _ended) = http2(at).await;
        let mut answers = Vec::new();
        for _ in 0..STREAMS {
            answers.push(client.send_request(asking("/much"), true).unwrap().0.await.unwrap());
            client = client.ready().await.unwrap();
        }
        let (more, _) = client.send_request(asking("/"), true).unwrap();
        let mut more = pin!(more);
        assert!(timeout(Duration::from_millis(300), more.as_mut()).await.is_err());
        answers.pop();
        assert_eq!(more.await.unwrap().status(), 200);
    }

    #[tokio::test]
    async fn a_head_that_is_too_long_is_refused_over_both_versions() {
        let (at, _, _stop) = opened(2).await;
        let long = "a".repeat(2 * HEAD_BYTES);
        let mut plain = TcpStream::connect(at).await.unwrap();
        let _ =
            plain.write_all(format!("GET / HTTP/1.1\r\nhost: here\r\nx: {long}\r\n\r\n").as_bytes()).await;
        let mut said = Vec::new();
        let _ = plain.read_to_end(&mut said).await;
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&said));

        let (mut client, _pings, _ended) = http2(at).await;
        let mut request = asking("/");
        request.headers_mut().insert("x", HeaderValue::try_from(long).unwrap());
        // Our client may refuse to send it at all: it has been told the limit.
        if let Ok((answer, _)) = client.send_request(request, true) {
            assert!(!answer.await.is_ok_and(|answer| answer.status() == 200));
        }
        let (mut client, _pings, _ended) = http2(at).await;
        let mut request = asking("/");
        request.headers_mut().insert("x", HeaderValue::try_from("a".repeat(HEAD_BYTES / 2)).unwrap());
        let (answer, _) = client.send_request(request, true).unwrap();
        assert_eq!(answer.await.unwrap().status(), 200);
    }
}
