//! Whose calls somebody may see: asked of live calls and agents as the index asks it of recordings (F-API-1).

use access::Scope;
use calls::agent::Agent;
use calls::call::Call;
use calls::id::{CallId, RecordingId};
use calls::tracker::Tracker;

/// Whether a call is in a scope: by the same agent and business unit its recording will have.
pub(crate) fn covers_call(scope: &Scope, tracker: &Tracker, call: &Call) -> bool {
    scope.covers(tracker.business_unit_of(call), call.agents.first().map(|agent| agent.0))
}

/// Whether an agent is.
pub(crate) fn covers_agent(scope: &Scope, agent: &Agent) -> bool {
    scope.covers(agent.business_unit, Some(agent.id.0))
}

/// Whether the call of this id is, or the one this recording is of; `None` if the tracker knows neither.
pub(crate) fn covers_known(
    scope: &Scope,
    tracker: &Tracker,
    call: Option<CallId>,
    recording: Option<RecordingId>,
) -> Option<bool> {
    let calls = &tracker.state().calls;
    let holds = |call: &&Call| call.recordings.iter().any(|known| Some(known.id) == recording);
    let call = match call {
        Some(call) => calls.get(&call)?,
        None => calls.values().find(holds)?,
    };
    Some(covers_call(scope, tracker, call))
}
