//! Writes the journal: append, commit, and forgetting what is settled.
//!
//! One thread owns the writer. What it appends is in the page cache at once (a killed process loses none of it)
//! and durable after [`JournalWriter::commit`]. Until then it is also held here: when the disk refuses, the segment
//! is given up and everything not yet durable is written again to a new one. A failed sync is never asked again
//! (E2-09).

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use calls::id::RecordingId;
use zeroize::Zeroizing;

use super::layout::{MAX_OPAQUE_BYTES, segment_path};
use super::refusal::{Unappended, WriteError};
use super::segment::OpenSegment;
use super::settlement::{Receipt, Settlement};
use crate::batch::FrameBatch;
use crate::disk::{Attempt, Disk, DiskError, LockGuard, failed};
use crate::frame::Kind;
use crate::keys::RecorderKeys;

/// Bytes that may wait for a commit: ten seconds of 500 two-leg G.711 calls, twice (E2-08).
pub const MAX_QUEUED_BYTES: usize = 192 << 20;

/// A recording with this many bytes in the journal is due for settling.
const SETTLE_BYTES: u64 = 1 << 20;

/// A recording with this many runs of frames in the journal is due for settling: 12 KiB of memory, and
/// 50 s of a call whose legs are handed over together ten times a second.
const SETTLE_RUNS: usize = 512;

/// A recording with frames in a segment so many before the newest is due for settling. Settling costs a sync for
/// each recording, so that small pieces cost many times what they hold; and what has not been settled when a
/// recorder is killed is read again at its next start, so that it must not be much either.
const SETTLE_SEGMENTS: u64 = 8;

/// Recordings named by one [`JournalWriter::settle_due`], so that settling never comes in a flood.
const SETTLE_AT_ONCE: usize = 64;

/// Empty batches kept for reuse.
const SPARE_BATCHES: usize = 16;

/// What a commit made durable, and what is to be done next.
#[derive(Debug)]
pub struct Committed {
    /// The last event or checkpoint that is durable; 0 if there never was one.
    pub through_seq: u64,
    /// A segment was filled since the last checkpoint: append one, so that old segments can go.
    pub checkpoint_due: bool,
    /// All is durable, but a segment was given up on the way, or a new one could not be begun: alarm.
    pub trouble: Option<DiskError>,
}

/// What was freed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Freed {
    /// Segments removed.
    pub segments: u64,
}

/// Something appended that is not durable yet. `begin` is where the current segment has it, if it has.
enum Queued {
    Batch { batch: FrameBatch, begin: Option<u64> },
    Opaque { kind: Kind, seq: u64, plain: Zeroizing<Vec<u8>>, written: bool },
}

/// What the journal still holds of a live recording.
struct Live {
    settlement: Settlement,
    bytes: u64,
    last_number: u32,
}

/// What recovery found, from which writing goes on.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// Bytes of frames not yet settled, by segment; every segment on disk is named.
    pub(crate) segments: BTreeMap<u64, u64>,
    pub(crate) checkpoint_segment: Option<u64>,
    pub(crate) last_seq: u64,
    pub(crate) last_segment: u64,
    pub(crate) run: [u8; 8],
}

/// The journal's only writer.
pub struct JournalWriter {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    keys: RecorderKeys,
    segment_bytes: u64,
    current: Option<OpenSegment>,
    next_segment: u64,
    /// The last segment whose name is durable.
    last_begun: u64,
    past: Past,
    durable_seq: u64,
    queue: Vec<Queued>,
    queued_bytes: usize,
    live: HashMap<RecordingId, Live>,
    spare: Vec<FrameBatch>,
    /// Segments before this one are on their way out, and are overwritten before they go.
    anew: u64,
    _lock: Arc<LockGuard>,
}

impl JournalWriter {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        folder: PathBuf,
        keys: RecorderKeys,
        segment_bytes: u64,
        (past, lock): (Past, Arc<LockGuard>),
    ) -> Self {
        Self {
            disk,
            folder,
            keys,
            segment_bytes,
            current: None,
            next_segment: past.last_segment + 1,
            last_begun: past.segments.keys().next_back().copied().unwrap_or(0),
            durable_seq: past.last_seq,
            past,
            queue: Vec::new(),
            queued_bytes: 0,
            live: HashMap::new(),
            spare: Vec::new(),
            anew: 0,
            _lock: lock,
        }
    }

    /// Takes a batch of frames and hands it to the page cache. If the disk refuses, the batch waits here and
    /// [`Self::commit`] tells.
    ///
    /// # Errors
    /// [`WriteError::Full`] or [`WriteError::OutOfOrder`], with the batch: count its packets as lost, and tell the
    /// writers of its recordings (`RecordingWriter::batch_lost`).
    pub fn append(&mut self, batch: FrameBatch) -> Result<(), Unappended> {
        if self.queued_bytes + batch.bytes.len() > MAX_QUEUED_BYTES {
            return Err(Unappended { batch, cause: WriteError::Full });
        }
        if let Err(cause) = self.in_order(&batch) {
            return Err(Unappended { batch, cause });
        }
        for head in &batch.heads {
            let live = self.live.entry(head.recording).or_insert_with(|| Live {
                settlement: Settlement::new(head.recording),
                bytes: 0,
                last_number: head.number,
            });
            live.last_number = head.number;
        }
        self.queued_bytes += batch.bytes.len();
        self.queue.push(Queued::Batch { batch, begin: None });
        self.write_through();
        Ok(())
    }

    fn in_order(&self, batch: &FrameBatch) -> Result<(), WriteError> {
        let mut before: Option<(RecordingId, u32)> = None;
        for head in &batch.heads {
            let last = match before {
                Some((recording, number)) if recording == head.recording => Some(number),
                _ => self.live.get(&head.recording).map(|live| live.last_number),
            };
            if let Some(last) = last.filter(|last| head.number <= *last) {
                let (recording, number) = (head.recording, head.number);
                return Err(WriteError::OutOfOrder { recording, number, last });
            }
            before = Some((head.recording, head.number));
        }
        Ok(())
    }

    /// Takes an event; returns its number. Acknowledge nothing before the commit that covers it.
    ///
    /// # Errors
    /// [`WriteError::Full`] or [`WriteError::TooLong`]; it was not taken.
    pub fn append_event(&mut self, event: &[u8]) -> Result<u64, WriteError> {
        self.append_opaque(Kind::Event, event)
    }

    /// Takes the state that all events appended so far led to; returns its number. Once it is durable, segments
    /// with nothing but older events can go.
    ///
    /// # Errors
    /// As [`Self::append_event`].
    pub fn append_checkpoint(&mut self, state: &[u8]) -> Result<u64, WriteError> {
        self.append_opaque(Kind::Checkpoint, state)
    }

    fn append_opaque(&mut self, kind: Kind, plain: &[u8]) -> Result<u64, WriteError> {
        let bytes = plain.len();
        if bytes > MAX_OPAQUE_BYTES {
            return Err(WriteError::TooLong { bytes });
        }
        if self.queued_bytes + bytes > MAX_QUEUED_BYTES {
            return Err(WriteError::Full);
        }
        self.past.last_seq += 1;
        let seq = self.past.last_seq;
        self.queued_bytes += bytes;
        let plain = Zeroizing::new(plain.to_vec());
        self.queue.push(Queued::Opaque { kind, seq, plain, written: false });
        self.write_through();
        Ok(seq)
    }

    /// Makes everything appended so far durable, with one sync.
    ///
    /// # Errors
    /// [`WriteError::Disk`] when a second segment failed too: nothing appended since the last success counts as
    /// durable, all of it is kept, and the next commit tries again with a new segment.
    pub fn commit(&mut self) -> Result<Committed, WriteError> {
        let mut trouble = None;
        if !self.queue.is_empty() {
            if let Err(first) = self.write_and_sync() {
                // Given up: what it was to hold since its last sync goes to a new segment.
                self.abandon();
                self.write_and_sync().inspect_err(|_| self.abandon())?;
                trouble = Some(first);
            }
            let fresh_checkpoint = self.everything_is_durable();
            if fresh_checkpoint && let Err(error) = self.free() {
                trouble.get_or_insert(error);
            }
        }
        if self.current.as_ref().is_some_and(|segment| segment.len() >= self.segment_bytes) {
            self.current = None;
            if let Err(error) = self.begin_segment() {
                trouble.get_or_insert(error);
            }
        }
        let in_current = |segment| self.current.as_ref().is_some_and(|current| current.number == segment);
        let checkpoint_due =
            self.past.segments.len() > 1 && !self.past.checkpoint_segment.is_some_and(in_current);
        Ok(Committed { through_seq: self.durable_seq, checkpoint_due, trouble })
    }

    /// Whether something that was appended is in this process only, for want of a segment: a kill would cost it. A commit
    /// begins one.
    pub fn holds_back(&self) -> bool {
        self.current.is_none() && !self.queue.is_empty()
    }

    /// A cleared batch that was committed before, or a new one.
    pub fn spare_batch(&mut self) -> FrameBatch {
        self.spare.pop().unwrap_or_default()
    }

    /// The frames of a recording that are durable here and not yet handed out for settling. Hand them to the
    /// sealer, and its receipt to [`Self::settled`]; if it fails for good, [`Self::give_back`].
    pub fn take_unsettled(&mut self, recording: RecordingId) -> Settlement {
        match self.live.get_mut(&recording) {
            Some(live) => {
                live.bytes = 0;
                std::mem::replace(&mut live.settlement, Settlement::new(recording))
            }
            None => Settlement::new(recording),
        }
    }

    /// What [`Self::take_unsettled`] would give; it stays here. For a [`crate::Follower`].
    pub fn unsettled(&self, recording: RecordingId) -> Settlement {
        let live = self.live.get(&recording);
        live.map_or_else(|| Settlement::new(recording), |live| live.settlement.clone())
    }

    /// Takes a settlement back that was not carried out.
    pub fn give_back(&mut self, mut settlement: Settlement) {
        let recording = settlement.recording;
        let live = self.live.entry(recording).or_insert_with(|| Live {
            settlement: Settlement::new(recording),
            bytes: 0,
            last_number: 0,
        });
        live.bytes += settlement.bytes();
        settlement.runs.append(&mut live.settlement.runs);
        live.settlement = settlement;
    }

    /// Recordings that should be settled now, because they hold much of the journal or an old segment of it; at
    /// most a few at a time. Ask about once a second.
    pub fn settle_due(&self) -> Vec<RecordingId> {
        let newest = self.current.as_ref().map_or(u64::MAX, |segment| segment.number);
        let due = |live: &Live| {
            let runs = &live.settlement.runs;
            live.bytes >= SETTLE_BYTES
                || runs.len() >= SETTLE_RUNS
                || runs.first().is_some_and(|run| {
                    run.segment < self.anew || run.segment.saturating_add(SETTLE_SEGMENTS) <= newest
                })
        };
        let due = self.live.iter().filter(|(_, live)| due(live)).map(|(recording, _)| *recording);
        due.take(SETTLE_AT_ONCE).collect()
    }

    /// Has every segment there is now removed as soon as what it holds is settled, and overwritten before: what they hold of
    /// recordings that are sealed is to be gone for good, keys included (C2-12). Recordings that live in them are due for
    /// settling from now on. What comes goes to a new segment.
    ///
    /// Append a checkpoint next and commit it; then, when the recordings that are due were settled,
    /// [`Self::is_anew`] says so.
    pub fn begin_anew(&mut self) {
        self.abandon();
        self.anew = self.next_segment;
    }

    /// Whether all segments there were at the last [`Self::begin_anew`] are gone.
    pub fn is_anew(&self) -> bool {
        self.past.segments.keys().next().is_none_or(|oldest| *oldest >= self.anew)
    }

    /// Forgets frames that are durable elsewhere, and removes segments nobody needs any more. For a sealed
    /// recording, call it after the index row is written.
    ///
    /// # Errors
    /// [`WriteError::Disk`] if a segment could not be removed; that is tried again the next time.
    pub fn settled(&mut self, receipt: Receipt) -> Result<Freed, WriteError> {
        for (segment, bytes) in &receipt.segments {
            if let Some(unsettled) = self.past.segments.get_mut(segment) {
                *unsettled = unsettled.saturating_sub(*bytes);
            }
        }
        if receipt.sealed {
            self.live.remove(&receipt.recording);
        }
        Ok(self.free()?)
    }

    /// Ends the journal in order: a checkpoint in a new segment, and every older segment gone that no unsettled
    /// frame holds. After all recordings are sealed the journal then holds no media.
    ///
    /// # Errors
    /// As [`Self::append_checkpoint`] and [`Self::commit`].
    pub fn close(mut self, state: &[u8]) -> Result<Freed, WriteError> {
        self.commit()?;
        self.current = None;
        let before = self.past.segments.len();
        self.append_checkpoint(state)?;
        if let Some(trouble) = self.commit()?.trouble {
            return Err(trouble.into());
        }
        Ok(Freed { segments: (before + 1).saturating_sub(self.past.segments.len()) as u64 })
    }

    /// Writes what waits, as far as the disk lets us; [`Self::commit`] tells of errors.
    fn write_through(&mut self) {
        if self.current.is_some() && self.write_queue().is_err() {
            self.abandon();
        }
    }

    fn write_and_sync(&mut self) -> Result<(), DiskError> {
        if self.current.is_none() {
            self.begin_segment()?;
        }
        self.write_queue()?;
        self.current.as_mut().map_or(Ok(()), OpenSegment::sync)
    }

    fn begin_segment(&mut self) -> Result<(), DiskError> {
        let number = self.next_segment;
        self.next_segment += 1;
        let place = (number, self.last_begun, self.past.run);
        let segment = OpenSegment::begin(&*self.disk, &self.folder, &self.keys, place)?;
        self.last_begun = number;
        self.past.segments.insert(number, 0);
        self.current = Some(segment);
        Ok(())
    }

    fn write_queue(&mut self) -> Result<(), DiskError> {
        let Some(segment) = &mut self.current else { return Ok(()) };
        // What is written stands at the front.
        let written = self.queue.iter().rposition(|queued| match queued {
            Queued::Batch { begin, .. } => begin.is_some(),
            Queued::Opaque { written, .. } => *written,
        });
        for queued in &mut self.queue[written.map_or(0, |last| last + 1)..] {
            match queued {
                Queued::Batch { batch, begin } => *begin = Some(segment.append_batch(batch)?),
                Queued::Opaque { kind, seq, plain, written } => {
                    segment.append_opaque(*kind, *seq, plain)?;
                    *written = true;
                }
            }
        }
        Ok(())
    }

    /// Gives the segment up: it keeps what it has, nothing more goes there, and what was not durable in it is as
    /// good as unwritten.
    fn abandon(&mut self) {
        self.current = None;
        for queued in &mut self.queue {
            match queued {
                Queued::Batch { begin, .. } => *begin = None,
                Queued::Opaque { written, .. } => *written = false,
            }
        }
    }

    /// Notes where everything is, after a sync. Whether a checkpoint became durable.
    fn everything_is_durable(&mut self) -> bool {
        let Some(segment) = self.current.as_ref().map(|segment| segment.number) else { return false };
        let mut checkpoint = false;
        for queued in self.queue.drain(..) {
            match queued {
                Queued::Batch { mut batch, begin } => {
                    let begin = begin.expect("a synced queue is a written queue");
                    for head in &batch.heads {
                        let len = head.len as u64;
                        if let Some(live) = self.live.get_mut(&head.recording) {
                            live.settlement.push(segment, begin + head.offset as u64, len);
                            live.bytes += len;
                            *self.past.segments.entry(segment).or_default() += len;
                        }
                    }
                    let worth_keeping = batch.is_filled();
                    batch.clear();
                    if worth_keeping && self.spare.len() < SPARE_BATCHES {
                        self.spare.push(batch);
                    }
                }
                Queued::Opaque { kind, seq, .. } => {
                    self.durable_seq = seq;
                    if kind == Kind::Checkpoint {
                        self.past.checkpoint_segment = Some(segment);
                        checkpoint = true;
                    }
                }
            }
        }
        self.queued_bytes = 0;
        checkpoint
    }

    fn wipe(&self, path: &Path) -> Result<(), DiskError> {
        match self.disk.wipe(path, std::slice::from_ref(&(0..u64::MAX))).map_err(failed(Attempt::Wipe, path))
        {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes segments, oldest first, as long as no unsettled frame is in them and the last durable checkpoint is
    /// in a later one.
    fn free(&mut self) -> Result<Freed, DiskError> {
        let mut freed = Freed::default();
        while let Some((&number, &unsettled)) = self.past.segments.first_key_value() {
            let current = self.current.as_ref().is_some_and(|segment| segment.number == number);
            let covered = self.past.checkpoint_segment.is_some_and(|checkpoint| number < checkpoint);
            if current || unsettled > 0 || !covered {
                break;
            }
            let path = segment_path(&self.folder, number);
            if number < self.anew {
                self.wipe(&path)?;
            }
            match self.disk.remove(&path).map_err(failed(Attempt::Remove, &path)) {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
            self.past.segments.remove(&number);
            freed.segments += 1;
        }
        if freed.segments > 0 {
            self.disk.sync_dir(&self.folder).map_err(failed(Attempt::SyncDir, &self.folder))?;
        }
        Ok(freed)
    }
}
