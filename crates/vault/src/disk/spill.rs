//! Two volumes as one disk: what is new goes to the second while the first refuses, or has no room to spare (E2-08, E2-09).
//!
//! A file lies on one of them, under the same path below the volume's folder, and never moves. Only a file that is new has
//! a choice; a draft of something lies where that lies, so that a rename stays on one volume. A volume that refused a
//! write is doubted until [`SpillDisk::look_again`] has written to it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Access, Disk, DiskFile, LockGuard, Space};
use crate::recording::place;

/// Written to see whether a volume takes anything, and removed.
const PROBE: &str = "probe";

/// As much as a file system writes at once, and then some.
const PROBE_BYTES: usize = 64 << 10;

/// See the module's head. Clones are the same disk.
#[derive(Clone)]
pub struct SpillDisk(Arc<Volumes>);

struct Volumes {
    pair: [Volume; 2],
    reserve_bytes: u64,
    /// Folders with names that are not durable yet, by volume.
    unsynced: Mutex<BTreeMap<(usize, PathBuf), Since>>,
}

/// What is known of names that are not durable yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    /// They changed after the folder was synced last, or tried to be.
    Then,
    /// A sync of them failed.
    Failed,
}

struct Volume {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    doubted: AtomicBool,
}

impl SpillDisk {
    /// The disk whose paths are those of `first`, and whose files lie below `first` or `second`. New files go to the second
    /// while the first has less than `reserve_bytes` to give.
    pub fn new(first: (Arc<dyn Disk>, &Path), second: (Arc<dyn Disk>, &Path), reserve_bytes: u64) -> Self {
        let volume = |(disk, root): (Arc<dyn Disk>, &Path)| Volume {
            disk,
            root: root.to_owned(),
            doubted: AtomicBool::new(false),
        };
        let pair = [volume(first), volume(second)];
        Self(Arc::new(Volumes { pair, reserve_bytes, unsynced: Mutex::default() }))
    }

    /// The folders of volumes that refused a write and have not taken one since.
    pub fn doubted(&self) -> Vec<PathBuf> {
        let doubted = self.0.pair.iter().filter(|volume| volume.is_doubted());
        doubted.map(|volume| volume.root.clone()).collect()
    }

    /// Whether new files go to the second volume now.
    pub fn spills(&self) -> bool {
        !self.0.is_fit(0)
    }

    /// Writes to the volumes that are doubted, to see whether they take it again. May take as long as a disk hangs.
    pub fn look_again(&self) {
        for volume in self.0.pair.iter().filter(|volume| volume.is_doubted()) {
            if volume.probe().is_ok() {
                volume.doubted.store(false, Ordering::Relaxed);
            }
        }
    }

    /// Where the file at a path is, on whichever volume; the path itself if it is on none.
    pub fn place_of(&self, path: &Path) -> PathBuf {
        let places = [0, 1].map(|number| self.0.at(number, path));
        let has = |number: &usize| self.0.pair[*number].disk.open(&places[*number], Access::Read).is_ok();
        let number = [0, 1].into_iter().find(has).unwrap_or(0);
        places[number].clone()
    }
}

impl Volume {
    fn is_doubted(&self) -> bool {
        self.doubted.load(Ordering::Relaxed)
    }

    fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    fn probe(&self) -> io::Result<()> {
        let path = self.root.join(PROBE);
        match self.disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = self.disk.create(&path)?;
        file.append(&[0; PROBE_BYTES])?;
        file.sync()?;
        self.disk.remove(&path)
    }
}

impl Volumes {
    /// The path of a file on a volume.
    fn at(&self, number: usize, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.pair[0].root) {
            Ok(relative) if number == 1 => self.pair[1].root.join(relative),
            _ => path.to_owned(),
        }
    }

    fn unsynced(&self) -> MutexGuard<'_, BTreeMap<(usize, PathBuf), Since>> {
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, number: usize, path: &Path) -> bool {
        self.pair[number].disk.open(&self.at(number, path), Access::Read).is_ok()
    }

    /// Whether a volume is to take what is new.
    fn is_fit(&self, number: usize) -> bool {
        let volume = &self.pair[number];
        !volume.is_doubted()
            && volume.disk.space(&volume.root).is_ok_and(|space| space.free_bytes >= self.reserve_bytes)
    }

    /// The volumes on which a new file may lie, the better first.
    fn choices(&self, path: &Path) -> Vec<usize> {
        let home = |paths: &[PathBuf]| {
            (0..2).find(|number| paths.iter().any(|path| self.has(*number, path))).unwrap_or(0)
        };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("new") => vec![home(&[path.with_extension("part"), path.with_extension("suspect")])],
            Some("remainder") => {
                let id = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
                vec![id.map_or(0, |id| home(&[self.pair[0].root.join(place::sealed(id))]))]
            }
            _ if self.is_fit(0) => vec![0, 1],
            _ => vec![1, 0],
        }
    }

    /// Makes the folder that holds a file of the second volume, and those above it.
    fn make_folders(&self, number: usize, folder: &Path) -> io::Result<()> {
        let volume = &self.pair[number];
        let Ok(relative) = folder.strip_prefix(&volume.root) else { return Ok(()) };
        let mut path = volume.root.clone();
        for part in relative.components() {
            let above = path.clone();
            path.push(part);
            volume.disk.create_dir(&path)?;
            volume.disk.sync_dir(&above)?;
        }
        Ok(())
    }

    /// Does something to a file on the volume it is on.
    fn where_it_is<T>(
        &self,
        path: &Path,
        act: impl Fn(usize, &Volume, &Path) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut refused = None;
        for number in 0..2 {
            match act(number, &self.pair[number], &self.at(number, path)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => refused = refused.or(Some(error)),
                done => return done,
            }
        }
        Err(refused.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
    }

    fn note(&self, number: usize, folder: Option<&Path>) {
        if let Some(folder) = folder {
            self.unsynced().insert((number, folder.to_owned()), Since::Then);
        }
    }
}

impl Disk for SpillDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let volumes = &self.0;
        if (0..2).any(|number| volumes.has(number, path)) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut refused = None;
        for number in volumes.choices(path) {
            let (volume, at) = (&volumes.pair[number], volumes.at(number, path));
            let folder = at.parent().unwrap_or(&volume.root).to_owned();
            let created = match number {
                0 => volume.disk.create(&at),
                _ => volumes.make_folders(number, &folder).and_then(|()| volume.disk.create(&at)),
            };
            match created {
                Ok(file) => {
                    volumes.note(number, path.parent());
                    return Ok(Box::new(SpillFile { volumes: Arc::clone(volumes), number, file }));
                }
                Err(error) => {
                    volume.doubt();
                    refused = refused.or(Some(error));
                }
            }
        }
        Err(refused.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let volumes = &self.0;
        volumes.where_it_is(path, |number, volume, at| {
            let file = volume.disk.open(at, access)?;
            Ok(Box::new(SpillFile { volumes: Arc::clone(volumes), number, file }) as Box<dyn DiskFile>)
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let volumes = &self.0;
        volumes.where_it_is(from, |number, volume, at| {
            let target = volumes.at(number, to);
            if number == 1 {
                if !volumes.has(number, from) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                volumes.make_folders(number, target.parent().unwrap_or(&volume.root))?;
            }
            volume.disk.rename(at, &target)?;
            volumes.note(number, from.parent());
            volumes.note(number, to.parent());
            Ok(())
        })
    }

    fn link(&self, path: &Path, second: &Path) -> io::Result<()> {
        let volumes = &self.0;
        volumes.where_it_is(path, |number, volume, at| {
            let target = volumes.at(number, second);
            if number == 1 {
                volumes.make_folders(number, target.parent().unwrap_or(&volume.root))?;
            }
            volume.disk.link(at, &target)?;
            volumes.note(number, second.parent());
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let volumes = &self.0;
        volumes.where_it_is(path, |number, volume, at| {
            volume.disk.remove(at)?;
            volumes.note(number, path.parent());
            Ok(())
        })
    }

    fn wipe(&self, path: &Path, spans: &[Range<u64>]) -> io::Result<()> {
        self.0.where_it_is(path, |_, volume, at| volume.disk.wipe(at, spans))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let volumes = &self.0;
        let was_there = volumes.pair[0].disk.list(path).is_ok();
        match volumes.pair[0].disk.create_dir(path) {
            Ok(()) => {
                // Of one that was there nobody waits for the name, if the volume refuses.
                if !was_there || !volumes.pair[0].is_doubted() {
                    volumes.note(0, path.parent());
                }
                Ok(())
            }
            // The second makes its own when it needs them.
            Err(_) if volumes.pair[0].is_doubted() => volumes.make_folders(1, &volumes.at(1, path)),
            Err(error) => Err(error),
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let volumes = &self.0;
        let [first, second] = [0, 1].map(|number| volumes.pair[number].disk.list(&volumes.at(number, path)));
        match (first, second) {
            (Err(error), Err(second)) if second.kind() == io::ErrorKind::NotFound => Err(error),
            (first, second) => {
                let found = |names: io::Result<Vec<String>>| match names {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
                    names => names,
                };
                let names: BTreeSet<String> = found(first)?.into_iter().chain(found(second)?).collect();
                Ok(names.into_iter().collect())
            }
        }
    }

    /// Who has changed names on one volume is not kept from going on by names of the other whose sync has failed: whoever
    /// changed those was told, and is told again when that folder is synced with nothing new in it.
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let volumes = &self.0;
        let since = [0, 1].map(|number| volumes.unsynced().get(&(number, path.to_owned())).copied());
        let is_new = since.contains(&Some(Since::Then));
        for (number, volume) in volumes.pair.iter().enumerate() {
            let is_asked_for = match since[number] {
                Some(Since::Then) => true,
                Some(Since::Failed) => !is_new,
                None => false,
            };
            if !is_asked_for && volume.is_doubted() {
                continue;
            }
            match volume.disk.sync_dir(&volumes.at(number, path)) {
                Ok(()) => {
                    volumes.unsynced().remove(&(number, path.to_owned()));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound && since[number].is_none() => {}
                Err(error) => {
                    volume.doubt();
                    volumes.unsynced().insert((number, path.to_owned()), Since::Failed);
                    if is_asked_for || since[number].is_none() {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<LockGuard> {
        let [first, second] = &self.0.pair;
        let held = (first.disk.lock(path)?, second.disk.lock(&self.0.at(1, path))?);
        Ok(Box::new(held))
    }

    /// Of both; a volume that is doubted has nothing to give.
    fn space(&self, path: &Path) -> io::Result<Space> {
        let volumes = &self.0;
        let mut sum: Option<Space> = None;
        let mut refused = None;
        for (number, volume) in volumes.pair.iter().enumerate() {
            match volume.disk.space(if number == 0 { path } else { &volume.root }) {
                Ok(space) => {
                    let sum = sum.get_or_insert(Space { free_bytes: 0, total_bytes: 0 });
                    sum.total_bytes = sum.total_bytes.saturating_add(space.total_bytes);
                    if !volume.is_doubted() {
                        sum.free_bytes = sum.free_bytes.saturating_add(space.free_bytes);
                    }
                }
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        sum.ok_or_else(|| refused.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
    }
}

/// A file, and the volume that is doubted when it refuses.
struct SpillFile {
    volumes: Arc<Volumes>,
    number: usize,
    file: Box<dyn DiskFile>,
}

impl DiskFile for SpillFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes).inspect_err(|_| self.volumes.pair[self.number].doubt())
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(into, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync().inspect_err(|_| self.volumes.pair[self.number].doubt())
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}
