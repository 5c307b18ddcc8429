//! What is reported of calls, and how agents are changed, by those who know agents and devices by more names than one.

use calls::agent::Agent;
use calls::blackout::Owner;
use calls::call::Call;
use calls::id::CallId;
use calls::time::Wall;
use calls::tracker::{AgentView, Outcome, Refusal, Report, Target, Tracker};
use tokio::sync::oneshot;

use super::handle::{AskError, Handle};

impl Handle {
    /// A call or chat begins; answers it as it is then.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn report_begin(&self, report: Report) -> Result<Call, AskError> {
        self.call_of(move |tracker, now| tracker.report_begin(now, &report)).await
    }

    /// Something of a call or chat changed.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn report_change(&self, report: Report) -> Result<AgentView, AskError> {
        self.view(move |tracker, now| tracker.report_change(now, &report)).await
    }

    /// A call or chat is over.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn report_end(&self, report: Report) -> Result<AgentView, AskError> {
        self.view(move |tracker, now| tracker.report_end(now, &report)).await
    }

    /// Starts a recording where there is none; answers the call as it is then.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn start_unrecorded(&self, report: Report) -> Result<Call, AskError> {
        self.call_of(move |tracker, now| tracker.start_unrecorded(now, &report)).await
    }

    /// Stops a recording that is being made.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn stop_recorded(&self, report: Report) -> Result<AgentView, AskError> {
        self.view(move |tracker, now| tracker.stop_recorded(now, &report)).await
    }

    /// Makes one agent out of what is known of the one that is meant, between no two other decisions.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn change_agent(
        &self,
        meant: Target,
        change: impl FnOnce(Option<Agent>) -> Result<Agent, Refusal> + Send + 'static,
    ) -> Result<AgentView, AskError> {
        self.view(move |tracker, _| {
            let known = match tracker.resolve(&meant) {
                Ok(Owner::Agent(id)) => tracker.state().agents.get(&id).cloned(),
                Ok(Owner::Device(_)) | Err(_) => None,
            };
            let agent = change(known)?;
            let owner = Owner::Agent(agent.id);
            Ok((owner, tracker.put_agents(vec![agent])?))
        })
        .await
    }

    /// Decides, and answers as a command is answered: once media are kept as was decided.
    async fn call_of(
        &self,
        decide: impl FnOnce(&mut Tracker, Wall) -> Result<(Owner, CallId, Outcome), Refusal> + Send + 'static,
    ) -> Result<Call, AskError> {
        let (sender, call) = oneshot::channel();
        self.view(move |tracker, now| {
            let (owner, call, outcome) = decide(tracker, now)?;
            let _ = sender.send(tracker.call(call).cloned());
            Ok((owner, outcome))
        })
        .await?;
        call.await.ok().flatten().ok_or(AskError::Stopping)
    }
}
