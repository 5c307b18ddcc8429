//! A decoder that has been taken over: a script in the place of ffmpeg looks for what it could do.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use sim::Setup;
use sim::time::wait_for;

use super::{PATIENCE, sealed, setup, text};

/// A script that is run in the place of ffmpeg and says what came of each line on its way out.
fn script(setup: &Setup, lines: &str) -> String {
    let path = setup.write("ffmpeg", format!("#!/bin/bash\nexec 1>&2\n{lines}\nexit 3\n").as_bytes());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// What the script says when `sidetone confined` starts it.
fn confined(setup: &Setup, lines: &str) -> String {
    let path = script(setup, lines);
    let mut command = setup.command(&["confined", &path, "-v", "error"]);
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_decoder_has_no_network_no_room_to_write_and_an_end() {
    let setup = setup();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = confined(
        &setup,
        &format!(
            "(exec 3<>/dev/tcp/127.0.0.1/{port}) && echo reached || echo unreached
             (exec 3<>/dev/udp/127.0.0.1/{port}) && echo sent || echo unsent
             (echo x > {written}) && echo wrote || echo unwritten
             echo cores $(ulimit -c) sizes $(ulimit -f) files $(ulimit -n) seconds $(ulimit -t) kib $(ulimit -v)",
            written = setup.beside("written").display()
        ),
    );
    for wanted in ["unreached", "unsent", "unwritten", "cores 0 sizes 0 files 64 seconds 900 kib 2097152"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    assert!(!setup.beside("written").exists());
}

#[test]
fn a_decoder_finds_neither_keys_nor_recordings_nor_our_surroundings() {
    let setup = setup();
    let program = setup.start();
    program.call(&["--seconds", "1"]).wait();
    let found = sealed(&program.http, 1).pop().unwrap();
    program.stop();

    let data = setup.data();
    let spy = script(
        &setup,
        &format!(
            "cat {data}/keys/* > /dev/null && echo keys || echo no keys
             ls {data} && echo recordings || echo no recordings
             cat /etc/passwd > /dev/null && echo settings || echo no settings
             kill -0 $PPID && echo parent || echo no parent
             env | cut -d= -f1 | sort | tr '\\n' ' '",
            data = data.display()
        ),
    );
    let program = setup.clone().argument("--ffmpeg").argument(&spy).start();
    let output = program.run(&["export", text(&found["id"]), "--format", "mp3"]);
    assert!(!output.status.success(), "{output:?}");
    let said = wait_for("what the decoder said is in the log", PATIENCE, || {
        Some(program.log()).filter(|log| log.contains("PATH"))
    });
    for wanted in ["no keys", "no recordings", "no settings", "no parent"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(!said.contains("RUST_LOG") && !said.contains("HOME"), "{said}");
}

#[test]
fn what_is_confined_does_its_work_all_the_same() {
    let setup = setup();
    let program = setup.start();
    program.call(&["--seconds", "1"]).wait();
    let found = sealed(&program.http, 1).pop().unwrap();
    let mp3 = program.http.get(&format!("/v1/recordings/{}/audio?format=mp3", text(&found["id"]))).ok();
    assert_eq!(mp3.header("content-type"), "audio/mpeg");
    assert!(mp3.body.len() > 4_000);
    let output = setup.run(&["confined", "/nowhere/ffmpeg"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("/nowhere/ffmpeg cannot be started"), "{said}");
}
