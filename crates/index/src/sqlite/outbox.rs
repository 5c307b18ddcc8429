//! Events on their way to receivers.

use calls::time::Wall;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use super::{Database, to_sql, webhook};
use crate::error::{DatabaseError, Doing};
use crate::outbox::{
    Delivery, DeliveryQuery, DeliveryState, OutboxEvent, ReplayFrom, Tried, Upcoming, Webhook,
};

const PUTTING: &str = "putting events into the outbox";
const READING: &str = "reading the outbox";
const NOTING: &str = "noting what came of a delivery";
const REPLAYING: &str = "having events sent again";

/// A delivery with its event.
const SELECT: &str = "SELECT event.number, event.id, event.at_ns, event.kind, event.body, delivery.*
    FROM outbox_delivery AS delivery JOIN outbox_event AS event ON event.number = delivery.event
    WHERE delivery.webhook = $1";

pub(crate) async fn mark(database: &Database) -> Result<u64, DatabaseError> {
    let mark: i64 = sqlx::query_scalar("SELECT journal FROM outbox_mark")
        .fetch_one(&database.readers)
        .await
        .doing(READING)?;
    Ok(u64::try_from(mark).unwrap_or(0))
}

pub(crate) async fn set_mark(database: &Database, journal: u64) -> Result<(), DatabaseError> {
    let update = sqlx::query("UPDATE outbox_mark SET journal = $1 WHERE journal <> $1").bind(to_sql(journal));
    update.execute(&database.writer).await.doing(PUTTING).map(drop)
}

pub(crate) async fn waiting(database: &Database) -> Result<u64, DatabaseError> {
    let count = "SELECT count(*) FROM outbox_delivery WHERE state = 'waiting'";
    let count: i64 = sqlx::query_scalar(count).fetch_one(&database.readers).await.doing(READING)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

pub(crate) async fn put(
    database: &Database,
    events: &[OutboxEvent],
    journal: u64,
    now: Wall,
) -> Result<u64, DatabaseError> {
    let mut tx = database.write(PUTTING).await?;
    let receivers = webhook::active(&mut tx).await?;
    let mut count = 0;
    for event in events {
        let wanted: Vec<&Webhook> =
            receivers.iter().filter(|webhook| event.for_all || webhook.wants(&event.kind)).collect();
        if wanted.is_empty() {
            continue;
        }
        let insert =
            "INSERT INTO outbox_event (id, at_ns, kind, body) VALUES ($1, $2, $3, $4) RETURNING number";
        let number: i64 = sqlx::query_scalar(insert)
            .bind(event.id.as_str())
            .bind(event.at.as_ns())
            .bind(event.kind.as_str())
            .bind(event.body.as_str())
            .fetch_one(&mut *tx)
            .await
            .doing(PUTTING)?;
        for webhook in wanted {
            deliver(&mut tx, webhook.number, number, now).await?;
        }
        count += 1;
    }
    let update = "UPDATE outbox_mark SET journal = max(journal, $1)";
    sqlx::query(update).bind(to_sql(journal)).execute(&mut *tx).await.doing(PUTTING)?;
    tx.commit().await.doing(PUTTING)?;
    Ok(count)
}

/// Has an event delivered, for the first time or again.
async fn deliver(
    tx: &mut Transaction<'static, Sqlite>,
    webhook: i64,
    event: i64,
    now: Wall,
) -> Result<(), DatabaseError> {
    let upsert = "INSERT INTO outbox_delivery (webhook, event, state, since_ns, due_ns) VALUES ($1, $2, 'waiting', $3, $3)
         ON CONFLICT DO UPDATE SET state = 'waiting', since_ns = $3, due_ns = $3, holds = 0, attempts = 0";
    let deliver = sqlx::query(upsert).bind(webhook).bind(event).bind(now.as_ns());
    deliver.execute(&mut **tx).await.doing(PUTTING).map(drop)
}

pub(crate) async fn tidy(database: &Database, oldest: Wall, most: u32) -> Result<u64, DatabaseError> {
    const DOING: &str = "tidying the outbox";
    let mut tx = database.write(DOING).await?;
    // Behind this one, as many as may be are kept.
    let beyond = "SELECT number FROM outbox_event ORDER BY number DESC LIMIT 1 OFFSET $1";
    let beyond: Option<i64> =
        sqlx::query_scalar(beyond).bind(most).fetch_optional(&mut *tx).await.doing(DOING)?;
    let beyond = beyond.unwrap_or(0);
    let lost = "SELECT count(*) FROM outbox_delivery WHERE state = 'waiting' AND event IN
        (SELECT number FROM outbox_event WHERE number <= $1 OR at_ns < $2)";
    let lost: i64 =
        sqlx::query_scalar(lost).bind(beyond).bind(oldest.as_ns()).fetch_one(&mut *tx).await.doing(DOING)?;
    let delete = "DELETE FROM outbox_event WHERE number <= $1 OR at_ns < $2";
    sqlx::query(delete).bind(beyond).bind(oldest.as_ns()).execute(&mut *tx).await.doing(DOING)?;
    tx.commit().await.doing(DOING)?;
    Ok(u64::try_from(lost).unwrap_or(0))
}

pub(crate) async fn upcoming(
    database: &Database,
    webhook: i64,
    now: Wall,
) -> Result<Upcoming, DatabaseError> {
    let mut tx = database.read(READING).await?;
    let held =
        "SELECT min(event) FROM outbox_delivery WHERE webhook = $1 AND state = 'waiting' AND holds = 1";
    let held: Option<i64> =
        sqlx::query_scalar(held).bind(webhook).fetch_one(&mut *tx).await.doing(READING)?;
    let until = held.unwrap_or(i64::MAX);
    let next = sqlx::AssertSqlSafe(format!(
        "{SELECT} AND state = 'waiting' AND delivery.event <= $2 AND due_ns <= $3 ORDER BY delivery.event LIMIT 1"
    ));
    let next = sqlx::query(next).bind(webhook).bind(until).bind(now.as_ns());
    if let Some(row) = next.fetch_optional(&mut *tx).await.doing(READING)? {
        return Ok(Upcoming::Now(Box::new(from_row(&row)?)));
    }
    let soonest =
        "SELECT min(due_ns) FROM outbox_delivery WHERE webhook = $1 AND state = 'waiting' AND event <= $2";
    let soonest: Option<i64> =
        sqlx::query_scalar(soonest).bind(webhook).bind(until).fetch_one(&mut *tx).await.doing(READING)?;
    Ok(soonest.map_or(Upcoming::Nothing, |due| Upcoming::NotBefore(Wall::from_ns(due))))
}

pub(crate) async fn tried(
    database: &Database,
    (webhook, event): (i64, i64),
    at: Wall,
    status: Option<u16>,
    tried: &Tried,
) -> Result<(), DatabaseError> {
    let (state, due, holds, problem) = match tried {
        Tried::Delivered => (DeliveryState::Delivered, at, false, None),
        Tried::Again { due, holds, problem } => {
            (DeliveryState::Waiting, *due, *holds, Some(problem.as_str()))
        }
        Tried::Dead { problem } => (DeliveryState::Dead, at, false, Some(problem.as_str())),
    };
    sqlx::query(
        "UPDATE outbox_delivery SET state = $3, due_ns = $4, holds = $5, attempts = attempts + 1, tried_ns = $6,
         status = $7, problem = $8 WHERE webhook = $1 AND event = $2",
    )
    .bind(webhook)
    .bind(event)
    .bind(state.as_str())
    .bind(due.as_ns())
    .bind(holds)
    .bind(at.as_ns())
    .bind(status)
    .bind(problem)
    .execute(&database.writer)
    .await
    .doing(NOTING)
    .map(drop)
}

pub(crate) async fn deliveries(
    database: &Database,
    webhook: i64,
    query: &DeliveryQuery,
) -> Result<Vec<Delivery>, DatabaseError> {
    let select = sqlx::AssertSqlSafe(format!(
        "{SELECT} AND ($2 IS NULL OR state = $2) AND delivery.event < $3 ORDER BY delivery.event DESC LIMIT $4"
    ));
    let rows = sqlx::query(select)
        .bind(webhook)
        .bind(query.state.map(DeliveryState::as_str))
        .bind(query.before.unwrap_or(i64::MAX))
        .bind(query.limit)
        .fetch_all(&database.readers)
        .await
        .doing(READING)?;
    rows.iter().map(from_row).collect()
}

pub(crate) async fn replay(
    database: &Database,
    webhook: &Webhook,
    from: &ReplayFrom,
    only_dead: bool,
    now: Wall,
) -> Result<Option<u64>, DatabaseError> {
    let mut tx = database.write(REPLAYING).await?;
    let (after, since) = match from {
        ReplayFrom::Time(at) => (0, at.as_ns()),
        ReplayFrom::After(id) => {
            let number = "SELECT number FROM outbox_event WHERE id = $1";
            let number: Option<i64> = sqlx::query_scalar(number)
                .bind(id.as_str())
                .fetch_optional(&mut *tx)
                .await
                .doing(REPLAYING)?;
            let Some(number) = number else { return Ok(None) };
            (number, i64::MIN)
        }
    };
    let events = "SELECT event.number, event.kind FROM outbox_event AS event
        LEFT JOIN outbox_delivery AS delivery ON delivery.event = event.number AND delivery.webhook = $3
        WHERE event.number > $1 AND event.at_ns >= $2 AND (NOT $4 OR delivery.state = 'dead') ORDER BY event.number";
    let events: Vec<(i64, String)> = sqlx::query_as(events)
        .bind(after)
        .bind(since)
        .bind(webhook.number)
        .bind(only_dead)
        .fetch_all(&mut *tx)
        .await
        .doing(REPLAYING)?;
    let mut count = 0;
    for (number, _) in events.iter().filter(|(_, kind)| only_dead || webhook.wants(kind)) {
        deliver(&mut tx, webhook.number, *number, now).await?;
        count += 1;
    }
    tx.commit().await.doing(REPLAYING)?;
    Ok(Some(count))
}

fn from_row(row: &SqliteRow) -> Result<Delivery, DatabaseError> {
    let number: i64 = row.try_get("number").doing(READING)?;
    let state: String = row.try_get("state").doing(READING)?;
    let state =
        DeliveryState::from_word(&state).ok_or(DatabaseError::Row { ident: number, column: "state" })?;
    let time =
        |column: &'static str| -> Result<Wall, sqlx::Error> { Ok(Wall::from_ns(row.try_get(column)?)) };
    let read = || -> Result<Delivery, sqlx::Error> {
        let tried: Option<i64> = row.try_get("tried_ns")?;
        Ok(Delivery {
            number,
            event: OutboxEvent {
                id: row.try_get("id")?,
                at: time("at_ns")?,
                kind: row.try_get("kind")?,
                body: row.try_get("body")?,
                for_all: false,
            },
            state,
            since: time("since_ns")?,
            due: time("due_ns")?,
            attempts: row.try_get("attempts")?,
            tried: tried.map(Wall::from_ns),
            status: row.try_get("status")?,
            problem: row.try_get("problem")?,
        })
    };
    read().doing(READING)
}
