//! What a password must be like, however one is set: at the built program.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::json;

use super::people::{PASSWORD, admin_key, sidetone};
use super::setup;

const LEAKED: &str = "correct horse battery staple";

/// A line of the list of leaked passwords.
fn line(password: &str, count: u32) -> String {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    let mut line = String::new();
    for byte in digest.as_ref() {
        write!(line, "{byte:02X}").expect("a string takes all");
    }
    format!("{line}:{count}\r\n")
}

#[test]
fn a_password_that_is_common_or_of_this_place_or_has_leaked_is_refused_however_it_is_set() {
    let setup = setup();
    let mut lines: Vec<String> = (0..5_000).map(|number| line(&format!("made up {number}"), 1)).collect();
    lines.push(line(LEAKED, 57));
    lines.sort_unstable();
    let list = setup.write("leaked.txt", lines.concat().as_bytes());
    let settings = format!("[login]\nleaked_passwords = \"{}\"\n", list.display());
    let program = setup.clone().settings(&settings).start();
    let url = program.http.url("");

    let wrong = [
        ("1QAZ2wsx3edc4RFV", "is common"),
        ("SidetoneRecorder2026", "word of this place"),
        (LEAKED, "has leaked (57 times"),
    ];
    let add = ["users", "add", "ada", "--role", "administrator"];
    for (password, why) in wrong {
        let (done, said) = sidetone(&url, None, &add, password);
        assert!(!done && said.contains(why) && !said.contains(password), "the first account: {said}");
    }
    let (done, said) = sidetone(&url, None, &add, PASSWORD);
    assert!(done, "{said}");
    let key = admin_key(&program);
    for (password, why) in wrong {
        let (done, said) =
            sidetone(&url, Some(&key), &["users", "add", "sam", "--role", "auditor"], password);
        assert!(!done && said.contains(why), "another account: {said}");
        let (done, said) = sidetone(&url, Some(&key), &["users", "password", "1"], password);
        assert!(!done && said.contains(why), "a password that is set: {said}");
    }

    let login = program.http.post("/v1/session", &json!({"name": "ada", "password": PASSWORD}));
    let cookie = login.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let csrf = login.json()["csrf_token"].as_str().expect("a token").to_owned();
    let change = |new: &str| {
        let body = json!({"old": PASSWORD, "new": new}).to_string();
        let headers = [format!("Cookie: {cookie}"), format!("X-CSRF-Token: {csrf}")];
        let curl = std::process::Command::new("curl")
            .args([
                "-sS",
                "-X",
                "PUT",
                "-w",
                " %{http_code}",
                "-H",
                &headers[0],
                "-H",
                &headers[1],
                "-d",
                &body,
            ])
            .arg(program.http.url("/v1/session/password"))
            .output()
            .expect("curl is there");
        String::from_utf8_lossy(&curl.stdout).into_owned()
    };
    for (password, why) in wrong {
        let said = change(password);
        assert!(said.ends_with(" 400") && said.contains(why), "one's own: {said}");
    }
    assert_eq!(change("a quite different phrase"), " 204");
    assert!(!program.log().contains(LEAKED));
}

#[test]
fn a_list_of_leaked_passwords_of_another_form_stops_the_start_and_doctor_says_whether_there_is_one() {
    let setup = setup();
    let list = setup.write("leaked.txt", b"password\n123456\n");
    let argument = list.display().to_string();
    let flag = setup.clone().argument("--login-leaked-passwords").argument(&argument);
    let (status, said) = flag.start_refused();
    assert!(!status.success() && said.contains("login.leaked_passwords"), "{said}");
    assert!(said.contains("ordered by hash"), "{said}");

    let doctor = |arguments: &[&str]| {
        let data = setup.data().display().to_string();
        let usual = ["doctor", "--json", "--data", &data, "--http", "127.0.0.1:1"];
        let output = setup.run(&[&usual[..], arguments].concat());
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(doctor(&["--login-leaked-passwords", &argument]).contains("ordered by hash"));
    assert!(doctor(&[]).contains("and none is named"));
    std::fs::write(&list, line(LEAKED, 57)).expect("it is ours");
    let said = doctor(&["--login-leaked-passwords", &argument]);
    assert!(said.contains("compared with the list of leaked ones, 1 MiB"), "{said}");
}
