//! What somebody should see to, as a list.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::query::Query;
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::App;
use crate::observe::alarms::{About, Alarm, Severity};

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
    /// Whether it lasts, or happened within a day; leave to hear (`hearing_given`): within seven.
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
    pub(super) fn new(alarm: Alarm) -> Self {
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

/// What somebody should see to: what lasts, and what has happened within a day; leave to hear that was given within seven.
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
