//! Logins that are open: seen and ended by whose they are, ended by an administrator.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use sidetone::http::Client;

use super::{PASSWORD, Person, asking, by_key, log_in};
use crate::fake::Recorder;

/// Logs in from an address, with a program that says what it is.
async fn log_in_from(recorder: &Recorder, name: &str, at: &str, program: &str) -> Person {
    let body = json!({"name": name, "password": PASSWORD}).to_string();
    let mut request =
        Request::post("/v1/session").header("user-agent", program).body(Body::from(body)).unwrap();
    request.extensions_mut().insert(Client::at(at.parse().unwrap()));
    let answer = recorder.send(request).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    Person::of(&answer)
}

async fn seen(recorder: &Recorder, who: &Person) -> Vec<Value> {
    let list = who.get(recorder, "/v1/session/logins").await;
    assert_eq!(list.status, 200, "{}", list.text());
    list.json()["items"].as_array().unwrap().clone()
}

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

#[tokio::test]
async fn somebody_sees_where_they_are_logged_in_and_ends_what_is_not_theirs_any_more() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let number = ada.add(&recorder, "sam", &json!({"roles": ["auditor"]})).await;
    let near = log_in_from(&recorder, "sam", "192.0.2.1", FIREFOX).await;
    let far = log_in_from(&recorder, "sam", "198.51.100.7", "curl/8.14.1").await;
    let third = log_in_from(&recorder, "sam", "198.51.100.8", "").await;

    // The one with which the first password was changed is there too.
    let items = seen(&recorder, &near).await;
    let told: Vec<_> = items[1..].iter().map(|it| (it["program"].clone(), it["current"].clone())).collect();
    assert_eq!(items.len(), 4);
    assert_eq!(
        told,
        [("Firefox on Linux", true), ("curl", false), ("unknown", false)].map(|(p, c)| (json!(p), json!(c)))
    );
    assert_eq!((&items[2]["address"], &items[2]["password"]), (&json!("198.51.100.7"), &json!(true)));
    assert!(items.iter().all(|it| it["since"].is_string() && it["used"].is_string()));
    let text = items.iter().map(Value::to_string).collect::<String>();
    assert!(!text.contains(far.cookie.split_once('=').unwrap().1), "no cookie is told");

    // Who ends one shows who they are again.
    let uri = format!("/v1/session/logins/{}", items[2]["id"].as_str().unwrap());
    let end = async |who: &Person, uri: &str, body: Value| {
        who.send(&recorder, Method::DELETE, uri, &body).await.status.as_u16()
    };
    assert_eq!(end(&near, &uri, json!({})).await, 400);
    assert_eq!(end(&near, &uri, json!({"password": "not the password of his"})).await, 403);
    let right = json!({"password": PASSWORD});
    assert_eq!(end(&ada, &uri, right.clone()).await, 404, "another's is not there");
    assert_eq!(far.get(&recorder, "/v1/holds").await.status, 200, "so far nothing has ended");
    assert_eq!(end(&near, &uri, right.clone()).await, 204);
    assert_eq!(end(&near, &uri, right.clone()).await, 404);
    assert_eq!(far.get(&recorder, "/v1/holds").await.status, 401);
    assert_eq!(third.get(&recorder, "/v1/holds").await.status, 200);
    assert_eq!(end(&near, "/v1/session/logins", right.clone()).await, 204);
    assert_eq!(third.get(&recorder, "/v1/holds").await.status, 401);
    assert_eq!(seen(&recorder, &near).await.len(), 1);
    assert_eq!(ada.get(&recorder, "/v1/users").await.status, 200, "others are logged in as before");

    let key = ada.add_key(&recorder, "robot", &json!({"roles": ["auditor"]})).await;
    assert_eq!(by_key(&recorder, &key, Method::GET, "/v1/session/logins", "").await.status, 409);
    let logins = format!("/v1/users/{number}/logins");
    assert_eq!(near.send(&recorder, Method::DELETE, &logins, &Value::Null).await.status, 403);
    assert_eq!(ada.send(&recorder, Method::DELETE, &logins, &Value::Null).await.status, 204);
    assert_eq!(near.get(&recorder, "/v1/holds").await.status, 401);
    assert_eq!(ada.send(&recorder, Method::DELETE, "/v1/users/99/logins", &Value::Null).await.status, 404);
}

#[tokio::test]
async fn somebodys_saved_searches_are_theirs_wherever_they_log_in() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    ada.add(&recorder, "sam", &json!({"roles": ["auditor"]})).await;
    let uri = "/v1/session/searches";
    let kept = async |who: &Person| who.get(&recorder, uri).await.json()["items"].clone();
    let put = async |who: &Person, items: Value| {
        who.send(&recorder, Method::PUT, uri, &json!({"items": items})).await
    };
    assert_eq!(kept(&ada).await, json!([]));
    let wanted = json!([{"name": "refunds", "text": "refund today"}, {"name": "Rowan", "text": "agent:1"}]);
    assert_eq!(put(&ada, wanted.clone()).await.status, 204);
    assert_eq!(kept(&log_in(&recorder, "ada").await).await, wanted);
    assert_eq!(kept(&log_in(&recorder, "sam").await).await, json!([]));
    for (wrong, says) in [
        (json!([{"name": "", "text": "x"}]), "items.name"),
        (json!([{"name": "a\nb", "text": "x"}]), "items.name"),
        (json!([{"name": "a", "text": "x".repeat(2_001)}]), "items.text"),
        (json!([{"name": "a", "text": "x"}, {"name": "a", "text": "y"}]), "of one name"),
        (json!(vec![json!({"name": "a", "text": "x"}); 51]), "at most 50"),
        (json!([{"name": "a", "text": "x", "more": 1}]), "more"),
    ] {
        let refused = put(&ada, wrong).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
        assert!(refused.detail().to_lowercase().contains(says), "{}", refused.text());
    }
    assert_eq!(kept(&ada).await, wanted);
    assert_eq!(put(&ada, json!([])).await.status, 204);
    assert_eq!(kept(&ada).await, json!([]));
    let key = ada.add_key(&recorder, "robot", &json!({"roles": ["auditor"]})).await;
    assert_eq!(by_key(&recorder, &key, Method::GET, uri, "").await.status, 409);
}
