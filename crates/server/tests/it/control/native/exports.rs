//! `/v1/exports`: jobs.

use axum::body::Body;
use axum::http::{Method, Request};
use calls::id::RecordingId;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sidetone::observe::feed::{Next, Told};
use tower::ServiceExt;

use crate::control::wfo_json::export::files;
use crate::fake::{Answer, Recorder};
use crate::talk::Talk;

async fn sealed(recorder: &Recorder, count: u8, length_ms: u32) -> Vec<RecordingId> {
    let mut ids = Vec::new();
    for n in 1..=count {
        let talk = Talk { tones_hz: vec![440.0], length_ms, dark_ms: None, ..Talk::default() };
        ids.push(recorder.seal(n, &talk).await);
    }
    ids
}

fn texts(ids: &[RecordingId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

async fn asked(recorder: &Recorder, body: Value) -> Value {
    let answer = recorder.post("/v1/exports", body.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let job = answer.json();
    assert_eq!(answer.header("location"), format!("/v1/exports/{}", job["id"].as_str().unwrap()));
    job
}

fn path(job: &Value) -> String {
    format!("/v1/exports/{}", job["id"].as_str().unwrap())
}

async fn now(recorder: &Recorder, job: &Value) -> Value {
    recorder.get(&path(job)).await.json()
}

async fn downloaded(recorder: &Recorder, job: &Value) -> Answer {
    recorder.get(&format!("{}/download", path(job))).await
}

/// The download's body, to be read piece by piece.
async fn opened(recorder: &Recorder, job: &Value) -> Body {
    let request = Request::get(format!("{}/download", path(job))).body(Body::empty()).unwrap();
    let answer = recorder.router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.into_body()
}

#[tokio::test]
async fn a_job_waits_is_downloaded_as_often_as_wanted_and_tells_how_far_it_is() {
    let recorder = Recorder::start().await;
    let mut feed = recorder.feed.after(recorder.feed.last());
    let ids = sealed(&recorder, 3, 9_000).await;
    let job = asked(&recorder, json!({"recordings": texts(&ids), "channels": 2})).await;
    assert_eq!((&job["state"], &job["percent"], &job["recordings"]), (&json!("ready"), &json!(0), &json!(3)));
    assert_eq!(
        (&job["lasts_ms"], &job["format"], &job["encrypted"]),
        (&json!(27_000), &json!("wav"), &json!(false))
    );
    assert_eq!(recorder.index.listens(ids[0]).await.unwrap(), [], "nothing has left yet");

    let mut body = opened(&recorder, &job).await;
    let mut percents = Vec::new();
    while let Some(frame) = body.frame().await {
        frame.unwrap();
        let now = now(&recorder, &job).await;
        percents.push(now["percent"].as_u64().unwrap());
    }
    assert!(
        percents.is_sorted() && percents.iter().any(|percent| (20..80).contains(percent)),
        "{percents:?}"
    );
    let done = now(&recorder, &job).await;
    assert_eq!(
        (&done["state"], &done["percent"], &done["exported"]),
        (&json!("done"), &json!(100), &json!(3))
    );

    let again = downloaded(&recorder, &job).await;
    let found = files(&again, None);
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].1.len(), 44 + 9 * 32_000);
    assert_eq!(now(&recorder, &job).await["bytes"], again.body.len());
    assert_eq!(recorder.index.listens(ids[2]).await.unwrap().len(), 2);

    let Some(Next::Told(told)) = feed.next().await else { panic!("something was told") };
    let exported: Vec<_> = told
        .iter()
        .filter_map(|(_, told)| match told {
            Told::Happened(happened) if happened.kind == "recording.exported" => happened.recording,
            _ => None,
        })
        .collect();
    assert_eq!(exported, [ids.clone(), ids].concat());
}

#[tokio::test]
async fn recordings_are_found_by_the_conditions_of_a_search() {
    let recorder = Recorder::start().await;
    let ids = sealed(&recorder, 4, 200).await;
    let query = json!({"agent": "1", "from": "2025-11-24T16:02:00Z", "to": "2025-11-24T16:04:00Z", "user2": 1_234_567_890});
    let job = asked(&recorder, json!({"query": query, "password": "four words"})).await;
    assert_eq!((&job["recordings"], &job["encrypted"]), (&json!(2), &json!(true)));
    assert!(!job.to_string().contains("four words"));
    assert_eq!(files(&downloaded(&recorder, &job).await, Some("four words")).len(), 2);
    // As a search does, the newest first.
    let job = asked(&recorder, json!({"query": {}})).await;
    let names: Vec<String> =
        files(&downloaded(&recorder, &job).await, None).into_iter().map(|file| file.0).collect();
    assert!(names.len() == ids.len() && names.is_sorted_by(|a, b| a > b), "{names:?}");
}

#[tokio::test]
async fn a_cancelled_job_is_forgotten_and_its_download_breaks_off() {
    let recorder = Recorder::start().await;
    let ids = sealed(&recorder, 3, 20_000).await;
    let job = asked(&recorder, json!({"recordings": texts(&ids)})).await;
    let mut body = opened(&recorder, &job).await;
    body.frame().await.unwrap().unwrap();
    assert_eq!(recorder.method(Method::DELETE, &path(&job)).await.status, 204);
    let mut broke_off = false;
    while let Some(frame) = body.frame().await {
        broke_off = frame.is_err();
    }
    assert!(broke_off, "a zip without its end is no zip");
    assert_eq!(recorder.get(&path(&job)).await.status, 404);
    assert_eq!(recorder.method(Method::DELETE, &path(&job)).await.status, 404);
    assert_eq!(recorder.index.listens(ids[2]).await.unwrap(), [], "it never left");
}

#[tokio::test]
async fn who_goes_away_ends_the_download_and_may_come_back() {
    let recorder = Recorder::start().await;
    let ids = sealed(&recorder, 2, 20_000).await;
    let job = asked(&recorder, json!({"recordings": texts(&ids)})).await;
    let mut body = opened(&recorder, &job).await;
    body.frame().await.unwrap().unwrap();
    let second = downloaded(&recorder, &job).await;
    assert_eq!(
        (second.status.as_u16(), second.detail().starts_with("This export is on its way already")),
        (409, true)
    );
    drop(body);
    let now = now(&recorder, &job).await;
    assert_eq!((&now["state"], now["why"].is_string()), (&json!("failed"), true));
    assert_eq!(files(&downloaded(&recorder, &job).await, None).len(), 2);
    assert_eq!((recorder.metrics.exports_done.get(), recorder.metrics.exports_failed.get()), (1, 1));
}

#[tokio::test]
async fn only_so_many_are_on_their_way_and_so_many_are_kept() {
    let recorder = Recorder::start().await;
    let ids = sealed(&recorder, 1, 20_000).await;
    let wanted = json!({"recordings": texts(&ids)});
    let mut bodies = Vec::new();
    for _ in 0..8 {
        let job = asked(&recorder, wanted.clone()).await;
        bodies.push(opened(&recorder, &job).await);
    }
    let job = asked(&recorder, wanted.clone()).await;
    let refused = downloaded(&recorder, &job).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, "2"));
    assert!(refused.detail().starts_with("8 exports are on their way"));
    let web = recorder.post("/api/WebExport/MultiExport?mediaformat=WAV&idents=1", "").await;
    assert_eq!(web.status, 503);
    assert_eq!(now(&recorder, &job).await["state"], "ready");
    bodies.pop();
    assert_eq!(downloaded(&recorder, &job).await.status, 200);

    for _ in 9..64 {
        asked(&recorder, wanted.clone()).await;
    }
    let full = recorder.post("/v1/exports", wanted.to_string()).await;
    assert_eq!((full.status.as_u16(), full.detail().starts_with("64 exports are kept")), (503, true));
    let list = recorder.get("/v1/exports").await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 64);
    recorder.method(Method::DELETE, &path(&job)).await;
    asked(&recorder, wanted).await;
}

#[tokio::test]
async fn recording_comes_first() {
    let recorder = Recorder::start().await;
    let ids = sealed(&recorder, 1, 200).await;
    let job = asked(&recorder, json!({"recordings": texts(&ids)})).await;
    recorder.readiness.raise("memory", "it is used up");
    for answer in [
        downloaded(&recorder, &job).await,
        recorder.get("/api/WebExport/SingleExport?uniquefield=ident&uniquevalue=1&mediaformat=WAV").await,
    ] {
        assert_eq!(answer.status, 503);
        assert!(answer.text().contains("it is used up"), "{}", answer.text());
    }
    recorder.readiness.clear("memory");
    assert_eq!(downloaded(&recorder, &job).await.status, 200);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_by_name() {
    let recorder = Recorder::start().await;
    let id = sealed(&recorder, 1, 200).await[0].to_string();
    let too_many = vec![id.clone(); 10_001];
    for (body, parameter, detail) in [
        (json!({}), "recordings", "Say which recordings: either recordings"),
        (json!({"recordings": [id], "query": {}}), "recordings", "Say which recordings: either"),
        (json!({"recordings": ["7"]}), "recordings", "Each of recordings must be the id of one"),
        (json!({"recordings": too_many}), "recordings", "10001 recordings are too many; at most 10000"),
        (json!({"recordings": [id], "format": "aac"}), "format", "Format must be wav, opus, flac or mp3."),
        (json!({"recordings": [id], "channels": 3}), "channels", "Channels must be 1 or 2."),
        (
            json!({"recordings": [id], "channels": 2, "combined": true}),
            "channels",
            "A combined export has one channel",
        ),
        (json!({"recordings": [id], "password": ""}), "password", "A password has 1 to 128 characters"),
        (json!({"query": {"shoe": "1"}}), "shoe", "There is no parameter \"shoe\"; there are agent,"),
        (json!({"query": {"limit": "1"}}), "limit", "There is no parameter \"limit\""),
        (json!({"query": {"from": "yesterday"}}), "from", "From must be an instant"),
        (json!({"query": {"agent": ["1"]}}), "query", "Each condition in query must be a text."),
    ] {
        let answer = recorder.post("/v1/exports", body.to_string()).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.detail().starts_with(detail), "{}", answer.detail());
        assert_eq!(answer.json()["parameter"], parameter);
    }
    for body in [r#"{"recording": ["x"]}"#, "[]", "", r#"{"password": 4711}"#, r#"{"channels": "2"}"#] {
        let answer = recorder.post("/v1/exports", body).await;
        assert_eq!(answer.status, 400);
        assert!(answer.detail().starts_with("The body is not as it should be"), "{}", answer.detail());
        assert!(!answer.detail().contains("4711"), "{}", answer.detail());
    }
    let none = recorder
        .post("/v1/exports", json!({"recordings": ["0198c7a2-4f3e-7abc-8def-0123456789ff"]}).to_string());
    assert_eq!(none.await.status, 404);
    assert_eq!(recorder.post("/v1/exports?x=1", json!({"query": {}}).to_string()).await.status, 400);
    assert_eq!(recorder.get("/v1/exports/7").await.status, 400);
    assert_eq!(recorder.get("/v1/exports/0198c7a2-4f3e-7abc-8def-0123456789ff/download").await.status, 404);
    assert_eq!(recorder.metrics.listens.get(), 0);
}

#[tokio::test]
async fn mp3_without_ffmpeg_is_refused_with_what_would_help_and_the_other_forms_are_not() {
    let recorder = Recorder::start().await.with_ffmpeg("/nowhere/ffmpeg".into());
    let ids = texts(&sealed(&recorder, 1, 1_000).await);
    let refused = recorder.post("/v1/exports", json!({"recordings": ids, "format": "mp3"}).to_string()).await;
    assert_eq!((refused.status.as_u16(), refused.detail().contains("playback.ffmpeg")), (501, true));
    let refused = recorder.post("/api/WebExport/MultiExport?mediaformat=MP3&idents=1", "").await;
    assert_eq!((refused.status.as_u16(), refused.message().contains("playback.ffmpeg")), (500, true));
    for (format, magic) in [("opus", &b"OggS"[..]), ("FLAC", b"fLaC"), ("WAV", b"RIFF")] {
        let job = asked(&recorder, json!({"recordings": ids, "format": format})).await;
        let found = files(&downloaded(&recorder, &job).await, None);
        assert!(found[0].1.starts_with(magic), "{format}");
        assert!(found[0].0.ends_with(&format!("_1.{}", format.to_lowercase())), "{}", found[0].0);
    }
}
