//! Web Export and Email Export (wfo-api section 3): recordings as a zip, downloaded or mailed.

use std::collections::BTreeSet;

use access::Asked;
use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use calls::id::RecordingId;
use index::{Named, PAGE_MAX};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::parameters::{Parameters, fault};
use super::{missing, read_parameters};
use crate::control::error::{WfoFault, WfoMessage};
use crate::control::native::audio::REASON;
use crate::control::zip;
use crate::export::{ExportError, Letter, MAX_COMBINED_MS, MAX_RECORDINGS, Password, Refused, Wanted};
use crate::http::{App, draw, principal};
use crate::playback::{Encoding, Form};

/// A command of this part of the face.
pub(super) struct Command {
    /// Its path, as the API writes it.
    pub(super) path: &'static str,
    which: Which,
    is_mail: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Single,
    Multi,
    Combined,
}

/// Every command.
pub(super) const COMMANDS: [Command; 6] = [
    Command { path: "/api/WebExport/SingleExport", which: Which::Single, is_mail: false },
    Command { path: "/api/WebExport/MultiExport", which: Which::Multi, is_mail: false },
    Command { path: "/api/WebExport/CombinedExport", which: Which::Combined, is_mail: false },
    Command { path: "/api/EmailExport/SingleExport", which: Which::Single, is_mail: true },
    Command { path: "/api/EmailExport/MultiExport", which: Which::Multi, is_mail: true },
    Command { path: "/api/EmailExport/CombinedExport", which: Which::Combined, is_mail: true },
];

/// What `uniquefield` may be (wfo-api section 9 row 24).
const UNIQUE_FIELDS: &str = "ident, callid, globalid, RecordingIdentifier, user1 to user15";

/// The body of an export. Keys match in any case; the same parameters may stand in the URI.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body for OpenAPI; it is read more leniently than a struct can say"
)]
pub(crate) struct ExportCommand {
    /// `WAV`, `MP3`, `OGG` (Opus) or `FLAC`.
    #[schema(example = "WAV")]
    mediaformat: String,
    /// Which recordings, by their numbers: a text with commas, or a list.
    #[schema(example = "1,5,34,767")]
    idents: String,
    /// Whether the zip is to be encrypted with AES-256.
    #[serde(default)]
    encrypt: Option<bool>,
    /// Its password.
    #[serde(default)]
    password: Option<String>,
}

/// The body of an export by mail.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body for OpenAPI; it is read more leniently than a struct can say"
)]
pub(crate) struct MailCommand {
    /// The address, or several with commas between.
    #[schema(example = "kim@example.com")]
    emailaddress: String,
    /// The subject.
    #[serde(default)]
    subject: Option<String>,
    /// What is written above the zip.
    #[serde(default)]
    body: Option<String>,
    /// `WAV`, `MP3`, `OGG` (Opus) or `FLAC`.
    #[schema(example = "WAV")]
    mediaformat: String,
    /// `MultiExport`, `CombinedExport`: which recordings, by their numbers.
    #[serde(default)]
    idents: Option<String>,
    /// `SingleExport`: by what the recording is named.
    #[serde(default)]
    uniquefield: Option<String>,
    /// `SingleExport`: what it says there.
    #[serde(default)]
    uniquevalue: Option<String>,
    /// Whether the zip is to be encrypted with AES-256.
    #[serde(default)]
    encrypt: Option<bool>,
    /// Its password.
    #[serde(default)]
    password: Option<String>,
}

/// An export is on its way to a mailbox.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MailAccepted {
    /// What happens now.
    message: String,
    /// The job's id under `/v1/exports`, where its fate can be seen.
    export_identifier: String,
}

/// Runs a command.
pub(super) async fn run(app: &App, command: &Command, request: Request) -> Result<Response, WfoFault> {
    let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
    let may_get = command.which == Which::Single && !command.is_mail;
    if !(*request.method() == Method::POST || is_get && may_get) {
        let allow = if may_get { "GET, POST" } else { "POST" };
        return Err(WfoFault::Method { allow, command: command.path });
    }
    let is_head = *request.method() == Method::HEAD;
    let asker = principal(request.extensions());
    if command.is_mail && app.exports.smtp().is_none() {
        let why = "mail is not set up, so nothing can be sent; set smtp.server, smtp.from and smtp.allow_recipients, or \
                   use WebExport";
        return Err(WfoFault::Failed(why.to_owned()));
    }
    // Sound is counted by whichever way it leaves.
    draw(request.extensions(), &asker, Asked::Content)?;
    let in_header = request.headers().get(REASON).cloned();
    let parameters = read_parameters(request).await?;
    let mut wanted = Wanted::of(asker);
    wanted.reason = reason(app, in_header, &parameters)?;
    wanted.form = form(&parameters)?;
    wanted.combined = command.which == Which::Combined;
    wanted.password = password(&parameters)?;
    Encoding::available(wanted.form, &app.ffmpeg).map_err(|missing| WfoFault::Failed(missing.to_string()))?;
    let letter = match app.exports.smtp().filter(|_| command.is_mail) {
        Some(smtp) => Some((smtp.clone(), letter(&parameters, &smtp.allow_recipients)?)),
        None => None,
    };
    match command.which {
        Which::Single => single(app, &parameters, &mut wanted).await?,
        Which::Multi | Which::Combined => several(app, &parameters, &mut wanted).await?,
    }
    if wanted.combined && wanted.lasts_ms > MAX_COMBINED_MS {
        let hours = MAX_COMBINED_MS / 3_600_000;
        return Err(fault(format!(
            "What idents names lasts longer than the {hours} hours of one file; name fewer"
        )));
    }
    if let Some(why) = app.readiness.spares_playback() {
        return Err(WfoFault::Unavailable(format!("recording needs what listening would take: {why}")));
    }
    if let Some((smtp, letter)) = letter {
        let job = app.exports.send(wanted, smtp, letter)?;
        let message = "The export is being made and sent.".to_owned();
        return Ok(Json(MailAccepted { message, export_identifier: job.id.to_string() }).into_response());
    }
    if is_head {
        return Ok(zip::head(app.clock.now()).into_response());
    }
    let mut run = app.exports.begin(wanted)?;
    let first = run.next().await.unwrap_or(Err(ExportError::Nothing))?;
    Ok(zip::answer(app.clock.now(), first, run))
}

/// Why it is exported, as who asks says (C5-06).
fn reason(app: &App, in_header: Option<HeaderValue>, parameters: &Parameters) -> Result<String, WfoFault> {
    let in_header = in_header.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
    let said = parameters.get("reason")?.map(str::to_owned).or(in_header).unwrap_or_default();
    if said.is_empty() && app.audit.asks_reason() {
        return Err(missing("A reason is", "{\"reason\":\"complaint 4711\"}, or the header Sidetone-Reason"));
    }
    Ok(said)
}

/// Single Export: one recording in a zip. Of several that match, the newest.
///
/// POST does the same, with the parameters in the body, where no proxy writes the password down.
#[utoipa::path(
    get,
    path = "/api/WebExport/SingleExport",
    tag = "WFO",
    operation_id = "SingleExport",
    params(
        ("uniquefield" = String, Query, description = "ident, callid, globalid, RecordingIdentifier, or user1 to user15"),
        ("uniquevalue" = String, Query, description = "What it says there"),
        ("mediaformat" = String, Query, description = "WAV, MP3, OGG (Opus) or FLAC"),
        ("encrypt" = Option<bool>, Query, description = "Whether the zip is encrypted (AES-256, WinZip AE-2)"),
        ("password" = Option<String>, Query, description = "Its password"),
    ),
    responses(
        (status = 200, description = "The zip", body = Vec<u8>, content_type = "application/zip"),
        (status = 404, description = "No such recording, or a parameter is missing or malformed", body = WfoMessage),
        (status = 500, description = "It cannot be made sound", body = WfoMessage),
        (status = 503, description = "Too many exports are on their way, or it cannot be written down", body = WfoMessage),
    )
)]
async fn single(app: &App, parameters: &Parameters, wanted: &mut Wanted) -> Result<(), WfoFault> {
    let example = "uniquefield=ident&uniquevalue=265";
    let field = parameters.get("uniquefield")?.ok_or_else(|| missing("uniquefield is", example))?;
    let value = parameters.get("uniquevalue")?.ok_or_else(|| missing("uniquevalue is", example))?;
    let named = named(field, value)?;
    if let Some(row) = app.index.newest(&named, wanted.asker.scope()).await.map_err(index_failed)? {
        wanted.add(&row);
    }
    if wanted.recordings.is_empty() {
        return Err(fault("There is no finished recording with this uniquevalue.".to_owned()));
    }
    Ok(())
}

fn named(field: &str, value: &str) -> Result<Named, WfoFault> {
    let lower = field.to_ascii_lowercase();
    let text = || value.to_owned();
    match lower.as_str() {
        "ident" => {
            let ident = value.parse().ok().filter(|ident| *ident > 0);
            ident.map(Named::Ident).ok_or_else(|| fault(format!("uniquevalue must be {AN_IDENT}.")))
        }
        "callid" => Ok(Named::CallId(text())),
        "globalid" => Ok(Named::GlobalId(text())),
        "recordingidentifier" => {
            let wrong = |error: calls::id::NotAnId| fault(format!("uniquevalue: {error}."));
            value.parse::<RecordingId>().map(Named::Recording).map_err(wrong)
        }
        user => {
            let number = user.strip_prefix("user").filter(|number| !number.starts_with(['0', '+']));
            let number =
                number.and_then(|number| number.parse().ok()).filter(|number| (1..=15).contains(number));
            let wrong = || fault(format!("uniquefield must be one of {UNIQUE_FIELDS}."));
            number.map(|number| Named::User(number, text())).ok_or_else(wrong)
        }
    }
}

const AN_IDENT: &str = "the whole number of a recording, from 1 to 9223372036854775807";

/// Multi Export: many recordings, each a file in one zip. Those that are not there, or that who asks may not hear, are left
/// out; a `manifest.json` in the zip says how many.
#[utoipa::path(
    post,
    path = "/api/WebExport/MultiExport",
    tag = "WFO",
    operation_id = "MultiExport",
    request_body = ExportCommand,
    responses(
        (status = 200, description = "The zip", body = Vec<u8>, content_type = "application/zip"),
        (status = 404, description = "None of the recordings is left, or a parameter is missing or malformed", body = WfoMessage),
        (status = 500, description = "None of them can be made sound", body = WfoMessage),
        (status = 503, description = "Too many exports are on their way, or it cannot be written down", body = WfoMessage),
    )
)]
async fn several(app: &App, parameters: &Parameters, wanted: &mut Wanted) -> Result<(), WfoFault> {
    let idents = idents(parameters)?;
    for page in idents.chunks(PAGE_MAX as usize) {
        let rows = app.index.by_idents(page).await.map_err(index_failed)?;
        wanted.omitted += (page.len() - rows.len()) as u64;
        rows.iter().for_each(|row| wanted.add(row));
    }
    if wanted.recordings.is_empty() {
        return Err(fault("There is no finished recording that idents names.".to_owned()));
    }
    Ok(())
}

/// The numbers that `idents` names, each once, in order.
fn idents(parameters: &Parameters) -> Result<Vec<i64>, WfoFault> {
    let text = parameters.long("idents").unwrap_or_default();
    let mut idents = BTreeSet::new();
    for ident in text.split(',').map(str::trim).filter(|ident| !ident.is_empty()) {
        let number = ident.parse::<i64>().ok().filter(|number| *number > 0);
        let wrong = || fault(format!("Each of idents must be {AN_IDENT}; for example 1,5,34."));
        idents.insert(number.ok_or_else(wrong)?);
    }
    if idents.is_empty() {
        return Err(missing("idents is", "{\"idents\":\"1,5,34,767\"}"));
    }
    if idents.len() > MAX_RECORDINGS {
        let count = idents.len();
        let most = format!("idents names {count} recordings; at most {MAX_RECORDINGS} are exported at once.");
        return Err(fault(most));
    }
    Ok(idents.into_iter().collect())
}

/// Reads what exports take, as far as that goes without a recorder.
pub(super) fn check(parameters: &Parameters) -> Result<(), WfoFault> {
    form(parameters)?;
    password(parameters)?;
    idents(parameters)?;
    letter(parameters, &["*".to_owned()])?;
    if let (Some(field), Some(value)) = (parameters.get("uniquefield")?, parameters.get("uniquevalue")?) {
        named(field, value)?;
    }
    Ok(())
}

/// What WFO calls the forms; FLAC is ours.
const FORMS: [(&str, Form); 4] =
    [("WAV", Form::Wav), ("MP3", Form::Mp3), ("OGG", Form::OggOpus), ("FLAC", Form::Flac)];

fn form(parameters: &Parameters) -> Result<Form, WfoFault> {
    let names = FORMS.map(|(name, _)| name).join(", ");
    let example = format!("mediaformat=WAV; there are {names}");
    let text = parameters.get("mediaformat")?.ok_or_else(|| missing("mediaformat is", &example))?;
    let form = FORMS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, form)| *form);
    form.ok_or_else(|| fault(format!("mediaformat must be one of {names}.")))
}

/// A password without a word on encryption encrypts too: who sends one wants it.
fn password(parameters: &Parameters) -> Result<Option<Password>, WfoFault> {
    let encrypt = match parameters.get("encrypt")?.map(str::to_ascii_lowercase).as_deref() {
        None => None,
        Some("true" | "1") => Some(true),
        Some("false" | "0") => Some(false),
        Some(_) => return Err(fault("encrypt must be true or false.".to_owned())),
    };
    match (encrypt, parameters.long("password").filter(|password| !password.is_empty())) {
        (Some(false) | None, None) => Ok(None),
        (Some(true), None) => {
            Err(missing("encrypt is true and password is", "{\"encrypt\":true,\"password\":\"...\"}"))
        }
        (Some(false), Some(_)) => Err(fault(
            "There is a password, and encrypt is false; send encrypt=true, or no password.".to_owned(),
        )),
        (Some(true) | None, Some(password)) => {
            Password::new(password).map(Some).map_err(|right| fault(format!("password: {right}.")))
        }
    }
}

/// Single Export by mail: the zip goes to a mailbox. The answer comes at once; `/v1/exports` tells what became of it.
#[utoipa::path(
    post,
    path = "/api/EmailExport/SingleExport",
    tag = "WFO",
    operation_id = "EmailSingleExport",
    request_body = MailCommand,
    responses(
        (status = 200, description = "It is being made and sent", body = MailAccepted),
        (status = 404, description = "No such recording, or a parameter is missing or malformed", body = WfoMessage),
        (status = 500, description = "Mail is not set up", body = WfoMessage),
        (status = 503, description = "Too many exports are on their way", body = WfoMessage),
    )
)]
fn letter(parameters: &Parameters, allowed: &[String]) -> Result<Letter, WfoFault> {
    let to = parameters.get("emailaddress")?;
    let to = to.ok_or_else(|| missing("emailaddress is", "{\"emailaddress\":\"kim@example.com\"}"))?;
    let text = |name| parameters.long(name).unwrap_or_default();
    Letter::new(to, text("subject"), text("body"), allowed).map_err(|wrong| fault(wrong.right))
}

fn index_failed(error: index::DatabaseError) -> WfoFault {
    tracing::error!(%error, "an export cannot ask the index");
    WfoFault::Unavailable(
        "the index of recordings cannot be asked now; recording goes on without it".to_owned(),
    )
}

impl From<Refused> for WfoFault {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::BusyWithTheirs(_) => Self::TooMany { why: refused.to_string(), seconds: None },
            refused => Self::Unavailable(refused.to_string()),
        }
    }
}

impl From<ExportError> for WfoFault {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Nothing | ExportError::TooLong(_) => Self::not_found(&error.to_string()),
            ExportError::NotTheSame => Self::NotAllowed(error.to_string()),
            ExportError::NotWrittenDown => Self::Unavailable(error.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}
