//! Agents come and change. An agent is never invented (product decision 12).

use super::{MAX_AGENTS, Outcome, Refusal, Tracker};
use crate::agent::{Agent, AgentIdentifier};
use crate::blackout::Owner;
use crate::event::Event;
use crate::id::AgentId;

impl Tracker {
    /// Takes agents, each new or in place of the one with its id. All or none.
    ///
    /// # Errors
    /// [`Refusal::IdentifierTaken`] when two agents would answer to the same name.
    pub fn put_agents(&mut self, agents: Vec<Agent>) -> Result<Outcome, Refusal> {
        self.check_agents(&agents)?;
        let mut outcome = Outcome::default();
        for agent in agents {
            // What tells of an agent in the recordings; names to log in and phones say who is meant.
            let Agent { name, station, device_alias, .. } = agent;
            let [name, station, device_alias] =
                [name, station, device_alias].map(|text| self.to_outlive_call(text));
            let agent = Agent { name, station, device_alias, ..agent };
            if self.state.agents.get(&agent.id) != Some(&agent) {
                self.emit(&mut outcome, Event::AgentPut { agent });
            }
        }
        Ok(outcome)
    }

    /// Removes an agent. Recordings keep the agent's number and name.
    ///
    /// # Errors
    /// [`Refusal::UnknownAgent`]; [`Refusal::AgentBusy`] while the agent has a live call, or a blackout that nobody could
    /// stop any more.
    pub fn remove_agent(&mut self, id: AgentId) -> Result<Outcome, Refusal> {
        self.known_agent(id)?;
        let owner = Owner::Agent(id);
        let is_dark = self.closing.contains(&owner)
            || self.state.blackouts.iter().any(|blackout| blackout.owner == owner);
        if is_dark {
            return Err(Refusal::AgentBusy { id, what: "a blackout" });
        }
        if self.state.calls.values().any(|call| call.is_live() && call.agents.contains(&id)) {
            return Err(Refusal::AgentBusy { id, what: "a live call" });
        }
        let mut outcome = Outcome::default();
        self.emit(&mut outcome, Event::AgentRemoved { agent: id });
        Ok(outcome)
    }

    /// Seats an agent at a phone (free seating): whoever sat there sits at none from now on. An empty number seats the agent
    /// nowhere. Calls that are up stay with the agents they are tied to. Returns who lost the phone.
    ///
    /// # Errors
    /// [`Refusal::UnknownAgent`].
    pub fn seat_agent(&mut self, id: AgentId, phone: &str) -> Result<(Vec<AgentId>, Outcome), Refusal> {
        let agent = self.known_agent(id)?.clone();
        let mut outcome = Outcome::default();
        let sits_there = |other: &&Agent| other.id != id && !phone.is_empty() && other.phone == phone;
        let unseated: Vec<Agent> = self.state.agents.values().filter(sits_there).cloned().collect();
        let ids = unseated.iter().map(|other| other.id).collect();
        for other in unseated {
            self.emit(&mut outcome, Event::AgentPut { agent: Agent { phone: String::new(), ..other } });
        }
        if agent.phone != phone {
            self.emit(&mut outcome, Event::AgentPut { agent: Agent { phone: phone.to_owned(), ..agent } });
        }
        Ok((ids, outcome))
    }

    fn known_agent(&self, id: AgentId) -> Result<&Agent, Refusal> {
        let unknown = || Refusal::UnknownAgent { kind: AgentIdentifier::Id, value: id.to_string() };
        self.state.agents.get(&id).ok_or_else(unknown)
    }

    /// Whether [`Self::put_agents`] would take them.
    ///
    /// # Errors
    /// As there.
    pub fn check_agents(&self, agents: &[Agent]) -> Result<(), Refusal> {
        let mut after = self.state.agents.clone();
        after.extend(agents.iter().map(|agent| (agent.id, agent.clone())));
        if after.len() > MAX_AGENTS {
            return Err(Refusal::TooManyAgents);
        }
        let mut names = std::collections::HashMap::new();
        // The agents that stay are asked first, so that the refusal names the newcomer.
        let (coming, staying): (Vec<_>, Vec<_>) =
            after.values().partition(|agent| agents.iter().any(|new| new.id == agent.id));
        for agent in staying.into_iter().chain(coming) {
            for kind in AgentIdentifier::ALL {
                let value = kind.value_of(agent);
                if value.is_empty() {
                    continue;
                }
                if let Some(other) = names.insert((kind, value.clone()), agent.id) {
                    return Err(Refusal::IdentifierTaken { id: agent.id, kind, value, other });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{agent, arrival, by_id, go_dark, ms, tracker};
    use super::*;
    use crate::field::Field;

    #[test]
    fn a_card_number_written_into_an_agent_in_a_blackout_is_struck_out_and_the_phone_stays() {
        let mut tracker = tracker();
        go_dark(&mut tracker, ms(0), &by_id("1"));
        let written = Agent {
            name: "Maja 4539578763621486".into(),
            device_alias: "4539578763621486".into(),
            station: "4539 5787 6362 1486".into(),
            ..agent(2, "49891234567893")
        };
        tracker.put_agents(vec![written]).unwrap();
        let (call, _) = tracker.begin_call(ms(9), arrival("a@sbc", "49891234567893"));
        let call = tracker.call(call).unwrap();
        assert_eq!(call.field(Field::Station), "**** **** **** ****");
        assert_eq!(call.field(Field::DeviceAlias), "****************");
        let state = serde_json::to_string(tracker.state()).unwrap();
        assert!(!state.contains("4539578763621486"), "{state}");
    }
}
