//! What a thread holds back, without any socket: instructions and packets in, a batch for the journal out.

use std::sync::Arc;
use std::time::Duration;

use calls::gate::{Closed, Gate};
use calls::id::{CallId, RecordingId, StreamNumber};
use calls::time::Wall;
use proptest::prelude::*;
use rtp::{Format, SourceRule};
use vault::keys::{KeyFolder, ReadingKey};
use vault::{Opened, RealDisk, Store};

use super::*;

const STREAM: StreamNumber = StreamNumber(0);
const LIMITS: HoldBack = HoldBack { window: Duration::from_secs(60), bytes: 4 << 20 };

/// How often a thread looks after what it holds.
const TICK_MS: i64 = 20;

fn system() -> SystemClock {
    SystemClock { synchronised: None, max_error_ns: None, ahead_ns: 0 }
}

struct Scene {
    table: Table<()>,
    store: Opened,
    reading: ReadingKey,
    steps: Steps,
    now: i64,
    sequences: HashMap<CallId, u16>,
    /// Whether the journal takes what was held back.
    takes: bool,
    _folder: tempfile::TempDir,
}

fn call(number: u8) -> CallId {
    CallId::from_bytes([number; 16])
}

fn recording(number: u8) -> RecordingId {
    RecordingId::from_bytes([number; 16])
}

impl Scene {
    fn new(limits: HoldBack) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFolder::open_or_create(&folder.path().join("keys")).unwrap();
        let store = Store::open(
            Arc::new(RealDisk::new()),
            folder.path(),
            &keys.recorder(),
            vault::Settings::default(),
        );
        let store = store.unwrap();
        Self {
            table: Table::new(store.intake.clone(), Patience::default(), limits),
            reading: keys.reading().unwrap(),
            store,
            steps: Steps::default(),
            now: 1_000,
            sequences: HashMap::new(),
            takes: true,
            _folder: folder,
        }
    }

    fn obey(&mut self, instruction: Instruction) {
        let seen = Seen { now: Wall::from_ms(self.now), system: &system, steps: &self.steps };
        self.table.obey(instruction, seen);
    }

    /// A call with a stream that is held back from now on.
    fn hold(&mut self, number: u8) {
        let config = ReceiverConfig {
            formats: Format::from_static(0).into_iter().collect(),
            allowed: SourceRule::Anywhere,
            expected_packets_per_s: 50,
            ssrc: 1,
            cname: "c".into(),
            seed: 1,
            srtp: None,
        };
        self.table.open(call(number), STREAM, config, Wall::from_ms(self.now));
        let mut gate = Gate::closed(recording(number), STREAM);
        gate.open(Closed::Blackout, Wall::from_ms(self.now));
        let gates = vec![gate];
        let (call, recording, order) = (call(number), recording(number), Order(1));
        self.obey(Instruction::HoldBack { call, recording, gates, order });
    }

    /// A tick, in which each of the calls says a packet.
    fn tick(&mut self, calls: &[u8]) {
        self.now += TICK_MS;
        let now = Wall::from_ms(self.now);
        for number in calls {
            let Some(place) = self.table.port(call(*number), STREAM) else { continue };
            let sequence = self.sequences.entry(call(*number)).or_default();
            let mut bytes = vec![0x80, 0];
            bytes.extend(sequence.to_be_bytes());
            bytes.extend((u32::from(*sequence) * 160).to_be_bytes());
            bytes.extend([0, 0, 0, 7]);
            bytes.extend([*number; 160]);
            *sequence += 1;
            self.table.datagram(place, now, "192.0.2.7:4000".parse().unwrap(), &mut bytes);
            self.table.was_read(place, now);
        }
        self.table.flush(now);
        self.table.hold(now);
        self.table.give_kept(self.takes);
        let writer = &mut self.store.writer;
        self.table.hand_over(FrameBatch::new, |batch| writer.append(batch).map_err(|refused| refused.batch));
    }

    fn talk(&mut self, calls: &[u8], seconds: i64) {
        (0..seconds * 1_000 / TICK_MS).for_each(|_| self.tick(calls));
    }

    fn keep(&mut self, number: u8) -> oneshot::Receiver<Wall> {
        let (done, reached) = oneshot::channel();
        self.obey(Instruction::Keep { call: call(number), recording: recording(number), done });
        reached
    }

    fn stop(&mut self, number: u8) -> oneshot::Receiver<Finished> {
        let (done, finished) = oneshot::channel();
        self.obey(Instruction::Stop { call: call(number), recording: recording(number), done });
        finished
    }

    /// Seals the recording: how many packets it has, and the arrival of the first.
    fn sealed(&mut self, number: u8) -> (u64, Wall) {
        self.store.writer.commit().unwrap();
        let settlement = self.store.writer.take_unsettled(recording(number));
        let sealed = self.store.sealer.seal(&settlement, b"").unwrap();
        assert_eq!(sealed.missing_frames, 0);
        let verified = self.store.archive.verify(recording(number), Some(&self.reading)).unwrap();
        let tally = sealed.streams.first().expect("it has a stream");
        assert_eq!(verified.packets, Some(tally.packets));
        (tally.packets, tally.first_arrival)
    }

    fn calls_hold(&mut self, number: u8) -> bool {
        let at = self.table.places[&call(number)];
        self.table.calls[at].held().is_some_and(|(held, _)| held.bytes() > 0)
    }

    fn handed(&mut self, number: u8) -> u64 {
        self.store.writer.commit().unwrap();
        let settlement = self.store.writer.take_unsettled(recording(number));
        let survey = self.store.sealer.survey(&settlement).unwrap();
        if settlement.bytes() > 0 {
            self.store.writer.give_back(settlement);
        }
        survey.streams.iter().map(|tally| tally.packets).sum()
    }
}

#[test]
fn what_is_held_back_goes_to_the_journal_when_it_is_kept_and_not_before() {
    let mut scene = Scene::new(LIMITS);
    scene.hold(1);
    scene.talk(&[1], 30);
    assert_eq!(scene.handed(1), 0);
    assert!(scene.table.held_counts().bytes > 30 * 50 * 160);
    let mut reached = scene.keep(1);
    assert!(reached.try_recv().is_err(), "it is told when it has left");
    scene.talk(&[1], 1);
    assert_eq!(reached.try_recv().unwrap(), Wall::from_ns(i64::MIN), "nothing of it had left the memory");
    let mut finished = scene.stop(1);
    scene.tick(&[]);
    let finished = finished.try_recv().unwrap();
    let ledger = &finished.streams[0].ledger;
    assert!(ledger.balances());
    assert_eq!((ledger.received, ledger.stored), (31 * 50, 31 * 50));
    assert_eq!(scene.sealed(1), (31 * 50, Wall::from_ms(1_000 + TICK_MS)));
    let counts = scene.table.held_counts();
    assert_eq!((counts.calls, counts.bytes, counts.kept, counts.wiped), (0, 0, 1, 0));
}

#[test]
fn what_is_older_than_the_window_leaves_and_the_ledger_counts_from_what_is_left() {
    let mut scene = Scene::new(LIMITS);
    scene.hold(1);
    scene.talk(&[1], 200);
    let reached = scene.keep(1);
    scene.tick(&[1]);
    let from = reached.blocking_recv().unwrap();
    let reaches = Wall::from_ms(scene.now).since(from);
    assert!(reaches >= LIMITS.window && reaches <= LIMITS.window + Duration::from_secs(7), "{reaches:?}");
    let mut finished = scene.stop(1);
    scene.tick(&[]);
    let finished = finished.try_recv().unwrap();
    assert_eq!(finished.reach, Some(from));
    let (packets, first) = scene.sealed(1);
    assert!(first >= from && first <= from.after(Duration::from_millis(40)));
    let ledger = &finished.streams[0].ledger;
    assert!(ledger.balances());
    assert_eq!((ledger.received, ledger.stored, ledger.lost), (packets, packets, 0));
    assert!(scene.table.held_counts().over_time_bytes > 120 * 50 * 160);
}

#[test]
fn over_the_limit_the_oldest_of_all_calls_goes_first() {
    // Enough for some twenty seconds of one leg.
    let mut scene = Scene::new(HoldBack { bytes: 200 << 10, ..LIMITS });
    scene.hold(1);
    scene.talk(&[1], 12);
    scene.hold(2);
    for _ in 0..30 {
        scene.talk(&[1, 2], 1);
        assert!(scene.table.held_counts().bytes <= 200 << 10);
    }
    assert!(scene.table.held_counts().over_limit_bytes > 0);
    let [one, two] = [1, 2].map(|number| scene.keep(number));
    scene.tick(&[]);
    let [one, two] = [one, two].map(|reached| reached.blocking_recv().unwrap());
    assert!(one > Wall::from_ms(13_000) && two > Wall::from_ms(13_000), "{one:?} {two:?}");
    assert!(one.since(two).max(two.since(one)) <= Duration::from_secs(13), "both have lost about as much");
}

#[test]
fn a_limit_below_a_piece_of_a_call_holds_all_the_same() {
    let mut scene = Scene::new(HoldBack { bytes: 70 << 10, ..LIMITS });
    scene.hold(1);
    scene.talk(&[1], 20);
    assert!(scene.table.held_counts().bytes <= 70 << 10);
    let reached = scene.keep(1);
    scene.tick(&[1]);
    assert!(reached.blocking_recv().unwrap() > Wall::from_ms(1_000));
    let mut finished = scene.stop(1);
    scene.tick(&[]);
    let stored = finished.try_recv().unwrap().streams[0].ledger.stored;
    assert_eq!(scene.sealed(1).0, stored);
}

#[test]
fn a_call_of_which_all_had_to_go_begins_where_it_is_kept_and_misses_nothing() {
    let mut scene = Scene::new(HoldBack { bytes: 60 << 10, ..LIMITS });
    [2, 1].into_iter().for_each(|number| scene.hold(number));
    // Until nothing is left of the first: it is kept just then.
    while scene.calls_hold(1) || scene.table.held_counts().over_limit_bytes == 0 {
        scene.tick(&[1, 2]);
        assert!(scene.now < 60_000, "the limit is below what one call takes");
    }
    drop(scene.keep(1));
    scene.talk(&[1], 1);
    let mut finished = scene.stop(1);
    scene.tick(&[]);
    let stored = finished.try_recv().unwrap().streams[0].ledger.stored;
    assert_eq!(scene.sealed(1).0, stored);
}

#[test]
fn a_call_whose_oldest_piece_was_dark_misses_nothing() {
    let mut scene = Scene::new(LIMITS);
    scene.hold(1);
    scene.talk(&[1], 20);
    let (done, _) = oneshot::channel();
    scene.obey(Instruction::Darken { calls: vec![call(1)], order: Order(2), done });
    // The memory reaches into the dark now.
    scene.talk(&[1], 70);
    let at = Wall::from_ms(scene.now);
    scene.obey(Instruction::Lighten { calls: vec![call(1)], at, order: Order(3) });
    scene.talk(&[1], 10);
    drop(scene.keep(1));
    scene.talk(&[1], 1);
    let mut finished = scene.stop(1);
    scene.tick(&[]);
    let stored = finished.try_recv().unwrap().streams[0].ledger.stored;
    assert!((10 * 50..=11 * 50).contains(&stored), "{stored}");
    assert_eq!(scene.sealed(1).0, stored);
}

#[test]
fn a_call_that_is_wiped_leaves_nothing_and_what_comes_is_not_packed() {
    let mut scene = Scene::new(LIMITS);
    scene.hold(1);
    scene.talk(&[1], 3);
    scene.obey(Instruction::Wipe { call: call(1) });
    scene.talk(&[1], 1);
    let counts = scene.table.held_counts();
    assert_eq!((counts.calls, counts.bytes, counts.wiped), (0, 0, 1));
    let place = scene.table.port(call(1), STREAM).unwrap();
    assert_eq!(scene.table.ports[place].stream.ledger().unrecorded, 50);
    assert!(scene.keep(1).blocking_recv().is_err(), "there is nothing to keep");
    assert_eq!(scene.handed(1), 0);
}

#[test]
fn a_blackout_keeps_from_the_memory_what_it_keeps_from_the_disk() {
    let mut scene = Scene::new(LIMITS);
    scene.hold(1);
    scene.talk(&[1], 1);
    let (done, _) = oneshot::channel();
    scene.obey(Instruction::Darken { calls: vec![call(1)], order: Order(2), done });
    scene.talk(&[1], 2);
    let bytes = scene.table.held_counts().bytes;
    scene.talk(&[1], 1);
    assert!(scene.table.held_counts().bytes <= bytes + 1_000, "dark packets are nowhere");
    let at = Wall::from_ms(scene.now);
    scene.obey(Instruction::Lighten { calls: vec![call(1)], at, order: Order(3) });
    scene.talk(&[1], 1);
    let _reached = scene.keep(1);
    let mut finished = scene.stop(1);
    scene.tick(&[]);
    let ledger = finished.try_recv().unwrap().streams[0].ledger.clone();
    assert_eq!((ledger.stored, ledger.dark), (100, 150));
    assert_eq!(scene.sealed(1).0, 100);
}

#[test]
fn while_the_journal_takes_nothing_what_is_kept_waits_and_keeps_its_order() {
    let mut scene = Scene::new(LIMITS);
    scene.hold(1);
    scene.talk(&[1], 30);
    scene.takes = false;
    let mut reached = scene.keep(1);
    scene.talk(&[1], 5);
    assert_eq!(scene.handed(1), 0, "what comes stays behind what is held");
    let mut finished = scene.stop(1);
    scene.hold(2);
    scene.talk(&[2], 1);
    assert!(reached.try_recv().is_err() && finished.try_recv().is_err());
    let (done, mut flushed) = oneshot::channel();
    scene.obey(Instruction::Flush { done });
    scene.tick(&[2]);
    assert!(flushed.try_recv().is_err(), "all of it is not on its way yet");
    scene.takes = true;
    scene.tick(&[2]);
    assert!(reached.try_recv().is_ok() && flushed.try_recv().is_ok());
    assert_eq!(finished.try_recv().unwrap().streams[0].ledger.stored, 35 * 50);
    assert_eq!(scene.sealed(1).0, 35 * 50);
}

#[test]
fn a_long_call_leaves_in_shares() {
    let mut scene = Scene::new(HoldBack { window: Duration::from_secs(3_600), bytes: 1 << 30 });
    scene.hold(1);
    scene.talk(&[1], 1_200);
    let mut reached = scene.keep(1);
    let mut ticks = 0;
    while reached.try_recv().is_err() {
        let before = scene.store.writer.take_unsettled(recording(1)).bytes();
        scene.tick(&[1]);
        scene.store.writer.commit().unwrap();
        let share = scene.store.writer.take_unsettled(recording(1)).bytes();
        assert!(before == 0 && share < 5 << 20, "{share} bytes with one tick");
        ticks += 1;
    }
    assert!((2..20).contains(&ticks), "{ticks}");
}

#[test]
fn so_many_calls_for_so_long_take_so_much_memory() {
    // Product: calls, seconds, and the 8 kB/s of one leg of G.711.
    for (calls, seconds) in [(1u8, 40), (4, 20), (10, 40)] {
        let mut scene = Scene::new(HoldBack { window: Duration::from_secs(60), bytes: 1 << 30 });
        let numbers: Vec<u8> = (1..=calls).collect();
        numbers.iter().for_each(|number| scene.hold(*number));
        scene.talk(&numbers, seconds);
        let payload = f64::from(calls) * f64::from(i32::try_from(seconds).unwrap()) * 8_000.0;
        let slack = f64::from(calls) * 70_000.0;
        let taken = f64::from(u32::try_from(scene.table.held_counts().bytes).unwrap());
        assert!(taken < payload * 1.06 + slack, "{calls} calls, {seconds} s: {taken} for {payload}");
        assert!(taken > payload * 0.9, "{calls} calls, {seconds} s: {taken} for {payload}");
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Talk(u8),
    Keep(u8),
    Wipe(u8),
    Hold(u8),
    Stop(u8),
    Stall(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = 1..4u8;
    let step = prop_oneof![
        6 => (1..8u8).prop_map(Step::Talk),
        2 => number.clone().prop_map(Step::Keep),
        1 => number.clone().prop_map(Step::Wipe),
        2 => number.clone().prop_map(Step::Hold),
        1 => number.prop_map(Step::Stop),
        1 => any::<bool>().prop_map(Step::Stall),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is held, kept, wiped, stopped and stalled: nothing that is not kept is handed over, what is kept is whole from
    /// where it says, its ledger is as its file, and the limit holds.
    #[test]
    fn nothing_unkept_leaves_and_what_is_kept_is_whole(steps in steps(), kilobytes in 60..400usize) {
        let mut scene = Scene::new(HoldBack { window: Duration::from_secs(5), bytes: kilobytes << 10 });
        let mut held: HashMap<u8, bool> = HashMap::new();
        let mut over: Vec<u8> = Vec::new();
        let mut finished: HashMap<u8, oneshot::Receiver<Finished>> = HashMap::new();
        for step in steps {
            match step {
                Step::Talk(seconds) => {
                    let calls: Vec<u8> = held.keys().copied().collect();
                    scene.talk(&calls, i64::from(seconds));
                    if scene.takes {
                        prop_assert!(scene.table.held_counts().bytes <= (kilobytes as u64) << 10);
                    }
                }
                Step::Hold(number) if !held.contains_key(&number) && !over.contains(&number) => {
                    scene.hold(number);
                    held.insert(number, false);
                }
                Step::Keep(number) if held.get(&number) == Some(&false) => {
                    drop(scene.keep(number));
                    held.insert(number, true);
                }
                Step::Wipe(number) if held.get(&number) == Some(&false) => {
                    scene.obey(Instruction::Wipe { call: call(number) });
                    held.remove(&number);
                    over.push(number);
                }
                Step::Stop(number) if held.get(&number) == Some(&true) => {
                    finished.insert(number, scene.stop(number));
                    drop(scene.table.end(call(number)));
                    held.remove(&number);
                    over.push(number);
                }
                Step::Stall(stalls) => scene.takes = !stalls,
                _ => {}
            }
        }
        scene.takes = true;
        scene.talk(&[], 1);
        for number in 1..4u8 {
            match finished.remove(&number) {
                None if held.get(&number) != Some(&true) => prop_assert_eq!(scene.handed(number), 0),
                None => {}
                Some(mut finished) => {
                    let finished = finished.try_recv().expect("it has left");
                    let ledger = &finished.streams[0].ledger;
                    prop_assert!(ledger.balances());
                    if ledger.stored > 0 {
                        let (packets, first) = scene.sealed(number);
                        prop_assert_eq!(packets, ledger.stored);
                        prop_assert!(first >= finished.reach.expect("it was held back"));
                    }
                }
            }
        }
    }
}
