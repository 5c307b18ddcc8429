//! The bulk of a backup: sealed files in which zeros stand where their keys were. A file in it never changes.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use calls::id::RecordingId;

use super::TakenKeys;
use crate::disk::{Access, Attempt, Disk, DiskError, failed};
use crate::frame::{HEAD_BYTES, Kind, Scan, Scanned, Window};
use crate::hex;
use crate::recording::digest::{Digest, sha256};
use crate::recording::layout::{FIRST_BYTES, KEY_BODY_BYTES};
use crate::recording::part::{Folders, Gather};
use crate::recording::place;
use crate::recording::reader::{ReadError, Sheet};
use crate::recording::surveying::Surveying;
use crate::store::Archive;
use crate::verify::{Verified, compare, key_at, verify_at};

/// Bytes that are copied at once.
const AT_ONCE: u64 = 256 << 10;

/// Length of the frame with the manifest's key.
const MANIFEST_KEY_BYTES: usize = HEAD_BYTES + KEY_BODY_BYTES;

/// The longest frame with a key.
const KEY_BYTES_MAX: usize = MANIFEST_KEY_BYTES + FIRST_BYTES;

/// What a file of a bulk is named after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BulkName {
    /// The recording.
    pub recording: RecordingId,
    /// How the digest of the sealed file begins.
    pub digest_start: [u8; 8],
}

impl BulkName {
    /// That of a sealed file.
    pub fn of(recording: RecordingId, digest: &Digest) -> Self {
        let mut digest_start = [0; 8];
        digest_start.copy_from_slice(&digest.0[..8]);
        Self { recording, digest_start }
    }

    /// Where the file is, relative to the bulk.
    pub fn path(&self) -> PathBuf {
        place::bulk(self.recording, &self.digest_start)
    }

    fn read(relative: &Path) -> Option<Self> {
        let name = relative.file_name()?.to_str()?.strip_suffix(".bulk")?;
        let (recording, digits) = name.split_once('.')?;
        let mut digest_start = [0; 8];
        hex::read(digits.as_bytes(), &mut digest_start)?;
        let name = Self { recording: recording.parse().ok()?, digest_start };
        (name.path() == relative).then_some(name)
    }
}

/// What lies in a bulk.
#[derive(Debug, Default)]
pub struct BulkListing {
    /// Its files.
    pub files: BTreeSet<BulkName>,
    /// What is none of them; relative to the bulk.
    pub strangers: Vec<PathBuf>,
}

/// The bulk of a backup. Cheap to clone.
#[derive(Clone)]
pub struct Bulk {
    folders: Folders,
}

impl Bulk {
    /// The one at `root`, which exists.
    pub fn new(disk: Arc<dyn Disk>, root: &Path) -> Self {
        Self { folders: Folders { disk, root: root.to_owned() } }
    }

    /// What there is of it. Of files that a stop has left unfinished nothing is said.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn list(&self) -> Result<BulkListing, DiskError> {
        let mut listing = BulkListing::default();
        self.walk(&mut |relative, _| match BulkName::read(relative) {
            Some(name) => {
                listing.files.insert(name);
                Ok(())
            }
            None if is_draft(relative) => Ok(()),
            None => {
                listing.strangers.push(relative.to_owned());
                Ok(())
            }
        })?;
        Ok(listing)
    }

    /// Removes what a stop has left unfinished.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn clean(&self) -> Result<(), DiskError> {
        self.walk(&mut |relative, path| {
            if is_draft(relative) {
                self.folders.remove(path)?;
            }
            Ok(())
        })
    }

    fn walk(&self, see: &mut dyn FnMut(&Path, &Path) -> Result<(), DiskError>) -> Result<(), DiskError> {
        walk(&self.folders, Path::new(place::SEALED), see)
    }

    /// Copies the sealed file of a recording without its keys, and gives these out. When it returns the copy is durable;
    /// one that is there already is replaced by the same.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn put(&self, source: &Archive, recording: RecordingId) -> Result<TakenKeys, ReadError> {
        let from = source.folders.root.join(place::sealed(recording));
        let file = source.folders.open(&from, Access::Read)?.ok_or(ReadError::NotSealed { recording })?;
        let mut window = Window::new(file, &from, u64::MAX)?;
        let sheet = Sheet::read(&mut window)?;
        if sheet.recording != recording {
            return Err(ReadError::WrongRecording { path: from, found: sheet.recording });
        }
        let taken = take_keys(&sheet, &mut window)?;
        let Folders { disk, root } = &self.folders;
        let top = root.join(place::SEALED);
        disk.create_dir(&top).map_err(failed(Attempt::CreateDir, &top))?;
        self.folders.sync(root)?;
        let day = place::make_day_folder(&**disk, root, recording)?;
        let path = root.join(BulkName::of(recording, &sheet.digest).path());
        let draft = path.with_extension("new");
        self.folders.remove(&draft)?;
        let mut out = Gather::begin(&self.folders, draft.clone(), Vec::new())?;
        let mut at = 0;
        for (offset, key) in &taken.keys {
            copy(&mut window, at..*offset, &mut out)?;
            out.append(&vec![0; key.len()])?;
            at = offset + key.len() as u64;
        }
        copy(&mut window, at..sheet.bytes, &mut out)?;
        out.finish()?;
        self.folders.rename(&draft, &path)?;
        self.folders.sync(&day)?;
        Ok(taken)
    }

    /// Removes a file; whether it was there. Without its keys it is noise already.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn remove(&self, name: BulkName) -> Result<bool, DiskError> {
        let path = self.folders.root.join(name.path());
        let was_there = self.folders.remove(&path)?;
        if was_there {
            self.folders.sync(path.parent().unwrap_or(&self.folders.root))?;
        }
        Ok(was_there)
    }

    /// Reads a file through and checks all of it that can be checked without its keys: everything but that the encrypted
    /// manifest is the one that was sealed, of which only the checksum is looked at.
    ///
    /// # Errors
    /// [`ReadError`] names the first bad place.
    pub fn check(&self, name: BulkName) -> Result<Verified, ReadError> {
        let path = self.folders.root.join(name.path());
        let recording = name.recording;
        let open = || -> Result<Window, ReadError> {
            let file = self.folders.open(&path, Access::Read)?.ok_or(ReadError::NotSealed { recording })?;
            Ok(Window::new(file, &path, u64::MAX)?)
        };
        let mut window = open()?;
        let sheet = Sheet::stated(&mut window)?;
        if sheet.recording != recording {
            return Err(ReadError::WrongRecording { path, found: sheet.recording });
        }
        if BulkName::of(recording, &sheet.digest) != name {
            let part = "end, which is of another file of this recording,".to_owned();
            return Err(ReadError::WrongDigest { path, part });
        }
        for (span, _) in spans(&sheet)? {
            let bytes = usize::try_from(span.end - span.start).unwrap_or(usize::MAX);
            if window.get(span.start, bytes)?.iter().any(|byte| *byte != 0) {
                let reason = format!("at byte {}, where only zeros may stand, is something else", span.start);
                return Err(ReadError::BadSeal { path, reason });
            }
        }
        let at = sheet.trailer.tail + MANIFEST_KEY_BYTES as u64;
        let manifest = window.frame(at)?.filter(|frame| frame.kind == Kind::Manifest);
        if manifest.is_none_or(|frame| at + frame.bytes.len() as u64 != sheet.trailer.catalogue) {
            return Err(ReadError::NotWhole { path, part: "manifest" });
        }
        let catalogue = window.frame(sheet.trailer.catalogue)?.map(|frame| Digest(sha256(frame.bytes)));
        let found = survey(&sheet, open()?)?;
        compare(&sheet, &found.end(), catalogue)?;
        Ok(Verified::of(&sheet))
    }

    /// Brings a file back into the data folder of `target` with its keys, durably, and reads it through.
    ///
    /// # Errors
    /// [`ReadError`] names the first bad place. [`ReadError::NotSealed`] and errors of the disk aside the file is in its place
    /// all the same: of what is damaged the rest can be heard.
    pub fn join(&self, keys: &TakenKeys, target: &Archive) -> Result<(), ReadError> {
        let TakenKeys { recording, digest, .. } = *keys;
        let from = self.folders.root.join(BulkName::of(recording, &digest).path());
        let file = self.folders.open(&from, Access::Read)?.ok_or(ReadError::NotSealed { recording })?;
        let mut window = Window::new(file, &from, u64::MAX)?;
        let folders = &target.folders;
        let day = place::make_day_folder(&*folders.disk, &folders.root, recording)?;
        let path = folders.root.join(place::sealed(recording));
        let draft = path.with_extension("new");
        folders.remove(&draft)?;
        let mut out = Gather::begin(folders, draft.clone(), Vec::new())?;
        let mut at = 0;
        for (offset, key) in &keys.keys {
            copy(&mut window, at..*offset, &mut out)?;
            out.append(key)?;
            at = offset + key.len() as u64;
        }
        let end = window.end();
        copy(&mut window, at..end, &mut out)?;
        out.finish()?;
        folders.rename(&draft, &path)?;
        folders.sync(&day)?;
        let found = verify_at(folders, &path, recording, None)?;
        if found.digest != digest {
            return Err(ReadError::WrongDigest { path, part: "end".to_owned() });
        }
        Ok(())
    }
}

fn is_draft(relative: &Path) -> bool {
    relative.extension().is_some_and(|extension| extension == "new")
}

/// Shows every file in the folders of years, months and days below `folder`: relative to the root, and whole.
pub(super) fn walk(
    folders: &Folders,
    folder: &Path,
    see: &mut dyn FnMut(&Path, &Path) -> Result<(), DiskError>,
) -> Result<(), DiskError> {
    let path = folders.root.join(folder);
    let names = match folders.disk.list(&path).map_err(failed(Attempt::List, &path)) {
        Err(error) if error.is_not_found() => return Ok(()),
        names => names?,
    };
    for name in names {
        let relative = folder.join(&name);
        if relative.components().count() <= 4 && name.bytes().all(|byte| byte.is_ascii_digit()) {
            walk(folders, &relative, see)?;
        } else {
            see(&relative, &path.join(&name))?;
        }
    }
    Ok(())
}

/// Where a key stands, and the digest it has, where that is stated.
type KeySpan = (Range<u64>, Option<Digest>);

/// Where the keys of a file stand, in order.
fn spans(sheet: &Sheet) -> Result<Vec<KeySpan>, ReadError> {
    let mut spans = Vec::new();
    for minute in sheet.catalogue.minutes.iter().filter(|minute| !minute.is_lost()) {
        let bytes = u64::from(minute.key_bytes);
        if bytes > minute.bytes || bytes > KEY_BYTES_MAX as u64 {
            return Err(ReadError::NotWhole { path: sheet.path.clone(), part: "catalogue" });
        }
        spans.push((minute.offset..minute.offset + bytes, Some(Digest(minute.key_digest))));
    }
    let tail = sheet.trailer.tail;
    if sheet.trailer.catalogue - tail < MANIFEST_KEY_BYTES as u64 {
        return Err(ReadError::NotWhole { path: sheet.path.clone(), part: "tail" });
    }
    spans.push((tail..tail + MANIFEST_KEY_BYTES as u64, None));
    Ok(spans)
}

fn take_keys(sheet: &Sheet, window: &mut Window) -> Result<TakenKeys, ReadError> {
    let mut keys = Vec::new();
    for (span, digest) in spans(sheet)? {
        let bytes = usize::try_from(span.end - span.start).unwrap_or(usize::MAX);
        let key = window.get(span.start, bytes)?.to_vec();
        // It may be erased at this moment.
        if digest.is_some_and(|digest| sha256(&key) != digest.0) {
            let part = format!("key at byte {}", span.start);
            return Err(ReadError::WrongDigest { path: sheet.path.clone(), part });
        }
        keys.push((span.start, key));
    }
    let is_key = window.frame(sheet.trailer.tail)?;
    if is_key.is_none_or(|frame| frame.kind != Kind::Key || frame.bytes.len() != MANIFEST_KEY_BYTES) {
        return Err(ReadError::NotWhole { path: sheet.path.clone(), part: "tail" });
    }
    Ok(TakenKeys { recording: sheet.recording, digest: sheet.digest, file_bytes: sheet.bytes, keys })
}

fn copy(window: &mut Window, span: Range<u64>, out: &mut Gather) -> Result<(), ReadError> {
    let mut at = span.start;
    while at < span.end {
        let wanted = usize::try_from((span.end - at).min(AT_ONCE)).unwrap_or(usize::MAX);
        let piece = window.get(at, wanted)?;
        if piece.is_empty() {
            // It is shorter than its keys say.
            break;
        }
        at += piece.len() as u64;
        out.append(piece)?;
    }
    Ok(())
}

/// Takes the media frames of all minutes.
fn survey(sheet: &Sheet, window: Window) -> Result<Surveying, ReadError> {
    let mut scan = Scan::new(window, 0);
    let mut surveying = Surveying::of(sheet.trailer.version);
    for minute in &sheet.catalogue.minutes {
        if !minute.is_lost() {
            surveying.minute_without_key(minute);
        }
        scan.limit(minute.offset + u64::from(minute.key_bytes), minute.end());
        while let Some(scanned) = scan.next()? {
            match scanned {
                Scanned::Frame { offset, frame } if frame.kind == Kind::Media => {
                    surveying.frame(offset, &frame);
                }
                Scanned::Frame { .. } => {
                    return Err(ReadError::NotWhole { path: sheet.path.clone(), part: "minutes" });
                }
                Scanned::Damage { offset, bytes, .. } => {
                    let key = key_at(sheet, offset);
                    return Err(ReadError::BadFrame { path: sheet.path.clone(), offset, bytes, key });
                }
            }
        }
    }
    Ok(surveying)
}
