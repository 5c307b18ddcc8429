//! A second volume, as its operator sees it. That of a disk that is full stands in `pulled_disk`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use sim::Setup;
use sim::time::wait_for;
use vault::{Disk, RealDisk};

use super::upkeep::{faults, run};
use super::{PATIENCE, agent, sealed, setup, text};

/// Sealed files below a folder.
pub(super) fn recordings_in(folder: &Path) -> usize {
    if !folder.join("recordings").exists() {
        return 0;
    }
    let files = sim::disk::files(&folder.join("recordings"));
    files.iter().filter(|(path, _)| path.extension().is_some_and(|it| it == "rec")).count()
}

/// A recorder whose first volume takes nothing new, and the folder on the second.
fn full() -> (Setup, PathBuf) {
    let setup = setup();
    let spill = setup.beside("spill");
    // One volume has less than what is kept free, and two have more.
    let free = RealDisk::new().space(&setup.beside("")).expect("a volume").free_bytes;
    let reserve = (free / 2 * 3) >> 20;
    let setup = setup.argument("--spill").argument(&spill.display().to_string());
    (setup.argument("--disk-reserve-mib").argument(&reserve.to_string()), spill)
}

#[test]
fn what_the_first_volume_has_no_room_for_is_recorded_on_the_second_and_found_there() {
    let (setup, spill) = full();
    let spilled = spill.display().to_string();
    let program = setup.start();
    program.call(&["--agent-phone", "4678", "--seconds", "2"]).wait();
    let found = sealed(&program.http, 1).remove(0);
    assert_eq!((recordings_in(&spill), recordings_in(&program.data())), (1, 0));
    program.http.get(&format!("/v1/recordings/{}/audio", text(&found["id"]))).ok();
    let wanted = json!({"from_ms": 500, "to_ms": 900, "by": "Robin", "why": "a test"});
    let redacted = program.http.post(&format!("/v1/recordings/{}/redactions", text(&found["id"])), &wanted);
    assert_eq!(redacted.status, 201, "{}", redacted.text());

    // Blackouts and agents outlive a kill though their journal lies on the second volume.
    let dark = json!({"AgentIdentifier": "Id", "Value": "1"});
    program.http.post("/api/Blackout/StartForAgent", &dark).ok();
    program.kill();
    let program = setup.start();
    assert_eq!(agent(&program.http, "4678")["BlackoutActive"], true);

    let with_spill = ["--spill", spilled.as_str()];
    let checked = run(&setup, &[&["check"], &with_spill[..]].concat(), &setup.data());
    assert!(checked.status.success(), "{checked:?}");
    let without = run(&setup, &["check"], &setup.data());
    assert!(String::from_utf8_lossy(&without.stdout).contains("is missing"), "{without:?}");
    let copy = setup.beside("copy");
    let copied =
        run(&setup, &[&["backup", &copy.display().to_string()], &with_spill[..]].concat(), &setup.data());
    assert!(copied.status.success(), "{copied:?}");
    assert!(run(&setup, &["check"], &copy).status.success(), "a backup is one folder");
    let doctor = run(&setup, &[&["doctor"], &with_spill[..]].concat(), &setup.data());
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(said.contains("lies on the volume of the data folder, and refuses when that does"), "{said}");
}

#[test]
fn what_was_changed_on_the_second_volume_while_the_recorder_was_stopped_is_named() {
    let (setup, spill) = full();
    let program = setup.start();
    program.call(&["--agent-phone", "4678", "--seconds", "1"]).wait();
    sealed(&program.http, 1);
    program.stop();
    let spilled = spill.display().to_string();
    let with_spill = ["--spill", spilled.as_str()];
    assert_eq!(faults(&setup, &setup.data(), &with_spill), [""; 0]);
    let segment = fs::read_dir(spill.join("journal")).expect("it is there").next().expect("a segment");
    let segment = segment.expect("it is there").path();
    let named = format!("spill/journal/{}", segment.file_name().expect("a name").display());
    let without = faults(&setup, &setup.data(), &[]);
    assert!(without.iter().any(|fault| fault.contains(&format!("with {named} on it"))), "{without:#?}");

    let bytes = fs::read(&segment).expect("it is there");
    fs::write(&segment, [&bytes[..], b"forged"].concat()).expect("it is ours");
    fs::write(spill.join("live/forged.part"), "a call").expect("there is room");
    let said = faults(&setup, &setup.data(), &with_spill);
    for (fault, named) in said.iter().zip(["spill/live/forged.part was not there", &*named]) {
        assert!(fault.contains(named), "{said:#?}");
    }
    assert_eq!(said.len(), 2, "{said:#?}");
}

#[test]
fn a_second_volume_in_the_first_and_one_that_is_in_use_are_refused() {
    let nested = setup();
    let inside = nested.data().join("spill").display().to_string();
    let (status, said) = nested.argument("--spill").argument(&inside).start_refused();
    assert!(!status.success());
    assert!(said.contains("a folder on another volume is right"), "{said}");

    let first = setup();
    let spill = first.beside("spill").display().to_string();
    let program = first.argument("--spill").argument(&spill).start();
    wait_for("it is ready", PATIENCE, || (program.http.get("/readyz").status == 200).then_some(()));
    let (status, said) = setup().argument("--spill").argument(&spill).start_refused();
    assert!(!status.success());
    assert!(said.contains("in use by another recorder"), "{said}");
}
