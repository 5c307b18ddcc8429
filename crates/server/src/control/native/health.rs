//! Whether the recorder lives, whether it can record, and what it has counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::App;
use crate::observe::metrics::Gauge;
use crate::observe::overload::Load;

/// Whether the recorder can record.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ready {
    /// Whether it can.
    ready: bool,
    /// Why it cannot, by part; empty if it can.
    reasons: BTreeMap<String, String>,
    /// What somebody should see to before it cannot, by part.
    warnings: BTreeMap<String, String>,
}

/// The program answers.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "observe",
    operation_id = "alive",
    responses((status = 200, description = "It is alive", body = String, content_type = "text/plain"))
)]
pub(crate) async fn alive() -> &'static str {
    "alive\n"
}

/// Whether the recorder can record: the same answer SIP OPTIONS gives.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "observe",
    operation_id = "ready",
    responses(
        (status = 200, description = "It can record", body = Ready),
        (status = 503, description = "It cannot, and why", body = Ready),
    )
)]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<Ready>) {
    let reasons = app.readiness.reasons();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let ready = reasons.is_empty();
    let owned = |said: BTreeMap<&'static str, String>| {
        said.into_iter().map(|(key, why)| (key.to_owned(), why)).collect()
    };
    (status, Json(Ready { ready, reasons: owned(reasons), warnings: owned(app.readiness.warnings()) }))
}

/// What is counted, for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "observe",
    operation_id = "metrics",
    responses(
        (status = 200, description = "Prometheus text, version 0.0.4", body = String, content_type = "text/plain"),
    )
)]
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text = app.metrics.render(&gauges(&app).await, &app.alarms.counts());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// What can be read now; what cannot is left out, for a wrong number would be worse.
async fn gauges(app: &App) -> Vec<Gauge> {
    let mut gauges = vec![Gauge {
        name: "sidetone_ready",
        help: "1 if the recorder can record.",
        value: u64::from(app.readiness.is_ready()),
    }];
    gauges.extend(load_gauges(&app.load.get()));
    let held = |name, help, value| Gauge { name, help, value };
    gauges.extend([
        held("sidetone_hold_back_calls", "Calls that are held back in memory.", app.metrics.held_calls.get()),
        held(
            "sidetone_hold_back_bytes",
            "Memory that what is held back takes.",
            app.metrics.held_bytes.get(),
        ),
    ]);
    let gauge = |name, help, value: usize| Gauge { name, help, value: value as u64 };
    gauges.extend([
        gauge(
            "sidetone_conditions",
            "Conditions in which no new call is taken.",
            app.readiness.reasons().len(),
        ),
        gauge("sidetone_warnings", "Limits that are near.", app.readiness.warnings().len()),
    ]);
    let live = app.desk.look(|tracker| {
        let state = tracker.state();
        let live = || state.calls.values().filter(|call| call.is_live() && !call.is_chat());
        let recording = live().filter(|call| call.live_recording().is_some());
        [state.agents.len(), live().count(), recording.count(), state.blackouts.len()]
    });
    if let Ok([agents, calls, recordings, blackouts]) = live.await {
        let gauge = |name, help, value| Gauge { name, help, value: value as u64 };
        gauges.extend([
            gauge("sidetone_agents", "Agents known.", agents),
            gauge("sidetone_calls_live", "Calls that go on.", calls),
            gauge("sidetone_calls_recorded", "Calls that go on and are recorded.", recordings),
            gauge("sidetone_blackouts", "Blackouts that last.", blackouts),
        ]);
    }
    if let Ok(value) = app.index.count().await {
        gauges.push(Gauge { name: "sidetone_recordings", help: "Recordings in the index.", value });
    }
    if let Ok(value) = app.webhooks.outbox().waiting().await {
        let help = "Deliveries of events that wait, over all receivers.";
        gauges.push(Gauge { name: "sidetone_webhook_waiting", help, value });
    }
    let archive = app.archive.clone();
    if let Ok(Ok(space)) = tokio::task::spawn_blocking(move || archive.space()).await {
        let gauge = |name, help, value| Gauge { name, help, value };
        gauges.extend([
            gauge("sidetone_disk_free_bytes", "Room left on the volume of recordings.", space.free_bytes),
            gauge("sidetone_disk_total_bytes", "Size of that volume.", space.total_bytes),
        ]);
    }
    gauges.extend(certificate_gauges(app));
    gauges
}

/// When certificates expire.
fn certificate_gauges(app: &App) -> impl Iterator<Item = Gauge> {
    let sip = app.sip_tls.as_ref().map(|tls| Gauge {
        name: "sidetone_tls_certificate_expires_seconds",
        help: "When the certificate of SIP over TLS expires, in seconds since 1970.",
        value: u64::try_from(tls.expires_s()).unwrap_or_default(),
    });
    let http = app.http_tls.as_ref().map(|tls| Gauge {
        name: "sidetone_http_tls_certificate_expires_seconds",
        help: "When the certificate of HTTP over TLS expires, in seconds since 1970.",
        value: u64::try_from(tls.expires_s()).unwrap_or_default(),
    });
    sip.into_iter().chain(http)
}

/// How much of each limit is taken.
fn load_gauges(load: &Load) -> Vec<Gauge> {
    let gauge = |name, help, value| Gauge { name, help, value };
    let mut gauges = vec![
        gauge("sidetone_streams", "Streams being received.", load.streams.0),
        gauge("sidetone_streams_limit", "Streams that may be received at a time.", load.streams.1),
        gauge("sidetone_journal_backlog", "Jobs that wait for the journal.", load.journal.0),
        gauge("sidetone_journal_backlog_limit", "Jobs that may wait for it.", load.journal.1),
        gauge("sidetone_disk_fill_bytes_per_second", "Rate at which the disk fills.", load.disk_bytes_per_s),
    ];
    if let Some((taken, limit)) = load.memory {
        gauges.push(gauge("sidetone_memory_bytes", "Memory the recorder takes.", taken));
        gauges.push(gauge("sidetone_memory_limit_bytes", "Memory it may take.", limit));
    }
    if let Some((open, limit)) = load.open_files {
        gauges.push(gauge("sidetone_open_files", "Files the recorder has open.", open));
        gauges.push(gauge("sidetone_open_files_limit", "Files it may have open.", limit));
    }
    gauges
}
