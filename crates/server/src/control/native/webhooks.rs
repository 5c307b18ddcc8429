//! Receivers of events.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use index::{HookError, Webhook};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body;
use super::events::check_kinds;
use super::query::Query;
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::{App, read_body};
use crate::trail::note;
use crate::webhooks::{Webhooks, new_id};

/// What a body looks like.
const EXAMPLE: &str = r#"{"url": "https://crm.example.com/sidetone", "kinds": ["recording", "call.ended"]}"#;

/// A receiver, as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookWanted {
    /// Where events are sent: `https://`, or `http://`.
    #[schema(max_length = 2048)]
    url: String,
    /// The kinds that are wanted, as `/v1/events` names them, or families of them: alarm, call, recording, blackout, agent. All
    /// if there is none.
    #[serde(default)]
    kinds: Vec<String>,
    /// Whether events go to it; true if left out.
    #[serde(default = "yes")]
    active: bool,
}

fn yes() -> bool {
    true
}

/// A receiver of events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookItem {
    /// Its id.
    id: String,
    /// Where events are sent.
    url: String,
    /// The kinds that are wanted; all if there is none.
    kinds: Vec<String>,
    /// Whether events go to it.
    active: bool,
    /// Why the recorder has switched it off; null if it has not.
    why_off: Option<String>,
    /// When it was made, RFC 3339.
    created: String,
    /// Since when its secret is the one it is, RFC 3339.
    secret_since: String,
}

/// A receiver, with the secret by which it knows that events are from here. It is told this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookSecret {
    #[serde(flatten)]
    webhook: WebhookItem,
    /// `whsec_` and the key in base64, as Standard Webhooks has it.
    secret: String,
}

/// Receivers of events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookList {
    /// Oldest first; at most 64.
    items: Vec<WebhookItem>,
}

/// What came of a test.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestItem {
    /// Whether the receiver has taken it.
    delivered: bool,
    /// The HTTP status of its answer; null if there was none.
    status: Option<u16>,
    /// What was wrong.
    problem: Option<String>,
}

impl WebhookItem {
    fn new(webhook: &Webhook) -> Self {
        Self {
            id: webhook.id.clone(),
            url: webhook.url.clone(),
            kinds: webhook.kinds.clone(),
            active: webhook.active,
            why_off: webhook.why_off.clone(),
            created: rfc3339(webhook.created),
            secret_since: rfc3339(webhook.secret_since),
        }
    }
}

impl WebhookWanted {
    async fn read(request: Request) -> Result<Self, Problem> {
        let wanted: Self = body::read(&read_body(request.into_body()).await?, EXAMPLE)?;
        Webhooks::check(&wanted.url).map_err(|error| Problem::parameter("url", error.to_string()))?;
        check_kinds(&wanted.kinds)?;
        Ok(wanted)
    }
}

pub(super) async fn known(app: &App, id: &str) -> Result<Webhook, Problem> {
    let found = app.webhooks.outbox().webhook(&id.to_ascii_lowercase()).await?;
    found.ok_or_else(|| Problem::not_found("there is no such webhook; /v1/webhooks lists those there are"))
}

/// Who is told of what happens.
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    tag = "webhooks",
    operation_id = "listWebhooks",
    responses(
        (status = 200, description = "The webhooks", body = WebhookList),
        (status = 400, description = "A parameter is unknown", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<WebhookList>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let items = app.webhooks.outbox().webhooks().await?.iter().map(WebhookItem::new).collect();
    Ok(Json(WebhookList { items }))
}

/// Has events be sent to somebody from now on. The answer holds the secret, which is told no second time.
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    tag = "webhooks",
    operation_id = "addWebhook",
    request_body = WebhookWanted,
    responses(
        (status = 201, description = "It is there", body = WebhookSecret),
        (status = 400, description = "The body is not as it should be", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "There are too many", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, Json<WebhookSecret>), Problem> {
    let WebhookWanted { url, kinds, active } = WebhookWanted::read(request).await?;
    let now = app.clock.now();
    let webhook = Webhook {
        number: 0,
        id: new_id(now),
        url,
        kinds,
        active,
        why_off: None,
        secret: 0,
        secret_since: now,
        created: now,
    };
    app.webhooks.outbox().add(&webhook, app.webhooks.journal()).await.map_err(|error| match error {
        HookError::Database(error) => Problem::from(error),
        error => Problem::new(StatusCode::CONFLICT, error.to_string()),
    })?;
    note(|note| note.about = Some(format!("webhook {}", webhook.id)));
    app.webhooks.look_again();
    let secret = app.webhooks.secret(&webhook);
    Ok((StatusCode::CREATED, Json(WebhookSecret { webhook: WebhookItem::new(&webhook), secret })))
}

/// One receiver of events.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}",
    tag = "webhooks",
    operation_id = "getWebhook",
    params(("id" = String, Path, description = "The webhook's id")),
    responses(
        (status = 200, description = "The webhook", body = WebhookItem),
        (status = 404, description = "There is no such webhook", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<WebhookItem>, Problem> {
    Ok(Json(WebhookItem::new(&known(&app, &id).await?)))
}

/// Gives a receiver another URL, other kinds, or switches it on or off. While it is off nothing is put by for it; what waits goes
/// on waiting.
#[utoipa::path(
    put,
    path = "/v1/webhooks/{id}",
    tag = "webhooks",
    operation_id = "putWebhook",
    params(("id" = String, Path, description = "The webhook's id")),
    request_body = WebhookWanted,
    responses(
        (status = 200, description = "As it is now", body = WebhookItem),
        (status = 400, description = "The body is not as it should be", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<WebhookItem>, Problem> {
    let before = known(&app, &id).await?;
    let WebhookWanted { url, kinds, active } = WebhookWanted::read(request).await?;
    let webhook = Webhook { url, kinds, active, why_off: None, ..before };
    change(&app, &webhook).await?;
    Ok(Json(WebhookItem::new(&webhook)))
}

async fn change(app: &App, webhook: &Webhook) -> Result<(), Problem> {
    if !app.webhooks.outbox().change(webhook, app.webhooks.journal()).await? {
        return Err(Problem::not_found("this webhook was removed meanwhile"));
    }
    if !webhook.active {
        app.webhooks.is_quiet(&webhook.id);
    }
    app.webhooks.look_again();
    Ok(())
}

/// Removes a receiver, with what waits for it.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{id}",
    tag = "webhooks",
    operation_id = "removeWebhook",
    params(("id" = String, Path, description = "The webhook's id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "There is no such webhook", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let webhook = known(&app, &id).await?;
    app.webhooks.outbox().remove(&webhook.id).await?;
    app.webhooks.is_quiet(&webhook.id);
    app.webhooks.look_again();
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a receiver another secret, which is told this once. For a day messages are signed with the one before too.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/secret",
    tag = "webhooks",
    operation_id = "exchangeWebhookSecret",
    params(("id" = String, Path, description = "The webhook's id")),
    responses(
        (status = 200, description = "As it is now, with the new secret", body = WebhookSecret),
        (status = 404, description = "There is no such webhook", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn exchange_secret(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<WebhookSecret>, Problem> {
    let before = known(&app, &id).await?;
    let webhook = Webhook { secret: before.secret + 1, secret_since: app.clock.now(), ..before };
    change(&app, &webhook).await?;
    let secret = app.webhooks.secret(&webhook);
    Ok(Json(WebhookSecret { webhook: WebhookItem::new(&webhook), secret }))
}

/// Sends a receiver an event of type `sidetone.webhook.test`, now and once, and says what came of it.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/test",
    tag = "webhooks",
    operation_id = "testWebhook",
    params(("id" = String, Path, description = "The webhook's id")),
    responses(
        (status = 200, description = "What came of it", body = TestItem),
        (status = 404, description = "There is no such webhook", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn test(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let webhook = known(&app, &id).await?;
    let tested = app.webhooks.test(&webhook).await;
    let delivered = tested.problem.is_none();
    Ok(Json(TestItem { delivered, status: tested.status, problem: tested.problem }).into_response())
}
