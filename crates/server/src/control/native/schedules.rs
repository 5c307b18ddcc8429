//! Schedules: rules that say which calls are kept.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use calls::archive::Keeping;
use calls::id::{ArchiveActionId, ScheduleId};
use calls::schedule::{CERTAIN, Kind, MatchRule, Schedule, Terms};
use calls::time::Wall;
use calls::tracker::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::archive_actions::yes;
use super::query::{Query, id, read_json, same_id};
use crate::control::error::Problem;
use crate::control::time::{parse_rfc3339, rfc3339};
use crate::desk::AskError;
use crate::http::{App, read_body};
use crate::trail::note;
use crate::zones;

/// All schedules.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScheduleList {
    /// In the order in which they are asked: the highest priority first, of equal ones the earliest made.
    items: Vec<ScheduleItem>,
}

/// A schedule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScheduleItem {
    /// Its number; that of a schedule that was removed is not given again.
    id: u32,
    /// Its name, for people.
    name: String,
    /// What it is for.
    description: String,
    /// Whose it is.
    owner: String,
    /// How it chooses among the calls it is for.
    #[schema(value_type = shape::Kind)]
    kind: Kind,
    /// Which calls it is for; a condition that names nothing is left out.
    #[serde(rename = "match")]
    #[schema(value_type = shape::Match)]
    rule: MatchRule,
    /// A call that it would keep draws a number from 0 to 100, and is kept if that is not above this.
    probability: u8,
    /// The highest counts.
    priority: i32,
    /// The first instant at which calls begin that it is for, RFC 3339.
    starts: String,
    /// The first after it, RFC 3339; null if it never expires.
    ends: Option<String>,
    /// The zone of its hours, days and weeks.
    zone: String,
    /// Days from the end of the call that what it keeps is kept; null for ever.
    keep_days: Option<u32>,
    /// The archive action that is done when they are over.
    archive_action: u32,
    /// Whether it counts at all.
    active: bool,
    /// When it was made, RFC 3339.
    created: String,
}

impl ScheduleItem {
    fn new(schedule: &Schedule) -> Self {
        let terms = schedule.terms.clone();
        Self {
            id: schedule.id.0,
            name: terms.name,
            description: terms.description,
            owner: terms.owner,
            kind: terms.kind,
            rule: terms.rule,
            probability: terms.probability,
            priority: terms.priority,
            starts: rfc3339(terms.starts),
            ends: terms.ends.map(rfc3339),
            zone: terms.zone,
            keep_days: terms.keeping.keep_days,
            archive_action: terms.keeping.archive_action.0,
            active: terms.active,
            created: rfc3339(schedule.created),
        }
    }
}

/// What a schedule is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleFields {
    /// Left out for a new one; may be said again when one is changed.
    #[serde(default)]
    id: Option<u32>,
    /// May be said again; it stays as it is.
    #[serde(default)]
    #[expect(dead_code, reason = "what was read may be written back")]
    created: Option<String>,
    /// Its name, for people: 1 to 200 bytes. Several may have the same.
    name: String,
    /// What it is for.
    #[serde(default)]
    description: String,
    /// Whose it is.
    #[serde(default)]
    owner: String,
    /// How it chooses among the calls it is for.
    #[schema(value_type = shape::Kind)]
    kind: Kind,
    /// Which calls it is for; all if left out.
    #[serde(rename = "match", default)]
    #[schema(value_type = Option<shape::Match>)]
    rule: MatchRule,
    /// A call that it would keep draws a number from 0 to 100, and is kept if that is not above this; 100 if left out.
    #[serde(default = "certain")]
    probability: u8,
    /// The highest counts; 0 if left out.
    #[serde(default)]
    priority: i32,
    /// The first instant at which calls begin that it is for, RFC 3339; if left out, the midnight before now in its zone, or
    /// what it was.
    #[serde(default)]
    starts: Option<String>,
    /// The first after it, RFC 3339; it never expires if left out.
    #[serde(default)]
    ends: Option<String>,
    /// The zone of its hours, days and weeks, by IANA name; if left out, that of WFO times.
    #[serde(default)]
    zone: Option<String>,
    /// Days from the end of the call that what it keeps is kept, 0 to 36500; for ever if left out.
    #[serde(default)]
    keep_days: Option<u32>,
    /// The archive action that is done when they are over; 1 if left out, which purges.
    #[serde(default)]
    archive_action: Option<u32>,
    /// Whether it counts at all; true if left out.
    #[serde(default = "yes")]
    active: bool,
}

const fn certain() -> u8 {
    CERTAIN
}

impl ScheduleFields {
    /// `started` is when it starts if that is left out.
    fn into_terms(self, app: &App, started: Option<Wall>) -> Result<Terms, Problem> {
        let zone = self.zone.unwrap_or_else(|| zones::name(&app.zone));
        let today = || zones::midnight(&zone, app.clock.now()).unwrap_or(app.clock.now());
        let starts = instant("starts", self.starts.as_deref())?.or(started).unwrap_or_else(today);
        let action = self.archive_action.map_or(ArchiveActionId::PURGE, ArchiveActionId);
        Ok(Terms {
            name: self.name.trim().to_owned(),
            description: self.description,
            owner: self.owner,
            kind: self.kind,
            rule: self.rule,
            probability: self.probability,
            priority: self.priority,
            starts,
            ends: instant("ends", self.ends.as_deref())?,
            zone,
            keeping: Keeping { keep_days: self.keep_days, archive_action: action },
            active: self.active,
        })
    }
}

pub(super) fn instant(name: &str, text: Option<&str>) -> Result<Option<Wall>, Problem> {
    let right = "an instant as in RFC 3339, for example 2026-11-23T08:00:00Z";
    let wrong = || Problem::parameter(name, format!("{name} must be {right}"));
    text.map(|text| parse_rfc3339(text).ok_or_else(wrong)).transpose()
}

/// Every schedule.
#[utoipa::path(
    get,
    path = "/v1/schedules",
    tag = "schedules",
    operation_id = "listSchedules",
    responses(
        (status = 200, description = "All schedules, in the order in which they are asked", body = ScheduleList),
        (status = 400, description = "A parameter; none is taken", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<ScheduleList>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let items =
        app.desk.look(|tracker| tracker.schedules().into_iter().map(ScheduleItem::new).collect::<Vec<_>>());
    Ok(Json(ScheduleList { items: items.await? }))
}

/// One schedule.
#[utoipa::path(
    get,
    path = "/v1/schedules/{id}",
    tag = "schedules",
    operation_id = "getSchedule",
    params(("id" = u32, Path, description = "The schedule's number")),
    responses(
        (status = 200, description = "The schedule", body = ScheduleItem),
        (status = 400, description = "The id is no number", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such schedule", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<ScheduleItem>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let schedule = known(&app, schedule_id(&text)?).await?;
    Ok(Json(ScheduleItem::new(&schedule)))
}

async fn known(app: &App, id: ScheduleId) -> Result<Schedule, Problem> {
    let schedule = app.desk.look(move |tracker| tracker.state().schedules.get(&id).cloned()).await?;
    schedule.ok_or_else(|| Problem::not_found(format!("there is no schedule {id}")))
}

fn schedule_id(text: &str) -> Result<ScheduleId, Problem> {
    id(text, "a schedule's id is a number such as 1").map(ScheduleId)
}

/// Makes a schedule. It rules calls that begin from now on, and those that are not kept and of which something new is told.
#[utoipa::path(
    post,
    path = "/v1/schedules",
    tag = "schedules",
    operation_id = "addSchedule",
    request_body = ScheduleFields,
    responses(
        (status = 201, description = "The schedule is in force, durably", body = ScheduleItem),
        (status = 400, description = "A field is unknown or not valid; parameter names it", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "There are as many schedules as there may be", body = Problem,
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
) -> Result<(StatusCode, Json<ScheduleItem>), Problem> {
    Query::read(request.uri().query(), &[])?;
    let fields: ScheduleFields = read_json(&read_body(request.into_body()).await?)?;
    same_id(fields.id, None)?;
    let terms = fields.into_terms(&app, None)?;
    let id = app.desk.wish(move |tracker, now| tracker.add_schedule(now, terms)).await.map_err(refused)?;
    note(|note| note.about = Some(format!("schedule {id}")));
    Ok((StatusCode::CREATED, Json(ScheduleItem::new(&known(&app, id).await?))))
}

/// Changes a schedule; what is left out is as for a new one. Calls that it has ruled stay as they are.
#[utoipa::path(
    put,
    path = "/v1/schedules/{id}",
    tag = "schedules",
    operation_id = "putSchedule",
    params(("id" = u32, Path, description = "The schedule's number")),
    request_body = ScheduleFields,
    responses(
        (status = 200, description = "The schedule is so now, durably", body = ScheduleItem),
        (status = 400, description = "The id or a field is not valid; parameter names it", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such schedule", body = Problem,
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
) -> Result<Json<ScheduleItem>, Problem> {
    Query::read(request.uri().query(), &[])?;
    let id = schedule_id(&text)?;
    let fields: ScheduleFields = read_json(&read_body(request.into_body()).await?)?;
    same_id(fields.id, Some(id.0))?;
    let terms = fields.into_terms(&app, Some(known(&app, id).await?.terms.starts))?;
    let put = app.desk.wish(move |tracker, now| Ok(((), tracker.put_schedule(now, id, terms)?)));
    put.await.map_err(refused)?;
    Ok(Json(ScheduleItem::new(&known(&app, id).await?)))
}

/// Removes a schedule. Recordings keep its name.
#[utoipa::path(
    delete,
    path = "/v1/schedules/{id}",
    tag = "schedules",
    operation_id = "removeSchedule",
    params(("id" = u32, Path, description = "The schedule's number")),
    responses(
        (status = 204, description = "The schedule is gone, durably"),
        (status = 400, description = "The id is no number", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such schedule", body = Problem,
         content_type = "application/problem+json"),
        (status = 500, description = "It could not be made durable in time", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    Query::read(query.as_deref(), &[])?;
    let id = schedule_id(&text)?;
    app.desk.wish(move |tracker, _| Ok(((), tracker.remove_schedule(id)?))).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(error: AskError) -> Problem {
    match error {
        AskError::Refused(Refusal::Schedule(fault)) => Problem::parameter(fault.field(), fault.to_string()),
        AskError::Refused(Refusal::UnknownSchedule(_)) => error.into(),
        error => Problem::conflict(error),
    }
}

/// The shapes of what the calls crate reads, for OpenAPI.
pub(super) mod shape {
    use utoipa::ToSchema;

    /// How a schedule chooses.
    #[derive(Debug, ToSchema)]
    #[schema(as = ScheduleKind)]
    #[expect(dead_code, reason = "describes the body for OpenAPI; calls::schedule reads it")]
    pub(crate) struct Kind {
        /// `set_number`, `percentage`, `agent_percentage`, `api_initiated` or `on_demand`.
        #[schema(rename = "type")]
        kind: String,
        /// Of `percentage` and `agent_percentage`: so many of a hundred calls, 0 to 100.
        percent: Option<u8>,
        /// Of `set_number`: so many calls.
        count: Option<u32>,
        /// Of `set_number`: of each `day`, of each `week` (from Monday), or of its whole `life`.
        per: Option<String>,
    }

    /// Which calls a schedule is for: those for which every condition holds that is there.
    #[derive(Debug, ToSchema)]
    #[schema(as = ScheduleMatch)]
    #[expect(dead_code, reason = "describes the body for OpenAPI; calls::schedule reads it")]
    pub(crate) struct Match {
        /// One of these agents is in it, by their own numbers.
        agents: Option<Vec<u32>>,
        /// It is of one of these business units.
        business_units: Option<Vec<i64>>,
        /// It came by one of these ACD queues; compared exactly.
        gates: Option<Vec<String>>,
        /// It is of one of these skill groups; compared exactly.
        skill_groups: Option<Vec<String>>,
        /// The calling number is one of these: digits, and `*` for any of them, such as `1555*`.
        ani: Option<Vec<String>>,
        /// The number called is one of these.
        dnis: Option<Vec<String>>,
        /// `inbound` or `outbound`.
        direction: Option<String>,
        /// It came by one of these trunks, by their names.
        trunks: Option<Vec<String>>,
        /// It is on one of these phones; compared exactly.
        devices: Option<Vec<String>>,
        /// It began in one of these hours, in the schedule's zone.
        hours: Option<Vec<Hours>>,
    }

    /// Hours of some days.
    #[derive(Debug, ToSchema)]
    #[schema(as = ScheduleHours)]
    #[expect(dead_code, reason = "describes the body for OpenAPI; calls::schedule reads it")]
    pub(crate) struct Hours {
        /// `monday` to `sunday`; every day if left out.
        days: Option<Vec<String>>,
        /// The first minute, such as `08:30`.
        from: String,
        /// The first minute after it, up to `24:00`. Where it is not later, the hours go on over midnight.
        to: String,
    }
}
