//! How often each may ask.

use access::Rates;
use axum::http::Method;
use serde_json::json;

use super::{asking, by_key, from, log_in};
use crate::fake::{AGENTS, Recorder};
use crate::talk::Talk;

const FEW: Rates = Rates { telling: 5, content: 2, change: 3 };

#[tokio::test]
async fn who_asks_for_too_much_waits_and_others_and_blackouts_do_not() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let grant = json!({"roles": ["compliance", "integration"]});
    let (hungry, modest) =
        (ada.add_key(&recorder, "hungry", &grant).await, ada.add_key(&recorder, "modest", &grant).await);
    let commander = ada.add_key(&recorder, "setup", &json!({"roles": ["administrator"]})).await;
    let taken = by_key(&recorder, &commander, Method::POST, "/v1/agents/import", AGENTS).await;
    assert_eq!(taken.status, 200, "{}", taken.text());
    let recorder = recorder.with_rates(FEW);
    let sound = "/v1/recordings/0198c123-4567-7000-8000-000000000000/audio";
    for _ in 0..2 {
        assert_eq!(by_key(&recorder, &hungry, Method::GET, sound, "").await.status, 404);
    }
    let refused = by_key(&recorder, &hungry, Method::GET, sound, "").await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=31).contains(&wait), "{wait}");
    let right = format!(
        "There are more than 2 requests for sound and files a minute by hungry; ask again in {wait} s."
    );
    assert_eq!(refused.detail(), right);
    // What is counted apart is served, and so is another key.
    assert_eq!(by_key(&recorder, &hungry, Method::GET, "/v1/recordings", "").await.status, 200);
    assert_eq!(by_key(&recorder, &modest, Method::GET, sound, "").await.status, 404);
    // Changes and questions have their own ends.
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(by_key(&recorder, &hungry, Method::POST, "/v1/holds", "{}").await.status.as_u16());
    }
    assert_eq!(statuses, [400, 400, 400, 429]);
    // Commands are obeyed however often they come, and nothing that is open is counted by who asks.
    let body = json!({"AgentIdentifier": "Id", "Value": "1"}).to_string();
    for _ in 0..20 {
        for command in ["/api/Blackout/StartForAgent", "/api/Blackout/StopForAgent"] {
            assert_eq!(by_key(&recorder, &hungry, Method::POST, command, &body).await.status, 200);
        }
        let session = from(&recorder, "192.0.2.1:1", Method::GET, "/v1/session", &json!(null)).await;
        assert_eq!(session.status, 200);
    }
    assert_eq!(recorder.metrics.http_over_rate.get(), 2);
}

#[tokio::test]
async fn where_nobody_is_asked_who_they_are_nobody_is_counted() {
    let recorder = Recorder::start().await.with_rates(FEW);
    for _ in 0..20 {
        assert_eq!(recorder.get("/v1/recordings").await.status, 200);
    }
}

#[tokio::test]
async fn somebody_who_hears_one_recording_after_the_other_is_an_alarm_and_a_program_is_not() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    ada.add(&recorder, "dana", &json!({"roles": ["compliance"]})).await;
    let dana = log_in(&recorder, "dana").await;
    let key = ada.add_key(&recorder, "speech", &json!({"roles": ["compliance"]})).await;
    let mut sound = Vec::new();
    for n in 1..=3 {
        let id = recorder.seal(n, &Talk { length_ms: 200, dark_ms: None, ..Talk::default() }).await;
        sound.push(format!("/v1/recordings/{id}/audio"));
    }
    let watcher = ada.add_key(&recorder, "watch", &json!({"roles": ["administrator"]})).await;
    let over = async || {
        let listed = by_key(&recorder, &watcher, Method::GET, "/v1/alarms", "").await;
        let alarms = listed.json()["items"].as_array().unwrap().clone();
        let of_it = alarms.into_iter().filter(|alarm| alarm["kind"] == "listens_over_norm");
        of_it.map(|alarm| alarm["what"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for uri in &sound {
        assert_eq!(by_key(&recorder, &key, Method::GET, uri, "").await.status, 200);
    }
    for uri in [&sound[0], &sound[1], &sound[0]] {
        assert_eq!(dana.get(&recorder, uri).await.status, 200);
    }
    assert_eq!(over().await, [""; 0], "two are usual here, and the program is there to take all");
    assert_eq!(dana.get(&recorder, &sound[2]).await.status, 200, "she is told of and not kept from it");
    assert_eq!(over().await, ["dana has heard or taken more recordings within an hour than is usual"]);
}
