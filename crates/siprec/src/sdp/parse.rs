//! Bytes to [`Description`]: a tidying pass for what the field sends, the generic parser, then the typed view.

use std::net::IpAddr;

use sdp_types::{Attribute, Connection, Media, Session};

use super::{Description, Direction, Format, MAX_FORMATS, MAX_LINES, MAX_TEXT_LINES, OfferLine, Rtcp};

/// Why bytes are not a session description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    /// Nothing in it.
    #[error("the session description is empty")]
    Empty,
    /// More text lines than [`MAX_TEXT_LINES`].
    #[error("the session description has more than {MAX_TEXT_LINES} lines")]
    TooManyTextLines,
    /// The grammar is broken where it matters.
    #[error("session description, line {line}: {reason}")]
    Syntax {
        /// Line number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The first line is not `v=0`.
    #[error("a session description starts with the line v=0")]
    NoVersion,
    /// No `m=` line.
    #[error("the session description has no m= line, so there is no stream to speak of")]
    NoMediaLines,
    /// More media lines than [`MAX_LINES`].
    #[error("the session description has {lines} media lines; at most {MAX_LINES} are read")]
    TooManyMediaLines {
        /// How many it has.
        lines: usize,
    },
}

pub(super) fn parse(bytes: &[u8]) -> Result<Description, SdpError> {
    if bytes.trim_ascii().is_empty() {
        return Err(SdpError::Empty);
    }
    let session = Session::parse(tidy(bytes)?.as_bytes()).map_err(|error| syntax(&error))?;
    if session.medias.is_empty() {
        return Err(SdpError::NoMediaLines);
    }
    if session.medias.len() > MAX_LINES {
        return Err(SdpError::TooManyMediaLines { lines: session.medias.len() });
    }
    let groups = values(&session.attributes, "group").map(str::to_owned).collect();
    Ok(Description {
        version: session.origin.sess_version,
        times: session.times.iter().map(|t| (t.start_time, t.stop_time)).collect(),
        groups,
        lines: session.medias.iter().map(|media| line(media, &session)).collect(),
        session_id: session.origin.sess_id,
    })
}

/// Makes the text regular without moving any line: what the recorder does not read, or would refuse a call over
/// without need, becomes an `x=` line, which the parser skips.
fn tidy(bytes: &[u8]) -> Result<String, SdpError> {
    let mut tidied = String::with_capacity(bytes.len() + 16);
    let mut in_media = false;
    let mut session_seen = [false; 4];
    for (number, raw) in bytes.split(|&b| b == b'\n').enumerate() {
        if number == MAX_TEXT_LINES {
            return Err(SdpError::TooManyTextLines);
        }
        let text = String::from_utf8_lossy(raw.trim_ascii()).replace(['\r', '\0'], " ");
        in_media |= text.starts_with("m=");
        // Repeated o=, s=, t= and session-level c= lines: the first one counts (A2-17).
        let once = ["o=", "s=", "c=", "t="].iter().position(|key| text.starts_with(key));
        let repeated = !in_media && once.is_some_and(|key| std::mem::replace(&mut session_seen[key], true));
        let kept = match text.get(..2) {
            Some("v=" | "s=") if !in_media => text.clone(),
            Some("t=") if !in_media && is_time(&text[2..]) => text.clone(),
            Some("o=") if !in_media => origin(&text[2..]).unwrap_or_default(),
            Some("c=") if text.split_ascii_whitespace().count() == 3 => text.clone(),
            Some("m=") => {
                text.split_ascii_whitespace().collect::<Vec<_>>().join(" ").replacen("m= ", "m=", 1)
            }
            Some("a=") => text.clone(),
            _ => String::new(),
        };
        tidied.push_str(if kept.is_empty() || repeated { "x=" } else { &kept });
        tidied.push_str("\r\n");
    }
    Ok(tidied)
}

fn is_time(text: &str) -> bool {
    let mut fields = text.split_ascii_whitespace();
    let number = |field: Option<&str>| field.is_some_and(|text| text.parse::<u64>().is_ok());
    number(fields.next()) && number(fields.next()) && fields.next().is_none()
}

/// An `o=` line the parser takes, from one with too many words in the user name or a version that is no number.
fn origin(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [.., id, version, net_type, address_type, address] = words[..] else { return None };
    let version = version.parse::<u64>().unwrap_or(0);
    Some(format!("o=- {id} {version} {net_type} {address_type} {address}"))
}

fn syntax(error: &sdp_types::ParserError) -> SdpError {
    use sdp_types::ParserError as E;
    let line = match error {
        E::NoVersion | E::InvalidVersion(..) => return SdpError::NoVersion,
        E::InvalidLineFormat(n, _)
        | E::InvalidFieldEncoding(n, _)
        | E::InvalidFieldFormat(n, _)
        | E::MissingField(n, _)
        | E::FieldTrailingData(n, _) => *n,
        _ => 0,
    };
    SdpError::Syntax { line, reason: error.to_string() }
}

fn line(media: &Media, session: &Session) -> OfferLine {
    let attributes = &media.attributes;
    let format_tokens: Vec<String> =
        media.fmt.split_ascii_whitespace().take(MAX_FORMATS).map(str::to_owned).collect();
    let direction = direction(attributes).or_else(|| direction(&session.attributes)).unwrap_or_default();
    OfferLine {
        media: media.media.clone(),
        port: media.port,
        protocol: media.proto.clone(),
        formats: formats(&format_tokens, attributes),
        format_tokens,
        label: values(attributes, "label").map(str::trim).find(|l| !l.is_empty()).map(str::to_owned),
        direction,
        address: media.connections.first().or(session.connection.as_ref()).and_then(address),
        rtcp: values(attributes, "rtcp").find_map(rtcp),
        rtcp_mux: attributes.iter().any(|a| a.attribute.eq_ignore_ascii_case("rtcp-mux")),
        ptime_ms: values(attributes, "ptime").find_map(ptime_ms),
        crypto: super::crypto::read(values(attributes, "crypto")),
    }
}

/// Values of all attributes of that name, in any case.
fn values<'a>(attributes: &'a [Attribute], name: &'a str) -> impl Iterator<Item = &'a str> {
    attributes
        .iter()
        .filter(|a| a.attribute.trim().eq_ignore_ascii_case(name))
        .filter_map(|a| a.value.as_deref())
}

/// The last direction attribute counts, as for a client that appends its own.
fn direction(attributes: &[Attribute]) -> Option<Direction> {
    attributes.iter().rev().find_map(|a| Direction::from_attribute(a.attribute.trim()))
}

fn address(connection: &Connection) -> Option<IpAddr> {
    // A time to live may follow a slash (RFC 8866 §5.7).
    connection.connection_address.split('/').next()?.parse().ok()
}

fn rtcp(text: &str) -> Option<Rtcp> {
    let mut words = text.split_ascii_whitespace();
    let port = words.next()?.parse().ok().filter(|&port| port != 0)?;
    Some(Rtcp { port, address: words.nth(2).and_then(|address| address.parse().ok()) })
}

/// Whole or fractional milliseconds, as both are sent; 0 and nonsense say nothing.
fn ptime_ms(text: &str) -> Option<u16> {
    text.trim().split('.').next()?.parse().ok().filter(|&ms| ms > 0)
}

fn formats(tokens: &[String], attributes: &[Attribute]) -> Vec<Format> {
    let mut formats: Vec<Format> = Vec::new();
    for token in tokens {
        let Some(payload_type) = token.parse::<u8>().ok().filter(|&pt| pt < 128) else { continue };
        if formats.iter().any(|format| format.payload_type == payload_type) {
            continue;
        }
        let rtpmap = of_payload(attributes, "rtpmap", payload_type);
        let format = match rtpmap {
            Some(text) => Format::from_rtpmap(payload_type, text),
            None => Format::from_static(payload_type),
        };
        let Some(mut format) = format else { continue };
        format.fmtp = of_payload(attributes, "fmtp", payload_type).map(str::to_owned);
        formats.push(format);
    }
    formats
}

/// The text after the payload type in `a=rtpmap` or `a=fmtp`.
fn of_payload<'a>(attributes: &'a [Attribute], name: &'a str, payload_type: u8) -> Option<&'a str> {
    values(attributes, name).find_map(|value| {
        let (number, text) = value.trim().split_once(|c: char| c.is_ascii_whitespace())?;
        (number.parse() == Ok(payload_type)).then_some(text.trim())
    })
}
