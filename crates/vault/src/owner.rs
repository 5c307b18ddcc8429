//! Whose the files are: what root writes into a folder belongs to whom the folder belongs. A recorder has a user of its own, and
//! could not read at its next start what a command of root's has left there.
//!
//! Belongs here: giving a file away, and saying whose one is that may not be read. Does not: who may run what.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::Path;

use rustix::fs::OFlags;

/// Has what is opened be no link.
pub(crate) const PLAIN: i32 = OFlags::NOFOLLOW.bits().cast_signed();

/// Gives what root has made at `path` to owner and group of the folder it is in. What is somebody else's stays theirs.
///
/// # Errors
/// What the system says.
pub fn give(made: &File, path: &Path) -> io::Result<()> {
    let about = made.metadata()?;
    // A file with a second name is not ours alone.
    if about.uid() != 0 || (about.is_file() && about.nlink() > 1) {
        return Ok(());
    }
    let folder = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let folder = folder.metadata()?;
    if (folder.uid(), folder.gid()) == (about.uid(), about.gid()) {
        return Ok(());
    }
    fchown(made, Some(folder.uid()), Some(folder.gid()))
}

/// The same by its name.
///
/// # Errors
/// What the system says.
pub fn give_at(path: &Path) -> io::Result<()> {
    give(&OpenOptions::new().read(true).custom_flags(PLAIN).open(path)?, path)
}

/// Makes a folder, and those above it, which only their owner may look into; it is no error if it is there.
///
/// # Errors
/// What the system says.
pub fn make_folder(path: &Path) -> io::Result<()> {
    let make = || DirBuilder::new().mode(0o700).create(path);
    let made = match (make(), path.parent()) {
        (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => {
            make_folder(parent)?;
            make()
        }
        (made, _) => made,
    };
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made.and_then(|()| give_at(path)),
    }
}

/// Where the system has refused for want of a right: what would be right, as the end of a sentence. Else nothing.
pub fn right(error: &io::Error, path: &Path) -> String {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return String::new();
    }
    let whose = std::fs::symlink_metadata(path).map(|about| format!("it belongs to user {}; ", about.uid()));
    let (whose, shown) = (whose.unwrap_or_default(), path.display());
    format!(
        " ({whose}the user the recorder runs as has to own it, and to be let into its folders: as root, chown USER: {shown})"
    )
}

/// Whether others than its owner may read or change a secret (F-API-8).
///
/// What a service manager hands over is root's, for nobody to change, and open to us by an access list, which shows in place of
/// the group.
pub fn is_exposed(secret: &Metadata) -> bool {
    let mode = secret.mode() & 0o777;
    let is_handed_over = (secret.uid(), secret.gid(), mode) == (0, 0, 0o440);
    mode & 0o077 != 0 && !is_handed_over
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};
    use std::path::PathBuf;

    use super::*;

    const NOBODY: u32 = 65_534;

    fn owner(path: &Path) -> (u32, u32) {
        let about = std::fs::symlink_metadata(path).unwrap();
        (about.uid(), about.gid())
    }

    /// A folder of a user of its own; none where the tests may give nothing away.
    fn folder_of_nobody() -> Option<(tempfile::TempDir, PathBuf)> {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("theirs");
        make_folder(&folder).unwrap();
        let given = chown(&folder, Some(NOBODY), Some(NOBODY));
        given.inspect_err(|error| eprintln!("nothing is tried, for it takes root: {error}")).ok()?;
        Some((root, folder))
    }

    #[test]
    fn what_root_makes_belongs_to_whom_the_folder_belongs() {
        let Some((_root, folder)) = folder_of_nobody() else { return };
        let deep = folder.join("a/b");
        make_folder(&deep).unwrap();
        make_folder(&deep).unwrap();
        let file = deep.join("file");
        give(&File::create(&file).unwrap(), &file).unwrap();
        for made in [&folder.join("a"), &deep, &file] {
            assert_eq!(owner(made), (NOBODY, NOBODY), "{}", made.display());
        }
    }

    #[test]
    fn what_was_there_and_what_has_another_name_elsewhere_is_not_given_away() {
        let Some((root, folder)) = folder_of_nobody() else { return };
        let ours = root.path().join("ours");
        std::fs::write(&ours, "of root").unwrap();
        symlink(&ours, folder.join("link")).unwrap();
        assert!(give_at(&folder.join("link")).is_err());
        std::fs::hard_link(&ours, folder.join("second")).unwrap();
        give_at(&folder.join("second")).unwrap();
        assert_eq!(owner(&ours).0, 0);
    }

    #[test]
    fn a_refusal_says_who_has_to_own_it() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let said = right(&denied, Path::new("/proc/1/environ"));
        assert!(said.contains("belongs to user ") && said.contains("chown USER: /proc/1/environ"), "{said}");
        assert_eq!(right(&io::ErrorKind::NotFound.into(), Path::new("/proc")), "");
    }
}
