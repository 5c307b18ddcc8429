//! A message as a person may read it: without keys, secrets, passwords, or bodies other than the session description.
//!
//! *Belongs here*: what is left out of a message before anybody may see or keep it (A10-05).
//! *Does not*: digits that a caller could have put into a header; who keeps the text strikes those out.
//!
//! Kept: start line, header lines, `application/sdp` with `a=fingerprint`. Left out: what `a=crypto` (RFC 4568),
//! `a=key-mgmt` (RFC 4567), `k=` (RFC 8866 §5.12) and `a=ice-pwd` (RFC 8839) carry, credentials and challenges
//! (RFC 3261 §22), passwords in URIs (§19.1.1), and every other body: metadata, INFO and MESSAGE hold personal data or
//! digits.

use crate::{
    body,
    message::{Headers, Message},
};

/// What stands where something was left out.
pub const LEFT_OUT: &str = "[left out]";

/// Largest text made of one message, bytes; what is longer is cut and says so.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;

/// Longest line kept, in characters.
const MAX_LINE_CHARS: usize = 1_024;

/// Words in names of headers and attributes whose values are secrets.
const SECRET_NAMES: [&str; 11] = [
    "crypto",
    "key",
    "pwd",
    "passw",
    "secret",
    "token",
    "cookie",
    "authorization",
    "authenticate",
    "authentication",
    "nonce",
];

/// Suites that may stay in an `a=crypto` line: names of the registry begin so.
const SUITES: [&str; 5] = ["AES_", "AEAD_", "F8_", "SEED_", "NULL_"];

/// The message as text, a line feed behind each line.
pub fn excerpt(message: &Message) -> String {
    let (start, headers, bytes) = match message {
        Message::Request(request) => {
            let uri = without_passwords(&request.uri);
            (format!("{} {uri} SIP/2.0", request.method), &request.headers, &request.body)
        }
        Message::Response(response) => {
            (format!("SIP/2.0 {} {}", response.status, response.reason), &response.headers, &response.body)
        }
    };
    let mut text = Text(String::with_capacity(1_024));
    text.line(&start);
    for (name, value) in headers.iter() {
        text.line(&header(name, value));
    }
    if !bytes.is_empty() {
        text.line("");
        describe_body(&mut text, headers, bytes);
    }
    text.0
}

/// A session description with keys left out; one line for each of its lines.
pub fn excerpt_sdp(sdp: &[u8]) -> String {
    let mut text = Text(String::with_capacity(sdp.len()));
    append_sdp(&mut text, sdp);
    text.0
}

/// Lines up to a limit.
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        let hidden =
            |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let safe: String = line
            .chars()
            .take(MAX_LINE_CHARS)
            .map(|c| if c == '\t' { ' ' } else { c })
            .map(|c| if hidden(c) { char::REPLACEMENT_CHARACTER } else { c })
            .collect();
        if self.0.len() + safe.len() < MAX_TEXT_BYTES {
            self.0.push_str(&safe);
            self.0.push('\n');
        } else if !self.0.ends_with("more]\n") {
            self.0.push_str("[there is more]\n");
        }
    }
}

fn describe_body(text: &mut Text, headers: &Headers, bytes: &[u8]) {
    let parts = body::split(headers.get("Content-Type"), headers.get("Content-Disposition"), bytes);
    let Ok(parts) = parts else {
        return text.line(&format!("[a body of {} bytes that cannot be taken apart, left out]", bytes.len()));
    };
    if let Some(sdp) = &parts.sdp {
        append_sdp(text, sdp);
    }
    if let Some(metadata) = &parts.metadata {
        text.line(&format!("[{}, {} bytes, left out]", body::METADATA_TYPE, metadata.len()));
    }
    for part in &parts.unknown {
        let plain = |c: char| c.is_ascii_alphabetic() || "/+-.".contains(c);
        let kind: String = part.content_type.chars().filter(|c| plain(*c)).take(64).collect();
        text.line(&format!("[{kind}, left out]"));
    }
}

fn header(name: &str, value: &str) -> String {
    if is_secret(name) {
        // The scheme tells what was tried and is no secret.
        let scheme = value.split_whitespace().next().unwrap_or_default();
        let is_scheme =
            scheme.len() <= 16 && scheme.bytes().all(|b| b.is_ascii_alphabetic()) && value.trim() != scheme;
        return if is_scheme {
            format!("{name}: {scheme} {LEFT_OUT}")
        } else {
            format!("{name}: {LEFT_OUT}")
        };
    }
    format!("{name}: {}", without_passwords(&without_inline_key(value)))
}

fn append_sdp(text: &mut Text, sdp: &[u8]) {
    for line in sdp.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty()) {
        text.line(&sdp_line(&String::from_utf8_lossy(line)));
    }
}

fn sdp_line(line: &str) -> String {
    let Some((kind, value)) = line.split_once('=').map(|(kind, value)| (kind.trim(), value)) else {
        return String::from("[a line that is no SDP, left out]");
    };
    match kind {
        "k" | "K" => format!("k={LEFT_OUT}"),
        "a" | "A" => {
            let (name, value) = value.split_once(':').unwrap_or((value, ""));
            let name = name.trim();
            if is_secret(name) { secret_attribute(name, value) } else { without_inline_key(line) }
        }
        kind if kind.len() == 1 && kind.is_ascii() => without_inline_key(line),
        _ => String::from("[a line that is no SDP, left out]"),
    }
}

/// An attribute whose value is a secret. Of `a=crypto` tag and suite stay: they say what was offered.
fn secret_attribute(name: &str, value: &str) -> String {
    let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(32).collect();
    if !plain.eq_ignore_ascii_case("crypto") {
        return format!("a={plain}:{LEFT_OUT}");
    }
    let mut words = value.split_whitespace();
    let tag = words.next().filter(|tag| tag.len() <= 9 && tag.bytes().all(|b| b.is_ascii_digit()));
    let is_suite = |suite: &&str| {
        suite.len() <= 40
            && SUITES.iter().any(|begin| suite.starts_with(begin))
            && suite.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    let suite = words.next().filter(is_suite);
    let kept: Vec<&str> = tag.into_iter().chain(suite).collect();
    format!("a=crypto:{} {LEFT_OUT}", kept.join(" "))
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

/// The text up to a key parameter of RFC 4568 §6.1, wherever it has strayed to.
fn without_inline_key(text: &str) -> String {
    const KEY: &str = "inline:";
    match text.to_ascii_lowercase().find(KEY) {
        Some(at) => format!("{}{LEFT_OUT}", &text[..at + KEY.len()]),
        None => text.to_owned(),
    }
}

/// URIs without their passwords: `sip:user:password@host` (RFC 3261 §19.1.1). Each place is looked at once or twice,
/// however many URIs stand in the text.
fn without_passwords(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let end_behind = |at: usize| text[at..].find(['@', '>', '"', ' ', ',']).map(|end| at + end);
    let mut out = String::with_capacity(text.len());
    let (mut copied, mut from) = (0, 0);
    let mut end = end_behind(0);
    while let Some(at) = lower[from..].find("sip").map(|at| from + at + "sip".len()) {
        from = at;
        let Some(user) =
            ["s:", ":"].iter().find_map(|rest| lower[at..].starts_with(rest).then(|| at + rest.len()))
        else {
            continue;
        };
        if end.is_some_and(|end| end < user) {
            end = end_behind(user);
        }
        if let Some(end) = end.filter(|end| text[*end..].starts_with('@'))
            && let Some(colon) = text[user..end].find(':')
        {
            out.push_str(&text[copied..=user + colon]);
            out.push_str(LEFT_OUT);
            (copied, from) = (end, end);
        }
    }
    out.push_str(&text[copied..]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::parse;

    const INVITE: &str = "INVITE sip:recorder@192.0.2.1 SIP/2.0\r\n\
        Via: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bK1\r\nFrom: <sip:sbc:hunter2@192.0.2.9>;tag=1\r\n\
        To: <sip:recorder@192.0.2.1>\r\nCall-ID: a@b\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
        Authorization: Digest username=\"sbc\", nonce=\"abc\", response=\"deadbeef\"\r\n\
        X-Api-Token: t0psecret\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n\
        --b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\n\
        c=IN IP4 192.0.2.9\r\nt=0 0\r\nk=base64:c2VjcmV0\r\nm=audio 4000 RTP/SAVP 0\r\n\
        a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:4\r\n\
        a=fingerprint:sha-256 4A:AD:B9\r\na=label:1\r\n\
        --b\r\nContent-Type: application/rs-metadata+xml\r\n\r\n<recording><name>Rowan</name></recording>\r\n\
        --b\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=5\r\n--b--\r\n";

    fn excerpted(text: &str) -> String {
        excerpt(&parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn keys_passwords_credentials_and_other_bodies_are_left_out() {
        let text = excerpted(INVITE);
        for secret in
            ["hunter2", "deadbeef", "t0psecret", "c2VjcmV0", "d0Rmdmcm", "2^20", "Rowan", "Signal", "abc\""]
        {
            assert!(!text.contains(secret), "{secret} in\n{text}");
        }
    }

    #[test]
    fn passwords_are_left_out_of_each_of_many_uris() {
        let of = |password: &str| {
            format!("<sip:a:{password}@b>, \"x\" <SIPS:c@d>, sip sips: sip:sip:{password}@e")
        };
        assert_eq!(without_passwords(&of("secret")), of(LEFT_OUT));
        let many = "sip:".repeat(8_000);
        assert_eq!(without_passwords(&many), many);
    }

    #[test]
    fn what_tells_why_a_call_failed_is_kept() {
        let text = excerpted(INVITE);
        for kept in [
            "INVITE sip:recorder@192.0.2.1 SIP/2.0\n",
            "From: <sip:sbc:[left out]@192.0.2.9>;tag=1\n",
            "Authorization: Digest [left out]\n",
            "m=audio 4000 RTP/SAVP 0\n",
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 [left out]\n",
            "a=fingerprint:sha-256 4A:AD:B9\n",
            "a=label:1\n",
            "[application/rs-metadata+xml, 41 bytes, left out]\n",
            "[application/dtmf-relay, left out]\n",
        ] {
            assert!(text.contains(kept), "{kept} not in\n{text}");
        }
    }

    #[test]
    fn a_key_written_wrongly_is_left_out_all_the_same() {
        for line in [
            "a=crypto:1 inline:c2VjcmV0a2V5",
            "a=crypto:1 c2VjcmV0a2V5",
            "a=Crypto: 1 AES_CM_128_HMAC_SHA1_80 INLINE:c2VjcmV0a2V5",
            "A=crypto:c2VjcmV0a2V5",
            "a = crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0a2V5",
            "a=x-unknown:inline:c2VjcmV0a2V5",
            "a=key-mgmt:mikey c2VjcmV0a2V5",
            "a=ice-pwd:c2VjcmV0a2V5",
            "k=clear:c2VjcmV0a2V5",
            "c2VjcmV0a2V5",
        ] {
            let text = excerpt_sdp(format!("v=0\r\n{line}\r\n").as_bytes());
            assert!(!text.contains("c2VjcmV0a2V5"), "{line} became {text}");
        }
    }

    #[test]
    fn a_text_has_a_limit_and_no_control_characters() {
        let mut message = String::from(INVITE).replace("a=label:1", &"a=x:\u{1b}[31m\r\n".repeat(10_000));
        message.truncate(message.len() - 1);
        let text = excerpt_sdp(message.as_bytes());
        assert!(text.len() < MAX_TEXT_BYTES + 32 && text.ends_with("[there is more]\n"));
        assert!(!text.contains('\u{1b}'));
    }

    proptest! {
        #[test]
        fn no_key_survives_in_any_surroundings(before in "[ -~]{0,20}", after in "[ -~]{0,20}") {
            let line = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 {before}inline:c2VjcmV0a2V5{after}");
            prop_assert!(!excerpt_sdp(line.as_bytes()).contains("c2VjcmV0a2V5"));
        }

        #[test]
        fn any_bytes_become_lines_within_the_limit(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            prop_assert!(excerpt_sdp(&bytes).len() < MAX_TEXT_BYTES + 32);
            if let Ok(message) = parse(&bytes) {
                prop_assert!(excerpt(&message).len() < MAX_TEXT_BYTES + 32);
            }
        }
    }
}
