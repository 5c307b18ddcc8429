//! What somebody has asked to be sent ends with their right to it: also when they are long gone, and a mail server takes its time.

use std::time::Duration;

use access::{Grant, Kind, Principal, Role, Scope};
use axum::http::Method;
use serde_json::{Value, json};
use sidetone::export::{ExportError, Smtp, SmtpTls, Wanted};
use sim::counterpart::Mailbox;

use super::{Person, asking, by_key, log_in};
use crate::control::native::recordings::row;
use crate::fake::Recorder;
use crate::talk::Talk;

const PATIENCE: Duration = Duration::from_secs(30);

fn smtp(mailbox: &Mailbox) -> Smtp {
    Smtp {
        server: "127.0.0.1".to_owned(),
        port: mailbox.port,
        tls: SmtpTls::Off,
        ca: None,
        login: None,
        from: "recorder@example.com".parse().unwrap(),
        max_bytes: 10_000_000,
        allow_recipients: vec!["example.com".to_owned()],
    }
}

/// A key by its text and its number.
async fn key(recorder: &Recorder, ada: &Person, name: &str) -> (String, i64) {
    let made = ada.post(recorder, "/v1/api-keys", &json!({"name": name, "roles": ["compliance"]})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    (made.json()["key"].as_str().unwrap().to_owned(), made.json()["id"].as_i64().unwrap())
}

/// Waits while the recorder goes on.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("still not: {what}"));
}

fn letter(name: &str) -> Value {
    let to = format!("{name}@example.com");
    json!({"emailaddress": to, "subject": name, "idents": "1,2", "mediaformat": "WAV"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_of_who_may_not_have_it_any_more_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::open(folder.path(), &["hold"]);
    let recorder = asking().await.with_mail(smtp(&mailbox));
    for n in [1, 2] {
        recorder.seal(n, &Talk { length_ms: 10_000, dark_ms: None, ..Talk::default() }).await;
    }
    let ada = log_in(&recorder, "ada").await;
    let grant = json!({"roles": ["compliance"]});
    let ((stays, _), (leaked, number)) =
        (key(&recorder, &ada, "stays").await, key(&recorder, &ada, "leaked").await);
    for (name, key) in [("stays", &stays), ("leaked", &leaked)] {
        let body = letter(name).to_string();
        let sent = by_key(&recorder, key, Method::POST, "/api/EmailExport/MultiExport", &body).await;
        assert_eq!(sent.status, 200, "{}", sent.text());
    }
    let (gone, less) = (ada.add(&recorder, "gone", &grant).await, ada.add(&recorder, "less", &grant).await);
    for name in ["gone", "less"] {
        let person = log_in(&recorder, name).await;
        let sent = person.post(&recorder, "/api/EmailExport/CombinedExport", &letter(name)).await;
        assert_eq!(sent.status, 200, "{}", sent.text());
    }
    until("four letters are begun", || mailbox.held().len() == 4).await;

    let ends = async |method, uri: String, body: Value| {
        let done = ada.send(&recorder, method, &uri, &body).await;
        assert!(done.status.is_success(), "{}", done.text());
    };
    ends(Method::DELETE, format!("/v1/api-keys/{number}"), Value::Null).await;
    ends(Method::DELETE, format!("/v1/users/{gone}"), Value::Null).await;
    let user = format!("/v1/users/{less}");
    ends(Method::PUT, user.clone(), json!({"roles": ["auditor"], "active": true})).await;
    mailbox.let_go();
    let fates = || (recorder.metrics.letters_sent.get(), recorder.metrics.letters_failed.get());
    until("each has come to its end", || fates() == (1, 3)).await;
    let letters: Vec<_> = mailbox.letters().into_iter().map(|(told, _)| told["subject"].clone()).collect();
    assert_eq!(letters, ["stays"], "and what broke off is no letter to the mail server");

    // Who has the right again is told what became of it, and it is not sent by itself.
    ends(Method::PUT, user, json!({"roles": ["compliance"], "active": true})).await;
    let less = log_in(&recorder, "less").await;
    let own = less.get(&recorder, "/v1/exports").await.json()["items"][0].clone();
    assert_eq!(own["state"], "failed");
    assert_eq!(own["why"], "what who asked for it may do has ended, or was changed meanwhile");
    assert_eq!(fates(), (1, 3));
}

#[tokio::test]
async fn who_loses_the_right_before_the_end_of_an_export_does_not_get_its_end() {
    let recorder = asking().await;
    recorder.seal(1, &Talk { length_ms: 1_000, dark_ms: None, ..Talk::default() }).await;
    let ada = log_in(&recorder, "ada").await;
    let (_, number) = key(&recorder, &ada, "leaked").await;
    let grant = Grant::new([Role::Compliance], Scope::All).unwrap();
    let (name, from) = ("leaked".to_owned(), "127.0.0.1".to_owned());
    let asker = Principal { kind: Kind::Program, name, grant, from };
    let mut wanted = Wanted::of(asker);
    wanted.add(&recorder.index.recording(row(1).id).await.unwrap().unwrap());
    let mut run = recorder.exports.begin(wanted).unwrap();
    let mut zip = Vec::new();
    // All of it has been made once the directory at its end is there.
    while !zip.windows(4).any(|bytes| bytes == b"PK\x05\x06") {
        zip.extend(run.next().await.unwrap().unwrap());
    }
    let revoked = ada.send(&recorder, Method::DELETE, &format!("/v1/api-keys/{number}"), &Value::Null).await;
    assert_eq!(revoked.status, 204);
    assert_eq!(run.next().await.unwrap().unwrap_err(), ExportError::NotTheSame);
    assert!(run.next().await.is_none());
    drop(run);
    let metrics = &recorder.metrics;
    assert_eq!((metrics.exports_done.get(), metrics.exports_failed.get()), (0, 1));
}
