//! A backup in two: a bulk that nobody can read without the keys that were taken out of it, and pages with those keys, from
//! which they go for good (C5-01).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use calls::id::{RecordingId, StreamNumber};
use calls::time::Wall;
use vault::disk::sim::{Crash, SimDisk};
use vault::{
    Archive, BackupId, Bulk, BulkName, Digest, Disk as _, FrameBatch, KeyPages, Opened, PageError, ReadError,
};

use crate::world::{Kept, ROOT, admitted, crashes, open, reading_key, recorder_keys, recording};

const SEGMENT_BYTES: u64 = 1 << 20;

fn backup_id() -> BackupId {
    "00112233445566778899aabbccddeeff".parse().unwrap()
}

fn archive(disk: &SimDisk, root: &str) -> Archive {
    Archive::new(Arc::new(disk.clone()), Path::new(root))
}

fn bulk(disk: &SimDisk) -> Bulk {
    Bulk::new(Arc::new(disk.clone()), Path::new("/bulk"))
}

fn pages(disk: &SimDisk) -> KeyPages {
    KeyPages::new(Arc::new(disk.clone()), Path::new("/apart"), backup_id())
}

fn seal(store: &mut Opened, id: RecordingId) -> Digest {
    let mut call = store.intake.begin(id);
    let mut batch = FrameBatch::new();
    // Two minutes and a bit.
    for i in 0..6_500 {
        call.append(admitted(id, StreamNumber(0), &Kept::g711(0, i, 20)), &mut batch).unwrap();
    }
    call.flush(Wall::EPOCH, std::time::Duration::ZERO, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.commit().unwrap();
    let sealed = store.sealer.seal(&store.writer.take_unsettled(id), b"what it is of").unwrap();
    let _ = store.writer.settled(sealed.receipt).unwrap();
    sealed.digest
}

/// A disk with two sealed recordings of one day, and the folders of a backup.
fn prepared() -> (SimDisk, [Digest; 2]) {
    let disk = SimDisk::new();
    let mut store = open(&disk, SEGMENT_BYTES);
    let digests = [1, 2].map(|last| seal(&mut store, recording(last)));
    for folder in ["/bulk", "/apart", "/new", "/new/recordings"] {
        disk.create_dir(Path::new(folder)).unwrap();
    }
    disk.sync_dir(Path::new("/new")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    (disk, digests)
}

fn page() -> PathBuf {
    KeyPages::page_of(recording(1))
}

/// Takes into the backup what it lacks, and has it forget all but these.
fn run(disk: &SimDisk, recordings: &[RecordingId]) -> Result<u64, String> {
    let (bulk, pages, source) = (bulk(disk), pages(disk), archive(disk, ROOT));
    bulk.clean().map_err(|error| error.to_string())?;
    pages.clean().map_err(|error| error.to_string())?;
    let there = pages.listed(&page()).map_err(|error| error.to_string())?;
    let mut taken = Vec::new();
    for id in recordings.iter().filter(|id| there.iter().all(|(there, _)| there != *id)) {
        taken.push(bulk.put(&source, *id).map_err(|error| error.to_string())?);
    }
    if !taken.is_empty() {
        pages.write(&page(), &|_, _| true, taken).map_err(|error| error.to_string())?;
    }
    let keep = |id: RecordingId, _: &Digest| recordings.contains(&id);
    let gone = pages.write(&page(), &keep, Vec::new()).map_err(|error| error.to_string())?;
    Ok(gone.files)
}

fn bytes_of(disk: &SimDisk, path: &Path) -> Vec<u8> {
    disk.files().into_iter().find(|(at, _)| at == path).expect("the file").1
}

fn bulk_path(id: RecordingId, digest: &Digest) -> PathBuf {
    Path::new("/bulk").join(BulkName::of(id, digest).path())
}

/// The files outside the data folder in which one of these keys stands.
fn with_a_key(disk: &SimDisk, keys: &[Vec<u8>]) -> Vec<PathBuf> {
    let is_copy = |path: &Path| path.starts_with("/bulk") || path.starts_with("/apart");
    let holds = |bytes: &[u8]| keys.iter().any(|key| bytes.windows(key.len()).any(|window| window == key));
    let files = disk.files().into_iter().filter(|(path, bytes)| is_copy(path) && holds(bytes));
    files.map(|(path, _)| path).collect()
}

fn keys_of(disk: &SimDisk, id: RecordingId) -> Vec<Vec<u8>> {
    let (keys, _) = pages(disk).read(&page()).unwrap();
    let keys = keys.iter().find(|keys| keys.recording == id).expect("its keys");
    assert_eq!(keys.count(), 4, "of three minutes, and the manifest's");
    // What is wrapped stands at the end of the frame.
    keys.bytes().map(|key| key[key.len() - 60..key.len() - 8].to_vec()).collect()
}

#[test]
fn a_bulk_gives_nothing_to_who_has_the_reading_key_and_with_its_keys_it_is_the_file_it_was() {
    let (disk, [digest, _]) = prepared();
    run(&disk, &[recording(1)]).unwrap();
    let name = BulkName::of(recording(1), &digest);
    let listing = bulk(&disk).list().unwrap();
    assert_eq!((listing.files.into_iter().collect::<Vec<_>>(), listing.strangers), (vec![name], vec![]));
    let sealed = bytes_of(&disk, &Path::new(ROOT).join(archive(&disk, ROOT).path_of(recording(1))));
    let apart = bytes_of(&disk, &bulk_path(recording(1), &digest));
    assert_eq!(sealed.len(), apart.len());
    assert_eq!(with_a_key(&disk, &keys_of(&disk, recording(1))), [Path::new("/apart").join(page())]);

    // Even under the name of a sealed file.
    let posed = Path::new("/new").join(archive(&disk, ROOT).path_of(recording(1)));
    disk.put(&posed, apart);
    let refused = archive(&disk, "/new").open(recording(1), reading_key()).err().expect("it is closed");
    assert!(matches!(refused, ReadError::WrongDigest { .. }), "{refused}");
    disk.remove(&posed).unwrap();

    let verified = bulk(&disk).check(name).unwrap();
    assert_eq!((verified.digest, verified.minutes, verified.seals.len()), (digest, 3, 1));
    let (keys, damaged) = pages(&disk).read(&page()).unwrap();
    assert_eq!((keys.len(), damaged), (1, vec![]));
    bulk(&disk).join(&keys[0], &archive(&disk, "/new")).unwrap();
    assert_eq!(bytes_of(&disk, &posed), sealed);
    let whole = archive(&disk, "/new").verify(recording(1), Some(reading_key())).unwrap();
    assert_eq!((whole.digest, whole.packets), (digest, Some(6_500)));
}

#[test]
fn a_byte_of_a_bulk_that_has_changed_is_found_without_any_key() {
    let (disk, [digest, _]) = prepared();
    run(&disk, &[recording(1)]).unwrap();
    let (name, path) = (BulkName::of(recording(1), &digest), bulk_path(recording(1), &digest));
    let good = bytes_of(&disk, &path);
    let signers = [recorder_keys().signing().public()];
    let mut at = 0;
    while at < good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        disk.put(&path, bad);
        // A seal that is altered is told by its signature, which is for the caller to look at.
        let found = bulk(&disk).check(name);
        let is_found = found.is_err() || found.is_ok_and(|found| found.seals[0].verify(&signers).is_err());
        assert!(is_found, "byte {at} of {}", good.len());
        at += 1_013;
    }
    disk.put(&path, good[..good.len() - 1].to_vec());
    assert!(bulk(&disk).check(name).is_err());
}

#[test]
fn a_run_stopped_after_any_disk_call_loses_no_key_that_stays_and_the_next_leaves_none_that_was_to_go() {
    let (disk, digests) = prepared();
    run(&disk, &[recording(1)]).unwrap();
    let disk = disk.after(Crash::Power);
    let gone = keys_of(&disk, recording(1));
    // The first is erased, and the second is new.
    let calls = {
        let disk = disk.after(Crash::Power);
        let before = disk.calls();
        assert_eq!(run(&disk, &[recording(2)]).unwrap(), 1);
        before..disk.calls()
    };
    assert!(calls.end - calls.start > 25, "{calls:?}");
    for call in calls {
        for crash in crashes(call) {
            let disk = disk.after(Crash::Power);
            disk.crash_at(call);
            run(&disk, &[recording(2)]).unwrap_err();
            let disk = disk.after(crash);
            let when = format!("call {call}, {crash:?}");
            // What was there before, and is not said to be gone, can be had meanwhile.
            let (there, damaged) = pages(&disk).read(&page()).unwrap();
            let has = |id| there.iter().any(|keys| keys.recording == id);
            assert!(damaged.is_empty() && (has(recording(1)) || has(recording(2))), "{when}");

            run(&disk, &[recording(2)]).unwrap();
            let disk = disk.after(Crash::Power);
            assert_eq!(with_a_key(&disk, &gone), Vec::<PathBuf>::new(), "{when}");
            let (there, _) = pages(&disk).read(&page()).unwrap();
            assert_eq!(there.iter().map(|keys| keys.recording).collect::<Vec<_>>(), [recording(2)], "{when}");
            bulk(&disk).join(&there[0], &archive(&disk, "/new")).unwrap();
            let whole = archive(&disk, "/new").verify(recording(2), Some(reading_key())).unwrap();
            assert_eq!(whole.digest, digests[1], "{when}");
        }
    }
}

#[test]
fn a_page_of_another_backup_and_one_that_is_damaged_are_told_apart_from_one_without_keys() {
    let (disk, [digest, _]) = prepared();
    run(&disk, &[recording(1), recording(2)]).unwrap();
    let other = KeyPages::new(Arc::new(disk.clone()), Path::new("/apart"), BackupId::draw());
    assert!(matches!(other.listed(&page()), Err(PageError::OtherBackup { .. })));
    assert_eq!(pages(&disk).listed(Path::new("recordings/2025/08/21.keys")).unwrap(), []);
    let path = Path::new("/apart").join(page());
    let good = bytes_of(&disk, &path);
    for at in [0, 9, 26, 40, 100] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        disk.put(&path, bad);
        assert!(matches!(pages(&disk).listed(&page()), Err(PageError::Damaged { .. })), "byte {at}");
    }
    // In the keys of the second.
    let mut bad = good.clone();
    let last = bad.len() - 20;
    bad[last] ^= 1;
    disk.put(&path, bad);
    let (whole, damaged) = pages(&disk).read(&page()).unwrap();
    assert_eq!((whole[0].digest, whole.len(), damaged[0].0), (digest, 1, recording(2)));
    for length in [10, 40, 200, good.len() - 1] {
        disk.put(&path, good[..length].to_vec());
        let read = pages(&disk).read(&page());
        assert!(read.is_err() || read.is_ok_and(|(_, damaged)| !damaged.is_empty()), "{length} bytes");
    }
}
