//! Prints the recorder's own descriptions: an answer, or an offer for a session that stands already.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::{AcceptedLine, Crypto, MasterKey, Offer, OfferLine, Plan, Verdict};

/// The recorder's `o=` and `c=` lines (A2-11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Session id, the same for the life of the recording session.
    pub session_id: u64,
    /// Rises by one with every change of our description and not otherwise.
    pub version: u64,
    /// Address media is received on.
    pub address: IpAddr,
}

/// What one line is received on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LocalMedia {
    /// UDP port for RTP.
    pub rtp_port: u16,
    /// UDP port for RTCP; not used when the plan says both share the RTP port.
    pub rtcp_port: u16,
    /// What our reports are protected with: for a line whose plan has a crypto attribute, a key of its own for its
    /// suite (A10-04).
    #[serde(default)]
    pub key: Option<MasterKey>,
}

impl LocalMedia {
    /// Whether it can serve the line: without a key of ours a protected one cannot be answered (RFC 4568 §5.1.2).
    pub(crate) fn serves(&self, accepted: &AcceptedLine) -> bool {
        accepted.crypto.is_none() || self.key.is_some()
    }
}

/// Prints the answer to `offer`: same lines, same order, recvonly or inactive, port 0 for what is refused and for
/// accepted lines without [`LocalMedia`] (A2-01 to A2-14).
///
/// `media` has one entry per line; missing entries count as `None`.
#[must_use]
pub fn print_answer(offer: &Offer, plan: &Plan, origin: &Origin, media: &[Option<LocalMedia>]) -> Vec<u8> {
    let mut text = String::with_capacity(256 + 256 * offer.lines.len());
    session_part(&mut text, origin, &offer.times);
    for (index, line) in offer.lines.iter().enumerate() {
        let verdict = plan.lines.get(index).map(|planned| &planned.verdict);
        match (verdict, media.get(index).and_then(Option::as_ref)) {
            (Some(Verdict::Accepted(accepted)), Some(local)) if local.serves(accepted) => {
                accepted_line(&mut text, line, accepted, local);
            }
            _ => refused_line(&mut text, line),
        }
    }
    text.into_bytes()
}

/// Prints an offer for a recording session that stands, in reply to an INVITE without one: the lines agreed last time,
/// none added (A2-12; RFC 3264 §8, RFC 3261 §14.1).
#[must_use]
pub fn print_offer(agreed: &Offer, plan: &Plan, origin: &Origin, media: &[Option<LocalMedia>]) -> Vec<u8> {
    // What was answered last is what is offered now; the two texts have one form.
    print_answer(agreed, plan, origin, media)
}

fn session_part(text: &mut String, origin: &Origin, times: &[(u64, u64)]) {
    let family = if origin.address.is_ipv4() { "IP4" } else { "IP6" };
    let Origin { session_id, version, address } = origin;
    put(text, format_args!("v=0"));
    put(text, format_args!("o=- {session_id} {version} IN {family} {address}"));
    put(text, format_args!("s=-"));
    put(text, format_args!("c=IN {family} {address}"));
    // A2-11: t= equals the offer's; a description without any has 0 0.
    for (start, stop) in if times.is_empty() { &[(0, 0)] } else { times } {
        put(text, format_args!("t={start} {stop}"));
    }
}

fn accepted_line(text: &mut String, line: &OfferLine, accepted: &AcceptedLine, local: &LocalMedia) {
    let payload_types: Vec<String> = accepted.formats.iter().map(|f| f.payload_type.to_string()).collect();
    put(text, format_args!("m=audio {} {} {}", local.rtp_port, line.protocol, payload_types.join(" ")));
    for format in &accepted.formats {
        let channels = if format.channels > 1 { format!("/{}", format.channels) } else { String::new() };
        let (payload_type, encoding, clock_hz) = (format.payload_type, &format.encoding, format.clock_hz);
        put(text, format_args!("a=rtpmap:{payload_type} {encoding}/{clock_hz}{channels}"));
        if let Some(fmtp) = &format.fmtp {
            put(text, format_args!("a=fmtp:{payload_type} {fmtp}"));
        }
    }
    if let (Some(agreed), Some(key)) = (&accepted.crypto, &local.key) {
        crypto(text, agreed, key);
    }
    put(text, format_args!("a={}", accepted.direction.as_str()));
    label(text, line);
    if accepted.rtcp_mux {
        put(text, format_args!("a=rtcp-mux"));
    } else if local.rtp_port.checked_add(1) != Some(local.rtcp_port) {
        put(text, format_args!("a=rtcp:{}", local.rtcp_port));
    }
}

/// RFC 4568 §5.1.2: tag, suite and negotiated parameters of the one that was chosen, and a key of our own.
fn crypto(text: &mut String, agreed: &Crypto, key: &MasterKey) {
    let Crypto { tag, suite, plain_rtcp, .. } = agreed;
    let parameters = if *plain_rtcp { " UNENCRYPTED_SRTCP" } else { "" };
    put(text, format_args!("a=crypto:{tag} {suite} inline:{}{parameters}", key.inline()));
}

/// RFC 3264 §6: port 0, same protocol, at least one format.
fn refused_line(text: &mut String, line: &OfferLine) {
    let format = line.format_tokens.first().map_or("0", String::as_str);
    put(text, format_args!("m={} 0 {} {format}", line.media, line.protocol));
    label(text, line);
}

fn label(text: &mut String, line: &OfferLine) {
    if let Some(label) = &line.label {
        put(text, format_args!("a=label:{label}"));
    }
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("writing to a String cannot fail");
    text.push_str("\r\n");
}
