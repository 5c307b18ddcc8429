//! Frames that were held back in memory: those that left it before the recording was kept are not missing, those that a disk
//! lost are.

use calls::id::StreamNumber;
use calls::time::Wall;
use vault::disk::sim::SimDisk;
use vault::{FrameBatch, Opened, RecordingWriter};

use crate::world::{Kept, admitted, open, read_all, reading_key, recording};

const STREAM: StreamNumber = StreamNumber(0);

/// Pieces of ten packets, each under a key of its own.
fn pieces(call: &mut RecordingWriter, count: u32) -> Vec<FrameBatch> {
    let piece = |piece: u32| {
        let mut batch = FrameBatch::secret();
        for i in 0..10 {
            let kept = Kept::g711(0, piece * 10 + i, 160);
            call.append(admitted(recording(1), STREAM, &kept), &mut batch).unwrap();
        }
        call.renew(&mut batch);
        batch
    };
    (0..count).map(piece).collect()
}

fn packets(range: std::ops::Range<u32>) -> Vec<Kept> {
    range.map(|i| Kept::g711(0, i, 160)).collect()
}

/// Five pieces were held back, and the first two have left the memory.
fn kept_late() -> (SimDisk, Opened, Vec<FrameBatch>) {
    let disk = SimDisk::new();
    let store = open(&disk, 1 << 20);
    let mut pieces = pieces(&mut store.intake.begin(recording(1)), 5);
    drop(pieces.drain(..2));
    pieces[0].begin_here();
    (disk, store, pieces)
}

fn write(store: &mut Opened, pieces: &[FrameBatch]) {
    let mut batch = store.writer.spare_batch();
    pieces.iter().for_each(|piece| batch.append(piece));
    store.writer.append(batch).unwrap();
    store.writer.commit().unwrap();
}

#[test]
fn what_has_left_the_memory_before_a_recording_was_kept_is_not_missing() {
    let (_disk, mut store, pieces) = kept_late();
    write(&mut store, &pieces);
    let settlement = store.writer.take_unsettled(recording(1));
    assert_eq!(store.sealer.survey(&settlement).unwrap().missing_frames, 0);
    let sealed = store.sealer.seal(&settlement, b"who and when").unwrap();
    assert_eq!((sealed.missing_frames, sealed.streams[0].packets), (0, 30));
    let verified = store.archive.verify(recording(1), Some(reading_key())).unwrap();
    assert_eq!((verified.missing_frames, verified.packets), (0, Some(30)));
    let mut reader = store.archive.open(recording(1), reading_key()).unwrap();
    assert_eq!(read_all(&mut reader, STREAM), packets(20..50));

    // A redaction of its first minute keeps what it says of its beginning.
    let gone = packets(20..21)[0].arrival;
    let mut erases = |_: StreamNumber, packet: &vault::PacketHead| packet.arrival == Wall::from_ns(gone);
    let (_, erased) =
        store.sealer.redact(recording(1), reading_key(), &mut erases, |_| b"less".to_vec()).unwrap();
    assert_eq!(erased.packets, 1);
    let verified = store.archive.verify(recording(1), Some(reading_key())).unwrap();
    assert_eq!((verified.missing_frames, verified.packets), (0, Some(29)));
}

#[test]
fn what_has_left_the_memory_with_all_that_was_held_is_not_missing() {
    let disk = SimDisk::new();
    let mut store = open(&disk, 1 << 20);
    let mut call = store.intake.begin(recording(1));
    drop(pieces(&mut call, 2));
    call.begin_here();
    let mut batch = FrameBatch::new();
    for i in 20..30 {
        call.append(admitted(recording(1), STREAM, &Kept::g711(0, i, 160)), &mut batch).unwrap();
    }
    call.renew(&mut batch);
    write(&mut store, &[batch]);
    let sealed = store.sealer.seal(&store.writer.take_unsettled(recording(1)), b"").unwrap();
    assert_eq!((sealed.missing_frames, sealed.streams[0].packets), (0, 10));
    let mut reader = store.archive.open(recording(1), reading_key()).unwrap();
    assert_eq!(read_all(&mut reader, STREAM), packets(20..30));
}

#[test]
fn what_a_disk_lost_of_a_beginning_that_was_held_back_is_missing() {
    let (_disk, mut store, pieces) = kept_late();
    write(&mut store, &pieces[1..]);
    let sealed = store.sealer.seal(&store.writer.take_unsettled(recording(1)), b"").unwrap();
    let of_three = u64::try_from(pieces[0].frames() * 3).unwrap();
    assert_eq!(sealed.missing_frames, of_three, "nothing says that it begins later");
}

#[test]
fn a_batch_that_is_wiped_holds_the_same_frames() {
    let disk = SimDisk::new();
    let mut store = open(&disk, 1 << 20);
    let mut call = store.intake.begin(recording(1));
    let mut secret = FrameBatch::secret();
    for i in 0..2_000 {
        let kept = Kept::g711(0, i, 160);
        call.append(admitted(recording(1), STREAM, &kept), &mut secret).unwrap();
    }
    call.renew(&mut secret);
    let before = secret.memory_bytes();
    secret.shrink();
    assert!(secret.memory_bytes() <= before && secret.memory_bytes() < secret.bytes() * 11 / 10);
    write(&mut store, &[secret]);
    let sealed = store.sealer.seal(&store.writer.take_unsettled(recording(1)), b"").unwrap();
    assert_eq!((sealed.missing_frames, sealed.streams[0].packets), (0, 2_000));
}

#[test]
fn who_follows_a_recording_does_not_wait_for_what_has_left_the_memory() {
    let (_disk, mut store, pieces) = kept_late();
    let mut follower = store.archive.follow(recording(1), reading_key());
    let mut heard = Vec::new();
    write(&mut store, &pieces[..1]);
    let mut look = |store: &Opened| {
        let unsettled = [store.writer.unsettled(recording(1))];
        let mut sees = |_, packet: &calls::packet::Packet<'_>| heard.push(Kept::of(packet));
        follower.look(&unsettled, 1 << 20, &mut sees).unwrap()
    };
    assert_eq!(look(&store), vault::Reached::Now);
    write(&mut store, &pieces[1..]);
    assert_eq!(look(&store), vault::Reached::Now);
    assert_eq!(follower.missed(), 0);
    assert_eq!(heard, packets(20..50));
}
