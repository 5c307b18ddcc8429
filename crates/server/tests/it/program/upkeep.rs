//! What an operator does with a data folder: look whether it is sound, copy it while it records, bring a copy back.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use sim::{Program, Setup};

use super::{on_a_recorded_call, packets, recording, sealed, setup, text};

pub(super) fn run(setup: &Setup, arguments: &[&str], folder: &Path) -> Output {
    setup.run(&[arguments, &["--data", &folder.display().to_string()]].concat())
}

/// What `sidetone check` says of the data folder, in which nothing is wrong.
pub(super) fn checked(setup: &Setup) -> String {
    let output = run(setup, &["check"], &setup.data());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

/// What `sidetone check` finds.
pub(super) fn faults(setup: &Setup, folder: &Path, options: &[&str]) -> Vec<String> {
    let output = run(setup, &[&["check", "--json"], options].concat(), folder);
    let found: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let faults: Vec<String> =
        found["faults"].as_array().expect("a list").iter().map(|it| text(it).to_owned()).collect();
    assert_eq!(output.status.success(), faults.is_empty(), "{found}");
    faults
}

fn call(program: &Program, seconds: &str) {
    program.call(&["--agent-phone", "4678", "--seconds", seconds]).wait();
}

/// The sealed file of a recording.
fn file_of(program: &Program, found: &Value) -> std::path::PathBuf {
    program.data().join(text(&recording(&program.http, found)["file"]["path"]))
}

#[test]
fn check_finds_what_is_missing_altered_swapped_or_nobodys_and_nothing_in_a_sound_folder() {
    let setup = setup();
    let program = setup.start();
    for count in 1..=4 {
        call(&program, "1");
        sealed(&program.http, count);
    }
    let up = program.call(&["--agent-phone", "4102", "--seconds", "60"]);
    on_a_recorded_call(&program.http, "4102");
    let said = checked(&setup);
    assert!(said.starts_with("4 recordings, ") && said.contains("every tag looked at"), "{said}");
    assert_eq!(faults(&setup, &setup.data(), &[]), [""; 0], "beside a recorder with a call up");

    let found = sealed(&program.http, 4);
    let files: Vec<_> = found.iter().map(|found| file_of(&program, found)).collect();
    drop(up);
    let mut bytes = fs::read(&files[0]).expect("it is sealed");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&files[0], &bytes).expect("it is ours");
    fs::remove_file(&files[1]).expect("it is there");
    let cut = fs::read(&files[2]).expect("it is sealed");
    fs::write(&files[2], &cut[..cut.len() - 1]).expect("it is ours");
    let stranger = files[3].with_file_name("notes.txt");
    fs::write(&stranger, "?").expect("there is room");

    let said = faults(&setup, &setup.data(), &[]);
    assert_eq!(said.len(), 4, "{said:#?}");
    for (fault, found, what) in [
        (&said[0], &found[0], "at byte"),
        (&said[1], &found[1], "is missing"),
        (&said[2], &found[2], "not whole"),
    ] {
        assert!(fault.contains(text(&found["id"])) && fault.contains(what), "{fault}");
    }
    assert!(said[3].contains("notes.txt is no recording"), "{said:?}");
    // A quick look sees names and lengths.
    let quick = faults(&setup, &setup.data(), &["--quick"]);
    assert_eq!(quick.len(), 3, "{quick:#?}");

    let nowhere = run(&setup, &["check"], &setup.beside("nowhere"));
    let why = String::from_utf8_lossy(&nowhere.stderr).into_owned();
    assert!(!nowhere.status.success() && why.contains("there is no index"), "{why}");
}

#[test]
fn a_file_in_the_place_of_another_and_one_without_a_row_are_found() {
    let setup = setup();
    let program = setup.start();
    call(&program, "1");
    sealed(&program.http, 1);
    let copy = setup.beside("copy");
    let backed_up = run(&setup, &["backup", &copy.display().to_string()], &setup.data());
    assert!(backed_up.status.success(), "{backed_up:?}");
    call(&program, "1");
    let found = sealed(&program.http, 2);
    let files: Vec<_> = found.iter().map(|found| file_of(&program, found)).collect();
    program.stop();
    fs::copy(copy.join("index.sqlite"), setup.data().join("index.sqlite")).expect("it is there");
    let said = faults(&setup, &setup.data(), &[]);
    assert!(
        said.len() == 2 && said[0].contains(text(&found[1]["id"])) && said[0].contains("no row"),
        "{said:?}"
    );
    assert!(said[1].contains("index.sqlite") && said[1].contains("the recorder stopped"), "{said:?}");
    fs::copy(&files[1], &files[0]).expect("it is there");
    let said = faults(&setup, &setup.data(), &[]);
    assert!(said[0].contains(&format!("is the file of recording {}", text(&found[1]["id"]))), "{said:?}");
}

#[test]
fn a_backup_made_while_calls_are_up_brings_everything_back_on_another_machine() {
    let old = setup();
    let program = old.start();
    call(&program, "1");
    let first = sealed(&program.http, 1).remove(0);
    let agents = json!([{"id": 7, "phone": "4777", "name": "Ines Faro"}]);
    program.http.post("/v1/agents/import", &agents).ok();
    let by_phone = json!({"AgentIdentifier": "Phone", "Value": "4102"});
    program.http.post("/api/Blackout/StartForAgent", &by_phone).ok();
    let up = program.call(&["--agent-phone", "4678", "--seconds", "60"]);
    on_a_recorded_call(&program.http, "4678");
    // Some of its sound has to be on its way.
    std::thread::sleep(std::time::Duration::from_secs(1));

    let copy = old.beside("copy");
    let copy_text = copy.display().to_string();
    let said = run(&old, &["backup", &copy_text], &old.data());
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.starts_with("1 recordings are in ") && said.contains("the keys are in it"), "{said}");
    assert_eq!(faults(&old, &copy, &[]), [""; 0], "a backup can be looked at like the folder it is of");
    // What was copied before is not copied again.
    let again = run(&old, &["backup", &copy_text], &old.data());
    let again = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(again.contains("(0 new, 0 bytes)"), "{again}");
    program.kill();
    drop(up);

    let new = setup();
    let restored = run(&new, &["restore", &copy_text], &new.data());
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    let program = new.start();
    let found = sealed(&program.http, 2);
    assert_eq!(found[0]["id"], first["id"]);
    assert_eq!(packets(&new.data(), &found[0]), packets(&old.data(), &first));
    assert!(packets(&new.data(), &found[1]).len() > 40, "the call that was up is kept as far as it had come");
    let known = program.http.get("/v1/agents").ok().text();
    assert!(known.contains("4777") && known.contains("Ines Faro"), "{known}");
    assert_eq!(super::agent(&program.http, "4102")["BlackoutActive"], true, "a blackout is brought back too");
    assert_eq!(faults(&new, &new.data(), &[]), [""; 0]);
}

#[test]
fn a_backup_with_a_state_key_that_no_recorder_would_start_with_is_no_good_one() {
    let setup = setup();
    let program = setup.start();
    call(&program, "1");
    sealed(&program.http, 1);
    let copy = setup.beside("copy");
    assert!(run(&setup, &["backup", &copy.display().to_string()], &setup.data()).status.success());
    assert_eq!(faults(&setup, &copy, &[]), [""; 0]);
    let key = copy.join("keys/state.key");
    let mut line = fs::read(&key).expect("it is there");
    let digit = line.len() - 2;
    line[digit] = if line[digit] == b'0' { b'1' } else { b'0' };
    fs::write(&key, line).expect("it is ours");
    let said = faults(&setup, &copy, &[]);
    assert!(matches!(&said[..], [fault] if fault.contains("was written with another state key")), "{said:?}");
    // One digit more or less is no key.
    fs::write(&key, "sidetone-state-key-1 00\n").expect("it is ours");
    assert!(!run(&setup, &["check"], &copy).status.success());
}

#[test]
fn a_backup_that_cannot_be_made_or_brought_back_says_why_and_changes_nothing() {
    let setup = setup();
    let program = setup.start();
    call(&program, "1");
    sealed(&program.http, 1);
    let refused = |arguments: &[&str], folder: &Path, why: &str| {
        let output = run(&setup, arguments, folder);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{arguments:?}: {said}");
    };
    let [inside, other, copy, empty] = ["data/copy", "other", "copy", "empty"].map(|name| setup.beside(name));
    fs::create_dir(&other).expect("there is room");
    fs::write(other.join("letter.txt"), "!").expect("there is room");
    let name = |path: &Path| path.display().to_string();
    refused(&["backup", &name(&copy)], &other, "is no data folder");
    refused(&["backup", &name(&inside)], &setup.data(), "in its data folder");
    refused(&["backup", &name(&other)], &setup.data(), "holds something else");
    assert_eq!(fs::read_dir(&other).expect("it is there").count(), 1);

    let made = run(&setup, &["backup", "--without-keys", &name(&copy)], &setup.data());
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(said.contains("the keys are not in it") && !copy.join("keys").exists(), "{said}");
    let looked = run(&setup, &["check"], &copy);
    let said = String::from_utf8_lossy(&looked.stdout).into_owned();
    assert!(looked.status.success() && said.contains("no tag looked at"), "{said}");
    assert!(!copy.join("keys").exists(), "a look makes no keys");
    refused(&["restore", &name(&copy)], &empty, "put them into");
    refused(&["restore", &name(&copy)], &setup.data(), "is not empty");
    refused(&["restore", &name(&other)], &empty, "is no backup");
    fs::write(copy.join("backup.unfinished"), "").expect("there is room");
    refused(&["restore", &name(&copy)], &empty, "is not whole");
    fs::remove_file(copy.join("backup.unfinished")).expect("it is there");
    // With the keys in place it works.
    fs::create_dir(&empty).expect("there is room");
    let keys = std::process::Command::new("cp")
        .arg("-a")
        .args([setup.data().join("keys"), empty.join("keys")])
        .status();
    assert!(keys.expect("cp runs").success());
    let restored = run(&setup, &["restore", &name(&copy)], &empty);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    assert_eq!(faults(&setup, &empty, &[]), [""; 0]);
}

#[test]
fn a_command_whose_output_nobody_reads_ends_without_a_word() {
    let setup = setup();
    setup.start().stop();
    let (nobody, pipe) = std::io::pipe().expect("a pipe");
    drop(nobody);
    let data = setup.data().display().to_string();
    let child = setup.command(&["check", "--data", &data]).stdout(pipe).stderr(Stdio::piped()).spawn();
    let output = child.expect("it can be run").wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(141), "as one that SIGPIPE has ended");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
