//! Keys of programs.

use std::time::Duration;

use calls::time::Wall;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::Database;
use super::account::{Counted, Written, grant};
use crate::error::{DatabaseError, Doing, RegisterError};
use crate::register::{API_KEYS_MAX, ApiKey, KeyHash};

const READING: &str = "reading API keys";
const WRITING: &str = "writing an API key";

pub(crate) async fn all(database: &Database) -> Result<Vec<ApiKey>, DatabaseError> {
    let rows = sqlx::query("SELECT * FROM api_key ORDER BY number").fetch_all(&database.readers).await;
    rows.doing(READING)?.iter().map(from_row).collect()
}

pub(crate) async fn add(database: &Database, key: &ApiKey) -> Result<i64, RegisterError> {
    let mut tx = database.write(WRITING).await?;
    let count = "SELECT count(*), count(*) FILTER (WHERE name_key = $1) FROM api_key";
    Counted::of(&mut tx, count, &key.name).await.doing(WRITING)?.has_room(API_KEYS_MAX)?;
    let grant = Written::of(&key.grant);
    let number = sqlx::query_scalar(
        "INSERT INTO api_key (name, name_key, handle, salt, hash, roles, units, agents, created_ns, created_by, expires_ns,
             certificate, lasts_s)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING number",
    )
    .bind(&key.name)
    .bind(key.name.to_lowercase())
    .bind(&key.key.handle)
    .bind(key.key.salt.as_slice())
    .bind(key.key.hash.as_slice())
    .bind(grant.roles)
    .bind(grant.units)
    .bind(grant.agents)
    .bind(key.created.as_ns())
    .bind(&key.created_by)
    .bind(key.expires.map(Wall::as_ns))
    .bind(key.certificate.as_deref())
    .bind(seconds(key.lasts))
    .fetch_one(&mut *tx)
    .await
    .doing(WRITING)?;
    tx.commit().await.doing(WRITING)?;
    Ok(number)
}

pub(crate) async fn change(database: &Database, key: &ApiKey) -> Result<bool, DatabaseError> {
    let (old, until) = key.old.as_ref().map(|(old, until)| (old, until.as_ns())).unzip();
    let (revoked, by) = key.revoked.as_ref().map(|(at, by)| (at.as_ns(), by)).unzip();
    let changed = sqlx::query(
        "UPDATE api_key SET handle = $2, salt = $3, hash = $4, old_handle = $5, old_salt = $6, old_hash = $7,
             old_ns = $8, expires_ns = $9, revoked_ns = $10, revoked_by = $11, certificate = $12,
             lasts_s = $13 WHERE number = $1",
    )
    .bind(key.number)
    .bind(&key.key.handle)
    .bind(key.key.salt.as_slice())
    .bind(key.key.hash.as_slice())
    .bind(old.map(|old| &old.handle))
    .bind(old.map(|old| old.salt.as_slice()))
    .bind(old.map(|old| old.hash.as_slice()))
    .bind(until)
    .bind(key.expires.map(Wall::as_ns))
    .bind(revoked)
    .bind(by)
    .bind(key.certificate.as_deref())
    .bind(seconds(key.lasts))
    .execute(&database.writer)
    .await
    .doing(WRITING)?;
    Ok(changed.rows_affected() == 1)
}

fn seconds(lasts: Duration) -> i64 {
    i64::try_from(lasts.as_secs()).unwrap_or(i64::MAX)
}

fn from_row(row: &SqliteRow) -> Result<ApiKey, DatabaseError> {
    let number: i64 = row.try_get("number").doing(READING)?;
    let wall = |column| {
        Ok::<_, DatabaseError>(row.try_get::<Option<i64>, _>(column).doing(READING)?.map(Wall::from_ns))
    };
    let by: Option<String> = row.try_get("revoked_by").doing(READING)?;
    let old = match row.try_get::<Option<String>, _>("old_handle").doing(READING)? {
        Some(_) => Some(key_hash(row, ["old_handle", "old_salt", "old_hash"])?).zip(wall("old_ns")?),
        None => None,
    };
    Ok(ApiKey {
        number,
        name: row.try_get("name").doing(READING)?,
        key: key_hash(row, ["handle", "salt", "hash"])?,
        old,
        certificate: row.try_get("certificate").doing(READING)?,
        grant: grant(row)?,
        created: Wall::from_ns(row.try_get("created_ns").doing(READING)?),
        created_by: row.try_get("created_by").doing(READING)?,
        lasts: Duration::from_secs(row.try_get::<i64, _>("lasts_s").doing(READING)?.unsigned_abs()),
        expires: wall("expires_ns")?,
        revoked: wall("revoked_ns")?.zip(by),
    })
}

fn key_hash(row: &SqliteRow, [handle, salt, hash]: [&'static str; 3]) -> Result<KeyHash, DatabaseError> {
    let ident: i64 = row.try_get("number").doing(READING)?;
    let wrong = |column| move |_| DatabaseError::Row { ident, column };
    Ok(KeyHash {
        handle: row.try_get(handle).doing(READING)?,
        salt: row.try_get::<Vec<u8>, _>(salt).doing(READING)?.try_into().map_err(wrong("salt"))?,
        hash: row.try_get::<Vec<u8>, _>(hash).doing(READING)?.try_into().map_err(wrong("hash"))?,
    })
}
