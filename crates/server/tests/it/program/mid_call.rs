//! What a client agrees with us in the middle of a call holds from our 200 on: media sent right behind it is kept.

use sim::rtp::{Head, Leg, noise, packet};
use sim::sip::{Offer, Session, Stream, Transport};

use super::{packets, recording, sealed, setup};

/// Frames that are sent at once.
const BURST: u32 = 5;

/// Sends a burst that begins with frame `first`.
fn burst(leg: &Leg, to: std::net::SocketAddr, first: u32) {
    for number in first..first + BURST {
        assert!(leg.send_frame(to, number, &noise(7, number)));
    }
}

#[test]
fn what_is_sent_on_a_stream_the_moment_it_is_agreed_is_kept() {
    let program = setup().start();
    let first = [Leg::new(1), Leg::new(2)];
    let offer = Offer::two_legs("4678", first.each_ref().map(Leg::port));
    let mut session = Session::open(program.sip, Transport::Udp, offer).expect("it is answered");
    let mut added = Vec::new();
    for (number, label) in (10..).zip(["3", "4", "5", "6", "7", "8", "9", "10", "11", "12"]) {
        let leg = Leg::new(number);
        let answer = session.reoffer(|streams| streams.push(Stream::g711(label, leg.port())));
        assert_eq!(answer.status(), 200, "{answer:?}");
        let port = *answer.media_ports().last().expect("it is taken");
        burst(&leg, (program.sip.ip(), port).into(), 0);
        added.push(leg);
    }
    assert_eq!(session.bye(), 200);
    let found = sealed(&program.http, 1).remove(0);
    let stored = packets(&program.data(), &found);
    for stream in 2..12 {
        let count = stored.iter().filter(|packet| packet.stream == stream).count();
        assert_eq!(count, BURST as usize, "stream {stream}: {}", recording(&program.http, &found));
    }
}

#[test]
fn what_is_sent_the_moment_a_stream_is_resumed_is_kept_and_what_was_sent_in_the_pause_is_not() {
    let program = setup().start();
    let legs = [Leg::new(1), Leg::new(2)];
    let offer = Offer::two_legs("4678", legs.each_ref().map(Leg::port));
    let mut session = Session::open(program.sip, Transport::Udp, offer).expect("it is answered");
    let to = session.media()[0];
    let direct = |session: &mut Session, direction| {
        let answer = session.reoffer(|streams| streams[0].direction = direction);
        assert_eq!(answer.status(), 200, "{answer:?}");
    };
    let mut expected = Vec::new();
    for round in 0..20 {
        let first = round * 2 * BURST;
        direct(&mut session, "inactive");
        // The recorder knows of the pause a moment after its answer.
        std::thread::sleep(std::time::Duration::from_millis(100));
        burst(&legs[0], to, first);
        std::thread::sleep(std::time::Duration::from_millis(20));
        direct(&mut session, "sendonly");
        burst(&legs[0], to, first + BURST);
        expected.extend(first + BURST..first + 2 * BURST);
    }
    assert_eq!(session.bye(), 200);
    let found = sealed(&program.http, 1).remove(0);
    let stored = packets(&program.data(), &found);
    let kept: Vec<u32> = stored.iter().filter(|it| it.stream == 0).map(|it| it.sequence.into()).collect();
    assert_eq!(kept, expected, "{}", recording(&program.http, &found));
}

/// RFC 3264 section 8.3.2 forbids it to the client. What it sent before keeps the meaning it had.
#[test]
fn a_payload_type_that_is_given_another_meaning_begins_another_stream() {
    let program = setup().start();
    let legs = [Leg::new(1), Leg::new(2)];
    let mut offer = Offer::two_legs("4678", legs.each_ref().map(Leg::port));
    (offer.streams[0].formats, offer.streams[0].maps) = ("97", vec!["97 L16/8000"]);
    let mut session = Session::open(program.sip, Transport::Udp, offer).expect("it is answered");
    let send = |to, first: u16| {
        for sequence in first..first + 5 {
            let timestamp = u32::from(sequence) * 160;
            let head = Head { payload_type: 97, marker: false, sequence, timestamp, ssrc: 1 };
            assert!(legs[0].send(to, &packet(head, &noise(7, timestamp))));
        }
    };
    let first = session.media();
    send(first[0], 0);
    let answer = session.reoffer(|streams| streams[0].maps = vec!["97 G722/8000"]);
    assert_eq!(answer.status(), 200, "{answer:?}");
    let ports = answer.media_ports();
    assert_ne!(ports[0], first[0].port(), "what is under way to the former port has the former meaning");
    assert_eq!(ports[1], first[1].port());
    send((program.sip.ip(), ports[0]).into(), 5);
    // Another name for the same is none.
    let answer = session.reoffer(|streams| streams[0].maps = vec!["97 g722/8000/1"]);
    assert_eq!(answer.media_ports(), ports);
    assert_eq!(session.bye(), 200);

    let found = sealed(&program.http, 1).remove(0);
    let told = recording(&program.http, &found);
    let stored = packets(&program.data(), &found);
    let of = |stream: u16| -> Vec<u16> {
        stored.iter().filter(|it| it.stream == stream).map(|it| it.sequence).collect()
    };
    assert_eq!((of(0), of(2)), ((0..5).collect(), (5..10).collect()), "{told}");
    let formats = |stream: usize| told["manifest"]["streams"][stream]["formats"][0]["encoding"].clone();
    assert_eq!([formats(0), formats(2)], ["L16", "G722"], "{told}");
}

#[test]
fn what_is_sent_the_moment_a_command_is_answered_is_kept_or_not_as_the_command_says() {
    let program = setup().start();
    let legs = [Leg::new(1), Leg::new(2)];
    let offer = Offer::two_legs("4678", legs.each_ref().map(Leg::port));
    let session = Session::open(program.sip, Transport::Udp, offer).expect("it is answered");
    super::on_a_recorded_call(&program.http, "4678");
    let to = session.media()[0];
    let by_phone = serde_json::json!({"AgentIdentifier": "Phone", "Value": "4678"});
    let command = |path: &str| drop(program.http.post(path, &by_phone).ok());
    let (mut expected, mut first) = (Vec::new(), 0);
    let mut say = |kept: bool| {
        burst(&legs[0], to, first);
        expected.extend((first..first + BURST).filter(|_| kept));
        first += BURST;
    };
    for _ in 0..30 {
        // What has come and was not read when a blackout begins is dark: a tick of 20 ms at most.
        std::thread::sleep(std::time::Duration::from_millis(60));
        command("/api/Blackout/StartForAgent");
        say(false);
        command("/api/Blackout/StopForAgent");
        say(true);
    }
    for _ in 0..10 {
        command("/api/Record/StopForAgent");
        say(false);
        command("/api/Record/StartForAgent");
        say(true);
    }
    assert_eq!(session.bye(), 200);
    let found = sealed(&program.http, 11);
    let kept: Vec<u32> = found
        .iter()
        .flat_map(|found| packets(&program.data(), found))
        .filter(|packet| packet.stream == 0)
        .map(|packet| packet.sequence.into())
        .collect();
    assert_eq!(kept, expected);
}
