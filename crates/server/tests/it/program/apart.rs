//! A backup in two: what was erased cannot be heard from a copy of the bulk that was put away, and all else comes back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sim::disk::{Search, files};
use sim::time::wait_for;
use sim::{Program, Setup};
use vault::{Archive, Disk as _, KeyFolder, RealDisk};

use super::redaction::keys_in;
use super::retention::{QUICK, call, file_of, update, wait_until_gone, wait_until_moved, with_archive};
use super::upkeep::{checked, run};
use super::{PATIENCE, legs, packets, printed, sealed, setup, text};

/// The two folders of a backup, beside a data folder.
struct Two {
    bulk: PathBuf,
    apart: PathBuf,
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

impl Two {
    fn beside(setup: &Setup) -> Self {
        Self { bulk: setup.beside("bulk"), apart: setup.beside("apart") }
    }

    fn arguments(&self, what: &str) -> [String; 4] {
        [what.to_owned(), name(&self.bulk), "--apart".to_owned(), name(&self.apart)]
    }

    fn run(&self, what: &str, setup: &Setup, data: &Path) -> Output {
        let arguments = self.arguments(what);
        run(setup, &arguments.each_ref().map(String::as_str), data)
    }

    /// Makes the backup, and gives what was said.
    fn back_up(&self, setup: &Setup) -> String {
        let output = self.run("backup", setup, &setup.data());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.expect("cp runs").success());
}

fn refused(output: &Output, why: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(why), "{said}");
}

/// Three calls, sealed, with their files.
fn three_calls(program: &Program) -> Vec<(Value, PathBuf)> {
    for (phone, number) in [("4678", "+15550100"), ("4102", "+15550199"), ("4103", "+15550111")] {
        call(program, phone, number);
    }
    let found = sealed(&program.http, 3);
    found.into_iter().map(|found| (found.clone(), file_of(program, &found))).collect()
}

#[test]
fn what_was_erased_is_noise_in_a_bulk_that_was_put_away_and_all_else_comes_back_as_it_was() {
    let setup = setup().settings(QUICK);
    let program = setup.start();
    let calls = three_calls(&program);
    let [(erased, erased_file), (stays, stays_file), (redacted, redacted_file)] = &calls[..] else {
        panic!("three")
    };
    let keys = keys_in(erased_file).into_iter().chain(keys_in(redacted_file));
    let search = Search::new(keys);
    let sound = legs(&program.http, stays);
    let stored = packets(&program.data(), stays);

    let two = Two::beside(&setup);
    let said = two.back_up(&setup);
    assert!(said.starts_with("3 recordings are in ") && said.contains("(3 new, "), "{said}");
    assert!(two.back_up(&setup).contains("(0 new, 0 bytes)"), "what is there is not taken again");
    let away = Two { bulk: setup.beside("away"), apart: two.apart.clone() };
    copy(&two.bulk, &away.bulk);
    assert_eq!(search.files(&away.bulk).0, Vec::<PathBuf>::new(), "no key leaves with the bulk");
    let all = Search::new(keys_in(stays_file));
    assert!(all.files(&away.bulk).0.is_empty() && !all.files(&two.apart).0.is_empty());
    assert!(!search.files(&two.apart).0.is_empty());
    // Sound and manifests are as they were sealed but for the keys: whoever has the private half is as far as without.
    is_closed(&setup, &away.bulk, erased);

    update(&program, "1", &serde_json::json!({"keepdays": "0"}));
    wait_until_gone(&program, erased);
    let id = text(&redacted["id"]);
    printed(&program, &["redact", id, "--from", "0", "--to", "0:00.5", "--by", "R", "--why", "w", "--yes"]);
    wait_for("the span is erased", PATIENCE, || {
        let redactions = program.http.get(&format!("/v1/recordings/{id}/redactions")).ok().json();
        (!redactions["items"][0]["done"].is_null()).then_some(())
    });
    let after = packets(&program.data(), redacted);
    let said = two.back_up(&setup);
    assert!(said.contains("2 recordings were erased or redacted since: their keys (4) were"), "{said}");
    for folder in [&two.apart, &two.bulk, &away.bulk] {
        assert_eq!(search.files(folder).0, Vec::<PathBuf>::new(), "a key is still there");
    }
    is_closed(&setup, &away.bulk, erased);
    is_closed(&setup, &away.bulk, redacted);

    // The old bulk with the newest keys.
    let old = super::setup();
    let output = away.run("restore", &old, &old.data());
    refused(&output, "one recording is not as it was");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(&format!("recording {} was erased since", text(&erased["id"]))), "{said}");
    assert!(said.contains(&format!("{id}: the bulk has it only as it was before")), "{said}");
    assert!(said.contains("1 recordings are in "), "{said}");
    assert_eq!(search.files(&old.data()).0, Vec::<PathBuf>::new());
    assert_eq!(packets(&old.data(), stays), stored);
    let archive = Archive::new(Arc::new(RealDisk::new()), &old.data());
    assert_eq!(archive.list_sealed().expect("it can be read").len(), 1);

    // The newest of both.
    let new = super::setup();
    let output = two.run("restore", &new, &new.data());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(packets(&new.data(), stays), stored);
    assert_eq!(packets(&new.data(), redacted), after);
    assert!(checked(&new).starts_with("2 recordings, "));
    let program = new.start();
    assert_eq!(sealed(&program.http, 2)[0]["id"], stays["id"]);
    assert_eq!(legs(&program.http, stays), sound);
}

/// That a recording in a bulk is opened by nobody, under any name.
fn is_closed(setup: &Setup, bulk: &Path, found: &Value) {
    let id: calls::id::RecordingId = text(&found["id"]).parse().expect("an id");
    let in_bulk =
        files(bulk).into_iter().find(|(path, _)| path.display().to_string().contains(text(&found["id"])));
    let (_, bytes) = in_bulk.expect("it is in the bulk");
    let posed = setup.beside("posed");
    let archive = Archive::new(Arc::new(RealDisk::new()), &posed);
    let path = posed.join(archive.path_of(id));
    fs::create_dir_all(path.parent().expect("a folder")).expect("there is room");
    fs::write(&path, bytes).expect("there is room");
    let key =
        KeyFolder::open_or_create(&setup.data().join("keys")).expect("the keys").reading().expect("the key");
    assert!(archive.open(id, &key).is_err(), "{id} opens");
}

#[test]
fn a_backup_in_two_that_is_stopped_anywhere_can_be_restored_and_the_next_run_mends_it() {
    let setup = setup().settings(QUICK);
    let program = setup.start();
    let calls = three_calls(&program);
    let two = Two::beside(&setup);
    two.back_up(&setup);
    let search = Search::new(keys_in(&calls[0].1));
    update(&program, "1", &serde_json::json!({"keepdays": "0"}));
    wait_until_gone(&program, &calls[0].0);
    for wait_ms in [2, 5, 10, 20, 30, 45, 60, 80, 110, 150] {
        call(&program, "4678", "+15550177");
        let arguments = two.arguments("backup");
        let data = name(&setup.data());
        let arguments = [&arguments.each_ref().map(String::as_str)[..], &["--data", &data]].concat();
        let mut child = setup.command(&arguments).spawn().expect("it runs");
        std::thread::sleep(Duration::from_millis(wait_ms));
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
        let new = super::setup();
        let restored = two.run("restore", &new, &new.data());
        let said = String::from_utf8_lossy(&restored.stdout).into_owned();
        // What was erased is gone, or not yet; what was taken by a run without an end is in no state; all else is there.
        let mut named = said.lines().filter(|line| line.starts_with("recording "));
        let is_right =
            |line: &str| line.contains(text(&calls[0].0["id"])) || line.contains("does not know it");
        assert!(named.all(is_right), "{wait_ms} ms: {said}");
        assert_eq!(packets(&new.data(), &calls[1].0), packets(&program.data(), &calls[1].0));
    }
    // As if it was stopped while the next state took the place of the one before.
    two.back_up(&setup);
    fs::rename(two.apart.join("state"), two.apart.join("state.old")).expect("it is there");
    let new = super::setup();
    let restored = two.run("restore", &new, &new.data());
    assert!(restored.status.success(), "{restored:?}");
    assert!(checked(&new).contains(" recordings, "));
    two.back_up(&setup);
    let left: Vec<_> =
        fs::read_dir(&two.apart).expect("it is there").flatten().map(|entry| entry.file_name()).collect();
    assert!(
        left.iter().all(|name| name != "state.old" && name != "state.new") && left.len() == 4,
        "{left:?}"
    );
    assert_eq!(search.files(&two.apart).0, Vec::<PathBuf>::new());
}

#[test]
fn folders_that_do_not_belong_together_are_refused_and_each_says_what_it_is() {
    let setup = setup();
    let program = setup.start();
    call(&program, "4678", "+15550100");
    sealed(&program.http, 1);
    let two = Two::beside(&setup);
    two.back_up(&setup);
    let other = Two { bulk: setup.beside("bulk2"), apart: setup.beside("apart2") };
    other.back_up(&setup);
    let empty = setup.beside("empty");
    let of = |bulk: &Path, apart: &Path| Two { bulk: bulk.to_owned(), apart: apart.to_owned() };
    let mixed = of(&two.bulk, &other.apart);
    refused(&mixed.run("restore", &setup, &empty), "of two different backups");
    refused(&mixed.run("backup", &setup, &setup.data()), "of two different backups");
    refused(&of(&two.apart, &two.bulk).run("restore", &setup, &empty), "the other way round");
    refused(&of(&two.bulk, &two.bulk.join("in")).run("backup", &setup, &setup.data()), "is in the other");
    refused(&run(&setup, &["restore", &name(&two.bulk)], &empty), "is the bulk of a backup in two");
    refused(&run(&setup, &["backup", &name(&two.bulk)], &setup.data()), "is the bulk of a backup in two");
    refused(&run(&setup, &["restore", &name(&two.apart)], &empty), "has the keys of a backup in two");
    refused(&run(&setup, &["serve"], &two.bulk), "is the bulk of a backup in two");
    refused(&run(&setup, &["serve"], &two.apart), "has the keys of a backup in two");
    assert!(!two.apart.join("keys").exists(), "nothing is made in it");
    let whole = setup.beside("whole");
    assert!(run(&setup, &["backup", &name(&whole)], &setup.data()).status.success());
    refused(&of(&whole, &two.apart).run("restore", &setup, &empty), "restore it without --apart");
    refused(
        &of(&whole, &setup.beside("new")).run("backup", &setup, &setup.data()),
        "with the keys in its recordings",
    );
    // A recorder that has never had these recordings would have their keys forgotten.
    let stranger = super::setup();
    stranger.start().stop();
    refused(&two.run("backup", &stranger, &stranger.data()), "of another recorder");
    assert!(two.run("restore", &setup, &empty).status.success());
    let held = RealDisk::new().lock(&two.apart.join("lock")).expect("nobody has it");
    refused(&two.run("backup", &setup, &setup.data()), "another run");
    drop(held);
}

#[test]
fn who_may_write_where_backups_are_kept_cannot_have_the_recorders_files_overwritten_or_taken() {
    let setup = setup();
    let program = setup.start();
    call(&program, "4678", "+15550100");
    sealed(&program.http, 1);
    let whole = setup.beside("whole");
    let two = Two::beside(&setup);
    two.back_up(&setup);
    assert!(run(&setup, &["backup", &name(&whole)], &setup.data()).status.success());
    let recordings = setup.data().join("recordings");
    let (index, format) = (setup.data().join("index.sqlite"), setup.data().join("format"));
    fs::create_dir(two.apart.join("state.new")).expect("there is room");
    for (link, to) in [
        (whole.join("keys/x"), &recordings),
        (whole.join("recordings/old.old"), &index),
        (whole.join("format"), &format),
        (two.apart.join("state.new/x"), &recordings),
        (two.bulk.join("keys/signing.pub.x"), &format),
    ] {
        let before = fs::read(&link).ok();
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(to, &link).expect("there is room");
        let is_whole = link.starts_with(&whole);
        for (what, folder) in [("backup", setup.data()), ("restore", setup.beside("empty"))] {
            let output = match is_whole {
                true => run(&setup, &[what, &name(&whole)], &folder),
                false => two.run(what, &setup, &folder),
            };
            refused(&output, "is a link, which no backup holds");
            refused(&output, &name(&link));
        }
        fs::remove_file(&link).expect("it is a link");
        if let Some(before) = before {
            fs::write(&link, before).expect("there is room");
        }
    }
    let pipe = two.apart.join("state/pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    refused(&two.run("restore", &setup, &setup.beside("empty")), "neither a file nor a folder");
    assert_eq!(sealed(&program.http, 1).len(), 1);
    checked(&setup);
}

#[test]
fn what_a_folder_apart_does_not_know_or_has_lost_is_named_and_taken_again_by_the_next_run() {
    let setup = setup();
    let program = setup.start();
    call(&program, "4678", "+15550100");
    let found = sealed(&program.http, 1);
    let two = Two::beside(&setup);
    two.back_up(&setup);
    let of = |bulk: &Path, apart: &Path| Two { bulk: bulk.to_owned(), apart: apart.to_owned() };
    // What the folder apart does not know yet is named, and what it has lost.
    let before = setup.beside("before");
    copy(&two.apart, &before);
    call(&program, "4678", "+15550100");
    let later = sealed(&program.http, 2).remove(1);
    two.back_up(&setup);
    let older = of(&two.bulk, &before).run("restore", &setup, &setup.beside("older"));
    refused(&older, "one recording is not as it was");
    let said = String::from_utf8_lossy(&older.stdout).into_owned();
    assert!(
        said.contains(&format!("recording {}: the folder apart does not know it", text(&later["id"]))),
        "{said}"
    );
    let is_page = |(path, _): &(PathBuf, _)| path.extension().is_some_and(|extension| extension == "keys");
    for (page, _) in files(&two.apart).into_iter().filter(is_page) {
        fs::remove_file(page).expect("it is there");
    }
    let without = two.run("restore", &setup, &setup.beside("without"));
    refused(&without, "2 recordings are not as they were");
    assert!(String::from_utf8_lossy(&without.stdout).contains("its keys are not in the folder apart"));
    // They are in the data folder, and are taken again.
    assert!(two.back_up(&setup).contains("(2 new, "));

    for (folder, what) in
        [(&two.bulk, "bulk of a backup in two"), (&two.apart, "folder apart of a backup in two")]
    {
        let looked = run(&setup, &["check"], folder);
        let said = String::from_utf8_lossy(&looked.stdout).into_owned();
        assert!(
            looked.status.success() && said.starts_with("2 recordings, ") && said.contains(what),
            "{said}"
        );
    }
    let of_first = |(path, _): &(PathBuf, _)| path.display().to_string().contains(text(&found[0]["id"]));
    let (bulk, bytes) = files(&two.bulk).into_iter().find(of_first).expect("its file");
    let mut bad = bytes;
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(&bulk, bad).expect("it is ours");
    let looked = run(&setup, &["check"], &two.bulk);
    let said = String::from_utf8_lossy(&looked.stdout).into_owned();
    assert!(
        !looked.status.success() && said.contains("at byte") && said.contains(text(&found[0]["id"])),
        "{said}"
    );
    // It comes back as it is, and is named.
    let again = setup.beside("again");
    let restored = two.run("restore", &setup, &again);
    refused(&restored, "one recording is not as it was");
    assert!(again.join("index.sqlite").exists());
}

#[test]
fn a_recording_that_lives_in_an_archive_is_neither_taken_nor_missed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (setup, program) = with_archive(&format!("folder = \"{}\"", folder.path().display()));
    call(&program, "4678", "+15550100");
    let moved = sealed(&program.http, 1).remove(0);
    let two = Two::beside(&setup);
    two.back_up(&setup);
    let file = file_of(&program, &moved);
    wait_until_moved(&program, &moved, &file);
    call(&program, "4102", "+15550199");
    let stays = sealed(&program.http, 2).remove(1);
    let said = two.back_up(&setup);
    assert!(said.starts_with("1 recordings are in ") && !said.contains("were erased or redacted"), "{said}");

    let new = super::setup()
        .settings(&format!("[[archive]]\nname = \"cold\"\nfolder = \"{}\"\n", folder.path().display()));
    let restored = two.run("restore", &new, &new.data());
    assert!(restored.status.success(), "{restored:?}");
    assert!(String::from_utf8_lossy(&restored.stdout).starts_with("1 recordings are in "));
    assert_eq!(packets(&new.data(), &stays), packets(&program.data(), &stays));
    let heard = legs(&program.http, &moved);
    let program = new.start();
    assert_eq!(legs(&program.http, &moved), heard, "it is heard from its archive");
}
