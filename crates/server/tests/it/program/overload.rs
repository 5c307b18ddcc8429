//! Too much at once (A9-05 to A9-07, E2-07, E2-21, E2-22): the rest is refused in a way that sends clients elsewhere,
//! and what runs goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use sim::Program;
use sim::rtp::{Leg, noise};
use sim::sip::{Line, Message, Offer, Session, Transport};
use sim::time::wait_for;

use super::{PATIENCE, recording, sealed, setup};

fn offer(legs: &[Leg; 2]) -> Offer {
    Offer::two_legs("4678", legs.each_ref().map(Leg::port))
}

fn options(program: &Program) -> Message {
    let mut line = Line::open(program.sip, Transport::Tcp);
    let text = format!(
        "OPTIONS sip:recorder@{} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKhealth{}\r\n\
         From: <sip:sbc@127.0.0.1>;tag=1\r\nTo: <sip:recorder@127.0.0.1>\r\nCall-ID: health@127.0.0.1\r\n\
         CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        program.sip,
        sim::time::now_ns()
    );
    line.ask(text.as_bytes())
}

fn assert_sends_elsewhere(refused: &Message) {
    assert_eq!(refused.status(), 503);
    let after: u32 = refused.header("Retry-After").parse().expect("seconds");
    assert!((5..=30).contains(&after), "{after}");
}

#[test]
fn of_two_hundred_calls_at_once_each_is_recorded_or_refused() {
    let program = setup().argument("--limit-streams").argument("120").start();
    let outcomes: Vec<Result<(), Message>> = std::thread::scope(|scope| {
        let call = || {
            let legs = [Leg::new(1), Leg::new(2)];
            let session = Session::open(program.sip, Transport::Udp, offer(&legs))?;
            for number in 0..10 {
                for (leg, to) in legs.iter().zip(session.media()) {
                    assert!(leg.send_frame(to, number, &noise(7, number)));
                }
            }
            // All are up before the first ends, so that none finds room another has left.
            std::thread::sleep(Duration::from_secs(3));
            assert_eq!(session.bye(), 200);
            Ok(())
        };
        let calls: Vec<_> = (0..200).map(|_| scope.spawn(call)).collect();
        calls.into_iter().map(|call| call.join().expect("the call ends well")).collect()
    });
    let mut counts = BTreeMap::new();
    for outcome in &outcomes {
        *counts.entry(outcome.as_ref().map_or_else(Message::status, |()| 200)).or_insert(0_usize) += 1;
    }
    assert!(counts.keys().all(|status| [200, 503].contains(status)), "{counts:?}");
    assert!(counts[&200] >= 60, "{counts:?}");
    outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).for_each(assert_sends_elsewhere);
    let found = wait_for("all that were answered 200 are sealed", PATIENCE, || {
        let page = program.http.get("/v1/recordings?limit=500").ok().json();
        let items = page["items"].as_array().expect("a list").clone();
        (items.len() == counts[&200]).then_some(items)
    });
    for item in found {
        assert_eq!(recording(&program.http, &item)["packets"]["stored"], 20, "{item}");
    }
}

#[test]
fn over_its_limit_it_refuses_calls_and_health_checks_says_why_and_what_runs_goes_on() {
    let program = setup().argument("--limit-streams").argument("2").start();
    assert_eq!(options(&program).status(), 200);
    let legs = [Leg::new(1), Leg::new(2)];
    let running = Session::open(program.sip, Transport::Udp, offer(&legs)).expect("there is room");
    let reasons = wait_for("it is over its limit", PATIENCE, || {
        let ready = program.http.get("/readyz");
        (ready.status == 503).then(|| ready.json()["reasons"].clone())
    });
    assert!(reasons["streams"].as_str().expect("a sentence").contains("limits.streams"), "{reasons}");
    let others = [Leg::new(3), Leg::new(4)];
    let refused = Session::open(program.sip, Transport::Udp, offer(&others)).expect_err("503");
    assert_sends_elsewhere(&refused);
    assert_sends_elsewhere(&options(&program));
    let rows = program.http.get("/v1/refusals").ok().json();
    assert!(rows["items"][0]["why"].as_str().expect("a sentence").contains("streams are taken"), "{rows}");

    for number in 0..25 {
        for (leg, to) in legs.iter().zip(running.media()) {
            assert!(leg.send_frame(to, number, &noise(7, number)));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(running.bye(), 200);
    let found = sealed(&program.http, 1).remove(0);
    assert_eq!(recording(&program.http, &found)["packets"]["stored"], 50);
    assert_eq!(found["completeness"], "complete");

    wait_for("it takes calls again", PATIENCE, || (options(&program).status() == 200).then_some(()));
    let again = Session::open(program.sip, Transport::Udp, offer(&others)).expect("there is room again");
    assert_eq!(again.bye(), 200);
}

#[test]
fn without_room_on_the_disk_no_call_is_taken() {
    let program = setup().argument("--disk-reserve-mib").argument("999999999").start();
    wait_for("it has looked", PATIENCE, || (program.http.get("/readyz").status == 503).then_some(()));
    let ready = program.http.get("/readyz").json();
    let why = ready["reasons"]["disk"].as_str().expect("a sentence").to_owned();
    assert!(why.contains("MiB left") && why.contains("free some"), "{why}");
    assert_sends_elsewhere(&options(&program));
    let legs = [Leg::new(1), Leg::new(2)];
    assert_sends_elsewhere(&Session::open(program.sip, Transport::Tcp, offer(&legs)).expect_err("503"));
    let files = sim::disk::files(&program.data());
    let kept =
        files.iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "rec" || end == "part"));
    assert_eq!(kept.count(), 0);
    assert!(program.log().contains("new calls are refused"), "{}", program.log());
}
