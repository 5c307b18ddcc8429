//! One request to a receiver: its host is looked up once, each address is checked, and the connection goes to the address that was
//! checked (F-API-7). Redirects are not followed, and of an answer little more than its status is read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Version, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use super::address::Allow;
use super::target::Target;

/// How long a name may take to be found, and a connection to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// How long all of it may take.
const WHOLE: Duration = Duration::from_secs(15);

/// What is read of an answer's body: nothing in it matters, and whoever sends more is not listened to.
const BODY_MAX_BYTES: usize = 4_096;

/// Addresses of a host that are tried.
const ADDRESSES_MAX: usize = 4;

/// Calls receivers. Copies of it are the same.
#[derive(Clone)]
pub struct Client {
    allow: Allow,
    /// Authorities beside those of the system, PEM.
    ca: Option<Arc<[u8]>>,
    /// Made when it is first needed: it reads the system's authorities.
    tls: Arc<OnceCell<Arc<ClientConfig>>>,
}

/// What a receiver answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// How long it wants to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl Answer {
    pub(super) fn is_good(self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What is wrong with it, if it is not good.
    pub(super) fn problem(self) -> String {
        let status = self.status;
        match status {
            300..400 => format!("it answers {status}: redirects are not followed; give the URL it leads to"),
            410 => "it answers 410: it is gone for good".to_owned(),
            _ => format!("it answers {status}"),
        }
    }
}

impl Client {
    /// Calls what everybody can reach, and what is opened; believes the authorities of the system, and these (PEM).
    pub fn new(allow: Allow, ca: Option<Vec<u8>>) -> Self {
        Self { allow, ca: ca.map(Arc::from), tls: Arc::default() }
    }

    /// Posts a body.
    ///
    /// # Errors
    /// What stood in the way, as text; nothing in it is secret.
    pub(super) async fn post(
        &self,
        target: &Target,
        headers: HeaderMap,
        body: &str,
    ) -> Result<Answer, String> {
        let posted = tokio::time::timeout(WHOLE, self.exchange(target, headers, body)).await;
        posted.unwrap_or_else(|_| Err(format!("it has not answered within {} s", WHOLE.as_secs())))
    }

    /// The addresses of a host, all of which may be called.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, String> {
        let Target { host, port, .. } = target;
        let found = tokio::time::timeout(CONNECT, lookup_host((host.as_str(), *port))).await;
        let found = found.map_err(|_| format!("the name {host} was not found in time"))?;
        let found = found.map_err(|error| format!("the name {host} was not found: {error}"))?;
        let found: Vec<SocketAddr> = found.collect();
        // One that is closed closes all: who answers for a name may change its mind between two questions.
        for address in &found {
            if let Some(why) = self.allow.why_closed(host, address.ip()) {
                let address = address.ip();
                return Err(format!(
                    "{host} is at {address}, which is not called: {why}; webhooks.allow would open it"
                ));
            }
        }
        if found.is_empty() { Err(format!("the name {host} has no address")) } else { Ok(found) }
    }

    async fn connect(&self, target: &Target) -> Result<TcpStream, String> {
        let mut last = String::new();
        for address in self.addresses(target).await?.into_iter().take(ADDRESSES_MAX) {
            match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = format!("it does not take a connection: {error}"),
                Err(_) => last = format!("it has taken no connection within {} s", CONNECT.as_secs()),
            }
        }
        Err(last)
    }

    async fn settings(&self) -> Result<&Arc<ClientConfig>, String> {
        self.tls.get_or_try_init(|| async { crate::tls::client::by_system(self.ca.as_deref()) }).await
    }

    async fn exchange(&self, target: &Target, headers: HeaderMap, body: &str) -> Result<Answer, String> {
        let stream = self.connect(target).await?;
        if !target.tls {
            return speak(stream, target, headers, body).await;
        }
        let settings = self.settings().await?;
        let name = ServerName::try_from(target.host.clone());
        let name = name.map_err(|_| format!("{} is no name a certificate can have", target.host))?;
        let shaken = TlsConnector::from(Arc::clone(settings)).connect(name, stream).await;
        let stream = shaken.map_err(|error| format!("there is no agreement on TLS: {error}"))?;
        speak(stream, target, headers, body).await
    }
}

/// One request and its answer on a connection of its own.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    target: &Target,
    headers: HeaderMap,
    body: &str,
) -> Result<Answer, String> {
    let nonsense = |error: hyper::Error| format!("it does not speak HTTP as it should: {error}");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(nonsense)?;
    let connection = tokio::spawn(connection);
    let mut request = Request::new(Full::new(Bytes::from(body.to_owned())));
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_11;
    *request.uri_mut() = target.path.parse().map_err(|_| "its path is none".to_owned())?;
    *request.headers_mut() = headers;
    let authority = HeaderValue::from_str(&target.authority).map_err(|_| "its host is none".to_owned())?;
    request.headers_mut().insert(header::HOST, authority);
    request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    let answered = sender.send_request(request).await.map_err(nonsense);
    let answer = match answered {
        Ok(response) => {
            let retry_after = retry_after(response.headers());
            let answer = Answer { status: response.status().as_u16(), retry_after };
            // It has its message; what it says about it is of no matter, but a polite end is.
            let _ = Limited::new(response.into_body(), BODY_MAX_BYTES).collect().await;
            Ok(answer)
        }
        Err(problem) => Err(problem),
    };
    connection.abort();
    answer
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spellings of addresses that are not to be called, as URLs write hosts.
    const CLOSED: [&str; 58] = [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "127.255.255.254",
        "0177.0.0.1",
        "0177.1",
        "0x7f.0.0.1",
        "0x7f.1",
        "0x7f000001",
        "0X7F000001",
        "2130706433",
        "017700000001",
        "localhost",
        "LocalHost",
        "0",
        "0.0.0.0",
        "0x0",
        "00000000",
        "10.0.0.1",
        "0xa.0.0.1",
        "012.0.0.1",
        "167772161",
        "10.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "192.168.257",
        "3232235521",
        "0xc0a80001",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "169.254.43518",
        "100.64.0.1",
        "192.0.0.8",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:a9fe:a9fe]",
        "[::ffff:0:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a00:1]",
        "[2002:7f00:1::]",
        "[2002:a9fe:a9fe::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[ff02::1]",
        "[2001::1]",
    ];

    #[tokio::test]
    async fn no_spelling_of_an_address_that_is_closed_leads_to_it() {
        let client = Client::new(Allow::default(), None);
        for host in CLOSED {
            let target =
                Target::read(&format!("http://{host}:9/")).unwrap_or_else(|error| panic!("{host}: {error}"));
            let said = client.addresses(&target).await.expect_err(host);
            assert!(said.contains("which is not called"), "{host}: {said}");
            let said = client.post(&target, HeaderMap::new(), "").await.expect_err(host);
            assert!(said.contains("which is not called"), "{host}: {said}");
        }
    }

    #[tokio::test]
    async fn what_is_opened_is_looked_up_all_the_same_and_called() {
        let client = Client::new(Allow::read(&["127.0.0.1".to_owned(), "::1".to_owned()]).unwrap(), None);
        for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]"] {
            let target = Target::read(&format!("http://{host}:9/")).unwrap();
            assert!(client.addresses(&target).await.is_ok(), "{host}");
        }
        let target = Target::read("http://127.0.0.2:9/").unwrap();
        assert!(client.addresses(&target).await.is_err());
    }
}
