//! Product's table of bad input, against the built program.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fs;
use std::time::Duration;

use sim::rtp::{Head, Leg, noise, packet};
use sim::sip::{Offer, Session, Stream, Transport};
use sim::time::now_ns;

use super::{Stored, bare_setup, metric, open, packets, recording, sealed, setup, text};

/// Offers one call and hangs up after a few frames on each line that was taken.
fn short_call(program: &sim::Program, legs: &[Leg], offer: Offer) -> Vec<u16> {
    let session = Session::open(program.sip, Transport::Tcp, offer).expect("it is answered");
    let media = session.media();
    for number in 0..25 {
        for (leg, to) in legs.iter().zip(&media).filter(|(_, to)| to.port() != 0) {
            assert!(leg.send_frame(*to, number, &noise(7, number)));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let ports = session.answer.media_ports();
    assert_eq!(session.bye(), 200);
    ports
}

#[test]
fn metadata_that_does_not_parse_lies_or_attacks_costs_no_audio_and_is_kept_as_it_came() {
    let program = setup().start();
    let entities =
        "<!DOCTYPE r [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><recording>&b;</recording>";
    let documents: [&[u8]; 5] = [
        b"this is no XML at all",
        b"<recording xmlns='urn:ietf:params:xml:ns:recording:1'><datamode>complete</data",
        entities.as_bytes(),
        b"<recording xmlns='urn:ietf:params:xml:ns:recording:1'>\xff\xfe\x00</recording>",
        &b"<a>".repeat(5_000),
    ];
    for (count, document) in documents.into_iter().enumerate() {
        let legs = [Leg::new(1), Leg::new(2)];
        let streams = vec![Stream::g711("1", legs[0].port()), Stream::g711("2", legs[1].port())];
        let offer = Offer::new(streams, document.to_vec());
        let sip_call_id = offer.sip_call_id().to_owned();
        short_call(&program, &legs, offer);
        let found = sealed(&program.http, count + 1).pop().expect("the newest");
        let whole = recording(&program.http, &found);
        assert_eq!(whole["sip_call_id"], *sip_call_id, "{whole}");
        assert_eq!(whole["packets"]["stored"], 50, "document {count}: {whole}");
        let manifest = open(&program.data(), &found).manifest().expect("it is there");
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
        // Nothing of it is lost: bytes that are no text are kept as base64. What a sender adds to the end of a part
        // is no fault.
        let snapshot = &manifest["snapshots"][0];
        let kept = match snapshot["base64"].as_bool() {
            Some(true) => STANDARD.decode(text(&snapshot["text"])).unwrap(),
            _ => text(&snapshot["text"]).as_bytes().to_vec(),
        };
        assert_eq!(kept.trim_ascii_end(), document.trim_ascii_end(), "document {count}");
        assert_eq!(metric(&program.http, "sidetone_metadata_unreadable_total"), count as u64 + 1);
    }
}

#[test]
fn a_codec_we_cannot_decode_is_refused_on_its_line_and_488_when_there_is_no_other() {
    let program = setup().start();
    let unknown =
        |label, port| Stream { formats: "97", maps: vec!["97 SPEEX/16000"], ..Stream::g711(label, port) };
    let legs = [Leg::new(1), Leg::new(2)];
    let metadata = sim::sip::metadata("4678").into_bytes();
    let streams = vec![unknown("1", legs[0].port()), Stream::g711("2", legs[1].port())];
    let ports = short_call(&program, &legs, Offer::new(streams, metadata.clone()));
    assert_eq!(ports[0], 0, "the line is refused: {ports:?}");
    assert_ne!(ports[1], 0, "the other is not: {ports:?}");
    let found = sealed(&program.http, 1).remove(0);
    assert_eq!(recording(&program.http, &found)["packets"]["stored"], 25);

    let streams = vec![unknown("1", legs[0].port()), unknown("2", legs[1].port())];
    let refused = Session::open(program.sip, Transport::Udp, Offer::new(streams, metadata)).expect_err("488");
    assert_eq!(refused.status(), 488, "{refused:?}");
}

#[test]
fn garbage_and_floods_on_the_media_ports_are_counted_and_leave_the_call_unharmed() {
    let program = setup().start();
    let legs = [Leg::new(11), Leg::new(12)];
    let offer = Offer::two_legs("4678", legs.each_ref().map(Leg::port));
    let session = Session::open(program.sip, Transport::Udp, offer).expect("it is answered");
    let media = session.media();
    let stranger = Leg::on("127.0.0.2:0".parse().expect("an address"), 66);
    let (mut strange, mut garbage) = (0, 0);
    for number in 0..100u32 {
        for (leg, to) in legs.iter().zip(&media) {
            assert!(leg.send_frame(*to, number, &noise(11, number)));
            // Twenty times the rate of a leg, from where no media may come from, and noise from where they may.
            for burst in 0..10 {
                strange += u64::from(stranger.send_frame(*to, number * 10 + burst, &noise(66, number)));
            }
            garbage += u64::from(leg.send(*to, &noise(99, number)[..usize::try_from(number % 12).unwrap()]));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(session.bye(), 200);
    let found = sealed(&program.http, 1).remove(0);
    let whole = recording(&program.http, &found);
    assert_eq!(whole["packets"]["stored"], 200, "{whole}");
    let stored = packets(&program.data(), &found);
    let ours = |packet: &Stored| packet.payload == noise(11, u32::from(packet.sequence));
    assert!(stored.len() == 200 && stored.iter().all(ours), "nothing else is stored");
    let refused = |key: &str| -> u64 {
        let streams = whole["manifest"]["streams"].as_array().expect("a list").iter();
        streams.map(|stream| stream["ledger"]["refused"][key].as_u64().expect("a count")).sum()
    };
    assert_eq!(refused("wrong_source"), strange);
    assert!(refused("malformed") > 0, "{whole}");
    let received = whole["packets"]["received"].as_u64().expect("a count");
    assert_eq!(received, 200 + strange + garbage, "every datagram is in the accounts: {whole}");
    let counted = metric(&program.http, "sidetone_rtp_datagrams_total{fate=\"wrong_source\"}");
    assert_eq!(counted, refused("wrong_source"));
}

#[test]
fn media_before_and_after_a_call_go_nowhere() {
    // A range of its own: the noise is not for other tests.
    let program = setup().argument("--rtp-ports").argument("19000-19199").start();
    let legs = [Leg::new(21), Leg::new(22)];
    // Somebody sends to every port of the range already, or still.
    let early = Leg::new(23);
    for port in 19_000..19_200 {
        let to = std::net::SocketAddr::from(([127, 0, 0, 1], port));
        early.send_frame(to, 0, &noise(23, 0));
    }
    let offer = Offer::two_legs("4678", legs.each_ref().map(Leg::port));
    let session = Session::open(program.sip, Transport::Udp, offer).expect("it is answered");
    let media = session.media();
    let send = |from: u32| {
        for number in from..from + 20 {
            for (leg, to) in legs.iter().zip(&media) {
                leg.send_frame(*to, number, &noise(21, number));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    send(0);
    assert_eq!(session.bye(), 200);
    let found = sealed(&program.http, 1).remove(0);
    send(20);
    let stored = packets(&program.data(), &found);
    let sequences: Vec<u16> = stored.iter().map(|packet| packet.sequence).collect();
    assert!(stored.len() == 40 && sequences.iter().all(|sequence| *sequence < 20), "{sequences:?}");
    assert!(program.stop().status.success());
}

#[test]
fn datagrams_that_are_no_sip_do_no_harm() {
    let program = setup().start();
    let noisy = Leg::new(0);
    for number in 0..200 {
        noisy.send(program.sip, &noise(5, number)[..usize::try_from(number % 160).unwrap()]);
    }
    let head = Head { payload_type: 0, marker: true, sequence: 1, timestamp: 1, ssrc: 1 };
    noisy.send(program.sip, &packet(head, &noise(5, 999)));
    program.call(&["--seconds", "1"]).wait();
    sealed(&program.http, 1);
}

#[test]
fn a_body_over_one_mebibyte_is_413_and_one_under_it_is_read() {
    let program = setup().start();
    let body = |bytes: usize| {
        let filling = "x".repeat(bytes);
        format!("{{\"AgentIdentifier\":\"Id\",\"Value\":\"1\",\"Filling\":\"{filling}\"}}")
    };
    let json = "application/json";
    let path = "/api/Record/StartForAgent";
    assert_eq!(program.http.post_bytes(path, json, body(1 << 20).as_bytes()).status, 413);
    program.http.post_bytes(path, json, body((1 << 20) - 200).as_bytes()).ok();
    let file = vec![b'x'; (1 << 20) + 1];
    assert_eq!(program.http.post_bytes("/v1/agents/import", "text/csv", &file).status, 413);
    program.http.get("/healthz").ok();
}

#[test]
fn settings_that_cannot_be_stop_the_start_with_file_line_and_key() {
    let cases = [
        ("[http]\nlsten = \"127.0.0.1:0\"\n", &["settings.toml", "line 2", "lsten", "listen"][..]),
        ("[media]\n\nports = 5\n", &["settings.toml", "line 3", "ports"]),
        ("[media]\nports = \"9-1\"\n", &["media.ports", "20000-29999"]),
        ("data = \n", &["settings.toml", "line 1"]),
    ];
    for (toml, named) in cases {
        let setup = bare_setup().settings(toml);
        let (status, said) = setup.start_refused();
        assert!(!status.success());
        for word in named {
            assert!(said.contains(word), "{toml}: {word} is not in: {said}");
        }
        assert!(!setup.data().exists(), "nothing was made");
    }
    let (status, said) = bare_setup().argument("--agents").argument("nowhere.csv").start_refused();
    assert!(!status.success() && said.contains("nowhere.csv"), "{said}");
}

#[test]
fn a_data_folder_of_another_version_is_refused_before_anything_is_written() {
    let setup = setup();
    assert!(setup.start().stop().status.success());
    fs::write(setup.data().join("format"), "sidetone data 99\n").expect("it is ours");
    let before = sim::disk::files(&setup.data());
    let (status, said) = setup.start_refused();
    assert!(!status.success());
    assert!(said.contains("sidetone data 99") && said.contains("sidetone data 1"), "{said}");
    assert!(before == sim::disk::files(&setup.data()), "something was changed");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let program = setup().start();
    let taken = program.sip.to_string();
    let (status, said) = setup().argument("--sip").argument(&taken).start_refused();
    assert!(!status.success());
    assert!(said.contains(&format!("SIP cannot be heard on {taken}")), "{said}");
    let http = program.http.url("").trim_start_matches("http://").to_owned();
    let (status, said) = setup().argument("--http").argument(&http).start_refused();
    assert!(!status.success());
    assert!(said.contains(&format!("HTTP cannot be heard on {http}")), "{said}");
}

#[test]
fn an_address_outside_this_machine_needs_the_flag_that_says_what_it_gives_up() {
    let (status, said) = setup().argument("--http").argument("0.0.0.0:0").start_refused();
    assert!(!status.success() && said.contains("--http-without-tls"), "{said}");
}

#[test]
fn a_call_to_nobody_and_an_unknown_recording_are_told_in_a_sentence() {
    let program = setup().start();
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
    let call = program.call(&["--to", &format!("sip:{free};transport=tcp"), "--seconds", "1"]);
    let (status, _, said) = call.wait_any();
    assert!(!status.success() && said.contains(&free.to_string()), "{said}");
    let unknown = format!("01900000-0000-7000-8000-{:012x}", now_ns() & 0xffff_ffff);
    for arguments in [&["show", &unknown][..], &["export", &unknown], &["show", "nonsense"]] {
        let output = program.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.starts_with("sidetone: "), "{arguments:?}: {said}");
    }
    on_nobodys_phone(&program);
}

/// A phone nobody sits at is recorded all the same, and no agent is invented.
fn on_nobodys_phone(program: &sim::Program) {
    let call = program.call(&["--agent-phone", "9999", "--seconds", "1"]);
    call.wait();
    let found = sealed(&program.http, 1).remove(0);
    assert!(found["agent"].is_null(), "{found}");
    assert!(text(&found["why"]).starts_with("kept"), "{found}");
    let agents = program.http.get("/api/Agent/GetAll").ok().json();
    assert_eq!(agents.as_array().map(Vec::len), Some(2), "{agents}");
}
