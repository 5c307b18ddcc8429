//! Sealed recordings in the chain of the audit: an entry when one comes into the index, when another file takes its place, and when
//! it is erased, each in the transaction that does it (C8-03).
//!
//! So a row or a file that somebody takes away, puts in or brings back is seen against the chain, whoever had the database.

use ::audit::{Entry, Hash, Outcome};
use calls::id::RecordingId;
use calls::time::Wall;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use super::{Database, trail};
use crate::custody::{Custody, Standing, Unrecorded};
use crate::error::{DatabaseError, Doing};

const READING: &str = "comparing recordings with the audit";

/// How many are compared at once.
const PAGE: i64 = 500;

/// The id of a recording as the audit writes it.
pub(super) const ID_TEXT: &str = "lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || \
    substr(hex(id), 17, 4) || '-' || substr(hex(id), 21))";

/// The actions that begin the custody of a recording.
pub(super) const SEALS: &str = "('recording.seal', 'recording.adopt')";

/// How an entry says what row it is about.
pub(super) fn about(ident: i64) -> String {
    format!("recording {ident}")
}

/// What the recorder itself has done to a recording.
pub(super) fn entry(action: &str, recording: RecordingId, at: Wall) -> Entry {
    Entry { recording: recording.to_string(), ..recorder_entry(action, at) }
}

/// What the recorder itself has done.
pub(super) fn recorder_entry(action: &str, at: Wall) -> Entry {
    let text = String::new;
    Entry {
        at_ns: at.as_ns(),
        kind: "recorder".to_owned(),
        who: "sidetone".to_owned(),
        role: text(),
        source: text(),
        action: action.to_owned(),
        outcome: Outcome::Done.label().to_owned(),
        answer: text(),
        recording: text(),
        call: text(),
        about: text(),
        detail: text(),
        reason: text(),
    }
}

/// How an entry says what file it is about.
pub(super) fn digest_text(digest: [u8; 32]) -> String {
    format!("digest {}", Hash(digest))
}

/// Puts an entry behind the chain, in a transaction that does what it says.
pub(super) async fn write(
    database: &Database,
    tx: &mut Transaction<'static, Sqlite>,
    entry: &Entry,
) -> Result<(), DatabaseError> {
    trail::append_in(database, tx, std::slice::from_ref(entry)).await.map(drop)
}

/// What became of recordings whose entries are behind a number, in the order of those.
pub(crate) async fn after(database: &Database, number: u64) -> Result<Vec<Custody>, DatabaseError> {
    // The digest is the first 71 characters of what each of these entries says. Rows are gone through in their order, whatever their
    // action, and those of one recording found by its index, for which the planner has to see that it is not empty.
    let statement = format!(
        "SELECT sealed.number, sealed.recording, sealed.about, 'recording ' || recording.ident AS row,
            (SELECT substr(last.detail, 1, 71) FROM audit last WHERE last.recording = sealed.recording AND last.recording <> ''
                AND (last.action = 'recording.reseal' OR last.action IN {SEALS}) ORDER BY last.number DESC LIMIT 1) AS said,
            iif(recording.id IS NULL, NULL, 'digest ' || lower(hex(recording.digest))) AS stands,
            EXISTS (SELECT 1 FROM erasure WHERE erasure.recording = recording.id AND done_ns IS NOT NULL) AS is_erased,
            EXISTS (SELECT 1 FROM audit gone WHERE gone.recording = sealed.recording AND gone.recording <> ''
                AND gone.action = 'recording.erase')
                AS said_erased
         FROM audit sealed LEFT JOIN recording ON recording.id = unhex(replace(sealed.recording, '-', ''))
         WHERE +sealed.action IN {SEALS} AND sealed.number > $1 ORDER BY sealed.number LIMIT $2"
    );
    // Made of constants of this file.
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(i64::try_from(number).unwrap_or(i64::MAX))
        .bind(PAGE)
        .fetch_all(&database.readers)
        .await
        .doing(READING)?;
    rows.iter().map(custody).collect()
}

fn custody(row: &SqliteRow) -> Result<Custody, DatabaseError> {
    let get = |column: &'static str| row.try_get::<Option<String>, _>(column).doing(READING);
    let is = |column: &'static str| row.try_get::<bool, _>(column).doing(READING);
    let number: i64 = row.try_get("number").doing(READING)?;
    let said = get("said")?.unwrap_or_default();
    let standing = match get("stands")? {
        None => Standing::Missing,
        Some(_) if is("is_erased")? && !is("said_erased")? => Standing::ErasedUnsaid,
        Some(_) if is("said_erased")? && !is("is_erased")? => Standing::Returned,
        Some(_) if get("row")? != get("about")? => {
            let [said, stands] = [get("about")?, get("row")?].map(Option::unwrap_or_default);
            Standing::Another { said, stands }
        }
        Some(stands) if stands != said => Standing::Another { said, stands },
        Some(_) => Standing::Good,
    };
    let recording = get("recording")?.unwrap_or_default();
    Ok(Custody { number: u64::try_from(number).unwrap_or(0), recording, standing })
}

/// Recordings of which the chain says nothing, and rows that no list shows.
pub(crate) async fn unrecorded(database: &Database) -> Result<Unrecorded, DatabaseError> {
    let statement = format!(
        "SELECT count(*) AS count, min({ID_TEXT}) AS one, (SELECT count(*) FROM recording WHERE ident < 1) AS unlisted
         FROM recording WHERE NOT EXISTS (SELECT 1 FROM audit WHERE audit.recording = {ID_TEXT}
            AND audit.recording <> '' AND audit.action IN {SEALS})"
    );
    // Made of constants of this file.
    let row = sqlx::query(sqlx::AssertSqlSafe(statement));
    let row = row.fetch_one(&database.readers).await.doing(READING)?;
    let count = |column: &'static str| -> Result<u64, DatabaseError> {
        Ok(u64::try_from(row.try_get::<i64, _>(column).doing(READING)?).unwrap_or(0))
    };
    Ok(Unrecorded {
        count: count("count")?,
        one: row.try_get("one").doing(READING)?,
        unlisted: count("unlisted")?,
    })
}
