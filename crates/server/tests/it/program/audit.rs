//! Who did what: on record, whoever asks and however it ends, and every touch of it seen.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sim::time::wait_for;
use sim::{Http, Program, Setup};

use super::forging::sign_tip;
use super::upkeep::run;
use super::{PATIENCE, on_a_recorded_call, printed, sealed, setup, text};

/// The entries that meet a query, oldest first.
fn entries(http: &Http, query: &str) -> Vec<Value> {
    let page = http.get(&format!("/v1/audit?limit=500&{query}")).ok().json();
    let mut items = page["items"].as_array().expect("a list").clone();
    items.reverse();
    items
}

/// Waits until there are so many, and gives them.
pub(super) fn awaited(http: &Http, query: &str, count: usize) -> Vec<Value> {
    wait_for(&format!("{count} entries for {query}"), PATIENCE, || {
        let found = entries(http, query);
        (found.len() >= count).then_some(found)
    })
}

fn said<'a>(entry: &'a Value, fields: &[&str]) -> Vec<&'a str> {
    fields.iter().map(|field| text(&entry[*field])).collect()
}

/// A recording of a call of a second, by agent 1.
pub(super) fn recorded(program: &Program) -> Value {
    program.call(&["--agent-phone", "4678", "--number", "+15550100", "--seconds", "1"]).wait();
    sealed(&program.http, 1).remove(0)
}

/// What `sidetone check --audit` finds, and the status of it.
pub(super) fn checked(setup: &Setup, options: &[&str]) -> (bool, Value) {
    let output = run(setup, &[&["check", "--audit", "--json"], options].concat(), &setup.data());
    let found = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.success(), found)
}

#[test]
fn who_did_what_to_which_call_is_on_record_with_its_result_and_how_much_was_heard() {
    let program = setup().start();
    let call = program.call(&["--agent-phone", "4678", "--seconds", "3"]);
    on_a_recorded_call(&program.http, "4678");
    let agent = json!({"AgentIdentifier": "Id", "Value": "1"});
    program.http.post("/api/Blackout/StartForAgent", &agent).ok();
    program.http.post("/api/Blackout/StopForAgent", &agent).ok();
    let nobody = json!({"AgentIdentifier": "Id", "Value": "99"});
    assert_eq!(program.http.post("/api/Record/StopForAgent", &nobody).status, 404);
    call.wait();
    let found = sealed(&program.http, 1).remove(0);
    let id = text(&found["id"]);
    let audio = format!("/v1/recordings/{id}/audio?from_ms=500&to_ms=1500&channels=1");
    program.http.get(&audio).ok();
    program.http.get("/v1/recordings?text=nobody%0d%0aat%20all").ok();

    let what = ["kind", "who", "source", "action", "outcome", "answer", "about"];
    let commands = awaited(&program.http, "action=blackout", 2);
    assert_eq!(
        said(&commands[0], &what),
        ["local", "anonymous", "127.0.0.1", "blackout.open", "done", "200", "agent Id 1"]
    );
    assert_eq!(said(&commands[1], &["action"]), ["blackout.close"]);
    assert_eq!(commands[0]["call"], found["call"], "{commands:#?}");
    let refused = awaited(&program.http, "action=record.stop", 1);
    assert_eq!(said(&refused[0], &["outcome", "answer", "about"]), ["refused", "404", "agent Id 99"]);
    let heard = awaited(&program.http, &format!("recording={id}&action=recording.heard"), 1);
    assert_eq!(said(&heard[0], &["detail"]), ["1000 ms"]);
    let listen = &entries(&program.http, &format!("recording={id}&action=recording.listen"))[0];
    assert_eq!(text(&heard[0]["about"]), format!("entry {}", listen["number"]));
    assert_eq!(listen["call"], found["call"]);
    let search = awaited(&program.http, "action=recording.search", 1);
    let words = search.iter().find(|entry| text(&entry["detail"]).starts_with("text=")).expect("it is there");
    assert_eq!(text(&words["detail"]), "text=nobody\\u{d}\\u{a}at all", "no line can be forged");

    let start = &entries(&program.http, "action=recorder.start")[0];
    assert!(text(&start["detail"]).contains("blackout timeout 600 s"), "{start}");
    let table = printed(&program, &["audit", "find", "--action", "blackout"]);
    assert!(table.contains("blackout.open") && table.contains("agent Id 1"), "{table}");
}

#[test]
fn where_it_is_wanted_nobody_listens_without_saying_why() {
    let program = setup().settings("[audit]\nask_reason = true\n").start();
    let found = recorded(&program);
    let id = text(&found["id"]);
    let audio = format!("/v1/recordings/{id}/audio");
    let refused = program.http.get(&audio);
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("reason"), "{}", refused.text());
    let without = program.http.post("/v1/exports", &json!({"recordings": [id]}));
    assert_eq!(without.status, 400, "{}", without.text());
    assert_eq!(program.http.get(&format!("/v1/recordings/{id}/vcon")).status, 400);
    program.http.get(&format!("{audio}?reason=complaint%204711")).ok();
    let wanted = json!({"recordings": [id], "reason": "court order 12"});
    assert_eq!(program.http.post("/v1/exports", &wanted).status, 201);
    assert_eq!(program.http.get("/v1/session").ok().json()["asks_reason"], true, "pages know it before");
    let at = |name: &str| program.setup.beside(name).display().to_string();
    let (wav, vcon, zip, package) = (at("call.wav"), at("call.vcon"), at("call.zip"), at("package.zip"));
    for command in [
        vec!["export", id, "--output", &wav],
        vec!["export", id, "--zip", &zip],
        vec!["export", id, "--package", "--output", &package],
        vec!["vcon", id, "--output", &vcon],
    ] {
        let refused = program.run(&command);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("reason"), "{command:?}: {said}");
        printed(&program, &[&command[..], &["--reason", "court order 12"]].concat());
    }
    let listens = awaited(&program.http, &format!("recording={id}&action=recording.listen"), 2);
    let told: Vec<_> = listens.iter().map(|entry| said(entry, &["outcome", "reason"])).collect();
    assert!(
        told.contains(&vec!["refused", ""]) && told.contains(&vec!["done", "complaint 4711"]),
        "{told:?}"
    );
    let created = awaited(&program.http, "action=export.create", 2);
    assert!(created.iter().any(|entry| text(&entry["reason"]) == "court order 12"), "{created:#?}");
}

#[test]
fn the_chain_goes_on_over_a_kill_and_a_check_beside_the_recorder_finds_it_whole_and_signed() {
    let setup = setup().settings("[audit]\nsign_every_s = 1\n");
    let program = setup.start();
    program.http.get("/v1/recordings?text=one").ok();
    awaited(&program.http, "action=recording.search", 1);
    program.kill();
    let program = setup.start();
    program.http.get("/v1/recordings?text=two").ok();
    awaited(&program.http, "action=recording.search", 2);
    let numbers: Vec<_> =
        entries(&program.http, "").iter().map(|entry| entry["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let vouched = wait_for("what was written is signed", PATIENCE, || {
        let (whole, found) = checked(&setup, &[]);
        assert!(whole, "{found:#}");
        let vouched = found["audit"]["vouched"].as_u64().unwrap();
        (vouched >= numbers.len() as u64).then_some(vouched)
    });
    program.stop();
    let (whole, found) = checked(&setup, &[]);
    assert!(
        whole && found["audit"]["vouched"] == found["audit"]["entries"],
        "an orderly stop signs all: {found:#}"
    );
    assert!(found["audit"]["entries"].as_u64().unwrap() > vouched, "the stop is an entry itself");
}

/// Does something to the audit that no recorder would, and puts its guards back as who knows what he does.
pub(super) fn tamper(setup: &Setup, statements: &str) {
    let guards = "FROM sqlite_schema WHERE type = 'trigger' AND tbl_name IN ('audit', 'audit_head')";
    let sqlite = |statements: &str| {
        let done = std::process::Command::new("sqlite3")
            .arg(setup.data().join("index.sqlite"))
            .arg(statements)
            .output()
            .expect("sqlite3 is installed");
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).expect("a text")
    };
    let taken = sqlite(&format!("SELECT 'DROP TRIGGER ' || name || ';' {guards}"));
    let again = sqlite(&format!("SELECT sql || ';' {guards}"));
    sqlite(&format!("{taken} {statements} {again}"));
}

#[test]
fn what_was_changed_removed_moved_or_cut_is_named_and_a_witness_sees_what_the_index_cannot() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let toml = format!("[audit]\nsign_every_s = 1\nwitness_folder = {:?}\n", elsewhere.path());
    let setup = setup().settings(&toml);
    let program = setup.start();
    for text in 1..=8 {
        program.http.get(&format!("/v1/recordings?text=word{text}")).ok();
    }
    awaited(&program.http, "action=recording.search", 8);
    let export = setup.beside("extract.jsonl");
    program.stop();
    let witness = elsewhere.path().join("audit-heads.jsonl").display().to_string();
    let (whole, found) = checked(&setup, &["--witness", &witness]);
    assert!(whole && found["audit"]["witnessed"].as_u64() >= Some(1), "{found:#}");
    let entries = found["audit"]["entries"].as_u64().unwrap();
    let index = setup.data().join("index.sqlite");
    let good = fs::read(&index).expect("it is there");
    let all_heads = "DELETE FROM audit_head WHERE TRUE;";
    let cases = [
        ("UPDATE audit SET who = 'robin' WHERE number = 3;", "entry 3 is not what was written"),
        ("DELETE FROM audit WHERE number = 3;", "entry 3 is missing"),
        (
            "UPDATE audit SET number = -3 WHERE number = 3; UPDATE audit SET number = 3 WHERE number = 6; \
             UPDATE audit SET number = 6 WHERE number = -3;",
            "entry 3 is not what was written",
        ),
        ("DELETE FROM audit WHERE number > 5;", "the end was cut off: the last entry is 5"),
        ("UPDATE audit_head SET at_ns = at_ns + 1;", "does not fit"),
        (
            &format!("{all_heads} DELETE FROM audit WHERE number > 5;"),
            // Without the key nobody signs another end.
            "the end was cut off: ",
        ),
    ];
    for (statements, said) in cases {
        fs::write(&index, &good).expect("it is ours");
        tamper(&setup, statements);
        let alone = checked(&setup, &[]);
        assert!(!alone.0 && text(&alone.1["faults"][0]).contains(said), "{statements}: {:#}", alone.1);
        let faults: Vec<&str> = alone.1["faults"].as_array().expect("a list").iter().map(text).collect();
        let each: std::collections::BTreeSet<&str> = faults.iter().copied().collect();
        assert_eq!(each.len(), faults.len(), "{statements}: told twice: {faults:#?}");
        let (whole, found) = checked(&setup, &["--witness", &witness]);
        let fault = text(&found["faults"][0]);
        assert!(!whole && fault.contains(said), "{statements}: {found:#}");
    }
    // Who has the key can sign another end, and not what a witness has.
    fs::write(&index, &good).expect("it is ours");
    tamper(&setup, &format!("{all_heads} DELETE FROM audit WHERE number > 5;"));
    sign_tip(&setup);
    let alone = checked(&setup, &[]);
    assert!(alone.0, "{:#}", alone.1);
    let (whole, found) = checked(&setup, &["--witness", &witness]);
    let fault = text(&found["faults"][0]);
    assert!(!whole && fault.contains("the end was cut off: the last entry is 5"), "{found:#}");

    fs::write(&index, &good).expect("it is ours");
    let program = setup.start();
    printed(&program, &["audit", "export", "--action", "recording", "-o", &export.display().to_string()]);
    let more = checked(&setup, &["--witness", &witness]);
    assert!(more.0 && more.1["audit"]["entries"].as_u64() > Some(entries), "{:#}", more.1);
    program.stop();
}

#[test]
fn a_recording_that_is_taken_out_with_its_row_is_missed_and_so_is_the_end_of_the_audit_that_says_so() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let toml = format!("[audit]\nsign_every_s = 1\nwitness_folder = {:?}\n", elsewhere.path());
    let setup = setup().settings(&toml);
    let program = setup.start();
    let found = recorded(&program);
    let id = text(&found["id"]);
    let sealed = awaited(&program.http, "action=recording.seal", 1);
    assert_eq!(said(&sealed[0], &["kind", "who", "recording"]), ["recorder", "sidetone", id]);
    assert_eq!(sealed[0]["call"], found["call"]);
    program.stop();
    let witness = elsewhere.path().join("audit-heads.jsonl").display().to_string();
    let (whole, found) = checked(&setup, &["--witness", &witness]);
    assert!(whole && found["audit"]["recordings"] == 1, "{found:#}");

    // Somebody with the run of the machine takes out the file, and every row that names it.
    let row = "PRAGMA foreign_keys = OFF; DELETE FROM recording WHERE TRUE;";
    tamper(&setup, row);
    fs::remove_dir_all(setup.data().join("recordings")).expect("it is there");
    fs::create_dir(setup.data().join("recordings")).expect("there is room");
    let (whole, found) = checked(&setup, &[]);
    let missed = format!("recording {id}, sealed by entry {}, is not in the index", sealed[0]["number"]);
    assert!(!whole && text(&found["faults"][0]).contains(&missed), "{found:#}");
    // With the end of the audit it is not missed any more by who has the key too; but that end is, by who has a head elsewhere.
    let end = format!(
        "DELETE FROM audit WHERE number >= {}; DELETE FROM audit_head WHERE TRUE;",
        sealed[0]["number"]
    );
    tamper(&setup, &end);
    sign_tip(&setup);
    assert!(checked(&setup, &[]).0);
    let (whole, found) = checked(&setup, &["--witness", &witness]);
    assert!(!whole && text(&found["faults"][0]).contains("the end was cut off"), "{found:#}");
}

/// Changes the text of a file.
fn changed(path: &Path, from: &str, to: &str) -> std::path::PathBuf {
    let text = fs::read_to_string(path).expect("it is there");
    assert!(text.contains(from), "{text}");
    let changed = path.with_extension("changed");
    fs::write(&changed, text.replacen(from, to, 1)).expect("there is room");
    changed
}

#[test]
fn an_extract_of_what_one_search_finds_is_checked_elsewhere_with_the_public_key_alone() {
    let setup = setup();
    let program = setup.start();
    program.http.get("/v1/recordings?text=secret").ok();
    program.http.get("/v1/calls/0198c7a2-4f3e-7abc-8def-0123456789ab");
    program.http.get("/v1/recordings?text=plain").ok();
    awaited(&program.http, "action=recording.search", 2);
    let key = setup.beside("signing.pub");
    fs::copy(setup.data().join("keys/signing.pub"), &key).expect("it is there");
    let extract = setup.beside("extract.jsonl");
    let verify = |file: &Path| {
        let output =
            setup.run(&["audit", "verify", &file.display().to_string(), "--key", &key.display().to_string()]);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.success(), said)
    };
    // The newest entries are signed when somebody wants an extract of them.
    let everything = setup.beside("everything.jsonl");
    printed(&program, &["audit", "export", "-o", &everything.display().to_string()]);
    let (whole, said) = verify(&everything);
    assert!(whole, "{said}");
    printed(&program, &["audit", "export", "--action", "call.view", "-o", &extract.display().to_string()]);
    let (whole, said) = verify(&extract);
    assert!(whole, "{said}");
    assert!(said.contains("1 entries are as they were written"), "{said}");
    assert!(
        said.contains("action=call.view") && said.contains("does not show that none of it is missing"),
        "{said}"
    );
    let text = fs::read_to_string(&extract).expect("it is there");
    assert!(
        !text.contains("secret") && !text.contains("plain"),
        "what was not asked for is not in it: {text}"
    );
    for (from, to, why) in [
        ("\"outcome\":\"refused\"", "\"outcome\":\"done\"", "is not what was written"),
        ("\"content\":\"", "\"content\":\"0", "64 hexadecimal digits"),
        ("\"head\":", "\"head\":9", "does not fit"),
        ("\"signature\":\"ed25519:", "\"signature\":\"ed25519:0", "a signature is"),
    ] {
        let (whole, said) = verify(&changed(&extract, from, to));
        assert!(!whole && said.contains(why), "{from}: {said}");
    }
    let csv = printed(&program, &["audit", "export", "--format", "csv"]);
    let mut lines = csv.lines();
    assert!(lines.next().expect("a head").starts_with("number,at,kind,who,role,source,action,"), "{csv}");
    assert!(csv.contains("recording.search") && csv.contains("text=secret"), "{csv}");
}

#[test]
fn a_check_by_another_program_comes_to_the_same_hashes() {
    const CHECK: &str = r#"
import hashlib, json, re, sys
from datetime import datetime, timezone
fields = "kind who role source action outcome answer recording call about detail reason".split()
behind = bytes(32)
for line in open(sys.argv[1], encoding="utf-8"):
    entry = json.loads(line)
    if "extract" in entry:
        behind = bytes.fromhex(entry["hash"])
        continue
    if "head" in entry:
        assert entry["hash"] == behind.hex(), entry
        print("head", entry["head"])
        continue
    at, ns = re.fullmatch(r"(.*)\.(\d{9})Z", entry["at"]).groups()
    seconds = int(datetime.fromisoformat(at).replace(tzinfo=timezone.utc).timestamp())
    content = hashlib.sha256(b"sidetone audit entry 1\n" + entry["number"].to_bytes(8, "big"))
    content.update((seconds * 10**9 + int(ns)).to_bytes(8, "big", signed=True))
    for field in fields:
        text = entry[field].encode()
        content.update(len(text).to_bytes(4, "big") + text)
    behind = hashlib.sha256(b"sidetone audit chain 1\n" + behind + content.digest()).digest()
    assert behind.hex() == entry["hash"], entry
print("whole")
"#;
    let program = setup().start();
    recorded(&program);
    program.http.get("/v1/recordings?text=Gr%C3%BC%C3%9Fe%20%F0%9F%93%9E").ok();
    awaited(&program.http, "action=recording.search", 1);
    let extract = program.setup.beside("extract.jsonl");
    printed(&program, &["audit", "export", "-o", &extract.display().to_string()]);
    let output =
        std::process::Command::new("python3").args(["-c", CHECK]).arg(&extract).output().expect("python3");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("whole"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn recording_and_commands_go_on_while_the_audit_cannot_be_written_and_it_says_so_afterwards() {
    let setup = setup();
    let program = setup.start();
    let found = recorded(&program);
    let audio = format!("/v1/recordings/{}/audio", text(&found["id"]));
    // Another program has the index and does not let go of it.
    let mut holder = std::process::Command::new("sqlite3")
        .arg(setup.data().join("index.sqlite"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("sqlite3 is installed");
    let mut input = holder.stdin.take().expect("it is piped");
    let mut lines =
        std::io::BufRead::lines(std::io::BufReader::new(holder.stdout.take().expect("it is piped")));
    std::io::Write::write_all(&mut input, b"BEGIN IMMEDIATE; SELECT 'held';\n").expect("it listens");
    assert_eq!(lines.next().expect("an answer").expect("a text"), "held");

    let agent = json!({"AgentIdentifier": "Id", "Value": "1"});
    program.http.post("/api/Blackout/StartForAgent", &agent).ok();
    assert_eq!(program.http.get(&audio).status, 503, "nobody listens unseen");
    program.http.post("/api/Blackout/StopForAgent", &agent).ok();
    drop(input);
    assert!(holder.wait().expect("it ends").success());

    let commands = awaited(&program.http, "action=blackout", 2);
    assert_eq!(commands.len(), 2);
    wait_for("somebody may listen again", PATIENCE, || {
        (program.http.get(&audio).status == 200).then_some(())
    });
    std::thread::sleep(Duration::from_millis(10));
    let listens = entries(&program.http, "action=recording.listen");
    let of = |outcome| listens.iter().filter(|entry| text(&entry["outcome"]) == outcome).count();
    // An entry that was being written when its listener was refused stays; the refusal is on record beside it.
    assert!(of("failed") == 1 && (1..=2).contains(&of("done")), "{listens:#?}");
    program.stop();
    assert!(checked(&setup, &[]).0);
}
