//! Several communication sessions in one recording session (A5-03, A5-04), and a client that keeps its recording session
//! while nothing goes on (A5-05, A7-08).

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use sim::rtp::{Head, Leg, noise, packet};
use sim::sip::{Offer, Session, Stream, Transport};
use sim::time::{Since, wait_for};
use sim::{Http, Program};

use super::{PATIENCE, Stored, packets, recording, sealed, setup, text};

/// A communication session that goes on: two parties, each speaking into a stream.
struct Talk<'a> {
    id: &'a str,
    parties: [&'a str; 2],
    labels: [&'a str; 2],
}

impl Talk<'_> {
    fn elements(&self) -> String {
        let Self { id, parties, labels } = self;
        let mut text = format!("<session session_id='{id}'/>");
        for (user, label) in parties.iter().zip(labels) {
            let (who, stream) = (format!("{id}-{user}"), format!("{id}-{label}"));
            text += &format!(
                "<participant participant_id='{who}'><nameID aor='sip:{user}@example.com'/></participant>\
                 <stream stream_id='{stream}' session_id='{id}'><label>{label}</label></stream>\
                 <participantsessionassoc participant_id='{who}' session_id='{id}'/>\
                 <participantstreamassoc participant_id='{who}'><send>{stream}</send></participantstreamassoc>"
            );
        }
        text
    }
}

fn document(mode: &str, elements: &str) -> String {
    format!(
        "<recording xmlns='urn:ietf:params:xml:ns:recording:1'><datamode>{mode}</datamode>{elements}</recording>"
    )
}

/// A recording client with a stream for each of its legs, labelled from 1.
struct Client {
    session: Session,
    legs: Vec<Leg>,
    next: u32,
}

const LABELS: [&str; 4] = ["1", "2", "3", "4"];

impl Client {
    fn open(program: &Program, streams: usize, metadata: &str) -> Self {
        let legs: Vec<Leg> = (1..=4).take(streams).map(Leg::new).collect();
        let offered = legs.iter().zip(LABELS).map(|(leg, label)| Stream::g711(label, leg.port()));
        let offer = Offer::new(offered.collect(), metadata.as_bytes().to_vec());
        let session = Session::open(program.sip, Transport::Udp, offer).expect("it is answered");
        Self { session, legs, next: 0 }
    }

    fn tell(&mut self, mode: &str, elements: &str) {
        assert_eq!(self.session.describe(document(mode, elements).as_bytes()), 200);
    }

    /// Every leg sends so many frames at once, and says which were sent.
    fn burst(&mut self, frames: u32) -> std::ops::Range<u32> {
        let first = self.next;
        for number in first..first + frames {
            for (index, leg) in (0..).zip(&self.legs) {
                assert!(leg.send_frame(self.session.media()[index], number, &noise(7, number)));
            }
        }
        self.next += frames;
        first..self.next
    }
}

/// Waits until so many calls are live, and gives them, oldest first.
fn live(http: &Http, count: usize) -> Vec<Value> {
    wait_for(&format!("{count} live calls"), PATIENCE, || {
        let mut items =
            http.get("/v1/calls?state=live").ok().json()["items"].as_array().expect("a list").clone();
        items.reverse();
        (items.len() == count).then_some(items)
    })
}

fn sequences(stored: &[Stored], stream: u16) -> Vec<u32> {
    stored.iter().filter(|packet| packet.stream == stream).map(|packet| packet.sequence.into()).collect()
}

fn addresses(found: &Value) -> Vec<&str> {
    let mut all: Vec<&str> =
        found["parties"].as_array().expect("a list").iter().map(|party| text(&party["address"])).collect();
    all.sort_unstable();
    all
}

#[test]
fn two_communication_sessions_side_by_side_are_two_calls_each_with_its_own_streams_and_people() {
    let program = setup().start();
    let first = Talk { id: "A", parties: ["15550100", "4678"], labels: ["1", "2"] };
    let second = Talk { id: "B", parties: ["15550200", "4102"], labels: ["3", "4"] };
    let both = document("complete", &(first.elements() + &second.elements()));
    let mut client = Client::open(&program, 4, &both);
    let calls = live(&program.http, 2);
    let [own, other] = [0, 1].map(|place| text(&calls[place]["id"]).to_owned());
    let related = program.http.get(&format!("/v1/calls/{own}")).ok().json()["related"].clone();
    assert_eq!(related[0]["call"], other.as_str(), "{related}");
    assert_eq!(related[0]["relation"], "same-session");
    let sent = client.burst(20);
    // The first ends; its media may still come, and is of no call.
    client.tell("partial", "<session session_id='A'><stop-time>2026-01-01T00:00:00Z</stop-time></session>");
    live(&program.http, 1);
    let more = client.burst(10);
    assert_eq!(client.session.bye(), 200);

    let mut found = sealed(&program.http, 2);
    found.sort_by_key(|found| text(&found["device"]).to_owned());
    let [b, a] = found.try_into().expect("two");
    assert_eq!(addresses(&a), ["sip:15550100@example.com", "sip:4678@example.com"]);
    assert_eq!(addresses(&b), ["sip:15550200@example.com", "sip:4102@example.com"]);
    let (of_a, of_b) = (packets(&program.data(), &a), packets(&program.data(), &b));
    let (sent, all): (Vec<u32>, Vec<u32>) = (sent.clone().collect(), (sent.start..more.end).collect());
    for stream in [0, 1] {
        assert_eq!(sequences(&of_a, stream), sent, "{a}");
        assert_eq!(sequences(&of_b, stream), all, "{b}");
    }
    let told = recording(&program.http, &a);
    let why = text(&told["manifest"]["why_stopped"]);
    assert_eq!(why, "stopped: the recording client said that its communication session was over");
}

#[test]
fn a_kept_recording_session_brings_calls_one_after_the_other_and_none_between() {
    let program = setup().start();
    let mut client = Client::open(&program, 2, &document("complete", ""));
    client.burst(10);
    live(&program.http, 0);
    let mut sent = Vec::new();
    for (id, phone) in [("A", "4678"), ("B", "4102"), ("C", "4678")] {
        let talk = Talk { id, parties: ["15550100", phone], labels: ["1", "2"] };
        client.tell("complete", &talk.elements());
        live(&program.http, 1);
        let own = client.burst(10);
        client.tell("complete", "");
        live(&program.http, 0);
        client.burst(5);
        sent.push(own.collect::<Vec<u32>>());
    }
    assert_eq!(client.session.bye(), 200);
    let found = sealed(&program.http, 3);
    for ((found, sent), phone) in found.iter().zip(sent).zip(["4678", "4102", "4678"]) {
        assert_eq!(found["device"], phone, "{found}");
        let stored = packets(&program.data(), found);
        for stream in [0, 1] {
            assert_eq!(sequences(&stored, stream), sent, "{found}");
        }
        assert_eq!(found["completeness"], "complete", "{found}");
    }
}

#[test]
fn a_new_session_on_the_same_streams_ends_the_call_before_without_a_goodbye() {
    let program = setup().start();
    let first = Talk { id: "A", parties: ["15550100", "4678"], labels: ["1", "2"] };
    let second = Talk { id: "B", parties: ["15550200", "4102"], labels: ["1", "2"] };
    let mut client = Client::open(&program, 2, &document("complete", &first.elements()));
    let one = client.burst(10);
    client.tell("partial", &second.elements());
    wait_for("the second call", PATIENCE, || {
        let live = live(&program.http, 1);
        (live[0]["device"] == "4102").then_some(())
    });
    let two = client.burst(10);
    assert_eq!(client.session.bye(), 200);
    let found = sealed(&program.http, 2);
    for (found, (sent, phone)) in found.iter().zip([(one, "4678"), (two, "4102")]) {
        let stored = packets(&program.data(), found);
        assert_eq!(sequences(&stored, 0), sent.collect::<Vec<u32>>(), "{found}");
        assert_eq!(found["device"], phone);
    }
}

#[test]
fn a_session_that_was_not_named_at_first_is_the_one_that_is_told() {
    let program = setup().start();
    let mut client = Client::open(&program, 2, "no XML");
    let one = client.burst(10);
    let call = live(&program.http, 1).remove(0);
    let talk = Talk { id: "A", parties: ["15550100", "4678"], labels: ["1", "2"] };
    client.tell("complete", &talk.elements());
    let two = client.burst(10);
    assert_eq!(client.session.bye(), 200);
    let found = sealed(&program.http, 1).remove(0);
    assert_eq!(found["call"], call["id"]);
    assert_eq!(sequences(&packets(&program.data(), &found), 0), (one.start..two.end).collect::<Vec<u32>>());
    assert_eq!(addresses(&found).len(), 2);
}

/// A key of our own making, by number.
fn key(byte: u8) -> Vec<u8> {
    vec![byte; 30]
}

#[test]
fn a_stream_that_has_rolled_over_is_still_opened_by_the_next_call_it_brings() {
    use base64::Engine;
    let suite = rtp::srtp::Suite::from_name("AES_CM_128_HMAC_SHA1_80").expect("a suite");
    let program = setup().start();
    let legs = [Leg::new(1), Leg::new(2)];
    let mut streams = vec![Stream::g711("1", legs[0].port()), Stream::g711("2", legs[1].port())];
    for (stream, byte) in streams.iter_mut().zip([3, 4]) {
        let inline = base64::engine::general_purpose::STANDARD.encode(key(byte));
        stream.crypto = vec![format!("1 AES_CM_128_HMAC_SHA1_80 inline:{inline}")];
    }
    let first = Talk { id: "A", parties: ["15550100", "4678"], labels: ["1", "2"] };
    let metadata = document("complete", &first.elements()).into_bytes();
    let mut session =
        Session::open(program.sip, Transport::Udp, Offer::new(streams, metadata)).expect("it is answered");
    let mut protector = rtp::srtp::Outbound::new(&rtp::srtp::Keys::new(suite, &key(3)).expect("a key"));
    let to: SocketAddr = session.media()[0];
    let began = Since::now();
    let mut number = 0;
    let mut send = |until: u32| {
        while number < until {
            let sequence = u16::try_from((number + 65_500) & 0xffff).expect("masked");
            let timestamp = number * 160;
            let head = Head { payload_type: 0, marker: false, sequence, timestamp, ssrc: 1 };
            let mut bytes = packet(head, &noise(7, number));
            protector.protect_rtp(&mut bytes).expect("it is RTP");
            assert!(legs[0].send(to, &bytes));
            number += 1;
            began.sleep_until(Duration::from_millis(5) * number);
        }
    };
    send(100);
    let second = Talk { id: "B", parties: ["15550200", "4102"], labels: ["1", "2"] };
    assert_eq!(session.describe(document("complete", &second.elements()).as_bytes()), 200);
    send(200);
    assert_eq!(session.bye(), 200);
    let found = sealed(&program.http, 2);
    let count: usize = found.iter().map(|found| packets(&program.data(), found).len()).sum();
    assert!(count >= 195, "{count} of 200: those in the moment of the change may be of no call");
    assert!(packets(&program.data(), &found[1]).len() > 80);
    assert_eq!(super::metric(&program.http, "sidetone_rtp_datagrams_total{fate=\"unauthenticated\"}"), 0);
}

#[test]
fn a_client_whose_change_builds_on_what_was_never_told_is_asked_to_tell_everything() {
    let program = setup().start();
    let whole = Talk { id: "A", parties: ["15550100", "4678"], labels: ["1", "2"] };
    let mut client = Client::open(&program, 2, &document("complete", &whole.elements()));
    live(&program.http, 1);
    let asked = |client: &mut Client, why: &str| {
        let update = client.session.request();
        assert!(update.first.starts_with("UPDATE "), "{update:?}");
        assert!(update.body.contains("requestsnapshot") && update.body.contains(why), "{update:?}");
        update
    };
    // Somebody joins whom it described to another recorder, or in a message that was lost.
    let joins = "<participantsessionassoc participant_id='A-4102' session_id='A'/>\
                 <participantstreamassoc participant_id='A-4102'><send>A-2</send></participantstreamassoc>";
    client.tell("partial", joins);
    let update = asked(&mut client, "A-4102 was never described");
    client.session.respond(&update, "200 OK");
    let now = Talk { id: "A", parties: ["15550100", "4102"], labels: ["1", "2"] };
    client.tell("complete", &now.elements());
    wait_for("the agent who joined is in the call", PATIENCE, || {
        (super::agent(&program.http, "4102")["ActiveCall"].is_object()).then_some(())
    });
    assert_eq!(client.session.bye(), 200);
    let found = sealed(&program.http, 1).remove(0);
    let timeline = program.http.get(&format!("/v1/calls/{}/timeline", text(&found["call"]))).ok().text();
    assert!(timeline.contains("\"UPDATE sent to"), "{timeline}");
}

#[test]
fn a_client_is_asked_once_for_what_it_never_describes_and_not_for_what_cannot_be_read() {
    let program = setup().start();
    let whole = Talk { id: "A", parties: ["15550100", "4678"], labels: ["1", "2"] };
    let mut client = Client::open(&program, 2, &document("complete", &whole.elements()));
    live(&program.http, 1);
    // A4-10.
    let cut = document("partial", "<session session_id='A'>");
    assert_eq!(client.session.describe(cut.as_bytes()), 200, "what cannot be read is no reason to refuse");
    let stranger = "<participantsessionassoc participant_id='X' session_id='A'/>";
    client.tell("partial", stranger);
    let update = client.session.request();
    assert!(update.body.contains("X was never described"), "{update:?}");
    client.session.respond(&update, "488 Not Acceptable Here");
    // A client that always speaks so is not asked each time.
    client.tell("partial", stranger);
    let kept = client.burst(10);
    assert_eq!(client.session.bye(), 200);
    let found = sealed(&program.http, 1).remove(0);
    assert_eq!(packets(&program.data(), &found).len(), 2 * kept.len());
    let timeline = program.http.get(&format!("/v1/calls/{}/timeline", text(&found["call"]))).ok().text();
    assert_eq!(timeline.matches("\"UPDATE sent to").count(), 1, "{timeline}");
}
