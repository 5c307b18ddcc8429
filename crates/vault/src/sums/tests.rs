use super::list::{List, PIECE_BYTES};
use super::*;

fn key() -> SigningKey {
    SigningKey::from_seed(&[3; 32])
}

/// A folder with two files, and their sums.
fn stopped() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("journal")).unwrap();
    fs::write(folder.path().join("journal/1.seg"), b"events").unwrap();
    fs::write(folder.path().join("index.sqlite"), vec![7; 3 * PIECE_BYTES + 9]).unwrap();
    fs::write(folder.path().join("format"), "sidetone data 1").unwrap();
    fs::create_dir(folder.path().join("keys")).unwrap();
    for key in ["reading.pub", "signing.pub", "state.key"] {
        fs::write(folder.path().join("keys").join(key), key).unwrap();
    }
    assert!(write(Folders::one(folder.path()), &key()).unwrap());
    folder
}

fn compared(folder: &Path) -> Vec<Changed> {
    compare(Folders::one(folder), &[key().public()], u64::MAX).unwrap().expect("there are sums")
}

#[test]
fn a_folder_that_nobody_touched_is_as_it_was() {
    let folder = stopped();
    assert_eq!(compared(folder.path()), []);
    assert!(remove(folder.path()).unwrap());
    assert!(!remove(folder.path()).unwrap());
    assert_eq!(compare(Folders::one(folder.path()), &[], u64::MAX).unwrap(), None);
}

#[test]
fn an_index_that_was_not_closed_whole_has_no_sums() {
    let folder = stopped();
    remove(folder.path()).unwrap();
    fs::write(folder.path().join("index.sqlite-wal"), "frames").unwrap();
    assert!(!write(Folders::one(folder.path()), &key()).unwrap());
    assert_eq!(compare(Folders::one(folder.path()), &[], u64::MAX).unwrap(), None);
}

#[test]
fn a_file_that_a_start_would_read_and_that_was_not_there_is_named() {
    let folder = stopped();
    let root = folder.path();
    fs::create_dir(root.join("live")).unwrap();
    fs::write(root.join("live/a.part"), "a call goes on").unwrap();
    assert!(write(Folders::one(root), &key()).unwrap());
    // What was sealed while the recorder ended is no part any more.
    fs::remove_file(root.join("live/a.part")).unwrap();
    for empty in ["index.sqlite-wal", "index.sqlite-shm"] {
        fs::write(root.join(empty), "").unwrap();
    }
    assert_eq!(compared(root), [], "what a reader leaves behind");
    let put = ["journal/2.seg", "live/b.part", "index.sqlite-wal", "index.sqlite-journal"].map(PathBuf::from);
    for file in &put {
        fs::write(root.join(file), "forged").unwrap();
    }
    assert_eq!(compared(root), put.map(|file| Changed::PutIn { file }));
}

#[test]
fn a_flipped_bit_is_named_to_its_piece_and_a_missing_or_shortened_file_too() {
    let folder = stopped();
    let index = folder.path().join("index.sqlite");
    let mut bytes = fs::read(&index).unwrap();
    bytes[2 * PIECE_BYTES + 5] ^= 1;
    fs::write(&index, &bytes).unwrap();
    let (file, offset) = (PathBuf::from("index.sqlite"), 2 * PIECE_BYTES as u64);
    let changed = Changed::Bytes { file: file.clone(), offset, bytes: PIECE_BYTES as u64 };
    assert_eq!(compared(folder.path()), [changed]);
    assert_eq!(
        compare(Folders::one(folder.path()), &[], 100).unwrap(),
        Some(vec![]),
        "too long to be read now"
    );

    fs::write(&index, &bytes[1..]).unwrap();
    fs::remove_file(folder.path().join("journal/1.seg")).unwrap();
    let then = bytes.len() as u64;
    let gone = Changed::Gone { file: "journal/1.seg".into() };
    assert_eq!(compared(folder.path()), [Changed::Length { file, now: then - 1, then }, gone]);
}

#[test]
fn every_flipped_bit_of_the_sums_is_seen() {
    let folder = stopped();
    let path = folder.path().join(SUMS_FILE);
    let good = fs::read(&path).unwrap();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(List::read(&bad, &[key().public()]).is_err(), "bit {bit}");
    }
    assert!(List::read(&good, &[SigningKey::from_seed(&[4; 32]).public()]).is_err());
}

#[test]
fn a_public_key_that_was_put_in_changed_or_removed_is_named_and_a_private_half_may_come_and_go() {
    let folder = stopped();
    let keys = folder.path().join("keys");
    fs::write(keys.join("reading.key"), "brought back").unwrap();
    fs::remove_file(keys.join("state.key")).unwrap();
    assert_eq!(compared(folder.path()), []);
    assert!(hold_keys(folder.path(), &key()).unwrap());
    fs::write(keys.join("reading.pub"), "another.pub").unwrap();
    fs::write(keys.join("signing-9.pub"), "whom to believe").unwrap();
    fs::remove_file(keys.join("signing.pub")).unwrap();
    let changed = [
        Changed::PutIn { file: "keys/signing-9.pub".into() },
        Changed::Bytes { file: "keys/reading.pub".into(), offset: 0, bytes: 11 },
        Changed::Gone { file: "keys/signing.pub".into() },
    ];
    assert_eq!(compared(folder.path()), changed);
    assert_eq!(
        compare(Folders::one(folder.path()), &[], 0).unwrap(),
        Some(changed.into()),
        "keys are read in any case"
    );
    assert!(!hold_keys(folder.path(), &key()).unwrap());
}

#[test]
fn keys_that_are_listed_anew_leave_what_is_said_of_the_rest() {
    let folder = stopped();
    fs::write(folder.path().join("journal/1.seg"), b"others").unwrap();
    fs::write(folder.path().join("keys/reading.pub"), "the next one").unwrap();
    list_keys_anew(folder.path(), &key()).unwrap();
    let changed = Changed::Bytes { file: "journal/1.seg".into(), offset: 0, bytes: 6 };
    assert_eq!(compared(folder.path()), [changed]);
    remove(folder.path()).unwrap();
    list_keys_anew(folder.path(), &key()).unwrap();
    assert!(!folder.path().join(SUMS_FILE).exists(), "a folder that was not stopped in order has none");
}

#[test]
fn a_copy_that_was_made_without_keys_says_nothing_of_those_that_are_put_there() {
    let folder = stopped();
    fs::rename(folder.path().join("keys"), folder.path().join("elsewhere")).unwrap();
    assert!(write(Folders::one(folder.path()), &key()).unwrap());
    fs::rename(folder.path().join("elsewhere"), folder.path().join("keys")).unwrap();
    assert_eq!(compared(folder.path()), []);
}

#[test]
fn what_lies_on_a_second_volume_is_looked_at_where_that_is_named() {
    let (folder, second) = (stopped(), tempfile::tempdir().unwrap());
    let both = Folders { data: folder.path(), spill: Some(second.path()) };
    let found = |folders| compare(folders, &[key().public()], u64::MAX).unwrap().expect("there are sums");
    for of in ["journal", "live"] {
        fs::create_dir(second.path().join(of)).unwrap();
    }
    fs::write(second.path().join("journal/2.seg"), b"events").unwrap();
    fs::write(second.path().join("live/a.part"), b"a call").unwrap();
    assert_eq!(found(both), [], "it is new, and nothing was said of it");
    assert!(write(both, &key()).unwrap());
    assert_eq!(found(both), []);
    assert_eq!(compared(folder.path()), [Changed::NoSpill { file: "spill/journal/2.seg".into() }]);
    fs::write(second.path().join("live/b.part"), b"a call").unwrap();
    fs::write(second.path().join("journal/2.seg"), b"others").unwrap();
    let changed = [
        Changed::PutIn { file: "spill/live/b.part".into() },
        Changed::Bytes { file: "spill/journal/2.seg".into(), offset: 0, bytes: 6 },
    ];
    assert_eq!(found(both), changed);
}
