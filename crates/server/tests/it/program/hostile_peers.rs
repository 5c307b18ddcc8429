//! Who should not be answered, or not twice: scanners, forgers, replays; and who must be although the line is bad
//! (F-SIP-1 to F-SIP-4, A14, E2-19).

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sim::relay::{Relay, Trouble};
use sim::rtp::{Leg, noise};
use sim::sip::{Line, Message, Offer, Session, Transport};
use sim::time::wait_for;
use sim::{Program, Setup};

use super::{PATIENCE, metric, recording, sealed, setup};

/// Time in which an answer comes that comes at all.
const A_MOMENT: Duration = Duration::from_millis(300);

/// What scanners send, in the shape of `SIPVicious` and of fraud by calling dear numbers.
fn scans(local: SocketAddr) -> Vec<(&'static str, String)> {
    let sdp = "v=0\r\no=sipsscuser 1 1 IN IP4 192.0.2.66\r\ns=call\r\nc=IN IP4 192.0.2.66\r\nt=0 0\r\n\
               m=audio 25282 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n";
    let scan = |name: &'static str, method: &str, uri: &str, agent: &str, body: &str| {
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK-{name};rport\r\n\
             From: \"sipvicious\"<sip:100@1.1.1.1>;tag=6434396633626535313363340131\r\n\
             To: \"sipvicious\"<sip:100@1.1.1.1>\r\nCall-ID: {name}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n\
             Contact: <sip:100@{local}>\r\nUser-Agent: {agent}\r\nAccept: application/sdp\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        (name, text)
    };
    vec![
        scan("options", "OPTIONS", "sip:100@127.0.0.1", "friendly-scanner", ""),
        scan("register", "REGISTER", "sip:127.0.0.1", "friendly-scanner", ""),
        scan("war-dial", "INVITE", "sip:900972592277524@127.0.0.1", "friendly-scanner", sdp),
        scan("fraud", "INVITE", "sip:00972592277524@127.0.0.1", "sipcli/v1.8", sdp),
        scan("refer", "REFER", "sip:100@127.0.0.1", "VaxSIPUserAgent/3.1", ""),
        scan("message", "MESSAGE", "sip:100@127.0.0.1", "pplsip", ""),
        scan("subscribe", "SUBSCRIBE", "sip:100@127.0.0.1", "sundayddr", ""),
    ]
}

/// The names of all files but those SQLite keeps beside its own while it is asked.
fn names(setup: &Setup) -> Vec<std::path::PathBuf> {
    let all = sim::disk::files(&setup.data()).into_iter().map(|(path, _)| path);
    all.filter(|path| !path.to_string_lossy().contains(".sqlite-")).collect()
}

/// Sends a scan and gives all that came back, as bytes and messages. Nobody acknowledges anything.
fn scan(program: &Program, settle: Duration) -> Vec<(&'static str, usize, Vec<usize>)> {
    let mut seen = Vec::new();
    for (name, text) in scans(SocketAddr::from(([127, 0, 0, 1], 5_060))) {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.connect(program.sip).expect("an address");
        socket.set_read_timeout(Some(settle)).expect("a timeout over 0");
        socket.send(text.as_bytes()).expect("loopback takes it");
        let mut buffer = vec![0; 65_535];
        let mut answers = Vec::new();
        while let Ok(count) = socket.recv(&mut buffer) {
            answers.push(count);
        }
        seen.push((name, text.len(), answers));
    }
    seen
}

fn no_trace_of_scans(program: &Program, before: &[std::path::PathBuf]) {
    let rows = program.http.get("/v1/recordings").ok().json();
    assert_eq!(rows["items"].as_array().map(Vec::len), Some(0), "{rows}");
    assert_eq!(names(&program.setup), before, "no file");
    assert_eq!(metric(&program.http, "sidetone_recording_sessions_total{answer=\"accepted\"}"), 0);
    program.call(&["--seconds", "1"]).wait();
    sealed(&program.http, 1);
}

#[test]
fn scanners_get_no_byte_where_strangers_get_none() {
    // Calls come from 127.0.0.1, which the trunk holds; the scan comes from beside it.
    let toml = "[sip]\nunlisted = \"silent\"\n[[trunk]]\nname = \"SBC\"\nnetworks = [\"127.0.0.9\"]\n";
    let program = setup().settings(toml).start();
    let before = names(&program.setup);
    for (name, _, answers) in scan(&program, A_MOMENT / 3) {
        assert!(answers.is_empty(), "{name}: {answers:?}");
    }
    assert_eq!(metric(&program.http, "sidetone_sip_dropped_total{reason=\"unlisted\"}"), 7);
    let rows = program.http.get("/v1/recordings").ok().json();
    assert_eq!(rows["items"].as_array().map(Vec::len), Some(0), "{rows}");
    assert_eq!(names(&program.setup), before, "no file");
}

#[test]
fn scanners_get_one_answer_at_most_and_none_longer_than_what_they_sent() {
    for unlisted in ["refuse", "strict"] {
        let toml = format!("[sip]\nunlisted = \"{unlisted}\"\n");
        let program = setup().settings(&toml).start();
        let before = names(&program.setup);
        // Longer than the first repeats of an answer would take.
        for (name, sent, answers) in scan(&program, Duration::from_millis(700)) {
            assert!(answers.len() <= 1, "{unlisted} {name}: {answers:?}");
            assert!(
                answers.iter().all(|back| *back <= sent),
                "{unlisted} {name}: {answers:?} for {sent} bytes"
            );
        }
        if unlisted == "strict" {
            no_trace_of_scans(&program, &before);
        }
    }
}

fn answer_from(line: &mut Line, request: &[u8]) -> Option<Message> {
    line.send(request);
    line.receive(A_MOMENT)
}

#[test]
fn forged_requests_from_elsewhere_end_and_change_nothing() {
    let program = setup().start();
    let sides = [Leg::new(1), Leg::new(2)];
    let offer = Offer::two_legs("4678", sides.each_ref().map(Leg::port));
    let call_id = offer.sip_call_id().to_owned();
    let session = Session::open(program.sip, Transport::Udp, offer).expect("it is answered");
    let to = session.answer.header("To").to_owned();
    // The forger knows all that is in the messages.
    let mut forger = Line::udp_from("127.0.0.2:0".parse().expect("an address"), program.sip);
    let sdp =
        "v=0\r\no=x 1 9 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";
    for (number, (method, body)) in
        [("BYE", ""), ("CANCEL", ""), ("INVITE", sdp), ("UPDATE", sdp)].iter().enumerate()
    {
        let (cseq, to) = match *method {
            "CANCEL" => (1, "<sip:recorder@127.0.0.1>"),
            _ => (number + 2, to.as_str()),
        };
        let request = format!(
            "{method} sip:recorder@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKforged{number};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:src@127.0.0.1>;tag=src\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:x@{}>;+sip.src\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{body}",
            forger.local,
            forger.local,
            body.len()
        );
        let answer = answer_from(&mut forger, request.as_bytes()).unwrap_or_else(|| panic!("{method}: none"));
        assert!([403, 481].contains(&answer.status()), "{method}: {answer:?}");
    }
    for number in 0..25 {
        for (side, to) in sides.iter().zip(session.media()) {
            assert!(side.send_frame(to, number, &noise(1, number)));
        }
    }
    assert_eq!(session.bye(), 200, "the session stands to its own end");
    let found = sealed(&program.http, 1).remove(0);
    assert_eq!(recording(&program.http, &found)["packets"]["stored"], 50);
}

#[test]
fn a_captured_invite_sent_again_begins_no_second_recording() {
    let program = setup().start();
    let sides = [Leg::new(1), Leg::new(2)];
    let offer = Offer::two_legs("4678", sides.each_ref().map(Leg::port));
    let session = Session::open(program.sip, Transport::Tcp, offer.clone()).expect("it is answered");
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut line = Line::open(program.sip, transport);
        // The branch is another, or it would be the same request once more.
        let invite =
            String::from_utf8(offer.invite(&line)).expect("it is text").replace("z9hG4bK", "z9hG4bKagain");
        let answer = line.ask(invite.as_bytes());
        assert_eq!(answer.status(), 482, "{transport:?}: {answer:?}");
    }
    assert_eq!(session.bye(), 200);
    sealed(&program.http, 1);
    assert_eq!(metric(&program.http, "sidetone_recording_sessions_total{answer=\"accepted\"}"), 1);
}

/// Calls over a line this bad, some at a time: every one is recorded once, and no session is left.
fn calls_over_a_bad_line(seed: u64, trouble: Trouble) {
    const CALLS: usize = 12;
    let program = setup().start();
    let relay = Relay::start(program.sip, seed, trouble);
    std::thread::scope(|scope| {
        for number in 0..CALLS {
            let address = relay.address;
            scope.spawn(move || {
                let ssrc = u32::try_from(number).expect("few");
                let sides = [Leg::new(ssrc), Leg::new(100 + ssrc)];
                let offer = Offer::two_legs("4678", sides.each_ref().map(Leg::port));
                let session = Session::open(address, Transport::Udp, offer).expect("it is answered");
                for number in 0..25 {
                    for (side, to) in sides.iter().zip(session.media()) {
                        assert!(side.send_frame(to, number, &noise(1, number)));
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                assert_eq!(session.bye(), 200, "call {number}");
            });
        }
    });
    let all = sealed(&program.http, CALLS);
    let mut call_ids: Vec<String> = Vec::new();
    for found in &all {
        let whole = recording(&program.http, found);
        assert_eq!(whole["packets"]["stored"], 50, "{whole}");
        call_ids.push(super::text(&whole["sip_call_id"]).to_owned());
    }
    call_ids.sort();
    call_ids.dedup();
    assert_eq!(call_ids.len(), CALLS, "no call is recorded twice");
    wait_for("all is sealed", PATIENCE, || {
        let sealed = metric(&program.http, "sidetone_recordings_sealed_total{result=\"good\"}");
        (sealed == CALLS as u64).then_some(())
    });
    let went_wrong =
        [&relay.done.lost, &relay.done.doubled, &relay.done.overtaken].map(|it| it.load(Ordering::Relaxed));
    assert!(went_wrong.iter().any(|count| *count > 0), "the line was bad: {went_wrong:?}");
}

#[test]
fn calls_over_a_line_that_loses_doubles_and_reorders_five_percent_are_each_recorded_once() {
    calls_over_a_bad_line(5, Trouble { lost: 5, doubled: 5, overtaken: 5 });
}

#[test]
fn calls_over_a_line_that_loses_ten_percent_are_each_recorded_once() {
    calls_over_a_bad_line(10, Trouble { lost: 10, doubled: 0, overtaken: 0 });
}
