//! A private half is given out under four eyes: asked for by one, approved by another, and fetched once by who asked, sealed with
//! a passphrase that nobody has before (F-API-5, F-KEY-1).
//!
//! It needs two whatever the settings say of other things: what leaves here opens every recording, and cannot be called back.

use std::sync::Arc;
use std::time::Duration;

use access::{Kind, Permission, Principal};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use calls::time::Wall;
use index::{Approval, ApprovalKind, Decision, PAGE_MAX};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use vault::KeyId;
use vault::keys::{self, Form, Stand};
use zeroize::Zeroizing;

use super::approvals::{self, ToApprove};
use super::body;
use super::query::Query;
use super::users::number;
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::{App, Who, principal, read_body};
use crate::trail::note_more;

/// How long after the approval the key can be fetched.
const FETCHABLE: Duration = Duration::from_secs(3_600);

/// So many requests are listed.
const LISTED_MAX: usize = 100;

/// Which key is asked for, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyExportAsked {
    /// The id of a reading key whose private half is here.
    key: String,
    /// Why; it stands on record.
    why: String,
}

/// What the private half is to be sealed with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyFetched {
    /// 15 to 256 characters in one line. Nothing keeps it: without it the file is worth nothing.
    #[schema(write_only, format = Password)]
    passphrase: String,
}

/// A private half that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyExportItem {
    /// Its number; that of its approval.
    id: i64,
    /// The key.
    key: String,
    /// Who asked, and gets it.
    by: String,
    /// Why.
    why: String,
    /// When, RFC 3339.
    asked: String,
    /// `waiting`, `approved` (it can be fetched), `failed` (approved, and it cannot be given out, or was taken back), `refused`, `expired` or `given`.
    state: &'static str,
    /// Why it is `failed`; null if it is not.
    problem: Option<String>,
    /// Until when it can be approved, or fetched, RFC 3339.
    expires: String,
    /// Who decided; null while nobody has.
    decided_by: Option<String>,
    /// When it was given out; null if it was not.
    given: Option<String>,
}

/// Private halves that were asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyExportList {
    /// The newest hundred, newest first.
    items: Vec<KeyExportItem>,
}

/// Which key a request is for, if it is for one.
fn key_of(approval: &Approval) -> Option<KeyId> {
    let is_for_a_key = approval.asked.kind == ApprovalKind::KeyExport;
    let what: Value = serde_json::from_str(&approval.asked.what).ok().filter(|_| is_for_a_key)?;
    what["key"].as_str()?.parse().ok()
}

impl KeyExportItem {
    fn of(approval: &Approval, now: Wall) -> Option<Self> {
        let key = key_of(approval)?.to_string();
        let Approval { number, asked, decision, outcome, given } = approval;
        let until = decision.as_ref().map_or(asked.expires, |decision| decision.at.after(FETCHABLE));
        let state = match decision {
            _ if given.is_some() => "given",
            _ if matches!(outcome, Some(Err(_))) => "failed",
            Some(Decision { approved: false, .. }) => "refused",
            _ if now >= until => "expired",
            Some(_) => "approved",
            None => "waiting",
        };
        Some(Self {
            id: *number,
            key,
            by: asked.by.clone(),
            why: asked.why.clone(),
            asked: rfc3339(asked.at),
            state,
            problem: outcome.clone().and_then(Result::err),
            expires: rfc3339(until),
            decided_by: decision.as_ref().map(|decision| decision.by.clone()),
            given: given.map(rfc3339),
        })
    }
}

/// Lists the private halves that were asked for.
#[utoipa::path(
    get,
    path = "/v1/keys/exports",
    tag = "keys",
    operation_id = "listKeyExports",
    responses(
        (status = 200, description = "What was asked for", body = KeyExportList),
        (status = 400, description = "There is a parameter", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<KeyExportList>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let (now, mut items, mut before) = (app.clock.now(), Vec::new(), None);
    while items.len() < LISTED_MAX {
        let page = app.index.register().approvals(None, (before, PAGE_MAX)).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.number);
        items.extend(page.iter().filter_map(|approval| KeyExportItem::of(approval, now)));
    }
    items.truncate(LISTED_MAX);
    Ok(Json(KeyExportList { items }))
}

/// Asks for the private half of a reading key. It always waits for the approval of another; the key is fetched afterwards.
#[utoipa::path(
    post,
    path = "/v1/keys/exports",
    tag = "keys",
    operation_id = "askKeyExport",
    request_body = KeyExportAsked,
    responses(
        (status = 202, description = "It waits for the approval of another", body = KeyExportItem),
        (status = 400, description = "The body is not as it should be", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "No person asks who is logged in", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such key", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "It is no reading key, or its private half stays in a token", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The private half is not here, or the index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ask(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    Query::read(request.uri().query(), &[])?;
    let who = principal(request.extensions());
    is_a_person(&who)?;
    let body = read_body(request.into_body()).await?;
    let example = r#"{"key": "00112233aabbccdd", "why": "a copy for the safe"}"#;
    let KeyExportAsked { key, why } = body::read(&body, example)?;
    let why = body::name("why", &why)?;
    let id = key.parse().map_err(|_| Problem::parameter("key", "key must be the id of a key: 16 digits"))?;
    can_be_given(&app, id).await?;
    let what = json!({"key": id.to_string()});
    let request = ToApprove { kind: ApprovalKind::KeyExport, what, by: who.name.clone(), why };
    let approval = approvals::ask_for(&app, &who, request).await?;
    let item = KeyExportItem::of(&approval, app.clock.now());
    Ok((StatusCode::ACCEPTED, Json(item)).into_response())
}

/// Gives the private half of a reading key to who has asked for it, once, within an hour of its approval: as a file of a key
/// folder, sealed with a passphrase.
#[utoipa::path(
    post,
    path = "/v1/keys/exports/{id}/file",
    tag = "keys",
    operation_id = "fetchKeyExport",
    params(("id" = i64, Path, description = "The request's number")),
    request_body = KeyFetched,
    responses(
        (status = 200, description = "The file `reading.key`", body = String, content_type = "text/plain"),
        (status = 400, description = "The number is none, or the passphrase does not do", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "Another has asked for it", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such request", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "It is not approved, was given out before, or has waited too long", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The private half is not here, or the index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn fetch(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    Query::read(request.uri().query(), &[])?;
    let number = number(&text)?;
    let who = principal(request.extensions());
    is_a_person(&who)?;
    let passphrase = passphrase(&app, &read_body(request.into_body()).await?, &who)?;
    let (id, approval) = own(&app, &text, &who, "gets it").await?;
    can_be_fetched(&app, &approval)?;
    expect_approver(&app, &approval)?;
    can_be_given(&app, id).await?;
    // First on record, then out of the house: a second time is asked for anew. So no more than one is sealed, which takes 64 MiB.
    if !app.index.register().give_approved(number, app.clock.now()).await? {
        return Err(given_before());
    }
    let reading = app.reading.clone();
    let sealed = tokio::task::spawn_blocking(move || reading.sealed_line(id, &passphrase)).await;
    let line = sealed.map_err(|panicked| Problem::failed("sealing the key", &panicked))??;
    tracing::warn!(key = %id, approval = number, by = who.name, "the private half of a reading key was given out");
    let headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"reading.key\"")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ]);
    Ok((headers, Bytes::copy_from_slice(&line)).into_response())
}

/// Takes back what one has asked for, whether it waits, or was approved and not fetched yet.
#[utoipa::path(
    delete,
    path = "/v1/keys/exports/{id}",
    tag = "keys",
    operation_id = "takeBackKeyExport",
    params(("id" = i64, Path, description = "The request's number")),
    responses(
        (status = 204, description = "It is taken back, durably"),
        (status = 400, description = "The number is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "Another has asked for it", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such request", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "It was given out, refused or taken back before, or has waited too long", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn take_back(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    Query::read(query.as_deref(), &[])?;
    is_a_person(&who)?;
    let (_, approval) =
        own(&app, &text, &who, "takes it back here; who approves refuses it at /v1/approvals").await?;
    match approval.decision {
        Some(Decision { approved: true, .. }) => {
            drop(approvals::take_back(&app, approval.number, &who).await?)
        }
        _ => drop(approvals::decide(&app, approval, &who, false).await?),
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The request of a number, if somebody has asked for it themselves.
async fn own(app: &App, text: &str, who: &Principal, may: &str) -> Result<(KeyId, Approval), Problem> {
    let approval = app.index.register().approval(number(text)?).await?;
    let known = approval.and_then(|approval| Some((key_of(&approval)?, approval)));
    let (id, approval) = known.ok_or_else(|| Problem::not_found("no key was asked for under this number"))?;
    note_more(&format!("key {id}"));
    if approval.asked.asker != who.kind_and_name() {
        let by = &approval.asked.by;
        let right = format!("only {by}, who has asked for this key, {may}");
        return Err(Problem::new(StatusCode::FORBIDDEN, right));
    }
    Ok((id, approval))
}

/// Refuses what was approved by somebody who might not approve it now.
fn expect_approver(app: &App, approval: &Approval) -> Result<(), Problem> {
    let by = approval.decision.as_ref().map_or("", |decision| &*decision.by);
    let may = |account: &index::Account| {
        account.name == by && account.active && account.grant.has(Permission::Approve)
    };
    if app.identity.accounts().iter().any(may) {
        return Ok(());
    }
    let right = format!("{by}, who has approved it, may not approve anything any more; ask for it again");
    Err(Problem::new(StatusCode::CONFLICT, right))
}

fn is_a_person(who: &Principal) -> Result<(), Problem> {
    let right = match who.kind {
        Kind::Person => return Ok(()),
        Kind::Local | Kind::Nobody => {
            "a key is given out where people log in, so that two can be told apart; here copy the key folder, or say sidetone keys"
        }
        Kind::Program | Kind::Peer => "a person has to ask for a key, and not a program",
    };
    Err(Problem::new(StatusCode::FORBIDDEN, right))
}

/// The passphrase in a body, of which nothing may be told to anybody.
fn passphrase(app: &App, body: &[u8], who: &Principal) -> Result<Zeroizing<String>, Problem> {
    let example = r#"the body is not as it should be: {"passphrase": "several words that nobody guesses"}"#;
    let read: Result<KeyFetched, _> = serde_json::from_slice(body);
    let KeyFetched { passphrase } = read.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, example))?;
    let passphrase = Zeroizing::new(passphrase);
    let wrong = |why: String| Problem::parameter("passphrase", why);
    app.identity.check_passphrase(&who.name, &passphrase).map_err(wrong)?;
    Ok(passphrase)
}

fn can_be_fetched(app: &App, approval: &Approval) -> Result<(), Problem> {
    let state = KeyExportItem::of(approval, app.clock.now()).map_or("", |item| item.state);
    let why = match state {
        "approved" => return Ok(()),
        "given" => return Err(given_before()),
        "waiting" => "another person has to approve it first, at /v1/approvals",
        "refused" => "it was refused",
        "failed" => {
            let why = approval.outcome.clone().and_then(Result::err).unwrap_or_default();
            return Err(Problem::new(
                StatusCode::CONFLICT,
                format!("it was approved, and not given out: {why}; ask for it again"),
            ));
        }
        _ => "it has waited too long: a key is fetched within an hour of its approval; ask for it again",
    };
    Err(Problem::new(StatusCode::CONFLICT, why))
}

fn given_before() -> Problem {
    Problem::new(StatusCode::CONFLICT, "it was given out before, and is given once; ask for it again")
}

/// Refuses keys that are not to be had here, or not to leave.
async fn can_be_given(app: &App, id: KeyId) -> Result<(), Problem> {
    let keys = app.keys.clone();
    let known =
        tokio::task::spawn_blocking(move || Ok::<_, keys::KeyError>((keys.list()?, keys.form()?))).await;
    let (listed, form) = known.map_err(|panicked| Problem::failed("listing the keys", &panicked))??;
    let conflict = |why: String| Err(Problem::new(StatusCode::CONFLICT, why));
    let mut of_this = listed.iter().filter(|key| key.id == id);
    match of_this.next() {
        None => {
            return Err(Problem::not_found(format!(
                "there is no key {id} here; /v1/keys lists those there are"
            )));
        }
        Some(key) if key.kind != keys::Kind::Reading => {
            return conflict(format!(
                "{id} is no reading key; only private halves of reading keys are given out"
            ));
        }
        Some(key) if key.stand == Stand::Destroyed => return conflict(format!("the key {id} was destroyed")),
        Some(_) => {}
    }
    if let Some(Form::Token(label)) = form {
        return conflict(format!(
            "the private half is encrypted by the key {label} of a token, which is to be asked each time; it does not leave here. Keep a second token, or a copy of before it was given to this one"
        ));
    }
    if !app.reading.holds(id) {
        let why = app.keys.away().map_or_else(String::new, |away| format!(": {}", away.words()));
        let detail =
            format!("the private half of the reading key {id} is not here{why}; export it where it is");
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    }
    Ok(())
}

/// What another has to know before it is approved: nothing is done by that but to let it be fetched.
pub(super) async fn approved(app: &App, what: &Value) -> Result<(), Problem> {
    let id = what["key"].as_str().and_then(|id| id.parse().ok());
    match id {
        Some(id) => can_be_given(app, id).await,
        None => Err(Problem::not_found("there is no such key")),
    }
}

#[cfg(test)]
mod tests {
    use index::ApprovalAsked;

    use super::*;

    fn asked(kind: ApprovalKind, decided: Option<(bool, i64)>, given_ms: Option<i64>) -> Approval {
        let decision = decided.map(|(approved, ms)| Decision {
            approved,
            by: "paul".to_owned(),
            source: "::1".to_owned(),
            at: Wall::from_ms(ms),
        });
        let asked = ApprovalAsked {
            kind,
            what: r#"{"key": "00112233aabbccdd"}"#.to_owned(),
            by: "ada".to_owned(),
            asker: "person ada".to_owned(),
            why: "w".to_owned(),
            source: "::1".to_owned(),
            at: Wall::from_ms(0),
            expires: Wall::from_ms(1_000),
        };
        Approval { number: 7, asked, decision, outcome: None, given: given_ms.map(Wall::from_ms) }
    }

    #[test]
    fn a_key_can_be_fetched_for_an_hour_after_its_approval_and_not_once_it_was_given() {
        const HOUR_MS: i64 = 3_600_000;
        for (decided, given_ms, now_ms, state) in [
            (None, None, 999, "waiting"),
            (None, None, 1_000, "expired"),
            (Some((true, 900)), None, HOUR_MS + 899, "approved"),
            (Some((true, 900)), None, HOUR_MS + 900, "expired"),
            (Some((false, 900)), None, 901, "refused"),
            (Some((true, 900)), Some(950), 951, "given"),
            (Some((true, 900)), Some(950), 2 * HOUR_MS, "given"),
        ] {
            let approval = asked(ApprovalKind::KeyExport, decided, given_ms);
            let item = KeyExportItem::of(&approval, Wall::from_ms(now_ms)).unwrap();
            assert_eq!((item.state, item.key.as_str()), (state, "00112233aabbccdd"), "at {now_ms} ms");
        }
        let mut failed = asked(ApprovalKind::KeyExport, Some((true, 900)), None);
        failed.outcome = Some(Err("it is not here".to_owned()));
        let item = KeyExportItem::of(&failed, Wall::from_ms(901)).unwrap();
        assert_eq!((item.state, item.problem.as_deref()), ("failed", Some("it is not here")));
        let other = asked(ApprovalKind::Erasure, None, None);
        assert!(KeyExportItem::of(&other, Wall::from_ms(0)).is_none());
    }
}
