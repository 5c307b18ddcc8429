//! Archive actions: what becomes of recordings when their days are over. They are edited and made inactive, never deleted.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use calls::archive::{ActionFault, ArchiveAction, ArchiveKind, NextAction};
use calls::id::ArchiveActionId;
use calls::tracker::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::query::{Query, id, read_json, same_id};
use crate::control::error::Problem;
use crate::desk::AskError;
use crate::http::{App, read_body};

/// All archive actions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ArchiveActionList {
    /// By number.
    items: Vec<ArchiveActionItem>,
}

/// An archive action.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ArchiveActionItem {
    /// Its number: `archiveaction` of the WFO face.
    id: u32,
    /// Its name, for people.
    name: String,
    /// `purge` (delete), `normal` (move to the target), `copy`, or `backup` (copy with what is known of it).
    kind: &'static str,
    /// The name of an archive target of the settings; null for a purge.
    target: Option<String>,
    /// What comes after it; null if nothing does.
    next: Option<NextItem>,
    /// Whether it may be chosen. What was chosen before stays.
    active: bool,
}

/// What comes after an archive action.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NextItem {
    /// The number of the action.
    action: u32,
    /// How many days later, 0 to 36500.
    after_days: u32,
}

impl ArchiveActionItem {
    fn new(action: &ArchiveAction) -> Self {
        let next = action.next.map(|next| NextItem { action: next.action.0, after_days: next.after_days });
        Self {
            id: action.id.0,
            name: action.name.clone(),
            kind: action.kind.as_str(),
            target: action.target.clone(),
            next,
            active: action.active,
        }
    }
}

/// What an archive action is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArchiveActionFields {
    /// Left out for a new one; may be said again when one is changed.
    #[serde(default)]
    id: Option<u32>,
    /// Its name, for people: 1 to 200 bytes.
    name: String,
    /// `purge`, `normal`, `copy` or `backup`.
    #[schema(value_type = String)]
    kind: ArchiveKind,
    /// The name of an archive target of the settings; left out for a purge, required otherwise.
    #[serde(default)]
    target: Option<String>,
    /// What comes after it.
    #[serde(default)]
    next: Option<NextItem>,
    /// Whether it may be chosen; true if left out.
    #[serde(default = "yes")]
    active: bool,
}

pub(super) fn yes() -> bool {
    true
}

impl ArchiveActionFields {
    fn into_action(self, id: ArchiveActionId) -> ArchiveAction {
        let Self { id: _, name, kind, target, next, active } = self;
        let next =
            next.map(|next| NextAction { action: ArchiveActionId(next.action), after_days: next.after_days });
        let (name, target) = (name.trim().to_owned(), target.map(|target| target.trim().to_owned()));
        ArchiveAction { id, name, kind, target, next, active }
    }
}

/// Every archive action. Number 1 purges and is always there.
#[utoipa::path(
    get,
    path = "/v1/archive-actions",
    tag = "schedules",
    operation_id = "listArchiveActions",
    responses(
        (status = 200, description = "All archive actions, by number", body = ArchiveActionList),
        (status = 400, description = "A parameter; none is taken", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<ArchiveActionList>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let items = app.desk.look(|tracker| {
        tracker.state().archive_actions.iter().map(ArchiveActionItem::new).collect::<Vec<_>>()
    });
    Ok(Json(ArchiveActionList { items: items.await? }))
}

/// One archive action.
#[utoipa::path(
    get,
    path = "/v1/archive-actions/{id}",
    tag = "schedules",
    operation_id = "getArchiveAction",
    params(("id" = u32, Path, description = "The action's number")),
    responses(
        (status = 200, description = "The archive action", body = ArchiveActionItem),
        (status = 400, description = "The id is no number", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such archive action", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<ArchiveActionItem>, Problem> {
    Query::read(query.as_deref(), &[])?;
    shown(&app, action_id(&text)?).await.map(Json)
}

async fn shown(app: &App, id: ArchiveActionId) -> Result<ArchiveActionItem, Problem> {
    let item = app
        .desk
        .look(move |tracker| tracker.state().archive_actions.get(id).map(ArchiveActionItem::new))
        .await?;
    item.ok_or_else(|| Problem::not_found(format!("there is no archive action {id}")))
}

fn action_id(text: &str) -> Result<ArchiveActionId, Problem> {
    id(text, "an archive action's id is a number such as 2").map(ArchiveActionId)
}

/// Makes an archive action, under the next number that is free.
#[utoipa::path(
    post,
    path = "/v1/archive-actions",
    tag = "schedules",
    operation_id = "addArchiveAction",
    request_body = ArchiveActionFields,
    responses(
        (status = 201, description = "The archive action is known now, durably", body = ArchiveActionItem),
        (status = 400, description = "A field is unknown or not valid; parameter names it", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 500, description = "It could not be made durable in time", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, Json<ArchiveActionItem>), Problem> {
    Query::read(request.uri().query(), &[])?;
    let fields: ArchiveActionFields = read_json(&read_body(request.into_body()).await?)?;
    same_id(fields.id, None)?;
    let id = app.desk.wish(move |tracker, _| {
        let id = tracker.state().archive_actions.free_id();
        Ok((id, tracker.put_archive_action(fields.into_action(id))?))
    });
    let id = id.await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(shown(&app, id).await?)))
}

/// Changes an archive action; what is left out is as for a new one. Recordings that have it do what it does from now on: so none
/// is made to erase, or to erase sooner.
#[utoipa::path(
    put,
    path = "/v1/archive-actions/{id}",
    tag = "schedules",
    operation_id = "putArchiveAction",
    params(("id" = u32, Path, description = "The action's number")),
    request_body = ArchiveActionFields,
    responses(
        (status = 200, description = "The archive action is so now, durably", body = ArchiveActionItem),
        (status = 400, description = "The id or a field is not valid; parameter names it", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such archive action", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "It would erase what waits for it, or erase it sooner", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 500, description = "It could not be made durable in time", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    request: Request,
) -> Result<Json<ArchiveActionItem>, Problem> {
    Query::read(request.uri().query(), &[])?;
    let id = action_id(&text)?;
    let fields: ArchiveActionFields = read_json(&read_body(request.into_body()).await?)?;
    same_id(fields.id, Some(id.0))?;
    shown(&app, id).await?;
    app.desk.put_archive_action(fields.into_action(id)).await.map_err(refused)?;
    Ok(Json(shown(&app, id).await?))
}

fn refused(error: AskError) -> Problem {
    match error {
        AskError::Refused(Refusal::ArchiveAction(fault @ ActionFault::Sooner(_))) => {
            Problem::new(StatusCode::CONFLICT, fault.to_string())
        }
        AskError::Refused(Refusal::ArchiveAction(fault)) => {
            Problem::parameter(fault.field(), fault.to_string())
        }
        error => Problem::conflict(error),
    }
}
