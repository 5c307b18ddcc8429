//! Session timers (A8): what is agreed, who refreshes, and what happens when nobody does.

use siprec::{CloseCause, Command, Event, Output, SessionId, message::Method};

use crate::peer::{Invite, Recorder, answer, secs};

fn with_timer(lines: &str) -> Invite {
    let mut invite = Invite::default();
    invite.headers.push_str(lines);
    invite
}

fn stated(recorder: &mut Recorder, lines: &str) -> (u16, Option<String>, bool) {
    recorder.udp(with_timer(lines).text());
    let response = recorder.response();
    let expires = response.headers.get("Session-Expires").map(str::to_owned);
    (response.status, expires, response.headers.lists("Require", "timer"))
}

#[test]
fn interval_and_refresher_follow_rfc_4028() {
    let some = |text: &str| Some(text.to_owned());
    let cases = [
        ("Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\n", some("1800;refresher=uac"), true),
        ("Supported: timer\r\nSession-Expires: 600;refresher=uas\r\n", some("600;refresher=uas"), false),
        ("Supported: timer\r\nx: 600\r\n", some("600;refresher=uac"), true),
        // Put in by a proxy for a client that knows no timers: we refresh.
        ("Session-Expires: 600\r\n", some("600;refresher=uas"), false),
        ("Supported: timer\r\n", some("1800;refresher=uac"), true),
        ("Supported: timer\r\nMin-SE: 3600\r\n", some("3600;refresher=uac"), true),
        ("Require: timer\r\nSession-Expires: 90\r\n", some("90;refresher=uac"), true),
        ("", None, false),
    ];
    for (lines, expires, require) in cases {
        assert_eq!(stated(&mut Recorder::strict(), lines), (200, expires, require), "{lines}");
    }
}

#[test]
fn too_small_an_interval_is_422_and_makes_nothing() {
    let mut recorder = Recorder::strict();
    recorder.udp(with_timer("Supported: timer\r\nSession-Expires: 60\r\n").text());
    let response = recorder.response();
    assert_eq!((response.status, response.headers.get("Min-SE")), (422, Some("90")));
    assert_eq!(recorder.names(), ["Refused"]);
    let malformed = with_timer("Supported: timer\r\nSession-Expires: soon\r\n");
    recorder.udp(Invite { branch: "z9hG4bK2".into(), call_id: "b".into(), ..malformed }.text());
    assert_eq!(recorder.response().status, 400);
}

#[test]
fn we_refresh_at_half_the_interval_when_it_is_ours_to_do() {
    let mut recorder = Recorder::strict();
    recorder.call_with(with_timer("Supported: timer\r\nSession-Expires: 600;refresher=uas\r\n"));
    for round in 1..=3 {
        recorder.wait(secs(300));
        let update = recorder.request();
        assert_eq!(update.method, Method::Update, "round {round}");
        assert_eq!(update.headers.get("Session-Expires"), Some("600;refresher=uac"));
        assert!(update.headers.get("Contact").unwrap().contains("+sip.srs"));
        assert!(update.body.is_empty());
        recorder.udp(answer(&update, 200, &[("Session-Expires", "600;refresher=uac")]));
    }
    assert_eq!(recorder.names(), ["Invited", "Confirmed"]);
}

#[test]
fn client_that_refreshes_keeps_the_session_without_end() {
    let mut recorder = Recorder::strict();
    let call = recorder.call_with(with_timer("Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n"));
    for cseq in 2..8 {
        recorder.wait(secs(400));
        let mut update = call.inside(cseq);
        update.headers.push_str("Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n");
        recorder.udp(update.as_method("UPDATE"));
        let response = recorder.response();
        assert_eq!(response.headers.get("Session-Expires"), Some("600;refresher=uac"));
    }
    assert_eq!(recorder.names(), ["Invited", "Confirmed"]);
}

#[test]
fn client_that_forgot_to_refresh_is_asked_once_more_before_the_end() {
    let mut recorder = Recorder::strict();
    recorder.call_with(with_timer("Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n"));
    recorder.wait(secs(568));
    let update = recorder.request();
    assert_eq!(update.headers.get("Session-Expires"), Some("600;refresher=uas"));
    recorder.udp(answer(&update, 200, &[("Session-Expires", "600;refresher=uas")]));
    recorder.wait(secs(500));
    assert_eq!(recorder.names(), ["Invited", "Confirmed"], "it lives");
}

#[test]
fn dead_client_is_closed_when_the_interval_ends() {
    let mut recorder = Recorder::strict();
    recorder.call_with(with_timer("Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n"));
    recorder.wait(secs(600));
    assert_eq!(recorder.names().last().unwrap(), "Closed");
    assert!(matches!(recorder.events.last(), Some(Event::Closed { cause: CloseCause::Expired, .. })));
    let requests = recorder.requests();
    let (at, _, bye) = requests.last().unwrap();
    assert_eq!((*at, &bye.method), (secs(600), &Method::Bye));
    recorder.wait(secs(100));
    assert!(matches!(recorder.endpoint.poll(), Output::Idle));
}

#[test]
fn where_update_is_unknown_we_refresh_by_invite_with_what_is_agreed() {
    let mut recorder = Recorder::strict();
    let invite = with_timer("Allow: INVITE, ACK, BYE\r\nSession-Expires: 600\r\n");
    recorder.udp(invite.text());
    let first = recorder.response();
    let call = crate::peer::Call::of(&first);
    recorder.udp(call.ack(1));
    recorder.wait(secs(300));
    let reinvite = recorder.request();
    assert_eq!((&reinvite.method, &reinvite.body), (&Method::Invite, &first.body));
    // Glare: theirs while ours is on the way.
    recorder.udp(call.reoffer(2, crate::peer::sdp(2, "sendonly", 31_000)).as_method("INVITE"));
    assert_eq!(recorder.response().status, 491);
    // Metadata alone is no offer and meets nothing.
    let mut update = call.inside(3);
    update.headers.push_str("Content-Type: application/rs-metadata+xml\r\n");
    update.body = "<recording xmlns='urn:ietf:params:xml:ns:recording:1'/>".into();
    recorder.udp(update.as_method("UPDATE"));
    assert_eq!(recorder.response().status, 200);
    let mut ok = reinvite.respond(200);
    ok.headers.push("Contact", "<sip:src@198.51.100.11:5060>");
    ok.headers.push("Content-Type", "application/sdp");
    ok.body = crate::peer::sdp(1, "sendonly", 30_000).into_bytes();
    recorder.udp(ok.to_bytes());
    let ack = recorder.request();
    assert_eq!(ack.headers.get("CSeq"), Some("1 ACK"));
    recorder.udp(ok.to_bytes());
    assert_eq!(recorder.request().method, Method::Ack, "a repeated 2xx is acknowledged again");
    let names = recorder.names();
    assert_eq!(names, ["Invited", "Confirmed", "Refused", "Described"], "nothing changed");
}

#[test]
fn refused_update_is_followed_by_invite_and_glare_is_tried_again() {
    let mut recorder = Recorder::strict();
    recorder.call_with(with_timer("Session-Expires: 600\r\n"));
    recorder.wait(secs(300));
    let update = recorder.request();
    recorder.udp(answer(&update, 491, &[]));
    recorder.wait(secs(2));
    let update = recorder.request();
    assert_eq!(update.method, Method::Update);
    recorder.udp(answer(&update, 405, &[("Allow", "INVITE, ACK, BYE, CANCEL")]));
    let reinvite = recorder.request();
    assert_eq!(reinvite.method, Method::Invite);
    recorder.udp(answer(&reinvite, 488, &[]));
    assert_eq!(recorder.request().method, Method::Ack);
    recorder.wait(secs(299));
    assert!(recorder.requests().is_empty(), "a refusal is a sign of life");
    assert_eq!(recorder.names(), ["Invited", "Confirmed"]);
}

#[test]
fn larger_minimum_of_the_client_is_taken() {
    let mut recorder = Recorder::strict();
    recorder.call_with(with_timer("Session-Expires: 600\r\n"));
    recorder.wait(secs(300));
    let update = recorder.request();
    recorder.udp(answer(&update, 422, &[("Min-SE", "1200")]));
    let again = recorder.request();
    assert_eq!(again.headers.get("Session-Expires"), Some("1200;refresher=uac"));
    assert_eq!(again.headers.get("CSeq"), Some("2 UPDATE"));
}

#[test]
fn dialog_without_timer_is_probed_and_its_silence_reported() {
    let mut recorder = Recorder::strict();
    recorder.call();
    recorder.wait(secs(300));
    let probe = recorder.request();
    assert_eq!(probe.method, Method::Options);
    recorder.udp(answer(&probe, 501, &[]));
    recorder.wait(secs(300));
    assert_eq!(recorder.names(), ["Invited", "Confirmed", "Reachable"], "any answer is a sign of life");
    recorder.wait(secs(32));
    assert!(matches!(recorder.events.last(), Some(Event::Unreachable { status: None, .. })));
    recorder.requests();
    recorder.wait(secs(268));
    let probe = recorder.request();
    recorder.udp(answer(&probe, 481, &[]));
    assert!(matches!(recorder.events.last(), Some(Event::Unreachable { status: Some(481), .. })));
    assert_eq!(recorder.endpoint.sessions().count(), 1, "whether media still comes decides");
}

#[test]
fn client_that_was_not_heard_and_sends_something_is_there_again() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    recorder.wait(secs(332));
    assert!(matches!(recorder.events.last(), Some(Event::Unreachable { status: None, .. })), "A8-06");
    recorder.udp(call.reoffer(2, crate::peer::sdp(2, "sendonly", 31_000)).as_method("UPDATE"));
    let told = recorder.names();
    assert_eq!(told.iter().filter(|name| *name == "Reachable").count(), 1, "{told:?}");
    recorder.udp(call.reoffer(3, crate::peer::sdp(3, "sendonly", 31_000)).as_method("UPDATE"));
    assert_eq!(recorder.names().iter().filter(|name| *name == "Reachable").count(), 1, "it is told once");
}

#[test]
fn program_may_ask_whether_the_client_is_there() {
    let mut recorder = Recorder::strict();
    recorder.call_with(with_timer("Session-Expires: 600\r\n"));
    let session = recorder.session();
    recorder.command(Command::Probe { session });
    let probe = recorder.request();
    assert_eq!(probe.method, Method::Options);
    recorder.udp(answer(&probe, 200, &[]));
    assert!(matches!(recorder.events.last(), Some(Event::Reachable { session: told }) if *told == session));
    recorder.command(Command::Probe { session: SessionId(99) });
    assert!(recorder.requests().is_empty(), "there is nobody to ask");
    assert_eq!(recorder.endpoint.counters().commands_ignored, 1);
}

#[test]
fn refresh_denied_ends_the_session() {
    for (status, says_bye) in [(481, false), (408, true)] {
        let mut recorder = Recorder::strict();
        recorder.call_with(with_timer("Session-Expires: 600\r\n"));
        recorder.wait(secs(300));
        let update = recorder.request();
        recorder.udp(answer(&update, status, &[]));
        assert!(
            matches!(recorder.events.last(), Some(Event::Closed { cause: CloseCause::Denied { status: s }, .. }) if *s == status)
        );
        assert_eq!(!recorder.requests().is_empty(), says_bye, "{status}");
    }
}

#[test]
fn refresh_that_nobody_answers_is_tried_until_the_interval_ends() {
    let mut recorder = Recorder::strict();
    recorder.call_with(with_timer("Session-Expires: 200\r\n"));
    recorder.wait(secs(135));
    assert_eq!(recorder.names().last().unwrap(), "Unreachable");
    let numbers: std::collections::BTreeSet<_> =
        recorder.requests().iter().map(|(_, _, r)| r.headers.get("CSeq").unwrap().to_owned()).collect();
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), ["1 UPDATE", "2 UPDATE"]);
    recorder.wait(secs(65));
    assert!(matches!(recorder.events.last(), Some(Event::Closed { cause: CloseCause::Expired, .. })));
}

#[test]
fn refresh_waits_while_a_modification_is_open() {
    let mut recorder = Recorder::strict();
    let call = recorder.call_with(with_timer("Session-Expires: 600\r\n"));
    recorder.wait(secs(299));
    recorder.accepts = false;
    recorder.udp(call.reoffer(2, crate::peer::sdp(2, "sendonly", 31_000)).as_method("UPDATE"));
    recorder.wait(secs(2));
    assert!(recorder.sent.is_empty(), "no request of ours crosses theirs");
    recorder.accept(recorder.session(), 2);
    assert_eq!(recorder.response().status, 200);
    recorder.wait(secs(299));
    assert!(recorder.sent.is_empty(), "theirs was a refresh too");
}
