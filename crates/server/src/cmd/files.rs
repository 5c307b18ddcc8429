//! Files copied whole and durably, with errors that name them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use vault::{Disk as _, RealDisk};

use super::Failure;

/// Gives an error its place.
pub(super) fn on(path: &Path) -> impl FnOnce(io::Error) -> Failure + '_ {
    move |error| format!("{}: {error}", path.display())
}

/// The names in a folder; none if there is no such folder.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(on(folder))?,
    };
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    entries.map(name).collect::<io::Result<_>>().map_err(on(folder))
}

/// Files below `folder`, which is relative to `root`, as they are.
pub(super) fn below(root: &Path, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for name in names(&root.join(folder))? {
        let path = folder.join(name);
        if root.join(&path).is_dir() {
            files.extend(below(root, &path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

/// Makes a folder and those above it; only their owner may look into them.
pub(super) fn make_folder(path: &Path) -> Result<(), Failure> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(on(path))
}

/// Removes a folder and all in it; it is no error if there is none.
pub(super) fn remove_folder(path: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done.map_err(on(path)),
    }
}

/// Overwrites a file where it lies, and removes it.
pub(super) fn wipe(path: &Path) -> Result<(), Failure> {
    RealDisk::new().wipe(path, std::slice::from_ref(&(0..u64::MAX))).map_err(on(path))?;
    fs::remove_file(path).map_err(on(path))
}

/// Copies a file with its permissions; it is on the disk afterwards, its name is not.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::copy(from, to).map_err(on(from))?;
    File::open(to).and_then(|file| file.sync_all()).map_err(on(to))
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), Failure> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(on(path))
}

/// Whether `path`, which may be yet to be made, is `folder` or in it, however the two are written.
pub(super) fn is_inside(path: &Path, folder: &Path) -> bool {
    let real = |path: &Path| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let known = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
        match known {
            Some((above, real)) => real.join(path.strip_prefix(above).unwrap_or(Path::new(""))),
            None => path.clone(),
        }
    };
    real(path).starts_with(real(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_in_another_however_it_is_written_and_whether_it_is_there_or_not() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        make_folder(&data).unwrap();
        std::os::unix::fs::symlink(&data, root.path().join("link")).unwrap();
        for inside in ["data", "data/copy", "link/copy/of", "data/../data/copy"] {
            assert!(is_inside(&root.path().join(inside), &data), "{inside}");
        }
        for elsewhere in ["", "copy", "data2", "database/copy"] {
            assert!(!is_inside(&root.path().join(elsewhere), &data), "{elsewhere}");
        }
    }
}
