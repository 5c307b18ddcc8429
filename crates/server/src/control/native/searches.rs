//! Searches that somebody comes back to: kept with their account, so that nothing of a caller stays in a browser.

use std::sync::Arc;

use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{self, line};
use super::query::Query;
use crate::control::error::Problem;
use crate::http::{App, read_body};
use crate::identity::Asking;

/// Searches of one person.
const MOST: usize = 50;

/// The longest name, and the longest search, in characters.
const NAME_MAX_CHARS: usize = 64;
const TEXT_MAX_CHARS: usize = 2_000;

/// A search with a name.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedSearch {
    /// What it is called; one line.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// What is looked for, as it is typed in the console; one line.
    #[schema(min_length = 1, max_length = 2000)]
    text: String,
}

/// All of somebody's.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedSearches {
    /// In the order in which they were put.
    #[schema(max_items = 50)]
    items: Vec<SavedSearch>,
}

/// One's own saved searches.
#[utoipa::path(
    get,
    path = "/v1/session/searches",
    tag = "access",
    operation_id = "getSearches",
    responses(
        (status = 200, description = "The searches", body = SavedSearches),
        (status = 400, description = "A parameter is unknown", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "Nobody is logged in with a cookie", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Extension(asking): Extension<Asking>,
    RawQuery(query): RawQuery,
) -> Result<Json<SavedSearches>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let kept = app.identity.own_searches(&asking)?;
    // What was put was checked.
    let items = kept.and_then(|kept| serde_json::from_str(&kept).ok()).unwrap_or_default();
    Ok(Json(SavedSearches { items }))
}

/// Keeps one's own searches, in place of those before.
#[utoipa::path(
    put,
    path = "/v1/session/searches",
    tag = "access",
    operation_id = "putSearches",
    request_body = SavedSearches,
    responses(
        (status = 204, description = "They are kept, durably"),
        (status = 400, description = "The body is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "Nobody is logged in with a cookie", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "It cannot be written now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Extension(asking): Extension<Asking>,
    request: Request,
) -> Result<StatusCode, Problem> {
    Query::read(request.uri().query(), &[])?;
    let example = r#"{"items": [{"name": "refunds", "text": "refund today"}]}"#;
    let SavedSearches { items } = body::read(&read_body(request.into_body()).await?, example)?;
    if items.len() > MOST {
        return Err(Problem::parameter("items", format!("at most {MOST} searches are kept")));
    }
    let checked: Result<Vec<SavedSearch>, Problem> = items.into_iter().map(check).collect();
    let checked = checked?;
    let mut names: Vec<&str> = checked.iter().map(|it| it.name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Problem::parameter("items", "of one name there is one search".to_owned()));
    }
    let kept = (!checked.is_empty()).then(|| serde_json::to_string(&checked));
    let kept = kept.transpose().map_err(|error| Problem::unavailable(error.to_string()))?;
    app.identity.put_own_searches(&asking, kept).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check(search: SavedSearch) -> Result<SavedSearch, Problem> {
    Ok(SavedSearch {
        name: line("items.name", &search.name, NAME_MAX_CHARS)?,
        text: line("items.text", &search.text, TEXT_MAX_CHARS)?,
    })
}
