use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::fake::Recorder;
use crate::talk::Talk;

/// A row as it stands in the index after a call of agent 1; `n` tells rows apart.
pub(crate) fn row(n: u8) -> index::RecordingRow {
    let started = calls::time::Wall::from_ms(1_764_000_000_000 + i64::from(n) * 60_000);
    index::RecordingRow {
        id: format!("0198c7a2-4f3e-7abc-8def-0123456789{n:02x}").parse().unwrap(),
        call: format!("0198c7a2-4f3e-7abc-8def-0123456788{n:02x}").parse().unwrap(),
        ident: 0,
        sip_call_id: Some("a@192.0.2.1".to_owned()),
        call_instance: Some("a@192.0.2.1".to_owned()),
        agent: Some(calls::id::AgentId(1)),
        agent_name: Some("Rowan Pike".to_owned()),
        device: Some("4678".to_owned()),
        direction: Some(index::Direction::Inbound),
        ani: Some("+15550100".to_owned()),
        dnis: Some("4678".to_owned()),
        business_unit: 3,
        started,
        ended: calls::time::Wall::from_ms(started.as_ms() + 10_000),
        duration_ms: 10_000,
        file: format!("recordings/2025/11/24/{n}.rec"),
        file_bytes: 1,
        digest: [n; 32],
        streams: 2,
        completeness: index::Completeness::Complete,
        interrupted: false,
        blackout_ms: 2_000,
        packets_received: 1_000,
        packets_stored: 800,
        packets_dark: 200,
        packets_lost: 0,
        fields: [("user2".to_owned(), "1234567890".to_owned())].into(),
        parties: vec![index::Party {
            name: Some("Kim".to_owned()),
            address: "sip:+15550100@192.0.2.9".to_owned(),
            stream: Some(0),
        }],
        known_as: [format!("00FA08010F5C6D{n:02X}")].into(),
        why: "kept: every call is recorded".to_owned(),
        schedule: Some("Sales 20 %".to_owned()),
        keep_days: Some(90),
        archive_action: 3,
        overridden: false,
        inherited: index::Inherited { keep_days: Some(90), archive_action: 3 },
        link: None,
        doubled: false,
        copies: 0,
        remarks: Vec::new(),
        care: index::Care::default(),
    }
}

#[tokio::test]
async fn recordings_are_found_by_every_condition() {
    let recorder = Recorder::start().await;
    recorder.index.put_recording(&row(1)).await.unwrap();
    for condition in [
        "",
        "agent=1",
        "agent=Rowan%20Pike",
        "agent=4678",
        "agent=rpike",
        "agent=CORP%5Crpike",
        "number=5550100",
        "from=2025-11-24T00:00:00Z",
        "from=2025-11-24T01:00:00%2B01:00",
        "to=2030-01-01T00:00:00Z",
        "text=row%20pik",
        "user2=1234567890",
        "known_as=fa08010f5c6d01",
        "known_as=a@192.0.2.1",
        "copies=all",
        "limit=500",
        "agent=&limit=1",
    ] {
        let answer = recorder.get(&format!("/v1/recordings?{condition}")).await;
        assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(1), "{condition}");
    }
    for condition in [
        "agent=2",
        "number=999",
        "to=2025-11-24T00:00:00Z",
        "user2=1",
        "user15=x",
        "text=nobody",
        "known_as=fa08",
    ] {
        let answer = recorder.get(&format!("/v1/recordings?{condition}")).await;
        assert_eq!(answer.json(), json!({"items": [], "next": null}), "{condition}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_newest_first() {
    let recorder = Recorder::start().await;
    for n in 1..=3 {
        recorder.index.put_recording(&row(n)).await.unwrap();
    }
    let first = recorder.get("/v1/recordings?limit=2").await.json();
    let idents = |page: &Value| {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["ident"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(idents(&first), [3, 2]);
    let next = first["next"].as_str().unwrap();
    let second = recorder.get(&format!("/v1/recordings?limit=2&cursor={next}")).await.json();
    assert_eq!((idents(&second), second["next"].is_null()), (vec![1], true));
}

#[tokio::test]
async fn a_condition_that_is_none_is_refused_by_name() {
    let recorder = Recorder::start().await;
    for (query, parameter, detail) in [
        (
            "colour=red",
            "colour",
            "There is no parameter \"colour\"; there are agent, number, from, to, text, known_as, call, copies,",
        ),
        ("user16=x", "user16", "There is no parameter \"user16\""),
        ("from=yesterday", "from", "From must be an instant as in RFC 3339"),
        ("to=2026-11-23", "to", "To must be an instant"),
        ("limit=0", "limit", "Limit is 0; it can be 1 to 500."),
        ("limit=501", "limit", "Limit is 501; it can be 1 to 500."),
        ("limit=many", "limit", "Limit must be a whole number from 1 to 500."),
        ("limit=-1", "limit", "Limit must be a whole number from 1 to 500."),
        ("cursor=x", "cursor", "This cursor is not one that a search has returned"),
        ("number=abc", "number", "The number searched for has no digit"),
        ("agent=1&agent=2", "agent", "\"agent\" is given twice; give it once."),
    ] {
        let answer = recorder.get(&format!("/v1/recordings?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.detail().starts_with(detail), "{query}: {}", answer.detail());
        assert_eq!(answer.json()["parameter"], parameter);
    }
}

#[tokio::test]
async fn a_recording_in_the_making_is_told_from_none() {
    let recorder = Recorder::start().await;
    let body = r#"{"AgentIdentifier":"Id","Value":"1"}"#;
    let agent = recorder.post("/api/Record/StartForAgent", body).await.json();
    let id = agent["ActiveCall"]["Recordings"][0]["RecordingIdentifier"].as_str().unwrap().to_owned();
    let answer = recorder.get(&format!("/v1/recordings/{id}")).await;
    assert_eq!(answer.status, 404);
    assert!(answer.detail().starts_with("This recording is still being made"));
    let answer = recorder.get("/v1/recordings/0198c7a2-4f3e-7abc-8def-0123456789ab").await;
    assert_eq!((answer.status.as_u16(), answer.detail().as_str()), (404, "There is no such recording."));
    assert_eq!(recorder.get("/v1/recordings/7").await.status, 400);
}

fn retention() -> Value {
    json!({"schedule": "Sales 20 %", "keep_days": 90, "archive_action": 3, "overridden": false})
}

/// Ninety days after its end.
fn custody() -> Value {
    json!({
        "archive": null, "next_action": 3, "next_due": "2026-02-22T16:01:10.000Z", "erased_on": null, "holds": [],
        "restricted": null,
    })
}

#[tokio::test]
async fn a_recording_is_shown_in_full() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk::default()).await;
    let row = recorder.index.recording(id).await.unwrap().unwrap();
    let mut seen = recorder.get(&format!("/v1/recordings/{id}")).await.json();
    let ledger = seen["manifest"]["streams"][0]["ledger"].take();
    let told = ["received", "stored", "dark", "lost", "first", "last"].map(|key| ledger[key].clone());
    assert_eq!(json!(told), json!([500, 400, 100, 0, "2025-11-24T16:01:00.000Z", null]));
    let stream = |number: u16| {
        json!({
            "number": number, "label": number.to_string(), "paused": [], "held": [], "suites": [], "ledger": null,
            "formats": [{"payload_type": 0, "encoding": "PCMU", "clock_hz": 8000, "channels": 1}],
            "gaps": [], "more_gaps": 0,
            "alignment": {
                "by": "arrival", "moved_ms": 0.0, "reports": 0, "at_odds": false, "drift_ppm": null, "segments": 1,
                "extra_packets": 0,
            },
        })
    };
    let manifest = json!({
        "session_id": "s-1",
        "why_stopped": "stopped: the recording client ended its session",
        "agents": [1],
        "facts": [],
        "parties": [
            {"address": "sip:+15550100@192.0.2.9", "name": "Kim", "sends": [0], "hears": []},
            {"address": "sip:4678@192.0.2.9", "name": "Rowan Pike", "sends": [1], "hears": []},
        ],
        "blackouts": [{"from": "2025-11-24T16:01:04.000Z", "until": "2025-11-24T16:01:06.000Z"}],
        "redacted": [],
        "clock": null,
        "streams": [stream(0), stream(1)],
    });
    assert_eq!(
        seen,
        json!({
            "id": id.to_string(),
            "call": row.call.to_string(),
            "ident": 1,
            "agent": 1,
            "agent_name": "Rowan Pike",
            "device": "4678",
            "direction": "I",
            "ani": "+15550100",
            "dnis": "4678",
            "business_unit": 3,
            "started": "2025-11-24T16:01:00.000Z",
            "ended": "2025-11-24T16:01:10.000Z",
            "duration_ms": 10_000,
            "blackout_ms": 2_000,
            "streams": 2,
            "completeness": "complete",
            "interrupted": false,
            "fields": {"user2": "1234567890"},
            "parties": [{"address": "sip:+15550100@192.0.2.9", "name": "Kim", "stream": 0}],
            "known_as": ["00FA08010F5C6D01"],
            "why": "kept: every call is recorded",
            "retention": retention(), "custody": custody(),
            "link": null,
            "copies": 0,
            "categories": [], "bookmarks": 0, "notes": 0, "annotations": [],
            "related": [],
            "sip_call_id": "a@192.0.2.1",
            "call_instance": "a@192.0.2.1",
            "file": {"path": row.file, "bytes": row.file_bytes, "digest": vault::Digest(row.digest).to_string()},
            "packets": {"received": 1_000, "stored": 800, "dark": 200, "lost": 0},
            "manifest": manifest,
            "unreadable": null,
        })
    );
}

#[tokio::test]
async fn where_packets_never_came_is_listed_and_what_legs_were_aligned_by_is_said() {
    let recorder = Recorder::start().await;
    let talk = Talk { lost: (100, 110), late_ms: Some(60), length_ms: 70_000, ..Talk::default() };
    let id = recorder.seal(1, &talk).await;
    let seen = recorder.get(&format!("/v1/recordings/{id}")).await.json();
    let [first, second] = [0, 1].map(|number| seen["manifest"]["streams"][number].clone());
    assert_eq!(
        first["gaps"],
        json!([{
            "from": "2025-11-24T16:01:02.000Z", "until": "2025-11-24T16:01:02.200Z", "packets": 10,
            "reason": "lost",
        }]),
        "B2-04; what a blackout covered is no gap"
    );
    assert_eq!(second["gaps"], json!([]));
    let aligned = |moved_ms: f64| {
        json!({
            "by": "sender_reports", "moved_ms": moved_ms, "reports": 8, "at_odds": false, "drift_ppm": 0.0,
            "segments": 1, "extra_packets": 0,
        })
    };
    assert_eq!((&first["alignment"], &second["alignment"]), (&aligned(0.0), &aligned(60.0)), "B7-05");

    let wide = recorder.seal(2, &Talk { late_ms: Some(400), ..Talk::default() }).await;
    let seen = recorder.get(&format!("/v1/recordings/{wide}")).await.json();
    let alignment = &seen["manifest"]["streams"][1]["alignment"];
    assert_eq!((&alignment["by"], &alignment["at_odds"]), (&json!("arrival"), &json!(true)));
}

#[tokio::test]
async fn a_manifest_is_given_as_it_was_sealed_with_the_signature_over_it() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk::default()).await;
    let told = recorder.get(&format!("/v1/recordings/{id}/manifest")).await.json();
    let text = told["text"].as_str().unwrap();
    assert_eq!(text.as_bytes(), recorder.manifest(id));
    assert_eq!(told["manifest"], serde_json::from_str::<Value>(text).unwrap());
    assert_eq!(told["manifest"]["recording"], id.to_string());
    // The statement that is signed names SHA-256 of salt and text.
    let salt = told["salt"].as_str().unwrap();
    let salt = (0..salt.len()).step_by(2).map(|at| u8::from_str_radix(&salt[at..at + 2], 16).unwrap());
    let digest = vault::Digest(Sha256::digest(salt.chain(text.bytes()).collect::<Vec<_>>()).into());
    let seal = told["seals"][0].as_str().unwrap();
    assert!(seal.contains(&format!("\nmanifest {digest}\n")), "{digest}: {seal}");
}

#[tokio::test]
async fn the_timeline_of_a_recording_is_that_of_its_call() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk::default()).await;
    let call = recorder.get(&format!("/v1/recordings/{id}")).await.json()["call"].clone();
    let of_call = recorder.get(&format!("/v1/calls/{}/timeline", call.as_str().unwrap())).await.json();
    let own = recorder.get(&format!("/v1/recordings/{id}/timeline")).await.json();
    assert_eq!((&own, &own["call"]), (&of_call, &call));
    for (uri, status) in [
        (format!("/v1/recordings/{id}/timeline?from=1"), 400),
        ("/v1/recordings/0198c7a2-4f3e-7abc-8def-012345678999/timeline".to_owned(), 404),
        ("/v1/recordings/1/manifest".to_owned(), 400),
        ("/v1/recordings/0198c7a2-4f3e-7abc-8def-012345678999/manifest".to_owned(), 404),
    ] {
        assert_eq!(recorder.get(&uri).await.status, status, "{uri}");
    }
}
