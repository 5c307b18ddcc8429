//! The index in SQLite.
//!
//! One connection writes, so writers queue here, in order, and never meet SQLite's lock; [`READERS`] read
//! snapshots beside it (WAL).
//!
//! `synchronous = FULL`: every commit is synced. With NORMAL a power cut may take the last commits back. For
//! recordings that would do no harm, for a row can be built again from its sealed file; but an annotation made
//! after the seal and the audit stand nowhere else, and a 200 means durable. The price is
//! one sync for each sealed recording, tag or batch of the audit, a few in a second, and none of them on the packet path.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};

use crate::error::{DatabaseError, Doing, OpenError};
use crate::trail::Notary;
use crate::upgrade;

pub(crate) mod account;
pub(crate) mod annotate;
pub(crate) mod api_key;
pub(crate) mod approval;
mod begin;
pub(crate) mod care;
pub(crate) mod custody;
pub(crate) mod dark;
pub(crate) mod erase;
pub(crate) mod find;
pub(crate) mod hold;
pub(crate) mod outbox;
pub(crate) mod pick;
pub(crate) mod put;
pub(crate) mod read;
pub(crate) mod redact;
pub(crate) mod related;
pub(crate) mod remark;
pub(crate) mod trail;
pub(crate) mod transfer;
pub(crate) mod webhook;

/// Searches at once. They wait for the disk more than for a core.
const READERS: u32 = 4;

/// How long a statement waits for somebody else's lock: `sidetone find` or a backup beside a running recorder.
const BUSY: Duration = Duration::from_secs(5);

/// How long a question waits for its turn before it is answered "busy".
const TURN: Duration = Duration::from_secs(10);

/// One writer and a few readers of one database file.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    writer: SqlitePool,
    readers: SqlitePool,
    /// Who vouches for the end of the audit, if somebody writes it who has the key.
    notary: Option<Arc<dyn Notary>>,
    /// What was found of the audit's end last, until somebody asks.
    touched: Arc<Mutex<Option<String>>>,
}

impl Database {
    pub(crate) async fn open(path: &Path, notary: Option<Arc<dyn Notary>>) -> Result<Self, OpenError> {
        let plain = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY);
        upgrade::run(path, &plain, upgrade::STEPS).await?;

        let writing = plain.clone().journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        // What is deleted is to be gone (C5-01).
        let writing = writing.pragma("secure_delete", "ON");
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(TURN)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(writing)
            .await
            .doing("opening it for writing")?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(TURN)
            .connect_with(plain.read_only(true))
            .await
            .doing("opening it for reading")?;
        let database = Self { writer, readers, notary, touched: Arc::default() };
        begin::begin(&database).await?;
        Ok(database)
    }

    pub(crate) async fn versions(path: &Path) -> Result<(Option<i64>, i64), OpenError> {
        upgrade::versions(
            path,
            &SqliteConnectOptions::new().filename(path).busy_timeout(BUSY),
            upgrade::STEPS,
        )
        .await
    }

    pub(crate) async fn open_to_read(path: &Path) -> Result<Self, OpenError> {
        let plain = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY).read_only(true);
        upgrade::expect_current(path, &plain, upgrade::STEPS).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(TURN)
            .connect_with(plain)
            .await
            .doing("opening it for reading")?;
        Ok(Self { writer: readers.clone(), readers, notary: None, touched: Arc::default() })
    }

    pub(crate) async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// What is more in its schema than the steps make, missing or different.
    pub(crate) async fn schema_differences(&self) -> Result<Vec<String>, DatabaseError> {
        let mut conn = self.readers.acquire().await.doing("comparing its schema")?;
        upgrade::differences(&mut conn).await
    }

    /// Notes what was found of the audit's end.
    fn note_touched(&self, found: String) {
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    }

    /// Takes what was noted.
    pub(crate) fn take_touched(&self) -> Option<String> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A write that happens whole or not at all. IMMEDIATE takes the lock now, where waiting for it is allowed.
    pub(crate) async fn write(
        &self,
        doing: &'static str,
    ) -> Result<Transaction<'static, Sqlite>, DatabaseError> {
        const BEGIN: &str = "BEGIN IMMEDIATE";
        match self.writer.begin_with(BEGIN).await {
            // A full disk makes SQLite roll back by itself, of which sqlx does not hear: to it that transaction lasts.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                self.writer.acquire().await.doing(doing)?.close().await.doing(doing)?;
                self.writer.begin_with(BEGIN).await.doing(doing)
            }
            begun => begun.doing(doing),
        }
    }

    /// Several reads of one state of the index.
    pub(crate) async fn read(
        &self,
        doing: &'static str,
    ) -> Result<Transaction<'static, Sqlite>, DatabaseError> {
        self.readers.begin().await.doing(doing)
    }
}

/// A copy of the database as it is at one instant, in a new file.
pub(crate) async fn copy(database: &Database, copy: &Path) -> Result<(), DatabaseError> {
    let copying = sqlx::query("VACUUM INTO $1").bind(copy.to_string_lossy().into_owned());
    copying.execute(&database.readers).await.doing("copying it").map(drop)
}

/// A count as the database can hold it: SQL integers have a sign. 2^63 of anything is out of reach.
pub(crate) fn to_sql(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_writer_syncs_every_commit_and_readers_cannot_write() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = Database::open(&folder.path().join("index.db"), None).await.unwrap();
        let mode: String =
            sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&database.writer).await.unwrap();
        let synchronous: i64 =
            sqlx::query_scalar("PRAGMA synchronous").fetch_one(&database.writer).await.unwrap();
        assert_eq!((mode.as_str(), synchronous), ("wal", 2), "2 is FULL");
        assert!(sqlx::query("DELETE FROM recording").execute(&database.readers).await.is_err());
    }

    #[tokio::test]
    async fn a_write_that_is_given_up_leaves_nothing_and_frees_the_writer() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = Database::open(&folder.path().join("index.db"), None).await.unwrap();
        let insert = "INSERT INTO retention (one, state) VALUES (1, '')";
        let mut tx = database.write("testing").await.unwrap();
        sqlx::query(insert).execute(&mut *tx).await.unwrap();
        drop(tx);
        sqlx::query(insert).execute(&database.writer).await.unwrap();
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM retention").fetch_one(&database.readers).await.unwrap();
        assert_eq!(count, 1);
    }

    #[tokio::test]
    async fn a_full_disk_is_said_and_what_comes_after_it_is_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = Database::open(&folder.path().join("index.db"), None).await.unwrap();
        let row = |number: i64| {
            let insert =
                "INSERT INTO outbox_event (at_ns, id, kind, body) VALUES ($1, hex(randomblob(16)), '', $2)";
            sqlx::query(insert).bind(number).bind("x".repeat(100_000))
        };
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&database.writer).await.unwrap();
        let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
        sqlx::raw_sql(limit).execute(&database.writer).await.unwrap();
        let mut tx = database.write("testing").await.unwrap();
        let refused = row(1).execute(&mut *tx).await.doing("testing").unwrap_err();
        assert!(matches!(refused, DatabaseError::Full { .. }), "{refused:?}");
        drop(tx);
        // The limit is of the connection, which the next write may give up.
        sqlx::raw_sql("PRAGMA max_page_count = 1000000").execute(&database.writer).await.unwrap();
        let mut tx = database.write("testing").await.unwrap();
        row(2).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }
}
