//! Events as `CloudEvents` 1.0, structured JSON: the same text with each try and for each receiver.
//!
//! `data` is what `/v1/events` tells: what happened and to whom, names of fields and no values of them.

use calls::time::Wall;
use index::OutboxEvent;
use serde::Serialize;
use serde_json::value::RawValue;

use super::new_id;
use crate::control::native::events::as_json;
use crate::control::time::rfc3339;
use crate::observe::feed::Told;

/// Its media type.
pub(super) const MEDIA_TYPE: &str = "application/cloudevents+json";

/// The kind of event that says that others are missing.
pub(crate) const MISSED: &str = "events.missed";

/// The kind of event that only tries whether a receiver can be reached.
const TEST: &str = "webhook.test";

#[derive(Serialize)]
struct Envelope<'a> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    time: String,
    datacontenttype: &'static str,
    data: Box<RawValue>,
}

/// An event of the feed.
pub(super) fn of(host: &str, told: Told, now: Wall) -> OutboxEvent {
    let (at, subject) = match &told {
        Told::Alarm(alarm) => {
            (alarm.over.unwrap_or(alarm.last), alarm.about.call().map(|call| format!("calls/{call}")))
        }
        Told::Happened(happened) => {
            let recording = happened.recording.map(|recording| format!("recordings/{recording}"));
            (happened.at, recording.or_else(|| happened.call.map(|call| format!("calls/{call}"))))
        }
    };
    let (kind, data) = as_json(told);
    event(host, kind, subject, (at, now), &data)
}

/// That events are missing: so many, or fewer.
pub(super) fn missed(host: &str, count: u64, why: &str, now: Wall) -> OutboxEvent {
    let data = serde_json::json!({"kind": MISSED, "at": rfc3339(now), "count": count, "why": why});
    OutboxEvent { for_all: true, ..event(host, MISSED, None, (now, now), &data.to_string()) }
}

/// A test of a receiver.
pub(super) fn test(host: &str, webhook: &str, now: Wall) -> OutboxEvent {
    let data = serde_json::json!({"kind": TEST, "at": rfc3339(now)});
    let subject = Some(format!("webhooks/{webhook}"));
    event(host, TEST, subject, (now, now), &data.to_string())
}

fn event(
    host: &str,
    kind: &str,
    subject: Option<String>,
    (at, now): (Wall, Wall),
    data: &str,
) -> OutboxEvent {
    let id = new_id(now);
    let envelope = Envelope {
        specversion: "1.0",
        id: &id,
        source: format!("//{host}/v1/events"),
        kind: format!("sidetone.{kind}"),
        subject,
        time: rfc3339(at),
        datacontenttype: "application/json",
        data: RawValue::from_string(data.to_owned()).expect("it was written as JSON"),
    };
    let body = serde_json::to_string(&envelope).expect("plain data can be written");
    OutboxEvent { id, at, kind: kind.to_owned(), body, for_all: false }
}
