use calls::field::Field;
use calls::tracker::{Arrival, ArrivingStream};
use serde_json::{Value, json};

use crate::fake::{Answer, Recorder};

const SALES: &str = r#"{"name": "Sales half", "kind": {"type": "percentage", "percent": 50}}"#;

async fn made(recorder: &Recorder, schedule: &Value) -> Value {
    let answer = recorder.post("/v1/schedules", schedule.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

/// The parameter that a refusal names.
fn named(answer: &Answer) -> String {
    assert_eq!(answer.status, 400, "{}", answer.text());
    answer.detail();
    answer.json()["parameter"].as_str().unwrap_or_default().to_owned()
}

fn arrival(phone: &str) -> Arrival {
    let stream = |slot: u16| ArrivingStream { slot, ..Default::default() };
    Arrival {
        session: format!("rs-{phone}"),
        sip_call_id: format!("{phone}@192.0.2.1"),
        candidates: vec![phone.to_owned()],
        fields: [(Field::Ani, "+15550100".to_owned())].into(),
        streams: vec![stream(0), stream(1)],
        ..Arrival::default()
    }
}

#[tokio::test]
async fn a_schedule_is_made_with_what_is_left_out_filled_in_changed_listed_and_removed() {
    let recorder = Recorder::start().await;
    let mut schedule = made(&recorder, &serde_json::from_str(SALES).unwrap()).await;
    let (starts, created) = (schedule["starts"].take(), schedule["created"].take());
    assert!(starts.as_str() < created.as_str(), "it holds since the midnight before it was made");
    assert_eq!(
        schedule,
        json!({
            "id": 1, "name": "Sales half", "description": "", "owner": "",
            "kind": {"type": "percentage", "percent": 50}, "match": {}, "probability": 100, "priority": 0,
            "starts": null, "ends": null, "zone": "America/New_York", "keep_days": null, "archive_action": 1,
            "active": true, "created": null,
        })
    );
    let whole = json!({
        "name": "Night", "description": "d", "owner": "Robin", "kind": {"type": "set_number", "count": 5, "per": "week"},
        "match": {
            "agents": [1, 2], "business_units": [3], "gates": ["Billing"], "skill_groups": ["7"], "ani": ["+1 555*"],
            "dnis": ["4678"], "direction": "inbound", "trunks": ["old SBC"], "devices": ["4678"],
            "hours": [{"days": ["friday"], "from": "22:00", "to": "06:00"}],
        },
        "probability": 40, "priority": -3, "starts": "2026-11-30T08:00:00+01:00", "ends": "2027-01-01T00:00:00Z",
        "zone": "Europe/Berlin", "keep_days": 0, "archive_action": 1, "active": false,
    });
    let put = recorder.put("/v1/schedules/1", whole.to_string()).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let mut seen = recorder.get("/v1/schedules/1").await.json();
    assert_eq!(seen, put.json());
    assert_eq!(seen["match"]["ani"], json!(["1555*"]), "numbers are their digits");
    assert_eq!(seen["starts"], "2026-11-30T07:00:00.000Z");
    assert_eq!(seen["created"], created, "a change makes it no younger");
    for key in ["description", "owner", "kind", "probability", "priority", "zone", "keep_days", "active"] {
        assert_eq!(seen[key], whole[key], "{key}");
    }
    seen["name"] = "Late".into();
    let again = recorder.put("/v1/schedules/1", seen.to_string()).await;
    assert_eq!(again.status, 200, "what was read may be written back: {}", again.text());

    made(&recorder, &serde_json::from_str(SALES).unwrap()).await;
    let list = recorder.get("/v1/schedules").await.json();
    let names: Vec<_> = list["items"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["Sales half", "Late"], "the highest priority first");
    for (status, left) in [(204, 1), (404, 1)] {
        assert_eq!(recorder.method("DELETE".parse().unwrap(), "/v1/schedules/2").await.status, status);
        assert_eq!(recorder.get("/v1/schedules").await.json()["items"].as_array().unwrap().len(), left);
    }
    assert_eq!(recorder.get("/v1/schedules/2").await.status, 404);
    assert_eq!(recorder.put("/v1/schedules/2", SALES).await.status, 404);
    assert_eq!(made(&recorder, &serde_json::from_str(SALES).unwrap()).await["id"], 3);
}

#[tokio::test]
async fn every_bad_part_of_a_schedule_is_refused_by_its_name() {
    let recorder = Recorder::start().await;
    let good: Value = serde_json::from_str(SALES).unwrap();
    let with = |path: &str, value: Value| {
        let mut schedule = good.clone();
        *path.split('.').fold(&mut schedule, |at, key| &mut at[key]) = value;
        schedule.to_string()
    };
    let hours = |from: &str, to: &str| json!([{"from": from, "to": to}]);
    for (path, value, parameter) in [
        ("name", json!(" "), "name"),
        ("name", json!(7), "name"),
        ("description", json!("d".repeat(2_001)), "description"),
        ("owner", json!("o".repeat(201)), "owner"),
        ("kind", json!({"type": "percentage", "percent": 101}), "kind.percent"),
        ("kind", json!({"type": "percentage"}), "kind"),
        ("kind", json!({"type": "percentage", "percent": 5, "per": "day"}), "kind"),
        ("kind", json!({"type": "lottery"}), "kind.type"),
        ("kind", json!({"type": "set_number", "count": 0, "per": "day"}), "kind.count"),
        ("kind", json!({"type": "set_number", "count": 1, "per": "month"}), "kind"),
        ("match.agents", json!(["1"]), "match.agents[0]"),
        ("match.agents", json!((0..1_001).collect::<Vec<_>>()), "match.agents"),
        ("match.ani", json!(["alice"]), "match.ani[0]"),
        ("match.direction", json!("sideways"), "match.direction"),
        ("match.hours", hours("8:00", "09:00"), "match.hours[0].from"),
        ("match.hours", hours("08:00", "24:30"), "match.hours[0].to"),
        ("match.hours", hours("08:00", "08:00"), "match.hours"),
        ("match.hours", json!([{"days": ["mon"], "from": "08:00", "to": "09:00"}]), "match.hours[0].days[0]"),
        ("match.queue", json!(["x"]), "match.queue"),
        ("probability", json!(101), "probability"),
        ("priority", json!(1.5), "priority"),
        ("starts", json!("tomorrow"), "starts"),
        ("ends", json!("2026-11-30"), "ends"),
        ("ends", json!("2001-01-01T00:00:00Z"), "ends"),
        ("zone", json!("Mars/Olympus"), "zone"),
        ("keep_days", json!(-1), "keep_days"),
        ("keep_days", json!(36_501), "keep_days"),
        ("archive_action", json!(9), "archive_action"),
        ("active", json!("yes"), "active"),
        ("id", json!(1), "id"),
        ("naem", json!("x"), "naem"),
    ] {
        let answer = recorder.post("/v1/schedules", with(path, value)).await;
        assert_eq!(named(&answer), parameter, "{path}: {}", answer.text());
    }
    for body in ["", "{", "7", "{} x", "\u{1}"] {
        let answer = recorder.post("/v1/schedules", body).await;
        assert_eq!(named(&answer), "", "{body}");
    }
    assert_eq!(named(&recorder.post("/v1/schedules?dry_run=true", SALES).await), "dry_run");
    assert_eq!(recorder.get("/v1/schedules").await.json()["items"], json!([]), "nothing was made");
    recorder.post("/v1/schedules", SALES).await;
    assert_eq!(named(&recorder.put("/v1/schedules/1", with("id", json!(2))).await), "id");
    assert_eq!(named(&recorder.get("/v1/schedules/x").await), "id");
}

#[tokio::test]
async fn a_dry_run_says_what_would_become_of_a_call_and_why() {
    let recorder = Recorder::start().await;
    made(
        &recorder,
        &json!({"name": "unit 3", "kind": {"type": "on_demand"}, "match": {"business_units": [3]}}),
    )
    .await;
    let hours = json!([{"days": ["tuesday"], "from": "08:00", "to": "17:00"}]);
    made(
        &recorder,
        &json!({
            "name": "office", "kind": {"type": "percentage", "percent": 100}, "match": {"hours": hours}, "priority": 5,
            "probability": 20, "zone": "Europe/Berlin", "starts": "2026-01-01T00:00:00Z",
        }),
    )
    .await;
    let explain = async |call: Value| {
        let answer = recorder.post("/v1/schedules/explain", call.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    // In Berlin it is eight o'clock.
    let said = explain(json!({"agents": [1], "at": "2026-12-01T07:00:00Z"})).await;
    assert_eq!(said["kept"], Value::Null);
    assert_eq!(
        (&said["why"], &said["schedule"]),
        (&json!("kept if its draw is at most 20: schedule office"), &json!(2))
    );
    let said = explain(json!({"agents": [1], "at": "2026-12-01T06:59:59Z"})).await;
    assert_eq!(
        said,
        json!({
            "kept": false, "why": "not kept: schedule unit 3 keeps on demand, and nobody has asked", "schedule": 1,
            "schedules": [
                {"id": 2, "name": "office", "priority": 5, "passed_over": "07:59 is in none of its hours"},
                {"id": 1, "name": "unit 3", "priority": 0, "passed_over": null},
            ],
        })
    );
    let said = explain(json!({"agents": [2], "at": "2026-12-02T07:00:00Z"})).await;
    assert_eq!((&said["kept"], &said["schedule"]), (&json!(true), &Value::Null));
    let said = explain(json!({"agents": [1], "at": "2026-12-02T07:00:00Z", "by_command": true})).await;
    assert_eq!(said["why"], "kept: started by command, under schedule unit 3");
    for (call, parameter) in [
        (json!({"agents": [9]}), "agents"),
        (json!({"at": "now"}), "at"),
        (json!({"direction": "up"}), "direction"),
        (json!({"number": "1"}), "number"),
    ] {
        let answer = recorder.post("/v1/schedules/explain", call.to_string()).await;
        assert_eq!(named(&answer), parameter);
    }
}

#[tokio::test]
async fn a_call_that_is_not_kept_is_shown_with_the_reason_until_a_command_keeps_it() {
    let recorder = Recorder::start().await;
    let none = json!({"name": "none", "kind": {"type": "percentage", "percent": 0}});
    made(&recorder, &none).await;
    let call = recorder.desk.begin_call(arrival("4678")).await.unwrap();
    let shown = recorder.get(&format!("/v1/calls/{}", call.id)).await.json();
    assert_eq!(shown["recordings"], json!([]));
    let why = "not kept: schedule none keeps 0 % of its calls, and this is none of them";
    let mut ruling = shown["ruling"].clone();
    ruling["at"].take();
    assert_eq!(ruling, json!({"kept": false, "why": why, "by_command": false, "schedules": [1], "at": null}));
    let timeline = recorder.get(&format!("/v1/calls/{}/timeline", call.id)).await.text();
    assert!(timeline.contains(why), "{timeline}");
    let started =
        recorder.post("/api/Record/StartForAgent", r#"{"AgentIdentifier":"Id","Value":"1"}"#).await.json();
    assert_eq!(started["ActiveCall"]["Recordings"][0]["RecordingState"], "Recording");
    let shown = recorder.get(&format!("/v1/calls/{}", call.id)).await.json();
    assert_eq!(shown["ruling"]["why"], "kept: started by command for agent 1, under schedule none");
}

#[tokio::test]
async fn archive_actions_are_made_and_changed_and_never_deleted() {
    let recorder = Recorder::start().await;
    let purge =
        json!({"id": 1, "name": "Purge", "kind": "purge", "target": null, "next": null, "active": true});
    assert_eq!(recorder.get("/v1/archive-actions").await.json(), json!({"items": [purge]}));
    let copy =
        json!({"name": "Copy", "kind": "copy", "target": "vault", "next": {"action": 1, "after_days": 30}});
    let answer = recorder.post("/v1/archive-actions", copy.to_string()).await;
    assert_eq!((answer.status.as_u16(), answer.json()["id"].clone()), (201, json!(2)));
    let mut moved = answer.json();
    (moved["kind"], moved["active"]) = ("normal".into(), false.into());
    assert_eq!(recorder.put("/v1/archive-actions/2", moved.to_string()).await.json(), moved);
    assert_eq!(recorder.get("/v1/archive-actions/2").await.json(), moved);
    // Recordings may wait for it, and were promised the vault, and thirty days there.
    for sooner in [
        json!({"name": "Copy", "kind": "purge"}),
        json!({"name": "Copy", "kind": "copy", "target": "vault", "next": {"action": 1, "after_days": 29}}),
    ] {
        let refused = recorder.put("/v1/archive-actions/2", sooner.to_string()).await;
        assert_eq!(refused.status, 409, "{}", refused.text());
        assert!(refused.detail().contains("make another"), "{}", refused.text());
        assert_eq!(recorder.get("/v1/archive-actions/2").await.json(), moved);
    }
    assert_eq!(recorder.method("DELETE".parse().unwrap(), "/v1/archive-actions/2").await.status, 405);
    assert_eq!(recorder.put("/v1/archive-actions/3", copy.to_string()).await.status, 404);
    assert_eq!(
        recorder.put("/v1/archive-actions/1", purge.to_string()).await.status,
        200,
        "it says what is so"
    );
    for (path, body, parameter) in [
        ("", json!({"name": "", "kind": "purge"}), "name"),
        ("", json!({"name": "x", "kind": "burn"}), "kind"),
        ("", json!({"name": "x", "kind": "copy"}), "target"),
        ("", json!({"name": "x", "kind": "purge", "target": "vault"}), "target"),
        (
            "",
            json!({"name": "x", "kind": "copy", "target": "v", "next": {"action": 9, "after_days": 1}}),
            "next",
        ),
        ("", json!({"name": "x", "kind": "copy", "target": "v", "next": {"action": 1}}), "next"),
        (
            "",
            json!({"name": "x", "kind": "copy", "target": "v", "next": {"action": 1, "after_days": 36_501}}),
            "next",
        ),
        ("", json!({"id": 5, "name": "x", "kind": "purge"}), "id"),
        (
            "/2",
            json!({"name": "x", "kind": "copy", "target": "v", "next": {"action": 2, "after_days": 1}}),
            "next",
        ),
        ("/1", json!({"name": "Keep", "kind": "purge"}), "id"),
        ("", json!({"name": "x", "kind": "purge", "then": 1}), "then"),
    ] {
        let uri = format!("/v1/archive-actions{path}");
        let answer = match path {
            "" => recorder.post(&uri, body.to_string()).await,
            _ => recorder.put(&uri, body.to_string()).await,
        };
        assert_eq!(named(&answer), parameter, "{body}: {}", answer.text());
    }
    let refused = recorder
        .post(
            "/api/Record/StartForAgent",
            r#"{"AgentIdentifier":"Id","Value":"1","CallMetadata":{"archiveaction":"7"}}"#,
        )
        .await;
    assert_eq!(refused.status, 404);
    assert!(refused.message().contains("no archive action 7"), "{}", refused.message());
}
