//! SIP that is malformed, tortuous or forged, against the built program: each message gets an answer or is counted,
//! and afterwards a call is recorded as if nothing had been.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use sim::Program;
use sim::malformed::{Malformed, invites};
use sim::sip::{Line, Message, Transport};
use sim::time::{Since, wait_for};
use siprec::message::Message as Parsed;
use siprec::{Endpoint, Event, Input, Output};

use super::{PATIENCE, metric, setup};

/// How much a recorder may have grown when all is over: queues that were filled once (some 25 MiB), what happened to
/// calls (at most 32 MiB, `observe::chronicle`), and thousands of calls that are remembered for five minutes.
const GROWTH_BYTES: u64 = 192 << 20;

/// Time in which an answer that is not at once is still waited for.
const A_MOMENT: Duration = Duration::from_millis(120);

/// A call placed after all that is recorded, and is the newest recording.
fn records_a_call(program: &Program) {
    program.call(&["--seconds", "1"]).wait();
    let found = wait_for("the control call is sealed", PATIENCE, || {
        let page = program.http.get("/v1/recordings?limit=1").ok().json();
        page["items"].get(0).filter(|newest| newest["device"] == "4678").cloned()
    });
    let whole = super::recording(&program.http, &found);
    let stored = whole["packets"]["stored"].as_u64().expect("a count");
    assert!(stored >= 90, "{stored} packets of a second on two legs: {whole}");
}

/// Everything a line hears until the answer to a plain OPTIONS, which comes behind all that is answered at once.
fn heard_until_options(line: &mut Line, number: usize) -> Vec<Message> {
    let call_id = format!("sentinel{number}");
    let options = format!(
        "OPTIONS sip:recorder@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{} {};branch=z9hG4bKs{number};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:src@127.0.0.1>;tag=s\r\nTo: <sip:recorder@127.0.0.1>\r\n\
         Call-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
        line.transport.name(),
        line.local
    );
    let mut heard = Vec::new();
    let began = Since::now();
    while began.elapsed() < PATIENCE && line.try_send(options.as_bytes()) {
        while let Some(message) = line.receive(A_MOMENT / 3) {
            if message.header("Call-ID") == call_id {
                return heard;
            }
            heard.push(message);
        }
        // A stream that waits for more of a body has nothing to say; a datagram may be lost.
        if line.transport == Transport::Tcp {
            return heard;
        }
    }
    assert!(line.transport == Transport::Tcp, "OPTIONS after message {number} is not answered");
    heard
}

/// ACK and BYE in the dialog of a 200.
fn hang_up(line: &mut Line, answer: &Message) {
    let (number, _) = answer.header("CSeq").split_once(' ').unwrap_or(("1", ""));
    let next = number.parse::<u32>().map_or(2, |number| number.saturating_add(1)).to_string();
    for (method, number) in [("ACK", number), ("BYE", &next)] {
        let request = format!(
            "{method} sip:recorder@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{} {};branch=z9hG4bK{method}{};rport\r\n\
             Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} {method}\r\n\
             Content-Length: 0\r\n\r\n",
            line.transport.name(),
            line.local,
            answer.header("To").rsplit_once("tag=").map_or("", |(_, tag)| tag),
            answer.header("From"),
            answer.header("To"),
            answer.header("Call-ID"),
        );
        line.try_send(request.as_bytes());
    }
}

/// ACK to a refusal, which then is not repeated (RFC 3261 section 17.1.1.3).
fn acknowledge_refusal(line: &mut Line, answer: &Message) {
    let number = answer.header("CSeq").split(' ').next().unwrap_or("1");
    let [via, from, to, call_id] = ["Via", "From", "To", "Call-ID"].map(|name| answer.header(name));
    line.try_send(
        format!(
            "ACK sip:recorder@127.0.0.1 SIP/2.0\r\nVia: {via}\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
             CSeq: {number} ACK\r\nContent-Length: 0\r\n\r\n"
        )
        .as_bytes(),
    );
}

/// What has come of many messages.
#[derive(Debug, Default)]
struct Tally {
    /// Final answers to INVITEs by status, or to what was left of them.
    statuses: BTreeMap<u16, usize>,
    taken: BTreeMap<String, ()>,
}

impl Tally {
    fn count(&mut self, line: &mut Line, heard: &[Message]) {
        for message in heard.iter().filter(|message| message.status() >= 200) {
            let to_bye = message.header("CSeq").ends_with("BYE");
            if message.status() == 200 && !to_bye {
                // A repeat of a 200 is acknowledged again, and is no other session.
                if self.taken.insert(message.header("To").to_owned(), ()).is_none() {
                    *self.statuses.entry(200).or_default() += 1;
                }
                hang_up(line, message);
            } else if !to_bye {
                *self.statuses.entry(message.status()).or_default() += 1;
                acknowledge_refusal(line, message);
            }
        }
    }
}

/// Malformed messages are refused with what says so, or served; nothing else.
fn is_a_fit_answer(status: u16) -> bool {
    matches!(status, 200 | 400 | 403 | 405 | 413 | 415 | 416 | 420 | 422 | 481 | 482 | 488 | 501 | 505)
}

fn send_all_by_datagram(program: &Program) -> Tally {
    let mut line = Line::open(program.sip, Transport::Udp);
    let mut tally = Tally::default();
    for malformed in invites(line.local, "UDP") {
        assert!(line.try_send(&malformed.bytes), "{} {}", malformed.piece, malformed.fault);
        let heard = heard_until_options(&mut line, malformed.number);
        check(&malformed, &heard);
        tally.count(&mut line, &heard);
    }
    while let Some(message) = line.receive(Duration::from_secs(2)) {
        tally.count(&mut line, &[message]);
    }
    tally
}

fn send_all_by_stream(program: &Program) -> Tally {
    let mut tally = Tally::default();
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 5_060));
    let mut open: std::collections::VecDeque<Line> = std::collections::VecDeque::new();
    for malformed in invites(anywhere, "TCP") {
        let mut line = Line::open(program.sip, Transport::Tcp);
        line.try_send(&malformed.bytes);
        let heard = heard_until_options(&mut line, malformed.number);
        check(&malformed, &heard);
        tally.count(&mut line, &heard);
        // A session is answered when it is durable; meanwhile the next are sent.
        open.push_back(line);
        if open.len() > 100 {
            finish(open.pop_front().expect("there are many"), &mut tally);
        }
    }
    for line in open {
        finish(line, &mut tally);
    }
    tally
}

fn finish(mut line: Line, tally: &mut Tally) {
    while let Some(message) = line.receive(Duration::from_millis(1)) {
        tally.count(&mut line, &[message]);
    }
}

fn check(malformed: &Malformed, heard: &[Message]) {
    let Malformed { number, piece, fault, .. } = malformed;
    let ours = format!("m{number}@sbc");
    for message in heard.iter().filter(|message| message.status() >= 200 && message.header("Call-ID") == ours)
    {
        let status = message.status();
        assert!(is_a_fit_answer(status), "{number}: {piece} {fault}: {message:?}");
        assert!(status != 200 || !malformed.is_beyond_use(), "{number}: {piece} {fault}: {message:?}");
    }
}

fn malformed_invites_over(transport: Transport) {
    // Ports rest for a minute (B8-04), and there will be thousands of calls.
    let program = setup().argument("--rtp-ports").argument("12000-31999").log("warn,sqlx=error").start();
    records_a_call(&program);
    let before = program.memory_bytes();
    let tally = match transport {
        Transport::Udp => send_all_by_datagram(&program),
        Transport::Tcp => send_all_by_stream(&program),
    };
    // Thousands of recordings are being sealed: on a slow machine questions may find no time for a while.
    let is_answered = || (program.http.get("/metrics").status == 200).then_some(());
    wait_for("questions are answered", PATIENCE * 4, is_answered);
    let accepted = metric(&program.http, "sidetone_recording_sessions_total{answer=\"accepted\"}") - 1;
    // A2-03: each 200 is a recording, whether we have heard it or not.
    wait_for("every session taken is a recording", PATIENCE * 4, || {
        is_answered()?;
        let sealed = metric(&program.http, "sidetone_recordings_sealed_total{result=\"good\"}");
        (sealed > accepted).then_some(())
    });
    assert!(accepted >= 100, "many faults are none that matter: {accepted}");
    assert!(tally.statuses.get(&400).is_some_and(|count| *count >= 500), "many do: {:?}", tally.statuses);
    // On a slow machine calls are refused while the last of these are sealed.
    let is_ready = || (program.http.get("/readyz").status == 200).then_some(());
    wait_for("calls are taken again", PATIENCE * 4, is_ready);
    records_a_call(&program);
    let grown = program.memory_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES, "it has grown by {} MiB", grown >> 20);
    let ended = program.stop();
    assert!(ended.status.success() && !ended.log.contains("panicked"), "{}", ended.log);
}

#[test]
fn thousands_of_malformed_invites_in_datagrams_are_answered_and_a_call_is_recorded_after_them() {
    malformed_invites_over(Transport::Udp);
}

#[test]
fn thousands_of_malformed_invites_on_streams_are_answered_and_a_call_is_recorded_after_them() {
    malformed_invites_over(Transport::Tcp);
}

/// An endpoint at 127.0.0.1 that serves everyone strictly.
fn pure_endpoint() -> Endpoint {
    let identity = siprec::Identity {
        user: "recorder".into(),
        host: "127.0.0.1".into(),
        udp_port: 5060,
        tcp_port: 5060,
        tls_port: 5061,
        media_address: [127, 0, 0, 1].into(),
    };
    Endpoint::new(siprec::Config::new(identity), [9; 32])
}

#[test]
fn each_malformed_invite_in_a_datagram_has_one_answer_one_session_or_one_count() {
    let peer = SocketAddr::from(([127, 0, 0, 2], 5_060));
    let mut sessions = 0;
    for Malformed { number, piece, fault, bytes } in invites(peer, "UDP") {
        let mut endpoint = pure_endpoint();
        endpoint.handle(Duration::ZERO, Input::Datagram { peer, bytes: &bytes });
        let (mut answers, mut invited) = (0, 0);
        loop {
            match endpoint.poll() {
                Output::Transmit { bytes, .. } => {
                    let status = siprec::message::parse(&bytes).expect("ours can be read");
                    let Parsed::Response(response) = status else { panic!("{number}: {status:?}") };
                    answers += u64::from(response.status >= 200);
                }
                Output::Event(Event::Invited { .. }) => invited += 1,
                Output::Event(_) | Output::Disconnect { .. } => {}
                Output::Timeout(_) | Output::Idle => break,
            }
        }
        let dropped = endpoint.counters();
        let dropped = dropped.unreadable_dropped + dropped.datagrams_too_large + dropped.acks_dropped;
        assert_eq!(
            answers + invited + dropped,
            1,
            "{number}: {piece} {fault}: {answers} {invited} {dropped}"
        );
        sessions += invited;
    }
    assert!(sessions > 1_000, "most faults in what need not be read cost no recording: {sessions}");
}

/// The messages of RFC 4475 with our answers over UDP and TCP.
fn torture() -> Vec<(String, Vec<u8>, [Vec<u16>; 2])> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/rfc4475");
    let table = std::fs::read_to_string(folder.join("verdicts.txt")).expect("the verdicts");
    let statuses = |column: &str| column.split('+').filter_map(|status| status.parse().ok()).collect();
    let case = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [name, _, _, udp, tcp] = columns[..] else { panic!("five columns: {line}") };
        let bytes = std::fs::read(folder.join(format!("{name}.sip"))).expect("the message");
        (name.to_owned(), bytes, [statuses(udp), statuses(tcp)])
    };
    table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(case).collect()
}

fn finals(heard: &[Message]) -> Vec<u16> {
    heard.iter().map(Message::status).filter(|status| *status >= 200).collect()
}

/// Nothing of all that was a recording session, and the next call is one.
fn has_recorded_nothing_and_records(program: &Program) {
    assert_eq!(metric(&program.http, "sidetone_recording_sessions_total{answer=\"accepted\"}"), 0);
    records_a_call(program);
    let all = program.http.get("/v1/recordings").ok().json();
    assert_eq!(all["items"].as_array().map(Vec::len), Some(1), "{all}");
}

#[test]
fn every_message_of_rfc_4475_in_a_datagram_is_answered_as_its_verdict_says() {
    let program = setup().start();
    // Their Vias name hosts that are not ours: answers come to the sender's address and the Via's port (RFC 3261
    // section 18.2.2). That is 5060 for all but one.
    let at = |port: u16| Line::udp_from(SocketAddr::from(([127, 44, 75, 1], port)), program.sip);
    let (mut usual, mut quotbal) = (at(5060), at(5050));
    for (number, (name, bytes, [expected, _])) in torture().into_iter().enumerate() {
        let line = if name == "quotbal" { &mut quotbal } else { &mut usual };
        line.send(&bytes);
        let heard = heard_until_options(line, number);
        assert_eq!(finals(&heard), expected, "{name}: {heard:?}");
    }
    has_recorded_nothing_and_records(&program);
}

#[test]
fn every_message_of_rfc_4475_on_a_stream_is_answered_as_its_verdict_says() {
    let program = setup().start();
    for (name, bytes, [_, expected]) in torture() {
        let mut line = Line::open(program.sip, Transport::Tcp);
        line.send(&bytes);
        let heard: Vec<Message> = expected.iter().filter_map(|_| line.receive(PATIENCE)).collect();
        assert_eq!(finals(&heard), expected, "{name}: {heard:?}");
        assert_eq!(line.receive(A_MOMENT), None, "{name}");
    }
    has_recorded_nothing_and_records(&program);
}
