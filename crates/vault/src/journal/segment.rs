//! One segment of the journal while it is written.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use calls::id::RecordingId;

use super::layout::{SEGMENT_HEAD_BYTES, SegmentHead, segment_path, write_lane, write_opaque};
use crate::batch::FrameBatch;
use crate::disk::{Attempt, Disk, DiskError, DiskFile, failed};
use crate::frame::Kind;
use crate::keys::{Cipher, RecorderKeys, random};

/// The segment frames are appended to. After any error it is to be abandoned: what it holds since its last sync
/// is written again elsewhere.
pub(super) struct OpenSegment {
    pub(super) number: u64,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    len: u64,
    cipher: Cipher,
    lanes: HashMap<u32, RecordingId>,
    scratch: Vec<u8>,
}

impl OpenSegment {
    /// Makes the file and its durable name. The head becomes durable with the first sync.
    pub(super) fn begin(
        disk: &dyn Disk,
        folder: &Path,
        keys: &RecorderKeys,
        (number, previous, run): (u64, u64, [u8; 8]),
    ) -> Result<Self, DiskError> {
        let path = segment_path(folder, number);
        let mut file = disk.create(&path).map_err(failed(Attempt::Create, &path))?;
        let salt = *random::<32>();
        let head = SegmentHead { number, previous, run, state_key: keys.state_id(), salt };
        file.append(&head.bytes().repeat(2)).map_err(failed(Attempt::Append, &path))?;
        disk.sync_dir(folder).map_err(failed(Attempt::SyncDir, folder))?;
        Ok(Self {
            number,
            path,
            file,
            len: SEGMENT_HEAD_BYTES as u64,
            cipher: keys.segment(&salt),
            lanes: HashMap::new(),
            scratch: Vec::new(),
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Appends a batch, with the lanes this segment has not named yet before it; returns where the batch begins.
    pub(super) fn append_batch(&mut self, batch: &FrameBatch) -> Result<u64, DiskError> {
        self.scratch.clear();
        for head in &batch.heads {
            if self.lanes.insert(head.lane, head.recording) != Some(head.recording) && !head.is_key {
                write_lane(&mut self.scratch, head.lane, head.recording);
            }
        }
        if !self.scratch.is_empty() {
            self.append_scratch()?;
        }
        let begin = self.len;
        self.file.append(&batch.bytes).map_err(failed(Attempt::Append, &self.path))?;
        self.len += batch.bytes.len() as u64;
        Ok(begin)
    }

    /// Appends an event or a checkpoint.
    pub(super) fn append_opaque(&mut self, kind: Kind, seq: u64, plain: &[u8]) -> Result<(), DiskError> {
        self.scratch.clear();
        write_opaque(&mut self.scratch, kind, seq, plain, (&self.cipher, self.number));
        self.append_scratch()
    }

    fn append_scratch(&mut self) -> Result<(), DiskError> {
        self.file.append(&self.scratch).map_err(failed(Attempt::Append, &self.path))?;
        self.len += self.scratch.len() as u64;
        Ok(())
    }

    /// Makes all of it durable.
    pub(super) fn sync(&mut self) -> Result<(), DiskError> {
        self.file.sync().map_err(failed(Attempt::Sync, &self.path))
    }
}
