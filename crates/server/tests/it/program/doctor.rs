//! `sidetone doctor` against a healthy recorder and against broken set-ups: it says the right thing each time.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use serde_json::Value;
use sim::{Program, Setup};

use super::{bare_setup, recording, sealed, setup};

/// What doctor found.
struct Found {
    status: Option<i32>,
    checks: Vec<Value>,
}

impl Found {
    fn new(output: &Output) -> Self {
        let said = String::from_utf8_lossy(&output.stdout);
        let found: Value = serde_json::from_str(&said)
            .unwrap_or_else(|error| panic!("{error}: {said}{}", String::from_utf8_lossy(&output.stderr)));
        let checks = found["checks"].as_array().expect("a list").clone();
        let failed = checks.iter().any(|check| check["state"] == "failed");
        assert_eq!(found["ok"], !failed);
        assert_eq!(
            output.status.code(),
            Some(i32::from(failed)),
            "it ends with 0 only if nothing failed: {said}"
        );
        Self { status: output.status.code(), checks }
    }

    /// The findings of a check that came out so.
    fn of(&self, check: &str, state: &str) -> String {
        let ours = self.checks.iter().filter(|found| found["check"] == check && found["state"] == state);
        let said: Vec<String> = ours.map(|found| format!("{} -> {}", found["said"], found["todo"])).collect();
        assert!(!said.is_empty(), "no {check} that is {state}: {:#?}", self.checks);
        said.join("; ")
    }

    fn failed(&self) -> Vec<&str> {
        let failed = self.checks.iter().filter(|found| found["state"] == "failed");
        failed.map(|found| found["check"].as_str().expect("a name")).collect()
    }
}

/// Doctor with the settings the recorder was started with.
fn doctor(program: &Program, arguments: &[&str]) -> Found {
    let (to, sip, data) =
        (program.http.url(""), program.sip.to_string(), program.data().display().to_string());
    let usual = ["doctor", "--json", "--to", &to, "--sip", &sip, "--data", &data];
    Found::new(&program.setup.run(&[&usual[..], arguments].concat()))
}

/// Doctor where no recorder runs.
fn doctor_alone(setup: &Setup, arguments: &[&str]) -> Found {
    let data = setup.data().display().to_string();
    let usual = ["doctor", "--json", "--data", &data, "--http", "127.0.0.1:1"];
    Found::new(&setup.run(&[&usual[..], arguments].concat()))
}

#[test]
fn it_says_whether_what_is_recorded_can_be_heard() {
    let setup = setup();
    setup.start().stop();
    let said = doctor_alone(&setup, &[]).of("keys", "ok");
    assert!(said.contains("the reading key's private half is kept in the clear"), "{said}");
    std::fs::rename(setup.data().join("keys/reading.key"), setup.beside("away")).expect("it is there");
    let said = doctor_alone(&setup, &[]).of("keys", "warning");
    assert!(said.contains("reading.key is missing") && said.contains("nobody can listen here"), "{said}");
}

#[test]
fn of_a_healthy_recorder_it_says_what_an_sbc_would_see_and_marks_the_test_call() {
    let program = setup().start();
    let found = doctor(&program, &[]);
    assert_eq!(found.status, Some(0), "{:#?}", found.checks);
    assert!(found.of("recorder", "ok").contains("can record"));
    assert!(
        found.of("sip", "ok").contains("over UDP with 200")
            && found.of("sip", "ok").contains("over TCP with 200")
    );
    let call = found.of("test call", "ok");
    for said in ["INVITE answered 200 in", "two streams", "recording sealed", "user15"] {
        assert!(call.contains(said), "{said}: {call}");
    }
    // Five seconds of each leg, or a packet more where the caller was late to stop.
    let arrived = |packets: usize| call.matches(&format!("{packets} of {packets}")).count();
    assert_eq!(arrived(250) + arrived(251), 2, "{call}");
    assert!(found.of("sound", "ok").contains("both legs are where they belong"));
    assert!(found.of("address", "warning").contains("no SBC on another machine"));
    let clock = if sidetone::clock::is_synchronised() == Some(true) { "ok" } else { "warning" };
    assert!(found.of("clock", clock).contains("clock"));

    let left = sealed(&program.http, 1).remove(0);
    assert_eq!(left["fields"]["user15"], "doctor test");
    let stored = 250 * arrived(250) + 251 * arrived(251);
    assert_eq!(recording(&program.http, &left)["packets"]["stored"], stored);

    let spoken = program.setup.run(&[
        "doctor",
        "--no-call",
        "--to",
        &program.http.url(""),
        "--sip",
        &program.sip.to_string(),
    ]);
    let spoken = String::from_utf8_lossy(&spoken.stdout).into_owned();
    assert!(spoken.contains("ok       sip ") && spoken.contains("nothing failed"), "{spoken}");
}

#[test]
fn with_no_recorder_running_it_says_so_and_looks_at_the_rest() {
    let setup = bare_setup();
    let found = doctor_alone(&setup, &[]);
    assert_eq!(found.failed(), ["recorder"]);
    assert!(found.of("recorder", "failed").contains("sidetone serve"));
    assert!(found.of("data", "ok").contains("the first start makes it"));
    assert!(found.of("sip", "ok").contains("is free for UDP"));
}

#[test]
fn a_port_that_another_program_has_is_named_with_that_program() {
    let setup = bare_setup();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let found = doctor_alone(&setup, &["--sip", &udp.local_addr().unwrap().to_string()]);
    let said = found.of("sip", "failed");
    let us = format!("process {}", std::process::id());
    assert!(said.contains("taken over UDP by another program") && said.contains(&us), "{said}");
    let found = doctor_alone(&setup, &["--sip", &tcp.local_addr().unwrap().to_string()]);
    assert!(found.of("sip", "failed").contains("taken over TCP"), "{:#?}", found.checks);
}

#[test]
fn a_folder_that_cannot_be_written_and_one_without_room_are_told_apart() {
    let setup = bare_setup();
    let found =
        Found::new(&setup.run(&["doctor", "--json", "--data", "/sys/kernel", "--http", "127.0.0.1:1"]));
    assert!(found.of("data", "failed").contains("cannot be written"));

    let program = setup.argument("--disk-reserve-mib").argument("999999999").start();
    let found = doctor(&program, &["--no-call", "--disk-reserve-mib", "999999999"]);
    assert!(found.of("data", "ok").contains("can be written"));
    assert!(found.of("disk", "failed").contains("refused with 503"));
}

#[test]
fn keys_that_others_can_read_are_said_with_the_mode_they_need() {
    let program = setup().start();
    let setup = program.setup.clone();
    let key = program.data().join("keys/state.key");
    assert!(program.stop().status.success());
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = doctor_alone(&setup, &[]).of("keys", "failed");
    assert!(said.contains("can be read by others") && said.contains("600"), "{said}");
}

#[test]
fn an_advertised_address_that_leads_nowhere_is_found_out() {
    let setup = bare_setup();
    let program = setup
        .argument("--sip")
        .argument("0.0.0.0:0")
        .argument("--sip-advertised")
        .argument("192.0.2.1")
        .start();
    let found = doctor(&program, &["--sip-advertised", "192.0.2.1"]);
    assert!(found.of("address", "warning").contains("no address of this machine"));
    let said = found.of("sip", "failed");
    assert!(said.contains("192.0.2.1") && said.contains("sip.advertised"), "{said}");
    assert!(found.of("test call", "failed").contains("no call was placed"));
}

#[test]
fn a_low_limit_of_open_files_is_said_in_streams() {
    let setup = bare_setup();
    let sidetone = setup.command(&[]);
    let program = sidetone.get_program().to_string_lossy().into_owned();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("ulimit -n 300; exec {program} doctor --json --http 127.0.0.1:1 --data d")]);
    let found = Found::new(&shell.current_dir(setup.beside("")).output().unwrap());
    assert!(found.of("open files", "failed").contains("22 streams"), "{:#?}", found.checks);
}

#[test]
fn a_recorder_that_keeps_out_whom_it_does_not_list_keeps_doctor_out_as_well_and_it_says_why() {
    let elsewhere = "[[trunk]]\nname = \"sbc\"\nnetworks = [\"192.0.2.20\"]\n[sip]\nunlisted = ";
    for (unlisted, seen) in [("refuse", "403"), ("silent", "does not answer")] {
        let setup = bare_setup().settings(&format!("{elsewhere}\"{unlisted}\"\n"));
        let program = setup.start();
        let found = doctor(&program, &["--sip-unlisted", unlisted]);
        let said = found.of("sip", "failed");
        assert!(
            said.contains(seen) && said.contains("sip.unlisted") && said.contains("Add a trunk"),
            "{said}"
        );
    }
}

#[test]
fn settings_that_cannot_be_used_are_shown_with_their_line() {
    let setup = bare_setup();
    let path = setup.write("broken.toml", b"[sip]\nlisen = \"0.0.0.0:5060\"\n");
    let found = doctor_alone(&setup, &["--config", &path.display().to_string()]);
    let said = found.of("settings", "failed");
    assert!(said.contains("line 2") && said.contains("lisen"), "{said}");
}

#[test]
fn something_else_on_the_http_port_is_no_recorder() {
    let setup = bare_setup();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stranger = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1_024]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    });
    let found = doctor_alone(&setup, &["--to", &format!("http://{address}")]);
    stranger.join().unwrap();
    assert!(found.of("recorder", "failed").contains("no recorder"), "{:#?}", found.checks);
}

/// Settings for TLS with a certificate of this last year, and a key that is its own or another's.
fn tls_settings(setup: &Setup, until_year: i32, own_key: bool) -> String {
    let mut params = rcgen::CertificateParams::new(vec!["rec.example.com".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(until_year, 1, 1);
    let (key, other) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
    let certificate = params.self_signed(&key).unwrap();
    let shown = if own_key { &key } else { &other };
    let certificate = setup.write("tls.pem", certificate.pem().as_bytes());
    let key = setup.write("tls.key", shown.serialize_pem().as_bytes());
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let (certificate, key) = (certificate.display(), key.display());
    let toml =
        format!("[sip.tls]\nlisten = \"127.0.0.1:0\"\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n");
    setup.write("doctor.toml", toml.as_bytes()).display().to_string()
}

#[test]
fn certificates_that_are_good_expired_or_another_keys_are_told_apart() {
    let setup = setup();
    let good = doctor_alone(&setup, &["--config", &tls_settings(&setup, 2090, true)]);
    assert!(good.of("certificate", "ok").contains("rec.example.com, valid until 2090-01-01"));
    let expired = doctor_alone(&setup, &["--config", &tls_settings(&setup, 2021, true)]);
    let said = expired.of("certificate", "failed");
    assert!(said.contains("expired on 2021-01-01") && said.contains("without a restart"), "{said}");
    let foreign = doctor_alone(&setup, &["--config", &tls_settings(&setup, 2090, false)]);
    assert!(
        foreign.of("certificate", "failed").contains("do not go together"),
        "{}",
        foreign.of("certificate", "failed")
    );
    assert_eq!(foreign.status, Some(1));
}

#[test]
fn the_ffmpeg_of_the_settings_is_the_one_that_is_looked_for() {
    let found = doctor_alone(&setup(), &["--ffmpeg", "no-such-ffmpeg"]);
    assert!(found.of("ffmpeg", "warning").contains("cannot be heard"));
    assert!(doctor_alone(&setup(), &[]).of("ffmpeg", "ok").contains("is installed"));
}
