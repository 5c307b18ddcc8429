//! What somebody should see to, as a list and as it changes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use utoipa::ToSchema;

use super::query::Query;
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::App;
use crate::observe::alarms::{About, Alarm, Severity};

/// How often a stream on which nothing happens says that it is there.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// Alarms.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlarmList {
    /// What is active and worst first, then the newest; at most 1,000.
    items: Vec<AlarmItem>,
}

/// Something that somebody should see to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlarmItem {
    /// What is the matter, such as `one_way_audio`.
    kind: &'static str,
    /// `warning` or `critical`.
    severity: &'static str,
    /// With what, as text.
    about: String,
    /// The call, if it is about one.
    call: Option<String>,
    /// The leg of the call, counted from 0 as its streams are, if it is about one.
    leg: Option<usize>,
    /// The recording, if it is about one.
    recording: Option<String>,
    /// The trunk, if it is about one.
    trunk: Option<String>,
    /// The particulars.
    what: String,
    /// What it means.
    means: &'static str,
    /// What to do.
    todo: &'static str,
    /// Whether it lasts, or happened within a day.
    active: bool,
    /// Since when, or when it first happened, RFC 3339.
    since: String,
    /// When it was seen last, RFC 3339.
    last: String,
    /// How often it happened; 1 for what lasts.
    count: u64,
    /// When it was over, RFC 3339; null while it is not.
    over: Option<String>,
}

impl AlarmItem {
    fn new(alarm: Alarm) -> Self {
        let (leg, recording, trunk) = match &alarm.about {
            About::Leg(_, leg) => (Some(*leg), None, None),
            About::Recording(recording) => (None, Some(recording.to_string()), None),
            About::Trunk(trunk) => (None, None, trunk.clone()),
            _ => (None, None, None),
        };
        Self {
            kind: alarm.kind.key(),
            severity: match alarm.kind.severity() {
                Severity::Warning => "warning",
                Severity::Critical => "critical",
            },
            about: alarm.about.to_string(),
            call: alarm.about.call().map(|call| call.to_string()),
            leg,
            recording,
            trunk,
            means: alarm.kind.means(),
            todo: alarm.kind.todo(),
            active: alarm.is_active(),
            since: rfc3339(alarm.since),
            last: rfc3339(alarm.last),
            count: alarm.count,
            over: alarm.over.map(rfc3339),
            what: alarm.what,
        }
    }
}

/// What somebody should see to: what lasts, and what has happened within a day.
#[utoipa::path(
    get,
    path = "/v1/alarms",
    tag = "observe",
    operation_id = "listAlarms",
    params(("state" = Option<String>, Query, description = "active, or over for what was cleared within a day; active if left out")),
    responses(
        (status = 200, description = "The alarms, the worst first", body = AlarmList),
        (status = 400, description = "A parameter is unknown or not valid", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<AlarmList>, Problem> {
    let query = Query::read(query.as_deref(), &["state"])?;
    let active = match query.text("state").as_deref() {
        None | Some("active") => true,
        Some("over") => false,
        Some(_) => return Err(Problem::parameter("state", "state must be active or over")),
    };
    let alarms = app.alarms.list().into_iter().filter(|alarm| alarm.is_active() == active);
    Ok(Json(AlarmList { items: alarms.map(AlarmItem::new).collect() }))
}

/// What changes, as server-sent events: `alarm` with an alarm as `/v1/alarms` lists it, whenever one is raised, said anew or
/// over; `missed` with a number where the listener was too slow.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "observe",
    operation_id = "events",
    responses(
        (status = 200, description = "Events, without end", body = String, content_type = "text/event-stream"),
        (status = 400, description = "A parameter is unknown", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let events = unfold(app.alarms.changes(), |mut changes| async {
        let event = match changes.recv().await {
            Ok(alarm) => {
                let text = serde_json::to_string(&AlarmItem::new(alarm)).unwrap_or_default();
                Event::default().event("alarm").data(text)
            }
            Err(RecvError::Lagged(count)) => Event::default().event("missed").data(count.to_string()),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(event), changes))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)))
}
