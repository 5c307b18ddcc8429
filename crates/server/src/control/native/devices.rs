//! Devices: the phones agents sit at, and those that were seen on the wire without an agent (product decision 12).

use std::collections::BTreeMap;
use std::sync::Arc;

use access::Scope;
use axum::Json;
use axum::extract::{RawQuery, State};
use calls::agent::Agent;
use calls::blackout::{Blackout, Owner};
use calls::call::Call;
use calls::id::DeviceId;
use calls::time::Wall;
use calls::tracker::Tracker;
use serde::Serialize;
use utoipa::ToSchema;

use super::calls::CallSummary;
use super::query::Query;
use crate::control::error::Problem;
use crate::control::scope::{covers_agent, covers_call};
use crate::control::time::rfc3339;
use crate::http::{App, Who};

/// All devices.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeviceList {
    /// By id.
    items: Vec<DeviceItem>,
}

/// A phone, and what it does now.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct DeviceItem {
    /// Its number.
    id: String,
    /// Its second name; empty if it has none.
    alias: String,
    /// The workstation beside it: what a command has said, or else what the agent brings; empty if nobody knows.
    station: String,
    /// The agent who sits there, by number; null if nobody does.
    agent: Option<u32>,
    /// The agent's name.
    agent_name: Option<String>,
    /// Its newest live call.
    active_call: Option<CallSummary>,
    /// Since when a blackout lies on it or its agent, RFC 3339.
    blackout_since: Option<String>,
    /// When that times out, RFC 3339; null if never.
    blackout_until: Option<String>,
}

/// Every device that is known: an agent sits at it, or it has a call or a blackout now.
#[utoipa::path(
    get,
    path = "/v1/devices",
    tag = "agents",
    operation_id = "listDevices",
    responses(
        (status = 200, description = "All devices, by id", body = DeviceList),
        (status = 400, description = "A parameter; none is taken", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Who(who): Who,
    RawQuery(query): RawQuery,
) -> Result<Json<DeviceList>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let now = app.clock.now();
    Ok(Json(DeviceList { items: app.desk.look(move |tracker| list_all(tracker, now, who.scope())).await? }))
}

/// One pass each over agents, calls and blackouts: the desk has other things to do.
fn list_all(tracker: &Tracker, now: Wall, scope: &Scope) -> Vec<DeviceItem> {
    let state = tracker.state();
    let mut devices: BTreeMap<DeviceId, DeviceItem> = BTreeMap::new();
    for agent in state.agents.values().filter(|agent| !agent.phone.is_empty() && covers_agent(scope, agent)) {
        devices.insert(DeviceId(agent.phone.clone()), DeviceItem::of(agent));
    }
    let is_live = |call: &&Call| call.is_live() && !call.is_chat() && covers_call(scope, tracker, call);
    // Calls are in the order they began, so the newest of a device stays.
    for call in state.calls.values().filter(is_live) {
        if let Some(device) = &call.device {
            let item = devices.entry(device.clone()).or_default();
            item.active_call = Some(CallSummary::new(call, tracker.held_back_since(now, call.id)));
        }
    }
    for blackout in &state.blackouts {
        match &blackout.owner {
            Owner::Agent(agent) => {
                let sits_there = devices.values_mut().filter(|item| item.agent == Some(agent.0));
                sits_there.for_each(|item| item.darken(blackout));
            }
            // Nobody's device is of no business unit: who sees only some sees it when its call is theirs.
            Owner::Device(device) if scope.is_all() => {
                devices.entry(device.clone()).or_default().darken(blackout);
            }
            Owner::Device(device) => {
                devices.get_mut(device).into_iter().for_each(|item| item.darken(blackout));
            }
        }
    }
    for (id, item) in &mut devices {
        item.id.clone_from(&id.0);
        if let Some(station) = state.stations.get(id) {
            item.station.clone_from(station);
        }
    }
    devices.into_values().collect()
}

impl DeviceItem {
    fn of(agent: &Agent) -> Self {
        Self {
            alias: agent.device_alias.clone(),
            station: agent.station.clone(),
            agent: Some(agent.id.0),
            agent_name: Some(agent.name.clone()).filter(|name| !name.is_empty()),
            ..Self::default()
        }
    }

    fn darken(&mut self, blackout: &Blackout) {
        self.blackout_since = Some(rfc3339(blackout.since));
        self.blackout_until = blackout.until.map(rfc3339);
    }
}
