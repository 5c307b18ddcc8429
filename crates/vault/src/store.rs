//! The store: a data folder opened, checked, recovered and taken apart into its owners.
//!
//! ```text
//! format                          one line: `sidetone data 1`
//! lock                            held while a recorder runs
//! journal/0000000000000001.seg    live calls, all of them
//! live/<recording>.part           recordings not sealed yet, moved out of the journal
//! recordings/YYYY/MM/DD/<recording>.rec    sealed, never changed; replaced when some of it is erased
//! ```
//! Belongs here: opening, and who gets what. Does not: what each of them does.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use calls::id::RecordingId;

use crate::disk::{Access, Attempt, Disk, DiskError, LockGuard, RealDisk, Space, failed, read_full};
use crate::follow::Follower;
use crate::intake::Intake;
use crate::journal::recovery::{Damage, RecoveryError, recover, stranger};
use crate::journal::settlement::Settlement;
use crate::journal::writer::JournalWriter;
use crate::keys::{ReadingKey, RecorderKeys, StateKeys, random};
use crate::recording::digest::Digest;
use crate::recording::part::Folders;
use crate::recording::place;
use crate::recording::reader::{ReadError, RecordingReader};
use crate::redact::trailer_of;
use crate::seal::Sealer;
use crate::verify::{Verified, verify};

/// What the file `format` says.
const FORMAT: &[u8] = b"sidetone data 1\n";

/// A longer file `format` is none of ours.
const MAX_FORMAT_BYTES: usize = 256;

/// How the store is to behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// A journal segment that has this many bytes is followed by a new one at the next commit. Default 64 MiB; the
    /// journal holds two or three segments when settling keeps up.
    pub segment_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20 }
    }
}

/// Why a data folder cannot be opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Another recorder runs on it.
    #[error("the data folder {} is in use by another recorder; stop that one or choose another folder", root.display())]
    InUse {
        /// The folder.
        root: PathBuf,
    },
    /// It was written by another version.
    #[error("the data folder {} has the format `{found}`, this program reads `sidetone data 1`; nothing was changed", root.display())]
    OtherVersion {
        /// The folder.
        root: PathBuf,
        /// What its file `format` says.
        found: String,
    },
    /// There are files of ours, and no file that tells their format.
    #[error("the folder {} has a journal but no file `format`; restore it from a backup, or choose another folder", root.display())]
    NoFormat {
        /// The folder.
        root: PathBuf,
    },
    /// The journal was written with another state key.
    #[error("the journal segment {} was written with another state key; restore the key folder that belongs to this data", path.display())]
    OtherStateKey {
        /// The first such segment.
        path: PathBuf,
    },
}

/// The store; see [`Store::open`].
#[derive(Debug)]
pub struct Store;

/// The owners an open store is made of.
pub struct Opened {
    /// For the media threads.
    pub intake: Intake,
    /// For the journal's thread.
    pub writer: JournalWriter,
    /// For the sealing thread.
    pub sealer: Sealer,
    /// For readers.
    pub archive: Archive,
    /// What was found.
    pub recovered: Recovered,
}

/// What a store held when it was opened.
#[derive(Debug)]
pub struct Recovered {
    /// The last state that was written, if there is one.
    pub checkpoint: Option<Vec<u8>>,
    /// The number of that state, 0 without one: events up to it are in it, and not among those listed.
    pub checkpoint_number: u64,
    /// The number of the last event or state that is known.
    pub last_number: u64,
    /// The events after it, with their numbers, in order.
    pub events: Vec<(u64, Vec<u8>)>,
    /// Recordings that are not known to be sealed and done with: seal them, or go on with them.
    pub unfinished: Vec<Unfinished>,
    /// What could not be used. Torn tails are what a crash leaves; everything else is an alarm.
    pub damage: Vec<Damage>,
}

/// A recording with frames outside a sealed file.
#[derive(Debug, Clone)]
pub struct Unfinished {
    /// Which recording.
    pub recording: RecordingId,
    /// Its frames in the journal; its part file may hold more. For `Sealer::survey`, `settle` and `seal`.
    pub settlement: Settlement,
    /// It is sealed: the recorder stopped before the journal was told. `Sealer::seal` returns what was sealed.
    pub already_sealed: bool,
}

/// A data folder that is held, so that no recorder starts on it.
pub struct Held {
    _lock: LockGuard,
}

impl Store {
    /// Whether a recorder with these state keys would start on the journal of the data folder `root`. Changes nothing.
    ///
    /// # Errors
    /// [`OpenError::OtherStateKey`] with the first segment of another; [`OpenError::Disk`].
    pub fn expect_fit(root: &Path, keys: &StateKeys) -> Result<(), OpenError> {
        let (disk, folder) = (RealDisk::new(), root.join("journal"));
        match stranger(&disk, &folder, keys)? {
            Some(path) => Err(OpenError::OtherStateKey { path }),
            None => Ok(()),
        }
    }

    /// Holds the data folder `root`, which a recorder has been started on, and looks at its format. Nothing is changed.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn hold(disk: Arc<dyn Disk>, root: &Path) -> Result<Held, OpenError> {
        let folders = Folders { disk, root: root.to_owned() };
        let path = root.join("format");
        if folders.open(&path, Access::Read)?.is_none() {
            return Err(OpenError::NoFormat { root: root.to_owned() });
        }
        let _lock = take_lock(&folders)?;
        read_format(&folders)?;
        Ok(Held { _lock })
    }

    /// Opens the data folder `root`, which exists, for recording; makes what is not there yet. What a crash left is
    /// read, reported, and kept as it is.
    ///
    /// # Errors
    /// [`OpenError`], with nothing changed that was there.
    ///
    /// # Panics
    /// If the operating system has no randomness to give.
    pub fn open(
        disk: Arc<dyn Disk>,
        root: &Path,
        keys: &RecorderKeys,
        settings: Settings,
    ) -> Result<Opened, OpenError> {
        let folders = Folders { disk: Arc::clone(&disk), root: root.to_owned() };
        let lock = Arc::new(take_lock(&folders)?);
        check_format(&folders)?;
        let mut found = recover(&*disk, &folders.journal(), keys).map_err(|error| match error {
            RecoveryError::Disk(error) => OpenError::Disk(error),
            RecoveryError::OtherStateKey(path) => OpenError::OtherStateKey { path },
        })?;
        let unfinished = unfinished(&folders, std::mem::take(&mut found.frames))?;
        found.past.run = *random();
        let last_number = found.past.last_seq;
        let past = (found.past, Arc::clone(&lock));
        let writer = JournalWriter::new(disk, folders.journal(), keys.clone(), settings.segment_bytes, past);
        Ok(Opened {
            intake: Intake::new(keys.clone()),
            writer,
            sealer: Sealer::new(folders.clone(), keys.clone(), lock),
            archive: Archive { folders },
            recovered: Recovered {
                checkpoint: found.checkpoint,
                checkpoint_number: found.checkpoint_number,
                last_number,
                events: found.events,
                unfinished,
                damage: found.damage,
            },
        })
    }
}

fn take_lock(folders: &Folders) -> Result<LockGuard, OpenError> {
    let path = folders.root.join("lock");
    folders.disk.lock(&path).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => OpenError::InUse { root: folders.root.clone() },
        _ => failed(Attempt::Lock, &path)(error).into(),
    })
}

/// Whether there is a file that tells the format; refuses another version.
fn read_format(folders: &Folders) -> Result<bool, OpenError> {
    let path = folders.root.join("format");
    let Some(file) = folders.open(&path, Access::Read)? else { return Ok(false) };
    let mut text = [0; MAX_FORMAT_BYTES];
    let read = file.read_at(&mut text, 0).map_err(failed(Attempt::Read, &path))?;
    if text[..read] != *FORMAT {
        let found = String::from_utf8_lossy(&text[..read]).trim_end().to_owned();
        return Err(OpenError::OtherVersion { root: folders.root.clone(), found });
    }
    Ok(true)
}

/// Refuses a folder of another version; gives an empty one its format and its folders.
fn check_format(folders: &Folders) -> Result<(), OpenError> {
    let (disk, root) = (&folders.disk, &folders.root);
    let path = root.join("format");
    if !read_format(folders)? {
        let names = disk.list(root).map_err(failed(Attempt::List, root))?;
        if names.iter().any(|name| name == "journal" || name == place::SEALED) {
            return Err(OpenError::NoFormat { root: root.clone() });
        }
        let draft = root.join("format.new");
        folders.remove(&draft)?;
        let mut file = disk.create(&draft).map_err(failed(Attempt::Create, &draft))?;
        file.append(FORMAT).map_err(failed(Attempt::Append, &draft))?;
        file.sync().map_err(failed(Attempt::Sync, &draft))?;
        folders.rename(&draft, &path)?;
        folders.sync(root)?;
    }
    for name in [place::LIVE, place::SEALED, "journal"] {
        let folder = root.join(name);
        disk.create_dir(&folder).map_err(failed(Attempt::CreateDir, &folder))?;
    }
    folders.sync(root)?;
    Ok(())
}

/// Joins the recordings found in the journal with those that have a part file.
fn unfinished(
    folders: &Folders,
    mut frames: BTreeMap<RecordingId, Settlement>,
) -> Result<Vec<Unfinished>, DiskError> {
    let live = folders.live();
    for name in folders.disk.list(&live).map_err(failed(Attempt::List, &live))? {
        let id = name.strip_suffix(".part").or_else(|| name.strip_suffix(".suspect"));
        if let Some(recording) = id.and_then(|id| id.parse::<RecordingId>().ok()) {
            frames.entry(recording).or_insert_with(|| Settlement::new(recording));
        }
    }
    let unfinished = frames.into_iter().map(|(recording, settlement)| {
        let sealed = folders.root.join(place::sealed(recording));
        let already_sealed = folders.open(&sealed, Access::Read)?.is_some();
        Ok(Unfinished { recording, settlement, already_sealed })
    });
    unfinished.collect()
}

/// What lies in a data folder.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Recordings that have a sealed file where it belongs.
    pub sealed: Vec<RecordingId>,
    /// Recordings that are on their way to one.
    pub unsealed: Vec<RecordingId>,
    /// What is no recording, or not where it belongs; relative to the data folder.
    pub strangers: Vec<PathBuf>,
}

/// The sealed recordings, for whoever reads.
#[derive(Clone)]
pub struct Archive {
    pub(crate) folders: Folders,
}

impl Archive {
    /// The archive of a data folder, for readers that do not record. Takes no lock: sealed files never change.
    pub fn new(disk: Arc<dyn Disk>, root: &Path) -> Self {
        Self { folders: Folders { disk, root: root.to_owned() } }
    }

    /// Where the sealed file of a recording is, relative to the data folder; from its id alone.
    pub fn path_of(&self, recording: RecordingId) -> PathBuf {
        place::sealed(recording)
    }

    /// Opens a sealed recording for reading.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn open(&self, recording: RecordingId, key: &ReadingKey) -> Result<RecordingReader, ReadError> {
        RecordingReader::open(&self.folders, recording, key)
    }

    /// Follows a recording that is not sealed yet, from its beginning.
    pub fn follow(&self, recording: RecordingId, key: &ReadingKey) -> Follower {
        Follower::new(self.folders.clone(), recording, key)
    }

    /// Reads a sealed recording through and checks it: checksums and digest chain, and every tag if there is a key.
    ///
    /// # Errors
    /// [`ReadError`] names the first bad place.
    pub fn verify(&self, recording: RecordingId, key: Option<&ReadingKey>) -> Result<Verified, ReadError> {
        verify(&self.folders, recording, key)
    }

    /// Length of the sealed file of a recording, if it has one.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn bytes_of(&self, recording: RecordingId) -> Result<Option<u64>, DiskError> {
        let path = self.folders.root.join(place::sealed(recording));
        let file = self.folders.open(&path, Access::Read)?;
        file.map(|file| file.len().map_err(failed(Attempt::Read, &path))).transpose()
    }

    /// The digest that the sealed file of a recording ends with, if it has one and ends so; nothing is checked.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn digest_of(&self, recording: RecordingId) -> Result<Option<Digest>, DiskError> {
        let trailer = trailer_of(&self.folders, &self.folders.root.join(place::sealed(recording)))?;
        Ok(trailer.map(|trailer| Digest(trailer.digest)))
    }

    /// Reads bytes of the sealed file of a recording, as they are, from `offset` on; fewer than asked for mean its end.
    ///
    /// # Errors
    /// [`ReadError::NotSealed`], [`ReadError::Disk`].
    pub fn read_raw(&self, recording: RecordingId, into: &mut [u8], offset: u64) -> Result<usize, ReadError> {
        let path = self.folders.root.join(place::sealed(recording));
        let file = self.folders.open(&path, Access::Read)?.ok_or(ReadError::NotSealed { recording })?;
        Ok(read_full(&*file, into, offset).map_err(failed(Attempt::Read, &path))?)
    }

    /// The recordings that have a sealed file where it belongs, oldest first.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn list_sealed(&self) -> Result<Vec<RecordingId>, DiskError> {
        let mut listing = Listing::default();
        self.list_folder(Path::new(place::SEALED), &mut listing)?;
        listing.sealed.sort_unstable();
        Ok(listing.sealed)
    }

    /// What there is below `recordings` and `live`, oldest first.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn list(&self) -> Result<Listing, DiskError> {
        let mut listing = Listing::default();
        self.list_folder(Path::new(place::SEALED), &mut listing)?;
        let live = self.folders.live();
        let names = self.folders.disk.list(&live).map_err(failed(Attempt::List, &live))?;
        let id = |name: &String| name.rsplit_once('.')?.0.parse().ok();
        listing.unsealed = names.iter().filter_map(id).collect();
        listing.sealed.sort_unstable();
        listing.strangers.sort_unstable();
        Ok(listing)
    }

    fn list_folder(&self, folder: &Path, listing: &mut Listing) -> Result<(), DiskError> {
        let path = self.folders.root.join(folder);
        for name in self.folders.disk.list(&path).map_err(failed(Attempt::List, &path))? {
            let relative = folder.join(&name);
            let id = name.strip_suffix(".rec").and_then(|id| id.parse::<RecordingId>().ok());
            let depth = relative.components().count();
            match id {
                Some(id) if place::sealed(id) == relative => listing.sealed.push(id),
                _ if depth <= 4 && name.bytes().all(|byte| byte.is_ascii_digit()) => {
                    self.list_folder(&relative, listing)?;
                }
                // On its way out.
                _ if name.strip_suffix(".erased").is_some_and(|id| id.parse::<RecordingId>().is_ok()) => {}
                _ => listing.strangers.push(relative),
            }
        }
        Ok(())
    }

    /// How much room the volume has.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn space(&self) -> Result<Space, DiskError> {
        let root = &self.folders.root;
        self.folders.disk.space(root).map_err(failed(Attempt::Space, root))
    }
}
