//! A restart of the program in the middle of a call: what is remembered of a session goes on (A9-12).

use siprec::{
    CloseCause, Command, Config, Event, Leniency, Remembered, ResumeError, SessionId,
    message::{Method, Request},
};

use crate::peer::{Call, Invite, Recorder, answer, config, sdp};

/// A program that has just started, with tokens of its own.
fn restarted(config: Config) -> Recorder {
    let mut recorder = Recorder::new(config.clone());
    recorder.endpoint = siprec::Endpoint::new(config, [99; 32]);
    recorder
}

fn remembered(recorder: &Recorder, session: SessionId) -> Remembered {
    let session = recorder.endpoint.session(session).unwrap();
    let remembered = session.remembered(session.media()).unwrap();
    // It is kept as text.
    let text = serde_json::to_string(&remembered).unwrap();
    assert_eq!(serde_json::from_str::<Remembered>(&text).unwrap(), remembered);
    remembered
}

/// A call, and the recorder in which it goes on, with our first request in it.
fn gone_on() -> (Recorder, Call, SessionId, Request) {
    let mut before = Recorder::strict();
    let call = before.call();
    let remembered = remembered(&before, before.session());
    let mut after = restarted(config(Leniency::Strict));
    let session = after.endpoint.resume(after.now, &remembered, []).unwrap();
    after.command(Command::Readiness(siprec::Readiness::Ready));
    let request = after.request();
    (after, call, session, request)
}

#[test]
fn the_client_goes_on_as_if_nothing_had_happened() {
    let mut before = Recorder::strict();
    before.udp(Invite::default().text());
    let first = before.response();
    let call = Call::of(&first);
    before.udp(call.ack(1));
    let remembered = remembered(&before, before.session());

    let mut after = restarted(config(Leniency::Strict));
    let session = after.endpoint.resume(after.now, &remembered, []).unwrap();
    after.command(Command::Readiness(siprec::Readiness::Ready));
    assert_eq!(after.request().method, Method::Options);
    after.udp(call.reoffer(2, sdp(1, "sendonly", 30_000)).as_method("INVITE"));
    let again = after.response();
    assert_eq!((again.status, &again.body), (200, &first.body), "an unchanged offer is answered as before");
    after.udp(call.ack(2));
    after.udp(call.reoffer(3, sdp(2, "inactive", 30_000)).as_method("UPDATE"));
    let changed = after.response();
    assert_eq!(changed.status, 200);
    let text = String::from_utf8(changed.body).unwrap();
    let version = |text: &str| text.split(' ').nth(2).unwrap().parse::<u64>().unwrap();
    assert_eq!(version(&text), version(&String::from_utf8(first.body).unwrap()) + 1);
    assert!(after.endpoint.session(session).unwrap().plan().unwrap().all_paused());
    after.udp(call.inside(4).as_method("BYE"));
    assert_eq!(after.response().status, 200);
    assert!(matches!(after.closed(), Some(CloseCause::Bye { .. })));
}

#[test]
fn the_client_is_asked_at_once_whether_it_is_still_there() {
    let (mut recorder, call, session, options) = gone_on();
    let headers = &options.headers;
    assert_eq!((options.method.clone(), headers.get("Call-ID")), (Method::Options, Some("call@src")));
    assert!(headers.get("From").unwrap().contains(&call.to_tag));
    assert!(headers.get("To").unwrap().contains("tag=src1"));
    recorder.udp(answer(&options, 200, &[]));
    assert_eq!(recorder.names(), ["Reachable"]);

    let (mut recorder, .., options) = gone_on();
    recorder.udp(answer(&options, 481, &[]));
    assert!(matches!(
        recorder.events.as_slice(),
        [Event::Unreachable { session: told, status: Some(481) }] if *told == session
    ));
}

#[test]
fn numbers_of_requests_go_up_over_the_restart() {
    let mut before = Recorder::strict();
    let call = before.call();
    before.udp(call.inside(9).as_method("UPDATE"));
    let session = before.session();
    let first = remembered(&before, session);
    before.command(Command::RequestSnapshot { session, reason: "lost".into() });
    let number = |request: &Request| {
        let cseq = request.headers.get("CSeq").unwrap();
        cseq.split(' ').next().unwrap().parse::<u32>().unwrap()
    };
    let last = before.requests().iter().map(|(.., request)| number(request)).max().unwrap();
    let mut after = restarted(config(Leniency::Strict));
    after.endpoint.resume(after.now, &first, []).unwrap();
    after.command(Command::Readiness(siprec::Readiness::Ready));
    assert!(number(&after.request()) > last, "although that request was not remembered");
    after.udp(call.inside(8).as_method("UPDATE"));
    assert_eq!(after.response().status, 500, "theirs must not go back either");
}

#[test]
fn who_takes_part_is_known_from_the_documents() {
    let document = |mode: &str, rest: &str| {
        format!(
            "<recording xmlns='urn:ietf:params:xml:ns:recording:1'><datamode>{mode}</datamode>{rest}</recording>"
        )
    };
    let people = document(
        "complete",
        "<session session_id='S'/><participant participant_id='A'><nameID aor='sip:4678@x'/></participant>\
         <stream stream_id='T' session_id='S'><label>1</label></stream>\
         <participantstreamassoc participant_id='A'><send>T</send></participantstreamassoc>",
    );
    let mut before = Recorder::strict();
    let call = before.call();
    let remembered = remembered(&before, before.session());
    let mut after = restarted(config(Leniency::Strict));
    let documents = [b"no document".as_slice(), people.as_bytes()];
    let session = after.endpoint.resume(after.now, &remembered, documents).unwrap();
    let sends = |recorder: &Recorder| {
        let picture = recorder.endpoint.session(session).unwrap().picture().clone();
        picture.history().current_sendings().map(|sending| sending.line).collect::<Vec<_>>()
    };
    assert_eq!(sends(&after), [Some(0)]);
    after.command(Command::Readiness(siprec::Readiness::Ready));
    after.sent.clear();
    let mut hold = call.inside(2);
    hold.headers.push_str("Content-Type: application/rs-metadata+xml\r\n");
    hold.body = document("partial", "<participantstreamassoc participant_id='A'/>");
    after.udp(hold.as_method("UPDATE"));
    assert_eq!(after.response().status, 200);
    assert_eq!(sends(&after), [], "a change builds on what was");
}

#[test]
fn what_is_about_to_be_answered_is_remembered_before_the_answer() {
    let mut before = Recorder::strict();
    before.accepts = false;
    before.udp(Invite::default().text());
    let session = before.session();
    let local = |port| Some(siprec::sdp::LocalMedia { rtp_port: port, rtcp_port: port + 1, key: None });
    let media = vec![local(20_002), local(20_004)];
    let early = before.endpoint.session(session).unwrap().remembered(&media).unwrap();
    before.command(Command::Accept { session, media: media.clone() });
    let first = before.response();
    assert_eq!(first.status, 200);
    let call = Call::of(&first);
    let mut after = restarted(config(Leniency::Strict));
    let session = after.endpoint.resume(after.now, &early, []).unwrap();
    assert_eq!(after.endpoint.session(session).unwrap().media(), media);
    after.command(Command::Readiness(siprec::Readiness::Ready));
    after.sent.clear();
    after.udp(call.reoffer(2, sdp(1, "sendonly", 30_000)).as_method("UPDATE"));
    assert_eq!(after.response().body, first.body);
}

#[test]
fn a_session_that_cannot_go_on_says_why_and_leaves_nothing() {
    let mut before = Recorder::strict();
    before.call();
    let known = remembered(&before, before.session());
    let mut deaf = config(Leniency::Strict);
    deaf.peers[0].media.codecs.retain(|codec| codec.encoding == "G722");
    let mut after = restarted(deaf);
    assert_eq!(after.endpoint.resume(after.now, &known, []), Err(ResumeError::Lines));
    assert_eq!(after.endpoint.sessions().count(), 0);

    let mut after = restarted(config(Leniency::Strict));
    after.endpoint.resume(after.now, &known, []).unwrap();
    assert_eq!(after.endpoint.resume(after.now, &known, []), Err(ResumeError::Stands));
    after.command(Command::Readiness(siprec::Readiness::Ready));
    after.sent.clear();
    after.udp(Invite { branch: "z9hG4bKreplay".into(), ..Invite::default() }.text());
    assert_eq!(after.response().status, 482, "nor does its INVITE open another");

    // Our offer had no answer yet.
    let mut before = Recorder::strict();
    before.udp(
        Invite {
            headers: "Require: siprec\r\nContact: <sip:src@198.51.100.11>;+sip.src\r\n".into(),
            body: String::new(),
            ..Invite::default()
        }
        .text(),
    );
    let session = before.session();
    let open = before.endpoint.session(session).unwrap();
    let open = open.remembered(open.media()).unwrap();
    let mut after = restarted(config(Leniency::Strict));
    assert!(matches!(after.endpoint.resume(after.now, &open, []), Err(ResumeError::Offer(_))));
}

#[test]
fn what_a_vendor_tells_can_be_rewritten_and_the_dialog_stays_as_it_was() {
    let mut before = Recorder::strict();
    let mut invite = Invite::default();
    invite.headers.push_str("X-Note: pays by 1\r\n");
    before.udp(invite.text());
    let call = Call::of(&before.response());
    before.udp(call.ack(1));
    let mut known = remembered(&before, before.session());
    known.rewrite_headers(|text| text.contains('1').then(|| text.replace('1', "*")));
    let note = known.headers().iter().find(|(name, _)| name == "X-Note");
    assert_eq!(note.map(|(_, value)| value.as_str()), Some("pays by *"));

    let mut after = restarted(config(Leniency::Strict));
    after.endpoint.resume(after.now, &known, []).unwrap();
    after.command(Command::Readiness(siprec::Readiness::Ready));
    after.sent.clear();
    after.udp(call.inside(2).as_method("BYE"));
    assert_eq!(after.response().status, 200);
}

#[test]
fn what_is_remembered_is_not_shown() {
    let mut before = Recorder::strict();
    let key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";
    let body = sdp(1, "sendonly", 30_000) + key;
    before.call_with(Invite { body, ..Invite::default() });
    let shown = format!("{:?}", remembered(&before, before.session()));
    assert!(!shown.contains("inline") && !shown.contains("d0Rmd"), "{shown}");
}
