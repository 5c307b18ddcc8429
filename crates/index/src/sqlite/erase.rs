//! Marks, erasures and restrictions. What is asked of holds is asked in the transaction that acts on it (C7-02).

use ::audit::Entry;
use calls::id::RecordingId;
use calls::time::Wall;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, Sqlite, SqliteConnection, Transaction};

use super::{Database, custody, hold, read, to_sql};
use crate::care::{Cause, Erasure, Mark, Marked, Restriction, Rule, Verdict};
use crate::error::{CareError, DatabaseError, Doing};
use crate::query::PAGE_MAX;

const READING: &str = "reading erasures";

pub(crate) async fn mark(
    database: &Database,
    idents: &[i64],
    mark: &Mark,
    counted: bool,
) -> Result<Vec<(i64, Verdict<()>)>, DatabaseError> {
    const DOING: &str = "marking recordings to be erased";
    let mut tx = database.write(DOING).await?;
    let mut verdicts = Vec::new();
    for &ident in idents {
        let verdict = match hold::in_the_way(&mut tx, ident, mark.marked).await? {
            Some(hold) => Verdict::Held(hold),
            None => {
                let marked = sqlx::query(
                    "INSERT INTO mark (recording, marked_ns, erase_ns, rule, who, why, source, counted)
                     SELECT ident, $2, $3, $4, $5, $6, $7, $8 FROM recording WHERE ident = $1 AND erased_ns IS NULL
                     ON CONFLICT (recording) DO UPDATE SET erase_ns = min(erase_ns, excluded.erase_ns),
                        rule = excluded.rule, who = excluded.who, why = excluded.why, source = excluded.source",
                )
                .bind(ident)
                .bind(mark.marked.as_ns())
                .bind(mark.erase.as_ns())
                .bind(mark.cause.rule.as_str())
                .bind(mark.cause.who.as_str())
                .bind(mark.cause.why.as_str())
                .bind(mark.cause.source.as_str())
                .bind(counted)
                .execute(&mut *tx)
                .await
                .doing(DOING)?;
                if marked.rows_affected() == 1 { Verdict::Done(()) } else { Verdict::Gone }
            }
        };
        verdicts.push((ident, verdict));
    }
    tx.commit().await.doing(DOING)?;
    Ok(verdicts)
}

pub(crate) async fn marked_by(
    database: &Database,
    now: Wall,
    limit: u32,
) -> Result<Vec<Marked>, DatabaseError> {
    const DOING: &str = "looking for what is marked";
    let rows = sqlx::query(
        "SELECT mark.*, recording.ident, recording.id FROM mark
         JOIN recording ON recording.ident = mark.recording WHERE erase_ns <= $1 ORDER BY erase_ns, ident LIMIT $2",
    )
    .bind(now.as_ns())
    .bind(limit)
    .fetch_all(&database.readers)
    .await
    .doing(DOING)?;
    let marked = |row: &SqliteRow| -> Result<Marked, DatabaseError> {
        let cells = read::Cells::of(row)?;
        let recording = RecordingId::from_bytes(cells.bytes("id")?);
        Ok(Marked { ident: cells.ident, recording, mark: mark_of(&cells)? })
    };
    rows.iter().map(marked).collect()
}

/// A mark out of a row that has its columns.
pub(super) fn mark_of(cells: &read::Cells<'_>) -> Result<Mark, DatabaseError> {
    Ok(Mark {
        marked: Wall::from_ns(cells.get("marked_ns")?),
        erase: Wall::from_ns(cells.get("erase_ns")?),
        cause: cause_of(cells)?,
    })
}

fn cause_of(cells: &read::Cells<'_>) -> Result<Cause, DatabaseError> {
    let rule: String = cells.get("rule")?;
    Ok(Cause {
        rule: Rule::from_word(&rule).ok_or_else(|| cells.invalid("rule"))?,
        who: cells.get("who")?,
        why: cells.get("why")?,
        source: cells.get("source")?,
    })
}

pub(crate) async fn decide(
    database: &Database,
    ident: i64,
    at: Wall,
) -> Result<Verdict<Erasure>, DatabaseError> {
    const DOING: &str = "deciding an erasure";
    let mut tx = database.write(DOING).await?;
    if let Some(hold) = hold::in_the_way(&mut tx, ident, at).await? {
        unmark(&mut tx, ident).await?;
        tx.commit().await.doing(DOING)?;
        return Ok(Verdict::Held(hold));
    }
    let number: Option<i64> = sqlx::query_scalar(
        "INSERT INTO erasure (recording, ident, digest, file_bytes, started_ns, ended_ns, rule, who, why, source,
            counted, places, marked_ns, decided_ns)
         SELECT id, ident, digest, file_bytes, started_ns, ended_ns, mark.rule, mark.who, mark.why, mark.source, mark.counted,
            coalesce((SELECT group_concat(name, char(10)) FROM (
                SELECT place AS name WHERE place IS NOT NULL
                UNION SELECT target FROM transfer WHERE transfer.recording = recording.ident
                    AND (kind IN ('move', 'copy') OR done_ns IS NULL)
                UNION SELECT origin FROM transfer WHERE transfer.recording = recording.ident AND kind = 'move'
                    AND origin IS NOT NULL
                UNION SELECT target FROM backup WHERE backup.ident = recording.ident AND backup.erased_ns IS NULL
                    AND mark.rule = 'subject')), ''),
            marked_ns, $2
         FROM mark JOIN recording ON recording.ident = mark.recording
         WHERE recording.ident = $1 AND recording.erased_ns IS NULL AND mark.erase_ns <= $2 RETURNING number",
    )
    .bind(ident)
    .bind(at.as_ns())
    .fetch_optional(&mut *tx)
    .await
    .doing(DOING)?;
    let Some(number) = number else { return Ok(Verdict::Gone) };
    unmark(&mut tx, ident).await?;
    let erased =
        sqlx::query("UPDATE recording SET erased_ns = $2 WHERE ident = $1").bind(ident).bind(at.as_ns());
    erased.execute(&mut *tx).await.doing(DOING)?;
    let row = sqlx::query("SELECT * FROM erasure WHERE number = $1").bind(number);
    let erasure = from_row(&row.fetch_one(&mut *tx).await.doing(DOING)?)?;
    tx.commit().await.doing(DOING)?;
    Ok(Verdict::Done(erasure))
}

async fn unmark(tx: &mut Transaction<'_, Sqlite>, ident: i64) -> Result<(), DatabaseError> {
    let unmark = sqlx::query("DELETE FROM mark WHERE recording = $1").bind(ident);
    unmark.execute(&mut **tx).await.doing("taking a mark away").map(drop)
}

/// What a recording's row and its parts say beside what the erasure says.
const EMPTYING: [&str; 10] = [
    "DELETE FROM recording_field WHERE recording = $1",
    "DELETE FROM recording_party WHERE recording = $1",
    "DELETE FROM recording_number WHERE recording = $1",
    "DELETE FROM recording_known_as WHERE recording = $1",
    "DELETE FROM recording_words WHERE rowid = (SELECT moment FROM recording WHERE ident = $1)",
    "DELETE FROM remark WHERE recording = $1",
    "DELETE FROM annotation WHERE recording = $1",
    "DELETE FROM transfer WHERE recording = $1",
    "DELETE FROM restriction WHERE recording = $1",
    "UPDATE recording SET call_id = id, sip_call_id = NULL, call_instance = NULL, agent_id = NULL, agent_name = NULL,
        agent_key = NULL, device = NULL, direction = NULL, ani = NULL, dnis = NULL, business_unit = 0, why = '',
        link = NULL, linked_call = NULL, doubled = 0, schedule = NULL, place = NULL WHERE ident = $1",
];

pub(crate) async fn end(
    database: &Database,
    number: i64,
    at: Wall,
    (files, keys): (u64, u64),
) -> Result<(), DatabaseError> {
    const DOING: &str = "ending an erasure";
    let mut tx = database.write(DOING).await?;
    let ended = sqlx::query(
        "UPDATE erasure SET done_ns = $2, files = $3, keys = $4 WHERE number = $1 AND done_ns IS NULL
         RETURNING ident, rule, recording, who, why",
    )
    .bind(number)
    .bind(at.as_ns())
    .bind(to_sql(files))
    .bind(to_sql(keys))
    .fetch_optional(&mut *tx)
    .await
    .doing(DOING)?;
    let Some(ended) = ended else { return Ok(()) };
    let ident: i64 = ended.try_get("ident").doing(DOING)?;
    let text = |column: &str| ended.try_get::<String, _>(column).doing(DOING);
    let (rule, who, why) = (text("rule")?, text("who")?, text("why")?);
    let id: Vec<u8> = ended.try_get("recording").doing(DOING)?;
    let id = id.try_into().map_err(|_| DatabaseError::Row { ident, column: "recording" })?;
    for statement in EMPTYING {
        sqlx::query(statement).bind(ident).execute(&mut *tx).await.doing(DOING)?;
    }
    if rule == Rule::Subject.as_str() {
        let backups =
            "UPDATE backup SET erased_ns = $2, record = '{}' WHERE ident = $1 AND erased_ns IS NULL";
        sqlx::query(backups).bind(ident).bind(at.as_ns()).execute(&mut *tx).await.doing(DOING)?;
    }
    let mut erased = Entry {
        about: format!("erasure {number}"),
        detail: format!("for {who}: {why}; {files} files, {keys} keys"),
        ..custody::entry("recording.erase", RecordingId::from_bytes(id), at)
    };
    erased.fit();
    custody::write(database, &mut tx, &erased).await?;
    tx.commit().await.doing(DOING)
}

/// Pages of the list of words that are written anew at once, and how often one scrub does so: a quarter of a gigabyte.
const WORD_PAGES: i64 = 1_000;
const WORD_STEPS: usize = 64;

pub(crate) async fn scrub(database: &Database) -> Result<(), DatabaseError> {
    const DOING: &str = "taking deleted words out of the index";
    // A word that is deleted is only crossed out, until the pages it is on are written anew: the first step begins that, the
    // others go on, each a transaction of its own so that others get their turn.
    for step in 0..WORD_STEPS {
        let mut conn = database.writer.acquire().await.doing(DOING)?;
        let changes = async |conn: &mut SqliteConnection| -> Result<i64, DatabaseError> {
            sqlx::query_scalar("SELECT total_changes()").fetch_one(conn).await.doing(DOING)
        };
        let before = changes(&mut conn).await?;
        sqlx::query("INSERT INTO recording_words (recording_words, rank) VALUES ('merge', $1)")
            .bind(if step == 0 { -WORD_PAGES } else { WORD_PAGES })
            .execute(&mut *conn)
            .await
            .doing(DOING)?;
        if changes(&mut conn).await? - before < 2 {
            break;
        }
    }
    let clear = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&database.writer);
    clear.await.doing("clearing the log of the index").map(drop)
}

pub(crate) async fn not_done(database: &Database) -> Result<Vec<Erasure>, DatabaseError> {
    select(database, "done_ns IS NULL AND $1 = 0 ORDER BY number", 0).await
}

pub(crate) async fn after(database: &Database, number: i64) -> Result<Vec<Erasure>, DatabaseError> {
    select(database, "number > $1 ORDER BY number", number).await
}

async fn select(
    database: &Database,
    which: &'static str,
    number: i64,
) -> Result<Vec<Erasure>, DatabaseError> {
    // Made of constants of this file.
    let statement = format!("SELECT * FROM erasure WHERE {which} LIMIT {PAGE_MAX}");
    let rows = sqlx::query(AssertSqlSafe(statement)).bind(number).fetch_all(&database.readers).await;
    rows.doing(READING)?.iter().map(from_row).collect()
}

pub(crate) async fn of(database: &Database, id: RecordingId) -> Result<Option<Erasure>, DatabaseError> {
    let row = sqlx::query("SELECT * FROM erasure WHERE recording = $1")
        .bind(id.as_bytes().as_slice())
        .fetch_optional(&database.readers)
        .await
        .doing(READING)?;
    row.as_ref().map(from_row).transpose()
}

fn from_row(row: &SqliteRow) -> Result<Erasure, DatabaseError> {
    let cells = read::Cells::of(row)?;
    let time = |column: &'static str| Ok::<_, DatabaseError>(Wall::from_ns(cells.get(column)?));
    let places: String = cells.get("places")?;
    let done = match cells.get::<Option<i64>>("done_ns")? {
        None => None,
        Some(at) => Some((Wall::from_ns(at), cells.count("files")?, cells.count("keys")?)),
    };
    Ok(Erasure {
        number: cells.get("number")?,
        recording: RecordingId::from_bytes(cells.bytes("recording")?),
        ident: cells.ident,
        digest: cells.bytes("digest")?,
        file_bytes: cells.count("file_bytes")?,
        started: time("started_ns")?,
        ended: time("ended_ns")?,
        cause: cause_of(&cells)?,
        places: places.lines().map(str::to_owned).collect(),
        marked: time("marked_ns")?,
        decided: time("decided_ns")?,
        done,
    })
}

pub(crate) async fn restrict(
    database: &Database,
    id: RecordingId,
    restriction: &Restriction,
) -> Result<(), CareError> {
    const DOING: &str = "restricting a recording";
    let mut tx = database.write(DOING).await?;
    let ident = ident_of(&mut tx, id).await?;
    sqlx::query(
        "INSERT INTO restriction (recording, since_ns, who, why, source) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (recording) WHERE lifted_ns IS NULL DO NOTHING",
    )
    .bind(ident)
    .bind(restriction.since.as_ns())
    .bind(restriction.who.as_str())
    .bind(restriction.why.as_str())
    .bind(restriction.source.as_str())
    .execute(&mut *tx)
    .await
    .doing(DOING)?;
    Ok(tx.commit().await.doing(DOING)?)
}

pub(crate) async fn lift(database: &Database, id: RecordingId, who: &str, at: Wall) -> Result<(), CareError> {
    const DOING: &str = "lifting a restriction";
    let mut tx = database.write(DOING).await?;
    let ident = ident_of(&mut tx, id).await?;
    let lift =
        "UPDATE restriction SET lifted_ns = $2, lifted_who = $3 WHERE recording = $1 AND lifted_ns IS NULL";
    sqlx::query(lift).bind(ident).bind(at.as_ns()).bind(who).execute(&mut *tx).await.doing(DOING)?;
    Ok(tx.commit().await.doing(DOING)?)
}

async fn ident_of(conn: &mut SqliteConnection, id: RecordingId) -> Result<i64, CareError> {
    let ident = sqlx::query_scalar("SELECT ident FROM recording WHERE id = $1 AND erased_ns IS NULL")
        .bind(id.as_bytes().as_slice())
        .fetch_optional(conn)
        .await
        .doing("looking for a recording")?;
    ident.ok_or(CareError::Unknown(id))
}
