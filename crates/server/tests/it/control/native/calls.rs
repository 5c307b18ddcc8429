use calls::call::{Confidence, Fact};
use calls::field::Field;
use calls::tracker::{Arrival, ArrivingParty, ArrivingStream};
use serde_json::json;

use super::recordings::row;
use crate::fake::Recorder;

fn arrival() -> Arrival {
    Arrival {
        trunk: Some("old SBC".into()),
        business_unit: Some(7),
        sip_call_id: "c@192.0.2.1".to_owned(),
        candidates: vec!["4678".to_owned()],
        fields: [(Field::Ani, "+15550100".to_owned())].into(),
        parties: vec![ArrivingParty {
            address: "sip:+15550100@192.0.2.9".to_owned(),
            name: "<script>alert(1)</script>".to_owned(),
            sends: vec![0],
            hears: vec![],
        }],
        streams: vec![ArrivingStream {
            suite: None,
            slot: 0,
            label: Some("7".to_owned()),
            paused: true,
            ..Default::default()
        }],
        ..Arrival::default()
    }
}

#[tokio::test]
async fn a_live_call_is_shown_in_full() {
    let recorder = Recorder::start().await;
    let call = recorder.desk.begin_call(arrival()).await.unwrap();
    let seen = recorder.get(&format!("/v1/calls/{}", call.id)).await.json();
    let started = seen["started"].clone();
    assert_eq!(
        seen,
        json!({
            "id": call.id.to_string(),
            "call_instance": "c@192.0.2.1",
            "origin": "siprec",
            "state": "on_call",
            "link": null,
            "device": "4678",
            "agents": [1],
            "trunk": "old SBC",
            "business_unit": 7,
            "started": started,
            "ended": null,
            "fields": {"ani": "+15550100", "devicealias": "front desk", "station": "WS-17"},
            "parties": [{
                "address": "sip:+15550100@192.0.2.9", "name": "<script>alert(1)</script>", "sends": [0], "hears": [],
            }],
            "ruling": {
                "kept": true, "why": "kept: every call is recorded", "by_command": false, "schedules": [], "at": started,
            },
            "held_back_since": null,
            "recordings": [{
                "id": call.recordings[0].id.to_string(), "state": "recording", "dark": false, "started": started,
                "stopped": null, "why": "kept: every call is recorded", "why_stopped": null, "blackouts": [],
                "audio": format!("/v1/recordings/{}/audio", call.recordings[0].id),
            }],
            "sip_call_id": "c@192.0.2.1",
            "session_id": null,
            "streams": [{
                "number": 0, "label": "7", "state": "paused", "paused": [{"from": started, "until": null}], "held": [],
            }],
            "related": [],
        })
    );
}

/// The same call as another system knows it, on this phone.
fn known_as(session: &str, phone: &str, ucid: &str) -> Arrival {
    let fact = Fact {
        name: "ucid".to_owned(),
        value: ucid.to_owned(),
        source: "User-to-User".to_owned(),
        confidence: Confidence::Stated,
        is_id: true,
    };
    Arrival {
        session: session.to_owned(),
        candidates: vec![phone.to_owned()],
        facts: vec![fact],
        session_id: session.to_owned(),
        ..arrival()
    }
}

#[tokio::test]
async fn the_legs_of_a_transfer_are_found_by_the_id_that_the_telephone_system_gave_them() {
    let recorder = Recorder::start().await;
    let first = row(3);
    let kept = index::RecordingRow { known_as: ["FA08010F5C6D".to_owned()].into(), ..first.clone() };
    recorder.index.put_recording(&kept).await.unwrap();
    let own = recorder.desk.begin_call(known_as("a", "4678", "00FA08010F5C6D;encoding=hex")).await.unwrap();
    let next = recorder.desk.begin_call(known_as("b", "4102", "04fa08010f5c6d")).await.unwrap();
    recorder.desk.begin_call(known_as("c", "4103", "00FA0899999999")).await.unwrap();
    let seen = recorder.get(&format!("/v1/calls/{}", own.id)).await.json();
    let related: Vec<_> = seen["related"].as_array().unwrap().iter().collect();
    assert_eq!(related.len(), 2, "{seen}");
    assert_eq!((&related[0]["call"], &related[1]["call"]), (&json!(first.call), &json!(next.id)));
    assert_eq!((&related[0]["state"], &related[1]["state"]), (&json!("ended"), &json!("on_call")));
    assert_eq!(related[0]["recordings"], json!([first.id]));
    for (related, id) in related.into_iter().zip(["FA08010F5C6D", "04fa08010f5c6d"]) {
        assert_eq!((&related["relation"], &related["shared"]), (&json!("shares-id"), &json!([id])));
    }
}

#[tokio::test]
async fn calls_are_listed_by_state() {
    let recorder = Recorder::start().await;
    let call = recorder.desk.begin_call(arrival()).await.unwrap();
    let count = async |uri| {
        let list = recorder.get(uri).await.json();
        let count = list["items"].as_array().map(Vec::len);
        assert_eq!(json!(count), list["total"]);
        count
    };
    assert_eq!(count("/v1/calls?state=live").await, Some(1));
    recorder.desk.leave_call(call.id, "", "stopped: gone").await.unwrap();
    assert_eq!(count("/v1/calls?state=live").await, Some(0));
    assert_eq!(count("/v1/calls?state=ended").await, Some(1));
    assert_eq!(count("/v1/calls").await, Some(1));
    let answer = recorder.get("/v1/calls?state=new").await;
    assert_eq!((answer.status.as_u16(), answer.detail().as_str()), (400, "State must be live or ended."));
    let answer = recorder.get("/v1/calls?state=live&state=live").await;
    assert_eq!(answer.json()["parameter"], "state");
}

#[tokio::test]
async fn an_id_has_one_form_only() {
    let recorder = Recorder::start().await;
    let id = "0198c7a2-4f3e-7abc-8def-0123456789ab";
    assert_eq!(recorder.get(&format!("/v1/calls/{id}")).await.status, 404);
    for other in [
        "1",
        "..%2f..%2fetc%2fpasswd",
        "0198c7a24f3e7abc8def0123456789ab",
        "%7B0198c7a2-4f3e-7abc-8def-0123456789ab%7D",
    ] {
        let answer = recorder.get(&format!("/v1/calls/{other}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["parameter"].clone()),
            (400, json!("id")),
            "{other}"
        );
    }
}
