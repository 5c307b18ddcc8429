//! Agents come and change. An agent is never invented (product decision 12).

use super::{MAX_AGENTS, Outcome, Refusal, Tracker};
use crate::agent::{Agent, AgentIdentifier};
use crate::event::Event;

impl Tracker {
    /// Takes agents, each new or in place of the one with its id. All or none.
    ///
    /// # Errors
    /// [`Refusal::IdentifierTaken`] when two agents would answer to the same name.
    pub fn put_agents(&mut self, agents: Vec<Agent>) -> Result<Outcome, Refusal> {
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
        let mut outcome = Outcome::default();
        for agent in agents {
            if self.state.agents.get(&agent.id) != Some(&agent) {
                self.emit(&mut outcome, Event::AgentPut { agent });
            }
        }
        Ok(outcome)
    }
}
