use calls::field::Field;
use calls::tracker::{Arrival, ArrivingStream};
use serde_json::json;

use super::{KEYS, idle_agent, metadata};
use crate::fake::Recorder;

#[tokio::test]
async fn an_idle_agent_is_shown_in_full() {
    let recorder = Recorder::start().await;
    let answer = recorder.get("/api/Agent?agentIdentifier=Id&value=1").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.json(), idle_agent());
}

#[tokio::test]
async fn an_agent_answers_to_each_of_the_five_names_in_any_case_of_their_kind() {
    let recorder = Recorder::start().await;
    let names = [
        ("Id", "1"),
        ("agentid", "1"),
        ("Agent%20ID", "1"),
        ("PHONE", "4678"),
        ("CrmUsername", "pike.r"),
        ("systemusername", "CORP%5Crpike"),
        ("Username", "rpike"),
        ("Username", "%20rpike%20"),
    ];
    for (kind, value) in names {
        let answer = recorder.get(&format!("/API/agent/?AGENTIDENTIFIER={kind}&Value={value}")).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, idle_agent()), "{kind}");
    }
    let answer = recorder.get("/api/Agent?agentIdentifier=Username&value=RPIKE").await;
    assert_eq!(answer.message(), "No agent has the Username \"RPIKE\".");
}

#[tokio::test]
async fn the_list_holds_every_agent_and_a_fresh_install_none() {
    let recorder = Recorder::start().await;
    let all = recorder.get("/api/Agent/GetAll").await.json();
    assert_eq!(all[0], idle_agent());
    assert_eq!(all[1]["AgentId"], 2);
    assert_eq!(all.as_array().map(Vec::len), Some(2));
    assert_eq!(Recorder::start_empty().await.get("/api/agent/getall").await.json(), json!([]));
}

#[tokio::test]
async fn a_call_from_an_sbc_is_shown_in_full() {
    let recorder = Recorder::start().await;
    let sip = "fe0b6231-1ffcce90-c84c9c5f@192.0.2.20";
    let told = [
        (Field::Ani, "+15550100"),
        (Field::Dnis, "4678"),
        (Field::Direction, "I"),
        (Field::AcdGate, "12"),
        (Field::SkillGroup, "40"),
    ];
    let arrival = Arrival {
        sip_call_id: sip.to_owned(),
        session_id: "hVpd7YQgRW2nD22h7q60JQ==".to_owned(),
        candidates: vec!["4678".to_owned()],
        fields: told.into_iter().map(|(field, value)| (field, value.to_owned())).collect(),
        streams: vec![ArrivingStream {
            suite: None,
            slot: 0,
            label: Some("1".to_owned()),
            paused: false,
            ..Default::default()
        }],
        on_hold: true,
        ..Arrival::default()
    };
    let call = recorder.desk.begin_call(arrival).await.unwrap();
    let recording = &call.recordings[0];

    let answer = recorder.get("/api/Agent?agentIdentifier=Id&value=1").await;
    let text = answer.text();
    let agent = answer.json();
    let started = agent["ActiveCall"]["Metadata"]["starttime"].clone();
    let mut wanted = idle_agent();
    wanted["ActiveCall"] = json!({
        "CallInstance": sip,
        "Metadata": metadata(&[
            ("deviceid", &json!("4678")),
            ("devicealias", &json!("front desk")),
            ("gate", &json!("12")),
            ("ani", &json!("+15550100")),
            ("dnis", &json!("4678")),
            ("callid", &json!(sip)),
            ("sgroup", &json!("40")),
            ("callinstance", &json!(sip)),
            ("calldirection", &json!("I")),
            ("station", &json!("WS-17")),
            ("sessionid", &json!("hVpd7YQgRW2nD22h7q60JQ==")),
            ("starttime", &started),
            ("endtime", &started),
        ]),
        "CallState": "OnHold",
        "Recordings": [{
            "RecordingIdentifier": recording.id.to_string(),
            "IsDuplicate": false,
            "RecordingState": "Recording",
            "MediaType": "Audio",
            "StartTime": started,
            "BlackoutActive": false,
        }],
        "starttimeutc": agent["ActiveCall"]["starttimeutc"],
        "endtimeutc": null,
    });
    assert_eq!(agent, wanted);

    let at: Vec<usize> = KEYS.iter().map(|key| text.find(&format!("\"{key}\":")).unwrap()).collect();
    assert!(at.is_sorted(), "the keys stand in the order of the wire");
}

#[tokio::test]
async fn times_are_written_in_the_zone_of_the_server_and_in_utc_beside() {
    let recorder = Recorder::start().await;
    let body = r#"{"AgentIdentifier":"Id","Value":"1"}"#;
    let agent = recorder.post("/api/Record/StartForAgent", body).await.json();
    let call = &agent["ActiveCall"];
    let utc: jiff::Timestamp = call["starttimeutc"].as_str().unwrap().parse().unwrap();
    let zone = jiff::tz::TimeZone::get("America/New_York").unwrap();
    let local = utc.to_zoned_datetime(zone).strftime("%m/%d/%Y %H:%M:%S").to_string();
    assert_eq!(call["Metadata"]["starttime"], json!(local));
    assert_eq!(call["Recordings"][0]["StartTime"], json!(local));
}
