use serde_json::{Value, json};

use super::{idle_agent, metadata};
use crate::fake::Recorder;

const AGENT_1: &str = r#"{"AgentIdentifier":"Id","Value":"1"}"#;

#[tokio::test]
async fn the_five_commands_of_one_call_answer_with_no_sbc_attached() {
    let recorder = Recorder::start().await;
    let started = recorder.post("/api/Record/StartForAgent", AGENT_1).await.json();
    let call = &started["ActiveCall"];
    let time = call["Metadata"]["starttime"].clone();
    let recording = json!({
        "RecordingIdentifier": call["Recordings"][0]["RecordingIdentifier"],
        "IsDuplicate": false,
        "RecordingState": "Pending",
        "MediaType": "Audio",
        "StartTime": time,
        "BlackoutActive": false,
    });
    let mut wanted = idle_agent();
    wanted["ActiveCall"] = json!({
        "CallInstance": call["CallInstance"],
        "Metadata": metadata(&[
            ("deviceid", &json!("4678")),
            ("devicealias", &json!("front desk")),
            ("callinstance", &call["CallInstance"]),
            ("station", &json!("WS-17")),
            ("starttime", &time),
            ("endtime", &time),
        ]),
        "CallState": "OnCall",
        "Recordings": [recording],
        "starttimeutc": call["starttimeutc"],
        "endtimeutc": null,
    });
    assert_eq!(started, wanted);

    let update = r#"{"AgentIdentifier":"Phone","Value":"4678","CallMetadata":{"user2":"1234567890"}}"#;
    let updated = recorder.post("/api/Record/UpdateForAgent", update).await.json();
    wanted["ActiveCall"]["Metadata"]["user2"] = json!("1234567890");
    assert_eq!(updated, wanted);

    let dark = recorder.post("/api/Blackout/StartForAgent", AGENT_1).await.json();
    wanted["BlackoutActive"] = json!(true);
    wanted["ActiveCall"]["Recordings"][0]["BlackoutActive"] = json!(true);
    assert_eq!(dark, wanted);

    let light = recorder.post("/api/Blackout/StopForAgent", AGENT_1).await.json();
    assert_eq!(light, updated);

    let by_phone = r#"{"AgentIdentifier":"Phone","Value":"4678"}"#;
    let stopped = recorder.post("/api/Record/StopForAgent", by_phone).await.json();
    let mut ended = updated["ActiveCall"].clone();
    ended["CallState"] = json!("Ended");
    ended["Recordings"][0]["RecordingState"] = json!("Stopped");
    ended["endtimeutc"] = stopped["InactiveCalls"][0]["endtimeutc"].clone();
    ended["Metadata"]["endtime"] = stopped["InactiveCalls"][0]["Metadata"]["endtime"].clone();
    assert!(ended["endtimeutc"].is_string());
    let mut wanted = idle_agent();
    wanted["InactiveCalls"] = json!([ended]);
    assert_eq!(stopped, wanted);
}

#[tokio::test]
async fn a_second_start_changes_nothing() {
    let recorder = Recorder::start().await;
    let first = recorder.post("/api/Record/StartForAgent", AGENT_1).await.json();
    let second = recorder.post("/api/Record/StartForAgent", AGENT_1).await;
    assert_eq!((second.status.as_u16(), second.json()), (200, first));
}

#[tokio::test]
async fn start_takes_metadata_and_names_what_it_did_not_write() {
    let recorder = Recorder::start().await;
    let body = r#"{"AgentIdentifier":"Id","Value":1,
        "CallMetadata":{"User1":"case 7","user15":15,"keepdays":30,"colour":"red","starttime":"x","b\u00e4d key":1}}"#;
    let answer = recorder.post("/api/Record/StartForAgent", body).await;
    let metadata = &answer.json()["ActiveCall"]["Metadata"];
    assert_eq!([&metadata["user1"], &metadata["user15"], &metadata["keepdays"]], ["case 7", "15", "30"]);
    assert_eq!(answer.header("sidetone-ignored-metadata"), "colour, starttime, b?d?key");
    assert_eq!(metadata.as_object().map(serde_json::Map::len), Some(32));
}

#[tokio::test]
async fn parameters_may_stand_in_the_uri_the_body_or_a_form_under_any_label() {
    let recorder = Recorder::start().await;
    let uri = "/api/Record/StartForAgent?agentIdentifier=Phone&value=4678";
    assert_eq!(recorder.post(uri, "").await.status, 200);
    assert_eq!(recorder.post(uri, r#"{"AgentIdentifier":"Id","Value":"2"}"#).await.json()["AgentId"], 2);
    let path = "/API/record/STARTFORAGENT/";
    for label in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8", "?"] {
        assert_eq!(recorder.post_labelled(path, label, AGENT_1).await.json()["AgentId"], 1, "{label}");
    }
    let form = "agentidentifier=Id&VALUE=1&CallMetadata.user3=three";
    let label = "application/x-www-form-urlencoded; charset=UTF-8";
    let answer = recorder.post_labelled(path, label, form).await.json();
    assert_eq!(answer["ActiveCall"]["Metadata"]["user3"], "three");
    let with_mark = format!("\u{feff}{AGENT_1}\r\n");
    assert_eq!(recorder.post(path, with_mark).await.json()["AgentId"], 1);
}

#[tokio::test]
async fn an_update_reaches_the_newest_ended_call_or_the_one_that_is_named() {
    let recorder = Recorder::start().await;
    let mut instances: Vec<Value> = Vec::new();
    for _ in 0..2 {
        let started = recorder.post("/api/Record/StartForAgent", AGENT_1).await.json();
        instances.push(started["ActiveCall"]["CallInstance"].clone());
        recorder.post("/api/Record/StopForAgent", AGENT_1).await;
    }
    let update = |instance: Option<&Value>| {
        let mut body = json!({"AgentIdentifier": "Id", "Value": "1", "CallMetadata": {"user1": "late"}});
        if let Some(instance) = instance {
            body["callinstance"] = instance.clone();
        }
        body.to_string()
    };
    let path = "/api/Record/UpdateForAgent";
    let inactive = recorder.post(path, update(None)).await.json()["InactiveCalls"].clone();
    let user1 = |calls: &Value, at: usize| calls[at]["Metadata"]["user1"].clone();
    assert_eq!(inactive[0]["CallInstance"], instances[1]);
    assert_eq!([user1(&inactive, 0), user1(&inactive, 1)], ["late", ""]);
    let inactive = recorder.post(path, update(Some(&instances[0]))).await.json()["InactiveCalls"].clone();
    assert_eq!(user1(&inactive, 1), "late");
    let answer = recorder.post(path, update(Some(&json!("no-such-call")))).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.message(), "Agent 1 has no call with the CallInstance \"no-such-call\".");
}

#[tokio::test]
async fn a_device_is_commanded_as_its_agent_and_one_without_an_agent_answers_as_nobody() {
    let recorder = Recorder::start().await;
    let mine = recorder.post("/api/Record/StartForDevice", r#"{"DeviceId":"4678"}"#).await.json();
    assert_eq!(mine["AgentId"], 1);

    let arrival = calls::tracker::Arrival {
        sip_call_id: "a@192.0.2.1".to_owned(),
        candidates: vec!["7001".to_owned()],
        streams: vec![calls::tracker::ArrivingStream::default()],
        ..Default::default()
    };
    recorder.desk.begin_call(arrival).await.unwrap();
    let body = r#"{"deviceid":7001,"CallMetadata":{"user1":"x"}}"#;
    let free = recorder.post("/api/Record/UpdateForDevice", body).await.json();
    let shown = ["AgentId", "AgentPhone", "Username", "DeviceId"].map(|key| free[key].clone());
    assert_eq!(shown, [json!(0), json!(""), json!(""), json!("7001")]);
    assert_eq!(free["ActiveCall"]["Metadata"]["user1"], "x");
    assert_eq!(free["ActiveCall"]["Metadata"]["deviceid"], "7001");

    let dark = recorder.post("/api/Blackout/StartForDevice", r#"{"DeviceId":"7001"}"#).await.json();
    assert_eq!(dark["ActiveCall"]["Recordings"][0]["RecordingState"], "Blackout");
    let light = recorder.post("/api/Blackout/StopForDevice", r#"{"DeviceId":"7001"}"#).await.json();
    assert_eq!(light["ActiveCall"]["Recordings"][0]["RecordingState"], "Recording");
    let stopped = recorder.post("/api/Record/StopForDevice", r#"{"DeviceId":"7001"}"#).await.json();
    assert_eq!(stopped["ActiveCall"]["Recordings"][0]["RecordingState"], "Stopped");

    let unknown = recorder.post("/api/Record/StartForDevice", r#"{"DeviceId":"9999"}"#).await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.message().starts_with("The device \"9999\" is not known"));
}
