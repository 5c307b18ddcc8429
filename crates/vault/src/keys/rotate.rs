//! A key is replaced by another, kept in another form, or destroyed; and the list of all there are (F-KEY-1).
//!
//! Nothing that is stored is written anew. Data keys are wrapped for the new reading key from now on, and the private half of the
//! one before is kept, encrypted for it ([`super::former`]). The order of steps is such that after a crash between any two of them
//! the folder opens all it opened before, and the same call brings it to its end:
//!
//! 1. the private half of the present key is written among the former ones, encrypted for the new one;
//! 2. `reading.key` becomes the new one, and the blocks of the old file are overwritten;
//! 3. `reading.pub` becomes the new one: from here on it is used.
//!
//! Belongs here: these steps, and `history`, a line for each. Does not: who may ask for them, when a recorder looks again.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use calls::time::Wall;
use hpke::kem::X25519HkdfSha256;
use hpke::{Kem as _, Serializable as _};
use zeroize::Zeroize as _;

use super::folder::{self, KeyError, PUBLIC, READING, SECRETS, STATE};
use super::former::{self, Former};
use super::locked::Locked;
use super::private::{self, Form, PrivateFile, Unlock};
use super::{Half, KeyId, Public, random, state_id_of};

/// The file that says when keys were replaced.
const HISTORY: &str = "history";

/// The most of it that is read.
const MAX_HISTORY_BYTES: u64 = 1 << 20;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sound and manifests.
    Reading,
    /// Events.
    State,
}

impl Kind {
    /// Its word in files and lists.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::State => "state",
        }
    }
}

/// How a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// What is new is written with it.
    Present,
    /// It was replaced: what was written with it can still be read.
    Former,
    /// It was destroyed.
    Destroyed,
}

impl Stand {
    /// Its word in lists.
    pub fn word(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Former => "former",
            Self::Destroyed => "destroyed",
        }
    }
}

/// One key of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub id: KeyId,
    /// What for.
    pub kind: Kind,
    /// How it stands.
    pub stand: Stand,
    /// Of the present reading key: the form of its private half; none if that is not in the folder.
    pub form: Option<Form>,
    /// From when on it was used, if that is known; the first keys of an installation do not say.
    pub since: Option<Wall>,
    /// When it was replaced, or destroyed.
    pub until: Option<Wall>,
}

/// A key was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The one before.
    pub from: KeyId,
    /// The one in its place.
    pub to: KeyId,
}

/// Makes a reading key alone, in a new folder: for a place where nothing is recorded.
///
/// # Errors
/// [`KeyError`].
///
/// # Panics
/// If the operating system has no randomness to give; so do all that make keys.
pub fn make_reading(
    folder: &Path,
    at: Wall,
    (form, unlock): (&Form, &dyn Unlock),
) -> Result<KeyId, KeyError> {
    folder::make(folder)?;
    for (name, _) in [READING, PUBLIC] {
        if folder.join(name).exists() {
            return Err(KeyError::Exists { path: folder.join(name) });
        }
    }
    let (half, public) = draw();
    put_private(folder, (&half, form), unlock)?;
    put_public(folder, &public)?;
    note(folder, at, Kind::Reading, public.id, "made")?;
    Ok(public.id)
}

/// Replaces the reading key; needs its private half, and keeps that of the new one in the same form.
///
/// # Errors
/// [`KeyError`]; the same call goes on where it stopped.
pub fn replace_reading(folder: &Path, at: Wall, unlock: &dyn Unlock) -> Result<Change, KeyError> {
    let _held = hold(folder)?;
    let present = folder::read_public(folder)?;
    let file = PrivateFile::read(&folder.join(READING.0))?;
    let half = file.open(unlock)?;
    let next = if half.id == present.id {
        let (next, public) = draw();
        folder::make(&folder.join(former::FOLDER))?;
        let former = Former::of(&half, &public);
        folder::put(&former::path(folder, half.id, "reading"), &former.line())?;
        put_private(folder, (&next, &file.form), unlock)?;
        public
    } else {
        // An earlier call has come this far.
        let is_former =
            former::all(folder)?.iter().any(|former| former.id == present.id && former.next == half.id);
        if !is_former {
            return Err(KeyError::Mismatch {
                private: folder.join(READING.0),
                public: folder.join(PUBLIC.0),
            });
        }
        Public::new(half.public())
    };
    put_public(folder, &next)?;
    note(folder, at, Kind::Reading, present.id, "replaced")?;
    note(folder, at, Kind::Reading, next.id, "made")?;
    Ok(Change { from: present.id, to: next.id })
}

/// Replaces the state key: events are encrypted with the new one from the next start of the recorder on. Secrets of other
/// programs stay what they are.
///
/// # Errors
/// [`KeyError`]; the same call goes on where it stopped.
pub fn replace_state(folder: &Path, at: Wall) -> Result<Change, KeyError> {
    let _held = hold(folder)?;
    let present = folder::read_key(&folder.join(STATE.0), STATE.1)?;
    let from = state_id_of(present.bytes());
    folder::make(&folder.join(former::FOLDER))?;
    folder::put_key(&former::path(folder, from, "state"), STATE.1, present.bytes())?;
    if !folder.join(SECRETS.0).exists() {
        folder::put_key(&folder.join(SECRETS.0), SECRETS.1, present.bytes())?;
    }
    let next = Locked::new(|key| *key = *random::<32>());
    folder::put_key(&folder.join(STATE.0), STATE.1, next.bytes())?;
    let to = state_id_of(next.bytes());
    note(folder, at, Kind::State, from, "replaced")?;
    note(folder, at, Kind::State, to, "made")?;
    Ok(Change { from, to })
}

/// Makes a state key in place of one that nobody has any more. Events written with the state keys `lost` are given up: without
/// this a start refuses a journal that it cannot read.
///
/// # Errors
/// [`KeyError::Exists`] if there is a state key; else [`KeyError`].
pub fn lose_state(folder: &Path, at: Wall, lost: &BTreeSet<KeyId>) -> Result<KeyId, KeyError> {
    let _held = hold(folder)?;
    let path = folder.join(STATE.0);
    if path.exists() {
        return Err(KeyError::Exists { path });
    }
    folder::make(&folder.join(former::FOLDER))?;
    for id in lost {
        folder::put(
            &former::path(folder, *id, "lost"),
            format!("sidetone-lost-state-key-1 {id}\n").as_bytes(),
        )?;
        note(folder, at, Kind::State, *id, "lost")?;
    }
    let next = Locked::new(|key| *key = *random::<32>());
    folder::put_key(&path, STATE.1, next.bytes())?;
    let id = state_id_of(next.bytes());
    note(folder, at, Kind::State, id, "made")?;
    Ok(id)
}

/// Keeps the private half of the present reading key in another form, or under another passphrase.
///
/// # Errors
/// [`KeyError`]; the file is the one before or the one after.
pub fn keep_as(
    folder: &Path,
    form: &Form,
    opens: &dyn Unlock,
    seals: &dyn Unlock,
) -> Result<KeyId, KeyError> {
    let _held = hold(folder)?;
    let half = PrivateFile::read(&folder.join(READING.0))?.open(opens)?;
    put_private(folder, (&half, form), seals)?;
    Ok(half.id)
}

/// Destroys a former key. What was written with it, and is still there, can never be read again: that is for the caller to know.
///
/// # Errors
/// [`KeyError::Needed`] for a present key, and for a reading key that opens an older one.
pub fn destroy(folder: &Path, at: Wall, id: KeyId) -> Result<Kind, KeyError> {
    let _held = hold(folder)?;
    if list(folder)?.iter().any(|key| key.id == id && key.stand == Stand::Present) {
        return Err(KeyError::Needed { id, by: "it is in use; replace it first".to_owned() });
    }
    if let Some(older) = former::all(folder)?.iter().find(|former| former.next == id) {
        return Err(KeyError::Needed {
            id,
            by: format!("the older key {} is encrypted for it; destroy that first", older.id),
        });
    }
    for kind in [Kind::Reading, Kind::State] {
        let path = former::path(folder, id, kind.word());
        if path.exists() {
            wipe(&path)?;
            fs::remove_file(&path).map_err(folder::io_error("remove", &path))?;
            folder::sync_folder(&folder.join(former::FOLDER))?;
            note(folder, at, kind, id, "destroyed")?;
            return Ok(kind);
        }
    }
    Err(KeyError::Unknown { id })
}

/// All keys of a folder, those in use first, and what is known of destroyed ones.
///
/// # Errors
/// [`KeyError`].
pub fn list(folder: &Path) -> Result<Vec<Listed>, KeyError> {
    let notes = notes(folder)?;
    let mut keys = Vec::new();
    let mut add = |kind: Kind, id: KeyId, stand: Stand, form: Option<Form>| {
        let when = |words: &[&str]| {
            let is = |note: &&Note| note.kind == kind && note.id == id && words.contains(&note.what.as_str());
            notes.iter().rfind(is).map(|note| note.at)
        };
        let until = match stand {
            Stand::Present => None,
            Stand::Former => when(&["replaced"]),
            Stand::Destroyed => when(&["destroyed"]),
        };
        keys.push(Listed { id, kind, stand, form, since: when(&["made"]), until });
    };
    let public = folder::read_public(folder)?;
    let private = match PrivateFile::read(&folder.join(READING.0)) {
        Ok(file) => Some(file),
        Err(KeyError::Missing { .. }) => None,
        Err(error) => return Err(error),
    };
    // Another one is of a replacement that did not come to its end.
    let form = private.filter(|file| file.id() == Some(public.id)).map(|file| file.form);
    add(Kind::Reading, public.id, Stand::Present, form);
    match folder::read_key(&folder.join(STATE.0), STATE.1) {
        Ok(state) => add(Kind::State, state_id_of(state.bytes()), Stand::Present, None),
        // Where nothing is recorded there is none.
        Err(KeyError::Missing { .. }) => {}
        Err(error) => return Err(error),
    }
    for kind in [Kind::Reading, Kind::State] {
        for path in folder::files_in(&folder.join(former::FOLDER), kind.word())? {
            let id = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            if let Some(id) = id {
                add(kind, id, Stand::Former, None);
            }
        }
    }
    for note in notes.iter().filter(|note| note.what == "destroyed") {
        add(note.kind, note.id, Stand::Destroyed, None);
    }
    Ok(keys)
}

fn draw() -> (Half, Public) {
    let (mut private, public) = X25519HkdfSha256::derive_keypair(&*random::<32>());
    let mut bytes: [u8; 32] = private.to_bytes().into();
    let half = Half::new(Locked::new(|key| *key = bytes)).expect("it was made a moment ago");
    bytes.zeroize();
    // Its own memory is wiped when it is dropped.
    private = half.key();
    drop(private);
    (half, Public::new(public))
}

fn put_public(folder: &Path, public: &Public) -> Result<(), KeyError> {
    folder::put_key(&folder.join(PUBLIC.0), PUBLIC.1, &public.key.to_bytes().into())
}

/// Puts a private half in place of the one that is there, whose blocks are overwritten.
fn put_private(folder: &Path, (half, form): (&Half, &Form), unlock: &dyn Unlock) -> Result<(), KeyError> {
    let path = folder.join(READING.0);
    let line = private::line(half, form, &path, unlock)?;
    let before = File::options().read(true).write(true).open(&path).ok();
    folder::put(&path, &line)?;
    match before {
        Some(file) => wipe_open(file).map_err(folder::io_error("overwrite what was", &path)),
        None => Ok(()),
    }
}

fn wipe(path: &Path) -> Result<(), KeyError> {
    let file = File::options().read(true).write(true).open(path);
    file.and_then(wipe_open).map_err(folder::io_error("overwrite", path))
}

fn wipe_open(mut file: File) -> std::io::Result<()> {
    let bytes = usize::try_from(file.metadata()?.len().min(1 << 16)).unwrap_or(0);
    file.rewind()?;
    file.write_all(&vec![0; bytes])?;
    file.sync_all()
}

/// Nobody else changes a key folder while what is returned is there.
///
/// # Errors
/// [`KeyError::Busy`].
pub fn hold(folder: &Path) -> Result<File, KeyError> {
    let held = File::open(folder).map_err(folder::io_error("open", folder))?;
    match held.try_lock() {
        Ok(()) => Ok(held),
        Err(_) => Err(KeyError::Busy { path: folder.to_owned() }),
    }
}

struct Note {
    at: Wall,
    kind: Kind,
    id: KeyId,
    what: String,
}

fn note(folder: &Path, at: Wall, kind: Kind, id: KeyId, what: &str) -> Result<(), KeyError> {
    let path: PathBuf = folder.join(HISTORY);
    let line = format!("{} {} {id} {what}\n", at.as_ms(), kind.word());
    let file = folder::new_private_file().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| {
        crate::owner::give(&file, &path)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()
    });
    written.map_err(folder::io_error("write", &path))
}

/// The lines of the history that can be understood.
fn notes(folder: &Path) -> Result<Vec<Note>, KeyError> {
    let path = folder.join(HISTORY);
    let mut text = String::new();
    match File::open(&path).and_then(|file| file.take(MAX_HISTORY_BYTES).read_to_string(&mut text)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        read => drop(read.map_err(folder::io_error("read", &path))?),
    }
    let note = |line: &str| {
        let [at, kind, id, what] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
        let kind = [Kind::Reading, Kind::State].into_iter().find(|known| known.word() == kind)?;
        Some(Note { at: Wall::from_ms(at.parse().ok()?), kind, id: id.parse().ok()?, what: what.to_owned() })
    };
    Ok(text.lines().filter_map(note).collect())
}
