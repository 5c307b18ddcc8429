//! The volumes a data folder lies on: one, or a second that takes what is new while the first refuses.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vault::sums::Folders;
use vault::{Archive, Disk, RealDisk, SpillDisk};

use crate::config::Config;

/// Where a recorder keeps its files. Cheap to clone.
#[derive(Clone)]
pub struct Volumes {
    data: PathBuf,
    spill: Option<(SpillDisk, PathBuf)>,
}

impl Volumes {
    /// As the settings say.
    pub fn of(config: &Config) -> Self {
        let real = || Arc::new(RealDisk::new()) as Arc<dyn Disk>;
        let spill = config.spill.as_ref().map(|spill| {
            let (first, second) = ((real(), config.data.as_path()), (real(), spill.as_path()));
            (SpillDisk::new(first, second, config.limits.disk_reserve_bytes), spill.clone())
        });
        Self { data: config.data.clone(), spill }
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Both as one disk.
    pub fn disk(&self) -> Arc<dyn Disk> {
        match &self.spill {
            Some((spill, _)) => Arc::new(spill.clone()),
            None => Arc::new(RealDisk::new()),
        }
    }

    /// The second volume's disk, if there is a second.
    pub fn spill(&self) -> Option<&SpillDisk> {
        self.spill.as_ref().map(|(disk, _)| disk)
    }

    /// Sealed recordings on either.
    pub fn archive(&self) -> Archive {
        Archive::new(self.disk(), &self.data)
    }

    /// The folders, the first before the second.
    pub fn folders(&self) -> Vec<&Path> {
        let second = self.spill.iter().map(|(_, folder)| folder.as_path());
        std::iter::once(self.data.as_path()).chain(second).collect()
    }

    /// What is summed when a recorder stops.
    pub fn summed(&self) -> Folders<'_> {
        Folders { data: &self.data, spill: self.spill.as_ref().map(|(_, folder)| folder.as_path()) }
    }

    /// Where a file of the data folder is, named relative to it.
    pub fn place_of(&self, file: &Path) -> PathBuf {
        let path = self.data.join(file);
        self.spill().map_or(path.clone(), |spill| spill.place_of(&path))
    }
}
