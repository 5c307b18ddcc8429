//! How a session begins: repeats, refusals, races with CANCEL, lost ACKs.

use core::time::Duration;

use siprec::{
    CloseCause, Command, Leniency, Readiness, Target,
    message::{Method, Request},
};

use crate::peer::{Invite, Recorder, answer, config, ms, peer, secs};

#[test]
fn ok_is_repeated_until_the_ack_comes() {
    let mut recorder = Recorder::strict();
    recorder.udp(Invite::default().text());
    recorder.wait(secs(10));
    assert_eq!(recorder.times_of(200, Duration::ZERO), [0, 500, 1500, 3500, 7500]);
    let call = crate::peer::Call::of(&recorder.responses()[0]);
    recorder.udp(call.ack(1));
    recorder.wait(secs(60));
    assert!(recorder.responses().is_empty());
    assert_eq!(recorder.names(), ["Invited", "Confirmed"]);
}

#[test]
fn without_ack_the_session_ends_with_bye_after_32_seconds() {
    let mut recorder = Recorder::strict();
    recorder.udp(Invite::default().text());
    recorder.wait(secs(40));
    assert_eq!(
        recorder.times_of(200, Duration::ZERO),
        [0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]
    );
    assert_eq!(recorder.closed(), Some(&CloseCause::AckMissing));
    let bye = recorder.requests();
    assert_eq!((bye[0].0, &bye[0].2.method), (secs(32), &Method::Bye));
}

#[test]
fn ok_is_repeated_over_tcp_too() {
    let mut recorder = Recorder::strict();
    recorder.connect(1, peer());
    recorder.tcp(1, Invite::default().text());
    recorder.wait(secs(2));
    assert_eq!(recorder.times_of(200, Duration::ZERO), [0, 500, 1500]);
    assert!(recorder.sent.iter().all(|sent| sent.to == Target::Connection(siprec::ConnectionId(1))));
}

#[test]
fn invite_that_comes_again_gets_the_same_answer_and_no_second_session() {
    let mut recorder = Recorder::strict();
    recorder.udp(Invite::default().text());
    recorder.udp(Invite::default().text());
    let responses = recorder.responses();
    assert_eq!(responses.len(), 2);
    assert_eq!(responses[0], responses[1]);
    assert_eq!(recorder.endpoint.sessions().count(), 1);
    let call = crate::peer::Call::of(&responses[0]);
    recorder.udp(call.ack(1));
    recorder.udp(call.ack(1));
    recorder.udp(Invite::default().text());
    assert_eq!(recorder.response(), responses[0]);
    assert_eq!(recorder.names(), ["Invited", "Confirmed"]);
}

#[test]
fn slow_answers_are_preceded_by_trying() {
    let mut recorder = Recorder::strict();
    recorder.accepts = false;
    recorder.udp(Invite::default().text());
    recorder.wait(ms(199));
    assert!(recorder.sent.is_empty());
    recorder.wait(ms(1));
    let trying = recorder.response();
    assert_eq!((trying.status, trying.headers.get("To")), (100, Some("<sip:recorder@srs.example.net>")));
    recorder.udp(Invite::default().text());
    assert_eq!(recorder.response().status, 100, "a repeat gets the provisional answer again");
    recorder.accept(recorder.session(), 2);
    assert_eq!(recorder.response().status, 200);
}

#[test]
fn repeat_before_trying_is_told_that_we_are_at_it() {
    let mut recorder = Recorder::strict();
    recorder.accepts = false;
    recorder.udp(Invite::default().text());
    recorder.udp(Invite::default().text());
    assert_eq!(recorder.response().status, 100);
}

#[test]
fn program_that_does_not_decide_costs_the_call_and_not_more() {
    let mut recorder = Recorder::strict();
    recorder.accepts = false;
    recorder.udp(Invite::default().text());
    recorder.wait(secs(10));
    let last = recorder.responses().pop().unwrap();
    assert_eq!(last.status, 503);
    assert!(last.headers.get("Retry-After").is_some());
    assert_eq!(recorder.closed(), Some(&CloseCause::Undecided));
    recorder.accept(recorder.session(), 2);
    assert_eq!(recorder.endpoint.counters().commands_ignored, 1);
}

#[test]
fn cancel_before_the_answer_ends_the_invite_with_487() {
    let mut recorder = Recorder::strict();
    recorder.accepts = false;
    let invite = Invite::default();
    recorder.udp(invite.text());
    recorder
        .udp(Invite { headers: String::new(), body: String::new(), ..invite.clone() }.as_method("CANCEL"));
    let responses = recorder.responses();
    let told: Vec<_> = responses.iter().map(|r| (r.status, r.headers.get("CSeq").unwrap())).collect();
    assert_eq!(told, [(200, "1 CANCEL"), (487, "1 INVITE")]);
    assert_eq!(responses[0].headers.get("To"), responses[1].headers.get("To"), "one tag for both");
    assert_eq!(recorder.closed(), Some(&CloseCause::Cancelled));
    // The 487 is repeated until its ACK, which has the INVITE's branch.
    recorder.wait(ms(600));
    assert_eq!(recorder.response().status, 487);
    recorder.udp(Invite { headers: String::new(), body: String::new(), ..invite }.as_method("ACK"));
    recorder.wait(secs(20));
    assert!(recorder.responses().is_empty());
    assert_eq!(recorder.endpoint.counters().acks_dropped, 0);
}

#[test]
fn cancel_that_comes_too_late_changes_nothing() {
    let mut recorder = Recorder::strict();
    let invite = Invite::default();
    recorder.udp(invite.text());
    let call = crate::peer::Call::of(&recorder.response());
    recorder.udp(Invite { headers: String::new(), body: String::new(), ..invite }.as_method("CANCEL"));
    assert_eq!(recorder.response().status, 200);
    recorder.udp(call.ack(1));
    assert_eq!(recorder.names(), ["Invited", "Confirmed"]);
}

#[test]
fn cancel_of_nothing_and_cancel_from_elsewhere_end_nothing() {
    let mut recorder = Recorder::strict();
    recorder.accepts = false;
    let cancel =
        Invite { headers: String::new(), body: String::new(), ..Invite::default() }.as_method("CANCEL");
    recorder.udp(&cancel);
    assert_eq!(recorder.response().status, 481);
    recorder.udp(Invite::default().text());
    recorder.udp_from("198.51.100.66:5060".parse().unwrap(), cancel.replace("5060;branch", "5060;x;branch"));
    recorder.accept(recorder.session(), 2);
    let statuses: Vec<_> = recorder.responses().iter().map(|r| r.status).collect();
    assert!(statuses.contains(&200) && !statuses.contains(&487), "{statuses:?}");
}

#[test]
fn draining_refuses_new_calls_and_keeps_the_old() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    let readiness = Readiness::Refusing { reason: "Draining".into(), retry_after_s: Some(12) };
    recorder.command(Command::Readiness(readiness));
    let invite = Invite { call_id: "second".into(), branch: "z9hG4bK2".into(), ..Invite::default() };
    recorder.udp(invite.text());
    let response = recorder.response();
    assert_eq!((response.status, response.reason.as_str()), (503, "Draining"));
    assert_eq!(response.headers.get("Retry-After"), Some("12"));
    recorder.udp(call.inside(2).as_method("UPDATE"));
    assert_eq!(recorder.response().status, 200);
}

#[test]
fn session_limit_answers_503_with_retry_after() {
    let mut config = config(Leniency::Strict);
    config.limits.sessions = 1;
    let mut recorder = Recorder::new(config);
    recorder.call();
    recorder.udp(Invite { call_id: "b".into(), branch: "z9hG4bK2".into(), ..Invite::default() }.text());
    let response = recorder.response();
    assert_eq!(response.status, 503);
    assert!((5..=30).contains(&response.headers.get("Retry-After").unwrap().parse::<u32>().unwrap()));
}

#[test]
fn same_request_by_another_path_is_a_loop() {
    let mut recorder = Recorder::strict();
    recorder.udp(Invite::default().text());
    recorder.udp(Invite { branch: "z9hG4bKother".into(), ..Invite::default() }.text());
    let statuses: Vec<_> = recorder.responses().iter().map(|r| r.status).collect();
    assert_eq!(statuses, [200, 482]);
    assert_eq!(recorder.endpoint.sessions().count(), 1);
}

#[test]
fn stray_acks_and_stray_responses_are_counted_only() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    recorder.udp(call.ack(99));
    recorder.udp(Invite { to_tag: "x".into(), ..Invite::default() }.as_method("ACK"));
    recorder.udp(answer(&siprec_request(), 200, &[]));
    assert!(recorder.sent.is_empty());
    let counters = recorder.endpoint.counters();
    assert_eq!((counters.acks_dropped, counters.responses_dropped), (2, 1));
}

fn siprec_request() -> Request {
    let mut request = Request::new(Method::Options, "sip:a@b");
    request.headers.push("Via", "SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKnobody");
    request.headers.push("From", "<sip:a@b>;tag=1");
    request.headers.push("To", "<sip:a@b>");
    request.headers.push("Call-ID", "x");
    request.headers.push("CSeq", "1 OPTIONS");
    request
}

#[test]
fn client_of_the_old_rfc_without_branches_is_served() {
    let mut recorder = Recorder::strict();
    let invite = Invite { branch: "1".into(), ..Invite::default() };
    recorder.udp(invite.text());
    recorder.udp(invite.text());
    assert_eq!(recorder.responses().len(), 2);
    assert_eq!(recorder.endpoint.sessions().count(), 1);
}

#[test]
fn invite_replayed_while_its_session_stands_is_refused() {
    let mut recorder = Recorder::strict();
    recorder.call();
    recorder.wait(secs(40));
    recorder.connect(1, peer());
    recorder.tcp(1, Invite { branch: "z9hG4bKreplay".into(), ..Invite::default() }.text());
    assert_eq!(recorder.response().status, 482);
    assert_eq!(recorder.endpoint.sessions().count(), 1);
}

#[test]
fn one_peer_without_a_trunk_cannot_take_all_sessions() {
    let mut config = config(Leniency::Strict);
    config.peers.clear();
    config.limits.sessions_per_peer = 1;
    takes_one_session_of_an_address(Recorder::new(config));
}

#[test]
fn a_trunk_takes_no_more_sessions_than_its_limit() {
    let mut config = config(Leniency::Strict);
    config.peers[0].networks = vec![siprec::Network { address: peer().ip(), prefix_bits: 32 }];
    config.peers[0].max_sessions = 1;
    takes_one_session_of_an_address(Recorder::new(config));
}

fn takes_one_session_of_an_address(mut recorder: Recorder) {
    let call = recorder.call();
    let second = Invite { call_id: "b".into(), branch: "z9hG4bK2".into(), ..Invite::default() };
    recorder.udp(second.text());
    assert_eq!(recorder.response().status, 503);
    let third = Invite { call_id: "c".into(), branch: "z9hG4bK3".into(), ..Invite::default() };
    recorder.udp_from("198.51.100.12:5060".parse().unwrap(), third.text());
    assert_eq!(recorder.response().status, 200);
    recorder.udp(call.inside(2).as_method("BYE"));
    recorder.responses();
    recorder.udp(Invite { branch: "z9hG4bK4".into(), cseq: 2, ..second }.text());
    assert_eq!(recorder.response().status, 200, "the count goes down again");
}

fn without_sdp() -> Invite {
    let headers = "Require: siprec\r\nContact: <sip:src@198.51.100.11:5060>;+sip.src\r\n".into();
    Invite { headers, body: String::new(), ..Invite::default() }
}

#[test]
fn invite_without_sdp_gets_our_offer_and_the_ack_answers_it() {
    let mut recorder = Recorder::strict();
    recorder.udp(without_sdp().text());
    let response = recorder.response();
    assert_eq!((response.status, response.headers.get("Content-Type")), (200, Some("application/sdp")));
    let text = String::from_utf8(response.body.clone()).unwrap();
    assert!(text.contains("RTP/AVP 0 8 9 101\r\n") && text.contains("a=recvonly\r\n"), "{text}");
    assert_eq!(text.matches("m=").count(), 1);
    let mut ack = crate::peer::Call::of(&response).inside(1);
    ack.headers = "Content-Type: application/sdp\r\n".into();
    ack.body = "v=0\r\no=- 1 1 IN IP4 198.51.100.98\r\ns=-\r\nc=IN IP4 198.51.100.98\r\nt=0 0\r\n\
                m=audio 27010 RTP/AVP 0 101\r\na=sendonly\r\na=rtpmap:101 telephone-event/8000\r\n"
        .into();
    ack.branch = "z9hG4bKack".into();
    recorder.udp(ack.as_method("ACK"));
    assert_eq!(recorder.names(), ["Invited", "Confirmed", "Modified"]);
    let session = recorder.endpoint.session(recorder.session()).unwrap();
    let line = session.plan().unwrap().accepted().next().unwrap().1;
    assert_eq!(line.remote_rtp, Some("198.51.100.98:27010".parse().unwrap()));
    assert!(line.formats[0].is("PCMU"));
}

#[test]
fn our_offer_without_a_usable_answer_ends_with_bye() {
    for body in
        ["", "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n"]
    {
        let mut recorder = Recorder::strict();
        recorder.udp(without_sdp().text());
        let mut ack = crate::peer::Call::of(&recorder.response()).inside(1);
        if !body.is_empty() {
            ack.headers = "Content-Type: application/sdp\r\n".into();
        }
        ack.body = body.into();
        ack.branch = "z9hG4bKack".into();
        recorder.udp(ack.as_method("ACK"));
        assert_eq!(recorder.request().method, Method::Bye);
        assert_eq!(recorder.closed(), Some(&CloseCause::AnswerMissing));
    }
}

#[test]
fn refused_call_is_told_why_and_when_to_come_back() {
    let mut recorder = Recorder::strict();
    recorder.accepts = false;
    recorder.udp(Invite::default().text());
    let session = recorder.session();
    let reason = "No recorder for this tenant".to_owned();
    recorder.command(Command::Reject { session, status: 503, reason: reason.clone(), retry_after_s: None });
    let response = recorder.response();
    assert_eq!((response.status, response.reason), (503, reason));
    assert!(response.headers.get("Retry-After").is_some(), "without it a 503 counts as a 500");
    assert_eq!(recorder.closed(), Some(&CloseCause::Asked));
    recorder
        .udp(Invite { headers: String::new(), body: String::new(), ..Invite::default() }.as_method("ACK"));
    recorder.wait(secs(40));
    assert!(recorder.sent.is_empty());
    assert!(matches!(recorder.endpoint.poll(), siprec::Output::Idle));
}

#[test]
fn accept_without_a_port_is_no_200_with_nothing_to_record() {
    let mut recorder = Recorder::strict();
    recorder.accepts = false;
    recorder.udp(Invite::default().text());
    recorder.command(Command::Accept { session: recorder.session(), media: vec![None, None] });
    assert_eq!(recorder.response().status, 503);
    assert_eq!(recorder.closed(), Some(&CloseCause::Asked));
}

#[test]
fn line_without_a_port_is_answered_with_port_zero_beside_the_others() {
    let mut recorder = Recorder::strict();
    recorder.accepts = false;
    recorder.udp(Invite::default().text());
    let media = vec![None, Some(siprec::sdp::LocalMedia { rtp_port: 20_000, rtcp_port: 20_001, key: None })];
    recorder.command(Command::Accept { session: recorder.session(), media });
    let body = String::from_utf8(recorder.response().body).unwrap();
    assert!(body.contains("m=audio 0 RTP/AVP 0") && body.contains("m=audio 20000 RTP/AVP 0 8"), "{body}");
}

#[test]
fn commands_for_a_session_that_is_gone_are_counted_only() {
    let mut recorder = Recorder::strict();
    let session = siprec::SessionId(99);
    recorder.command(Command::Close { session, reason: String::new() });
    recorder.command(Command::RequestSnapshot { session, reason: String::new() });
    recorder.command(Command::Accept { session, media: vec![] });
    recorder.command(Command::Reject { session, status: 500, reason: String::new(), retry_after_s: None });
    assert_eq!(recorder.endpoint.counters().commands_ignored, 4);
    assert!(recorder.sent.is_empty() && recorder.events.is_empty());
}

#[test]
fn ok_goes_on_by_another_connection_when_its_own_breaks() {
    let mut recorder = Recorder::strict();
    recorder.connect(9, "198.51.100.11:49152".parse().unwrap());
    recorder.tcp(9, Invite::default().text());
    recorder.responses();
    recorder.input(siprec::Input::Disconnected { connection: siprec::ConnectionId(9) });
    recorder.wait(ms(500));
    let to = Target::Dial { transport: siprec::Transport::Tcp, peer: peer() };
    assert_eq!(recorder.sent[0].to, to);
}
