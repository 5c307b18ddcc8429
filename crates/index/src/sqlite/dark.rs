//! How much of their calls agents have been dark in.

use access::Scope;
use calls::id::AgentId;
use calls::time::Wall;
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::{Database, find};
use crate::error::{DatabaseError, Doing};
use crate::moment;
use crate::row::DarkTotals;

const DOING: &str = "adding up blackouts";

/// The most agents that are told of.
const MOST: u32 = 1_000;

const SELECT: &str = "
    SELECT agent_id, max(agent_name) AS name, count(*) AS recordings, sum(blackout_ms > 0) AS dark_recordings,
        sum(duration_ms) AS recorded_ms, sum(blackout_ms) AS dark_ms, max(blackout_ms) AS longest_ms
    FROM recording WHERE doubled = 0 AND moment >= ";

/// Who was dark longest first. Copies of a recording count once, and erased ones still.
pub(crate) async fn by_agent(
    database: &Database,
    (from, to): (Wall, Wall),
    scope: &Scope,
) -> Result<Vec<DarkTotals>, DatabaseError> {
    let mut statement = QueryBuilder::<Sqlite>::new(SELECT);
    statement.push_bind(moment::first(from)).push(" AND moment < ").push_bind(moment::first(to));
    find::within(&mut statement, scope);
    statement.push(" GROUP BY agent_id HAVING sum(blackout_ms) > 0 ORDER BY dark_ms DESC, agent_id LIMIT ");
    statement.push_bind(MOST);
    let mut tx = database.read(DOING).await?;
    let rows = statement.build().fetch_all(&mut *tx).await.doing(DOING)?;
    let totals = rows.iter().map(|row| {
        let count = |name: &str| row.try_get::<i64, _>(name).map(|count| u64::try_from(count).unwrap_or(0));
        let agent = row.try_get::<Option<i64>, _>("agent_id")?;
        Ok(DarkTotals {
            agent: agent.and_then(|agent| u32::try_from(agent).ok()).map(AgentId),
            agent_name: row.try_get("name")?,
            recordings: count("recordings")?,
            dark_recordings: count("dark_recordings")?,
            recorded_ms: count("recorded_ms")?,
            dark_ms: count("dark_ms")?,
            longest_ms: count("longest_ms")?,
        })
    });
    totals.collect::<Result<_, sqlx::Error>>().doing(DOING)
}
