//! A disk for tests: it loses power on demand, tears writes, fails calls, and remembers two images.
//!
//! Every file has its *live* bytes (what a reader sees now) and its *durable* bytes (what is left after the power
//! went); names have the same two lives, folder by folder. It is harsher than most file systems: a rename over
//! two folders leaves both names, or none, if only one of them is synced; and a failed sync throws the dirty bytes away for good while later
//! syncs of the same file say that all is well (E2-09, "fsyncgate").

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Access, Disk, DiskFile, LockGuard, Space};

/// What is left of unsynced bytes and names after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The process died; the machine lives: everything written is there.
    Process,
    /// The power went: only what was synced is there.
    Power,
    /// The power went while pages were under way: any part of the unsynced is there, in any order. The number
    /// chooses which.
    Torn(u64),
}

/// A simulated disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    nodes: Vec<Node>,
    live: Names,
    durable: Names,
    pending: Vec<NameChange>,
    locked: BTreeSet<PathBuf>,
    calls: u64,
    crash_at: Option<u64>,
    off: bool,
    lies: bool,
    failures: Vec<(u64, u64, io::ErrorKind)>,
}

#[derive(Debug, Default, Clone)]
struct Names {
    files: BTreeMap<PathBuf, usize>,
    folders: BTreeSet<PathBuf>,
}

/// A change of names that is not durable yet. A crash leaves it whole or undone; a sync of one folder makes that
/// folder's half of it durable.
#[derive(Debug, Default, Clone)]
struct NameChange {
    add: Option<(PathBuf, usize)>,
    remove: Option<PathBuf>,
}

impl Names {
    fn change(&mut self, change: NameChange) {
        if let Some(path) = change.remove {
            self.files.remove(&path);
        }
        if let Some((path, node)) = change.add {
            self.files.insert(path, node);
        }
    }
}

#[derive(Debug, Default, Clone)]
struct Node {
    live: Vec<u8>,
    durable: Vec<u8>,
    poisoned: bool,
}

impl SimDisk {
    /// An empty disk with the folder `/`.
    pub fn new() -> Self {
        let disk = Self::default();
        {
            let mut state = disk.state();
            state.live.folders.insert(PathBuf::from("/"));
            state.durable.folders.insert(PathBuf::from("/"));
        }
        disk
    }

    /// How many changing calls there were.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// The power goes in the `call`-th changing call from the disk's beginning, counted from 0: the call and all
    /// after it fail.
    pub fn crash_at(&self, call: u64) {
        self.state().crash_at = Some(call);
    }

    /// Calls `from` up to, not including, `until` fail with `kind`.
    pub fn fail(&self, from: u64, until: u64, kind: io::ErrorKind) {
        self.state().failures.push((from, until, kind));
    }

    /// No call fails any more.
    pub fn heal(&self) {
        self.state().failures.clear();
    }

    /// From now on the disk says that it has synced, and has not: to see that this is found out.
    pub fn leave_out_syncs(&self) {
        self.state().lies = true;
    }

    /// Whether the power went.
    pub fn is_off(&self) -> bool {
        self.state().off
    }

    /// The disk as the next start finds it. Handles and locks of before are void.
    #[must_use]
    pub fn after(&self, crash: Crash) -> Self {
        let state = self.state();
        let mut dice = Dice(match crash {
            Crash::Torn(seed) => seed ^ 0x9e37_79b9_7f4a_7c15,
            _ => 1,
        });
        let mut names = match crash {
            Crash::Process => state.live.clone(),
            Crash::Power => state.durable.clone(),
            Crash::Torn(_) => state.torn_names(&mut dice),
        };
        let folders = names.folders.clone();
        let reachable = |path: &Path| path.ancestors().skip(1).all(|folder| folders.contains(folder));
        names.files.retain(|path, _| reachable(path));
        names.folders.retain(|path| reachable(path));
        let nodes = state
            .nodes
            .iter()
            .map(|node| {
                let bytes = match crash {
                    Crash::Process => node.live.clone(),
                    Crash::Power => node.durable.clone(),
                    Crash::Torn(_) => node.torn(&mut dice),
                };
                Node { live: bytes.clone(), durable: bytes, poisoned: false }
            })
            .collect();
        Self(Arc::new(Mutex::new(State { nodes, live: names.clone(), durable: names, ..State::default() })))
    }

    /// Every file with its live bytes, in order of names.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let state = self.state();
        state.live.files.iter().map(|(path, node)| (path.clone(), state.nodes[*node].live.clone())).collect()
    }

    /// Puts a file there, durable, whatever was there before: for damage made by hand.
    pub fn put(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.state();
        state.nodes.push(Node { live: bytes.clone(), durable: bytes, poisoned: false });
        let node = state.nodes.len() - 1;
        state.live.files.insert(path.to_owned(), node);
        state.durable.files.insert(path.to_owned(), node);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    fn torn(&self, dice: &mut Dice) -> Vec<u8> {
        const PAGE: usize = 512;
        if !self.live.starts_with(&self.durable) || self.poisoned {
            return if dice.heads() { self.live.clone() } else { self.durable.clone() };
        }
        let fresh = self.live.len() - self.durable.len();
        let kept = if fresh == 0 { 0 } else { dice.below(fresh + 1) };
        let mut bytes = self.live[..self.durable.len() + kept].to_vec();
        let mut at = self.durable.len();
        while at < bytes.len() {
            let page_end = ((at / PAGE + 1) * PAGE).min(bytes.len());
            if dice.below(4) == 0 {
                bytes[at..page_end].fill(0);
            }
            at = page_end;
        }
        bytes
    }
}

impl State {
    /// Counts a changing call and says whether it may go on.
    fn step(&mut self) -> io::Result<()> {
        if self.off {
            return Err(io::Error::other("the power is off"));
        }
        let call = self.calls;
        self.calls += 1;
        if self.crash_at == Some(call) {
            self.off = true;
            return Err(io::Error::other("the power went"));
        }
        match self.failures.iter().find(|(from, until, _)| (*from..*until).contains(&call)) {
            Some((_, _, kind)) => Err((*kind).into()),
            None => Ok(()),
        }
    }

    /// Changes names now, and durably once their folders are synced.
    fn change(&mut self, change: NameChange) {
        self.live.change(change.clone());
        self.pending.push(change);
    }

    fn node(&self, path: &Path) -> io::Result<usize> {
        self.live.files.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn torn_names(&self, dice: &mut Dice) -> Names {
        let mut names = self.durable.clone();
        for change in &self.pending {
            if dice.heads() {
                names.change(change.clone());
            }
        }
        for path in &self.live.folders {
            if dice.heads() {
                names.folders.insert(path.clone());
            }
        }
        names
    }
}

/// A small generator, so that a crash replays from its number.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or(0) % limit
    }

    fn heads(&mut self) -> bool {
        self.below(2) == 0
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.step()?;
        if state.live.files.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !path.parent().is_some_and(|folder| state.live.folders.contains(folder)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.nodes.push(Node::default());
        let node = state.nodes.len() - 1;
        state.change(NameChange { add: Some((path.to_owned(), node)), remove: None });
        Ok(Box::new(SimFile { disk: self.clone(), node, access: Access::Write }))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let node = self.state().node(path)?;
        Ok(Box::new(SimFile { disk: self.clone(), node, access }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        let node = state.node(from)?;
        if !to.parent().is_some_and(|folder| state.live.folders.contains(folder)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change(NameChange { add: Some((to.to_owned(), node)), remove: Some(from.to_owned()) });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        state.node(path)?;
        state.change(NameChange { add: None, remove: Some(path.to_owned()) });
        Ok(())
    }

    fn link(&self, path: &Path, second: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        let node = state.node(path)?;
        if state.live.files.contains_key(second) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !second.parent().is_some_and(|folder| state.live.folders.contains(folder)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change(NameChange { add: Some((second.to_owned(), node)), remove: None });
        Ok(())
    }

    fn wipe(&self, path: &Path, spans: &[Range<u64>]) -> io::Result<()> {
        let mut state = self.state();
        let was_off = state.off;
        let done = state.step();
        if done.is_err() && was_off {
            return done;
        }
        let node = state.node(path)?;
        let bytes = &mut state.nodes[node].live;
        let end = bytes.len();
        // One that fails, or during which the power goes, may have done a part of its work.
        let spans = if done.is_ok() { spans } else { &spans[..spans.len() / 2] };
        for span in spans {
            let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(end);
            bytes[place(span.start)..place(span.end)].fill(0);
        }
        if done.is_ok() {
            let node = &mut state.nodes[node];
            node.durable.clone_from(&node.live);
        }
        done
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let done = state.step();
        // A disk that refuses to make a folder does not mind one that is there.
        if state.live.folders.contains(path) && !state.off {
            return Ok(());
        }
        done?;
        if !path.parent().is_some_and(|folder| state.live.folders.contains(folder)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.live.folders.insert(path.to_owned());
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        if !state.live.folders.contains(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let names = state.live.files.keys().chain(&state.live.folders);
        let inside = names.filter(|name| name.parent() == Some(path));
        Ok(inside.filter_map(|name| Some(name.file_name()?.to_string_lossy().into_owned())).collect())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        if state.lies {
            return Ok(());
        }
        let State { live, durable, pending, .. } = &mut *state;
        let inside = |name: &Path| name.parent() == Some(path);
        pending.retain_mut(|change| {
            let remove = change.remove.take_if(|name| inside(name));
            let add = change.add.take_if(|(name, _)| inside(name));
            durable.change(NameChange { add, remove });
            change.add.is_some() || change.remove.is_some()
        });
        durable.folders.retain(|name| !inside(name));
        durable.folders.extend(live.folders.iter().filter(|name| inside(name)).cloned());
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<LockGuard> {
        if !self.state().locked.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock { disk: self.clone(), path: path.to_owned() }))
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        let used: usize = self.state().nodes.iter().map(|node| node.live.len()).sum();
        let total_bytes = 1 << 40;
        Ok(Space { free_bytes: total_bytes - used as u64, total_bytes })
    }
}

struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.state().locked.remove(&self.path);
    }
}

struct SimFile {
    disk: SimDisk,
    node: usize,
    access: Access,
}

impl SimFile {
    fn writable(&self) -> io::Result<()> {
        if self.access == Access::Read { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }
}

impl DiskFile for SimFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writable()?;
        let mut state = self.disk.state();
        let was_off = state.off;
        let done = state.step();
        if done.is_ok() {
            state.nodes[self.node].live.extend_from_slice(bytes);
        } else if !was_off {
            // A write that fails, or during which the power goes, may have done a part of its work.
            let part = bytes.len() / 2;
            state.nodes[self.node].live.extend_from_slice(&bytes[..part]);
        }
        done
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.state();
        let bytes = &state.nodes[self.node].live;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let count = into.len().min(bytes.len() - start);
        into[..count].copy_from_slice(&bytes[start..start + count]);
        Ok(count)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        let done = state.step();
        let lies = state.lies;
        let node = &mut state.nodes[self.node];
        if done.is_err() {
            node.poisoned = true;
        } else if !node.poisoned && !lies {
            node.durable.clone_from(&node.live);
        }
        done
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().nodes[self.node].live.len() as u64)
    }
}
