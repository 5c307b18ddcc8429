//! Accounts.

use std::collections::BTreeSet;
use std::str::FromStr;

use access::{Grant, Role, Scope};
use calls::time::Wall;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::Database;
use crate::error::{DatabaseError, Doing, RegisterError};
use crate::register::{ACCOUNTS_MAX, Account, FormerAccount};

const READING: &str = "reading accounts";
const WRITING: &str = "writing an account";

pub(crate) async fn all(database: &Database) -> Result<Vec<Account>, DatabaseError> {
    let rows = sqlx::query("SELECT * FROM account ORDER BY number").fetch_all(&database.readers).await;
    rows.doing(READING)?.iter().map(from_row).collect()
}

pub(crate) async fn add(database: &Database, account: &Account, first: bool) -> Result<i64, RegisterError> {
    let mut tx = database.write(WRITING).await?;
    let count = "SELECT (SELECT count(*) FROM account),
                     (SELECT count(*) FROM account WHERE name_key = $1)
                     + (SELECT count(*) FROM former_account WHERE name_key = $1)";
    let there = Counted::of(&mut tx, count, &account.name).await.doing(WRITING)?;
    if first && there.all > 0 {
        return Err(RegisterError::NotFirst);
    }
    there.has_room(ACCOUNTS_MAX)?;
    let grant = Written::of(&account.grant);
    let (issuer, subject) = account.external.as_ref().map(|(issuer, subject)| (issuer, subject)).unzip();
    let number = sqlx::query_scalar(
        "INSERT INTO account (name, name_key, password, issuer, subject, factor, factor_on, roles, units, agents,
             active, created_ns, created_by, password_ns, password_first, searches)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) RETURNING number",
    )
    .bind(&account.name)
    .bind(account.name.to_lowercase())
    .bind(account.password.as_deref())
    .bind(issuer)
    .bind(subject)
    .bind(account.factor)
    .bind(account.factor_on)
    .bind(grant.roles)
    .bind(grant.units)
    .bind(grant.agents)
    .bind(account.active)
    .bind(account.created.as_ns())
    .bind(&account.created_by)
    .bind(account.password_set.map(Wall::as_ns))
    .bind(account.password_is_first)
    .bind(account.searches.as_deref())
    .fetch_one(&mut *tx)
    .await
    .doing(WRITING)?;
    tx.commit().await.doing(WRITING)?;
    Ok(number)
}

pub(crate) async fn change(database: &Database, account: &Account) -> Result<bool, DatabaseError> {
    let grant = Written::of(&account.grant);
    let (issuer, subject) = account.external.as_ref().map(|(issuer, subject)| (issuer, subject)).unzip();
    let changed = sqlx::query(
        "UPDATE account SET password = $2, issuer = $3, subject = $4, factor = $5, factor_on = $6, roles = $7,
             units = $8, agents = $9, active = $10, password_ns = $11, password_first = $12, searches = $13 WHERE number = $1",
    )
    .bind(account.number)
    .bind(account.password.as_deref())
    .bind(issuer)
    .bind(subject)
    .bind(account.factor)
    .bind(account.factor_on)
    .bind(grant.roles)
    .bind(grant.units)
    .bind(grant.agents)
    .bind(account.active)
    .bind(account.password_set.map(Wall::as_ns))
    .bind(account.password_is_first)
    .bind(account.searches.as_deref())
    .execute(&database.writer)
    .await
    .doing(WRITING)?;
    Ok(changed.rows_affected() == 1)
}

pub(crate) async fn use_factor_step(
    database: &Database,
    number: i64,
    step: u64,
) -> Result<bool, DatabaseError> {
    let used =
        "UPDATE account SET factor_step = $2 WHERE number = $1 AND (factor_step IS NULL OR factor_step < $2)";
    let used = sqlx::query(used).bind(number).bind(step.cast_signed()).execute(&database.writer);
    Ok(used.await.doing(WRITING)?.rows_affected() == 1)
}

pub(crate) async fn remove(database: &Database, number: i64) -> Result<bool, DatabaseError> {
    let removed = sqlx::query("DELETE FROM account WHERE number = $1").bind(number).execute(&database.writer);
    Ok(removed.await.doing("removing an account")?.rows_affected() == 1)
}

pub(crate) async fn former(database: &Database) -> Result<Vec<FormerAccount>, DatabaseError> {
    let select = "SELECT * FROM former_account ORDER BY number";
    let rows = sqlx::query(select).fetch_all(&database.readers).await.doing(READING)?;
    let read = |row: &SqliteRow| {
        Ok(FormerAccount {
            number: row.try_get("number").doing(READING)?,
            name: row.try_get("name").doing(READING)?,
            created: row.try_get::<Option<i64>, _>("created_ns").doing(READING)?.map(Wall::from_ns),
            created_by: row.try_get("created_by").doing(READING)?,
        })
    };
    rows.iter().map(read).collect()
}

fn from_row(row: &SqliteRow) -> Result<Account, DatabaseError> {
    let number: i64 = row.try_get("number").doing(READING)?;
    let (issuer, subject): (Option<String>, Option<String>) =
        (row.try_get("issuer").doing(READING)?, row.try_get("subject").doing(READING)?);
    Ok(Account {
        number,
        name: row.try_get("name").doing(READING)?,
        password: row.try_get("password").doing(READING)?,
        external: issuer.zip(subject),
        factor: row.try_get("factor").doing(READING)?,
        factor_on: row.try_get("factor_on").doing(READING)?,
        grant: grant(row)?,
        active: row.try_get("active").doing(READING)?,
        created: Wall::from_ns(row.try_get("created_ns").doing(READING)?),
        created_by: row.try_get("created_by").doing(READING)?,
        password_set: row.try_get::<Option<i64>, _>("password_ns").doing(READING)?.map(Wall::from_ns),
        password_is_first: row.try_get("password_first").doing(READING)?,
        searches: row.try_get("searches").doing(READING)?,
    })
}

/// How many there are in a table of names, and how many of one name.
pub(super) struct Counted {
    all: i64,
    same: i64,
}

impl Counted {
    /// Asks `count`, which gives both, about a name in any case.
    pub(super) async fn of(
        conn: &mut SqliteConnection,
        count: &'static str,
        name: &str,
    ) -> Result<Self, sqlx::Error> {
        let (all, same) = sqlx::query_as(count).bind(name.to_lowercase()).fetch_one(conn).await?;
        Ok(Self { all, same })
    }

    /// Whether one more of that name has a place.
    pub(super) fn has_room(&self, most: usize) -> Result<(), RegisterError> {
        if self.same > 0 {
            return Err(RegisterError::NameTaken);
        }
        if usize::try_from(self.all).unwrap_or(usize::MAX) >= most {
            return Err(RegisterError::TooMany);
        }
        Ok(())
    }
}

/// A grant as its three columns.
pub(super) struct Written {
    pub(super) roles: String,
    pub(super) units: Option<String>,
    pub(super) agents: Option<String>,
}

impl Written {
    pub(super) fn of(grant: &Grant) -> Self {
        let (units, agents) = match grant.scope() {
            Scope::All => (None, None),
            Scope::Only { units, agents } => (Some(joined(units)), Some(joined(agents))),
        };
        Self { roles: joined(grant.roles()), units, agents }
    }
}

fn joined<T: ToString>(values: &BTreeSet<T>) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

fn parted<T: FromStr + Ord>(text: &str) -> Option<BTreeSet<T>> {
    text.split(',').filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect()
}

/// What the three columns of a row say. What is no grant is refused: nobody may do more than was written.
pub(super) fn grant(row: &SqliteRow) -> Result<Grant, DatabaseError> {
    let ident: i64 = row.try_get("number").doing(READING)?;
    let wrong = |column| move || DatabaseError::Row { ident, column };
    let roles: String = row.try_get("roles").doing(READING)?;
    let units: Option<String> = row.try_get("units").doing(READING)?;
    let agents: Option<String> = row.try_get("agents").doing(READING)?;
    let roles: BTreeSet<Role> = parted(&roles).ok_or_else(wrong("roles"))?;
    let scope = match (units, agents) {
        (Some(units), Some(agents)) => Scope::Only {
            units: parted(&units).ok_or_else(wrong("units"))?,
            agents: parted(&agents).ok_or_else(wrong("agents"))?,
        },
        _ => Scope::All,
    };
    Grant::new(roles, scope).map_err(|_| wrong("roles")())
}
