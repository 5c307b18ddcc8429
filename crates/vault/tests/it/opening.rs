//! Opening a data folder and a key folder: what is refused, and in which words. On the real file system.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use vault::keys;
use vault::{FrameBatch, KeyError, KeyFolder, OpenError, Opened, RealDisk, RecorderKeys, Settings, Store};

use crate::world::{read_all, reading_key, recorder_keys, recording, talk};

fn try_open(root: &Path, keys: &RecorderKeys) -> Result<Opened, OpenError> {
    Store::open(Arc::new(RealDisk::new()), root, keys, Settings::default())
}

fn refusal(opened: Result<Opened, OpenError>) -> String {
    match opened {
        Ok(_) => panic!("it opened"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_call_is_kept_and_sealed_on_the_real_disk_and_survives_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let mut store = try_open(root.path(), recorder_keys()).unwrap();
    let mut call = store.intake.begin(recording(1));
    let mut batch = FrameBatch::new();
    talk(&mut call, 2, 50, &mut batch);
    store.writer.append(batch).unwrap();
    let seq = store.writer.append_event(b"something happened").unwrap();
    assert_eq!(store.writer.commit().unwrap().through_seq, seq);
    drop(store);

    let mut store = try_open(root.path(), recorder_keys()).unwrap();
    assert_eq!(store.recovered.events, [(seq, b"something happened".to_vec())]);
    assert!(store.recovered.damage.is_empty());
    let unfinished = store.recovered.unfinished.remove(0);
    let sealed = store.sealer.seal(&unfinished.settlement, b"manifest").unwrap();
    assert_eq!(sealed.path, store.archive.path_of(recording(1)));
    let on_disk = fs::read(root.path().join(&sealed.path)).unwrap();
    assert_eq!(on_disk.len() as u64, sealed.bytes);
    let _ = store.writer.settled(sealed.receipt).unwrap();
    store.writer.close(b"state").unwrap();
    drop(store.sealer);
    let mut reader = store.archive.open(recording(1), reading_key()).unwrap();
    let stream = reader.streams()[1].stream;
    assert_eq!(read_all(&mut reader, stream).len(), 50);
    assert!(store.archive.space().unwrap().free_bytes > 0);
    let store = try_open(root.path(), recorder_keys()).unwrap();
    assert_eq!(store.recovered.checkpoint.as_deref(), Some(&b"state"[..]));
    assert!(store.recovered.unfinished.is_empty() && store.recovered.damage.is_empty());
}

#[test]
fn two_recorders_cannot_share_a_folder() {
    let root = tempfile::tempdir().unwrap();
    let first = try_open(root.path(), recorder_keys()).unwrap();
    assert!(refusal(try_open(root.path(), recorder_keys())).contains("in use by another recorder"));
    drop(first);
    assert!(try_open(root.path(), recorder_keys()).is_ok());
}

#[test]
fn a_folder_of_another_version_is_refused_untouched() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("format"), "sidetone data 2\n").unwrap();
    let words = refusal(try_open(root.path(), recorder_keys()));
    assert!(words.contains("`sidetone data 2`") && words.contains("nothing was changed"), "{words}");
    assert!(!root.path().join("journal").exists());
}

#[test]
fn a_journal_without_a_format_is_refused() {
    let root = tempfile::tempdir().unwrap();
    drop(try_open(root.path(), recorder_keys()).unwrap());
    fs::remove_file(root.path().join("format")).unwrap();
    assert!(refusal(try_open(root.path(), recorder_keys())).contains("no file `format`"));
}

#[test]
fn another_state_key_is_refused_before_anything_is_lost() {
    let root = tempfile::tempdir().unwrap();
    let mut store = try_open(root.path(), recorder_keys()).unwrap();
    store.writer.append_event(b"secret").unwrap();
    store.writer.commit().unwrap();
    drop(store);
    let other = tempfile::tempdir().unwrap();
    let other = KeyFolder::open_or_create(&other.path().join("keys")).unwrap();
    assert!(refusal(try_open(root.path(), &other.recorder())).contains("another state key"));
    assert!(try_open(root.path(), recorder_keys()).is_ok());
}

#[test]
fn nothing_that_was_said_is_on_the_disk_in_the_clear() {
    let root = tempfile::tempdir().unwrap();
    let mut store = try_open(root.path(), recorder_keys()).unwrap();
    let mut call = store.intake.begin(recording(1));
    let mut batch = FrameBatch::new();
    talk(&mut call, 1, 20, &mut batch);
    let secret: Vec<u8> = crate::world::Kept::g711(0, 3, 160).payload[..24].to_vec();
    store.writer.append(batch).unwrap();
    store.writer.append_event(&secret).unwrap();
    store.writer.append_checkpoint(&secret).unwrap();
    store.writer.commit().unwrap();
    let holds = |path: &Path| fs::read(path).unwrap().windows(secret.len()).any(|bytes| bytes == secret);
    assert!(!holds(&root.path().join("journal/0000000000000001.seg")));
    let sealed = store.sealer.seal(&store.writer.take_unsettled(recording(1)), &secret).unwrap();
    assert!(!holds(&root.path().join(&sealed.path)));
}

#[test]
fn keys_are_made_once_for_their_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    KeyFolder::open_or_create(&path).unwrap();
    let names = ["reading.key", "reading.pub", "state.key", "signing.key", "signing.pub"];
    let before = names.map(|name| fs::read(path.join(name)).unwrap());
    for name in ["reading.key", "state.key", "signing.key"] {
        assert_eq!(fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let again = KeyFolder::open_or_create(&path).unwrap();
    again.reading().unwrap();
    assert!(!again.made_signing_key());
    assert_eq!(before, names.map(|name| fs::read(path.join(name)).unwrap()));
}

#[test]
fn a_key_folder_of_before_there_were_signatures_gets_a_signing_key_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    KeyFolder::open_or_create(&path).unwrap();
    for name in ["signing.key", "signing.pub"] {
        fs::remove_file(path.join(name)).unwrap();
    }
    keys::inspect(&path, None).unwrap();
    assert_eq!(keys::verifying_keys(&path).unwrap(), []);
    assert!(!path.join("signing.key").exists(), "looking makes nothing");

    let first = KeyFolder::open_or_create(&path).unwrap();
    assert!(first.made_signing_key());
    assert_eq!(fs::metadata(path.join("signing.key")).unwrap().permissions().mode() & 0o777, 0o600);
    let public = first.recorder().signing().public();
    assert_eq!(keys::verifying_keys(&path).unwrap(), [public]);
    let second = KeyFolder::open_or_create(&path).unwrap();
    assert!(!second.made_signing_key());
    assert_eq!(second.recorder().signing().public(), public);
}

#[test]
fn a_crash_between_the_halves_of_the_signing_key_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let public = KeyFolder::open_or_create(&path).unwrap().recorder().signing().public();
    fs::remove_file(path.join("signing.pub")).unwrap();
    fs::write(path.join("signing.pub.new"), "sidetone-sig").unwrap();
    assert_eq!(KeyFolder::open_or_create(&path).unwrap().recorder().signing().public(), public);
    assert_eq!(keys::verifying_keys(&path).unwrap(), [public]);
}

#[test]
fn a_signing_key_that_is_lost_exposed_or_of_another_pair_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    KeyFolder::open_or_create(&ours).unwrap();
    KeyFolder::open_or_create(&theirs).unwrap();
    let private = ours.join("signing.key");
    fs::set_permissions(&private, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(KeyFolder::open_or_create(&ours), Err(KeyError::Exposed { mode: 0o640, .. })));
    fs::remove_file(&private).unwrap();
    assert!(matches!(KeyFolder::open_or_create(&ours), Err(KeyError::LostSigningKey { .. })));
    assert!(!private.exists());
    fs::copy(theirs.join("signing.key"), &private).unwrap();
    assert!(matches!(KeyFolder::open_or_create(&ours), Err(KeyError::Mismatch { .. })));
    assert!(matches!(keys::inspect(&ours, None), Err(KeyError::Mismatch { .. })));
}

#[test]
fn public_halves_of_retired_signing_keys_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    let now = KeyFolder::open_or_create(&ours).unwrap().recorder().signing().public();
    let then = KeyFolder::open_or_create(&theirs).unwrap().recorder().signing().public();
    fs::copy(theirs.join("signing.pub"), ours.join("signing-2026.pub")).unwrap();
    assert_eq!(keys::verifying_keys(&ours).unwrap(), [now, then]);
    fs::write(ours.join("signing-2025.pub"), "nonsense").unwrap();
    let error = keys::verifying_keys(&ours).unwrap_err();
    assert!(error.to_string().contains("signing-2025.pub"), "{error}");
}

#[test]
fn a_key_file_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    KeyFolder::open_or_create(&path).unwrap();
    fs::set_permissions(path.join("state.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let error = KeyFolder::open_or_create(&path).unwrap_err();
    assert!(matches!(error, KeyError::Exposed { mode: 0o644, .. }), "{error}");
    assert!(error.to_string().contains("chmod 600"));
}

#[test]
fn a_recorder_runs_without_the_private_half() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    KeyFolder::open_or_create(&path).unwrap();
    fs::remove_file(path.join("reading.key")).unwrap();
    let keys = KeyFolder::open_or_create(&path).unwrap();
    assert!(matches!(keys.reading(), Err(KeyError::Missing { .. })));
}

#[test]
fn missing_and_malformed_key_files_are_named_and_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    KeyFolder::open_or_create(&path).unwrap();
    let line = fs::read_to_string(path.join("state.key")).unwrap();
    for bad in [
        "",
        "sidetone-state-key-1 12",
        "nonsense",
        &line.replace("state", "other"),
        &line.replace('\n', "00\n"),
    ] {
        fs::write(path.join("state.key"), bad).unwrap();
        let error = KeyFolder::open_or_create(&path).unwrap_err();
        assert!(matches!(error, KeyError::Malformed { .. }), "{bad:?}: {error}");
        assert!(error.to_string().contains("state.key"));
    }
    fs::remove_file(path.join("state.key")).unwrap();
    assert!(matches!(KeyFolder::open_or_create(&path), Err(KeyError::Missing { .. })));
    assert!(!path.join("state.key").exists());
}

#[test]
fn the_private_half_of_another_pair_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    let keys = KeyFolder::open_or_create(&ours).unwrap();
    KeyFolder::open_or_create(&theirs).unwrap();
    fs::copy(theirs.join("reading.key"), ours.join("reading.key")).unwrap();
    assert!(matches!(keys.reading(), Err(KeyError::Mismatch { .. })));
}
