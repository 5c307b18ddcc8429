//! The disk of a world: one volume, or a second that takes what is new while the first refuses.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use vault::disk::sim::{Crash, SimDisk};
use vault::{Disk, SpillDisk};

/// Less than a simulated disk has.
const RESERVE_BYTES: u64 = 1 << 20;

/// See the module's head. Its clones are the same.
#[derive(Clone)]
pub(super) struct Disks {
    first: SimDisk,
    second: Option<(SimDisk, SpillDisk)>,
}

impl Disks {
    pub(super) fn new(are_two: bool) -> Self {
        Self::of(SimDisk::new(), are_two.then(SimDisk::new))
    }

    fn of(first: SimDisk, second: Option<SimDisk>) -> Self {
        let volume = |disk: &SimDisk| Arc::new(disk.clone()) as Arc<dyn Disk>;
        let root = Path::new("/");
        let second = second.map(|second| {
            let spill = SpillDisk::new((volume(&first), root), (volume(&second), root), RESERVE_BYTES);
            (second, spill)
        });
        Self { first, second }
    }

    pub(super) fn are_two(&self) -> bool {
        self.second.is_some()
    }

    /// As the recorder sees it.
    pub(super) fn disk(&self) -> Arc<dyn Disk> {
        match &self.second {
            Some((_, spill)) => Arc::new(spill.clone()),
            None => Arc::new(self.first.clone()),
        }
    }

    fn each(&self) -> impl Iterator<Item = &SimDisk> {
        std::iter::once(&self.first).chain(self.second.iter().map(|(second, _)| second))
    }

    /// What the recorder does each second.
    pub(super) fn look_again(&self) {
        if let Some((_, spill)) = &self.second {
            spill.look_again();
        }
    }

    /// Calls to the first volume.
    pub(super) fn calls(&self) -> u64 {
        self.first.calls()
    }

    /// The power goes in this call to the first volume.
    pub(super) fn crash_at(&self, call: u64) {
        self.first.crash_at(call);
    }

    pub(super) fn is_off(&self) -> bool {
        self.first.is_off()
    }

    /// Calls fail, to either volume.
    pub(super) fn fail(&self, on_second: bool, from: u64, until: u64, kind: ErrorKind) {
        match &self.second {
            Some((second, _)) if on_second => second.fail(from, until, kind),
            _ => self.first.fail(from, until, kind),
        }
    }

    /// From a call on the first volume takes nothing any more in this life.
    pub(super) fn break_first(&self, from: u64) {
        self.first.fail(from, u64::MAX, ErrorKind::ReadOnlyFilesystem);
    }

    pub(super) fn leave_out_syncs(&self) {
        self.each().for_each(SimDisk::leave_out_syncs);
    }

    /// The volumes as the next start finds them: mended.
    pub(super) fn after(&self, crash: Crash) -> Self {
        let second = self.second.as_ref().map(|(second, _)| second.after(crash));
        Self::of(self.first.after(crash), second)
    }

    /// A file's bytes, and where to put others.
    pub(super) fn file(&self, path: &Path) -> Option<(SimDisk, Vec<u8>)> {
        self.each().find_map(|disk| {
            let (_, bytes) = disk.files().into_iter().find(|(at, _)| at == path)?;
            Some((disk.clone(), bytes))
        })
    }
}
