//! Blackout Start and Blackout Stop.

use calls::tracker::Target;

use super::{AgentCommand, AgentObject, noted};
use crate::control::error::{WfoFault, WfoMessage};
use crate::http::App;

/// Blackout Start: from the answer on nothing of the agent is written, on any call, until the stop (C2-02).
///
/// A second start restarts the time-out. With no call the blackout waits for the next one.
#[utoipa::path(
    post,
    path = "/api/Blackout/StartForAgent",
    tag = "WFO",
    operation_id = "BlackoutStart",
    request_body = AgentCommand,
    responses(
        (status = 200, description = "The agent after the command", body = AgentObject),
        (status = 404, description = "No such agent, or a parameter is missing", body = WfoMessage),
        (status = 500, description = "It could not be made durable in time; the agent is dark all the same",
         body = WfoMessage),
    )
)]
pub(super) async fn open(app: &App, target: Target) -> Result<AgentObject, WfoFault> {
    Ok(AgentObject::new(&noted(app.desk.open_blackout(target).await?), &app.zone))
}

/// Blackout Stop: writing goes on with the next packet. Changes nothing where there is no blackout.
#[utoipa::path(
    post,
    path = "/api/Blackout/StopForAgent",
    tag = "WFO",
    operation_id = "BlackoutStop",
    request_body = AgentCommand,
    responses(
        (status = 200, description = "The agent after the command", body = AgentObject),
        (status = 404, description = "No such agent, or a parameter is missing", body = WfoMessage),
        (status = 500, description = "It could not be made durable in time", body = WfoMessage),
    )
)]
pub(super) async fn close(app: &App, target: Target) -> Result<AgentObject, WfoFault> {
    Ok(AgentObject::new(&noted(app.desk.close_blackout(target).await?), &app.zone))
}
