//! SIP syntax: requests and responses as values, and as bytes.
//!
//! *Belongs here*: what a message says, byte by byte: start lines, header lines, URIs, the cutting of a TCP stream.
//! *Does not*: what a message means for a transaction, a dialog or a recording session.
//!
//! RFC 3261 §7 (messages), §18.3 (framing), §19.1 (URIs), §20 (headers), §25 (grammar); RFC 4475 (torture tests).
//!
//! Reading is liberal where nothing can be misunderstood (bare LF, folded lines, compact names, spaces around a
//! colon, Latin-1 in names) and refuses what two readers could read in two ways (two `Content-Length` values, two
//! `Call-ID`s). What is refused is named: see [`Fault`].

pub mod check;
pub mod fault;
pub mod framing;
pub mod header;
mod headers;
mod method;
mod parse;
mod print;
pub mod uri;

#[cfg(test)]
mod tests;

pub use check::Essentials;
pub use fault::{Fault, ParseError};
pub use framing::{Frame, Framer, FramingError};
pub use headers::Headers;
pub use method::Method;
pub use parse::parse;
pub use uri::Uri;

/// Largest SIP message taken from one datagram, in bytes (A3-08).
pub const MAX_DATAGRAM_BYTES: usize = 64 * 1024;
/// Largest SIP message taken from a stream connection, in bytes (A3-08).
pub const MAX_STREAM_MESSAGE_BYTES: usize = 256 * 1024;
/// Largest block of start line and headers, in bytes (A3-08).
pub const MAX_HEAD_BYTES: usize = 32 * 1024;
/// Most header lines in one message. An INVITE that crossed many proxies has about 60.
pub const MAX_HEADERS: usize = 256;

/// One SIP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request (RFC 3261 §7.1).
    Request(Request),
    /// A response (RFC 3261 §7.2).
    Response(Response),
}

/// A SIP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// The Request-URI as written; [`Uri::parse`] reads it.
    pub uri: String,
    /// The header lines in order. `Content-Length` is not among them after parsing: printing states it anew.
    pub headers: Headers,
    /// The body, exactly as long as `Content-Length` said.
    pub body: Vec<u8>,
}

/// A SIP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code, 100 to 699.
    pub status: u16,
    /// Reason phrase; may be empty.
    pub reason: String,
    /// The header lines in order, without `Content-Length`.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// An empty request; add `Via`, `From`, `To`, `Call-ID`, `CSeq` and `Max-Forwards` before sending it.
    pub fn new(method: Method, uri: impl Into<String>) -> Self {
        Self { method, uri: uri.into(), headers: Headers::default(), body: Vec::new() }
    }

    /// A response to this request with the headers RFC 3261 §8.2.6.2 says to copy: every `Via`, `From`, `To`,
    /// `Call-ID`, `CSeq`, and `Timestamp` into a 100. The caller adds its tag to `To`.
    pub fn respond(&self, status: u16) -> Response {
        let mut response = Response::new(status);
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in self.headers.all(name) {
                response.headers.push(name, value);
            }
        }
        if status == 100
            && let Some(value) = self.headers.get("Timestamp")
        {
            response.headers.push("Timestamp", value);
        }
        response
    }

    /// The message as bytes, with a true `Content-Length`.
    pub fn to_bytes(&self) -> Vec<u8> {
        print::request(self)
    }
}

impl Response {
    /// An empty response with the usual reason phrase.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            reason: reason_phrase(status).to_owned(),
            headers: Headers::default(),
            body: Vec::new(),
        }
    }

    /// The same response with another reason phrase, cut to 120 characters. Characters that RFC 3261 §25.1 does not
    /// allow there become spaces, quotes of any kind become `'`.
    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        let fit = |c: char| match c {
            '"' | '`' => '\'',
            '<' | '>' | '[' | ']' | '{' | '}' | '\\' | '^' | '|' | '%' | '#' => ' ',
            c if c.is_control() => ' ',
            c => c,
        };
        self.reason = reason.chars().take(120).map(fit).collect();
        self
    }

    /// The message as bytes, with a true `Content-Length`.
    pub fn to_bytes(&self) -> Vec<u8> {
        print::response(self)
    }
}

/// The reason phrase RFC 3261 §21 (and 4028, 6026) gives a status code.
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        200 => "OK",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        _ => match status / 100 {
            1 => "Session Progress",
            2 => "OK",
            3 => "Redirection",
            4 => "Request Failure",
            5 => "Server Failure",
            _ => "Global Failure",
        },
    }
}
