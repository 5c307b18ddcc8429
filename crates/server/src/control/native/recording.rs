//! One sealed recording: its row, and what its file says of itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use calls::call::Fact;
use calls::time::Wall;
use index::{RecordingRow, Related, Relation};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::annotations::AnnotationItem;
use super::calls::{CallParty, TimeSpan};
use super::clocks::{AlignmentItem, ClockItem, GapItem};
use super::query::Query;
use super::recordings::{RecordingSummary, covers_row, recording_id, row};
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::{App, Who};
use crate::keep::manifest::{Format, Manifest, RedactedSpan, StreamManifest};
use crate::playback::Survey;

/// A recording in full.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordingItem {
    #[serde(flatten)]
    summary: RecordingSummary,
    /// SIP's Call-ID of the recording session.
    sip_call_id: Option<String>,
    /// The call's name on the WFO wire.
    call_instance: Option<String>,
    /// The sealed file.
    file: FileItem,
    /// Packets over all streams.
    packets: PacketCounts,
    /// What was attached to it and not taken back, in the order it was.
    annotations: Vec<AnnotationItem>,
    /// Other recordings that have to do with it, the nearest 50 in time, oldest first.
    related: Vec<RelatedItem>,
    /// What the file says of itself; null if it cannot be read.
    manifest: Option<ManifestItem>,
    /// Why the file cannot be read; null if it can.
    unreadable: Option<String>,
}

/// A recording that has to do with another.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RelatedItem {
    /// Its id.
    id: String,
    /// Its call.
    call: String,
    /// `same-call`; `copy` (the same, brought by another recording client); `before` (the other goes on where it ended);
    /// `after` (it goes on where the other ended); `shares-id` (some system gave both calls the same id, as for the
    /// legs of a transfer).
    relation: &'static str,
    /// Ids that both have, as this one has them.
    shared: Vec<String>,
    /// Its first instant, RFC 3339.
    started: String,
    /// One past its last instant, RFC 3339.
    ended: String,
    /// What lies between the two, where one goes on with the other or both are of one call.
    gap_ms: Option<u64>,
    /// The agent's name at the time.
    agent_name: Option<String>,
    /// The phone.
    device: Option<String>,
    /// `complete`, `complete-with-gaps`, `partial` or `failed`.
    completeness: &'static str,
}

impl RelatedItem {
    fn new(own: &RecordingRow, related: &Related) -> Self {
        let row = &related.row;
        let gap = match related.relation {
            Relation::Before => Some(own.started.since(row.ended)),
            Relation::After => Some(row.started.since(own.ended)),
            Relation::SameCall if row.ended <= own.started => Some(own.started.since(row.ended)),
            Relation::SameCall if own.ended <= row.started => Some(row.started.since(own.ended)),
            _ => None,
        };
        Self {
            id: row.id.to_string(),
            call: row.call.to_string(),
            relation: related.relation.as_str(),
            shared: related.shared.clone(),
            started: rfc3339(row.started),
            ended: rfc3339(row.ended),
            gap_ms: gap.map(|gap| u64::try_from(gap.as_millis()).unwrap_or(u64::MAX)),
            agent_name: row.agent_name.clone(),
            device: row.device.clone(),
            completeness: row.completeness.label(),
        }
    }
}

/// A sealed file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FileItem {
    /// Its path in the data folder.
    path: String,
    /// Its length.
    bytes: u64,
    /// Its SHA-256, hexadecimal.
    digest: String,
}

/// What became of the packets of a recording.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PacketCounts {
    /// Received.
    received: u64,
    /// Stored.
    stored: u64,
    /// Turned away by a blackout.
    dark: u64,
    /// Never came.
    lost: u64,
}

/// What a sealed file says of itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ManifestItem {
    /// The communication session's id, empty if none was told.
    session_id: String,
    /// Why it was stopped; null if a crash took that.
    why_stopped: Option<String>,
    /// The agents the call was tied to, by number.
    agents: Vec<u32>,
    /// What headers and metadata of the recording client said of the call.
    facts: Vec<FactItem>,
    /// Who was in the call.
    parties: Vec<CallParty>,
    /// Blackouts: silence of true length in playback.
    blackouts: Vec<TimeSpan>,
    /// Spans that were erased later: silence of true length in playback.
    redacted: Vec<RedactedItem>,
    /// The system clock while it was made; null when a crash took it.
    clock: Option<ClockItem>,
    /// The streams, in the order of their numbers.
    streams: Vec<StreamItem>,
}

/// One stream of a recording.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StreamItem {
    /// Its number.
    number: u16,
    /// Its label, if it had one.
    label: Option<String>,
    /// What its payload types mean.
    formats: Vec<FormatItem>,
    /// The SRTP suites by which it was protected on its way to the recorder, oldest first; empty for plain RTP.
    suites: Vec<String>,
    /// When the recording client had it paused.
    paused: Vec<TimeSpan>,
    /// When who had spoken into it did not any more, as on hold.
    held: Vec<TimeSpan>,
    /// What became of every packet, by the names of ref/metrics.md; null when a crash took it.
    #[schema(value_type = Option<Object>)]
    ledger: Option<Value>,
    /// Where packets never came, the first 1000: silence of true length in playback.
    gaps: Vec<GapItem>,
    /// Further ones.
    more_gaps: u64,
    /// By what it was put on the timeline.
    alignment: Option<AlignmentItem>,
}

/// What a payload type means.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FormatItem {
    /// 0 to 127.
    payload_type: u8,
    /// Encoding name.
    encoding: String,
    /// RTP clock rate.
    clock_hz: u32,
    /// Channels.
    channels: u8,
}

/// Something that is known of a call.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FactItem {
    /// What it is: `ani`, `dnis`, `direction`, `queue`, `agent_candidate`, `ucid`, `cisco_guid`, ...
    name: String,
    /// Its value, as it was sent.
    value: String,
    /// The header or metadata element it was read from.
    source: String,
    /// `stated` by the client, `configured` for the trunk, or `inferred` from other facts.
    confidence: &'static str,
}

impl FactItem {
    fn new(fact: &Fact) -> Self {
        Self {
            name: fact.name.clone(),
            value: fact.value.clone(),
            source: fact.source.clone(),
            confidence: fact.confidence.as_str(),
        }
    }
}

/// A span that was erased after the recording was sealed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RedactedItem {
    #[serde(flatten)]
    span: TimeSpan,
    /// Who approved it.
    by: String,
    /// Why.
    why: String,
    /// How many packets were erased.
    packets: u64,
}

impl RedactedItem {
    fn new(redacted: &RedactedSpan) -> Self {
        Self {
            span: TimeSpan::new(&redacted.span),
            by: redacted.who.clone(),
            why: redacted.why.clone(),
            packets: redacted.packets,
        }
    }
}

impl ManifestItem {
    fn new(manifest: &Manifest, survey: &Survey) -> Self {
        Self {
            session_id: manifest.session_id.clone(),
            why_stopped: manifest.why_stopped.clone(),
            agents: manifest.agents.iter().map(|agent| agent.0).collect(),
            facts: manifest.facts.iter().map(FactItem::new).collect(),
            parties: CallParty::all(&manifest.parties),
            blackouts: TimeSpan::all(&manifest.dark),
            redacted: manifest.redacted.iter().map(RedactedItem::new).collect(),
            clock: manifest.clock.as_ref().map(ClockItem::new),
            streams: manifest
                .streams
                .iter()
                .map(|stream| StreamItem::new(stream, manifest, survey))
                .collect(),
        }
    }
}

impl StreamItem {
    fn new(stream: &StreamManifest, manifest: &Manifest, survey: &Survey) -> Self {
        let leg = survey.legs.iter().find(|leg| leg.number == stream.number);
        let gaps = leg.map(|leg| &leg.gaps);
        let format = |format: &Format| FormatItem {
            payload_type: format.payload_type,
            encoding: format.encoding.clone(),
            clock_hz: format.clock_hz,
            channels: format.channels,
        };
        Self {
            number: stream.number.0,
            label: stream.label.clone(),
            formats: stream.formats.iter().map(format).collect(),
            suites: stream.suites.clone(),
            paused: TimeSpan::all(&stream.paused),
            held: TimeSpan::all(&stream.held),
            ledger: stream.ledger.as_ref().and_then(ledger_of),
            gaps: gaps.map(|gaps| GapItem::all(manifest.started, gaps)).unwrap_or_default(),
            more_gaps: gaps.map_or(0, |gaps| gaps.more),
            alignment: leg.map(AlignmentItem::new),
        }
    }
}

/// The ledger with its two instants as the rest of the API writes instants.
fn ledger_of(ledger: &rtp::Ledger) -> Option<Value> {
    let mut counts = serde_json::to_value(ledger).ok()?;
    let counts_of = counts.as_object_mut()?;
    for (ns, instant, at) in [("first_ns", "first", ledger.first_ns), ("last_ns", "last", ledger.last_ns)] {
        counts_of.remove(ns);
        counts_of.insert(instant.to_owned(), at.map(|at| rfc3339(Wall::from_ns(at))).into());
    }
    Some(counts)
}

/// One recording.
#[utoipa::path(
    get,
    path = "/v1/recordings/{id}",
    tag = "recordings",
    operation_id = "getRecording",
    params(("id" = String, Path, description = "The recording's id")),
    responses(
        (status = 200, description = "The recording", body = RecordingItem),
        (status = 400, description = "The id is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such recording, or it is still being made", body = Problem,
         content_type = "application/problem+json"),
        (status = 410, description = "It was erased: by whom, when and on what ground is said", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<RecordingItem>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let row = row(&app, &who, recording_id(&text)?).await?;
    let related = app.index.related(row.id).await?;
    let archive = super::retention::reader(&app, &row).await.ok();
    let (key, recording, surveys) = (app.reading.clone(), row.id, app.surveys.clone());
    let manifest = tokio::task::spawn_blocking(move || {
        let Some(archive) = archive else { return Ok(None) };
        let (manifest, survey) = Survey::of(&archive, &key, recording, &surveys)?;
        Ok::<_, crate::playback::SoundError>(Some(ManifestItem::new(&manifest, &survey)))
    });
    let (manifest, unreadable) = match manifest.await {
        Ok(Ok(Some(manifest))) => (Some(manifest), None),
        Ok(Ok(None)) => {
            let archive = row.care.place.as_deref().unwrap_or_default();
            (None, Some(format!("its file is in the archive {archive}, which does not give it now")))
        }
        Ok(Err(away @ crate::playback::SoundError::NotHeld(_))) => (None, Some(away.to_string())),
        Ok(Err(error)) => {
            tracing::error!(%error, recording.id = %recording, "the file of a recording cannot be read");
            (None, Some("the file cannot be read; the log and `sidetone check` say more".to_owned()))
        }
        Err(panicked) => return Err(Problem::failed("reading the recording", &panicked)),
    };
    Ok(Json(RecordingItem {
        summary: RecordingSummary::new(&row),
        annotations: row.remarks.iter().map(AnnotationItem::new).collect(),
        related: related
            .iter()
            .filter(|related| covers_row(&who, &related.row))
            .map(|related| RelatedItem::new(&row, related))
            .collect(),
        sip_call_id: row.sip_call_id,
        call_instance: row.call_instance,
        file: FileItem {
            path: row.file,
            bytes: row.file_bytes,
            digest: vault::Digest(row.digest).to_string(),
        },
        packets: PacketCounts {
            received: row.packets_received,
            stored: row.packets_stored,
            dark: row.packets_dark,
            lost: row.packets_lost,
        },
        manifest,
        unreadable,
    }))
}
