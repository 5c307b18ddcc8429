//! Evidence: recordings leave as packages, and are verified by who has a public key and nothing else (C8-02, C8-04, C8-07).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sim::{Program, Setup, debian};

use super::upkeep::{checked, faults, run};
use super::{on_a_recorded_call, printed, recording, sealed, setup, text};

/// Recordings of two calls.
fn two_calls(program: &Program) -> Vec<Value> {
    let call = program.call(&["--agent-phone", "4678", "--number", "+15550100", "--seconds", "3"]);
    on_a_recorded_call(&program.http, "4678");
    call.wait();
    program.call(&["--agent-phone", "4102", "--seconds", "1"]).wait();
    sealed(&program.http, 2)
}

/// What `sidetone verify` says with the public half that the install has, and whether all is good.
fn verify(setup: &Setup, key: &Path, export: &Path, options: &[&str]) -> (bool, String) {
    let (key, export) = (key.display().to_string(), export.display().to_string());
    let output = setup.run(&[&["verify", &export, "--key", &key], options].concat());
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), said)
}

fn unzip(zip: &Path, into: &Path) {
    debian::run(Command::new(debian::program("unzip", "unzip")).arg("-q").arg(zip).arg("-d").arg(into));
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_package_is_verified_by_who_has_the_public_key_and_nothing_else() {
    let setup = setup();
    let program = setup.start();
    let found = two_calls(&program);
    let (id, zip) = (text(&found[0]["id"]), setup.beside("court.zip"));
    printed(&program, &["export", id, text(&found[1]["id"]), "--package", "-o", &zip.display().to_string()]);
    assert!(program.log().contains("a package has left"), "its hash is logged");
    let digest = debian::run(Command::new(debian::program("sha256sum", "coreutils")).arg(&zip));
    assert!(program.log().contains(digest.split(' ').next().unwrap()), "{digest}");
    let listens = program.http.get(&format!("/v1/recordings/{id}")).ok().text();
    assert!(!listens.is_empty());
    // The recorder is gone, and its keys with it; one public half was given away before.
    let key = setup.beside("signing.pub");
    fs::copy(setup.data().join("keys/signing.pub"), &key).unwrap();
    program.stop();
    fs::remove_dir_all(setup.data()).unwrap();

    let (good, said) = verify(&setup, &key, &zip, &[]);
    assert!(good, "{said}");
    for words in ["the package's list and its", id, text(&found[1]["id"]), "sealed by sidetone "] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let folder = setup.beside("unpacked");
    unzip(&zip, &folder);
    assert!(verify(&setup, &key, &folder, &[]).0);
    // And by a program that was written by the description alone.
    let by_hand = by_description(&folder, &key);
    assert!(by_hand.status.success(), "{by_hand:?}");
    let sound = fs::read(folder.join(id).join("sound.wav")).unwrap();
    assert_eq!(audio::file::wav::read(&sound).unwrap().channels.len(), 2);
    let manifest: Value =
        serde_json::from_slice(&fs::read(folder.join(id).join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["recording"], id);
    assert!(text(&manifest["brought_by"]).starts_with("udp 127.0.0.1:"), "{manifest}");
    assert!(text(&manifest["program"]).starts_with("sidetone "), "{manifest}");
    tampered(&setup, &key, &folder, id);
}

/// Each file of a package is altered, removed or added in turn.
fn tampered(setup: &Setup, key: &Path, folder: &Path, id: &str) {
    for name in [
        "README.txt",
        "signing.pub",
        "sound.wav",
        "recording.rec",
        "manifest.json",
        "seals.txt",
        "package.txt",
    ] {
        let file =
            [folder.join(name), folder.join(id).join(name)].into_iter().find(|path| path.exists()).unwrap();
        let good = fs::read(&file).unwrap();
        flip(&file, good.len() / 2);
        let (is_good, said) = verify(setup, key, folder, &[]);
        assert!(!is_good && said.contains("BAD:") && said.contains(name), "{name}: {said}");
        assert!(!by_description(folder, key).status.success(), "{name}");
        fs::remove_file(&file).unwrap();
        let (is_good, said) = verify(setup, key, folder, &[]);
        assert!(!is_good && said.contains("missing"), "{name}: {said}");
        fs::write(&file, good).unwrap();
    }
    fs::write(folder.join("more.wav"), "more").unwrap();
    let (is_good, said) = verify(setup, key, folder, &[]);
    assert!(!is_good && said.contains("more.wav: it is not on the list"), "{said}");
    fs::remove_file(folder.join("more.wav")).unwrap();
    assert!(verify(setup, key, folder, &[]).0, "as it was");

    // It is as good, and as bad, from the folder above it.
    let above = setup.beside("above");
    fs::create_dir(&above).unwrap();
    let below = above.join("case 12");
    fs::rename(folder, &below).unwrap();
    assert!(verify(setup, key, &above, &[]).0);
    let sound = below.join(id).join("sound.wav");
    flip(&sound, 1_000);
    let (is_good, said) = verify(setup, key, &above, &[]);
    assert!(!is_good && said.contains("sound.wav"), "{said}");
    flip(&sound, 1_000);
    // One recording in the place of another: each is whole, and not what it is named as.
    let other = fs::read_dir(&below).unwrap().map(|entry| entry.unwrap().path());
    let other = other.into_iter().find(|path| path.is_dir() && !path.ends_with(id)).unwrap();
    let named = above.join(format!("{id}.rec"));
    fs::copy(other.join("recording.rec"), &named).unwrap();
    let (is_good, said) = verify(setup, key, &above, &["--recording", id]);
    assert!(!is_good && said.contains("they were exchanged"), "{said}");
}

#[test]
fn a_zip_that_shows_one_thing_and_gives_another_is_not_verified() {
    let setup = setup();
    let program = setup.start();
    let found = two_calls(&program);
    let zip = setup.beside("court.zip");
    let id = text(&found[0]["id"]);
    printed(&program, &["export", id, "--package", "-o", &zip.display().to_string()]);
    let key = setup.data().join("keys/signing.pub");
    assert!(verify(&setup, &key, &zip, &[]).0);
    let script = "import sys, warnings, zipfile; warnings.simplefilter('ignore'); \
        zipfile.ZipFile(sys.argv[1], 'a').writestr(sys.argv[2] + '/sound.wav', 'forged')";
    let twice = setup.beside("twice.zip");
    fs::copy(&zip, &twice).unwrap();
    let mut python = Command::new(debian::program("python3", "python3"));
    debian::run(python.args(["-c", script]).arg(&twice).arg(id));
    let (is_good, said) = verify(&setup, &key, &twice, &[]);
    assert!(!is_good && said.contains("it has two files named"), "{said}");
    let led = setup.beside("led.zip");
    fs::write(&led, [b"PK\x03\x04".repeat(20), fs::read(&zip).unwrap()].concat()).unwrap();
    let (is_good, said) = verify(&setup, &key, &led, &[]);
    assert!(!is_good && said.contains("BAD:"), "{said}");
    program.stop();
}

fn by_description(folder: &Path, key: &Path) -> std::process::Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/program/verify_package.py");
    debian::program("openssl", "openssl");
    let mut python = Command::new(debian::program("python3", "python3"));
    python.arg(script).arg(folder).arg(key).output().unwrap()
}

#[test]
fn a_store_is_verified_whole_by_time_or_by_recording_and_the_first_bad_block_is_named() {
    let setup = setup();
    let program = setup.start();
    let found = two_calls(&program);
    let key = setup.data().join("keys/signing.pub");
    let (good, said) = verify(&setup, &key, &setup.data(), &[]);
    assert!(good && said.matches("good: ").count() == 2, "{said}");
    let (good, said) = verify(&setup, &key, &setup.data(), &["--recording", text(&found[1]["id"])]);
    assert!(good && said.matches("good: ").count() == 1, "{said}");
    let (good, said) = verify(&setup, &key, &setup.data(), &["--to", "2020-01-01T00:00:00Z"]);
    assert!(!good && said.contains("holds nothing of what was asked for"), "{said}");

    let file = setup.data().join(text(&recording(&program.http, &found[0])["file"]["path"]));
    let middle = fs::metadata(&file).unwrap().len() / 2;
    flip(&file, usize::try_from(middle).unwrap());
    let (good, said) = verify(&setup, &key, &setup.data(), &[]);
    assert!(!good && said.contains("BAD:") && said.contains("1 of 2 is not as it was sealed"), "{said}");
    let bad = said.lines().find(|line| line.starts_with("BAD:")).expect("a line for it");
    assert_eq!(bad.matches(file.to_str().unwrap()).count(), 1, "its path once: {bad}");
    assert!(said.contains("the frame at byte "), "{said}");
    flip(&file, usize::try_from(middle).unwrap());

    // Another install's key says nothing of these.
    let other = super::setup();
    let others = other.start();
    let stranger = other.data().join("keys/signing.pub");
    let (good, said) = verify(&setup, &stranger, &setup.data(), &[]);
    assert!(!good && said.contains("public half is not at hand"), "{said}");
    let (good, said) = verify(&setup, &file, &setup.data(), &[]);
    assert!(!good && said.contains("is no key file"), "{said}");
    drop(others);
}

#[test]
fn what_was_erased_later_is_signed_again_and_the_seal_before_is_kept() {
    let setup = setup();
    let program = setup.start();
    let found = two_calls(&program);
    let body = json!({"from_ms": 500, "to_ms": 1500, "by": "auditor", "why": "a test"});
    let answer = program.http.post(&format!("/v1/recordings/{}/redactions", text(&found[0]["id"])), &body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let key = setup.data().join("keys/signing.pub");
    let (good, said) = verify(&setup, &key, &setup.data(), &[]);
    assert!(good && said.contains("1 times sealed again after some of it was erased"), "{said}");
    checked(&setup);
}

/// A row of the index that was changed by hand is found by what the sealed file says.
#[test]
fn a_row_that_says_something_else_than_the_sealed_file_is_found() {
    let setup = setup();
    let program = setup.start();
    let found = two_calls(&program);
    program.stop();
    let said = checked(&setup);
    assert!(!said.contains("before there were signatures"), "{said}");
    let index: PathBuf = setup.data().join("index.sqlite");
    let mut sqlite = Command::new(debian::program("sqlite3", "sqlite3"));
    debian::run(sqlite.arg(&index).arg("UPDATE recording SET device = '4679' WHERE ident = 1"));
    let output = run(&setup, &["check"], &setup.data());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success(), "{said}");
    let differs =
        format!("recording {}: the row differs from the sealed file in the device", text(&found[0]["id"]));
    assert!(said.contains(&differs), "{said}");
    assert!(said.contains("index.sqlite") && said.contains("since the recorder stopped"), "{said}");

    // The recorder records all the same, and says it.
    let program = setup.start();
    let alarms = program.http.get("/v1/alarms").ok().text();
    assert!(alarms.contains("store_touched"), "{alarms}");
}

#[test]
fn a_public_key_that_was_put_in_while_the_recorder_was_stopped_is_named_and_one_of_its_own_making_is_not() {
    let theirs = setup();
    theirs.start().stop();
    let setup = setup();
    let program = setup.start();
    two_calls(&program);
    program.stop();
    // A command that changes keys says so itself.
    let rotated = run(&setup, &["keys", "rotate"], &setup.data());
    assert!(rotated.status.success(), "{rotated:?}");
    assert_eq!(faults(&setup, &setup.data(), &[]), [""; 0]);

    // All that comes would be encrypted for them, and what they sign believed.
    let keys = setup.data().join("keys");
    fs::remove_file(keys.join("reading.key")).expect("it is there");
    for (from, to) in [("reading.pub", "reading.pub"), ("signing.pub", "signing-9.pub")] {
        fs::copy(theirs.data().join("keys").join(from), keys.join(to)).expect("it is there");
    }
    let said = faults(&setup, &setup.data(), &["--quick"]);
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said[0].contains("keys/signing-9.pub was not there when the recorder stopped"), "{said:#?}");
    assert!(
        said[1].contains("keys/reading.pub") && said[1].contains("since the recorder stopped"),
        "{said:#?}"
    );
    let program = setup.start();
    let alarms = program.http.get("/v1/alarms").ok().text();
    for named in ["store_touched", "keys/signing-9.pub", "keys/reading.pub"] {
        assert!(alarms.contains(named), "{named}: {alarms}");
    }
}
