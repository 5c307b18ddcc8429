//! Checks a sealed file: without any key its checksums and its digest chain, with the reading key also every tag.
//!
//! Belongs here: reading a file through and naming the first bad place. Does not: comparing files with index rows
//! (the server does).

use std::path::Path;

use calls::id::RecordingId;
use calls::time::Wall;

use crate::disk::Access;
use crate::frame::{Scan, Scanned, Window};
use crate::keys::ReadingKey;
use crate::recording::catalogue::Surveying;
use crate::recording::digest::Digest;
use crate::recording::layout::FILE_HEAD_BYTES;
use crate::recording::part::Folders;
use crate::recording::place;
use crate::recording::reader::{ReadError, RecordingReader, Sheet};

/// What a check has seen to be good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The digest all of it leads to: compare it with the one in the index.
    pub digest: Digest,
    /// Length of the file.
    pub bytes: u64,
    /// Minutes of audio, each a link of the chain.
    pub minutes: usize,
    /// Packets whose tags hold; `None` if the key was not at hand to check them with.
    pub packets: Option<u64>,
    /// Frames the seal already missed.
    pub missing_frames: u64,
}

/// Checks the sealed file of `recording`.
pub(crate) fn verify(
    folders: &Folders,
    recording: RecordingId,
    key: Option<&ReadingKey>,
) -> Result<Verified, ReadError> {
    verify_at(folders, &folders.root.join(place::sealed(recording)), recording, key)
}

/// Checks a file that is or will be the sealed file of `recording`.
pub(crate) fn verify_at(
    folders: &Folders,
    path: &Path,
    recording: RecordingId,
    key: Option<&ReadingKey>,
) -> Result<Verified, ReadError> {
    let open = || -> Result<Window, ReadError> {
        let file = folders.open(path, Access::Read)?.ok_or(ReadError::NotSealed { recording })?;
        Ok(Window::new(file, path, u64::MAX)?)
    };
    let mut window = open()?;
    let sheet = Sheet::read(&mut window)?;
    if sheet.recording != recording {
        return Err(ReadError::WrongRecording { path: path.to_owned(), found: sheet.recording });
    }
    check_chain(&sheet, window)?;
    let mut verified = Verified {
        digest: sheet.digest,
        bytes: sheet.bytes,
        minutes: sheet.catalogue.minutes.len(),
        packets: None,
        missing_frames: sheet.catalogue.missing_frames,
    };
    if let Some(key) = key {
        verified.packets = match count_packets(RecordingReader::from_parts(sheet, open()?, key)) {
            // Nobody here can say more of it than that it was not altered.
            Err(ReadError::NotHeld { .. }) => None,
            counted => Some(counted?),
        };
    }
    Ok(verified)
}

/// Opens all there is in it.
fn count_packets(mut reader: RecordingReader) -> Result<u64, ReadError> {
    reader.manifest()?;
    let mut packets = 0;
    let streams: Vec<_> = reader.streams().to_vec();
    for tally in streams {
        let mut heads = reader.heads(tally.stream, Wall::from_ns(i64::MIN), Wall::from_ns(i64::MAX));
        packets += heads.try_fold(0u64, |count, head| head.map(|_| count + 1))?;
    }
    Ok(packets)
}

/// Makes the catalogue again from the frames and compares it with the one that is there, minute by minute.
fn check_chain(sheet: &Sheet, window: Window) -> Result<(), ReadError> {
    let mut scan = Scan::new(window, FILE_HEAD_BYTES as u64);
    scan.limit(FILE_HEAD_BYTES as u64, sheet.trailer.tail);
    let mut surveying = Surveying::default();
    while let Some(scanned) = scan.next()? {
        match scanned {
            Scanned::Frame { offset, frame } => surveying.frame(offset, &frame),
            Scanned::Damage { offset, bytes, .. } => {
                let minute = sheet.catalogue.minutes.iter().find(|minute| offset < minute.end());
                let key = minute.map_or(0, |minute| minute.key);
                return Err(ReadError::BadFrame { path: sheet.path.clone(), offset, bytes, key });
            }
        }
    }
    let found = surveying.end();
    if found == sheet.catalogue {
        return Ok(());
    }
    let minutes = found.minutes.iter().zip(&sheet.catalogue.minutes);
    let first = minutes.take_while(|(found, stated)| found == stated).count();
    let part = match sheet.catalogue.minutes.get(first) {
        Some(minute) => format!("minute of key {}, at byte {},", minute.key, minute.offset),
        None => "catalogue".to_owned(),
    };
    Err(ReadError::WrongDigest { path: sheet.path.clone(), part })
}
