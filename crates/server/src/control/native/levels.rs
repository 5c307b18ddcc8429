//! How loud the legs of live calls are, as server-sent events, while somebody watches.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use calls::call::{Call, StreamState};
use calls::id::CallId;
use calls::time::Wall;
use calls::tracker::Tracker;
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use super::audio;
use super::query::Query;
use crate::control::error::Problem;
use crate::control::scope::covers_call;
use crate::http::App;
use crate::identity::{Asking, Place};
use crate::levels::Watched;
use crate::playback::formats_of_call;

/// How often levels are told.
const EVERY: Duration = Duration::from_millis(350);

/// How often it is said that somebody still watches.
const RENEWED_EVERY: Duration = Duration::from_secs(1);

/// How often a stream on which nothing happens says that it is there.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// The most calls one may watch at once: as many as a screen holds, and some.
const MAX_CALLS: usize = 64;

const WANTED: &str = "calls must be the ids of 1 to 64 calls, parted by commas";

/// How loud calls are.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct LevelsItem {
    /// The calls of which something can be told.
    calls: Vec<CallLevels>,
}

/// How loud the legs of a call are.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct CallLevels {
    /// The call.
    call: String,
    /// The legs that something came of in the last second.
    legs: Vec<LegLevel>,
}

/// How loud a leg is.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct LegLevel {
    /// Its number: that of its stream in the call.
    leg: u16,
    /// How loud it was a moment ago, in dBov: 0 is as loud as can be, -127 is silence.
    dbov: i8,
}

/// Somebody who watches.
struct Watching {
    app: Arc<App>,
    asking: Asking,
    calls: Arc<BTreeSet<CallId>>,
    renewed: Option<Wall>,
    last: Option<LevelsItem>,
    #[expect(dead_code, reason = "given back when it is dropped")]
    place: OwnedSemaphorePermit,
    #[expect(dead_code, reason = "given back when it is dropped")]
    stream: Place,
}

impl Watching {
    async fn next(&mut self) -> Option<Event> {
        loop {
            tokio::time::sleep(EVERY).await;
            let told = self.look().await?;
            if self.last.as_ref() != Some(&told) {
                let text = serde_json::to_string(&told).expect("texts, numbers and lists can be written");
                self.last = Some(told);
                return Some(Event::default().event("levels").data(text));
            }
        }
    }

    /// What can be told now; `None` when the recorder stops.
    async fn look(&mut self) -> Option<LevelsItem> {
        let now = self.app.clock.now();
        // Recording comes first.
        if self.app.readiness.spares_playback().is_some() {
            return Some(LevelsItem { calls: Vec::new() });
        }
        let (scope, wanted) = (self.asking.principal.scope().clone(), Arc::clone(&self.calls));
        let seen = self.app.desk.look(move |tracker| {
            let calls = wanted.iter().filter_map(|id| tracker.call(*id));
            let told = calls.filter(|call| covers_call(&scope, tracker, call) && is_heard(tracker, call));
            told.map(|call| Watched { call: call.id, formats: formats_of_call(call) }).collect::<Vec<_>>()
        });
        let seen = seen.await.ok()?;
        let ids: Vec<CallId> = seen.iter().map(|watched| watched.call).collect();
        if self.renewed.is_none_or(|renewed| now.since(renewed) >= RENEWED_EVERY) {
            self.renewed = Some(now);
            self.app.levels.watch(now, seen);
        }
        let levels = ids.into_iter().filter_map(|call| {
            let of_legs = self.app.levels.of(now, call);
            let legs: Vec<LegLevel> =
                of_legs.into_iter().map(|(leg, dbov)| LegLevel { leg: leg.0, dbov }).collect();
            (!legs.is_empty()).then(|| CallLevels { call: call.to_string(), legs })
        });
        Some(LevelsItem { calls: levels.collect() })
    }
}

/// Whether anything may be told of a call: it is being recorded, and no blackout lies over it, nor is about to.
fn is_heard(tracker: &Tracker, call: &Call) -> bool {
    let streams = || call.streams.iter().any(|stream| stream.state == StreamState::Live);
    call.live_recording().is_some_and(|recording| !recording.is_dark()) && !tracker.is_dark(call) && streams()
}

/// How loud each leg of live calls is, as server-sent events: `levels`, some three a second, whenever something has changed. A leg
/// in a blackout is not told of, nor one that is not recorded, nor one whose codec the recorder does not decode by itself
/// (G.729). Nothing is measured while nobody watches. It is no listen.
#[utoipa::path(
    get,
    path = "/v1/levels",
    tag = "calls",
    operation_id = "levels",
    params(("calls" = String, Query, description = "The ids of the calls, parted by commas, at most 64")),
    responses(
        (status = 200, description = "Events, without end; their data is as described", body = LevelsItem,
         content_type = "text/event-stream"),
        (status = 400, description = "A parameter is unknown or not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "Too many watch, or recording needs what this would take", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn levels(
    State(app): State<Arc<App>>,
    Extension(asking): Extension<Asking>,
    RawQuery(query): RawQuery,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let query = Query::read(query.as_deref(), &["calls"])?;
    let calls = calls(&query.text("calls").unwrap_or_default())?;
    audio::spare(&app)?;
    let place = app.levels.take_place().ok_or_else(|| Problem::unavailable("too many watch levels now"))?;
    let stream = app.allowances.take_stream(&asking.principal)?;
    let watching = Watching { stream, app, asking, calls: Arc::new(calls), renewed: None, last: None, place };
    let events = unfold(watching, |mut watching| async {
        let event = watching.next().await?;
        Some((Ok(event), watching))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)))
}

fn calls(text: &str) -> Result<BTreeSet<CallId>, Problem> {
    let ids = text.split(',').map(str::trim).filter(|id| !id.is_empty());
    let calls: Result<Vec<CallId>, _> = ids.take(MAX_CALLS + 1).map(str::parse).collect();
    match calls {
        Ok(calls) if (1..=MAX_CALLS).contains(&calls.len()) => Ok(calls.into_iter().collect()),
        _ => Err(Problem::parameter("calls", WANTED)),
    }
}
