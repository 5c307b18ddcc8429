//! What may be seen of an agent: the state a command's answer shows.

use std::collections::BTreeMap;

use super::Tracker;
use crate::agent::Agent;
use crate::blackout::{Blackout, Owner};
use crate::call::Call;
use crate::id::{AgentId, DeviceId};

/// An agent, or a device nobody sits at, with calls and blackout, at one moment.
#[derive(Debug, Clone)]
pub struct AgentView {
    /// The agent; absent for a device nobody sits at.
    pub agent: Option<Agent>,
    /// The device.
    pub device: Option<DeviceId>,
    /// The newest live call. Copies of a call are not shown beside it.
    pub active: Option<Call>,
    /// Other calls, newest first: live ones before ended ones.
    pub inactive: Vec<Call>,
    /// The blackout that lasts.
    pub blackout: Option<Blackout>,
    /// Whether the active call is dark, be it by a blackout of somebody else in it.
    pub dark: bool,
}

impl Tracker {
    /// What may be seen of the owner now.
    pub fn view(&self, owner: &Owner) -> AgentView {
        self.view_of(owner, self.calls_of(owner).collect())
    }

    fn view_of(&self, owner: &Owner, calls: Vec<&Call>) -> AgentView {
        let agent = match owner {
            Owner::Agent(id) => self.state.agents.get(id).cloned(),
            Owner::Device(_) => None,
        };
        let device = match (owner, &agent) {
            (Owner::Device(device), _) => Some(device.clone()),
            (_, Some(agent)) if !agent.phone.is_empty() => Some(DeviceId(agent.phone.clone())),
            _ => None,
        };
        let calls = calls.into_iter().filter(|call| !self.is_doubled(call));
        let mut calls: Vec<Call> = calls.cloned().collect();
        calls.sort_by_key(|call| std::cmp::Reverse((call.is_live(), call.ended, call.id)));
        let active = calls.first().filter(|call| call.is_live()).cloned();
        if active.is_some() {
            calls.remove(0);
        }
        AgentView {
            dark: active.as_ref().is_some_and(|call| self.is_dark(call)),
            agent,
            device,
            active,
            inactive: calls,
            blackout: self.blackout_of(owner).cloned(),
        }
    }

    /// What may be seen of every agent, by id. One pass over the calls, whatever the number of agents.
    pub fn view_all(&self) -> Vec<AgentView> {
        let mut calls: BTreeMap<AgentId, Vec<&Call>> = BTreeMap::new();
        for call in self.state.calls.values().filter(|call| !call.is_chat()) {
            for agent in &call.agents {
                calls.entry(*agent).or_default().push(call);
            }
        }
        let all = self.state.agents.keys();
        all.map(|id| self.view_of(&Owner::Agent(*id), calls.remove(id).unwrap_or_default())).collect()
    }
}
