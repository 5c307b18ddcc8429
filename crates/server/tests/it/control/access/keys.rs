//! Keys of programs, and what clients of the WFO faces show.

use axum::body::Body;
use axum::http::{Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{PASSWORD, asking, by_key, log_in};
use crate::fake::{AGENTS, Answer, Recorder};

const START: &str = r#"{"AgentIdentifier":"Id","Value":"1"}"#;

async fn basic(recorder: &Recorder, pair: &str, method: Method, uri: &str) -> Answer {
    let shown = format!("Basic {}", STANDARD.encode(pair));
    let request = Request::builder().method(method).uri(uri).header("authorization", shown);
    recorder.send(request.body(Body::from(START)).unwrap()).await
}

#[tokio::test]
async fn a_key_is_told_once_commands_and_is_exchanged_and_taken_back() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let setup = ada.add_key(&recorder, "setup", &json!({"roles": ["administrator"]})).await;
    assert_eq!(by_key(&recorder, &setup, Method::POST, "/v1/agents/import", AGENTS).await.status, 200);
    let key = ada.add_key(&recorder, "crm", &json!({"roles": ["integration"]})).await;
    assert!(key.starts_with("stk_") && key.len() == 58, "{key}");
    let start =
        async |key: &str| by_key(&recorder, key, Method::POST, "/api/Record/StartForAgent", START).await;
    assert_eq!(start(&key).await.status, 200);
    let list = ada.get(&recorder, "/v1/api-keys").await;
    assert!(
        !list.text().contains(&key)
            && list.json()["items"][1]["begins"].as_str().is_some_and(|b| key.starts_with(b))
    );
    // It commands, and does nothing else.
    for uri in ["/v1/recordings", "/v1/calls", "/v1/users", "/v1/alarms"] {
        assert_eq!(by_key(&recorder, &key, Method::GET, uri, "").await.status, 403, "{uri}");
    }
    let rotated = ada.post(&recorder, "/v1/api-keys/2/rotate", &json!({"old_for_s": 60})).await;
    let new = rotated.json()["key"].as_str().unwrap().to_owned();
    assert_ne!(new, key);
    assert_eq!((start(&new).await.status.as_u16(), start(&key).await.status.as_u16()), (200, 200));
    let rotated = ada.post(&recorder, "/v1/api-keys/2/rotate", &json!({"old_for_s": 0})).await;
    let newest = rotated.json()["key"].as_str().unwrap().to_owned();
    assert_eq!((start(&newest).await.status.as_u16(), start(&new).await.status.as_u16()), (200, 401));
    assert_eq!(start(&key).await.status, 401);
    let gone = ada.send(&recorder, Method::DELETE, "/v1/api-keys/2", &Value::Null).await;
    assert_eq!(gone.status, 204);
    assert_eq!(start(&newest).await.status, 401);
    assert_eq!(ada.post(&recorder, "/v1/api-keys/2/rotate", &json!({})).await.status, 409);
    let again = json!({"name": "CRM", "roles": ["integration"]});
    assert_eq!(ada.post(&recorder, "/v1/api-keys", &again).await.status, 409, "its name stays its own");
}

#[tokio::test]
async fn an_old_client_shows_a_key_or_an_account_by_http_basic_at_the_wfo_face_only() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let setup = ada.add_key(&recorder, "setup", &json!({"roles": ["administrator"]})).await;
    by_key(&recorder, &setup, Method::POST, "/v1/agents/import", AGENTS).await;
    let key = ada.add_key(&recorder, "crm", &json!({"roles": ["integration"]})).await;
    ada.add(&recorder, "desk", &json!({"roles": ["integration"]})).await;
    let uri = "/api/Record/StartForAgent";
    for pair in
        [format!("anybody:{key}"), format!("{key}:"), format!("desk:{PASSWORD}"), format!("DESK:{PASSWORD}")]
    {
        assert_eq!(basic(&recorder, &pair, Method::POST, uri).await.status, 200, "{pair}");
    }
    let refused = basic(&recorder, "desk:another password", Method::POST, uri).await;
    assert_eq!(refused.status, 401);
    assert!(refused.message().contains("HTTP Basic"), "{}", refused.text());
    let ways: Vec<_> = refused.headers.get_all("www-authenticate").iter().collect();
    assert_eq!(ways, ["Basic realm=\"Sidetone\", charset=\"UTF-8\"", "Bearer"]);
    // A browser that is asked for a password by a page of ours would show it to every page.
    assert_eq!(basic(&recorder, &format!("desk:{PASSWORD}"), Method::GET, "/v1/roles").await.status, 401);
    let own = ada.get(&recorder, "/api/Agent/GetAll").await;
    assert_eq!(own.status, 403, "an administrator does not command");
    assert!(own.message().contains("does not have"), "{}", own.text());
}

#[tokio::test]
async fn a_certificate_that_is_given_to_two_keys_at_once_is_that_of_one() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    for name in ["one", "two"] {
        ada.add_key(&recorder, name, &json!({"roles": ["integration"]})).await;
    }
    let name = json!({"certificate": "crm.example.com"});
    let give = async |number: u32| {
        let uri = format!("/v1/api-keys/{number}/certificate");
        ada.send(&recorder, Method::PUT, &uri, &name).await.status.as_u16()
    };
    let (one, two) = futures_util::future::join(give(1), give(2)).await;
    assert_eq!([one.min(two), one.max(two)], [200, 409]);
}

#[tokio::test]
async fn a_scoped_key_commands_its_own_agents_and_others_are_not_there() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let setup = ada.add_key(&recorder, "setup", &json!({"roles": ["administrator", "integration"]})).await;
    by_key(&recorder, &setup, Method::POST, "/v1/agents/import", AGENTS).await;
    let grant = json!({"roles": ["integration"], "business_units": [3]});
    let key = ada.add_key(&recorder, "crm", &grant).await;
    let list = by_key(&recorder, &key, Method::GET, "/api/Agent/GetAll", "").await.json();
    assert_eq!(list.as_array().unwrap().len(), 1);
    let known = by_key(
        &recorder,
        &setup,
        Method::POST,
        "/api/Record/StartForAgent",
        r#"{"AgentIdentifier":"Id","Value":"77"}"#,
    )
    .await;
    for command in
        ["Record/StartForAgent", "Record/StopForAgent", "Blackout/StartForAgent", "Blackout/StopForAgent"]
    {
        let uri = format!("/api/{command}");
        let foreign = START.replace("\"1\"", "\"2\"");
        let refused = by_key(&recorder, &key, Method::POST, &uri, &foreign).await;
        assert_eq!(refused.status, 404, "{command}");
        assert_eq!(refused.message(), known.message().replace("77", "2"), "as of one that is not there");
    }
    assert_eq!(by_key(&recorder, &key, Method::POST, "/api/Blackout/StartForAgent", START).await.status, 200);
}

#[tokio::test]
async fn accounts_and_keys_are_there_after_a_restart_and_logins_are_not() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let key =
        ada.add_key(&recorder, "crm", &json!({"roles": ["integration"], "agents": [1], "days": 30})).await;
    let before =
        (ada.get(&recorder, "/v1/users").await.text(), ada.get(&recorder, "/v1/api-keys").await.text());
    let recorder = recorder.with_identity_read_again().await;
    assert_eq!(ada.get(&recorder, "/v1/users").await.status, 401);
    let ada = log_in(&recorder, "ada").await;
    let after =
        (ada.get(&recorder, "/v1/users").await.text(), ada.get(&recorder, "/v1/api-keys").await.text());
    assert_eq!(before, after);
    assert_eq!(by_key(&recorder, &key, Method::GET, "/api/Agent/GetAll", "").await.status, 200);
    for bad in [json!({"days": 0}), json!({"days": 3651}), json!({"roles": ["agent"]}), json!({"pardon": 1})]
    {
        let mut wanted = json!({"name": "x", "roles": ["integration"]});
        wanted.as_object_mut().unwrap().extend(bad.as_object().unwrap().clone());
        assert_eq!(ada.post(&recorder, "/v1/api-keys", &wanted).await.status, 400, "{bad}");
    }
}
