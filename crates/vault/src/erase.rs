//! Erasure: a sealed recording is destroyed, its keys first (C5-01); and the removal of a file that is kept elsewhere.
//!
//! Belongs here: the order of steps (`design/retention.md`, procedures 3 and 4). Does not: whether it may go, which the
//! caller has decided and written down before, and the row that says so.

use calls::id::RecordingId;

use crate::disk::{Access, Attempt, DiskError, failed};
use crate::recording::part::Folders;
use crate::recording::place;
use crate::redact::keys_in;
use crate::seal::Sealer;

/// What was destroyed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Destroyed {
    /// Files that were removed; 0 if an earlier try had removed all.
    pub files: u64,
    /// Wrapped data keys that were overwritten in them.
    pub keys: u64,
}

impl Sealer {
    /// Destroys a recording: the keys of whatever there is of it are overwritten, then the files go. When this returns, all
    /// of it is durable; again changes nothing.
    ///
    /// The journal may still hold its frames and keys: see `JournalWriter::begin_anew`, which comes before this.
    ///
    /// # Errors
    /// [`DiskError`]; the next call goes on.
    pub fn erase(&mut self, recording: RecordingId) -> Result<Destroyed, DiskError> {
        self.forget(recording);
        let folders = self.folders().clone();
        let mut destroyed = erase_sealed(&folders, recording)?;
        for leftover in [
            place::part(recording),
            place::suspect(recording),
            place::draft(recording),
            place::remainder(recording),
            place::doomed(recording),
        ] {
            destroy(&folders, &folders.root.join(leftover), &mut destroyed)?;
        }
        folders.sync(&folders.live())?;
        Ok(destroyed)
    }

    /// Removes the sealed file of a recording that is kept elsewhere, durably; no key is touched, for the other file is under
    /// the same ones. Again changes nothing.
    ///
    /// # Errors
    /// [`DiskError`]; the next call goes on.
    pub fn remove_moved(&mut self, recording: RecordingId) -> Result<(), DiskError> {
        self.forget(recording);
        let folders = self.folders().clone();
        let path = folders.root.join(place::sealed(recording));
        if folders.remove(&path)? {
            let day = place::make_day_folder(&*folders.disk, &folders.root, recording)?;
            folders.sync(&day)?;
        }
        Ok(())
    }
}

/// Destroys a sealed file where it belongs below the root of `folders`. It first gets another name, so that a file without
/// its keys is never taken for a recording.
pub(crate) fn erase_sealed(folders: &Folders, recording: RecordingId) -> Result<Destroyed, DiskError> {
    let (sealed, erased) = (place::sealed(recording), place::erased(recording));
    let (sealed, erased) = (folders.root.join(sealed), folders.root.join(erased));
    let mut destroyed = Destroyed::default();
    let is_there = |path| folders.open(path, Access::Read).map(|file| file.is_some());
    if is_there(&sealed)? {
        folders.rename(&sealed, &erased)?;
    } else if !is_there(&erased)? {
        return Ok(destroyed);
    }
    let day = place::make_day_folder(&*folders.disk, &folders.root, recording)?;
    folders.sync(&day)?;
    destroy(folders, &erased, &mut destroyed)?;
    folders.sync(&day)?;
    Ok(destroyed)
}

/// Overwrites the keys of a file that may be there, and removes it; its folder is yet to be synced.
fn destroy(folders: &Folders, path: &std::path::Path, destroyed: &mut Destroyed) -> Result<(), DiskError> {
    if folders.open(path, Access::Read)?.is_none() {
        return Ok(());
    }
    let keys = keys_in(folders, path)?;
    folders.disk.wipe(path, &keys).map_err(failed(Attempt::Wipe, path))?;
    folders.remove(path)?;
    destroyed.files += 1;
    destroyed.keys += keys.len() as u64;
    Ok(())
}
