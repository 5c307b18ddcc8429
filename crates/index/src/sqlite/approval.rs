//! What waits for approval.

use calls::time::Wall;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, Sqlite, SqliteConnection, SqliteExecutor, Transaction};

use super::Database;
use crate::error::{DatabaseError, Doing, RegisterError};
use crate::register::{APPROVALS_MAX, Approval, ApprovalAsked, ApprovalKind, Decision, STRUCK};

const READING: &str = "reading approvals";
const WRITING: &str = "writing an approval";

/// What was asked for, what was said to it, and what came of it.
const ALL: &str = "SELECT *, carried_out.approval IS NOT NULL AS is_carried_out FROM approval LEFT JOIN given ON given.approval = number
                   LEFT JOIN carried_out ON carried_out.approval = number
                   LEFT JOIN taken_back ON taken_back.approval = number WHERE ";

pub(crate) async fn ask(database: &Database, asked: &ApprovalAsked) -> Result<Approval, RegisterError> {
    let mut tx = database.write(WRITING).await?;
    let count = "SELECT count(*) FROM approval WHERE approved IS NULL AND expires_ns > $1";
    let waiting: i64 =
        sqlx::query_scalar(count).bind(asked.at.as_ns()).fetch_one(&mut *tx).await.doing(WRITING)?;
    if usize::try_from(waiting).unwrap_or(usize::MAX) >= APPROVALS_MAX {
        return Err(RegisterError::TooMany);
    }
    let number = sqlx::query_scalar(
        "INSERT INTO approval (kind, what, asked_by, asker, why, source, asked_ns, expires_ns)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING number",
    )
    .bind(asked.kind.as_str())
    .bind(&asked.what)
    .bind(&asked.by)
    .bind(&asked.asker)
    .bind(&asked.why)
    .bind(&asked.source)
    .bind(asked.at.as_ns())
    .bind(asked.expires.as_ns())
    .fetch_one(&mut *tx)
    .await
    .doing(WRITING)?;
    tx.commit().await.doing(WRITING)?;
    Ok(Approval { number, asked: asked.clone(), decision: None, outcome: None, given: None })
}

pub(crate) async fn list(
    database: &Database,
    waiting_at: Option<Wall>,
    (before, limit): (Option<i64>, u32),
) -> Result<Vec<Approval>, DatabaseError> {
    let which = "number < $1 AND ($2 IS NULL OR (approved IS NULL AND expires_ns > $2)) ORDER BY number DESC LIMIT $3";
    let waiting_at = waiting_at.map(Wall::as_ns);
    let select = AssertSqlSafe([ALL, which].concat());
    let rows = sqlx::query(select).bind(before.unwrap_or(i64::MAX)).bind(waiting_at).bind(limit);
    rows.fetch_all(&database.readers).await.doing(READING)?.iter().map(from_row).collect()
}

pub(crate) async fn one(database: &Database, number: i64) -> Result<Option<Approval>, DatabaseError> {
    read(&database.readers, number).await
}

async fn read(from: impl SqliteExecutor<'_>, number: i64) -> Result<Option<Approval>, DatabaseError> {
    let row = sqlx::query(AssertSqlSafe([ALL, "number = $1"].concat())).bind(number);
    row.fetch_optional(from).await.doing(READING)?.map(|row| from_row(&row)).transpose()
}

pub(crate) async fn decide(
    database: &Database,
    number: i64,
    decision: &Decision,
) -> Result<Option<Approval>, DatabaseError> {
    let mut tx = database.write(WRITING).await?;
    let update = "UPDATE approval SET approved = $2, decided_by = $3, decided_from = $4, decided_ns = $5
                  WHERE number = $1 AND approved IS NULL AND expires_ns > $5";
    let decided = sqlx::query(update)
        .bind(number)
        .bind(decision.approved)
        .bind(&decision.by)
        .bind(&decision.source)
        .bind(decision.at.as_ns())
        .execute(&mut *tx)
        .await
        .doing(WRITING)?;
    if decided.rows_affected() == 0 {
        return Ok(None);
    }
    if !decision.approved {
        strike(&mut tx, "number = $2", number).await?;
    }
    as_it_stands(tx, number).await
}

/// Ends a transaction, and gives the request that it has changed.
async fn as_it_stands(
    mut tx: Transaction<'static, Sqlite>,
    number: i64,
) -> Result<Option<Approval>, DatabaseError> {
    let approval = read(&mut *tx, number).await?;
    tx.commit().await.doing(WRITING)?;
    Ok(approval)
}

pub(crate) async fn carried_out(
    database: &Database,
    number: i64,
    outcome: &Result<(), String>,
) -> Result<Option<Approval>, DatabaseError> {
    let mut tx = database.write(WRITING).await?;
    let insert = "INSERT INTO carried_out (approval, problem)
                  SELECT number, $2 FROM approval WHERE number = $1 AND approved = 1 ON CONFLICT DO NOTHING";
    let problem = outcome.as_ref().err();
    sqlx::query(insert).bind(number).bind(problem).execute(&mut *tx).await.doing(WRITING)?;
    strike(&mut tx, "approved IS NOT NULL AND number = $2", number).await?;
    as_it_stands(tx, number).await
}

pub(crate) async fn fail_unfinished(database: &Database, problem: &str) -> Result<(), DatabaseError> {
    let mut tx = database.write(WRITING).await?;
    let insert = "INSERT INTO carried_out (approval, problem)
                  SELECT number, $1 FROM approval WHERE approved = 1 ON CONFLICT DO NOTHING";
    sqlx::query(insert).bind(problem).execute(&mut *tx).await.doing(WRITING)?;
    strike(&mut tx, "approved = $2", 1).await?;
    tx.commit().await.doing(WRITING)
}

pub(crate) async fn strike_expired(database: &Database, now: Wall) -> Result<(), DatabaseError> {
    let mut tx = database.write(WRITING).await?;
    strike(&mut tx, "approved IS NULL AND expires_ns <= $2", now.as_ns()).await?;
    tx.commit().await.doing(WRITING)
}

/// Strikes out whom erasures were about: those of which `which`, with `$2`, is true.
async fn strike(conn: &mut SqliteConnection, which: &str, bound: i64) -> Result<(), DatabaseError> {
    let update = "UPDATE approval SET what = $1 WHERE kind = 'erasure' AND what <> $1 AND ";
    let update = sqlx::query(AssertSqlSafe([update, which].concat())).bind(STRUCK).bind(bound);
    update.execute(conn).await.doing(WRITING)?;
    Ok(())
}

pub(crate) async fn give(database: &Database, number: i64, at: Wall) -> Result<bool, DatabaseError> {
    let insert = "INSERT INTO given (approval, given_ns)
                  SELECT number, $2 FROM approval WHERE number = $1 AND approved = 1
                      AND NOT EXISTS (SELECT 1 FROM taken_back WHERE approval = $1) ON CONFLICT DO NOTHING";
    let given = sqlx::query(insert).bind(number).bind(at.as_ns());
    Ok(given.execute(&database.writer).await.doing(WRITING)?.rows_affected() == 1)
}

pub(crate) async fn take_back(
    database: &Database,
    number: i64,
    by: &str,
    at: Wall,
) -> Result<Option<Approval>, DatabaseError> {
    let mut tx = database.write(WRITING).await?;
    let insert = "INSERT INTO taken_back (approval, taken_by, at_ns)
                  SELECT number, $2, $3 FROM approval WHERE number = $1 AND approved = 1
                      AND NOT EXISTS (SELECT 1 FROM given WHERE approval = $1) ON CONFLICT DO NOTHING";
    let taken = sqlx::query(insert).bind(number).bind(by).bind(at.as_ns());
    let taken = taken.execute(&mut *tx).await.doing(WRITING)?;
    if taken.rows_affected() == 0 { Ok(None) } else { as_it_stands(tx, number).await }
}

fn from_row(row: &SqliteRow) -> Result<Approval, DatabaseError> {
    let number: i64 = row.try_get("number").doing(READING)?;
    let kind: String = row.try_get("kind").doing(READING)?;
    let wall = |column| Ok::<_, DatabaseError>(Wall::from_ns(row.try_get(column).doing(READING)?));
    let decision = match row.try_get::<Option<bool>, _>("approved").doing(READING)? {
        None => None,
        Some(approved) => Some(Decision {
            approved,
            by: row.try_get("decided_by").doing(READING)?,
            source: row.try_get::<Option<String>, _>("decided_from").doing(READING)?.unwrap_or_default(),
            at: wall("decided_ns")?,
        }),
    };
    let outcome = match row.try_get::<Option<bool>, _>("is_carried_out").doing(READING)? {
        Some(true) => {
            let problem: Option<String> = row.try_get("problem").doing(READING)?;
            Some(problem.map_or(Ok(()), Err))
        }
        _ => None,
    };
    let taken_back: Option<String> = row.try_get("taken_by").doing(READING)?;
    let outcome = taken_back.map(|by| Err(format!("{by} has taken it back"))).or(outcome);
    Ok(Approval {
        number,
        asked: ApprovalAsked {
            kind: ApprovalKind::from_word(&kind)
                .ok_or(DatabaseError::Row { ident: number, column: "kind" })?,
            what: row.try_get("what").doing(READING)?,
            by: row.try_get("asked_by").doing(READING)?,
            asker: row.try_get("asker").doing(READING)?,
            why: row.try_get("why").doing(READING)?,
            source: row.try_get("source").doing(READING)?,
            at: wall("asked_ns")?,
            expires: wall("expires_ns")?,
        },
        decision,
        outcome,
        given: row.try_get::<Option<i64>, _>("given_ns").doing(READING)?.map(Wall::from_ns),
    })
}
