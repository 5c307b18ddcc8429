//! How often each may ask.

use access::Rates;
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;
use sim::debian;
use tower::ServiceExt as _;

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
async fn sound_that_leaves_over_the_wfo_face_counts_as_any_other_does() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let key = ada.add_key(&recorder, "hungry", &json!({"roles": ["compliance"]})).await;
    recorder.seal(1, &Talk { length_ms: 200, dark_ms: None, ..Talk::default() }).await;
    let recorder = recorder.with_rates(FEW);
    let export = "/api/WebExport/SingleExport?uniquefield=ident&uniquevalue=1&mediaformat=WAV";
    for _ in 0..2 {
        assert_eq!(by_key(&recorder, &key, Method::GET, export, "").await.status, 200);
    }
    let refused = by_key(&recorder, &key, Method::GET, export, "").await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|wait| (1..=31).contains(&wait)));
    assert!(
        refused
            .message()
            .starts_with("There are more than 2 requests for sound and files a minute by hungry")
    );
    for path in ["/api/WebExport/CombinedExport", "/v1/recordings/x/audio"] {
        let method = if path.starts_with("/v1") { Method::GET } else { Method::POST };
        assert_eq!(by_key(&recorder, &key, method, path, "{}").await.status, 429, "{path}");
    }
}

/// An answer that nobody reads: its place is held until it is dropped.
async fn held(recorder: &Recorder, key: &str, uri: &str) -> axum::response::Response {
    let request = Request::get(uri).header("authorization", format!("Bearer {key}"));
    recorder.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn who_reads_slowly_has_a_quarter_of_the_places_and_keeps_nobody_else_from_sound() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let grant = json!({"roles": ["compliance"]});
    let (slow, other) =
        (ada.add_key(&recorder, "slow", &grant).await, ada.add_key(&recorder, "other", &grant).await);
    let id = recorder.seal(1, &Talk { length_ms: 20_000, dark_ms: None, ..Talk::default() }).await;
    for (uri, each) in [
        (format!("/v1/recordings/{id}/audio"), 64),
        ("/api/WebExport/SingleExport?uniquefield=ident&uniquevalue=1&mediaformat=WAV".to_owned(), 2),
    ] {
        let mut places = Vec::new();
        for _ in 0..each {
            let answer = held(&recorder, &slow, &uri).await;
            assert_eq!(answer.status(), 200);
            places.push(answer);
        }
        let refused = by_key(&recorder, &slow, Method::GET, &uri, "").await;
        assert_eq!(refused.status, 429, "{}", refused.text());
        assert!(refused.text().contains("take one to its end, or close it"), "{}", refused.text());
        assert_eq!(by_key(&recorder, &other, Method::GET, &uri, "").await.status, 200);
        places.pop();
        assert_eq!(by_key(&recorder, &slow, Method::GET, &uri, "").await.status, 200);
    }
}

#[tokio::test]
async fn one_key_has_a_quarter_of_the_encoders_of_mp3_and_another_still_gets_its_own() {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let grant = json!({"roles": ["compliance"]});
    let (greedy, other) =
        (ada.add_key(&recorder, "greedy", &grant).await, ada.add_key(&recorder, "other", &grant).await);
    let id = recorder.seal(1, &Talk { length_ms: 60_000, dark_ms: None, ..Talk::default() }).await;
    let (wav, mp3) = (format!("/v1/recordings/{id}/audio"), format!("/v1/recordings/{id}/audio?format=mp3"));
    let mut encoders = Vec::new();
    for _ in 0..4 {
        let answer = held(&recorder, &greedy, &mp3).await;
        assert_eq!(answer.status(), 200);
        encoders.push(answer);
    }
    let refused = by_key(&recorder, &greedy, Method::GET, &mp3, "").await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert!(refused.detail().starts_with("4 files of MP3 are on their way to you"), "{}", refused.text());
    assert_eq!(by_key(&recorder, &greedy, Method::GET, &wav, "").await.status, 200, "which needs none");

    let folder = tempfile::tempdir().unwrap();
    let whole = by_key(&recorder, &other, Method::GET, &mp3, "").await;
    assert_eq!(whole.status, 200, "{}", whole.text());
    let file = folder.path().join("whole.mp3");
    std::fs::write(&file, &whole.body).unwrap();
    let probed = debian::ffprobe(&file);
    assert_eq!(probed.codec, "mp3");
    assert!((60.0..60.3).contains(&probed.seconds), "{probed:?}");

    // In a zip too, which has places of its own.
    let zip = "/api/WebExport/SingleExport?uniquefield=ident&uniquevalue=1&mediaformat=MP3";
    let zips = [held(&recorder, &greedy, zip).await, held(&recorder, &greedy, zip).await];
    assert!(zips.iter().all(|answer| answer.status() == 200));
    assert_eq!(by_key(&recorder, &greedy, Method::GET, zip, "").await.status, 429);
    assert_eq!(by_key(&recorder, &other, Method::GET, zip, "").await.status, 200);

    encoders.pop();
    assert_eq!(by_key(&recorder, &greedy, Method::GET, &mp3, "").await.status, 200);
}

#[tokio::test]
async fn where_nobody_is_asked_who_they_are_nobody_is_counted() {
    let recorder = Recorder::start().await.with_rates(FEW);
    for _ in 0..20 {
        assert_eq!(recorder.get("/v1/recordings").await.status, 200);
    }
}

#[tokio::test]
async fn somebody_who_hears_one_recording_after_the_other_is_an_alarm_and_so_is_a_program_whose_key_is_young()
{
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
    for uri in [&sound[0], &sound[1], &sound[0]] {
        assert_eq!(dana.get(&recorder, uri).await.status, 200);
    }
    assert_eq!(over().await, [""; 0], "two are usual here");
    assert_eq!(dana.get(&recorder, &sound[2]).await.status, 200, "she is told of and not kept from it");
    assert_eq!(over().await, ["dana has heard or taken more recordings within an hour than is usual"]);
    for uri in &sound {
        assert_eq!(by_key(&recorder, &key, Method::GET, uri, "").await.status, 200);
    }
    assert!(over().await.iter().any(|what| what.starts_with("speech has heard")), "its key is of today");
}
