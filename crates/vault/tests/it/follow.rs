//! A recording is read while it grows.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use calls::id::StreamNumber;
use calls::packet::Packet;
use calls::time::Wall;
use proptest::prelude::*;
use vault::disk::sim::SimDisk;
use vault::{Archive, Follower, Opened, Reached, RecordingWriter, Settlement};

use crate::world::{self, Kept, admitted, reading_key, recording};

/// What may happen between two looks.
#[derive(Debug, Clone, Copy)]
enum Step {
    Talk(u32),
    Commit,
    /// What is due leaves the journal; the sealer has not come to it yet.
    Take,
    Settle,
    Look(u64),
    /// The journal is overwritten, as a redaction of another recording has it.
    Anew,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_u32..12).prop_map(Step::Talk),
        4 => Just(Step::Commit),
        2 => Just(Step::Take),
        2 => Just(Step::Settle),
        4 => (1_u64..20_000).prop_map(Step::Look),
        1 => Just(Step::Anew),
    ];
    prop::collection::vec(step, 1..80)
}

/// A recorder with one call of two streams, and somebody who follows it.
struct World {
    disk: SimDisk,
    opened: Opened,
    call: RecordingWriter,
    follower: Follower,
    said: u32,
    committed: u32,
    on_the_way: Vec<Settlement>,
    heard: BTreeMap<StreamNumber, Vec<Kept>>,
}

fn kept(stream: u16, i: u32) -> Kept {
    // Far apart now and then, so that minutes pass.
    let mut kept = Kept::g711(stream, i, 120);
    kept.arrival += i64::from(i / 12) * 20_000_000_000;
    kept
}

impl World {
    fn begin() -> Self {
        let disk = SimDisk::new();
        let opened = world::open(&disk, world::SEGMENT_BYTES);
        let call = opened.intake.begin(recording(1));
        let follower = opened.archive.follow(recording(1), reading_key());
        Self {
            disk,
            opened,
            call,
            follower,
            said: 0,
            committed: 0,
            on_the_way: Vec::new(),
            heard: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Talk(packets) => {
                let mut batch = self.opened.writer.spare_batch();
                for i in self.said..self.said + packets {
                    for stream in [0, 1] {
                        let kept = kept(stream, i);
                        let admitted = admitted(recording(1), StreamNumber(stream), &kept);
                        self.call.append(admitted, &mut batch).unwrap();
                    }
                }
                self.call.flush(Wall::EPOCH, Duration::ZERO, &mut batch);
                self.opened.writer.append(batch).unwrap();
                self.said += packets;
            }
            Step::Commit => {
                if self.opened.writer.commit().unwrap().checkpoint_due {
                    self.opened.writer.append_checkpoint(b"state").unwrap();
                    self.opened.writer.commit().unwrap();
                }
                self.committed = self.said;
            }
            Step::Take => self.on_the_way.push(self.opened.writer.take_unsettled(recording(1))),
            Step::Settle if self.on_the_way.is_empty() => {}
            Step::Settle => {
                let settlement = self.on_the_way.remove(0);
                let receipt = self.opened.sealer.settle(&settlement).unwrap();
                self.opened.writer.settled(receipt).unwrap();
            }
            Step::Look(limit) => drop(self.look(limit)),
            Step::Anew => {
                self.opened.writer.begin_anew();
                self.opened.writer.append_checkpoint(b"state").unwrap();
                self.step(Step::Commit);
            }
        }
    }

    fn look(&mut self, limit: u64) -> Reached {
        let unsettled = [self.opened.writer.unsettled(recording(1))];
        let heard = &mut self.heard;
        let mut sees = |stream, packet: &Packet<'_>| heard.entry(stream).or_default().push(Kept::of(packet));
        self.follower.look(&unsettled, limit, &mut sees).unwrap()
    }

    /// Looks until there is nothing new.
    fn look_on(&mut self) -> Reached {
        loop {
            match self.look(5_000) {
                Reached::Limit => {}
                reached => return reached,
            }
        }
    }

    /// Nothing that was heard is anything but the beginning of what was said.
    fn agrees(&self) {
        for (stream, heard) in &self.heard {
            let said: Vec<Kept> = (0..self.said).map(|i| kept(stream.0, i)).collect();
            assert!(heard.len() <= said.len() && heard[..] == said[..heard.len()], "{stream:?}");
        }
        assert_eq!(self.follower.missed(), 0);
    }

    fn heard(&self) -> usize {
        self.heard.values().map(Vec::len).min().unwrap_or(0)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_the_others_do_each_packet_is_given_once_and_in_order(steps in steps()) {
        let mut world = World::begin();
        for step in steps {
            world.step(step);
            world.agrees();
        }
        // Once all is where it belongs nothing is missing, and a seal is the end.
        world.step(Step::Commit);
        while !world.on_the_way.is_empty() {
            world.step(Step::Settle);
        }
        let reached = world.look_on();
        prop_assert!(reached == Reached::Now, "{:?}", reached);
        prop_assert_eq!(world.heard(), world.said as usize);
        world.step(Step::Talk(7));
        world.step(Step::Commit);
        let settlement = world.opened.writer.take_unsettled(recording(1));
        let sealed = world.opened.sealer.seal(&settlement, b"manifest").unwrap();
        world.opened.writer.settled(sealed.receipt).unwrap();
        prop_assert_eq!(world.look_on(), Reached::Sealed);
        prop_assert_eq!(world.heard(), world.said as usize);
        world.agrees();
    }
}

#[test]
fn what_is_durable_is_heard_at_the_next_look_and_nothing_before() {
    let mut world = World::begin();
    world.step(Step::Talk(3));
    assert_eq!((world.look_on(), world.heard()), (Reached::Now, 0));
    world.step(Step::Commit);
    assert_eq!((world.look_on(), world.heard()), (Reached::Now, 3));
    world.step(Step::Talk(2));
    world.step(Step::Commit);
    world.step(Step::Take);
    world.step(Step::Talk(1));
    world.step(Step::Commit);
    assert_eq!((world.look_on(), world.heard()), (Reached::Gap, 3), "two are on their way");
    world.step(Step::Settle);
    assert_eq!((world.look_on(), world.heard()), (Reached::Now, 6));
    world.agrees();
}

#[test]
fn frames_that_never_come_are_passed_over_and_counted() {
    let mut world = World::begin();
    world.step(Step::Talk(3));
    world.step(Step::Commit);
    world.look_on();
    world.step(Step::Talk(2));
    world.step(Step::Commit);
    world.step(Step::Take);
    world.step(Step::Talk(4));
    world.step(Step::Commit);
    assert_eq!(world.look_on(), Reached::Gap);
    world.follower.pass_over();
    assert_eq!(world.look_on(), Reached::Now);
    assert_eq!(world.heard(), 3 + 4);
    assert_eq!(world.follower.missed(), 2, "a block of each stream");
}

#[test]
fn with_another_key_nothing_is_heard() {
    let mut world = World::begin();
    let folder = tempfile::tempdir().unwrap();
    let stranger = vault::KeyFolder::open_or_create(&folder.path().join("keys")).unwrap();
    let archive = Archive::new(std::sync::Arc::new(world.disk.clone()), Path::new(world::ROOT));
    world.follower = archive.follow(recording(1), &stranger.reading().unwrap());
    world.step(Step::Talk(5));
    world.step(Step::Commit);
    assert_eq!((world.look_on(), world.heard()), (Reached::Now, 0));
    assert_eq!(world.follower.missed(), 3, "a key and two blocks");
}
