//! Malformed and odd messages, after the classes of RFC 4475, each with its class of answer. Whatever comes, the
//! recording that stands goes on.

use proptest::prelude::*;
use siprec::{Leniency, message::MAX_HEAD_BYTES};

use crate::{
    peer::{Invite, Recorder, config, secs},
    vendor_files,
};

/// What a malformed or odd request gets.
#[derive(Clone)]
enum Gets {
    /// This status, with these words in the reason phrase.
    Status(u16, &'static str),
    Silence,
}

fn options(from: &str, to: &str) -> String {
    let text =
        Invite { headers: String::new(), body: String::new(), ..Invite::default() }.as_method("OPTIONS");
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

type Case = (&'static str, String, Gets);

fn cases() -> Vec<Case> {
    [valid(), invalid(), unacceptable(), unanswerable()].concat()
}

/// Valid, however it looks (RFC 4475 §3.1.1).
fn valid() -> Vec<Case> {
    use Gets::Status;
    vec![
        ("wsinv", options("Via: SIP/2.0/UDP ", "v :\t SIP  /\r\n 2.0\r\n /UDP\r\n    "), Status(200, "OK")),
        (
            "intmeth",
            options("OPTIONS", "!interesting-Method0123456789_*+`.%indeed'~")
                .replace("1 OPTIONS", "1 !interesting-Method0123456789_*+`.%indeed'~"),
            Status(501, "interesting-Method"),
        ),
        ("esc01", options("sip:recorder@203", "sip:sips%3Auser%40example.com@203"), Status(200, "OK")),
        ("escnull", options("sip:src@", "sip:null-%00-null@"), Status(200, "OK")),
        ("lwsdisp", options("From: <", "From: caller<"), Status(200, "OK")),
        (
            "longreq",
            options("Max-Forwards", &format!("Subject: {}\r\nMax-Forwards", "y".repeat(4000))),
            Status(200, "OK"),
        ),
        ("dblreq", options("\r\n\r\n", "\r\n\r\nINVITE sip:other SIP/2.0\r\n\r\n"), Status(200, "OK")),
        ("semiuri", options("sip:recorder@203", "sip:user;par=u%40example.net@203"), Status(200, "OK")),
        ("transports", options("SIP/2.0/UDP", "SIP/2.0/UNKNOWN"), Status(200, "OK")),
        ("utf8", options("From: <", "From: \"\u{5b5}\u{5e2}\" <"), Status(200, "OK")),
        ("zeromf", options("Max-Forwards: 70", "Max-Forwards: 0"), Status(200, "OK")),
        ("unksm2", options("<sip:recorder@srs.example.net>", "<isbn:2983792873>"), Status(200, "OK")),
        (
            "baddate",
            options("Max-Forwards", "Date: Fri, 01 Jan 2010 16:00:00 EST\r\nMax-Forwards"),
            Status(200, "OK"),
        ),
        (
            "regaut01",
            options("Max-Forwards", "Authorization: NoOneKnowsThisScheme x\r\nMax-Forwards"),
            Status(200, "OK"),
        ),
        ("maxhops missing", options("Max-Forwards: 70\r\n", ""), Status(200, "OK")),
    ]
}

/// Invalid (§3.1.2).
fn invalid() -> Vec<Case> {
    use Gets::{Silence, Status};
    let long = "x".repeat(MAX_HEAD_BYTES);
    vec![
        (
            "badinv01",
            options("<sip:src@src.example.com>;tag=src1", "<sip:src@src.example.com;tag=src1"),
            Status(400, "From"),
        ),
        ("ncl", options("Content-Length: 0", "Content-Length: -999"), Status(400, "Content-Length")),
        ("clerr", options("Content-Length: 0", "Content-Length: 9999"), Status(400, "Content-Length")),
        ("scalar02", options("CSeq: 1 ", "CSeq: 36893488147419103232 "), Status(400, "CSeq")),
        ("quotbal", options("From: <", "From: \"Mr. J. User <"), Status(400, "From")),
        (
            "ltgtruri",
            options("sip:recorder@203.0.113.10 ", "<sip:recorder@203.0.113.10> "),
            Status(400, "Request-URI"),
        ),
        (
            "lwsruri",
            options("sip:recorder@203.0.113.10 ", "sip:recorder@203.0.113.10; lr "),
            Status(400, "request line"),
        ),
        ("lwsstart", options("OPTIONS sip", "OPTIONS  sip"), Status(400, "request line")),
        ("trws", options("SIP/2.0\r\n", "SIP/2.0 \r\n"), Status(400, "request line")),
        ("escruri", options("203.0.113.10 ", "203.0.113.10?Route=%3Csip:x%3E "), Status(400, "Request-URI")),
        ("badaspec", options("<sip:recorder@srs", "<sip:re corder@srs"), Status(400, "To")),
        ("baddn", options("From: <", "From: Bell, \" <"), Status(400, "From")),
        ("badvers", options("SIP/2.0\r\n", "SIP/7.0\r\n"), Status(505, "version")),
        ("mismatch01", options("1 OPTIONS", "1 INVITE"), Status(400, "CSeq")),
        ("insuf", options("Call-ID: call@src\r\n", ""), Status(400, "Call-ID header missing")),
        (
            "multi01",
            options("Max-Forwards", "CSeq: 2 OPTIONS\r\nMax-Forwards"),
            Status(400, "CSeq header repeated"),
        ),
        (
            "mcl01",
            options("Content-Length: 0", "Content-Length: 0\r\nl: 5"),
            Status(400, "Content-Length header repeated"),
        ),
        ("no colon", options("Max-Forwards: 70", "Max-Forwards 70"), Status(400, "header line")),
        ("no end", options("\r\n\r\n", "\r\n"), Status(400, "empty line")),
        ("large head", options("Max-Forwards", &format!("x: {long}\r\nMax-Forwards")), Silence),
        ("many lines", options("Max-Forwards", &format!("{}Max-Forwards", "a: b\r\n".repeat(300))), Silence),
    ]
}

/// For the user agent to refuse (§3.3, §3.4).
fn unacceptable() -> Vec<Case> {
    use Gets::Status;
    vec![
        (
            "unkscm",
            options("sip:recorder@203.0.113.10 ", "nobodyKnowsThisScheme:totallyopaque "),
            Status(416, "scheme"),
        ),
        (
            "novelsc",
            options("sip:recorder@203.0.113.10 ", "soap.beep://192.0.2.103:3002 "),
            Status(416, "scheme"),
        ),
        (
            "bext01",
            options("Max-Forwards", "Require: nothingSupportsThis\r\nMax-Forwards"),
            Status(420, "nothingSupportsThis"),
        ),
        ("unknown method", options("OPTIONS", "JUMP").replace("1 OPTIONS", "1 JUMP"), Status(501, "JUMP")),
        (
            "lower case",
            options("OPTIONS", "options").replace("1 OPTIONS", "1 options"),
            Status(501, "options"),
        ),
        ("refer", options("OPTIONS", "REFER").replace("1 OPTIONS", "1 REFER"), Status(405, "REFER")),
        (
            "register",
            options("OPTIONS", "REGISTER").replace("1 OPTIONS", "1 REGISTER"),
            Status(405, "REGISTER"),
        ),
        ("bye outside", options("OPTIONS", "BYE").replace("1 OPTIONS", "1 BYE"), Status(481, "dialog")),
        ("in no dialog", options("srs.example.net>", "srs.example.net>;tag=x"), Status(481, "")),
    ]
}

/// What cannot be answered.
fn unanswerable() -> Vec<Case> {
    use Gets::Silence;
    vec![
        ("no via", options("Via: SIP/2.0/UDP 198.51.100.11:5060;branch=z9hG4bKinvite\r\n", ""), Silence),
        ("bigcode", "SIP/2.0 4294967301 better not\r\n\r\n".into(), Silence),
        ("http", "GET / HTTP/1.1\r\nHost: x\r\n\r\n".into(), Silence),
        ("stun", "\0\u{1}\0\u{8}!\u{12}".into(), Silence),
        ("keep-alive", "\r\n\r\n".into(), Silence),
        ("empty", String::new(), Silence),
    ]
}

#[test]
fn each_oddity_gets_its_class_of_answer_and_the_recording_goes_on() {
    for (name, text, gets) in cases() {
        let mut recorder = Recorder::strict();
        let control = recorder.call_with(Invite { call_id: "control".into(), ..Invite::default() });
        recorder.udp(&text);
        let responses = recorder.responses();
        match gets {
            Gets::Status(status, words) => {
                assert_eq!(responses.len(), 1, "{name}");
                assert_eq!(responses[0].status, status, "{name}: {}", responses[0].reason);
                assert!(responses[0].reason.contains(words), "{name}: {}", responses[0].reason);
                if matches!(status, 405 | 501) {
                    assert!(responses[0].headers.lists("Allow", "INVITE"), "{name}");
                }
            }
            Gets::Silence => assert!(responses.is_empty(), "{name}: {responses:?}"),
        }
        recorder.udp(control.inside(2).as_method("BYE"));
        assert_eq!(recorder.response().status, 200, "{name}");
    }
}

#[test]
fn acks_are_never_answered() {
    let mut recorder = Recorder::strict();
    for (name, text, _) in cases() {
        let ack = text.replace("OPTIONS", "ACK");
        if ack.starts_with("ACK") {
            recorder.udp(ack);
            assert!(recorder.responses().is_empty(), "{name}");
        }
    }
}

#[test]
fn stream_that_cannot_be_cut_is_answered_and_closed() {
    let cases = [
        (options("Content-Length: 0", "Content-Length: 99999999"), 413),
        (options("Content-Length: 0\r\n", ""), 400),
        (options("Content-Length: 0", "Content-Length: many"), 400),
        (options("Max-Forwards", &format!("x: {}\r\nMax-Forwards", "y".repeat(MAX_HEAD_BYTES))), 413),
    ];
    for (text, status) in cases {
        let mut recorder = Recorder::strict();
        recorder.connect(1, crate::peer::peer());
        recorder.tcp(1, &text);
        assert_eq!(recorder.response().status, status);
        assert_eq!(recorder.disconnected.len(), 1);
        recorder.tcp(1, &text);
        assert!(recorder.sent.is_empty());
        assert_eq!(recorder.endpoint.counters().bytes_dropped, text.len() as u64);
    }
}

#[test]
fn a_fault_in_one_message_of_a_stream_does_not_spoil_the_next() {
    let mut recorder = Recorder::strict();
    recorder.connect(1, crate::peer::peer());
    recorder.tcp(1, options("Call-ID: call@src\r\n", "") + &options("OPTIONS", "OPTIONS"));
    let statuses: Vec<_> = recorder.responses().iter().map(|r| r.status).collect();
    assert_eq!(statuses, [400, 200]);
}

#[test]
fn metadata_over_its_limit_is_413() {
    let mut recorder = Recorder::strict();
    recorder.connect(1, crate::peer::peer());
    let mut invite = Invite::default();
    let body = siprec::body::join(Some(invite.body.as_bytes()), Some("x".repeat(129 * 1024).as_bytes()));
    invite.headers = invite.headers.replace("application/sdp", &body.content_type);
    invite.body = String::from_utf8(body.bytes).unwrap();
    recorder.tcp(1, invite.text());
    assert_eq!(recorder.response().status, 413);
}

#[test]
fn connections_over_the_limit_are_closed_at_once() {
    let mut config = config(Leniency::Strict);
    config.limits.connections = 2;
    let mut recorder = Recorder::new(config);
    for number in 1..=3 {
        recorder.connect(number, crate::peer::peer());
    }
    assert_eq!(recorder.disconnected, [siprec::ConnectionId(3)]);
}

#[test]
fn transactions_over_the_limit_hurt_no_session_that_stands() {
    let mut config = config(Leniency::Strict);
    config.limits.transactions = 1;
    let mut recorder = Recorder::new(config);
    let call = recorder.call();
    let second = Invite { call_id: "b".into(), branch: "z9hG4bKb".into(), ..Invite::default() };
    recorder.udp(second.text());
    assert_eq!(recorder.response().status, 503);
    recorder.udp(call.inside(2).as_method("BYE"));
    assert_eq!(recorder.response().status, 200);
    recorder.wait(secs(33));
    recorder.udp(second.text());
    assert_eq!(recorder.response().status, 200);
}

#[test]
fn flood_of_options_keeps_nothing() {
    let mut recorder = Recorder::strict();
    for number in 0..1000 {
        recorder.udp(options("z9hG4bKinvite", &format!("z9hG4bK{number}")));
    }
    assert_eq!(recorder.responses().len(), 1000);
    assert!(matches!(recorder.endpoint.poll(), siprec::Output::Idle));
    recorder.udp(options("Max-Forwards", "Max-Forwards"));
    let first = recorder.response();
    recorder.udp(options("Max-Forwards", "Max-Forwards"));
    assert_eq!(recorder.response(), first, "the same request gets the same answer, tag included");
}

fn vendor_messages() -> Vec<Vec<u8>> {
    vendor_files::names().iter().map(|name| vendor_files::bytes(name)).collect()
}

/// One thing the outside does.
#[derive(Debug, Clone)]
enum Move {
    /// A vendor's message with one byte changed, taken out or put in, or cut short, over both transports.
    Message(Vec<u8>, prop::sample::Index, u8, u8),
    Close,
    Snapshot,
    /// From now on the program accepts at once, or not at all.
    Accepts(bool),
    Disconnect,
    Wait(u64),
}

fn moves() -> impl Strategy<Value = Move> {
    let message =
        (prop::sample::select(vendor_messages()), any::<prop::sample::Index>(), any::<u8>(), 0..5u8);
    prop_oneof![
        6 => message.prop_map(|(bytes, at, byte, kind)| Move::Message(bytes, at, byte, kind)),
        1 => Just(Move::Close),
        1 => Just(Move::Snapshot),
        1 => any::<bool>().prop_map(Move::Accepts),
        1 => Just(Move::Disconnect),
        3 => (0..40_000u64).prop_map(Move::Wait),
    ]
}

fn make(recorder: &mut Recorder, connection: &mut u64, control: siprec::SessionId, step: Move) {
    let newest = recorder.endpoint.sessions().map(|s| s.id()).filter(|id| *id != control).max();
    match (step, newest) {
        (Move::Message(mut bytes, at, byte, kind), _) => {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, byte),
                3 => bytes.truncate(at),
                _ => {}
            }
            recorder.udp(&bytes);
            let (head, tail) = bytes.split_at(at.min(bytes.len()));
            recorder.tcp(*connection, head);
            recorder.tcp(*connection, tail);
        }
        (Move::Close, Some(session)) => {
            recorder.command(siprec::Command::Close { session, reason: "test".into() });
        }
        (Move::Snapshot, Some(session)) => {
            recorder.command(siprec::Command::RequestSnapshot { session, reason: "test".into() });
        }
        (Move::Close | Move::Snapshot, None) => {}
        (Move::Accepts(accepts), _) => recorder.accepts = accepts,
        (Move::Disconnect, _) => {
            recorder.input(siprec::Input::Disconnected { connection: siprec::ConnectionId(*connection) });
            *connection += 1;
            recorder.connect(*connection, crate::peer::peer());
        }
        (Move::Wait(ms), _) => recorder.wait(core::time::Duration::from_millis(ms)),
    }
}

/// A run is dear, so a quarter of what other properties get; `PROPTEST_CASES` scales it.
fn cases_wanted() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases.div_ceil(4), failure_persistence: None, ..usual }
}

proptest! {
    #![proptest_config(cases_wanted())]

    /// Whatever comes in whatever order: nothing panics, every output can be read again, the control call lives, and
    /// when it is over nothing is left behind.
    #[test]
    fn no_traffic_breaks_the_endpoint(steps in proptest::collection::vec(moves(), 1..25)) {
        let mut recorder = Recorder::new(config(Leniency::BodyOnly));
        let invite = Invite { call_id: "control".into(), ..Invite::default() };
        let control = recorder.call_with(invite);
        let session = recorder.session();
        let mut connection = 1;
        recorder.connect(connection, crate::peer::peer());
        for step in steps {
            make(&mut recorder, &mut connection, session, step);
        }
        recorder.responses();
        recorder.udp(control.inside(2).as_method("BYE"));
        prop_assert_eq!(recorder.response().status, 200);
        // No ACK ever came for the others.
        recorder.wait(secs(200));
        prop_assert_eq!(recorder.endpoint.sessions().count(), 0);
        prop_assert!(matches!(recorder.endpoint.poll(), siprec::Output::Idle));
    }
}
