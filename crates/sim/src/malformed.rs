//! Malformed INVITEs, thousands of them: each piece of a good recording session's INVITE times each fault of a
//! catalogue (E2-26). The same every time; nothing is random.

use std::net::SocketAddr;

/// One INVITE with one fault.
#[derive(Debug, Clone)]
pub struct Malformed {
    /// Its place in the list; its Call-ID and branch name it, unless they are what is at fault.
    pub number: usize,
    /// The piece at fault.
    pub piece: &'static str,
    /// What was done to it.
    pub fault: &'static str,
    /// The message.
    pub bytes: Vec<u8>,
}

impl Malformed {
    /// Whether nothing that was left can be a recording session: the start line or a header without which there is no
    /// dialog is gone.
    pub fn is_beyond_use(&self) -> bool {
        let essential = ["URI", "version", "Via", "From", "To", "Call-ID", "CSeq", "Contact"];
        essential.contains(&self.piece) && ["missing", "empty", "blank", "nulls"].contains(&self.fault)
    }
}

/// A piece of the message: what stands before it, and what it is when all is well.
struct Piece {
    name: &'static str,
    before: &'static str,
    good: String,
}

const fn piece(name: &'static str, before: &'static str, good: String) -> Piece {
    Piece { name, before, good }
}

/// Head and body of a good INVITE, in pieces. What stands before a piece is not changed with it.
fn pieces(number: usize, local: SocketAddr, transport: &str) -> (Vec<Piece>, Vec<Piece>) {
    let of = |name, before, good: &str| piece(name, before, good.to_owned());
    let lower = transport.to_lowercase();
    let head = vec![
        of("method", "", "INVITE"),
        of("URI", " ", "sip:recorder@127.0.0.1"),
        of("version", " ", "SIP/2.0"),
        piece("Via", "\r\nVia: ", format!("SIP/2.0/{transport} {local};branch=z9hG4bKm{number};rport")),
        of("Max-Forwards", "\r\nMax-Forwards: ", "70"),
        of("From", "\r\nFrom: ", "\"SBC\" <sip:src@127.0.0.1>;tag=src"),
        of("To", "\r\nTo: ", "<sip:recorder@127.0.0.1>"),
        piece("Call-ID", "\r\nCall-ID: ", format!("m{number}@sbc")),
        of("CSeq", "\r\nCSeq: ", "1 INVITE"),
        piece("Contact", "\r\nContact: ", format!("<sip:src@{local};transport={lower}>;+sip.src")),
        of("Require", "\r\nRequire: ", "siprec"),
        of("Supported", "\r\nSupported: ", "timer"),
        of("Session-Expires", "\r\nSession-Expires: ", "1800;refresher=uac"),
        of("Min-SE", "\r\nMin-SE: ", "90"),
        of("Accept", "\r\nAccept: ", "application/sdp"),
        of("Allow", "\r\nAllow: ", "INVITE, ACK, BYE, UPDATE"),
        of(
            "Session-ID",
            "\r\nSession-ID: ",
            "ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000",
        ),
        of("P-Asserted-Identity", "\r\nP-Asserted-Identity: ", "<sip:+15550100@127.0.0.1>"),
        of("User-Agent", "\r\nUser-Agent: ", "SBC/1.0"),
        of("Content-Type", "\r\nContent-Type: ", "multipart/mixed;boundary=b1"),
    ];
    let body = vec![
        of("delimiter", "", "--b1\r\n"),
        of("type of the offer", "Content-Type: ", "application/sdp"),
        of("v=", "\r\n\r\nv=", "0"),
        of("o=", "\r\no=", "sbc 1 1 IN IP4 127.0.0.1"),
        of("s=", "\r\ns=", "-"),
        of("c=", "\r\nc=", "IN IP4 127.0.0.1"),
        of("t=", "\r\nt=", "0 0"),
        of("m=", "\r\nm=", "audio 30000 RTP/AVP 0 101"),
        of("rtpmap", "\r\na=rtpmap:", "0 PCMU/8000"),
        of("fmtp", "\r\na=fmtp:", "101 0-15"),
        of("ptime", "\r\na=ptime:", "20"),
        of("direction", "\r\na=", "sendonly"),
        of("label", "\r\na=label:", "1"),
        of("second m=", "\r\nm=", "audio 30002 RTP/AVP 8"),
        of("second label", "\r\na=label:", "2"),
        of("middle delimiter", "\r\n\r\n--b1\r\n", ""),
        of("type of the metadata", "Content-Type: ", "application/rs-metadata+xml"),
        of("disposition", "\r\nContent-Disposition: ", "recording-session"),
        of("declaration", "\r\n\r\n<?xml version=", "\"1.0\" encoding=\"UTF-8\""),
        of("namespace", "?>\n<recording xmlns=", "\"urn:ietf:params:xml:ns:recording:1\""),
        of("datamode", ">\n<datamode>", "complete"),
        of("session id", "</datamode>\n<session session_id=", "\"c2Vzc2lvbg==\""),
        of("participant id", "/>\n<participant participant_id=", "\"Y2FsbGVy\""),
        of("AoR", "><nameID aor=", "\"sip:+15550100@127.0.0.1\""),
        of("name", "><name xml:lang=\"en\">", "A. Caller"),
        of("stream id", "</name></nameID></participant>\n<stream stream_id=", "\"c3RyZWFt\""),
        of("stream label", "><label>", "1"),
        of(
            "send",
            "</label></stream>\n<participantstreamassoc participant_id=\"Y2FsbGVy\"><send>",
            "c3RyZWFt",
        ),
        of("end", "</send></participantstreamassoc>\n", "</recording>\r\n--b1--\r\n"),
    ];
    (head, body)
}

/// What can be done to a piece.
enum Fault {
    /// This stands there instead.
    Instead(Vec<u8>),
    /// This stands in the middle of it.
    Inside(&'static [u8]),
    /// It stands there so many times.
    Times(usize),
    /// It, and what stands before it, so many times.
    Repeated(usize),
    /// Not even what stands before it is there.
    Missing,
    /// Only its first half.
    Half,
    /// The message ends in its middle.
    Cut,
    /// Its letters in the other case.
    OtherCase,
    /// As UTF-16.
    Wide,
}

/// Numbers that fit nowhere, or only just.
const NUMBERS: [&str; 15] = [
    "-1",
    "0",
    "1.5",
    "+1",
    "00000000000000000001",
    "255",
    "256",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967295",
    "4294967296",
    "18446744073709551616",
    "99999999999999999999999999999999999999999999999999",
];

/// What programs take for more than text.
const TEXTS: [&str; 33] = [
    "%s%s%s%s%s%s%s%s",
    "%n%n%n%n",
    "%x%x%x%x",
    "%99999999d",
    "%.2147483647f",
    "{}{0}",
    "${jndi:ldap://127.0.0.1/a}",
    "$(id)",
    "`id`",
    "' OR 1=1; --",
    "../../../../etc/passwd",
    "<script>alert(1)</script>",
    "%",
    "%0",
    "%zz",
    "%00",
    "%0d%0aVia: x",
    "\\",
    "\"",
    "\"\"\"",
    "<",
    ">",
    "<<>>",
    ";;;;",
    ",,,,",
    "====",
    "@@@@",
    "::::",
    "////",
    "((((",
    "[[[[",
    "&#0;&#x0;&lol;",
    "]]>",
];

/// Bytes that are no text, or an odd one.
const BYTES: [&[u8]; 20] = [
    b"\0",
    b"\x01\x02\x03",
    b"\x7f",
    b"\x1b[2J",
    b"\t",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\r\n folded",
    b"\xc3",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"\xf0\x9f\x8e\xa7",
    b"\x80\x81\x82\x83",
    b"\xfe\xff\0a",
];

fn faults() -> Vec<(&'static str, Fault)> {
    let instead = |bytes: &[u8]| Fault::Instead(bytes.to_vec());
    let mut all = vec![
        ("missing", Fault::Missing),
        ("empty", instead(b"")),
        ("blank", instead(b"    ")),
        ("nulls", instead(&[0; 16])),
        ("half", Fault::Half),
        ("cut", Fault::Cut),
        ("other case", Fault::OtherCase),
        ("UTF-16", Fault::Wide),
        ("twice", Fault::Times(2)),
        ("many times", Fault::Times(100)),
        ("repeated", Fault::Repeated(2)),
        ("often repeated", Fault::Repeated(50)),
        ("too often repeated", Fault::Repeated(400)),
    ];
    all.extend([64, 1_024, 8_192, 40_000].map(|length| ("overlong", instead(&vec![b'a'; length]))));
    all.extend(
        [b' ', b'"', b'(', b'<', b';', b',', b'0', b'\\', 0xff].map(|byte| ("run", instead(&[byte; 3_000]))),
    );
    all.extend(NUMBERS.map(|number| ("number", instead(number.as_bytes()))));
    all.extend(TEXTS.map(|text| ("text", instead(text.as_bytes()))));
    all.extend(BYTES.map(|bytes| ("bytes inside", Fault::Inside(bytes))));
    all
}

impl Fault {
    /// The piece with this fault; whether the message ends here.
    fn apply(&self, piece: &Piece, into: &mut Vec<u8>) -> bool {
        let good = piece.good.as_bytes();
        let middle = good.len() / 2;
        if !matches!(self, Self::Missing | Self::Repeated(_)) {
            into.extend(piece.before.as_bytes());
        }
        match self {
            Self::Instead(bytes) => into.extend(bytes),
            Self::Inside(bytes) => into.extend([&good[..middle], bytes, &good[middle..]].concat()),
            Self::Times(times) => into.extend(good.repeat(*times)),
            Self::Repeated(times) => into.extend([piece.before.as_bytes(), good].concat().repeat(*times)),
            Self::Missing => {}
            Self::Half | Self::Cut => into.extend(&good[..middle]),
            Self::OtherCase => into.extend(good.iter().map(|byte| {
                if byte.is_ascii_lowercase() { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() }
            })),
            Self::Wide => into.extend(piece.good.encode_utf16().flat_map(u16::to_be_bytes)),
        }
        matches!(self, Self::Cut)
    }
}

/// The pieces in order, with the fault in the piece of this place; and whether the message ends early.
fn render(pieces: &[Piece], at: Option<usize>, fault: &Fault) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    for (place, piece) in pieces.iter().enumerate() {
        if at != Some(place) {
            bytes.extend(piece.before.as_bytes());
            bytes.extend(piece.good.as_bytes());
        } else if fault.apply(piece, &mut bytes) {
            return (bytes, true);
        }
    }
    (bytes, false)
}

/// All of them, as they are sent from `local` over `transport` (`UDP`, `TCP`).
///
/// Content-Length is right for the body as it is, but where it is the piece at fault.
pub fn invites(local: SocketAddr, transport: &str) -> Vec<Malformed> {
    let (head, body) = pieces(0, local, transport);
    let (in_head, in_body) = (head.len(), body.len());
    let faults = faults();
    let mut all = Vec::new();
    // The piece behind the last one of the head is Content-Length, whose good value is known last.
    for place in 0..=in_head + in_body {
        for (name, fault) in &faults {
            let number = all.len();
            let (head, body) = pieces(number, local, transport);
            let (mut bytes, ends) = render(&head, Some(place), fault);
            let (body_bytes, body_ends) = render(&body, place.checked_sub(in_head + 1), fault);
            let length = piece("Content-Length", "\r\nContent-Length: ", body_bytes.len().to_string());
            let piece = head.iter().chain([&length]).chain(&body).nth(place).map_or("", |piece| piece.name);
            if !ends {
                let (length, ends) =
                    render(&[length], place.checked_sub(in_head).filter(|it| *it == 0), fault);
                bytes.extend(length);
                if !ends {
                    bytes.extend(b"\r\n\r\n");
                    bytes.extend(&body_bytes);
                }
            }
            // Cut short, the body is less than was stated.
            if body_ends {
                bytes.truncate(bytes.len().saturating_sub(1));
            }
            all.push(Malformed { number, piece, fault: name, bytes });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_has_every_fault_and_each_message_is_another() {
        let local = SocketAddr::from(([127, 0, 0, 1], 5060));
        let all = invites(local, "UDP");
        assert!(all.len() >= 4_500, "{}", all.len());
        let pieces: std::collections::BTreeSet<_> = all.iter().map(|it| it.piece).collect();
        assert_eq!(pieces.len() * faults().len(), all.len());
        let distinct: std::collections::BTreeSet<_> = all.iter().map(|it| &it.bytes).collect();
        assert!(distinct.len() > all.len() - 20, "{} of {} differ", distinct.len(), all.len());
        assert!(all.iter().all(|it| it.bytes.len() < 65_000), "each fits a datagram");
        assert_eq!(all[7].bytes, invites(local, "UDP")[7].bytes, "the same every time");
    }
}
