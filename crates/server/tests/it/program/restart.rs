//! The recorder is restarted, or killed, while calls are up: dialogs, ports and streams go on, and the gap is told (A9-12).

use std::net::SocketAddr;

use serde_json::{Value, json};
use sim::rtp::{Head, Leg, noise, packet};
use sim::sip::{Offer, Session, Stream, Transport, metadata};
use sim::time::wait_for;
use sim::{Program, Setup};

use super::{PATIENCE, agent, on_a_recorded_call, packets, recording, sealed, setup_at, text};

pub(super) struct Client {
    pub(super) session: Session,
    legs: [Leg; 2],
    next: u32,
}

impl Client {
    pub(super) fn open(program: &Program, transport: Transport, document: &str) -> Self {
        let legs = [Leg::new(1), Leg::new(2)];
        let streams = vec![Stream::g711("1", legs[0].port()), Stream::g711("2", legs[1].port())];
        let offer = Offer::new(streams, document.as_bytes().to_vec());
        let session = Session::open(program.sip, transport, offer).expect("it is answered");
        Self { session, legs, next: 0 }
    }

    /// Both legs send so many frames at once; which.
    pub(super) fn burst(&mut self, frames: u32) -> Vec<u32> {
        let first = self.next;
        self.next += frames;
        for number in first..self.next {
            for (leg, to) in self.legs.iter().zip(self.session.media()) {
                // Nobody may be there to hear it.
                let _ = leg.send_frame(to, number, &noise(7, number));
            }
        }
        (first..self.next).collect()
    }
}

pub(super) fn sequences(program: &Program, found: &Value) -> Vec<u32> {
    let stored = packets(&program.data(), found);
    stored.iter().filter(|packet| packet.stream == 0).map(|packet| packet.sequence.into()).collect()
}

/// A recorder is killed in a call of which it has ten frames of each leg; which.
fn killed_in_a_call(setup: &Setup) -> (Client, Vec<u32>) {
    let program = setup.start();
    let mut client = Client::open(&program, Transport::Udp, &metadata("4678"));
    on_a_recorded_call(&program.http, "4678");
    let sent = client.burst(10);
    stored(&program, 20);
    program.kill();
    (client, sent)
}

/// Waits until so many packets of the agent's call have been seen.
fn stored(program: &Program, count: u64) {
    wait_for("the packets are stored", PATIENCE, || {
        (super::metric(&program.http, "sidetone_rtp_datagrams_total{fate=\"stored\"}") >= count).then_some(())
    });
}

#[test]
fn a_call_goes_on_over_a_restart_in_its_dialog_on_its_ports_and_the_gap_is_told() {
    for (transport, address) in [(Transport::Udp, "127.77.0.1"), (Transport::Tcp, "127.77.0.2")] {
        let setup = setup_at(address);
        let program = setup.start();
        let mut client = Client::open(&program, transport, &metadata("4678"));
        on_a_recorded_call(&program.http, "4678");
        let before = client.burst(20);
        stored(&program, 40);
        let ended = program.rest();
        assert!(ended.status.success(), "{}", ended.log);
        client.burst(5);

        let program = setup.start();
        let seen = on_a_recorded_call(&program.http, "4678");
        assert_eq!(seen["ActiveCall"]["Recordings"].as_array().expect("a list").len(), 2, "{seen}");
        let after = client.burst(20);
        if transport == Transport::Tcp {
            client.session.reconnect();
        }
        // What the client tells now is of the call it told of before.
        let tag = json!({"AgentIdentifier": "Phone", "Value": "4678", "CallMetadata": {"user2": "A-7"}});
        program.http.post("/api/Record/UpdateForAgent", &tag).ok();
        assert_eq!(client.session.bye(), 200);

        let found = sealed(&program.http, 2);
        assert_eq!(found[0]["call"], found[1]["call"]);
        assert_eq!((sequences(&program, &found[0]), sequences(&program, &found[1])), (before, after));
        assert_eq!(found[1]["fields"]["user2"], "A-7");
        let told = recording(&program.http, &found[1]);
        let related = &told["related"][0];
        assert_eq!((&related["id"], &related["relation"]), (&found[0]["id"], &json!("same-call")), "{told}");
        assert!(related["gap_ms"].as_u64().is_some(), "{told}");
        assert!(text(&told["why"]).contains("gone on after a restart"), "{told}");
        let first = recording(&program.http, &found[0]);
        assert_eq!(first["manifest"]["why_stopped"], "stopped: the recorder was started anew");
    }
}

#[test]
fn a_call_goes_on_after_a_kill_with_its_blackout_and_the_client_may_change_it() {
    let setup = setup_at("127.77.0.3");
    let program = setup.start();
    let document = metadata("4678");
    let mut client = Client::open(&program, Transport::Udp, &document);
    on_a_recorded_call(&program.http, "4678");
    client.burst(10);
    stored(&program, 20);
    let by_phone = json!({"AgentIdentifier": "Phone", "Value": "4678"});
    program.http.post("/api/Blackout/StartForAgent", &by_phone).ok();
    program.kill();

    let program = setup.start();
    on_a_recorded_call(&program.http, "4678");
    client.burst(10);
    program.http.post("/api/Blackout/StopForAgent", &by_phone).ok();
    let light = client.burst(10);
    let answer = client.session.reoffer(|streams| streams.push(Stream::g711("3", 4_004)));
    assert_eq!((answer.status(), answer.media_ports().len()), (200, 3), "{answer:?}");
    assert_eq!(answer.media_ports()[..2], client.session.answer.media_ports()[..]);
    assert_eq!(client.session.bye(), 200);
    let found = sealed(&program.http, 2);
    assert_eq!(sequences(&program, &found[1]), light, "what was sent in the dark is nowhere");
    assert_eq!(found[1]["streams"], 3, "{found:?}");
}

#[test]
fn a_protected_stream_that_has_rolled_over_is_opened_after_a_restart() {
    use base64::Engine;
    let suite = rtp::srtp::Suite::from_name("AES_CM_128_HMAC_SHA1_80").expect("a suite");
    let setup = setup_at("127.77.0.4").log("debug");
    let program = setup.start();
    let leg = Leg::new(1);
    let mut stream = Stream::g711("1", leg.port());
    let inline = base64::engine::general_purpose::STANDARD.encode([3; 30]);
    stream.crypto = vec![format!("1 AES_CM_128_HMAC_SHA1_80 inline:{inline}")];
    let offer = Offer::new(vec![stream], metadata("4678").into_bytes());
    let session = Session::open(program.sip, Transport::Udp, offer).expect("it is answered");
    let to: SocketAddr = session.media()[0];
    let mut protector = rtp::srtp::Outbound::new(&rtp::srtp::Keys::new(suite, &[3; 30]).expect("a key"));
    let mut protector = |number: u32| {
        let sequence = u16::try_from(number & 0xffff).expect("masked");
        let head = Head { payload_type: 0, marker: false, sequence, timestamp: number, ssrc: 1 };
        let mut bytes = packet(head, &noise(7, number));
        protector.protect_rtp(&mut bytes).expect("it is RTP");
        let _ = leg.send(to, &bytes);
    };
    // Three times through all sequence numbers, in leaps that a receiver can follow.
    for leap in 0..11 {
        protector(leap * 20_000);
        stored(&program, u64::from(leap) + 1);
    }
    wait_for("how far it has come is kept", PATIENCE, || {
        program.log().contains("roll_over_counter: 3").then_some(())
    });
    program.kill();

    let program = setup.start();
    on_a_recorded_call(&program.http, "4678");
    for number in 200_001..200_021 {
        protector(number);
    }
    stored(&program, 20);
    assert_eq!(super::metric(&program.http, "sidetone_rtp_datagrams_total{fate=\"unauthenticated\"}"), 0);
    assert_eq!(session.bye(), 200);
    let found = sealed(&program.http, 2);
    assert_eq!(packets(&program.data(), &found[1]).len(), 20);
}

#[test]
fn a_client_that_is_not_there_any_more_is_asked_and_its_call_ends_with_the_reason() {
    let setup = setup_at("127.77.0.5").argument("--media-gone-after-s").argument("2");
    let (mut client, _) = killed_in_a_call(&setup);

    let program = setup.start();
    let asked = client.session.request();
    assert!(asked.first.starts_with("OPTIONS "), "{asked:?}");
    client.session.respond(&asked, "481 Gone");
    let bye = client.session.request();
    assert!(bye.first.starts_with("BYE "), "{bye:?}");
    client.session.respond(&bye, "481 Gone");
    wait_for("the call is over", PATIENCE, || {
        agent(&program.http, "4678")["ActiveCall"].is_null().then_some(())
    });
    let found = sealed(&program.http, 2);
    assert_eq!([sequences(&program, &found[0]).len(), sequences(&program, &found[1]).len()], [10, 0]);
    // It is not looked for again.
    program.kill();
    let program = setup.start();
    assert!(!program.log().contains("goes on after a restart"), "{}", program.log());
}

/// A recorder that is started again and again while nothing comes makes no recording each time.
#[test]
fn a_call_without_media_has_one_recording_after_many_restarts_and_takes_media_when_they_come() {
    let setup = setup_at("127.77.0.7");
    let (mut client, before) = killed_in_a_call(&setup);
    for _ in 0..3 {
        let program = setup.start();
        on_a_recorded_call(&program.http, "4678");
        program.kill();
    }
    let program = setup.start();
    on_a_recorded_call(&program.http, "4678");
    let after = client.burst(10);
    assert_eq!(client.session.bye(), 200);
    let found = sealed(&program.http, 2);
    assert_eq!((sequences(&program, &found[0]), sequences(&program, &found[1])), (before, after));
}

#[test]
fn a_call_whose_ports_cannot_be_had_again_is_over_and_its_client_is_told() {
    let setup = setup_at("127.77.0.6");
    let (mut client, _) = killed_in_a_call(&setup);
    let in_the_way = std::net::UdpSocket::bind(client.session.media()[0]).expect("it is free now");

    let program = setup.start();
    let asked = client.session.request();
    let bye = if asked.first.starts_with("BYE ") { asked } else { client.session.request() };
    assert!(bye.first.starts_with("BYE "), "{bye:?}");
    client.session.respond(&bye, "200 OK");
    let found = sealed(&program.http, 1).remove(0);
    let told = recording(&program.http, &found);
    let why = text(&told["manifest"]["why_stopped"]);
    assert_eq!(why, "stopped: its recording session did not outlive the recorder");
    assert!(program.log().contains("its ports cannot be had"), "{}", program.log());
    drop(in_the_way);
    // And the next call is taken.
    let mut next = Client::open(&program, Transport::Udp, &metadata("4102"));
    next.burst(5);
    assert_eq!(next.session.bye(), 200);
    sealed(&program.http, 2);
}
