//! Which keys are still needed: what names them is in the clear, so that nobody has to hold a key to know.
//!
//! Belongs here: the ids in sealed files, in part files and in the journal. Does not: archives, which the caller knows.

use std::collections::BTreeSet;

use calls::id::RecordingId;

use crate::disk::{Access, Attempt, DiskError, failed};
use crate::frame::{Scan, Scanned, Window};
use crate::journal::layout::segment_number;
use crate::journal::reader::{OpenedSegment, open};
use crate::keys::KeyId;
use crate::recording::layout::KeyFrame;
use crate::recording::place;
use crate::recording::reader::{ReadError, Sheet};
use crate::store::Archive;

/// Keys that journal and part files need.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LiveKeys {
    /// Reading keys that data keys are wrapped for.
    pub reading: BTreeSet<KeyId>,
    /// State keys of segments.
    pub state: BTreeSet<KeyId>,
}

impl Archive {
    /// The reading keys that the data keys of a sealed recording are wrapped for.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn reading_keys(&self, recording: RecordingId) -> Result<BTreeSet<KeyId>, ReadError> {
        let folders = &self.folders;
        let sheet = Sheet::find(folders, recording)?.ok_or(ReadError::NotSealed { recording })?;
        let path = folders.root.join(place::sealed(recording));
        let file = folders.open(&path, Access::Read)?.ok_or(ReadError::NotSealed { recording })?;
        let mut window = Window::new(file, &path, u64::MAX)?;
        let minutes = sheet.catalogue.minutes.iter().filter(|minute| !minute.is_lost());
        let mut keys = BTreeSet::new();
        for offset in minutes.map(|minute| minute.offset).chain([sheet.trailer.tail]) {
            let key = window.frame(offset)?.and_then(|frame| KeyFrame::read(&frame));
            keys.extend(key.map(|key| key.kept.reading_key));
        }
        Ok(keys)
    }

    /// The keys that journal and part files need now. A recorder may run meanwhile.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn live_keys(&self) -> Result<LiveKeys, DiskError> {
        let mut keys = LiveKeys::default();
        let (disk, journal, live) = (&*self.folders.disk, self.folders.journal(), self.folders.live());
        for number in disk.list(&journal).map_err(failed(Attempt::List, &journal))?.iter() {
            let Some(number) = segment_number(number) else { continue };
            // One that went meanwhile needs nothing any more.
            let Ok(OpenedSegment::Whole(segment)) = open(disk, &journal, number) else { continue };
            keys.state.insert(segment.head.state_key);
            collect(segment.scan, &mut keys.reading)?;
        }
        for name in disk.list(&live).map_err(failed(Attempt::List, &live))? {
            if let Some(scan) = self.folders.scan(&live.join(name))? {
                collect(scan, &mut keys.reading)?;
            }
        }
        Ok(keys)
    }
}

fn collect(mut scan: Scan, keys: &mut BTreeSet<KeyId>) -> Result<(), DiskError> {
    while let Some(scanned) = scan.next()? {
        if let Scanned::Frame { frame, .. } = scanned {
            keys.extend(KeyFrame::read(&frame).map(|key| key.kept.reading_key));
        }
    }
    Ok(())
}
