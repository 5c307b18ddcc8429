//! Protected media on the built program: what is protected is heard, by any suite and from others' hands, and what
//! nobody has a key for is not kept (A10-03 to A10-07).

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use audio::codec::g711;
use audio::tone::Sine;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rtp::srtp::{Keys, Outbound, Suite};
use serde_json::Value;
use sim::Program;
use sim::debian;
use sim::rtp::{FRAME_SAMPLES, Head, Leg, packet};
use sim::sip::{Offer, Session, Transport};
use sim::time::Since;

use super::{between, legs, metric, on_a_recorded_call, packets, recording, sealed, setup, tone_share};

const CM: Suite = Suite::AesCm128HmacSha1_80;

/// What stands behind `a=crypto:` for a key of this byte.
fn crypto(tag: u32, suite: Suite, byte: u8) -> String {
    format!("{tag} {} inline:{}", suite.name(), STANDARD.encode(key(suite, byte)))
}

fn key(suite: Suite, byte: u8) -> Vec<u8> {
    vec![byte; suite.key_bytes() + suite.salt_bytes()]
}

fn protector(byte: u8) -> Outbound {
    Outbound::new(&Keys::new(CM, &key(CM, byte)).expect("it fits"))
}

fn open(program: &Program, ports: [u16; 2], bytes: [u8; 2]) -> Session {
    let mut offer = Offer::two_legs("4678", ports);
    for (stream, byte) in offer.streams.iter_mut().zip(bytes) {
        stream.crypto = vec![crypto(1, CM, byte)];
    }
    Session::open(program.sip, Transport::Udp, offer).expect("it is answered")
}

/// A frame of a tone as PCMU.
fn frame(number: u32, hz: f64) -> Vec<u8> {
    let from = number as usize * FRAME_SAMPLES;
    Sine::new(hz, 8_000).skip(from).take(FRAME_SAMPLES).map(g711::linear_to_pcmu).collect()
}

fn plain(number: u32, sequence: u16, ssrc: u32, hz: f64) -> Vec<u8> {
    let timestamp = number.wrapping_mul(160);
    packet(Head { payload_type: 0, marker: number == 0, sequence, timestamp, ssrc }, &frame(number, hz))
}

fn streams(program: &Program, found: &Value) -> Vec<Value> {
    recording(&program.http, found)["manifest"]["streams"].as_array().expect("streams").clone()
}

/// All that is kept and logged holds none of these texts.
fn nowhere(program: &Program, keys: &[&str]) {
    let log = program.log();
    assert!(log.contains("a call came"), "the log says what happens: {log}");
    for key in keys {
        assert!(!log.contains(key), "a key is in the log:\n{log}");
    }
}

#[test]
fn a_call_protected_by_any_suite_is_heard_on_both_legs() {
    let program = setup().start();
    for (count, suite) in (1..).zip(Suite::ALL) {
        program.call(&["--seconds", "2", "--srtp", suite.name()]).wait();
        let found = sealed(&program.http, count).pop().expect("the newest is last");
        for (leg, hz) in legs(&program.http, &found).iter().zip([440.0, 880.0]) {
            let heard = tone_share(between(leg, 300, 1_500), hz);
            assert!(heard > 0.95, "{}: {heard} of {hz} Hz", suite.name());
        }
        for stream in streams(&program, &found) {
            assert_eq!(stream["suites"], serde_json::json!([suite.name()]), "{stream}");
        }
    }
}

#[test]
fn media_that_no_key_proves_are_not_kept_even_from_the_right_address_at_ten_times_the_rate() {
    let program = setup().start();
    let sides = [Leg::new(11), Leg::new(12)];
    let session = open(&program, sides.each_ref().map(Leg::port), [3, 4]);
    let mut protectors = [protector(3), protector(4)];
    // Who knows addresses and numbers, and has a key, but another one.
    let mut thief = protector(9);
    let (media, began) = (session.media(), Since::now());
    for number in 0..100 {
        for (index, leg) in sides.iter().enumerate() {
            let (ssrc, hz) = ([11, 12][index], [440.0, 880.0][index]);
            let mut own = plain(number, u16::try_from(number).expect("few"), ssrc, hz);
            let mut forged = own.clone();
            protectors[index].protect_rtp(&mut own).expect("it is RTP");
            thief.protect_rtp(&mut forged).expect("it is RTP");
            for _ in 0..10 {
                assert!(leg.send(media[index], &forged));
                assert!(leg.send(media[index], &plain(number, 7, ssrc, 1_200.0)), "in the clear");
            }
            assert!(leg.send(media[index], &own) && leg.send(media[index], &own), "once, and once again");
        }
        began.sleep_until(Duration::from_millis(20) * (number + 1));
    }
    assert_eq!(session.bye(), 200);
    let found = sealed(&program.http, 1).remove(0);
    let stored = packets(&program.data(), &found);
    assert_eq!(stored.len(), 200, "each packet once, and nothing foreign");
    for (leg, hz) in legs(&program.http, &found).iter().zip([440.0, 880.0]) {
        let heard = tone_share(between(leg, 200, 1_800), hz);
        assert!(heard > 0.95, "{heard} of {hz} Hz");
    }
    assert_eq!(metric(&program.http, "sidetone_rtp_datagrams_total{fate=\"unauthenticated\"}"), 4_000);
    assert_eq!(metric(&program.http, "sidetone_rtp_datagrams_total{fate=\"replayed\"}"), 200);
    let inline = crypto(1, CM, 3);
    nowhere(&program, &[inline.rsplit(':').next().expect("a key")]);
}

#[test]
fn a_change_of_keys_in_the_middle_of_a_call_costs_no_packet() {
    let program = setup().start();
    let sides = [Leg::new(21), Leg::new(22)];
    let mut session = open(&program, sides.each_ref().map(Leg::port), [3, 4]);
    let mut protectors = [protector(3), protector(4)];
    let (media, began) = (session.media(), Since::now());
    let ours = |body: &str| -> Vec<String> {
        body.lines().filter_map(|line| Some(line.strip_prefix("a=crypto:")?.to_owned())).collect()
    };
    let first = ours(&session.answer.body);
    assert_eq!(first.len(), 2);
    for number in 0..150 {
        if number == 75 {
            let answer = session.reoffer(|streams| {
                for (stream, byte) in streams.iter_mut().zip([5, 6]) {
                    stream.crypto = vec![crypto(2, CM, byte)];
                }
            });
            assert_eq!(answer.status(), 200, "{answer:?}");
            let second = ours(&answer.body);
            assert!(second.iter().all(|line| line.starts_with("2 ")), "{second:?}");
            protectors = [protector(5), protector(6)];
        }
        for (index, leg) in sides.iter().enumerate() {
            let (ssrc, hz) = ([21, 22][index], [440.0, 880.0][index]);
            // Over the end of the sequence: the sender goes on counting, as its packets' index does.
            let sequence = u16::try_from(number).expect("few").wrapping_sub(50);
            let mut own = plain(number, sequence, ssrc, hz);
            protectors[index].protect_rtp(&mut own).expect("it is RTP");
            assert!(leg.send(media[index], &own));
        }
        began.sleep_until(Duration::from_millis(20) * (number + 1));
    }
    assert_eq!(session.bye(), 200);
    let found = sealed(&program.http, 1).remove(0);
    assert_eq!(packets(&program.data(), &found).len(), 300);
    for stream in streams(&program, &found) {
        assert_eq!(stream["ledger"]["refused"]["unauthenticated"], 0, "{stream}");
    }
}

/// ffmpeg says a tone into a stream, protected by its own hand.
fn ffmpeg_says(hz: u32, to: SocketAddr, from: u16, suite: Suite, byte: u8) -> Child {
    let mut command = Command::new(debian::program("ffmpeg", "ffmpeg"));
    command.args(["-v", "error", "-re", "-f", "lavfi", "-i"]);
    command.arg(format!("sine=frequency={hz}:sample_rate=8000:duration=3"));
    command.args(["-ac", "1", "-c:a", "pcm_mulaw", "-payload_type", "0", "-f", "rtp"]);
    // ffmpeg's name for the suite whose reports have the long tag that RFC 4568 §6.2.2 wants.
    let name = if suite == CM { suite.name() } else { "SRTP_AES128_CM_HMAC_SHA1_32" };
    command.args(["-srtp_out_suite", name]);
    command.args(["-srtp_out_params", &STANDARD.encode(key(suite, byte))]);
    command.arg(format!("srtp://{to}?pkt_size=172&localport={from}"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("it is installed")
}

#[test]
fn what_ffmpeg_protects_is_heard() {
    let program = setup().start();
    for (count, suite) in (1..).zip([CM, Suite::AesCm128HmacSha1_32]) {
        let ports = [sim::counterpart::free_port(), sim::counterpart::free_port()];
        let mut offer = Offer::two_legs("4678", ports);
        for (stream, byte) in offer.streams.iter_mut().zip([3, 4]) {
            stream.crypto = vec![crypto(1, suite, byte)];
        }
        let session = Session::open(program.sip, Transport::Tcp, offer).expect("it is answered");
        let media = session.media();
        let mut phones: Vec<Child> = [440, 880]
            .into_iter()
            .zip([3, 4])
            .enumerate()
            .map(|(index, (hz, byte))| ffmpeg_says(hz, media[index], ports[index], suite, byte))
            .collect();
        on_a_recorded_call(&program.http, "4678");
        for phone in &mut phones {
            assert!(phone.wait().expect("it ends").success());
        }
        assert_eq!(session.bye(), 200);
        let found = sealed(&program.http, count).pop().expect("the newest is last");
        for (leg, hz) in legs(&program.http, &found).iter().zip([440.0, 880.0]) {
            let heard = leg.chunks_exact(8_000).map(|second| tone_share(second, hz)).fold(0.0, f64::max);
            assert!(heard > 0.95, "{}: {heard} of {hz} Hz", suite.name());
        }
        for stream in streams(&program, &found) {
            let ledger = &stream["ledger"];
            assert!(ledger["rtcp"].as_u64() > Some(0), "its reports are protected too: {ledger}");
            assert_eq!(ledger["refused"]["unauthenticated"], 0, "{ledger}");
        }
    }
}

#[test]
fn a_trunk_that_has_to_be_protected_is_refused_in_the_clear_and_the_operator_sees_why() {
    let trunk = "[[trunk]]\nname = \"bank\"\nnetworks = [\"127.0.0.1\"]\nsrtp = \"require\"\n";
    let program = setup().settings(trunk).start();
    let refused = Session::open(program.sip, Transport::Udp, Offer::two_legs("4678", [4_000, 4_002]));
    let answer = refused.expect_err("plain RTP is not taken");
    assert_eq!(answer.status(), 488, "{answer:?}");
    let refusals = program.http.get("/v1/refusals").ok().json().to_string();
    assert!(refusals.contains("only SRTP is taken; offer RTP/SAVP with a=crypto"), "{refusals}");
    program.call(&["--seconds", "1", "--srtp"]).wait();
    assert_eq!(sealed(&program.http, 1).len(), 1);
}
