//! Pages: the wrapped keys of all recordings of a day in one file, which is written anew when some come or go, and overwritten
//! where it was.
//!
//! ```text
//! head    "SDTNAPT" 1 | backup 16 | entries 4 | crc32c of these 4
//! table   for each entry: recording 16 | digest 32 | bytes of its file 8 | keys 4 | bytes of its keys 4
//!         crc32c of the table 4
//! keys    for each entry: for each key: offset 8 | length 4 | key frame
//!         crc32c of the entry's keys 4
//! ```
//! Little-endian. `ref/backup-apart.md` says what each means.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use calls::id::RecordingId;

use super::bulk::walk;
use super::{BackupId, TakenKeys};
use crate::disk::{Access, Attempt, Disk, DiskError, DiskFile, failed, read_full};
use crate::recording::digest::Digest;
use crate::recording::layout::Fields;
use crate::recording::part::Folders;
use crate::recording::place;

const MAGIC: &[u8; 8] = b"SDTNAPT\x01";
const HEAD_BYTES: usize = 8 + 16 + 4 + 4;
const ENTRY_BYTES: usize = 16 + 32 + 8 + 4 + 4;

/// Why a page cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// It is not whole.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The page.
        path: PathBuf,
        /// What of it.
        what: &'static str,
    },
    /// It is of another backup.
    #[error("{} belongs to another backup", path.display())]
    OtherBackup {
        /// The page.
        path: PathBuf,
    },
}

/// What a page became.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Rewritten {
    /// Files whose keys were overwritten.
    pub files: u64,
    /// Keys that were overwritten.
    pub keys: u64,
}

/// A sealed file that keys were taken from.
pub type TakenFrom = (RecordingId, Digest);

/// The pages of a backup. Cheap to clone.
#[derive(Clone)]
pub struct KeyPages {
    folders: Folders,
    backup: BackupId,
}

/// An open page, and the name it has now.
type OpenPage = (Box<dyn DiskFile>, PathBuf);

/// An entry of a page's table.
struct Entry {
    recording: RecordingId,
    digest: Digest,
    file_bytes: u64,
    keys: u32,
    bytes: u32,
}

impl KeyPages {
    /// Those in the folder `root`, which exists.
    pub fn new(disk: Arc<dyn Disk>, root: &Path, backup: BackupId) -> Self {
        Self { folders: Folders { disk, root: root.to_owned() }, backup }
    }

    /// The page on which the keys of a recording stand, relative to the folder.
    pub fn page_of(recording: RecordingId) -> PathBuf {
        place::page(recording)
    }

    /// The pages there are, the oldest first.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn list(&self) -> Result<Vec<PathBuf>, DiskError> {
        let mut pages = Vec::new();
        walk(&self.folders, Path::new(place::SEALED), &mut |relative, _| {
            // One that a stop has left under its second name is there too.
            if relative.extension().is_some_and(|extension| extension == "keys" || extension == "old") {
                pages.push(relative.with_extension("keys"));
            }
            Ok(())
        })?;
        pages.sort_unstable();
        pages.dedup();
        Ok(pages)
    }

    /// Brings to its end what a stop has cut short: what was to be overwritten is.
    ///
    /// # Errors
    /// [`DiskError`]; the next call goes on.
    pub fn clean(&self) -> Result<(), DiskError> {
        walk(&self.folders, Path::new(place::SEALED), &mut |relative, path| {
            let folder = path.parent().unwrap_or(&self.folders.root);
            match relative.extension().and_then(|extension| extension.to_str()) {
                Some("new") => self.discard(path, folder),
                Some("old") => {
                    let page = path.with_extension("keys");
                    if self.folders.open(&page, Access::Read)?.is_some() {
                        return self.discard(path, folder);
                    }
                    self.folders.rename(path, &page)?;
                    self.folders.sync(folder)
                }
                _ => Ok(()),
            }
        })
    }

    /// Of which files a page has the keys; none if there is no such page.
    ///
    /// # Errors
    /// [`PageError`].
    pub fn listed(&self, page: &Path) -> Result<Vec<TakenFrom>, PageError> {
        let Some((file, path)) = self.open(page)? else { return Ok(Vec::new()) };
        let table = self.table(&*file, &path)?;
        Ok(table.iter().map(|entry| (entry.recording, entry.digest)).collect())
    }

    /// The keys on a page, none if there is no such page; and of which files they are damaged.
    ///
    /// # Errors
    /// [`PageError`].
    pub fn read(&self, page: &Path) -> Result<(Vec<TakenKeys>, Vec<TakenFrom>), PageError> {
        let Some((file, path)) = self.open(page)? else { return Ok(Default::default()) };
        let table = self.table(&*file, &path)?;
        let mut at = (HEAD_BYTES + table.len() * ENTRY_BYTES + 4) as u64;
        let (mut whole, mut damaged) = (Vec::new(), Vec::new());
        for entry in table {
            let bytes = read(&*file, &path, at, entry.bytes as usize)?;
            match read_keys(&entry, &bytes) {
                Some(keys) => whole.push(keys),
                None => damaged.push((entry.recording, entry.digest)),
            }
            at += u64::from(entry.bytes);
        }
        Ok((whole, damaged))
    }

    /// Writes a page anew: keys of files that are not to be kept go, others come. What was there before is overwritten. When it
    /// returns all of it is durable.
    ///
    /// A page that is damaged loses what of it cannot be read.
    ///
    /// # Errors
    /// [`PageError`]. The page is the one before or the one after; the next [`Self::clean`] overwrites the other.
    pub fn write(
        &self,
        page: &Path,
        keep: &dyn Fn(RecordingId, &Digest) -> bool,
        add: Vec<TakenKeys>,
    ) -> Result<Rewritten, PageError> {
        let (before, _) = match self.read(page) {
            Err(PageError::Damaged { .. }) => Default::default(),
            read => read?,
        };
        let mut gone = Rewritten::default();
        let mut entries = Vec::with_capacity(before.len() + add.len());
        let fresh: BTreeSet<TakenFrom> = add.iter().map(|keys| (keys.recording, keys.digest)).collect();
        for keys in before {
            if !keep(keys.recording, &keys.digest) {
                gone.files += 1;
                gone.keys += keys.count() as u64;
            } else if !fresh.contains(&(keys.recording, keys.digest)) {
                entries.push(keys);
            }
        }
        entries.extend(add);
        let path = self.folders.root.join(page);
        let folder = self.make_folder(page)?;
        let (old, draft) = (path.with_extension("old"), path.with_extension("new"));
        if !entries.is_empty() {
            let mut file = self.folders.create(&draft)?;
            file.append(&self.bytes(&entries)).map_err(failed(Attempt::Append, &draft))?;
            file.sync().map_err(failed(Attempt::Sync, &draft))?;
        }
        // Not every file system gives a file a second name, so that for a moment there is none.
        if self.folders.open(&path, Access::Read)?.is_some() {
            self.folders.rename(&path, &old)?;
            self.folders.sync(&folder)?;
        }
        if !entries.is_empty() {
            self.folders.rename(&draft, &path)?;
            self.folders.sync(&folder)?;
        }
        if self.folders.open(&old, Access::Read)?.is_some() {
            self.discard(&old, &folder)?;
        }
        Ok(gone)
    }

    /// Overwrites all of a file, and removes it.
    fn discard(&self, path: &Path, folder: &Path) -> Result<(), DiskError> {
        let all = 0..u64::MAX;
        self.folders.disk.wipe(path, std::slice::from_ref(&all)).map_err(failed(Attempt::Wipe, path))?;
        self.folders.remove(path)?;
        self.folders.sync(folder)
    }

    fn make_folder(&self, page: &Path) -> Result<PathBuf, DiskError> {
        let mut folder = self.folders.root.clone();
        for name in page.parent().unwrap_or(Path::new("")).components() {
            let parent = folder.clone();
            folder.push(name);
            self.folders.disk.create_dir(&folder).map_err(failed(Attempt::CreateDir, &folder))?;
            self.folders.sync(&parent)?;
        }
        Ok(folder)
    }

    /// Opens a page under the name it has now.
    fn open(&self, page: &Path) -> Result<Option<OpenPage>, DiskError> {
        for name in [page.to_owned(), page.with_extension("old")] {
            let path = self.folders.root.join(name);
            if let Some(file) = self.folders.open(&path, Access::Read)? {
                return Ok(Some((file, path)));
            }
        }
        Ok(None)
    }

    fn table(&self, file: &dyn DiskFile, path: &Path) -> Result<Vec<Entry>, PageError> {
        let damaged = |what| PageError::Damaged { path: path.to_owned(), what };
        let head = read(file, path, 0, HEAD_BYTES)?;
        let (said, crc) = head.split_last_chunk::<4>().ok_or_else(|| damaged("its head is cut"))?;
        let mut fields = Fields(said);
        let is_ours = fields.take::<8>() == Some(*MAGIC) && crc32c::crc32c(said).to_le_bytes() == *crc;
        let (backup, count) = (fields.take::<16>(), fields.u32());
        let (true, Some(backup), Some(count)) = (is_ours, backup, count) else {
            return Err(damaged("its head is none"));
        };
        if BackupId(backup) != self.backup {
            return Err(PageError::OtherBackup { path: path.to_owned() });
        }
        let bytes = (count as usize).saturating_mul(ENTRY_BYTES);
        let length = file.len().map_err(failed(Attempt::Read, path))?;
        if bytes as u64 > length {
            return Err(damaged("its table is cut"));
        }
        let table = read(file, path, HEAD_BYTES as u64, bytes + 4)?;
        let (said, crc) = table.split_last_chunk::<4>().ok_or_else(|| damaged("its table is cut"))?;
        if said.len() != bytes || crc32c::crc32c(said).to_le_bytes() != *crc {
            return Err(damaged("its table is none"));
        }
        let entries: Option<Vec<Entry>> = said.chunks_exact(ENTRY_BYTES).map(Entry::read).collect();
        entries.ok_or_else(|| damaged("its table is none"))
    }

    fn bytes(&self, entries: &[TakenKeys]) -> Vec<u8> {
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&self.backup.0);
        head.extend_from_slice(&u32::try_from(entries.len()).unwrap_or(u32::MAX).to_le_bytes());
        let mut page = with_checksum(head);
        let bodies: Vec<Vec<u8>> = entries.iter().map(body).collect();
        let mut table = Vec::with_capacity(entries.len() * ENTRY_BYTES);
        for (keys, body) in entries.iter().zip(&bodies) {
            table.extend_from_slice(keys.recording.as_bytes());
            table.extend_from_slice(&keys.digest.0);
            table.extend_from_slice(&keys.file_bytes.to_le_bytes());
            table.extend_from_slice(&u32::try_from(keys.count()).unwrap_or(u32::MAX).to_le_bytes());
            table.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
        }
        page.extend_from_slice(&with_checksum(table));
        page.extend(bodies.into_iter().flatten());
        page
    }
}

impl Entry {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        Some(Self {
            recording: RecordingId::from_bytes(fields.take()?),
            digest: Digest(fields.take()?),
            file_bytes: fields.u64()?,
            keys: fields.u32()?,
            bytes: fields.u32()?,
        })
    }
}

fn body(keys: &TakenKeys) -> Vec<u8> {
    let mut body = Vec::new();
    for (offset, key) in &keys.keys {
        body.extend_from_slice(&offset.to_le_bytes());
        body.extend_from_slice(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_le_bytes());
        body.extend_from_slice(key);
    }
    with_checksum(body)
}

/// The keys of an entry; `None` if they are damaged.
fn read_keys(entry: &Entry, body: &[u8]) -> Option<TakenKeys> {
    let (said, crc) = body.split_last_chunk::<4>()?;
    if crc32c::crc32c(said).to_le_bytes() != *crc || body.len() != entry.bytes as usize {
        return None;
    }
    let (mut fields, mut keys, mut at) = (Fields(said), Vec::new(), 0);
    for _ in 0..entry.keys {
        let (offset, bytes) = (fields.u64()?, fields.u32()? as usize);
        let (key, rest) = fields.0.split_at_checked(bytes)?;
        // In order, and within the file: they are put between pieces of it.
        let end = offset.checked_add(bytes as u64)?;
        if offset < at || end > entry.file_bytes {
            return None;
        }
        at = end;
        keys.push((offset, key.to_vec()));
        fields = Fields(rest);
    }
    let Entry { recording, digest, file_bytes, .. } = *entry;
    fields.0.is_empty().then_some(TakenKeys { recording, digest, file_bytes, keys })
}

fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// Bytes of a file, or as many as there are.
fn read(file: &dyn DiskFile, path: &Path, offset: u64, bytes: usize) -> Result<Vec<u8>, DiskError> {
    let length = file.len().map_err(failed(Attempt::Read, path))?;
    let left = usize::try_from(length.saturating_sub(offset)).unwrap_or(usize::MAX);
    let mut into = vec![0; bytes.min(left)];
    let read = read_full(file, &mut into, offset).map_err(failed(Attempt::Read, path))?;
    into.truncate(read);
    Ok(into)
}
