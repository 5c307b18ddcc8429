//! Agent Status and Agent List.

use access::Scope;
use calls::tracker::Target;

use super::AgentObject;
use crate::control::error::{WfoFault, WfoMessage};
use crate::control::scope::covers_agent;
use crate::http::App;

/// Agent Status: what the agent does now.
#[utoipa::path(
    get,
    path = "/api/Agent",
    tag = "WFO",
    operation_id = "AgentStatus",
    params(
        ("agentIdentifier" = String, Query, description = "Id, Phone, CrmUsername, SystemUsername or Username"),
        ("value" = String, Query, description = "The agent's value of that kind"),
    ),
    responses(
        (status = 200, description = "The agent now", body = AgentObject),
        (status = 404, description = "No such agent, or a parameter is missing", body = WfoMessage),
    )
)]
pub(super) async fn status(app: &App, target: Target) -> Result<AgentObject, WfoFault> {
    Ok(AgentObject::new(&app.desk.agent(target).await?, &app.zone))
}

/// Agent List: every agent.
#[utoipa::path(
    get,
    path = "/api/Agent/GetAll",
    tag = "WFO",
    operation_id = "AgentList",
    responses((status = 200, description = "All agents, by number", body = Vec<AgentObject>))
)]
pub(super) async fn list(app: &App, scope: &Scope) -> Result<Vec<AgentObject>, WfoFault> {
    let mut views = app.desk.agents().await?;
    views.retain(|view| view.agent.as_ref().is_some_and(|agent| covers_agent(scope, agent)));
    Ok(views.iter().map(|view| AgentObject::new(view, &app.zone)).collect())
}
