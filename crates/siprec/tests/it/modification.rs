//! re-INVITE and UPDATE inside a session: what changes, what does not, what crosses.

use siprec::{Command, Event};

use crate::peer::{Invite, Recorder, sdp, secs};

#[test]
fn old_numbers_inside_a_dialog_are_refused() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    recorder.udp(call.inside(7).as_method("UPDATE"));
    assert_eq!(recorder.response().status, 200);
    recorder.udp(call.inside(6).as_method("UPDATE"));
    assert_eq!(recorder.response().status, 500);
}

#[test]
fn update_that_comes_again_is_applied_once() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    let xml =
        "<recording xmlns='urn:ietf:params:xml:ns:recording:1'><datamode>partial</datamode></recording>";
    let mut update = call.inside(2);
    update.headers.push_str("Content-Type: application/rs-metadata+xml\r\n");
    update.body = xml.into();
    recorder.udp(update.as_method("UPDATE"));
    recorder.udp(update.as_method("UPDATE"));
    let responses = recorder.responses();
    assert_eq!(responses[0], responses[1]);
    assert_eq!(recorder.names(), ["Invited", "Confirmed", "Described"]);
}

#[test]
fn second_invite_before_the_first_is_answered_gets_500_with_retry_after() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    recorder.accepts = false;
    recorder.udp(call.reoffer(2, sdp(2, "sendonly", 31_000)).as_method("INVITE"));
    assert!(recorder.responses().is_empty());
    recorder.udp(call.reoffer(3, sdp(3, "sendonly", 32_000)).as_method("INVITE"));
    let response = recorder.response();
    assert_eq!(response.status, 500);
    assert!(response.headers.get("Retry-After").unwrap().parse::<u32>().unwrap() <= 10);
    recorder.accept(recorder.session(), 2);
    assert_eq!(recorder.response().status, 200);
}

#[test]
fn cancelled_or_refused_modification_leaves_the_session_as_it_was() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    recorder.accepts = false;
    let session = recorder.session();
    let before = recorder.endpoint.session(session).unwrap().plan().unwrap().clone();
    let reinvite = call.reoffer(2, sdp(2, "inactive", 31_000));
    recorder.udp(reinvite.as_method("INVITE"));
    recorder.udp(Invite { headers: String::new(), body: String::new(), ..reinvite }.as_method("CANCEL"));
    assert_eq!(recorder.names().last().unwrap(), "Withdrawn");
    recorder.udp(call.reoffer(3, sdp(2, "inactive", 31_000)).as_method("INVITE"));
    recorder.command(Command::Reject { session, status: 488, reason: "no".into(), retry_after_s: None });
    assert_eq!(recorder.endpoint.session(session).unwrap().plan(), Some(&before));
    assert_eq!(recorder.closed(), None);
}

#[test]
fn refresh_with_the_same_sdp_is_answered_with_the_same_sdp_and_told_to_nobody() {
    let mut recorder = Recorder::strict();
    recorder.udp(Invite::default().text());
    let first = recorder.response();
    let call = crate::peer::Call::of(&first);
    recorder.udp(call.ack(1));
    for (cseq, method) in [(2, "INVITE"), (3, "UPDATE")] {
        recorder.udp(call.reoffer(cseq, sdp(1, "sendonly", 30_000)).as_method(method));
        let again = recorder.response();
        assert_eq!((again.status, &again.body), (200, &first.body));
    }
    assert_eq!(recorder.names(), ["Invited", "Confirmed"]);
}

#[test]
fn our_version_rises_by_one_when_our_sdp_changes_and_not_otherwise() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    let mut versions = Vec::new();
    let offers = [
        sdp(2, "sendonly", 31_000), // their port only
        sdp(3, "inactive", 31_000),
        sdp(4, "sendonly", 31_000),
    ];
    for (cseq, offer) in (2..).zip(offers) {
        recorder.udp(call.reoffer(cseq, offer).as_method("INVITE"));
        let body = String::from_utf8(recorder.response().body).unwrap();
        let origin = body.lines().nth(1).unwrap().to_owned();
        versions.push(origin.split(' ').nth(2).unwrap().parse::<u64>().unwrap());
        recorder.udp(call.ack(cseq));
    }
    assert_eq!(versions, [1, 2, 3]);
    assert_eq!(recorder.names().iter().filter(|name| *name == "Modified").count(), 3);
}

#[test]
fn invite_without_sdp_inside_a_session_gets_what_is_agreed_as_an_offer() {
    let mut recorder = Recorder::strict();
    recorder.udp(Invite::default().text());
    let first = recorder.response();
    let call = crate::peer::Call::of(&first);
    recorder.udp(call.ack(1));
    recorder.udp(call.inside(2).as_method("INVITE"));
    let offer = recorder.response();
    assert_eq!((offer.status, &offer.body), (200, &first.body), "no line added, no version raised");
    // The answer in the ACK moves their port.
    let mut ack = call.inside(2);
    ack.branch = "z9hG4bKanswer".into();
    ack.headers = "Content-Type: application/sdp\r\n".into();
    ack.body = sdp(2, "sendonly", 40_000);
    recorder.udp(ack.as_method("ACK"));
    let Some(Event::Modified { modification, .. }) = recorder.events.last() else { panic!() };
    assert!(!modification.awaits_answer);
    let remote = modification.plan.accepted().next().unwrap().1.remote_rtp.unwrap();
    assert_eq!(remote.port(), 40_000);
}

#[test]
fn missing_answer_to_our_offer_is_a_warning() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    recorder.udp(call.inside(2).as_method("INVITE"));
    recorder.responses();
    recorder.udp(call.ack(2));
    assert_eq!(recorder.names().last().unwrap(), "Warning");
    assert_eq!(recorder.closed(), None);
}

#[test]
fn modification_that_leaves_nothing_to_record_is_refused_and_the_session_goes_on() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    let offer = sdp(2, "sendonly", 31_000).replace("RTP/AVP 0 8", "RTP/AVP 96");
    recorder.udp(call.reoffer(2, offer).as_method("INVITE"));
    assert_eq!(recorder.response().status, 488);
    // Every port 0 is the client's way of saying "no call now" (A7-08).
    let offer = sdp(3, "sendonly", 31_000)
        .replace("m=audio 31000", "m=audio 0")
        .replace("m=audio 31002", "m=audio 0");
    recorder.udp(call.reoffer(3, offer).as_method("INVITE"));
    assert_eq!(recorder.response().status, 200);
    assert_eq!(recorder.closed(), None);
}

#[test]
fn modification_nobody_decides_is_withdrawn_and_the_session_goes_on() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    recorder.accepts = false;
    recorder.udp(call.reoffer(2, sdp(2, "inactive", 31_000)).as_method("UPDATE"));
    recorder.wait(secs(10));
    assert_eq!(recorder.response().status, 503);
    assert_eq!(recorder.names().last().unwrap(), "Withdrawn");
    recorder.udp(call.inside(3).as_method("BYE"));
    assert_eq!(recorder.response().status, 200);
}
