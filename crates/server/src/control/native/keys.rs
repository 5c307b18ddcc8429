//! The keys of the installation: which there are, and replacing them (F-KEY-1). No key is ever told.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vault::keys::{self, Form, KeyError, Listed};

use super::body;
use super::query::Query;
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::{App, read_body};
use crate::keys::Away;
use crate::trail::note;

/// All keys of the installation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyList {
    /// Those in use first.
    items: Vec<KeyItem>,
    /// Whether this recorder can play what it records.
    reads: bool,
    /// Why it cannot, as the end of a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<String>,
}

/// One key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyItem {
    /// 16 hexadecimal digits, by which recordings name it.
    id: String,
    /// `reading` (sound and manifests) or `state` (events).
    kind: &'static str,
    /// `present`, `former` (it was replaced, and what was written with it can be read) or `destroyed`.
    stand: &'static str,
    /// Of a reading key: whether its private half is here and open.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<bool>,
    /// Of the present reading key: how its private half is kept, if it is in the key folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    private_half: Option<String>,
    /// From when on it was used, RFC 3339; the first keys do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// When it was replaced or destroyed.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyKind {
    /// Sound and manifests.
    Reading,
    /// Events.
    State,
}

/// Which key is to be replaced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotationAsked {
    kind: KeyKind,
}

/// A key was replaced.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RotationItem {
    kind: KeyKind,
    /// The key before.
    from: String,
    /// The key in its place.
    to: String,
}

impl KeyItem {
    fn new(app: &App, key: &Listed) -> Self {
        Self {
            id: key.id.to_string(),
            kind: key.kind.word(),
            stand: key.stand.word(),
            held: (key.kind == keys::Kind::Reading).then(|| app.reading.holds(key.id)),
            private_half: key.form.as_ref().map(Form::words),
            since: key.since.map(rfc3339),
            until: key.until.map(rfc3339),
        }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Missing { .. } | KeyError::Unopened { .. } | KeyError::Mismatch { .. } => {
                tracing::warn!(%error, "a key cannot be replaced");
                Self::new(
                    StatusCode::CONFLICT,
                    "the private half of the reading key is not to be had here; replace it where it is: sidetone keys rotate",
                )
            }
            KeyError::Busy { .. } => Self::unavailable("the keys are being changed by another program"),
            error => Self::failed("changing the keys", &error),
        }
    }
}

/// Lists the keys there are, and what is known of those that were destroyed.
#[utoipa::path(
    get,
    path = "/v1/keys",
    tag = "keys",
    operation_id = "listKeys",
    responses(
        (status = 200, description = "The keys", body = KeyList),
        (status = 400, description = "There is a parameter", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The key files cannot be used", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<KeyList>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let listing = app.keys.clone();
    let listed = tokio::task::spawn_blocking(move || listing.list()).await;
    let listed = listed.map_err(|panicked| Problem::failed("listing the keys", &panicked))??;
    let items = listed.iter().map(|key| KeyItem::new(&app, key)).collect();
    let why_not = app.keys.away();
    Ok(Json(KeyList { items, reads: why_not.is_none(), why_not: why_not.as_ref().map(Away::words) }))
}

/// Replaces a key. Nothing that is stored is written anew: it stays readable with the key before, which is kept. A reading key is
/// used at once, a state key from the next start on.
#[utoipa::path(
    post,
    path = "/v1/keys/rotations",
    tag = "keys",
    operation_id = "rotateKey",
    request_body = RotationAsked,
    responses(
        (status = 201, description = "It was replaced", body = RotationItem),
        (status = 400, description = "The body is not as it should be", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "The private half of the reading key is not here; it is replaced where it is",
         body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "Another program changes the keys now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, Json<RotationItem>), Problem> {
    Query::read(request.uri().query(), &[])?;
    let body = read_body(request.into_body()).await?;
    let RotationAsked { kind } = body::read(&body, r#"{"kind": "reading"}"#)?;
    let wanted = match kind {
        KeyKind::Reading => keys::Kind::Reading,
        KeyKind::State => keys::Kind::State,
    };
    let (keys, at) = (app.keys.clone(), app.clock.now());
    if !keys.is_replaced_here(wanted) {
        let detail = "this key is not kept in the key folder (keys.reading_key, keys.state_key); replace it where it is";
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    let replaced = tokio::task::spawn_blocking(move || keys.replace(wanted, at)).await;
    let change = replaced.map_err(|panicked| Problem::failed("replacing the key", &panicked))??;
    note(|note| note.detail = Some(format!("{} key {} → {}", wanted.word(), change.from, change.to)));
    tracing::info!(from = %change.from, to = %change.to, kind = wanted.word(), "a key was replaced");
    Ok((
        StatusCode::CREATED,
        Json(RotationItem { kind, from: change.from.to_string(), to: change.to.to_string() }),
    ))
}
