//! Who may do what, over HTTP.

mod changes;
mod due;
mod events;
mod four_eyes;
mod keys;
mod letters;
mod logins;
mod matrix;
mod people;
mod rates;
mod told;
mod trail;
mod unseen;

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use sidetone::http::Client;
use sidetone::identity::{Login, Policy};

use crate::fake::{Answer, Recorder};

pub(crate) const PASSWORD: &str = "three blind mice run";

/// What an administrator gives somebody to log in with for the first time.
pub(crate) const FIRST_PASSWORD: &str = "said on the telephone";

/// Somebody at a browser: what they hold of their login.
pub(crate) struct Person {
    cookie: String,
    csrf: String,
}

/// A recorder that asks for a login, with one account: ada, an administrator.
pub(crate) async fn asking() -> Recorder {
    asking_with(Policy { login: Login::Required, ..Policy::default() }).await
}

pub(crate) async fn asking_with(policy: Policy) -> Recorder {
    let recorder = Recorder::start_with(policy).await;
    let wanted = json!({"name": "ada", "password": PASSWORD, "roles": ["administrator"]});
    let made = from(&recorder, "127.0.0.1:4711", Method::POST, "/v1/users/first", &wanted).await;
    assert_eq!(made.status, 201, "{}", made.text());
    recorder
}

/// A request from an address, by nobody.
pub(crate) async fn from(recorder: &Recorder, at: &str, method: Method, uri: &str, body: &Value) -> Answer {
    let mut request = Request::builder().method(method).uri(uri).body(Body::from(body.to_string())).unwrap();
    request.extensions_mut().insert(Client::at(at.parse::<SocketAddr>().unwrap().ip()));
    recorder.send(request).await
}

pub(crate) async fn log_in(recorder: &Recorder, name: &str) -> Person {
    log_in_with(recorder, name, PASSWORD).await
}

pub(crate) async fn log_in_with(recorder: &Recorder, name: &str, password: &str) -> Person {
    let answer = recorder.post("/v1/session", json!({"name": name, "password": password}).to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    Person::of(&answer)
}

impl Person {
    pub(crate) fn of(answer: &Answer) -> Self {
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        Self { cookie, csrf: answer.json()["csrf_token"].as_str().unwrap().to_owned() }
    }

    pub(crate) async fn send(&self, recorder: &Recorder, method: Method, uri: &str, body: &Value) -> Answer {
        let request = Request::builder().method(method).uri(uri).header("cookie", &self.cookie);
        let request = request.header("x-csrf-token", &self.csrf);
        recorder.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(crate) async fn get(&self, recorder: &Recorder, uri: &str) -> Answer {
        self.send(recorder, Method::GET, uri, &Value::Null).await
    }

    pub(crate) async fn post(&self, recorder: &Recorder, uri: &str, body: &Value) -> Answer {
        self.send(recorder, Method::POST, uri, body).await
    }

    /// Makes an account, whose owner has logged in once and has the usual password; its number is returned.
    pub(crate) async fn add(&self, recorder: &Recorder, name: &str, grant: &Value) -> i64 {
        let number = self.add_fresh(recorder, name, grant).await;
        let person = log_in_with(recorder, name, FIRST_PASSWORD).await;
        let own = json!({"old": FIRST_PASSWORD, "new": PASSWORD});
        let set = person.send(recorder, Method::PUT, "/v1/session/password", &own).await;
        assert_eq!(set.status, 204, "{}", set.text());
        number
    }

    /// Makes an account that nobody has logged in with yet; its number is returned.
    pub(crate) async fn add_fresh(&self, recorder: &Recorder, name: &str, grant: &Value) -> i64 {
        let mut wanted = json!({"name": name, "password": FIRST_PASSWORD});
        wanted.as_object_mut().unwrap().extend(grant.as_object().unwrap().clone());
        let made = self.post(recorder, "/v1/users", &wanted).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["id"].as_i64().unwrap()
    }

    /// Makes a key, and gives its text.
    pub(crate) async fn add_key(&self, recorder: &Recorder, name: &str, grant: &Value) -> String {
        let mut wanted = json!({"name": name});
        wanted.as_object_mut().unwrap().extend(grant.as_object().unwrap().clone());
        let made = self.post(recorder, "/v1/api-keys", &wanted).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["key"].as_str().unwrap().to_owned()
    }
}

/// A request by a key.
pub(crate) async fn by_key(recorder: &Recorder, key: &str, method: Method, uri: &str, body: &str) -> Answer {
    let request = Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {key}"));
    recorder.send(request.body(Body::from(body.to_owned())).unwrap()).await
}
