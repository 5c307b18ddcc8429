//! How a session ends, and who may end it.

use siprec::{
    CloseCause, Command, Event, Target,
    message::{Method, Request},
};

use crate::peer::{Invite, Recorder, answer, peer, sdp, secs};

#[test]
fn bye_ends_the_session_once() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    let mut bye = call.inside(2);
    bye.headers = "Reason: Q.850;cause=16\r\n".into();
    recorder.udp(bye.as_method("BYE"));
    recorder.udp(bye.as_method("BYE"));
    let statuses: Vec<_> = recorder.responses().iter().map(|r| r.status).collect();
    assert_eq!(statuses, [200, 200], "a repeat gets the same answer");
    assert_eq!(recorder.closed(), Some(&CloseCause::Bye { reason: Some("Q.850;cause=16".into()) }));
    recorder.udp(call.inside(3).as_method("BYE"));
    assert_eq!(recorder.response().status, 481);
    recorder.wait(secs(100));
    assert!(matches!(recorder.endpoint.poll(), siprec::Output::Idle), "nothing is left behind");
}

#[test]
fn forged_bye_is_refused_and_the_recording_goes_on() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    recorder.udp_from("198.51.100.200:5060".parse().unwrap(), call.inside(2).as_method("BYE"));
    assert_eq!(recorder.response().status, 403);
    let mut guessed = call.inside(2);
    guessed.to_tag = "guessed".into();
    guessed.branch.push('g');
    recorder.udp(guessed.as_method("BYE"));
    assert_eq!(recorder.response().status, 481);
    assert_eq!(recorder.closed(), None);
    // The forger did not spoil the count either.
    let mut bye = call.inside(2);
    bye.branch.push('r');
    recorder.udp(bye.as_method("BYE"));
    assert_eq!(recorder.response().status, 200);
}

#[test]
fn bye_in_the_middle_of_a_modification_answers_both() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    recorder.accepts = false;
    recorder.udp(call.reoffer(2, sdp(2, "sendonly", 31_000)).as_method("INVITE"));
    recorder.udp(call.inside(3).as_method("BYE"));
    let told: Vec<_> = recorder.responses().iter().map(|r| r.status).collect();
    assert_eq!(told, [487, 200]);
    assert_eq!(recorder.names().last().unwrap(), "Closed");
}

#[test]
fn close_waits_for_the_ack_before_it_says_bye() {
    let mut recorder = Recorder::strict();
    recorder.udp(Invite::default().text());
    let call = crate::peer::Call::of(&recorder.response());
    let session = recorder.session();
    recorder.command(Command::Close { session, reason: "disk full".into() });
    assert!(recorder.requests().is_empty());
    assert_eq!(recorder.closed(), Some(&CloseCause::Asked));
    assert!(recorder.endpoint.session(session).is_none());
    recorder.udp(call.ack(1));
    let bye = recorder.request();
    assert_eq!(bye.method, Method::Bye);
    assert_eq!(bye.headers.get("Reason"), Some("SIP;cause=200;text=\"disk full\""));
    assert_eq!(recorder.events.iter().filter(|e| matches!(e, Event::Closed { .. })).count(), 1);
    recorder.udp(answer(&bye, 200, &[]));
    recorder.wait(secs(60));
    assert!(matches!(recorder.endpoint.poll(), siprec::Output::Idle));
}

#[test]
fn our_bye_is_repeated_until_answered() {
    let mut recorder = Recorder::strict();
    recorder.call();
    let session = recorder.session();
    recorder.command(Command::Close { session, reason: "test".into() });
    recorder.wait(secs(2));
    let byes: Vec<Request> = recorder.requests().into_iter().map(|(_, _, request)| request).collect();
    assert_eq!(byes.len(), 3);
    assert!(byes.iter().all(|bye| *bye == byes[0]));
    recorder.udp(answer(&byes[0], 200, &[]));
    recorder.wait(secs(60));
    assert!(recorder.requests().is_empty());
}

#[test]
fn request_of_ours_goes_out_again_when_its_connection_breaks() {
    let mut recorder = Recorder::strict();
    recorder.connect(9, "198.51.100.11:49152".parse().unwrap());
    recorder.tcp(9, Invite::default().text());
    let call = crate::peer::Call::of(&recorder.response());
    recorder.tcp(9, call.ack(1));
    recorder.command(Command::Close { session: recorder.session(), reason: "test".into() });
    recorder.input(siprec::Input::Disconnected { connection: siprec::ConnectionId(9) });
    let requests = recorder.requests();
    let targets: Vec<_> = requests.iter().map(|(_, to, _)| *to).collect();
    let dial = Target::Dial { transport: siprec::Transport::Tcp, peer: peer() };
    assert_eq!(targets, [Target::Connection(siprec::ConnectionId(9)), dial]);
    assert_eq!(requests[0].2, requests[1].2);
}

#[test]
fn call_over_tls_does_not_go_on_in_the_clear() {
    let mut recorder = Recorder::strict();
    let connection = siprec::ConnectionId(1);
    recorder.input(siprec::Input::Connected {
        connection,
        transport: siprec::Transport::Tls,
        peer: peer(),
        certificate: None,
    });
    recorder.tcp(1, Invite::default().text());
    let call = crate::peer::Call::of(&recorder.response());
    recorder.tcp(1, call.ack(1));
    recorder.udp(call.inside(2).as_method("BYE"));
    assert_eq!(recorder.response().status, 403);
    assert_eq!(recorder.closed(), None);
}

#[test]
fn close_before_the_answer_refuses_the_invite() {
    let mut recorder = Recorder::strict();
    recorder.accepts = false;
    recorder.udp(Invite::default().text());
    recorder.command(Command::Close { session: recorder.session(), reason: "stopped".into() });
    assert_eq!(recorder.response().status, 480);
    assert_eq!(recorder.closed(), Some(&CloseCause::Asked));
    assert!(recorder.requests().is_empty(), "no BYE where no dialog is");
}
