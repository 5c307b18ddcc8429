//! Legal holds (C7-02): what they hold, and whether one is in the way.

use std::collections::BTreeSet;

use calls::id::RecordingId;
use calls::time::Wall;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{Database, find};
use crate::care::{Hold, HoldWanted};
use crate::error::{DatabaseError, Doing, HoldError};
use crate::query::{PAGE_MAX, Query};

const READING: &str = "reading holds";
const JOINING: &str = "holding recordings";

/// The most holds that hold at a time: each is asked whenever a recording is sealed.
pub(crate) const HOLDS_MAX: i64 = 1_000;

pub(crate) async fn place(database: &Database, wanted: &HoldWanted, at: Wall) -> Result<Hold, HoldError> {
    const DOING: &str = "placing a hold";
    let mut tx = database.write(DOING).await?;
    let holding: i64 = sqlx::query_scalar("SELECT count(*) FROM hold WHERE released_ns IS NULL")
        .fetch_one(&mut *tx)
        .await
        .doing(DOING)?;
    if holding >= HOLDS_MAX {
        return Err(HoldError::TooMany);
    }
    let none = Query::default();
    let query = wanted.query.as_ref();
    let said = query.unwrap_or(&none);
    let number: i64 = sqlx::query_scalar(
        "INSERT INTO hold (matter, owner, reason, who, source, placed_ns, by_query, agent, number_end, from_ns, to_ns,
            words) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING number",
    )
    .bind(wanted.matter.as_str())
    .bind(wanted.owner.as_str())
    .bind(wanted.reason.as_str())
    .bind(wanted.who.as_str())
    .bind(wanted.source.as_str())
    .bind(at.as_ns())
    .bind(query.is_some())
    .bind(said.agent.as_deref())
    .bind(said.number.as_deref())
    .bind(said.from.map(Wall::as_ns))
    .bind(said.to.map(Wall::as_ns))
    .bind(said.text.as_deref())
    .fetch_one(&mut *tx)
    .await
    .doing(DOING)?;
    for recording in wanted.recordings.iter().collect::<BTreeSet<_>>() {
        let joined = sqlx::query(
            "INSERT INTO held (hold, recording, joined_ns) SELECT $1, ident, $2 FROM recording
             WHERE id = $3 AND erased_ns IS NULL",
        );
        let joined = joined.bind(number).bind(at.as_ns()).bind(recording.as_bytes().as_slice());
        if joined.execute(&mut *tx).await.doing(DOING)?.rows_affected() != 1 {
            return Err(HoldError::Unknown(*recording));
        }
    }
    if let Some(query) = query {
        join_matching(&mut tx, (number, query), None, at).await?;
    }
    // Those that were to be erased for their days' sake are not any more.
    sqlx::query("DELETE FROM mark WHERE recording IN (SELECT recording FROM held WHERE hold = $1)")
        .bind(number)
        .execute(&mut *tx)
        .await
        .doing(DOING)?;
    let placed = select(&mut tx, Which::One(number)).await?.pop();
    tx.commit().await.doing(DOING)?;
    placed.ok_or(HoldError::NoSuch(number))
}

/// Has a hold hold what matches it, of all recordings or of one.
async fn join_matching(
    conn: &mut SqliteConnection,
    (number, query): (i64, &Query),
    of: Option<i64>,
    at: Wall,
) -> Result<(), HoldError> {
    let mut statement =
        sqlx::QueryBuilder::new("INSERT OR IGNORE INTO held (hold, recording, joined_ns) SELECT ");
    statement.push_bind(number).push(", ident, ").push_bind(at.as_ns());
    statement.push(" FROM recording WHERE erased_ns IS NULL");
    if let Some(ident) = of {
        statement.push(" AND ident = ").push_bind(ident);
    }
    find::all_of(&mut statement, query, of.is_some()).map_err(HoldError::Condition)?;
    statement.build().execute(conn).await.doing(JOINING)?;
    Ok(())
}

/// Has every hold by query hold a recording that matches it now.
pub(super) async fn join(conn: &mut SqliteConnection, ident: i64, at: Wall) -> Result<(), DatabaseError> {
    for hold in select(conn, Which::ByQuery).await? {
        let Some(query) = &hold.wanted.query else { continue };
        match join_matching(conn, (hold.number, query), Some(ident), at).await {
            Ok(()) => {}
            Err(HoldError::Database(error)) => return Err(error),
            // It was looked at when the hold was placed.
            Err(_) => return Err(DatabaseError::Row { ident: hold.number, column: "number_end" }),
        }
    }
    Ok(())
}

/// The hold that is in the way of an end of this recording, asked in the transaction that would end it.
pub(super) async fn in_the_way(
    conn: &mut SqliteConnection,
    ident: i64,
    at: Wall,
) -> Result<Option<i64>, DatabaseError> {
    join(conn, ident, at).await?;
    sqlx::query_scalar(
        "SELECT hold.number FROM held JOIN hold ON hold.number = held.hold
         WHERE held.recording = $1 AND hold.released_ns IS NULL ORDER BY hold.number LIMIT 1",
    )
    .bind(ident)
    .fetch_optional(conn)
    .await
    .doing("asking whether a hold is in the way")
}

pub(crate) async fn release(
    database: &Database,
    number: i64,
    (who, why): (&str, &str),
    at: Wall,
) -> Result<Hold, HoldError> {
    const DOING: &str = "releasing a hold";
    let mut tx = database.write(DOING).await?;
    let released = sqlx::query(
        "UPDATE hold SET released_ns = $2, released_who = $3, released_why = $4
         WHERE number = $1 AND released_ns IS NULL",
    );
    let released = released.bind(number).bind(at.as_ns()).bind(who).bind(why);
    let released = released.execute(&mut *tx).await.doing(DOING)?.rows_affected() == 1;
    let hold = select(&mut tx, Which::One(number)).await?.pop();
    tx.commit().await.doing(DOING)?;
    match hold {
        Some(hold) if released => Ok(hold),
        Some(_) => Err(HoldError::Released(number)),
        None => Err(HoldError::NoSuch(number)),
    }
}

pub(crate) async fn one(database: &Database, number: i64) -> Result<Option<Hold>, DatabaseError> {
    let mut tx = database.read(READING).await?;
    Ok(select(&mut tx, Which::One(number)).await?.pop())
}

pub(crate) async fn all(database: &Database, released_too: bool) -> Result<Vec<Hold>, DatabaseError> {
    let mut tx = database.read(READING).await?;
    select(&mut tx, if released_too { Which::All } else { Which::Holding }).await
}

pub(crate) async fn held_by(
    database: &Database,
    number: i64,
) -> Result<Vec<(RecordingId, Wall)>, DatabaseError> {
    let rows = sqlx::query(
        "SELECT recording.ident, recording.id, held.joined_ns FROM held
         JOIN recording ON recording.ident = held.recording
         WHERE held.hold = $1 ORDER BY held.joined_ns DESC, recording.ident DESC LIMIT $2",
    )
    .bind(number)
    .bind(PAGE_MAX)
    .fetch_all(&database.readers)
    .await
    .doing(READING)?;
    let held = |row: &SqliteRow| -> Result<(RecordingId, Wall), DatabaseError> {
        let cells = super::read::Cells::of(row)?;
        Ok((RecordingId::from_bytes(cells.bytes("id")?), Wall::from_ns(cells.get("joined_ns")?)))
    };
    rows.iter().map(held).collect()
}

/// Which holds are looked at.
enum Which {
    One(i64),
    All,
    Holding,
    ByQuery,
}

async fn select(conn: &mut SqliteConnection, which: Which) -> Result<Vec<Hold>, DatabaseError> {
    let mut statement = sqlx::QueryBuilder::new(
        "SELECT hold.*, (SELECT count(*) FROM held WHERE held.hold = hold.number) AS held FROM hold ",
    );
    match which {
        Which::One(number) => statement.push("WHERE number = ").push_bind(number),
        Which::All => &mut statement,
        Which::Holding => statement.push("WHERE released_ns IS NULL"),
        Which::ByQuery => statement.push("WHERE released_ns IS NULL AND by_query = 1"),
    };
    statement.push(" ORDER BY number DESC LIMIT ").push_bind(HOLDS_MAX);
    let rows = statement.build().fetch_all(conn).await.doing(READING)?;
    rows.iter().map(|row| from_row(row).doing(READING)).collect()
}

fn from_row(row: &SqliteRow) -> Result<Hold, sqlx::Error> {
    let instant =
        |column: &str| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(column)?.map(Wall::from_ns));
    let query = if row.try_get("by_query")? {
        Some(Query {
            agent: row.try_get("agent")?,
            number: row.try_get("number_end")?,
            from: instant("from_ns")?,
            to: instant("to_ns")?,
            text: row.try_get("words")?,
            copies: true,
            ..Query::default()
        })
    } else {
        None
    };
    let released = match instant("released_ns")? {
        Some(at) => Some((at, row.try_get("released_who")?, row.try_get("released_why")?)),
        None => None,
    };
    Ok(Hold {
        number: row.try_get("number")?,
        wanted: HoldWanted {
            matter: row.try_get("matter")?,
            owner: row.try_get("owner")?,
            reason: row.try_get("reason")?,
            who: row.try_get("who")?,
            source: row.try_get("source")?,
            query,
            recordings: Vec::new(),
        },
        placed: Wall::from_ns(row.try_get("placed_ns")?),
        released,
        held: row.try_get::<i64, _>("held")?.unsigned_abs(),
    })
}
