use axum::http::Method;
use serde_json::json;

use crate::fake::{AGENTS, Recorder};

#[tokio::test]
async fn an_import_counts_what_is_new_what_changed_and_what_stays() {
    let recorder = Recorder::start_empty().await;
    let answer = recorder.post("/v1/agents/import", AGENTS).await;
    assert_eq!(answer.json(), json!({"agents": 2, "added": 2, "changed": 0, "unchanged": 0}));
    let body = r#"[{"id":1,"phone":"4679"},{"id":2,"phone":4102},{"id":3}]"#;
    let answer = recorder.post_labelled("/v1/agents/import", "application/json", body).await;
    assert_eq!(answer.json(), json!({"agents": 3, "added": 1, "changed": 1, "unchanged": 1}));
}

#[tokio::test]
async fn an_agent_is_shown_in_full() {
    let recorder = Recorder::start().await;
    let wanted = json!({
        "id": 1, "phone": "4678", "username": "rpike", "system_username": "CORP\\rpike", "crm_username": "pike.r",
        "name": "Rowan Pike", "business_unit": 3, "device_alias": "front desk", "station": "WS-17",
        "active_call": null, "blackout_since": null, "blackout_until": null,
    });
    assert_eq!(recorder.get("/v1/agents/1").await.json(), wanted);
    let list = recorder.get("/v1/agents").await.json();
    assert_eq!(list["items"][0], wanted);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn an_agents_newest_live_call_and_blackout_are_shown_in_the_list_as_alone() {
    let recorder = Recorder::start().await;
    let mut calls = Vec::new();
    for sip_call_id in ["a@192.0.2.1", "b@192.0.2.1", "c@192.0.2.1"] {
        let arrival = calls::tracker::Arrival {
            sip_call_id: sip_call_id.to_owned(),
            candidates: vec!["4678".to_owned()],
            ..Default::default()
        };
        calls.push(recorder.desk.begin_call(arrival).await.unwrap().id);
    }
    recorder.desk.leave_call(calls[2], "", "stopped: gone").await.unwrap();
    recorder.post("/api/Blackout/StartForAgent", r#"{"AgentIdentifier":"Id","Value":"1"}"#).await;
    let alone = recorder.get("/v1/agents/1").await.json();
    assert_eq!(alone["active_call"]["call_instance"], "b@192.0.2.1");
    assert!(alone["blackout_since"].is_string() && alone["blackout_until"].is_string());
    let list = recorder.get("/v1/agents").await.json();
    assert_eq!(list["items"][0], alone);
    assert_eq!([&list["items"][1]["active_call"], &list["items"][1]["blackout_since"]], [&json!(null); 2]);
}

#[tokio::test]
async fn a_faulty_file_is_refused_whole_with_its_line() {
    let recorder = Recorder::start_empty().await;
    let answer = recorder.post("/v1/agents/import", "id,phone\n1,4678\nx,4102\n").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["line"], 3);
    assert_eq!(answer.detail(), "The id must be a whole number from 0 to 4294967295, not \"x\".");
    assert_eq!(recorder.get("/v1/agents").await.json(), json!({"items": []}));

    let answer = recorder.post("/v1/agents/import", "").await;
    assert_eq!((answer.status.as_u16(), answer.json()["line"].clone()), (400, json!(1)));
    let answer = recorder.post("/v1/agents/import", vec![b'x'; (1 << 20) + 1]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.detail().as_str()),
        (413, "The body is larger than 1048576 bytes.")
    );
}

#[tokio::test]
async fn a_faulty_file_says_what_is_wrong_with_each_line() {
    let recorder = Recorder::start_empty().await;
    let answer =
        recorder.post("/v1/agents/import", "id,phone,business_unit\nx,1,0\n2,2,0\n3,2,0\n4,4,north\n").await;
    assert_eq!((answer.status.as_u16(), answer.json()["line"].clone()), (400, json!(2)));
    assert_eq!(
        answer.detail(),
        "Line 2: the id must be a whole number from 0 to 4294967295, not \"x\"; line 4: the Phone \"2\" is taken \
         by the agent of line 3; line 5: the business_unit must be a whole number, not \"north\"."
    );
}

#[tokio::test]
async fn devices_are_those_agents_sit_at_and_those_with_a_call_or_a_blackout() {
    let recorder = Recorder::start_empty().await;
    let file = "id,phone,name,device_alias,station\n1,4678,Rowan Pike,ACD7,PC-1\n2,,Maja Lind,,\n";
    assert_eq!(recorder.post("/v1/agents/import", file).await.status, 200);
    let arrival = calls::tracker::Arrival {
        sip_call_id: "a@192.0.2.1".to_owned(),
        candidates: vec!["4999".to_owned()],
        ..Default::default()
    };
    recorder.desk.begin_call(arrival).await.unwrap();
    let dark = recorder.post("/api/Blackout/StartForDevice", r#"{"DeviceId":"4999"}"#).await;
    assert_eq!(dark.status, 200, "{}", dark.text());
    recorder.post("/api/Blackout/StartForAgent", r#"{"AgentIdentifier":"Id","Value":"1"}"#).await;
    let list = recorder.get("/v1/devices").await.json();
    let [seated, unseated] = list["items"].as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!(
        (&seated["id"], &seated["alias"], &seated["station"], &seated["agent"], &seated["agent_name"]),
        (&json!("4678"), &json!("ACD7"), &json!("PC-1"), &json!(1), &json!("Rowan Pike"))
    );
    assert!(seated["active_call"].is_null() && seated["blackout_since"].is_string(), "{seated}");
    assert_eq!((&unseated["id"], &unseated["agent"]), (&json!("4999"), &json!(null)));
    assert_eq!(unseated["active_call"]["device"], "4999");
    assert!(unseated["blackout_until"].is_string(), "{unseated}");
    assert_eq!(recorder.get("/v1/devices?agent=1").await.status, 400);
}

#[tokio::test]
async fn two_agents_never_answer_to_one_name() {
    let recorder = Recorder::start().await;
    let answer = recorder.post("/v1/agents/import", "id,phone\n9,4678\n").await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.detail(), "Agent 9: the Phone \"4678\" is already agent 1's.");
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_by_name() {
    let recorder = Recorder::start().await;
    for (uri, status, parameter, detail) in [
        ("/v1/agents?id=1", 400, "id", "There is no parameter \"id\"; none is taken here."),
        (
            "/v1/agents/one",
            400,
            "id",
            "The id in the address has another form: an agent's id is a number such as 1.",
        ),
        (
            "/v1/agents/+1",
            400,
            "id",
            "The id in the address has another form: an agent's id is a number such as 1.",
        ),
    ] {
        let answer = recorder.get(uri).await;
        assert_eq!((answer.status.as_u16(), answer.detail().as_str()), (status, detail), "{uri}");
        assert_eq!(answer.json()["parameter"], parameter);
    }
    let answer = recorder.get("/v1/agents/9").await;
    assert_eq!((answer.status.as_u16(), answer.detail().as_str()), (404, "No agent has the Id \"9\"."));
    for (method, uri, allow) in
        [(Method::POST, "/v1/agents/1", "GET,HEAD,PUT,DELETE"), (Method::PATCH, "/v1/agents/import", "POST")]
    {
        let answer = recorder.method(method, uri).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, allow), "{uri}");
        answer.detail();
    }
    let answer = recorder.get("/v2/agents").await;
    assert_eq!(answer.status, 404);
    assert!(answer.detail().contains("/openapi.json"));
}

#[tokio::test]
async fn one_agent_is_put_changed_whole_and_removed() {
    let recorder = Recorder::start().await;
    let answer =
        recorder.put("/v1/agents/7", r#"{"phone": 4103, "name": " Kim ", "business_unit": 2}"#).await;
    assert_eq!(answer.status, 201);
    assert_eq!((&answer.json()["phone"], &answer.json()["name"]), (&json!("4103"), &json!("Kim")));
    let answer = recorder.put("/v1/agents/7", r#"{"id": "7", "name": "Kim Lee"}"#).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["phone"]),
        (200, &json!("")),
        "what is left out is empty"
    );
    let answer = recorder.method(Method::DELETE, "/v1/agents/7").await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (204, ""));
    assert_eq!(recorder.get("/v1/agents/7").await.status, 404);
    assert_eq!(recorder.method(Method::DELETE, "/v1/agents/7").await.status, 404);

    recorder.post("/api/Blackout/StartForAgent", r#"{"AgentIdentifier":"Id","Value":"1"}"#).await;
    let answer = recorder.method(Method::DELETE, "/v1/agents/1").await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.detail(), "Agent 1 has a blackout; remove the agent when it is over.");
}

#[tokio::test]
async fn a_body_that_is_no_agent_is_refused_with_what_would_be_right() {
    let recorder = Recorder::start().await;
    for (uri, body, status, says) in [
        ("/v1/agents/7", "", 400, "the body is no json object"),
        ("/v1/agents/7", "[]", 400, "the body is no json object"),
        ("/v1/agents/7", r#"{"id": 8}"#, 400, "the id of the body is another than that of the address"),
        ("/v1/agents/7", r#"{"telephone": "1"}"#, 400, "telephone"),
        ("/v1/agents/7", r#"{"phone": ["1"]}"#, 400, "each field must be a text or a number"),
        ("/v1/agents/7", r#"{"phone": "4678"}"#, 409, "the phone \"4678\" is already agent 1's"),
        ("/v1/agents/-7", "{}", 400, "an agent's id is a number such as 1"),
        ("/v1/agents/1/seat", "{}", 400, "the body says no phone"),
        ("/v1/agents/1/seat", r#"{"phone": 4102}"#, 400, "the body says no phone"),
        ("/v1/agents/9/seat", r#"{"phone": "4102"}"#, 404, "no agent has the id \"9\""),
    ] {
        let answer = recorder.put(uri, body).await;
        assert_eq!(answer.status, status, "{uri} {body}: {}", answer.text());
        assert!(answer.detail().to_lowercase().contains(says), "{uri} {body}: {}", answer.detail());
    }
    let answer = recorder.post("/v1/agents/import?dry_run=yes", AGENTS).await;
    assert_eq!((answer.status.as_u16(), answer.json()["parameter"].clone()), (400, json!("dry_run")));
}

#[tokio::test]
async fn who_is_seated_at_a_phone_takes_it_from_who_sat_there() {
    let recorder = Recorder::start().await;
    let seated = recorder.put("/v1/agents/1/seat", r#"{"phone": " 4102 "}"#).await.json();
    assert_eq!((&seated["agent"]["phone"], &seated["unseated"]), (&json!("4102"), &json!([2])));
    assert_eq!(seated["agent"]["name"], "Rowan Pike", "nothing else is changed");
    assert_eq!(recorder.get("/v1/agents/2").await.json()["phone"], "");
    let status = recorder.get("/api/Agent?agentIdentifier=Phone&value=4102").await.json();
    assert_eq!(status["CrmUsername"], "pike.r", "commands by phone mean who sits there now");
    let nowhere = recorder.put("/v1/agents/1/seat", r#"{"phone": ""}"#).await.json();
    assert_eq!((&nowhere["agent"]["phone"], &nowhere["unseated"]), (&json!(""), &json!([])));
}

#[tokio::test]
async fn a_dry_run_says_what_an_import_would_do_and_does_nothing() {
    let recorder = Recorder::start().await;
    let file = "id,phone\n1,4679\n3,4103\n";
    let answer = recorder.post("/v1/agents/import?dry_run=true", file).await;
    assert_eq!(answer.json(), json!({"agents": 2, "added": 1, "changed": 1, "unchanged": 0}));
    assert_eq!(recorder.get("/v1/agents/1").await.json()["phone"], "4678");
    assert_eq!(recorder.get("/v1/agents/3").await.status, 404);
    let answer = recorder.post("/v1/agents/import?dry_run=true", "id,phone\n9,4678\n").await;
    assert_eq!(
        (answer.status.as_u16(), answer.detail().as_str()),
        (409, "Agent 9: the Phone \"4678\" is already agent 1's.")
    );
    let answer = recorder.post("/v1/agents/import?dry_run=true", "id,phone\n1\n").await;
    assert_eq!((answer.status.as_u16(), answer.json()["line"].clone()), (400, json!(2)));
}

#[tokio::test]
async fn an_import_that_cannot_be_made_durable_fails() {
    let recorder = Recorder::start_empty().await;
    recorder.hands.fill_the_disk();
    let answer = recorder.post("/v1/agents/import", AGENTS).await;
    assert_eq!(answer.status, 500);
    assert!(answer.detail().contains("send it again"));
}
