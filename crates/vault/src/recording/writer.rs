//! Completes a part file: manifest, catalogue, digest.

use std::path::Path;

use calls::id::RecordingId;
use calls::time::Wall;

use super::catalogue::{Catalogue, Surveying};
use super::digest::Digest;
use super::layout::{FILE_HEAD_BYTES, KeyFrame, MANIFEST_KEY, TRAILER_BYTES, Trailer, file_head};
use super::part::{Folders, Part};
use crate::disk::DiskError;
use crate::frame::{self, Kind, MAX_BODY_BYTES, Scanned};
use crate::keys::{KeyPlace, RecorderKeys, TAG_BYTES};

/// The longest manifest.
pub const MAX_MANIFEST_BYTES: usize = MAX_BODY_BYTES - TAG_BYTES;

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
    /// More minutes than a catalogue can hold.
    TooLong,
}

/// Reads the part file through and appends its tail. The caller checked the manifest's length.
pub(crate) fn complete(
    folders: &Folders,
    part: &mut Part,
    keys: &RecorderKeys,
    manifest: &[u8],
) -> Result<Completion, DiskError> {
    let recording = part.recording();
    let Some((catalogue, tail_at)) = survey(folders, part.path())? else { return Ok(Completion::Damaged) };
    let Some((tail, digest)) = tail((recording, part.next_number()), &catalogue, tail_at, keys, manifest)
    else {
        return Ok(Completion::TooLong);
    };
    part.append(&tail)?;
    debug_assert!(tail.len() > TRAILER_BYTES, "a tail has frames before its trailer");
    Ok(Completion::Done { catalogue, bytes: tail_at + tail.len() as u64, digest })
}

/// Reads the minutes of a file that has no tail yet: what they are, and where the tail belongs. `None` if a frame is damaged.
pub(crate) fn survey(folders: &Folders, path: &Path) -> Result<Option<(Catalogue, u64)>, DiskError> {
    let mut surveying = Surveying::default();
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

/// The bytes that make a file of these minutes a sealed one, and the digest they lead to; `None` if there are more minutes than
/// a catalogue can hold.
pub(crate) fn tail(
    (recording, next_number): (RecordingId, u32),
    catalogue: &Catalogue,
    tail_at: u64,
    keys: &RecorderKeys,
    manifest: &[u8],
) -> Option<(Vec<u8>, Digest)> {
    let mut tail = Vec::with_capacity(manifest.len() + 4096);
    let place = manifest_place(recording);
    let (cipher, kept) = keys.draw(&place);
    KeyFrame { lane: 0, number: next_number, place, kept, is_first: false }.write(&mut tail);
    let manifest_frame = frame::start(&mut tail, Kind::Manifest);
    let text = tail.len();
    tail.extend_from_slice(manifest);
    cipher.encrypt(0, &manifest_aad(recording), &mut tail, text);
    frame::finish(&mut tail[..], manifest_frame);
    let catalogue_at = tail_at + tail.len() as u64;
    let mut body = Vec::new();
    catalogue.write(&mut body);
    if body.len() > MAX_BODY_BYTES {
        return None;
    }
    let catalogue_frame = frame::start(&mut tail, Kind::Catalogue);
    tail.extend_from_slice(&body);
    frame::finish(&mut tail[..], catalogue_frame);
    let digest = catalogue.digest(&file_head(recording), &tail);
    tail.extend_from_slice(&Trailer { tail: tail_at, catalogue: catalogue_at, digest: digest.0 }.bytes());
    Some((tail, digest))
}
