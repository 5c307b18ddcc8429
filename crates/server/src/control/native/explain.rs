//! What schedules would do with a call that has not been: a dry run.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use calls::id::AgentId;
use calls::schedule::{Direction, Traits};
use calls::tracker::{Explanation, Tracker};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::query::{Query, read_json};
use super::schedules::instant;
use crate::control::error::Problem;
use crate::http::{App, read_body};

/// A call that has not been. What is left out is not known.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MadeUpCall {
    /// The agents in it, by their own numbers. The first one's phone and business unit are taken where others are left out.
    agents: Vec<u32>,
    /// Its business unit.
    business_unit: Option<i64>,
    /// The ACD queue.
    gate: String,
    /// The skill group.
    skill_group: String,
    /// The calling number.
    ani: String,
    /// The number called.
    dnis: String,
    /// `inbound` or `outbound`.
    #[schema(value_type = Option<String>)]
    direction: Option<Direction>,
    /// The trunk it comes by, by its name.
    trunk: String,
    /// The phone it is on.
    device: Option<String>,
    /// When it begins, RFC 3339; now if left out.
    at: Option<String>,
    /// Whether a command starts its recording.
    by_command: bool,
}

/// What would become of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExplanationItem {
    /// Whether it would be kept; null if a draw would say.
    kept: Option<bool>,
    /// The sentence that would be stored with it.
    why: String,
    /// The number of the schedule that would take it; null if none would.
    schedule: Option<u32>,
    /// Every schedule, in the order in which they are asked.
    schedules: Vec<AskedItem>,
}

/// What a schedule has to do with it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AskedItem {
    /// Its number.
    id: u32,
    /// Its name.
    name: String,
    /// Its priority.
    priority: i32,
    /// The first condition that does not hold, or what else keeps it from taking the call; null if it takes it.
    passed_over: Option<String>,
}

impl ExplanationItem {
    fn new(explanation: Explanation) -> Self {
        let schedules = explanation.asked.into_iter().map(|asked| AskedItem {
            id: asked.schedule.id.0,
            name: asked.schedule.name,
            priority: asked.priority,
            passed_over: asked.passed_over,
        });
        Self {
            kept: explanation.kept,
            why: explanation.why,
            schedule: explanation.schedule.map(|schedule| schedule.id.0),
            schedules: schedules.collect(),
        }
    }
}

impl MadeUpCall {
    /// What schedules look at. The number of an agent that is not known is the error.
    fn into_traits(self, tracker: &Tracker) -> Result<Traits, u32> {
        let agents: Vec<AgentId> = self.agents.into_iter().map(AgentId).collect();
        let known = &tracker.state().agents;
        if let Some(unknown) = agents.iter().find(|agent| !known.contains_key(agent)) {
            return Err(unknown.0);
        }
        let first = agents.first().and_then(|agent| known.get(agent));
        let phone = || first.map(|agent| agent.phone.clone()).unwrap_or_default();
        Ok(Traits {
            business_unit: self.business_unit.or(first.map(|agent| agent.business_unit)).unwrap_or(0),
            device: self.device.unwrap_or_else(phone),
            agents,
            gate: self.gate,
            skill_group: self.skill_group,
            ani: self.ani,
            dnis: self.dnis,
            direction: self.direction,
            trunk: self.trunk,
        })
    }
}

/// Says which schedule would take a call, what it would do, and why the others would not. Nothing is changed or counted.
#[utoipa::path(
    post,
    path = "/v1/schedules/explain",
    tag = "schedules",
    operation_id = "explainSchedules",
    request_body = MadeUpCall,
    responses(
        (status = 200, description = "What would become of the call", body = ExplanationItem),
        (status = 400, description = "A field is unknown or not valid; parameter names it", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn explain(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<ExplanationItem>, Problem> {
    Query::read(request.uri().query(), &[])?;
    let call: MadeUpCall = read_json(&read_body(request.into_body()).await?)?;
    let at = instant("at", call.at.as_deref())?.unwrap_or(app.clock.now());
    let explained = app.desk.look(move |tracker| {
        let by_command = call.by_command;
        let traits = call.into_traits(tracker)?;
        Ok(tracker.explain(at, &traits, by_command))
    });
    let explained: Result<Explanation, u32> = explained.await?;
    let unknown = |id| Problem::parameter("agents", format!("there is no agent {id}"));
    Ok(Json(ExplanationItem::new(explained.map_err(unknown)?)))
}
