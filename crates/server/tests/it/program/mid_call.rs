//! What a client agrees with us in the middle of a call holds from our 200 on: media sent right behind it is kept.

use sim::rtp::{Leg, noise};
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
