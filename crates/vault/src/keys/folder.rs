//! The key folder: where an installation's keys lie.
//!
//! ```text
//! reading.key   the private half: `sidetone-reading-key-1 <64 hex digits>`       readers only
//! reading.pub   the public half:  `sidetone-reading-public-1 <64 hex digits>`
//! state.key     the state key:    `sidetone-state-key-1 <64 hex digits>`
//! signing.key   the private half: `sidetone-signing-key-1 <64 hex digits>`       the recorder only
//! signing.pub   the public half:  `sidetone-signing-public-1 <64 hex digits>`
//! signing-*.pub public halves of signing keys that are no longer used, in the form of signing.pub
//! ```
//! A recorder that shall not be able to listen runs without `reading.key`. The folder is made once, whole, and
//! never changed here: a missing file beside others is an error and not a reason to draw a new key, which could
//! read nothing of what is already written. One exception: a folder of a time before there were signatures gets its
//! signing key at the next start.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem as _, Serializable as _};
use zeroize::{Zeroize as _, Zeroizing};

use super::signing::{SigningKey, VerifyingKey};
use super::{PrivateKey, PublicKey, ReadingKey, RecorderKeys, id_of, random};
use crate::hex;

const READING: (&str, &str) = ("reading.key", "sidetone-reading-key-1");
const PUBLIC: (&str, &str) = ("reading.pub", "sidetone-reading-public-1");
const STATE: (&str, &str) = ("state.key", "sidetone-state-key-1");
const SIGNING: (&str, &str) = ("signing.key", "sidetone-signing-key-1");
const SIGNING_PUBLIC: (&str, &str) = ("signing.pub", "sidetone-signing-public-1");

/// A key file is one short line.
const MAX_FILE_BYTES: u64 = 256;

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The system refused.
    #[error("cannot {what} {}: {source}", path.display())]
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
        if !path.try_exists().map_err(io_error("look at", path))? {
            create(path)?;
        }
        let public = read_public(path)?;
        let state = read_line(&path.join(STATE.0), STATE.1, true)?;
        let made_signing_key = add_signing_key(path)?;
        let signing = read_signing(path)?;
        let recorder = RecorderKeys { public, state: Arc::new(state), signing };
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

    /// The key to read with.
    ///
    /// # Errors
    /// [`KeyError`]; [`KeyError::Missing`] where the recorder runs with the public half alone.
    pub fn reading(&self) -> Result<ReadingKey, KeyError> {
        reading_key(&self.path)
    }
}

/// The key to read with, of the key folder at `path`, in which nothing is made.
///
/// # Errors
/// [`KeyError`]; [`KeyError::Missing`] where the recorder runs with the public half alone.
pub fn reading_key(path: &Path) -> Result<ReadingKey, KeyError> {
    let public = read_public(path)?;
    let private_path = path.join(READING.0);
    let private = read_line(&private_path, READING.1, true)?;
    let private = PrivateKey::from_bytes(&*private)
        .map_err(|_| KeyError::Malformed { path: private_path.clone(), expected: READING.1 })?;
    let key = ReadingKey { private };
    if key.id() != id_of(&public) {
        return Err(KeyError::Mismatch { private: private_path, public: path.join(PUBLIC.0) });
    }
    Ok(key)
}

/// Reads all there is in the key folder at `path`, and makes nothing: for who wants to know whether a recorder would start on it,
/// and its recordings could be heard. A signing key that is not there yet is no fault.
///
/// # Errors
/// [`KeyError`].
pub fn inspect(path: &Path) -> Result<(), KeyError> {
    read_line(&path.join(STATE.0), STATE.1, true)?;
    for name in [SIGNING.0, SIGNING_PUBLIC.0] {
        if path.join(name).try_exists().map_err(io_error("look at", path))? {
            read_signing(path)?;
        }
    }
    verifying_keys(path)?;
    reading_key(path).map(drop)
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

fn read_public(path: &Path) -> Result<PublicKey, KeyError> {
    let public = read_line(&path.join(PUBLIC.0), PUBLIC.1, false)?;
    PublicKey::from_bytes(&*public)
        .map_err(|_| KeyError::Malformed { path: path.join(PUBLIC.0), expected: PUBLIC.1 })
}

fn read_signing(path: &Path) -> Result<SigningKey, KeyError> {
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

/// Writes a key file that is there whole or not at all.
fn write_whole(folder: &Path, (name, word): (&str, &str), key: &[u8; 32]) -> Result<(), KeyError> {
    let (draft, path) = (folder.join(format!("{name}.new")), folder.join(name));
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_error("remove the half-written", &draft)(error));
        }
        _ => {}
    }
    write_line(&draft, word, key)?;
    fs::rename(&draft, &path).map_err(io_error("rename to", &path))?;
    sync_folder(folder)
}

fn io_error<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> KeyError + 'a {
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
    DirBuilder::new().mode(0o700).create(&draft).map_err(io_error("make the key folder", &draft))?;
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

fn sync_folder(path: &Path) -> Result<(), KeyError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(io_error("sync the folder", path))
}

fn write_line(path: &Path, word: &str, key: &[u8; 32]) -> Result<(), KeyError> {
    let mut line = Zeroizing::new(Vec::with_capacity(word.len() + 66));
    line.extend_from_slice(word.as_bytes());
    line.push(b' ');
    for byte in key {
        line.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    }
    line.push(b'\n');
    let written =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).and_then(|mut file| {
            file.write_all(&line)?;
            file.sync_all()
        });
    written.map_err(io_error("write", path))
}

fn read_line(path: &Path, word: &'static str, secret: bool) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(KeyError::Missing { path: path.to_owned() });
        }
        opened => opened.map_err(io_error("open", path))?,
    };
    let mode = file.metadata().map_err(io_error("look at", path))?.permissions().mode() & 0o777;
    if secret && mode & 0o077 != 0 {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    let mut line = Zeroizing::new(Vec::with_capacity(256));
    file.take(MAX_FILE_BYTES).read_to_end(&mut line).map_err(io_error("read", path))?;
    parse_line(&line, word).ok_or_else(|| KeyError::Malformed { path: path.to_owned(), expected: word })
}

fn parse_line(line: &[u8], word: &str) -> Option<Zeroizing<[u8; 32]>> {
    let digits = line.strip_prefix(word.as_bytes())?.strip_prefix(b" ")?.trim_ascii_end();
    let mut key = Zeroizing::new([0; 32]);
    hex::read(digits, &mut *key)?;
    Some(key)
}
