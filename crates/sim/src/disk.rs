//! What lies on disk, byte for byte.

use std::fs;
use std::path::{Path, PathBuf};

/// Every file below a folder, with its content. A file that goes while we look holds nothing.
///
/// # Panics
/// When the folder cannot be listed.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = fs::read(&path) {
                found.push((path, bytes));
            }
        }
    }
    found.sort();
    found
}

/// Looks for many byte strings at once.
#[derive(Debug)]
pub struct Search {
    /// By their first two bytes, so that most places are passed over with one look.
    by_head: Vec<Vec<Vec<u8>>>,
    count: usize,
}

impl Search {
    /// For `needles`, each of at least four bytes: fewer are found by chance.
    ///
    /// # Panics
    /// When one is shorter, or there is none.
    pub fn new(needles: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut search = Self { by_head: vec![Vec::new(); 1 << 16], count: 0 };
        for needle in needles {
            assert!(needle.len() >= 4, "{needle:?} is too short to mean anything");
            search.by_head[head(&needle)].push(needle);
            search.count += 1;
        }
        assert!(search.count > 0, "a search for nothing finds nothing");
        search
    }

    /// The first needle that is in the bytes.
    pub fn find(&self, bytes: &[u8]) -> Option<&[u8]> {
        (0..bytes.len().saturating_sub(3)).find_map(|at| {
            let here = &bytes[at..];
            self.by_head[head(here)].iter().find(|needle| here.starts_with(needle)).map(Vec::as_slice)
        })
    }

    /// How many of the needles are in the bytes somewhere.
    pub fn count(&self, bytes: &[u8]) -> usize {
        let mut seen = std::collections::BTreeSet::new();
        for at in 0..bytes.len().saturating_sub(3) {
            let here = &bytes[at..];
            seen.extend(self.by_head[head(here)].iter().filter(|needle| here.starts_with(needle)));
        }
        seen.len()
    }

    /// The files below a folder that hold one, and how many files were looked at.
    pub fn files(&self, folder: &Path) -> (Vec<PathBuf>, usize) {
        let all = files(folder);
        let count = all.len();
        let hold = all.into_iter().filter(|(_, bytes)| self.find(bytes).is_some());
        (hold.map(|(path, _)| path).collect(), count)
    }
}

fn head(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_needle_is_found_wherever_it_lies() {
        let search = Search::new([b"secret".to_vec(), b"4111".to_vec()]);
        assert_eq!(search.find(b"a secret."), Some(b"secret".as_slice()));
        assert_eq!(search.find(b"ends with 4111"), Some(b"4111".as_slice()));
        assert_eq!(search.find(b"secre t 411"), None);
        assert_eq!(search.count(b"4111 secret 4111"), 2);
    }

    #[test]
    fn files_in_folders_within_are_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/b/c"), b"xx4111xx").unwrap();
        fs::write(folder.path().join("d"), b"nothing").unwrap();
        let (hold, looked_at) = Search::new([b"4111".to_vec()]).files(folder.path());
        assert_eq!((hold, looked_at), (vec![folder.path().join("a/b/c")], 2));
    }
}
