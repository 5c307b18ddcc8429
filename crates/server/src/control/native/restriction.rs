//! Recordings that are stored, and neither played nor given out (C5-05).

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use index::{CareError, RecordingRow, Restriction};
use serde::Deserialize;
use utoipa::ToSchema;

use super::query::Query;
use super::recordings::{recording_id, row};
use super::{body, principal};
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::{App, read_body};

/// Why a recording is restricted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestrictionAsked {
    /// Who asks for it. A person who is logged in does it under their own name.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 500)]
    by: Option<String>,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    why: String,
}

/// Refuses what is about to give out a restricted recording: its sound, or what was sealed of it.
pub(super) fn check(row: &RecordingRow) -> Result<(), Problem> {
    let Some(restriction) = &row.care.restriction else { return Ok(()) };
    let detail = format!(
        "this recording is restricted since {} by {}: {}; it is stored, and neither played nor given out",
        rfc3339(restriction.since),
        restriction.who,
        restriction.why
    );
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

impl From<CareError> for Problem {
    fn from(error: CareError) -> Self {
        match error {
            CareError::Database(error) => error.into(),
            error => Self::not_found(error.to_string()),
        }
    }
}

/// Has a recording neither played nor given out. It is stored as before; its days go on.
#[utoipa::path(
    put,
    path = "/v1/recordings/{id}/restriction",
    tag = "retention",
    operation_id = "restrictRecording",
    params(("id" = String, Path, description = "The recording's id")),
    request_body = RestrictionAsked,
    responses(
        (status = 204, description = "It is restricted; it stays as it is if it was before"),
        (status = 400, description = "The id or a text is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such recording, or it is still being made", body = Problem,
         content_type = "application/problem+json"),
        (status = 410, description = "It was erased", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    Query::read(request.uri().query(), &[])?;
    let who = principal(&request);
    let row = row(&app, &who, recording_id(&id)?).await?;
    let body = read_body(request.into_body()).await?;
    let RestrictionAsked { by, why } = body::read(&body, r#"{"by": "Robin", "why": "GDPR 18(1)(a)"}"#)?;
    let why = body::name("why", &why)?;
    let by = body::signed(&who, by.as_deref())?;
    let since = app.clock.now();
    let restriction = Restriction { since, who: by.clone(), why, source: who.from };
    app.index.restrict(row.id, &restriction).await?;
    app.feed.tell_of(since, "recording.restricted", row.id, format!("by {by}"));
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a restricted recording be played and given out again.
#[utoipa::path(
    delete,
    path = "/v1/recordings/{id}/restriction",
    tag = "retention",
    operation_id = "liftRestriction",
    params(
        ("id" = String, Path, description = "The recording's id"),
        ("by" = Option<String>, Query, description = "Who lifts it; a person who is logged in does it under their own name"),
    ),
    responses(
        (status = 204, description = "It is not restricted, or never was"),
        (status = 400, description = "The id or who lifts it is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such recording, or it is still being made", body = Problem,
         content_type = "application/problem+json"),
        (status = 410, description = "It was erased", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn lift(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let query = Query::read(request.uri().query(), &["by"])?;
    let who = principal(&request);
    let by = body::signed(&who, query.text("by").as_deref())?;
    let row = row(&app, &who, recording_id(&id)?).await?;
    let at = app.clock.now();
    app.index.lift_restriction(row.id, &by, at).await?;
    app.feed.tell_of(at, "recording.unrestricted", row.id, format!("by {by}"));
    Ok(StatusCode::NO_CONTENT)
}
