//! A file of lines that only grows.

use std::io::ErrorKind;
use std::path::Path;

use crate::disk::{Access, Attempt, Disk, DiskError, failed};

/// Appends a line, which ends with a line break, to a file that is made if need be. Durable on return. What a power cut has
/// torn before is ended first, so that it spoils no other line.
///
/// # Errors
/// [`DiskError`].
pub fn append_line(disk: &dyn Disk, path: &Path, line: &[u8]) -> Result<(), DiskError> {
    let mut file = match disk.open(path, Access::Write) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let made = disk.create(path).map_err(failed(Attempt::Create, path))?;
            let folder = path.parent().unwrap_or(path);
            disk.sync_dir(folder).map_err(failed(Attempt::SyncDir, folder))?;
            made
        }
        opened => opened.map_err(failed(Attempt::Open, path))?,
    };
    let length = file.len().map_err(failed(Attempt::Read, path))?;
    let mut last = [b'\n'];
    if length > 0 {
        file.read_at(&mut last, length - 1).map_err(failed(Attempt::Read, path))?;
    }
    let whole = if last == *b"\n" { line.to_vec() } else { [b"\n", line].concat() };
    file.append(&whole).map_err(failed(Attempt::Append, path))?;
    file.sync().map_err(failed(Attempt::Sync, path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn lines_are_appended_and_a_torn_one_is_ended_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let disk = RealDisk::new();
        append_line(&disk, &path, b"one\n").unwrap();
        disk.open(&path, Access::Write).unwrap().append(b"to").unwrap();
        append_line(&disk, &path, b"three\n").unwrap();
        append_line(&disk, &path, b"four\n").unwrap();
        let mut all = [0; 64];
        let read = disk.open(&path, Access::Read).unwrap().read_at(&mut all, 0).unwrap();
        assert_eq!(&all[..read], b"one\nto\nthree\nfour\n");
    }

    #[test]
    fn a_folder_that_is_not_there_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("not/there");
        let error = append_line(&RealDisk::new(), &path, b"one\n").unwrap_err();
        assert!(error.to_string().contains("not/there"), "{error}");
    }
}
