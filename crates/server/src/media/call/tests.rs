//! The way of a packet, without any socket: orders and datagrams in, packed blocks and a ledger out.

use std::net::SocketAddr;
use std::sync::Arc;

use calls::gate::{Closed, Gate};
use calls::id::{CallId, RecordingId, StreamNumber};
use calls::time::Wall;
use rtp::{Format, Kind, Receiver, ReceiverConfig, SourceRule};
use vault::keys::KeyFolder;
use vault::{FrameBatch, Intake};

use super::*;
use crate::media::tap::Tapped;

const STREAM: StreamNumber = StreamNumber(0);

const CLOCK: SystemClock = SystemClock { synchronised: None, max_error_ns: None, ahead_ns: 0 };

/// A call with one stream that is being recorded, and everything it stands on.
struct Scene {
    call: CallMedia,
    stream: StreamMedia,
    batch: FrameBatch,
    intake: Intake,
    _folder: tempfile::TempDir,
    sequence: u16,
    tap: Option<Tap>,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFolder::open_or_create(&folder.path().join("keys")).unwrap();
        let disk = Arc::new(vault::RealDisk::new());
        let opened = vault::Store::open(disk, folder.path(), &keys.recorder(), vault::Settings::default());
        let opened = opened.unwrap();
        let config = ReceiverConfig {
            formats: vec![Format { payload_type: 101, kind: Kind::TelephoneEvent, clock_hz: 8_000 }]
                .into_iter()
                .chain(Format::from_static(0))
                .collect(),
            allowed: SourceRule::Anywhere,
            expected_packets_per_s: 50,
            ssrc: 1,
            cname: "c".into(),
            seed: 1,
            srtp: None,
        };
        let call = CallMedia::new(CallId::from_bytes([1; 16]), Wall::from_ms(0), Patience::default());
        let mut scene = Self {
            call,
            stream: StreamMedia::new(STREAM, 0, 0, Receiver::new(config)),
            batch: FrameBatch::new(),
            intake: opened.intake,
            _folder: folder,
            sequence: 0,
            tap: None,
        };
        scene.call.supervision.add_leg();
        scene
    }

    fn recording() -> RecordingId {
        RecordingId::from_bytes([2; 16])
    }

    /// A gate as the tracker makes it for a call that is not dark, decided at `order`.
    fn record(&mut self, order: u64) {
        self.call.record(self.intake.begin(Self::recording()), Wall::from_ms(0), CLOCK);
        let mut gate = Gate::closed(Self::recording(), STREAM);
        gate.open(Closed::Blackout, Wall::from_ms(0));
        self.call.guard(Some(&mut self.stream), gate, Order(order));
    }

    fn darken(&mut self, order: u64) {
        self.call.darken(Order(order));
        if let Some(gate) = self.stream.gate() {
            gate.close(Closed::Blackout);
        }
    }

    fn lighten(&mut self, at_ms: i64, order: u64) {
        if self.call.may_lighten(Wall::from_ms(at_ms), Order(order))
            && let Some(gate) = self.stream.gate()
        {
            gate.open(Closed::Blackout, Wall::from_ms(at_ms));
        }
    }

    fn packet(&mut self, at_ms: i64, payload_type: u8, payload: &[u8]) {
        let from: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let mut bytes = vec![0x80, payload_type];
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend((u32::from(self.sequence) * 160).to_be_bytes());
        bytes.extend([0, 0, 0, 7]);
        bytes.extend(payload);
        self.sequence += 1;
        let out = Out { batch: &mut self.batch, room: true, tap: self.tap.as_ref() };
        self.stream.datagram(&mut self.call, Wall::from_ms(at_ms), from, &mut bytes, out);
    }

    fn audio(&mut self, at_ms: i64) {
        self.packet(at_ms, 0, &[0x55; 160]);
    }

    fn fates(&self) -> (u64, u64, u64) {
        let ledger = self.stream.receiver.ledger();
        assert!(ledger.balances(), "{ledger:?}");
        (ledger.stored, ledger.dark, ledger.unrecorded)
    }
}

#[test]
fn a_packet_is_stored_behind_an_open_gate_and_counted_where_there_is_no_recording() {
    let mut scene = Scene::new();
    scene.audio(10);
    scene.record(1);
    scene.audio(30);
    assert_eq!(scene.fates(), (1, 0, 1));
}

#[test]
fn a_blackout_turns_packets_away_until_it_is_over() {
    let mut scene = Scene::new();
    scene.record(1);
    scene.darken(2);
    scene.audio(20);
    scene.lighten(40, 3);
    scene.audio(39);
    scene.audio(41);
    assert_eq!(scene.fates(), (1, 2, 0));
}

#[test]
fn an_opening_decided_before_a_darkening_opens_nothing() {
    let mut scene = Scene::new();
    scene.record(1);
    scene.darken(3);
    scene.lighten(40, 2);
    scene.audio(50);
    assert_eq!(scene.fates(), (0, 1, 0));
}

#[test]
fn a_recording_decided_before_a_darkening_begins_dark() {
    let mut scene = Scene::new();
    scene.darken(2);
    scene.record(1);
    scene.audio(50);
    assert_eq!(scene.fates(), (0, 1, 0));
}

#[test]
fn a_gate_that_comes_before_its_stream_waits_for_it_and_is_darkened_meanwhile() {
    let mut scene = Scene::new();
    scene.call.record(scene.intake.begin(Scene::recording()), Wall::from_ms(0), CLOCK);
    let mut gate = Gate::closed(Scene::recording(), STREAM);
    gate.open(Closed::Blackout, Wall::from_ms(0));
    scene.call.guard(None, gate, Order(1));
    scene.call.darken(Order(2));
    let gate = scene.call.early_gate(STREAM).unwrap();
    scene.stream.guard(gate);
    scene.audio(20);
    assert_eq!(scene.fates(), (0, 1, 0));
}

#[test]
fn a_client_that_pauses_is_not_recorded_and_that_is_counted_apart() {
    let mut scene = Scene::new();
    scene.record(1);
    scene.stream.gate().unwrap().close(Closed::Paused);
    scene.audio(20);
    assert_eq!(scene.stream.receiver.ledger().paused, 1);
}

#[test]
fn without_room_packets_are_dropped_and_counted() {
    let mut scene = Scene::new();
    scene.record(1);
    let from: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let mut bytes = vec![0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    bytes.extend([0x55; 160]);
    let out = Out { batch: &mut scene.batch, room: false, tap: None };
    scene.stream.datagram(&mut scene.call, Wall::from_ms(20), from, &mut bytes, out);
    assert_eq!(scene.stream.receiver.ledger().dropped, 1);
}

#[test]
fn the_ledger_of_a_second_recording_begins_at_zero() {
    let mut scene = Scene::new();
    scene.record(1);
    scene.audio(20);
    assert!(scene.call.stop(Scene::recording(), &mut scene.batch));
    assert_eq!(scene.stream.unguard().unwrap().ledger.stored, 1);
    scene.audio(40);
    scene.record(2);
    scene.audio(60);
    scene.audio(80);
    let second = scene.stream.unguard().unwrap().ledger;
    assert_eq!((second.stored, second.unrecorded), (2, 0));
    assert!(second.balances());
}

#[test]
fn stopping_another_recording_than_the_present_one_changes_nothing() {
    let mut scene = Scene::new();
    scene.record(1);
    let other = RecordingId::from_bytes([9; 16]);
    assert!(!scene.call.stop(other, &mut scene.batch));
    scene.audio(20);
    assert_eq!(scene.fates(), (1, 0, 0));
}

/// What is measured of packets that come each 20 ms, from and until.
fn tapped(
    scene: &mut Scene,
    tapped: &crossbeam_channel::Receiver<Tapped>,
    ms: std::ops::Range<i64>,
) -> usize {
    ms.step_by(20).for_each(|at_ms| scene.audio(at_ms));
    tapped.try_iter().count()
}

#[test]
fn packets_are_measured_while_somebody_watches_and_none_of_the_dark() {
    let mut scene = Scene::new();
    let (tap, out) = Tap::new(&Arc::default());
    scene.tap = Some(tap);
    scene.record(1);
    assert_eq!(tapped(&mut scene, &out, 0..1_000), 0, "nobody watches");
    scene.call.watch(Wall::from_ms(9_000));
    assert_eq!(tapped(&mut scene, &out, 1_000..2_000), 12);
    scene.darken(2);
    assert_eq!(tapped(&mut scene, &out, 2_000..4_000), 0, "nothing of a blackout");
    scene.lighten(5_000, 3);
    assert_eq!(tapped(&mut scene, &out, 4_000..5_000), 0, "what came before the light is dark");
    assert_eq!(tapped(&mut scene, &out, 5_000..6_000), 12);
    assert_eq!(tapped(&mut scene, &out, 9_000..10_000), 0, "nobody watches any more");
    scene.call.watch(Wall::from_ms(20_000));
    scene.packet(10_000, 101, &[1, 10, 0, 160]);
    assert_eq!(out.try_iter().count(), 0, "a key that is pressed is no sound");
}

#[test]
fn what_is_not_measured_for_want_of_room_is_counted_and_kept_all_the_same() {
    let mut scene = Scene::new();
    let metrics = Arc::default();
    let (tap, out) = Tap::new(&metrics);
    scene.tap = Some(tap);
    scene.record(1);
    scene.call.watch(Wall::from_ms(i64::MAX / 2_000_000));
    // Nobody measures: what is taken stays where it is.
    (0..60_000).step_by(20).for_each(|at_ms| scene.audio(at_ms * 10));
    let dropped = metrics.level_packets_dropped.get();
    assert_eq!(out.len() as u64 + dropped, 3_000);
    assert!(dropped > 0);
    assert_eq!(scene.fates(), (3_000, 0, 0));
}
