//! Keys as an operator has them: away from the recorder, sealed, in a token, replaced, lost and brought back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sim::time::wait_for;
use sim::{Http, Program, Setup};

use super::alarms::alarm;
use super::canary::copy;
use super::people::PASSWORD;
use super::upkeep::run;
use super::{PATIENCE, between, legs, on_a_recorded_call, recording, sealed, setup, text, tone_share};

/// The module of `SoftHSM`, where Debian puts it.
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

fn call(program: &Program) {
    program.call(&["--agent-phone", "4678", "--number", "+15550142", "--seconds", "2"]).wait();
}

fn is_heard(http: &Http, found: &Value) {
    let sides = legs(http, found);
    for (side, tone_hz) in sides.iter().zip([440.0, 880.0]) {
        assert!(tone_share(between(side, 500, 1_500), tone_hz) > 0.9, "{found}");
    }
}

/// What is said to who asks for something that takes the private half.
fn refused(http: &Http, path: &str) -> String {
    let answer = http.get(path);
    assert_eq!(answer.status, 503, "{path}: {}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json");
    text(&answer.json()["detail"]).to_owned()
}

/// Whether a recording cannot be heard for want of the key, as is said.
fn is_closed(http: &Http, found: &Value) {
    let said = refused(http, &format!("/v1/recordings/{}/audio", text(&found["id"])));
    assert!(said.contains("was made for the reading key ") && said.contains("is not here"), "{said}");
}

/// `sidetone keys` on the data folder.
fn keys(setup: &Setup, arguments: &[&str]) -> String {
    let output = run(setup, &[&["keys"], arguments].concat(), &setup.data());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn checked(setup: &Setup, options: &[&str]) -> String {
    let output = run(setup, &[&["check"], options].concat(), &setup.data());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

fn secret(setup: &Setup, name: &str, words: &str) -> PathBuf {
    let path = setup.write(name, words.as_bytes());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
    path
}

/// Takes the private halves out of the data folder.
fn take_away(setup: &Setup) -> PathBuf {
    let safe = setup.beside("safe");
    fs::create_dir_all(&safe).expect("there is room");
    fs::rename(setup.data().join("keys/reading.key"), safe.join("reading.key")).expect("it is there");
    safe.join("reading.key")
}

#[test]
fn a_recorder_without_the_private_half_records_and_obeys_and_says_why_nobody_can_listen() {
    let setup = setup();
    setup.start().stop();
    let away = take_away(&setup);
    let only = setup.clone().argument("--reading-key").argument("none");
    let program = only.start();
    let listed = program.http.get("/v1/keys").ok().json();
    assert_eq!((&listed["reads"], &listed["items"][0]["held"]), (&false.into(), &false.into()), "{listed}");
    assert!(text(&listed["why_not"]).contains("record only"), "{listed}");

    let up = program.call(&["--agent-phone", "4678", "--number", "+15550142", "--seconds", "4"]);
    on_a_recorded_call(&program.http, "4678");
    let command = json!({"AgentIdentifier": "Id", "Value": "1", "CallMetadata": {"user1": "order 77"}});
    for path in ["/api/Record/UpdateForAgent", "/api/Blackout/StartForAgent", "/api/Blackout/StopForAgent"] {
        program.http.post(path, &command).ok();
    }
    let live = wait_for("the recording's id", PATIENCE, || {
        let calls = program.http.get("/v1/calls?state=live").ok().json();
        calls["items"][0]["recordings"][0]["id"].as_str().map(str::to_owned)
    });
    let said = refused(&program.http, &format!("/v1/recordings/{live}/audio"));
    assert!(said.contains("whose private half is not here"), "while it is made: {said}");
    up.wait();

    let found = sealed(&program.http, 1).remove(0);
    let id = text(&found["id"]);
    assert_eq!(found["fields"]["user1"], "order 77");
    is_closed(&program.http, &found);
    refused(&program.http, &format!("/v1/recordings/{id}/vcon"));
    let wanted = json!({"from_ms": 100, "to_ms": 900, "by": "Robin", "why": "a test"});
    let redacted = program.http.post(&format!("/v1/recordings/{id}/redactions"), &wanted);
    assert_eq!(redacted.status, 503, "{}", redacted.text());
    let whole = recording(&program.http, &found);
    assert!(whole["manifest"].is_null() && text(&whole["unreadable"]).contains("reading key"), "{whole}");
    let timeline = program.http.get(&format!("/v1/calls/{}/timeline", text(&found["call"]))).ok().json();
    assert!(text(&timeline["unreadable"]).contains("reading key"), "{timeline}");
    let rotated = program.http.post("/v1/keys/rotations", &json!({"kind": "reading"}));
    assert_eq!(rotated.status, 409, "{}", rotated.text());
    assert!(program.http.get("/v1/alarms").ok().json()["items"].as_array().expect("a list").is_empty());

    let said = checked(&only, &["--reading-key", "none"]);
    assert!(said.contains("every byte was read, and no tag looked at"), "{said}");
    let away = away.display().to_string();
    let said = checked(&only, &["--reading-key", &away]);
    assert!(said.contains("every tag looked at"), "{said}");

    // Somebody who has the key listens elsewhere, on a copy.
    let elsewhere = super::setup();
    let copied = run(&only, &["backup", &elsewhere.data().display().to_string()], &only.data());
    assert!(copied.status.success(), "{copied:?}");
    let reader = elsewhere.argument("--reading-key").argument(&away).start();
    is_heard(&reader.http, &sealed(&reader.http, 1)[0]);
    is_not_given_out(&program, "is not here: this recorder is set up to record only");
}

/// The first line of the drill in guide/keys.md.
#[test]
fn a_reading_key_that_was_lost_is_missed_with_an_alarm_and_put_back_while_calls_go_on() {
    let setup = setup();
    let program = setup.start();
    call(&program);
    is_heard(&program.http, &sealed(&program.http, 1)[0]);
    let away = take_away(&setup);
    program.stop();

    let program = setup.start();
    let missed = alarm(&program, "active", "reading_key_away");
    assert!(missed.to_string().contains("reading.key is missing"), "{missed}");
    call(&program);
    let found = sealed(&program.http, 2);
    found.iter().for_each(|found| is_closed(&program.http, found));
    fs::rename(&away, setup.data().join("keys/reading.key")).expect("it is there");
    program.hang_up();
    alarm(&program, "over", "reading_key_away");
    found.iter().for_each(|found| is_heard(&program.http, found));
    assert!(checked(&setup, &[]).contains("2 recordings, "));
}

/// The second and third lines of the drill.
#[test]
fn a_state_key_that_was_lost_stops_the_start_and_a_lost_machine_comes_back_from_what_was_kept_apart() {
    let setup = setup();
    let program = setup.start();
    call(&program);
    let first = sealed(&program.http, 1).remove(0);
    let safe = setup.beside("safe");
    copy(&setup.data().join("keys"), &safe);
    let backup = setup.beside("backup").display().to_string();
    let made = run(&setup, &["backup", "--without-keys", &backup], &setup.data());
    assert!(made.status.success(), "{made:?}");
    program.stop();

    let state = setup.data().join("keys/state.key");
    fs::remove_file(&state).expect("it is there");
    let (status, said) = setup.start_refused();
    assert!(!status.success() && said.contains("state.key is missing; restore it from a backup"), "{said}");
    assert!(!state.exists(), "no new one is made, which could read nothing");
    fs::copy(safe.join("state.key"), &state).expect("there is room");
    setup.start().stop();

    // All but the backup and the copy of the keys is gone.
    let other = super::setup();
    copy(&safe, &other.data().join("keys"));
    let restored = run(&other, &["restore", &backup], &other.data());
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    let program = other.start();
    assert_eq!(sealed(&program.http, 1)[0]["id"], first["id"]);
    is_heard(&program.http, &first);
    assert!(checked(&other, &[]).contains("every tag looked at"));
}

#[test]
fn a_reading_key_is_replaced_while_calls_go_on_and_all_is_still_heard() {
    let setup = setup();
    let program = setup.start();
    call(&program);
    let old = program.http.get("/v1/keys").ok().json()["items"][0]["id"].clone();
    let up = program.call(&["--agent-phone", "4102", "--seconds", "4"]);
    let agent = on_a_recorded_call(&program.http, "4102");
    // What has come so far is under the old key.
    let made = text(&agent["ActiveCall"]["Recordings"][0]["RecordingIdentifier"]);
    program.http.get(&format!("/v1/recordings/{made}/audio?from_ms=0&to_ms=200")).ok();
    let rotated = program.http.post("/v1/keys/rotations", &json!({"kind": "reading"}));
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    assert_eq!(rotated.json()["from"], old);
    up.wait();
    call(&program);
    let found = sealed(&program.http, 3);
    is_heard(&program.http, &found[0]);
    is_heard(&program.http, &found[2]);
    let listed = keys(&setup, &["list", "--count", "--json"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let of = |stand: &str| {
        let items = listed["items"].as_array().expect("a list").iter();
        items.clone().find(|key| key["kind"] == "reading" && key["stand"] == stand).expect("there is one")
    };
    assert_eq!(of("former")["id"], old);
    assert!(of("present")["recordings"].as_u64() >= Some(1), "{listed}");
    assert!(of("former")["recordings"].as_u64() >= Some(2), "{listed}");

    // By hand: the recorder takes it when it is told to look.
    assert!(keys(&setup, &["rotate"]).contains("is replaced by"));
    let newest = fs::read_to_string(setup.data().join("keys/reading.pub")).expect("it is there");
    program.hang_up();
    wait_for("the new key is taken", PATIENCE, || {
        let log = program.log();
        log.contains("the key files were looked at").then_some(())
    });
    call(&program);
    let found = sealed(&program.http, 4);
    is_heard(&program.http, &found[3]);
    let refused = run(&setup, &["keys", "destroy", text(&old)], &setup.data());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("recordings"), "{said}");

    // A state key, from the next start on; blackouts and agents are still known.
    program.http.post("/api/Blackout/StartForAgent", &json!({"AgentIdentifier": "Id", "Value": "2"})).ok();
    let state = program.http.post("/v1/keys/rotations", &json!({"kind": "state"})).json();
    program.kill();
    let program = setup.start();
    assert_eq!(super::agent(&program.http, "4102")["BlackoutActive"], true);
    call(&program);
    is_heard(&program.http, &sealed(&program.http, 5)[4]);
    program.stop();
    setup.start().stop();
    // Nothing needs it any more; the next backup forgets it too.
    let backup = setup.beside("backup");
    let former = format!("keys/former/{}.state", text(&state["from"]));
    let back_up = || {
        let made = run(&setup, &["backup", &backup.display().to_string()], &setup.data());
        assert!(made.status.success(), "{made:?}");
        backup.join(&former).exists()
    };
    assert!(back_up());
    assert!(keys(&setup, &["destroy", text(&state["from"])]).contains("is destroyed"));
    assert!(!back_up() && !setup.data().join(&former).exists());
    setup.start();
    assert_eq!(fs::read_to_string(setup.data().join("keys/reading.pub")).expect("it is there"), newest);
}

#[test]
fn a_key_that_recordings_need_and_another_pair_has_taken_the_place_of_is_listed() {
    let setup = setup();
    let program = setup.start();
    call(&program);
    sealed(&program.http, 1);
    let items = || {
        let listed = keys(&setup, &["list", "--count", "--json"]);
        let listed: Value = serde_json::from_str(&listed).expect("JSON");
        listed["items"].as_array().expect("a list").clone()
    };
    let old = items().into_iter().find(|key| key["kind"] == "reading").expect("there is one")["id"].clone();
    program.stop();
    // As the guide has it: the pair is made elsewhere, and its public half brought over.
    let safe = setup.beside("safe");
    let made = run(&setup, &["keys", "make", "--keys", &safe.display().to_string()], &setup.data());
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let folder = setup.data().join("keys");
    fs::copy(safe.join("reading.pub"), folder.join("reading.pub")).expect("it was made");
    fs::remove_file(folder.join("reading.key")).expect("it is there");
    let elsewhere: Vec<Value> = items().into_iter().filter(|key| key["stand"] == "elsewhere").collect();
    assert_eq!(elsewhere.len(), 1, "{elsewhere:?}");
    assert_eq!((&elsewhere[0]["id"], &elsewhere[0]["recordings"]), (&old, &json!(1)));
    let said = keys(&setup, &["list", "--count"]);
    assert!(said.lines().any(|line| line.starts_with(text(&old)) && line.contains("not here")), "{said}");
}

#[test]
fn a_private_half_sealed_with_a_passphrase_opens_with_it_and_with_nothing_else() {
    let setup = setup();
    let program = setup.start();
    call(&program);
    let found = sealed(&program.http, 1).remove(0);
    program.stop();
    let right = secret(&setup, "right", "correct horse battery\n").display().to_string();
    let wrong = secret(&setup, "wrong", "battery staple\n").display().to_string();
    let short = secret(&setup, "short", "short\n").display().to_string();
    let keep = ["keys", "keep", "--passphrase", "--new-passphrase-file"];
    let refused = run(&setup, &[&keep[..], &[&short]].concat(), &setup.data());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("15 to 256"), "as where the key is given out: {said}");
    let said = keys(&setup, &["keep", "--passphrase", "--new-passphrase-file", &right]);
    assert!(said.contains("sealed with a passphrase"), "{said}");
    let line = fs::read_to_string(setup.data().join("keys/reading.key")).expect("it is there");
    assert!(line.starts_with("sidetone-reading-key-sealed-1 "), "{line}");

    let with = |file: &str| setup.clone().argument("--unlock-file").argument(file);
    let program = with(&wrong).start();
    let amiss = alarm(&program, "active", "reading_key_away");
    assert!(amiss.to_string().contains("not the one it was sealed with"), "{amiss}");
    is_closed(&program.http, &found);
    program.stop();
    let program = with(&right).start();
    is_heard(&program.http, &found);
    // The recorder can replace it, in the same form, for it can read the passphrase.
    assert_eq!(program.http.post("/v1/keys/rotations", &json!({"kind": "reading"})).status, 201);
    call(&program);
    program.stop();
    let program = with(&right).start();
    sealed(&program.http, 2).iter().for_each(|found| is_heard(&program.http, found));
    let said = checked(&setup, &["--unlock-file", &right]);
    assert!(said.contains("every tag looked at"), "{said}");
}

/// A token of `SoftHSM`, made for the test.
fn token(setup: &Setup) -> Setup {
    let tokens = setup.beside("tokens");
    fs::create_dir(&tokens).expect("there is room");
    let conf = format!("directories.tokendir = {}\nobjectstore.backend = file\n", tokens.display());
    let conf = setup.write("softhsm2.conf", conf.as_bytes()).display().to_string();
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", "recorder", "--so-pin", "5678", "--pin", "1234"])
        .env("SOFTHSM2_CONF", &conf)
        .output();
    let made = made.expect("softhsm2-util runs (Debian package softhsm2)");
    assert!(made.status.success(), "{made:?}");
    setup.clone().variable("SOFTHSM2_CONF", &conf)
}

#[test]
fn a_private_half_encrypted_by_a_token_opens_with_it_and_calls_are_recorded_while_it_is_away() {
    let setup = token(&setup());
    let program = setup.start();
    call(&program);
    let found = sealed(&program.http, 1).remove(0);
    program.stop();
    let pin = secret(&setup, "pin", "1234\n").display().to_string();
    let reached = ["--pkcs11-module", SOFTHSM, "--pkcs11-token", "recorder", "--unlock-file", &pin];
    let said = keys(&setup, &[&["keep", "--token", "reading-1"], &reached[..]].concat());
    assert!(said.contains("the token has made the key reading-1"), "{said}");
    let line = fs::read_to_string(setup.data().join("keys/reading.key")).expect("it is there");
    assert!(line.starts_with("sidetone-reading-key-token-1 ") && line.contains(" reading-1 "), "{line}");

    let with = reached.iter().fold(setup.clone(), |setup, argument| setup.argument(argument));
    let program = with.start();
    is_heard(&program.http, &found);
    assert_eq!(program.http.post("/v1/keys/rotations", &json!({"kind": "reading"})).status, 201);
    program.stop();

    fs::rename(setup.beside("tokens"), setup.beside("drawer")).expect("it is there");
    fs::create_dir(setup.beside("tokens")).expect("there is room");
    let program = with.start();
    let amiss = alarm(&program, "active", "reading_key_away");
    assert!(amiss.to_string().contains("no token"), "{amiss}");
    call(&program);
    let found = sealed(&program.http, 2);
    found.iter().for_each(|found| is_closed(&program.http, found));
    program.stop();
    fs::remove_dir(setup.beside("tokens")).expect("it is empty");
    fs::rename(setup.beside("drawer"), setup.beside("tokens")).expect("it is there");
    let program = with.start();
    found.iter().for_each(|found| is_heard(&program.http, found));
    is_not_given_out(&program, "of a token, which is to be asked each time");
}

#[test]
fn keys_that_are_open_lie_in_locked_memory() {
    let program = setup().start();
    let status = fs::read_to_string(format!("/proc/{}/status", program.id())).expect("it runs");
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).expect("Linux says so");
    let kib: u64 = locked.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kib >= 8, "a page for the private half, one for the state key: {locked}");
}

#[test]
fn key_files_that_others_can_read_or_that_make_no_sense_stop_the_start() {
    let setup = setup();
    setup.start().stop();
    let path = |name: &str| setup.data().join("keys").join(name);
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    for name in ["reading.key", "state.key"] {
        mode(&path(name), 0o640);
        let (status, said) = setup.start_refused();
        assert!(!status.success() && said.contains(name) && said.contains("chmod 600"), "{said}");
        mode(&path(name), 0o600);
    }
    let line = fs::read_to_string(path("reading.key")).expect("it is there");
    for nonsense in
        ["", "sidetone-reading-key-sealed-1 0 9999999999 1 1 00 00\n", "sidetone-reading-key-1 zz\n"]
    {
        fs::write(path("reading.key"), nonsense).expect("it is ours");
        let (status, said) = setup.start_refused();
        assert!(!status.success() && said.contains("reading.key is no key file"), "{nonsense:?}: {said}");
    }
    fs::write(path("reading.key"), line).expect("it is ours");
    setup.start();
}

/// Somebody who is logged in, as curl is.
pub(super) struct LoggedIn {
    headers: [String; 2],
}

/// What ada tells cora to log in with for the first time.
const FIRST_PASSWORD: &str = "said on the telephone";

impl LoggedIn {
    pub(super) fn as_(program: &Program, name: &str) -> Self {
        Self::with(program, name, PASSWORD)
    }

    fn with(program: &Program, name: &str, password: &str) -> Self {
        let login = program.http.post("/v1/session", &json!({"name": name, "password": password}));
        assert_eq!(login.status, 201, "{}", login.text());
        let cookie = login.header("set-cookie").split(';').next().expect("a cookie").to_owned();
        let csrf = text(&login.json()["csrf_token"]).to_owned();
        Self { headers: [format!("Cookie: {cookie}"), format!("X-CSRF-Token: {csrf}")] }
    }

    /// What is answered, and whether it was done.
    pub(super) fn post(&self, program: &Program, path: &str, body: &Value) -> (bool, String) {
        self.send(program, "POST", path, body)
    }

    pub(super) fn send(&self, program: &Program, method: &str, path: &str, body: &Value) -> (bool, String) {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail-with-body", "-X", method, "-H", &self.headers[0], "-H", &self.headers[1]]);
        let output = curl.args(["-d", &body.to_string()]).arg(program.http.url(path)).output();
        let output = output.expect("curl is there");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// That the private half is not had from here, and why, by its first account.
fn is_not_given_out(program: &Program, why: &str) {
    let id = program.http.get("/v1/keys").ok().json()["items"][0]["id"].clone();
    let first = json!({"name": "ada", "password": PASSWORD, "roles": ["administrator"]});
    assert_eq!(program.http.post("/v1/users/first", &first).status, 201);
    let ada = LoggedIn::as_(program, "ada");
    let (done, said) = ada.post(program, "/v1/keys/exports", &json!({"key": id, "why": "for the safe"}));
    assert!(!done && said.contains(why), "{said}");
}

#[test]
fn a_private_half_that_two_have_given_out_opens_recordings_on_a_copy_and_its_passphrase_is_nowhere() {
    let setup = setup().log("debug");
    let program = setup.start();
    call(&program);
    let found = sealed(&program.http, 1).remove(0);
    let id = text(&program.http.get("/v1/keys").ok().json()["items"][0]["id"]).to_owned();
    let first = json!({"name": "ada", "password": PASSWORD, "roles": ["administrator"]});
    assert_eq!(program.http.post("/v1/users/first", &first).status, 201);
    let ada = LoggedIn::as_(&program, "ada");
    let cora = json!({"name": "cora", "password": FIRST_PASSWORD, "roles": ["compliance"]});
    assert!(ada.post(&program, "/v1/users", &cora).0);
    // Not by who has made the account of the other a moment ago.
    let eve = json!({"name": "eve", "password": FIRST_PASSWORD, "roles": ["administrator"]});
    assert!(ada.post(&program, "/v1/users", &eve).0);
    let eve = LoggedIn::with(&program, "eve", FIRST_PASSWORD);
    let own = json!({"old": FIRST_PASSWORD, "new": PASSWORD});
    assert!(eve.send(&program, "PUT", "/v1/session/password", &own).0);
    let (done, said) = eve.post(&program, "/v1/keys/exports", &json!({"key": id, "why": "for the safe"}));
    assert!(done, "{said}");
    let words = "several words that nobody guesses";
    let fetch = || eve.post(&program, "/v1/keys/exports/1/file", &json!({"passphrase": words}));
    assert!(fetch().1.contains("has to approve it first"));
    let cora = LoggedIn::with(&program, "cora", FIRST_PASSWORD);
    let own = json!({"old": FIRST_PASSWORD, "new": PASSWORD});
    assert!(cora.send(&program, "PUT", "/v1/session/password", &own).0);
    let (done, said) = cora.post(&program, "/v1/approvals/1/approve", &Value::Null);
    assert!(done, "{said}");
    let (done, line) = fetch();
    assert!(done && line.starts_with("sidetone-reading-key-sealed-1 "), "{line}");
    assert!(fetch().1.contains("given once"));

    let (file, unlock) =
        (secret(&setup, "exported.key", &line), secret(&setup, "words", &format!("{words}\n")));
    let bare = setup.beside("copy");
    let copied = run(&setup, &["backup", "--without-keys", &bare.display().to_string()], &setup.data());
    assert!(copied.status.success(), "{copied:?}");
    let opened = |unlock: &Path| {
        let arguments = ["check", "--reading-key", &file.display().to_string(), "--unlock-file"];
        let looked = run(&setup, &[&arguments[..], &[&unlock.display().to_string()]].concat(), &bare);
        String::from_utf8_lossy(&looked.stdout).into_owned()
    };
    assert!(opened(&unlock).contains("every tag looked at"), "{}", opened(&unlock));
    let wrong = secret(&setup, "wrong", "several other words\n");
    assert!(opened(&wrong).contains("no tag looked at"), "{}", opened(&wrong));

    // As the key of a recorder that only listens.
    let log = program.log();
    program.stop();
    let elsewhere = super::setup();
    copy(&setup.data(), &elsewhere.data());
    fs::remove_file(elsewhere.data().join("keys/reading.key")).expect("it is there");
    fs::copy(&file, elsewhere.data().join("keys/reading.key")).expect("there is room");
    let listener = elsewhere.clone().argument("--unlock-file").argument(&unlock.display().to_string());
    let listener = listener.argument("--login").argument("open").start();
    is_heard(&listener.http, &found);
    listener.stop();

    let search = sim::disk::Search::new([words.as_bytes().to_vec()]);
    assert_eq!(search.files(&setup.data()).0, Vec::<PathBuf>::new());
    assert!(!log.contains(words));
    let index = sim::disk::Search::new([b"key-export.ask".to_vec(), b"key-export.fetch".to_vec()]);
    assert!(!index.files(&setup.data()).0.is_empty(), "who asked and who fetched is in the audit");
}
