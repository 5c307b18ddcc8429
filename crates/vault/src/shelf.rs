//! A folder beside the data folder that holds whole sealed files, each where the data folder would have it: an archive, or a
//! place for what was fetched from one.
//!
//! Belongs here: putting a file on it durably and seen to be whole, taking one away (`design/retention.md`, procedures 2 to
//! 4). Does not: which recordings go there (the server), object stores (the server), what is in a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use calls::id::RecordingId;

use crate::disk::{Attempt, Disk, DiskError, failed};
use crate::erase::{Destroyed, erase_sealed};
use crate::recording::digest::Digest;
use crate::recording::part::Folders;
use crate::recording::place;
use crate::recording::reader::ReadError;
use crate::store::Archive;
use crate::verify::{verify, verify_at};

/// Bytes that are copied at once.
const AT_ONCE: usize = 256 << 10;

/// Why a file could not be put on a shelf. What was there before is there still.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShelfError {
    /// The disk of the shelf refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Where it was to come from.
    #[error("what is to be put there cannot be read: {0}")]
    Source(std::io::Error),
    /// It does not read back as it was written.
    #[error("what was put there does not read back as it should: {0}")]
    NotWhole(ReadError),
    /// It is whole, and another file.
    #[error("what was put there is another file: its digest is {found}, not {wanted}")]
    Other {
        /// The digest it has.
        found: Digest,
        /// The one it should have.
        wanted: Digest,
    },
}

/// The folder; see the module's head. Cheap to clone.
#[derive(Clone)]
pub struct Shelf {
    folders: Folders,
}

impl Shelf {
    /// The shelf at `root`, which exists.
    pub fn new(disk: Arc<dyn Disk>, root: &Path) -> Self {
        Self { folders: Folders { disk, root: root.to_owned() } }
    }

    /// What is on it, for readers.
    pub fn archive(&self) -> Archive {
        Archive { folders: self.folders.clone() }
    }

    /// Puts the file of a recording on it: bytes come from `source`, which reads from an offset as much as it can, 0 at the
    /// end. It is read back whole before it gets its name, and must have the digest that is wanted. When this returns it is
    /// durable. One that is there already and is the same is left.
    ///
    /// # Errors
    /// [`ShelfError`]; again begins anew.
    pub fn put(
        &self,
        recording: RecordingId,
        wanted: Digest,
        source: &mut dyn FnMut(&mut [u8], u64) -> std::io::Result<usize>,
    ) -> Result<u64, ShelfError> {
        if let Ok(there) = verify(&self.folders, recording, None)
            && there.digest == wanted
        {
            // A stop may have come before its name was durable.
            self.folders.sync(&self.day(recording)?)?;
            return Ok(there.bytes);
        }
        let disk = &self.folders.disk;
        let top = self.folders.root.join(place::SEALED);
        disk.create_dir(&top).map_err(failed(Attempt::CreateDir, &top))?;
        self.folders.sync(&self.folders.root)?;
        let day = self.day(recording)?;
        let path = self.folders.root.join(place::sealed(recording));
        let draft = path.with_extension("new");
        self.folders.remove(&draft)?;
        self.write(&draft, source)?;
        let found = verify_at(&self.folders, &draft, recording, None).map_err(ShelfError::NotWhole)?;
        if found.digest != wanted {
            self.folders.remove(&draft)?;
            return Err(ShelfError::Other { found: found.digest, wanted });
        }
        self.folders.rename(&draft, &path)?;
        self.folders.sync(&day)?;
        Ok(found.bytes)
    }

    /// Whether the file of a recording on it is whole, and has this digest: every byte is read.
    ///
    /// # Errors
    /// [`ReadError`] names the first bad place, or says that it is not there.
    pub fn holds(&self, recording: RecordingId, wanted: Digest) -> Result<bool, ReadError> {
        Ok(verify(&self.folders, recording, None)?.digest == wanted)
    }

    /// Destroys the file of a recording on it, its keys first; again changes nothing.
    ///
    /// # Errors
    /// [`DiskError`]; the next call goes on. A shelf on which not even the folder of its day is there is none that holds it:
    /// its volume is not mounted.
    pub fn erase(&self, recording: RecordingId) -> Result<Destroyed, DiskError> {
        let draft = self.folders.root.join(place::sealed(recording)).with_extension("new");
        let day = draft.parent().unwrap_or(&self.folders.root);
        self.folders.disk.list(day).map_err(failed(Attempt::List, day))?;
        self.folders.remove(&draft)?;
        erase_sealed(&self.folders, recording)
    }

    fn day(&self, recording: RecordingId) -> Result<PathBuf, DiskError> {
        place::make_day_folder(&*self.folders.disk, &self.folders.root, recording)
    }

    fn write(
        &self,
        draft: &Path,
        source: &mut dyn FnMut(&mut [u8], u64) -> std::io::Result<usize>,
    ) -> Result<(), ShelfError> {
        let disk = &self.folders.disk;
        let mut file = disk.create(draft).map_err(failed(Attempt::Create, draft))?;
        let (mut piece, mut at) = (vec![0; AT_ONCE], 0);
        loop {
            let read = source(&mut piece, at).map_err(ShelfError::Source)?;
            if read == 0 {
                break;
            }
            file.append(&piece[..read]).map_err(failed(Attempt::Append, draft))?;
            at += read as u64;
        }
        file.sync().map_err(failed(Attempt::Sync, draft))?;
        drop(file);
        Ok(())
    }
}
