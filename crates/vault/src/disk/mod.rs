//! The disk, as a seam: everything the vault asks of a file system goes through here.
//!
//! Belongs here: the two traits, the real disk, the simulated disk for tests. Does not: what is written, or in
//! which order (`design/durability.md` says that; `journal` and `seal` do it).
//!
//! The traits promise what POSIX promises and no more: bytes are durable after [`DiskFile::sync`], names after
//! [`Disk::sync_dir`] of the folder that holds them.

mod real;
#[cfg(feature = "sim")]
pub mod sim;
mod spill;

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

pub use real::RealDisk;
pub use spill::SpillDisk;

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading only.
    Read,
    /// Reading and appending.
    Write,
}

/// How much room a volume has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that may still be written by us.
    pub free_bytes: u64,
    /// Size of the volume, in bytes.
    pub total_bytes: u64,
}

/// Held while a data folder is ours; dropping it gives the folder back.
pub type LockGuard = Box<dyn Send + Sync>;

/// A file system, as far as the vault needs one.
///
/// Every method fails with the [`io::Error`] of the call below it.
#[expect(clippy::missing_errors_doc, reason = "the trait says it once for all")]
pub trait Disk: Send + Sync {
    /// Makes a new file for [`Access::Write`], readable by its owner only; fails if the name is taken.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file that is there.
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file another name, replacing what had it. Durable after both folders are synced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name, which must be free. Durable after the folder of that name is synced.
    fn link(&self, path: &Path, second: &Path) -> io::Result<()>;
    /// Removes a name.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Puts zeros over bytes of a file that is there, and makes them durable. What is beyond its end stays so.
    fn wipe(&self, path: &Path, spans: &[Range<u64>]) -> io::Result<()>;
    /// Makes one folder; it is no error if it is there.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder, in no order.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Takes the exclusive lock on a file, made if need be; [`io::ErrorKind::WouldBlock`] if another holds it.
    fn lock(&self, path: &Path) -> io::Result<LockGuard>;
    /// How much room the volume of this folder has.
    fn space(&self, path: &Path) -> io::Result<Space>;
}

/// An open file.
#[expect(clippy::missing_errors_doc, reason = "the trait of the disk says it once for all")]
pub trait DiskFile: Send {
    /// Writes at the end. After an error any part of `bytes` may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Reads from `offset`; fewer bytes than asked for mean the end of the file.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Makes the bytes and the length durable. After an error nothing written since the last success may be
    /// relied on, and asking again proves nothing (E2-09).
    fn sync(&mut self) -> io::Result<()>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether it holds no byte.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// What was tried when the disk refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Attempt {
    Create,
    Open,
    Read,
    Append,
    Sync,
    Rename,
    Link,
    Remove,
    Wipe,
    CreateDir,
    List,
    SyncDir,
    Lock,
    Space,
}

impl Attempt {
    fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Open => "open",
            Self::Read => "read",
            Self::Append => "append to",
            Self::Sync => "sync",
            Self::Rename => "rename",
            Self::Link => "give a second name to",
            Self::Remove => "remove",
            Self::Wipe => "wipe",
            Self::CreateDir => "make the folder",
            Self::List => "list the folder",
            Self::SyncDir => "sync the folder",
            Self::Lock => "lock",
            Self::Space => "measure the space of",
        }
    }
}

/// The disk refused: what was tried, on which file, and why.
#[derive(Debug, thiserror::Error)]
#[error("cannot {} {}: {source}{}", attempt.verb(), path.display(), crate::owner::right(source, path))]
pub struct DiskError {
    /// What was tried.
    pub attempt: Attempt,
    /// On which file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl DiskError {
    /// Whether the file or folder is simply not there.
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// Gives an [`io::Error`] its place: for `map_err`.
pub(crate) fn failed(attempt: Attempt, path: &Path) -> impl FnOnce(io::Error) -> DiskError + '_ {
    move |source| DiskError { attempt, path: path.to_owned(), source }
}

/// Reads exactly `into.len()` bytes, or as many as there are; returns how many.
pub(crate) fn read_full(file: &dyn DiskFile, into: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        let read = file.read_at(&mut into[done..], offset + done as u64)?;
        if read == 0 {
            break;
        }
        done += read;
    }
    Ok(done)
}
