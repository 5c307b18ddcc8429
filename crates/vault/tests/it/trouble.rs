//! The disk fails calls and works again (E2-09): nothing is reported durable that is not, and the recorder goes on.

use std::io::ErrorKind;

use vault::disk::sim::{Crash, SimDisk};

use vault::FrameBatch;

use crate::world::{Life, check, open, recording, recover, talk};

fn calls_of_a_life() -> u64 {
    let disk = SimDisk::new();
    Life::begin(&disk, 1).unwrap().live();
    disk.calls()
}

/// A life in which calls `from` up to `until` fail; then the power goes.
fn lives_through(from: u64, until: u64, kind: ErrorKind) {
    let disk = SimDisk::new();
    disk.fail(from, until, kind);
    let Some(life) = Life::begin(&disk, 8) else { panic!("the store opens in the end") };
    let book = life.live();
    for crash in [Crash::Power, Crash::Torn(from + 3)] {
        let found = disk.after(crash);
        let (events, sealed) = recover(&found).unwrap();
        check(&found, &book, events, &sealed);
    }
    let last_call = until >= disk.calls();
    assert!(book.ended || last_call || book.rows.len() == 2, "calls {from}..{until}: the life stopped early");
}

#[test]
fn one_failing_call_costs_nothing() {
    for call in 0..calls_of_a_life() {
        let kind = if call % 2 == 0 { ErrorKind::StorageFull } else { ErrorKind::Other };
        lives_through(call, call + 1, kind);
    }
}

#[test]
fn several_failing_calls_in_a_row_cost_nothing() {
    for call in 0..calls_of_a_life() {
        lives_through(call, call + 2 + call % 4, ErrorKind::StorageFull);
    }
}

#[test]
fn a_settlement_that_failed_and_was_forgotten_is_carried_out_by_the_seal() {
    let disk = SimDisk::new();
    let mut store = open(&disk, 1 << 20);
    let mut call = store.intake.begin(recording(1));
    let mut frames = 0;
    for round in 0..4 {
        let mut batch = FrameBatch::new();
        talk(&mut call, 1, 5, &mut batch);
        frames += batch.frames();
        store.writer.append(batch).unwrap();
        store.writer.commit().unwrap();
        let settlement = store.writer.take_unsettled(recording(1));
        if round % 2 == 0 {
            disk.fail(disk.calls(), disk.calls() + 1, ErrorKind::StorageFull);
            store.sealer.settle(&settlement).unwrap_err();
        } else {
            let receipt = store.sealer.settle(&settlement).unwrap();
            let _ = store.writer.settled(receipt).unwrap();
        }
    }
    let sealed = store.sealer.seal(&store.writer.take_unsettled(recording(1)), b"").unwrap();
    assert_eq!((sealed.missing_frames, sealed.streams[0].packets), (0, 20));
    assert_eq!(frames, 5, "a key and four blocks");
    let _ = store.writer.settled(sealed.receipt).unwrap();
    assert_eq!(store.writer.close(b"").unwrap().segments, 1, "nothing of it is left in the journal");
}

#[test]
fn what_no_segment_has_taken_yet_is_said_to_be_held_back() {
    let disk = SimDisk::new();
    let mut store = open(&disk, 1 << 20);
    assert!(!store.writer.holds_back());
    store.writer.append_event(b"1").unwrap();
    assert!(store.writer.holds_back(), "a killed process would cost it");
    store.writer.commit().unwrap();
    store.writer.append_event(b"2").unwrap();
    assert!(!store.writer.holds_back(), "the page cache has it");
    disk.fail(disk.calls(), disk.calls() + 1, ErrorKind::StorageFull);
    store.writer.append_event(b"3").unwrap();
    assert!(store.writer.holds_back());
    store.writer.commit().unwrap();
    assert!(!store.writer.holds_back());
}
