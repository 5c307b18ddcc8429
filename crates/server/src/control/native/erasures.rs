//! Recordings that were erased, and erasure of what is about somebody (C5-01, C5-02).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use index::{ApprovalAsked, ApprovalKind, Erasure};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::approvals::{self, ApprovalItem, ToApprove};
use super::query::Query;
use super::{body, principal};
use crate::aftercare::retention::plan::Stays;
use crate::aftercare::retention::{Asked, Outcome, Subject};
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::{App, read_body};
use crate::trail::note;

/// How long an asker is kept waiting; it is done all the same.
const PATIENCE: Duration = Duration::from_secs(25);

/// Digits a number needs: with fewer it is the end of too many.
const LEAST_DIGITS: usize = 6;

/// Whose recordings go, and who says so.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErasureAsked {
    /// The end of a caller's or callee's number, of 6 digits or more.
    #[serde(default)]
    number: Option<String>,
    /// The whole name of a party, in any case.
    #[serde(default)]
    name: Option<String>,
    /// Exact values of user fields, `user1` to `user15`.
    #[serde(default)]
    fields: BTreeMap<String, String>,
    /// Who asks for it. A person who is logged in does it under their own name.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 500)]
    by: Option<String>,
    /// The legal ground.
    #[schema(min_length = 1, max_length = 500)]
    why: String,
    /// Only say what would go, and what stays.
    #[serde(default)]
    dry_run: bool,
}

/// A recording that was erased, or is about to be: the proof of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErasureItem {
    /// Its number, over all recordings.
    number: i64,
    /// The recording.
    recording: String,
    /// Its number, the key of exports.
    ident: i64,
    /// The digest of the file that was erased, hexadecimal.
    digest: String,
    /// Its length.
    bytes: u64,
    /// From when it was recorded, RFC 3339.
    started: String,
    /// To when.
    ended: String,
    /// `retention` where its days were over, `subject` where somebody asked.
    rule: &'static str,
    /// Who had it erased.
    by: String,
    /// The legal ground, or the reason.
    why: String,
    /// The network address it was asked from; `recorder` where nobody asked.
    source: String,
    /// The archives that had it beside the data folder.
    archives: Vec<String>,
    /// When it was marked, RFC 3339.
    marked: String,
    /// When it was decided.
    decided: String,
    /// When it was done; null while it is not.
    done: Option<String>,
    /// How many files were destroyed; null while it is not done.
    files: Option<u64>,
    /// How many data keys were overwritten in them; null while it is not done.
    keys: Option<u64>,
}

impl ErasureItem {
    fn new(erasure: &Erasure) -> Self {
        Self {
            number: erasure.number,
            recording: erasure.recording.to_string(),
            ident: erasure.ident,
            digest: vault::Digest(erasure.digest).to_string(),
            bytes: erasure.file_bytes,
            started: rfc3339(erasure.started),
            ended: rfc3339(erasure.ended),
            rule: erasure.cause.rule.as_str(),
            by: erasure.cause.who.clone(),
            why: erasure.cause.why.clone(),
            source: erasure.cause.source.clone(),
            archives: erasure.places.clone(),
            marked: rfc3339(erasure.marked),
            decided: rfc3339(erasure.decided),
            done: erasure.done.map(|(at, ..)| rfc3339(at)),
            files: erasure.done.map(|(_, files, _)| files),
            keys: erasure.done.map(|(.., keys)| keys),
        }
    }
}

/// Recordings that were erased.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErasureList {
    /// In the order they were decided, at most 500.
    items: Vec<ErasureItem>,
    /// Give this as `after` to get the next page; null on the last.
    next: Option<i64>,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErasureOutcome {
    /// Whether nothing was done.
    dry_run: bool,
    /// What would go.
    would_go: Vec<ConcernedItem>,
    /// What has gone, with the proof.
    erased: Vec<ErasureItem>,
    /// What stays, and why.
    stays: Vec<ConcernedItem>,
}

/// What is answered while it is not done.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes an answer of two kinds")]
pub(crate) enum ErasureAnswer {
    /// It waits for approval.
    Waits(Box<ApprovalItem>),
    /// It will be erased.
    Decided(ErasureOutcome),
}

/// A recording that is about somebody.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConcernedItem {
    /// Its id.
    id: String,
    /// When it was made, RFC 3339.
    started: String,
    /// Why it stays; null if it would go.
    why: Option<String>,
    /// The legal hold that keeps it; null if none does.
    hold: Option<i64>,
}

impl ErasureOutcome {
    fn new(dry_run: bool, outcome: &Outcome) -> Self {
        let concerned = |row: &index::RecordingRow, stays: Option<&Stays>| ConcernedItem {
            id: row.id.to_string(),
            started: rfc3339(row.started),
            why: stays.map(|stays| match stays {
                Stays::Held(hold) => format!("legal hold {hold} keeps it"),
                Stays::Young(until) => format!("the law wants it kept until {}", rfc3339(*until)),
            }),
            hold: match stays {
                Some(Stays::Held(hold)) => Some(*hold),
                _ => None,
            },
        };
        Self {
            dry_run,
            would_go: outcome.would_go.iter().map(|row| concerned(row, None)).collect(),
            erased: outcome.erased.iter().map(ErasureItem::new).collect(),
            stays: outcome.stays.iter().map(|(row, stays)| concerned(row, Some(stays))).collect(),
        }
    }
}

impl ErasureAsked {
    /// Which conditions are said, for the audit: never whom they name, who wants to be forgotten (C5-02).
    fn conditions(&self) -> String {
        let said =
            |text: &Option<String>, name| text.as_ref().filter(|text| !text.trim().is_empty()).map(|_| name);
        let named = [said(&self.number, "number"), said(&self.name, "name")].into_iter().flatten();
        let conditions: Vec<&str> = named.chain(self.fields.keys().map(String::as_str)).collect();
        format!("by {}{}", conditions.join(", "), if self.dry_run { "; a dry run" } else { "" })
    }

    fn subject(&self) -> Result<Subject, Problem> {
        body::name("why", &self.why)?;
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let mut query = index::Query { number: given(&self.number), ..index::Query::default() };
        if let Some(number) = &query.number
            && index::reversed_digits(number).is_none_or(|digits| digits.len() < LEAST_DIGITS)
        {
            let right = format!(
                "number needs {LEAST_DIGITS} digits or more: it is compared with the ends of numbers, and fewer would erase the \
                 calls of others"
            );
            return Err(Problem::parameter("number", right));
        }
        for (field, value) in &self.fields {
            let number = field.strip_prefix("user").and_then(|number| number.parse::<u8>().ok());
            let number = number.filter(|number| (1..=15).contains(number)).ok_or_else(|| {
                Problem::parameter(
                    "fields",
                    "fields are user1 to user15, such as {\"user2\": \"1234567890\"}",
                )
            })?;
            if value.trim().is_empty() {
                return Err(Problem::parameter("fields", format!("{field} must say which value is meant")));
            }
            query.user.insert(number, value.clone());
        }
        let name = given(&self.name);
        if name.is_none() && query == index::Query::default() {
            return Err(Problem::parameter(
                "number",
                "say whose recordings are meant: number, name or fields",
            ));
        }
        Ok(Subject { query, name })
    }
}

/// 410: what there was, and when and why it was erased.
pub(super) fn gone(erasure: &Erasure) -> Problem {
    let at = erasure.done.map_or(erasure.decided, |(at, ..)| at);
    let detail = format!(
        "this recording was erased on {} by {}: {}; its proof is number {} under /v1/erasures",
        rfc3339(at),
        erasure.cause.who,
        erasure.cause.why,
        erasure.number
    );
    Problem::new(StatusCode::GONE, detail)
}

/// Recordings that were erased: what each was, by its digest, by whom and why it was erased, and when.
#[utoipa::path(
    get,
    path = "/v1/erasures",
    tag = "retention",
    operation_id = "listErasures",
    params(("after" = Option<i64>, Query, description = "next of the page before")),
    responses(
        (status = 200, description = "A page of erasures", body = ErasureList),
        (status = 400, description = "A parameter is unknown or not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<ErasureList>, Problem> {
    let query = Query::read(query.as_deref(), &["after"])?;
    let after = query.number::<i64>("after", "the number of an erasure")?.unwrap_or(0);
    let erasures = app.index.erasures_after(after).await?;
    let is_full = u32::try_from(erasures.len()).is_ok_and(|count| count == index::PAGE_MAX);
    let next = erasures.last().filter(|_| is_full).map(|last| last.number);
    Ok(Json(ErasureList { items: erasures.iter().map(ErasureItem::new).collect(), next }))
}

/// Erases what is about somebody, for good: the keys of each recording are destroyed, then its files, wherever an archive
/// has one, and what is known of it. What a legal hold or the law keeps stays, and is named. Ask for a dry run first.
#[utoipa::path(
    post,
    path = "/v1/erasures",
    tag = "retention",
    operation_id = "eraseSubject",
    request_body = ErasureAsked,
    responses(
        (status = 200, description = "What would go and what stays, in a dry run; or nothing was to be erased", body = ErasureOutcome),
        (status = 201, description = "It is erased, but for what stays", body = ErasureOutcome),
        (status = 202, description = "It waits for the approval of another; or it is on record and will be erased, and something takes its time",
         body = ErasureAnswer),
        (status = 400, description = "A condition or a text is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "All that is about them is kept by a legal hold or by law: which is said", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn erase(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    Query::read(request.uri().query(), &[])?;
    let who = principal(&request);
    let body = read_body(request.into_body()).await?;
    let example = r#"{"number": "+15550100", "by": "Robin", "why": "GDPR 17(1)(a)", "dry_run": true}"#;
    let asked: ErasureAsked = body::read_untold(&body, example)?;
    note(|note| (note.detail, note.reason) = (Some(asked.conditions()), Some(asked.why.trim().to_owned())));
    let signed = body::signed(&who, asked.by.as_deref())?;
    let subject = asked.subject()?;
    if asked.dry_run {
        let outcome = app.archivist.about(&subject).await?;
        return Ok(Json(ErasureOutcome::new(true, &outcome)).into_response());
    }
    let why = body::name("why", &asked.why)?;
    if app.identity.four_eyes(&who) {
        let what = json!({"number": asked.number, "name": asked.name, "fields": asked.fields, "why": why});
        let request = ToApprove { kind: ApprovalKind::Erasure, what, by: signed, why };
        return approvals::ask(&app, &who, request).await;
    }
    let by = Asked { who: signed, why, source: who.from };
    let outcome = erased(&app, &subject, &by).await?;
    let status = match outcome.erased.as_slice() {
        [] => StatusCode::OK,
        erased if erased.iter().all(|erasure| erasure.done.is_some()) => StatusCode::CREATED,
        _ => StatusCode::ACCEPTED,
    };
    Ok((status, Json(ErasureOutcome::new(false, &outcome))).into_response())
}

/// Erases what was asked for, once another has approved it.
pub(super) async fn carry_out(app: &App, by: String, approved: &ApprovalAsked) -> Result<(), Problem> {
    let by = Asked { who: by, why: approved.why.clone(), source: approved.source.clone() };
    erased(app, &subject_of(approved)?, &by).await.map(drop)
}

/// By which conditions somebody has asked, as far as it is kept.
pub(super) fn conditions_of(asked: &ApprovalAsked) -> String {
    let what: Option<ErasureAsked> = serde_json::from_str(&asked.what).ok();
    what.map_or_else(|| "of whom it is not kept".to_owned(), |what| what.conditions())
}

/// What would go now of what somebody has asked to be erased.
pub(super) async fn would_go(app: &App, asked: &ApprovalAsked) -> Result<ErasureOutcome, Problem> {
    let outcome = app.archivist.about(&subject_of(asked)?).await?;
    Ok(ErasureOutcome::new(true, &outcome))
}

/// Whom it is about who is to be approved: of them what there was when it was asked for, since nobody has seen what came later.
fn subject_of(asked: &ApprovalAsked) -> Result<Subject, Problem> {
    let what: ErasureAsked = serde_json::from_str(&asked.what)
        .map_err(|error| Problem::failed("reading what was asked for", &error))?;
    let mut subject = what.subject()?;
    subject.query.to = Some(asked.at);
    Ok(subject)
}

/// Erases what is about somebody, and waits a while for it to be done.
async fn erased(app: &App, subject: &Subject, by: &Asked) -> Result<Outcome, Problem> {
    let mut outcome = app.archivist.decide(subject, by).await?;
    let doing = tokio::spawn(app.archivist.clone().carry_out(outcome.erased.clone()));
    // Whatever comes of it, the decision stands and is carried out.
    let _ = tokio::time::timeout(PATIENCE, doing).await;
    for erasure in &mut outcome.erased {
        if let Some(now) = app.index.erasure_of(erasure.recording).await? {
            *erasure = now;
        }
    }
    if outcome.erased.is_empty()
        && let Some((_, stays)) = outcome.stays.first()
    {
        let count = outcome.stays.len();
        let why = match stays {
            Stays::Held(hold) => format!("legal hold {hold} keeps it"),
            Stays::Young(until) => format!("the law wants it kept until {}", rfc3339(*until)),
        };
        let detail = format!("nothing was erased: {count} recordings are about them, and {why}");
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    Ok(outcome)
}
