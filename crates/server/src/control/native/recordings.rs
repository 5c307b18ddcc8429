//! Sealed recordings are found.

use std::collections::BTreeMap;
use std::sync::Arc;

use access::{Principal, Scope};
use axum::Json;
use axum::extract::{RawQuery, State};
use calls::agent::AgentIdentifier;
use calls::id::{CallId, RecordingId};
use calls::time::Wall;
use calls::tracker::Target;
use index::{DatabaseError, FindError, PAGE_MAX, RecordingRow, RemarkKind};
use serde::Serialize;
use utoipa::ToSchema;

use super::annotations;
use super::calls::LinkItem;
use super::query::{Query, id};
use crate::control::error::Problem;
use crate::control::scope::{covers_agent, covers_known};
use crate::control::time::{parse_rfc3339, rfc3339};
use crate::desk::AskError;
use crate::http::{App, Who};

/// A page of recordings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordingList {
    /// Newest first.
    items: Vec<RecordingSummary>,
    /// Give this as `cursor` to get the next page; null on the last.
    next: Option<String>,
}

/// A recording in short.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordingSummary {
    /// Its id.
    id: String,
    /// The id of the call it is of; a call may have several recordings.
    call: String,
    /// Its number, the key of exports.
    ident: i64,
    /// The agent's own number.
    agent: Option<u32>,
    /// The agent's name at the time.
    agent_name: Option<String>,
    /// The phone.
    device: Option<String>,
    /// `I` (inbound) or `O` (outbound).
    direction: Option<&'static str>,
    /// The calling number, as received.
    ani: Option<String>,
    /// The number called, as received.
    dnis: Option<String>,
    /// The agent's business unit.
    business_unit: i64,
    /// The first instant, RFC 3339.
    started: String,
    /// One past the last instant, RFC 3339.
    ended: String,
    /// Length as it plays, gaps and blackouts included.
    duration_ms: u64,
    /// How much of it is blackout.
    blackout_ms: u64,
    /// How many streams it has.
    streams: i64,
    /// `complete`, `complete-with-gaps`, `partial` or `failed`.
    completeness: &'static str,
    /// Whether a stop of the recorder cut it.
    interrupted: bool,
    /// Fields under their WFO keys, set ones only.
    fields: BTreeMap<String, String>,
    /// Who was in the call.
    parties: Vec<RecordingParty>,
    /// Ids that other systems gave the call.
    known_as: Vec<String>,
    /// Why it was kept.
    why: String,
    /// How long it is kept, and what becomes of it then.
    retention: RetentionItem,
    /// Where it is, and what stands between it and its end.
    custody: CustodyItem,
    /// How its call belongs to an earlier one; null for most.
    link: Option<LinkItem>,
    /// How many copies of it lists leave out.
    copies: u32,
    /// The categories it was put into.
    categories: Vec<String>,
    /// How many bookmarks it has.
    bookmarks: usize,
    /// How many notes it has.
    notes: usize,
}

/// How long a recording is kept, and what becomes of it then.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RetentionItem {
    /// The schedule that had it kept, by its name then; null if the settings did.
    schedule: Option<String>,
    /// Days from its end that it is kept; null for ever.
    keep_days: Option<i64>,
    /// The number of the archive action that is done when they are over; 1 purges.
    archive_action: i64,
    /// Whether a command said otherwise than schedule and settings.
    overridden: bool,
}

impl RetentionItem {
    fn new(row: &RecordingRow) -> Self {
        Self {
            schedule: row.schedule.clone(),
            keep_days: row.keep_days,
            archive_action: row.archive_action,
            overridden: row.overridden,
        }
    }
}

/// Where a recording is, and what stands between it and its end.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CustodyItem {
    /// The archive its file is in; null for the data folder.
    archive: Option<String>,
    /// The number of the archive action that is next; null if none is.
    next_action: Option<i64>,
    /// When that is due, RFC 3339; null if none is.
    next_due: Option<String>,
    /// When it is erased, RFC 3339; null while it is not marked.
    erased_on: Option<String>,
    /// The legal holds that hold it, by number.
    holds: Vec<i64>,
    /// Since when it is restricted, RFC 3339; null if it is not.
    restricted: Option<String>,
}

impl CustodyItem {
    fn new(row: &RecordingRow) -> Self {
        Self {
            archive: row.care.place.clone(),
            next_action: row.care.next.map(|(action, _)| action),
            next_due: row.care.next.map(|(_, due)| rfc3339(due)),
            erased_on: row.care.mark.as_ref().map(|mark| rfc3339(mark.erase)),
            holds: row.care.holds.clone(),
            restricted: row.care.restriction.as_ref().map(|restriction| rfc3339(restriction.since)),
        }
    }
}

/// Somebody in a recorded call.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordingParty {
    /// Address of record, as received.
    address: String,
    /// Display name, as received.
    name: Option<String>,
    /// The stream the party speaks into, by number, if that is known.
    stream: Option<u16>,
}

impl RecordingParty {
    fn new(party: &index::Party) -> Self {
        Self { address: party.address.clone(), name: party.name.clone(), stream: party.stream }
    }
}

impl RecordingSummary {
    pub(crate) fn new(row: &RecordingRow) -> Self {
        let said = |kind| row.remarks.iter().map(|remark| &remark.said).filter(move |said| said.kind == kind);
        Self {
            id: row.id.to_string(),
            call: row.call.to_string(),
            ident: row.ident,
            agent: row.agent.map(|agent| agent.0),
            agent_name: row.agent_name.clone(),
            device: row.device.clone(),
            direction: row.direction.map(index::Direction::letter),
            ani: row.ani.clone(),
            dnis: row.dnis.clone(),
            business_unit: row.business_unit,
            started: rfc3339(row.started),
            ended: rfc3339(row.ended),
            duration_ms: row.duration_ms,
            blackout_ms: row.blackout_ms,
            streams: row.streams,
            completeness: row.completeness.label(),
            interrupted: row.interrupted,
            fields: row.fields.clone(),
            parties: row.parties.iter().map(RecordingParty::new).collect(),
            known_as: row.known_as.iter().cloned().collect(),
            why: row.why.clone(),
            retention: RetentionItem::new(row),
            custody: CustodyItem::new(row),
            link: row.link.map(LinkItem::new),
            copies: row.copies,
            categories: said(RemarkKind::Category).map(|said| said.text.clone()).collect(),
            bookmarks: said(RemarkKind::Bookmark).count(),
            notes: said(RemarkKind::Note).count(),
        }
    }
}

pub(super) const CONDITIONS: [&str; 27] = [
    "agent",
    "number",
    "from",
    "to",
    "text",
    "known_as",
    "call",
    "copies",
    "category",
    "annotated",
    "user1",
    "user2",
    "user3",
    "user4",
    "user5",
    "user6",
    "user7",
    "user8",
    "user9",
    "user10",
    "user11",
    "user12",
    "user13",
    "user14",
    "user15",
    "cursor",
    "limit",
];

/// Finds recordings, newest first. Every condition given must hold.
#[utoipa::path(
    get,
    path = "/v1/recordings",
    tag = "recordings",
    operation_id = "findRecordings",
    params(
        ("agent" = Option<String>, Query, description = "An agent's number, name, phone or user name, whole"),
        ("number" = Option<String>, Query, description = "The end of a caller's, callee's or device's number"),
        ("from" = Option<String>, Query, description = "Started at or after this, RFC 3339"),
        ("to" = Option<String>, Query, description = "Started before this, RFC 3339"),
        ("text" = Option<String>, Query, description = "Words over names, numbers, addresses, fields and what was attached"),
        ("known_as" = Option<String>, Query, description = "An id that another system gave the call (a UCID in any spelling, a Cisco GUID, a GCID ...), SIP's Call-ID of the recording session, or the WFO call instance"),
        ("call" = Option<String>, Query, description = "The id of a call: its recordings"),
        ("copies" = Option<String>, Query, description = "all: copies too, brought by other recording clients, all of which another recording holds"),
        ("category" = Option<String>, Query, description = "A category it was put into, whole, in any case"),
        ("annotated" = Option<String>, Query, description = "Only what has a bookmark, a note or a category"),
        ("user1" = Option<String>, Query, description = "Exact value of user1; the same for user2 to user15"),
        ("cursor" = Option<String>, Query, description = "next of the page before"),
        ("limit" = Option<u32>, Query, description = "Rows wanted, 1 to 500; 50 if left out"),
    ),
    responses(
        (status = 200, description = "A page of recordings", body = RecordingList),
        (status = 400, description = "A parameter is unknown or wrong", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn find(
    State(app): State<Arc<App>>,
    Who(who): Who,
    RawQuery(query): RawQuery,
) -> Result<Json<RecordingList>, Problem> {
    let query = Query::read(query.as_deref(), &CONDITIONS)?;
    let mut wanted = conditions(&app, &who, &query).await?;
    wanted.cursor = query.text("cursor");
    let limit_wanted = format!("a whole number from 1 to {PAGE_MAX}");
    if let Some(limit) = query.number("limit", &limit_wanted)? {
        wanted.limit = limit;
    }
    let page = app.index.find(&wanted).await?;
    Ok(Json(RecordingList { items: page.items.iter().map(RecordingSummary::new).collect(), next: page.next }))
}

/// The conditions of a search, without the page of it that is wanted.
pub(super) async fn conditions(app: &App, who: &Principal, query: &Query) -> Result<index::Query, Problem> {
    let mut wanted = index::Query {
        agent: agent(app, who.scope(), query.text("agent")).await?,
        number: query.text("number"),
        from: instant(query, "from")?,
        to: instant(query, "to")?,
        text: query.text("text"),
        known_as: query.text("known_as"),
        call: query.text("call").map(|text| call_id(&text)).transpose()?,
        scope: who.scope().clone(),
        copies: query.all("copies")?,
        category: query.text("category"),
        remarked: query.text("annotated").map(|word| annotations::kind("annotated", &word)).transpose()?,
        ..index::Query::default()
    };
    let user_fields = (1..=15).filter_map(|n: u8| Some((n, query.text(&format!("user{n}"))?)));
    wanted.user.extend(user_fields);
    Ok(wanted)
}

/// Reads the id of a recording from an address.
pub(super) fn recording_id(text: &str) -> Result<RecordingId, Problem> {
    id(text, "a recording's id is a UUID such as 0198c7a2-4f3e-7abc-8def-0123456789ab")
}

fn call_id(text: &str) -> Result<CallId, Problem> {
    let wanted = "a call's id is a UUID such as 0198c7a2-4f3e-7abc-8def-0123456789ab";
    text.parse().map_err(|_| Problem::parameter("call", wanted))
}

/// The row of a sealed recording that somebody may know of. What they may not know of is to them as if it were not there.
pub(super) async fn row(app: &App, who: &Principal, wanted: RecordingId) -> Result<RecordingRow, Problem> {
    if let Some(row) = known_row(app, who, wanted).await? {
        return Ok(row);
    }
    let scope = who.scope().clone();
    let is_live = app.desk.look(move |tracker| covers_known(&scope, tracker, None, Some(wanted)));
    Err(match is_live.await? {
        Some(true) => Problem::not_found(
            "this recording is still being made, or nothing came to be put into it; ask again when it is finished",
        ),
        Some(false) | None => no_such(),
    })
}

/// The same, if it has a row.
pub(super) async fn known_row(
    app: &App,
    who: &Principal,
    wanted: RecordingId,
) -> Result<Option<RecordingRow>, Problem> {
    match app.index.recording(wanted).await? {
        Some(row) if covers_row(who, &row) => Ok(Some(row)),
        Some(_) => Err(no_such()),
        // Whose an erased one was is erased too.
        None if !who.scope().is_all() => Ok(None),
        None => match app.index.erasure_of(wanted).await? {
            Some(erasure) => Err(super::erasures::gone(&erasure)),
            None => Ok(None),
        },
    }
}

/// Whether somebody may know of a recording.
pub(super) fn covers_row(who: &Principal, row: &RecordingRow) -> bool {
    who.scope().covers(row.business_unit, row.agent.map(|agent| agent.0))
}

/// 404, in the same words for what is not there and for what somebody may not know of.
pub(super) fn no_such() -> Problem {
    Problem::not_found("there is no such recording")
}

/// An agent's user names are known to the tracker only; the index knows number, name and phone. Of a foreign agent it is as of none.
pub(super) async fn agent(app: &App, scope: &Scope, text: Option<String>) -> Result<Option<String>, Problem> {
    let Some(value) = text else { return Ok(None) };
    for kind in [AgentIdentifier::Username, AgentIdentifier::SystemUsername, AgentIdentifier::CrmUsername] {
        match app.desk.agent(Target::Agent { kind, value: value.clone() }).await {
            Ok(view) => {
                if let Some(agent) = view.agent.filter(|agent| covers_agent(scope, agent)) {
                    return Ok(Some(agent.id.to_string()));
                }
            }
            Err(AskError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(value))
}

pub(super) fn instant(query: &Query, name: &str) -> Result<Option<Wall>, Problem> {
    query.text(name).map(|text| instant_of(name, &text)).transpose()
}

pub(super) fn instant_of(name: &str, text: &str) -> Result<Wall, Problem> {
    let right = "an instant as in RFC 3339, for example 2026-11-23T08:00:00Z (a + in it is written %2B)";
    parse_rfc3339(text).ok_or_else(|| Problem::parameter(name, format!("{name} must be {right}")))
}

impl From<FindError> for Problem {
    fn from(error: FindError) -> Self {
        let parameter = match &error {
            FindError::Cursor => "cursor",
            FindError::Limit { .. } => "limit",
            FindError::Number => "number",
            FindError::UserField { .. } => "user",
            FindError::Database(_) => return Self::failed_index(error),
            _ => return Self::failed("searching", &error),
        };
        Self::parameter(parameter, error.to_string())
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        Self::failed_index(error)
    }
}

impl Problem {
    fn failed_index(error: impl std::error::Error) -> Self {
        let _ = Self::failed("asking the index", &error);
        Self::unavailable("the index of recordings cannot be asked now; recording goes on without it")
    }
}
