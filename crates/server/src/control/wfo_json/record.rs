//! Call Start, Call Update and Call Stop.

use calls::tracker::Target;

use super::parameters::{Metadata, Parameters};
use super::{AgentCommand, AgentObject, Done, missing, noted};
use crate::control::error::{WfoFault, WfoMessage};
use crate::http::App;

/// Call Start: records the agent's call, from before its first stored packet under the `CallMetadata` given.
///
/// Changes nothing when the call is already recorded. With no call known it begins one, to which media may come.
#[utoipa::path(
    post,
    path = "/api/Record/StartForAgent",
    tag = "WFO",
    operation_id = "CallStart",
    request_body = AgentCommand,
    responses(
        (status = 200, description = "The agent after the command", body = AgentObject),
        (status = 404, description = "No such agent, or a parameter is missing or malformed", body = WfoMessage),
        (status = 500, description = "It could not be made durable in time", body = WfoMessage),
    )
)]
pub(super) async fn start(app: &App, target: Target, parameters: &Parameters) -> Result<Done, WfoFault> {
    let Metadata { fields, ignored } = parameters.metadata()?.unwrap_or_default();
    let view = noted(app.desk.start_recording(target, fields).await?);
    Ok(Done { agent: AgentObject::new(&view, &app.zone), ignored })
}

/// Call Update: writes `CallMetadata` into the agent's active call, else into the newest inactive one;
/// `CallInstance` picks another.
#[utoipa::path(
    post,
    path = "/api/Record/UpdateForAgent",
    tag = "WFO",
    operation_id = "CallUpdate",
    request_body = AgentCommand,
    responses(
        (status = 200, description = "The agent after the command", body = AgentObject),
        (status = 404, description = "No such agent or call, or a parameter is missing or malformed",
         body = WfoMessage),
        (status = 500, description = "It could not be made durable in time", body = WfoMessage),
    )
)]
pub(super) async fn update(app: &App, target: Target, parameters: &Parameters) -> Result<Done, WfoFault> {
    let Some(Metadata { fields, ignored }) = parameters.metadata()? else {
        return Err(missing("CallMetadata is", "\"CallMetadata\":{\"user2\":\"1234567890\"}"));
    };
    let instance = parameters.get("CallInstance")?.map(str::to_owned);
    let view = noted(app.desk.tag(target, instance, fields).await?);
    Ok(Done { agent: AgentObject::new(&view, &app.zone), ignored })
}

/// Call Stop: ends the recording of the agent's call. The call goes on, unless it lives by the API alone.
#[utoipa::path(
    post,
    path = "/api/Record/StopForAgent",
    tag = "WFO",
    operation_id = "CallStop",
    request_body = AgentCommand,
    responses(
        (status = 200, description = "The agent after the command", body = AgentObject),
        (status = 404, description = "No such agent or call, or a parameter is missing", body = WfoMessage),
        (status = 500, description = "It could not be made durable in time", body = WfoMessage),
    )
)]
pub(super) async fn stop(app: &App, target: Target) -> Result<AgentObject, WfoFault> {
    Ok(AgentObject::new(&noted(app.desk.stop_recording(target).await?), &app.zone))
}
