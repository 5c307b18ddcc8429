//! The archives of the settings: where sealed files go beside the data folder, and are read from again.
//!
//! Belongs here: what is the same for each kind. Does not: what is brought where, and when (`archivist`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use calls::id::RecordingId;
use vault::{Archive, Destroyed, Digest, Disk, RealDisk, Shelf};

use super::bucket::Bucket;
use crate::config::Config;
use crate::keep::Volumes;

/// Where an archive is.
#[derive(Clone)]
enum Target {
    /// A folder of this machine, or one that is mounted.
    Folder(Shelf),
    /// A store that speaks S3.
    Bucket(Bucket),
}

/// Files that were fetched from object stores and are kept to be read again; the oldest goes for the next.
const FETCHED_MAX: usize = 64;

/// The archives, and the data folder. Cheap to clone.
#[derive(Clone)]
pub struct Archives {
    local: Archive,
    /// Where files of object stores are brought to be read.
    fetched: Shelf,
    targets: Arc<BTreeMap<String, Target>>,
    /// One is fetched at a time: two of one recording would write the same file.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// Why an archive does not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// The settings name no such archive.
    #[error("the settings name no archive \"{0}\"; add it with [[archive]]")]
    Unknown(String),
    /// It does not answer, or not as it should.
    #[error("the archive \"{name}\" does not do it: {cause}")]
    Failed {
        /// Which.
        name: String,
        /// What stands in the way.
        cause: String,
    },
}

impl Archives {
    /// Those of folders by name; the folders need not be there yet.
    pub fn of_folders(local: Archive, disk: &Arc<dyn Disk>, folders: &[(String, PathBuf)]) -> Self {
        let target = |path: &Path| Target::Folder(Shelf::new(Arc::clone(disk), path));
        let targets = folders.iter().map(|(name, path)| (name.clone(), target(path))).collect();
        let fetched = Shelf::new(Arc::clone(disk), Path::new("/fetched"));
        Self { local, fetched, targets: Arc::new(targets), turn: Arc::default() }
    }

    /// Those of the settings. What is fetched goes to the folder `fetched`, which is made.
    ///
    /// # Errors
    /// [`ArchiveError`] if the settings of one cannot be used.
    pub fn of(config: &Config, volumes: &Volumes, fetched: &str) -> Result<Self, ArchiveError> {
        let disk = Arc::new(RealDisk::new()) as Arc<dyn Disk>;
        let mut targets = BTreeMap::new();
        for site in &config.archives {
            let failed = |cause: String| ArchiveError::Failed { name: site.name.clone(), cause };
            let target = match (&site.folder, &site.bucket) {
                (Some(folder), _) => Target::Folder(Shelf::new(Arc::clone(&disk), folder)),
                (None, Some(bucket)) => {
                    Target::Bucket(Bucket::open(bucket).map_err(|error| failed(error.to_string()))?)
                }
                (None, None) => return Err(failed("it has no place".to_owned())),
            };
            if matches!(target, Target::Bucket(_)) {
                let made = disk.create_dir(&volumes.data().join(fetched));
                made.map_err(|error| failed(format!("{fetched} cannot be made: {error}")))?;
            }
            targets.insert(site.name.clone(), target);
        }
        let fetched = Shelf::new(disk, &volumes.data().join(fetched));
        let targets = Arc::new(targets);
        Ok(Self { local: volumes.archive(), fetched, targets, turn: Arc::default() })
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.targets.keys().map(String::as_str)
    }

    fn target(&self, name: &str) -> Result<Target, ArchiveError> {
        self.targets.get(name).cloned().ok_or_else(|| ArchiveError::Unknown(name.to_owned()))
    }

    /// Where the file of a recording can be read that is at `place`: in the data folder, or an archive.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub async fn reader(
        &self,
        place: Option<&str>,
        recording: RecordingId,
        digest: Digest,
    ) -> Result<Archive, ArchiveError> {
        let Some(name) = place else { return Ok(self.local.clone()) };
        match self.target(name)? {
            Target::Folder(shelf) => Ok(shelf.archive()),
            Target::Bucket(bucket) => self.fetch(name, bucket, recording, digest).await,
        }
    }

    /// Brings a file of an object store to this machine, to be read. It is whole, and has the digest.
    async fn fetch(
        &self,
        name: &str,
        bucket: Bucket,
        recording: RecordingId,
        digest: Digest,
    ) -> Result<Archive, ArchiveError> {
        let _turn = self.turn.lock().await;
        let (fetched, runtime) = (self.fetched.clone(), tokio::runtime::Handle::current());
        on_a_thread(name, move || {
            let archive = fetched.archive();
            let mut source = Fetching { bucket, recording, archive: archive.clone(), part: None, runtime };
            fetched
                .put(recording, digest, &mut |into, at| source.read(into, at))
                .map_err(|error| error.to_string())?;
            let mut others = archive.list_sealed().map_err(|error| error.to_string())?;
            others.retain(|other| *other != recording);
            let surplus = others.len().saturating_sub(FETCHED_MAX - 1);
            for other in others.into_iter().take(surplus) {
                fetched.erase(other).map_err(|error| error.to_string())?;
            }
            Ok(archive)
        })
        .await
    }

    /// Brings a file to an archive, and sees to it that it is whole there: it was read back, and has the digest.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub async fn put(
        &self,
        name: &str,
        recording: RecordingId,
        digest: Digest,
        source: Archive,
    ) -> Result<u64, ArchiveError> {
        match self.target(name)? {
            Target::Folder(shelf) => {
                on_a_thread(name, move || {
                    let mut read = |into: &mut [u8], at: u64| {
                        source.read_raw(recording, into, at).map_err(std::io::Error::other)
                    };
                    shelf.put(recording, digest, &mut read).map_err(|error| error.to_string())
                })
                .await
            }
            Target::Bucket(bucket) => {
                bucket.put(recording, &source).await.map_err(|error| failed(name, error))
            }
        }
    }

    /// Destroys the file of a recording in an archive, its keys first where they can be overwritten. Again changes nothing.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub async fn erase(&self, name: &str, recording: RecordingId) -> Result<Destroyed, ArchiveError> {
        match self.target(name)? {
            Target::Folder(shelf) => {
                on_a_thread(name, move || shelf.erase(recording).map_err(|error| error.to_string())).await
            }
            // What is in a store cannot be overwritten; nor is there a second name.
            Target::Bucket(bucket) => {
                let removed = bucket.remove(&self.local, recording).await;
                let files = u64::from(removed.map_err(|error| failed(name, error))?);
                self.forget_fetched(recording).await?;
                Ok(Destroyed { files, keys: 0 })
            }
        }
    }

    /// What was fetched of a recording goes, keys first.
    async fn forget_fetched(&self, recording: RecordingId) -> Result<(), ArchiveError> {
        let fetched = self.fetched.clone();
        on_a_thread("fetched", move || match fetched.archive().bytes_of(recording) {
            Ok(None) => Ok(()),
            Ok(Some(_)) => fetched.erase(recording).map(drop).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        })
        .await
    }
}

fn failed(name: &str, error: impl std::error::Error) -> ArchiveError {
    let mut cause = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        cause = format!("{cause}: {source}");
        next = source.source();
    }
    ArchiveError::Failed { name: name.to_owned(), cause }
}

/// Bytes of an object, as a shelf takes them in.
struct Fetching {
    bucket: Bucket,
    recording: RecordingId,
    archive: Archive,
    /// The part that was fetched last, and where it begins.
    part: Option<(u64, Bytes)>,
    runtime: tokio::runtime::Handle,
}

impl Fetching {
    fn read(&mut self, into: &mut [u8], at: u64) -> std::io::Result<usize> {
        let inside = |(begin, part): &&(u64, Bytes)| (*begin..*begin + part.len() as u64).contains(&at);
        if self.part.as_ref().filter(inside).is_none() {
            let fetched = self.runtime.block_on(self.bucket.read(&self.archive, self.recording, at));
            self.part = Some((at, fetched.map_err(std::io::Error::other)?));
        }
        let Some((begin, part)) = &self.part else { return Ok(0) };
        let from = usize::try_from(at - begin).unwrap_or(usize::MAX);
        let rest = part.get(from..).unwrap_or_default();
        let read = rest.len().min(into.len());
        into[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }
}

/// Does something that waits for disks where nobody waits for it.
async fn on_a_thread<T: Send + 'static>(
    name: &str,
    act: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, ArchiveError> {
    let done = tokio::task::spawn_blocking(act).await;
    let done = done.unwrap_or_else(|error| Err(error.to_string()));
    done.map_err(|cause| ArchiveError::Failed { name: name.to_owned(), cause })
}
