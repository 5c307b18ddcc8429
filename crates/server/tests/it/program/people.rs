//! Accounts and keys of the built program, as an operator makes them on the command line and clients use them.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use serde_json::json;
use sidetone::clock::Clock;
use sim::Program;
use sim::time::wait_for;

use super::keys::LoggedIn;
use super::{PATIENCE, sealed, setup, text};

pub(super) const PASSWORD: &str = "three blind mice run";

/// Runs `sidetone` with a key, and with a text on its standard input; whether it was done, and what it says.
pub(super) fn sidetone(url: &str, key: Option<&str>, arguments: &[&str], input: &str) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sidetone"));
    command.args(arguments).env("SIDETONE_SERVER", url).env_remove("SIDETONE_API_KEY");
    if let Some(key) = key {
        command.env("SIDETONE_API_KEY", key);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    child.stdin.take().expect("it is a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// The key in what was said.
pub(super) fn key(said: &str) -> String {
    said.lines().find(|line| line.starts_with("stk_")).unwrap_or_else(|| panic!("no key: {said}")).to_owned()
}

/// The key of an administrator, which Ada makes: she logs in as the page does.
pub(super) fn admin_key(program: &Program) -> String {
    let login = program.http.post("/v1/session", &json!({"name": "ada", "password": PASSWORD}));
    assert_eq!(login.status, 201);
    let cookie = login.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let csrf = text(&login.json()["csrf_token"]).to_owned();
    let wanted = json!({"name": "setup", "roles": ["administrator"]}).to_string();
    let made = Command::new("curl")
        .args([
            "-sS",
            "-H",
            &format!("Cookie: {cookie}"),
            "-H",
            &format!("X-CSRF-Token: {csrf}"),
            "-d",
            &wanted,
        ])
        .arg(program.http.url("/v1/api-keys"))
        .output()
        .expect("curl is there");
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).expect("a key");
    text(&made["key"]).to_owned()
}

/// What is answered to a key.
pub(super) fn ask(program: &Program, key: &str, path: &str) -> serde_json::Value {
    let asked = Command::new("curl")
        .args(["-sS", "-H", &format!("Authorization: Bearer {key}")])
        .arg(program.http.url(path))
        .output()
        .expect("curl is there");
    serde_json::from_slice(&asked.stdout).expect("JSON")
}

/// The code that an app shows now for a secret.
pub(super) fn code_of(secret: &str) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret).expect("a secret");
    let totp = totp_rs::Builder::new().with_secret(secret).build().expect("it is right");
    totp.generate(u64::try_from(Clock::start().world_s()).expect("it is later")).to_string()
}

#[test]
fn the_first_account_is_made_and_from_then_on_programs_need_keys() {
    let program = setup().start();
    program.call(&["--agent-phone", "4678", "--number", "+15550100", "--seconds", "2"]).wait();
    sealed(&program.http, 1);
    let url = program.http.url("");
    let run = |key, arguments: &[&str], input: &str| sidetone(&url, key, arguments, input);
    let (done, said) = run(None, &["users", "add", "ada", "--role", "administrator"], "short");
    assert!(!done && said.contains("15 to 256"), "{said}");
    let (done, said) = run(None, &["users", "add", "ada", "--role", "administrator"], PASSWORD);
    assert!(done && said.contains("programs need keys") && said.contains("--as ada"), "{said}");
    let (done, said) = run(None, &["find"], "");
    assert!(!done && said.to_lowercase().contains("say who you are"), "{said}");
    assert!(said.contains("SIDETONE_API_KEY_FILE"), "it says what to do: {said}");

    let setup_key = admin_key(&program);

    let (done, said) = run(Some(&setup_key), &["api-keys", "add", "crm", "--role", "integration"], "");
    assert!(done, "{said}");
    let crm = key(&said);
    let (done, said) =
        run(Some(&setup_key), &["api-keys", "add", "desk", "--role", "supervisor", "--agent", "1"], "");
    assert!(done, "{said}");
    let desk = key(&said);
    let (done, said) = run(Some(&desk), &["find"], "");
    assert!(done && said.contains("Rowan Pike"), "{said}");
    let (done, said) = run(Some(&crm), &["find"], "");
    assert!(!done && said.contains("not for crm"), "{said}");
    let (done, said) = run(Some(&setup_key), &["users", "list"], "");
    assert!(done && said.contains("ada") && said.contains("administrator"), "{said}");

    // An old client has a name and a password, and knows nothing of this.
    let start = |login: &[&str]| {
        let body = r#"{"AgentIdentifier":"Id","Value":"1"}"#;
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-d", body]).args(login);
        let output =
            curl.arg(program.http.url("/api/Blackout/StartForAgent")).output().expect("curl is there");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(start(&[]), "401");
    assert_eq!(start(&["-u", &format!("crm:{crm}")]), "200");

    // Accounts and keys outlive a restart, logins do not.
    let again = program.setup.clone();
    program.kill();
    let program = again.start();
    let url = program.http.url("");
    let (done, said) = sidetone(&url, Some(&desk), &["find"], "");
    assert!(done && said.contains("Rowan Pike"), "{said}");
    let (done, said) = sidetone(&url, Some(&setup_key), &["api-keys", "revoke", "3"], "");
    assert!(done, "{said}");
    let (done, _) = sidetone(&url, Some(&desk), &["find"], "");
    assert!(!done);
    let data = std::fs::read(program.data().join("index.sqlite")).expect("the index");
    for secret in [PASSWORD, &crm, &desk, &setup_key] {
        let is_there = data.windows(secret.len()).any(|piece| piece == secret.as_bytes());
        assert!(!is_there, "what is secret stands nowhere in clear");
    }
}

#[test]
fn leave_to_hear_that_was_given_is_an_alarm_again_after_a_restart() {
    let program = setup().start();
    let (done, said) =
        sidetone(&program.http.url(""), None, &["users", "add", "ada", "--role", "administrator"], PASSWORD);
    assert!(done, "{said}");
    let setup_key = admin_key(&program);
    let add = ["api-keys", "add", "comp", "--role", "compliance"];
    let (done, said) = sidetone(&program.http.url(""), Some(&setup_key), &add, "");
    assert!(done, "{said}");
    let comp = key(&said);
    let made = ask(&program, &comp, "/v1/audit?action=api-key.add")["items"][0]["at"].clone();
    let given = |program: &Program| {
        let items = ask(program, &setup_key, "/v1/alarms")["items"].as_array().expect("a list").clone();
        let found = items.into_iter().find(|alarm| alarm["kind"] == "hearing_given").expect("it stands");
        ["about", "what", "since", "last"].map(|name| text(&found[name]).to_owned())
    };
    let before = given(&program);
    assert_eq!(before[0], "API key comp");
    assert!(before[1].starts_with("setup, who may not hear recordings, has given leave to"), "{before:?}");
    let again = program.setup.clone();
    program.stop();
    let after = given(&again.start());
    assert_eq!(after[..2], before[..2]);
    assert_eq!(
        after[2..],
        [text(&made), text(&made)],
        "a week from when it was given, and not from the start"
    );
}

#[test]
fn a_step_of_the_system_clock_is_told_and_codes_of_a_telephone_are_taken_by_the_time_of_the_world() {
    const STEP_S: u64 = 120;
    let setup = setup().with_clock();
    let program = setup.start();
    setup.set_clock(&format!("+{STEP_S}"));
    wait_for("it is told", PATIENCE, || {
        let alarms = program.http.get("/v1/alarms").ok().json()["items"].clone();
        let told = alarms.as_array()?.iter().find(|alarm| alarm["kind"] == "clock_apart")?.clone();
        assert!(text(&told["what"]).contains("s ahead of the recorder's time"), "{told}");
        Some(())
    });
    let (done, said) =
        sidetone(&program.http.url(""), None, &["users", "add", "ada", "--role", "administrator"], PASSWORD);
    assert!(done, "{said}");
    let login = program.http.post("/v1/session", &json!({"name": "ada", "password": PASSWORD}));
    let cookie = format!("Cookie: {}", login.header("set-cookie").split(';').next().expect("a cookie"));
    let csrf = format!("X-CSRF-Token: {}", text(&login.json()["csrf_token"]));
    let ask = |method: &str, body: serde_json::Value| {
        let body = body.to_string();
        let shown = ["-H", cookie.as_str(), "-H", csrf.as_str(), "-d", body.as_str()];
        let asked = Command::new("curl")
            .args(["-sS", "-w", "\n%{http_code}", "-X", method])
            .args(shown)
            .arg(program.http.url("/v1/session/second-factor"))
            .output();
        String::from_utf8(asked.expect("curl is there").stdout).expect("it is text")
    };
    let begun = ask("POST", json!({"password": PASSWORD}));
    let begun: serde_json::Value = serde_json::from_str(begun.lines().next().expect("a line")).expect("JSON");
    let secret = totp_rs::Secret::try_from_base32(text(&begun["secret"])).expect("a secret");
    let totp = totp_rs::Builder::new().with_secret(secret).build().expect("it is right");
    let now = u64::try_from(Clock::start().world_s()).expect("it is later");
    let early = ask("PUT", json!({"code": totp.generate(now).to_string()}));
    assert!(early.ends_with("403"), "by the time of before: {early}");
    let right = ask("PUT", json!({"code": totp.generate(now + STEP_S).to_string()}));
    assert!(right.ends_with("204"), "{right}");
}

#[test]
fn a_command_line_without_a_browser_goes_on_after_the_first_account() {
    let program = setup().start();
    let url = program.http.url("");
    let file = program.setup.beside("command-line.key");
    let path = file.to_str().expect("a path of ours");
    let run = |arguments: &[&str], input: &str| sidetone(&url, None, arguments, input);
    let (done, said) = run(&["users", "add", "ada", "--role", "administrator"], PASSWORD);
    assert!(done, "{said}");
    let first =
        ["api-keys", "add", "command-line", "--role", "administrator", "--as", "ada", "--key-to", path];
    let (done, said) = run(&first, "not the password at all");
    assert!(!done && !file.exists(), "no file stays where no key is made: {said}");
    let (done, said) = run(&first, PASSWORD);
    assert!(done && said.contains(path) && !said.contains("stk_"), "{said}");
    let mode = std::fs::metadata(&file).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let (done, said) = run(&first, PASSWORD);
    assert!(!done && said.contains(path), "a file is never overwritten: {said}");

    // As the guide goes on.
    let run = |arguments: &[&str], input: &str| {
        sidetone(&url, None, &[arguments, &["--api-key-file", path]].concat(), input)
    };
    let said = "said on the telephone";
    for (name, grant) in [
        ("sam", ["--role", "supervisor", "--business-unit", "3"]),
        ("rowan", ["--role", "agent", "--agent", "1"]),
    ] {
        let (done, told) = run(&[&["users", "add", name][..], &grant].concat(), said);
        assert!(done && told.contains("changed at the first login"), "{told}");
    }
    let (done, told) =
        run(&["api-keys", "add", "crm", "--role", "integration", "--certificate", "crm.example.com"], "");
    assert!(done && told.contains("stk_"), "{told}");
    let (done, told) = run(&["api-keys", "certificate", "2"], "");
    assert!(done && told.contains("no certificate stands for key crm"), "{told}");
    let (done, told) = run(&["users", "password", "2"], "said on the telephone again");
    assert!(done && told.contains("the password is set") && !told.contains("makes no sense"), "{told}");
    // What is exchanged lasts as long as it was made for.
    let days = |said: &str| {
        let until = said.split("until ").nth(1).and_then(|rest| rest.split(';').next()).expect("a time");
        let until: jiff::Timestamp = until.parse().expect("RFC 3339");
        (until.as_second() - jiff::Timestamp::now().as_second()) as f64 / 86_400.0
    };
    let (_, made) =
        run(&["api-keys", "add", "wallboard", "--role", "supervisor", "--agent", "1", "--days", "90"], "");
    let (_, exchanged) = run(&["api-keys", "rotate", "3"], "");
    let (_, shortened) = run(&["api-keys", "rotate", "3", "--days", "7"], "");
    let (_, again) = run(&["api-keys", "rotate", "3"], "");
    let lengths = [made, exchanged, shortened, again].map(|said| days(&said).round());
    assert_eq!(lengths, [90.0, 90.0, 7.0, 7.0]);
    let keys = run(&["api-keys", "list"], "").1;
    assert!(keys.lines().any(|line| line.contains("command-line") && line.ends_with("ada")), "{keys}");
}

#[test]
fn a_first_key_is_made_also_by_somebody_with_a_second_factor() {
    let program = setup().start();
    let url = program.http.url("");
    let (done, said) = sidetone(&url, None, &["users", "add", "ada", "--role", "administrator"], PASSWORD);
    assert!(done, "{said}");
    let ada = LoggedIn::as_(&program, "ada");
    let (_, begun) = ada.post(&program, "/v1/session/second-factor", &json!({"password": PASSWORD}));
    let begun: serde_json::Value = serde_json::from_str(&begun).expect("JSON");
    let secret = totp_rs::Secret::try_from_base32(text(&begun["secret"])).expect("a secret");
    let totp = totp_rs::Builder::new().with_secret(secret).build().expect("it is right");
    let now = u64::try_from(Clock::start().world_s()).expect("it is later");
    let confirmed = json!({"code": totp.generate(now).to_string()});
    assert!(ada.send(&program, "PUT", "/v1/session/second-factor", &confirmed).0);

    let add = |lines: &[&str]| {
        let wanted = ["api-keys", "add", "setup", "--role", "administrator", "--as", "ada"];
        sidetone(&url, None, &wanted, &lines.join("\n"))
    };
    let (done, said) = add(&[PASSWORD]);
    assert!(!done && said.contains("second line of standard input"), "it says what is missing: {said}");
    let (done, said) = add(&["not the password at all", "000000"]);
    assert!(!done && !said.contains("second factor"), "{said}");
    // The code of before was taken once.
    let (done, said) = add(&[PASSWORD, &totp.generate(now).to_string()]);
    assert!(!done && !said.contains("stk_"), "{said}");
    let (done, said) = add(&[PASSWORD, &totp.generate(now + 30).to_string()]);
    assert!(done, "{said}");
    let made = key(&said);
    let keys = ask(&program, &made, "/v1/api-keys")["items"].clone();
    assert_eq!(keys.as_array().expect("a list").len(), 1, "what was refused has made none: {keys}");
    // Who has made it is logged in nowhere any more: only the login of the test is left.
    let logins = ada.send(&program, "GET", "/v1/session/logins", &json!(null)).1;
    let logins: serde_json::Value = serde_json::from_str(&logins).expect("JSON");
    assert_eq!(logins["items"].as_array().expect("a list").len(), 1, "{logins}");
}
