//! What people attach to finished recordings: bookmarks, notes, categories; and their user fields.

use std::collections::BTreeMap;
use std::sync::Arc;

use access::{Kind, Permission, Principal};
use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use calls::field::{Field, Fields};
use index::{AnnotateError, RecordingRow, Remark, RemarkError, RemarkKind, RemarkWanted};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::query::Query;
use super::recordings::{RecordingSummary, recording_id, row};
use super::{body, principal, query};
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::{App, Who, read_body};
use crate::trail::note;

/// The longest bookmark (wfo-api section 5.5), category and note.
const BOOKMARK_MAX_CHARS: usize = 200;
const CATEGORY_MAX_CHARS: usize = 100;
const NOTE_MAX_CHARS: usize = 4_000;

const EXAMPLE: &str = r#"{"kind": "bookmark", "text": "refund promised", "from_ms": 12000, "by": "Robin"}"#;
const FIELDS_EXAMPLE: &str = r#"{"fields": {"user3": "callback done"}}"#;

/// Something to be attached to a recording.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnnotationWanted {
    /// `bookmark` (up to 200 characters), `note` (up to 4,000, several lines) or `category` (up to 100).
    kind: String,
    /// What it says. Card numbers in it are made `*` (C2-04).
    #[schema(min_length = 1, max_length = 4000)]
    text: String,
    /// The place it is about, in ms from the recording's start; left out if it is about the whole.
    #[serde(default)]
    from_ms: Option<u64>,
    /// Where that place ends; left out for a point.
    #[serde(default)]
    to_ms: Option<u64>,
    /// Who says it. A person who is logged in does it under their own name.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 500)]
    by: Option<String>,
}

/// Something that was attached to a recording.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AnnotationItem {
    /// Its number, over all recordings.
    number: i64,
    /// `bookmark`, `note` or `category`.
    kind: &'static str,
    /// What it says.
    text: String,
    /// The place it is about, in ms from the recording's start; null if it is about the whole.
    from_ms: Option<u64>,
    /// Where that place ends; null for a point.
    to_ms: Option<u64>,
    /// Who said it.
    by: String,
    /// The network address it came from.
    source: String,
    /// When, RFC 3339.
    at: String,
    /// Who took it back; null while it stands.
    removed_by: Option<String>,
    /// When that was, RFC 3339; null while it stands.
    removed: Option<String>,
}

/// What was attached to a recording.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AnnotationList {
    /// In the order it was.
    items: Vec<AnnotationItem>,
}

/// Fields to be written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldsWanted {
    /// `user1` to `user15`, each with a text of up to 4,096 bytes; an empty one clears the field.
    fields: BTreeMap<String, String>,
}

impl AnnotationItem {
    pub(super) fn new(remark: &Remark) -> Self {
        let Remark { number, said, removed } = remark;
        Self {
            number: *number,
            kind: said.kind.label(),
            text: said.text.clone(),
            from_ms: said.from_ms,
            to_ms: said.to_ms,
            by: said.who.clone(),
            source: said.source.clone(),
            at: rfc3339(said.at),
            removed_by: removed.as_ref().map(|(who, _)| who.clone()),
            removed: removed.as_ref().map(|(_, at)| rfc3339(*at)),
        }
    }
}

/// The kind of remark that a word names.
pub(super) fn kind(name: &str, word: &str) -> Result<RemarkKind, Problem> {
    let kinds = RemarkKind::ALL.map(RemarkKind::label).join(", ");
    let wrong = || Problem::parameter(name, format!("{name} must be one of {kinds}"));
    RemarkKind::from_label(word).ok_or_else(wrong)
}

impl AnnotationWanted {
    fn into_remark(self, row: &RecordingRow, app: &App, who: &Principal) -> Result<RemarkWanted, Problem> {
        let kind = kind("kind", &self.kind)?;
        let text = match kind {
            RemarkKind::Bookmark => body::line("text", &self.text, BOOKMARK_MAX_CHARS),
            RemarkKind::Category => body::line("text", &self.text, CATEGORY_MAX_CHARS),
            RemarkKind::Note => body::lines("text", &self.text, NOTE_MAX_CHARS),
        }?;
        let lasts_ms = row.duration_ms;
        if kind == RemarkKind::Category && self.from_ms.is_some() {
            return Err(Problem::parameter("from_ms", "a category is about the whole: leave from_ms out"));
        }
        if self.from_ms.is_some_and(|from| from > lasts_ms) {
            let right = format!("from_ms must lie in the recording, which lasts {lasts_ms} ms");
            return Err(Problem::parameter("from_ms", right));
        }
        if self.to_ms.is_some_and(|to| self.from_ms.is_none_or(|from| to <= from) || to > lasts_ms) {
            let right =
                format!("to_ms must lie behind from_ms and in the recording, which lasts {lasts_ms} ms");
            return Err(Problem::parameter("to_ms", right));
        }
        Ok(RemarkWanted {
            recording: row.id,
            kind,
            text,
            from_ms: self.from_ms,
            to_ms: self.to_ms,
            who: body::signed(who, self.by.as_deref())?,
            source: who.from.clone(),
            at: app.clock.now(),
        })
    }
}

/// What is attached to a recording.
#[utoipa::path(
    get,
    path = "/v1/recordings/{id}/annotations",
    tag = "recordings",
    operation_id = "listAnnotations",
    params(
        ("id" = String, Path, description = "The recording's id"),
        ("removed" = Option<String>, Query, description = "all: also what was taken back"),
    ),
    responses(
        (status = 200, description = "What is attached", body = AnnotationList),
        (status = 400, description = "The id is none, or a parameter is unknown or wrong", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such recording, or it is still being made", body = Problem,
         content_type = "application/problem+json"),
        (status = 410, description = "It was erased", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<AnnotationList>, Problem> {
    let query = Query::read(query.as_deref(), &["removed"])?;
    let all = query.all("removed")?;
    let row = row(&app, &who, recording_id(&id)?).await?;
    let remarks = app.index.remarks(row.id).await?;
    let standing = remarks.iter().filter(|remark| all || remark.removed.is_none());
    Ok(Json(AnnotationList { items: standing.map(AnnotationItem::new).collect() }))
}

/// Attaches a bookmark, a note or a category to a finished recording. Searches find its text from now on. A category that
/// stands already is answered as it is.
#[utoipa::path(
    post,
    path = "/v1/recordings/{id}/annotations",
    tag = "recordings",
    operation_id = "annotateRecording",
    params(("id" = String, Path, description = "The recording's id")),
    request_body = AnnotationWanted,
    responses(
        (status = 201, description = "It is attached, durably", body = AnnotationItem),
        (status = 400, description = "The id, the text or the place is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such recording, or it is still being made", body = Problem,
         content_type = "application/problem+json"),
        (status = 410, description = "It was erased", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The recording has as many as it can have", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<AnnotationItem>), Problem> {
    Query::read(request.uri().query(), &[])?;
    let who = principal(&request);
    let row = row(&app, &who, recording_id(&id)?).await?;
    let wanted: AnnotationWanted = body::read(&read_body(request.into_body()).await?, EXAMPLE)?;
    let wanted = wanted.into_remark(&row, &app, &who)?;
    let remark = app.index.add_remark(&wanted).await?;
    app.feed.tell_annotated(app.clock.now(), row.id, &[wanted.kind.label()]);
    Ok((StatusCode::CREATED, Json(AnnotationItem::new(&remark))))
}

/// Takes back what was attached: by who said it, or by compliance and privacy officers. It stays on record, and searches find it no
/// more.
#[utoipa::path(
    delete,
    path = "/v1/recordings/{id}/annotations/{number}",
    tag = "recordings",
    operation_id = "removeAnnotation",
    params(
        ("id" = String, Path, description = "The recording's id"),
        ("number" = i64, Path, description = "Its number"),
        ("by" = Option<String>, Query, description = "Who takes it back; a person who is logged in does it under their own name"),
    ),
    responses(
        (status = 204, description = "It is taken back, durably"),
        (status = 400, description = "The id or the number is none, or nobody is named", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "Somebody else has said it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such recording, or nothing of that number stands at it", body = Problem,
         content_type = "application/problem+json"),
        (status = 410, description = "It was erased", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Path((id, number)): Path<(String, String)>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let query = Query::read(request.uri().query(), &["by"])?;
    let who = principal(&request);
    let by = body::signed(&who, query.text("by").as_deref())?;
    let number: i64 = query::id(&number, "the number of an annotation is one such as 7")?;
    let row = row(&app, &who, recording_id(&id)?).await?;
    let now = app.clock.now();
    let mut standing = app.index.remarks(row.id).await?.into_iter();
    let other = standing.find(|remark| remark.number == number && !may_take_back(&who, &remark.said.who));
    if let Some(remark) = other {
        let right = format!(
            "{} has said this, and takes it back, or somebody with the role compliance or privacy_officer",
            remark.said.who
        );
        return Err(Problem::new(StatusCode::FORBIDDEN, right));
    }
    if !app.index.remove_remark(row.id, number, &by, now).await? {
        let why = format!("nothing of the number {number} stands at this recording");
        return Err(Problem::not_found(why));
    }
    app.feed.tell_annotated(now, row.id, &[]);
    Ok(StatusCode::NO_CONTENT)
}

/// Whether somebody may take back what was said under this name: they have said it, or may erase what was said in a recording, too.
fn may_take_back(who: &Principal, said_by: &str) -> bool {
    let has_said = match who.kind {
        Kind::Program | Kind::Peer => {
            said_by == who.name || said_by.ends_with(&format!(" (by {})", who.name))
        }
        Kind::Person => said_by == who.name,
        Kind::Local | Kind::Nobody => false,
    };
    has_said || who.may(Permission::Redact)
}

/// Writes user fields of a finished recording. What a legal hold holds keeps the values it has; fields without one may be filled.
#[utoipa::path(
    patch,
    path = "/v1/recordings/{id}",
    tag = "recordings",
    operation_id = "tagRecording",
    params(("id" = String, Path, description = "The recording's id")),
    request_body = FieldsWanted,
    responses(
        (status = 200, description = "The recording as it is now", body = RecordingSummary),
        (status = 400, description = "The id, a field or a value is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such recording, or it is still being made", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "A legal hold holds the recording, and a field has another value", body = Problem,
         content_type = "application/problem+json"),
        (status = 410, description = "It was erased", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 500, description = "It could not be made durable in time", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn tag(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<RecordingSummary>, Problem> {
    Query::read(request.uri().query(), &[])?;
    let who = principal(&request);
    let before = row(&app, &who, recording_id(&id)?).await?;
    let wanted: FieldsWanted = body::read(&read_body(request.into_body()).await?, FIELDS_EXAMPLE)?;
    let fields = user_fields(&wanted)?;
    let names: Vec<String> = fields.keys().map(Field::to_string).collect();
    note(|note| note.detail = Some(format!("writes {}", names.join(", "))));
    keep_what_is_held(&before, &fields)?;
    // While the tracker knows the call its word counts: without it a restart would bring the old values back.
    let fields = app.desk.tag_recording(before.id, fields).await?;
    let said: Vec<(String, String)> =
        fields.into_iter().map(|(field, value)| (field.to_string(), value)).collect();
    app.index.annotate(before.id, &said, app.clock.now()).await?;
    let names: Vec<&str> = said.iter().map(|(field, _)| field.as_str()).collect();
    app.feed.tell_annotated(app.clock.now(), before.id, &names);
    Ok(Json(RecordingSummary::new(&row(&app, &who, before.id).await?)))
}

/// What is evidence is not written over.
fn keep_what_is_held(row: &RecordingRow, fields: &Fields) -> Result<(), Problem> {
    let Some(hold) = row.care.holds.first() else { return Ok(()) };
    let is_lost = |(field, value): &(&Field, &String)| {
        row.fields.get(&field.to_string()).is_some_and(|held| !held.is_empty() && held != *value)
    };
    let lost: Vec<String> = fields.iter().filter(is_lost).map(|(field, _)| field.to_string()).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let right = format!(
        "legal hold {hold} holds this recording, and {} would lose what stands there; write into an empty field, or attach a note",
        lost.join(", ")
    );
    Err(Problem::new(StatusCode::CONFLICT, right))
}

/// Only what is the customer's own may be written here (F-API-3).
fn user_fields(wanted: &FieldsWanted) -> Result<Fields, Problem> {
    if wanted.fields.is_empty() {
        return Err(Problem::parameter("fields", format!("fields names no field: {FIELDS_EXAMPLE}")));
    }
    let field = |(name, value): (&String, &String)| {
        let field = Field::from_wire(name).ok().filter(|field| matches!(field, Field::User(_)));
        let wrong =
            || Problem::parameter("fields", format!("\"{name}\" cannot be written; user1 to user15 can"));
        let field = field.ok_or_else(wrong)?;
        let value = field.accept(value).map_err(|error| Problem::parameter("fields", error.to_string()))?;
        Ok((field, value))
    };
    wanted.fields.iter().map(field).collect()
}

impl From<RemarkError> for Problem {
    fn from(error: RemarkError) -> Self {
        match error {
            RemarkError::TooMany => Self::new(StatusCode::CONFLICT, error.to_string()),
            RemarkError::Database(error) => error.into(),
            error => Self::failed("writing the annotation down", &error),
        }
    }
}

impl From<AnnotateError> for Problem {
    fn from(error: AnnotateError) -> Self {
        match error {
            AnnotateError::Database(error) => error.into(),
            error => Self::failed("writing the fields", &error),
        }
    }
}
