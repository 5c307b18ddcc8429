//! A span of a sealed recording is erased (C2-12): what was in it is nowhere any more, what was not is as it was, and a
//! stop at any instant leaves one or the other.

use std::io::ErrorKind;
use std::sync::Arc;

use calls::id::{RecordingId, StreamNumber};
use calls::time::Wall;
use vault::disk::sim::{Crash, SimDisk};
use vault::{Archive, Digest, Erased, FrameBatch, Opened, PacketHead, ReadError, RedactError, Sealed};

use crate::world::{Kept, ROOT, admitted, crashes, open, read_all, reading_key, recording};

const SEGMENT_BYTES: u64 = 1 << 20;

/// Minutes of the recording, and packets of each of its two streams in each.
const MINUTES: u32 = 4;
const PACKETS: u32 = 20;

const SECOND_NS: i64 = 1_000_000_000;

fn packet(stream: u16, minute: u32, i: u32) -> Kept {
    let mut kept = Kept::g711(stream, minute * PACKETS + i, 160);
    kept.arrival += i64::from(minute) * 61 * SECOND_NS;
    kept
}

/// Everything that is said on a stream.
fn said(stream: u16) -> Vec<Kept> {
    (0..MINUTES).flat_map(|minute| (0..PACKETS).map(move |i| packet(stream, minute, i))).collect()
}

/// A sealed recording whose frames the journal still has.
fn sealed_recording(store: &mut Opened, id: RecordingId) -> Sealed {
    let mut call = store.intake.begin(id);
    let mut batch = FrameBatch::new();
    for minute in 0..MINUTES {
        for i in 0..PACKETS {
            for stream in [0, 1] {
                let kept = packet(stream, minute, i);
                call.append(admitted(id, StreamNumber(stream), &kept), &mut batch).unwrap();
            }
            if i % 7 == 6 || i + 1 == PACKETS {
                call.flush(Wall::EPOCH, std::time::Duration::ZERO, &mut batch);
            }
        }
    }
    call.flush(Wall::EPOCH, std::time::Duration::ZERO, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.commit().unwrap();
    let settlement = store.writer.take_unsettled(id);
    store.sealer.seal(&settlement, b"as it was").unwrap()
}

/// From the end of the second minute of one leg into the third.
fn is_erased(stream: StreamNumber, arrival_ns: i64) -> bool {
    let from = packet(0, 1, 10).arrival;
    let until = packet(0, 2, 5).arrival;
    stream.0 == 0 && (from..until).contains(&arrival_ns)
}

fn erase(stream: StreamNumber, packet: &PacketHead) -> bool {
    is_erased(stream, packet.arrival.as_ns())
}

fn redact(store: &mut Opened, id: RecordingId) -> Result<(Sealed, Erased), RedactError> {
    store.sealer.redact(id, reading_key(), &mut erase, |erased| {
        format!("{} packets are gone", erased.packets).into_bytes()
    })
}

fn archive(disk: &SimDisk) -> Archive {
    Archive::new(Arc::new(disk.clone()), std::path::Path::new(ROOT))
}

/// The wrapped keys of a file, in order: what must be destroyed.
fn keys_of(disk: &SimDisk, id: RecordingId) -> Vec<Vec<u8>> {
    let path = std::path::Path::new(ROOT).join(archive(disk).path_of(id));
    let (_, bytes) = disk.files().into_iter().find(|(at, _)| *at == path).unwrap();
    let mut keys = Vec::new();
    let mut at = 28;
    while at + 8 <= bytes.len() {
        let body =
            usize::from(bytes[at + 5]) | usize::from(bytes[at + 6]) << 8 | usize::from(bytes[at + 7]) << 16;
        if bytes[at + 4] == 2 {
            // The last 48 bytes are the wrapped key.
            keys.push(bytes[at + 8 + body - 48..at + 8 + body].to_vec());
        }
        at += 8 + body;
        if bytes[at - 8 - body + 4] == 7 {
            break;
        }
    }
    assert_eq!(keys.len(), MINUTES as usize + 1, "one for each minute, and the manifest's");
    keys
}

fn has(disk: &SimDisk, key: &[u8]) -> Vec<std::path::PathBuf> {
    let holds = |bytes: &[u8]| bytes.windows(key.len()).any(|window| window == key);
    disk.files().into_iter().filter(|(_, bytes)| holds(bytes)).map(|(path, _)| path).collect()
}

/// Checks that the recording is what remains.
fn check_remainder(disk: &SimDisk, id: RecordingId, digest: Digest) {
    let verified = archive(disk).verify(id, Some(reading_key())).unwrap();
    assert_eq!((verified.digest, verified.missing_frames), (digest, 0));
    let mut reader = archive(disk).open(id, reading_key()).unwrap();
    for stream in [0, 1] {
        let stream = StreamNumber(stream);
        let remains: Vec<Kept> =
            said(stream.0).into_iter().filter(|kept| !is_erased(stream, kept.arrival)).collect();
        assert_eq!(read_all(&mut reader, stream), remains);
    }
    assert_eq!(reader.manifest().unwrap(), b"15 packets are gone");
}

#[test]
fn what_was_erased_is_nowhere_any_more_and_the_rest_is_as_it_was() {
    let disk = SimDisk::new();
    let mut store = open(&disk, SEGMENT_BYTES);
    let before = sealed_recording(&mut store, recording(1));
    let keys = keys_of(&disk, recording(1));
    let (after, erased) = redact(&mut store, recording(1)).unwrap();
    assert_ne!(after.digest, before.digest);
    assert_eq!((erased.digest_before, erased.packets, erased.unreadable), (before.digest, 15, 0));
    assert_eq!(erased.minutes.iter().map(|minute| minute.key).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((after.streams[0].packets, after.streams[1].packets), (65, 80));
    check_remainder(&disk, recording(1), after.digest);

    // The journal has the frames of the sealed recording still. It lets go of them when it is told.
    let _ = store.writer.settled(before.receipt).unwrap();
    assert!(!has(&disk, &keys[1]).is_empty(), "the journal has not been begun anew");
    store.writer.begin_anew();
    assert!(!store.writer.is_anew());
    store.writer.append_checkpoint(b"all there is").unwrap();
    store.writer.commit().unwrap();
    assert!(store.writer.is_anew());
    for key in [&keys[1], &keys[2], &keys[MINUTES as usize]] {
        assert_eq!(has(&disk, key), Vec::<std::path::PathBuf>::new());
    }
    for key in [&keys[0], &keys[3]] {
        assert_eq!(has(&disk, key).len(), 1, "a minute that lost nothing keeps its key");
    }
    assert_eq!(disk.files().iter().filter(|(path, _)| path.starts_with("/live")).count(), 0);
}

#[test]
fn a_journal_that_is_begun_anew_settles_the_recordings_that_live_in_it_and_loses_nothing() {
    let disk = SimDisk::new();
    let mut store = open(&disk, SEGMENT_BYTES);
    let mut call = store.intake.begin(recording(2));
    let mut batch = FrameBatch::new();
    crate::world::talk(&mut call, 1, 5, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.append_event(b"1").unwrap();
    store.writer.commit().unwrap();
    let mut batch = FrameBatch::new();
    // Written, and not committed when it is begun anew.
    for i in 5..8 {
        let kept = Kept::g711(0, i, 160);
        call.append(admitted(recording(2), StreamNumber(0), &kept), &mut batch).unwrap();
    }
    call.flush(Wall::EPOCH, std::time::Duration::ZERO, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.begin_anew();
    store.writer.append_checkpoint(b"2").unwrap();
    store.writer.commit().unwrap();
    assert_eq!(store.writer.settle_due(), [recording(2)]);
    assert!(!store.writer.is_anew(), "frames of a live recording are in it");
    let settlement = store.writer.take_unsettled(recording(2));
    let receipt = store.sealer.settle(&settlement).unwrap();
    let _ = store.writer.settled(receipt).unwrap();
    assert!(store.writer.is_anew());
    assert!(store.writer.settle_due().is_empty());
    let sealed = store.sealer.seal(&store.writer.take_unsettled(recording(2)), b"").unwrap();
    assert_eq!((sealed.missing_frames, sealed.streams[0].packets), (0, 8));
}

#[test]
fn a_span_without_a_packet_and_a_recording_that_is_not_there_are_refused() {
    let disk = SimDisk::new();
    let mut store = open(&disk, SEGMENT_BYTES);
    let before = sealed_recording(&mut store, recording(1));
    let mut none = |_: StreamNumber, _: &PacketHead| false;
    let refused = store.sealer.redact(recording(1), reading_key(), &mut none, |_| Vec::new()).unwrap_err();
    assert!(refused.to_string().contains("holds no packet of that span; nothing was changed"), "{refused}");
    let verified = archive(&disk).verify(recording(1), Some(reading_key())).unwrap();
    assert_eq!(verified.digest, before.digest);
    let refused = redact(&mut store, recording(9)).unwrap_err();
    assert!(matches!(refused, RedactError::NotSealed(_)), "{refused}");
    assert_eq!(disk.files().iter().filter(|(path, _)| path.starts_with("/live")).count(), 0);
}

#[test]
fn a_recording_may_be_redacted_twice() {
    let disk = SimDisk::new();
    let mut store = open(&disk, SEGMENT_BYTES);
    sealed_recording(&mut store, recording(1));
    let (first, _) = redact(&mut store, recording(1)).unwrap();
    let mut all = |_: StreamNumber, _: &PacketHead| true;
    let (second, erased) =
        store.sealer.redact(recording(1), reading_key(), &mut all, |_| b"all".to_vec()).unwrap();
    assert_eq!((erased.digest_before, erased.packets), (first.digest, 145));
    let verified = archive(&disk).verify(recording(1), Some(reading_key())).unwrap();
    assert_eq!((verified.digest, verified.packets), (second.digest, Some(0)));
    let mut reader = archive(&disk).open(recording(1), reading_key()).unwrap();
    assert!(read_all(&mut reader, StreamNumber(1)).is_empty());
}

#[test]
fn a_damaged_block_of_the_span_goes_with_it() {
    let disk = SimDisk::new();
    let mut store = open(&disk, SEGMENT_BYTES);
    sealed_recording(&mut store, recording(1));
    let path = std::path::Path::new(ROOT).join(archive(&disk).path_of(recording(1)));
    let (_, mut bytes) = disk.files().into_iter().find(|(at, _)| *at == path).unwrap();
    // In the first block of the second minute.
    let key = keys_of(&disk, recording(1)).remove(1);
    let at = bytes.windows(key.len()).position(|window| window == key).unwrap();
    bytes[at + key.len() + 200] ^= 1;
    disk.put(&path, bytes);
    assert!(matches!(archive(&disk).verify(recording(1), None), Err(ReadError::BadFrame { key: 1, .. })));
    let (sealed, erased) = redact(&mut store, recording(1)).unwrap();
    assert_eq!(erased.unreadable, 1);
    assert_eq!(sealed.missing_frames, 1);
    archive(&disk).verify(recording(1), Some(reading_key())).unwrap();
}

/// A disk with a sealed recording, and how it was.
fn prepared() -> (SimDisk, Digest, Vec<Vec<u8>>) {
    let disk = SimDisk::new();
    let mut store = open(&disk, SEGMENT_BYTES);
    let sealed = sealed_recording(&mut store, recording(1));
    let keys = keys_of(&disk, recording(1));
    let digest = sealed.digest;
    let _ = store.writer.settled(sealed.receipt).unwrap();
    store.writer.begin_anew();
    store.writer.append_checkpoint(b"0").unwrap();
    store.writer.commit().unwrap();
    drop(store);
    (disk, digest, keys)
}

/// Whole after a stop: as it was, or what remains with the old keys destroyed.
fn whole_after(disk: &SimDisk, before: Digest, keys: &[Vec<u8>], when: &str) {
    let mut store = open(disk, SEGMENT_BYTES);
    store.sealer.end_redactions().unwrap();
    let verified = archive(disk).verify(recording(1), Some(reading_key())).unwrap();
    if verified.digest == before {
        assert_eq!(verified.packets, Some(160), "{when}");
    } else {
        check_remainder(disk, recording(1), verified.digest);
        for key in &keys[1..3] {
            assert!(has(disk, key).is_empty(), "{when}: a key is left");
        }
    }
    let live = disk.files().into_iter().filter(|(path, _)| path.starts_with("/live"));
    assert_eq!(live.count(), 0, "{when}");
    if verified.digest == before {
        let (sealed, _) = redact(&mut store, recording(1)).unwrap();
        check_remainder(disk, recording(1), sealed.digest);
    }
}

#[test]
fn stopped_after_any_disk_call_it_is_done_or_not_begun() {
    let (disk, before, keys) = prepared();
    let calls = {
        let disk = disk.after(Crash::Power);
        let mut store = open(&disk, SEGMENT_BYTES);
        let opened = disk.calls();
        redact(&mut store, recording(1)).unwrap();
        opened..disk.calls()
    };
    assert!(calls.end - calls.start > 12, "{calls:?}");
    for call in calls {
        for crash in crashes(call) {
            let disk = disk.after(Crash::Power);
            disk.crash_at(call);
            let mut store = open(&disk, SEGMENT_BYTES);
            redact(&mut store, recording(1)).unwrap_err();
            drop(store);
            whole_after(&disk.after(crash), before, &keys, &format!("call {call}, {crash:?}"));
        }
    }
}

#[test]
fn a_failing_disk_call_leaves_it_whole_and_the_next_try_does_it() {
    let (disk, before, keys) = prepared();
    for call in 0..40 {
        let disk = disk.after(Crash::Power);
        let mut store = open(&disk, SEGMENT_BYTES);
        let at = disk.calls() + call;
        disk.fail(at, at + 1, ErrorKind::StorageFull);
        let done = redact(&mut store, recording(1));
        if done.is_err() {
            match redact(&mut store, recording(1)) {
                // It was in its place already.
                Err(RedactError::Nothing(_)) | Ok(_) => {}
                Err(error) => panic!("call {call}: {error}"),
            }
        }
        drop(store);
        whole_after(&disk.after(Crash::Power), before, &keys, &format!("call {call}"));
    }
}
