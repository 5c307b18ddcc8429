//! Accounts and logins.

use axum::body::Body;
use axum::http::{Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sidetone::http::Client;
use sidetone::identity::{Login, Policy};

use super::{FIRST_PASSWORD, PASSWORD, Person, asking, asking_with, from, log_in};
use crate::fake::Recorder;

const HERE: &str = "127.0.0.1:4711";

fn first() -> Value {
    json!({"name": "ada", "password": PASSWORD, "roles": ["administrator"]})
}

#[tokio::test]
async fn a_fresh_recorder_on_loopback_is_open_until_the_first_account_is_made() {
    let recorder = Recorder::start().await;
    let session = from(&recorder, HERE, Method::GET, "/v1/session", &Value::Null).await.json();
    assert_eq!((&session["login_required"], &session["setup"]), (&json!(false), &json!(true)));
    assert_eq!((&session["kind"], &session["name"]), (&json!("local"), &json!("anonymous")));
    assert_eq!(recorder.get("/v1/recordings").await.status, 200);
    let made = from(&recorder, HERE, Method::POST, "/v1/users/first", &first()).await;
    assert_eq!((made.status.as_u16(), made.header("location")), (201, "/v1/users/1"));
    assert!(!made.text().contains(PASSWORD) && !made.text().contains("argon2"));
    let session = from(&recorder, HERE, Method::GET, "/v1/session", &Value::Null).await.json();
    assert_eq!((&session["login_required"], &session["setup"]), (&json!(true), &json!(false)));
    assert_eq!(recorder.get("/v1/recordings").await.status, 401);
    for open in ["/healthz", "/readyz", "/openapi.json"] {
        assert_ne!(recorder.get(open).await.status, 401, "{open}");
    }
}

#[tokio::test]
async fn where_it_is_said_to_be_open_an_account_closes_nothing() {
    let recorder = asking_with(Policy { login: Login::Open, ..Policy::default() }).await;
    assert_eq!(recorder.get("/v1/recordings").await.status, 200);
    // Who logs in all the same is known by name.
    let ada = log_in(&recorder, "ada").await;
    assert_eq!(ada.get(&recorder, "/v1/session").await.json()["name"], "ada");
}

#[tokio::test]
async fn the_first_account_is_made_once_on_this_machine_and_by_no_proxy() {
    let recorder = Recorder::start_with(Policy { login: Login::Required, ..Policy::default() }).await;
    let far = from(&recorder, "192.0.2.7:4711", Method::POST, "/v1/users/first", &first()).await;
    assert!(far.detail().contains("sidetone users add"), "{}", far.text());
    assert_eq!(far.status, 403);
    let mut proxied = Request::post("/v1/users/first")
        .header("x-forwarded-for", "198.51.100.7")
        .body(Body::from(first().to_string()))
        .unwrap();
    proxied.extensions_mut().insert(Client::at(HERE.parse::<std::net::SocketAddr>().unwrap().ip()));
    assert_eq!(recorder.send(proxied).await.status, 403);
    for (name, password, role, says) in [
        ("ada", PASSWORD, "supervisor", "role supervisor needs"),
        ("ada", PASSWORD, "compliance", "needs the role administrator"),
        ("ada", "hunter2", "administrator", "15 to 256"),
        ("ada", "adaadaadaadaadaada", "administrator", "easily guessed"),
        ("ada", "1qaz2wsx3edc4rfv", "administrator", "is common"),
        ("a d a", PASSWORD, "administrator", "letters, digits"),
        ("anonymous", PASSWORD, "administrator", "letters, digits"),
        ("ada", PASSWORD, "king", "there is no role"),
    ] {
        let wanted = json!({"name": name, "password": password, "roles": [role]});
        let refused = from(&recorder, HERE, Method::POST, "/v1/users/first", &wanted).await;
        assert_eq!(refused.status, 400, "{name} {password} {role}");
        assert!(refused.detail().to_lowercase().contains(says), "{}", refused.text());
        assert!(!refused.text().contains(password), "a password is not said back");
    }
    assert_eq!(from(&recorder, HERE, Method::POST, "/v1/users/first", &first()).await.status, 201);
    let again = from(&recorder, HERE, Method::POST, "/v1/users/first", &first()).await;
    assert_eq!(again.status, 403);
}

#[tokio::test]
async fn somebody_logs_in_does_something_and_logs_out() {
    let recorder = asking().await;
    let answer = recorder.post("/v1/session", json!({"name": "ADA", "password": PASSWORD}).to_string()).await;
    assert_eq!(answer.status, 201);
    let cookie = answer.header("set-cookie");
    assert!(
        cookie.starts_with("sidetone=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict")
    );
    let session = answer.json();
    assert_eq!((&session["kind"], &session["name"]), (&json!("person"), &json!("ada")));
    assert_eq!(session["roles"], json!(["administrator"]));
    assert!(session["ends_in_s"].as_u64().is_some_and(|left| left > 1_700 && left <= 1_800));
    let ada = Person::of(&answer);
    assert_eq!(ada.get(&recorder, "/v1/users").await.json()["items"][0]["name"], "ada");
    let out = ada.send(&recorder, Method::DELETE, "/v1/session", &Value::Null).await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(ada.get(&recorder, "/v1/users").await.status, 401);
}

#[tokio::test]
async fn a_page_that_cannot_read_the_token_changes_nothing() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    for token in [None, Some("guessed"), Some("")] {
        let mut request = Request::delete("/v1/users/1").header("cookie", &ada.cookie);
        if let Some(token) = token {
            request = request.header("x-csrf-token", token);
        }
        let refused = recorder.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(refused.status, 403, "{token:?}");
        assert!(refused.detail().contains("X-CSRF-Token"));
    }
    // Reading needs none.
    let request = Request::get("/v1/users").header("cookie", &ada.cookie).body(Body::empty()).unwrap();
    assert_eq!(recorder.send(request).await.status, 200);
    // The token of another login is none.
    let other = Person { cookie: ada.cookie.clone(), csrf: log_in(&recorder, "ada").await.csrf };
    assert_eq!(other.post(&recorder, "/v1/users", &json!({})).await.status, 403);
}

#[tokio::test]
async fn wrong_passwords_are_told_nothing_and_made_to_wait() {
    let recorder = asking().await;
    let try_with = async |name: &str, password: &str| {
        recorder.post("/v1/session", json!({"name": name, "password": password}).to_string()).await
    };
    let mut said = std::collections::BTreeSet::new();
    for name in ["ada", "nobody"] {
        for _ in 0..5 {
            let wrong = try_with(name, "not the password of hers").await;
            assert_eq!(wrong.status, 401);
            said.insert(wrong.detail());
        }
        let locked = try_with(name, PASSWORD).await;
        assert_eq!(locked.status, 429, "{name}");
        assert!(locked.header("retry-after").parse::<u64>().is_ok_and(|wait| (1..=31).contains(&wait)));
    }
    assert_eq!(said.len(), 1, "which of both was wrong is not told: {said:?}");
}

#[tokio::test]
async fn who_guesses_elsewhere_locks_nobody_out_where_their_password_was_right() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    ada.add(&recorder, "desk", &json!({"roles": ["integration"]})).await;
    let log_in_at = async |at: &str, password: &str| {
        let body = json!({"name": "desk", "password": password});
        from(&recorder, at, Method::POST, "/v1/session", &body).await.status.as_u16()
    };
    assert_eq!(log_in_at("192.0.2.7:4711", PASSWORD).await, 201);
    for _ in 0..5 {
        assert_eq!(log_in_at("198.51.100.9:4711", "not the password of it").await, 401);
    }
    assert_eq!(log_in_at("198.51.100.9:4711", PASSWORD).await, 429);
    assert_eq!(log_in_at("198.51.100.10:4711", PASSWORD).await, 429, "another address guesses no further");
    let command = async |at: &str| {
        let body = json!({"AgentIdentifier": "Id", "Value": "99"}).to_string();
        let basic = format!("Basic {}", STANDARD.encode(format!("desk:{PASSWORD}")));
        let request = Request::post("/api/Blackout/StartForAgent").header("authorization", basic);
        let mut request = request.body(Body::from(body)).unwrap();
        request.extensions_mut().insert(Client::at(at.parse().unwrap()));
        recorder.send(request).await.status.as_u16()
    };
    assert_eq!(command("192.0.2.7").await, 404, "it is known who asks, and there is no such agent");
    assert_eq!(command("198.51.100.9").await, 401, "what was right elsewhere is not taken without counting");
    assert_eq!(log_in_at("192.0.2.7:4711", PASSWORD).await, 201);
}

#[tokio::test]
async fn a_program_has_no_name_that_a_person_could_be_taken_for_and_no_person_one_of_a_program() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let grant = json!({"roles": ["compliance"]});
    ada.add_fresh(&recorder, "cora", &grant).await;
    let gone = ada.add_fresh(&recorder, "gone", &grant).await;
    let removed = ada.send(&recorder, Method::DELETE, &format!("/v1/users/{gone}"), &Value::Null).await;
    assert_eq!(removed.status, 204, "{}", removed.text());
    ada.add_key(&recorder, "crm", &json!({"roles": ["integration"]})).await;
    let add = async |uri: &str, name: &str| {
        let wanted = json!({"name": name, "password": FIRST_PASSWORD, "roles": ["compliance"]});
        let mut wanted = wanted.as_object().unwrap().clone();
        if uri == "/v1/api-keys" {
            wanted.remove("password");
        }
        ada.post(&recorder, uri, &Value::Object(wanted)).await
    };
    // In another case, with letters of Cyrillic, and with a digit for a letter.
    for name in ["cora", "CORA", "c\u{43e}ra", "c0ra", "gone", "Gone"] {
        let refused = add("/v1/api-keys", name).await;
        assert_eq!(refused.status, 409, "{name}: {}", refused.text());
        assert!(refused.detail().contains("take another"), "{}", refused.detail());
    }
    for name in ["crm", "\u{441}rm", "c\u{43e}ra", "ad\u{430}"] {
        assert_eq!(add("/v1/users", name).await.status, 409, "{name}");
    }
    assert_eq!(add("/v1/api-keys", "cora2").await.status, 201);
    assert_eq!(add("/v1/users", "coral").await.status, 201);
}

#[tokio::test]
async fn guesses_at_once_are_no_more_than_guesses_in_a_row_and_blanks_are_no_other_name() {
    let recorder = asking().await;
    let guess = |name: &'static str, password: &'static str| {
        let recorder = &recorder;
        async move {
            let body = json!({"name": name, "password": password}).to_string();
            recorder.post("/v1/session", body).await.status.as_u16()
        }
    };
    let all = futures_util::future::join_all((0..40).map(|_| guess("ada", "not the password of hers"))).await;
    let compared = all.iter().filter(|status| **status == 401).count();
    assert!((1..=5).contains(&compared) && all.iter().all(|status| [401, 429].contains(status)), "{all:?}");
    for name in ["ada", " ada", "Ada\t", "\u{2003}ada "] {
        for _ in 0..5 {
            guess(name, "not the password of hers").await;
        }
        assert_eq!(guess(name, PASSWORD).await, 429, "{name:?}");
    }
}

#[tokio::test]
async fn commands_that_come_at_once_with_one_password_are_all_obeyed() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    ada.add(&recorder, "crm", &json!({"roles": ["integration"]})).await;
    let basic = format!("Basic {}", STANDARD.encode(format!("crm:{PASSWORD}")));
    let command = async || {
        let body = json!({"AgentIdentifier": "Id", "Value": "99"}).to_string();
        let request = Request::post("/api/Blackout/StartForAgent").header("authorization", &basic);
        recorder.send(request.body(Body::from(body)).unwrap()).await.status.as_u16()
    };
    let all = futures_util::future::join_all((0..40).map(|_| command())).await;
    assert!(
        all.iter().all(|status| *status == 404),
        "there is no such agent, and nobody is turned away: {all:?}"
    );
}

#[tokio::test]
async fn what_an_administrator_changes_counts_at_once_for_who_is_logged_in() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let number = ada.add(&recorder, "sam", &json!({"roles": ["supervisor"], "business_units": [3]})).await;
    let sam = log_in(&recorder, "sam").await;
    assert_eq!(sam.get(&recorder, "/v1/recordings").await.status, 200);
    assert_eq!(sam.get(&recorder, "/v1/users").await.status, 403);
    let uri = format!("/v1/users/{number}");
    let auditor = json!({"roles": ["auditor"], "active": true});
    assert_eq!(ada.send(&recorder, Method::PUT, &uri, &auditor).await.status, 200);
    assert_eq!(sam.get(&recorder, "/v1/recordings").await.status, 403);
    let locked = json!({"roles": ["auditor"], "active": false});
    assert_eq!(ada.send(&recorder, Method::PUT, &uri, &locked).await.status, 200);
    assert_eq!(sam.get(&recorder, "/v1/holds").await.status, 401);
    let again = recorder.post("/v1/session", json!({"name": "sam", "password": PASSWORD}).to_string()).await;
    assert_eq!(again.status, 401);
}

#[tokio::test]
async fn an_administrator_can_neither_raise_nor_lock_themselves_and_one_is_always_left() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let hears = json!({"roles": ["administrator", "compliance"], "active": true});
    let own = ada.send(&recorder, Method::PUT, "/v1/users/1", &hears).await;
    assert_eq!(own.status, 409);
    assert!(own.detail().contains("another administrator"));
    assert_eq!(ada.send(&recorder, Method::DELETE, "/v1/users/1", &Value::Null).await.status, 409);
    // A key of somebody else's, who then goes.
    let number = ada.add(&recorder, "bea", &json!({"roles": ["administrator"]})).await;
    let bea = log_in(&recorder, "bea").await;
    let key = bea.add_key(&recorder, "robot", &json!({"roles": ["administrator"]})).await;
    let gone = ada.send(&recorder, Method::DELETE, &format!("/v1/users/{number}"), &Value::Null).await;
    assert_eq!(gone.status, 204, "{}", gone.text());
    let removed = super::by_key(&recorder, &key, Method::DELETE, "/v1/users/1", "").await;
    assert_eq!(removed.status, 409);
    assert!(removed.detail().contains("No administrator would be left"), "{}", removed.text());
    let name_again = json!({"name": "Ada", "password": PASSWORD, "roles": ["auditor"]});
    assert_eq!(ada.post(&recorder, "/v1/users", &name_again).await.status, 409);
}

#[tokio::test]
async fn who_changes_their_password_knows_the_old_one_and_ends_their_other_logins() {
    let recorder = asking().await;
    let (ada, elsewhere) = (log_in(&recorder, "ada").await, log_in(&recorder, "ada").await);
    let new = "a quite different phrase";
    let change = async |old: &str, new: &str| {
        ada.send(&recorder, Method::PUT, "/v1/session/password", &json!({"old": old, "new": new})).await
    };
    assert_eq!(change("wrong wrong wrong", new).await.status, 403);
    assert_eq!(change(PASSWORD, "short").await.status, 400);
    assert_eq!(change(PASSWORD, new).await.status, 204);
    assert_eq!(ada.get(&recorder, "/v1/users").await.status, 200);
    assert_eq!(elsewhere.get(&recorder, "/v1/users").await.status, 401);
    let old = recorder.post("/v1/session", json!({"name": "ada", "password": PASSWORD}).to_string()).await;
    assert_eq!(old.status, 401);
    let login = recorder.post("/v1/session", json!({"name": "ada", "password": new}).to_string()).await;
    assert_eq!(login.status, 201);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_once_it_was_shown() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let shown = json!({"password": PASSWORD});
    let begun = ada.post(&recorder, "/v1/session/second-factor", &shown).await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    let secret = begun.json()["secret"].as_str().unwrap().to_owned();
    let totp = totp_rs::Builder::new().with_secret(totp_rs::Secret::try_from_base32(&secret).unwrap());
    let totp = totp.build().unwrap();
    let code = |later: u64| totp.generate(recorder.now_s() + later).to_string();
    // Until then it is not.
    assert_eq!(log_in(&recorder, "ada").await.get(&recorder, "/v1/users").await.status, 200);
    let confirm = |code: String| json!({"code": code});
    let wrong =
        ada.send(&recorder, Method::PUT, "/v1/session/second-factor", &confirm("000000".to_owned())).await;
    assert_eq!(wrong.status, 403);
    let right = ada.send(&recorder, Method::PUT, "/v1/session/second-factor", &confirm(code(0))).await;
    assert_eq!(right.status, 204, "{}", right.text());
    let log_in = async |code: Option<String>| {
        let body = json!({"name": "ada", "password": PASSWORD, "code": code});
        recorder.post("/v1/session", body.to_string()).await
    };
    let without = log_in(None).await;
    assert_eq!(without.status, 401);
    assert!(without.detail().contains("second factor"));
    assert_eq!(log_in(Some(code(0))).await.status, 401, "a code is taken once");
    let next = code(30);
    assert_eq!(log_in(Some(next.clone())).await.status, 201);
    assert_eq!(log_in(Some(next)).await.status, 401);
    assert_eq!(ada.send(&recorder, Method::DELETE, "/v1/session/second-factor", &shown).await.status, 204);
    assert_eq!(log_in(None).await.status, 201);
}

#[tokio::test]
async fn what_was_done_is_signed_by_who_was_logged_in_whatever_the_body_says() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    ada.add(&recorder, "cleo", &json!({"roles": ["compliance"]})).await;
    let cleo = log_in(&recorder, "cleo").await;
    let sealed = recorder.seal(1, &crate::talk::Talk::default()).await;
    let note = json!({"kind": "note", "text": "heard", "by": "Somebody Else"});
    let made = cleo.post(&recorder, &format!("/v1/recordings/{sealed}/annotations"), &note).await;
    assert_eq!((made.status.as_u16(), &made.json()["by"]), (201, &json!("cleo")));
    assert_eq!(cleo.get(&recorder, &format!("/v1/recordings/{sealed}/audio")).await.status, 200);
    let listens = recorder.index.listens(sealed).await.unwrap();
    assert_eq!(listens.iter().map(|listen| listen.who.as_str()).collect::<Vec<_>>(), ["cleo"]);
    // Who runs the recorder hears nothing.
    let refused = ada.get(&recorder, &format!("/v1/recordings/{sealed}/audio")).await;
    assert_eq!(refused.status, 403);
    assert!(refused.detail().contains("not for ada"), "{}", refused.text());
}
