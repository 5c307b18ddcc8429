//! Keys that are replaced, kept in other forms, and destroyed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use calls::id::StreamNumber;
use calls::time::Wall;
use tempfile::TempDir;
use vault::keys::{
    self, Form, KeyError, Kind, NothingUnlocks, Stand, Unlock, destroy, keep_as, list, lose_state,
    make_reading, replace_reading, replace_state,
};
use vault::{
    Archive, FrameBatch, KeyFolder, KeyId, Opened, ReadError, ReadingKey, RealDisk, RecorderKeys, Settings,
    Store,
};
use zeroize::Zeroizing;

use crate::world::{read_all, recording, talk};

const NOW: Wall = Wall::from_ms(1_796_000_000_000);

/// A data folder with its keys.
struct Folder {
    root: TempDir,
}

impl Folder {
    fn new() -> Self {
        let folder = Self { root: tempfile::tempdir().unwrap() };
        KeyFolder::open_or_create(&folder.keys()).unwrap();
        folder
    }

    fn keys(&self) -> PathBuf {
        self.root.path().join("keys")
    }

    fn recorder(&self) -> RecorderKeys {
        KeyFolder::open_or_create(&self.keys()).unwrap().recorder()
    }

    fn reading(&self) -> ReadingKey {
        keys::reading_key_in(&self.keys(), &NothingUnlocks).unwrap()
    }

    fn open(&self, keys: &RecorderKeys) -> Opened {
        Store::open(Arc::new(RealDisk::new()), self.root.path(), keys, Settings::default()).unwrap()
    }

    fn archive(&self) -> Archive {
        Archive::new(Arc::new(RealDisk::new()), self.root.path())
    }

    /// Records and seals one more recording.
    fn record(&self, number: u8) {
        let mut store = self.open(&self.recorder());
        let mut call = store.intake.begin(recording(number));
        let mut batch = FrameBatch::new();
        talk(&mut call, 1, 20, &mut batch);
        store.writer.append(batch).unwrap();
        store.writer.commit().unwrap();
        store.sealer.seal(&store.writer.take_unsettled(recording(number)), b"manifest").unwrap();
    }

    fn is_read_by(&self, number: u8, key: &ReadingKey) -> bool {
        match self.archive().open(recording(number), key).and_then(|mut reader| {
            reader.manifest()?;
            Ok(read_all(&mut reader, StreamNumber(0)).len())
        }) {
            Ok(packets) => packets > 0,
            Err(ReadError::NotHeld { .. }) => false,
            Err(other) => panic!("{other}"),
        }
    }
}

/// A passphrase, and a token that encrypts by turning bits over.
struct Knows(&'static str);

impl Unlock for Knows {
    fn passphrase(&self, _: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        Ok(self.0.as_bytes().to_vec().into())
    }

    fn token_opens(&self, _: &str, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
        Ok(self.token_seals("", encrypted)?.into())
    }

    fn token_seals(&self, _: &str, plain: &[u8]) -> Result<Vec<u8>, String> {
        Ok(plain.iter().map(|byte| !byte).collect())
    }
}

fn state_of(folder: &Folder, kind: Kind, stand: Stand) -> Vec<KeyId> {
    let keys = list(&folder.keys()).unwrap().into_iter();
    keys.filter(|key| key.kind == kind && key.stand == stand).map(|key| key.id).collect()
}

#[test]
fn a_replaced_reading_key_still_opens_what_was_recorded_for_it() {
    let folder = Folder::new();
    folder.record(1);
    let first = folder.reading();
    let change = replace_reading(&folder.keys(), NOW, &NothingUnlocks).unwrap();
    assert_eq!(first.ids(), [change.from]);
    assert_eq!(folder.recorder().reading_id(), change.to);
    folder.record(2);
    let again = replace_reading(&folder.keys(), NOW, &NothingUnlocks).unwrap();
    folder.record(3);
    let all = folder.reading();
    assert_eq!(all.ids(), [again.to, change.to, change.from], "the present one first");
    for number in 1..=3 {
        assert!(folder.is_read_by(number, &all), "recording {number}");
    }
    assert!(folder.is_read_by(1, &first));
    assert!(!folder.is_read_by(2, &first), "the old key alone does not open what came after it");
    assert!(!folder.is_read_by(1, &ReadingKey::default()));
    // The private half and its former ones open it wherever they were brought.
    let away = tempfile::tempdir().unwrap();
    fs::rename(folder.keys().join("reading.key"), away.path().join("reading.key")).unwrap();
    fs::rename(folder.keys().join("former"), away.path().join("former")).unwrap();
    let brought = keys::reading_key(&away.path().join("reading.key"), &NothingUnlocks).unwrap();
    assert!((1..=3).all(|number| folder.is_read_by(number, &brought)));
}

#[test]
fn a_running_recorder_takes_another_reading_key_for_what_is_new() {
    let folder = Folder::new();
    let (running, reading) = (folder.recorder(), folder.reading());
    let change = replace_reading(&folder.keys(), NOW, &NothingUnlocks).unwrap();
    assert_eq!(running.clone().reading_id(), change.from);
    running.exchange_reading(&folder.recorder());
    reading.exchange(&folder.reading());
    assert_eq!((running.clone().reading_id(), reading.clone().holds(change.to)), (change.to, true));
}

#[test]
fn a_replacement_cut_short_anywhere_loses_nothing_and_is_brought_to_its_end() {
    let names = ["reading.key", "reading.pub"];
    // What a crash leaves: the former key written, and then one file after the other.
    for changed in 0..names.len() {
        let folder = Folder::new();
        folder.record(1);
        let old = names.map(|name| fs::read(folder.keys().join(name)).unwrap());
        let change = replace_reading(&folder.keys(), NOW, &NothingUnlocks).unwrap();
        for (name, bytes) in names.iter().zip(&old).skip(changed) {
            fs::write(folder.keys().join(name), bytes).unwrap();
        }
        assert!(folder.is_read_by(1, &folder.reading()), "{changed} files changed");
        assert_eq!(folder.recorder().reading_id(), change.from);
        keys::inspect(&folder.keys(), None).unwrap();
        let end = replace_reading(&folder.keys(), NOW, &NothingUnlocks).unwrap();
        assert_eq!(end.from, change.from);
        assert_eq!(end.to == change.to, changed == 1, "a new private half that is there is the one");
        folder.record(2);
        assert!((1..=2).all(|number| folder.is_read_by(number, &folder.reading())));
    }
}

#[test]
fn events_of_before_are_read_after_the_state_key_was_replaced() {
    let folder = Folder::new();
    let mut store = folder.open(&folder.recorder());
    store.writer.append_event(b"before").unwrap();
    store.writer.commit().unwrap();
    drop(store);
    let secret = folder.recorder().secret("webhook 1");
    let change = replace_state(&folder.keys(), NOW).unwrap();
    replace_state(&folder.keys(), NOW).unwrap();
    let keys = folder.recorder();
    assert_eq!(keys.secret("webhook 1"), secret, "other programs go on with theirs");
    let opened = folder.open(&keys);
    assert_eq!(opened.recovered.events, [(1, b"before".to_vec())]);
    assert!(opened.recovered.damage.is_empty());
    drop(opened);
    assert_eq!(destroy(&folder.keys(), NOW, change.from).unwrap(), Kind::State);
    assert!(
        Store::open(Arc::new(RealDisk::new()), folder.root.path(), &folder.recorder(), Settings::default())
            .is_err()
    );
}

#[test]
fn without_the_state_key_sound_that_is_not_sealed_is_saved_once_somebody_says_that_it_is_lost() {
    let folder = Folder::new();
    let mut store = folder.open(&folder.recorder());
    let mut call = store.intake.begin(recording(1));
    let mut batch = FrameBatch::new();
    talk(&mut call, 1, 20, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.append_event(b"gone").unwrap();
    store.writer.commit().unwrap();
    drop(store);
    assert!(matches!(lose_state(&folder.keys(), NOW, &[].into()), Err(KeyError::Exists { .. })));
    fs::remove_file(folder.keys().join("state.key")).unwrap();
    let needed = folder.archive().live_keys().unwrap();
    assert_eq!(needed.reading, folder.reading().ids().into_iter().collect());
    lose_state(&folder.keys(), NOW, &needed.state).unwrap();
    let mut opened = folder.open(&folder.recorder());
    assert!(opened.recovered.events.is_empty());
    assert_eq!(opened.recovered.damage.len(), 1, "{:?}", opened.recovered.damage);
    assert_eq!(opened.recovered.last_number, 1, "no number is given twice");
    let unfinished = opened.recovered.unfinished.remove(0);
    opened.sealer.seal(&unfinished.settlement, b"saved").unwrap();
    assert!(folder.is_read_by(1, &folder.reading()));
}

#[test]
fn a_private_half_is_kept_sealed_with_a_passphrase_and_opened_by_nothing_else() {
    let folder = Folder::new();
    folder.record(1);
    let secret = fs::read_to_string(folder.keys().join("reading.key")).unwrap();
    let digits = secret.split(' ').nth(1).unwrap().trim();
    keep_as(&folder.keys(), &Form::Passphrase, &NothingUnlocks, &Knows("correct horse")).unwrap();
    let sealed = fs::read_to_string(folder.keys().join("reading.key")).unwrap();
    assert!(!sealed.contains(digits) && sealed.starts_with("sidetone-reading-key-sealed-1 "), "{sealed}");
    let open = |unlock: &dyn Unlock| keys::reading_key_in(&folder.keys(), unlock);
    assert!(folder.is_read_by(1, &open(&Knows("correct horse")).unwrap()));
    for wrong in [open(&Knows("wrong")), open(&NothingUnlocks)] {
        let said = wrong.unwrap_err();
        assert!(matches!(said, KeyError::Unopened { .. }), "{said}");
        assert!(said.to_string().contains("passphrase"), "{said}");
    }
    // Each number of the line is bound to it.
    let cheaper = sealed.replacen(" 3 ", " 2 ", 1);
    assert_ne!(cheaper, sealed);
    fs::write(folder.keys().join("reading.key"), cheaper).unwrap();
    assert!(open(&Knows("correct horse")).is_err());
    fs::write(folder.keys().join("reading.key"), sealed).unwrap();
    // Replaced, it is kept in the same form.
    replace_reading(&folder.keys(), NOW, &Knows("correct horse")).unwrap();
    folder.record(2);
    let both = open(&Knows("correct horse")).unwrap();
    assert!(folder.is_read_by(1, &both) && folder.is_read_by(2, &both));
    let listed = list(&folder.keys()).unwrap();
    assert_eq!(listed[0].form, Some(Form::Passphrase));
    assert_eq!(listed[0].since, Some(NOW));
}

#[test]
fn a_private_half_may_be_encrypted_by_a_token() {
    let folder = Folder::new();
    folder.record(1);
    let form = Form::token("recorder-7").unwrap();
    keep_as(&folder.keys(), &form, &NothingUnlocks, &Knows("")).unwrap();
    assert!(keys::reading_key_in(&folder.keys(), &NothingUnlocks).is_err());
    assert!(folder.is_read_by(1, &keys::reading_key_in(&folder.keys(), &Knows("")).unwrap()));
    assert!(Form::token("a b").is_err() && Form::token("").is_err());
}

#[test]
fn a_former_key_is_destroyed_oldest_first_and_the_present_one_never() {
    let folder = Folder::new();
    folder.record(1);
    let first = replace_reading(&folder.keys(), NOW, &NothingUnlocks).unwrap();
    let second = replace_reading(&folder.keys(), NOW, &NothingUnlocks).unwrap();
    let refused = |id| destroy(&folder.keys(), NOW, id).unwrap_err().to_string();
    assert!(refused(second.to).contains("in use"), "{}", refused(second.to));
    assert!(refused(second.from).contains(&first.from.to_string()), "{}", refused(second.from));
    assert_eq!(destroy(&folder.keys(), NOW, first.from).unwrap(), Kind::Reading);
    assert!(!folder.is_read_by(1, &folder.reading()));
    assert!(refused(first.from).contains("no key"), "{}", refused(first.from));
    assert_eq!(state_of(&folder, Kind::Reading, Stand::Present), [second.to]);
    assert_eq!(state_of(&folder, Kind::Reading, Stand::Former), [second.from]);
    assert_eq!(state_of(&folder, Kind::Reading, Stand::Destroyed), [first.from]);
}

#[test]
fn a_pair_made_elsewhere_is_used_by_its_public_half() {
    let (folder, away) = (Folder::new(), tempfile::tempdir().unwrap());
    let away = away.path().join("vault");
    let id = make_reading(&away, NOW, (&Form::Clear, &NothingUnlocks)).unwrap();
    assert!(matches!(
        make_reading(&away, NOW, (&Form::Clear, &NothingUnlocks)),
        Err(KeyError::Exists { .. })
    ));
    fs::copy(away.join("reading.pub"), folder.keys().join("reading.pub")).unwrap();
    fs::remove_file(folder.keys().join("reading.key")).unwrap();
    assert_eq!(folder.recorder().reading_id(), id);
    folder.record(1);
    assert!(matches!(keys::reading_key_in(&folder.keys(), &NothingUnlocks), Err(KeyError::Missing { .. })));
    assert!(folder.is_read_by(1, &keys::reading_key(&away.join("reading.key"), &NothingUnlocks).unwrap()));
    keys::inspect(&folder.keys(), None).unwrap();
}

#[test]
fn what_a_replaced_key_leaves_on_the_disk_is_overwritten() {
    let folder = Folder::new();
    let path = folder.keys().join("reading.key");
    // Another name of the same file shows what becomes of its blocks.
    let other = folder.root.path().join("other");
    fs::hard_link(&path, &other).unwrap();
    let secret = fs::read(&path).unwrap();
    replace_reading(&folder.keys(), NOW, &NothingUnlocks).unwrap();
    assert_eq!(fs::read(&other).unwrap(), vec![0; secret.len()]);
}
