//! What a sealed recording says of itself, as it was sealed, and the signatures over it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use calls::id::RecordingId;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::query::Query;
use super::recordings::{recording_id, row};
use super::restriction;
use crate::control::error::Problem;
use crate::export::SealedManifest;
use crate::http::{App, Who};
use crate::playback::SoundError;

/// A manifest and what vouches for it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SealedManifest)]
pub(crate) struct SealedManifestItem {
    /// The recording.
    recording: String,
    /// The manifest, by the names of ref/recording-file.md.
    #[schema(value_type = Object)]
    manifest: Value,
    /// The bytes of the manifest as they were sealed, as a text: what the newest seal names is SHA-256 of the salt and these.
    text: String,
    /// The salt, hexadecimal; null for a file that was sealed without a signature.
    salt: Option<String>,
    /// The signed statements, oldest first: each takes the place of the one before it.
    seals: Vec<String>,
}

impl SealedManifestItem {
    fn new(recording: RecordingId, sealed: SealedManifest) -> Self {
        let SealedManifest { manifest, salt, seals } = sealed;
        Self {
            recording: recording.to_string(),
            manifest: serde_json::from_slice(&manifest).unwrap_or_default(),
            text: String::from_utf8_lossy(&manifest).into_owned(),
            salt,
            seals,
        }
    }
}

/// What a recording says of itself, as it was sealed, with the signatures over it.
#[utoipa::path(
    get,
    path = "/v1/recordings/{id}/manifest",
    tag = "recordings",
    operation_id = "getManifest",
    params(("id" = String, Path, description = "The recording's id")),
    responses(
        (status = 200, description = "The manifest", body = SealedManifestItem),
        (status = 400, description = "The id is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "The recording is restricted: stored, and neither played nor given out", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such recording, or it is still being made", body = Problem,
         content_type = "application/problem+json"),
        (status = 410, description = "It was erased: by whom, when and on what ground is said", body = Problem,
         content_type = "application/problem+json"),
        (status = 500, description = "Its file cannot be read; the log says more", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index, the archive or the reading key cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn of_recording(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<SealedManifestItem>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let row = row(&app, &who, recording_id(&text)?).await?;
    restriction::check(&row)?;
    let archive = super::retention::reader(&app, &row).await?;
    let (key, id) = (app.reading.clone(), row.id);
    let read = tokio::task::spawn_blocking(move || SealedManifest::read(&archive, &key, id));
    let read = read.await.map_err(|panicked| Problem::failed("reading the manifest", &panicked))?;
    Ok(Json(SealedManifestItem::new(row.id, read.map_err(SoundError::from)?)))
}
