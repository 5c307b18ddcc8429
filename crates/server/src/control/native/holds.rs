//! Legal holds (C7-02).

use std::sync::Arc;

use access::Principal;
use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use index::{ApprovalKind, Hold, HoldError, HoldWanted};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::approvals::{self, ApprovalItem, ToApprove};
use super::query::{Query, id};
use super::recordings::{agent, instant_of, recording_id};
use super::{body, principal};
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::{App, read_body};
use crate::trail::{note, note_more};

/// A hold to be placed. It needs recordings or a query, or both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldAsked {
    /// The matter's id.
    #[schema(min_length = 1, max_length = 500)]
    matter: String,
    /// Whose it is: who is told, and may release it.
    #[schema(min_length = 1, max_length = 500)]
    owner: String,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// Who places it. A person who is logged in does it under their own name.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 500)]
    by: Option<String>,
    /// Ids of recordings that it holds.
    #[serde(default)]
    recordings: Vec<String>,
    /// What it holds besides: all that match, also those to come.
    #[serde(default)]
    query: Option<HoldQuery>,
}

/// What a hold holds. Every condition given must hold, and one must be given.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldQuery {
    /// An agent's number, name, phone or user name, whole.
    #[serde(default)]
    agent: Option<String>,
    /// The end of a caller's, callee's or device's number.
    #[serde(default)]
    number: Option<String>,
    /// Started at or after this, RFC 3339.
    #[serde(default)]
    from: Option<String>,
    /// Started before this, RFC 3339.
    #[serde(default)]
    to: Option<String>,
    /// Words over names, numbers, addresses and fields.
    #[serde(default)]
    text: Option<String>,
}

/// Why a hold ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReleaseAsked {
    /// Who releases it. A person who is logged in does it under their own name.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 500)]
    by: Option<String>,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    why: String,
}

/// A legal hold.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HoldItem {
    /// Its number.
    id: i64,
    /// The matter's id.
    matter: String,
    /// Whose it is.
    owner: String,
    /// Why.
    reason: String,
    /// Who placed it.
    by: String,
    /// The network address it was placed from.
    source: String,
    /// When it was placed, RFC 3339.
    placed: String,
    /// What it holds beside those that were named; null if only those.
    query: Option<HoldQuery>,
    /// How many recordings it holds, or held.
    count: u64,
    /// When it was released, RFC 3339; null while it holds.
    released: Option<String>,
    /// Who released it; null while it holds.
    released_by: Option<String>,
    /// Why; null while it holds.
    released_why: Option<String>,
}

/// A hold with what it holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HoldInFull {
    #[serde(flatten)]
    hold: HoldItem,
    /// The recordings, those that joined last first, at most 500.
    recordings: Vec<HeldItem>,
}

/// A recording under a hold.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeldItem {
    /// Its id.
    id: String,
    /// Since when, RFC 3339.
    since: String,
}

/// Holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HoldList {
    /// The newest first, at most 1,000.
    items: Vec<HoldItem>,
}

impl HoldItem {
    fn new(hold: Hold) -> Self {
        let Hold { number, wanted, placed, released, held } = hold;
        let (released, by, why) = match released {
            Some((at, by, why)) => (Some(rfc3339(at)), Some(by), Some(why)),
            None => (None, None, None),
        };
        let query = wanted.query.map(|query| HoldQuery {
            agent: query.agent,
            number: query.number,
            from: query.from.map(rfc3339),
            to: query.to.map(rfc3339),
            text: query.text,
        });
        Self {
            id: number,
            matter: wanted.matter,
            owner: wanted.owner,
            reason: wanted.reason,
            by: wanted.who,
            source: wanted.source,
            placed: rfc3339(placed),
            query,
            count: held,
            released,
            released_by: by,
            released_why: why,
        }
    }
}

impl From<HoldError> for Problem {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::Unknown(_) => Self::parameter("recordings", error.to_string()),
            HoldError::Condition(error) => error.into(),
            HoldError::NoSuch(_) => Self::not_found(error.to_string()),
            HoldError::Database(error) => error.into(),
            error => Self::new(StatusCode::CONFLICT, error.to_string()),
        }
    }
}

async fn wanted(app: &App, asked: HoldAsked, who: &Principal) -> Result<HoldWanted, Problem> {
    let HoldAsked { matter, owner, reason, by, recordings, query } = asked;
    let matter = body::name("matter", &matter)?;
    let owner = body::name("owner", &owner)?;
    let reason = body::name("reason", &reason)?;
    let signed = body::signed(who, by.as_deref())?;
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let query = match query {
        None => None,
        Some(HoldQuery { agent: of, number, from, to, text }) => {
            let instant =
                |name, text: Option<String>| given(text).map(|text| instant_of(name, &text)).transpose();
            let query = index::Query {
                agent: agent(app, who.scope(), given(of)).await?,
                number: given(number),
                from: instant("from", from)?,
                to: instant("to", to)?,
                text: given(text).map(|text| body::words("query.text", text)).transpose()?,
                ..index::Query::default()
            };
            if query == index::Query::default() {
                let right = "a query needs one of agent, number, from, to, text: without any it would hold everything";
                return Err(Problem::parameter("query", right));
            }
            Some(query)
        }
    };
    if recordings.is_empty() && query.is_none() {
        return Err(Problem::parameter("recordings", "a hold needs recordings, or a query, or both"));
    }
    let ids = recordings.iter().map(|id| recording_id(id)).collect::<Result<Vec<_>, _>>();
    let recordings =
        ids.map_err(|_| Problem::parameter("recordings", "each must be the id of a recording"))?;
    Ok(HoldWanted { matter, owner, reason, who: signed, source: who.from.clone(), query, recordings })
}

/// Legal holds.
#[utoipa::path(
    get,
    path = "/v1/holds",
    tag = "retention",
    operation_id = "listHolds",
    params(("state" = Option<String>, Query, description = "all: those that were released too")),
    responses(
        (status = 200, description = "The holds", body = HoldList),
        (status = 400, description = "A parameter is unknown or not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<HoldList>, Problem> {
    let query = Query::read(query.as_deref(), &["state"])?;
    let all = match query.text("state").as_deref() {
        None => false,
        Some("all") => true,
        Some(_) => return Err(Problem::parameter("state", "state must be all, or left out")),
    };
    let items = app.index.holds(all).await?.into_iter().map(HoldItem::new).collect();
    Ok(Json(HoldList { items }))
}

/// Places a hold: what it holds is not erased, moved to an archive or redacted, whoever asks, until it is released. Marks of
/// recordings it holds are taken away.
#[utoipa::path(
    post,
    path = "/v1/holds",
    tag = "retention",
    operation_id = "placeHold",
    request_body = HoldAsked,
    responses(
        (status = 201, description = "It holds", body = HoldItem),
        (status = 400, description = "A text, an id or a condition is not valid, or a recording is not there", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "There are too many holds", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn place(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, Json<HoldItem>), Problem> {
    Query::read(request.uri().query(), &[])?;
    let who = principal(&request);
    let body = read_body(request.into_body()).await?;
    let example = r#"{"matter": "2026-77", "owner": "Dana", "reason": "a claim", "by": "Robin", "query": {"number": "+15550100"}}"#;
    let wanted = wanted(&app, body::read(&body, example)?, &who).await?;
    let at = app.clock.now();
    let hold = app.index.place_hold(&wanted, at).await?;
    note(|note| note.about = Some(format!("hold {}", hold.number)));
    tracing::info!(hold = hold.number, matter = hold.wanted.matter, held = hold.held, "a hold was placed");
    app.feed.tell_hold(at, "hold.placed", hold.number, &hold.wanted.matter);
    Ok((StatusCode::CREATED, Json(HoldItem::new(hold))))
}

/// One hold, with the recordings it holds.
#[utoipa::path(
    get,
    path = "/v1/holds/{id}",
    tag = "retention",
    operation_id = "getHold",
    params(("id" = i64, Path, description = "The hold's number")),
    responses(
        (status = 200, description = "The hold", body = HoldInFull),
        (status = 400, description = "The number is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such hold", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<HoldInFull>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let number = number(&text)?;
    let hold = app.index.hold(number).await?;
    let hold = HoldItem::new(hold.ok_or(HoldError::NoSuch(number))?);
    let held = app.index.held_by(number).await?.into_iter();
    let recordings = held.map(|(id, since)| HeldItem { id: id.to_string(), since: rfc3339(since) }).collect();
    Ok(Json(HoldInFull { hold, recordings }))
}

/// Releases a hold. What it held goes on as its days and other holds say.
#[utoipa::path(
    post,
    path = "/v1/holds/{id}/release",
    tag = "retention",
    operation_id = "releaseHold",
    params(("id" = i64, Path, description = "The hold's number")),
    request_body = ReleaseAsked,
    responses(
        (status = 200, description = "It is released", body = HoldItem),
        (status = 202, description = "It waits for the approval of another", body = ApprovalItem),
        (status = 400, description = "The number or a text is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such hold", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "It was released before", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn release(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    Query::read(request.uri().query(), &[])?;
    let number = number(&text)?;
    let who = principal(&request);
    let needs_another = app.identity.four_eyes(&who);
    if needs_another {
        note(|note| note.action = Some("hold.ask-release"));
    }
    let body = read_body(request.into_body()).await?;
    let ReleaseAsked { by, why } = body::read(&body, r#"{"by": "Dana", "why": "the matter is settled"}"#)?;
    let why = body::name("why", &why)?;
    let by = body::signed(&who, by.as_deref())?;
    let hold = app.index.hold(number).await?.ok_or(HoldError::NoSuch(number))?;
    note_more(&format!("matter {}", hold.wanted.matter));
    if needs_another {
        if hold.released.is_some() {
            let detail = "this hold was released before";
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        let what = json!({"hold": number, "matter": hold.wanted.matter});
        let request = ToApprove { kind: ApprovalKind::HoldRelease, what, by, why };
        return approvals::ask(&app, &who, request).await;
    }
    Ok(Json(HoldItem::new(released(&app, number, &by, &why).await?)).into_response())
}

/// Releases a hold, once another has approved it.
pub(super) async fn carry_out(app: &App, what: &Value, by: &str, why: &str) -> Result<(), Problem> {
    let number = what["hold"].as_i64().unwrap_or_default();
    released(app, number, by, why).await.map(drop)
}

async fn released(app: &App, number: i64, by: &str, why: &str) -> Result<Hold, Problem> {
    let at = app.clock.now();
    let hold = app.index.release_hold(number, (by, why), at).await?;
    tracing::info!(hold = number, matter = hold.wanted.matter, by, "a hold was released");
    app.feed.tell_hold(at, "hold.released", number, &hold.wanted.matter);
    Ok(hold)
}

fn number(text: &str) -> Result<i64, Problem> {
    id(text, "the number of a hold is a whole number such as 7")
}
