//! What a data folder looked like when its recorder stopped in order: sums of all files that are not sealed, signed
//! (C8-08, E2-10).
//!
//! Sealed files can be checked by themselves. The index, the journal and part files cannot, or not wholly: a flipped bit in a
//! row of the index is another row. While the recorder runs they change all the time; while it does not, nothing may.
//!
//! ```text
//! sidetone sums 1
//! file index.sqlite 131072
//! sum <64 hexadecimal digits>        SHA-256 of each 64 KiB in turn, the last one shorter
//! sum <64>
//! file journal/0000000000000001.seg 4711
//! sum <64>
//! part live/01a22159-a313-7b8b-983f-bf78e968dc25.part    is there; the next start goes on with it
//! signature ed25519:<16>:<128>
//! ```
//! Belongs here: the file `stopped.sums`, written at the end of a run, compared, and removed before anything is changed.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::keys::signing::{NotSigned, SigningKey, VerifyingKey, read_text, sign_text, verify_among};
use crate::recording::digest::{Digest, sha256};

/// The file, in the data folder.
pub const SUMS_FILE: &str = "stopped.sums";

/// What sums are signed for.
const PURPOSE: &str = "sums";

/// Bytes under one sum.
const PIECE_BYTES: usize = 64 << 10;

/// A longer file is none of ours: 64 GiB of index and journal have a million sums.
const MAX_BYTES: u64 = 128 << 20;

const FIRST_LINE: &str = "sidetone sums 1\n";

/// What is not as it was when the recorder stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Changed {
    /// A file is gone.
    #[error("{} is gone since the recorder stopped; restore it from a backup", file.display())]
    Gone {
        /// Relative to the data folder.
        file: PathBuf,
    },
    /// A file has another length.
    #[error("{} has {now} bytes and had {then} when the recorder stopped; restore it from a backup", file.display())]
    Length {
        /// Relative to the data folder.
        file: PathBuf,
        /// Bytes now.
        now: u64,
        /// Bytes then.
        then: u64,
    },
    /// Bytes of a file are others.
    #[error("{}: of the {bytes} bytes from byte {offset} on, some were changed since the recorder stopped; restore it from a backup", file.display())]
    Bytes {
        /// Relative to the data folder.
        file: PathBuf,
        /// Where the first piece that was changed begins.
        offset: u64,
        /// How long it is.
        bytes: u64,
    },
    /// A file is there that was not.
    #[error(
        "{} was not there when the recorder stopped: somebody has put it in, and a start would read it; move it away, or restore \
         the data folder from a backup", file.display()
    )]
    PutIn {
        /// Relative to the data folder.
        file: PathBuf,
    },
    /// There are none, and there should be.
    #[error(
        "{SUMS_FILE} is missing, which the recorder writes when it stops in order: somebody has removed it, and what was changed since cannot be told"
    )]
    Removed,
    /// The sums themselves cannot be used.
    #[error("{SUMS_FILE} was changed since the recorder stopped: {why}")]
    Sums {
        /// What is wrong.
        why: String,
    },
}

/// A system that refuses, and on which file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}: {source}", path.display())]
pub struct SumsError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> SumsError + 'a {
    move |source| SumsError { what, path: path.to_owned(), source }
}

/// Writes the sums of format, index and journal of the data folder `root`, which nothing changes any more: whether it did, for an
/// index that was not closed whole has none. Durable on return.
///
/// # Errors
/// [`SumsError`]; then there are none.
pub fn write(root: &Path, key: &SigningKey) -> Result<bool, SumsError> {
    if !beside_index(root).is_empty() {
        return Ok(false);
    }
    write_of(root, key).map(|()| true)
}

/// The folder whose files are summed, beside format and index.
const JOURNAL: &str = "journal";

/// The folder of recordings that are not sealed. What is in them has checksums of its own, and a last one may still become a
/// sealed file while the recorder ends: so that they are there is what is written down.
const LIVE: &str = "live";

/// What SQLite leaves beside an index that was not closed whole, and takes for part of it when it opens that. An empty one is
/// nothing.
fn beside_index(root: &Path) -> Vec<PathBuf> {
    let names = ["index.sqlite-wal", "index.sqlite-journal"].map(PathBuf::from);
    let holds = |file: &PathBuf| fs::metadata(root.join(file)).is_ok_and(|known| known.len() > 0);
    names.into_iter().filter(holds).collect()
}

/// The files of a folder, in order; none if there is no such folder.
fn files_in(root: &Path, folder: &str) -> Result<Vec<PathBuf>, SumsError> {
    let path = root.join(folder);
    let entries = match fs::read_dir(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed("list", &path))?,
    };
    let mut files = Vec::new();
    for entry in entries {
        files.push(Path::new(folder).join(entry.map_err(failed("list", &path))?.file_name()));
    }
    files.sort();
    Ok(files)
}

fn write_of(root: &Path, key: &SigningKey) -> Result<(), SumsError> {
    let mut text = FIRST_LINE.to_owned();
    let files = ["format", "index.sqlite"].map(PathBuf::from);
    let files = files.into_iter().chain(files_in(root, JOURNAL)?);
    for file in files {
        let path = root.join(&file);
        let (bytes, sums) = sums_of(&path).map_err(failed("read", &path))?;
        let _ = writeln!(text, "file {} {bytes}", file.display());
        for sum in sums {
            let _ = writeln!(text, "sum {sum}");
        }
    }
    for part in files_in(root, LIVE)? {
        let _ = writeln!(text, "part {}", part.display());
    }
    let text = sign_text(key, PURPOSE, text);
    let (draft, path) = (root.join(format!("{SUMS_FILE}.new")), root.join(SUMS_FILE));
    let mut new = OpenOptions::new();
    let new = new.write(true).create(true).truncate(true).mode(0o600);
    let written = new.open(&draft).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(failed("write", &draft))?;
    fs::rename(&draft, &path).map_err(failed("rename to", &path))?;
    sync(root)
}

/// Removes the sums before something is changed, durably; whether there were any.
///
/// # Errors
/// [`SumsError`].
pub fn remove(root: &Path) -> Result<bool, SumsError> {
    let path = root.join(SUMS_FILE);
    match fs::remove_file(&path) {
        Ok(()) => sync(root).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed("remove", &path)(error)),
    }
}

/// Compares what is there with the sums, if there are any: what was changed, the first place of each file, and what was put in
/// beside the files that are listed.
///
/// The signature is looked at if there are `keys`. Files longer than `longest` bytes are only measured.
///
/// # Errors
/// [`SumsError`].
pub fn compare(root: &Path, keys: &[VerifyingKey], longest: u64) -> Result<Option<Vec<Changed>>, SumsError> {
    let path = root.join(SUMS_FILE);
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed("open", &path))?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(failed("read", &path))?;
    let (files, parts) = match read(&bytes, keys) {
        Ok(listed) => listed,
        Err(why) => return Ok(Some(vec![Changed::Sums { why }])),
    };
    let mut there = [files_in(root, JOURNAL)?, files_in(root, LIVE)?, beside_index(root)].concat();
    there.retain(|file| !parts.contains(file) && !files.iter().any(|listed| listed.file == *file));
    let mut changed: Vec<Changed> = there.into_iter().map(|file| Changed::PutIn { file }).collect();
    for listed in files {
        let path = root.join(&listed.file);
        changed.extend(listed.compare(&path, longest).map_err(failed("read", &path))?);
    }
    Ok(Some(changed))
}

struct Listed {
    file: PathBuf,
    bytes: u64,
    sums: Vec<Digest>,
}

impl Listed {
    fn compare(self, path: &Path, longest: u64) -> io::Result<Option<Changed>> {
        let Self { file, bytes: then, sums } = self;
        let now = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Changed::Gone { file })),
            known => known?.len(),
        };
        if now != then {
            return Ok(Some(Changed::Length { file, now, then }));
        }
        if now > longest {
            return Ok(None);
        }
        let (_, found) = sums_of(path)?;
        let same = found.iter().zip(&sums).take_while(|(found, then)| found == then).count();
        let offset = same as u64 * PIECE_BYTES as u64;
        let bytes = (now - offset.min(now)).min(PIECE_BYTES as u64);
        Ok((same < found.len().max(sums.len())).then_some(Changed::Bytes { file, offset, bytes }))
    }
}

/// The sums of a file, and its length.
fn sums_of(path: &Path) -> io::Result<(u64, Vec<Digest>)> {
    let file = File::open(path)?;
    let (mut piece, mut bytes, mut sums) = (Vec::with_capacity(PIECE_BYTES), 0, Vec::new());
    loop {
        piece.clear();
        (&file).take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
        if piece.is_empty() {
            return Ok((bytes, sums));
        }
        bytes += piece.len() as u64;
        sums.push(Digest(sha256(&piece)));
    }
}

/// The files that are summed, and those that are only named.
fn read(bytes: &[u8], keys: &[VerifyingKey]) -> Result<(Vec<Listed>, Vec<PathBuf>), String> {
    let no_sums = || "it is no list of sums".to_owned();
    let text = std::str::from_utf8(bytes).map_err(|_| no_sums())?;
    let (signed, signature) = read_text(text).ok_or_else(no_sums)?;
    match verify_among(keys, PURPOSE, signed.as_bytes(), &signature) {
        Ok(()) => {}
        // Without a key at hand it is still a list.
        Err(NotSigned::UnknownKey(_)) if keys.is_empty() => {}
        Err(error) => return Err(error.to_string()),
    }
    let (mut listed, mut parts): (Vec<Listed>, Vec<PathBuf>) = (Vec::new(), Vec::new());
    for line in signed.strip_prefix(FIRST_LINE).ok_or_else(no_sums)?.lines() {
        if let Some(sum) = line.strip_prefix("sum ") {
            listed.last_mut().ok_or_else(no_sums)?.sums.push(sum.parse().map_err(|_| no_sums())?);
        } else if let Some(part) = line.strip_prefix("part ") {
            parts.push(part.into());
        } else {
            let (file, bytes) =
                line.strip_prefix("file ").and_then(|line| line.rsplit_once(' ')).ok_or_else(no_sums)?;
            let bytes = bytes.parse().map_err(|_| no_sums())?;
            listed.push(Listed { file: file.into(), bytes, sums: Vec::new() });
        }
    }
    Ok((listed, parts))
}

fn sync(folder: &Path) -> Result<(), SumsError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("sync the folder", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_seed(&[3; 32])
    }

    /// A folder with two files, and their sums.
    fn stopped() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("journal")).unwrap();
        fs::write(folder.path().join("journal/1.seg"), b"events").unwrap();
        fs::write(folder.path().join("index.sqlite"), vec![7; 3 * PIECE_BYTES + 9]).unwrap();
        fs::write(folder.path().join("format"), "sidetone data 1").unwrap();
        assert!(write(folder.path(), &key()).unwrap());
        folder
    }

    fn compared(folder: &Path) -> Vec<Changed> {
        compare(folder, &[key().public()], u64::MAX).unwrap().expect("there are sums")
    }

    #[test]
    fn a_folder_that_nobody_touched_is_as_it_was() {
        let folder = stopped();
        assert_eq!(compared(folder.path()), []);
        assert!(remove(folder.path()).unwrap());
        assert!(!remove(folder.path()).unwrap());
        assert_eq!(compare(folder.path(), &[], u64::MAX).unwrap(), None);
    }

    #[test]
    fn an_index_that_was_not_closed_whole_has_no_sums() {
        let folder = stopped();
        remove(folder.path()).unwrap();
        fs::write(folder.path().join("index.sqlite-wal"), "frames").unwrap();
        assert!(!write(folder.path(), &key()).unwrap());
        assert_eq!(compare(folder.path(), &[], u64::MAX).unwrap(), None);
    }

    #[test]
    fn a_file_that_a_start_would_read_and_that_was_not_there_is_named() {
        let folder = stopped();
        let root = folder.path();
        fs::create_dir(root.join("live")).unwrap();
        fs::write(root.join("live/a.part"), "a call goes on").unwrap();
        assert!(write(root, &key()).unwrap());
        // What was sealed while the recorder ended is no part any more.
        fs::remove_file(root.join("live/a.part")).unwrap();
        for empty in ["index.sqlite-wal", "index.sqlite-shm"] {
            fs::write(root.join(empty), "").unwrap();
        }
        assert_eq!(compared(root), [], "what a reader leaves behind");
        let put =
            ["journal/2.seg", "live/b.part", "index.sqlite-wal", "index.sqlite-journal"].map(PathBuf::from);
        for file in &put {
            fs::write(root.join(file), "forged").unwrap();
        }
        assert_eq!(compared(root), put.map(|file| Changed::PutIn { file }));
    }

    #[test]
    fn a_flipped_bit_is_named_to_its_piece_and_a_missing_or_shortened_file_too() {
        let folder = stopped();
        let index = folder.path().join("index.sqlite");
        let mut bytes = fs::read(&index).unwrap();
        bytes[2 * PIECE_BYTES + 5] ^= 1;
        fs::write(&index, &bytes).unwrap();
        let (file, offset) = (PathBuf::from("index.sqlite"), 2 * PIECE_BYTES as u64);
        let changed = Changed::Bytes { file: file.clone(), offset, bytes: PIECE_BYTES as u64 };
        assert_eq!(compared(folder.path()), [changed]);
        assert_eq!(compare(folder.path(), &[], 100).unwrap(), Some(vec![]), "too long to be read now");

        fs::write(&index, &bytes[1..]).unwrap();
        fs::remove_file(folder.path().join("journal/1.seg")).unwrap();
        let then = bytes.len() as u64;
        let gone = Changed::Gone { file: "journal/1.seg".into() };
        assert_eq!(compared(folder.path()), [Changed::Length { file, now: then - 1, then }, gone]);
    }

    #[test]
    fn every_flipped_bit_of_the_sums_is_seen() {
        let folder = stopped();
        let path = folder.path().join(SUMS_FILE);
        let good = fs::read(&path).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&bad, &[key().public()]).is_err(), "bit {bit}");
        }
        assert!(read(&good, &[SigningKey::from_seed(&[4; 32]).public()]).is_err());
    }
}
