//! Recordings grow old, are held, go to archives and are erased, as a user sees it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sim::counterpart::ObjectStore;
use sim::disk::Search;
use sim::time::wait_for;
use sim::{Program, Setup};

use super::redaction::keys_in;
use super::upkeep::{checked, run};
use super::{PATIENCE, legs, on_a_recorded_call, printed, recording, sealed, setup, text};

/// Jobs begin each second, and a mark is carried out by the next.
pub(super) const QUICK: &str = "[retention]\ngrace_s = 0\npurge_every_s = 1\narchive_every_s = 1\n";

/// Asks with curl: status and body.
fn curl(program: &Program, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut command = Command::new("curl");
    command.args(["-s", "-X", method, "-w", "\n%{http_code}", &program.http.url(path)]);
    if !body.is_empty() {
        command.args(["-H", "Content-Type: application/json", "-d", body]);
    }
    let output = command.output().expect("curl is there");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = said.rsplit_once('\n').expect("a status");
    (status.parse().expect("a number"), body.to_owned())
}

pub(super) fn call(program: &Program, phone: &str, number: &str) {
    program.call(&["--agent-phone", phone, "--number", number, "--seconds", "1"]).wait();
}

fn path_of(found: &Value) -> String {
    format!("/v1/recordings/{}", text(&found["id"]))
}

pub(super) fn file_of(program: &Program, found: &Value) -> PathBuf {
    program.data().join(text(&recording(&program.http, found)["file"]["path"]))
}

/// Writes fields into the call of an agent, as a CRM does.
pub(super) fn update(program: &Program, agent: &str, fields: &Value) {
    let command = json!({"AgentIdentifier": "Id", "Value": agent, "CallMetadata": fields});
    program.http.post("/api/Record/UpdateForAgent", &command).ok();
}

pub(super) fn wait_until_gone(program: &Program, found: &Value) -> String {
    wait_for("the recording is erased", PATIENCE, || {
        let (status, said) = curl(program, "GET", &path_of(found), "");
        let done = printed(program, &["retention", "status"]);
        (status == 410 && done.contains("0 erasures are decided and not done")).then_some(said)
    })
}

fn holds_nothing(search: &Search, folder: &Path) {
    assert_eq!(search.files(folder).0, Vec::<PathBuf>::new(), "a key is still there");
}

#[test]
fn a_recording_of_no_days_is_erased_everywhere_unless_it_is_held() {
    let setup = setup().settings(QUICK);
    let program = setup.start();
    call(&program, "4678", "+15550100");
    call(&program, "4102", "+15550199");
    let found = sealed(&program.http, 2);
    let files: Vec<PathBuf> = found.iter().map(|found| file_of(&program, found)).collect();
    let search = Search::new(keys_in(&files[0]));
    let backup = program.setup.beside("backup");
    let back_up = || {
        let to = backup.display().to_string();
        assert!(run(&program.setup, &["backup", &to], &program.data()).status.success());
    };
    back_up();
    assert!(!search.files(&backup).0.is_empty(), "the backup has its keys");
    let hold =
        ["holds", "place", "--matter", "2026-77", "--owner", "Dana", "--reason", "a claim", "--by", "Robin"];
    let placed = printed(&program, &[&hold[..], &["--number", "5550199"]].concat());
    assert_eq!(placed.trim(), "hold 1 holds 1 recordings");

    update(&program, "1", &json!({"keepdays": "0"}));
    update(&program, "2", &json!({"keepdays": "0"}));
    let said = wait_until_gone(&program, &found[0]);
    assert!(
        said.contains("by retention: its days are over; its proof is number 1 under /v1/erasures"),
        "{said}"
    );
    assert_eq!(curl(&program, "GET", &format!("{}/audio", path_of(&found[0])), "").0, 410);
    assert!(!files[0].exists() && files[1].exists());
    holds_nothing(&search, &program.data());
    let said = checked(&program.setup);
    assert!(said.starts_with("1 recordings, "), "{said}");
    // As if earlier runs were stopped while they put something in its place, and while they erased it.
    let in_backup = backup.join(files[0].strip_prefix(program.data()).expect("it is in it"));
    for left in ["old", "new", "erased"] {
        std::fs::copy(&in_backup, in_backup.with_extension(left)).expect("it is there");
    }
    back_up();
    holds_nothing(&search, &backup);
    assert!(run(&program.setup, &["check"], &backup).status.success(), "the backup is sound");

    let held = recording(&program.http, &found[1]);
    assert_eq!(held["custody"]["holds"], json!([1]));
    let span = r#"{"from_ms": 0, "to_ms": 500, "by": "Robin", "why": "w"}"#;
    let (status, said) = curl(&program, "POST", &format!("{}/redactions", path_of(&found[1])), span);
    assert!(status == 409 && said.contains("under legal hold 1"), "{status} {said}");
    printed(&program, &["holds", "release", "1", "--by", "Dana", "--why", "settled"]);
    wait_until_gone(&program, &found[1]);
    let (_, proofs) = curl(&program, "GET", "/v1/erasures", "");
    let proofs: Value = serde_json::from_str(&proofs).expect("JSON");
    assert_eq!(proofs["items"][1]["recording"], found[1]["id"]);
    assert_eq!(proofs["items"][0]["keys"], 2);

    // A recorder that is killed and started again does not bring it back.
    let setup = program.setup.clone();
    program.kill();
    let program = setup.start();
    assert_eq!(program.http.get("/v1/recordings").ok().json()["items"], json!([]));
    checked(&setup);
}

#[test]
fn what_is_about_somebody_is_erased_after_a_dry_run_and_what_is_restricted_is_not_heard() {
    let setup = setup();
    let program = setup.start();
    call(&program, "4678", "+15550100");
    call(&program, "4678", "+15550100");
    call(&program, "4102", "+15550199");
    let found = sealed(&program.http, 3);
    let by = r#"{"by": "Robin", "why": "GDPR 18(1)(a)"}"#;
    let restriction = format!("{}/restriction", path_of(&found[2]));
    assert_eq!(curl(&program, "PUT", &restriction, by).0, 204);
    let audio = format!("{}/audio", path_of(&found[2]));
    let (status, said) = curl(&program, "GET", &audio, "");
    assert!(status == 403 && said.contains("GDPR 18(1)(a)"), "{status} {said}");
    for sealed in ["manifest", "vcon", "waveform"] {
        let (status, said) = curl(&program, "GET", &format!("{}/{sealed}", path_of(&found[2])), "");
        assert!(status == 403 && said.contains("neither played nor given out"), "{sealed}: {status} {said}");
    }
    assert_eq!(curl(&program, "GET", &path_of(&found[2]), "").0, 200, "it is seen that it is restricted");
    assert_eq!(curl(&program, "DELETE", &format!("{restriction}?by=Robin"), "").0, 204);
    assert_eq!(legs(&program.http, &found[2]).len(), 2, "it is heard again");

    let hold =
        json!({"matter": "m", "owner": "Dana", "reason": "r", "by": "R", "recordings": [found[1]["id"]]});
    assert_eq!(curl(&program, "POST", "/v1/holds", &hold.to_string()).0, 201);
    let erase = ["erase", "--number", "5550100", "--by", "Robin", "--why", "GDPR 17(1)(a)"];
    let said = printed(&program, &[&erase[..], &["--dry-run"]].concat());
    assert!(said.contains("1 recordings would go") && said.contains("legal hold 1 keeps it"), "{said}");
    assert_eq!(sealed(&program.http, 3).len(), 3, "nothing was done");
    let file = file_of(&program, &found[0]);
    let search = Search::new(keys_in(&file));
    let said = printed(&program, &[&erase[..], &["--yes"]].concat());
    assert!(said.contains("1 recordings are erased"), "{said}");
    assert!(!file.exists());
    holds_nothing(&search, &program.data());
    let (status, said) = curl(&program, "GET", &path_of(&found[0]), "");
    assert!(status == 410 && said.contains("by Robin: GDPR 17(1)(a)"), "{status} {said}");
    let all = json!({"number": "5550100", "by": "Robin", "why": "w"}).to_string();
    let (status, said) = curl(&program, "POST", "/v1/erasures", &all);
    assert!(status == 409 && said.contains("legal hold 1 keeps it"), "{status} {said}");
    // By what kind of condition is on record, and never whom it names.
    let asked = super::audit::awaited(&program.http, "action=erasure.ask", 4);
    let details: Vec<_> = asked.iter().map(|entry| text(&entry["detail"])).collect();
    let dry = "by number; a dry run";
    let kept =
        "by number; why not: Nothing was erased: 1 recordings are about them, and legal hold 1 keeps it.";
    assert_eq!(details, [dry, dry, "by number", kept], "a command looks before it erases");
    assert!(asked.iter().all(|entry| !entry.to_string().contains("5550100")), "{asked:#?}");
    for (body, says) in [
        (json!({"by": "R", "why": "w"}), "say whose recordings are meant"),
        (json!({"number": "0100", "by": "R", "why": "w"}), "6 digits or more"),
        (json!({"number": "5550100", "by": "R"}), "missing field `why`"),
        (json!({"fields": {"gate": "1"}, "by": "R", "why": "w"}), "fields are user1 to user15"),
    ] {
        let (status, said) = curl(&program, "POST", "/v1/erasures", &body.to_string());
        assert!(status == 400 && said.to_lowercase().contains(says), "{body}: {status} {said}");
    }
    checked(&program.setup);
}

/// A recorder with an archive named `cold`, and an archive action 2 that moves there.
pub(super) fn with_archive(place: &str) -> (Setup, Program) {
    let setup = setup().settings(&format!("{QUICK}[[archive]]\nname = \"cold\"\n{place}\n"));
    let program = setup.start();
    let action = json!({"name": "To the cold", "kind": "normal", "target": "cold"});
    assert_eq!(program.http.post("/v1/archive-actions", &action).status, 201);
    (setup, program)
}

pub(super) fn wait_until_moved(program: &Program, found: &Value, file: &Path) {
    update(program, "1", &json!({"keepdays": "0", "archiveaction": "2"}));
    wait_for("the recording is moved", PATIENCE, || {
        (recording(&program.http, found)["custody"]["archive"] == "cold" && !file.exists()).then_some(())
    });
}

#[test]
fn a_recording_that_was_moved_to_a_folder_plays_from_there_and_is_erased_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let (setup, program) = with_archive(&format!("folder = \"{}\"", folder.path().display()));
    call(&program, "4678", "+15550100");
    let found = sealed(&program.http, 1).remove(0);
    let (file, before) = (file_of(&program, &found), legs(&program.http, &found));
    let search = Search::new(keys_in(&file));
    wait_until_moved(&program, &found, &file);
    assert_eq!(legs(&program.http, &found), before, "it is heard as before");
    let config = setup.beside("settings.toml").display().to_string();
    let check = || run(&setup, &["check", "--config", &config], &setup.data());
    let checked = check();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success() && said.contains("1 of them are in archives"), "{said}");
    // The volume is away.
    let away = folder.path().with_extension("away");
    std::fs::rename(folder.path(), &away).expect("it is ours");
    assert!(!check().status.success());
    let shown = recording(&program.http, &found);
    assert!(shown["manifest"].is_null(), "{shown}");
    std::fs::rename(&away, folder.path()).expect("it is ours");
    update(&program, "1", &json!({"archiveaction": "1"}));
    wait_until_gone(&program, &found);
    holds_nothing(&search, folder.path());
    holds_nothing(&search, &program.data());
}

#[test]
fn a_recording_that_was_moved_to_an_object_store_plays_from_there_and_is_erased_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = ObjectStore::start(folder.path(), "calls");
    let key_file = folder.path().join("key");
    std::fs::write(&key_file, "an id\na secret\n").expect("there is room");
    std::fs::set_permissions(&key_file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("it is ours");
    let place = format!(
        "s3 = {{ endpoint = \"{}\", bucket = \"calls\", prefix = \"sidetone\", key_file = \"{}\" }}",
        store.endpoint(),
        key_file.display()
    );
    let (setup, program) = with_archive(&place);
    call(&program, "4678", "+15550100");
    let found = sealed(&program.http, 1).remove(0);
    let (file, before) = (file_of(&program, &found), legs(&program.http, &found));
    let search = Search::new(keys_in(&file));
    wait_until_moved(&program, &found, &file);
    let [key] = &store.keys()[..] else { panic!("{:?}", store.keys()) };
    assert!(key.starts_with("sidetone/recordings/") && key.ends_with(".rec"), "{key}");
    assert_eq!(legs(&program.http, &found), before, "it is heard as before");
    let config = setup.beside("settings.toml").display().to_string();
    let checked = run(&setup, &["check", "--config", &config], &setup.data());
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success() && said.contains("1 of them are in archives"), "{said}");
    update(&program, "1", &json!({"archiveaction": "1"}));
    wait_until_gone(&program, &found);
    assert_eq!(store.keys(), Vec::<String>::new());
    holds_nothing(&search, &program.data());
    // An agent's call goes on all the while.
    let up = program.call(&["--agent-phone", "4678", "--seconds", "1"]);
    on_a_recorded_call(&program.http, "4678");
    up.wait();
}

#[test]
fn a_clock_set_forward_erases_nothing_until_somebody_confirms_it_and_then_what_is_due_and_not_held() {
    let setup = setup().settings(&format!("{QUICK}keep_days = 30\n")).with_clock();
    let program = setup.start();
    call(&program, "4102", "+15550101");
    call(&program, "4678", "+15550102");
    sealed(&program.http, 2);
    update(&program, "1", &json!({"keepdays": "90"}));
    call(&program, "4678", "+15550103");
    let found = sealed(&program.http, 3);
    let of = |number: &str| {
        let page = program.http.get(&format!("/v1/recordings?number={number}")).ok().json();
        let id = &page["items"][0]["id"];
        found.iter().find(|found| found["id"] == *id).expect("it is one of the three")
    };
    let [held, younger, due] = ["5550101", "5550102", "5550103"].map(of);
    let hold = ["holds", "place", "--matter", "m", "--owner", "Dana", "--reason", "a claim", "--by", "Robin"];
    printed(&program, &[&hold[..], &["--number", "5550101"]].concat());

    setup.set_clock("+40d");
    wait_for("deletions stop", PATIENCE, || {
        let alarms = program.http.get("/v1/alarms?state=active").ok().json();
        let stopped = |alarm: &Value| alarm["kind"] == "retention_stopped";
        alarms["items"].as_array().expect("a list").iter().any(stopped).then_some(())
    });
    let status = program.run(&["retention", "status"]);
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(!status.status.success() && said.contains("ahead"), "{said}");
    assert_eq!(sealed(&program.http, 3).len(), 3, "nothing went");

    let said = printed(&program, &["retention", "confirm", "--by", "Robin"]);
    assert!(said.starts_with("confirmed: "), "{said}");
    wait_until_gone(&program, due);
    for kept in [held, younger] {
        assert_eq!(curl(&program, "GET", &path_of(kept), "").0, 200);
    }
    setup.set_clock("+100d");
    wait_for("deletions stop again", PATIENCE, || {
        (!program.run(&["retention", "status"]).status.success()).then_some(())
    });
    printed(&program, &["retention", "confirm", "--by", "Robin"]);
    wait_until_gone(&program, younger);
    assert_eq!(curl(&program, "GET", &path_of(held), "").0, 200, "the hold wins");
    printed(&program, &["holds", "release", "1", "--by", "Dana", "--why", "settled"]);
    wait_until_gone(&program, held);
    checked(&program.setup);
}
