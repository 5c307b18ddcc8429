//! How often and how long agents were dark (F-API-6).

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{RawQuery, State};
use index::DarkTotals;
use serde::Serialize;
use utoipa::ToSchema;

use super::query::Query;
use super::recordings::instant;
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::{App, Who};

/// The time that is added up if none is named.
const USUAL: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The longest time that is added up.
const LONGEST: Duration = Duration::from_secs(92 * 24 * 60 * 60);

/// Who was dark in a time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BlackoutReport {
    /// The first instant at which recordings begin that count, RFC 3339.
    from: String,
    /// The first after it.
    to: String,
    /// Agents with a blackout, who was dark longest first; at most 1000.
    items: Vec<AgentBlackouts>,
}

/// How much of their recordings an agent was dark in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AgentBlackouts {
    /// The agent, by number; null for recordings without one.
    agent: Option<u32>,
    /// The agent's name, as one of the recordings has it.
    agent_name: Option<String>,
    /// Their recordings, those of copies left out.
    recordings: u64,
    /// Of these, those with a blackout.
    dark_recordings: u64,
    /// How long all are together.
    recorded_ms: u64,
    /// How long they are dark together.
    dark_ms: u64,
    /// How long the one is dark that is so longest.
    longest_ms: u64,
}

impl From<DarkTotals> for AgentBlackouts {
    fn from(totals: DarkTotals) -> Self {
        Self {
            agent: totals.agent.map(|agent| agent.0),
            agent_name: totals.agent_name,
            recordings: totals.recordings,
            dark_recordings: totals.dark_recordings,
            recorded_ms: totals.recorded_ms,
            dark_ms: totals.dark_ms,
            longest_ms: totals.longest_ms,
        }
    }
}

/// How often and how long agents were dark, of the recordings that began in a time.
#[utoipa::path(
    get,
    path = "/v1/blackouts",
    tag = "recordings",
    operation_id = "reportBlackouts",
    params(
        ("from" = Option<String>, Query, description = "The first instant at which recordings begin that count; \
         seven days before `to` if left out"),
        ("to" = Option<String>, Query, description = "The first after it; now if left out. At most 92 days are added up"),
    ),
    responses(
        (status = 200, description = "Who was dark", body = BlackoutReport),
        (status = 400, description = "A parameter", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn report(
    State(app): State<Arc<App>>,
    Who(who): Who,
    RawQuery(query): RawQuery,
) -> Result<Json<BlackoutReport>, Problem> {
    let query = Query::read(query.as_deref(), &["from", "to"])?;
    let to = instant(&query, "to")?.unwrap_or_else(|| app.clock.now());
    let from = instant(&query, "from")?.unwrap_or_else(|| to.before(USUAL));
    if from >= to {
        return Err(Problem::parameter("from", "from must lie before to"));
    }
    if to.since(from) > LONGEST {
        return Err(Problem::parameter("from", "from must lie at most 92 days before to"));
    }
    let items = app.index.dark_by_agent((from, to), who.scope()).await?;
    let items = items.into_iter().map(AgentBlackouts::from).collect();
    Ok(Json(BlackoutReport { from: rfc3339(from), to: rfc3339(to), items }))
}
