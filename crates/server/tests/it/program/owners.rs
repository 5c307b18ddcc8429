//! A recorder with a user of its own, and root, who runs commands on its data folder as the guide prints them.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use sim::time::wait_for;
use sim::{Program, Setup};

use super::alarms::alarm;
use super::upkeep::run;
use super::{PATIENCE, legs, sealed, setup, text};

/// `nobody` of Debian.
const NOBODY: u32 = 65_534;

/// A recorder of nobody's; none, which is said, where the tester is not root.
#[expect(clippy::print_stderr, reason = "that nothing was tried is to be seen")]
fn of_nobody() -> Option<Setup> {
    let setup = setup().of_user(NOBODY);
    if setup.is_none() {
        eprintln!("nothing is tried: root alone can start a recorder as another user");
    }
    setup
}

/// What in a folder belongs to somebody else.
fn of_others(folder: &Path) -> Vec<PathBuf> {
    let mut others = Vec::new();
    for entry in fs::read_dir(folder).expect("we are root").map(|entry| entry.expect("it is there")) {
        let about = entry.metadata().expect("it is there");
        if (about.uid(), about.gid()) != (NOBODY, NOBODY) {
            others.push(entry.path());
        }
        if about.is_dir() {
            others.extend(of_others(&entry.path()));
        }
    }
    others
}

/// What a command says that root runs on a folder.
fn done(setup: &Setup, arguments: &[&str], folder: &Path) -> String {
    let output = run(setup, arguments, folder);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

fn reading_key(program: &Program) -> String {
    let keys = program.http.get("/v1/keys").ok().json();
    let items = keys["items"].as_array().expect("a list");
    let present = items.iter().find(|key| key["kind"] == "reading" && key["stand"] == "present");
    text(&present.expect("a reading key")["id"]).to_owned()
}

fn call(program: &Program) {
    program.call(&["--agent-phone", "4678", "--number", "+15550100", "--seconds", "1"]).wait();
}

#[test]
fn what_root_does_to_the_keys_of_a_recorder_is_the_recorders() {
    let Some(setup) = of_nobody() else { return };
    let program = setup.start();
    call(&program);
    sealed(&program.http, 1);
    let before = reading_key(&program);
    done(&setup, &["keys", "rotate"], &setup.data());
    assert_eq!(of_others(&setup.data()), Vec::<PathBuf>::new());
    program.hang_up();
    wait_for("the new key is taken", PATIENCE, || (reading_key(&program) != before).then_some(()));
    program.stop();

    done(&setup, &["keys", "rotate", "--state"], &setup.data());
    done(&setup, &["keys", "keep", "--in-clear"], &setup.data());
    done(&setup, &["upgrade"], &setup.data());
    done(&setup, &["check"], &setup.data());
    assert_eq!(of_others(&setup.data()), Vec::<PathBuf>::new());
    let program = setup.start();
    call(&program);
    for found in &sealed(&program.http, 2) {
        legs(&program.http, found);
    }
}

#[test]
fn what_root_brings_back_into_the_folder_of_a_recorder_is_the_recorders() {
    let (Some(setup), Some(other)) = (of_nobody(), of_nobody()) else { return };
    let program = setup.start();
    call(&program);
    sealed(&program.http, 1);
    let backup = setup.beside("backup").display().to_string();
    done(&setup, &["backup", &backup], &setup.data());
    assert_eq!(of_others(&setup.data()), Vec::<PathBuf>::new());
    let said = done(&setup, &["restore", &backup], &other.data());
    assert!(!said.contains("chown"), "{said}");
    assert_eq!(of_others(&other.data()), Vec::<PathBuf>::new());
    let again = other.start();
    legs(&again.http, &sealed(&again.http, 1)[0]);

    let said = done(&setup, &["restore", &backup], &setup.beside("of-root"));
    let last = said.lines().last().unwrap_or_default();
    assert!(last.contains("belong to root") && last.contains("chown -R USER: "), "{said}");
}

#[test]
fn keys_that_the_recorder_may_not_read_are_an_alarm_when_it_is_told_to_look_and_a_start_says_who_must_own_them()
 {
    let Some(setup) = of_nobody() else { return };
    let program = setup.start();
    let key = setup.data().join("keys/reading.key");
    chown(&key, Some(0), Some(0)).expect("we are root");
    program.hang_up();
    let told = alarm(&program, "active", "keys_not_taken");
    assert!(text(&told["what"]).contains("chown USER: "), "{told}");
    chown(&key, Some(NOBODY), Some(NOBODY)).expect("we are root");
    program.hang_up();
    alarm(&program, "over", "keys_not_taken");

    chown(&key, Some(0), Some(0)).expect("we are root");
    program.stop();
    let (_, said) = setup.start_refused();
    let right = format!(
        "it belongs to user 0; the user the recorder runs as has to own it, and to be let into its folders: as root, chown USER: {}",
        key.display()
    );
    assert!(said.contains(&right), "{said}");
}
