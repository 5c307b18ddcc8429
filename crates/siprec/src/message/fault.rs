//! What can be wrong with a message, in words its sender can use.

use super::Request;

/// One thing that is wrong with a message. `Display` is fit to be a reason phrase: short, ASCII, one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The start line is neither a request line nor a status line.
    #[error("start line is not SIP")]
    NotSip,
    /// The request line is SIP but not `METHOD URI SIP/2.0` with single spaces.
    #[error("request line malformed: want METHOD, URI and version, one space apart")]
    RequestLine,
    /// The status code is not a number from 100 to 699.
    #[error("status code is not 100 to 699")]
    StatusCode,
    /// A SIP version other than 2.0.
    #[error("SIP version is not 2.0")]
    Version,
    /// There is no empty line after the headers.
    #[error("headers do not end with an empty line")]
    HeadUnfinished,
    /// The head is over [`super::MAX_HEAD_BYTES`] or has over [`super::MAX_HEADERS`] lines.
    #[error("header block over {limit} {unit}")]
    HeadTooLarge {
        /// The limit that was passed.
        limit: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// The message is larger than the transport may carry.
    #[error("message over {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// A header line without a colon or with a name that is no token.
    #[error("header line malformed: want name, colon, value")]
    HeaderLine,
    /// A header that must be there is not.
    #[error("{0} header missing")]
    Missing(&'static str),
    /// A header that may stand once stands twice.
    #[error("{0} header repeated")]
    Repeated(&'static str),
    /// A header whose value breaks its grammar.
    #[error("{name} header malformed: {why}")]
    Malformed {
        /// The header.
        name: &'static str,
        /// What is wrong, or what would be right.
        why: &'static str,
    },
    /// The body is shorter than `Content-Length` says.
    #[error("Content-Length larger than the body")]
    BodyShort,
    /// The Request-URI breaks the grammar.
    #[error("Request-URI malformed: {0}")]
    RequestUri(&'static str),
    /// The Request-URI has a scheme that is not sip, sips or tel.
    #[error("Request-URI scheme not supported, use sip")]
    UriScheme,
}

impl Fault {
    /// The status code that answers it.
    pub fn status(&self) -> u16 {
        match self {
            Self::Version => 505,
            Self::UriScheme => 416,
            Self::TooLarge { .. } | Self::HeadTooLarge { .. } => 413,
            _ => 400,
        }
    }
}

/// A message that could not be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault} (line {line}, byte {offset})")]
pub struct ParseError {
    /// What is wrong.
    pub fault: Fault,
    /// The line, the start line being 1.
    pub line: usize,
    /// The byte at which that line begins.
    pub offset: usize,
    /// If it was a request: all that could be read of it, enough perhaps to answer.
    pub salvaged: Option<Box<Request>>,
}
