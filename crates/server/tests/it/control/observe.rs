//! `/healthz`, `/readyz`, `/metrics`.

use serde_json::json;

use sidetone::observe::overload::Strain;

use crate::fake::Recorder;
use crate::talk::Talk;

#[tokio::test]
async fn ready_says_why_not() {
    let recorder = Recorder::start().await;
    assert_eq!(recorder.get("/healthz").await.text(), "alive\n");
    let answer = recorder.get("/readyz").await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (200, json!({"ready": true, "reasons": {}, "warnings": {}}))
    );
    recorder.readiness.raise("disk", "no room is left on the disk of the journal");
    let answer = recorder.get("/readyz").await;
    assert_eq!(answer.status, 503);
    let reasons = json!({"disk": "no room is left on the disk of the journal"});
    assert_eq!(answer.json(), json!({"ready": false, "reasons": reasons, "warnings": {}}));
    assert_eq!(recorder.get("/healthz").await.status, 200, "it is alive all the same");
    assert!(recorder.get("/metrics").await.text().contains("\nsidetone_ready 0\n"));
}

#[tokio::test]
async fn metrics_count_commands_and_calls() {
    let recorder = Recorder::start().await;
    let body = r#"{"AgentIdentifier":"Id","Value":"1"}"#;
    recorder.post("/api/Record/StartForAgent", body).await;
    recorder.post("/api/Record/StartForAgent", "{}").await;
    recorder.post("/api/Blackout/StartForAgent", body).await;
    let answer = recorder.get("/metrics").await;
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text();
    for line in [
        "sidetone_commands_total{result=\"done\"} 2",
        "sidetone_commands_total{result=\"refused\"} 1",
        "sidetone_http_responses_total{class=\"4xx\"} 1",
        "sidetone_ready 1",
        "sidetone_agents 2",
        "sidetone_calls_live 1",
        "sidetone_calls_recorded 1",
        "sidetone_blackouts 1",
        "sidetone_recordings 0",
        "sidetone_rtp_datagrams_total{fate=\"stored\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    let page = include_str!("../../../../../ref/metrics.md");
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    for name in names.filter_map(|line| line.split(' ').next()) {
        assert!(page.contains(name), "{name} is not in ref/metrics.md");
    }
}

#[tokio::test]
async fn a_limit_that_is_near_warns_and_one_that_is_over_refuses_sound_where_recording_needs_it() {
    let recorder = Recorder::start().await;
    recorder.readiness.set_strain("memory", Strain::Near("80 of 100 MiB of memory are taken".to_owned()));
    let answer = recorder.get("/readyz").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["warnings"]["memory"], "80 of 100 MiB of memory are taken");
    let sealed = recorder.seal(1, &Talk::default()).await;
    let audio = format!("/v1/recordings/{sealed}/audio");
    assert_eq!(recorder.get(&audio).await.status, 200);
    recorder.readiness.set_strain("memory", Strain::Over("100 of 100 MiB of memory are taken".to_owned()));
    let refused = recorder.get(&audio).await;
    assert_eq!(refused.status, 503);
    assert_ne!(refused.header("retry-after"), "");
    assert!(refused.detail().contains("100 of 100 MiB"), "{}", refused.detail());
}
