//! Bytes nobody of ours wrote, and misuse: no panic, no loss, a clear error.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use calls::id::StreamNumber;
use calls::time::Wall;
use proptest::prelude::*;
use vault::disk::sim::SimDisk;
use vault::{AppendError, Archive, FrameBatch, MAX_OPAQUE_BYTES, MAX_STREAMS, SealError, WriteError};

use crate::world::{Kept, admitted, open, reading_key, recording, talk};

/// A good segment or file to mutate.
fn good(folder: &str) -> Vec<u8> {
    let disk = SimDisk::new();
    let mut store = open(&disk, 1 << 20);
    let mut call = store.intake.begin(recording(1));
    let mut batch = FrameBatch::new();
    talk(&mut call, 2, 8, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.append_event(b"event").unwrap();
    store.writer.append_checkpoint(b"state").unwrap();
    store.writer.commit().unwrap();
    let settlement = store.writer.take_unsettled(recording(1));
    if folder == "/live" {
        let _ = store.sealer.settle(&settlement).unwrap();
    } else {
        store.sealer.seal(&settlement, b"facts").unwrap();
    }
    disk.files().into_iter().find(|(path, _)| path.starts_with(folder)).unwrap().1
}

/// Random bytes, or good ones with splices of random bytes; and whether they differ from the good ones.
fn mutated(folder: &'static str) -> impl Strategy<Value = (Vec<u8>, bool)> {
    let good = good(folder);
    let splice = (any::<prop::sample::Index>(), 0..40usize, prop::collection::vec(any::<u8>(), 0..40));
    let spliced = prop::collection::vec(splice, 1..4).prop_map(move |splices| {
        let mut bytes = good.clone();
        for (at, cut, insert) in splices {
            let at = at.index(bytes.len() + 1);
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, insert);
        }
        let altered = bytes != good;
        (bytes, altered)
    });
    prop_oneof![4 => spliced, 1 => prop::collection::vec(any::<u8>(), 0..2_000).prop_map(|bytes| (bytes, true))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_bytes_in_the_journal_make_a_start_panic((bytes, _) in mutated("/journal")) {
        let disk = SimDisk::new();
        drop(open(&disk, 1 << 20));
        disk.put(Path::new("/journal/0000000000000001.seg"), bytes);
        let keys = crate::world::recorder_keys();
        if let Ok(mut store) = vault::Store::open(Arc::new(disk), Path::new("/"), keys, vault::Settings::default()) {
            for unfinished in &store.recovered.unfinished {
                store.sealer.survey(&unfinished.settlement).unwrap();
                store.sealer.seal(&unfinished.settlement, b"").unwrap();
            }
        }
    }

    #[test]
    fn no_bytes_in_a_part_file_make_sealing_panic((bytes, _) in mutated("/live")) {
        let disk = SimDisk::new();
        drop(open(&disk, 1 << 20));
        disk.put(&Path::new("/live").join(format!("{}.part", recording(1))), bytes);
        let mut store = open(&disk, 1 << 20);
        let unfinished = store.recovered.unfinished.remove(0);
        let sealed = store.sealer.seal(&unfinished.settlement, b"facts").unwrap();
        prop_assert_eq!(store.archive.verify(recording(1), None).unwrap().digest, sealed.digest);
    }

    #[test]
    fn no_bytes_in_a_sealed_file_make_a_reader_panic((bytes, altered) in mutated("/recordings")) {
        let disk = SimDisk::new();
        let archive = Archive::new(Arc::new(disk.clone()), Path::new("/"));
        disk.put(&Path::new("/").join(archive.path_of(recording(1))), bytes);
        prop_assert_eq!(archive.verify(recording(1), Some(reading_key())).is_err(), altered);
        if let Ok(mut reader) = archive.open(recording(1), reading_key()) {
            let _ = reader.manifest();
            let (from, until) = crate::world::EVER;
            let mut packets = reader.packets(StreamNumber(0), from, until);
            for _ in 0..100 {
                if let Ok(None) = packets.next_packet() { break; }
            }
        }
    }
}

#[test]
fn a_packet_of_another_recording_is_refused() {
    let mut store = open(&SimDisk::new(), 1 << 20);
    let mut call = store.intake.begin(recording(1));
    let kept = Kept::g711(0, 0, 10);
    let mut batch = FrameBatch::new();
    let error = call.append(admitted(recording(2), StreamNumber(0), &kept), &mut batch).unwrap_err();
    assert_eq!(error, AppendError::WrongRecording { admitted: recording(2), writer: recording(1) });
    call.flush(Wall::EPOCH, Duration::ZERO, &mut batch);
    assert!(batch.is_empty());
    assert!(store.writer.take_unsettled(recording(1)).is_empty());
}

#[test]
fn streams_beyond_the_limit_are_refused_and_the_others_go_on() {
    let store = open(&SimDisk::new(), 1 << 20);
    let mut call = store.intake.begin(recording(1));
    let mut batch = FrameBatch::new();
    let kept = Kept::g711(0, 0, 10);
    for stream in 0..=u16::try_from(MAX_STREAMS).unwrap() {
        let taken = call.append(admitted(recording(1), StreamNumber(stream), &kept), &mut batch);
        assert_eq!(taken.is_ok(), usize::from(stream) < MAX_STREAMS);
    }
}

#[test]
fn batches_out_of_their_order_are_refused_and_given_back() {
    let mut store = open(&SimDisk::new(), 1 << 20);
    let mut call = store.intake.begin(recording(1));
    let (mut first, mut second) = (FrameBatch::new(), FrameBatch::new());
    talk(&mut call, 1, 5, &mut first);
    talk(&mut call, 1, 5, &mut second);
    store.writer.append(second).unwrap();
    let refused = store.writer.append(first).unwrap_err();
    assert!(matches!(refused.cause, WriteError::OutOfOrder { number: 0, .. }));
    assert_eq!(refused.batch.frames(), 2);
    assert_eq!(refused.batch.recordings().next(), Some(recording(1)));
}

#[test]
fn events_and_manifests_beyond_a_frame_are_refused() {
    let mut store = open(&SimDisk::new(), 1 << 30);
    let long = vec![0; MAX_OPAQUE_BYTES + 1];
    assert!(matches!(store.writer.append_event(&long), Err(WriteError::TooLong { .. })));
    store.writer.append_checkpoint(&long[1..]).unwrap();
    store.writer.commit().unwrap();
    let settlement = store.writer.take_unsettled(recording(1));
    let too_long = vec![0; vault::MAX_MANIFEST_BYTES + 1];
    assert!(matches!(store.sealer.seal(&settlement, &too_long), Err(SealError::ManifestTooLong { .. })));
    store.sealer.seal(&settlement, &too_long[1..]).unwrap();
    let mut reader = store.archive.open(recording(1), reading_key()).unwrap();
    assert_eq!(reader.manifest().unwrap(), &too_long[1..]);
}

#[test]
fn frames_that_come_after_the_seal_stay_in_the_journal() {
    let disk = SimDisk::new();
    let mut store = open(&disk, 1 << 20);
    let mut call = store.intake.begin(recording(1));
    let mut batch = FrameBatch::new();
    talk(&mut call, 1, 5, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.commit().unwrap();
    store.sealer.seal(&store.writer.take_unsettled(recording(1)), b"").unwrap();
    let mut batch = FrameBatch::new();
    talk(&mut call, 1, 5, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.commit().unwrap();
    let settlement = store.writer.take_unsettled(recording(1));
    let refused = store.sealer.seal(&settlement, b"");
    assert!(matches!(refused, Err(SealError::CameLater { frames: 1, .. })), "{refused:?}");
}
