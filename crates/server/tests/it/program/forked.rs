//! Calls that a phone forks: two recording sessions, one for each end, make one recording (A12 CUCM, A13-07).

use std::net::SocketAddr;
use std::time::Duration;

use audio::codec::g711::linear_to_pcmu;
use audio::tone::Sine;
use sim::Program;
use sim::rtp::{FRAME_SAMPLES, Leg};
use sim::sip::{Line, Message, Transport};
use sim::time::Since;

use super::vendors::{folder, in_dialog, sent_by};
use super::{agent, legs, on_a_recorded_call, recording, sealed, setup, tone_share};

const TRUNK: &str = "[[trunk]]\nname = \"CUCM\"\nnetworks = [\"127.0.0.1\"]\nprofile = \"bib-pair\"\n";

/// One end of a forked call: its dialog and its voice.
struct End {
    line: Line,
    invite: Vec<u8>,
    answer: Message,
    leg: Leg,
    to: SocketAddr,
    tone: Sine,
    frames: u32,
}

impl End {
    /// Begins the recording session as the phone does: no offer in the INVITE, the answer to ours in the ACK.
    fn begin(program: &Program, fixture: &str, ssrc: u32, tone_hz: f64) -> Self {
        let mut line = Line::open(program.sip, Transport::Tcp);
        let read = |name: &str| std::fs::read(folder().join(name)).expect("a message of the vendor");
        let invite = sent_by(&line, &read(fixture));
        let answer = line.ask(&invite);
        assert_eq!(answer.status(), 200, "{answer:?}");
        let ports = answer.media_ports();
        assert_eq!(ports.len(), 1, "we offer one line: {}", answer.body);

        let leg = Leg::new(ssrc);
        let ack = String::from_utf8(read("09b-cucm-bib-nearend-ack.sip")).expect("text");
        let (_, body) = ack.split_once("\r\n\r\n").expect("a body");
        let body = body
            .replace("c=IN IP4 198.51.100.98", "c=IN IP4 127.0.0.1")
            .replace("m=audio 27010", &format!("m=audio {}", leg.port()));
        let head = String::from_utf8(in_dialog(&line, &invite, &answer, "ACK")).expect("text");
        let length = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n", body.len());
        let ack = head.replace("Content-Length: 0\r\n", &length) + &body;
        line.send(ack.as_bytes());
        let to = SocketAddr::new(program.sip.ip(), ports[0]);
        Self { line, invite, answer, leg, to, tone: Sine::new(tone_hz, 8_000), frames: 0 }
    }

    fn frame(&mut self) {
        let samples = (0..FRAME_SAMPLES).map(|_| linear_to_pcmu(self.tone.next().unwrap_or_default()));
        self.leg.send_frame(self.to, self.frames, &samples.collect::<Vec<u8>>());
        self.frames += 1;
    }

    fn hang_up(mut self) {
        let bye = in_dialog(&self.line, &self.invite, &self.answer, "BYE");
        assert_eq!(self.line.ask(&bye).status(), 200);
    }
}

/// All ends speak for so long.
fn speak(ends: &mut [&mut End], ms: u32) {
    let began = Since::now();
    for number in 1..=ms / 20 {
        ends.iter_mut().for_each(|end| end.frame());
        began.sleep_until(Duration::from_millis(20) * number);
    }
}

const NEAR: &str = "09a-cucm-bib-nearend-invite.sip";
const FAR: &str = "09c-cucm-bib-farend-invite.sip";

#[test]
fn both_ends_of_a_forked_call_are_heard_in_one_recording_with_the_agent_on_the_right() {
    let program = setup().settings(TRUNK).start();
    let mut near = End::begin(&program, NEAR, 1, 880.0);
    speak(&mut [&mut near], 400);
    let mut far = End::begin(&program, FAR, 2, 440.0);
    speak(&mut [&mut near, &mut far], 2_000);
    on_a_recorded_call(&program.http, "4678");
    let calls = program.http.get("/v1/calls").ok().json();
    assert_eq!(calls["items"].as_array().map(Vec::len), Some(1), "one call, not two: {calls}");
    near.hang_up();
    speak(&mut [&mut far], 400);
    assert!(agent(&program.http, "4678")["ActiveCall"].is_object(), "the far end still speaks");
    far.hang_up();

    let found = sealed(&program.http, 1).remove(0);
    assert_eq!(found["completeness"], "complete", "{found}");
    let whole = recording(&program.http, &found);
    let spoken: Vec<(&str, u64)> = whole["manifest"]["parties"]
        .as_array()
        .expect("parties")
        .iter()
        .map(|party| (super::text(&party["address"]), party["sends"][0].as_u64().expect("a stream")))
        .collect();
    assert_eq!(spoken, [("4678", 0), ("7135550177", 1)], "{whole}");
    let [left, right] = legs(&program.http, &found);
    for (leg, own_hz, other_hz) in [(&left, 440.0, 880.0), (&right, 880.0, 440.0)] {
        let said = super::between(leg, 800, 2_200);
        let (own, other) = (tone_share(said, own_hz), tone_share(said, other_hz));
        assert!(own > 0.95 && other < 0.01, "{own} at {own_hz} Hz, {other} at {other_hz} Hz");
    }
    assert!(audio::tone::is_silent(super::between(&left, 0, 300)), "the far end came later");
}

#[test]
fn a_forked_call_of_which_only_one_end_comes_is_kept_and_is_not_called_complete() {
    let program = setup().settings(TRUNK).start();
    let mut near = End::begin(&program, NEAR, 1, 880.0);
    speak(&mut [&mut near], 600);
    near.hang_up();
    let found = sealed(&program.http, 1).remove(0);
    assert_eq!(found["completeness"], "partial", "{found}");
    assert_eq!(found["streams"], 1, "{found}");
}
