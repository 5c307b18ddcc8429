//! What somebody should see to is in one list, with what it means and what to do, while it lasts.

use serde_json::Value;
use sim::Program;
use sim::rtp::{Leg, noise};
use sim::sip::{Offer, Session, Stream, Transport};
use sim::time::wait_for;

use super::events::Events;
use super::{PATIENCE, sealed, setup, text};

fn alarms(program: &Program, state: &str) -> Vec<Value> {
    let page = program.http.get(&format!("/v1/alarms?state={state}")).ok().json();
    page["items"].as_array().expect("a list").clone()
}

/// Waits until there is an alarm of this kind.
pub(super) fn alarm(program: &Program, state: &str, kind: &str) -> Value {
    wait_for(kind, PATIENCE, || alarms(program, state).into_iter().find(|alarm| alarm["kind"] == kind))
}

#[test]
fn one_way_audio_is_an_alarm_within_seconds_and_over_when_the_other_side_is_heard() {
    let program = setup().start();
    let mut events = Events::open(&program, "?kinds=alarm", None);
    let mut next = move || events.next().data;
    let legs = [Leg::new(1), Leg::new(2)];
    let offer = Offer::two_legs("4678", legs.each_ref().map(Leg::port));
    let session = Session::open(program.sip, Transport::Udp, offer).expect("it is answered");
    let to = session.media();
    let mut number = 0;
    let mut speak = |leg: usize| {
        number += 1;
        assert!(legs[leg].send_frame(to[leg], number, &noise(7, number)));
    };
    let found = wait_for("the silent leg is noticed", PATIENCE, || {
        speak(0);
        alarms(&program, "active").into_iter().find(|alarm| alarm["kind"] == "one_way_audio")
    });
    assert_eq!((&found["leg"], &found["severity"]), (&1.into(), &"critical".into()), "{found}");
    assert!(
        text(&found["means"]).contains("half of the call") && text(&found["todo"]).contains("firewalls"),
        "{found}"
    );
    let told = next();
    assert_eq!((&told["kind"], &told["active"]), (&"one_way_audio".into(), &true.into()), "{told}");
    let listed = program.run(&["alarms"]);
    let said = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(!listed.status.success() && said.contains("critical  one_way_audio  call"), "{said}");
    assert_eq!(super::metric(&program.http, "sidetone_alarms_active{kind=\"one_way_audio\"}"), 1);

    speak(1);
    alarm(&program, "over", "one_way_audio");
    assert!(alarms(&program, "active").is_empty(), "{:?}", alarms(&program, "active"));
    let told = next();
    assert_eq!((&told["kind"], &told["active"]), (&"one_way_audio".into(), &false.into()), "{told}");
    let listed = program.run(&["alarms"]);
    assert!(listed.status.success());
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "nothing is the matter\n");
    assert_eq!(session.bye(), 200);
    sealed(&program.http, 1);
}

#[test]
fn a_recorder_that_cannot_record_says_so_in_the_list_and_an_sbc_without_our_codecs_is_named() {
    let trunk = "[[trunk]]\nname = \"lab SBC\"\nnetworks = [\"127.0.0.1\"]\n";
    let program = setup().settings(trunk).start();
    for _ in 0..2 {
        let mut speex = Stream::g711("1", 4_000);
        (speex.formats, speex.maps) = ("97", vec!["97 speex/16000"]);
        let refused = Session::open(program.sip, Transport::Udp, Offer::new(vec![speex], Vec::new()));
        assert!(refused.is_err());
    }
    let found = alarm(&program, "active", "nothing_to_record");
    assert_eq!((&found["trunk"], &found["count"]), (&"lab SBC".into(), &2.into()), "{found}");
    assert!(text(&found["what"]).contains("speex/16000"), "{found}");
    let wrong = program.http.get("/v1/alarms?state=past");
    assert_eq!(wrong.status, 400);
    program.stop();

    let program = setup().argument("--disk-reserve-mib").argument("4000000000").start();
    let found = alarm(&program, "active", "cannot_record");
    assert_eq!(found["about"], "disk", "{found}");
}
