//! Checks a sealed file: without any key its checksums, its digest chain and its seal, with the reading key also every tag.
//! Who has signed the seal is for the caller to ask ([`crate::Seal::verify`]).
//!
//! Belongs here: reading a file through and naming the first bad place. Does not: comparing files with index rows
//! (the server does).

use std::path::Path;

use calls::id::RecordingId;
use calls::time::Wall;

use crate::disk::{Access, DiskFile};
use crate::frame::{Scan, Scanned, Window};
use crate::keys::ReadingKey;
use crate::recording::digest::{Digest, sha256};
use crate::recording::layout::FILE_HEAD_BYTES;
use crate::recording::part::Folders;
use crate::recording::place;
use crate::recording::reader::{ReadError, RecordingReader, Sheet};
use crate::recording::statement::{Seal, Statement};
use crate::recording::surveying::{Surveyed, Surveying};

/// What a check has seen to be good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The recording.
    pub recording: RecordingId,
    /// The digest all of it leads to: compare it with the one in the index.
    pub digest: Digest,
    /// Length of the file.
    pub bytes: u64,
    /// Minutes of audio, each a link of the chain.
    pub minutes: usize,
    /// Packets whose tags hold; `None` if the key was not at hand to check them with.
    pub packets: Option<u64>,
    /// Frames the seal already missed.
    pub missing_frames: u64,
    /// The seals, the newest first: the newest fits the file, and each names the one before it. None in a file of the first
    /// version.
    pub seals: Vec<Seal>,
}

/// Checks the sealed file of `recording`.
pub(crate) fn verify(
    folders: &Folders,
    recording: RecordingId,
    key: Option<&ReadingKey>,
) -> Result<Verified, ReadError> {
    verify_at(folders, &folders.root.join(place::sealed(recording)), recording, key)
}

/// Checks a file that is or will be the sealed file of `recording`.
pub(crate) fn verify_at(
    folders: &Folders,
    path: &Path,
    recording: RecordingId,
    key: Option<&ReadingKey>,
) -> Result<Verified, ReadError> {
    let open = || -> Result<Window, ReadError> {
        let file = folders.open(path, Access::Read)?.ok_or(ReadError::NotSealed { recording })?;
        Ok(Window::new(file, path, u64::MAX)?)
    };
    let mut window = open()?;
    let sheet = Sheet::read(&mut window)?;
    if sheet.recording != recording {
        return Err(ReadError::WrongRecording { path: path.to_owned(), found: sheet.recording });
    }
    check_chain(&sheet, window)?;
    let mut verified = Verified::of(&sheet);
    if let Some(key) = key {
        verified.packets = match count_packets(RecordingReader::from_parts(sheet, open()?, key)) {
            // Nobody here can say more of it than that it was not altered.
            Err(ReadError::NotHeld { .. }) => None,
            counted => Some(counted?),
        };
    }
    Ok(verified)
}

/// Opens all there is in it.
fn count_packets(mut reader: RecordingReader) -> Result<u64, ReadError> {
    reader.manifest()?;
    let mut packets = 0;
    let streams: Vec<_> = reader.streams().to_vec();
    for tally in streams {
        let mut heads = reader.heads(tally.stream, Wall::from_ns(i64::MIN), Wall::from_ns(i64::MAX));
        packets += heads.try_fold(0u64, |count, head| head.map(|_| count + 1))?;
    }
    Ok(packets)
}

/// Checks a file that lies anywhere, without any key of the install; `path` is for errors alone.
///
/// # Errors
/// [`ReadError`] names the first bad place.
pub fn verify_file(file: Box<dyn DiskFile>, path: &Path) -> Result<Verified, ReadError> {
    let mut window = Window::new(file, path, u64::MAX)?;
    let sheet = Sheet::read(&mut window)?;
    check_chain(&sheet, window)?;
    Ok(Verified::of(&sheet))
}

impl Verified {
    pub(crate) fn of(sheet: &Sheet) -> Self {
        Self {
            recording: sheet.recording,
            digest: sheet.digest,
            bytes: sheet.bytes,
            minutes: sheet.catalogue.minutes.len(),
            packets: None,
            missing_frames: sheet.catalogue.missing_frames,
            seals: sheet.seals.clone(),
        }
    }
}

/// Makes catalogue and leaves again from the frames and compares them with those that are there.
fn check_chain(sheet: &Sheet, mut window: Window) -> Result<(), ReadError> {
    let catalogue_frame = window.frame(sheet.trailer.catalogue)?.map(|frame| Digest(sha256(frame.bytes)));
    let mut scan = Scan::new(window, FILE_HEAD_BYTES as u64);
    scan.limit(FILE_HEAD_BYTES as u64, sheet.trailer.tail);
    let mut surveying = Surveying::of(sheet.trailer.version);
    while let Some(scanned) = scan.next()? {
        match scanned {
            Scanned::Frame { offset, frame } => surveying.frame(offset, &frame),
            Scanned::Damage { offset, bytes, .. } => {
                let key = key_at(sheet, offset);
                return Err(ReadError::BadFrame { path: sheet.path.clone(), offset, bytes, key });
            }
        }
    }
    compare(sheet, &surveying.end(), catalogue_frame)
}

/// Compares what a file holds, and the digest of its catalogue's frame, with what it states.
pub(crate) fn compare(sheet: &Sheet, found: &Surveyed, catalogue: Option<Digest>) -> Result<(), ReadError> {
    check_leaves(sheet, found)?;
    if found.catalogue != sheet.catalogue {
        return Err(first_bad_minute(sheet, found));
    }
    match (sheet.seals.first(), catalogue) {
        (Some(seal), Some(catalogue)) => check_seal(sheet, seal.statement(), found, catalogue),
        _ => Ok(()),
    }
}

/// The number of the key of the minute in which this byte of the file lies.
pub(crate) fn key_at(sheet: &Sheet, offset: u64) -> u16 {
    sheet.catalogue.minutes.iter().find(|minute| offset < minute.end()).map_or(0, |minute| minute.key)
}

fn check_leaves(sheet: &Sheet, found: &Surveyed) -> Result<(), ReadError> {
    let same = found.leaves.iter().zip(&sheet.leaves).take_while(|(found, stated)| found == stated).count();
    match found.places.get(same) {
        Some(place) => Err(ReadError::AlteredBlocks {
            path: sheet.path.clone(),
            offset: place.offset,
            bytes: place.bytes,
            first_number: place.first_number,
            last_number: place.last_number,
            key: key_at(sheet, place.offset),
        }),
        None if same < sheet.leaves.len() => {
            Err(bad_seal(sheet, format!("only {same} of {} leaves of blocks are there", sheet.leaves.len())))
        }
        None => Ok(()),
    }
}

fn first_bad_minute(sheet: &Sheet, found: &Surveyed) -> ReadError {
    let minutes = found.catalogue.minutes.iter().zip(&sheet.catalogue.minutes);
    let first = minutes.take_while(|(found, stated)| found == stated).count();
    let part = match sheet.catalogue.minutes.get(first) {
        Some(minute) => format!("minute of key {}, at byte {},", minute.key, minute.offset),
        None => "catalogue".to_owned(),
    };
    ReadError::WrongDigest { path: sheet.path.clone(), part }
}

/// Compares what the seal says with what the file holds. The manifest can be compared only by who can read it.
fn check_seal(
    sheet: &Sheet,
    stated: &Statement,
    found: &Surveyed,
    catalogue: Digest,
) -> Result<(), ReadError> {
    let fresh = Statement::of(sheet.recording, &found.catalogue, &found.leaves, catalogue, stated.manifest);
    let fresh = Statement { program: stated.program.clone(), before: stated.before, ..fresh };
    match fresh.differs_from(stated) {
        Some(line) => {
            Err(bad_seal(sheet, format!("its seal is not of this file: the line `{line}` does not fit")))
        }
        None => Ok(()),
    }
}

fn bad_seal(sheet: &Sheet, reason: String) -> ReadError {
    ReadError::BadSeal { path: sheet.path.clone(), reason }
}
