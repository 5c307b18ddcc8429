//! Somebody listens while the call goes on.

use std::io::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use sim::time::wait_for;
use sim::{Http, Program, debian};

use super::{PATIENCE, agent, legs, metric, on_a_recorded_call, open, sealed, setup, text, tone_share};

/// The id of the recording that is made now, once it can be heard.
fn heard_now(http: &Http) -> String {
    on_a_recorded_call(http, "4678");
    wait_for("a recording that can be heard", PATIENCE, || {
        let calls = http.get("/v1/calls?state=live").ok().json();
        let recording = &calls["items"][0]["recordings"][0];
        let id = recording["id"].as_str()?;
        (recording["audio"] == format!("/v1/recordings/{id}/audio")).then(|| id.to_owned())
    })
}

fn channels(program: &Program, name: &str, body: &[u8]) -> [Vec<i16>; 2] {
    let path = program.setup.write(name, body);
    let heard = debian::heard(&path, 8_000);
    [0, 1].map(|channel| heard.iter().skip(channel).step_by(2).copied().collect())
}

#[test]
fn a_running_call_is_heard_in_every_form_until_it_ends() {
    let program = setup().start();
    let call = program.call(&["--agent-phone", "4678", "--number", "+15550123", "--seconds", "8"]);
    let id = heard_now(&program.http);
    let forms = ["wav", "flac", "opus", "mp3"];
    let listeners = forms.map(|form| {
        let (http, path) = (program.http.clone(), format!("/v1/recordings/{id}/audio?format={form}"));
        std::thread::spawn(move || http.get(&path).ok())
    });
    std::thread::sleep(Duration::from_millis(1_500));
    let command = json!({"AgentIdentifier": "Id", "Value": "1"});
    program.http.post("/api/Blackout/StartForAgent", &command).ok();
    assert_eq!(agent(&program.http, "4678")["ActiveCall"]["Recordings"][0]["RecordingState"], "Blackout");
    std::thread::sleep(Duration::from_millis(1_500));
    program.http.post("/api/Blackout/StopForAgent", &command).ok();
    // Only what comes next, from the middle of the call on.
    let (http, path) = (program.http.clone(), format!("/v1/recordings/{id}/audio?from_ms=9007199254740991"));
    let edge = std::thread::spawn(move || http.get(&path).ok());
    call.wait();

    let answers = listeners.map(|listener| listener.join().expect("it was heard to its end"));
    let edge = edge.join().expect("it was heard to its end");
    let found = sealed(&program.http, 1).remove(0);
    let said = legs(&program.http, &found);
    // To the nanosecond: what the API tells in milliseconds may be seven samples too early.
    let manifest = open(&program.data(), &found).manifest().expect("a whole file");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let ns = |value: &Value| value.as_i64().expect("nanoseconds");
    let dark = &manifest["dark"][0];
    let at = |value| {
        usize::try_from((ns(value) - ns(&manifest["started"])) / 125_000).expect("within the recording")
    };
    let (dark_from, dark_until) = (at(&dark["from"]), at(&dark["until"]));
    assert!(dark_until - dark_from > 8_000, "a second and more");

    for (form, answer) in forms.iter().zip(&answers) {
        assert_eq!(answer.header("content-length"), "", "{form}: nobody knows how long it will be");
        assert_eq!(answer.header("accept-ranges"), "none");
        let heard = channels(&program, &format!("live.{form}"), &answer.body);
        for ((heard, said), hz) in heard.iter().zip(&said).zip([440.0, 880.0]) {
            // Without a known length MP3 keeps what its encoder adds at the end.
            let excess = if *form == "mp3" { 2_000 } else { 1 };
            assert!(
                (said.len()..=said.len() + excess).contains(&heard.len()),
                "{form}: {} {}",
                heard.len(),
                said.len()
            );
            assert!(tone_share(&heard[1_600..dark_from - 1_600], hz) > 0.95, "{form}: {hz} Hz before");
            assert!(
                tone_share(&heard[dark_until + 1_600..said.len() - 1_600], hz) > 0.95,
                "{form}: {hz} Hz after"
            );
            match *form {
                "wav" | "flac" => {
                    assert!(audio::tone::is_silent(&heard[dark_from + 1..dark_until]), "{form}")
                }
                // A block of MP3 and its filters reach 1,664 samples into what lies beside them.
                _ => {
                    let dark = &heard[dark_from + 1_700..dark_until - 1_700];
                    assert!(audio::tone::level_dbov(dark) < -70, "{form}")
                }
            }
        }
    }
    let heard = channels(&program, "edge.wav", &edge.body);
    assert!(heard[0].len() < said[0].len() - 8_000, "it begins in the middle");
    assert!(tone_share(&heard[0][heard[0].len() - 8_000..], 440.0) > 0.95);
    assert_eq!(metric(&program.http, "sidetone_live_missed_total"), 0);
    let id = text(&found["id"]);
    assert_eq!(program.http.get(&format!("/v1/recordings/{id}/audio")).header("accept-ranges"), "bytes");
    program.stop();
}

#[test]
fn one_who_listens_to_mp3_and_leaves_leaves_no_encoder_behind() {
    let program = setup().start();
    let call = program.call(&["--agent-phone", "4678", "--number", "+15550123", "--seconds", "5"]);
    let id = heard_now(&program.http);
    let encoders = || {
        let of_all_threads = std::fs::read_dir(format!("/proc/{}/task", program.id())).expect("it runs");
        let children: Vec<String> = of_all_threads
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok())
            .flat_map(|pids| pids.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        children.len()
    };
    let mut heard = std::net::TcpStream::connect(program.http.address()).expect("it listens");
    let path = format!("/v1/recordings/{id}/audio?format=mp3");
    write!(heard, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", program.http.address()).expect("it is taken");
    wait_for("an encoder that runs", PATIENCE, || (encoders() == 1).then_some(()));
    drop(heard);
    wait_for("no encoder that runs", PATIENCE, || (encoders() == 0).then_some(()));
    // It went with the listener, not with the call.
    assert_eq!(agent(&program.http, "4678")["ActiveCall"]["Recordings"][0]["RecordingState"], "Recording");
    call.wait();
    program.stop();
}
