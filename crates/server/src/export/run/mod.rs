//! One export on its way: which recording is next, what is written down first, what the zip says at its end.

mod package;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use audio::Rate;
use axum::body::Bytes;
use calls::id::RecordingId;
use calls::time::Wall;
use index::{Index, RecordingRow};
use jiff::tz::TimeZone;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use vault::{Archive, Digest, ReadingKey, SigningKey};

use super::papers;
use super::progress::{Failure, Progress, Tally};
use super::work::{self, OpenError, PAUSE, SealedFile, Turned, Work};
use super::{ExportError, MAX_COMBINED_MS, Wanted, name};
use crate::aftercare::retention::Archives;
use crate::clock::Clock;
use crate::identity::{Identity, Place};
use crate::observe::alarms::Alarms;
use crate::observe::feed::Feed;
use crate::observe::health::Readiness;
use crate::observe::metrics::Metrics;
use crate::playback::{self, Channels, Ffmpeg, Shape, Sound};
use crate::trail::{Actor, Audit, Heard};

/// How often a file whose row is just being exchanged is looked at, and how long is waited between two looks.
const LOOKS: usize = 3;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// How long an export waits before it looks again whether recording needs what it would take (A9-07).
const SPARING: Duration = Duration::from_secs(1);

/// The file in a zip that says what is missing in it.
const MANIFEST: &str = "manifest.json";

/// What exports are made from.
#[derive(Clone)]
pub struct Source {
    /// The rows of recordings.
    pub index: Index,
    /// Who did what.
    pub audit: Audit,
    /// Where the files of recordings are.
    pub archives: Archives,
    /// The key that opens them.
    pub reading: ReadingKey,
    /// The key that signs packages.
    pub signing: SigningKey,
    /// What decodes what we do not.
    pub ffmpeg: Ffmpeg,
    /// The clock.
    pub clock: Clock,
    /// The zone of times in names.
    pub zone: TimeZone,
    /// Whether sound may be given out.
    pub readiness: Readiness,
    /// Whether who asked still may what they might.
    pub identity: Identity,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What happens, as it happens.
    pub feed: Feed,
    /// What somebody should see to.
    pub alarms: Alarms,
}

/// An export on its way. Dropped, it is over.
pub struct Run {
    source: Source,
    wanted: Arc<Wanted>,
    progress: Progress,
    stop: CancellationToken,
    /// Taken while a thread works with it.
    work: Option<Box<Work>>,
    stage: Stage,
    next: usize,
    /// The recording that is leaving, and its file.
    leaving: Option<Leaving>,
    /// Of an export into one file: what it is made of, in order.
    parts: Vec<Part>,
    rate: Rate,
    /// When the first of them was started.
    first: Wall,
    is_whole: bool,
    /// Of a package: everything that has left.
    hasher: Option<Sha256>,
    /// Given back when it is over.
    _place: Place,
}

enum Stage {
    Next,
    Sounding,
    /// The papers of a recording come next, and then its sealed file.
    Papers(Box<SealedFile>),
    Copying(Box<SealedFile>),
    Finishing,
    /// All of it was made; its end is still to be said.
    Made,
    Over,
}

struct Leaving {
    recording: RecordingId,
    ident: i64,
    file: String,
    heard: Heard,
    /// Of a package.
    sealed: Option<Box<SealedFile>>,
}

/// A recording that will be in the one file.
#[derive(Clone, Copy)]
struct Part {
    recording: RecordingId,
    frames: u64,
}

impl Run {
    pub(super) fn new(
        source: Source,
        wanted: Arc<Wanted>,
        progress: Progress,
        stop: CancellationToken,
        place: Place,
    ) -> Self {
        progress.note(|tally| *tally = Tally { omitted: wanted.omitted, ..Tally::default() });
        let mut work = Box::new(Work::new(wanted.form, wanted.password.clone(), source.ffmpeg.clone()));
        let hasher = wanted.package.then(|| {
            work.bundle.list();
            Sha256::new()
        });
        let work = Some(work);
        let (leaving, parts, rate) = (None, Vec::new(), Rate::default());
        let (stage, next, first, is_whole) = (Stage::Next, 0, Wall::EPOCH, false);
        Self {
            source,
            wanted,
            progress,
            stop,
            work,
            stage,
            next,
            leaving,
            parts,
            rate,
            first,
            is_whole,
            hasher,
            _place: place,
        }
    }

    /// The next bytes of the zip; `None` at its end. After an error there is nothing more.
    ///
    /// The first bytes are those of the first recording that can be made sound: an error before them is one about all of
    /// the export.
    ///
    /// # Errors
    /// [`ExportError`].
    pub async fn next(&mut self) -> Option<Result<Bytes, ExportError>> {
        loop {
            let stepped = match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Over => return None,
                _ if self.stop.is_cancelled() => Err(ExportError::Cancelled),
                // Each recording and each window of it, and the end, without which a letter is none: one is made for minutes, and
                // a mail server takes its time.
                _ if !self.source.identity.has_same_rights(&self.wanted.asker) => {
                    Err(ExportError::NotTheSame)
                }
                Stage::Next => self.open_next().await,
                Stage::Sounding => self.sound().await,
                Stage::Papers(sealed) => self.put_papers(sealed).await,
                Stage::Copying(sealed) => self.copy(sealed).await,
                Stage::Finishing => self.finish(),
                Stage::Made => return None,
            };
            if let Err(error) = stepped {
                (self.stage, self.is_whole) = (Stage::Over, false);
                return Some(Err(error));
            }
            let made = self.work.as_mut().map(|work| work.bundle.take()).unwrap_or_default();
            if !made.is_empty() {
                self.progress.note(|tally| tally.bytes += made.len() as u64);
                self.hash(&made);
                return Some(Ok(made.into()));
            }
        }
    }

    async fn open_next(&mut self) -> Result<(), ExportError> {
        while let Some(why) = self.source.readiness.spares_playback() {
            tracing::warn!(why, "an export waits, for recording needs what it would take");
            tokio::select! {
                () = self.stop.cancelled() => return Err(ExportError::Cancelled),
                () = tokio::time::sleep(SPARING) => {}
            }
        }
        if self.wanted.combined && self.next == 0 {
            self.plan().await?;
        }
        let count = if self.wanted.combined { self.parts.len() } else { self.wanted.recordings.len() };
        let place = self.next;
        self.stage = if place >= count { Stage::Finishing } else { Stage::Next };
        if place >= count {
            return Ok(());
        }
        self.next += 1;
        if self.wanted.combined { self.next_part(place).await } else { self.next_file(place).await }
    }

    /// A recording gets a file of its own.
    async fn next_file(&mut self, place: usize) -> Result<(), ExportError> {
        let recording = self.wanted.recordings[place];
        let ControlFlow::Continue((row, sound, archive)) = self.open(recording, None).await else {
            return Ok(());
        };
        let channels = self.wanted.channels.unwrap_or(Channels::fitting(sound.manifest()));
        let file = if self.wanted.package {
            papers::name(recording, "sound.wav")
        } else {
            name::of_recording(&row, &self.source.zone, self.wanted.form.extension())
        };
        let frames = sound.frames();
        let shape = Shape { channels: channels.count(), rate: sound.rate(), frames: Some(frames) };
        let heard = self.write_down(&row).await?;
        let at = name::zip_time(row.started, &self.source.zone);
        let Some(work) = &mut self.work else { return Ok(()) };
        if let Err(error) = work.begin(&file, at, shape) {
            return match error {
                ExportError::TooLong(why) => {
                    self.progress.fail(recording, row.ident, None, &why);
                    Ok(())
                }
                error => Err(error),
            };
        }
        work.put(Some(sound), (0, frames), (channels, shape.rate));
        let sealed = SealedFile { archive, recording, at, bytes: row.file_bytes, offset: 0 };
        let sealed = self.wanted.package.then(|| Box::new(sealed));
        self.leaving = Some(Leaving { recording, ident: row.ident, file, heard, sealed });
        self.stage = Stage::Sounding;
        Ok(())
    }

    /// Finds out what one file will hold: who is left, how long each is, and the highest rate among them.
    async fn plan(&mut self) -> Result<(), ExportError> {
        let mut lengths = Vec::new();
        for place in 0..self.wanted.recordings.len() {
            if self.stop.is_cancelled() {
                return Err(ExportError::Cancelled);
            }
            let recording = self.wanted.recordings[place];
            if let ControlFlow::Continue((row, sound, _)) = self.open(recording, None).await {
                self.rate = self.rate.max(sound.rate());
                let manifest = sound.manifest();
                lengths.push((row.ident, recording, manifest.stopped.since(manifest.started), row.started));
            }
        }
        lengths.sort_unstable_by_key(|(ident, ..)| *ident);
        let total: Duration = lengths.iter().map(|(_, _, length, _)| *length).sum();
        if total.as_millis() > u128::from(MAX_COMBINED_MS) {
            let hours = MAX_COMBINED_MS / 3_600_000;
            return Err(ExportError::TooLong(format!(
                "together they last longer than {hours} hours; combine fewer, or export each by itself"
            )));
        }
        self.first = lengths.first().map_or(Wall::EPOCH, |(.., started)| *started);
        let parts = lengths
            .into_iter()
            .map(|(_, recording, length, _)| Part { recording, frames: frames_in(self.rate, length) });
        self.parts = parts.collect();
        Ok(())
    }

    /// A recording comes into the one file, behind half a second of silence.
    async fn next_part(&mut self, place: usize) -> Result<(), ExportError> {
        let Part { recording, frames } = self.parts[place];
        let rate = self.rate;
        let pause = frames_in(rate, PAUSE);
        let (row, sound) = match self.open(recording, Some(rate)).await {
            ControlFlow::Continue((row, sound, _)) => (Some(row), Some(sound)),
            // It was there a moment ago, and the file's length is told already: silence takes its place.
            ControlFlow::Break(()) => (None, None),
        };
        let heard = match &row {
            Some(row) => Some((row.ident, self.write_down(row).await?)),
            None => None,
        };
        let file = self.combined_name();
        let Some(work) = &mut self.work else { return Ok(()) };
        if place == 0 {
            let pauses = pause * (self.parts.len() as u64 - 1);
            let frames = self.parts.iter().map(|part| part.frames).sum::<u64>() + pauses;
            let at = name::zip_time(self.first, &self.source.zone);
            work.begin(&file, at, Shape { channels: 1, rate, frames: Some(frames) })?;
        }
        let pause = if place == 0 { 0 } else { pause };
        work.put(sound, (pause, frames), (Channels::Mono, rate));
        self.leaving = heard.map(|(ident, heard)| Leaving { recording, ident, file, heard, sealed: None });
        self.stage = Stage::Sounding;
        Ok(())
    }

    fn combined_name(&self) -> String {
        let Self { first, parts, source, wanted, .. } = self;
        name::of_combined(*first, parts.len(), &source.zone, wanted.form.extension())
    }

    /// Opens a recording; notes why, if that cannot be.
    async fn open(
        &mut self,
        recording: RecordingId,
        rate: Option<Rate>,
    ) -> ControlFlow<(), (RecordingRow, Sound, Archive)> {
        let mut why = String::new();
        let mut ident = 0;
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            let row = match self.source.index.recording(recording).await {
                Ok(Some(row)) if playback::may_hear(&self.wanted.asker, &row) => row,
                Ok(_) => {
                    self.progress.note(|tally| tally.omitted += 1);
                    return ControlFlow::Break(());
                }
                Err(error) => {
                    tracing::error!(%error, "an export cannot ask the index");
                    why = "the index of recordings cannot be asked".to_owned();
                    break;
                }
            };
            ident = row.ident;
            let source = self.source.clone();
            let place = row.care.place.as_deref();
            let archive = match source.archives.reader(place, row.id, Digest(row.digest)).await {
                Ok(archive) => archive,
                Err(error) => {
                    tracing::error!(%error, recording.id = %recording, "an archive does not give a recording");
                    why = format!("the archive {} does not give it now", place.unwrap_or_default());
                    break;
                }
            };
            let opened = tokio::task::spawn_blocking(move || {
                let sound = work::open(&archive, &source, &row, rate);
                (row, sound, archive)
            });
            match opened.await {
                Ok((row, Ok(sound), archive)) => return ControlFlow::Continue((row, sound, archive)),
                Ok((_, Err(error), _)) => {
                    let is_another = matches!(error, OpenError::Another);
                    why = error.tell();
                    if !is_another {
                        break;
                    }
                }
                Err(panicked) => {
                    tracing::error!(%panicked, recording.id = %recording, "opening a recording failed");
                    why = "it could not be opened".to_owned();
                    break;
                }
            }
        }
        self.progress.fail(recording, ident, None, &why);
        ControlFlow::Break(())
    }

    /// Writes the listen down, durably.
    async fn write_down(&mut self, row: &RecordingRow) -> Result<Heard, ExportError> {
        let (actor, of) = (Actor::from(&self.wanted.asker), (row.id, Some(row.call)));
        let what_and_why = (self.wanted.what(), self.wanted.reason.clone());
        let heard = Heard::begin(&self.source.audit, actor, of, what_and_why).await;
        let heard = heard.map_err(|error| {
            tracing::error!(%error, "an export cannot be written down");
            ExportError::NotWrittenDown
        })?;
        self.source.metrics.listens.increment();
        Ok(heard)
    }

    /// The next window of the recording that is leaving.
    async fn sound(&mut self) -> Result<(), ExportError> {
        let Some(mut work) = self.work.take() else { return Err(broken("a thread has lost it")) };
        let ends_file = !self.wanted.combined || self.next >= self.parts.len();
        let turned = tokio::task::spawn_blocking(move || {
            let turned = work.turn()?;
            if turned.is_over && ends_file {
                work.end_file()?;
            }
            Ok((work, turned))
        });
        let (work, turned) = turned.await.map_err(|error| broken(&error.to_string()))??;
        self.work = Some(work);
        let Turned { ms, damaged, broken, is_over } = turned;
        self.stage = Stage::Sounding;
        self.progress.note(|tally| tally.sounded_ms += ms);
        if let Some(leaving) = &mut self.leaving {
            leaving.heard.more(ms);
            self.source.alarms.met_damage(&self.source.metrics, leaving.recording, damaged);
        }
        if let (Some(why), Some(leaving)) = (broken, &self.leaving) {
            self.progress.fail(leaving.recording, leaving.ident, Some(&leaving.file), &why);
        }
        if is_over {
            let sealed = self.leaving.as_mut().and_then(|leaving| leaving.sealed.take());
            match sealed {
                Some(sealed) => self.stage = Stage::Papers(sealed),
                None => self.has_left(),
            }
        }
        Ok(())
    }

    /// The recording that was leaving has left.
    fn has_left(&mut self) {
        self.stage = Stage::Next;
        if let Some(leaving) = self.leaving.take() {
            self.progress.note(|tally| tally.exported += 1);
            let (now, who) = (self.source.clock.now(), &self.wanted.asker.name);
            self.source.feed.tell_exported(now, leaving.recording, who);
        }
    }

    /// The end of the zip. What is missing in it is said in it: what may not be heard only as a count (wfo-api section 9
    /// row 23).
    fn finish(&mut self) -> Result<(), ExportError> {
        let Tally { exported, omitted, failed, failures, .. } = self.progress.tally();
        if exported == 0 {
            return Err(match failures.into_iter().next() {
                Some(Failure { why, .. }) => ExportError::Unreadable(why),
                None => ExportError::Nothing,
            });
        }
        let manifest = json!({
            "exported": exported,
            "omitted": omitted,
            "failed": failed,
            "failures": failures,
        });
        let manifest = serde_json::to_vec_pretty(&manifest).map_err(|error| broken(&error.to_string()))?;
        let at = name::zip_time(self.source.clock.now(), &self.source.zone);
        let work = self.work.as_mut().ok_or_else(|| broken("a thread has lost it"))?;
        if omitted + failed > 0 {
            work.put_file(MANIFEST, &manifest, at)?;
        }
        if self.wanted.package {
            self.finish_package()?;
        }
        self.work.as_mut().ok_or_else(|| broken("a thread has lost it"))?.finish()?;
        (self.stage, self.is_whole) = (Stage::Made, true);
        Ok(())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let metrics = &self.source.metrics;
        if self.is_whole { metrics.exports_done.increment() } else { metrics.exports_failed.increment() }
    }
}

fn broken(why: &str) -> ExportError {
    ExportError::Zip(why.to_owned())
}

/// Frames in so much time, a started one not counted, as [`Sound::frames`] counts them.
fn frames_in(rate: Rate, length: Duration) -> u64 {
    let frames = rate.frames_in(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX));
    u64::try_from(frames).unwrap_or(0)
}
