//! What the audit has of who asks in ways that were not thought of.

use axum::http::Method;
use index::trail::Query;
use serde_json::json;

use super::{PASSWORD, asking, by_key, from, log_in};
use crate::fake::Recorder;
use crate::talk::Talk;

async fn entries(recorder: &Recorder, query: Query) -> Vec<audit::Entry> {
    let found = recorder.index.trail().find(&query).await.unwrap();
    found.items.into_iter().map(|kept| kept.said.unwrap().0).collect()
}

#[tokio::test]
async fn what_is_done_to_a_recording_is_found_in_whatever_characters_its_address_was_written() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let cleo = ada.add_key(&recorder, "cleo", &json!({"roles": ["compliance"]})).await;
    let id = recorder.seal(1, &Talk::default()).await.to_string();
    let encoded = format!("%{:02x}{}", id.as_bytes()[0], &id[1..]);
    for address in [&id, &encoded, &id.to_uppercase()] {
        for of_it in ["", "/timeline", "/manifest"] {
            let uri = format!("/v1/recordings/{address}{of_it}");
            assert_eq!(by_key(&recorder, &cleo, Method::GET, &uri, "").await.status, 200, "{uri}");
        }
    }
    let found =
        entries(&recorder, Query { recording: Some(id), who: Some("cleo".into()), ..Query::default() });
    let found: Vec<_> = found.await.into_iter().map(|entry| entry.action).collect();
    let three = ["recording.manifest", "recording.timeline", "recording.view"];
    assert_eq!(found, three.repeat(3));
}

#[tokio::test]
async fn nobody_fills_the_audit_with_what_they_are_refused() {
    let recorder = asking().await;
    let wanted = json!({"name": "eve", "password": PASSWORD, "roles": ["administrator"]});
    for body in [json!({}), wanted] {
        for at in ["127.0.0.1:4711", "192.0.2.1:4711"] {
            let refused = from(&recorder, at, Method::POST, "/v1/users/first", &body).await;
            assert_eq!(refused.status, 403, "{}", refused.text());
        }
    }
    let wrong = json!({"name": "eve", "password": "nobody knows that one"});
    for body in [json!({}), wrong] {
        let refused = from(&recorder, "192.0.2.1:4711", Method::POST, "/v1/session", &body).await;
        assert!(refused.status.is_client_error(), "{}", refused.text());
    }
    let all = entries(&recorder, Query::default()).await;
    let all: Vec<_> = all.iter().map(|entry| (&*entry.action, &*entry.outcome)).collect();
    assert_eq!(all, [("account.add", "done")], "the first account, and nothing else");
}
