//! The way of a packet, without any socket: orders and datagrams in, packed blocks and a ledger out.

use std::net::SocketAddr;

use calls::gate::{Closed, Gate};
use calls::id::{CallId, RecordingId, StreamNumber};
use calls::time::Wall;
use rtp::{Format, Kind, Receiver, ReceiverConfig, SourceRule};
use vault::keys::KeyFolder;
use vault::{FrameBatch, Intake};

use super::*;

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
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFolder::open_or_create(&folder.path().join("keys")).unwrap();
        let disk = std::sync::Arc::new(vault::RealDisk::new());
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
        let out = Out { batch: &mut self.batch, room: true };
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
    let out = Out { batch: &mut scene.batch, room: false };
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
