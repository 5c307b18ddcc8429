//! Recording clients and an application that sends commands, as tasks of the made-up world.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use calls::agent::AgentIdentifier;
use calls::call::{Call, Format};
use calls::field::Field;
use calls::id::StreamNumber;
use calls::time::Wall;
use calls::tracker::{Arrival, ArrivingStream, Target};
use parking_lot::Mutex;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::RngCore;
use rtp::{ReceiverConfig, SourceRule};

use super::book::{Book, Command};
use super::wire::{PacketId, Weather, Wire};
use crate::clock::Clock;
use crate::desk;

/// The phones; agent `n` sits at the `n`-th, counted from 1.
pub(super) const PHONES: [&str; 3] = ["4678", "4102", "5555"];

/// What every client needs.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) clock: Clock,
    pub(super) desk: desk::Handle,
    pub(super) wire: Wire,
    pub(super) weather: Weather,
    pub(super) book: Arc<Mutex<Book>>,
    /// Somebody keeps what schedules leave out, and tells nobody.
    pub(super) keeps_all: bool,
}

fn below(random: &mut ChaCha12Rng, limit: u32) -> u32 {
    random.next_u32() % limit
}

fn ms(ms: u32) -> Duration {
    Duration::from_millis(u64::from(ms))
}

/// A client that brings one call after the other for a phone.
pub(super) async fn bring_calls(around: Surroundings, phone: usize, mut random: ChaCha12Rng) {
    loop {
        tokio::time::sleep(ms(below(&mut random, 900))).await;
        let number = around.book.lock().begin_call(phone, around.clock.now());
        let arrival = arrival(number, phone, false);
        match around.desk.begin_call(arrival).await {
            Ok(call) => talk(&around, &call, (number, phone), &mut random).await,
            Err(error) => around.book.lock().note(format!("call {number} is refused: {error}")),
        }
    }
}

async fn talk(around: &Surroundings, call: &Call, (number, phone): (u32, usize), random: &mut ChaCha12Rng) {
    let session = session(number);
    let streams: Vec<StreamNumber> = call.streams.iter().map(|stream| stream.number).collect();
    for stream in &streams {
        around.wire.open(call.id, *stream, receiver(number));
    }
    let is_kept = call.ruling.as_ref().is_none_or(|ruling| ruling.kept);
    around.book.lock().call_is_up(number, call.id, is_kept, around.clock.now());
    if around.keeps_all && !is_kept {
        let target = Target::Agent { kind: AgentIdentifier::Id, value: (phone + 1).to_string() };
        let _ = around.desk.start_recording(target, BTreeMap::new()).await;
    }
    let frames = 30 + below(random, 150);
    let pause = (below(random, 3) == 0).then_some((frames / 3, frames / 2));
    // The client's clock runs up to 500 ppm fast or slow.
    let frame_us = 19_990 + u64::from(below(random, 21));
    let mut next = around.clock.now();
    for frame in 0..frames {
        match pause {
            Some((from, _)) if frame == from => hold(around, call, (number, phone), true).await,
            Some((_, until)) if frame == until => hold(around, call, (number, phone), false).await,
            _ => {}
        }
        for (leg, stream) in streams.iter().enumerate() {
            let leg = u8::try_from(leg).expect("two");
            let id = PacketId { call: number, leg, sequence: u16::try_from(frame).expect("few") };
            let now = around.clock.now();
            let delivered = around.wire.send((call.id, *stream), id, now, (around.weather, &mut *random));
            around.book.lock().sent(id, delivered);
        }
        next = next.after(Duration::from_micros(frame_us));
        tokio::time::sleep(next.since(around.clock.now())).await;
    }
    // What is under way comes before the end is told.
    tokio::time::sleep(ms(120)).await;
    around.book.lock().end_call(number, around.clock.now());
    let left = around.desk.leave_call(call.id, &session, "stopped: the client hung up").await;
    around.wire.end(call.id);
    around.book.lock().note(format!("call {number} is over: {}", left.is_ok()));
}

async fn hold(around: &Surroundings, call: &Call, (number, phone): (u32, usize), paused: bool) {
    around.book.lock().doubt_from(number, around.clock.now());
    let changed = around.desk.change_call(call.id, arrival(number, phone, paused)).await;
    around.book.lock().note(format!("call {number} is paused {paused}: {}", changed.is_ok()));
    if !paused {
        around.book.lock().doubt_until(number, around.clock.now());
    }
}

fn session(number: u32) -> String {
    format!("session-{number}")
}

fn arrival(number: u32, phone: usize, paused: bool) -> Arrival {
    let format = Format { payload_type: 0, encoding: "PCMU".to_owned(), clock_hz: 8_000, channels: 1 };
    let stream =
        |slot| ArrivingStream { slot, formats: vec![format.clone()], paused, ..ArrivingStream::default() };
    Arrival {
        session: session(number),
        sip_call_id: format!("{number}@192.0.2.9"),
        session_id: format!("cs-{number}"),
        candidates: vec![PHONES[phone].to_owned()],
        streams: vec![stream(0), stream(1)],
        ..Arrival::default()
    }
}

fn receiver(number: u32) -> ReceiverConfig {
    ReceiverConfig {
        formats: rtp::Format::from_static(0).into_iter().collect(),
        allowed: SourceRule::Anywhere,
        expected_packets_per_s: 50,
        ssrc: u32::MAX - number,
        cname: "recorder".to_owned(),
        seed: u64::from(number),
        srtp: None,
    }
}

/// An application that sends commands for any agent.
pub(super) async fn command(around: Surroundings, mut random: ChaCha12Rng) {
    let mut tag = around.book.lock().next_tag();
    loop {
        tokio::time::sleep(ms(20 + below(&mut random, 400))).await;
        let phone = usize::try_from(below(&mut random, 3)).expect("small");
        let target = Target::Agent { kind: AgentIdentifier::Id, value: (phone + 1).to_string() };
        let what = match below(&mut random, 7) {
            0 | 1 => Command::Darken,
            2 | 3 => Command::Lighten,
            4 => Command::StopRecording,
            5 => Command::StartRecording,
            _ => {
                tag += 1;
                Command::Tag(tag)
            }
        };
        let ticket = around.book.lock().command_sent(phone, what, around.clock.now());
        let answer = match what {
            Command::Darken => around.desk.open_blackout(target).await,
            Command::Lighten => around.desk.close_blackout(target).await,
            Command::StopRecording => around.desk.stop_recording(target).await,
            Command::StartRecording => around.desk.start_recording(target, BTreeMap::new()).await,
            Command::Tag(tag) => {
                let field = Field::from_wire("user1").expect("it is one");
                around.desk.tag(target, None, [(field, tag.to_string())].into()).await
            }
        };
        let now: Wall = around.clock.now();
        around.book.lock().command_answered(ticket, answer.as_ref().ok(), now);
        if let Err(error) = answer {
            around.book.lock().note(format!("{what:?} for {phone} is refused: {error}"));
        }
    }
}

/// The network breaks now and then, for a short while.
pub(super) async fn break_network(around: Surroundings, mut random: ChaCha12Rng) {
    loop {
        tokio::time::sleep(ms(500 + below(&mut random, 3_000))).await;
        around.wire.cut(around.clock.now().after(ms(below(&mut random, 400))));
    }
}
