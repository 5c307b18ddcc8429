//! SIP URIs (RFC 3261 §19.1), and just enough of all others to name their scheme.

use super::header::params::Params;

/// A URI as it stands in a Request-URI, a Contact or a name-addr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    /// The scheme in lower case: `sip`, `sips`, `tel`, or any other.
    pub scheme: String,
    /// The part before `@`, password included, escapes kept. For `tel` the number. `None` if there is no `@`.
    pub user: Option<String>,
    /// Host name or address; an IPv6 address keeps its brackets. For schemes other than sip and sips: what follows.
    pub host: String,
    /// The port, if written.
    pub port: Option<u16>,
    /// Parameters after `;`.
    pub params: Params,
    /// Header part after `?`, as written.
    pub headers: Option<String>,
}

/// Why a text is no URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// No scheme before a colon.
    #[error("no scheme")]
    Scheme,
    /// A blank, a control character, an angle bracket or a quote.
    #[error("character not allowed")]
    Character,
    /// The host is empty or has characters no host has.
    #[error("host malformed")]
    Host,
    /// The port is no number up to 65535.
    #[error("port is not 0 to 65535")]
    Port,
}

impl UriError {
    /// The same words as `Display`, for reason phrases.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Scheme => "no scheme",
            Self::Character => "character not allowed",
            Self::Host => "host malformed",
            Self::Port => "port is not 0 to 65535",
        }
    }
}

impl Uri {
    /// Reads a URI.
    ///
    /// # Errors
    /// [`UriError`] says which part breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"')) {
            return Err(UriError::Character);
        }
        let (scheme, rest) = text.split_once(':').ok_or(UriError::Scheme)?;
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if !is_scheme {
            return Err(UriError::Scheme);
        }
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "sip" | "sips" => Self::sip(scheme, rest),
            "tel" => {
                let (number, params) = rest.split_once(';').unwrap_or((rest, ""));
                let user = Some(number.to_owned());
                Ok(Self {
                    scheme,
                    user,
                    host: String::new(),
                    port: None,
                    params: Params::parse(params),
                    headers: None,
                })
            }
            _ => {
                let host = rest.to_owned();
                Ok(Self { scheme, user: None, host, port: None, params: Params::default(), headers: None })
            }
        }
    }

    fn sip(scheme: String, rest: &str) -> Result<Self, UriError> {
        // The user part may hold ';' and '?', so '@' is looked for first (RFC 4475 §3.1.1.9).
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, rest),
        };
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(headers.to_owned())),
            None => (rest, None),
        };
        let (place, params) = rest.split_once(';').unwrap_or((rest, ""));
        let (host, port) = host_port(place)?;
        Ok(Self { scheme, user, host, port, params: Params::parse(params), headers })
    }

    /// The host as an address, if it is one.
    pub fn address(&self) -> Option<core::net::IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }
}

/// Reads `host`, `host:port`, `[v6]` or `[v6]:port`.
///
/// # Errors
/// [`UriError::Host`] or [`UriError::Port`].
pub fn host_port(text: &str) -> Result<(String, Option<u16>), UriError> {
    let (host, port) = if text.starts_with('[') {
        let end = text.find(']').ok_or(UriError::Host)?;
        let (host, rest) = text.split_at(end + 1);
        if host[1..end].parse::<core::net::Ipv6Addr>().is_err() {
            return Err(UriError::Host);
        }
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(UriError::Host),
        }
    } else {
        let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
        let is_host =
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        if !is_host {
            return Err(UriError::Host);
        }
        (host, port)
    };
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse().map_err(|_| UriError::Port)?)
        }
        Some(_) => return Err(UriError::Port),
    };
    Ok((host.to_owned(), port))
}
