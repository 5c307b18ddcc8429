//! From a name to an agent, from an agent to calls.

use std::fmt;

use std::collections::BTreeMap;

use super::{Refusal, Tracker};
use crate::agent::{Agent, AgentIdentifier};
use crate::blackout::Owner;
use crate::call::Call;
use crate::id::{AgentId, CallId, DeviceId};

/// Whom a command names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An agent, by one of the five identifiers.
    Agent {
        /// The kind of name.
        kind: AgentIdentifier,
        /// The name; compared exactly, after trimming.
        value: String,
    },
    /// A device, by its number.
    Device(String),
    /// A device, by its second name: that of the agent who sits there.
    Alias(String),
    /// A device, by the workstation beside it.
    Station(String),
    /// An agent, by the operating-system login. Its domain may be left out where only one agent has such a login.
    Login(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent { kind, value } => write!(f, "agent {} {}", kind.wire_name(), value.trim()),
            Self::Device(number) => write!(f, "device {}", number.trim()),
            Self::Alias(alias) => write!(f, "device alias {}", alias.trim()),
            Self::Station(station) => write!(f, "station {}", station.trim()),
            Self::Login(login) => write!(f, "login {}", login.trim()),
        }
    }
}

impl Target {
    /// That nobody is known who would be meant. Also what is said to those who may not know of whom it means, so that they cannot
    /// tell one from the other.
    pub fn unknown(&self) -> Refusal {
        let named = |kind, value: &str| Refusal::UnknownAgent { kind, value: value.trim().to_owned() };
        match self {
            Self::Agent { kind, value } => named(*kind, value),
            Self::Device(number) => Refusal::UnknownDevice(number.trim().to_owned()),
            Self::Alias(alias) => Refusal::UnknownAlias(alias.trim().to_owned()),
            Self::Station(station) => Refusal::UnknownStation(station.trim().to_owned()),
            Self::Login(login) => named(AgentIdentifier::SystemUsername, login),
        }
    }
}

impl Tracker {
    /// Whom the target means. A device somebody sits at means that agent.
    ///
    /// # Errors
    /// [`Refusal::UnknownAgent`], [`Refusal::UnknownDevice`].
    pub fn resolve(&self, target: &Target) -> Result<Owner, Refusal> {
        match target {
            Target::Agent { kind, value } => self
                .agent_named(*kind, value.trim())
                .map(|agent| Owner::Agent(agent.id))
                .ok_or_else(|| target.unknown()),
            Target::Device(number) => {
                let number = number.trim();
                if let Some(agent) = self.agent_named(AgentIdentifier::Phone, number) {
                    return Ok(Owner::Agent(agent.id));
                }
                let owner = Owner::Device(DeviceId(number.to_owned()));
                let known = self.all_of(&owner).next().is_some() || self.blackout_of(&owner).is_some();
                if known { Ok(owner) } else { Err(target.unknown()) }
            }
            Target::Alias(alias) => {
                let alias = alias.trim();
                let has_it = |agent: &Agent| agent.device_alias == alias;
                let owner = self.only_agent("device alias", alias, has_it)?;
                owner.ok_or_else(|| target.unknown())
            }
            Target::Station(station) => self.at_station(station.trim()),
            Target::Login(login) => {
                let login = login.trim();
                let kind = AgentIdentifier::SystemUsername;
                if let Some(agent) = self.agent_named(kind, login) {
                    return Ok(Owner::Agent(agent.id));
                }
                let is_user = |agent: &Agent| user_of(&agent.system_username) == login;
                let owner = self.only_agent("system user name", login, is_user)?;
                owner.ok_or_else(|| target.unknown())
            }
        }
    }

    /// Whose device stands beside the workstation. What a command has said counts before what agents bring (wfo-api
    /// section 4.3).
    fn at_station(&self, station: &str) -> Result<Owner, Refusal> {
        let mapped = self.state.stations.iter().find(|(_, known)| known.as_str() == station);
        if let Some((device, _)) = mapped {
            return self.resolve(&Target::Device(device.0.clone()));
        }
        let sits_there = |agent: &Agent| {
            let moved = !agent.phone.is_empty() && self.station_beside(&agent.phone).is_some();
            agent.station == station && !moved
        };
        let owner = self.only_agent("workstation", station, sits_there)?;
        owner.ok_or_else(|| Refusal::UnknownStation(station.to_owned()))
    }

    /// The workstation that a command has put beside the device.
    pub(super) fn station_beside(&self, device: &str) -> Option<&String> {
        self.state.stations.get(&DeviceId(device.to_owned()))
    }

    /// The one agent of whom something holds: who it is is not guessed.
    fn only_agent(
        &self,
        what: &'static str,
        value: &str,
        holds: impl Fn(&Agent) -> bool,
    ) -> Result<Option<Owner>, Refusal> {
        let mut meant = self.state.agents.values().filter(|agent| !value.is_empty() && holds(agent));
        let first = meant.next().map(|agent| Owner::Agent(agent.id));
        match meant.count() {
            0 => Ok(first),
            more => Err(Refusal::Ambiguous { what, value: value.to_owned(), agents: more + 1 }),
        }
    }

    fn agent_named(&self, kind: AgentIdentifier, value: &str) -> Option<&Agent> {
        if value.is_empty() {
            return None;
        }
        if kind == AgentIdentifier::Id {
            return self.state.agents.get(&AgentId(value.parse().ok()?));
        }
        self.state.agents.values().find(|agent| match kind {
            AgentIdentifier::Id => false,
            AgentIdentifier::Phone => agent.phone == value,
            AgentIdentifier::CrmUsername => agent.crm_username == value,
            AgentIdentifier::SystemUsername => agent.system_username == value,
            AgentIdentifier::Username => agent.username == value,
        })
    }

    /// The agents an SRC may mean by `candidates` (A13-08): by phone first, and only if no phone matches by
    /// user name. Several matches are all returned; the caller reports, and does not guess.
    pub(super) fn agents_meant(&self, candidates: &[String]) -> Vec<AgentId> {
        let by = |matches: &dyn Fn(&Agent, &str) -> bool| -> Vec<AgentId> {
            let meant = |agent: &&Agent| candidates.iter().any(|candidate| matches(agent, candidate));
            self.state.agents.values().filter(meant).map(|agent| agent.id).collect()
        };
        let by_phone = by(&|agent, candidate| !agent.phone.is_empty() && agent.phone == candidate);
        if !by_phone.is_empty() {
            return by_phone;
        }
        by(&|agent, candidate| {
            !candidate.is_empty()
                && [&agent.username, &agent.system_username, &agent.crm_username]
                    .contains(&&candidate.to_owned())
        })
    }

    /// All calls of an agent or a device, oldest first.
    pub(super) fn calls_of<'t>(&'t self, owner: &'t Owner) -> impl DoubleEndedIterator<Item = &'t Call> {
        self.all_of(owner).filter(|call| !call.is_chat())
    }

    /// Its calls and chats, oldest first.
    pub(super) fn all_of<'t>(&'t self, owner: &'t Owner) -> impl DoubleEndedIterator<Item = &'t Call> {
        self.state.calls.values().filter(move |call| belongs(&self.state.agents, call, owner))
    }

    /// The call a command acts on: the newest live one that is no copy of another.
    pub(super) fn active_call(&self, owner: &Owner) -> Option<CallId> {
        self.calls_of(owner).rev().find(|call| call.is_live() && !self.is_doubled(call)).map(|call| call.id)
    }

    pub(super) fn newest_inactive_call(&self, owner: &Owner) -> Option<CallId> {
        self.calls_of(owner)
            .filter(|call| !call.is_live() && !self.is_doubled(call))
            .max_by_key(|call| (call.ended, call.id))
            .map(|call| call.id)
    }

    /// How a person would name the owner.
    pub(super) fn who(owner: &Owner) -> String {
        match owner {
            Owner::Agent(id) => format!("agent {id}"),
            Owner::Device(device) => format!("device {device}"),
        }
    }
}

/// The user of a login, without its domain.
fn user_of(login: &str) -> &str {
    login.rsplit_once('\\').map_or("", |(_, user)| user)
}

/// Whether a call is the owner's. One that was up on a phone before anybody sat there is, from then on, whose
/// phone it is: a blackout of that agent covers it.
pub(super) fn belongs(agents: &BTreeMap<AgentId, Agent>, call: &Call, owner: &Owner) -> bool {
    match owner {
        Owner::Agent(id) if call.agents.is_empty() => {
            let phone = agents.get(id).map(|agent| agent.phone.as_str()).filter(|phone| !phone.is_empty());
            phone.is_some() && call.device.as_ref().map(|device| device.0.as_str()) == phone
        }
        Owner::Agent(id) => call.agents.contains(id),
        Owner::Device(device) => call.agents.is_empty() && call.device.as_ref() == Some(device),
    }
}
