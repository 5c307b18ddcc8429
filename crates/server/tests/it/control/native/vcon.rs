use audio::file::wav;
use audio::tone::{is_silent, tone_share};
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::BodyExt as _;
use jsonschema::Draft;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};
use tower::ServiceExt as _;

use super::recordings::row;
use crate::fake::{Answer, Recorder};
use crate::talk::Talk;

/// What is a vCon by the draft's schema (D3-01).
fn vcon(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/vcon");
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    let schema = include_str!("../../../../../vcon/tests/schema/vcon-0.4.0.json");
    let options = jsonschema::options().with_draft(Draft::Draft7).should_validate_formats(true);
    let schema = options.build(&serde_json::from_str(schema).unwrap()).unwrap();
    let vcon = answer.json();
    let errors: Vec<String> = schema.iter_errors(&vcon).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    vcon
}

/// The sound that stands in a dialog.
fn sound(dialog: &Value) -> Vec<u8> {
    assert_eq!((&dialog["encoding"], &dialog["mediatype"]), (&json!("base64url"), &json!("audio/x-wav")));
    URL_SAFE_NO_PAD.decode(dialog["body"].as_str().expect("a body")).expect("base64url without padding")
}

/// What an attachment says.
fn said<'a>(vcon: &'a Value, purpose: &str) -> &'a Value {
    let of_purpose = |attachment: &&Value| attachment["purpose"] == purpose;
    &vcon["attachments"].as_array().expect("attachments").iter().find(of_purpose).expect("one of it")["body"]
}

#[tokio::test]
async fn a_call_is_a_vcon_with_its_sound_inside_and_the_listen_is_written_down() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk::default()).await;
    let answer = recorder.get(&format!("/v1/recordings/{id}/vcon")).await;
    let disposition = format!("attachment; filename=\"2025-11-24T16-01-00-000Z_{id}.vcon\"");
    assert_eq!(answer.header("content-disposition"), disposition);
    let vcon = vcon(&answer);
    let heard = recorder.get(&format!("/v1/recordings/{id}/audio")).await.body;
    let dialog = &vcon["dialog"][0];
    assert!(sound(dialog) == heard, "the sound is that of /audio");
    assert_eq!((&dialog["parties"], &dialog["duration"]), (&json!([0, 1]), &json!(10.0)));
    assert_eq!(dialog["start"], "2025-11-24T16:01:00.000Z");
    assert_eq!(vcon["dialog"].as_array().unwrap().len(), 1);
    let parties = &vcon["parties"];
    assert_eq!(
        parties[0],
        json!({"tel": "+15550100", "sip": "sip:+15550100@192.0.2.9", "name": "Kim", "validation": "none"})
    );
    assert_eq!((&parties[1]["role"], &parties[1]["name"]), (&json!("agent"), &json!("Rowan Pike")));
    assert_eq!(
        (&parties[2]["type"], &parties[2]["name"]),
        (&json!("bot"), &json!("Sidetone at rec1.example.com"))
    );
    assert_eq!(said(&vcon, "blackouts"), &json!([{"from_ms": 4_000, "to_ms": 6_000}]));
    assert_eq!(said(&vcon, "fields")["user2"], "1234567890");
    assert_eq!(said(&vcon, "consent")[0], json!({"party": 0, "state": "unknown"}));
    assert_eq!(said(&vcon, "manifest")["packets"]["dark"], 200);
    let listens = recorder.index.listens(id).await.unwrap();
    assert_eq!(listens.len(), 2);
    assert!(listens.iter().any(|listen| listen.what == "vcon with wav, channels 2"), "{listens:?}");
    // What was dark is silent, and of keys nothing is said (D3-02).
    let read = wav::read(&sound(dialog)).unwrap();
    assert!(is_silent(&read.channels[0][4_000 * 8..6_000 * 8]));
    assert!(!answer.text().contains("keydown") && dialog["party_history"].is_null());
    // It is the same when it is made again, byte by byte.
    assert!(recorder.get(&format!("/v1/recordings/{id}/vcon")).await.body == answer.body);
}

#[tokio::test]
async fn sound_can_stand_elsewhere_with_a_hash_or_be_left_out() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk::default()).await;
    let at = vcon(&recorder.get(&format!("/v1/recordings/{id}/vcon?audio=url&channels=1")).await);
    let dialog = &at["dialog"][0];
    let url = format!("https://rec1.example.com/v1/recordings/{id}/audio?channels=1&rate=8000");
    assert_eq!((&dialog["url"], &dialog["body"]), (&json!(url), &Value::Null));
    assert_eq!(dialog["parties"], json!([[0, 1]]), "one channel, two in it");
    let there = recorder.get(url.strip_prefix("https://rec1.example.com").unwrap()).await.body;
    let hash = format!("sha512-{}", URL_SAFE_NO_PAD.encode(Sha512::digest(&there)));
    assert_eq!(dialog["content_hash"], json!(hash));
    let without = vcon(&recorder.get(&format!("/v1/recordings/{id}/vcon?audio=none")).await);
    assert!(without["dialog"][0]["url"].is_null() && without["dialog"][0]["body"].is_null());
    let listens = recorder.index.listens(id).await.unwrap();
    assert_eq!(listens.len(), 1, "only the sound itself is listened to: {listens:?}");
}

#[tokio::test]
async fn sound_leaves_window_by_window() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk { length_ms: 30_000, ..Talk::default() }).await;
    let request = Request::get(format!("/v1/recordings/{id}/vcon")).body(Body::empty()).unwrap();
    let mut body = recorder.router.clone().oneshot(request).await.unwrap().into_body();
    let (mut largest, mut total) = (0, 0);
    while let Some(frame) = body.frame().await {
        let bytes = frame.unwrap().into_data().unwrap().len();
        (largest, total) = (largest.max(bytes), total + bytes);
    }
    // Eight seconds of two channels, by four thirds.
    assert!(largest < 350_000 && total > 1_200_000, "{largest} of {total}");
}

#[tokio::test]
async fn what_one_party_said_is_given_out_alone() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk { dark_ms: None, ..Talk::default() }).await;
    let whole = vcon(&recorder.get(&format!("/v1/recordings/{id}/vcon?audio=none")).await);
    let answer = recorder.get(&format!("/v1/recordings/{id}/vcon?party=1")).await;
    let share = vcon(&answer);
    assert_eq!(share["dialog"][0]["parties"], json!([null, 1]));
    let read = wav::read(&sound(&share["dialog"][0])).unwrap();
    assert!(is_silent(&read.channels[0]) && tone_share(&read.channels[1][320..79_000], 880.0) > 0.99);
    assert_eq!(share["parties"][0], json!({"name": "anonymous"}));
    assert_eq!(share["redacted"], json!({"type": "other parties", "uuid": whole["uuid"]}));
    assert_ne!(share["uuid"], whole["uuid"]);
    let answer = recorder.get(&format!("/v1/recordings/{id}/vcon?party=1&audio=none")).await;
    for secret in ["Kim", "15550100", "user2"] {
        assert!(!answer.text().contains(secret), "{secret} is not this party's");
    }
    let unknown = recorder.get(&format!("/v1/recordings/{id}/vcon?heard_by=1")).await;
    assert_eq!((unknown.status.as_u16(), unknown.json()["parameter"].as_str()), (400, Some("heard_by")));
    let nobody = recorder.get(&format!("/v1/recordings/{id}/vcon?party=2")).await;
    assert_eq!(nobody.detail(), "There is no party 2; there are 2, counted from 0.");
}

#[tokio::test]
async fn recordings_of_one_call_are_one_vcon_by_whichever_is_asked_for() {
    let recorder = Recorder::start().await;
    let first = recorder.seal(1, &Talk::default()).await;
    let second =
        recorder.seal_as(2, row(1).call, &Talk { length_ms: 2_000, dark_ms: None, ..Talk::default() }).await;
    let by_first = recorder.get(&format!("/v1/recordings/{first}/vcon")).await;
    let by_second = recorder.get(&format!("/v1/recordings/{second}/vcon")).await;
    assert!(by_first.body == by_second.body);
    let vcon = vcon(&by_first);
    let dialogs = vcon["dialog"].as_array().unwrap();
    let kinds: Vec<&Value> = dialogs.iter().map(|dialog| &dialog["type"]).collect();
    assert_eq!(kinds, ["recording", "recording", "recording-set"]);
    for (dialog, id) in dialogs.iter().zip([first, second]) {
        let heard = recorder.get(&format!("/v1/recordings/{id}/audio")).await.body;
        assert!(sound(dialog) == heard);
    }
    assert_eq!(dialogs[2]["recordings"], json!([0, 1]));
    assert_eq!(vcon["parties"].as_array().unwrap().len(), 3, "two people in both, and the recorder");
}

#[tokio::test]
async fn a_stream_nobody_is_said_to_speak_into_has_a_party_of_whom_nothing_is_known() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk { agents_streams: vec![], ..Talk::default() }).await;
    let vcon = vcon(&recorder.get(&format!("/v1/recordings/{id}/vcon?audio=none")).await);
    assert_eq!(vcon["dialog"][0]["parties"], json!([0, 2]));
    assert_eq!(vcon["parties"][2], json!({}));
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_name() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk::default()).await;
    for (query, parameter) in [
        ("audio=wav", "audio"),
        ("channels=3", "channels"),
        ("party=x", "party"),
        ("party=0&heard_by=1", "heard_by"),
        ("party=0&audio=url", "audio"),
        ("format=wav", "format"),
    ] {
        let answer = recorder.get(&format!("/v1/recordings/{id}/vcon?{query}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["parameter"].as_str()),
            (400, Some(parameter)),
            "{query}"
        );
    }
}
