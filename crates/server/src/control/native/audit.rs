//! Who did what: found a page at a time, and given out as an extract that others can check (ref/audit.md).

use std::str::FromStr;
use std::sync::Arc;

use ::audit::{Entry, Hash, Line, Start};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use calls::id::{CallId, RecordingId};
use calls::time::Wall;
use futures_util::stream;
use index::trail::{self, Kept, KeptHead};
use index::{DatabaseError, PAGE_MAX, Trail};
use serde::Serialize;
use utoipa::ToSchema;

use super::audio::header_text;
use super::query::Query;
use super::recordings::instant_of;
use crate::control::acts;
use crate::control::error::Problem;
use crate::control::spreadsheet;
use crate::control::time::rfc3339;
use crate::http::App;

/// The conditions of a search.
const CONDITIONS: [&str; 6] = ["who", "action", "recording", "call", "from", "to"];

/// A page of the audit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditList {
    /// Newest first.
    items: Vec<AuditItem>,
    /// Give this as `cursor` to get the next page; null on the last.
    next: Option<u64>,
}

/// An entry of the audit. A text that is not known is empty.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditItem {
    /// Its number, counted from 1 without a gap.
    number: u64,
    /// When, RFC 3339.
    at: String,
    /// `person`, `program`, `peer`, `local` (nobody was asked for a login) or `recorder`.
    kind: String,
    /// The name of the login or key.
    who: String,
    /// In which role.
    role: String,
    /// From where: the network address.
    source: String,
    /// What was done: a noun and a verb, as in `recording.listen`.
    action: String,
    /// `done`, `refused` or `failed`.
    outcome: String,
    /// What was answered: an HTTP status, or the code of WFO XML.
    answer: String,
    /// The recording it was done to, by its id.
    recording: String,
    /// The call, by its id.
    call: String,
    /// What else it was done to: `agent Id 1`, `hold 4`.
    about: String,
    /// How.
    detail: String,
    /// Why, as who did it says.
    reason: String,
    /// The hash over it and all before, hexadecimal.
    hash: String,
}

impl AuditItem {
    fn new(kept: Kept) -> Self {
        let number = kept.number;
        // What cannot be read is shown as such; `sidetone check --audit` says more.
        let (entry, hash) = kept.said.unwrap_or_else(|cause| (unreadable(cause), Hash::default()));
        Self {
            number,
            at: rfc3339(Wall::from_ns(entry.at_ns)),
            kind: entry.kind,
            who: entry.who,
            role: entry.role,
            source: entry.source,
            action: entry.action,
            outcome: entry.outcome,
            answer: entry.answer,
            recording: entry.recording,
            call: entry.call,
            about: entry.about,
            detail: entry.detail,
            reason: entry.reason,
            hash: hash.to_string(),
        }
    }
}

fn unreadable(cause: String) -> Entry {
    let text = String::new;
    Entry {
        at_ns: 0,
        kind: text(),
        who: text(),
        role: text(),
        source: text(),
        action: "unreadable".to_owned(),
        outcome: "failed".to_owned(),
        answer: text(),
        recording: text(),
        call: text(),
        about: text(),
        detail: cause,
        reason: text(),
    }
}

fn conditions(query: &Query) -> Result<trail::Query, Problem> {
    let instant = |name: &str| query.text(name).map(|text| instant_of(name, &text)).transpose();
    let (from, to) = (instant("from")?, instant("to")?);
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(Problem::parameter("from", "from must be before to: nothing is between them"));
    }
    let action = query.text("action");
    if let Some(action) = action.as_ref().filter(|action| !acts::is_action(action)) {
        let right = format!(
            "there is no action {action}: an action is a noun and a verb as in recording.listen, or the noun alone; ref/audit.md lists them"
        );
        return Err(Problem::parameter("action", right));
    }
    Ok(trail::Query {
        who: query.text("who"),
        action,
        recording: id::<RecordingId>(query, "recording")?,
        call: id::<CallId>(query, "call")?,
        from,
        to,
        ..trail::Query::default()
    })
}

/// An id among the conditions, as entries have it.
fn id<T: FromStr + ToString>(query: &Query, name: &str) -> Result<Option<String>, Problem> {
    let Some(text) = query.text(name) else { return Ok(None) };
    let id: Result<T, _> = text.to_ascii_lowercase().parse();
    let right =
        || format!("{name} must be the whole id of a {name}, such as 01a22159-a313-7b8b-983f-bf78e968dc25");
    id.map(|id| Some(id.to_string())).map_err(|_| Problem::parameter(name, right()))
}

/// Who did what, newest first.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "audit",
    operation_id = "searchAudit",
    params(
        ("who" = Option<String>, Query, description = "The name of the login or key, whole"),
        ("action" = Option<String>, Query, description = "What was done, as in recording.listen; or its noun alone, for all that is done to it"),
        ("recording" = Option<String>, Query, description = "The id of a recording"),
        ("call" = Option<String>, Query, description = "The id of a call"),
        ("from" = Option<String>, Query, description = "At or after this instant, RFC 3339"),
        ("to" = Option<String>, Query, description = "Before this instant, RFC 3339"),
        ("cursor" = Option<u64>, Query, description = "The next of the page before"),
        ("limit" = Option<u32>, Query, description = "How many, 1 to 500; 50 if left out"),
    ),
    responses(
        (status = 200, description = "The entries", body = AuditList),
        (status = 400, description = "A parameter is unknown or wrong", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn find(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<AuditList>, Problem> {
    let query = Query::read(query.as_deref(), &[&CONDITIONS[..], &["cursor", "limit"]].concat())?;
    let mut wanted = conditions(&query)?;
    const NEXT: &str = "the next of the page before";
    // Entries are numbered as the index numbers rows.
    let before = query.number::<i64>("cursor", NEXT)?.map(u64::try_from).transpose();
    wanted.before = before.map_err(|_| Problem::parameter("cursor", format!("cursor must be {NEXT}")))?;
    if let Some(limit) = query.number("limit", "a whole number from 1 to 500")? {
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(Problem::parameter("limit", "limit must be a whole number from 1 to 500"));
        }
        wanted.limit = limit;
    }
    let page = app.index.trail().find(&wanted).await?;
    Ok(Json(AuditList { items: page.items.into_iter().map(AuditItem::new).collect(), next: page.next }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// An extract: can be checked.
    Lines,
    /// A table, for people.
    Table,
}

/// An extract of the audit: as JSON lines, which anybody can check with the public key alone (`sidetone audit verify`), or as a
/// table (CSV) for people, which nobody can.
///
/// Of JSON lines the first says where the extract begins; then comes each entry from the first that was asked for on, whole or,
/// where it was not asked for, only the hash of its content; then the signed head that vouches for them: where none does yet, one is signed.
#[utoipa::path(
    get,
    path = "/v1/audit/export",
    tag = "audit",
    operation_id = "exportAudit",
    params(
        ("who" = Option<String>, Query, description = "As for a search"),
        ("action" = Option<String>, Query, description = "As for a search"),
        ("recording" = Option<String>, Query, description = "As for a search"),
        ("call" = Option<String>, Query, description = "As for a search"),
        ("from" = Option<String>, Query, description = "As for a search"),
        ("to" = Option<String>, Query, description = "As for a search"),
        ("format" = Option<String>, Query, description = "jsonl (if left out) or csv"),
    ),
    responses(
        (status = 200, description = "The extract", content(
            (String = "application/jsonl"), (String = "text/csv"),
        )),
        (status = 400, description = "A parameter is unknown or wrong", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such entry", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    RawQuery(text): RawQuery,
) -> Result<Response, Problem> {
    let query = Query::read(text.as_deref(), &[&CONDITIONS[..], &["format"]].concat())?;
    let wanted = conditions(&query)?;
    let form = match query.text("format").as_deref() {
        None | Some("jsonl") => Form::Lines,
        Some("csv") => Form::Table,
        Some(_) => return Err(Problem::parameter("format", "format must be jsonl or csv")),
    };
    let trail = app.index.trail();
    let span = trail.span(&wanted).await?;
    let span = span.ok_or_else(|| Problem::not_found("there is no such entry"))?;
    let mut heads = trail.heads_from(span.last).await?;
    if heads.is_empty() && form == Form::Lines {
        // What was written just now is not signed yet, and an extract of it would prove nothing.
        app.signer.vouch().await;
        heads = trail.heads_from(span.last).await?;
    }
    // Of those that vouch for it the first that says when it was there, if one does.
    let stamped = heads.iter().position(|kept| kept.token.is_some());
    let head = (!heads.is_empty()).then(|| heads.swap_remove(stamped.unwrap_or(0)));
    let behind = trail.link(span.first - 1).await?.unwrap_or_default();
    let asked = text.unwrap_or_default();
    let last = head.as_ref().filter(|_| form == Form::Lines).map_or(span.last, |kept| kept.head.link.number);
    let extract = Extract { trail, wanted, form, at: span.first - 1, last, head, start: None };
    let start = match form {
        Form::Lines => Line::Start(Start { behind, asked }).to_json() + "\n",
        Form::Table => spreadsheet::row(&COLUMNS),
    };
    let (kind, extension) = match form {
        Form::Lines => ("application/jsonl", "jsonl"),
        Form::Table => ("text/csv; charset=utf-8", "csv"),
    };
    let name = rfc3339(app.clock.now()).replace([':', '.'], "-");
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let disposition = format!("attachment; filename=\"audit_{name}.{extension}\"");
    headers.insert(header::CONTENT_DISPOSITION, header_text(&disposition));
    Ok((headers, Extract { start: Some(start), ..extract }.body()).into_response())
}

/// The columns of a table.
const COLUMNS: [&str; 15] = [
    "number",
    "at",
    "kind",
    "who",
    "role",
    "source",
    "action",
    "outcome",
    "answer",
    "recording",
    "call",
    "about",
    "detail",
    "reason",
    "hash",
];

/// An extract on its way.
struct Extract {
    trail: Trail,
    wanted: trail::Query,
    form: Form,
    /// The last entry that has left.
    at: u64,
    /// The last that is to leave.
    last: u64,
    head: Option<KeptHead>,
    start: Option<String>,
}

impl Extract {
    fn body(self) -> Body {
        Body::from_stream(stream::try_unfold(self, |mut extract| async {
            let text = extract.next().await.map_err(|error| {
                tracing::error!(%error, "an extract of the audit breaks off");
                std::io::Error::other(error)
            })?;
            Ok::<_, std::io::Error>(text.map(|text| (Bytes::from(text), extract)))
        }))
    }

    /// The next lines; never none of them.
    async fn next(&mut self) -> Result<Option<String>, DatabaseError> {
        if let Some(start) = self.start.take() {
            return Ok(Some(start));
        }
        while self.at < self.last {
            let rows = self.trail.after(self.at, &self.wanted).await?;
            if rows.is_empty() {
                break;
            }
            let mut text = String::new();
            for (kept, wanted) in rows {
                if kept.number > self.last {
                    break;
                }
                self.at = kept.number;
                text.push_str(&self.line(kept, wanted));
            }
            if !text.is_empty() {
                return Ok(Some(text));
            }
        }
        self.at = self.last;
        let head = self.head.take().filter(|_| self.form == Form::Lines);
        Ok(head.map(|KeptHead { head, token }| {
            let number = head.link.number;
            let stamp = token.map(|token| Line::Stamp { number, token });
            let lines = [Some(Line::Head(head)), stamp].into_iter().flatten();
            lines.map(|line| line.to_json() + "\n").collect()
        }))
    }

    fn line(&self, kept: Kept, wanted: bool) -> String {
        match (self.form, wanted) {
            (Form::Lines, true) => {
                let number = kept.number;
                let (entry, hash) = kept.said.unwrap_or_else(|cause| (unreadable(cause), Hash::default()));
                Line::Entry { number, entry: Box::new(entry), hash }.to_json() + "\n"
            }
            (Form::Lines, false) => {
                let number = kept.number;
                let content = kept.said.map(|(entry, _)| entry.content(number)).unwrap_or_default();
                Line::Stub { number, content }.to_json() + "\n"
            }
            (Form::Table, true) => table_row(AuditItem::new(kept)),
            (Form::Table, false) => String::new(),
        }
    }
}

fn table_row(item: AuditItem) -> String {
    let number = item.number.to_string();
    spreadsheet::row(&[
        &number,
        &item.at,
        &item.kind,
        &item.who,
        &item.role,
        &item.source,
        &item.action,
        &item.outcome,
        &item.answer,
        &item.recording,
        &item.call,
        &item.about,
        &item.detail,
        &item.reason,
        &item.hash,
    ])
}
