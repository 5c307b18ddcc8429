//! Compares what the index says with what lies in the data folder, both ways, and each file with its digest and its seal.
//!
//! Nothing is changed, and a recorder may run meanwhile: sealed files never change, and a row is written after its file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use calls::id::RecordingId;
use index::{DatabaseError, FileEntry, Index};
use vault::keys::signing::NotSigned;
use vault::sums::Changed;
use vault::{Archive, DiskError, ReadError, ReadingKey, Verified, VerifyingKey};

use super::agree;
use super::manifest::Manifest;

/// How thoroughly files are looked at.
#[derive(Clone, Copy)]
pub enum Depth<'a> {
    /// That they are there, as long as they should be, and end as they should.
    Names,
    /// Checksums, digests and seals.
    Contents(Keys<'a>),
}

/// What there is to check contents with.
#[derive(Clone, Copy, Default)]
pub struct Keys<'a> {
    /// With it, every tag, and whether the row says what the manifest says.
    pub reading: Option<&'a ReadingKey>,
    /// The public halves of the install's signing keys; without any, signatures are not looked at.
    pub signing: &'a [VerifyingKey],
}

/// Something that is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A row names a file that is not there.
    #[error("recording {recording} has a row, and its file {file} is missing; restore it from a backup")]
    NoFile {
        /// The recording.
        recording: RecordingId,
        /// The file, relative to the data folder.
        file: String,
    },
    /// The file cannot be read through.
    #[error("recording {recording}: {cause}; restore the file from a backup")]
    Bad {
        /// The recording.
        recording: RecordingId,
        /// The first bad place.
        cause: ReadError,
    },
    /// The file is whole, and another than the one that was sealed.
    #[error(
        "recording {recording}: {file} is whole, and not the file that was sealed: its digest is another"
    )]
    Swapped {
        /// The recording.
        recording: RecordingId,
        /// The file, relative to the data folder.
        file: String,
    },
    /// It is whole, and nobody here has signed it.
    #[error("recording {recording}: {cause}; it is whole, and not what this install has sealed")]
    NotOurs {
        /// The recording.
        recording: RecordingId,
        /// Why.
        cause: NotSigned,
    },
    /// The row says something else than the sealed file.
    #[error("recording {recording}: the row differs from the sealed file in {what}")]
    RowDiffers {
        /// The recording.
        recording: RecordingId,
        /// In what.
        what: &'static str,
    },
    /// A file that nothing may have touched is another.
    #[error("{0}")]
    Touched(Changed),
    /// The journal was not written with the state key that is there.
    #[error(transparent)]
    StateKey(vault::OpenError),
    /// It is in an archive that does not give it.
    #[error("recording {recording} is in the archive {archive}, where it could not be looked at: {cause}")]
    Away {
        /// The recording.
        recording: RecordingId,
        /// The archive.
        archive: String,
        /// What stands in the way.
        cause: String,
    },
    /// It was erased, and its file is there.
    #[error("recording {recording} was erased, and a file of it is there again; remove it")]
    NotGone {
        /// The recording.
        recording: RecordingId,
    },
    /// A sealed file has no row, so nobody finds it.
    #[error("recording {recording} has a sealed file and no row, so that nobody finds it")]
    NoRow {
        /// The recording.
        recording: RecordingId,
    },
    /// What is no recording, or lies where it does not belong.
    #[error("{} is no recording, or not where it belongs; move it away", path.display())]
    Stranger {
        /// The file, relative to the data folder.
        path: PathBuf,
    },
}

/// What was looked at, and what is wrong.
#[derive(Debug, Default)]
pub struct Report {
    /// Recordings with a row.
    pub recordings: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Of them in archives.
    pub archived: u64,
    /// Packets whose tags hold, where they were looked at.
    pub packets: u64,
    /// Recordings that were made for a reading key that is not at hand: no tag of them was looked at.
    pub unopened: u64,
    /// Frames that were missing already when their recordings were sealed.
    pub missing_frames: u64,
    /// Recordings that were sealed before there were signatures.
    pub unsigned: u64,
    /// Recordings that are not sealed yet.
    pub unsealed: u64,
    /// What is wrong, in the order it was found.
    pub faults: Vec<Fault>,
}

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The index cannot be read.
    #[error(transparent)]
    Index(#[from] DatabaseError),
    /// The folder cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Compares rows and files. `elsewhere` knows the archives; `seen` is told of each recording that was looked at, with the bytes of its file.
///
/// # Errors
/// [`CheckError`]: what is wrong with single recordings is in the report.
pub async fn check(
    (archive, elsewhere): (&Archive, impl AsyncFn(&str, &FileEntry) -> Result<Archive, String>),
    index: &Index,
    depth: Depth<'_>,
    mut seen: impl FnMut(u64),
) -> Result<Report, CheckError> {
    let mut report = Report::default();
    let listing = archive.list()?;
    report.unsealed = listing.unsealed.len() as u64;
    let rows: BTreeMap<RecordingId, FileEntry> =
        index.files().await?.into_iter().map(|entry| (entry.recording, entry)).collect();
    for entry in rows.values() {
        let Some(name) = entry.place.as_deref() else {
            report.look_at(archive, entry, depth);
            report.compare_row(archive, index, entry, depth).await?;
            seen(entry.file_bytes);
            continue;
        };
        report.archived += 1;
        match elsewhere(name, entry).await {
            Ok(other) => {
                report.look_at(&other, entry, depth);
                report.compare_row(&other, index, entry, depth).await?;
            }
            Err(cause) => {
                report.recordings += 1;
                let (recording, archive) = (entry.recording, name.to_owned());
                report.faults.push(Fault::Away { recording, archive, cause });
            }
        }
        seen(entry.file_bytes);
    }
    // A recording that is being sealed has its row a moment after its file, and one with frames in the journal has it at
    // the next start at the latest.
    let without = listing.sealed.iter().filter(|id| !rows.contains_key(id));
    let waiting = |id: &&RecordingId| !listing.unsealed.contains(id);
    for recording in without.filter(waiting) {
        match index.erasure_of(*recording).await? {
            // It is on its way out.
            Some(erasure) if erasure.done.is_none() => {}
            Some(_) => report.faults.push(Fault::NotGone { recording: *recording }),
            None if index.recording(*recording).await?.is_none() => {
                report.faults.push(Fault::NoRow { recording: *recording });
            }
            None => {}
        }
    }
    report.faults.extend(listing.strangers.into_iter().map(|path| Fault::Stranger { path }));
    Ok(report)
}

impl Report {
    fn look_at(&mut self, archive: &Archive, entry: &FileEntry, depth: Depth<'_>) {
        let FileEntry { recording, file, file_bytes, digest, .. } = entry;
        self.recordings += 1;
        self.bytes += file_bytes;
        let no_file = || Fault::NoFile { recording: *recording, file: file.clone() };
        let swapped = || Fault::Swapped { recording: *recording, file: file.clone() };
        let fault = match depth {
            Depth::Names => match archive.bytes_of(*recording) {
                Ok(None) => Some(no_file()),
                Ok(Some(bytes)) if bytes != *file_bytes => Some(swapped()),
                Ok(Some(_)) => match archive.digest_of(*recording) {
                    Ok(stated) if stated.is_some_and(|stated| stated.0 == *digest) => None,
                    Ok(_) => Some(swapped()),
                    Err(error) => Some(Fault::Bad { recording: *recording, cause: error.into() }),
                },
                Err(error) => Some(Fault::Bad { recording: *recording, cause: error.into() }),
            },
            Depth::Contents(keys) => match archive.verify(*recording, keys.reading) {
                Ok(verified) => {
                    self.packets += verified.packets.unwrap_or(0);
                    self.unopened += u64::from(keys.reading.is_some() && verified.packets.is_none());
                    self.missing_frames += verified.missing_frames;
                    let is_same = verified.digest.0 == *digest && verified.bytes == *file_bytes;
                    if is_same { self.not_ours(&verified, keys.signing) } else { Some(swapped()) }
                }
                Err(ReadError::NotSealed { .. }) => Some(no_file()),
                Err(cause) => Some(Fault::Bad { recording: *recording, cause }),
            },
        };
        self.faults.extend(fault);
    }

    /// Whether somebody else has signed it.
    fn not_ours(&mut self, verified: &Verified, keys: &[VerifyingKey]) -> Option<Fault> {
        self.unsigned += u64::from(verified.seals.is_empty());
        let mut seals = verified.seals.iter().filter(|_| !keys.is_empty());
        let cause = seals.find_map(|seal| seal.verify(keys).err())?;
        Some(Fault::NotOurs { recording: verified.recording, cause })
    }

    /// Compares the row with the manifest, where that can be read. What cannot is a fault already.
    async fn compare_row(
        &mut self,
        archive: &Archive,
        index: &Index,
        entry: &FileEntry,
        depth: Depth<'_>,
    ) -> Result<(), DatabaseError> {
        let Depth::Contents(Keys { reading: Some(key), .. }) = depth else { return Ok(()) };
        let recording = entry.recording;
        let Ok(mut reader) = archive.open(recording, key) else { return Ok(()) };
        let Some(manifest) =
            reader.manifest().ok().and_then(|bytes| serde_json::from_slice::<Manifest>(&bytes).ok())
        else {
            return Ok(());
        };
        let Some(row) = index.recording(recording).await? else { return Ok(()) };
        let annotated = index.annotated(recording).await?;
        if let Some(what) = agree::difference(&row, &manifest, &annotated) {
            self.faults.push(Fault::RowDiffers { recording, what });
        }
        Ok(())
    }
}
