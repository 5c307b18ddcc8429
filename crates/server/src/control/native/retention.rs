//! How retention stands, and what somebody has to confirm.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use index::RecordingRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vault::{Archive, Digest};

use super::query::Query;
use super::{body, principal};
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::{App, read_body};

/// How retention stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RetentionStatus {
    /// Why nothing is deleted: `clock` or `brake`; null if nothing stops it.
    stopped: Option<&'static str>,
    /// That as a sentence.
    why: Option<String>,
    /// The latest time that was seen and believed, RFC 3339; null before the first job.
    time: Option<String>,
    /// Recordings that are kept.
    kept: u64,
    /// Of them in an archive.
    archived: u64,
    /// Of them marked to be erased.
    marked: u64,
    /// Of them under a legal hold.
    held: u64,
    /// Of them restricted.
    restricted: u64,
    /// Recordings that were erased.
    erased: u64,
    /// Erasures that are decided and not done.
    not_done: u64,
    /// The archives of the settings.
    archives: Vec<String>,
}

/// Who confirms.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmAsked {
    /// Who says that it is in order. A person who is logged in does it under their own name.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 500)]
    by: Option<String>,
}

/// What was confirmed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Confirmed {
    /// `clock` or `brake`.
    confirmed: &'static str,
    /// What it was, as a sentence.
    what: String,
}

/// Where the file of a recording can be read.
pub(super) async fn reader(app: &App, row: &RecordingRow) -> Result<Archive, Problem> {
    let place = row.care.place.as_deref();
    app.archivist.archives.reader(place, row.id, Digest(row.digest)).await.map_err(|error| {
        let _ = Problem::failed("reading from an archive", &error);
        let archive = place.unwrap_or_default();
        Problem::unavailable(format!(
            "this recording is in the archive {archive}, which does not give it now: {error}"
        ))
    })
}

/// How retention stands: what is kept, marked, held and erased, and what stops it.
#[utoipa::path(
    get,
    path = "/v1/retention",
    tag = "retention",
    operation_id = "retentionStatus",
    responses(
        (status = 200, description = "How it stands", body = RetentionStatus),
        (status = 400, description = "A parameter is unknown", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn status(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<RetentionStatus>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let standing = app.index.standing().await?;
    let (stopped, seen) = app.archivist.memory.lock().await.told();
    Ok(Json(RetentionStatus {
        stopped: stopped.map(|stopped| stopped.as_str()),
        why: stopped.map(|stopped| stopped.to_string()),
        time: seen.map(rfc3339),
        kept: standing.kept,
        archived: standing.archived,
        marked: standing.marked,
        held: standing.held,
        restricted: standing.restricted,
        erased: standing.erased,
        not_done: standing.not_done,
        archives: app.archivist.archives.names().map(str::to_owned).collect(),
    }))
}

/// Says that what has stopped deletions is in order: that the clock is right, or that so many recordings are to go. It goes on
/// at once.
#[utoipa::path(
    post,
    path = "/v1/retention/confirm",
    tag = "retention",
    operation_id = "confirmRetention",
    request_body = ConfirmAsked,
    responses(
        (status = 200, description = "It goes on", body = Confirmed),
        (status = 400, description = "A text is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "Nothing has stopped", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn confirm(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<Confirmed>, Problem> {
    Query::read(request.uri().query(), &[])?;
    let who = principal(&request);
    let body = read_body(request.into_body()).await?;
    let ConfirmAsked { by } = body::read(&body, r#"{"by": "Robin"}"#)?;
    let by = body::signed(&who, by.as_deref())?;
    match app.archivist.confirm(&by).await? {
        Some(stopped) => Ok(Json(Confirmed { confirmed: stopped.as_str(), what: stopped.to_string() })),
        None => {
            let detail = "nothing has stopped retention, so there is nothing to confirm";
            Err(Problem::new(StatusCode::CONFLICT, detail))
        }
    }
}
