//! Calls: live ones, and ended ones while the tracker remembers them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use calls::call::{Call, CallState, Link, Origin, Party, Ruling, Stream, StreamState};
use calls::id::CallId;
use calls::recording::{Recording, RecordingState};
use calls::time::{Span, Wall};
use calls::tracker::Tracker;
use serde::Serialize;
use utoipa::ToSchema;

use super::query::{Query, id};
use super::related::{self, RelatedCall};
use crate::control::error::Problem;
use crate::control::scope::covers_call;
use crate::control::time::rfc3339;
use crate::http::{App, Who};

/// How many calls one answer holds at most: the desk is busy for as long as it takes to list them.
const MAX_LISTED: usize = 1_000;

/// Calls.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallList {
    /// Newest first, at most 1000.
    items: Vec<CallSummary>,
    /// How many there are.
    total: usize,
}

/// A call in short.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallSummary {
    /// Its id.
    id: String,
    /// Its name on the WFO wire.
    call_instance: String,
    /// How it came to be known: `siprec` or `api`; `chat` if it is no call, but a chat that was reported.
    origin: &'static str,
    /// `on_call`, `on_hold` or `ended`.
    state: &'static str,
    /// How it belongs to an earlier call; null for most.
    link: Option<LinkItem>,
    /// The phone it is on.
    device: Option<String>,
    /// The agents it is tied to, by number.
    agents: Vec<u32>,
    /// The trunk it came by, if a trunk holds its peer.
    trunk: Option<String>,
    /// The trunk's business unit, if it has one.
    business_unit: Option<i64>,
    /// When it began, RFC 3339.
    started: String,
    /// When it ended, RFC 3339; null while it lasts.
    ended: Option<String>,
    /// Its fields under their WFO keys, set ones only.
    fields: BTreeMap<String, String>,
    /// Who is or was in it.
    parties: Vec<CallParty>,
    /// Whether it is kept, and why; null while nobody had to say.
    ruling: Option<RulingItem>,
    /// Since when what was said is held back in memory, RFC 3339: a command can keep it from there, or from later on if the
    /// memory for all calls was full. Null if nothing is.
    held_back_since: Option<String>,
    /// Its recordings, oldest first.
    recordings: Vec<CallRecording>,
}

/// Whether a call is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RulingItem {
    /// Whether it is, or was until somebody stopped it.
    kept: bool,
    /// The sentence that says why, or why not.
    why: String,
    /// Whether a command said so.
    by_command: bool,
    /// The schedules that have taken the call so far, by number; the last spoke last.
    schedules: Vec<u32>,
    /// When, RFC 3339.
    at: String,
}

impl RulingItem {
    fn new(ruling: &Ruling) -> Self {
        Self {
            kept: ruling.kept,
            why: ruling.why.clone(),
            by_command: ruling.by_command,
            schedules: ruling.asked.iter().map(|schedule| schedule.0).collect(),
            at: rfc3339(ruling.at),
        }
    }
}

/// How a call belongs to an earlier one of the same communication session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkItem {
    /// `copy`: another recording client brings the same at the same time. `continues`: it goes on by another recording
    /// session after the earlier call's had ended.
    relation: &'static str,
    /// The earlier call.
    call: String,
}

impl LinkItem {
    pub(crate) fn new(link: Link) -> Self {
        let relation = match link {
            Link::CopyOf(_) => "copy",
            Link::Continues(_) => "continues",
        };
        Self { relation, call: link.call().to_string() }
    }
}

/// A call in full.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallItem {
    #[serde(flatten)]
    summary: CallSummary,
    /// SIP's Call-ID of the recording session.
    sip_call_id: Option<String>,
    /// The communication session's id.
    session_id: Option<String>,
    /// Its streams, ended ones included.
    streams: Vec<CallStream>,
    /// Other calls that have to do with it, as far as the asker may see them: live ones, and those of which recordings are kept.
    related: Vec<RelatedCall>,
}

/// Somebody in a call.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallParty {
    /// Address of record, as received.
    address: String,
    /// Display name, as received; empty if none came.
    name: String,
    /// The streams the party speaks into, by number.
    sends: Vec<u16>,
    /// The streams the party hears, as far as the recording client says so.
    hears: Vec<u16>,
}

/// A recording of a call.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallRecording {
    /// Its id.
    id: String,
    /// `pending`, `recording`, `stopped`, `sealed` or `error`.
    state: &'static str,
    /// Whether a blackout lies over it now.
    dark: bool,
    /// When it was started, RFC 3339.
    started: String,
    /// When it was stopped, RFC 3339.
    stopped: Option<String>,
    /// Why it is kept.
    why: String,
    /// Why it was stopped; null while it is made.
    why_stopped: Option<String>,
    /// Its blackouts so far.
    blackouts: Vec<TimeSpan>,
    /// Where it can be heard, while it is made as well; null as long as nothing has come.
    audio: Option<String>,
}

/// A stream of a call.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallStream {
    /// Its number in the call.
    number: u16,
    /// Its label, if it has one.
    label: Option<String>,
    /// `live`, `paused` or `ended`.
    state: &'static str,
    /// When the recording client had it paused.
    paused: Vec<TimeSpan>,
    /// When who had spoken into it did not any more, as on hold.
    held: Vec<TimeSpan>,
}

/// A span of time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TimeSpan {
    /// Its first instant, RFC 3339.
    from: String,
    /// The first instant after it; null while it lasts.
    until: Option<String>,
}

impl TimeSpan {
    pub(crate) fn new(span: &Span) -> Self {
        Self { from: rfc3339(span.from), until: span.until.map(rfc3339) }
    }

    pub(crate) fn all(spans: &[Span]) -> Vec<Self> {
        spans.iter().map(Self::new).collect()
    }
}

impl CallSummary {
    pub(crate) fn new(call: &Call, held_back_since: Option<Wall>) -> Self {
        Self {
            id: call.id.to_string(),
            call_instance: call.instance.clone(),
            origin: match call.origin {
                Origin::Siprec => "siprec",
                Origin::Api => "api",
                Origin::Chat => "chat",
            },
            state: match call.state {
                CallState::OnCall => "on_call",
                CallState::OnHold => "on_hold",
                CallState::Ended => "ended",
            },
            link: call.link.map(LinkItem::new),
            device: call.device.as_ref().map(ToString::to_string),
            agents: call.agents.iter().map(|agent| agent.0).collect(),
            trunk: call.trunk.clone(),
            business_unit: call.business_unit,
            started: rfc3339(call.started),
            ended: call.ended.map(rfc3339),
            fields: call.fields().into_iter().map(|(field, value)| (field.to_string(), value)).collect(),
            parties: CallParty::all(&call.parties),
            ruling: call.ruling.as_ref().map(RulingItem::new),
            held_back_since: held_back_since.map(rfc3339),
            recordings: call.recordings.iter().map(CallRecording::new).collect(),
        }
    }
}

impl CallParty {
    pub(crate) fn all(parties: &[Party]) -> Vec<Self> {
        let print = |party: &Party| Self {
            address: party.address.clone(),
            name: party.name.clone(),
            sends: party.sends.iter().map(|stream| stream.0).collect(),
            hears: party.hears.iter().map(|stream| stream.0).collect(),
        };
        parties.iter().map(print).collect()
    }
}

impl CallRecording {
    fn new(recording: &Recording) -> Self {
        Self {
            id: recording.id.to_string(),
            state: match recording.state {
                RecordingState::Pending => "pending",
                RecordingState::Recording => "recording",
                RecordingState::Stopped => "stopped",
                RecordingState::Sealed => "sealed",
                RecordingState::Error => "error",
            },
            dark: recording.is_dark(),
            started: rfc3339(recording.started),
            stopped: recording.stopped.map(rfc3339),
            why: recording.why.clone(),
            why_stopped: recording.why_stopped.clone(),
            blackouts: TimeSpan::all(&recording.dark),
            audio: match recording.state {
                RecordingState::Recording | RecordingState::Stopped | RecordingState::Sealed => {
                    Some(format!("/v1/recordings/{}/audio", recording.id))
                }
                RecordingState::Pending | RecordingState::Error => None,
            },
        }
    }
}

impl CallStream {
    fn new(stream: &Stream) -> Self {
        Self {
            number: stream.number.0,
            label: stream.label.clone(),
            state: match stream.state {
                StreamState::Live => "live",
                StreamState::Paused => "paused",
                StreamState::Ended => "ended",
            },
            paused: TimeSpan::all(&stream.paused),
            held: TimeSpan::all(&stream.held),
        }
    }
}

/// Every call the tracker knows: live ones, and ended ones for a few minutes.
#[utoipa::path(
    get,
    path = "/v1/calls",
    tag = "calls",
    operation_id = "listCalls",
    params(("state" = Option<String>, Query, description = "live or ended; both if left out")),
    responses(
        (status = 200, description = "The calls, newest first", body = CallList),
        (status = 400, description = "A parameter is unknown or wrong", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Who(who): Who,
    RawQuery(query): RawQuery,
) -> Result<Json<CallList>, Problem> {
    let query = Query::read(query.as_deref(), &["state"])?;
    let live = match query.text("state").as_deref() {
        None => None,
        Some("live") => Some(true),
        Some("ended") => Some(false),
        Some(_) => return Err(Problem::parameter("state", "state must be live or ended")),
    };
    let now = app.clock.now();
    let list = app.desk.look(move |tracker| {
        let wanted = |call: &&Call| {
            live.is_none_or(|live| live == call.is_live()) && covers_call(who.scope(), tracker, call)
        };
        let summary = |call: &Call| CallSummary::new(call, tracker.held_back_since(now, call.id));
        let calls = || tracker.state().calls.values().rev().filter(wanted);
        CallList { items: calls().take(MAX_LISTED).map(summary).collect(), total: calls().count() }
    });
    Ok(Json(list.await?))
}

/// One call.
#[utoipa::path(
    get,
    path = "/v1/calls/{id}",
    tag = "calls",
    operation_id = "getCall",
    params(("id" = String, Path, description = "The call's id")),
    responses(
        (status = 200, description = "The call", body = CallItem),
        (status = 400, description = "The id is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "The call is not known, or no more", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<CallItem>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let wanted: CallId = id(&text, "a call's id is a UUID such as 0198c7a2-4f3e-7abc-8def-0123456789ab")?;
    let now = app.clock.now();
    let scope = who.scope().clone();
    let look = move |tracker: &Tracker| {
        let call = tracker.call(wanted).filter(|call| covers_call(&scope, tracker, call))?;
        Some((call.clone(), tracker.held_back_since(now, wanted), related::live(tracker, &scope, call)))
    };
    let Some((call, held_back_since, live)) = app.desk.look(look).await? else {
        return Err(Problem::not_found(
            "there is no such call now; ended calls are forgotten after some minutes, their recordings are not",
        ));
    };
    Ok(Json(CallItem {
        summary: CallSummary::new(&call, held_back_since),
        sip_call_id: call.sip_call_id.clone(),
        session_id: Some(call.session_id.clone()).filter(|id| !id.is_empty()),
        streams: call.streams.iter().map(CallStream::new).collect(),
        related: related::with_kept(&app, &who, &call, live).await?,
    }))
}
