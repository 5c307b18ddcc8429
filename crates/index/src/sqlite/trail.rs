//! The audit: appended, never changed, and read so that a check sees each row as it lies there.

use ::audit::{EndFault, Entry, Hash, Head, Link, Outcome, Tip, ends};
use calls::id::RecordingId;
use calls::time::Wall;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, Transaction, TypeInfo, ValueRef};

use super::{Database, begin, custody};
use crate::error::{DatabaseError, Doing};
use crate::query::PAGE_MAX;
use crate::row::Listen;
use crate::trail::{Appended, End, Kept, KeptHead, Notary, Page, Query, Span, TRAIL_PAGE, Whose};

const WRITING: &str = "writing down who did what";
const READING: &str = "reading who did what";
const SIGNING: &str = "keeping a head of the audit";

const SELECT: &str = "SELECT number, at_ns, kind, who, role, source, action, outcome, answer, recording, call, about, detail, \
    reason, hash";

pub(crate) async fn append(database: &Database, entries: &[Entry]) -> Result<Appended, DatabaseError> {
    let mut tx = database.write(WRITING).await?;
    let appended = append_in(database, &mut tx, entries).await?;
    tx.commit().await.doing(WRITING)?;
    Ok(appended)
}

/// Appends them in a transaction that does more, and signs the end; before that, whether it is where it was left. If not, the first
/// entry says so, for good.
pub(super) async fn append_in(
    database: &Database,
    tx: &mut Transaction<'static, Sqlite>,
    entries: &[Entry],
) -> Result<Appended, DatabaseError> {
    let mut before = last_in(tx).await?;
    let notary = database.notary.as_deref();
    if let Some(notary) = notary
        && let Some(found) = look(tx, before, notary).await?
    {
        if found.action == TOUCHED {
            database.note_touched(format!("{}: {}", found.about, found.detail));
        }
        before = insert_all(tx, before, std::slice::from_ref(&found)).await?;
        put_tip(tx, before, notary).await?;
    }
    let after = insert_all(tx, before, entries).await?;
    if let Some(notary) = notary
        && after != before
    {
        put_tip(tx, after, notary).await?;
    }
    Ok(Appended { before, after })
}

async fn insert_all(
    tx: &mut Transaction<'static, Sqlite>,
    mut link: Link,
    entries: &[Entry],
) -> Result<Link, DatabaseError> {
    for entry in entries {
        let next = link.then(entry.content(link.number.saturating_add(1)));
        insert(tx, next, entry).await?;
        link = next;
    }
    Ok(link)
}

/// What the entry is called that names what somebody else has done to the chain.
const TOUCHED: &str = "audit.touched";

/// Looks whether the chain ends where it was left; what there is to say of that otherwise.
async fn look(
    tx: &mut Transaction<'static, Sqlite>,
    end: Link,
    notary: &dyn Notary,
) -> Result<Option<Entry>, DatabaseError> {
    let at = Wall::from_ns(notary.now_ns());
    let said = |action: &str, outcome: Outcome, about: String, detail: String| {
        let (outcome, entry) = (outcome.label().to_owned(), custody::recorder_entry(action, at));
        let mut entry = Entry { outcome, about, detail, ..entry };
        entry.fit();
        Some(entry)
    };
    let up_to_here = || format!("entries up to {}", end.number);
    let touched = |about, detail| said(TOUCHED, Outcome::Failed, about, detail);
    let Some(tip) = tip_in(tx).await? else {
        // It is missing by right until it has begun.
        let removed =
            begin::has_begun(tx).await?.then(|| "the tip that vouches for the end was removed".to_owned());
        return Ok(removed.and_then(|why| touched(up_to_here(), why)));
    };
    let former = match notary.whose(&Tip::message(tip.link), &tip.signature) {
        Whose::Own => None,
        Whose::Former(key) => Some(key),
        Whose::Nobodys(why) => {
            return Ok(touched(
                up_to_here(),
                format!("the tip that vouches for the end does not count: {why}"),
            ));
        }
    };
    let there = link_in(tx, tip.link.number).await?;
    Ok(match ends(tip.link, end, there) {
        Err(fault) => {
            let (EndFault::NotOurs { first, last } | EndFault::Cut { first, last }) = fault else {
                return Ok(touched(up_to_here(), fault.to_string()));
            };
            touched(format!("entries {first} to {last}"), fault.to_string())
        }
        Ok(()) => {
            let detail =
                "until here the chain was signed with this key, which is not the one of this recorder"
                    .to_owned();
            former.and_then(|key| said("audit.rekey", Outcome::Done, format!("key {key}"), detail))
        }
    })
}

async fn put_tip(
    tx: &mut Transaction<'static, Sqlite>,
    link: Link,
    notary: &dyn Notary,
) -> Result<(), DatabaseError> {
    let put = "INSERT OR REPLACE INTO audit_tip (one, number, hash, signature) VALUES (1, $1, $2, $3)";
    let put = sqlx::query(put).bind(to_number(link.number)).bind(link.hash.0.to_vec());
    let put = put.bind(notary.sign(&Tip::message(link)));
    put.execute(&mut **tx).await.doing(WRITING).map(drop)
}

async fn tip_in(tx: &mut Transaction<'static, Sqlite>) -> Result<Option<Tip>, DatabaseError> {
    let row = sqlx::query("SELECT number, hash, signature FROM audit_tip WHERE one = 1");
    let row = row.fetch_optional(&mut **tx).await.doing(READING)?;
    let tip = |row: SqliteRow| {
        Ok(Tip { link: link_of(&row)?, signature: row.try_get("signature").doing(READING)? })
    };
    row.map(tip).transpose()
}

/// How the chain ends, and what the tip says, at one instant.
pub(crate) async fn end(database: &Database) -> Result<End, DatabaseError> {
    let mut tx = database.read(READING).await?;
    let (last, tip) = (last_in(&mut tx).await?, tip_in(&mut tx).await?);
    let there = match &tip {
        Some(tip) => link_in(&mut tx, tip.link.number).await?,
        None => None,
    };
    Ok(End { last, tip, there })
}

async fn insert(
    tx: &mut Transaction<'static, Sqlite>,
    link: Link,
    entry: &Entry,
) -> Result<(), DatabaseError> {
    let mut statement = QueryBuilder::<Sqlite>::new(
        "INSERT INTO audit (number, at_ns, kind, who, role, source, action, outcome, answer, recording, call, about, detail, \
         reason, hash) VALUES (",
    );
    let mut values = statement.separated(", ");
    values.push_bind(to_number(link.number));
    values.push_bind(entry.at_ns);
    for (_, text) in entry.texts() {
        values.push_bind(text.to_owned());
    }
    values.push_bind(link.hash.0.to_vec());
    statement.push(")");
    statement.build().execute(&mut **tx).await.doing(WRITING).map(drop)
}

/// Chains the rows that an upgrade brings here from the log of listens, in the transaction of the upgrade.
pub(crate) async fn chain_old(conn: &mut SqliteConnection) -> Result<(), DatabaseError> {
    const DOING: &str = "bringing the log of listens into the audit";
    const AT_ONCE: i64 = 1_000;
    loop {
        let select = format!("{SELECT} FROM audit WHERE length(hash) = 0 ORDER BY number LIMIT {AT_ONCE}");
        let rows = sqlx::query(sqlx::AssertSqlSafe(select)).fetch_all(&mut *conn).await.doing(DOING)?;
        let Some(first) = rows.first() else { return Ok(()) };
        let first: i64 = first.try_get("number").doing(DOING)?;
        let mut link = link_at(conn, first - 1).await?.unwrap_or_default();
        for row in &rows {
            let entry = entry_of(row).doing(DOING)?;
            link = link.then(entry.content(link.number.saturating_add(1)));
            let update = sqlx::query("UPDATE audit SET hash = $1 WHERE number = $2");
            let update = update.bind(link.hash.0.to_vec()).bind(to_number(link.number));
            update.execute(&mut *conn).await.doing(DOING)?;
        }
    }
}

pub(crate) async fn last(database: &Database) -> Result<Link, DatabaseError> {
    let mut tx = database.read(READING).await?;
    last_in(&mut tx).await
}

pub(super) async fn last_in(tx: &mut Transaction<'static, Sqlite>) -> Result<Link, DatabaseError> {
    let row = sqlx::query("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1");
    let row = row.fetch_optional(&mut **tx).await.doing(READING)?;
    Ok(row.map(|row| link_of(&row)).transpose()?.unwrap_or_default())
}

async fn link_at(conn: &mut SqliteConnection, number: i64) -> Result<Option<Link>, DatabaseError> {
    let row = sqlx::query("SELECT number, hash FROM audit WHERE number = $1").bind(number);
    let row = row.fetch_optional(conn).await.doing(READING)?;
    row.map(|row| link_of(&row)).transpose()
}

/// The link behind an entry; zeros before the first.
pub(crate) async fn link(database: &Database, number: u64) -> Result<Option<Link>, DatabaseError> {
    let mut tx = database.read(READING).await?;
    link_in(&mut tx, number).await
}

async fn link_in(tx: &mut Transaction<'static, Sqlite>, number: u64) -> Result<Option<Link>, DatabaseError> {
    if number == 0 {
        return Ok(Some(Link::default()));
    }
    link_at(tx, to_number(number)).await
}

fn link_of(row: &SqliteRow) -> Result<Link, DatabaseError> {
    let ident: i64 = row.try_get("number").doing(READING)?;
    let hash: Vec<u8> = row.try_get("hash").doing(READING)?;
    let hash = hash.try_into().map_err(|_| DatabaseError::Row { ident, column: "hash" })?;
    Ok(Link { number: u64::try_from(ident).unwrap_or(0), hash: Hash(hash) })
}

pub(crate) async fn find(database: &Database, query: &Query) -> Result<Page, DatabaseError> {
    let limit = query.limit.clamp(1, PAGE_MAX);
    let mut statement = QueryBuilder::<Sqlite>::new(format!("{SELECT} FROM audit WHERE ("));
    conditions(&mut statement, query);
    statement.push(")");
    if let Some(before) = query.before {
        statement.push(" AND number < ").push_bind(to_number(before));
    }
    statement.push(" ORDER BY number DESC LIMIT ").push_bind(limit + 1);
    let rows = statement.build().fetch_all(&database.readers).await.doing(READING)?;
    let mut items: Vec<Kept> = rows.iter().map(kept).collect();
    let has_more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = if has_more { items.last().map(|last| last.number) } else { None };
    Ok(Page { items, next })
}

pub(crate) async fn span(database: &Database, query: &Query) -> Result<Option<Span>, DatabaseError> {
    let mut statement = QueryBuilder::<Sqlite>::new(
        "SELECT min(number) AS first, max(number) AS last, count(*) AS count FROM audit WHERE ",
    );
    conditions(&mut statement, query);
    let row = statement.build().fetch_one(&database.readers).await.doing(READING)?;
    let first: Option<i64> = row.try_get("first").doing(READING)?;
    let last: Option<i64> = row.try_get("last").doing(READING)?;
    let count: i64 = row.try_get("count").doing(READING)?;
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(first.zip(last).map(|(first, last)| Span {
        first: number(first),
        last: number(last),
        count: number(count),
    }))
}

/// The rows behind a number in their order, at most [`TRAIL_PAGE`], each with whether it meets the query. What cannot be read
/// ends the page, as a row of its own.
pub(crate) async fn after(
    database: &Database,
    number: u64,
    query: &Query,
) -> Result<Vec<(Kept, bool)>, DatabaseError> {
    let mut statement = QueryBuilder::<Sqlite>::new(format!("{SELECT}, ("));
    conditions(&mut statement, query);
    // The rows themselves, whatever the indexes say.
    statement.push(") AS wanted FROM audit NOT INDEXED WHERE number > ").push_bind(to_number(number));
    statement.push(" ORDER BY number LIMIT ").push_bind(i64::from(TRAIL_PAGE));
    let mut rows = statement.build().fetch(&database.readers);
    let mut page: Vec<(Kept, bool)> = Vec::new();
    loop {
        let next = std::future::poll_fn(|context| rows.as_mut().poll_next(context)).await;
        match next {
            None => return Ok(page),
            Some(Ok(row)) => {
                // A condition of a damaged row may be no truth value.
                let wanted = row.try_get::<bool, _>("wanted").unwrap_or(true);
                page.push((kept(&row), wanted));
            }
            Some(Err(error)) => {
                let damaged = damage(&error);
                let Some(cause) = damaged else { return Err(error).doing(READING) };
                let before = page.last().map_or(number, |(last, _)| last.number);
                let number = before.saturating_add(1);
                page.push((Kept { number, said: Err(cause) }, true));
                return Ok(page);
            }
        }
    }
}

/// SQLite's primary result codes for a file that is damaged.
const DAMAGED: [i32; 2] = [11, 26];

/// What SQLite says of a damaged file; `None` for everything else.
fn damage(error: &sqlx::Error) -> Option<String> {
    let error = error.as_database_error()?;
    let code: i32 = error.code()?.parse().ok()?;
    DAMAGED.contains(&(code & 0xff)).then(|| error.message().to_owned())
}

/// What SQLite finds wrong with the tables of the audit and their indexes, in its words.
pub(crate) async fn damages(database: &Database) -> Result<Vec<String>, DatabaseError> {
    let mut found = Vec::new();
    // Entries are counted from 1; nothing of ours looks at what is before.
    let before: i64 = sqlx::query_scalar("SELECT count(*) FROM audit WHERE number < 1")
        .fetch_one(&database.readers)
        .await
        .or_else(|error| damage(&error).map(|_| 0).ok_or(error))
        .doing(READING)?;
    if before > 0 {
        found.push(format!("{before} rows stand before the first entry: somebody put them in"));
    }
    for table in ["audit", "audit_head", "audit_tip"] {
        let pragma = sqlx::AssertSqlSafe(format!("PRAGMA integrity_check({table})"));
        match sqlx::query_scalar::<_, String>(pragma).fetch_all(&database.readers).await {
            Ok(said) => found.extend(said.into_iter().filter(|said| said != "ok")),
            Err(error) => match damage(&error) {
                Some(cause) => found.push(cause),
                None => return Err(error).doing(READING),
            },
        }
    }
    Ok(found)
}

fn conditions(statement: &mut QueryBuilder<Sqlite>, query: &Query) {
    // What stands before the first is none of ours; `damages` tells of it.
    statement.push("number > 0");
    let equal = [("who", &query.who), ("recording", &query.recording), ("call", &query.call)];
    for (column, value) in equal {
        if let Some(value) = value {
            // The planner takes a partial index only if it sees that the value is none it leaves out.
            statement.push(format!(" AND {column} = ")).push_bind(value.clone());
            statement.push(format!(" AND {column} <> ''"));
        }
    }
    match &query.action {
        Some(whole) if whole.contains('.') => {
            statement.push(" AND action = ").push_bind(whole.clone());
        }
        // A family is a range of names: `.` comes just before `/`.
        Some(family) => {
            statement.push(" AND (action = ").push_bind(family.clone());
            statement.push(" OR (action > ").push_bind(format!("{family}."));
            statement.push(" AND action < ").push_bind(format!("{family}/")).push("))");
        }
        None => {}
    }
    if let Some(from) = query.from {
        statement.push(" AND at_ns >= ").push_bind(from.as_ns());
    }
    if let Some(to) = query.to {
        statement.push(" AND at_ns < ").push_bind(to.as_ns());
    }
}

/// A row as it lies there.
fn kept(row: &SqliteRow) -> Kept {
    let number = row.try_get::<i64, _>("number").ok().and_then(|number| u64::try_from(number).ok());
    let said = || {
        let raw = row.try_get_raw("hash")?;
        let is_blob = raw.type_info().name() == "BLOB";
        let hash: Vec<u8> = row.try_get("hash")?;
        let hash = hash.try_into().ok().filter(|_| is_blob);
        Ok((entry_of(row)?, hash.map(Hash)))
    };
    let said = match said() {
        Ok((entry, Some(hash))) => Ok((entry, hash)),
        Ok((_, None)) => Err("its hash is no hash".to_owned()),
        Err(error) => Err(sqlx::Error::to_string(&error)),
    };
    Kept { number: number.unwrap_or(0), said }
}

fn entry_of(row: &SqliteRow) -> Result<Entry, sqlx::Error> {
    let text = |column: &str| row.try_get::<String, _>(column);
    Ok(Entry {
        at_ns: row.try_get("at_ns")?,
        kind: text("kind")?,
        who: text("who")?,
        role: text("role")?,
        source: text("source")?,
        action: text("action")?,
        outcome: text("outcome")?,
        answer: text("answer")?,
        recording: text("recording")?,
        call: text("call")?,
        about: text("about")?,
        detail: text("detail")?,
        reason: text("reason")?,
    })
}

pub(crate) async fn put_head(database: &Database, head: &Head) -> Result<(), DatabaseError> {
    sqlx::query("INSERT INTO audit_head (number, hash, at_ns, signature) VALUES ($1, $2, $3, $4)")
        .bind(to_number(head.link.number))
        .bind(head.link.hash.0.to_vec())
        .bind(head.at_ns)
        .bind(head.signature.as_str())
        .execute(&database.writer)
        .await
        .doing(SIGNING)?;
    Ok(())
}

pub(crate) async fn put_token(database: &Database, number: u64, token: &[u8]) -> Result<(), DatabaseError> {
    let update = sqlx::query("UPDATE audit_head SET token = $2 WHERE number = $1 AND token IS NULL");
    update.bind(to_number(number)).bind(token).execute(&database.writer).await.doing(SIGNING)?;
    Ok(())
}

pub(crate) async fn heads_from(database: &Database, number: u64) -> Result<Vec<KeptHead>, DatabaseError> {
    let select = "SELECT number, hash, at_ns, signature, token FROM audit_head WHERE number >= $1
        ORDER BY number LIMIT $2";
    let rows = sqlx::query(select).bind(to_number(number)).bind(i64::from(TRAIL_PAGE));
    let rows = rows.fetch_all(&database.readers).await.doing(READING)?;
    rows.iter().map(head_of).collect()
}

pub(crate) async fn last_head(database: &Database) -> Result<Option<KeptHead>, DatabaseError> {
    let select = "SELECT number, hash, at_ns, signature, token FROM audit_head ORDER BY number DESC LIMIT 1";
    let row = sqlx::query(select).fetch_optional(&database.readers).await.doing(READING)?;
    row.as_ref().map(head_of).transpose()
}

fn head_of(row: &SqliteRow) -> Result<KeptHead, DatabaseError> {
    let link = link_of(row)?;
    let head = Head {
        link,
        at_ns: row.try_get("at_ns").doing(READING)?,
        signature: row.try_get("signature").doing(READING)?,
    };
    Ok(KeptHead { head, token: row.try_get("token").doing(READING)? })
}

/// A number of the chain as SQL has it: 2^63 entries are out of reach.
fn to_number(number: u64) -> i64 {
    super::to_sql(number)
}

pub(crate) async fn listens(database: &Database, id: RecordingId) -> Result<Vec<Listen>, DatabaseError> {
    let rows = sqlx::query(
        "SELECT at_ns, who, source, detail FROM audit
         WHERE recording = $1 AND recording <> '' AND action = 'recording.listen' AND outcome = 'done'
         ORDER BY number DESC LIMIT $2",
    )
    .bind(id.to_string())
    .bind(PAGE_MAX)
    .fetch_all(&database.readers)
    .await
    .doing(READING)?;
    let listen = |row: &SqliteRow| -> Result<Listen, sqlx::Error> {
        Ok(Listen {
            at: Wall::from_ns(row.try_get("at_ns")?),
            recording: id,
            who: row.try_get("who")?,
            from: row.try_get("source")?,
            what: row.try_get("detail")?,
        })
    };
    rows.iter().map(|row| listen(row).doing(READING)).collect()
}
