//! The beginning of the time in which the end of the audit is signed, and every recording in the index has an entry.
//!
//! A recording that came before seals were written down is *adopted*: it gets an entry with its digest, once, before the entry
//! `audit.begin`. From that on none is older than its entry, and no tip is missing by right (C8-03).

use ::audit::Entry;
use calls::id::RecordingId;
use calls::time::Wall;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use super::custody::{self, ID_TEXT, SEALS};
use super::{Database, trail};
use crate::error::{DatabaseError, Doing};
use crate::trail::Notary;

const DOING: &str = "beginning to sign the end of the audit";

/// Recordings that are adopted with one sync.
const AT_ONCE: i64 = 1_000;

/// Adopts what is there and begins, once. Does nothing without the key, and writes nothing where it was done: a recorder starts also
/// while somebody else holds the index, and whoever appends looks how the chain ends.
pub(super) async fn begin(database: &Database) -> Result<(), DatabaseError> {
    let Some(notary) = database.notary.as_deref() else { return Ok(()) };
    if has_begun(&mut database.read(DOING).await?).await? {
        return Ok(());
    }
    let (mut behind, mut adopted) = (i64::MIN, 0_u64);
    loop {
        let mut tx = database.write(DOING).await?;
        let page = older(&mut tx, behind).await?;
        let last = page.last().map(|(ident, _)| *ident);
        adopted += page.len() as u64;
        let entries = match last {
            Some(_) => page.into_iter().flat_map(|(_, row)| row.entries(notary)).collect(),
            None => vec![begins(&mut tx, notary, adopted).await?],
        };
        trail::append_in(database, &mut tx, &entries).await?;
        tx.commit().await.doing(DOING)?;
        match last {
            Some(last) => behind = last,
            None => return Ok(()),
        }
    }
}

pub(super) async fn has_begun(tx: &mut Transaction<'static, Sqlite>) -> Result<bool, DatabaseError> {
    let select = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM audit WHERE action = 'audit.begin')");
    select.fetch_one(&mut **tx).await.doing(DOING)
}

async fn begins(
    tx: &mut Transaction<'static, Sqlite>,
    notary: &dyn Notary,
    adopted: u64,
) -> Result<Entry, DatabaseError> {
    let before = trail::last_in(tx).await?.number;
    let detail = format!("{before} entries before this one, {adopted} recordings adopted");
    Ok(Entry { detail, ..custody::recorder_entry("audit.begin", Wall::from_ns(notary.now_ns())) })
}

/// A recording without an entry of its seal.
struct Older {
    ident: i64,
    id: RecordingId,
    digest: String,
    /// The number of its erasure, where that has no entry either.
    erasure: Option<i64>,
}

impl Older {
    fn entries(self, notary: &dyn Notary) -> Vec<Entry> {
        let Self { ident, id, digest, erasure } = self;
        let of = |action, about, detail| {
            let at = Wall::from_ns(notary.now_ns());
            Entry { about, detail, ..custody::entry(action, id, at) }
        };
        let adopted = of("recording.adopt", custody::about(ident), digest);
        let erased = erasure.map(|number| {
            let detail = "it was erased before that was written down".to_owned();
            of("recording.erase", format!("erasure {number}"), detail)
        });
        std::iter::once(adopted).chain(erased).collect()
    }
}

async fn older(
    tx: &mut Transaction<'static, Sqlite>,
    behind: i64,
) -> Result<Vec<(i64, Older)>, DatabaseError> {
    let statement = format!(
        "SELECT ident, id, 'digest ' || lower(hex(digest)) AS digest,
            (SELECT number FROM erasure WHERE erasure.recording = recording.id AND done_ns IS NOT NULL AND NOT EXISTS
                (SELECT 1 FROM audit WHERE audit.recording = {ID_TEXT} AND audit.recording <> ''
                    AND action = 'recording.erase')) AS erasure
         FROM recording WHERE ident > $1 AND NOT EXISTS (SELECT 1 FROM audit WHERE audit.recording = {ID_TEXT}
            AND audit.recording <> '' AND audit.action IN {SEALS}) ORDER BY ident LIMIT $2"
    );
    // Made of constants of this crate.
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(behind).bind(AT_ONCE);
    let rows = rows.fetch_all(&mut **tx).await.doing(DOING)?;
    let older = |row: &SqliteRow| {
        let ident: i64 = row.try_get("ident").doing(DOING)?;
        let id: Vec<u8> = row.try_get("id").doing(DOING)?;
        let id = id.try_into().map_err(|_| DatabaseError::Row { ident, column: "id" })?;
        let digest = row.try_get("digest").doing(DOING)?;
        let erasure = row.try_get("erasure").doing(DOING)?;
        Ok((ident, Older { ident, id: RecordingId::from_bytes(id), digest, erasure }))
    };
    rows.iter().map(older).collect()
}
