//! Messages as people send them, as they should not, and as chance makes them.

use proptest::prelude::*;

use super::{check::check_uri, *};

const INVITE: &str = "INVITE sip:rec@srs.example.net SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n\
    f: <sip:a@example.com>;tag=1\r\nTo : \"A, \\\"B\\\"\" <sip:rec@srs.example.net>\r\ni: x@y\r\nCSeq: 1\r\n INVITE\r\n\
    Supported: timer,\r\n\t100rel\r\nSupported: replaces\r\nl: 4\r\n\r\nbody and more";

fn request(text: &str) -> Request {
    match parse(text.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("not a request: {other:?}"),
    }
}

fn fault(text: &str) -> Fault {
    match parse(text.as_bytes()) {
        Ok(Message::Request(request)) => {
            Essentials::of_request(&request).and_then(|_| check_uri(&request)).expect_err("it is faulty")
        }
        Ok(Message::Response(response)) => Essentials::of_response(&response).expect_err("it is faulty"),
        Err(error) => error.fault,
    }
}

#[test]
fn folded_compact_and_spaced_headers_are_read() {
    let request = request(INVITE);
    assert_eq!(request.method, Method::Invite);
    assert_eq!(request.body, b"body");
    assert_eq!(request.headers.get("cseq"), Some("1 INVITE"));
    assert_eq!(request.headers.list("supported").collect::<Vec<_>>(), ["timer", "100rel", "replaces"]);
    let essentials = Essentials::of_request(&request).unwrap();
    assert_eq!(essentials.to.name(), "A, \"B\"");
    assert_eq!(essentials.from.tag(), Some("1"));
    assert_eq!(essentials.via.branch(), Some("z9hG4bKa"));
}

#[test]
fn a_fault_is_named_with_its_line() {
    let error = parse(INVITE.replace("i: x@y", "no colon here").as_bytes()).unwrap_err();
    assert_eq!((error.fault, error.line), (Fault::HeaderLine, 5));
    let salvaged = error.salvaged.unwrap();
    assert_eq!(salvaged.headers.get("From"), Some("<sip:a@example.com>;tag=1"));
    assert_eq!(salvaged.headers.get("CSeq"), Some("1 INVITE"), "lines after the bad one are kept");
}

#[test]
fn each_fault_has_its_class_of_answer() {
    let cases = [
        (INVITE.replace("SIP/2.0\r\nv", "SIP/7.0\r\nv"), 505, "SIP version is not 2.0"),
        (INVITE.replace("sip:rec@srs.example.net SIP", "soap.beep://x SIP"), 416, "Request-URI scheme"),
        (INVITE.replace("INVITE sip:rec", "INVITE  sip:rec"), 400, "request line malformed"),
        (INVITE.replace("INVITE sip:rec@srs.example.net", "INVITE <sip:rec@x>"), 400, "character"),
        (INVITE.replace("sip:rec@srs.example.net SIP", "sip:a@b?Route=%3Csip:c%3E SIP"), 400, "header part"),
        (INVITE.replace("sip:rec@srs.example.net SIP", "sip:a@b:99999 SIP"), 400, "port"),
        (INVITE.replace("i: x@y\r\n", ""), 400, "Call-ID header missing"),
        (INVITE.replace("i: x@y", "i: x@y\r\nCall-ID: z"), 400, "Call-ID header repeated"),
        (INVITE.replace("1\r\n INVITE", "36893488147419103232 INVITE"), 400, "CSeq header malformed"),
        (INVITE.replace("1\r\n INVITE", "1 OPTIONS"), 400, "method differs"),
        (INVITE.replace("l: 4", "l: -999"), 400, "Content-Length header malformed"),
        (INVITE.replace("l: 4", "l: 4\r\nContent-Length: 5"), 400, "Content-Length header repeated"),
        (INVITE.replace("l: 4", "l: 9999"), 400, "Content-Length larger"),
        (INVITE.replace("\"A, \\\"B\\\"\"", "\"Mr. A"), 400, "To header malformed"),
        (INVITE.replace("v: SIP/2.0/UDP", "v: SIP/2.0"), 400, "Via header malformed"),
        (INVITE.replace("l: 4", "Max-Forwards: 300\r\nl: 4"), 400, "Max-Forwards"),
    ];
    for (text, status, words) in cases {
        let fault = fault(&text);
        assert_eq!(fault.status(), status, "{fault}");
        assert!(fault.to_string().contains(words), "{fault} does not say {words}");
    }
}

#[test]
fn what_is_not_sip_is_not_salvaged() {
    for text in
        ["GET / HTTP/1.1\r\n\r\n", "\r\n\r\n", "", "\u{16}\u{3}\u{1}\n", "SIP/2.0 4294967301 x\r\n\r\n"]
    {
        let error = parse(text.as_bytes()).unwrap_err();
        assert!(error.salvaged.is_none(), "{text:?}");
    }
}

#[test]
fn response_copies_what_it_must() {
    let response = request(INVITE).respond(400).because("CSeq\r\nX: y");
    let text = String::from_utf8(response.to_bytes()).unwrap();
    assert!(
        text.starts_with("SIP/2.0 400 CSeq  X: y\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nFrom: ")
    );
    assert!(text.ends_with("CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"), "{text}");
}

#[test]
fn control_characters_in_a_value_become_blanks_once_and_for_all() {
    let first = request(&INVITE.replace("tag=1", "tag=1\0"));
    assert_eq!(first.headers.get("From"), Some("<sip:a@example.com>;tag=1"));
    assert_eq!(parse(&first.to_bytes()), Ok(Message::Request(first)));
}

#[test]
fn uris_keep_their_parts() {
    let uri =
        Uri::parse("SIP:user;par=u%40example.net@[2001:db8::1]:5070;transport=TCP;lr?Subject=x").unwrap();
    assert_eq!((uri.scheme.as_str(), uri.user.as_deref()), ("sip", Some("user;par=u%40example.net")));
    assert_eq!((uri.host.as_str(), uri.port), ("[2001:db8::1]", Some(5070)));
    assert_eq!((uri.params.get("transport"), uri.params.has("lr")), (Some("TCP"), true));
    assert_eq!(uri.address(), "2001:db8::1".parse().ok());
}

#[test]
fn via_notes_the_source_only_where_asked_or_needed() {
    let peer = "192.0.2.9:40000".parse().unwrap();
    let mut via = header::Via::parse("SIP / 2.0 / udp 192.0.2.1:5070 ;rport; branch=z9hG4bKx").unwrap();
    assert_eq!(via.reply_address(peer), peer);
    via.note_source(peer);
    let text = via.to_string();
    assert_eq!(text, "SIP/2.0/UDP 192.0.2.1:5070;rport=40000;branch=z9hG4bKx;received=192.0.2.9");
    let mut same = header::Via::parse("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx").unwrap();
    same.note_source(peer);
    assert_eq!(same.to_string(), "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx");
    assert_eq!(same.reply_address(peer).port(), 5060);
}

fn frames(pieces: &[&[u8]]) -> Vec<Frame> {
    let mut framer = Framer::default();
    let mut frames = Vec::new();
    for piece in pieces {
        framer.push(piece);
        while let Some(frame) = framer.next_frame().unwrap() {
            frames.push(frame);
        }
    }
    assert_eq!(framer.waiting_bytes(), 0);
    frames
}

#[test]
fn a_stream_gives_the_same_messages_wherever_it_is_split() {
    let one = INVITE.replace("body and more", "body");
    let stream = [one.as_bytes(), b"\r\n\r\n", b"\r\n", one.as_bytes(), one.as_bytes()].concat();
    let whole = frames(&[&stream]);
    assert_eq!(whole.len(), 4);
    assert_eq!(whole[1], Frame::Ping);
    for at in 0..=stream.len() {
        assert_eq!(frames(&[&stream[..at], &stream[at..]]), whole, "split at {at}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(frames(&bytes), whole);
}

#[test]
fn a_stream_without_length_or_end_is_broken_off_once() {
    let cases = [
        (INVITE.replace("l: 4\r\n", ""), 400),
        (INVITE.replace("l: 4", "l: 999999999"), 413),
        (INVITE.replace("l: 4", "l: x"), 400),
        (INVITE.replace("l: 4", &format!("x: {}", "y".repeat(MAX_HEAD_BYTES))), 413),
    ];
    for (text, status) in cases {
        let mut framer = Framer::default();
        framer.push(text.as_bytes());
        let error = framer.next_frame().unwrap_err();
        assert_eq!(error.fault.status(), status, "{error}");
        assert_eq!(error.salvaged.unwrap().headers.get("Call-ID"), Some("x@y"));
        framer.push(INVITE.as_bytes());
        assert_eq!(framer.next_frame(), Ok(None));
        assert_eq!(framer.waiting_bytes(), 0);
    }
}

fn vendor_messages() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vendors");
    let mut messages: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "sip"))
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    messages.sort();
    messages
}

#[test]
fn vendor_messages_survive_parse_print_parse() {
    let messages = vendor_messages();
    assert!(messages.len() > 15);
    for bytes in messages {
        let Ok(Message::Request(request)) = parse(&bytes) else { panic!("not read: {bytes:?}") };
        Essentials::of_request(&request).unwrap();
        assert_eq!(parse(&request.to_bytes()), Ok(Message::Request(request)));
    }
}

/// A stored message with a few bytes changed, cut, doubled or shuffled.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edits = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..12);
    (prop::sample::select(vendor_messages()), edits).prop_map(|(mut bytes, edits)| {
        for (at, byte, kind) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, byte),
                _ => bytes.truncate(bytes.len() - at / 8),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in mutated(), noise in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&noise);
        if let Ok(Message::Request(request)) = parse(&bytes) {
            let _ = Essentials::of_request(&request);
            let _ = check_uri(&request);
            prop_assert_eq!(parse(&request.to_bytes()), Ok(Message::Request(request)));
        }
    }

    #[test]
    fn no_stream_makes_the_framer_panic(bytes in mutated(), at in any::<prop::sample::Index>()) {
        let at = at.index(bytes.len() + 1);
        let mut results = Vec::new();
        for pieces in [vec![&bytes[..]], vec![&bytes[..at], &bytes[at..]]] {
            let mut framer = Framer::default();
            let mut found = Vec::new();
            for piece in pieces {
                framer.push(piece);
                loop {
                    match framer.next_frame() {
                        Ok(None) => break,
                        other => found.push(other),
                    }
                }
            }
            results.push(found);
        }
        prop_assert_eq!(&results[0], &results[1]);
    }

    #[test]
    fn header_readers_never_panic(text in "\\PC{0,80}") {
        let _ = header::Via::parse(&text);
        let _ = header::NameAddr::parse(&text);
        let _ = header::CSeq::parse(&text);
        let _ = header::SessionExpires::parse(&text);
        let _ = header::SessionUuid::parse(&text);
        let _ = Uri::parse(&text);
        let _ = header::list::split(&text).count();
    }
}
