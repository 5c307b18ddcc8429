//! Makes a sealed recording findable.

use ::audit::Entry;
use calls::call::Link;
use sqlx::{Row, SqliteConnection};

use super::{Database, custody, hold, to_sql};
use crate::error::{DatabaseError, Doing, PutError};
use crate::id_key::id_key;
use crate::moment;
use crate::number::reversed_digits;
use crate::row::{Party, RecordingRow};
use crate::text::searchable;

const DOING: &str = "putting a recording";

const INSERT: &str = "
    INSERT INTO recording (
        id, call_id, sip_call_id, call_instance, agent_id, agent_name, agent_key, device, direction, ani, dnis,
        business_unit, started_ns, ended_ns, duration_ms, file, file_bytes, digest, streams, completeness,
        interrupted, blackout_ms, packets_received, packets_stored, packets_dark, packets_lost, why,
        link, linked_call, moment, schedule, keep_days, archive_action, overridden, inherited_keep_days,
        inherited_archive_action)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
        $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36)
    RETURNING ident";

/// A copy is doubled when the original covers its time and lacks no more than a tenth of its packets.
const MARK_DOUBLED: &str = "
    UPDATE recording SET doubled = 1
    WHERE link = 'copy' AND doubled = 0 AND (ident = $1 OR linked_call = $2) AND EXISTS (
        SELECT 1 FROM recording original
        WHERE original.call_id = recording.linked_call AND original.completeness <> 'failed'
            AND original.started_ns <= recording.started_ns + 2000000000
            AND original.ended_ns >= recording.ended_ns - 2000000000
            AND original.packets_stored * 10 >= recording.packets_stored * 9)";

pub(crate) async fn recording(database: &Database, row: &RecordingRow) -> Result<i64, PutError> {
    let mut tx = database.write(DOING).await?;
    if let Some(ident) = standing(&mut tx, row).await? {
        return Ok(ident);
    }
    let ident = insert(&mut tx, row).await.doing(DOING)?;
    for (field, value) in &row.fields {
        set_field(&mut tx, ident, &field.to_lowercase(), value).await?;
    }
    for (place, party) in (0_i64..).zip(&row.parties) {
        insert_party(&mut tx, ident, place, party).await.doing(DOING)?;
    }
    for known_as in &row.known_as {
        insert_known_as(&mut tx, ident, known_as).await.doing(DOING)?;
    }
    write_search_keys(&mut tx, ident, row).await?;
    let call = row.call.as_bytes().to_vec();
    // What a hold by query holds is held from the first (C7-02).
    hold::join(&mut tx, ident, row.ended).await?;
    sqlx::query(MARK_DOUBLED).bind(ident).bind(call).execute(&mut *tx).await.doing(DOING)?;
    let sealed = Entry {
        call: row.call.to_string(),
        about: custody::about(ident),
        detail: custody::digest_text(row.digest),
        ..custody::entry("recording.seal", row.id, row.ended)
    };
    custody::write(database, &mut tx, &sealed).await?;
    tx.commit().await.doing(DOING)?;
    Ok(ident)
}

/// The key of the row that is there already, if it is this recording's.
async fn standing(conn: &mut SqliteConnection, row: &RecordingRow) -> Result<Option<i64>, PutError> {
    let found = sqlx::query("SELECT ident, file, digest FROM recording WHERE id = $1")
        .bind(row.id.as_bytes().as_slice())
        .fetch_optional(conn)
        .await
        .doing(DOING)?;
    let Some(found) = found else { return Ok(None) };
    let ident = found.try_get("ident").doing(DOING)?;
    let file: String = found.try_get("file").doing(DOING)?;
    let digest: Vec<u8> = found.try_get("digest").doing(DOING)?;
    if file != row.file || digest != row.digest {
        return Err(PutError::Different { recording: row.id, file });
    }
    Ok(Some(ident))
}

/// The place of a recording in the order of lists: behind those of its millisecond that are there.
async fn place(conn: &mut SqliteConnection, row: &RecordingRow) -> Result<i64, sqlx::Error> {
    let mut first = moment::first(row.started);
    loop {
        let behind = first.saturating_add(moment::A_MILLISECOND);
        let last: Option<i64> =
            sqlx::query_scalar("SELECT max(moment) FROM recording WHERE moment >= $1 AND moment < $2")
                .bind(first)
                .bind(behind)
                .fetch_one(&mut *conn)
                .await?;
        match last {
            None => return Ok(first),
            Some(last) if last + 1 < behind => return Ok(last + 1),
            Some(_) => first = behind,
        }
    }
}

async fn insert(conn: &mut SqliteConnection, row: &RecordingRow) -> Result<i64, sqlx::Error> {
    let moment = place(conn, row).await?;
    sqlx::query_scalar(INSERT)
        .bind(row.id.as_bytes().as_slice())
        .bind(row.call.as_bytes().as_slice())
        .bind(row.sip_call_id.as_deref())
        .bind(row.call_instance.as_deref())
        .bind(row.agent.map(|agent| i64::from(agent.0)))
        .bind(row.agent_name.as_deref())
        .bind(row.agent_name.as_deref().map(str::to_lowercase))
        .bind(row.device.as_deref())
        .bind(row.direction.map(|direction| direction.letter()))
        .bind(row.ani.as_deref())
        .bind(row.dnis.as_deref())
        .bind(row.business_unit)
        .bind(row.started.as_ns())
        .bind(row.ended.as_ns())
        .bind(to_sql(row.duration_ms))
        .bind(row.file.as_str())
        .bind(to_sql(row.file_bytes))
        .bind(row.digest.as_slice())
        .bind(row.streams)
        .bind(row.completeness.label())
        .bind(row.interrupted)
        .bind(to_sql(row.blackout_ms))
        .bind(to_sql(row.packets_received))
        .bind(to_sql(row.packets_stored))
        .bind(to_sql(row.packets_dark))
        .bind(to_sql(row.packets_lost))
        .bind(row.why.as_str())
        .bind(row.link.map(link_label))
        .bind(row.link.map(|link| link.call().as_bytes().to_vec()))
        .bind(moment)
        .bind(row.schedule.as_deref())
        .bind(row.keep_days)
        .bind(row.archive_action)
        .bind(row.overridden)
        .bind(row.inherited.keep_days)
        .bind(row.inherited.archive_action)
        .fetch_one(conn)
        .await
}

/// The word that stands for a link in the table.
const fn link_label(link: Link) -> &'static str {
    match link {
        Link::CopyOf(_) => "copy",
        Link::Continues(_) => "continues",
    }
}

/// Sets one metadata field; `field` is in lower case.
pub(super) async fn set_field(
    conn: &mut SqliteConnection,
    ident: i64,
    field: &str,
    value: &str,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "INSERT INTO recording_field (recording, field, value, moment)
         VALUES ($1, $2, $3, (SELECT moment FROM recording WHERE ident = $1))
         ON CONFLICT (recording, field) DO UPDATE SET value = excluded.value",
    )
    .bind(ident)
    .bind(field)
    .bind(value)
    .execute(conn)
    .await
    .doing("writing a metadata field")?;
    Ok(())
}

async fn insert_party(
    conn: &mut SqliteConnection,
    ident: i64,
    place: i64,
    party: &Party,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO recording_party (recording, place, name, address, stream) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(ident)
    .bind(place)
    .bind(party.name.as_deref())
    .bind(party.address.as_str())
    .bind(party.stream)
    .execute(conn)
    .await?;
    Ok(())
}

async fn insert_known_as(conn: &mut SqliteConnection, ident: i64, known_as: &str) -> Result<(), sqlx::Error> {
    let Some(key) = id_key(known_as) else { return Ok(()) };
    sqlx::query("INSERT INTO recording_known_as (recording, known_as, id_key) VALUES ($1, $2, $3)")
        .bind(ident)
        .bind(known_as)
        .bind(key)
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes what a recording is found by, in place of what stood there.
pub(super) async fn write_search_keys(
    conn: &mut SqliteConnection,
    ident: i64,
    row: &RecordingRow,
) -> Result<(), DatabaseError> {
    const DOING: &str = "writing the search keys of a recording";
    let addresses = || row.parties.iter().map(|party| party.address.as_str());
    let numbers = || [&row.ani, &row.dnis, &row.device].into_iter().flatten().map(String::as_str);

    sqlx::query("DELETE FROM recording_number WHERE recording = $1")
        .bind(ident)
        .execute(&mut *conn)
        .await
        .doing(DOING)?;
    for reversed in numbers().chain(addresses()).filter_map(reversed_digits) {
        sqlx::query("INSERT OR IGNORE INTO recording_number (reversed, recording) VALUES ($1, $2)")
            .bind(reversed)
            .bind(ident)
            .execute(&mut *conn)
            .await
            .doing(DOING)?;
    }

    let names = row.parties.iter().filter_map(|party| party.name.as_deref()).chain(row.agent_name.as_deref());
    let fields = row.fields.values().map(String::as_str);
    let remarks = row.remarks.iter().map(|remark| remark.said.text.as_str());
    let words = searchable(names.chain(numbers()).chain(addresses()).chain(fields).chain(remarks));
    sqlx::query("INSERT OR REPLACE INTO recording_words (rowid, words) SELECT moment, $2 FROM recording WHERE ident = $1")
        .bind(ident)
        .bind(words)
        .execute(conn)
        .await
        .doing(DOING)?;
    Ok(())
}
