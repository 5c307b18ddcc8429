//! A second volume takes what is new while the first refuses (E2-08, E2-09): nothing that was acknowledged is lost, and what
//! lies on either is found.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use calls::id::StreamNumber;
use vault::disk::sim::{Crash, SimDisk};
use vault::{Archive, Disk, FrameBatch, Opened, SealError, Settings, SpillDisk, Store};

use crate::world::{ROOT, read_all, reading_key, recorder_keys, recording, talk};

const RESERVE_BYTES: u64 = 1 << 20;

/// Two volumes, and the disk they make.
struct Pair {
    first: SimDisk,
    second: SimDisk,
    disk: SpillDisk,
}

impl Pair {
    fn new() -> Self {
        Self::of(SimDisk::new(), SimDisk::new(), RESERVE_BYTES)
    }

    fn of(first: SimDisk, second: SimDisk, reserve_bytes: u64) -> Self {
        let volume = |disk: &SimDisk| Arc::new(disk.clone()) as Arc<dyn Disk>;
        let root = Path::new(ROOT);
        let disk = SpillDisk::new((volume(&first), root), (volume(&second), root), reserve_bytes);
        Self { first, second, disk }
    }

    fn after(&self, crash: Crash) -> Self {
        Self::of(self.first.after(crash), self.second.after(crash), RESERVE_BYTES)
    }

    fn open(&self) -> Opened {
        let settings = Settings { segment_bytes: 6_000 };
        Store::open(Arc::new(self.disk.clone()), Path::new(ROOT), recorder_keys(), settings).unwrap()
    }

    fn archive(&self) -> Archive {
        Archive::new(Arc::new(self.disk.clone()), Path::new(ROOT))
    }

    /// Packets of a sealed recording.
    fn packets(&self, number: u8) -> usize {
        self.archive().verify(recording(number), Some(reading_key())).unwrap();
        read_all(&mut self.archive().open(recording(number), reading_key()).unwrap(), StreamNumber(0)).len()
    }

    fn break_first(&self) {
        self.first.fail(0, u64::MAX, ErrorKind::ReadOnlyFilesystem);
    }
}

/// Files of a disk in a folder.
fn files(disk: &SimDisk, folder: &str) -> usize {
    disk.files().iter().filter(|(path, _)| path.starts_with(folder)).count()
}

fn say(store: &mut Opened, number: u8) {
    let mut call = store.intake.begin(recording(number));
    let mut batch = FrameBatch::new();
    talk(&mut call, 1, 20, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.append_event(format!("{number} was said").as_bytes()).unwrap();
    store.writer.commit().unwrap();
}

fn seal(store: &mut Opened, number: u8) -> Result<(), SealError> {
    let settlement = store.writer.take_unsettled(recording(number));
    let sealed = store.sealer.seal(&settlement, b"manifest").inspect_err(|_| {
        store.writer.give_back(settlement.clone());
    })?;
    let _ = store.writer.settled(sealed.receipt);
    Ok(())
}

#[test]
fn while_the_first_volume_refuses_the_second_takes_what_is_new_and_what_was_there_waits() {
    let pair = Pair::new();
    let mut store = pair.open();
    say(&mut store, 1);
    seal(&mut store, 1).unwrap();
    say(&mut store, 2);
    let settlement = store.writer.take_unsettled(recording(2));
    let receipt = store.sealer.settle(&settlement).unwrap();
    let _ = store.writer.settled(receipt);
    assert_eq!(files(&pair.second, "/"), 0, "the first is well");

    pair.break_first();
    say(&mut store, 3);
    // The day's folder is on the first already, and cannot be synced.
    assert!(pair.disk.spills());
    assert_eq!(pair.disk.doubted(), [Path::new(ROOT)]);
    seal(&mut store, 3).unwrap();
    assert_eq!((files(&pair.second, "/recordings"), files(&pair.second, "/live")), (1, 0));
    assert!(seal(&mut store, 2).is_err(), "its part file is on the first");
    assert_eq!((pair.packets(1), pair.packets(3)), (20, 20));
    pair.disk.look_again();
    assert!(pair.disk.spills(), "it refuses still");

    pair.first.heal();
    pair.disk.look_again();
    assert!(!pair.disk.spills());
    seal(&mut store, 2).unwrap();
    say(&mut store, 4);
    seal(&mut store, 4).unwrap();
    assert_eq!(files(&pair.second, "/recordings"), 1, "what is new goes to the first again");
    assert_eq!((pair.packets(2), pair.packets(4)), (20, 20));
    let listing = pair.archive().list().unwrap();
    assert_eq!(listing.sealed, [1, 2, 3, 4].map(recording));
    assert!(listing.unsealed.is_empty() && listing.strangers.is_empty(), "{listing:?}");
    store.writer.close(b"everything").unwrap();
    assert_eq!(files(&pair.first, "/journal") + files(&pair.second, "/journal"), 1);
}

#[test]
fn what_was_acknowledged_on_either_volume_is_there_after_a_power_cut_with_the_first_still_broken() {
    for crash in [Crash::Process, Crash::Power, Crash::Torn(7)] {
        let pair = Pair::new();
        let mut store = pair.open();
        say(&mut store, 1);
        pair.break_first();
        say(&mut store, 2);
        drop(store);
        let found = pair.after(crash);
        let mut store = found.open();
        let events: Vec<String> = store
            .recovered
            .events
            .iter()
            .map(|(_, event)| String::from_utf8(event.clone()).unwrap())
            .collect();
        assert_eq!(events, ["1 was said", "2 was said"], "{crash:?}");
        assert_eq!(store.recovered.unfinished.len(), 2, "{crash:?}");
        for unfinished in std::mem::take(&mut store.recovered.unfinished) {
            store.sealer.seal(&unfinished.settlement, b"found").unwrap();
        }
        assert_eq!((found.packets(1), found.packets(2)), (20, 20), "{crash:?}");
    }
}

#[test]
fn a_folder_that_is_made_on_a_volume_that_is_doubted_is_durable_before_a_recording_is_sealed_in_it() {
    let pair = Pair::new();
    let mut store = pair.open();
    say(&mut store, 1);
    let settlement = store.writer.take_unsettled(recording(1));
    let receipt = store.sealer.settle(&settlement).unwrap();
    let _ = store.writer.settled(receipt);
    // It refuses once, and works again without anybody having looked.
    pair.first.fail(pair.first.calls(), pair.first.calls() + 1, ErrorKind::Other);
    say(&mut store, 2);
    assert!(pair.disk.spills());
    seal(&mut store, 1).unwrap();
    drop(store);
    assert_eq!(pair.after(Crash::Power).packets(1), 20);
}

#[test]
fn a_seal_whose_last_sync_failed_is_not_said_to_be_done_before_the_volume_takes_it() {
    let calls_of_a_seal = {
        let pair = Pair::new();
        let mut store = pair.open();
        say(&mut store, 1);
        let before = pair.first.calls();
        seal(&mut store, 1).unwrap();
        pair.first.calls() - before
    };
    for call in 0..calls_of_a_seal {
        let pair = Pair::new();
        let mut store = pair.open();
        say(&mut store, 1);
        let from = pair.first.calls() + call;
        pair.first.fail(from, u64::MAX, ErrorKind::ReadOnlyFilesystem);
        let settlement = store.writer.take_unsettled(recording(1));
        let mut done = None;
        for _ in 0..4 {
            done = done.or_else(|| store.sealer.seal(&settlement, b"manifest").ok());
        }
        drop(store);
        let found = pair.after(Crash::Power);
        if let Some(sealed) = done {
            let verified = found.archive().verify(recording(1), Some(reading_key())).unwrap();
            assert_eq!(verified.digest, sealed.digest, "call {call}: it was said to be sealed");
        }
    }
}

#[test]
fn a_volume_without_room_to_spare_is_left_to_what_is_there_already() {
    // More than there is.
    let pair = Pair::of(SimDisk::new(), SimDisk::new(), 1 << 41);
    let mut store = pair.open();
    say(&mut store, 1);
    seal(&mut store, 1).unwrap();
    assert_eq!(files(&pair.first, "/recordings") + files(&pair.first, "/journal"), 0);
    assert_eq!(files(&pair.second, "/recordings"), 1);
    assert!(pair.disk.doubted().is_empty());
    assert_eq!(
        pair.disk
            .place_of(&Path::new(ROOT).join(pair.archive().path_of(recording(1))))
            .parent()
            .unwrap()
            .parent()
            .unwrap()
            .parent()
            .unwrap(),
        Path::new("/recordings/2025")
    );
}

#[test]
fn a_span_is_erased_where_the_recording_lies() {
    let pair = Pair::new();
    let mut store = pair.open();
    pair.break_first();
    say(&mut store, 1);
    seal(&mut store, 1).unwrap();
    pair.first.heal();
    pair.disk.look_again();
    let mut some = |_: StreamNumber, packet: &vault::PacketHead| packet.sequence.is_multiple_of(2);
    store.sealer.redact(recording(1), reading_key(), &mut some, |_| Vec::new()).unwrap();
    assert_eq!(pair.packets(1), 10);
    assert_eq!((files(&pair.first, "/recordings"), files(&pair.second, "/recordings")), (0, 1));
    assert_eq!(files(&pair.first, "/live") + files(&pair.second, "/live"), 0);
}

#[test]
fn a_first_opening_that_is_cut_short_anywhere_leaves_a_store_that_opens() {
    let crashes = [Crash::Process, Crash::Power].into_iter().chain((0..12).map(Crash::Torn));
    for (call, crash) in (0..24).flat_map(|call| crashes.clone().map(move |crash| (call, crash))) {
        for reserve_bytes in [RESERVE_BYTES, 1 << 41] {
            for falls in [[true, true], [true, false], [false, true]] {
                let pair = Pair::of(SimDisk::new(), SimDisk::new(), reserve_bytes);
                for (disk, falls) in [&pair.first, &pair.second].into_iter().zip(falls) {
                    if falls {
                        disk.crash_at(call);
                    }
                }
                let settings = Settings::default();
                let disk = || Arc::new(pair.disk.clone());
                if let Ok(mut store) = Store::open(disk(), Path::new(ROOT), recorder_keys(), settings) {
                    let _ = store.writer.append_event(b"first").map(|_| store.writer.commit());
                }
                let found = pair.after(crash);
                let opened =
                    Store::open(Arc::new(found.disk.clone()), Path::new(ROOT), recorder_keys(), settings);
                let refused = opened.map(drop).err().map(|error| error.to_string());
                assert_eq!(refused, None, "call {call} of {falls:?}, {crash:?}, reserve {reserve_bytes}");
            }
        }
    }
}

#[test]
fn both_volumes_are_locked() {
    let pair = Pair::new();
    let _store = pair.open();
    let other = Pair::of(SimDisk::new(), pair.second.clone(), RESERVE_BYTES);
    let settings = Settings::default();
    let refused = Store::open(Arc::new(other.disk.clone()), Path::new(ROOT), recorder_keys(), settings);
    let refused = refused.map(drop).unwrap_err().to_string();
    assert!(refused.contains("in use by another recorder"), "{refused}");
}
