//! The way of a stopped recording: out of the media thread, through the journal, into its file, into the
//! index; and the same way again for what a crash has left half-way (design/durability.md).
//!
//! The order never changes: file and folder synced, then the row, then the journal's space, then the tracker.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use calls::agent::Agent;
use calls::archive::Retention;
use calls::call::Call;
use calls::field::{Field, Fields};
use calls::id::{CallId, RecordingId};
use calls::recording::{Recording, RecordingState};
use calls::time::{Span, Wall};
use index::{Completeness, Direction, RecordingRow};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use vault::{Sealed, Settlement, Survey, Unfinished};

use super::manifest::{Manifest, StreamManifest};
use super::{Handle, Rows, Sealing};
use crate::clock::Clock;
use crate::desk;
use crate::media::{self, Finished, Instruction};
use crate::observe::alarms::{About, Alarms, Kind as Wrong};
use crate::observe::chronicle::{Chronicles, Entry, Kind};
use crate::observe::metrics::Metrics;

/// How long to wait before something that failed is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// What manifests say of the program.
const PROGRAM: &str = concat!("sidetone ", env!("CARGO_PKG_VERSION"));

/// The pauses between two tries of a seal grow up to this. A stop of the recorder does not wait for it; the next
/// start goes on.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Brings stopped recordings home. Cheap to clone.
#[derive(Clone)]
pub struct Finisher {
    /// The clock.
    pub clock: Clock,
    /// The desk, which knows what the recording is of.
    pub desk: desk::Handle,
    /// The media threads, which know its ledgers.
    pub media: media::Handle,
    /// The journal.
    pub journal: Handle,
    /// The sealer.
    pub sealing: Sealing,
    /// The index.
    pub rows: Arc<dyn Rows>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What somebody should see to.
    pub alarms: Alarms,
    /// What happened to each call.
    pub chronicles: Chronicles,
    /// What an earlier run has left in the journal.
    pub left: Arc<Mutex<HashMap<RecordingId, Settlement>>>,
    /// The trunks whose senders report by one clock.
    pub one_clock: Arc<HashSet<String>>,
}

impl Finisher {
    /// Has the media thread end a recording, and then seals it. The order to the thread is given before this
    /// returns; the rest is the future.
    pub fn stop(self, call: CallId, recording: RecordingId) -> impl Future<Output = ()> + Send + 'static {
        self.alarms.call_is_over(call);
        let (done, finished) = oneshot::channel();
        self.media.tell(call, Instruction::Stop { call, recording, done });
        async move {
            let finished = finished.await.unwrap_or_default();
            self.finish(call, recording, finished).await;
        }
    }

    async fn finish(&self, call: CallId, recording: RecordingId, finished: Finished) {
        if let Some(from) = finished.reach {
            // It may have been stopped before that became known.
            let _ = self.desk.reached(recording, from).await;
        }
        // Once: sealing may be tried again.
        self.tell_media(call, recording, &finished);
        let mut pause = RETRY_AFTER;
        while let Err(error) = self.try_seal(call, recording, &finished).await {
            self.metrics.sealed_failed.increment();
            self.alarms.raise(Wrong::NotSealed, About::Recording(recording), error);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.metrics.sealed_good.increment();
        self.alarms.clear(Wrong::NotSealed, &About::Recording(recording));
        if self.desk.sealed(recording, true).await.is_err() {
            tracing::warn!(recording.id = %recording, "sealed while the recorder stops; the next start finds it so");
        }
        let known = self.desk.call(call).await.ok().flatten();
        let is_whole = |call: &Call| {
            !call.is_live()
                && call.has_media()
                && call.recordings.iter().all(|recording| recording.state == RecordingState::Sealed)
        };
        if known.as_ref().is_some_and(is_whole) {
            // It stands in the sealed files now.
            self.chronicles.forget(call);
        }
    }

    async fn try_seal(
        &self,
        call: CallId,
        recording: RecordingId,
        finished: &Finished,
    ) -> Result<(), String> {
        let left = self.left.lock().get(&recording).cloned();
        let settlement = match left {
            Some(settlement) => settlement,
            None => self.journal.take_unsettled(recording).await.ok_or("the journal's thread is gone")?,
        };
        let (settlement, survey) = self.sealing.survey(settlement).await?;
        let call = self.desk.call(call).await.map_err(|error| error.to_string())?;
        let call = call.ok_or("the tracker does not know its call")?;
        let known = call.recordings.iter().find(|known| known.id == recording);
        let known = known.ok_or("the tracker does not know it")?;
        let first = survey.streams.iter().map(|tally| tally.first_arrival).min();
        let last = survey.streams.iter().map(|tally| tally.last_arrival).max();
        let known = &as_far_as_it_came(known, first);
        let mut manifest = manifest_of(&call, known, finished, last);
        let chronicle = self.chronicles.of(call.id).unwrap_or_default();
        manifest.snapshots.clone_from(&call.snapshots);
        (manifest.chronicle, manifest.chronicle_dropped) = (chronicle.entries, chronicle.dropped);
        manifest.one_clock = call.trunk.as_ref().is_some_and(|trunk| self.one_clock.contains(trunk));
        let sealed = self.seal(settlement, &manifest).await?;
        let agent = self.agent_of(&call).await;
        self.put_row(&row_of(&manifest, Some(&call), agent.as_ref(), &sealed)).await;
        self.journal.settled(sealed.receipt);
        self.left.lock().remove(&recording);
        self.catch_up(recording).await;
        Ok(())
    }

    /// Tells what came of each stream.
    fn tell_media(&self, call: CallId, recording: RecordingId, finished: &Finished) {
        for stream in &finished.streams {
            let rtp::Ledger { received, stored, dark, paused, lost, duplicate, late, refused, .. } =
                &stream.ledger;
            let what = format!(
                "recording {recording}, stream {}: {received} datagrams came, {stored} stored, {dark} in blackouts, \
                 {paused} paused, {duplicate} doubled, {late} late, {} refused; {lost} never came",
                stream.number.0,
                refused.total(),
            );
            self.chronicles.call(call, Entry::new(self.clock.now(), Kind::Media, what));
        }
    }

    /// Finishes what an earlier run has left of a recording that the tracker has done with, or never heard of.
    pub async fn adopt(self, unfinished: Unfinished) {
        let about = About::Recording(unfinished.recording);
        let mut pause = RETRY_AFTER;
        while let Err(error) = self.try_adopt(&unfinished).await {
            self.alarms.raise(Wrong::NotSealed, about.clone(), error);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.alarms.clear(Wrong::NotSealed, &about);
    }

    async fn try_adopt(&self, unfinished: &Unfinished) -> Result<(), String> {
        let (settlement, survey) = self.sealing.survey(unfinished.settlement.clone()).await?;
        let manifest = orphan(unfinished.recording, &survey);
        let sealed = self.seal(settlement, &manifest).await?;
        let has_row = self.rows.find(unfinished.recording).await.map_err(|error| error.to_string())?;
        if has_row.is_none() {
            self.put_row(&row_of(&manifest, None, None, &sealed)).await;
        }
        self.journal.settled(sealed.receipt);
        Ok(())
    }

    /// Makes the file final. Frames that were written and are not there any more are an alarm each time.
    async fn seal(&self, settlement: Settlement, manifest: &Manifest) -> Result<Sealed, String> {
        let bytes = serde_json::to_vec(manifest).map_err(|error| error.to_string())?;
        let sealed = self.sealing.seal(settlement, bytes).await?;
        let lost = sealed.missing_frames + sealed.receipt.lost_frames();
        if lost > 0 {
            self.metrics.frames_damaged.add(lost);
            let about = About::Recording(sealed.recording);
            self.alarms.raise(Wrong::Storage, about, format!("{lost} frames of it are lost on the disk"));
        }
        Ok(sealed)
    }

    /// The index may be away; the file is not, and the journal keeps its frames until the row is there.
    async fn put_row(&self, row: &RecordingRow) {
        while let Err(error) = self.rows.put(row.clone()).await {
            self.metrics.index_failures.increment();
            self.alarms.raise(Wrong::IndexFailing, About::Part("index".to_owned()), error.to_string());
            tokio::time::sleep(RETRY_AFTER).await;
        }
        self.alarms.clear(Wrong::IndexFailing, &About::Part("index".to_owned()));
    }

    /// Writes fields into the row of a stopped recording. A row that is not there yet will have them.
    ///
    /// Several of these may be under way and end in any order: each looks again afterwards and does not leave
    /// before the row says what the tracker says.
    pub async fn annotate(&self, recording: RecordingId, mut fields: Fields) {
        loop {
            while !self.write_fields(recording, &fields).await {
                tokio::time::sleep(RETRY_AFTER).await;
            }
            let Ok(Some(tagged)) = self.tagged(recording).await else { return };
            let now: Fields = tagged.into_iter().filter(|(field, _)| fields.contains_key(field)).collect();
            if now == fields {
                return;
            }
            fields = now;
        }
    }

    /// Writes what the row of a sealed recording lacks of its call's fields: they may have been written between
    /// the making of the row and its coming into the index, or a crash may have come between the fact and the row.
    pub async fn catch_up(&self, recording: RecordingId) {
        let Ok(Some(tagged)) = self.tagged(recording).await else { return };
        let Ok(Some(row)) = self.rows.find(recording).await else { return };
        let said = |field: &Field| row.fields.get(&field.to_string());
        let lacking: Fields =
            tagged.into_iter().filter(|(field, value)| said(field) != Some(value)).collect();
        if !lacking.is_empty() {
            self.annotate(recording, lacking).await;
        }
    }

    /// Whether it is done, or never can be.
    async fn write_fields(&self, recording: RecordingId, fields: &Fields) -> bool {
        let fields: Vec<(String, String)> =
            fields.iter().map(|(field, value)| (field.to_string(), value.clone())).collect();
        match self.rows.annotate(recording, fields, self.clock.now()).await {
            Ok(()) | Err(index::AnnotateError::Unknown(_)) => true,
            Err(index::AnnotateError::Database(error)) => {
                tracing::warn!(%error, recording.id = %recording, "fields did not reach the index yet");
                false
            }
            Err(error) => {
                tracing::error!(%error, recording.id = %recording, "fields did not reach the index");
                true
            }
        }
    }

    /// The fields that commands have written into a recording's call, while the tracker knows it.
    async fn tagged(&self, recording: RecordingId) -> Result<Option<Fields>, desk::AskError> {
        let look = move |tracker: &calls::tracker::Tracker| {
            let mut calls = tracker.state().calls.values();
            let call = calls.find(|call| call.recordings.iter().any(|known| known.id == recording));
            call.map(|call| call.tagged.clone())
        };
        self.desk.look(look).await
    }

    async fn agent_of(&self, call: &Call) -> Option<Agent> {
        let [agent] = call.agents[..] else { return None };
        self.desk.look(move |tracker| tracker.state().agents.get(&agent).cloned()).await.ok().flatten()
    }
}

/// What can be said `now` of a recording that is still made, for whoever listens to it: it ends now. Ledgers, documents
/// and the chronicle are not in it.
pub fn manifest_so_far(call: &Call, recording: &Recording, now: Wall) -> Manifest {
    let so_far = Recording { stopped: Some(recording.stopped.unwrap_or(now)), ..recording.clone() };
    manifest_of(call, &so_far, &Finished::default(), None)
}

/// A recording that a crash has cut while its beginning was on its way from memory to the disk begins with what is there.
fn as_far_as_it_came(known: &Recording, first: Option<Wall>) -> Recording {
    let mut recording = known.clone();
    if recording.reaching.take().is_some() {
        let told = recording.stopped.unwrap_or(recording.started);
        recording.started = first.unwrap_or(told).max(recording.started);
        recording.why.push_str("; the recorder was started anew while its beginning was brought to the disk");
    }
    recording
}

fn manifest_of(call: &Call, recording: &Recording, finished: &Finished, last: Option<Wall>) -> Manifest {
    // The media thread of a recording that was cut by a crash is gone, and its ledgers with it.
    let interrupted = finished.streams.is_empty() && call.has_media() && last.is_some();
    let told = recording.stopped.unwrap_or(recording.started);
    // One that was cut in the dark ends where the dark began, at least: that is known, and is kept as a span.
    let dark_since = recording.dark.last().map(|span| span.from);
    let stopped = if interrupted { last.max(dark_since).unwrap_or(told).min(told) } else { told };
    let clip = |spans: &[Span]| -> Vec<Span> {
        let inside = spans.iter().filter(|span| span.from <= stopped);
        inside
            .filter(|span| span.until.is_none_or(|until| until > recording.started))
            .map(|span| Span { from: span.from, until: Some(span.until.unwrap_or(stopped).min(stopped)) })
            .collect()
    };
    let finished_of = |number| finished.streams.iter().find(|stream| stream.number == number);
    Manifest {
        recording: recording.id,
        call: call.id,
        call_instance: call.instance.clone(),
        sip_call_id: call.sip_call_id.clone(),
        session_id: call.session_id.clone(),
        brought_by: call.brought_by.clone(),
        program: PROGRAM.to_owned(),
        link: call.link,
        agents: call.agents.clone(),
        device: call.device.as_ref().map(ToString::to_string),
        started: recording.started,
        stopped,
        interrupted,
        why: recording.why.clone(),
        why_stopped: recording.why_stopped.clone(),
        retention: recording.retention.clone(),
        fields: call.fields(),
        facts: call.facts.clone(),
        parties: call.parties.clone(),
        snapshots: Vec::new(),
        dark: clip(&recording.dark),
        redacted: Vec::new(),
        chronicle: Vec::new(),
        chronicle_dropped: 0,
        one_clock: false,
        clock: finished.clock.clone(),
        streams: call
            .streams
            .iter()
            .map(|stream| StreamManifest {
                number: stream.number,
                label: stream.label.clone(),
                formats: stream.formats.clone(),
                suites: stream.suites.clone(),
                paused: clip(&stream.paused),
                held: clip(&stream.held),
                ledger: finished_of(stream.number).map(|stream| stream.ledger.clone()),
                sender_clocks: finished_of(stream.number)
                    .map(|stream| stream.sender_clocks.clone())
                    .unwrap_or_default(),
            })
            .collect(),
    }
}

/// What can be said of a recording whose call nobody knows: its packets are all there is.
fn orphan(recording: RecordingId, survey: &Survey) -> Manifest {
    let first = survey.streams.iter().map(|tally| tally.first_arrival).min().unwrap_or(Wall::EPOCH);
    let last = survey.streams.iter().map(|tally| tally.last_arrival).max().unwrap_or(first);
    Manifest {
        recording,
        call: CallId::from_bytes(*recording.as_bytes()),
        call_instance: String::new(),
        sip_call_id: None,
        session_id: String::new(),
        brought_by: None,
        program: PROGRAM.to_owned(),
        link: None,
        agents: Vec::new(),
        device: None,
        started: first,
        stopped: last,
        interrupted: true,
        why: "kept: found in the journal without its call".to_owned(),
        why_stopped: None,
        retention: Retention::default(),
        fields: Fields::new(),
        facts: Vec::new(),
        parties: Vec::new(),
        snapshots: Vec::new(),
        dark: Vec::new(),
        redacted: Vec::new(),
        chronicle: Vec::new(),
        chronicle_dropped: 0,
        one_clock: false,
        clock: None,
        streams: survey
            .streams
            .iter()
            .map(|tally| StreamManifest {
                number: tally.stream,
                label: None,
                formats: Vec::new(),
                suites: Vec::new(),
                paused: Vec::new(),
                held: Vec::new(),
                ledger: None,
                sender_clocks: Vec::new(),
            })
            .collect(),
    }
}

fn row_of(manifest: &Manifest, call: Option<&Call>, agent: Option<&Agent>, sealed: &Sealed) -> RecordingRow {
    let fields = call.map(Call::fields).unwrap_or_default();
    let field = |field| fields.get(&field).filter(|value| !value.is_empty()).cloned();
    let ledgers = || manifest.streams.iter().filter_map(|stream| stream.ledger.as_ref());
    let sum = |of: fn(&rtp::Ledger) -> u64| ledgers().map(of).sum::<u64>();
    let stored: u64 = sealed.streams.iter().map(|tally| tally.packets).sum();
    let dark = manifest.dark.iter().filter_map(|span| span.until.map(|until| until.since(span.from)));
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    RecordingRow {
        id: manifest.recording,
        call: manifest.call,
        ident: 0,
        sip_call_id: manifest.sip_call_id.clone(),
        call_instance: Some(manifest.call_instance.clone()),
        agent: manifest.agents.first().copied(),
        agent_name: agent.map(|agent| agent.name.clone()).filter(|name| !name.is_empty()),
        device: manifest.device.clone(),
        direction: field(Field::Direction).as_deref().and_then(Direction::from_letter),
        ani: field(Field::Ani),
        dnis: field(Field::Dnis),
        business_unit: match call {
            Some(call) => call.business_unit_with(agent),
            None => agent.map_or(0, |agent| agent.business_unit),
        },
        started: manifest.started,
        ended: manifest.stopped,
        duration_ms: millis(manifest.stopped.since(manifest.started)),
        file: sealed.path.to_string_lossy().into_owned(),
        file_bytes: sealed.bytes,
        digest: sealed.digest.0,
        streams: i64::try_from(manifest.streams.len()).unwrap_or(i64::MAX),
        completeness: completeness(manifest, sealed, call.is_some_and(Call::lacks_an_end)),
        interrupted: manifest.interrupted,
        blackout_ms: millis(dark.sum()),
        packets_received: sum(|ledger| ledger.received).max(stored),
        packets_stored: stored,
        packets_dark: sum(|ledger| ledger.dark),
        packets_lost: sum(|ledger| ledger.lost + ledger.dropped),
        fields: fields.iter().map(|(field, value)| (field.to_string(), value.clone())).collect(),
        parties: manifest
            .parties
            .iter()
            .map(|party| index::Party {
                name: Some(party.name.clone()).filter(|name| !name.is_empty()),
                address: party.address.clone(),
                stream: party.sends.first().map(|number| number.0),
            })
            .collect(),
        known_as: manifest.facts.iter().filter(|fact| fact.is_id).map(|fact| fact.value.clone()).collect(),
        why: manifest.why.clone(),
        schedule: manifest.retention.schedule.as_ref().map(|schedule| schedule.name.clone()),
        keep_days: manifest.retention.keep_days.map(i64::from),
        archive_action: i64::from(manifest.retention.archive_action.0),
        overridden: manifest.retention.overridden,
        inherited: index::Inherited {
            keep_days: manifest.retention.inherited.keep_days.map(i64::from),
            archive_action: i64::from(manifest.retention.inherited.archive_action.0),
        },
        link: manifest.link,
        doubled: false,
        copies: 0,
        remarks: Vec::new(),
        care: index::Care::default(),
    }
}

/// The label of B10-04, by rule.
fn completeness(manifest: &Manifest, sealed: &Sealed, lacks_an_end: bool) -> Completeness {
    let packets =
        |number| sealed.streams.iter().find(|tally| tally.stream == number).map_or(0, |t| t.packets);
    let silent = |stream: &&StreamManifest| {
        // A stream that was dark or paused all the time is not missing.
        let meant = stream.ledger.as_ref().is_some_and(|ledger| ledger.dark + ledger.paused > 0);
        packets(stream.number) == 0 && !meant
    };
    let missing = manifest.streams.iter().filter(silent).count();
    let lost = manifest.streams.iter().filter_map(|stream| stream.ledger.as_ref());
    if missing == manifest.streams.len() {
        Completeness::Failed
    } else if missing > 0
        || lacks_an_end
        || manifest.interrupted
        || sealed.missing_frames + sealed.receipt.lost_frames() > 0
    {
        Completeness::Partial
    } else if lost.map(|ledger| ledger.lost + ledger.dropped).sum::<u64>() > 0 {
        Completeness::CompleteWithGaps
    } else {
        Completeness::Complete
    }
}
