//! Bytes to [`Message`] (RFC 3261 §7, §25).

use super::{
    Fault, Headers, MAX_HEAD_BYTES, MAX_HEADERS, Message, Method, ParseError, Request, Response, headers,
};

/// Reads one whole message: a datagram, or what [`super::Framer`] cut from a stream.
///
/// Bytes after the body (as `Content-Length` counts it) are dropped, as RFC 3261 §18.3 says for datagrams. Without
/// `Content-Length` the body reaches to the end. Empty lines before the start line are skipped (§7.5).
///
/// # Errors
/// The first [`Fault`] with its place; if the start line was a request's, with what could be read of the rest.
pub fn parse(bytes: &[u8]) -> Result<Message, ParseError> {
    let skipped = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let mut lines = Lines { bytes, at: skipped, number: 0 };
    let start = lines.next().ok_or_else(|| error(Fault::NotSip, 1, skipped))?;
    let text = decode(start.bytes);
    if let Some(rest) = text.strip_prefix("SIP/") {
        return response(rest, lines);
    }
    let (mut request, mut first) = request_line(&text);
    if first == Some(Fault::NotSip) {
        return Err(error(Fault::NotSip, 1, skipped));
    }
    let mut place = (1, skipped);
    match head(&mut lines, &mut request.headers) {
        Ok(()) => {}
        Err(fault) if first.is_none() => (first, place) = (Some(fault.fault), (fault.line, fault.offset)),
        Err(_) => {}
    }
    match body(&mut request.headers, &bytes[lines.at.min(bytes.len())..]) {
        Ok(body) => request.body = body,
        Err(fault) => first = first.or(Some(fault)),
    }
    match first {
        None => Ok(Message::Request(request)),
        Some(fault) => {
            Err(ParseError { fault, line: place.0, offset: place.1, salvaged: Some(Box::new(request)) })
        }
    }
}

fn error(fault: Fault, line: usize, offset: usize) -> ParseError {
    ParseError { fault, line, offset, salvaged: None }
}

fn request_line(text: &str) -> (Request, Option<Fault>) {
    let nothing = || Request::new(Method::Other(String::new()), "");
    // The version is looked for first: a line that ends in it is SIP, whatever else is wrong with it.
    let Some((front, version)) = text.trim_end().rsplit_once([' ', '\t']) else {
        return (nothing(), Some(Fault::NotSip));
    };
    let Some(number) = version.get(..4).filter(|v| v.eq_ignore_ascii_case("SIP/")).map(|_| &version[4..])
    else {
        return (nothing(), Some(Fault::NotSip));
    };
    let (method, uri) = front.split_once(' ').unwrap_or((front, ""));
    let request = Request::new(Method::new(method.trim()), uri.trim());
    let fault = if !is_token(method) {
        Some(Fault::NotSip)
    } else if number != "2.0" {
        Some(Fault::Version)
    } else if uri.is_empty() || uri.contains([' ', '\t']) || text.len() != text.trim_end().len() {
        Some(Fault::RequestLine)
    } else {
        None
    };
    (request, fault)
}

fn response(rest: &str, mut lines: Lines<'_>) -> Result<Message, ParseError> {
    let at = |fault| error(fault, 1, 0);
    let (version, rest) = rest.split_once(' ').ok_or_else(|| at(Fault::NotSip))?;
    if version != "2.0" {
        return Err(at(Fault::Version));
    }
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let status = Some(code)
        .filter(|c| c.len() == 3 && c.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|c| c.parse().ok())
        .filter(|c| (100..700).contains(c))
        .ok_or_else(|| at(Fault::StatusCode))?;
    let mut headers = Headers::default();
    head(&mut lines, &mut headers)?;
    let body = body(&mut headers, &lines.bytes[lines.at.min(lines.bytes.len())..]).map_err(at)?;
    Ok(Message::Response(Response { status, reason: reason.to_owned(), headers, body }))
}

/// Reads header lines up to the empty one. Goes on after a bad line, so that the rest can be salvaged.
fn head(lines: &mut Lines<'_>, headers: &mut Headers) -> Result<(), ParseError> {
    let mut first = None;
    let mut fail = |fault, line: usize, offset: usize| {
        first.get_or_insert_with(|| error(fault, line, offset));
    };
    loop {
        let Some(line) = lines.next() else {
            fail(Fault::HeadUnfinished, lines.number, lines.at);
            break;
        };
        if line.bytes.is_empty() {
            break;
        }
        if lines.at > MAX_HEAD_BYTES + 2 {
            fail(Fault::HeadTooLarge { limit: MAX_HEAD_BYTES, unit: "bytes" }, line.number, line.offset);
            break;
        }
        if headers.len() == MAX_HEADERS {
            fail(Fault::HeadTooLarge { limit: MAX_HEADERS, unit: "lines" }, line.number, line.offset);
            break;
        }
        let text = unfold(decode(line.bytes));
        match text.split_once(':') {
            Some((name, value)) if is_token(name.trim_end_matches([' ', '\t'])) => {
                headers.push(headers::long_name(name.trim_end()), value.trim());
            }
            _ => fail(Fault::HeaderLine, line.number, line.offset),
        }
    }
    first.map_or(Ok(()), Err)
}

/// Cuts the body by `Content-Length` and takes that header away: printing states it anew.
fn body(headers: &mut Headers, rest: &[u8]) -> Result<Vec<u8>, Fault> {
    let length = content_length(headers);
    headers.remove("Content-Length");
    match length? {
        None => Ok(rest.to_vec()),
        Some(length) => rest.get(..length).map(<[u8]>::to_vec).ok_or(Fault::BodyShort),
    }
}

/// The stated length of the body. Two lines that differ are refused: readers would cut at different places.
pub(super) fn content_length(headers: &Headers) -> Result<Option<usize>, Fault> {
    let mut length = None;
    for value in headers.all("Content-Length") {
        if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Fault::Malformed { name: "Content-Length", why: "want a number" });
        }
        let number: u32 = value
            .parse()
            .map_err(|_| Fault::Malformed { name: "Content-Length", why: "number over 32 bits" })?;
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        if length.is_some_and(|known| known != number) {
            return Err(Fault::Repeated("Content-Length"));
        }
        length = Some(number);
    }
    Ok(length)
}

/// Whether the text is a token (RFC 3261 §25.1).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b))
}

/// UTF-8, or else Latin-1: a call is not lost for the spelling of a name.
fn decode(bytes: &[u8]) -> String {
    match core::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|b| char::from(*b)).collect(),
    }
}

/// Makes a folded header one line (RFC 3261 §7.3.1).
fn unfold(text: String) -> String {
    if !text.contains(['\r', '\n']) {
        return text;
    }
    text.split(['\r', '\n']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// One line, folded continuation lines included.
struct Line<'a> {
    bytes: &'a [u8],
    number: usize,
    offset: usize,
}

/// Cuts the head into lines. A line ends in CRLF or LF; a line that begins with a blank continues the one before.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<Line<'a>> {
        let (offset, number) = (self.at, self.number + 1);
        let mut end = self.line_end()?;
        // An empty line is never continued: it ends the head.
        let empty = end.0 == offset;
        while !empty && matches!(self.bytes.get(self.at), Some(b' ' | b'\t')) {
            end = self.line_end()?;
        }
        Some(Line { bytes: &self.bytes[offset..end.0], number, offset })
    }

    /// Moves behind the next line break; gives the place of the break.
    fn line_end(&mut self) -> Option<(usize, usize)> {
        let feed = self.at + self.bytes.get(self.at..)?.iter().position(|b| *b == b'\n')?;
        let end = if feed > self.at && self.bytes[feed - 1] == b'\r' { feed - 1 } else { feed };
        self.at = feed + 1;
        self.number += 1;
        Some((end, feed))
    }
}
