//! Recording clients that have gone without a BYE, and clients that are there and send nothing (A8-06, B10-02).

use std::time::Duration;

use sim::rtp::Leg;
use sim::sip::{Offer, Session, Transport};
use sim::time::{Since, wait_for};
use sim::{Http, Program};

use super::{PATIENCE, on_a_recorded_call, recording, sealed, setup, text};

/// A call of two legs that has spoken for half a second.
fn spoken(program: &Program, phone: &str) -> Session {
    let legs = [Leg::new(1), Leg::new(2)];
    let offer = Offer::two_legs(phone, [legs[0].port(), legs[1].port()]);
    let session = Session::open(program.sip, Transport::Udp, offer).expect("it is taken");
    speak(&session, &legs, 0, 25);
    session
}

fn speak(session: &Session, legs: &[Leg], first: u32, frames: u32) {
    let began = Since::now();
    for number in 0..frames {
        for (leg, to) in legs.iter().zip(session.media()) {
            leg.send_frame(to, first + number, &[0x55; 160]);
        }
        began.sleep_until(Duration::from_millis(20) * (number + 1));
    }
}

fn is_on_a_call(http: &Http, phone: &str) -> bool {
    super::agent(http, phone)["ActiveCall"].is_object()
}

#[test]
fn a_client_that_denies_its_session_and_sends_nothing_is_given_up_with_the_reason_sealed() {
    let flags = ["--sip-probe-s", "1", "--media-gone-after-s", "2"];
    let program = flags.iter().fold(setup(), |setup, flag| setup.argument(flag)).start();
    let mut session = spoken(&program, "4678");
    on_a_recorded_call(&program.http, "4678");
    let bye = loop {
        let request = session.request();
        match request.first.split(' ').next() {
            Some("OPTIONS") => session.respond(&request, "481 Call/Transaction Does Not Exist"),
            _ => break request,
        }
    };
    assert!(bye.first.starts_with("BYE "), "{bye:?}");
    assert!(bye.header("Reason").contains("No answer and no media"), "{bye:?}");
    session.respond(&bye, "481 Call/Transaction Does Not Exist");
    let found = sealed(&program.http, 1).remove(0);
    let whole = recording(&program.http, &found);
    let why = text(&whole["manifest"]["why_stopped"]);
    assert!(why.contains("did not answer") && why.contains("no media"), "{why}");
    assert!(!is_on_a_call(&program.http, "4678"));
}

#[test]
fn a_client_that_answers_is_borne_without_media_and_one_that_denies_is_borne_while_it_sends() {
    let flags = ["--sip-probe-s", "1", "--media-ask-after-s", "1", "--media-gone-after-s", "2"];
    let program = flags.iter().fold(setup(), |setup, flag| setup.argument(flag)).start();

    let legs = [Leg::new(1), Leg::new(2)];
    let offer = Offer::two_legs("4102", [legs[0].port(), legs[1].port()]);
    let mut denies = Session::open(program.sip, Transport::Udp, offer).expect("it is taken");
    let mut answers = spoken(&program, "4678");
    // Four questions: longer than either is borne that does neither.
    for round in 0..4 {
        let request = answers.request();
        assert!(request.first.starts_with("OPTIONS "), "{request:?}");
        answers.respond(&request, "200 OK");
        speak(&denies, &legs, 50 * round, 50);
        let request = denies.request();
        assert!(request.first.starts_with("OPTIONS "), "{request:?}");
        denies.respond(&request, "481 Call/Transaction Does Not Exist");
    }
    assert!(is_on_a_call(&program.http, "4678") && is_on_a_call(&program.http, "4102"));
    assert_eq!(answers.bye(), 200);
    let first = sealed(&program.http, 1).remove(0);
    let why = recording(&program.http, &first);
    assert_eq!(text(&why["manifest"]["why_stopped"]), "stopped: the recording client ended its session");
    wait_for("the other is given up once it sends nothing", PATIENCE, || {
        (!is_on_a_call(&program.http, "4102")).then_some(())
    });
}
