//! Agents: read, put, seated and removed one by one, and imported from an agents file.

use std::collections::HashMap;
use std::sync::Arc;

use access::Scope;
use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use calls::agent::{Agent, AgentIdentifier};
use calls::agents_file::{self, AgentsFileError};
use calls::blackout::{Blackout, Owner};
use calls::call::Call;
use calls::id::AgentId;
use calls::time::Wall;
use calls::tracker::{Target, Tracker};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::calls::CallSummary;
use super::query::{Query, id};
use crate::control::error::Problem;
use crate::control::scope::{covers_agent, covers_call};
use crate::control::time::rfc3339;
use crate::desk::AskError;
use crate::http::{App, BodyError, Who, read_body};
use crate::trail::note;

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
    Who(who): Who,
    RawQuery(query): RawQuery,
) -> Result<Json<AgentList>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let now = app.clock.now();
    Ok(Json(AgentList { items: app.desk.look(move |tracker| list_all(tracker, now, who.scope())).await? }))
}

/// One pass over calls and one over agents: the desk has other things to do.
fn list_all(tracker: &Tracker, now: Wall, scope: &Scope) -> Vec<AgentItem> {
    let state = tracker.state();
    let live = state.calls.values().filter(|call| call.is_live() && !call.is_chat());
    let live = live.filter(|call| covers_call(scope, tracker, call));
    // Calls are in the order they began, so the newest of an agent stays.
    let newest: HashMap<AgentId, &Call> =
        live.flat_map(|call| call.agents.iter().map(move |agent| (*agent, call))).collect();
    let blackouts: HashMap<&Owner, &Blackout> =
        state.blackouts.iter().map(|blackout| (&blackout.owner, blackout)).collect();
    let summary = |call: &&Call| CallSummary::new(call, tracker.held_back_since(now, call.id));
    let item = |agent: &Agent| {
        let active_call = newest.get(&agent.id).map(summary);
        AgentItem::new(agent.clone(), active_call, blackouts.get(&Owner::Agent(agent.id)).copied())
    };
    state.agents.values().filter(|agent| covers_agent(scope, agent)).map(item).collect()
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
    Who(who): Who,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<AgentItem>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let number = agent_id(&text)?;
    Ok(Json(shown(&app, number, who.scope().clone()).await?))
}

/// Where an agent is to sit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seat {
    /// The number of the phone; empty for none.
    phone: String,
}

/// An agent at a phone.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Seated {
    /// The agent.
    agent: AgentItem,
    /// Who sat there before and sits nowhere now, by number.
    unseated: Vec<u32>,
}

/// The agent as the desk sees it.
async fn shown(app: &App, number: u32, scope: Scope) -> Result<AgentItem, Problem> {
    let wanted = Target::Agent { kind: AgentIdentifier::Id, value: AgentId(number).to_string() };
    let view = app.desk.agent(wanted.clone()).await?;
    match view.agent.clone().filter(|agent| covers_agent(&scope, agent)) {
        Some(agent) => {
            let (now, active) = (app.clock.now(), view.active.clone());
            let summary = move |tracker: &Tracker| {
                let call = active.filter(|call| covers_call(&scope, tracker, call))?;
                Some(CallSummary::new(&call, tracker.held_back_since(now, call.id)))
            };
            let active_call = app.desk.look(summary).await?;
            Ok(AgentItem::new(agent, active_call, view.blackout.as_ref()))
        }
        // In the words of one that is not there.
        None => Err(AskError::Refused(wanted.unknown()).into()),
    }
}

fn agent_id(text: &str) -> Result<u32, Problem> {
    id(text, "an agent's id is a number such as 1")
}

/// Puts an agent: a new one, or all of one in place of what was known. What is left out is empty.
#[utoipa::path(
    put,
    path = "/v1/agents/{id}",
    tag = "agents",
    operation_id = "putAgent",
    params(("id" = u32, Path, description = "The agent's own number")),
    request_body = file::AgentFields,
    responses(
        (status = 200, description = "The agent is so now, durably", body = AgentItem),
        (status = 201, description = "The agent is known now, durably", body = AgentItem),
        (status = 400, description = "The id or a field is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "Another agent answers to a name of this one", body = Problem,
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
) -> Result<(StatusCode, Json<AgentItem>), Problem> {
    Query::read(request.uri().query(), &[])?;
    let number = agent_id(&text)?;
    let body = read_body(request.into_body()).await?;
    let agent = read_one(number, &body)?;
    let is_new = app.desk.look(move |tracker| !tracker.state().agents.contains_key(&AgentId(number))).await?;
    app.desk.put_agents(vec![agent]).await.map_err(Problem::conflict)?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(shown(&app, number, Scope::All).await?)))
}

/// One agent, by the rules of an agents file.
fn read_one(number: u32, body: &[u8]) -> Result<Agent, Problem> {
    let example = r#"{"phone": "4678", "name": "Rowan Pike"}"#;
    let wrong = |what: String| Problem::new(StatusCode::BAD_REQUEST, what);
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body)
        .map_err(|error| wrong(format!("the body is no JSON object ({error}): {example}")))?;
    match fields.insert("id".to_owned(), number.into()) {
        Some(said)
            if said.as_str().map_or(said.as_u64(), |said| said.parse().ok()) != Some(number.into()) =>
        {
            return Err(Problem::parameter("id", "the id of the body is another than that of the address"));
        }
        _ => {}
    }
    let row = serde_json::to_vec(&[fields]).map_err(|error| wrong(error.to_string()))?;
    let mut agents = agents_file::parse(&row).map_err(|bad| {
        let what: Vec<String> = bad.faults.into_iter().map(|fault| fault.what).collect();
        wrong(what.join("; "))
    })?;
    agents.pop().ok_or_else(|| wrong(format!("the body holds no agent: {example}")))
}

/// Removes an agent, when no live call and no blackout needs the agent. Recordings keep number and name.
#[utoipa::path(
    delete,
    path = "/v1/agents/{id}",
    tag = "agents",
    operation_id = "removeAgent",
    params(("id" = u32, Path, description = "The agent's own number")),
    responses(
        (status = 204, description = "The agent is gone, durably"),
        (status = 400, description = "The id is no number", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "The agent has a live call or a blackout", body = Problem,
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
    let number = agent_id(&text)?;
    shown(&app, number, Scope::All).await?;
    app.desk.remove_agent(AgentId(number)).await.map_err(Problem::conflict)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Seats an agent at a phone (free seating): its next calls are the agent's. Whoever sat there sits nowhere.
#[utoipa::path(
    put,
    path = "/v1/agents/{id}/seat",
    tag = "agents",
    operation_id = "seatAgent",
    params(("id" = u32, Path, description = "The agent's own number")),
    request_body = Seat,
    responses(
        (status = 200, description = "The agent sits there, durably", body = Seated),
        (status = 400, description = "The id or the phone is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 500, description = "It could not be made durable in time", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn seat(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    request: Request,
) -> Result<Json<Seated>, Problem> {
    Query::read(request.uri().query(), &[])?;
    let number = agent_id(&text)?;
    let body = read_body(request.into_body()).await?;
    let seat: Seat = serde_json::from_slice(&body).map_err(|error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            format!("the body says no phone ({error}): {{\"phone\": \"4102\"}}"),
        )
    })?;
    let phone = read_one(number, serde_json::json!({"phone": seat.phone}).to_string().as_bytes())?.phone;
    let unseated = app.desk.seat_agent(AgentId(number), phone).await?;
    let unseated = unseated.into_iter().map(|agent| agent.0).collect();
    Ok(Json(Seated { agent: shown(&app, number, Scope::All).await?, unseated }))
}

/// Imports an agents file: CSV with a header, or a JSON array with the same names. All agents of it or none.
/// Agents that are not in the file stay as they are.
#[utoipa::path(
    post,
    path = "/v1/agents/import",
    tag = "agents",
    operation_id = "importAgents",
    params(("dry_run" = Option<bool>, Query, description = "true only says what would be done")),
    request_body(content(
        (String = "text/csv"),
        (Vec<file::AgentRow> = "application/json"),
    )),
    responses(
        (status = 200, description = "They are known, durably; or, of a dry run, would be", body = Imported),
        (status = 400, description = "The file is at fault, line says where; or a parameter", body = Problem,
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
    let query = Query::read(query.as_deref(), &["dry_run"])?;
    let dry_run = match query.text("dry_run").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::parameter("dry_run", "dry_run must be true or false")),
    };
    let body = read_body(request.into_body()).await?;
    let agents = agents_file::parse(&body).map_err(|bad| at_fault(&bad))?;
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
    let (how, count) = (if dry_run { "tried" } else { "taken" }, imported.agents);
    note(|note| note.detail = Some(format!("{count} agents, {how}")));
    if dry_run {
        let checked = app.desk.look(move |tracker| tracker.check_agents(&agents)).await?;
        checked.map_err(|refusal| Problem::conflict(refusal.into()))?;
    } else {
        app.desk.put_agents(agents).await.map_err(Problem::conflict)?;
    }
    Ok(Json(imported))
}

/// Names the first line that is at fault, and says what is wrong with all.
fn at_fault(bad: &AgentsFileError) -> Problem {
    match bad.faults.as_slice() {
        [only] if bad.more == 0 => Problem::line(only.line, &only.what),
        faults => Problem::line(faults.first().map_or(1, |first| first.line), bad.listed("; ")),
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::too_large(),
            BodyError::Broken => {
                Self::new(StatusCode::BAD_REQUEST, "the body broke off before its end; send it again")
            }
            BodyError::NotTheSame(why) => {
                Self::new(StatusCode::FORBIDDEN, format!("{why}; nothing was done, send it again"))
            }
        }
    }
}

/// Names the agents file's columns for OpenAPI.
mod file {
    /// An agent without the number. Numbers are taken as texts too; what is left out is empty.
    #[derive(Debug, utoipa::ToSchema)]
    #[expect(dead_code, reason = "describes the body for OpenAPI; calls::agents_file reads it")]
    pub(super) struct AgentFields {
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
