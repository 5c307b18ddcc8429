//! One call that several recording clients bring: copies side by side (A9-09), a client that takes over from another
//! (A7-09), and calls that another system's id joins (A7-05).

use std::time::Duration;

use serde_json::{Value, json};
use sim::rtp::{FRAME_SAMPLES, Leg, noise};
use sim::sip::{Offer, Session, Stream, Transport, metadata};
use sim::time::Since;
use sim::{Http, Program};

use super::{agent, on_a_recorded_call, packets, recording, sealed, setup, text};

/// A recording client and the legs it brings.
struct Client {
    session: Session,
    legs: [Leg; 2],
    next: u32,
}

impl Client {
    fn bring(program: &Program, document: &str) -> Self {
        let legs = [Leg::new(1), Leg::new(2)];
        let streams = vec![Stream::g711("1", legs[0].port()), Stream::g711("2", legs[1].port())];
        let offer = Offer::new(streams, document.as_bytes().to_vec());
        let session = Session::open(program.sip, Transport::Udp, offer).expect("it is answered");
        Self { session, legs, next: 0 }
    }

    fn speak(&mut self, payload: impl Fn(u32) -> [u8; FRAME_SAMPLES]) {
        for (leg, to) in self.legs.iter().zip(self.session.media()) {
            assert!(leg.send_frame(to, self.next, &payload(self.next)));
        }
        self.next += 1;
    }
}

/// Both clients send the same for so many frames.
fn speak(clients: &mut [&mut Client], seed: u64, frames: u32) {
    let began = Since::now();
    for frame in 0..frames {
        clients.iter_mut().for_each(|client| client.speak(|number| noise(seed, number)));
        began.sleep_until(Duration::from_millis(20) * (frame + 1));
    }
}

fn listed(http: &Http, query: &str) -> Vec<Value> {
    http.get(&format!("/v1/recordings?{query}")).ok().json()["items"].as_array().expect("a list").clone()
}

#[test]
fn a_call_that_two_clients_bring_is_shown_once_and_dark_in_both() {
    let program = setup().start();
    let document = metadata("4678");
    let mut first = Client::bring(&program, &document);
    let mut second = Client::bring(&program, &document);
    on_a_recorded_call(&program.http, "4678");
    speak(&mut [&mut first, &mut second], 7, 25);
    let seen = agent(&program.http, "4678");
    assert_eq!(seen["InactiveCalls"], json!([]), "{seen}");

    let by_phone = json!({"AgentIdentifier": "Phone", "Value": "4678"});
    let tag = json!({"AgentIdentifier": "Phone", "Value": "4678", "CallMetadata": {"user2": "A-7"}});
    program.http.post("/api/Record/UpdateForAgent", &tag).ok();
    program.http.post("/api/Blackout/StartForAgent", &by_phone).ok();
    let dark = 99;
    speak(&mut [&mut first, &mut second], dark, 10);
    program.http.post("/api/Blackout/StopForAgent", &by_phone).ok();
    speak(&mut [&mut first, &mut second], 7, 10);
    assert_eq!((first.session.bye(), second.session.bye()), (200, 200));

    let both = super::wait_for("both are sealed", super::PATIENCE, || {
        let all = listed(&program.http, "copies=all");
        (all.len() == 2).then_some(all)
    });
    for found in &both {
        let stored = packets(&program.data(), found);
        assert_eq!(stored.len(), 70, "{found}");
        let is_dark = |payload: &[u8]| (25..35).any(|number| payload == noise(dark, number));
        assert!(!stored.iter().any(|packet| is_dark(&packet.payload)), "{found}");
        assert_eq!(found["fields"]["user2"], "A-7", "{found}");
    }
    let shown = listed(&program.http, "");
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert_eq!((&shown[0]["copies"], &shown[0]["link"]), (&json!(1), &Value::Null));
    let copy = both.iter().find(|it| it["link"]["relation"] == "copy").expect("the second is a copy");
    assert_eq!(copy["link"]["call"], shown[0]["call"]);
    let whole = recording(&program.http, &shown[0]);
    assert_eq!((&whole["related"][0]["id"], &whole["related"][0]["relation"]), (&copy["id"], &json!("copy")));

    let told = program.run(&["find", "--text", "4678"]);
    let lines = |output: &[u8]| String::from_utf8_lossy(output).lines().count();
    let all = program.run(&["find", "--text", "4678", "--copies"]);
    assert_eq!(lines(&all.stdout), lines(&told.stdout) + 1);
}

#[test]
fn a_client_that_takes_over_leaves_a_recording_that_says_where_it_goes_on_and_after_what_gap() {
    let program = setup().start();
    let document = metadata("4678");
    let mut first = Client::bring(&program, &document);
    on_a_recorded_call(&program.http, "4678");
    speak(&mut [&mut first], 7, 20);
    assert_eq!(first.session.bye(), 200);
    std::thread::sleep(Duration::from_millis(400));
    let mut second = Client::bring(&program, &document);
    speak(&mut [&mut second], 7, 20);
    assert_eq!(second.session.bye(), 200);

    let found = sealed(&program.http, 2);
    assert_eq!(found[1]["link"]["relation"], "continues", "{found:?}");
    assert_eq!(found[1]["link"]["call"], found[0]["call"]);
    let later = recording(&program.http, &found[1]);
    let before = &later["related"][0];
    assert_eq!((&before["id"], &before["relation"]), (&found[0]["id"], &json!("before")), "{later}");
    assert!(before["gap_ms"].as_u64().expect("a gap") >= 400, "{before}");
    assert_eq!(recording(&program.http, &found[0])["related"][0]["relation"], "after");
}

#[test]
fn a_transfer_by_a_new_session_is_found_from_either_leg_by_the_group_both_are_in() {
    let program = setup().start();
    let grouped = |phone: &str| {
        metadata(phone)
            .replace(
                "<participant participant_id=\"cccc",
                "<group group_id=\"gggggggggggggggggggggg==\"/>\n<participant participant_id=\"cccc",
            )
            .replacen("\"/>\n", "\"><group-ref>gggggggggggggggggggggg==</group-ref></session>\n", 1)
    };
    for phone in ["4678", "4102"] {
        let mut client = Client::bring(&program, &grouped(phone));
        speak(&mut [&mut client], 7, 10);
        assert_eq!(client.session.bye(), 200);
    }
    let found = sealed(&program.http, 2);
    for (own, other) in [(0, 1), (1, 0)] {
        let whole = recording(&program.http, &found[own]);
        let related = &whole["related"][0];
        assert_eq!(
            (&related["id"], &related["relation"]),
            (&found[other]["id"], &json!("shares-id")),
            "{whole}"
        );
        assert_eq!(related["shared"], json!(["gggggggggggggggggggggg=="]));
        assert_ne!(text(&related["call"]), text(&whole["call"]));
    }
    assert_eq!(listed(&program.http, "known_as=gggggggggggggggggggggg==").len(), 2);
}
