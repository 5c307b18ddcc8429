//! A backup in two: sealed files without their keys (the *bulk*), and the keys of each day on a page, apart from them.
//!
//! A copy of the bulk can be put away where nothing can be erased: without the keys it is noise, for who has the reading key
//! as well. An erasure has to reach the pages alone (C5-01). Bytes: `ref/backup-apart.md`.
//!
//! Belongs here: taking keys out of a file and putting them in again, the two kinds of files. Does not: which recordings they
//! are of, and everything else of a backup (the server).

pub(crate) mod bulk;
pub(crate) mod pages;

use std::fmt;
use std::str::FromStr;

use calls::id::RecordingId;

use crate::hex;
use crate::keys::random;
use crate::recording::digest::Digest;

/// What the two folders of a backup know each other by. Its text form is 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupId([u8; 16]);

/// A text that is no id of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of a backup is 32 hexadecimal digits")]
pub struct NoBackupId;

impl BackupId {
    /// A new one.
    ///
    /// # Panics
    /// If the operating system has no randomness to give.
    pub fn draw() -> Self {
        Self(*random())
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::show(&self.0, f)
    }
}

impl FromStr for BackupId {
    type Err = NoBackupId;

    fn from_str(text: &str) -> Result<Self, NoBackupId> {
        let mut id = [0; 16];
        hex::read(text.as_bytes(), &mut id).ok_or(NoBackupId)?;
        Ok(Self(id))
    }
}

/// The wrapped data keys of one sealed file, as they were taken out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenKeys {
    /// Whose they are.
    pub recording: RecordingId,
    /// The digest of the file: redacted, a recording is another file, with other keys.
    pub digest: Digest,
    /// The length of the file.
    pub file_bytes: u64,
    /// Where each stood, in order, and its frame.
    pub(crate) keys: Vec<(u64, Vec<u8>)>,
}

impl TakenKeys {
    /// How many keys they are: of each minute, and of the manifest.
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// Their bytes: what must be nowhere once they are overwritten.
    pub fn bytes(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.iter().map(|(_, key)| key.as_slice())
    }
}
