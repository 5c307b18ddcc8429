//! What has to be done before a login is good for anything.

use std::time::Duration;

use access::Role;
use axum::body::Body;
use axum::http::{Method, Request};
use base64::Engine as _;
use serde_json::{Value, json};
use sidetone::identity::{Login, Policy};

use super::{FIRST_PASSWORD, PASSWORD, Person, asking, asking_with, by_key, log_in, log_in_with};
use crate::fake::{Answer, Recorder};

/// The answer to somebody who shows name and password with the request, as old clients do.
async fn by_basic(recorder: &Recorder, name: &str, password: &str) -> Answer {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
    let request = Request::get("/api/Agent/GetAll").header("authorization", format!("Basic {pair}"));
    recorder.send(request.body(Body::empty()).unwrap()).await
}

async fn change(recorder: &Recorder, who: &Person, old: &str, new: &str) -> Answer {
    who.send(recorder, Method::PUT, "/v1/session/password", &json!({"old": old, "new": new})).await
}

#[tokio::test]
async fn who_has_a_password_from_another_changes_it_before_anything_else() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let grant = json!({"roles": ["supervisor"], "business_units": [3]});
    let number = ada.add_fresh(&recorder, "sam", &grant).await;
    let until = async || {
        let user = ada.get(&recorder, &format!("/v1/users/{number}")).await.json();
        user["first_password_until"].clone()
    };
    assert!(until().await.is_string());
    assert_eq!(by_basic(&recorder, "sam", FIRST_PASSWORD).await.status, 401);

    let sam = log_in_with(&recorder, "sam", FIRST_PASSWORD).await;
    let session = sam.get(&recorder, "/v1/session").await.json();
    assert_eq!((&session["due"], &session["permissions"]), (&json!(["password"]), &json!([])));
    for (method, path) in [
        (Method::GET, "/v1/recordings"),
        (Method::GET, "/v1/events"),
        (Method::GET, "/v1/roles"),
        (Method::GET, "/v1/session/logins"),
        (Method::POST, "/v1/session/second-factor"),
        (Method::GET, "/api/Agent/GetAll"),
        (Method::GET, "/metrics"),
    ] {
        let refused = sam.send(&recorder, method, path, &json!({"password": FIRST_PASSWORD})).await;
        assert_eq!(refused.status, 403, "{path}: {}", refused.text());
        if path != "/metrics" {
            assert!(refused.text().contains("PUT /v1/session/password"), "{path}: {}", refused.text());
        }
    }
    let same = change(&recorder, &sam, FIRST_PASSWORD, FIRST_PASSWORD).await;
    assert!(same.status == 400 && same.detail().contains("the one so far"), "{}", same.text());
    assert_eq!(change(&recorder, &sam, FIRST_PASSWORD, PASSWORD).await.status, 204);
    assert_eq!(sam.get(&recorder, "/v1/session").await.json()["due"], json!([]));
    assert_eq!(sam.get(&recorder, "/v1/recordings").await.status, 200);
    assert_eq!(by_basic(&recorder, "sam", PASSWORD).await.status, 200);
    assert_eq!(until().await, Value::Null);

    // One that is set for somebody later is a first one too; one's own is not.
    let reset = json!({"password": FIRST_PASSWORD});
    let set = ada.send(&recorder, Method::PUT, &format!("/v1/users/{number}/password"), &reset).await;
    assert_eq!(set.status, 204);
    assert_eq!(by_basic(&recorder, "sam", PASSWORD).await.status, 401, "not even for a moment");
    let sam = log_in_with(&recorder, "sam", FIRST_PASSWORD).await;
    assert_eq!(sam.get(&recorder, "/v1/recordings").await.status, 403);
    let out = sam.send(&recorder, Method::DELETE, "/v1/session", &Value::Null).await;
    assert_eq!(out.status, 204, "and who will not logs out");
    ada.send(&recorder, Method::PUT, "/v1/users/1/password", &reset).await;
    let ada = log_in_with(&recorder, "ada", FIRST_PASSWORD).await;
    assert_eq!(ada.get(&recorder, "/v1/session").await.json()["due"], json!([]));
}

#[tokio::test]
async fn a_first_password_that_was_not_used_in_time_is_good_for_nothing() {
    let policy = Policy { login: Login::Required, first_password: Duration::ZERO, ..Policy::default() };
    let recorder = asking_with(policy).await;
    let ada = log_in(&recorder, "ada").await;
    ada.add_fresh(&recorder, "sam", &json!({"roles": ["auditor"]})).await;
    let login = json!({"name": "sam", "password": FIRST_PASSWORD}).to_string();
    let late = recorder.post("/v1/session", login).await;
    assert_eq!(late.status, 401);
    assert!(late.detail().contains("not used in time"), "{}", late.text());
    let wrong = json!({"name": "sam", "password": PASSWORD}).to_string();
    assert!(
        !recorder.post("/v1/session", wrong).await.detail().contains("in time"),
        "only who knows it is told"
    );
}

#[tokio::test]
async fn of_whom_a_second_factor_is_demanded_sets_one_up_before_anything_else() {
    let policy =
        Policy { login: Login::Required, factor_of: [Role::Administrator].into(), ..Policy::default() };
    let recorder = asking_with(policy).await;
    let ada = log_in(&recorder, "ada").await;
    assert_eq!(ada.get(&recorder, "/v1/session").await.json()["due"], json!(["second_factor"]));
    let refused = ada.get(&recorder, "/v1/users").await;
    assert_eq!(refused.status, 403);
    assert!(refused.detail().contains("POST /v1/session/second-factor"), "{}", refused.text());
    assert_eq!(change(&recorder, &ada, PASSWORD, "a quite different phrase").await.status, 403);
    assert_eq!(by_basic(&recorder, "ada", PASSWORD).await.status, 401);

    let begun = ada.post(&recorder, "/v1/session/second-factor", &json!({"password": PASSWORD})).await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    assert_eq!(ada.get(&recorder, "/v1/users").await.status, 403, "begun is not shown");
    let secret = begun.json()["secret"].as_str().unwrap().to_owned();
    let totp = totp_rs::Builder::new().with_secret(totp_rs::Secret::try_from_base32(&secret).unwrap());
    let code = totp.build().unwrap().generate(recorder.now_s()).to_string();
    let shown = ada.send(&recorder, Method::PUT, "/v1/session/second-factor", &json!({"code": code})).await;
    assert_eq!(shown.status, 204);
    assert_eq!(ada.get(&recorder, "/v1/users").await.status, 200);

    // Of others it is not demanded, nor of programs; who ends theirs is where they were.
    ada.add(&recorder, "sam", &json!({"roles": ["auditor"]})).await;
    let sam = log_in(&recorder, "sam").await;
    assert_eq!(sam.get(&recorder, "/v1/holds").await.status, 200);
    let key = ada.add_key(&recorder, "robot", &json!({"roles": ["administrator"]})).await;
    assert_eq!(by_key(&recorder, &key, Method::GET, "/v1/users", "").await.status, 200);
    let password = json!({"password": PASSWORD});
    let ended = ada.send(&recorder, Method::DELETE, "/v1/session/second-factor", &password).await;
    assert_eq!(ended.status, 204);
    assert_eq!(ada.get(&recorder, "/v1/users").await.status, 403);
}

#[tokio::test]
async fn a_role_of_which_a_factor_is_demanded_counts_from_when_it_is_given() {
    let policy = Policy { login: Login::Required, factor_of: [Role::Compliance].into(), ..Policy::default() };
    let recorder = asking_with(policy).await;
    let ada = log_in(&recorder, "ada").await;
    let number = ada.add(&recorder, "sam", &json!({"roles": ["auditor"]})).await;
    let sam = log_in(&recorder, "sam").await;
    assert_eq!(sam.get(&recorder, "/v1/holds").await.status, 200);
    let more = json!({"roles": ["auditor", "compliance"], "active": true});
    let uri = format!("/v1/users/{number}");
    assert_eq!(ada.send(&recorder, Method::PUT, &uri, &more).await.status, 200);
    assert_eq!(sam.get(&recorder, "/v1/holds").await.status, 403, "for the login that is open too");
}
