//! What a data folder looked like when its recorder stopped in order: sums of all files that are not sealed, signed
//! (C8-08, E2-10).
//!
//! Sealed files can be checked by themselves. The index, the journal and part files cannot, or not wholly: a flipped bit in a
//! row of the index is another row. Nor can public keys: for another one all that comes would be encrypted, or by another one
//! believed. While the recorder runs they change; while it does not, nothing may.
//!
//! Belongs here: the file `stopped.sums`, written at the end of a run, compared, and removed before anything is changed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use self::list::{List, Listed};
use crate::keys::signing::{SigningKey, VerifyingKey};

mod list;
#[cfg(test)]
mod tests;

/// The file, in the data folder.
pub const SUMS_FILE: &str = "stopped.sums";

/// A longer file is none of ours: 64 GiB of index and journal have a million sums.
const MAX_BYTES: u64 = 128 << 20;

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
    /// What lay on a second volume cannot be looked at.
    #[error(
        "there was a second volume when the recorder stopped, with {} on it, and none is named now; name it with --spill or in \
         the settings", file.display()
    )]
    NoSpill {
        /// One file of it, as the sums name it.
        file: PathBuf,
    },
    /// There are none, and there should be.
    #[error(
        "{SUMS_FILE} is missing, which the recorder writes when it stops in order: somebody has removed it, or ended the recorder in its last moment; what was changed since cannot be told"
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

/// Where the files lie that are summed.
#[derive(Debug, Clone, Copy)]
pub struct Folders<'a> {
    /// The data folder.
    pub data: &'a Path,
    /// The folder on a second volume, if there is one.
    pub spill: Option<&'a Path>,
}

/// The folder whose files are summed, beside format and index.
const JOURNAL: &str = "journal";

/// The folder of recordings that are not sealed. What is in them has checksums of its own, and a last one may still become a
/// sealed file while the recorder ends: so that they are there is what is written down.
const LIVE: &str = "live";

/// The key folder. Its public halves are summed. Private halves may be elsewhere, and without them the recorder does not start, or
/// says so.
const KEYS: &str = "keys";

/// Where files of the second volume are, as the sums name them.
const SPILL: &str = "spill";

impl<'a> Folders<'a> {
    /// A data folder on one volume.
    pub fn one(data: &'a Path) -> Self {
        Self { data, spill: None }
    }

    /// Where a file is that the sums name; none on a second volume that is not named.
    fn path(self, file: &Path) -> Option<PathBuf> {
        match file.strip_prefix(SPILL) {
            Ok(file) => Some(self.spill?.join(file)),
            Err(_) => Some(self.data.join(file)),
        }
    }

    /// The files of a folder on both volumes, as the sums name them.
    fn files(self, folder: &str) -> Result<Vec<PathBuf>, SumsError> {
        let mut files = files_in(self.data, folder)?;
        if let Some(spill) = self.spill {
            files.extend(files_in(spill, folder)?.into_iter().map(|file| Path::new(SPILL).join(file)));
        }
        Ok(files)
    }

    /// Sums these files.
    fn listed(self, files: impl IntoIterator<Item = PathBuf>) -> Result<Vec<Listed>, SumsError> {
        let place = |file: PathBuf| self.path(&file).map(|path| (file, path));
        let files = files.into_iter().filter_map(place);
        files.map(|(file, path)| Listed::of(file, &path).map_err(failed("read", &path))).collect()
    }
}

/// The public halves in the key folder.
fn public_keys(data: &Path) -> Result<Vec<PathBuf>, SumsError> {
    let mut files = files_in(data, KEYS)?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "pub"));
    Ok(files)
}

/// Writes the sums of format, index, public keys and journal, which nothing changes any more: whether it did, for an index that was not
/// closed whole has none. Durable on return.
///
/// # Errors
/// [`SumsError`]; then there are none.
pub fn write(folders: Folders<'_>, key: &SigningKey) -> Result<bool, SumsError> {
    if !beside_index(folders.data).is_empty() {
        return Ok(false);
    }
    let files = ["format", "index.sqlite"].map(PathBuf::from).into_iter();
    let files = files.chain(public_keys(folders.data)?).chain(folders.files(JOURNAL)?);
    let list = List {
        has_spill: folders.spill.is_some(),
        files: folders.listed(files)?,
        parts: folders.files(LIVE)?,
    };
    put(folders.data, &list.signed(key)).map(|()| true)
}

/// Whether there are sums in a data folder, and public keys are as they say.
///
/// # Errors
/// [`SumsError`].
pub fn hold_keys(data: &Path, key: &SigningKey) -> Result<bool, SumsError> {
    let Some(list) = list_in(data, &[key.public()])?.and_then(Result::ok) else { return Ok(false) };
    let keys = Folders::one(data).listed(public_keys(data)?)?;
    Ok(list.files.iter().filter(|listed| listed.file.starts_with(KEYS)).eq(&keys))
}

/// Lists public keys anew, which were changed by one who may.
///
/// # Errors
/// [`SumsError`]; then the sums are as they were.
pub fn list_keys_anew(data: &Path, key: &SigningKey) -> Result<(), SumsError> {
    let Some(mut list) = list_in(data, &[key.public()])?.and_then(Result::ok) else { return Ok(()) };
    list.files.retain(|listed| !listed.file.starts_with(KEYS));
    list.files.extend(Folders::one(data).listed(public_keys(data)?)?);
    put(data, &list.signed(key))
}

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

fn put(root: &Path, text: &str) -> Result<(), SumsError> {
    let (draft, path) = (root.join(format!("{SUMS_FILE}.new")), root.join(SUMS_FILE));
    let mut new = OpenOptions::new();
    let new = new.write(true).create(true).truncate(true).mode(0o600).custom_flags(crate::owner::PLAIN);
    let written = new.open(&draft).and_then(|mut file| {
        crate::owner::give(&file, &draft)?;
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
/// The signature is looked at if there are `keys`. Files longer than `longest` bytes are only measured, but for
/// keys.
///
/// # Errors
/// [`SumsError`].
pub fn compare(
    folders: Folders<'_>,
    keys: &[VerifyingKey],
    longest: u64,
) -> Result<Option<Vec<Changed>>, SumsError> {
    let list = match list_in(folders.data, keys)? {
        None => return Ok(None),
        Some(Err(why)) => return Ok(Some(vec![Changed::Sums { why }])),
        Some(Ok(list)) => list,
    };
    let put_in = there(folders, &list)?.into_iter().filter(|file| !list.names(file));
    let mut changed: Vec<Changed> = put_in.map(|file| Changed::PutIn { file }).collect();
    let lost = list.files.iter().map(|listed| &listed.file).chain(&list.parts);
    let lost = lost.into_iter().find(|file| folders.path(file).is_none()).cloned();
    changed.extend(lost.map(|file| Changed::NoSpill { file }));
    for listed in list.files {
        let Some(path) = folders.path(&listed.file) else { continue };
        let longest = if listed.file.starts_with(KEYS) { u64::MAX } else { longest };
        changed.extend(listed.compare(&path, longest).map_err(failed("read", &path))?);
    }
    Ok(Some(changed))
}

/// The files that a start would read and that all are in the list, as far as it says anything of them: a copy may have been made
/// without keys, and a second volume may be new.
fn there(folders: Folders<'_>, list: &List) -> Result<Vec<PathBuf>, SumsError> {
    let spill = folders.spill.filter(|_| list.has_spill);
    let volumes = Folders { spill, ..folders };
    let mut there = [volumes.files(JOURNAL)?, volumes.files(LIVE)?, beside_index(folders.data)].concat();
    if list.files.iter().any(|listed| listed.file.starts_with(KEYS)) {
        there.extend(public_keys(folders.data)?);
    }
    Ok(there)
}

/// The sums in a data folder, if there are any; or why they are none.
fn list_in(root: &Path, keys: &[VerifyingKey]) -> Result<Option<Result<List, String>>, SumsError> {
    let path = root.join(SUMS_FILE);
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed("open", &path))?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(failed("read", &path))?;
    Ok(Some(List::read(&bytes, keys)))
}

fn sync(folder: &Path) -> Result<(), SumsError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("sync the folder", folder))
}
