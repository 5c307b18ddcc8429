//! Floods, injected media and swept ports: nothing foreign is stored or heard, the calls beside and after are unharmed
//! (F-RTP-1, F-RTP-2).

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use audio::codec::g711;
use audio::tone::Sine;
use sim::Program;
use sim::rtp::{FRAME_SAMPLES, Leg, noise};
use sim::sip::{Offer, Session, Transport};
use sim::time::Since;

use super::{between, legs, metric, packets, recording, sealed, setup, tone_share};

/// How much a recorder may have grown under a flood.
const GROWTH_BYTES: u64 = 64 << 20;

/// Frames of a call of two seconds.
const FRAMES: u32 = 100;

fn tone(hz: f64) -> Vec<u8> {
    Sine::new(hz, 8_000).take(FRAMES as usize * FRAME_SAMPLES).map(g711::linear_to_pcmu).collect()
}

/// A call of two tones at its own pace; `beside` is done with each frame.
fn tones(session: &Session, sides: &[Leg; 2], mut beside: impl FnMut(u32, &[SocketAddr])) {
    let (media, sounds) = (session.media(), [tone(440.0), tone(880.0)]);
    let began = Since::now();
    for number in 0..FRAMES {
        let at = number as usize * FRAME_SAMPLES;
        for ((leg, to), sound) in sides.iter().zip(&media).zip(&sounds) {
            assert!(leg.send_frame(*to, number, &sound[at..at + FRAME_SAMPLES]));
        }
        beside(number, &media);
        began.sleep_until(Duration::from_millis(20) * (number + 1));
    }
}

/// Both tones are heard in the newest recording, whole, and nothing beside them is in its file.
fn only_the_tones_are_kept(program: &Program, count: usize) {
    let found = sealed(&program.http, count).pop().expect("the newest");
    let whole = recording(&program.http, &found);
    let stored = packets(&program.data(), &found);
    let sounds = [tone(440.0), tone(880.0)];
    let is_ours = |payload: &[u8], sequence: u16| {
        let at = usize::from(sequence) * FRAME_SAMPLES;
        sounds.iter().any(|sound| sound.get(at..at + FRAME_SAMPLES) == Some(payload))
    };
    assert!(
        stored.iter().all(|packet| is_ours(&packet.payload, packet.sequence)),
        "foreign media are stored"
    );
    assert_eq!(stored.len(), 2 * FRAMES as usize, "{whole}");
    for (side, hz) in legs(&program.http, &found).iter().zip([440.0, 880.0]) {
        let heard = tone_share(between(side, 200, 1_800), hz);
        assert!(heard > 0.95, "{heard} of {hz} Hz is heard");
    }
}

fn open(program: &Program, sides: &[Leg; 2]) -> Session {
    let offer = Offer::two_legs("4678", sides.each_ref().map(Leg::port));
    Session::open(program.sip, Transport::Udp, offer).expect("it is answered")
}

#[test]
fn media_injected_at_ten_times_the_rate_are_neither_stored_nor_heard() {
    let program = setup().start();
    let sides = [Leg::new(11), Leg::new(12)];
    let session = open(&program, &sides);
    // One has guessed the source and the numbers, one comes with its own.
    let foreign: SocketAddr = "127.0.0.2:0".parse().expect("an address");
    let thieves = [Leg::on(foreign, 11), Leg::on(foreign, 12), Leg::on(foreign, 66)];
    let mut injected = 0;
    tones(&session, &sides, |number, media| {
        for to in media {
            for burst in 0..10 {
                let thief = &thieves[burst as usize % 3];
                injected += u64::from(thief.send_frame(*to, number + burst, &noise(66, burst)));
            }
        }
    });
    assert_eq!(session.bye(), 200);
    only_the_tones_are_kept(&program, 1);
    assert_eq!(metric(&program.http, "sidetone_rtp_datagrams_total{fate=\"wrong_source\"}"), injected);
    let sides = [Leg::new(21), Leg::new(22)];
    let session = open(&program, &sides);
    tones(&session, &sides, |_, _| {});
    assert_eq!(session.bye(), 200);
    only_the_tones_are_kept(&program, 2);
}

#[test]
fn a_flood_from_the_right_address_is_cut_and_the_call_beside_it_is_whole() {
    let program = setup().start();
    let before = program.memory_bytes();
    let (flooded, beside) = ([Leg::new(31), Leg::new(32)], [Leg::new(11), Leg::new(12)]);
    let (victim, session) = (open(&program, &flooded), open(&program, &beside));
    let targets = victim.media();
    tones(&session, &beside, |number, _| {
        for (leg, to) in flooded.iter().zip(&targets) {
            for burst in 0..10 {
                leg.send_frame(*to, number * 10 + burst, &noise(31, burst));
            }
        }
    });
    // The call that is whole ends first, so that it is the first recording.
    assert_eq!(session.bye(), 200);
    only_the_tones_are_kept(&program, 1);
    assert_eq!(victim.bye(), 200);
    let all = sealed(&program.http, 2);
    assert_eq!(all.len(), 2);
    let cut = metric(&program.http, "sidetone_rtp_datagrams_total{fate=\"flood\"}");
    assert!(cut > 0, "ten times the rate for two seconds is too much");
    let grown = program.memory_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES, "it has grown by {} MiB", grown >> 20);
}

/// Whether somebody holds the port: one that is closed answers the first datagram with ICMP, which the second meets.
fn is_open(port: u16) -> bool {
    let socket = UdpSocket::bind("127.0.0.3:0").expect("a port");
    socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).expect("an address");
    socket.send(b"?").is_ok() && socket.send(b"?").is_ok()
}

#[test]
fn ports_are_closed_until_the_200_and_after_the_bye() {
    let program = setup().argument("--rtp-ports").argument("18000-18099").start();
    let all_open = || -> Vec<u16> { (18_000..18_100).filter(|port| is_open(*port)).collect() };
    assert!(all_open().is_empty(), "nothing is offered yet");
    let sides = [Leg::new(41), Leg::new(42)];
    let session = open(&program, &sides);
    let mut expected: Vec<u16> = session.media().iter().flat_map(|to| [to.port(), to.port() + 1]).collect();
    expected.sort_unstable();
    assert_eq!(all_open(), expected, "RTP and RTCP of the two lines");
    assert_eq!(session.bye(), 200);
    sealed(&program.http, 1);
    assert!(all_open().is_empty(), "the call is over");
}

#[test]
fn a_sweep_over_all_ports_harms_no_call_and_takes_no_memory() {
    let program = setup().argument("--rtp-ports").argument("18200-18399").start();
    let before = program.memory_bytes();
    let going = Arc::new(AtomicBool::new(true));
    let ours = Arc::clone(&going);
    let sweep = std::thread::spawn(move || {
        let stranger = Leg::on("127.0.0.2:0".parse().expect("an address"), 66);
        let mut sent = 0_u64;
        while ours.load(Ordering::Relaxed) {
            for port in 18_200..18_400 {
                let to = SocketAddr::from(([127, 0, 0, 1], port));
                sent += u64::from(stranger.send_frame(to, 1, &noise(66, 1)));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        sent
    });
    for count in 1..=2 {
        let sides = [Leg::new(51), Leg::new(52)];
        let session = open(&program, &sides);
        tones(&session, &sides, |_, _| {});
        assert_eq!(session.bye(), 200);
        only_the_tones_are_kept(&program, count);
    }
    going.store(false, Ordering::Relaxed);
    let sent = sweep.join().expect("it goes on to its end");
    assert!(sent > 10_000, "{sent} datagrams are a sweep");
    let grown = program.memory_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES, "it has grown by {} MiB", grown >> 20);
}
