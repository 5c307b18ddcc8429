use axum::body::Body;
use axum::http::{Method, Request};
use calls::event::Event;
use calls::id::CallId;
use calls::time::Wall;
use serde_json::{Value, json};

use crate::fake::{Answer, Recorder};

const URL: &str = "https://crm.example.com/sidetone?key=hidden";

async fn add(recorder: &Recorder, body: &Value) -> Answer {
    recorder.post("/v1/webhooks", body.to_string()).await
}

async fn added(recorder: &Recorder, body: &Value) -> Value {
    let answer = add(recorder, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_webhook_is_made_changed_and_removed_and_its_secret_is_told_once() {
    let recorder = Recorder::start().await;
    let made = added(&recorder, &json!({"url": URL, "kinds": ["recording", "call.ended"]})).await;
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == "whsec_".len() + 44, "{secret}");
    let uri = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
    let shown = recorder.get(&uri).await;
    assert_eq!((shown.json()["url"].as_str(), shown.json()["active"].as_bool()), (Some(URL), Some(true)));
    let listed = recorder.get("/v1/webhooks").await;
    assert_eq!(listed.json()["items"][0], shown.json());
    for answer in [&shown, &listed] {
        assert!(!answer.text().contains("whsec_") && answer.json()["secret"].is_null());
    }
    let wanted = json!({"url": "http://10.1.2.3/", "kinds": ["alarm"], "active": false});
    let put = recorder.put(&uri, wanted.to_string()).await.json();
    assert_eq!(
        (&put["url"], &put["kinds"], &put["active"]),
        (&wanted["url"], &wanted["kinds"], &wanted["active"])
    );
    let exchanged = recorder.post(&format!("{uri}/secret"), "").await.json();
    assert_ne!(exchanged["secret"], made["secret"]);
    assert!(exchanged["secret_since"].as_str() > made["secret_since"].as_str());
    assert_eq!(recorder.method(Method::DELETE, &uri).await.status, 204);
    assert_eq!(recorder.get(&uri).await.status, 404);
    assert_eq!(recorder.get("/v1/webhooks").await.json()["items"], json!([]));
}

#[tokio::test]
async fn what_is_no_webhook_is_refused_by_name() {
    let recorder = Recorder::start().await;
    for (body, parameter, right) in [
        (json!({"url": "crm.example.com"}), "url", "https://crm.example.com/sidetone"),
        (json!({"url": "ftp://crm.example.com/"}), "url", "http:// or https://"),
        (json!({"url": "https://user:pass@crm.example.com/"}), "url", "no place for"),
        (json!({"url": URL, "kinds": ["calls"]}), "kinds", "alarm, call, recording, blackout, agent"),
        (json!({"url": URL, "kinds": ["call.eaten"]}), "kinds", "whole names such as call.ended"),
    ] {
        let answer = add(&recorder, &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["parameter"].as_str()),
            (400, Some(parameter)),
            "{body}"
        );
        assert!(answer.detail().contains(right), "{body}: {}", answer.detail());
    }
    for body in [json!({}), json!({"url": URL, "secret": "mine"}), json!([])] {
        let answer = add(&recorder, &body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.detail().contains("https://crm.example.com/sidetone"), "{}", answer.detail());
    }
    assert_eq!(recorder.get("/v1/webhooks?state=on").await.status, 400);
    assert_eq!(recorder.get("/v1/webhooks").await.json()["items"], json!([]), "nothing was made");
}

#[tokio::test]
async fn there_are_not_too_many() {
    let recorder = Recorder::start().await;
    for _ in 0..index::WEBHOOKS_MAX {
        added(&recorder, &json!({"url": URL})).await;
    }
    let answer = add(&recorder, &json!({"url": URL})).await;
    assert_eq!(answer.status, 409);
    assert!(answer.detail().contains("remove one first"), "{}", answer.detail());
}

#[tokio::test]
async fn questions_about_deliveries_are_read_strictly() {
    let recorder = Recorder::start().await;
    let made = added(&recorder, &json!({"url": URL})).await;
    let uri = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
    assert_eq!(recorder.get(&format!("{uri}/deliveries")).await.json(), json!({"items": [], "next": null}));
    for (query, parameter) in [
        ("state=lost", "state"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("cursor=x", "cursor"),
        ("page=2", "page"),
    ] {
        let answer = recorder.get(&format!("{uri}/deliveries?{query}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["parameter"].as_str()),
            (400, Some(parameter)),
            "{query}"
        );
    }
    for (body, parameter) in [
        (json!({}), "from"),
        (json!({"from": "yesterday"}), "from"),
        (json!({"from": "2026-11-23T08:00:00Z", "after": "x"}), "from"),
        (json!({"after": "x"}), "after"),
    ] {
        let answer = recorder.post(&format!("{uri}/replay"), body.to_string()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["parameter"].as_str()),
            (400, Some(parameter)),
            "{body}"
        );
    }
    let from = json!({"from": "2026-11-23T08:00:00Z"});
    let answer = recorder.post(&format!("{uri}/replay"), from.to_string()).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (202, json!({"events": 0})));
}

#[tokio::test]
async fn a_receiver_within_is_not_called_unless_it_is_opened() {
    let recorder = Recorder::start().await;
    for url in ["http://127.0.0.1:9/", "http://2130706433/", "http://[::ffff:a9fe:a9fe]/latest/meta-data/"] {
        let made = added(&recorder, &json!({"url": url})).await;
        let uri = format!("/v1/webhooks/{}/test", made["id"].as_str().unwrap());
        let request = Request::post(&uri).body(Body::empty()).unwrap();
        let tested = recorder.send(request).await.json();
        assert_eq!((&tested["delivered"], &tested["status"]), (&json!(false), &Value::Null), "{url}");
        let problem = tested["problem"].as_str().unwrap();
        assert!(problem.contains("which is not called") && problem.contains("webhooks.allow"), "{problem}");
    }
}

fn ended(number: u8) -> Vec<Event> {
    let call = CallId::from_bytes([number; 16]);
    // The second is the recorder's own, and told to nobody.
    vec![Event::CallEnded { call, at: Wall::from_ms(i64::from(number)) }, Event::CallForgotten { call }]
}

/// The subjects of what waits for a receiver, oldest first.
async fn waiting(recorder: &Recorder, made: &Value) -> Vec<String> {
    let outbox = recorder.index.outbox();
    let webhook = outbox
        .webhook(made["id"].as_str().expect("it is there"))
        .await
        .expect("it is there")
        .expect("it is there");
    let all = index::DeliveryQuery { limit: 100, ..index::DeliveryQuery::default() };
    let mut waiting = outbox.deliveries(webhook.number, &all).await.expect("it is there");
    waiting.reverse();
    let subject = |delivery: index::Delivery| {
        let event: Value = serde_json::from_str(&delivery.event.body).expect("it is there");
        match delivery.event.kind.as_str() {
            "events.missed" => format!("missed {}", event["data"]["count"]),
            kind => {
                format!("{kind} {}", &event["subject"].as_str().expect("it is there")["calls/".len()..][..2])
            }
        }
    };
    waiting.into_iter().map(subject).collect()
}

#[tokio::test]
async fn what_a_killed_recorder_had_told_and_not_put_by_is_found_in_the_journal_once() {
    let recorder = Recorder::start().await;
    let journal = [(9, ended(9)), (11, ended(11)), (12, ended(12))];
    recorder.webhooks.recover(&journal, 8, 12).await;
    let made = added(&recorder, &json!({"url": URL, "kinds": ["call"]})).await;
    assert_eq!(waiting(&recorder, &made).await, [""; 0], "what was before it is not its own");
    // Put by up to frame 10; then it was killed.
    recorder.index.outbox().set_mark(10).await.unwrap();
    recorder.webhooks.recover(&journal, 8, 12).await;
    assert_eq!(waiting(&recorder, &made).await, ["call.ended 0b", "call.ended 0c"]);
    recorder.webhooks.recover(&journal, 8, 12).await;
    assert_eq!(waiting(&recorder, &made).await.len(), 2, "it is told once");
    assert_eq!(recorder.index.outbox().mark().await.unwrap(), 12);
    assert_eq!(recorder.metrics.webhook_lost.get(), 0);
}

#[tokio::test]
async fn what_the_journal_has_let_go_of_is_said_to_be_missing() {
    let recorder = Recorder::start().await;
    let made = added(&recorder, &json!({"url": URL, "kinds": ["recording"]})).await;
    recorder.index.outbox().set_mark(12).await.unwrap();
    recorder.webhooks.recover(&[(21, ended(21))], 13, 21).await;
    assert_eq!(waiting(&recorder, &made).await, [""; 0], "between 12 and 13 there is nothing");
    recorder.index.outbox().set_mark(12).await.unwrap();
    recorder.webhooks.recover(&[], 20, 20).await;
    assert_eq!(waiting(&recorder, &made).await, ["missed 7"], "13 to 19, whatever is wanted");
    assert_eq!(recorder.metrics.webhook_lost.get(), 7);
    let alarms = recorder.get("/v1/alarms").await;
    assert!(
        alarms.text().contains("webhook_lost") && alarms.text().contains("up to 7 events"),
        "{}",
        alarms.text()
    );
}

#[tokio::test]
async fn what_comes_faster_than_it_can_be_put_by_is_counted_and_said() {
    // Nothing but what is told here: no agents are imported.
    let recorder = Recorder::start_empty().await;
    // Nobody is called: it is closed.
    let made = added(&recorder, &json!({"url": "http://127.0.0.1:9/", "kinds": ["agent"]})).await;
    // The feed keeps 4,096.
    for number in 1..=4_103 {
        recorder.feed.tell_facts(Wall::EPOCH, &ended(1), number);
    }
    let (_stop, stop) = tokio::sync::watch::channel(false);
    let (close, closing) = tokio::sync::watch::channel(false);
    let follower = recorder.webhooks.start(stop, closing);
    close.send(true).unwrap();
    follower.await.unwrap();
    assert_eq!(waiting(&recorder, &made).await, ["missed 7"]);
    assert_eq!(recorder.metrics.webhook_lost.get(), 7);
    assert_eq!(recorder.index.outbox().mark().await.unwrap(), 4_103);
}
