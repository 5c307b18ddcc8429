//! What happens, as server-sent events (WHATWG HTML section 9.2).

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use access::{Permission, Principal, Scope};
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use calls::tracker::Tracker;
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Serialize;
use utoipa::ToSchema;

use super::alarms::AlarmItem;
use super::query::Query;
use super::recordings::covers_row;
use crate::control::error::Problem;
use crate::control::scope::{covers_agent, covers_known};
use crate::control::time::rfc3339;
use crate::http::App;
use crate::identity::{Asking, Place};
use crate::observe::feed::{Happened, KINDS, Listener, Next, Told};

/// How often a stream on which nothing happens says that it is there.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// What they are called together.
const FAMILIES: &str = "alarm, call, recording, blackout, agent, schedule, archive_action, hold";

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HappenedItem {
    /// What, as the event's name says.
    kind: &'static str,
    /// When, RFC 3339.
    at: String,
    /// To which call; left out if to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<String>,
    /// To which recording; left out if to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    recording: Option<String>,
    /// To which agents, by number; left out if to none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    agents: Vec<u32>,
    /// To which device; left out if to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// To which schedule, by number; left out if to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<u32>,
    /// To which archive action, by number; left out if to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    archive_action: Option<u32>,
    /// Why; left out if it needs no reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// The names of the fields that were written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<String>,
}

impl HappenedItem {
    fn new(happened: Happened) -> Self {
        let Happened { kind, at, call, recording, agents, device, schedule, archive_action, why, fields } =
            happened;
        Self {
            kind,
            at: rfc3339(at),
            call: call.map(|call| call.to_string()),
            recording: recording.map(|recording| recording.to_string()),
            agents: agents.into_iter().map(|agent| agent.0).collect(),
            device,
            schedule: schedule.map(|schedule| schedule.0),
            archive_action: archive_action.map(|action| action.0),
            why,
            fields,
        }
    }
}

/// One listener on its way through the feed.
struct Listening {
    app: Arc<App>,
    asking: Asking,
    listener: Listener,
    run: String,
    /// Beginnings of the kinds that are wanted; all if there is none.
    kinds: Vec<String>,
    ready: VecDeque<Event>,
    #[expect(dead_code, reason = "given back when it is dropped")]
    place: Place,
}

impl Listening {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            match self.listener.next().await? {
                Next::Missed(count) => return Some(Event::default().event("missed").data(count.to_string())),
                Next::Told(told) => {
                    let told = seen(&self.app, &self.asking.principal, told).await;
                    let events = told.into_iter().filter_map(|(number, told)| self.event(number, told));
                    self.ready = events.collect();
                }
            }
        }
    }

    fn event(&self, number: u64, told: Told) -> Option<Event> {
        let (kind, text) = as_json(told);
        let is_wanted = self.kinds.is_empty() || self.kinds.iter().any(|wanted| is_of(kind, wanted));
        let id = format!("{}-{number}", self.run);
        is_wanted.then(|| Event::default().id(id).event(kind).data(text))
    }
}

/// What somebody may see of what is told: by its kind, and in their scope. What cannot be placed is not seen.
async fn seen(app: &App, who: &Principal, told: Vec<(u64, Told)>) -> Vec<(u64, Told)> {
    let allowed = told.into_iter().filter(|(_, told)| who.may(permission(told)));
    if who.scope().is_all() {
        return allowed.collect();
    }
    let mut seen: Vec<(u64, Told)> = Vec::new();
    for (number, told) in allowed {
        let Told::Happened(happened) = &told else { continue };
        let (scope, asked) = (who.scope().clone(), happened.clone());
        let known = app.desk.look(move |tracker| in_scope(&scope, tracker, &asked)).await;
        let is_seen = match (known, happened.recording) {
            (Ok(Some(known)), _) => known,
            (Ok(None), Some(recording)) => {
                let row = app.index.recording(recording).await;
                row.is_ok_and(|row| row.is_some_and(|row| covers_row(who, &row)))
            }
            _ => false,
        };
        if is_seen {
            seen.push((number, told));
        }
    }
    seen
}

/// Whether what happened is in a scope, as far as the tracker knows.
fn in_scope(scope: &Scope, tracker: &Tracker, happened: &Happened) -> Option<bool> {
    if happened.call.is_some() || happened.recording.is_some() {
        return covers_known(scope, tracker, happened.call, happened.recording);
    }
    let agents = happened.agents.iter().map(|agent| tracker.state().agents.get(agent));
    Some(agents.flatten().any(|agent| covers_agent(scope, agent)))
}

/// What one must be allowed to see to be told of something.
fn permission(told: &Told) -> Permission {
    let kind = match told {
        Told::Alarm(_) => return Permission::SeeHealth,
        Told::Happened(happened) => happened.kind,
    };
    match kind.split('.').next().unwrap_or_default() {
        "hold" => Permission::SeeCare,
        "schedule" | "archive_action" => Permission::SeePolicy,
        "agent" => Permission::SeeAgents,
        _ => Permission::SeeCalls,
    }
}

/// Something that is told: its kind, and its data as JSON.
pub(crate) fn as_json(told: Told) -> (&'static str, String) {
    let (kind, text) = match told {
        Told::Alarm(alarm) => ("alarm", serde_json::to_string(&AlarmItem::new(*alarm))),
        Told::Happened(happened) => (happened.kind, serde_json::to_string(&HappenedItem::new(happened))),
    };
    (kind, text.expect("texts, numbers and lists can be written"))
}

/// Whether a kind is the one that is wanted, or of its family.
fn is_of(kind: &str, wanted: &str) -> bool {
    kind.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What happens, as server-sent events. Facts are told once they are durable: `call.began`, `call.described`, `call.held`,
/// `call.resumed`, `call.tagged`, `call.not_recorded`, `call.ended`, `recording.started`, `recording.reaches`,
/// `recording.stopped`,
/// `recording.sealed`, `recording.failed`, `recording.redacted`, `recording.annotated`, `recording.exported`,
/// `recording.archived`, `recording.marked`, `recording.restored`, `recording.erased`,
/// `recording.restricted`, `recording.unrestricted`, `hold.placed`, `hold.released`, `blackout.opened`, `blackout.overdue`, `blackout.closed`,
/// `agent.put`, `agent.removed`, `schedule.put`, `schedule.removed`, `archive_action.put`; `alarm` is an alarm as `/v1/alarms` lists it, whenever one is raised, said anew or over. `missed` says how
/// many a listener missed, `restarted` that the recorder was started anew since the event it names.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "observe",
    operation_id = "events",
    params(
        ("kinds" = Option<String>, Query, description = "Which are wanted, parted by commas: alarm, call, recording, blackout, agent, schedule, archive_action, or whole names; all if left out"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that came: those after it are sent first, as far as they are kept (the last 4,096)"),
    ),
    responses(
        (status = 200, description = "Events, without end", body = String, content_type = "text/event-stream"),
        (status = 400, description = "A parameter is unknown or not valid", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    Extension(asking): Extension<Asking>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let query = Query::read(query.as_deref(), &["kinds"])?;
    let kinds = kinds(query.text("kinds").as_deref())?;
    let run = format!("{:x}", app.clock.zero().as_ms());
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    let mut ready = VecDeque::new();
    let seen = match last {
        None => app.feed.last(),
        Some(id) => match id.strip_prefix(&run).and_then(|rest| rest.strip_prefix('-')?.parse().ok()) {
            Some(seen) => u64::min(seen, app.feed.last()),
            // All that is kept came after it, and nobody knows what came between.
            None => {
                ready.push_back(Event::default().event("restarted").data(run.clone()));
                0
            }
        },
    };
    let place = app.allowances.take_stream(&asking.principal)?;
    let listening = Listening { listener: app.feed.after(seen), app, asking, run, kinds, ready, place };
    let events = unfold(listening, |mut listening| async {
        let event = listening.next().await?;
        Some((Ok(event), listening))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)))
}

fn kinds(text: Option<&str>) -> Result<Vec<String>, Problem> {
    let kinds: Vec<String> = text
        .unwrap_or_default()
        .split(',')
        .map(|kind| kind.trim().to_owned())
        .filter(|kind| !kind.is_empty())
        .collect();
    check_kinds(&kinds)?;
    Ok(kinds)
}

/// Refuses kinds that there are none of.
pub(super) fn check_kinds(kinds: &[String]) -> Result<(), Problem> {
    let is_known = |wanted: &String| KINDS.iter().any(|kind| is_of(kind, wanted));
    if kinds.iter().all(is_known) {
        return Ok(());
    }
    let right = format!("kinds must be of {FAMILIES}, or whole names such as call.ended");
    Err(Problem::parameter("kinds", right))
}
