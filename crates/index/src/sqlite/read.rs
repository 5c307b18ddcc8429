//! Rows back into domain words.

use std::collections::{BTreeMap, BTreeSet};

use calls::call::Link;
use calls::id::{AgentId, CallId, RecordingId};
use calls::time::Wall;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, SqliteConnection};

use super::{Database, remark};
use crate::error::{DatabaseError, Doing};
use crate::query::PAGE_MAX;
use crate::row::{Completeness, Direction, FileEntry, Inherited, Party, RecordingRow};

const DOING: &str = "reading recordings";

pub(crate) async fn recording(
    database: &Database,
    id: RecordingId,
) -> Result<Option<RecordingRow>, DatabaseError> {
    let mut tx = database.read(DOING).await?;
    one(&mut tx, id).await
}

/// One recording as the connection's transaction sees it.
pub(super) async fn one(
    conn: &mut SqliteConnection,
    id: RecordingId,
) -> Result<Option<RecordingRow>, DatabaseError> {
    let row = sqlx::query("SELECT * FROM recording WHERE id = $1")
        .bind(id.as_bytes().as_slice())
        .fetch_optional(&mut *conn)
        .await
        .doing(DOING)?;
    let Some(row) = row else { return Ok(None) };
    let mut rows = [from_row(&row)?];
    add_parts(conn, &mut rows).await?;
    let [row] = rows;
    Ok(Some(row))
}

pub(crate) async fn files_after(database: &Database, after: i64) -> Result<Vec<FileEntry>, DatabaseError> {
    const DOING: &str = "listing the files of recordings";
    let rows = sqlx::query(
        "SELECT ident, id, file, file_bytes, digest FROM recording WHERE ident > $1 ORDER BY ident LIMIT $2",
    )
    .bind(after)
    .bind(PAGE_MAX)
    .fetch_all(&database.readers)
    .await
    .doing(DOING)?;
    let entry = |row: &SqliteRow| -> Result<FileEntry, DatabaseError> {
        let cells = Cells::of(row)?;
        Ok(FileEntry {
            ident: cells.ident,
            recording: RecordingId::from_bytes(cells.bytes("id")?),
            file: cells.get("file")?,
            file_bytes: cells.count("file_bytes")?,
            digest: cells.bytes("digest")?,
        })
    };
    rows.iter().map(entry).collect()
}

pub(crate) async fn count(database: &Database) -> Result<u64, DatabaseError> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM recording")
        .fetch_one(&database.readers)
        .await
        .doing("counting recordings")?;
    Ok(count.unsigned_abs())
}

/// The cells of one row, by column name.
struct Cells<'a> {
    row: &'a SqliteRow,
    ident: i64,
}

impl<'a> Cells<'a> {
    fn of(row: &'a SqliteRow) -> Result<Self, DatabaseError> {
        Ok(Self { row, ident: row.try_get("ident").doing(DOING)? })
    }

    fn get<T>(&self, column: &'static str) -> Result<T, DatabaseError>
    where
        T: sqlx::Decode<'a, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        self.row.try_get(column).doing(DOING)
    }

    fn bytes<const N: usize>(&self, column: &'static str) -> Result<[u8; N], DatabaseError> {
        let bytes: Vec<u8> = self.get(column)?;
        bytes.try_into().map_err(|_| self.invalid(column))
    }

    fn count(&self, column: &'static str) -> Result<u64, DatabaseError> {
        u64::try_from(self.get::<i64>(column)?).map_err(|_| self.invalid(column))
    }

    fn invalid(&self, column: &'static str) -> DatabaseError {
        DatabaseError::Row { ident: self.ident, column }
    }
}

/// The place of a recording in the order of lists.
pub(super) fn moment(row: &SqliteRow) -> Result<i64, DatabaseError> {
    Cells::of(row)?.get("moment")
}

/// A recording without its fields and parties, which stand in tables of their own.
pub(super) fn from_row(row: &SqliteRow) -> Result<RecordingRow, DatabaseError> {
    let cells = Cells::of(row)?;
    let agent = cells.get::<Option<i64>>("agent_id")?;
    let agent = agent.map(|agent| u32::try_from(agent).map(AgentId)).transpose();
    let direction: Option<String> = cells.get("direction")?;
    let completeness: String = cells.get("completeness")?;
    Ok(RecordingRow {
        id: RecordingId::from_bytes(cells.bytes("id")?),
        call: CallId::from_bytes(cells.bytes("call_id")?),
        ident: cells.ident,
        sip_call_id: cells.get("sip_call_id")?,
        call_instance: cells.get("call_instance")?,
        agent: agent.map_err(|_| cells.invalid("agent_id"))?,
        agent_name: cells.get("agent_name")?,
        device: cells.get("device")?,
        direction: direction.as_deref().and_then(Direction::from_letter),
        ani: cells.get("ani")?,
        dnis: cells.get("dnis")?,
        business_unit: cells.get("business_unit")?,
        started: Wall::from_ns(cells.get("started_ns")?),
        ended: Wall::from_ns(cells.get("ended_ns")?),
        duration_ms: cells.count("duration_ms")?,
        file: cells.get("file")?,
        file_bytes: cells.count("file_bytes")?,
        digest: cells.bytes("digest")?,
        streams: cells.get("streams")?,
        completeness: Completeness::from_label(&completeness).ok_or_else(|| cells.invalid("completeness"))?,
        interrupted: cells.get("interrupted")?,
        blackout_ms: cells.count("blackout_ms")?,
        packets_received: cells.count("packets_received")?,
        packets_stored: cells.count("packets_stored")?,
        packets_dark: cells.count("packets_dark")?,
        packets_lost: cells.count("packets_lost")?,
        fields: BTreeMap::new(),
        parties: Vec::new(),
        known_as: BTreeSet::new(),
        why: cells.get("why")?,
        schedule: cells.get("schedule")?,
        keep_days: cells.get("keep_days")?,
        archive_action: cells.get("archive_action")?,
        overridden: cells.get("overridden")?,
        inherited: Inherited {
            keep_days: cells.get("inherited_keep_days")?,
            archive_action: cells.get("inherited_archive_action")?,
        },
        link: link(&cells)?,
        doubled: cells.get("doubled")?,
        copies: 0,
        remarks: Vec::new(),
    })
}

fn link(cells: &Cells<'_>) -> Result<Option<Link>, DatabaseError> {
    let Some(label) = cells.get::<Option<String>>("link")? else { return Ok(None) };
    let call = CallId::from_bytes(cells.bytes("linked_call")?);
    match label.as_str() {
        "copy" => Ok(Some(Link::CopyOf(call))),
        "continues" => Ok(Some(Link::Continues(call))),
        _ => Err(cells.invalid("link")),
    }
}

/// Adds what stands in tables of its own to a page of rows, and counts copies: five questions for the page, not five for each
/// row.
pub(super) async fn add_parts(
    conn: &mut SqliteConnection,
    rows: &mut [RecordingRow],
) -> Result<(), DatabaseError> {
    let places: BTreeMap<i64, usize> =
        rows.iter().enumerate().map(|(place, row)| (row.ident, place)).collect();
    for found in parts(conn, "SELECT * FROM recording_field WHERE recording IN (", &places, ")").await? {
        let ident: i64 = found.try_get("recording").doing(DOING)?;
        if let Some(row) = places.get(&ident).and_then(|&place| rows.get_mut(place)) {
            row.fields.insert(found.try_get("field").doing(DOING)?, found.try_get("value").doing(DOING)?);
        }
    }
    for found in parts(conn, "SELECT * FROM recording_known_as WHERE recording IN (", &places, ")").await? {
        let ident: i64 = found.try_get("recording").doing(DOING)?;
        if let Some(row) = places.get(&ident).and_then(|&place| rows.get_mut(place)) {
            row.known_as.insert(found.try_get("known_as").doing(DOING)?);
        }
    }
    const COPIES: &str = "SELECT original.ident AS recording, count(*) AS copies FROM recording original
        JOIN recording copy ON copy.linked_call = original.call_id AND copy.link = 'copy' AND copy.doubled
            AND copy.started_ns < original.ended_ns AND copy.ended_ns > original.started_ns
        WHERE original.ident IN (";
    for found in parts(conn, COPIES, &places, ") GROUP BY original.ident").await? {
        let ident: i64 = found.try_get("recording").doing(DOING)?;
        if let Some(row) = places.get(&ident).and_then(|&place| rows.get_mut(place)) {
            row.copies = found.try_get("copies").doing(DOING)?;
        }
    }
    let ordered = ") ORDER BY recording, place";
    for found in parts(conn, "SELECT * FROM recording_party WHERE recording IN (", &places, ordered).await? {
        let ident: i64 = found.try_get("recording").doing(DOING)?;
        if let Some(row) = places.get(&ident).and_then(|&place| rows.get_mut(place)) {
            row.parties.push(Party {
                name: found.try_get("name").doing(DOING)?,
                address: found.try_get("address").doing(DOING)?,
                stream: found.try_get("stream").doing(DOING)?,
            });
        }
    }
    let standing = ") AND removed_ns IS NULL ORDER BY number";
    for found in parts(conn, remark::SELECT_OF, &places, standing).await? {
        let ident: i64 = found.try_get("recording").doing(DOING)?;
        if let Some(row) = places.get(&ident).and_then(|&place| rows.get_mut(place)) {
            row.remarks.push(remark::from_row(&found)?);
        }
    }
    Ok(())
}

async fn parts(
    conn: &mut SqliteConnection,
    select: &'static str,
    places: &BTreeMap<i64, usize>,
    end: &'static str,
) -> Result<Vec<SqliteRow>, DatabaseError> {
    let mut statement = QueryBuilder::new(select);
    let mut idents = statement.separated(", ");
    for &ident in places.keys() {
        idents.push_bind(ident);
    }
    statement.push(end);
    statement.build().fetch_all(conn).await.doing(DOING)
}
