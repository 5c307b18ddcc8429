//! Recordings leave in a zip: jobs that are asked for, looked at, downloaded and cancelled.

use std::borrow::Cow;
use std::sync::Arc;

use access::Principal;
use audio::file::NoForm;
use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use index::PAGE_MAX;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::audio::reason;
use super::query::{Query, id};
use super::recordings::{CONDITIONS, conditions, recording_id};
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::control::zip;
use crate::export::{
    ExportError, ExportId, JobView, MAX_COMBINED_MS, MAX_RECORDINGS, PACKAGE, Password, Refused,
    State as JobState, Wanted,
};
use crate::http::{App, Who, principal, read_body};
use crate::playback::{Channels, Encoding, FfmpegError, Form};
use crate::trail::note;

/// What is to leave: the recordings named, or those that are found.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportWanted {
    /// Ids of recordings, at most 10,000; this or `query`.
    #[serde(default)]
    recordings: Option<Vec<String>>,
    /// Conditions as `/v1/recordings` takes them, each a text: all recordings that are found, at most 10,000.
    #[serde(default)]
    #[schema(value_type = Option<Object>, example = json!({"agent": "1", "from": "2026-11-23T00:00:00Z"}))]
    query: Option<Map<String, Value>>,
    /// `wav`, `opus`, `flac` or `mp3`; wav if left out.
    #[serde(default)]
    format: Option<String>,
    /// 1 or 2; as each was recorded if left out.
    #[serde(default)]
    channels: Option<u16>,
    /// All in one file, one after the other by number, half a second apart, in one channel; at most 12 hours.
    #[serde(default)]
    combined: bool,
    /// Encrypts each file in the zip (AES-256, `WinZip` AE-2).
    #[serde(default)]
    #[schema(min_length = 1, max_length = 128)]
    password: Option<String>,
    /// Why, for the audit; needed where `audit.ask_reason` is set.
    #[serde(default)]
    reason: Option<String>,
}

/// An export as it is now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportItem {
    /// Its id.
    id: String,
    /// When it was asked for, RFC 3339.
    created: String,
    /// `ready`, `running`, `done`, or `failed`.
    state: &'static str,
    /// Why it failed; null if it did not.
    why: Option<String>,
    /// `download` or `mail`.
    way: &'static str,
    /// How much of the sound has left, 0 to 100; 100 only when all is done.
    percent: u8,
    /// How many recordings it has.
    recordings: usize,
    /// How long they are together, ms.
    lasts_ms: u64,
    /// Recordings that have left.
    exported: u64,
    /// Recordings that are not there, or that who asked may not hear.
    omitted: u64,
    /// Recordings that could not be made sound, wholly or from somewhere on.
    failed: u64,
    /// The first 1,000 of them.
    failures: Vec<ExportFailure>,
    /// Bytes that have left.
    bytes: u64,
    /// The form of sound.
    format: &'static str,
    /// Channels that were asked for; null if each has those it was recorded in.
    channels: Option<u16>,
    /// Whether all is in one file.
    combined: bool,
    /// Whether it is encrypted.
    encrypted: bool,
}

/// A recording that could not be made sound.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportFailure {
    /// Its id.
    recording: String,
    /// The file in the zip that holds what there is of it; null if there is none.
    file: Option<String>,
    /// Why.
    why: String,
}

/// The exports.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportList {
    /// Newest first.
    items: Vec<ExportItem>,
}

impl ExportItem {
    fn new(view: JobView) -> Self {
        let JobView { id, created, wanted, state, percent, tally } = view;
        let failures = tally.failures.into_iter().map(|failure| ExportFailure {
            recording: failure.recording,
            file: failure.file,
            why: failure.why,
        });
        Self {
            id: id.to_string(),
            created: rfc3339(created),
            state: state.label(),
            why: if let JobState::Failed(why) = state { Some(why) } else { None },
            way: if wanted.letter.is_some() { "mail" } else { "download" },
            percent,
            recordings: wanted.recordings.len(),
            lasts_ms: wanted.lasts_ms,
            exported: tally.exported,
            omitted: tally.omitted.max(wanted.omitted),
            failed: tally.failed,
            failures: failures.collect(),
            bytes: tally.bytes,
            format: wanted.form_name(),
            channels: wanted.channels.map(Channels::count),
            combined: wanted.combined,
            encrypted: wanted.password.is_some(),
        }
    }
}

impl ExportWanted {
    fn read(body: &[u8]) -> Result<Self, Problem> {
        let example = r#"{"recordings": ["0198c7a2-4f3e-7abc-8def-0123456789ab"], "format": "wav"}"#;
        // What the parser says may repeat a value, and one of them is a password: its place is enough.
        let wrong = |what: String| {
            let right = format!("the body is not as it should be ({what}): {example}");
            Problem::new(StatusCode::BAD_REQUEST, right)
        };
        // A list would be read as the fields in their order.
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(wrong("it is no object".to_owned()));
        }
        serde_json::from_slice(body).map_err(|error| {
            let said = error.to_string();
            let names_a_field = said.starts_with("unknown field");
            wrong(if names_a_field {
                said
            } else {
                format!("at line {} column {}", error.line(), error.column())
            })
        })
    }

    /// The export without its recordings.
    fn terms(&self, asker: Principal) -> Result<Wanted, Problem> {
        let mut wanted = Wanted::of(asker);
        wanted.package = self.format.as_deref() == Some(PACKAGE);
        if wanted.package && self.combined {
            let right = "a package has a folder for each recording; leave combined out";
            return Err(Problem::parameter("combined", right));
        }
        if let Some(format) = self.format.as_ref().filter(|_| !wanted.package) {
            let wrong = |error: NoForm| Problem::parameter("format", error.to_string());
            wanted.form = format.parse::<Form>().map_err(wrong)?;
        }
        wanted.channels = match self.channels {
            None => None,
            Some(1) => Some(Channels::Mono),
            Some(2) => Some(Channels::Stereo),
            Some(_) => return Err(Problem::parameter("channels", "channels must be 1 or 2")),
        };
        if self.combined && self.channels == Some(2) {
            return Err(Problem::parameter(
                "channels",
                "a combined export has one channel; leave channels out",
            ));
        }
        wanted.combined = self.combined;
        let password = self.password.as_deref().map(Password::new).transpose();
        wanted.password = password.map_err(|right| Problem::parameter("password", right))?;
        Ok(wanted)
    }

    /// Adds the recordings.
    async fn resolve(&self, app: &App, wanted: &mut Wanted) -> Result<(), Problem> {
        match (&self.recordings, &self.query) {
            (Some(recordings), None) => named(app, recordings, wanted).await,
            (None, Some(query)) => found(app, query, wanted).await,
            _ => Err(Problem::parameter(
                "recordings",
                "say which recordings: either recordings, a list of ids, or query, an object of conditions",
            )),
        }
    }
}

async fn named(app: &App, ids: &[String], wanted: &mut Wanted) -> Result<(), Problem> {
    if ids.len() > MAX_RECORDINGS {
        return Err(too_many(ids.len()));
    }
    let parsed = ids.iter().map(|id| recording_id(id).map_err(|_| not_an_id()));
    let mut seen = std::collections::HashSet::new();
    for id in parsed.collect::<Result<Vec<_>, _>>()? {
        if !seen.insert(id) {
            continue;
        }
        match app.index.recording(id).await? {
            Some(row) => wanted.add(&row),
            None => wanted.omitted += 1,
        }
    }
    Ok(())
}

fn not_an_id() -> Problem {
    let right = "each of recordings must be the id of one, such as 0198c7a2-4f3e-7abc-8def-0123456789ab";
    Problem::parameter("recordings", right)
}

fn too_many(count: usize) -> Problem {
    Problem::parameter(
        "recordings",
        format!("{count} recordings are too many; at most {MAX_RECORDINGS} leave at once"),
    )
}

async fn found(app: &App, query: &Map<String, Value>, wanted: &mut Wanted) -> Result<(), Problem> {
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    for (name, value) in query {
        let text = match value {
            Value::String(text) => Cow::from(text),
            Value::Number(number) => Cow::from(number.to_string()),
            _ => return Err(Problem::parameter("query", "each condition in query must be a text")),
        };
        pairs.push((Cow::from(name), text));
    }
    let known: Vec<&str> =
        CONDITIONS.into_iter().filter(|name| !["cursor", "limit"].contains(name)).collect();
    let query = Query::of(pairs.into_iter(), &known)?;
    let mut asked = conditions(app, &wanted.asker, &query).await?;
    asked.limit = PAGE_MAX;
    loop {
        let page = app.index.find(&asked).await?;
        page.items.iter().for_each(|row| wanted.add(row));
        if wanted.recordings.len() > MAX_RECORDINGS {
            let right =
                format!("more than {MAX_RECORDINGS} recordings are found; narrow it, such as by from and to");
            return Err(Problem::parameter("query", right));
        }
        match page.next {
            Some(next) => asked.cursor = Some(next),
            None => return Ok(()),
        }
    }
}

fn export_id(text: &str) -> Result<ExportId, Problem> {
    id(text, "an export's id is a UUID such as 5b0c7a2e-4f3e-4abc-8def-0123456789ab")
}

/// Whether an export is somebody's own: what another asked for is none of their business, whatever they may hear.
fn is_own(who: &Principal, job: &JobView) -> bool {
    (who.kind, &who.name) == (job.wanted.asker.kind, &job.wanted.asker.name)
}

/// Somebody's own export.
fn own(app: &App, who: &Principal, id: ExportId) -> Result<JobView, Problem> {
    app.exports.job(id).filter(|job| is_own(who, job)).ok_or_else(no_such)
}

fn no_such() -> Problem {
    Problem::not_found("there is no such export; one on which nothing happens for an hour is forgotten")
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Running | Refused::Mailed => Self::new(StatusCode::CONFLICT, refused.to_string()),
            Refused::Busy | Refused::Full | Refused::FullOfTheirs => Self::unavailable(refused.to_string()),
            Refused::BusyWithTheirs(_) => Self::new(StatusCode::TOO_MANY_REQUESTS, refused.to_string()),
            Refused::NoId => Self::failed("making an id", &refused),
        }
    }
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Nothing => Self::not_found(error.to_string()),
            ExportError::TooLong(_) | ExportError::Cancelled => {
                Self::new(StatusCode::CONFLICT, error.to_string())
            }
            ExportError::NotTheSame => Self::new(StatusCode::FORBIDDEN, error.to_string()),
            ExportError::NotWrittenDown => Self::unavailable(error.to_string()),
            error => Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }
}

/// The exports that are kept, newest first.
#[utoipa::path(
    get,
    path = "/v1/exports",
    tag = "exports",
    operation_id = "listExports",
    responses(
        (status = 200, description = "The exports", body = ExportList),
        (status = 400, description = "A parameter is unknown", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Who(who): Who,
    RawQuery(query): RawQuery,
) -> Result<Json<ExportList>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let own = app.exports.jobs().into_iter().filter(|job| is_own(&who, job));
    Ok(Json(ExportList { items: own.map(ExportItem::new).collect() }))
}

/// Asks for an export. Nothing is made yet: it is made while it is downloaded. What is not there, or may not be heard by who
/// asks, is left out.
#[utoipa::path(
    post,
    path = "/v1/exports",
    tag = "exports",
    operation_id = "createExport",
    request_body = ExportWanted,
    responses(
        (status = 201, description = "It is kept, and waits to be downloaded", body = ExportItem,
         headers(("Location" = String, description = "Its address"))),
        (status = 400, description = "The body is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "No recording is left", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 501, description = "There is no ffmpeg to make this form", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "Too many exports are kept, or the index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, HeaderMap, Json<ExportItem>), Problem> {
    Query::read(request.uri().query(), &[])?;
    let asker = principal(request.extensions());
    let headers = request.headers().clone();
    let asked = ExportWanted::read(&read_body(request.into_body()).await?)?;
    let mut wanted = asked.terms(asker)?;
    wanted.reason = reason(&app, &headers, asked.reason.clone())?;
    let missing = |error: FfmpegError| Problem::new(StatusCode::NOT_IMPLEMENTED, error.to_string());
    Encoding::available(wanted.form, &app.ffmpeg).map_err(missing)?;
    asked.resolve(&app, &mut wanted).await?;
    if wanted.recordings.is_empty() {
        return Err(Problem::not_found("no recording is left to be exported"));
    }
    if wanted.combined && wanted.lasts_ms > MAX_COMBINED_MS {
        let hours = MAX_COMBINED_MS / 3_600_000;
        let right = format!("together they last longer than the {hours} hours of one file; combine fewer");
        return Err(Problem::parameter("combined", right));
    }
    let count = wanted.recordings.len();
    let (reason, detail) = (wanted.reason.clone(), format!("{count} recordings, {}", wanted.form.name()));
    let item = ExportItem::new(app.exports.keep(wanted)?);
    note(|note| {
        (note.about, note.detail, note.reason) =
            (Some(format!("export {}", item.id)), Some(detail), Some(reason));
    });
    let location =
        HeaderValue::from_str(&format!("/v1/exports/{}", item.id)).expect("an id is visible ASCII");
    Ok((StatusCode::CREATED, HeaderMap::from_iter([(header::LOCATION, location)]), Json(item)))
}

/// An export as it is now.
#[utoipa::path(
    get,
    path = "/v1/exports/{id}",
    tag = "exports",
    operation_id = "getExport",
    params(("id" = String, Path, description = "The export's id")),
    responses(
        (status = 200, description = "The export", body = ExportItem),
        (status = 400, description = "The id is none", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such export", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<ExportItem>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let job = own(&app, &who, export_id(&id)?)?;
    Ok(Json(ExportItem::new(job)))
}

/// Ends an export, wherever it is, and forgets it.
#[utoipa::path(
    delete,
    path = "/v1/exports/{id}",
    tag = "exports",
    operation_id = "cancelExport",
    params(("id" = String, Path, description = "The export's id")),
    responses(
        (status = 204, description = "It is over"),
        (status = 400, description = "The id is none", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such export", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    Query::read(query.as_deref(), &[])?;
    let id = own(&app, &who, export_id(&id)?)?.id;
    if app.exports.cancel(id) { Ok(StatusCode::NO_CONTENT) } else { Err(no_such()) }
}

/// The zip of an export, made while it is read. Each recording is written down in the log of listens before it leaves. It may
/// be downloaded again.
#[utoipa::path(
    get,
    path = "/v1/exports/{id}/download",
    tag = "exports",
    operation_id = "downloadExport",
    params(("id" = String, Path, description = "The export's id")),
    responses(
        (status = 200, description = "The zip", body = Vec<u8>, content_type = "application/zip"),
        (status = 400, description = "The id is none", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such export, or none of its recordings is there any more", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "It is on its way already, or goes by mail", body = Problem,
         content_type = "application/problem+json"),
        (status = 500, description = "None of its recordings can be made sound", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "Too many exports are on their way, recording needs what this would take, or it cannot be written down", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn download(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    Query::read(request.uri().query(), &[])?;
    let who = principal(request.extensions());
    let id = own(&app, &who, export_id(&id)?)?.id;
    // A9-07: recording comes first.
    if let Some(why) = app.readiness.spares_playback() {
        return Err(Problem::unavailable(format!("recording needs what listening would take: {why}")));
    }
    if request.method() == axum::http::Method::HEAD {
        app.exports.job(id).ok_or_else(no_such)?;
        return Ok(axum::response::IntoResponse::into_response(zip::head(app.clock.now())));
    }
    let mut run = app.exports.download(id, who).ok_or_else(no_such)??;
    match run.next().await.unwrap_or(Err(ExportError::Nothing)) {
        Ok(first) => Ok(zip::answer_job(app.clock.now(), first, run)),
        Err(error) => {
            run.end(Err(error.clone()));
            Err(error.into())
        }
    }
}
