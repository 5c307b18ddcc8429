//! What became of events on their way to receivers, and having them sent again.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use index::{Delivery, DeliveryQuery, DeliveryState, PAGE_DEFAULT, PAGE_MAX, ReplayFrom};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body;
use super::query::Query;
use super::webhooks::known;
use crate::control::error::Problem;
use crate::control::time::{parse_rfc3339, rfc3339};
use crate::http::{App, read_body};

/// An event on its way to a receiver.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryItem {
    /// The event's id: `webhook-id` and the `id` inside.
    id: String,
    /// Its kind.
    kind: String,
    /// When it happened, RFC 3339.
    at: String,
    /// `waiting`, `delivered`, or `dead`: given up.
    state: &'static str,
    /// How often it was tried.
    attempts: u32,
    /// When it may be tried next, RFC 3339; null if it is not waiting.
    due: Option<String>,
    /// When it was tried last, RFC 3339.
    tried: Option<String>,
    /// The HTTP status of the last answer; null if there was none.
    status: Option<u16>,
    /// What was wrong with the last try.
    problem: Option<String>,
}

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryList {
    /// The newest events first.
    items: Vec<DeliveryItem>,
    /// `cursor` of the next page; null if this is the last.
    next: Option<String>,
}

/// What is to be sent again: give `from` or `after`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayWanted {
    /// Events that happened at this time or later, RFC 3339.
    #[serde(default)]
    #[schema(format = "date-time")]
    from: Option<String>,
    /// Events behind the one with this id.
    #[serde(default)]
    after: Option<String>,
    /// Only those that were given up.
    #[serde(default)]
    only_dead: bool,
}

/// What is sent again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplayItem {
    /// How many events.
    events: u64,
}

impl DeliveryItem {
    fn new(delivery: Delivery) -> Self {
        let is_waiting = delivery.state == DeliveryState::Waiting;
        Self {
            id: delivery.event.id,
            kind: delivery.event.kind,
            at: rfc3339(delivery.event.at),
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            due: is_waiting.then(|| rfc3339(delivery.due)),
            tried: delivery.tried.map(rfc3339),
            status: delivery.status,
            problem: delivery.problem,
        }
    }
}

/// What became of events on their way to a receiver, the newest first. They are kept for a week, and 100,000 at most.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}/deliveries",
    tag = "webhooks",
    operation_id = "listDeliveries",
    params(
        ("id" = String, Path, description = "The webhook's id"),
        ("state" = Option<String>, Query, description = "waiting, delivered or dead; all if left out"),
        ("cursor" = Option<String>, Query, description = "next of the page before"),
        ("limit" = Option<u32>, Query, description = "Rows wanted, 1 to 500; 50 if left out"),
    ),
    responses(
        (status = 200, description = "A page of deliveries", body = DeliveryList),
        (status = 400, description = "A parameter is unknown or wrong", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<DeliveryList>, Problem> {
    let query = Query::read(query.as_deref(), &["state", "cursor", "limit"])?;
    let state = query.text("state").map(|word| {
        let wrong = || Problem::parameter("state", "state must be waiting, delivered or dead");
        DeliveryState::from_word(&word).ok_or_else(wrong)
    });
    let state = state.transpose()?;
    let right = format!("a whole number from 1 to {PAGE_MAX}");
    let limit = query.number("limit", &right)?.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::parameter("limit", format!("limit must be {right}")));
    }
    let before = query.number("cursor", "the next of the page before")?;
    let webhook = known(&app, &id).await?;
    // One more tells whether there is another page.
    let wanted = DeliveryQuery { state, before, limit: limit + 1 };
    let mut found = app.webhooks.outbox().deliveries(webhook.number, &wanted).await?;
    let is_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| is_more).map(|last| last.number.to_string());
    Ok(Json(DeliveryList { items: found.into_iter().map(DeliveryItem::new).collect(), next }))
}

/// Has events sent again: of those that are kept, all that the receiver wants now and that happened since a time or behind an
/// event, or only those that were given up.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/replay",
    tag = "webhooks",
    operation_id = "replayWebhook",
    params(("id" = String, Path, description = "The webhook's id")),
    request_body = ReplayWanted,
    responses(
        (status = 202, description = "They are on their way", body = ReplayItem),
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
pub(crate) async fn replay(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<ReplayItem>), Problem> {
    let webhook = known(&app, &id).await?;
    let example = r#"{"from": "2026-11-23T08:00:00Z"}, or {"after": "an event's id"}"#;
    let wanted: ReplayWanted = body::read(&read_body(request.into_body()).await?, example)?;
    let from = match (&wanted.from, wanted.after) {
        (Some(from), None) => {
            let right = "from must be an instant as in RFC 3339, for example 2026-11-23T08:00:00Z";
            let at = parse_rfc3339(from).ok_or_else(|| Problem::parameter("from", right))?;
            ReplayFrom::Time(at)
        }
        (None, Some(after)) => ReplayFrom::After(after),
        _ => return Err(Problem::parameter("from", format!("give from or after, and not both: {example}"))),
    };
    let now = app.clock.now();
    let events = app.webhooks.outbox().replay(&webhook, &from, wanted.only_dead, now).await?;
    let events = events.ok_or_else(|| {
        Problem::parameter(
            "after",
            "there is no event with this id, or it is kept no more; give a time instead",
        )
    })?;
    app.webhooks.look_again();
    Ok((StatusCode::ACCEPTED, Json(ReplayItem { events })))
}
