//! The five commands of the WFO example, typed with curl as the README has them: with no call up, and into a
//! call that is up.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use sim::time::{Since, now_ns, wait_for};
use sim::{Program, debian};

use super::{between, legs, on_a_recorded_call, open, recording, sealed, setup, text, time_ns, tone_share};

/// Path and body, in the order of the README.
const LINES: [(&str, &str); 5] = [
    ("/api/Record/StartForAgent", r#"{"AgentIdentifier":"Id","Value":"1"}"#),
    (
        "/api/Record/UpdateForAgent",
        r#"{"AgentIdentifier":"Phone","Value":"4678","CallMetadata":{"user2":"1234567890"}}"#,
    ),
    ("/api/Blackout/StartForAgent", r#"{"AgentIdentifier":"Id","Value":"1"}"#),
    ("/api/Blackout/StopForAgent", r#"{"AgentIdentifier":"Id","Value":"1"}"#),
    ("/api/Record/StopForAgent", r#"{"AgentIdentifier":"Id","Value":"1"}"#),
];

/// Types a line with curl; status and body of the answer.
fn curl(program: &Program, path: &str, arguments: &[&str]) -> (u16, Value) {
    let mut command = Command::new(debian::program("curl", "curl"));
    command.args(["--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}"]);
    let said = debian::run(command.args(["-X", "POST", &program.http.url(path)]).args(arguments));
    let (body, status) = said.rsplit_once('\n').expect("the status comes last");
    (status.parse().expect("a status"), serde_json::from_str(body).expect("JSON"))
}

fn is_agent_1(answer: &Value) {
    assert_eq!((&answer["AgentId"], text(&answer["AgentPhone"])), (&1.into(), "4678"), "{answer}");
    let documented = [
        "AgentId",
        "BusinessUnit",
        "AgentPhone",
        "SystemUsername",
        "CrmUsername",
        "ActiveCall",
        "InactiveCalls",
        "Username",
        "DeviceId",
        "DeviceAlias",
        "DesktopOnlySessions",
    ];
    for key in documented {
        assert!(answer.get(key).is_some(), "{key} is missing: {answer}");
    }
    if let Some(metadata) = answer["ActiveCall"]["Metadata"].as_object() {
        assert_eq!(metadata.len(), 32, "{metadata:?}");
    }
}

#[test]
fn the_five_lines_answer_200_with_no_call_up_however_they_are_labelled() {
    let setup = super::bare_setup();
    let program = setup.start();
    let agents = setup.write("agents.csv", sim::program::AGENTS.as_bytes());
    super::printed(&program, &["agents", "import", &agents.display().to_string()]);
    assert!(super::printed(&program, &["agents", "list"]).contains("Rowan Pike"));

    let labels: [&[&str]; 3] = [&[], &["-H", "Content-Type: application/json"], &["-H", "Content-Type:"]];
    for label in labels {
        let answers = LINES.map(|(path, body)| {
            let (status, answer) = curl(&program, path, &[label, &["-d", body]].concat());
            assert_eq!(status, 200, "{path} {label:?}: {answer}");
            is_agent_1(&answer);
            answer
        });
        let [started, updated, dark, light, _] = &answers;
        assert_eq!(text(&started["ActiveCall"]["Recordings"][0]["RecordingState"]), "Pending");
        assert_eq!(text(&updated["ActiveCall"]["Metadata"]["user2"]), "1234567890");
        assert_eq!((&dark["BlackoutActive"], &light["BlackoutActive"]), (&true.into(), &false.into()));
    }
    let in_the_uri = [
        "/api/Record/StartForAgent?AgentIdentifier=Id&Value=1",
        "/api/Record/UpdateForAgent?agentidentifier=Phone&value=4678&CallMetadata=%7B%22user2%22%3A%221234567890%22%7D",
        "/api/Blackout/StartForAgent?AgentIdentifier=Username&Value=rpike",
        "/api/Blackout/StopForAgent?AgentIdentifier=CrmUsername&Value=rowan",
        "/api/Record/StopForAgent?AgentIdentifier=SystemUsername&Value=CORP%5Crpike",
    ];
    for path in in_the_uri {
        let (status, answer) = curl(&program, path, &[]);
        assert_eq!(status, 200, "{path}: {answer}");
        is_agent_1(&answer);
    }
}

#[test]
fn a_line_that_cannot_be_obeyed_answers_404_with_a_message_that_names_the_fault() {
    let program = setup().start();
    let faults = [
        (r#"{"AgentIdentifier":"Id","Value":"77","CallMetadata":{}}"#, "No agent has the Id \"77\""),
        (r#"{"AgentIdentifier":"Badge","Value":"1","CallMetadata":{}}"#, "\"Badge\" is no AgentIdentifier"),
        (r#"{"AgentIdentifier":"Id","CallMetadata":{}}"#, "Value is missing"),
        (r#"{"AgentIdentifier":"Id","Value":"1""#, "no JSON"),
    ];
    for (path, _) in LINES {
        for (body, named) in faults {
            for label in ["Content-Type: application/json", "Content-Type: application/x-www-form-urlencoded"]
            {
                let (status, answer) = curl(&program, path, &["-H", label, "-d", body]);
                assert_eq!(status, 404, "{path} {body}: {answer}");
                assert!(text(&answer["Message"]).contains(named), "{path} {body}: {answer}");
            }
        }
    }
}

/// What a scene left behind.
struct Left {
    program: Program,
    /// When the blackout was acknowledged, and when its stop was sent; nanoseconds since 1970.
    dark_ns: [i64; 2],
}

/// A call for 4678 of two tones, and the five lines sent into it.
fn five_lines_into_a_call() -> Left {
    let program = setup().start();
    let call = program.call(&[
        "--agent-phone",
        "4678",
        "--seconds",
        "5",
        "--left",
        "tone:440",
        "--right",
        "tone:880",
    ]);
    on_a_recorded_call(&program.http, "4678");
    let began = Since::now();
    let say = |line: usize, after_ms: u64| {
        began.sleep_until(Duration::from_millis(after_ms));
        let sent_ns = now_ns();
        let (path, body) = LINES[line];
        let (status, answer) = curl(&program, path, &["-d", body]);
        assert_eq!(status, 200, "{path}: {answer}");
        is_agent_1(&answer);
        [sent_ns, now_ns()]
    };
    say(0, 300);
    say(1, 500);
    let [_, dark] = say(2, 1_500);
    let [light, _] = say(3, 2_700);
    say(4, 4_000);
    call.wait();
    Left { program, dark_ns: [dark, light] }
}

#[test]
fn with_a_call_up_the_five_lines_leave_one_sealed_recording_tagged_two_sided_and_dark_where_told() {
    let Left { program, dark_ns } = five_lines_into_a_call();
    let found = sealed(&program.http, 1).remove(0);
    assert_eq!(text(&found["fields"]["user2"]), "1234567890");
    assert_eq!((&found["agent"], text(&found["device"])), (&1.into(), "4678"));
    let sides = legs(&program.http, &found);
    let whole = recording(&program.http, &found);

    // The blackout, on the recording's timeline.
    let spans = whole["manifest"]["blackouts"].as_array().expect("a list");
    assert_eq!(spans.len(), 1, "{spans:?}");
    let started_ns = time_ns(&found["started"]);
    let [from_ns, until_ns] = ["from", "until"].map(|end| time_ns(&spans[0][end]));
    // The API rounds times to milliseconds.
    assert!(from_ns <= dark_ns[0] + 1_000_000, "it was acknowledged before it was dark");
    assert!(until_ns >= dark_ns[1] - 1_000_000, "it was light before the stop was sent");
    let [from_ms, until_ms] = [from_ns, until_ns].map(|ns| (ns - started_ns) / 1_000_000);
    let end_ms = i64::try_from(sides[0].len() / 8).unwrap();

    for (side, (own_hz, other_hz)) in sides.iter().zip([(440.0, 880.0), (880.0, 440.0)]) {
        // A frame lasts 20 ms; the ends of the span need not fall between two.
        for part in [between(side, 300, from_ms - 50), between(side, until_ms + 100, end_ms - 200)] {
            assert!(tone_share(part, own_hz) > 0.9, "{own_hz} Hz: {}", tone_share(part, own_hz));
            assert!(tone_share(part, other_hz) < 0.05, "{other_hz} Hz where {own_hz} Hz belongs");
        }
        let dark = between(side, from_ms + 1, until_ms - 1);
        assert!(dark.len() > 7_000 && audio::tone::is_silent(dark), "there is sound in the blackout");
    }

    // B7: what was sent at the same time plays at the same time.
    let [left, right] =
        sides.each_ref().map(|side| side.iter().position(|sample| *sample != 0).expect("sound"));
    assert!(left.abs_diff(right) < 160, "the legs begin {} samples apart", left.abs_diff(right));

    assert!(open(&program.data(), &found).streams().iter().all(|tally| tally.packets > 50));
    let counts = &whole["packets"];
    assert!(counts["dark"].as_u64() > Some(60), "{counts}");
    assert_eq!(counts["lost"], 0, "{counts}");
}

#[test]
fn a_recording_that_was_started_with_no_call_up_takes_the_media_that_come() {
    let program = setup().start();
    let (_, pending) = curl(&program, LINES[0].0, &["-d", LINES[0].1]);
    let (_, tagged) = curl(&program, LINES[1].0, &["-d", LINES[1].1]);
    let id = text(&pending["ActiveCall"]["Recordings"][0]["RecordingIdentifier"]).to_owned();
    assert_eq!(text(&tagged["ActiveCall"]["Recordings"][0]["RecordingState"]), "Pending");
    let call = program.call(&["--agent-phone", "4678", "--seconds", "2"]);
    let now = on_a_recorded_call(&program.http, "4678");
    assert_eq!(text(&now["ActiveCall"]["Recordings"][0]["RecordingIdentifier"]), id, "{now}");
    call.wait();
    let found = sealed(&program.http, 1).remove(0);
    assert_eq!((text(&found["id"]), text(&found["fields"]["user2"])), (id.as_str(), "1234567890"));
    let sides = legs(&program.http, &found);
    for (side, hz) in sides.iter().zip([440.0, 880.0]) {
        let first = side.iter().position(|sample| *sample != 0).expect("sound");
        let first_ms = i64::try_from(first / 8).expect("short");
        assert!(tone_share(between(side, first_ms + 100, first_ms + 1_700), hz) > 0.9, "{hz} Hz");
    }
}

#[test]
fn fields_written_after_a_stop_reach_the_sealed_recording_and_the_last_one_stays() {
    let program = setup().start();
    let call = program.call(&["--agent-phone", "4678", "--seconds", "2"]);
    on_a_recorded_call(&program.http, "4678");
    let by_id = |key: &str, value: &str| serde_json::json!({"AgentIdentifier": "Id", "Value": "1", "CallMetadata": {key: value}});
    program.http.post("/api/Record/StopForAgent", &by_id("user1", "0")).ok();
    for number in 1..=100 {
        program.http.post("/api/Record/UpdateForAgent", &by_id("user1", &number.to_string())).ok();
    }
    call.wait();
    program.http.post("/api/Record/UpdateForAgent", &by_id("user2", "after the end")).ok();
    wait_for("the row has what was said last", super::PATIENCE, || {
        let found = sealed(&program.http, 1).remove(0);
        (found["fields"]["user1"] == "100" && found["fields"]["user2"] == "after the end").then_some(())
    });
}
