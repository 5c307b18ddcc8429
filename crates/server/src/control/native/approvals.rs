//! Four eyes: what one has asked for, another approves or refuses (F-API-5).

use std::sync::Arc;
use std::time::Duration;

use access::{Kind, Permission, Principal, Role};
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use index::{Approval, ApprovalAsked, ApprovalKind, Decision, PAGE_MAX};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::erasures::ErasureOutcome;
use super::query::Query;
use super::users::{location, number};
use super::{erasures, holds, key_exports};
use crate::control::acts::outcome_of;
use crate::control::error::Problem;
use crate::control::hands::{IN_HANDS_DAYS, One, one_behind};
use crate::control::time::rfc3339;
use crate::http::{App, principal};
use crate::trail::{Act, Actor, note, note_more};

/// Which sizes of pages are taken.
const LIMIT_WANTED: &str = "a whole number from 1 to 500";

/// How long a request waits for approval.
const WAITS: Duration = Duration::from_secs(7 * 86_400);

/// What one has asked for, and what another said to it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApprovalItem {
    /// Its number.
    id: i64,
    /// `erasure`, `hold_release` or `key_export`.
    kind: &'static str,
    /// What is to be done, as it was asked for. Of an erasure that was carried out, refused or has expired `{"struck": true}`: whom
    /// it was about is not kept.
    what: Value,
    /// Who asked.
    by: String,
    /// Why.
    why: String,
    /// The network address it was asked from.
    source: String,
    /// When, RFC 3339.
    asked: String,
    /// Until when it can be approved, RFC 3339.
    expires: String,
    /// `waiting`, `approved` (and done, or being done), `failed` (approved, and could not be done), `refused` or `expired`.
    state: &'static str,
    /// Why it could not be done; null unless it has failed.
    problem: Option<String>,
    /// Who decided; null while nobody has.
    decided_by: Option<String>,
    /// When, RFC 3339; null while nobody has.
    decided: Option<String>,
    /// Of one erasure that waits: which recordings would go now, and which would stay. Null elsewhere, and in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    would: Option<ErasureOutcome>,
}

/// Requests.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApprovalList {
    /// Newest first.
    items: Vec<ApprovalItem>,
    /// Give this as `cursor` to get the next page; null on the last.
    next: Option<i64>,
}

impl ApprovalItem {
    fn new(app: &App, approval: &Approval) -> Self {
        let Approval { number, asked, decision, outcome, .. } = approval;
        let problem = outcome.clone().and_then(Result::err);
        let state = match decision {
            Some(_) if problem.is_some() => "failed",
            Some(Decision { approved: true, .. }) => "approved",
            Some(_) => "refused",
            None if app.clock.now() >= asked.expires => "expired",
            None => "waiting",
        };
        Self {
            id: *number,
            kind: asked.kind.as_str(),
            what: serde_json::from_str(&asked.what).unwrap_or_default(),
            by: asked.by.clone(),
            why: asked.why.clone(),
            source: asked.source.clone(),
            asked: rfc3339(asked.at),
            expires: rfc3339(asked.expires),
            state,
            problem,
            decided_by: decision.as_ref().map(|decision| decision.by.clone()),
            decided: decision.as_ref().map(|decision| rfc3339(decision.at)),
            would: None,
        }
    }
}

/// Something to be done that needs another.
pub(super) struct ToApprove {
    pub(super) kind: ApprovalKind,
    /// As JSON.
    pub(super) what: Value,
    /// The name it is asked under.
    pub(super) by: String,
    pub(super) why: String,
}

/// Writes down what somebody asks for, and answers that it waits.
pub(super) async fn ask(app: &App, who: &Principal, request: ToApprove) -> Result<Response, Problem> {
    let approval = ask_for(app, who, request).await?;
    let headers: HeaderMap = location("approvals", approval.number);
    Ok((StatusCode::ACCEPTED, headers, Json(ApprovalItem::new(app, &approval))).into_response())
}

/// Writes down what somebody asks for.
pub(super) async fn ask_for(app: &App, who: &Principal, request: ToApprove) -> Result<Approval, Problem> {
    let at = app.clock.now();
    let asked = ApprovalAsked {
        kind: request.kind,
        what: request.what.to_string(),
        by: request.by,
        asker: who.kind_and_name(),
        why: request.why,
        source: who.from.clone(),
        at,
        expires: at.after(WAITS),
    };
    let approval = app.index.register().ask_approval(&asked).await?;
    note_more(&format!("approval {}", approval.number));
    tracing::info!(
        approval = approval.number,
        kind = asked.kind.as_str(),
        by = asked.by,
        "an approval is asked for"
    );
    Ok(approval)
}

/// What waits for approval; with `state=all` also what was decided or has expired.
#[utoipa::path(
    get,
    path = "/v1/approvals",
    tag = "access",
    operation_id = "listApprovals",
    params(
        ("state" = Option<String>, Query, description = "all: those that were decided or have expired too"),
        ("cursor" = Option<i64>, Query, description = "The next of the page before"),
        ("limit" = Option<u32>, Query, description = "How many, 1 to 500; 500 if left out"),
    ),
    responses(
        (status = 200, description = "The requests", body = ApprovalList),
        (status = 400, description = "A parameter is unknown or not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<ApprovalList>, Problem> {
    let query = Query::read(request.uri().query(), &["state", "cursor", "limit"])?;
    let waiting_at = (!query.all("state")?).then(|| app.clock.now());
    let before = query.number("cursor", "the next of the page before")?;
    let limit = query.number("limit", LIMIT_WANTED)?.unwrap_or(PAGE_MAX);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::parameter("limit", format!("limit must be {LIMIT_WANTED}")));
    }
    // One more than the page holds tells whether there is a next page.
    let mut approvals = app.index.register().approvals(waiting_at, (before, limit + 1)).await?;
    let has_more = approvals.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    approvals.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = approvals.last().filter(|_| has_more).map(|approval| approval.number);
    let items = approvals.iter().map(|approval| ApprovalItem::new(&app, approval)).collect();
    Ok(Json(ApprovalList { items, next }))
}

/// One request.
#[utoipa::path(
    get,
    path = "/v1/approvals/{id}",
    tag = "access",
    operation_id = "getApproval",
    params(("id" = i64, Path, description = "The request's number")),
    responses(
        (status = 200, description = "The request", body = ApprovalItem),
        (status = 400, description = "The number is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such request", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    request: Request,
) -> Result<Json<ApprovalItem>, Problem> {
    Query::read(request.uri().query(), &[])?;
    let approval = known(&app, &text).await?;
    let mut item = ApprovalItem::new(&app, &approval);
    if item.state == "waiting" && approval.asked.kind == ApprovalKind::Erasure {
        item.would = Some(erasures::would_go(&app, &approval.asked).await?);
    }
    Ok(Json(item))
}

async fn known(app: &App, text: &str) -> Result<Approval, Problem> {
    let approval = app.index.register().approval(number(text)?).await?;
    approval.ok_or_else(no_such)
}

fn no_such() -> Problem {
    Problem::not_found("there is no such request for approval")
}

/// Approves what another person has asked for; it is done at once.
#[utoipa::path(
    post,
    path = "/v1/approvals/{id}/approve",
    tag = "access",
    operation_id = "approve",
    params(("id" = i64, Path, description = "The request's number")),
    responses(
        (status = 200, description = "It is approved and done", body = ApprovalItem),
        (status = 400, description = "The number is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "It is one's own request, or no person decides", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such request", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "It was decided before, has expired, or cannot be done any more", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn approve(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    request: Request,
) -> Result<Json<ApprovalItem>, Problem> {
    Query::read(request.uri().query(), &[])?;
    let who = principal(request.extensions());
    let approval = known(&app, &text).await?;
    tell_what(&approval);
    // Whoever asks may go away meanwhile: what was approved is done, and what came of it written down, all the same.
    let doing = tokio::spawn(async move {
        let approval = decide(&app, approval, &who, true).await?;
        let done = carry_out(&app, &approval, &who).await;
        let outcome = done.as_ref().map(drop).map_err(|problem| problem.detail().to_owned());
        tell_done(&app, &approval, &who, done.as_ref().err()).await;
        let approval = app.index.register().carried_out(approval.number, &outcome).await?;
        done?;
        Ok(Json(ApprovalItem::new(&app, &approval.ok_or_else(no_such)?)))
    });
    doing.await.map_err(|panicked| Problem::failed("doing what was approved", &panicked))?
}

/// What was asked for, as the audit is told it: by which conditions, and never whom, somebody wants to be forgotten.
fn object(asked: &ApprovalAsked) -> String {
    let what: Value = serde_json::from_str(&asked.what).unwrap_or_default();
    let word = |name: &str| what[name].as_str().unwrap_or("unknown").to_owned();
    match asked.kind {
        ApprovalKind::Erasure => format!("erasure {}", erasures::conditions_of(asked)),
        ApprovalKind::HoldRelease => format!("release of hold {}, matter {}", what["hold"], word("matter")),
        ApprovalKind::KeyExport => format!("private half of key {}", word("key")),
    }
}

/// Tells the audit what it is that somebody decides.
fn tell_what(approval: &Approval) {
    let asked = &approval.asked;
    let detail = format!("{}, asked by {}", object(asked), asked.by);
    note(|note| (note.detail, note.reason) = (Some(detail), Some(asked.why.clone())));
}

/// Writes down what has come of a release that was approved. Erasures and keys have entries of their own, of each recording and
/// when it is fetched.
async fn tell_done(app: &App, approval: &Approval, who: &Principal, problem: Option<&Problem>) {
    let asked = &approval.asked;
    if asked.kind != ApprovalKind::HoldRelease {
        return;
    }
    let what: Value = serde_json::from_str(&asked.what).unwrap_or_default();
    let by = format!("asked by {}, approved by {}", asked.by, who.name);
    let failed = problem.map_or_else(String::new, |problem| format!("; why not: {}", problem.detail()));
    let detail = format!("{}, approval {}, {by}{failed}", object(asked), approval.number);
    let status = problem.map_or(StatusCode::OK, Problem::status);
    let outcome = outcome_of(status).unwrap_or(audit::Outcome::Refused);
    let act = Act::new(&Actor::from(who), "hold.release").about(format!("hold {}", what["hold"]));
    app.audit.note(act.detail(detail).reason(&asked.why).outcome(outcome, status.as_str())).await;
}

/// Does what was approved.
async fn carry_out(app: &App, approval: &Approval, approver: &Principal) -> Result<(), Problem> {
    let by = format!("{}, approved by {}", approval.asked.by, approver.name);
    let what: Value = serde_json::from_str(&approval.asked.what)
        .map_err(|error| Problem::failed("reading what was asked for", &error))?;
    match approval.asked.kind {
        ApprovalKind::Erasure => erasures::carry_out(app, by, &approval.asked).await,
        ApprovalKind::HoldRelease => holds::carry_out(app, &what, &by, &approval.asked.why).await,
        // Who has asked fetches it.
        ApprovalKind::KeyExport => key_exports::approved(app, &what).await,
    }
}

/// Refuses what another person has asked for, or takes back what one has asked for oneself. A key that was approved, and was not
/// fetched yet, is taken back.
#[utoipa::path(
    post,
    path = "/v1/approvals/{id}/refuse",
    tag = "access",
    operation_id = "refuse",
    params(("id" = i64, Path, description = "The request's number")),
    responses(
        (status = 200, description = "It is refused, or taken back", body = ApprovalItem),
        (status = 400, description = "The number is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "No person decides", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such request", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "It was decided before, or has expired; of a key: it was given out", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn refuse(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    request: Request,
) -> Result<Json<ApprovalItem>, Problem> {
    Query::read(request.uri().query(), &[])?;
    let who = principal(request.extensions());
    let approval = known(&app, &text).await?;
    tell_what(&approval);
    let approval = if can_be_taken_back(&approval, &who) {
        take_back(&app, approval.number, &who).await?
    } else {
        decide(&app, approval, &who, false).await?
    };
    Ok(Json(ApprovalItem::new(&app, &approval)))
}

/// Whether it was approved and could still be taken back by who decides.
fn can_be_taken_back(approval: &Approval, who: &Principal) -> bool {
    let is_approved = approval.decision.as_ref().is_some_and(|decision| decision.approved);
    let is_a_key = approval.asked.kind == ApprovalKind::KeyExport;
    is_approved && is_a_key && who.kind == Kind::Person
}

/// Takes back what was approved to be given out, and was not yet.
pub(super) async fn take_back(app: &App, number: i64, who: &Principal) -> Result<Approval, Problem> {
    let taken = app.index.register().take_back_approved(number, &who.name, app.clock.now()).await?;
    let detail = "it was given out, or taken back before";
    let approval = taken.ok_or_else(|| Problem::new(StatusCode::CONFLICT, detail))?;
    tracing::info!(approval = number, by = who.name, "what was approved was taken back");
    Ok(approval)
}

/// Writes a decision down.
pub(super) async fn decide(
    app: &App,
    approval: Approval,
    who: &Principal,
    approved: bool,
) -> Result<Approval, Problem> {
    let forbidden = |why: &str| {
        Err(Problem::new(StatusCode::FORBIDDEN, format!("{why}: one who is {}", roles_that_approve())))
    };
    if who.kind == Kind::Program || who.kind == Kind::Peer {
        return forbidden("a person has to decide this, and not a program");
    }
    if approved && approval.asked.kind == ApprovalKind::KeyExport && who.kind != Kind::Person {
        return forbidden("somebody who is logged in has to approve this");
    }
    if approved {
        match not_two(app, &approval, who).await? {
            Some(One::Asker) => {
                let why = "another person has to approve what you, or a key that you have had, asked for";
                return forbidden(why);
            }
            Some(One::Hands(hands)) => return Err(in_hands(&approval, who, &hands)),
            None => {}
        }
    }
    let at = app.clock.now();
    let decision = Decision { approved, by: who.name.clone(), source: who.from.clone(), at };
    let decided = app.index.register().decide_approval(approval.number, &decision).await?;
    let detail = "this was decided before, or has waited too long";
    let approval = decided.ok_or_else(|| Problem::new(StatusCode::CONFLICT, detail))?;
    tracing::info!(approval = approval.number, approved, by = who.name, "a request was decided");
    Ok(approval)
}

/// The roles of those who may decide.
fn roles_that_approve() -> String {
    let roles = Role::ALL.into_iter().filter(|role| role.permissions().contains(&Permission::Approve));
    roles.map(|role| role.as_str().replace('_', " ")).collect::<Vec<_>>().join(" or ")
}

/// What makes one of who has asked and who would approve it.
async fn not_two(app: &App, approval: &Approval, who: &Principal) -> Result<Option<One>, Problem> {
    let asked = &approval.asked;
    match asked.asker.split_once(' ') {
        Some(asker) if asked.asker != who.kind_and_name() => one_behind(app, asker, who, asked.at).await,
        _ => Ok(Some(One::Asker)),
    }
}

/// Says that one of the two, or a third, can have logged in as the other lately.
fn in_hands(approval: &Approval, who: &Principal, hands: &str) -> Problem {
    let asked = &approval.asked;
    let of_whom = if hands == who.name {
        format!("you have made the account of {}, who asked, or have had a way into it", asked.by)
    } else if asked.asker.split_once(' ').is_some_and(|(_, asker)| asker == hands) {
        format!("{hands}, who asked, has made your account or has had a way into it")
    } else {
        format!(
            "{hands} has made your account and that of {}, who asked, or has had a way into them",
            asked.by
        )
    };
    let right = format!(
        "{of_whom}: in the {IN_HANDS_DAYS} days before it was asked for, or since, a password was set, a sign-on linked or a second \
         factor ended by somebody else. Have another person approve it, or have it asked for anew {IN_HANDS_DAYS} days after that; \
         where it cannot wait, have another administrator help with accounts"
    );
    Problem::new(StatusCode::FORBIDDEN, right)
}
