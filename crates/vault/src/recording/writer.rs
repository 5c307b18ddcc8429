//! Completes a part file: manifest, catalogue, leaves, seal, digest.

use std::path::Path;

use calls::id::RecordingId;
use calls::time::Wall;

use super::catalogue::Catalogue;
use super::digest::{Digest, sha256};
use super::layout::{FILE_HEAD_BYTES, KeyFrame, MANIFEST_KEY, TRAILER_BYTES, Trailer, Version, file_head};
use super::part::{Folders, Part};
use super::statement::{self, Seal, Statement};
use super::surveying::{Surveyed, Surveying};
use crate::disk::DiskError;
use crate::frame::{self, Kind, MAX_BODY_BYTES, Scanned};
use crate::keys::{KeyPlace, RecorderKeys, TAG_BYTES, random};

/// Random bytes before the manifest, so that its hash in the seal tells nothing of it.
pub const SALT_BYTES: usize = 32;

/// The longest manifest.
pub const MAX_MANIFEST_BYTES: usize = MAX_BODY_BYTES - TAG_BYTES - SALT_BYTES;

/// Where the manifest's own key belongs.
pub(crate) fn manifest_place(recording: RecordingId) -> KeyPlace {
    KeyPlace { recording, key: MANIFEST_KEY, base: Wall::EPOCH }
}

/// What the tag of the manifest is bound to.
pub(crate) fn manifest_aad(recording: RecordingId) -> [u8; 17] {
    let mut aad = [0; 17];
    aad[0] = Kind::Manifest as u8;
    aad[1..].copy_from_slice(recording.as_bytes());
    aad
}

/// What [`complete`] found.
pub(crate) enum Completion {
    /// The tail is appended, not yet synced.
    Done { catalogue: Catalogue, bytes: u64, digest: Digest },
    /// A frame in the part file is damaged: it has to be written anew.
    Damaged,
    /// More minutes than a catalogue, or more leaves than their frame can hold.
    TooLong,
}

/// Reads the part file through and appends its tail. The caller checked the manifest's length.
pub(crate) fn complete(
    folders: &Folders,
    part: &mut Part,
    keys: &RecorderKeys,
    manifest: &[u8],
) -> Result<Completion, DiskError> {
    let Some((surveyed, tail_at)) = survey(folders, part.path())? else { return Ok(Completion::Damaged) };
    let whose = Whose { recording: part.recording(), next_number: part.next_number(), seals: &[] };
    let Some((tail, digest)) = whose.tail(&surveyed, tail_at, keys, manifest) else {
        return Ok(Completion::TooLong);
    };
    part.append(&tail)?;
    debug_assert!(tail.len() > TRAILER_BYTES, "a tail has frames before its trailer");
    let catalogue = surveyed.catalogue;
    Ok(Completion::Done { catalogue, bytes: tail_at + tail.len() as u64, digest })
}

/// Reads the minutes of a file that has no tail yet: what they are, and where the tail belongs. `None` if a frame is damaged.
pub(crate) fn survey(folders: &Folders, path: &Path) -> Result<Option<(Surveyed, u64)>, DiskError> {
    let mut surveying = Surveying::of(Version::Two);
    let mut tail_at = FILE_HEAD_BYTES as u64;
    if let Some(mut scan) = folders.scan(path)? {
        while let Some(scanned) = scan.next()? {
            let Scanned::Frame { offset, frame } = scanned else { return Ok(None) };
            surveying.frame(offset, &frame);
            tail_at = offset + frame.bytes.len() as u64;
        }
    }
    Ok(Some((surveying.end(), tail_at)))
}

/// What a tail is made for.
pub(crate) struct Whose<'s> {
    pub(crate) recording: RecordingId,
    /// The number of the first frame that is not there.
    pub(crate) next_number: u32,
    /// The seals of the file whose place this one takes, the newest first.
    pub(crate) seals: &'s [Seal],
}

impl Whose<'_> {
    /// The bytes that make a file of these minutes a sealed one, and the digest they lead to; `None` if it is too long.
    pub(crate) fn tail(
        &self,
        surveyed: &Surveyed,
        tail_at: u64,
        keys: &RecorderKeys,
        manifest: &[u8],
    ) -> Option<(Vec<u8>, Digest)> {
        let (recording, number) = (self.recording, self.next_number);
        let mut tail = Vec::with_capacity(manifest.len() + 4096);
        let place = manifest_place(recording);
        let (cipher, kept) = keys.draw(&place);
        KeyFrame { lane: 0, number, place, kept, is_first: false }.write(&mut tail);
        let manifest_frame = frame::start(&mut tail, Kind::Manifest);
        let text = tail.len();
        tail.extend_from_slice(&*random::<SALT_BYTES>());
        tail.extend_from_slice(manifest);
        let manifest = Digest(sha256(&tail[text..]));
        cipher.encrypt(0, &manifest_aad(recording), &mut tail, text);
        frame::finish(&mut tail[..], manifest_frame);
        let catalogue_at = tail.len();
        let mut body = Vec::new();
        surveyed.catalogue.write(&mut body);
        append(&mut tail, Kind::Catalogue, &body)?;
        let catalogue_frame = catalogue_at..tail.len();
        append(&mut tail, Kind::Leaves, surveyed.leaves.as_flattened())?;
        let catalogue = Digest(sha256(&tail[catalogue_frame]));
        let of = Statement::of(recording, &surveyed.catalogue, &surveyed.leaves, catalogue, manifest);
        let seal = Statement { before: self.seals.first().map(Seal::hash), ..of }.sign(keys.signing());
        let seals = statement::write_all(std::iter::once(&seal).chain(self.seals));
        append(&mut tail, Kind::Seal, seals.as_bytes())?;
        let digest = surveyed.catalogue.digest(&file_head(recording), &tail);
        let catalogue = tail_at + catalogue_at as u64;
        let trailer = Trailer { version: Version::Two, tail: tail_at, catalogue, digest: digest.0 };
        tail.extend_from_slice(&trailer.bytes());
        Some((tail, digest))
    }
}

/// Appends a frame; `None` if its body is too long for one.
fn append(out: &mut Vec<u8>, kind: Kind, body: &[u8]) -> Option<()> {
    if body.len() > MAX_BODY_BYTES {
        return None;
    }
    let at = frame::start(out, kind);
    out.extend_from_slice(body);
    frame::finish(&mut out[..], at);
    Some(())
}
