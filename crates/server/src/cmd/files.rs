//! Files copied whole and durably, with errors that name them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use vault::{Disk as _, RealDisk, owner};

use super::{Failure, plain};

/// Gives an error its place.
pub(super) fn on(path: &Path) -> impl FnOnce(io::Error) -> Failure + '_ {
    move |error| format!("{}: {error}", plain::line(&path.display().to_string()))
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

/// Files below `folder`, which is relative to `root`, as they are. A link is a file, wherever it leads.
pub(super) fn below(root: &Path, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for name in names(&root.join(folder))? {
        let path = folder.join(name);
        let whole = root.join(&path);
        if fs::symlink_metadata(&whole).map_err(on(&whole))?.is_dir() {
            files.extend(below(root, &path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

/// Refuses a backup that holds anything but files and folders: a link in it would have what it leads to read, overwritten or
/// removed, and others may write where backups are kept. The folder itself may be a link. It is no error if there is none.
pub(super) fn expect_plain(folder: &Path) -> Result<(), Failure> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(on(&folder))?,
        };
        for entry in entries {
            let entry = entry.map_err(on(&folder))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(on(&path))?;
            if kind.is_dir() {
                folders.push(path);
            } else if !kind.is_file() {
                let what = if kind.is_symlink() { "a link" } else { "neither a file nor a folder" };
                return Err(format!(
                    "{} is {what}, which no backup holds; look who has put it there, and take it away",
                    path.display()
                ));
            }
        }
    }
    Ok(())
}

/// Makes a folder and those above it; only their owner may look into them.
pub(super) fn make_folder(path: &Path) -> Result<(), Failure> {
    owner::make_folder(path).map_err(on(path))
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

/// Copies a file with its permissions; it is on the disk afterwards, its name is not. What lies in its place goes first, so
/// that nothing is written through a link.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let mut source = File::open(from).map_err(on(from))?;
    let permissions = source.metadata().map_err(on(from))?.permissions();
    let mut copy = anew(to).map_err(on(to))?;
    io::copy(&mut source, &mut copy).map_err(on(from))?;
    copy.set_permissions(permissions).and_then(|()| copy.sync_all()).map_err(on(to))
}

/// Writes a text in a file, in place of what is there; on the disk afterwards, its name not.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = anew(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(on(path))
}

/// A new file in place of what is there, for its owner only.
fn anew(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    owner::give(&file, path).map(|()| file)
}

/// Gives what another has made for us, such as SQLite, to whom its folder belongs.
pub(super) fn give(path: &Path) -> Result<(), Failure> {
    owner::give_at(path).map_err(on(path))
}

/// What is to be said of a data folder that was brought back and belongs to root.
pub(super) fn of_root(folder: &Path) -> Option<String> {
    fs::metadata(folder).ok().filter(|about| about.uid() == 0)?;
    let folder = folder.display();
    Some(format!(
        "they belong to root: if the recorder has a user of its own, give them to it first: chown -R USER: {folder}"
    ))
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
    fn nothing_is_written_wiped_or_removed_through_a_link() {
        let root = tempfile::tempdir().unwrap();
        let [live, backup] = ["live", "backup"].map(|name| root.path().join(name));
        make_folder(&live).unwrap();
        make_folder(&backup.join("state")).unwrap();
        let kept = live.join("kept");
        fs::write(&kept, "of the recorder").unwrap();
        fs::write(root.path().join("other"), "another").unwrap();
        expect_plain(&backup).unwrap();
        expect_plain(&root.path().join("none")).unwrap();
        for (link, to) in [("state/folder", &live), ("state/file", &kept)] {
            let link = backup.join(link);
            std::os::unix::fs::symlink(to, &link).unwrap();
            let why = expect_plain(&backup).unwrap_err();
            assert!(why.contains(&link.display().to_string()) && why.contains("is a link"), "{why}");
            wipe(&link).unwrap_err();
            copy(&root.path().join("other"), &link).unwrap();
            assert_eq!(fs::read_to_string(&link).unwrap(), "another");
            fs::remove_file(&link).unwrap();
        }
        assert_eq!(fs::read_to_string(&kept).unwrap(), "of the recorder");
        // A link is listed as a file, and not gone into.
        std::os::unix::fs::symlink(&live, backup.join("state/folder")).unwrap();
        assert_eq!(below(&backup, Path::new("")).unwrap(), [Path::new("state/folder")]);
        let elsewhere = root.path().join("elsewhere");
        fs::rename(&backup, &elsewhere).unwrap();
        fs::remove_file(elsewhere.join("state/folder")).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &backup).unwrap();
        expect_plain(&backup).unwrap();
    }

    #[test]
    fn a_copy_has_the_bytes_and_the_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| root.path().join(name));
        fs::write(&from, [7; 300_000]).unwrap();
        fs::write(&to, [1; 400_000]).unwrap();
        fs::set_permissions(&from, fs::Permissions::from_mode(0o640)).unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), [7; 300_000]);
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o640);
    }

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
