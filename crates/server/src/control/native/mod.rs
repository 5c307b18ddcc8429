//! The native API under `/v1`, described by `/openapi.json`: a file per resource.
//!
//! Refusals are problem documents (RFC 9457). Query parameters that are not known are refused by name, so that a
//! misspelt condition never widens a search.

pub(crate) mod agents;
pub(crate) mod alarms;
pub(crate) mod annotations;
pub(crate) mod archive_actions;
pub(crate) mod audio;
pub(crate) mod audit;
mod body;
pub(crate) mod calls;
pub(crate) mod chronicle;
mod clocks;
pub(crate) mod deliveries;
pub(crate) mod erasures;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod exports;
pub(crate) mod health;
pub(crate) mod holds;
pub(crate) mod keys;
mod query;
mod range;
pub(crate) mod recording;
pub(crate) mod recordings;
pub(crate) mod redactions;
pub(crate) mod refusals;
pub(crate) mod restriction;
pub(crate) mod retention;
pub(crate) mod schedules;
pub(crate) mod vcon;
pub(crate) mod waveform;
pub(crate) mod webhooks;

use std::sync::Arc;

use access::Principal;
use axum::Router;
use axum::extract::Request;
use axum::routing::{delete, get, post, put};

use crate::http::{self, App};

/// Who sends a request.
fn principal(request: &Request) -> Principal {
    http::principal(request.extensions())
}

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/agents", get(agents::list))
        .route("/v1/agents/import", post(agents::import))
        .route("/v1/agents/{id}", get(agents::one).put(agents::put).delete(agents::remove))
        .route("/v1/agents/{id}/seat", put(agents::seat))
        .route("/v1/alarms", get(alarms::list))
        .route("/v1/audit", get(audit::find))
        .route("/v1/audit/export", get(audit::export))
        .route("/v1/erasures", get(erasures::list).post(erasures::erase))
        .route("/v1/archive-actions", get(archive_actions::list).post(archive_actions::add))
        .route("/v1/archive-actions/{id}", get(archive_actions::one).put(archive_actions::put))
        .route("/v1/events", get(events::events))
        .route("/v1/exports", get(exports::list).post(exports::create))
        .route("/v1/exports/{id}", get(exports::one).delete(exports::cancel))
        .route("/v1/exports/{id}/download", get(exports::download))
        .route("/v1/holds", get(holds::list).post(holds::place))
        .route("/v1/holds/{id}", get(holds::one))
        .route("/v1/holds/{id}/release", post(holds::release))
        .route("/v1/keys", get(keys::list))
        .route("/v1/keys/rotations", post(keys::rotate))
        .route("/v1/calls", get(calls::list))
        .route("/v1/calls/{id}", get(calls::one))
        .route("/v1/calls/{id}/timeline", get(chronicle::of_call))
        .route("/v1/recordings", get(recordings::find))
        .route("/v1/recordings/{id}", get(recording::one).patch(annotations::tag))
        .route("/v1/recordings/{id}/annotations", get(annotations::list).post(annotations::add))
        .route("/v1/recordings/{id}/annotations/{number}", delete(annotations::remove))
        .route("/v1/recordings/{id}/audio", get(audio::listen))
        .route("/v1/recordings/{id}/redactions", get(redactions::list).post(redactions::redact))
        .route("/v1/recordings/{id}/vcon", get(vcon::export))
        .route("/v1/recordings/{id}/waveform", get(waveform::of_recording))
        .route("/v1/recordings/{id}/restriction", put(restriction::put).delete(restriction::lift))
        .route("/v1/refusals", get(refusals::list))
        .route("/v1/retention", get(retention::status))
        .route("/v1/retention/confirm", post(retention::confirm))
        .route("/v1/schedules", get(schedules::list).post(schedules::add))
        .route("/v1/schedules/explain", post(explain::explain))
        .route("/v1/schedules/{id}", get(schedules::one).put(schedules::put).delete(schedules::remove))
        .route("/v1/trunks", get(refusals::trunks))
        .route("/v1/webhooks", get(webhooks::list).post(webhooks::add))
        .route("/v1/webhooks/{id}", get(webhooks::one).put(webhooks::put).delete(webhooks::remove))
        .route("/v1/webhooks/{id}/deliveries", get(deliveries::list))
        .route("/v1/webhooks/{id}/replay", post(deliveries::replay))
        .route("/v1/webhooks/{id}/secret", post(webhooks::exchange_secret))
        .route("/v1/webhooks/{id}/test", post(webhooks::test))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
}
