//! The WFO Recording API: seven commands by agent, and their siblings by device (wfo-api section 2).
//!
//! Paths match without regard to case, as the keys do. A command's answer is the agent object as it is after the
//! command, and it comes once the fact is durable.
//!
//! Belongs here: this face's words. Does not: what a command does (the desk), the XML face.

mod agent;
mod blackout;
mod export;
mod parameters;
mod record;
mod view;

use access::{Kind, Permission, Principal};
use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use calls::agent::AgentIdentifier;
use calls::field::Field;
use calls::tracker::{AgentView, Target};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::control::error::WfoFault;
use crate::control::scope::covers_agent;
use crate::desk::AskError;
use crate::http::{App, BodyError, principal, read_body};
use crate::trail::note;
use parameters::{Parameters, fault};

pub(crate) use agent::{__path_list, __path_status};
pub(crate) use blackout::{__path_close, __path_open};
pub(crate) use export::{__path_letter, __path_several, __path_single};
pub(crate) use record::{__path_start, __path_stop, __path_update};
pub(crate) use view::AgentObject;

/// Names the metadata keys that were sent and not written (wfo-api section 9 row 7).
pub(crate) const IGNORED_METADATA: HeaderName = HeaderName::from_static("sidetone-ignored-metadata");

/// How many ignored keys are named at most.
const MAX_NAMED: usize = 32;

/// What a command is called on the wire.
pub(crate) struct Command {
    /// Its path, as the API writes it.
    pub(crate) path: &'static str,
    name: Name,
    by: By,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    AgentStatus,
    AgentList,
    Start,
    Update,
    Stop,
    OpenBlackout,
    CloseBlackout,
}

/// How a command names its target.
#[derive(Clone, Copy)]
enum By {
    Agent,
    Device,
}

/// Every command.
pub(crate) const COMMANDS: [Command; 12] = [
    Command { path: "/api/Agent", name: Name::AgentStatus, by: By::Agent },
    Command { path: "/api/Agent/GetAll", name: Name::AgentList, by: By::Agent },
    Command { path: "/api/Record/StartForAgent", name: Name::Start, by: By::Agent },
    Command { path: "/api/Record/UpdateForAgent", name: Name::Update, by: By::Agent },
    Command { path: "/api/Record/StopForAgent", name: Name::Stop, by: By::Agent },
    Command { path: "/api/Blackout/StartForAgent", name: Name::OpenBlackout, by: By::Agent },
    Command { path: "/api/Blackout/StopForAgent", name: Name::CloseBlackout, by: By::Agent },
    Command { path: "/api/Record/StartForDevice", name: Name::Start, by: By::Device },
    Command { path: "/api/Record/UpdateForDevice", name: Name::Update, by: By::Device },
    Command { path: "/api/Record/StopForDevice", name: Name::Stop, by: By::Device },
    Command { path: "/api/Blackout/StartForDevice", name: Name::OpenBlackout, by: By::Device },
    Command { path: "/api/Blackout/StopForDevice", name: Name::CloseBlackout, by: By::Device },
];

/// The body of a command by agent. Keys match in any case; the same parameters may stand in the URI.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[expect(
    dead_code,
    reason = "describes the body for OpenAPI; it is read more leniently than a struct can say"
)]
pub(crate) struct AgentCommand {
    /// `Id`, `Phone`, `CrmUsername`, `SystemUsername` or `Username`.
    #[schema(example = "Id")]
    agent_identifier: String,
    /// The agent's value of that kind, as a text or a number.
    #[schema(example = "1")]
    value: String,
    /// Update only: one of the agent's calls, if not the active one is meant.
    #[serde(default)]
    call_instance: Option<String>,
    /// Start and Update: metadata keys and their values.
    #[serde(default)]
    call_metadata: Option<std::collections::BTreeMap<String, String>>,
}

/// The body of a command by device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[expect(
    dead_code,
    reason = "describes the body for OpenAPI; it is read more leniently than a struct can say"
)]
pub(crate) struct DeviceCommand {
    /// The physical number of the phone.
    #[schema(example = "4678")]
    device_id: String,
    /// Update only: one of the device's calls, if not the active one is meant.
    #[serde(default)]
    call_instance: Option<String>,
    /// Start and Update: metadata keys and their values.
    #[serde(default)]
    call_metadata: Option<std::collections::BTreeMap<String, String>>,
}

/// Whether a path is of this face, known or not.
pub(crate) fn owns(path: &str) -> bool {
    let mut parts = path.split('/');
    parts.next() == Some("") && parts.next().is_some_and(|first| first.eq_ignore_ascii_case("api"))
}

/// Answers a request to a path of this face.
pub(crate) async fn answer(app: &App, request: Request) -> Response {
    let is_at =
        |path: &str, request: &Request| path.eq_ignore_ascii_case(request.uri().path().trim_end_matches('/'));
    let command = COMMANDS.iter().find(|command| is_at(command.path, &request));
    let export = export::COMMANDS.iter().find(|command| is_at(command.path, &request));
    let path = command.map(|command| command.path).or(export.map(|command| command.path));
    let who = principal(request.extensions());
    let outcome = match (command, export) {
        (Some(command), _) => match admit(&who, Permission::Command) {
            Ok(()) => run(app, command, request).await,
            Err(fault) => Err(fault),
        },
        (None, Some(command)) => match admit(&who, Permission::Export) {
            Ok(()) => export::run(app, command, request).await,
            Err(fault) => Err(fault),
        },
        (None, None) => Err(unknown_command()),
    };
    match &outcome {
        Ok(_) => app.metrics.commands_done.increment(),
        Err(fault) if fault.status().is_server_error() => app.metrics.commands_failed.increment(),
        Err(_) => app.metrics.commands_refused.increment(),
    }
    let status = outcome.as_ref().map_or_else(WfoFault::status, |_| axum::http::StatusCode::OK);
    tracing::info!(command = path, status = status.as_u16(), "WFO command");
    outcome.unwrap_or_else(IntoResponse::into_response)
}

async fn run(app: &App, command: &Command, request: Request) -> Result<Response, WfoFault> {
    let allow = if command.name.is_question() { Method::GET } else { Method::POST };
    let head = request.method() == Method::HEAD && allow == Method::GET;
    if request.method() != allow && !head {
        let allow = if allow == Method::GET { "GET" } else { "POST" };
        return Err(WfoFault::Method { allow, command: command.path });
    }
    let who = principal(request.extensions());
    if command.name == Name::AgentList {
        return Ok(Json(agent::list(app, who.scope()).await?).into_response());
    }
    let parameters = read_parameters(request).await?;
    let target = target(command.by, &parameters)?;
    note(|note| note.about = Some(target.to_string()));
    check_scope(app, &who, &target).await?;
    if matches!(command.name, Name::Start | Name::Update) {
        check_fields(&who, &parameters)?;
    }
    let done = match command.name {
        Name::AgentStatus | Name::AgentList => agent::status(app, target).await?.into(),
        Name::Start => record::start(app, target, &parameters).await?,
        Name::Update => record::update(app, target, &parameters).await?,
        Name::Stop => record::stop(app, target).await?.into(),
        Name::OpenBlackout => blackout::open(app, target).await?.into(),
        Name::CloseBlackout => blackout::close(app, target).await?.into(),
    };
    Ok(done.into_response())
}

/// Refuses who may not command, or not export: 401 if they could say who they are, 403 if they have (wfo-api section 9 row 1).
fn admit(who: &Principal, permission: Permission) -> Result<(), WfoFault> {
    match who.kind {
        _ if who.may(permission) => Ok(()),
        Kind::Nobody => Err(WfoFault::Unauthorized),
        _ => Err(WfoFault::NotAllowed(format!(
            "this takes the permission {}, which {} does not have",
            permission.as_str(),
            who.name
        ))),
    }
}

/// Names in the audit what is written, and refuses what is not everybody's: for how long a call is kept (F-API-3).
fn check_fields(who: &Principal, parameters: &Parameters) -> Result<(), WfoFault> {
    let Some(metadata) = parameters.metadata()? else { return Ok(()) };
    let names: Vec<String> = metadata.fields.keys().map(Field::to_string).collect();
    note(|note| note.detail = Some(format!("writes {}", names.join(", "))));
    let is_keeping = |field: &Field| matches!(field, Field::KeepDays | Field::ArchiveAction);
    match metadata.fields.keys().find(|field| is_keeping(field)) {
        Some(field) if !who.may(Permission::SetKeeping) => Err(WfoFault::NotAllowed(format!(
            "{field} takes the permission {}, which {} does not have; leave it out",
            Permission::SetKeeping.as_str(),
            who.name
        ))),
        _ => Ok(()),
    }
}

/// Whom somebody may not command is not there for them.
async fn check_scope(app: &App, who: &Principal, target: &Target) -> Result<(), WfoFault> {
    if who.scope().is_all() {
        return Ok(());
    }
    let view = app.desk.agent(target.clone()).await?;
    if view.agent.is_some_and(|agent| covers_agent(who.scope(), &agent)) {
        return Ok(());
    }
    Err(AskError::Refused(target.unknown()).into())
}

async fn read_parameters(request: Request) -> Result<Parameters, WfoFault> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let label = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let form = "application/x-www-form-urlencoded";
    let is_form =
        label.and_then(|label| label.get(..form.len())).is_some_and(|label| label.eq_ignore_ascii_case(form));
    let body = read_body(request.into_body()).await.map_err(|error| match error {
        BodyError::TooLarge => WfoFault::TooLarge,
        BodyError::Broken => fault("The body broke off before its end; send it again.".to_owned()),
        BodyError::NotTheSame(why) => WfoFault::NotAllowed(format!("{why}; nothing was done, send it again")),
    })?;
    Parameters::read(&query, is_form, &body)
}

/// Reads parameters as every command does, and what stands in them for commands and exports; the fuzzer has no other way in.
///
/// # Errors
/// The sentence that the caller would be answered.
pub fn check_parameters(query: &str, is_form: bool, body: &[u8]) -> Result<(), String> {
    let read = || -> Result<(), WfoFault> {
        let parameters = Parameters::read(query, is_form, body)?;
        parameters.get("Value")?;
        parameters.metadata()?;
        export::check(&parameters)
    };
    read().map_err(|fault| fault.message())
}

fn target(by: By, parameters: &Parameters) -> Result<Target, WfoFault> {
    match by {
        By::Device => match parameters.get("DeviceId")? {
            Some(device) => Ok(Target::Device(device.to_owned())),
            None => Err(missing("DeviceId is", "{\"DeviceId\":\"4678\"}")),
        },
        By::Agent => {
            let example = "{\"AgentIdentifier\":\"Id\",\"Value\":\"1\"}";
            match (parameters.get("AgentIdentifier")?, parameters.get("Value")?) {
                (Some(kind), Some(value)) => {
                    let kind = AgentIdentifier::from_wire(kind).ok_or_else(|| {
                        let known = AgentIdentifier::ALL.map(AgentIdentifier::wire_name).join(", ");
                        fault(format!("\"{kind}\" is no AgentIdentifier; there are {known}."))
                    })?;
                    Ok(Target::Agent { kind, value: value.to_owned() })
                }
                (None, Some(_)) => Err(missing("AgentIdentifier is", example)),
                (Some(_), None) => Err(missing("Value is", example)),
                (None, None) => Err(missing("AgentIdentifier and Value are", example)),
            }
        }
    }
}

fn missing(what: &str, example: &str) -> WfoFault {
    fault(format!("{what} missing; send it in the URI or in the JSON body, for example {example}."))
}

fn unknown_command() -> WfoFault {
    let commands = COMMANDS.iter().map(|command| command.path);
    let known: Vec<&str> = commands.chain(export::COMMANDS.iter().map(|command| command.path)).collect();
    let known = known.join(", ");
    fault(format!("There is no such command; the commands are {known}."))
}

impl Name {
    fn is_question(self) -> bool {
        matches!(self, Self::AgentStatus | Self::AgentList)
    }
}

/// A command was carried out.
struct Done {
    agent: AgentObject,
    ignored: Vec<String>,
}

impl From<AgentObject> for Done {
    fn from(agent: AgentObject) -> Self {
        Self { agent, ignored: Vec::new() }
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        let mut response = Json(self.agent).into_response();
        if !self.ignored.is_empty() {
            response.headers_mut().insert(IGNORED_METADATA, names(&self.ignored));
        }
        response
    }
}

/// The call a command was for, as the audit has it.
fn noted(view: AgentView) -> AgentView {
    note(|note| note.call = view.active.as_ref().map(|call| call.id));
    view
}

/// Key names as a header may carry them: what is no letter, digit or sign of a name becomes `?`.
fn names(keys: &[String]) -> HeaderValue {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '?' };
    let name = |key: &String| key.chars().take(64).map(safe).collect::<String>();
    let mut named: Vec<String> = keys.iter().take(MAX_NAMED).map(name).collect();
    if keys.len() > MAX_NAMED {
        named.push("...".to_owned());
    }
    HeaderValue::from_str(&named.join(", ")).expect("only visible ASCII is left")
}
