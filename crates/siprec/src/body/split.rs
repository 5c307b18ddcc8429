//! Cuts received bytes into parts, liberally: any header order and case, quoted boundaries, preamble and epilogue,
//! bare line feeds, a missing closing boundary (A3-01 to A3-07).

use super::{
    BodyError, MAX_METADATA_BYTES, MAX_NESTING, MAX_PART_HEADER_BYTES, MAX_PARTS, MAX_SDP_BYTES, Parts,
    SDP_TYPE, UnknownPart,
};

/// Cuts `bytes` into parts by the message's `Content-Type` and `Content-Disposition`.
///
/// An empty body yields empty parts whatever the headers say.
///
/// # Errors
/// [`BodyError`] when the framing cannot be followed or a limit is passed; [`BodyError::status`] names the SIP answer.
pub fn split(
    content_type: Option<&str>,
    content_disposition: Option<&str>,
    bytes: &[u8],
) -> Result<Parts, BodyError> {
    let mut cut = Cut::default();
    if bytes.is_empty() {
        return Ok(cut.parts);
    }
    let Some(content_type) = content_type else {
        return Err(BodyError::NoContentType { bytes: bytes.len() });
    };
    let headers = PartHeaders {
        content_type: Some(content_type.to_owned()),
        disposition: content_disposition.map(str::to_owned),
        transfer_encoding: None,
    };
    cut.part(&headers, bytes, 0)?;
    Ok(cut.parts)
}

#[derive(Default)]
struct Cut {
    parts: Parts,
    seen: usize,
}

#[derive(Default)]
struct PartHeaders {
    content_type: Option<String>,
    disposition: Option<String>,
    transfer_encoding: Option<String>,
}

impl Cut {
    /// Files one part, or goes into it when it is multipart itself.
    fn part(&mut self, headers: &PartHeaders, bytes: &[u8], depth: usize) -> Result<(), BodyError> {
        // RFC 2046 §5.1: a part without Content-Type is text/plain.
        let value = headers.content_type.as_deref().unwrap_or("text/plain");
        let media_type = media_type(value)?;
        if media_type.starts_with("multipart/") {
            if depth == MAX_NESTING {
                return Err(BodyError::TooDeep);
            }
            return self.multipart(value, bytes, depth);
        }
        self.seen += 1;
        if self.seen > MAX_PARTS {
            return Err(BodyError::TooManyParts);
        }
        let disposition = headers.disposition.as_deref().unwrap_or("");
        let is_metadata = is_metadata(&media_type, disposition);
        if (media_type == SDP_TYPE || is_metadata)
            && let Some(encoding) = &headers.transfer_encoding
            && !["7bit", "8bit", "binary"].iter().any(|known| encoding.eq_ignore_ascii_case(known))
        {
            return Err(BodyError::TransferEncoding { part: self.seen, encoding: shorten(encoding) });
        }
        if media_type == SDP_TYPE {
            limit("application/sdp", bytes.len(), MAX_SDP_BYTES)?;
            if self.parts.sdp.replace(bytes.to_vec()).is_some() {
                return Err(BodyError::TwoDescriptions);
            }
        } else if is_metadata && self.parts.metadata.is_none() {
            limit("metadata", bytes.len(), MAX_METADATA_BYTES)?;
            self.parts.metadata = Some(bytes.to_vec());
        } else {
            // A second metadata part is kept by name only: no call fails over metadata.
            let optional =
                parameter(disposition, "handling").is_some_and(|h| h.eq_ignore_ascii_case("optional"));
            self.parts
                .unknown
                .push(UnknownPart { content_type: media_type, required: !optional && !is_metadata });
        }
        Ok(())
    }

    fn multipart(&mut self, content_type: &str, bytes: &[u8], depth: usize) -> Result<(), BodyError> {
        let boundary = parameter(content_type, "boundary")
            .filter(|boundary| (1..=70).contains(&boundary.len()))
            .ok_or(BodyError::NoBoundary)?;
        let mut found = false;
        let mut start = None;
        let mut at = 0;
        while at < bytes.len() {
            let line_end = bytes[at..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |n| at + n + 1);
            if let Some(closing) = delimiter(&bytes[at..line_end], boundary.as_bytes()) {
                found = true;
                if let Some(start) = start {
                    self.framed(bytes, start, before_line_end(bytes, start, at), depth)?;
                }
                start = Some(line_end);
                if closing {
                    return Ok(());
                }
            }
            at = line_end;
        }
        if !found {
            return Err(BodyError::BoundaryNotFound { boundary });
        }
        // No closing delimiter. Content-Length has already said where the body ends, so what is there is whole.
        match start {
            Some(start) if start < bytes.len() => self.framed(bytes, start, bytes.len(), depth),
            _ => Ok(()),
        }
    }

    /// One part between two delimiters: header block, empty line, content.
    fn framed(&mut self, bytes: &[u8], start: usize, end: usize, depth: usize) -> Result<(), BodyError> {
        let mut headers = PartHeaders::default();
        let mut line_text = String::new();
        let (mut at, mut line_at) = (start, start);
        let bad = |seen: usize, offset| BodyError::BadPartHeader { part: seen + 1, offset };
        // An empty part may end right after its headers, its empty line taken by the boundary.
        while at < end {
            let rest = &bytes[at..end];
            let line_len = rest.iter().position(|&b| b == b'\n').map_or(rest.len(), |n| n + 1);
            let line = rest[..line_len].trim_ascii_end();
            let this_at = at;
            at += line_len;
            if line.is_empty() {
                break;
            }
            if matches!(rest[0], b' ' | b'\t') {
                line_text.push(' ');
                line_text.push_str(&String::from_utf8_lossy(line.trim_ascii_start()));
            } else {
                headers.take(&line_text).ok_or_else(|| bad(self.seen, line_at))?;
                line_at = this_at;
                line_text = String::from_utf8_lossy(line).into_owned();
            }
            if at - start > MAX_PART_HEADER_BYTES {
                return Err(bad(self.seen, line_at));
            }
        }
        headers.take(&line_text).ok_or_else(|| bad(self.seen, line_at))?;
        self.part(&headers, &bytes[at..end], depth + 1)
    }
}

impl PartHeaders {
    /// Takes one unfolded header line; `None` when it has no colon.
    fn take(&mut self, line: &str) -> Option<()> {
        if line.is_empty() {
            return Some(());
        }
        let (name, value) = line.split_once(':')?;
        let value = value.trim().to_owned();
        match name.trim().to_ascii_lowercase().as_str() {
            "content-type" | "c" => self.content_type = Some(value),
            "content-disposition" => self.disposition = Some(value),
            "content-transfer-encoding" => self.transfer_encoding = Some(value),
            _ => {}
        }
        Some(())
    }
}

/// Whether `line` is a delimiter: `Some(true)` for the closing one (RFC 2046 §5.1.1).
fn delimiter(line: &[u8], boundary: &[u8]) -> Option<bool> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    match rest.strip_prefix(b"--") {
        Some(rest) if rest.trim_ascii().is_empty() => Some(true),
        None if rest.trim_ascii().is_empty() => Some(false),
        _ => None,
    }
}

/// The line end in front of a delimiter belongs to the delimiter (A2-17).
fn before_line_end(bytes: &[u8], start: usize, delimiter: usize) -> usize {
    let part = &bytes[start..delimiter];
    let part = part.strip_suffix(b"\n").map_or(part, |part| part.strip_suffix(b"\r").unwrap_or(part));
    start + part.len()
}

/// RFC 9806 type, its ancestor without `+xml`, or any XML marked as being about the recording session (A3-02, A3-03).
fn is_metadata(media_type: &str, disposition: &str) -> bool {
    if matches!(media_type, "application/rs-metadata+xml" | "application/rs-metadata") {
        return true;
    }
    let marked =
        disposition.split(';').next().is_some_and(|d| d.trim().eq_ignore_ascii_case("recording-session"));
    marked && matches!(media_type, "application/xml" | "text/xml")
}

fn media_type(value: &str) -> Result<String, BodyError> {
    let name = value.split(';').next().unwrap_or_default().trim();
    let well_formed = name.split_once('/').is_some_and(|(main, sub)| is_token(main) && is_token(sub));
    if well_formed {
        Ok(name.to_ascii_lowercase())
    } else {
        Err(BodyError::BadContentType { value: shorten(value) })
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The value of parameter `name`, quotes removed. Semicolons inside quotes do not end a parameter.
fn parameter(value: &str, name: &str) -> Option<String> {
    let mut rest = value.split_once(';')?.1;
    loop {
        let (key, after) = rest.split_once('=').map_or((rest, ""), |(k, a)| (k, a.trim_start()));
        // A parameter without a value in front of the one looked for.
        if let Some((_, next)) = key.split_once(';') {
            rest = &rest[key.len() - next.len()..];
            continue;
        }
        let (text, next) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let (text, next) = after.split_once(';').unwrap_or((after, ""));
                (text.trim().to_owned(), next)
            }
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(text);
        }
        if next.is_empty() {
            return None;
        }
        rest = next;
    }
}

/// Reads a quoted string after its opening quote; returns it and what follows the next semicolon.
fn unquote(quoted: &str) -> (String, &str) {
    let mut text = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => text.extend(chars.next().map(|(_, escaped)| escaped)),
            '"' => {
                let rest = &quoted[at + 1..];
                return (text, rest.split_once(';').map_or("", |(_, next)| next));
            }
            _ => text.push(c),
        }
    }
    (text, "")
}

fn limit(what: &'static str, bytes: usize, limit: usize) -> Result<(), BodyError> {
    if bytes > limit { Err(BodyError::TooLarge { what, bytes, limit }) } else { Ok(()) }
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}
