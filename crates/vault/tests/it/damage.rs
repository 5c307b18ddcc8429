//! Damaged bytes: every flip in a sealed file is detected (C8-08), every cut of a journal keeps the whole frames
//! before it (E2-02), and what is lost is reported.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vault::disk::sim::SimDisk;
use vault::{Archive, DamageKind, FrameBatch, ReadError};

use crate::world::{Kept, open, read_all, reading_key, recording, talk};

const SEGMENT: &str = "/journal/0000000000000001.seg";

/// Length of a segment's head.
const HEAD: usize = 152;

/// A small sealed file.
fn sealed() -> (PathBuf, Vec<u8>) {
    let disk = SimDisk::new();
    let mut store = open(&disk, 1 << 20);
    let mut call = store.intake.begin(recording(1));
    let mut batch = FrameBatch::new();
    talk(&mut call, 1, 3, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.commit().unwrap();
    let sealed = store.sealer.seal(&store.writer.take_unsettled(recording(1)), b"facts").unwrap();
    let path = Path::new("/").join(sealed.path);
    let bytes = disk.files().into_iter().find(|(name, _)| *name == path).unwrap().1;
    (path, bytes)
}

/// An archive that has one file.
fn archive(path: &Path, bytes: Vec<u8>) -> Archive {
    let disk = SimDisk::new();
    disk.put(path, bytes);
    Archive::new(Arc::new(disk), Path::new("/"))
}

#[test]
fn every_flipped_bit_of_a_sealed_file_is_detected_without_a_key() {
    let (path, good) = sealed();
    assert!(archive(&path, good.clone()).verify(recording(1), None).is_ok());
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(archive(&path, bad).verify(recording(1), None).is_err(), "bit {bit} of {}", good.len() * 8);
    }
}

#[test]
fn a_reader_of_altered_bytes_gives_the_true_packets_or_an_error() {
    let (path, good) = sealed();
    let stream = calls::id::StreamNumber(0);
    let truth =
        read_all(&mut archive(&path, good.clone()).open(recording(1), reading_key()).unwrap(), stream);
    for byte in 0..good.len() {
        let mut bad = good.clone();
        bad[byte] ^= 0x40;
        let Ok(mut reader) = archive(&path, bad).open(recording(1), reading_key()) else { continue };
        let (from, until) = crate::world::EVER;
        let mut packets = reader.packets(stream, from, until);
        for _ in 0..20 {
            match packets.next_packet() {
                Ok(Some(packet)) => assert!(truth.contains(&Kept::of(&packet)), "byte {byte}"),
                Ok(None) => break,
                Err(_) => {}
            }
        }
    }
}

#[test]
fn a_sealed_file_cut_anywhere_is_refused() {
    let (path, good) = sealed();
    for len in 0..good.len() {
        let archive = archive(&path, good[..len].to_vec());
        assert!(archive.verify(recording(1), None).is_err(), "{len} bytes");
        assert!(archive.open(recording(1), reading_key()).is_err(), "{len} bytes");
    }
}

#[test]
fn the_first_bad_frame_is_named() {
    let (path, good) = sealed();
    // The first media frame lies behind the head and the key frame.
    let offset = 28 + 8 + 122;
    let mut bad = good.clone();
    bad[offset + 40] ^= 1;
    match archive(&path, bad).verify(recording(1), None) {
        Err(ReadError::BadFrame { offset: named, key: 0, .. }) => assert_eq!(named, offset as u64),
        other => panic!("{other:?}"),
    }
}

#[test]
fn blocks_moved_to_another_recording_do_not_open() {
    let (_, good) = sealed();
    let other = recording(2);
    // The head of the other recording, with a right checksum, over the same frames.
    let mut forged = good;
    forged[8..24].copy_from_slice(other.as_bytes());
    let crc = crc32c::crc32c(&forged[..24]);
    forged[24..28].copy_from_slice(&crc.to_le_bytes());
    let disk = SimDisk::new();
    let archive = Archive::new(Arc::new(disk.clone()), Path::new("/"));
    disk.put(&Path::new("/").join(archive.path_of(other)), forged);
    assert!(archive.open(other, reading_key()).is_err());
}

/// A journal of one segment: an event, a talk, an event, each committed. Returns its bytes and where each commit
/// ended.
fn journal() -> (Vec<u8>, [usize; 3]) {
    let disk = SimDisk::new();
    let mut store = open(&disk, 1 << 20);
    let len = || disk.files().iter().find(|(path, _)| path == Path::new(SEGMENT)).unwrap().1.len();
    store.writer.append_event(b"first").unwrap();
    store.writer.commit().unwrap();
    let first = len();
    let mut call = store.intake.begin(recording(1));
    let mut batch = FrameBatch::new();
    talk(&mut call, 1, 3, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.commit().unwrap();
    let second = len();
    store.writer.append_event(b"second").unwrap();
    store.writer.commit().unwrap();
    let bytes = disk.files().into_iter().find(|(path, _)| path == Path::new(SEGMENT)).unwrap().1;
    (bytes, [first, second, len()])
}

/// A data folder with this journal in it.
fn folder(segment: Vec<u8>) -> SimDisk {
    let disk = SimDisk::new();
    drop(open(&disk, 1 << 20));
    disk.put(Path::new(SEGMENT), segment);
    disk
}

#[test]
fn a_journal_cut_at_any_byte_keeps_every_whole_frame_before_the_cut() {
    let (whole, [first, second, third]) = journal();
    let mut boundaries = vec![HEAD];
    while let Some(&at) = boundaries.last().filter(|at| **at < whole.len()) {
        let body = u32::from_le_bytes(whole[at + 4..at + 8].try_into().unwrap()) >> 8;
        boundaries.push(at + 8 + body as usize);
    }
    for len in 0..=whole.len() {
        let mut store = open(&folder(whole[..len].to_vec()), 1 << 20);
        let events = usize::from(len >= first) + usize::from(len >= third);
        assert_eq!(store.recovered.events.len(), events, "{len} bytes");
        let recordings = store.recovered.unfinished.len();
        if len >= second {
            assert_eq!(recordings, 1);
            let settlement = &store.recovered.unfinished[0].settlement;
            assert_eq!(store.sealer.survey(settlement).unwrap().streams[0].packets, 3);
        }
        let between_frames = boundaries.contains(&len);
        assert_eq!(store.recovered.damage.is_empty(), between_frames, "{len}: {:?}", store.recovered.damage);
        let expected = |what| {
            matches!(what, DamageKind::TornTail | DamageKind::TornHead)
                || (len < HEAD && what == DamageKind::BadHead)
        };
        assert!(store.recovered.damage.iter().all(|damage| expected(damage.what)), "{len} bytes");
        // What was cut is never appended to: new frames go to a new segment.
        store.writer.append_event(b"after").unwrap();
        store.writer.commit().unwrap();
    }
}

#[test]
fn every_flipped_byte_of_a_journal_is_reported_and_costs_its_frame_only() {
    let (whole, _) = journal();
    for byte in 0..whole.len() {
        let mut bad = whole.clone();
        bad[byte] ^= 0x10;
        let mut store = open(&folder(bad), 1 << 20);
        assert!(!store.recovered.damage.is_empty(), "byte {byte}");
        let events = store.recovered.events.len();
        let mut packets = 0;
        if let Some(unfinished) = store.recovered.unfinished.first() {
            let streams = store.sealer.survey(&unfinished.settlement).unwrap().streams;
            packets = streams.first().map_or(0, |tally| tally.packets);
        }
        let lost = usize::from(events < 2) + usize::from(packets < 3);
        assert!(lost <= 1, "byte {byte}: {events} events, {packets} packets");
    }
}

#[test]
fn a_segment_that_vanished_is_reported() {
    let disk = SimDisk::new();
    let mut store = open(&disk, 200);
    for _ in 0..6 {
        store.writer.append_event(&[7; 300]).unwrap();
        store.writer.commit().unwrap();
    }
    drop(store);
    vault::Disk::remove(&disk, Path::new("/journal/0000000000000003.seg")).unwrap();
    let store = open(&disk, 200);
    let missing: Vec<_> =
        store.recovered.damage.iter().filter(|damage| damage.what == DamageKind::MissingSegment).collect();
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].path, Path::new("/journal/0000000000000003.seg"));
}
