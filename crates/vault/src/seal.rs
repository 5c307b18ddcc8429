//! Journal to recording file; then the journal may forget.
//!
//! Belongs here: settling, sealing, and their order of syncs (`design/durability.md`, procedures 4 and 5). Does not:
//! the bytes ([`crate::recording`]), the index row, which the caller writes between a seal and its receipt.
//!
//! Nothing here needs the reading key: frames move as they are, and the manifest is wrapped to its public half.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use calls::id::RecordingId;

use crate::disk::{DiskError, LockGuard};
use crate::frame::{Frame, Scanned};
use crate::journal::settlement::{Receipt, Settlement};
use crate::keys::RecorderKeys;
use crate::recording::catalogue::StreamTally;
use crate::recording::digest::Digest;
use crate::recording::layout::lane_and_number;
use crate::recording::part::{Folders, KnownPart, Part, distrust, frame_numbers, is_tail};
use crate::recording::place;
use crate::recording::reader::{ReadError, Sheet};
use crate::recording::surveying::Surveying;
use crate::recording::writer::{Completion, MAX_MANIFEST_BYTES, complete};

/// Why a recording could not be settled or sealed. Nothing is lost: the journal keeps the frames, and the same
/// settlement can be tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The manifest does not fit its frame.
    #[error("a manifest has at most {MAX_MANIFEST_BYTES} bytes, this one has {bytes}")]
    ManifestTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The part file was damaged again right after it was written anew.
    #[error("the part file of recording {recording} does not read back as it was written; check the disk")]
    Damaged {
        /// Whose.
        recording: RecordingId,
    },
    /// More minutes than a catalogue, or more leaves than their frame can hold: that is after four days.
    #[error("recording {recording} has more minutes than a catalogue can hold")]
    TooLong {
        /// Whose.
        recording: RecordingId,
    },
    /// The recording is sealed, and these frames are not in it: a sealed file never changes.
    #[error(
        "recording {recording} is sealed already, without {frames} frames that came later; they stay in the journal"
    )]
    CameLater {
        /// Whose.
        recording: RecordingId,
        /// How many.
        frames: u64,
    },
    /// A sealed file is there and cannot be understood.
    #[error("the sealed file cannot be read: {0}")]
    Unreadable(#[from] ReadError),
}

/// A sealed recording: what its index row has to say of the file.
#[derive(Debug)]
pub struct Sealed {
    /// Which recording.
    pub recording: RecordingId,
    /// Its file, relative to the data folder.
    pub path: PathBuf,
    /// Length of the file.
    pub bytes: u64,
    /// Its digest, which a third party can check.
    pub digest: Digest,
    /// What there is of each stream.
    pub streams: Vec<StreamTally>,
    /// Frames that should be there and are not: lost by a disk, counted here.
    pub missing_frames: u64,
    /// For the journal, after the index row is written.
    pub receipt: Receipt,
}

/// What is kept so far of a recording that is not sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Which recording.
    pub recording: RecordingId,
    /// What there is of each stream.
    pub streams: Vec<StreamTally>,
    /// Frames that should be there and are not.
    pub missing_frames: u64,
    pub(crate) next_number: u32,
    pub(crate) next_key: u16,
}

/// Moves frames from the journal into recording files. One thread owns it.
pub struct Sealer {
    folders: Folders,
    keys: RecorderKeys,
    parts: HashMap<RecordingId, KnownPart>,
    /// Part files that could not even be marked as suspect.
    unmarked: HashSet<RecordingId>,
    /// Settlements that failed: each is carried out with the next one of its recording, whoever forgot it.
    owed: HashMap<RecordingId, Settlement>,
    _lock: Arc<LockGuard>,
}

/// Recordings whose part files are remembered; one beyond is read through again when its turn comes.
const MAX_PARTS: usize = 16_384;

impl Sealer {
    pub(crate) fn new(folders: Folders, keys: RecorderKeys, lock: Arc<LockGuard>) -> Self {
        Self {
            folders,
            keys,
            parts: HashMap::new(),
            unmarked: HashSet::new(),
            owed: HashMap::new(),
            _lock: lock,
        }
    }

    /// Copies frames into the recording's part file and makes them durable there; frames it has already are passed
    /// over.
    ///
    /// # Errors
    /// [`SealError`]; try again with the same settlement, or leave it: what failed is remembered here and carried out
    /// with the next settlement of the recording, at the latest with its seal, and the receipt covers both.
    pub fn settle(&mut self, settlement: &Settlement) -> Result<Receipt, SealError> {
        let settlement = &self.with_owed(settlement);
        let settled = self.copy(settlement).and_then(|(mut part, lost_frames)| {
            part.sync(&self.folders)?;
            Ok((part, lost_frames))
        });
        match settled {
            Ok((part, lost_frames)) => {
                self.remember(part);
                self.owed.remove(&settlement.recording);
                Ok(receipt(settlement, false, lost_frames))
            }
            Err(error) => Err(self.give_up(settlement, error).into()),
        }
    }

    /// Says what part file and settlement hold together: what a recording found unfinished at start consists of.
    /// Changes nothing.
    ///
    /// # Errors
    /// [`SealError::Disk`].
    pub fn survey(&mut self, settlement: &Settlement) -> Result<Survey, SealError> {
        let recording = settlement.recording;
        let mut surveying = Surveying::of_counts();
        let mut last = None;
        let mut see = |frame: &Frame<'_>| {
            let Some((_, number)) = lane_and_number(frame).filter(|_| !is_tail(frame)) else { return };
            if last.is_none_or(|last| number > last) {
                last = Some(number);
                surveying.frame(0, frame);
            }
        };
        let part = self.folders.root.join(place::part(recording));
        let suspect = self.folders.root.join(place::suspect(recording));
        let scan = match self.folders.scan(&part)? {
            None => self.folders.scan(&suspect)?,
            some => some,
        };
        if let Some(mut scan) = scan {
            while let Some(scanned) = scan.next()? {
                if let Scanned::Frame { frame, .. } = scanned {
                    see(&frame);
                }
            }
        }
        self.folders.settlement_frames(settlement, |_, frame| {
            see(frame);
            Ok(())
        })?;
        let (next_number, next_key) = (surveying.next_number(), surveying.next_key());
        let catalogue = surveying.end().catalogue;
        let (streams, missing_frames) = (catalogue.streams(), catalogue.missing_frames);
        Ok(Survey { recording, streams, missing_frames, next_number, next_key })
    }

    /// Seals a recording: settles the rest, adds the manifest (encrypted, under a key of its own), the catalogue, the signed
    /// seal and the digest, and gives the file its final name. When this returns all of it is durable and never changes
    /// again. Write the index row next, and give the journal the receipt after that.
    ///
    /// Sealing what is sealed returns the same result and ignores the manifest.
    ///
    /// # Errors
    /// [`SealError`]; try again with the same settlement.
    pub fn seal(&mut self, settlement: &Settlement, manifest: &[u8]) -> Result<Sealed, SealError> {
        let recording = settlement.recording;
        let bytes = manifest.len();
        if bytes > MAX_MANIFEST_BYTES {
            return Err(SealError::ManifestTooLong { bytes });
        }
        let settlement = &self.with_owed(settlement);
        let sealed = match Sheet::find(&self.folders, recording)? {
            Some(sheet) => self.already(settlement, &sheet),
            None => self.seal_part(settlement, manifest),
        };
        match sealed {
            Ok(sealed) => {
                self.owed.remove(&recording);
                Ok(sealed)
            }
            Err(SealError::Disk(error)) => Err(self.give_up(settlement, error).into()),
            Err(error) => {
                self.owed.insert(recording, settlement.clone());
                Err(error)
            }
        }
    }

    /// What is sealed of a recording, if it is; with an empty receipt.
    ///
    /// # Errors
    /// [`SealError::Unreadable`], [`SealError::Disk`].
    pub fn find(&self, recording: RecordingId) -> Result<Option<Sealed>, SealError> {
        let sheet = Sheet::find(&self.folders, recording)?;
        Ok(sheet.map(|sheet| sealed(&sheet, nothing_settled(recording))))
    }

    fn seal_part(&mut self, settlement: &Settlement, manifest: &[u8]) -> Result<Sealed, SealError> {
        let recording = settlement.recording;
        let (mut part, lost_frames) = self.copy(settlement)?;
        let mut completion = complete(&self.folders, &mut part, &self.keys, manifest)?;
        if matches!(completion, Completion::Damaged) {
            part = part.reopen_anew(&self.folders, settlement)?;
            completion = complete(&self.folders, &mut part, &self.keys, manifest)?;
        }
        let (catalogue, bytes, digest) = match completion {
            Completion::Done { catalogue, bytes, digest } => (catalogue, bytes, digest),
            Completion::Damaged => return Err(SealError::Damaged { recording }),
            Completion::TooLong => return Err(SealError::TooLong { recording }),
        };
        part.sync(&self.folders)?;
        let folders = &self.folders;
        let path = place::sealed(recording);
        let day = place::make_day_folder(&*folders.disk, &folders.root, recording)?;
        folders.rename(part.path(), &folders.root.join(&path))?;
        folders.sync(&day)?;
        folders.sync(&folders.live())?;
        Ok(Sealed {
            recording,
            path,
            bytes,
            digest,
            streams: catalogue.streams(),
            missing_frames: catalogue.missing_frames,
            receipt: receipt(settlement, true, lost_frames),
        })
    }

    /// The recording was sealed before a crash or an error in the last steps: those are done again.
    fn already(&mut self, settlement: &Settlement, sheet: &Sheet) -> Result<Sealed, SealError> {
        let recording = settlement.recording;
        let last = sheet.catalogue.last_number();
        // Without a gap in its numbers the file has all up to the last; else it is asked.
        let has = match sheet.catalogue.missing_frames {
            0 => None,
            _ => frame_numbers(&self.folders, recording)?,
        };
        let mut frames = 0;
        let lost_frames = self.folders.settlement_frames(settlement, |number, _| {
            let there = match &has {
                Some(numbers) => numbers.contains(&number),
                None => last.is_some_and(|last| number <= last),
            };
            frames += u64::from(!there);
            Ok(())
        })?;
        if frames > 0 {
            return Err(SealError::CameLater { recording, frames });
        }
        self.parts.remove(&recording);
        let folders = &self.folders;
        let day = place::make_day_folder(&*folders.disk, &folders.root, recording)?;
        folders.sync(&day)?;
        for leftover in [place::part(recording), place::suspect(recording), place::draft(recording)] {
            folders.remove(&folders.root.join(leftover))?;
        }
        folders.sync(&folders.live())?;
        Ok(sealed(sheet, receipt(settlement, true, lost_frames)))
    }

    /// What is remembered of a recording that goes.
    pub(crate) fn forget(&mut self, recording: RecordingId) {
        self.parts.remove(&recording);
        self.unmarked.remove(&recording);
        self.owed.remove(&recording);
    }

    pub(crate) fn folders(&self) -> &Folders {
        &self.folders
    }

    pub(crate) fn keys(&self) -> &RecorderKeys {
        &self.keys
    }

    fn with_owed(&self, settlement: &Settlement) -> Settlement {
        match self.owed.get(&settlement.recording) {
            Some(earlier) => settlement.with(earlier),
            None => settlement.clone(),
        }
    }

    fn copy(&mut self, settlement: &Settlement) -> Result<(Part, u64), DiskError> {
        if self.unmarked.contains(&settlement.recording) {
            distrust(&self.folders, settlement.recording)?;
            self.unmarked.remove(&settlement.recording);
        }
        let mut part = match self.parts.remove(&settlement.recording) {
            Some(known) => known.open(&self.folders)?,
            None => Part::open(&self.folders, settlement)?,
        };
        let copied = part.copy(&self.folders, settlement)?;
        if copied.out_of_order {
            part = part.reopen_anew(&self.folders, settlement)?;
        }
        Ok((part, copied.damaged))
    }

    fn remember(&mut self, part: Part) {
        if self.parts.len() >= MAX_PARTS
            && let Some(recording) = self.parts.keys().next().copied()
        {
            self.parts.remove(&recording);
        }
        self.parts.insert(part.recording(), part.rest());
    }

    /// After an error the part file is not trusted: the next attempt writes it anew.
    fn give_up(&mut self, settlement: &Settlement, error: DiskError) -> DiskError {
        let recording = settlement.recording;
        self.owed.insert(recording, settlement.clone());
        self.parts.remove(&recording);
        if distrust(&self.folders, recording).is_err() {
            self.unmarked.insert(recording);
        }
        error
    }
}

fn receipt(settlement: &Settlement, sealed: bool, lost_frames: u64) -> Receipt {
    let segments = settlement.bytes_by_segment();
    Receipt { recording: settlement.recording, segments, sealed, lost_frames }
}

/// The receipt for a recording of which the journal holds nothing.
pub(crate) fn nothing_settled(recording: RecordingId) -> Receipt {
    receipt(&Settlement::new(recording), true, 0)
}

pub(crate) fn sealed(sheet: &Sheet, receipt: Receipt) -> Sealed {
    Sealed {
        recording: sheet.recording,
        path: place::sealed(sheet.recording),
        bytes: sheet.bytes,
        digest: sheet.digest,
        streams: sheet.catalogue.streams(),
        missing_frames: sheet.catalogue.missing_frames,
        receipt,
    }
}
