//! `/openapi.json`.

use axum::body::Body;
use axum::http::{Method, Request};

use crate::fake::{AGENTS, Recorder};
use crate::talk::Talk;

/// How the committed description is made again.
const AGAIN: &str = "UPDATE_REF=1 cargo test -p sidetone --test it openapi";

#[tokio::test]
async fn the_committed_description_is_the_one_that_is_served() {
    let served = Recorder::start_empty().await.get("/openapi.json").await;
    assert_eq!(served.header("content-type"), "application/json");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ref/openapi.json");
    if std::env::var_os("UPDATE_REF").is_some() {
        std::fs::write(path, &served.body).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        served.text() == committed,
        "ref/openapi.json is not what the server serves; make it again: {AGAIN}"
    );
    assert_eq!(served.json()["openapi"], "3.1.0");
}

/// Names an agent and its phone, whichever a command asks for.
const COMMAND: &str = r#"{"AgentIdentifier":"Id","Value":"1","DeviceId":"4678","CallMetadata":{"user1":"x"},"idents":"1","mediaformat":"WAV"}"#;

const SCHEDULE: &str = r#"{"name":"all","kind":{"type":"percentage","percent":100}}"#;

/// Every operation answers with a status it describes, be the thing asked for there or not, the body right or not.
#[tokio::test]
async fn every_operation_answers_as_described() {
    let recorder = Recorder::start().await;
    let sealed = recorder.seal(1, &Talk::default()).await.to_string();
    let api = recorder.get("/openapi.json").await.json();
    let wanted = format!("{{\"recordings\":[\"{sealed}\"]}}");
    let hold = format!(r#"{{"matter":"1","owner":"D","reason":"r","by":"R","recordings":["{sealed}"]}}"#);
    let (mut operations, mut succeeded) = (0, 0);
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            let described = operation["responses"].as_object().unwrap();
            let method: Method = method.to_uppercase().parse().unwrap();
            let mut succeeds = false;
            // An agent may have been removed, the recording restricted; no schedule has the number of another.
            recorder.post("/v1/agents/import", AGENTS).await;
            let restriction = format!("/v1/recordings/{sealed}/restriction?by=Robin");
            recorder.method(Method::DELETE, &restriction).await;
            let schedule = recorder.post("/v1/schedules", SCHEDULE).await.json()["id"].to_string();
            for (id, body) in [
                ("1", COMMAND),
                ("1", r#"{"phone":"4678"}"#),
                ("1", r#"{"name":"Purge","kind":"purge"}"#),
                ("1", r#"{"agents":[1]}"#),
                (&schedule, SCHEDULE),
                ("1", r#"{"number":"+15550100","by":"Robin","why":"a test","dry_run":true}"#),
                ("1", &hold),
                ("1", r#"{"by":"Robin","why":"a test"}"#),
                ("1", r#"{"kind":"reading"}"#),
                (&sealed, r#"{"by":"Robin","why":"a test"}"#),
                (&sealed, AGENTS),
                ("export", &wanted),
                (&sealed, r#"{"kind":"note","text":"x","by":"Kim"}"#),
                (&sealed, r#"{"fields":{"user1":"x"}}"#),
                ("0198c7a2-4f3e-7abc-8def-0123456789ab", ""),
                ("nothing", "{"),
            ] {
                let id = match id {
                    // What is restricted cannot be exported.
                    "export" => &recorder.post("/v1/exports", wanted.clone()).await.json()["id"].take(),
                    id => &id.into(),
                };
                let id = id.as_str().unwrap_or("none");
                let uri = match path.as_str() {
                    "/api/WebExport/SingleExport" => {
                        format!("{path}?uniquefield=ident&uniquevalue={id}&mediaformat=WAV")
                    }
                    "/v1/recordings/{id}/restriction" if method == Method::DELETE => {
                        format!("{}?by=Robin", path.replace("{id}", id))
                    }
                    "/api/Agent" => format!("{path}?agentIdentifier=Id&value={id}"),
                    path => path.replace("{id}", id).replace("{number}", "1"),
                };
                let request = Request::builder().method(&method).uri(uri);
                let answer = recorder.send(request.body(Body::from(body.to_owned())).unwrap()).await;
                succeeds |= answer.status.is_success();
                recorder.method(Method::DELETE, &format!("/v1/exports/{id}")).await;
                let said = described.get(answer.status.as_str());
                let said = said.unwrap_or_else(|| panic!("{method} {path} answered {}", answer.status));
                if said["content"].is_null() {
                    assert_eq!(answer.text(), "", "{method} {path}");
                    continue;
                }
                let kind = answer.header("content-type").split(';').next().unwrap();
                let has_it = said["content"].as_object().is_some_and(|kinds| kinds.contains_key(kind));
                assert!(has_it, "{method} {path} answered {} with {kind}", answer.status);
            }
            succeeded += usize::from(succeeds);
            let wrong = recorder.method(Method::from_bytes(b"REPORT").unwrap(), path).await;
            assert_eq!(wrong.status, 405, "{path}");
        }
    }
    assert!(operations >= 20, "{operations} operations are described");
    // Of one call nothing is known here, nor what happened to it, no body says what to redact, nobody is named who takes back a
    // note, no mail server is set for three exports, of webhooks there are none, nothing has stopped retention, there are
    // no accounts, keys and requests for approval, nobody is logged in, with logins and searches of their own, nobody vouches for people
    // or says that they have left, no call is named to be watched, no SIP is heard for a test call, and keys are given out, and taken back, only where
    // people log in; everything else can be had.
    assert_eq!(succeeded, operations - 8 - 8 - 26 - 6 - 1 - 3);
}

#[tokio::test]
async fn every_response_and_operation_has_words_and_ids_are_unique() {
    let api = Recorder::start_empty().await.get("/openapi.json").await.json();
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path}");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{path}");
            for response in operation["responses"].as_object().unwrap().values() {
                assert!(!response["description"].as_str().unwrap().is_empty(), "{path}");
            }
        }
    }
}
