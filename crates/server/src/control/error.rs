//! What is said when something cannot be done: the only file that knows status codes of refusals.
//!
//! The WFO face answers `{"Message": ...}` with the codes of the original (product decision 8); the native face
//! answers problem documents (RFC 9457). Each text says what is wrong and what would be right; none of them ever
//! holds a value of `CallMetadata`.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::desk::AskError;
use crate::http::OverRate;

/// How often a client that is told to come back may do so, in seconds.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("2");

/// A refusal as the WFO face says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WfoFault {
    /// 404: nothing matches, or a parameter is missing or malformed.
    NotFound(String),
    /// 405: the command exists, with another method.
    Method {
        /// The method it has.
        allow: &'static str,
        /// The command, as the API writes it.
        command: &'static str,
    },
    /// 403: a web page of another origin asks.
    Forbidden(&'static str),
    /// 401: nobody may command who does not say who they are.
    Unauthorized,
    /// 403: who asks may not do it.
    NotAllowed(String),
    /// 429: who asks takes more than their share.
    TooMany {
        /// Of what, and what to do.
        why: String,
        /// When to ask again, if that is a matter of time.
        seconds: Option<u64>,
    },
    /// 413: more than [`crate::http::BODY_LIMIT_BYTES`].
    TooLarge,
    /// 500: the fact could not be made durable.
    NotDurable,
    /// 500: something else is in the way, or not set up.
    Failed(String),
    /// 503: not now, and why.
    Unavailable(String),
    /// 503: the recorder is stopping.
    Stopping,
    /// 503: no answer within [`crate::http::REQUEST_TIMEOUT`].
    TooSlow,
}

/// The body of every WFO refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WfoMessage {
    /// What is wrong and what would be right.
    #[serde(rename = "Message")]
    message: String,
}

/// Why something was not done, as the audit is told it. It goes along with the answer, and never leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told(pub(crate) String);

impl Told {
    /// The longest that is told, in characters.
    const MAX_CHARS: usize = 300;

    fn of(why: &str) -> Self {
        // What is cut off in its middle would not be seen to be the number of a card any more.
        let why = calls::card::struck(why);
        if why.chars().count() <= Self::MAX_CHARS {
            return Self(why.into_owned());
        }
        Self(why.chars().take(Self::MAX_CHARS).chain("...".chars()).collect())
    }
}

impl WfoFault {
    /// 404 with a message, made a sentence.
    pub(crate) fn not_found(message: &str) -> Self {
        Self::NotFound(sentence(message))
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) | Self::NotAllowed(_) => StatusCode::FORBIDDEN,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotDurable | Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable(_) | Self::Stopping | Self::TooSlow => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::NotFound(message) => message.clone(),
            Self::Failed(why) | Self::Unavailable(why) | Self::NotAllowed(why) | Self::TooMany { why, .. } => sentence(why),
            Self::Unauthorized => "Say who you are: send a name and a password, or an API key as password, by HTTP Basic; \
                                   or the key as Authorization: Bearer stk_..."
                .to_owned(),
            Self::Method { allow, command } => format!("{command} is called with {}.", allow.replace(", ", " or ")),
            Self::Forbidden(why) => sentence(why),
            Self::TooLarge => too_large(),
            Self::NotDurable => "The command could not be written to disk in time, so it is not certain that it \
                                 outlives a restart. A blackout asked for is on all the same. Send the command \
                                 again."
                .to_owned(),
            Self::Stopping => "The recorder is stopping; send the command again in a moment.".to_owned(),
            Self::TooSlow => "This took too long; send the command again.".to_owned(),
        }
    }
}

impl From<AskError> for WfoFault {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Refused(refusal) => Self::not_found(&refusal.to_string()),
            AskError::NotDurable => Self::NotDurable,
            AskError::Stopping => Self::Stopping,
        }
    }
}

impl From<OverRate> for WfoFault {
    fn from(OverRate { why, seconds }: OverRate) -> Self {
        Self::TooMany { why, seconds: Some(seconds) }
    }
}

impl IntoResponse for WfoFault {
    fn into_response(self) -> Response {
        let message = self.message();
        let told = Told::of(&message);
        let mut response = (self.status(), Json(WfoMessage { message })).into_response();
        response.extensions_mut().insert(told);
        let headers = response.headers_mut();
        match self {
            Self::Method { allow, .. } => {
                headers.insert(header::ALLOW, HeaderValue::from_static(allow));
            }
            Self::Unavailable(_) | Self::Stopping | Self::TooSlow => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER_S);
            }
            Self::Unauthorized => {
                let ways = HeaderValue::from_static("Basic realm=\"Sidetone\", charset=\"UTF-8\"");
                headers.insert(header::WWW_AUTHENTICATE, ways);
                headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::TooMany { seconds: Some(seconds), .. } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            Self::TooMany { seconds: None, .. }
            | Self::NotFound(_)
            | Self::Forbidden(_)
            | Self::NotAllowed(_)
            | Self::TooLarge
            | Self::NotDurable
            | Self::Failed(_) => {}
        }
        response
    }
}

/// A problem document (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the title is that of the status.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong here and what would be right.
    detail: String,
    /// The parameter that is at fault, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// The line of the body that is at fault, counted from 1, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip)]
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl Problem {
    /// A problem of any status.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: sentence(&detail.into()),
            parameter: None,
            line: None,
            header: None,
        }
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What went wrong and what would be right, as a sentence.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// What the audit is told of it. What a 400 says may repeat what was sent, and that may be what is kept nowhere else.
    fn told(&self) -> Told {
        if self.status != StatusCode::BAD_REQUEST.as_u16() {
            return Told::of(&self.detail);
        }
        let is_ours = |name: &&String| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let what = self.parameter.as_ref().filter(is_ours).map_or("what was sent", String::as_str);
        Told::of(&format!("{what} is not as it should be"))
    }

    /// 400 for a parameter.
    pub(crate) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        Self { parameter: Some(name.to_owned()), ..Self::new(StatusCode::BAD_REQUEST, detail) }
    }

    /// 400 for a line of the body.
    pub(crate) fn line(line: u64, detail: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::new(StatusCode::BAD_REQUEST, detail) }
    }

    /// 404.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 405; which methods there are stands in `Allow`, put there by the router.
    pub(crate) fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "this address is there, but not for this method; see Allow")
    }

    /// 413.
    pub(crate) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, too_large())
    }

    /// 500. The cause is logged here, where it ends, and not told.
    pub(crate) fn failed(doing: &str, cause: &dyn std::error::Error) -> Self {
        let mut chain = cause.to_string();
        let mut next = cause.source();
        while let Some(source) = next {
            chain.push_str(": ");
            chain.push_str(&source.to_string());
            next = source.source();
        }
        tracing::error!(error = %chain, "{doing} failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{doing} failed; the log says more"))
    }

    /// 503 with a word on when to try again.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        let header = Some(Box::new((header::RETRY_AFTER, RETRY_AFTER_S)));
        Self { header, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// What the desk refuses because of what is known already: 409.
    pub(crate) fn conflict(error: AskError) -> Self {
        match error {
            AskError::Refused(refusal) => Self::new(StatusCode::CONFLICT, refusal.to_string()),
            AskError::NotDurable | AskError::Stopping => error.into(),
        }
    }

    /// The same with a header of its own.
    pub(crate) fn with_header(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some(Box::new((name, value))), ..self }
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Refused(refusal) => Self::not_found(refusal.to_string()),
            AskError::NotDurable => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "this could not be written to disk in time; send it again",
            ),
            AskError::Stopping => Self::unavailable("the recorder is stopping"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(&self)).into_response();
        response.extensions_mut().insert(self.told());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = self.header.map(|header| *header) {
            headers.insert(name, value);
        }
        response
    }
}

fn too_large() -> String {
    format!("The body is larger than {} bytes.", crate::http::BODY_LIMIT_BYTES)
}

/// The text as a sentence: errors of the inner crates begin small and end without a stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let mut sentence: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    sentence.push_str(letters.as_str());
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}
