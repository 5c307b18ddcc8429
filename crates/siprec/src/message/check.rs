//! The headers no request can do without (RFC 3261 §8.1.1), read once and checked together.

use super::{
    Fault, Headers, Method, Request, Response,
    header::{CSeq, NameAddr, Via, list},
    uri::Uri,
};

/// What every request has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Essentials {
    /// The topmost Via: the hop the message came from.
    pub via: Via,
    /// From.
    pub from: NameAddr,
    /// To.
    pub to: NameAddr,
    /// The SIP Call-ID.
    pub sip_call_id: String,
    /// `CSeq`.
    pub cseq: CSeq,
}

impl Essentials {
    /// Reads and checks the headers of a request. Not the Request-URI: see [`check_uri`].
    ///
    /// # Errors
    /// The first header that is missing, repeated or malformed.
    pub fn of_request(request: &Request) -> Result<Self, Fault> {
        let essentials = Self::of(&request.headers)?;
        if essentials.cseq.method != request.method {
            return Err(Fault::Malformed { name: "CSeq", why: "method differs from the request line" });
        }
        if let Some(hops) = once(&request.headers, "Max-Forwards")?
            && hops.parse::<u8>().is_err()
        {
            return Err(Fault::Malformed { name: "Max-Forwards", why: "want 0 to 255" });
        }
        Ok(essentials)
    }

    /// Reads and checks the headers of a response.
    ///
    /// # Errors
    /// The first header that is missing, repeated or malformed.
    pub fn of_response(response: &Response) -> Result<Self, Fault> {
        Self::of(&response.headers)
    }

    fn of(headers: &Headers) -> Result<Self, Fault> {
        // RFC 4475 §3.1.2.1: a path with a hole in it is no path.
        if headers.all("Via").any(list::has_gap) {
            return Err(Fault::Malformed { name: "Via", why: "an element is empty" });
        }
        let via = headers.list("Via").next().ok_or(Fault::Missing("Via"))?;
        let via = Via::parse(via).map_err(|why| Fault::Malformed { name: "Via", why })?;
        let address = |name: &'static str| {
            let value = once(headers, name)?.ok_or(Fault::Missing(name))?;
            NameAddr::parse(value).map_err(|why| Fault::Malformed { name, why })
        };
        let from = address("From")?;
        let to = address("To")?;
        let sip_call_id = once(headers, "Call-ID")?.ok_or(Fault::Missing("Call-ID"))?;
        if sip_call_id.is_empty() || sip_call_id.contains(char::is_whitespace) {
            return Err(Fault::Malformed { name: "Call-ID", why: "want one word" });
        }
        let cseq = once(headers, "CSeq")?.ok_or(Fault::Missing("CSeq"))?;
        let cseq = CSeq::parse(cseq).map_err(|why| Fault::Malformed { name: "CSeq", why })?;
        Ok(Self { via, from, to, sip_call_id: sip_call_id.to_owned(), cseq })
    }
}

/// The value of a header that may stand only once.
fn once<'a>(headers: &'a Headers, name: &'static str) -> Result<Option<&'a str>, Fault> {
    let mut values = headers.all(name);
    let value = values.next();
    if values.next().is_some() { Err(Fault::Repeated(name)) } else { Ok(value) }
}

/// Checks the Request-URI: sip, sips or tel, and no header part (RFC 3261 §19.1.1, §8.2.2.1).
///
/// # Errors
/// [`Fault::UriScheme`] (416) or [`Fault::RequestUri`] (400).
pub fn check_uri(request: &Request) -> Result<Uri, Fault> {
    let uri = Uri::parse(&request.uri).map_err(|error| Fault::RequestUri(error.reason()))?;
    if !matches!(uri.scheme.as_str(), "sip" | "sips" | "tel") {
        return Err(Fault::UriScheme);
    }
    if uri.headers.is_some() {
        return Err(Fault::RequestUri("a header part is not allowed"));
    }
    Ok(uri)
}

/// Whether an extension method's name is one an RFC defines; others are answered 501 instead of 405 (A9-03).
pub fn is_known_method(method: &Method) -> bool {
    !matches!(method, Method::Other(_))
}
