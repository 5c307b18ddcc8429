//! What start-up finds in the journal, and what it makes of it.
//!
//! Belongs here: reading all segments, joining what was written twice, reporting what is damaged. Changes nothing
//! on disk, so that a crash in the middle of it is as if it had not begun. Does not: sealing what is unfinished (the
//! server decides, [`crate::seal`] does it).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use calls::id::RecordingId;

use super::layout::{
    HEAD_COPY_BYTES, SegmentHead, opaque_number, read_lane, read_opaque, segment_number, segment_path,
};
use super::reader::{OpenedSegment, SegmentReader, open};
use super::settlement::Settlement;
use super::writer::Past;
use crate::disk::{Attempt, Disk, DiskError, failed};
use crate::frame::{Frame, Kind, Scanned};
use crate::keys::{Cipher, RecorderKeys, StateKeys};
use crate::recording::layout::{KeyFrame, MANIFEST_KEY, lane_and_number};

/// Something in the journal that could not be used. Every byte of the journal is either used or reported here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Where it begins.
    pub offset: u64,
    /// How long it is; 0 if that makes no sense.
    pub bytes: u64,
    /// What it is.
    pub what: DamageKind,
}

/// Kinds of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageKind {
    /// The end of a segment is no whole frame: the recorder stopped while it was written. Expected after a crash;
    /// nothing acknowledged was there.
    TornTail,
    /// A segment without a whole head: it was being made when the recorder stopped.
    TornHead,
    /// One of the two copies of a segment's head is damaged; the other is whole, nothing is lost.
    BadHead,
    /// Bytes in the middle of a segment are no frame: something acknowledged may be lost.
    BadFrame,
    /// A frame is whole, but its contents do not open or make no sense.
    Unreadable,
    /// A frame's lane is named nowhere, so that nobody knows whose it is.
    UnknownLane,
    /// A segment is gone that should be there.
    MissingSegment,
}

/// Everything the journal holds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) past: Past,
    pub(crate) checkpoint: Option<Vec<u8>>,
    /// Its number; 0 if there is none.
    pub(crate) checkpoint_number: u64,
    pub(crate) events: Vec<(u64, Vec<u8>)>,
    pub(crate) frames: BTreeMap<RecordingId, Settlement>,
    pub(crate) damage: Vec<Damage>,
}

/// Why the journal cannot be read.
#[derive(Debug)]
pub(crate) enum RecoveryError {
    Disk(DiskError),
    /// A segment was written with another state key.
    OtherStateKey(PathBuf),
}

impl From<DiskError> for RecoveryError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

/// A frame of a recording: lane is resolved when all segments are read.
struct Placed {
    run: [u8; 8],
    lane: u32,
    number: u32,
    segment: u64,
    offset: u64,
    bytes: u64,
}

#[derive(Default)]
struct Recovery {
    found: Found,
    /// The last checkpoint: number, segment.
    checkpoint: Option<(u64, u64)>,
    events: BTreeMap<u64, Vec<u8>>,
    lanes: HashMap<([u8; 8], u32), RecordingId>,
    placed: Vec<Placed>,
    previous: Vec<u64>,
}

/// Reads the whole journal in `folder`.
pub(crate) fn recover(disk: &dyn Disk, folder: &Path, keys: &RecorderKeys) -> Result<Found, RecoveryError> {
    let names = disk.list(folder).map_err(failed(Attempt::List, folder))?;
    let numbers: BTreeSet<u64> = names.iter().filter_map(|name| segment_number(name)).collect();
    let mut recovery = Recovery::default();
    for &number in &numbers {
        recovery.found.past.segments.insert(number, 0);
        recovery.found.past.last_segment = number;
        match open(disk, folder, number)? {
            OpenedSegment::Whole(reader) => {
                let SegmentHead { state_key, salt, .. } = &reader.head;
                let Some(cipher) = keys.segment_of(*state_key, salt) else {
                    return Err(RecoveryError::OtherStateKey(reader.path));
                };
                recovery.segment(*reader, &cipher)?;
            }
            OpenedSegment::Headless { bytes } => recovery.found.damage.push(Damage {
                path: segment_path(folder, number),
                offset: 0,
                bytes,
                what: DamageKind::TornHead,
            }),
        }
    }
    Ok(recovery.finish(folder, &numbers))
}

/// The first segment in `folder` that was written with a state key that is not among these.
pub(crate) fn stranger(
    disk: &dyn Disk,
    folder: &Path,
    keys: &StateKeys,
) -> Result<Option<PathBuf>, DiskError> {
    let names = disk.list(folder).map_err(failed(Attempt::List, folder))?;
    let numbers: BTreeSet<u64> = names.iter().filter_map(|name| segment_number(name)).collect();
    for number in numbers {
        match open(disk, folder, number) {
            Ok(OpenedSegment::Whole(reader)) if !keys.fit(reader.head.state_key) => {
                return Ok(Some(reader.path));
            }
            Ok(_) => {}
            // A recorder that runs meanwhile removes what it needs no more.
            Err(error) if error.source.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

impl Recovery {
    fn segment(&mut self, mut reader: SegmentReader, cipher: &Cipher) -> Result<(), DiskError> {
        self.previous.push(reader.head.previous);
        if let Some(offset) = reader.bad_copy {
            let (bytes, what) = (HEAD_COPY_BYTES as u64, DamageKind::BadHead);
            self.found.damage.push(Damage { path: reader.path.clone(), offset, bytes, what });
        }
        while let Some(scanned) = reader.scan.next()? {
            match scanned {
                Scanned::Frame { offset, frame } => {
                    let bytes = frame.bytes.len() as u64;
                    if !self.frame(&frame, offset, (&reader.head.run, reader.head.number), cipher) {
                        let what = DamageKind::Unreadable;
                        self.found.damage.push(Damage { path: reader.path.clone(), offset, bytes, what });
                    }
                }
                Scanned::Damage { offset, bytes, torn } => {
                    let what = if torn { DamageKind::TornTail } else { DamageKind::BadFrame };
                    self.found.damage.push(Damage { path: reader.path.clone(), offset, bytes, what });
                }
            }
        }
        Ok(())
    }

    /// Takes a frame in; false if it makes no sense here.
    fn frame(
        &mut self,
        frame: &Frame<'_>,
        offset: u64,
        (run, segment): (&[u8; 8], u64),
        cipher: &Cipher,
    ) -> bool {
        match frame.kind {
            Kind::Lane => read_lane(frame).is_some_and(|(lane, recording)| {
                self.lanes.insert((*run, lane), recording);
                true
            }),
            Kind::Key | Kind::Media => {
                let Some((lane, number)) = lane_and_number(frame) else { return false };
                if let Some(key) = KeyFrame::read(frame) {
                    if key.place.key == MANIFEST_KEY {
                        return false;
                    }
                    self.lanes.insert((*run, lane), key.place.recording);
                }
                let bytes = frame.bytes.len() as u64;
                self.placed.push(Placed { run: *run, lane, number, segment, offset, bytes });
                true
            }
            Kind::Event | Kind::Checkpoint => {
                let Some((seq, plain)) = read_opaque(frame, cipher, segment) else {
                    // Its number is taken all the same.
                    let last = &mut self.found.past.last_seq;
                    *last = (*last).max(opaque_number(frame).unwrap_or(0));
                    return false;
                };
                self.opaque(frame.kind, seq, plain, segment);
                true
            }
            Kind::Manifest | Kind::Catalogue | Kind::Leaves | Kind::Seal => false,
        }
    }

    fn opaque(&mut self, kind: Kind, seq: u64, plain: Vec<u8>, segment: u64) {
        self.found.past.last_seq = self.found.past.last_seq.max(seq);
        let covered = self.checkpoint.is_some_and(|(checkpoint, _)| seq <= checkpoint);
        if kind == Kind::Event && !covered {
            self.events.insert(seq, plain);
        } else if kind == Kind::Checkpoint && !covered {
            self.checkpoint = Some((seq, segment));
            self.found.checkpoint = Some(plain);
            self.found.checkpoint_number = seq;
            self.events = self.events.split_off(&seq);
        }
    }

    fn finish(mut self, folder: &Path, numbers: &BTreeSet<u64>) -> Found {
        let checkpoint_segment = self.checkpoint.map(|(_, segment)| segment);
        for previous in &self.previous {
            let freed = numbers.first().is_some_and(|first| previous < first)
                || checkpoint_segment.is_some_and(|segment| *previous < segment);
            if !freed && !numbers.contains(previous) {
                let (path, what) = (segment_path(folder, *previous), DamageKind::MissingSegment);
                self.found.damage.push(Damage { path, offset: 0, bytes: 0, what });
            }
        }
        // What was written twice, because a segment was given up, is joined by frame number.
        let mut frames: BTreeMap<RecordingId, BTreeMap<u32, Placed>> = BTreeMap::new();
        for placed in self.placed {
            match self.lanes.get(&(placed.run, placed.lane)) {
                Some(recording) => {
                    frames.entry(*recording).or_default().insert(placed.number, placed);
                }
                None => self.found.damage.push(Damage {
                    path: segment_path(folder, placed.segment),
                    offset: placed.offset,
                    bytes: placed.bytes,
                    what: DamageKind::UnknownLane,
                }),
            }
        }
        let past = &mut self.found.past;
        past.checkpoint_segment = checkpoint_segment;
        for (recording, placed) in frames {
            let mut settlement = Settlement::new(recording);
            for placed in placed.values() {
                settlement.push(placed.segment, placed.offset, placed.bytes);
                *past.segments.entry(placed.segment).or_default() += placed.bytes;
            }
            self.found.frames.insert(recording, settlement);
        }
        self.found.events = self.events.into_iter().collect();
        self.found
    }
}
