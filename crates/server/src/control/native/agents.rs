//! Agents: read, and imported from an agents file.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use calls::agent::Agent;
use calls::agents_file;
use calls::blackout::{Blackout, Owner};
use calls::call::Call;
use calls::id::AgentId;
use calls::tracker::Tracker;
use serde::Serialize;
use utoipa::ToSchema;

use super::calls::CallSummary;
use super::query::{Query, id};
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::{App, BodyError, read_body};

/// All agents.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AgentList {
    /// By number.
    items: Vec<AgentItem>,
}

/// An agent, and what the agent does now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AgentItem {
    /// The agent's own number.
    id: u32,
    /// The number of the agent's phone.
    phone: String,
    /// Login in the recorder.
    username: String,
    /// Operating-system login.
    system_username: String,
    /// User name in the CRM.
    crm_username: String,
    /// The name people know the agent by.
    name: String,
    /// Business unit, 0 where there is only one.
    business_unit: i64,
    /// The phone's second name.
    device_alias: String,
    /// The workstation.
    station: String,
    /// The newest live call.
    active_call: Option<CallSummary>,
    /// Since when a blackout lies on the agent, RFC 3339.
    blackout_since: Option<String>,
    /// When it times out, RFC 3339; null if never.
    blackout_until: Option<String>,
}

/// What an import did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Imported {
    /// Agents in the file.
    agents: usize,
    /// Of these, new ones.
    added: usize,
    /// Known ones that are different now.
    changed: usize,
    /// Known ones that are as they were.
    unchanged: usize,
}

impl AgentItem {
    fn new(agent: Agent, active_call: Option<CallSummary>, blackout: Option<&Blackout>) -> Self {
        Self {
            id: agent.id.0,
            phone: agent.phone,
            username: agent.username,
            system_username: agent.system_username,
            crm_username: agent.crm_username,
            name: agent.name,
            business_unit: agent.business_unit,
            device_alias: agent.device_alias,
            station: agent.station,
            active_call,
            blackout_since: blackout.map(|blackout| rfc3339(blackout.since)),
            blackout_until: blackout.and_then(|blackout| blackout.until).map(rfc3339),
        }
    }
}

/// Every agent.
#[utoipa::path(
    get,
    path = "/v1/agents",
    tag = "agents",
    operation_id = "listAgents",
    responses(
        (status = 200, description = "All agents, by number", body = AgentList),
        (status = 400, description = "A parameter; none is taken", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<AgentList>, Problem> {
    Query::read(query.as_deref(), &[])?;
    Ok(Json(AgentList { items: app.desk.look(list_all).await? }))
}

/// One pass over calls and one over agents: the desk has other things to do.
fn list_all(tracker: &Tracker) -> Vec<AgentItem> {
    let state = tracker.state();
    let live = state.calls.values().filter(|call| call.is_live());
    // Calls are in the order they began, so the newest of an agent stays.
    let newest: HashMap<AgentId, &Call> =
        live.flat_map(|call| call.agents.iter().map(move |agent| (*agent, call))).collect();
    let blackouts: HashMap<&Owner, &Blackout> =
        state.blackouts.iter().map(|blackout| (&blackout.owner, blackout)).collect();
    let item = |agent: &Agent| {
        let active_call = newest.get(&agent.id).map(|call| CallSummary::new(call));
        AgentItem::new(agent.clone(), active_call, blackouts.get(&Owner::Agent(agent.id)).copied())
    };
    state.agents.values().map(item).collect()
}

/// One agent.
#[utoipa::path(
    get,
    path = "/v1/agents/{id}",
    tag = "agents",
    operation_id = "getAgent",
    params(("id" = u32, Path, description = "The agent's own number")),
    responses(
        (status = 200, description = "The agent", body = AgentItem),
        (status = 400, description = "The id is no number", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<AgentItem>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let number: u32 = id(&text, "an agent's id is a number such as 1")?;
    let wanted = calls::tracker::Target::Agent {
        kind: calls::agent::AgentIdentifier::Id,
        value: AgentId(number).to_string(),
    };
    let view = app.desk.agent(wanted).await?;
    match view.agent.clone() {
        Some(agent) => {
            let active_call = view.active.as_ref().map(CallSummary::new);
            Ok(Json(AgentItem::new(agent, active_call, view.blackout.as_ref())))
        }
        None => Err(Problem::not_found(format!("there is no agent {number}"))),
    }
}

/// Imports an agents file: CSV with a header, or a JSON array with the same names. All agents of it or none.
/// Agents that are not in the file stay as they are.
#[utoipa::path(
    post,
    path = "/v1/agents/import",
    tag = "agents",
    operation_id = "importAgents",
    request_body(content(
        (String = "text/csv"),
        (Vec<file::AgentRow> = "application/json"),
    )),
    responses(
        (status = 200, description = "They are known, durably", body = Imported),
        (status = 400, description = "The file is at fault; line says where", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "An agent of the file would answer to a name of another agent",
         body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The file is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 500, description = "It could not be made durable in time", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn import(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Json<Imported>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let body = read_body(request.into_body()).await?;
    let agents = agents_file::parse(&body).map_err(|bad| Problem::line(bad.line, bad.what))?;
    let known = app.desk.look(|tracker| tracker.state().agents.clone()).await?;
    let count = |is: fn(Option<&Agent>, &Agent) -> bool| {
        agents.iter().filter(|agent| is(known.get(&agent.id), agent)).count()
    };
    let imported = Imported {
        agents: agents.len(),
        added: count(|known, _| known.is_none()),
        changed: count(|known, agent| known.is_some_and(|known| known != agent)),
        unchanged: count(|known, agent| known == Some(agent)),
    };
    app.desk.put_agents(agents).await.map_err(Problem::conflict)?;
    Ok(Json(imported))
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::too_large(),
            BodyError::Broken => Self::new(
                axum::http::StatusCode::BAD_REQUEST,
                "the body broke off before its end; send it again",
            ),
        }
    }
}

/// Names the agents file's columns for OpenAPI.
mod file {
    /// One agent of a file. Numbers are taken as texts too.
    #[derive(Debug, utoipa::ToSchema)]
    #[expect(dead_code, reason = "describes the file for OpenAPI; calls::agents_file reads it")]
    pub(super) struct AgentRow {
        /// The agent's own number.
        id: u32,
        /// The number of the agent's phone.
        phone: Option<String>,
        /// Login in the recorder.
        username: Option<String>,
        /// Operating-system login.
        system_username: Option<String>,
        /// User name in the CRM.
        crm_username: Option<String>,
        /// The name people know the agent by.
        name: Option<String>,
        /// Business unit.
        business_unit: Option<i64>,
        /// The phone's second name.
        device_alias: Option<String>,
        /// The workstation.
        station: Option<String>,
    }
}
