//! Reads one segment of the journal through.

use std::path::{Path, PathBuf};

use super::layout::{HEAD_COPY_BYTES, SEGMENT_HEAD_BYTES, SegmentHead, segment_path};
use crate::disk::{Access, Attempt, Disk, DiskError, failed};
use crate::frame::{Scan, Window};

/// A segment opened for reading.
pub(crate) struct SegmentReader {
    pub(crate) head: SegmentHead,
    pub(crate) path: PathBuf,
    pub(crate) scan: Scan,
    /// Where a copy of the head stands that is not whole.
    pub(crate) bad_copy: Option<u64>,
}

/// What opening a segment showed.
pub(crate) enum OpenedSegment {
    Whole(Box<SegmentReader>),
    /// Its head is not whole: it was being made when the machine stopped, or it is damaged. Nothing in it can be
    /// told apart, nothing in it was ever acknowledged unless it was damaged later.
    Headless {
        bytes: u64,
    },
}

pub(crate) fn open(disk: &dyn Disk, folder: &Path, number: u64) -> Result<OpenedSegment, DiskError> {
    let path = segment_path(folder, number);
    let file = disk.open(&path, Access::Read).map_err(failed(Attempt::Open, &path))?;
    let mut window = Window::new(file, &path, u64::MAX)?;
    let bytes = window.end();
    let mut copy = |at: usize| -> Result<Option<SegmentHead>, DiskError> {
        let head = SegmentHead::read(window.get(at as u64, HEAD_COPY_BYTES)?);
        Ok(head.filter(|head| head.number == number))
    };
    let (first, second) = (copy(0)?, copy(HEAD_COPY_BYTES)?);
    let bad_copy = match (first, second) {
        (None, _) => Some(0),
        (_, None) => Some(HEAD_COPY_BYTES as u64),
        _ => None,
    };
    Ok(match first.or(second) {
        Some(head) => {
            let scan = Scan::new(window, SEGMENT_HEAD_BYTES as u64);
            OpenedSegment::Whole(Box::new(SegmentReader { head, path, scan, bad_copy }))
        }
        None => OpenedSegment::Headless { bytes },
    })
}
