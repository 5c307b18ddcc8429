//! Brings a database to the schema of this program, one step per version, kept for ever.
//!
//! The version stands in SQLite's `user_version`, and `application_id` says that the file is ours at all. Both
//! are looked at through a connection that cannot write. All steps that are missing run in one transaction:
//! a crash leaves the old version or the new one. Before the first step on a database that holds something, a
//! copy is put beside it.

use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::error::{DatabaseError, Doing, OpenError};
use crate::sqlite::trail;

/// All steps, oldest first; the place in the list is the version less one.
pub(crate) const STEPS: &[&str] = &[
    include_str!("../../schema/sqlite/0001_recordings.sql"),
    include_str!("../../schema/sqlite/0002_known_as.sql"),
    include_str!("../../schema/sqlite/0003_links.sql"),
    include_str!("../../schema/sqlite/0004_redactions.sql"),
    include_str!("../../schema/sqlite/0005_schedules.sql"),
    include_str!("../../schema/sqlite/0006_retention.sql"),
    include_str!("../../schema/sqlite/0007_remarks.sql"),
    include_str!("../../schema/sqlite/0008_webhooks.sql"),
    include_str!("../../schema/sqlite/0009_moments.sql"),
    include_str!("../../schema/sqlite/0010_audit.sql"),
    include_str!("../../schema/sqlite/0011_access.sql"),
    include_str!("../../schema/sqlite/0012_certificates.sql"),
    include_str!("../../schema/sqlite/0013_key_exports.sql"),
    include_str!("../../schema/sqlite/0014_first_passwords.sql"),
    include_str!("../../schema/sqlite/0015_searches.sql"),
    include_str!("../../schema/sqlite/0016_outcomes.sql"),
    include_str!("../../schema/sqlite/0017_key_lengths.sql"),
    include_str!("../../schema/sqlite/0018_tip.sql"),
    include_str!("../../schema/sqlite/0019_former_accounts.sql"),
];

/// "SdTn": marks a SQLite file as an index of Sidetone.
const APPLICATION_ID: i64 = 0x5364_546e;

const DOING: &str = "looking at its version";

/// What a database says about itself.
struct State {
    version: i64,
    empty: bool,
    ours: bool,
}

/// Runs the steps that the database at `path` lacks; makes it if it does not exist.
pub(crate) async fn run(
    path: &Path,
    options: &SqliteConnectOptions,
    steps: &'static [&'static str],
) -> Result<(), OpenError> {
    let (state, known) = recognise(path, options, steps).await?;
    if state.version == known {
        return Ok(());
    }
    let mut conn =
        options.clone().create_if_missing(true).connect().await.doing("opening it for an upgrade")?;
    if !state.empty {
        copy(&mut conn, path, state.version).await?;
    }
    apply(&mut conn, steps, known).await?;
    conn.close().await.doing("closing it after an upgrade")?;
    Ok(())
}

/// The version of the database at `path` and the one this program knows; the first is `None` if there is no database.
pub(crate) async fn versions(
    path: &Path,
    options: &SqliteConnectOptions,
    steps: &'static [&'static str],
) -> Result<(Option<i64>, i64), OpenError> {
    let (state, known) = recognise(path, options, steps).await?;
    Ok(((!state.empty).then_some(state.version), known))
}

/// Refuses a database that would have to be made or upgraded first.
pub(crate) async fn expect_current(
    path: &Path,
    options: &SqliteConnectOptions,
    steps: &'static [&'static str],
) -> Result<(), OpenError> {
    let (State { version: found, empty, .. }, known) = recognise(path, options, steps).await?;
    let path = path.to_owned();
    match found {
        _ if empty => Err(OpenError::Missing { path }),
        _ if found < known => Err(OpenError::Older { path, found, known }),
        _ => Ok(()),
    }
}

/// Looks at a database, and refuses what is not ours or later than ours; with it the version that we know.
async fn recognise(
    path: &Path,
    options: &SqliteConnectOptions,
    steps: &'static [&'static str],
) -> Result<(State, i64), OpenError> {
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    let state = look(path, options).await?;
    if !state.ours && !state.empty {
        return Err(OpenError::Stranger { path: path.to_owned() });
    }
    if state.version > known {
        return Err(OpenError::Newer { path: path.to_owned(), found: state.version, known });
    }
    Ok((state, known))
}

/// Reads version and owner without a way to write.
async fn look(path: &Path, options: &SqliteConnectOptions) -> Result<State, OpenError> {
    let absent = State { version: 0, empty: true, ours: false };
    // SQLite makes an empty file of its own when it opens for writing; a read-only open needs one to exist.
    if !path.exists() {
        return Ok(absent);
    }
    let mut conn = options.clone().read_only(true).connect().await.doing(DOING)?;
    let read = async {
        Ok::<_, sqlx::Error>(State {
            version: sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut conn).await?,
            ours: sqlx::query_scalar::<_, i64>("PRAGMA application_id").fetch_one(&mut conn).await?
                == APPLICATION_ID,
            empty: sqlx::query_scalar::<_, i64>("SELECT count(*) FROM sqlite_schema")
                .fetch_one(&mut conn)
                .await?
                == 0,
        })
    };
    let state = read.await.map_err(|error| no_database(path, error))?;
    conn.close().await.doing(DOING)?;
    Ok(state)
}

/// SQLite's result code for a file that holds something else.
const SQLITE_NOTADB: &str = "26";

fn no_database(path: &Path, error: sqlx::Error) -> OpenError {
    match error.as_database_error().and_then(|error| error.code()) {
        Some(code) if code == SQLITE_NOTADB => OpenError::Stranger { path: path.to_owned() },
        _ => DatabaseError::from_sqlx(DOING, error).into(),
    }
}

/// Puts a copy of the database, as it is, beside it.
async fn copy(conn: &mut SqliteConnection, path: &Path, version: i64) -> Result<(), OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".v{version}"));
    let copy = PathBuf::from(name);
    if copy.exists() {
        return Err(OpenError::CopyInTheWay { copy });
    }
    sqlx::query("VACUUM INTO $1")
        .bind(copy.to_string_lossy().into_owned())
        .execute(conn)
        .await
        .doing("copying it before an upgrade")?;
    Ok(())
}

async fn apply(
    conn: &mut SqliteConnection,
    steps: &'static [&'static str],
    known: i64,
) -> Result<(), DatabaseError> {
    const DOING: &str = "upgrading its schema";
    let mut tx = conn.begin_with("BEGIN EXCLUSIVE").await.doing(DOING)?;
    // Another process may have been faster; what it did is seen only now that the lock is ours.
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *tx).await.doing(DOING)?;
    for &step in steps.iter().skip(usize::try_from(version).unwrap_or(usize::MAX)) {
        sqlx::raw_sql(step).execute(&mut *tx).await.doing(DOING)?;
    }
    let audit: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'audit'")
        .fetch_one(&mut *tx)
        .await
        .doing(DOING)?;
    if audit > 0 {
        trail::chain_old(&mut tx).await?;
    }
    // A pragma takes no bound values; both numbers are ours.
    let marks = format!("PRAGMA user_version = {known}; PRAGMA application_id = {APPLICATION_ID};");
    sqlx::raw_sql(AssertSqlSafe(marks)).execute(&mut *tx).await.doing(DOING)?;
    tx.commit().await.doing(DOING)
}

mod schema;
#[cfg(test)]
mod tests;

pub(crate) use schema::differences;
