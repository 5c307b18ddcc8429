//! Questions to a recorder over HTTP. An answer is an answer, whatever its status.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

/// A client of one recorder.
#[derive(Debug, Clone)]
pub struct Http {
    base: String,
    agent: ureq::Agent,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value, empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {} {}", self.status, self.text()))
    }

    /// The answer, if it is a good one.
    ///
    /// # Panics
    /// When its status is another than 200.
    #[allow(clippy::must_use_candidate, reason = "it is often said only to have it checked")]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.text());
        self
    }
}

impl Http {
    /// Of the recorder that listens there.
    pub fn new(address: SocketAddr) -> Self {
        Self::at(&address.to_string())
    }

    /// Of whoever listens at this host and port.
    pub fn at(authority: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Self { base: format!("http://{authority}"), agent: ureq::Agent::new_with_config(config) }
    }

    /// Of the recorder that listens there for TLS. Where it is can be told; it is asked with real programs.
    pub fn over_tls(address: SocketAddr) -> Self {
        Self { base: format!("https://{address}"), ..Self::new(address) }
    }

    /// Where it listens, as host and port.
    ///
    /// # Panics
    /// Never: the URL was made of an address.
    pub fn address(&self) -> &str {
        self.base.split_once("://").expect("it has a scheme").1
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// GET.
    ///
    /// # Panics
    /// When there is no answer; so do the others.
    pub fn get(&self, path: &str) -> Answer {
        read(path, self.agent.get(self.url(path)).call())
    }

    /// GET of a range of bytes, such as `0-99`.
    pub fn get_range(&self, path: &str, range: &str) -> Answer {
        read(path, self.agent.get(self.url(path)).header("Range", format!("bytes={range}")).call())
    }

    /// POST of a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_bytes(path, "application/json", body.to_string().as_bytes())
    }

    /// POST of any body.
    pub fn post_bytes(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        read(path, self.agent.post(self.url(path)).header("Content-Type", content_type).send(body))
    }

    /// PUT of a JSON body.
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        read(path, self.agent.put(self.url(path)).send(body.to_string().as_bytes()))
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Answer {
        read(path, self.agent.delete(self.url(path)).call())
    }

    /// POST of a JSON body, if there is a recorder to answer it.
    pub fn try_post(&self, path: &str, body: &Value) -> Option<Answer> {
        let sent = self.agent.post(self.url(path)).send(body.to_string().as_bytes());
        sent.ok().and_then(collect)
    }
}

fn read(path: &str, sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let response = sent.unwrap_or_else(|error| panic!("{path}: no answer: {error}"));
    collect(response).unwrap_or_else(|| panic!("{path}: the body broke off"))
}

fn collect(mut response: ureq::http::Response<ureq::Body>) -> Option<Answer> {
    let body = response.body_mut().with_config().limit(256 << 20).read_to_vec().ok()?;
    let header = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers = response.headers().iter().map(header).collect();
    Some(Answer { status: response.status().as_u16(), headers, body })
}
