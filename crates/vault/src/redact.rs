//! Redaction: packets of a sealed recording are erased for good, and what remains is sealed again (C2-12).
//!
//! Belongs here: the order of steps (`design/durability.md`, procedure 9). Does not: the minutes of the new file
//! ([`crate::recording`]), which packets go, who may ask for it, the row that says it (the server).

use std::ops::Range;
use std::path::Path;

use calls::id::RecordingId;

use crate::disk::{Access, Attempt, DiskError, failed};
use crate::frame::Scanned;
use crate::keys::{ReadingKey, RecorderKeys};
use crate::recording::layout::{KeyFrame, TRAILER_BYTES, Trailer};
use crate::recording::part::{Folders, Gather};
use crate::recording::place;
use crate::recording::reader::{ReadError, Sheet};
use crate::recording::remainder::{self, Erased, Erases};
use crate::recording::writer::{MAX_MANIFEST_BYTES, Whose, survey};
use crate::seal::{SealError, Sealed, Sealer, sealed};

/// Why packets could not be erased. Unless it says so, the recording is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedactError {
    /// There is no sealed file of this recording.
    #[error("there is no sealed recording {0}")]
    NotSealed(RecordingId),
    /// No packet was to be erased.
    #[error("recording {0} holds no packet of that span; nothing was changed")]
    Nothing(RecordingId),
    /// The file cannot be read.
    #[error("the sealed file cannot be read: {0}")]
    Unreadable(#[from] ReadError),
    /// What remains could not be sealed.
    #[error(transparent)]
    NotSealable(#[from] SealError),
}

impl From<DiskError> for RedactError {
    fn from(error: DiskError) -> Self {
        Self::NotSealable(error.into())
    }
}

impl Sealer {
    /// Brings redactions to their end that a crash has cut short: keys that were to be destroyed are.
    ///
    /// # Errors
    /// [`DiskError`]; the next call goes on.
    pub fn end_redactions(&self) -> Result<(), DiskError> {
        let folders = self.folders();
        let live = folders.live();
        for name in folders.disk.list(&live).map_err(failed(Attempt::List, &live))? {
            let id = name.strip_suffix(".doomed").or_else(|| name.strip_suffix(".remainder"));
            if let Some(recording) = id.and_then(|id| id.parse().ok()) {
                destroy_replaced(folders, recording)?;
            }
        }
        Ok(())
    }

    /// Erases packets of a sealed recording: those of which `erases` says so. What remains takes the place of the file, with a
    /// manifest made of what was erased; the keys of the minutes that lost packets are overwritten. When this returns all of
    /// it is durable.
    ///
    /// The journal may still hold the frames and keys of a recording that was sealed a short while ago: see
    /// `JournalWriter::begin_anew`.
    ///
    /// # Errors
    /// [`RedactError`]. After an error of the disk the file is the one before or the one after, whole; the next call, or the
    /// next start, destroys what is to be destroyed.
    pub fn redact(
        &mut self,
        recording: RecordingId,
        reading: &ReadingKey,
        erases: &mut Erases<'_>,
        manifest: impl FnOnce(&Erased) -> Vec<u8>,
    ) -> Result<(Sealed, Erased), RedactError> {
        let folders = self.folders().clone();
        destroy_replaced(&folders, recording)?;
        let sheet = Sheet::find(&folders, recording)?.ok_or(RedactError::NotSealed(recording))?;
        let draft = folders.root.join(place::remainder(recording));
        folders.remove(&draft)?;
        let written = write_draft(&folders, &sheet, (self.keys(), reading), erases, manifest);
        let (erased, sheet) = match written {
            Ok(written) => written,
            Err(error) => {
                // Nobody would look for it.
                let _ = folders.remove(&draft);
                return Err(error);
            }
        };
        put_in_place(&folders, recording)?;
        destroy_replaced(&folders, recording)?;
        Ok((sealed(&sheet, crate::seal::nothing_settled(recording)), erased))
    }
}

fn write_draft(
    folders: &Folders,
    sheet: &Sheet,
    keys: (&RecorderKeys, &ReadingKey),
    erases: &mut Erases<'_>,
    manifest: impl FnOnce(&Erased) -> Vec<u8>,
) -> Result<(Erased, Sheet), RedactError> {
    let recording = sheet.recording;
    let path = folders.root.join(place::remainder(recording));
    let erased = remainder::write(folders, sheet, path.clone(), keys, erases)?;
    if erased.packets == 0 {
        return Err(RedactError::Nothing(recording));
    }
    let manifest = manifest(&erased);
    let bytes = manifest.len();
    if bytes > MAX_MANIFEST_BYTES {
        return Err(SealError::ManifestTooLong { bytes }.into());
    }
    let surveyed = survey(folders, &path)?.ok_or(SealError::Damaged { recording })?;
    let (surveyed, tail_at) = surveyed;
    let next_number = surveyed.catalogue.last_number().map_or(0, |last| last.saturating_add(1));
    let whose = Whose { recording, next_number, seals: &sheet.seals };
    let tail = whose.tail(&surveyed, tail_at, keys.0, &manifest);
    let (tail, _) = tail.ok_or(SealError::TooLong { recording })?;
    let mut gather = Gather::go_on(folders, path.clone())?;
    gather.append(&tail)?;
    gather.finish()?;
    // What takes the place of a good file is read first.
    let mut window = folders.window(&path)?.ok_or(SealError::Damaged { recording })?;
    let mut sheet = Sheet::read(&mut window)?;
    sheet.path = folders.root.join(place::sealed(recording));
    Ok((erased, sheet))
}

/// Gives the remainder the name of the whole. The whole keeps a second name until its keys are destroyed.
fn put_in_place(folders: &Folders, recording: RecordingId) -> Result<(), DiskError> {
    let at = |path| folders.root.join(path);
    let (sealed, doomed) = (at(place::sealed(recording)), at(place::doomed(recording)));
    folders.disk.link(&sealed, &doomed).map_err(failed(Attempt::Link, &sealed))?;
    folders.sync(&folders.live())?;
    let day = place::make_day_folder(&*folders.disk, &folders.root, recording)?;
    folders.rename(&at(place::remainder(recording)), &sealed)?;
    folders.sync(&day)?;
    folders.sync(&folders.live())
}

/// Destroys the keys of a file that was replaced, if there is one; a redaction that did not come to its end is given up.
pub(crate) fn destroy_replaced(folders: &Folders, recording: RecordingId) -> Result<(), DiskError> {
    let at = |path| folders.root.join(path);
    let doomed = at(place::doomed(recording));
    if folders.open(&doomed, Access::Read)?.is_some() {
        // Without a whole file in its place it may be all there is.
        let Some(now) = trailer_of(folders, &at(place::sealed(recording)))? else { return Ok(()) };
        // Two names of one file, if it was not replaced yet.
        if trailer_of(folders, &doomed)? != Some(now) {
            // The name of the new file may not be durable yet.
            let day = place::make_day_folder(&*folders.disk, &folders.root, recording)?;
            folders.sync(&day)?;
            let keys = keys_in(folders, &doomed)?;
            folders.disk.wipe(&doomed, &keys).map_err(failed(Attempt::Wipe, &doomed))?;
        }
        folders.remove(&doomed)?;
    }
    folders.remove(&at(place::remainder(recording)))?;
    folders.sync(&folders.live())
}

/// How the file at `path` ends, if it is there and ends as a sealed one does.
pub(crate) fn trailer_of(folders: &Folders, path: &Path) -> Result<Option<Trailer>, DiskError> {
    let Some(mut window) = folders.window(path)? else { return Ok(None) };
    let Some(at) = window.end().checked_sub(TRAILER_BYTES as u64) else { return Ok(None) };
    Ok(Trailer::read(window.get(at, TRAILER_BYTES)?))
}

/// Where the keys of a file are: those of its minutes, and that of its manifest.
pub(crate) fn keys_in(folders: &Folders, path: &Path) -> Result<Vec<Range<u64>>, DiskError> {
    let mut keys = Vec::new();
    if let Some(mut scan) = folders.scan(path)? {
        while let Some(scanned) = scan.next()? {
            if let Scanned::Frame { offset, frame } = scanned
                && KeyFrame::read(&frame).is_some()
            {
                keys.push(offset..offset + frame.bytes.len() as u64);
            }
        }
    }
    Ok(keys)
}
