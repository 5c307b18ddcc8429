//! Where the files of a recording are: a matter of its id alone.

use std::path::{Path, PathBuf};

use calls::id::RecordingId;

use crate::disk::{Attempt, Disk, DiskError, failed};

/// The folder of recordings not yet sealed.
pub(crate) const LIVE: &str = "live";

/// The folder of sealed recordings.
pub(crate) const SEALED: &str = "recordings";

/// The file of a recording that is not sealed yet.
pub(crate) fn part(recording: RecordingId) -> PathBuf {
    PathBuf::from(format!("{LIVE}/{recording}.part"))
}

/// A part file whose last sync failed: what was appended since the sync before it cannot be relied on.
pub(crate) fn suspect(recording: RecordingId) -> PathBuf {
    PathBuf::from(format!("{LIVE}/{recording}.suspect"))
}

/// A part file that is being written again.
pub(crate) fn draft(recording: RecordingId) -> PathBuf {
    PathBuf::from(format!("{LIVE}/{recording}.new"))
}

/// What remains of a sealed recording, before it takes the place of the whole.
pub(crate) fn remainder(recording: RecordingId) -> PathBuf {
    PathBuf::from(format!("{LIVE}/{recording}.remainder"))
}

/// A second name of a sealed file that is replaced, so that its keys can still be destroyed then.
pub(crate) fn doomed(recording: RecordingId) -> PathBuf {
    PathBuf::from(format!("{LIVE}/{recording}.doomed"))
}

/// A sealed file that is being erased, beside where it was: nobody takes it for a recording any more.
pub(crate) fn erased(recording: RecordingId) -> PathBuf {
    sealed(recording).with_extension("erased")
}

/// The file of a sealed recording: by the UTC day in which its id (`UUIDv7`) was drawn.
pub(crate) fn sealed(recording: RecordingId) -> PathBuf {
    let (year, month, day) = day(recording);
    PathBuf::from(format!("{SEALED}/{year:04}/{month:02}/{day:02}/{recording}.rec"))
}

/// A sealed file without its keys, in the bulk of a backup: redacted, it is another file.
pub(crate) fn bulk(recording: RecordingId, digest_start: &[u8; 8]) -> PathBuf {
    let start = u64::from_be_bytes(*digest_start);
    sealed(recording).with_file_name(format!("{recording}.{start:016x}.bulk"))
}

/// The page with the keys of all recordings of a day, apart from the bulk of a backup.
pub(crate) fn page(recording: RecordingId) -> PathBuf {
    let (year, month, day) = day(recording);
    PathBuf::from(format!("{SEALED}/{year:04}/{month:02}/{day:02}.keys"))
}

/// Makes the folders of a sealed recording, each durable before the next.
pub(crate) fn make_day_folder(
    disk: &dyn Disk,
    root: &Path,
    recording: RecordingId,
) -> Result<PathBuf, DiskError> {
    let (year, month, day) = day(recording);
    let mut folder = root.join(SEALED);
    for name in [format!("{year:04}"), format!("{month:02}"), format!("{day:02}")] {
        let parent = folder.clone();
        folder.push(name);
        disk.create_dir(&folder).map_err(failed(Attempt::CreateDir, &folder))?;
        disk.sync_dir(&parent).map_err(failed(Attempt::SyncDir, &parent))?;
    }
    Ok(folder)
}

/// Year, month and day of the first 48 bits of the id, milliseconds since 1970 (RFC 9562 section 5.7).
fn day(recording: RecordingId) -> (i64, i64, i64) {
    civil(recording.drawn_ms() / 86_400_000)
}

/// The date of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
///
/// Years begin in March here, so that the leap day is the last of its year; 400 years are 146,097 days.
fn civil(days: i64) -> (i64, i64, i64) {
    let since_0000_03_01 = days + 719_468;
    let era = since_0000_03_01.div_euclid(146_097);
    let day_of_era = since_0000_03_01.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(19_783), (2024, 3, 1));
        assert_eq!(civil(20_818), (2026, 12, 31));
    }

    #[test]
    fn a_sealed_file_lies_under_the_day_of_its_id() {
        let id: RecordingId = "0198c7a2-4f3e-7abc-8def-0123456789ab".parse().unwrap();
        let path = sealed(id);
        assert_eq!(path, Path::new("recordings/2025/08/20/0198c7a2-4f3e-7abc-8def-0123456789ab.rec"));
    }
}
