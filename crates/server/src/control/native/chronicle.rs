//! Why a call was recorded as it was.

use std::sync::Arc;

use access::Principal;
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use calls::id::CallId;
use serde::Serialize;
use utoipa::ToSchema;

use super::query::{Query, id};
use super::recordings::{recording_id, row};
use crate::control::error::Problem;
use crate::control::scope::covers_known;
use crate::control::time::rfc3339;
use crate::http::{App, Who};
use crate::observe::chronicle::Entry;
use crate::playback::{SoundError, manifest_of};

/// Recordings of one call that are looked into.
const RECORDINGS: u32 = 20;

/// What happened to a call.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChronicleItem {
    /// The call's id.
    call: String,
    /// Oldest first.
    entries: Vec<EntryItem>,
    /// Entries there was no room for: the first and the newest of a call are kept.
    dropped: u64,
    /// Why what is kept with its recordings is not among them, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
}

/// One thing that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntryItem {
    /// When, RFC 3339.
    at: String,
    /// `message` (SIP), `metadata`, `decision`, `command`, `media` or `fault`.
    kind: &'static str,
    /// A sentence.
    what: String,
    /// The SIP message, without keys, secrets, metadata and card numbers.
    text: Option<String>,
    /// How often it happened, as when a message came again.
    times: u32,
}

impl EntryItem {
    fn new(entry: &Entry) -> Self {
        Self {
            at: rfc3339(entry.at),
            kind: entry.kind.as_str(),
            what: entry.what.clone(),
            text: entry.text.clone(),
            times: entry.times,
        }
    }
}

/// What happened to a call: SIP messages, metadata, decisions, commands, media, faults.
///
/// Of a call that is live or was not long ago it is in memory; of one that was recorded it is sealed with its recordings.
#[utoipa::path(
    get,
    path = "/v1/calls/{id}/timeline",
    tag = "calls",
    operation_id = "getTimeline",
    params(("id" = String, Path, description = "The call's id, as recordings name it under call")),
    responses(
        (status = 200, description = "What happened", body = ChronicleItem),
        (status = 400, description = "The id is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "No such call is remembered, and no recording of it is kept", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn of_call(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<ChronicleItem>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let call: CallId = id(&text, "a call's id is a UUID such as 0198c7a2-4f3e-7abc-8def-0123456789ab")?;
    told_of(&app, &who, call).await
}

/// What happened to the call a recording is of.
#[utoipa::path(
    get,
    path = "/v1/recordings/{id}/timeline",
    tag = "recordings",
    operation_id = "getRecordingTimeline",
    params(("id" = String, Path, description = "The recording's id")),
    responses(
        (status = 200, description = "What happened to its call", body = ChronicleItem),
        (status = 400, description = "The id is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such recording, or it is still being made", body = Problem,
         content_type = "application/problem+json"),
        (status = 410, description = "It was erased: by whom, when and on what ground is said", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn of_recording(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<ChronicleItem>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let row = row(&app, &who, recording_id(&text)?).await?;
    told_of(&app, &who, row.call).await
}

async fn told_of(app: &App, who: &Principal, call: CallId) -> Result<Json<ChronicleItem>, Problem> {
    let scope = who.scope().clone();
    let is_covered = app.desk.look(move |tracker| covers_known(&scope, tracker, Some(call), None)).await?;
    let remembered = app.chronicles.of(call).filter(|_| is_covered.unwrap_or(who.scope().is_all()));
    let mut dropped = remembered.as_ref().map_or(0, |chronicle| chronicle.dropped);
    let mut entries = remembered.map(|chronicle| chronicle.entries).unwrap_or_default();
    let wanted = index::Query {
        call: Some(call),
        scope: who.scope().clone(),
        limit: RECORDINGS,
        ..index::Query::default()
    };
    let page = app.index.find(&wanted).await?;
    let key = app.reading.clone();
    let mut kept = Vec::new();
    for row in &page.items {
        // One in an archive that is away tells nothing now.
        if let Ok(archive) = super::retention::reader(app, row).await {
            kept.push((archive, row.id));
        }
    }
    let is_recorded = !page.items.is_empty();
    let sealed = tokio::task::spawn_blocking(move || {
        let told =
            kept.into_iter().map(|(archive, recording)| match manifest_of(&archive, &key, recording) {
                Ok(manifest) => Ok((manifest.chronicle, manifest.chronicle_dropped, None)),
                away @ Err(SoundError::NotHeld(_)) => {
                    Ok((Vec::new(), 0, away.err().map(|away| away.to_string())))
                }
                Err(error) => Err(error),
            });
        told.collect::<Result<Vec<_>, _>>()
    });
    let sealed = sealed.await.map_err(|panicked| Problem::failed("reading a recording", &panicked))?;
    let mut unreadable = None;
    for (told, gone, away) in sealed.map_err(Problem::from)? {
        dropped = dropped.max(gone);
        unreadable = unreadable.or(away);
        for entry in told {
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
    }
    if entries.is_empty() && !is_recorded {
        return Err(Problem::not_found(
            "no such call is remembered, and no recording of it is kept; who was turned away stands under /v1/refusals",
        ));
    }
    entries.sort_by_key(|entry| entry.at);
    let entries = entries.iter().map(EntryItem::new).collect();
    Ok(Json(ChronicleItem { call: call.to_string(), entries, dropped, unreadable }))
}
