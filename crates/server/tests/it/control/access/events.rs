//! What is told as it happens is told to whom it is about, and to nobody else (F-API-1).

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::ServiceExt as _;

use super::{asking, by_key, log_in};
use crate::fake::Recorder;

const AGENTS: &str = "id,phone,name,business_unit\n1,4678,Rowan Pike,3\n9,4999,Zaphod Beeblebrox,8\n";

/// How long to wait for what has to be told.
const PATIENCE: Duration = Duration::from_secs(20);

/// Begins to follow; nothing is missed from here on.
async fn follow(recorder: &Recorder, key: &str) -> Body {
    let request = Request::get("/v1/events").header("authorization", format!("Bearer {key}"));
    let response = recorder.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    response.into_body()
}

/// All that is told until something with this word is.
async fn told_until(body: &mut Body, word: &str) -> String {
    let mut told = String::new();
    let listening = async {
        while !told.contains(word) {
            let frame = body.frame().await.expect("it goes on").expect("it is there");
            told.push_str(&String::from_utf8_lossy(frame.data_ref().map_or(&[][..], |data| data)));
        }
    };
    let is_told = tokio::time::timeout(PATIENCE, listening).await.is_ok();
    assert!(is_told, "{word} is not among {told}");
    told
}

#[tokio::test]
async fn events_of_anothers_calls_are_told_to_no_scope_and_to_who_sees_all() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let commander =
        ada.add_key(&recorder, "setup", &json!({"roles": ["administrator", "integration"]})).await;
    let taken = by_key(&recorder, &commander, Method::POST, "/v1/agents/import", AGENTS).await;
    assert_eq!(taken.status, 200, "{}", taken.text());
    let agent = ada.add_key(&recorder, "own", &json!({"roles": ["agent"], "agents": [1]})).await;
    let supervisor =
        ada.add_key(&recorder, "unit", &json!({"roles": ["supervisor"], "business_units": [3]})).await;
    let all = ada.add_key(&recorder, "all", &json!({"roles": ["compliance"]})).await;
    let mut followers = Vec::new();
    for key in [&agent, &supervisor, &all] {
        followers.push(follow(&recorder, key).await);
    }
    for command in
        ["Record/StartForAgent", "Blackout/StartForAgent", "Blackout/StopForAgent", "Record/StopForAgent"]
    {
        for id in ["9", "1"] {
            let body = json!({"AgentIdentifier": "Id", "Value": id}).to_string();
            let uri = format!("/api/{command}");
            let answer = by_key(&recorder, &commander, Method::POST, &uri, &body).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    let calls = by_key(&recorder, &all, Method::GET, "/v1/calls", "").await.json();
    let foreign = calls["items"].as_array().unwrap().iter().find(|call| call["agents"][0] == 9).unwrap();
    let words = [foreign["id"].as_str().unwrap(), foreign["recordings"][0]["id"].as_str().unwrap(), "[9]"];
    // The last that is told is that agent 1's call has ended.
    let own = calls["items"].as_array().unwrap().iter().find(|call| call["agents"][0] == 1).unwrap();
    let last = format!("\"kind\":\"call.ended\",\"at\":{},\"call\":{}", own["ended"], own["id"]);
    let [of_agent, of_supervisor, of_all] = followers.as_mut_slice() else { panic!("three follow") };
    for follower in [of_agent, of_supervisor] {
        let told = told_until(follower, &last).await;
        for step in
            ["call.began", "recording.started", "blackout.opened", "blackout.closed", "recording.stopped"]
        {
            assert!(told.contains(step), "{step}: {told}");
        }
        assert!(words.iter().all(|word| !told.contains(word)), "{words:?}: {told}");
    }
    let told = told_until(of_all, &last).await;
    assert!(words.iter().all(|word| told.contains(word)), "{words:?}: {told}");
}
