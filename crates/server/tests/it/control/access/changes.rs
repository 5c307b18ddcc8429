//! What is changed about somebody counts at once: also for what they have begun to send, and for what is on its way to them.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use sidetone::identity::{Login, Policy};
use tokio::sync::oneshot;
use tower::ServiceExt as _;

use super::{FIRST_PASSWORD, PASSWORD, Person, asking, from, log_in};
use crate::fake::{Answer, Recorder};
use crate::talk::Talk;

/// Every role that may stand with the others.
const ALL: [&str; 4] = ["administrator", "compliance", "privacy_officer", "integration"];

/// More than any of these ask for.
const MANY: access::Rates = access::Rates { telling: 10_000, content: 10_000, change: 10_000 };

/// A request whose body is half here.
struct Half<'a> {
    answer: std::pin::Pin<Box<dyn Future<Output = Answer> + 'a>>,
    rest: oneshot::Sender<()>,
}

/// Sends the half of a body; the answer, if nobody waits for the other half.
async fn half<'a>(
    recorder: &'a Recorder,
    request: axum::http::request::Builder,
    body: &str,
) -> Result<Half<'a>, Answer> {
    let (at_it, mut is_read) = oneshot::channel();
    let (rest, comes) = oneshot::channel::<()>();
    let (first, last) = body.split_at(body.len() / 2);
    let (first, last) = (Bytes::from(first.to_owned()), Bytes::from(last.to_owned()));
    let pieces = futures_util::stream::once(async move {
        let _ = at_it.send(());
        Ok::<_, std::io::Error>(first)
    });
    let end = futures_util::stream::once(async move {
        let _ = comes.await;
        Ok(last)
    });
    let body = Body::from_stream(futures_util::StreamExt::chain(pieces, end));
    let mut answer = Box::pin(recorder.send(request.body(body).unwrap()));
    let unread = tokio::select! {
        answer = &mut answer => Some(answer),
        Ok(()) = &mut is_read => None,
    };
    match unread {
        Some(answer) => Err(answer),
        None => Ok(Half { answer, rest }),
    }
}

impl Half<'_> {
    async fn finish(self) -> Answer {
        self.rest.send(()).unwrap();
        self.answer.await
    }
}

/// A key by its text and its number.
async fn key(recorder: &Recorder, ada: &Person, name: &str, roles: &[&str]) -> (String, i64) {
    let made = ada.post(recorder, "/v1/api-keys", &json!({"name": name, "roles": roles})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    (made["key"].as_str().unwrap().to_owned(), made["id"].as_i64().unwrap())
}

async fn revoke(recorder: &Recorder, ada: &Person, number: i64) {
    let gone = ada.send(recorder, Method::DELETE, &format!("/v1/api-keys/{number}"), &Value::Null).await;
    assert_eq!(gone.status, 204, "{}", gone.text());
}

/// An address of something that is there, or could be.
fn named(path: &str) -> String {
    let id = if path.starts_with("/v1/recordings") { "0198c123-4567-7000-8000-000000000000" } else { "1" };
    path.replace("{id}", id).replace("{number}", "1")
}

#[tokio::test]
async fn what_a_key_sends_while_it_is_revoked_is_done_at_no_address_at_all() {
    let recorder = asking().await.with_rates(MANY);
    let ada = log_in(&recorder, "ada").await;
    let native = sidetone::http::rules().into_iter().filter(|(_, _, rule)| *rule != "open");
    let native = native.map(|(method, path, _)| (method, named(path)));
    let wfo =
        ["Record/StartForAgent", "Blackout/StopForAgent", "Record/UpdateForDevice", "WebExport/MultiExport"];
    let wfo = wfo.iter().map(|path| ("POST".to_owned(), format!("/api/{path}")));
    let wanted =
        json!({"name": "backdoor", "password": FIRST_PASSWORD, "roles": ["administrator"]}).to_string();
    let mut refused = Vec::new();
    for (place, (method, path)) in native.chain(wfo).enumerate() {
        if method == "GET" || method == "DELETE" {
            continue;
        }
        let (text, number) = key(&recorder, &ada, &format!("leaked{place}"), &ALL).await;
        let request =
            Request::builder().method(&*method).uri(&path).header("authorization", format!("Bearer {text}"));
        let Ok(half) = half(&recorder, request, &wanted).await else { continue };
        revoke(&recorder, &ada, number).await;
        let answer = half.finish().await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text());
        assert!(answer.text().contains("has ended, or was changed meanwhile"), "{path}: {}", answer.text());
        refused.push(path);
    }
    assert!(refused.len() >= 30, "most of what is changed has a body: {refused:?}");
    for sure in ["/v1/users", "/v1/api-keys", "/v1/erasures", "/api/Blackout/StopForAgent"] {
        assert!(refused.iter().any(|path| path == sure), "{sure}");
    }
    let users = ada.get(&recorder, "/v1/users").await.json();
    assert_eq!(users["items"].as_array().unwrap().len(), 1, "{users}");
}

#[tokio::test]
async fn what_somebody_sends_while_they_log_out_or_become_less_is_not_done_and_else_it_is() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let number = ada.add(&recorder, "bea", &json!({"roles": ["administrator"]})).await;
    let wanted =
        |name: &str| json!({"name": name, "password": FIRST_PASSWORD, "roles": ["auditor"]}).to_string();
    let by = |bea: &Person| {
        Request::post("/v1/users").header("cookie", &bea.cookie).header("x-csrf-token", &bea.csrf)
    };
    let bea = log_in(&recorder, "bea").await;
    let Ok(begun) = half(&recorder, by(&bea), &wanted("one")).await else { panic!("the body is read") };
    assert_eq!(begun.finish().await.status, 201, "nothing has happened meanwhile");
    let Ok(begun) = half(&recorder, by(&bea), &wanted("two")).await else { panic!("the body is read") };
    assert_eq!(bea.send(&recorder, Method::DELETE, "/v1/session", &Value::Null).await.status, 204);
    assert_eq!(begun.finish().await.status, 403);
    let bea = log_in(&recorder, "bea").await;
    let Ok(begun) = half(&recorder, by(&bea), &wanted("three")).await else { panic!("the body is read") };
    let less = json!({"roles": ["auditor"], "active": true});
    assert_eq!(ada.send(&recorder, Method::PUT, &format!("/v1/users/{number}"), &less).await.status, 200);
    assert_eq!(begun.finish().await.status, 403);
}

#[tokio::test]
async fn the_first_account_is_one_however_many_are_half_sent_before_it() {
    for login in [Login::Required, Login::Auto] {
        let recorder = Recorder::start_with(Policy { login, ..Policy::default() }).await;
        let wanted = |name: &str, role: &str| json!({"name": name, "password": PASSWORD, "roles": [role]});
        let near = || {
            let here = sidetone::http::Client::at("127.0.0.1".parse().unwrap());
            Request::post("/v1/users/first").extension(here)
        };
        let slow = half(&recorder, near(), &wanted("mallory", "compliance").to_string()).await;
        let Ok(slow) = slow else { panic!("the body is read") };
        let at_once = ["ada", "eve", "zoe"].map(|name| {
            let (recorder, wanted) = (&recorder, wanted(name, "administrator"));
            async move {
                from(recorder, "127.0.0.1:1", Method::POST, "/v1/users/first", &wanted).await.status.as_u16()
            }
        });
        let mut at_once = futures_util::future::join_all(at_once).await;
        at_once.sort_unstable();
        assert_eq!(at_once, [201, 403, 403]);
        assert_eq!(slow.finish().await.status, 403);
        let accounts = recorder.index.register().accounts().await.unwrap();
        assert_eq!(accounts.len(), 1, "{accounts:?}");
    }
}

#[tokio::test]
async fn two_administrators_who_take_it_from_each_other_at_the_same_time_leave_one() {
    let less = json!({"roles": ["auditor"], "active": true});
    for method in [Method::PUT, Method::DELETE] {
        let recorder = asking().await;
        let ada = log_in(&recorder, "ada").await;
        let number = ada.add(&recorder, "bea", &json!({"roles": ["administrator"]})).await;
        let bea = log_in(&recorder, "bea").await;
        let bea_s = format!("/v1/users/{number}");
        let (by_ada, by_bea) = tokio::join!(
            ada.send(&recorder, method.clone(), &bea_s, &less),
            bea.send(&recorder, method.clone(), "/v1/users/1", &less),
        );
        let statuses = [by_ada.status.as_u16(), by_bea.status.as_u16()];
        let refused = statuses.iter().filter(|status| [401, 403, 409].contains(status)).count();
        assert_eq!(refused, 1, "{method} {statuses:?}");
        let accounts = recorder.index.register().accounts().await.unwrap();
        let administrators =
            accounts.iter().filter(|account| account.grant.has(access::Permission::ManageAccess));
        assert_eq!(administrators.count(), 1, "{method}");
    }
}

/// What goes on to be read of a body: how many pieces, and whether it breaks off.
async fn rest(body: &mut Body) -> (usize, bool) {
    let mut pieces = 0;
    loop {
        let next = tokio::time::timeout(Duration::from_secs(20), body.frame()).await.expect("it ends");
        match next {
            None => return (pieces, false),
            Some(Err(_)) => return (pieces, true),
            Some(Ok(_)) => pieces += 1,
        }
    }
}

async fn begun(recorder: &Recorder, request: axum::http::request::Builder) -> Body {
    let answer = recorder.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body();
    body.frame().await.expect("something comes").unwrap();
    body
}

#[tokio::test]
async fn sound_on_its_way_by_any_road_breaks_off_when_the_key_is_revoked_and_no_other_recording_begins() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let talk = Talk { length_ms: 40_000, dark_ms: None, ..Talk::default() };
    let ids = [recorder.seal(1, &talk).await, recorder.seal(2, &talk).await];
    let idents = json!(recorder.index.recording(ids[0]).await.unwrap().unwrap().ident);
    for (place, road) in [
        format!("/v1/recordings/{}/audio", ids[0]),
        format!("/v1/recordings/{}/audio?format=flac", ids[0]),
        format!("/v1/recordings/{}/vcon?audio=inline", ids[0]),
        format!("/api/WebExport/SingleExport?uniquefield=ident&uniquevalue={idents}&mediaformat=WAV"),
        "wav".to_owned(),
        "package".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let (text, number) = key(&recorder, &ada, &format!("slow{place}"), &["compliance"]).await;
        let bearer = format!("Bearer {text}");
        let road = if road.starts_with('/') {
            road
        } else {
            let wanted = json!({"recordings": ids, "format": road}).to_string();
            let kept = super::by_key(&recorder, &text, Method::POST, "/v1/exports", &wanted).await;
            assert_eq!(kept.status, 201, "{}", kept.text());
            format!("/v1/exports/{}/download", kept.json()["id"].as_str().unwrap())
        };
        let mut whole = begun(&recorder, Request::get(&road).header("authorization", &bearer)).await;
        let (pieces, breaks_off) = rest(&mut whole).await;
        assert!(pieces >= 3 && !breaks_off, "{road}: {pieces} pieces");
        drop(whole);
        let mut body = begun(&recorder, Request::get(&road).header("authorization", &bearer)).await;
        let before = recorder.index.listens(ids[1]).await.unwrap().len();
        revoke(&recorder, &ada, number).await;
        assert_eq!(rest(&mut body).await, (0, true), "{road}");
        assert_eq!(recorder.index.listens(ids[1]).await.unwrap().len(), before, "{road}");
    }
}

#[tokio::test]
async fn what_is_on_its_way_ends_with_the_login_or_the_password_it_was_asked_for_with() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let number = ada.add(&recorder, "cleo", &json!({"roles": ["compliance"]})).await;
    let cleo = log_in(&recorder, "cleo").await;
    let id = recorder.seal(1, &Talk { length_ms: 40_000, dark_ms: None, ..Talk::default() }).await;
    let road = format!("/v1/recordings/{id}/audio");
    let mut body = begun(&recorder, Request::get(&road).header("cookie", &cleo.cookie)).await;
    let mut events = {
        let request = Request::get("/v1/events").header("cookie", &cleo.cookie).body(Body::empty()).unwrap();
        recorder.router.clone().oneshot(request).await.unwrap().into_body()
    };
    cleo.send(&recorder, Method::DELETE, "/v1/session", &Value::Null).await;
    assert_eq!(rest(&mut body).await, (0, true));
    assert!(!rest(&mut events).await.1, "events have no whole to be missed");
    let basic = format!("Basic {}", STANDARD.encode(format!("cleo:{PASSWORD}")));
    let road = "/api/WebExport/SingleExport?uniquefield=ident&uniquevalue=1&mediaformat=WAV";
    let mut body = begun(&recorder, Request::get(road).header("authorization", &basic)).await;
    let other = json!({"password": "said on another telephone"});
    let set = ada.send(&recorder, Method::PUT, &format!("/v1/users/{number}/password"), &other).await;
    assert_eq!(set.status, 204, "{}", set.text());
    assert_eq!(rest(&mut body).await, (0, true));
}
