//! Who was turned away and why; how each trunk does.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::query::Query;
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::App;
use crate::observe::refusals::{Refusal, TrunkHealth};

/// Requests that were turned away.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusalList {
    /// Newest first, at most 256. They are kept until the recorder is started again.
    items: Vec<RefusalItem>,
}

/// A request that was turned away.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusalItem {
    /// When it last happened, RFC 3339.
    at: String,
    /// When it first happened, RFC 3339.
    first: String,
    /// How often, without another refusal of this sender in between.
    count: u64,
    /// Who sent it: address and port.
    peer: String,
    /// `UDP`, `TCP` or `TLS`.
    transport: &'static str,
    /// The trunk that the sender belongs to; null if it belongs to none.
    trunk: Option<String>,
    /// Its method.
    method: String,
    /// Its SIP Call-ID; null if it could not be read.
    sip_call_id: Option<String>,
    /// The status it was answered with; null if it got no answer.
    status: Option<u16>,
    /// Why, in the words the sender was given.
    why: String,
    /// What its SDP offered, line by line.
    offered: Vec<String>,
}

/// Trunks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrunkList {
    /// By name; what came from peers without a trunk stands last.
    items: Vec<TrunkItem>,
}

/// How a trunk does since the recorder was started.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrunkItem {
    /// Its name; null for all peers without a trunk.
    name: Option<String>,
    /// When its last INVITE came, RFC 3339; null if none has.
    last_invite: Option<String>,
    /// INVITEs that wanted a recording session.
    invites: u64,
    /// Recording sessions that stand.
    live_sessions: u64,
    /// Requests turned away.
    refused: u64,
    /// The last of them; null if there is none.
    last_refusal: Option<LastRefusal>,
}

/// The last refusal of a trunk.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LastRefusal {
    /// When, RFC 3339.
    at: String,
    /// The status; null if it got no answer.
    status: Option<u16>,
    /// Why.
    why: String,
}

impl RefusalItem {
    fn new(refusal: Refusal) -> Self {
        Self {
            at: rfc3339(refusal.at),
            first: rfc3339(refusal.first),
            count: refusal.count,
            peer: refusal.peer.to_string(),
            transport: refusal.transport,
            trunk: refusal.trunk,
            method: refusal.method,
            sip_call_id: refusal.sip_call_id,
            status: refusal.status,
            why: refusal.why,
            offered: refusal.offered,
        }
    }
}

impl TrunkItem {
    fn new((name, health): (Option<String>, TrunkHealth)) -> Self {
        let last_refusal =
            health.last_refusal.map(|(at, status, why)| LastRefusal { at: rfc3339(at), status, why });
        Self {
            name,
            last_invite: health.last_invite.map(rfc3339),
            invites: health.invites,
            live_sessions: health.live_sessions,
            refused: health.refused,
            last_refusal,
        }
    }
}

/// Requests that were turned away, and why: an SBC whose calls are not recorded stands here.
#[utoipa::path(
    get,
    path = "/v1/refusals",
    tag = "observe",
    operation_id = "listRefusals",
    responses(
        (status = 200, description = "The refusals, newest first", body = RefusalList),
        (status = 400, description = "A parameter is unknown", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<RefusalList>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let items = app.refusals.newest_first().into_iter().map(RefusalItem::new).collect();
    Ok(Json(RefusalList { items }))
}

/// How each trunk does: last INVITE, last refusal and why, live sessions.
#[utoipa::path(
    get,
    path = "/v1/trunks",
    tag = "observe",
    operation_id = "listTrunks",
    responses(
        (status = 200, description = "The trunks", body = TrunkList),
        (status = 400, description = "A parameter is unknown", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn trunks(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<TrunkList>, Problem> {
    Query::read(query.as_deref(), &[])?;
    Ok(Json(TrunkList { items: app.refusals.trunks().into_iter().map(TrunkItem::new).collect() }))
}
