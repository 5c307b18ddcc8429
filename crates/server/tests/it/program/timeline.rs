//! Each call tells what happened to it: while it lasts, after it, and after a restart.

use std::time::Duration;

use serde_json::{Value, json};
use sim::Program;
use sim::sip::{Offer, Session, Stream, Transport};

use super::{on_a_recorded_call, packets, printed, sealed, setup, text};

fn timeline(program: &Program, call: &str) -> Value {
    program.http.get(&format!("/v1/calls/{call}/timeline")).ok().json()
}

/// The sentences of a kind, in order.
fn sentences(timeline: &Value, kind: &str) -> Vec<String> {
    let entries = timeline["entries"].as_array().expect("entries").iter();
    entries.filter(|entry| entry["kind"] == kind).map(|entry| text(&entry["what"]).to_owned()).collect()
}

#[test]
fn a_call_tells_its_messages_decisions_commands_and_media_and_still_does_after_a_restart() {
    let setup = setup();
    let program = setup.start();
    let mut offer = Offer::two_legs("4678", [4_000, 4_002]);
    offer.streams[0].crypto = vec![format!("1 AES_CM_128_HMAC_SHA1_80 inline:{}", "S2V5".repeat(10))];
    offer.streams.push(Stream { formats: "97", maps: vec!["97 SPEEX/16000"], ..Stream::g711("3", 4_004) });
    let mut session = Session::open(program.sip, Transport::Tcp, offer).expect("it is answered");
    let agent = on_a_recorded_call(&program.http, "4678");
    let body = json!({"AgentIdentifier": "Id", "Value": "1", "CallMetadata": {"user2": "secret value"}});
    program.http.post("/api/Record/UpdateForAgent", &body).ok();
    let who = json!({"AgentIdentifier": "Id", "Value": "1"});
    program.http.post("/api/Blackout/StartForAgent", &who).ok();
    program.http.post("/api/Blackout/StopForAgent", &who).ok();
    assert_eq!(session.describe(b"<broken"), 200);
    let calls = program.http.get("/v1/calls?state=live").ok().json();
    let call = text(&calls["items"][0]["id"]).to_owned();

    let live = timeline(&program, &call);
    let messages = sentences(&live, "message");
    assert!(
        messages[0].starts_with("INVITE came from 127.0.0.1:") && messages[0].ends_with("over TCP"),
        "{live}"
    );
    for wanted in ["200 to 1 INVITE sent", "ACK came", "UPDATE came", "200 to 2 UPDATE sent"] {
        assert!(messages.iter().any(|message| message.starts_with(wanted)), "{wanted}: {messages:?}");
    }
    let invite = text(&live["entries"][0]["text"]);
    assert!(invite.contains("m=audio 4000 RTP/SAVP 0 101") && !invite.contains("S2V5"), "{invite}");
    let decisions = sentences(&live, "decision");
    for wanted in
        ["line 3 is not recorded: no offered codec", "agent 1", "started: kept: every call is recorded"]
    {
        assert!(decisions.iter().any(|decision| decision.contains(wanted)), "{wanted}: {decisions:?}");
    }
    let commands = sentences(&live, "command");
    assert_eq!(commands.len(), 3, "{commands:?}");
    assert!(commands[0].contains("user2"), "{commands:?}");
    assert_eq!(commands[1], "a blackout lies over the call");
    let metadata = sentences(&live, "metadata");
    assert!(metadata.iter().any(|told| told.contains("cannot be read")), "{metadata:?}");
    assert!(!live.to_string().contains("secret value"), "values of fields are no part of it");
    assert_eq!(agent["ActiveCall"]["Recordings"].as_array().map(Vec::len), Some(1));

    let leg = sim::rtp::Leg::new(5);
    let to = session.media()[1];
    // The second line is in the clear; what comes from another port of its address is its media.
    assert!((0..20).all(|number| leg.send_frame(to, number, &sim::rtp::noise(5, number))));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(session.bye(), 200);
    let found = sealed(&program.http, 1).remove(0);
    assert_eq!(text(&found["call"]), call);
    assert_eq!(packets(&program.data(), &found).len(), 20);
    let after = timeline(&program, &call);
    let media = sentences(&after, "media");
    assert!(media.iter().any(|told| told.contains("stream 1: 20 datagrams came, 20 stored")), "{media:?}");
    assert!(sentences(&after, "message").iter().any(|message| message.starts_with("BYE came")), "{after}");
    let ends = sentences(&after, "decision");
    assert!(ends.contains(&"the recording session is over: the client hung up".to_owned()), "{ends:?}");
    assert!(
        sentences(&after, "fault").iter().any(|fault| fault.ends_with("can be read on the way; use TLS")),
        "{after}"
    );

    program.stop();
    let program = setup.start();
    let restarted = timeline(&program, &call);
    assert_eq!(restarted["entries"][0], after["entries"][0], "it is sealed with the recording");
    assert!(sentences(&restarted, "media") == media, "{restarted}");
    for id in [call.as_str(), text(&found["id"])] {
        let said = printed(&program, &["timeline", id, "--messages"]);
        assert!(said.contains("INVITE came from") && said.contains("m=audio 4000 RTP/SAVP"), "{said}");
    }
    let nobody = program.http.get("/v1/calls/0198c7a2-4f3e-7abc-8def-0123456789ab/timeline");
    assert_eq!(nobody.status, 404);
    assert!(text(&nobody.json()["detail"]).contains("/v1/refusals"), "{}", nobody.text());
}
