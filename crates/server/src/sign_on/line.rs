//! One question to the provider and its answer, within limits of time and size. Redirects are not followed.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use super::place::Place;

/// How long a name may take to be found, and a connection to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// How long all of it may take.
const WHOLE: Duration = Duration::from_secs(10);

/// The longest answer; documents and keys of large providers have some tens of kilobytes.
const BODY_MAX_BYTES: usize = 256 << 10;

/// The longest head of an answer.
const HEAD_MAX_BYTES: usize = 32 << 10;

/// Addresses of a host that are tried.
const ADDRESSES_MAX: usize = 4;

/// Calls the provider.
pub(super) struct Line {
    /// Authorities beside those of the system, PEM.
    ca: Option<Vec<u8>>,
    /// Made when it is first needed: it reads the system's authorities.
    tls: OnceCell<Arc<ClientConfig>>,
}

/// What it has answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

impl Answer {
    /// The JSON object in it.
    pub(super) fn object(&self) -> Option<serde_json::Map<String, serde_json::Value>> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// What is asked.
pub(super) enum Asked {
    /// A document, with the access token that opens it, if it takes one.
    Document(Option<HeaderValue>),
    /// A form, with the credentials that go along.
    Form(String, Option<HeaderValue>),
}

impl Line {
    pub(super) fn new(ca: Option<Vec<u8>>) -> Self {
        Self { ca, tls: OnceCell::new() }
    }

    /// Asks.
    ///
    /// # Errors
    /// What stood in the way, as text; nothing in it is secret.
    pub(super) async fn ask(&self, place: &Place, asked: Asked) -> Result<Answer, String> {
        let answered = tokio::time::timeout(WHOLE, self.exchange(place, asked)).await;
        let late = |_| Err(format!("it has not answered within {} s", WHOLE.as_secs()));
        answered.unwrap_or_else(late).map_err(|why| format!("{}: {why}", place.authority))
    }

    async fn exchange(&self, place: &Place, asked: Asked) -> Result<Answer, String> {
        let stream = connect(place).await?;
        if !place.tls {
            return speak(stream, place, asked).await;
        }
        let settings =
            self.tls.get_or_try_init(|| async { crate::tls::client::by_system(self.ca.as_deref()) }).await?;
        let name = ServerName::try_from(place.host().to_owned());
        let name = name.map_err(|_| "its host is no name a certificate can have".to_owned())?;
        let shaken = TlsConnector::from(Arc::clone(settings)).connect(name, stream).await;
        speak(shaken.map_err(|error| format!("there is no agreement on TLS: {error}"))?, place, asked).await
    }
}

async fn connect(place: &Place) -> Result<TcpStream, String> {
    let found = tokio::time::timeout(CONNECT, lookup_host((place.host(), place.port))).await;
    let found = found.map_err(|_| "its name was not found in time".to_owned())?;
    let found = found.map_err(|error| format!("its name was not found: {error}"))?;
    // What is said in the clear stays on this machine, whoever answers for the name.
    let found = found.filter(|address| place.tls || address.ip().to_canonical().is_loopback());
    let mut last = "its name has no address".to_owned();
    for address in found.take(ADDRESSES_MAX) {
        match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = format!("it takes no connection: {error}"),
            Err(_) => last = format!("it has taken no connection within {} s", CONNECT.as_secs()),
        }
    }
    Err(last)
}

/// One request and its answer on a connection of its own.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    place: &Place,
    asked: Asked,
) -> Result<Answer, String> {
    let nonsense = |error: hyper::Error| format!("it does not speak HTTP as it should: {error}");
    let mut builder = hyper::client::conn::http1::Builder::new();
    builder.max_buf_size(HEAD_MAX_BYTES);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(nonsense)?;
    let connection = tokio::spawn(connection);
    let answered = match sender.send_request(request(place, asked)?).await.map_err(nonsense) {
        Ok(response) => {
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), BODY_MAX_BYTES).collect().await;
            let long = |_| format!("its answer breaks off, or has more than {BODY_MAX_BYTES} bytes");
            body.map(|body| Answer { status, body: body.to_bytes() }).map_err(long)
        }
        Err(problem) => Err(problem),
    };
    connection.abort();
    answered
}

fn request(place: &Place, asked: Asked) -> Result<Request<Full<Bytes>>, String> {
    let (method, body, authorization) = match asked {
        Asked::Document(authorization) => (Method::GET, String::new(), authorization),
        Asked::Form(form, authorization) => (Method::POST, form, authorization),
    };
    let mut headers = HeaderMap::new();
    let authority = HeaderValue::from_str(&place.authority).map_err(|_| "its host is none".to_owned())?;
    headers.insert(header::HOST, authority);
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if method == Method::POST {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
    }
    if let Some(authorization) = authorization {
        headers.insert(header::AUTHORIZATION, authorization);
    }
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = method;
    *request.uri_mut() = place.path.parse().map_err(|_| "its path is none".to_owned())?;
    *request.headers_mut() = headers;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// What comes of asking somebody who says this and then closes, or keeps the line if it is nothing.
    async fn asked(says: &'static str, then: usize) -> Result<Answer, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = Place::read(&format!("http://{}/keys?x=1", listener.local_addr().unwrap())).unwrap();
        let answers = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = vec![0; 4_096];
            let count = stream.read(&mut heard).await.unwrap();
            let heard = String::from_utf8_lossy(&heard[..count]).into_owned();
            assert!(heard.starts_with("GET /keys?x=1 HTTP/1.1\r\n"), "{heard}");
            if says.is_empty() {
                std::future::pending::<()>().await;
            }
            let _ = stream.write_all(&[says.as_bytes(), &vec![b'x'; then]].concat()).await;
        });
        let answer = Line::new(None).ask(&place, Asked::Document(None)).await;
        answers.abort();
        answer
    }

    #[tokio::test]
    async fn an_answer_is_read_within_its_limit_and_led_nowhere() {
        let answer = asked("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"a\":1}", 0).await.unwrap();
        assert_eq!((answer.status, answer.object().unwrap().len()), (200, 1));
        let led = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(asked(led, 0).await.unwrap().status, 302);
        let long = asked("HTTP/1.1 200 OK\r\n\r\n", BODY_MAX_BYTES + 1).await.unwrap_err();
        assert!(long.contains("more than 262144 bytes"), "{long}");
        let broken = asked("HTTP/1.1 200 OK\r\ncontent-length: 70\r\n\r\n", 7).await.unwrap_err();
        assert!(broken.contains("breaks off"), "{broken}");
        let nonsense = asked("220 mail.example.com ESMTP\r\n", 0).await.unwrap_err();
        assert!(nonsense.contains("does not speak HTTP"), "{nonsense}");
        let head = asked("HTTP/1.1 200 OK\r\nx: ", 2 * HEAD_MAX_BYTES).await.unwrap_err();
        assert!(head.contains("does not speak HTTP"), "{head}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_not_waited_for_without_end() {
        let silent = asked("", 0).await.unwrap_err();
        assert!(silent.contains("has not answered within 10 s"), "{silent}");
    }
}
