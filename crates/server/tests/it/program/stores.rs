//! Data folders that earlier versions wrote are read, and gone on with, by this one.
//!
//! `tests/stores` has one for each version that changed a format. A new one is written by
//! `SIDETONE_TEST_STORE=NAME cargo test -p sidetone --test it -- --ignored write_a_store`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sim::{Program, Setup, debian};
use vault::sums::Folders;

use super::canary::copy;
use super::people::{PASSWORD, admin_key, sidetone};
use super::upkeep::{checked, run};
use super::{agent, between, legs, packets, printed, recording, sealed, setup, text, tone_share};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/stores")
}

fn dark(id: u32) -> Value {
    json!({"AgentIdentifier": "Id", "Value": id.to_string(), "CallMetadata": {"user1": "order 77"}})
}

#[test]
#[ignore = "writes into the repository; for a change of format"]
fn write_a_store() {
    let name = std::env::var("SIDETONE_TEST_STORE").expect("SIDETONE_TEST_STORE names it");
    // Agent 2's blackout is not over by itself when the folder is read years later.
    let setup = setup().argument("--blackout-timeout-s").argument("0");
    let program = setup.start();
    let first = program.call(&["--agent-phone", "4678", "--number", "+15550100", "--seconds", "2"]);
    super::on_a_recorded_call(&program.http, "4678");
    program.http.post("/api/Record/UpdateForAgent", &dark(1)).ok();
    first.wait();
    program.call(&["--agent-phone", "4102", "--codec", "g722", "--seconds", "2"]).wait();
    program.http.post("/api/Blackout/StartForAgent", &dark(2)).ok();
    let found = sealed(&program.http, 2);
    staff(&program);
    let expected = json!({
        "staffed": true,
        "recordings": found.iter().map(|found| json!({
            "id": found["id"], "packets": packets(&program.data(), found).len(),
        })).collect::<Vec<_>>(),
    });
    program.kill();
    let target = folder().join(&name);
    copy(&setup.data(), &target.join("data"));
    fs::remove_file(target.join("data/lock")).expect("it is there");
    fs::write(target.join("expect.json"), format!("{expected:#}\n")).expect("there is room");
}

/// Somebody who is logged in.
struct Person<'a> {
    program: &'a Program,
    cookie: String,
    csrf: String,
}

impl<'a> Person<'a> {
    fn log_in(program: &'a Program, name: &str, password: &str) -> Self {
        let login = program.http.post("/v1/session", &json!({"name": name, "password": password}));
        assert_eq!(login.status, 201, "{name}: {}", login.text());
        let cookie = login.header("set-cookie").split(';').next().expect("a cookie").to_owned();
        Self { program, cookie, csrf: text(&login.json()["csrf_token"]).to_owned() }
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> String {
        let heads = [format!("Cookie: {}", self.cookie), format!("X-CSRF-Token: {}", self.csrf)];
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail-with-body", "-X", method, "-H", &heads[0], "-H", &heads[1]]);
        curl.args(["-d", &body.to_string()]).arg(self.program.http.url(path));
        let output = curl.output().expect("curl is there");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{method} {path}: {said}");
        said
    }
}

/// People, keys, and erasures that were approved, refused, and wait; one who asked has gone.
fn staff(program: &Program) {
    const FIRST: &str = "a password of the first day";
    let url = program.http.url("");
    let done = |key: Option<&str>, arguments: &[&str], input: &str| {
        let (done, said) = sidetone(&url, key, arguments, input);
        assert!(done, "{arguments:?}: {said}");
    };
    done(None, &["users", "add", "ada", "--role", "administrator"], PASSWORD);
    let key = admin_key(program);
    done(Some(&key), &["api-keys", "add", "crm", "--role", "integration", "--days", "30"], "");
    let [pia, paul, gus] = ["pia", "paul", "gus"].map(|name| {
        done(Some(&key), &["users", "add", name, "--role", "privacy_officer"], FIRST);
        let person = Person::log_in(program, name, FIRST);
        person.send("PUT", "/v1/session/password", &json!({"old": FIRST, "new": PASSWORD}));
        person
    });
    for (who, number) in [(&pia, "+15550198"), (&gus, "+15550199"), (&pia, "+15550100")] {
        who.send("POST", "/v1/erasures", &json!({"number": number, "why": "GDPR 17(1)(a)"}));
    }
    paul.send("POST", "/v1/approvals/1/approve", &json!({}));
    paul.send("POST", "/v1/approvals/2/refuse", &json!({}));
    done(Some(&key), &["users", "remove", "4"], "");
}

/// What is known of those people, their keys, and what they asked for.
fn expect_staffed(program: &Program) {
    let items = |path: &str| program.http.get(path).ok().json()["items"].as_array().expect("a list").clone();
    let told = |path: &str, field: &str| {
        items(path).iter().map(|item| item[field].as_str().expect("a text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(told("/v1/users", "name"), ["ada", "pia", "paul"]);
    assert_eq!(told("/v1/api-keys", "name"), ["setup", "crm"]);
    let asked = items("/v1/approvals?state=all");
    let told: Vec<_> = asked.iter().map(|it| [&it["by"], &it["decided_by"]].map(Value::as_str)).collect();
    let by = [("pia", None), ("gus", Some("paul")), ("pia", Some("paul"))];
    assert_eq!(told, by.map(|(by, decided_by)| [Some(by), decided_by]));
    let states: Vec<_> = asked.iter().skip(1).map(|it| (text(&it["state"]), it["what"].clone())).collect();
    assert_eq!(states, ["refused", "approved"].map(|state| (state, json!({"struck": true}))));
    // It waits for a week, and is then struck out as well.
    let (state, what) = (text(&asked[0]["state"]), &asked[0]["what"]);
    let waits = state == "waiting" && what["number"] == "+15550100";
    assert!(waits || (state == "expired" && *what == json!({"struck": true})), "{state} {what}");
    Person::log_in(program, "pia", PASSWORD);
    let (done, said) = sidetone(&program.http.url(""), None, &["api-keys", "rotate", "2"], "");
    assert!(done, "{said}");
    let (done, said) =
        sidetone(&program.http.url(""), None, &["users", "add", "gus", "--role", "auditor"], PASSWORD);
    assert!(!done && said.contains("or had it"), "{said}");
}

/// A copy of a store to work on.
fn brought(store: &Path) -> Setup {
    let setup = setup();
    copy(&store.join("data"), &setup.data());
    // Git keeps neither empty folders nor such permissions.
    fs::create_dir_all(setup.data().join("live")).expect("there is room");
    for key in ["reading.key", "state.key", "signing.key"] {
        let key = setup.data().join("keys").join(key);
        // The first versions did not sign.
        if !key.exists() {
            continue;
        }
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("it is ours");
    }
    setup
}

/// What `sidetone upgrade` says, and whether it is done.
fn upgraded(setup: &Setup, options: &[&str]) -> (bool, String) {
    let output = run(setup, &[&["upgrade"], options].concat(), &setup.data());
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn an_upgrade_says_what_it_would_do_does_it_once_and_never_under_a_running_recorder() {
    let setup = brought(&folder().join("data1-index3"));
    let index = setup.data().join("index.sqlite");
    let before = fs::read(&index).expect("it is there");
    let refused = run(&setup, &["check"], &setup.data());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("run sidetone upgrade"), "{refused:?}");
    let (done, said) = upgraded(&setup, &["--check"]);
    assert!(done && said.contains("version 3, would become "), "{said}");
    assert!(fs::read(&index).expect("it is there") == before, "nothing was changed");

    let (done, said) = upgraded(&setup, &[]);
    assert!(done && said.contains("version 3 became "), "{said}");
    assert!(setup.data().join("index.sqlite.v3").exists(), "the old one is kept");
    let (done, said) = upgraded(&setup, &[]);
    assert!(done && said.contains("which is this one"), "{said}");
    checked(&setup);

    let program = setup.start();
    let (done, said) = upgraded(&setup, &[]);
    assert!(!done && said.contains("is in use by another recorder; stop that one"), "{said}");
    program.kill();
    fs::write(setup.data().join("format"), "sidetone data 2\n").expect("it is ours");
    let (done, said) = upgraded(&setup, &[]);
    assert!(!done && said.contains("has the format `sidetone data 2`"), "{said}");
    let (status, said) = setup.start_refused();
    assert!(!status.success() && said.contains("nothing was changed"), "{said}");
    fs::remove_file(setup.data().join("format")).expect("it is ours");
    let (done, said) = upgraded(&setup, &[]);
    assert!(!done && said.contains("is no data folder"), "{said}");
}

#[test]
fn an_upgrade_vouches_for_nothing_that_was_changed_since_the_recorder_stopped() {
    let setup = brought(&folder().join("data1-index15"));
    let (data, index) = (setup.data(), setup.data().join("index.sqlite"));
    // As that version leaves it when it stops in order.
    let mut sqlite = Command::new(debian::program("sqlite3", "sqlite3"));
    debian::run(sqlite.arg(&index).arg("PRAGMA wal_checkpoint(TRUNCATE)"));
    let key = vault::keys::signing_key(&data.join("keys")).expect("it signs");
    assert!(vault::sums::write(Folders::one(&data), &key).expect("there is room"));
    let before = fs::read(&index).expect("it is there");
    let foreign = data.join("live/foreign.part");
    fs::write(&foreign, "somebody's").expect("there is room");
    let (done, said) = upgraded(&setup, &[]);
    assert!(!done && said.contains("nothing was upgraded: live/foreign.part was not there"), "{said}");
    assert!(fs::read(&index).expect("it is there") == before, "nothing was changed");
    assert!(data.join("stopped.sums").exists(), "a start still sees it");

    fs::remove_file(&foreign).expect("it is ours");
    let (done, said) = upgraded(&setup, &[]);
    assert!(done && said.contains("version 15 became "), "{said}");
    checked(&setup);
}

#[test]
fn a_data_folder_of_each_earlier_version_is_read_and_gone_on_with() {
    let stores: Vec<PathBuf> = fs::read_dir(folder())
        .expect("tests/stores")
        .filter_map(|entry| Some(entry.ok()?.path()).filter(|path| path.is_dir()))
        .collect();
    assert!(!stores.is_empty());
    for store in stores {
        let at = store.display();
        let expected: Value =
            serde_json::from_slice(&fs::read(store.join("expect.json")).expect("it is there")).expect("JSON");
        let apart = brought(&store);
        let (done, said) = upgraded(&apart, &[]);
        assert!(done && said.contains(" became "), "{at}: {said}");
        checked(&apart);

        let setup = brought(&store).argument("--login").argument("open");
        let program = setup.start();
        let listens = program.http.get("/v1/audit?action=recording.listen").ok().json();
        let listens = listens["items"].as_array().map_or(0, Vec::len);
        let told = expected["listens"].as_u64().unwrap_or(0);
        assert_eq!(listens as u64, told, "{at}: who listened is on record");
        let known = expected["recordings"].as_array().expect("a list");
        let found = sealed(&program.http, known.len());
        for (found, known) in found.iter().zip(known) {
            assert_eq!(found["id"], known["id"], "{at}");
            let stored = packets(&program.data(), found).len();
            assert_eq!(Some(stored as u64), known["packets"].as_u64(), "{at}");
            let sides = legs(&program.http, found);
            let heard = between(&sides[0], 500, 1_500);
            assert!(tone_share(heard, 440.0) > 0.9 || tone_share(heard, 880.0) > 0.9, "{at}: {found}");
        }
        assert_eq!(found[0]["fields"]["user1"], "order 77", "{at}");
        assert!(recording(&program.http, &found[0])["manifest"].is_object(), "{at}");
        assert_eq!(agent(&program.http, "4102")["BlackoutActive"], true, "{at}: a blackout goes on");
        if expected["staffed"] == true {
            expect_staffed(&program);
        }
        // And it records.
        program.call(&["--agent-phone", "4678", "--seconds", "1"]).wait();
        sealed(&program.http, known.len() + 1);
        let said = checked(&setup);
        assert!(said.contains(&format!("{} recordings, ", known.len() + 1)), "{at}: {said}");
        assert!(printed(&program, &["find"]).contains(text(&found[0]["id"])), "{at}");
    }
}
