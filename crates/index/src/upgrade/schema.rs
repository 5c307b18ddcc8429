//! Whether the schema of a database is what the steps make, and nothing else: a trigger does what it says whenever somebody writes,
//! and a guard that is gone guards nothing.

use std::collections::BTreeMap;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Row};

use super::{STEPS, apply};
use crate::error::{DatabaseError, Doing};

const DOING: &str = "comparing its schema";

/// What SQLite makes itself when it is told to gather statistics.
const STATISTICS: [&str; 3] = ["sqlite_stat1", "sqlite_stat3", "sqlite_stat4"];

/// Tables, indexes, triggers and views, by kind and name, with their SQL.
type Schema = BTreeMap<(String, String), String>;

/// What is more in the schema of a database than the steps make, missing or different, in words.
pub(crate) async fn differences(conn: &mut SqliteConnection) -> Result<Vec<String>, DatabaseError> {
    let wanted = made_by_steps().await?;
    let found = read(conn).await?;
    let named =
        |(kind, name): &(String, String), what: &str| format!("the {kind} {} {what}", name.escape_debug());
    let more = found.keys().filter(|key| !wanted.contains_key(*key));
    let more = more.map(|key| named(key, "was put in: no version of this program has one"));
    let other = wanted.iter().filter_map(|(key, sql)| match found.get(key) {
        None => Some(named(key, "is missing")),
        Some(there) => (there != sql).then(|| named(key, "is not as this program makes it")),
    });
    Ok(more.chain(other).collect())
}

/// The schema that the steps make, in a database in memory.
async fn made_by_steps() -> Result<Schema, DatabaseError> {
    let mut conn = SqliteConnectOptions::new().in_memory(true).connect().await.doing(DOING)?;
    apply(&mut conn, STEPS, i64::try_from(STEPS.len()).unwrap_or(i64::MAX)).await?;
    let schema = read(&mut conn).await?;
    conn.close().await.doing(DOING)?;
    Ok(schema)
}

async fn read(conn: &mut SqliteConnection) -> Result<Schema, DatabaseError> {
    let select = "SELECT type, name, tbl_name, coalesce(sql, '') AS sql FROM sqlite_schema";
    let rows = sqlx::query(select).fetch_all(conn).await.doing(DOING)?;
    let mut schema = Schema::new();
    for row in rows {
        let get = |column: &'static str| row.try_get::<String, _>(column).doing(DOING);
        let (kind, name, table, sql) = (get("type")?, get("name")?, get("tbl_name")?, get("sql")?);
        if kind == "table" && STATISTICS.contains(&name.as_str()) {
            continue;
        }
        // White space is nobody's meaning, but in what is quoted: there it is the same in both.
        let sql: Vec<&str> = sql.split_whitespace().collect();
        // Two of one name are none of ours.
        let said = format!("{table}: {}", sql.join(" "));
        schema.entry((kind, name)).and_modify(|known| known.push_str(&said)).or_insert(said);
    }
    Ok(schema)
}
