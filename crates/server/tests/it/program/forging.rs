//! What somebody does to the audit and the index who has the disk, with the signing key and without, and how it shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use audit::{Entry, Hash, Head, Link, PURPOSE, TIP_PURPOSE, Tip};
use serde_json::Value;
use sim::time::wait_for;
use sim::{Program, Setup, debian};
use vault::SigningKey;

use super::audit::{awaited, checked, recorded, tamper};
use super::upkeep::faults;
use super::{PATIENCE, setup, text};

/// Has sqlite3 do something with the index; gives what it prints.
fn sql(setup: &Setup, statements: &str) -> String {
    let done = Command::new("sqlite3")
        .args(["-cmd", ".timeout 10000"])
        .arg(setup.data().join("index.sqlite"))
        .arg(statements)
        .output()
        .expect("sqlite3 is installed");
    assert!(done.status.success(), "{statements}: {done:?}");
    String::from_utf8(done.stdout).expect("a text")
}

const TEXTS: &str =
    "kind, who, role, source, action, outcome, answer, recording, call, about, detail, reason";

/// The entries, as they lie there, from a number on.
fn entries(setup: &Setup, from: u64) -> Vec<(u64, Entry, Hash)> {
    let select = format!(
        "SELECT json_group_array(json_object('number', number, 'at_ns', at_ns, 'hash', lower(hex(hash)), 'texts',
            json_array({TEXTS}))) FROM (SELECT * FROM audit WHERE number >= {from} ORDER BY number)"
    );
    let rows: Vec<Value> = serde_json::from_str(&sql(setup, &select)).expect("JSON");
    let entry = |row: &Value| {
        let take = |place: usize| text(&row["texts"][place]).to_owned();
        let entry = Entry {
            at_ns: row["at_ns"].as_i64().expect("a number"),
            kind: take(0),
            who: take(1),
            role: take(2),
            source: take(3),
            action: take(4),
            outcome: take(5),
            answer: take(6),
            recording: take(7),
            call: take(8),
            about: take(9),
            detail: take(10),
            reason: take(11),
        };
        let hash = Hash::from_hex(text(&row["hash"])).expect("a hash");
        (row["number"].as_u64().expect("a number"), entry, hash)
    };
    rows.iter().map(entry).collect()
}

/// Puts an entry behind the last, as anybody could who has the database: the chain has no key. Gives its number.
fn forge(setup: &Setup, who: &str, action: &str) -> u64 {
    let last: u64 = sql(setup, "SELECT max(number) FROM audit").trim().parse().expect("a number");
    let (number, mut entry, hash) = entries(setup, last).remove(0);
    entry.who = who.to_owned();
    entry.action = action.to_owned();
    let link = Link { number, hash }.then(entry.content(number + 1));
    let texts = entry.texts().map(|(_, text)| format!("'{text}'")).join(", ");
    sql(
        setup,
        &format!(
            "INSERT INTO audit (number, at_ns, {TEXTS}, hash) VALUES ({}, {}, {texts}, x'{}')",
            link.number, entry.at_ns, link.hash
        ),
    );
    link.number
}

fn key_of(setup: &Setup) -> SigningKey {
    vault::keys::signing_key(&setup.data().join("keys")).expect("it is there")
}

/// Signs the end of the chain as it is now, as who has the key of the install can.
pub(super) fn sign_tip(setup: &Setup) {
    let last: u64 = sql(setup, "SELECT max(number) FROM audit").trim().parse().expect("a number");
    let (number, _, hash) = entries(setup, last).remove(0);
    let signature = key_of(setup).sign(TIP_PURPOSE, &Tip::message(Link { number, hash }));
    sql(
        setup,
        &format!("UPDATE audit_tip SET number = {number}, hash = x'{hash}', signature = '{signature}'"),
    );
}

/// Writes the chain anew with another name in it, and signs all heads and the end anew.
fn rewrite(setup: &Setup) {
    let key = key_of(setup);
    let (mut link, mut statements) = (Link::default(), String::new());
    let heads = sql(setup, "SELECT number FROM audit_head");
    let heads: Vec<u64> = heads.lines().map(|line| line.parse().expect("a number")).collect();
    for (number, mut entry, _) in entries(setup, 1) {
        if entry.action == "recording.search" {
            entry.who = "somebody else".to_owned();
        }
        link = link.then(entry.content(number));
        statements += &format!(
            "UPDATE audit SET who = '{}', hash = x'{}' WHERE number = {number};",
            entry.who, link.hash
        );
        if heads.contains(&number) {
            let head = Head::signed(link, 7, |message| key.sign(PURPOSE, message).to_string());
            statements += &format!(
                "UPDATE audit_head SET hash = x'{}', at_ns = 7, signature = '{}' WHERE number = {number};",
                link.hash, head.signature
            );
        }
    }
    tamper(setup, &statements);
    sign_tip(setup);
}

/// A recorder that is witnessed, has been asked for something, and was stopped; and the file of its witness.
fn stopped(folder: &Path) -> (Setup, String) {
    let setup = setup().settings(&format!("[audit]\nsign_every_s = 1\nwitness_folder = {folder:?}\n"));
    let program = setup.start();
    for word in 1..=4 {
        program.http.get(&format!("/v1/recordings?text=word{word}")).ok();
    }
    awaited(&program.http, "action=recording.search", 4);
    program.stop();
    (setup, folder.join("audit-heads.jsonl").display().to_string())
}

/// Waits for an alarm of something that has happened.
fn alarm(program: &Program, kind: &str) -> Value {
    wait_for(kind, PATIENCE, || {
        let page = program.http.get("/v1/alarms").ok().json();
        page["items"].as_array().expect("a list").iter().find(|alarm| alarm["kind"] == kind).cloned()
    })
}

fn told(found: &Value) -> String {
    found["faults"].as_array().expect("a list").iter().map(text).collect::<Vec<_>>().join("\n")
}

#[test]
fn who_has_the_key_and_writes_the_chain_anew_with_new_heads_is_told_by_the_witness_that_was_kept_elsewhere() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let (setup, witness) = stopped(elsewhere.path());
    assert!(checked(&setup, &["--witness", &witness]).0);
    rewrite(&setup);
    let (whole, found) = checked(&setup, &[]);
    assert!(whole, "with the key all of it can be signed: {found:#}");
    let (whole, found) = checked(&setup, &["--witness", &witness]);
    let said = told(&found);
    assert!(!whole && said.contains("were written anew"), "{said}");
    assert!(
        said.contains("two heads of entry") && said.contains(", in line ") && said.contains("the index"),
        "{said}"
    );
}

#[test]
fn an_audit_that_was_taken_back_and_has_grown_past_its_old_end_does_not_fit_the_old_heads_of_its_witness() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let (setup, witness) = stopped(elsewhere.path());
    let index = setup.data().join("index.sqlite");
    let earlier = fs::read(&index).expect("it is there");
    let run = |words: &[&str]| {
        let program = setup.start();
        for word in words {
            program.http.get(&format!("/v1/recordings?text={word}")).ok();
        }
        awaited(&program.http, "action=recording.search", 4 + words.len());
        program.stop();
    };
    run(&["what", "is", "hidden"]);
    // Folder and database are brought back from before that, and the recorder goes on.
    fs::write(&index, earlier).expect("it is ours");
    run(&["much", "else", "is", "asked", "for"]);
    let (whole, found) = checked(&setup, &[]);
    assert!(whole, "by itself it is whole: {found:#}");
    let (whole, found) = checked(&setup, &["--witness", &witness]);
    assert!(!whole && told(&found).contains("were written anew"), "{found:#}");
}

#[test]
fn what_was_put_behind_the_end_of_a_stopped_audit_is_named_and_no_later_head_makes_it_good() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let (setup, witness) = stopped(elsewhere.path());
    let (first, last) =
        (forge(&setup, "sidetone", "recording.erase"), forge(&setup, "cora", "recording.listen"));
    let behind = format!("entries {first} to {last} were not written by this recorder");
    let (whole, found) = checked(&setup, &["--witness", &witness]);
    assert!(!whole && told(&found).contains(&behind), "{found:#}");

    let program = setup.start();
    let raised = alarm(&program, "audit_touched");
    assert!(text(&raised["what"]).contains(&behind), "{raised:#}");
    let entry = awaited(&program.http, "action=audit.touched", 1).remove(0);
    assert_eq!(entry["about"], format!("entries {first} to {last}"), "{entry:#}");
    assert_eq!(entry["number"], last + 1, "before anything else is written");
    program.stop();
    let key = setup.data().join("keys/signing.pub").display().to_string();
    let (whole, found) = checked(&setup, &["--key", &key, "--witness", &witness]);
    assert_eq!(found["audit"]["vouched"], found["audit"]["entries"], "heads cover it by now: {found:#}");
    let says = format!("entry {} says: {behind}", last + 1);
    assert!(!whole && told(&found).contains(&says), "{found:#}");
}

#[test]
fn what_is_put_behind_the_end_beside_a_recorder_that_runs_is_named_before_a_head_vouches_for_it() {
    let setup = setup().settings("[audit]\nsign_every_s = 1\n");
    let program = setup.start();
    awaited(&program.http, "action=recorder.start", 1);
    let number = forge(&setup, "cora", "recording.listen");
    // Nobody asks for anything: whoever signs looks.
    alarm(&program, "audit_touched");
    let entry = awaited(&program.http, "action=audit.touched", 1).remove(0);
    assert_eq!(entry["about"], format!("entries {number} to {number}"), "{entry:#}");
    program.http.get("/v1/recordings?text=word").ok();
    awaited(&program.http, "action=recording.search", 1);
    program.stop();
    let (whole, found) = checked(&setup, &[]);
    assert!(!whole && told(&found).contains("were not written by this recorder"), "{found:#}");
}

#[test]
fn a_tip_that_is_gone_or_not_signed_with_the_key_is_a_fault_also_where_no_key_is_at_hand() {
    let (setup, _) = stopped(tempfile::tempdir().expect("a temporary folder").path());
    let good = fs::read(setup.data().join("index.sqlite")).expect("it is there");
    for (statement, said) in [
        ("DELETE FROM audit_tip", "nothing says where it ends"),
        ("UPDATE audit_tip SET signature = replace(signature, ':', ':0')", "does not count"),
        ("UPDATE audit_tip SET number = number + 1", "does not count"),
    ] {
        sql(&setup, statement);
        let (whole, found) = checked(&setup, &[]);
        assert!(!whole && told(&found).contains(said), "{statement}: {found:#}");
        fs::write(setup.data().join("index.sqlite"), &good).expect("it is ours");
    }
    let last = forge(&setup, "cora", "recording.listen");
    fs::remove_dir_all(setup.data().join("keys")).expect("it is there");
    let output = setup.run(&[
        "check",
        "--audit",
        "--json",
        "--reading-key",
        "none",
        "--data",
        &setup.data().display().to_string(),
    ]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        !output.status.success() && said.contains(&format!("entries {last} to {last} were not")),
        "{said}"
    );
}

/// Leaves what SQLite would after these statements beside the index, and the index as it is.
fn leave_beside(setup: &Setup, statements: &str) {
    const SCRIPT: &str = "
import shutil, sqlite3, sys
index, copy, statements = sys.argv[1:]
shutil.copy(index, copy)
connection = sqlite3.connect(copy, isolation_level=None)
connection.execute('pragma journal_mode = wal')
connection.execute('pragma wal_autocheckpoint = 0')
connection.executescript(statements)
shutil.copy(copy + '-wal', index + '-wal')
";
    let (index, copy) = (setup.data().join("index.sqlite"), setup.beside("copy.sqlite"));
    debian::run(Command::new("python3").args(["-c", SCRIPT]).args([index, copy]).arg(statements));
}

#[test]
fn what_lies_beside_an_index_that_nobody_changed_and_would_be_read_with_it_is_named() {
    let (setup, _) = stopped(tempfile::tempdir().expect("a temporary folder").path());
    assert_eq!(faults(&setup, &setup.data(), &[]), [""; 0]);
    let index = fs::read(setup.data().join("index.sqlite")).expect("it is there");
    leave_beside(&setup, "UPDATE audit_tip SET signature = signature || ' '");
    assert_eq!(fs::read(setup.data().join("index.sqlite")).expect("it is there"), index);
    let said = faults(&setup, &setup.data(), &[]);
    assert!(said.iter().any(|fault| fault.contains("index.sqlite-wal was not there")), "{said:#?}");
    let program = setup.start();
    let raised = alarm(&program, "store_touched");
    assert!(text(&raised["what"]).contains("index.sqlite-wal"), "{raised:#}");
}

#[test]
fn a_trigger_that_was_planted_and_a_guard_that_was_taken_away_are_named_by_check_and_at_the_start() {
    let (setup, _) = stopped(tempfile::tempdir().expect("a temporary folder").path());
    sql(
        &setup,
        "CREATE TRIGGER evil AFTER INSERT ON audit WHEN NEW.action = 'recorder.start' BEGIN
            UPDATE recording SET keep_days = 0; END;
         DROP TRIGGER hold_is_not_deleted;",
    );
    let (whole, found) = checked(&setup, &[]);
    let said = told(&found);
    assert!(!whole && said.contains("the trigger evil was put in"), "{said}");
    assert!(said.contains("the trigger hold_is_not_deleted is missing"), "{said}");
    let program = setup.start();
    wait_for("an alarm that names it", PATIENCE, || {
        let alarms = program.http.get("/v1/alarms").ok().text();
        (alarms.contains("store_touched") && alarms.contains("evil")).then_some(())
    });
    assert_eq!(program.http.get("/readyz").status, 200, "it records all the same");
}

/// A recording of another install's recorder.
fn foreign() -> (Setup, PathBuf) {
    let theirs = setup();
    let program = theirs.start();
    recorded(&program);
    program.stop();
    let file = sql(&theirs, "SELECT file FROM recording").trim().into();
    (theirs, file)
}

#[test]
fn a_foreign_recording_that_was_put_in_is_no_older_one_and_the_key_that_came_with_it_does_not_count() {
    let (theirs, file) = foreign();
    let ours = setup();
    let program = ours.start();
    recorded(&program);
    program.stop();
    let key = ours.beside("signing.pub");
    fs::copy(ours.data().join("keys/signing.pub"), &key).expect("it is there");
    let key = key.display().to_string();
    let reading = ["--reading-key", "none"];
    assert_eq!(faults(&ours, &ours.data(), &["--key", &key]), [""; 0]);

    // It takes the number of the first, which gets another, and is older than all that the audit knows.
    let columns = sql(
        &ours,
        "SELECT group_concat(name, ', ') FROM pragma_table_info('recording') WHERE name <> 'ident'",
    );
    let columns = columns.trim();
    let theirs_at = theirs.data().join("index.sqlite").display().to_string();
    sql(
        &ours,
        &format!(
            "PRAGMA foreign_keys = OFF; ATTACH '{theirs_at}' AS o; UPDATE recording SET ident = 1000 WHERE ident = 1;
             INSERT INTO recording (ident, {columns}) SELECT 1, {columns} FROM o.recording;"
        ),
    );
    let to = ours.data().join(&file);
    fs::create_dir_all(to.parent().expect("a folder")).expect("there is room");
    fs::copy(theirs.data().join(&file), &to).expect("it is there");
    let planted = ours.data().join("keys/signing-1.pub");
    fs::copy(theirs.data().join("keys/signing.pub"), planted).expect("it is there");
    let id = file.file_stem().and_then(|stem| stem.to_str()).expect("an id");

    let alone = faults(&ours, &ours.data(), &reading).join("\n");
    assert!(
        alone.contains(&format!(
            "it has no entry of the seal of 1 recordings that are in the index, such as {id}"
        )),
        "{alone}"
    );
    assert!(alone.contains("it says recording 1, and the index recording 1000"), "{alone}");
    let named = faults(&ours, &ours.data(), &[&reading[..], &["--key", &key]].concat()).join("\n");
    assert!(named.contains(&format!("recording {id}: it was signed with the key")), "{named}");
    // A number that no recorder gives hides nothing.
    sql(&ours, "PRAGMA foreign_keys = OFF; UPDATE recording SET ident = 0 WHERE ident = 1;");
    let hidden = faults(&ours, &ours.data(), &reading).join("\n");
    assert!(hidden.contains("1 recordings have a number in the index that no recorder gives"), "{hidden}");
    let program: Program = ours.start();
    program.stop();
    let after = faults(&ours, &ours.data(), &reading).join("\n");
    assert!(after.contains("it has no entry of the seal of 1 recordings"), "no start takes it in: {after}");
}
