//! The key folder: where an installation's keys lie.
//!
//! ```text
//! reading.key   the private half: `sidetone-reading-key-1 <64 hex digits>`       readers only
//! reading.pub   the public half:  `sidetone-reading-public-1 <64 hex digits>`
//! state.key     the state key:    `sidetone-state-key-1 <64 hex digits>`
//! signing.key   the private half: `sidetone-signing-key-1 <64 hex digits>`       the recorder only
//! signing.pub   the public half:  `sidetone-signing-public-1 <64 hex digits>`
//! signing-*.pub public halves of signing keys that are no longer used, in the form of signing.pub
//! secrets.key   what secrets of other programs are made of, once the state key was replaced:
//!               `sidetone-secrets-key-1 <64 hex digits>`
//! former/       keys that were replaced ([`super::former`])
//! history       when ([`super::rotate`])
//! ```
//! A recorder that shall not be able to listen runs without `reading.key`, which may have other forms ([`super::private`]). The
//! folder is made once, whole, and never changed here: a missing file beside others is an error and not a reason to draw a new
//! key, which could read nothing of what is already written. One exception: a folder of a time before there were signatures gets
//! its signing key at the next start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem as _, Serializable as _};
use zeroize::{Zeroize as _, Zeroizing};

use super::locked::Locked;
use super::private::{Form, NothingUnlocks, PrivateFile, Unlock};
use super::signing::{self, SigningKey, VerifyingKey};
use super::{KeyId, Public, PublicKey, ReadingKey, RecorderKeys, StateKeys, former, random};
use crate::{hex, owner};

pub(super) const READING: (&str, &str) = ("reading.key", "sidetone-reading-key-1");
pub(super) const PUBLIC: (&str, &str) = ("reading.pub", "sidetone-reading-public-1");
pub(super) const STATE: (&str, &str) = ("state.key", "sidetone-state-key-1");
pub(super) const SECRETS: (&str, &str) = ("secrets.key", "sidetone-secrets-key-1");
const SIGNING: (&str, &str) = ("signing.key", "sidetone-signing-key-1");
const SIGNING_PUBLIC: (&str, &str) = ("signing.pub", signing::FILE_WORD);

/// A key file is one line; the longest is what a token encrypted with a key of 8,192 bits.
const MAX_FILE_BYTES: u64 = 4_096;

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The system refused.
    #[error("cannot {what} {}: {source}{}", path.display(), owner::right(source, path))]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key file is not there although the folder is.
    #[error("the key file {} is missing; restore it from a backup: a new key could not read what is already recorded", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The public half of the signing key is there, and the private one is not.
    #[error("the signing key {} is missing; restore it from a backup. If it is lost, rename signing.pub beside it to signing-1.pub: what it signed can still be verified, and the next start makes a new one", path.display())]
    LostSigningKey {
        /// The file.
        path: PathBuf,
    },
    /// A secret can be read by others (F-API-8).
    #[error("the key file {} can be read by others (mode {mode:o}); only its owner may: chmod 600 it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file does not hold what its name says.
    #[error("{} is no key file: it must be one line, `{expected} ` and 64 hexadecimal digits", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The word it must begin with.
        expected: &'static str,
    },
    /// What is in it does not open.
    #[error("the private half in {} cannot be had: {cause}", path.display())]
    Unopened {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// A key is there where one was to be made.
    #[error("{} is there already; name a new folder", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Something else changes the folder.
    #[error("the keys in {} are being changed by another program; try again when it is done", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// The key cannot be destroyed.
    #[error("the key {id} stays: {by}")]
    Needed {
        /// Which.
        id: KeyId,
        /// Why.
        by: String,
    },
    /// There is no such key.
    #[error("there is no key {id} here; sidetone keys list shows those there are")]
    Unknown {
        /// Which.
        id: KeyId,
    },
    /// The two halves of a key are not of one pair.
    #[error("{} is not the private half of {}", private.display(), public.display())]
    Mismatch {
        /// The private half.
        private: PathBuf,
        /// The public half.
        public: PathBuf,
    },
}

/// An installation's keys on disk.
#[derive(Debug, Clone)]
pub struct KeyFolder {
    path: PathBuf,
    recorder: RecorderKeys,
    made_signing_key: bool,
}

impl KeyFolder {
    /// Reads the recorder's keys; on the first start, when nothing is there, makes all of them. A folder without a signing key
    /// gets one. For whoever records: others look with [`reading_key`] and [`verifying_keys`], which make nothing.
    ///
    /// # Errors
    /// [`KeyError`]: a file is missing, exposed or malformed, or the system refused.
    ///
    /// # Panics
    /// If the operating system has no randomness to give.
    pub fn open_or_create(path: &Path) -> Result<Self, KeyError> {
        Self::open_with_state(path, None)
    }

    /// The same, with a state key that is kept in the file `state` outside of the folder, if one is named.
    ///
    /// # Errors
    /// [`KeyError`].
    ///
    /// # Panics
    /// As [`Self::open_or_create`].
    pub fn open_with_state(path: &Path, state: Option<&Path>) -> Result<Self, KeyError> {
        if !path.try_exists().map_err(io_error("look at", path))? {
            create(path)?;
        }
        let (public, states) = (read_public(path)?, read_states(path, state)?);
        let made_signing_key = add_signing_key(path)?;
        let signing = signing_key(path)?;
        let recorder = RecorderKeys::new(public, states, signing);
        Ok(Self { path: path.to_owned(), recorder, made_signing_key })
    }

    /// Whether the folder had been made without a signing key, and has one from now on: worth a line in the log.
    pub fn made_signing_key(&self) -> bool {
        self.made_signing_key
    }

    /// The keys to record with.
    pub fn recorder(&self) -> RecorderKeys {
        self.recorder.clone()
    }

    /// The key to read with, if its private half lies in the folder in the clear.
    ///
    /// # Errors
    /// [`KeyError`]; [`KeyError::Missing`] where the recorder runs with the public half alone.
    pub fn reading(&self) -> Result<ReadingKey, KeyError> {
        reading_key_in(&self.path, &NothingUnlocks)
    }
}

/// The private halves of the key folder at `path`, in which nothing is made: of the present reading key, and of former ones.
///
/// # Errors
/// [`KeyError`]; [`KeyError::Missing`] where the recorder runs with the public half alone.
pub fn reading_key_in(path: &Path, unlock: &dyn Unlock) -> Result<ReadingKey, KeyError> {
    let public = read_public(path)?;
    let private = path.join(READING.0);
    let key = reading_key(&private, unlock)?;
    // While the pair is being replaced the private half may be a step ahead.
    if !key.holds(public.id) {
        return Err(KeyError::Mismatch { private, public: path.join(PUBLIC.0) });
    }
    Ok(key)
}

/// The private half in the file at `path`, and the former ones in the folder `former` beside it, wherever they were brought.
///
/// # Errors
/// [`KeyError`].
pub fn reading_key(path: &Path, unlock: &dyn Unlock) -> Result<ReadingKey, KeyError> {
    let present = PrivateFile::read(path)?.open(unlock)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Ok(ReadingKey::of(former::with_former(present, folder)?))
}

/// Reads all there is in the key folder at `path`, and makes nothing: for who wants to know whether a recorder would start on it.
///
/// The state key is in the file `state`, if one is named. A signing key that is not there yet is no fault.
///
/// # Errors
/// [`KeyError`].
pub fn inspect(path: &Path, state: Option<&Path>) -> Result<(), KeyError> {
    read_states(path, state)?;
    for name in [SIGNING.0, SIGNING_PUBLIC.0] {
        if path.join(name).try_exists().map_err(io_error("look at", path))? {
            signing_key(path)?;
        }
    }
    verifying_keys(path)?;
    former::all(path)?;
    match PrivateFile::read(&path.join(READING.0)) {
        Ok(file) if file.form == Form::Clear => reading_key_in(path, &NothingUnlocks).map(drop),
        Ok(_) | Err(KeyError::Missing { .. }) => read_public(path).map(drop),
        Err(error) => Err(error),
    }
}

/// The form in which the file at `path` keeps a private half; nothing is opened.
///
/// # Errors
/// [`KeyError`].
pub fn form_of(path: &Path) -> Result<Form, KeyError> {
    PrivateFile::read(path).map(|file| file.form)
}

/// The form in which the key folder at `path` keeps the private half of the present reading key.
///
/// # Errors
/// [`KeyError`].
pub fn form_in(path: &Path) -> Result<Form, KeyError> {
    form_of(&path.join(READING.0))
}

/// The public halves of all signing keys of the key folder at `path`, the one in use first, if there are any; nothing is made.
///
/// # Errors
/// [`KeyError`].
pub fn verifying_keys(path: &Path) -> Result<Vec<VerifyingKey>, KeyError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(io_error("list", path))? {
        let name = entry.map_err(io_error("list", path))?.file_name();
        let is_key = |name: &str| name.starts_with("signing-") && name.ends_with(".pub");
        if name == SIGNING_PUBLIC.0 || name.to_str().is_some_and(is_key) {
            names.push(name);
        }
    }
    names.sort_by_key(|name| (name != SIGNING_PUBLIC.0, name.clone()));
    names.iter().map(|name| verifying_key(&path.join(name))).collect()
}

/// The public half of a signing key in the file at `path`.
///
/// # Errors
/// [`KeyError`].
pub fn verifying_key(path: &Path) -> Result<VerifyingKey, KeyError> {
    let line = read_line(path, SIGNING_PUBLIC.1, false)?;
    let key = VerifyingKey::from_bytes(&line);
    key.map_err(|_| KeyError::Malformed { path: path.to_owned(), expected: SIGNING_PUBLIC.1 })
}

/// The public half of the present reading key.
pub(super) fn read_public(path: &Path) -> Result<Public, KeyError> {
    let public = read_line(&path.join(PUBLIC.0), PUBLIC.1, false)?;
    let public = PublicKey::from_bytes(&*public)
        .map_err(|_| KeyError::Malformed { path: path.join(PUBLIC.0), expected: PUBLIC.1 })?;
    Ok(Public::new(public))
}

/// The state keys of the key folder at `path`, in which nothing is made; the present one is in the file `outside`, if one is named.
///
/// # Errors
/// [`KeyError`].
pub fn read_states(path: &Path, outside: Option<&Path>) -> Result<StateKeys, KeyError> {
    let present = read_key(outside.unwrap_or(&path.join(STATE.0)), STATE.1)?;
    let former = files_in(&path.join(former::FOLDER), "state")?;
    let former = former.iter().map(|path| read_key(path, STATE.1)).collect::<Result<_, _>>()?;
    let lost = files_in(&path.join(former::FOLDER), "lost")?;
    let lost = lost.iter().filter_map(|path| path.file_stem()?.to_str()?.parse().ok()).collect();
    let secrets = match read_key(&path.join(SECRETS.0), SECRETS.1) {
        Err(KeyError::Missing { .. }) => None,
        read => Some(read?),
    };
    Ok(StateKeys { present, former, lost, secrets })
}

/// The signing key of the key folder at `path`, in which nothing is made.
///
/// # Errors
/// [`KeyError`].
pub fn signing_key(path: &Path) -> Result<SigningKey, KeyError> {
    let private = path.join(SIGNING.0);
    let seed = read_line(&private, SIGNING.1, true).map_err(|error| match error {
        KeyError::Missing { path } => KeyError::LostSigningKey { path },
        other => other,
    })?;
    let key = SigningKey::from_seed(&seed);
    if verifying_key(&path.join(SIGNING_PUBLIC.0))? != key.public() {
        return Err(KeyError::Mismatch { private, public: path.join(SIGNING_PUBLIC.0) });
    }
    Ok(key)
}

/// Gives a folder that has neither half of a signing key one; whether it did. The private half comes first: what a crash leaves
/// is gone on with.
fn add_signing_key(path: &Path) -> Result<bool, KeyError> {
    let has = |name: &str| path.join(name).try_exists().map_err(io_error("look at", path));
    let (private, public) = (has(SIGNING.0)?, has(SIGNING_PUBLIC.0)?);
    if public {
        return Ok(false);
    }
    if !private {
        write_whole(path, SIGNING, &SigningKey::from_seed(&random()).seed())?;
    }
    let key = SigningKey::from_seed(&*read_line(&path.join(SIGNING.0), SIGNING.1, true)?);
    write_whole(path, SIGNING_PUBLIC, &key.public().to_bytes())?;
    Ok(true)
}

fn write_whole(folder: &Path, (name, word): (&str, &str), key: &[u8; 32]) -> Result<(), KeyError> {
    put_key(&folder.join(name), word, key)
}

/// Writes a key to a file that is there whole or not at all.
pub(super) fn put_key(path: &Path, word: &str, key: &[u8; 32]) -> Result<(), KeyError> {
    put(path, &line_of(word, key))
}

/// Writes a line to a file that is there whole or not at all, in place of the one that is there.
pub(super) fn put(path: &Path, line: &[u8]) -> Result<(), KeyError> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_error("remove the half-written", &draft)(error));
        }
        _ => {}
    }
    write_text(&draft, line)?;
    fs::rename(&draft, path).map_err(io_error("rename to", path))?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Makes a folder for its owner only, if it is not there.
pub(super) fn make(path: &Path) -> Result<(), KeyError> {
    owner::make_folder(path).map_err(io_error("make the folder", path))?;
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    sync_folder(parent.unwrap_or(Path::new(".")))
}

/// The files of a folder whose names end so, in order; none if there is no such folder.
pub(super) fn files_in(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, KeyError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(io_error("list", folder))?,
    };
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(io_error("list", folder))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == ending));
    paths.sort();
    Ok(paths)
}

pub(super) fn io_error<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> KeyError + 'a {
    move |source| KeyError::Io { what, path: path.to_owned(), source }
}

/// Makes the folder under another name and then gives it its own, so that it is there whole or not at all.
fn create(path: &Path) -> Result<(), KeyError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let draft = path.with_file_name(name);
    if draft.exists() {
        fs::remove_dir_all(&draft).map_err(io_error("remove the half-made", &draft))?;
    }
    owner::make_folder(&draft).map_err(io_error("make the key folder", &draft))?;
    let seed = random::<32>();
    let (private, public) = X25519HkdfSha256::derive_keypair(&*seed);
    let mut secret: [u8; 32] = private.to_bytes().into();
    write_line(&draft.join(READING.0), READING.1, &secret)?;
    secret.zeroize();
    write_line(&draft.join(PUBLIC.0), PUBLIC.1, &public.to_bytes().into())?;
    write_line(&draft.join(STATE.0), STATE.1, &random::<32>())?;
    add_signing_key(&draft)?;
    sync_folder(&draft)?;
    fs::rename(&draft, path).map_err(io_error("rename to", path))?;
    match path.parent() {
        Some(parent) if parent != Path::new("") => sync_folder(parent),
        _ => sync_folder(Path::new(".")),
    }
}

pub(super) fn sync_folder(path: &Path) -> Result<(), KeyError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(io_error("sync the folder", path))
}

/// How a file is opened that only its owner may read; a link is none.
pub(super) fn new_private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600).custom_flags(owner::PLAIN);
    options
}

fn line_of(word: &str, key: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    let mut line = Zeroizing::new(Vec::with_capacity(word.len() + 66));
    line.extend_from_slice(word.as_bytes());
    line.push(b' ');
    hex::write(key, &mut line);
    line.push(b'\n');
    line
}

fn write_line(path: &Path, word: &str, key: &[u8; 32]) -> Result<(), KeyError> {
    write_text(path, &line_of(word, key))
}

fn write_text(path: &Path, line: &[u8]) -> Result<(), KeyError> {
    let written = new_private_file().write(true).create_new(true).open(path).and_then(|mut file| {
        owner::give(&file, path)?;
        file.write_all(line)?;
        file.sync_all()
    });
    written.map_err(io_error("write", path))
}

/// A secret key that will be needed for long.
pub(super) fn read_key(path: &Path, word: &'static str) -> Result<Locked, KeyError> {
    let line = read_text(path, true)?;
    let key = Locked::try_new(|key| hex::read(digits(&line, word)?, key));
    key.ok_or_else(|| KeyError::Malformed { path: path.to_owned(), expected: word })
}

fn read_line(path: &Path, word: &'static str, secret: bool) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let line = read_text(path, secret)?;
    let mut key = Zeroizing::new([0; 32]);
    let read = digits(&line, word).and_then(|digits| hex::read(digits, &mut *key));
    read.map(|()| key).ok_or_else(|| KeyError::Malformed { path: path.to_owned(), expected: word })
}

/// The line of a key file, without its end.
pub(super) fn read_text(path: &Path, secret: bool) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(KeyError::Missing { path: path.to_owned() });
        }
        opened => opened.map_err(io_error("open", path))?,
    };
    let about = file.metadata().map_err(io_error("look at", path))?;
    if secret && owner::is_exposed(&about) {
        return Err(KeyError::Exposed { path: path.to_owned(), mode: about.mode() & 0o777 });
    }
    let most = usize::try_from(MAX_FILE_BYTES).unwrap_or(0);
    let mut line = Zeroizing::new(Vec::with_capacity(most));
    file.take(MAX_FILE_BYTES).read_to_end(&mut line).map_err(io_error("read", path))?;
    let end = line.trim_ascii_end().len();
    line.truncate(end);
    Ok(line)
}

/// What stands behind the word of a key file.
fn digits<'l>(line: &'l [u8], word: &str) -> Option<&'l [u8]> {
    line.strip_prefix(word.as_bytes())?.strip_prefix(b" ")
}
