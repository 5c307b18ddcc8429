//! Receivers of events.

use calls::time::Wall;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use super::{Database, to_sql};
use crate::error::{DatabaseError, Doing, HookError};
use crate::outbox::{WEBHOOKS_MAX, Webhook};

const READING: &str = "reading webhooks";
const WRITING: &str = "writing a webhook";

pub(crate) async fn all(database: &Database) -> Result<Vec<Webhook>, DatabaseError> {
    let rows = sqlx::query("SELECT * FROM webhook ORDER BY number").fetch_all(&database.readers).await;
    rows.doing(READING)?.iter().map(|row| from_row(row).doing(READING)).collect()
}

pub(crate) async fn one(database: &Database, id: &str) -> Result<Option<Webhook>, DatabaseError> {
    let row = sqlx::query("SELECT * FROM webhook WHERE id = $1").bind(id).fetch_optional(&database.readers);
    row.await.doing(READING)?.map(|row| from_row(&row).doing(READING)).transpose()
}

pub(super) async fn active(tx: &mut Transaction<'static, Sqlite>) -> Result<Vec<Webhook>, DatabaseError> {
    let rows =
        sqlx::query("SELECT * FROM webhook WHERE active = 1 ORDER BY number").fetch_all(&mut **tx).await;
    rows.doing(READING)?.iter().map(|row| from_row(row).doing(READING)).collect()
}

pub(crate) async fn add(database: &Database, webhook: &Webhook, journal: u64) -> Result<(), HookError> {
    let mut tx = database.write(WRITING).await?;
    let there: i64 =
        sqlx::query_scalar("SELECT count(*) FROM webhook").fetch_one(&mut *tx).await.doing(WRITING)?;
    if usize::try_from(there).unwrap_or(usize::MAX) >= WEBHOOKS_MAX {
        return Err(HookError::TooMany);
    }
    begin_with(&mut tx, journal).await?;
    sqlx::query(
        "INSERT INTO webhook (id, url, kinds, active, why_off, secret, secret_ns, created_ns)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(webhook.id.as_str())
    .bind(webhook.url.as_str())
    .bind(webhook.kinds.join(","))
    .bind(webhook.active)
    .bind(webhook.why_off.as_deref())
    .bind(webhook.secret)
    .bind(webhook.secret_since.as_ns())
    .bind(webhook.created.as_ns())
    .execute(&mut *tx)
    .await
    .doing(WRITING)?;
    Ok(tx.commit().await.doing(WRITING)?)
}

pub(crate) async fn change(
    database: &Database,
    webhook: &Webhook,
    journal: u64,
) -> Result<bool, DatabaseError> {
    let mut tx = database.write(WRITING).await?;
    begin_with(&mut tx, journal).await?;
    let changed = sqlx::query(
        "UPDATE webhook SET url = $2, kinds = $3, active = $4, why_off = $5, secret = $6, secret_ns = $7 WHERE id = $1",
    )
    .bind(webhook.id.as_str())
    .bind(webhook.url.as_str())
    .bind(webhook.kinds.join(","))
    .bind(webhook.active)
    .bind(webhook.why_off.as_deref())
    .bind(webhook.secret)
    .bind(webhook.secret_since.as_ns())
    .execute(&mut *tx)
    .await
    .doing(WRITING)?;
    // Somebody has seen to it: what waits need not wait for its time.
    let hasten = "UPDATE outbox_delivery SET due_ns = since_ns WHERE state = 'waiting' AND webhook =
        (SELECT number FROM webhook WHERE id = $1 AND active = 1)";
    sqlx::query(hasten).bind(webhook.id.as_str()).execute(&mut *tx).await.doing(WRITING)?;
    tx.commit().await.doing(WRITING)?;
    Ok(changed.rows_affected() == 1)
}

pub(crate) async fn remove(database: &Database, id: &str) -> Result<bool, DatabaseError> {
    let removed = sqlx::query("DELETE FROM webhook WHERE id = $1").bind(id).execute(&database.writer).await;
    Ok(removed.doing("removing a webhook")?.rows_affected() == 1)
}

/// While nobody is active nothing is put: what came meanwhile is nobody's.
async fn begin_with(tx: &mut Transaction<'static, Sqlite>, journal: u64) -> Result<(), DatabaseError> {
    let update = "UPDATE outbox_mark SET journal = max(journal, $1)
                  WHERE NOT EXISTS (SELECT 1 FROM webhook WHERE active = 1)";
    sqlx::query(update).bind(to_sql(journal)).execute(&mut **tx).await.doing(WRITING).map(drop)
}

fn from_row(row: &SqliteRow) -> Result<Webhook, sqlx::Error> {
    let kinds: String = row.try_get("kinds")?;
    Ok(Webhook {
        number: row.try_get("number")?,
        id: row.try_get("id")?,
        url: row.try_get("url")?,
        kinds: kinds.split(',').filter(|kind| !kind.is_empty()).map(str::to_owned).collect(),
        active: row.try_get("active")?,
        why_off: row.try_get("why_off")?,
        secret: row.try_get("secret")?,
        secret_since: Wall::from_ns(row.try_get("secret_ns")?),
        created: Wall::from_ns(row.try_get("created_ns")?),
    })
}
