//! A sealed recording is destroyed (C5-01), or put on a shelf and taken off it: a stop at any instant loses nothing that was
//! to stay, and leaves nothing of what was to go once it is tried again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use calls::id::{RecordingId, StreamNumber};
use calls::time::Wall;
use vault::disk::sim::{Crash, SimDisk};
use vault::{Archive, Digest, Disk as _, FrameBatch, Opened, ReadError, Shelf, ShelfError};

use crate::world::{Kept, ROOT, admitted, crashes, open, reading_key, recording};

const SEGMENT_BYTES: u64 = 1 << 20;

fn archive(disk: &SimDisk) -> Archive {
    Archive::new(Arc::new(disk.clone()), Path::new(ROOT))
}

fn shelf(disk: &SimDisk) -> Shelf {
    Shelf::new(Arc::new(disk.clone()), Path::new("/shelf"))
}

fn seal(store: &mut Opened, id: RecordingId) -> Digest {
    let mut call = store.intake.begin(id);
    let mut batch = FrameBatch::new();
    for i in 0..200 {
        call.append(admitted(id, StreamNumber(0), &Kept::g711(0, i, 160)), &mut batch).unwrap();
    }
    call.flush(Wall::EPOCH, std::time::Duration::ZERO, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.commit().unwrap();
    let sealed = store.sealer.seal(&store.writer.take_unsettled(id), b"what it is of").unwrap();
    let _ = store.writer.settled(sealed.receipt).unwrap();
    sealed.digest
}

fn forget_in_the_journal(store: &mut Opened) {
    store.writer.begin_anew();
    store.writer.append_checkpoint(b"0").unwrap();
    store.writer.commit().unwrap();
    assert!(store.writer.is_anew());
}

/// A disk with two sealed recordings that the journal has forgotten, and an empty shelf.
fn prepared() -> (SimDisk, [Digest; 2]) {
    let disk = SimDisk::new();
    let mut store = open(&disk, SEGMENT_BYTES);
    let digests = [1, 2].map(|last| seal(&mut store, recording(last)));
    forget_in_the_journal(&mut store);
    disk.create_dir(Path::new("/shelf")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    (disk, digests)
}

fn sealed_path(disk: &SimDisk, root: &str, id: RecordingId) -> PathBuf {
    Path::new(root).join(archive(disk).path_of(id))
}

/// The wrapped keys of a file: the last 48 bytes of each key frame.
fn keys_of(disk: &SimDisk, path: &Path) -> Vec<Vec<u8>> {
    let (_, bytes) = disk.files().into_iter().find(|(at, _)| at == path).expect("the file");
    let (mut keys, mut at) = (Vec::new(), 28);
    while let Some(head) = bytes.get(at..at + 8) {
        let body = usize::from(head[5]) | usize::from(head[6]) << 8 | usize::from(head[7]) << 16;
        match head[4] {
            2 => keys.push(bytes[at + 8 + body - 48..at + 8 + body].to_vec()),
            7 => break,
            _ => {}
        }
        at += 8 + body;
    }
    assert!(keys.len() >= 2, "of a minute, and the manifest's");
    keys
}

fn with_a_key(disk: &SimDisk, keys: &[Vec<u8>]) -> Vec<PathBuf> {
    let holds = |bytes: &[u8]| keys.iter().any(|key| bytes.windows(key.len()).any(|window| window == key));
    disk.files().into_iter().filter(|(_, bytes)| holds(bytes)).map(|(path, _)| path).collect()
}

fn put(disk: &SimDisk, id: RecordingId, digest: Digest) -> Result<u64, ShelfError> {
    let from = archive(disk);
    let mut source = |into: &mut [u8], at| from.read_raw(id, into, at).map_err(std::io::Error::other);
    shelf(disk).put(id, digest, &mut source)
}

#[test]
fn what_is_erased_is_nowhere_any_more_and_others_are_as_they_were() {
    let (disk, [_, other]) = prepared();
    let mut store = open(&disk, SEGMENT_BYTES);
    let keys = keys_of(&disk, &sealed_path(&disk, ROOT, recording(1)));
    let destroyed = store.sealer.erase(recording(1)).unwrap();
    assert_eq!((destroyed.files, destroyed.keys), (1, keys.len() as u64));
    assert_eq!(with_a_key(&disk, &keys), Vec::<PathBuf>::new());
    assert!(matches!(archive(&disk).verify(recording(1), None), Err(ReadError::NotSealed { .. })));
    assert_eq!(archive(&disk).verify(recording(2), Some(reading_key())).unwrap().digest, other);
    assert_eq!(store.sealer.erase(recording(1)).unwrap().files, 0, "again changes nothing");
    let listing = archive(&disk).list().unwrap();
    assert_eq!((listing.sealed, listing.strangers), (vec![recording(2)], vec![]));
}

#[test]
fn an_erasure_stopped_after_any_disk_call_is_done_by_the_next_try() {
    let (disk, [before, other]) = prepared();
    let keys = keys_of(&disk, &sealed_path(&disk, ROOT, recording(1)));
    let calls = {
        let disk = disk.after(Crash::Power);
        let mut store = open(&disk, SEGMENT_BYTES);
        let opened = disk.calls();
        store.sealer.erase(recording(1)).unwrap();
        opened..disk.calls()
    };
    assert!(calls.end - calls.start > 6, "{calls:?}");
    for call in calls {
        for crash in crashes(call) {
            let disk = disk.after(Crash::Power);
            disk.crash_at(call);
            let mut store = open(&disk, SEGMENT_BYTES);
            store.sealer.erase(recording(1)).unwrap_err();
            drop(store);
            let disk = disk.after(crash);
            let when = format!("call {call}, {crash:?}");
            // Whole, or no recording any more.
            match archive(&disk).verify(recording(1), Some(reading_key())) {
                Ok(verified) => assert_eq!(verified.digest, before, "{when}"),
                Err(error) => assert!(matches!(error, ReadError::NotSealed { .. }), "{when}: {error}"),
            }
            assert_eq!(archive(&disk).list().unwrap().strangers, Vec::<PathBuf>::new(), "{when}");
            let mut store = open(&disk, SEGMENT_BYTES);
            store.sealer.erase(recording(1)).unwrap();
            let disk = disk.after(Crash::Power);
            assert_eq!(with_a_key(&disk, &keys), Vec::<PathBuf>::new(), "{when}");
            assert_eq!(archive(&disk).verify(recording(2), Some(reading_key())).unwrap().digest, other);
        }
    }
}

#[test]
fn a_file_on_a_shelf_is_whole_or_not_there_wherever_its_way_was_cut() {
    let (disk, [digest, _]) = prepared();
    let calls = {
        let disk = disk.after(Crash::Power);
        let before = disk.calls();
        put(&disk, recording(1), digest).unwrap();
        before..disk.calls()
    };
    assert!(calls.end - calls.start > 10, "{calls:?}");
    for call in calls {
        for crash in crashes(call) {
            let disk = disk.after(Crash::Power);
            disk.crash_at(call);
            put(&disk, recording(1), digest).unwrap_err();
            let disk = disk.after(crash);
            let when = format!("call {call}, {crash:?}");
            match shelf(&disk).holds(recording(1), digest) {
                Ok(same) => assert!(same, "{when}"),
                Err(error) => assert!(matches!(error, ReadError::NotSealed { .. }), "{when}: {error}"),
            }
            put(&disk, recording(1), digest).unwrap();
            let disk = disk.after(Crash::Power);
            assert!(shelf(&disk).holds(recording(1), digest).unwrap(), "{when}: durable once it is said");
            let mut store = open(&disk, SEGMENT_BYTES);
            store.sealer.remove_moved(recording(1)).unwrap();
            let disk = disk.after(Crash::Power);
            assert_eq!(archive(&disk).list().unwrap().sealed, [recording(2)], "{when}");
            shelf(&disk).archive().verify(recording(1), Some(reading_key())).unwrap();
        }
    }
}

#[test]
fn what_does_not_read_back_as_it_was_is_refused_and_the_original_stays() {
    let (disk, [digest, other]) = prepared();
    let from = archive(&disk);
    let mut altered = |into: &mut [u8], at: u64| {
        let read = from.read_raw(recording(1), into, at).map_err(std::io::Error::other)?;
        if let Some(byte) = into[..read].get_mut(3_000) {
            *byte ^= 1;
        }
        Ok(read)
    };
    let refused = shelf(&disk).put(recording(1), digest, &mut altered).unwrap_err();
    assert!(matches!(refused, ShelfError::NotWhole(_)), "{refused}");
    let refused = put(&disk, recording(1), other).unwrap_err();
    assert!(matches!(refused, ShelfError::Other { .. }), "{refused}");
    let mut cut = |into: &mut [u8], at: u64| match at {
        0 => from.read_raw(recording(1), &mut into[..5_000], at).map_err(std::io::Error::other),
        _ => Ok(0),
    };
    let refused = shelf(&disk).put(recording(1), digest, &mut cut).unwrap_err();
    assert!(matches!(refused, ShelfError::NotWhole(_)), "{refused}");
    assert!(matches!(shelf(&disk).holds(recording(1), digest), Err(ReadError::NotSealed { .. })));
    assert_eq!(archive(&disk).verify(recording(1), None).unwrap().digest, digest);
}

#[test]
fn a_shelf_whose_volume_is_away_is_not_taken_for_one_without_the_file() {
    let (disk, [digest, _]) = prepared();
    let away = shelf(&disk).erase(recording(1)).unwrap_err();
    assert!(away.is_not_found(), "{away}");
    put(&disk, recording(1), digest).unwrap();
    let keys = keys_of(&disk, &sealed_path(&disk, "/shelf", recording(1)));
    assert_eq!(shelf(&disk).erase(recording(1)).unwrap().files, 1);
    assert_eq!(shelf(&disk).erase(recording(1)).unwrap().files, 0);
    let left = with_a_key(&disk, &keys);
    assert_eq!(left, [sealed_path(&disk, ROOT, recording(1))], "the original is none of the shelf's");
}
