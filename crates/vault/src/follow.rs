//! Reads on in a recording that is not sealed yet, while it grows.
//!
//! Its frames are in its part file and, the newest, in the journal. A follower reads both by itself, beside those who
//! write them: nobody waits for it, it holds nothing open and nothing back, and whatever it misses for a moment (frames on
//! their way from one file to the other, a segment that was removed, a file that was written anew or sealed) it finds at
//! the next look. Frames have numbers: none is given twice.
//!
//! Belongs here: finding, decrypting and unpacking what is new. Does not: when to look again, sound (the server).

use std::collections::VecDeque;

use calls::id::{RecordingId, StreamNumber};
use calls::packet::Packet;
use calls::time::Wall;
use zeroize::Zeroizing;

use crate::block::Unpack;
use crate::disk::{Access, DiskError};
use crate::frame::{Frame, Kind, Scan, Scanned, Window};
use crate::journal::layout::segment_path;
use crate::journal::settlement::Settlement;
use crate::keys::{Cipher, KeyId, ReadingKey};
use crate::recording::layout::{FILE_HEAD_BYTES, KeyFrame, MediaHead, lane_and_number};
use crate::recording::part::{Folders, is_tail};
use crate::recording::place;

/// Data keys that are kept: blocks of the minute before come a moment after the key of the next.
const KEYS: usize = 4;

/// Takes what a follower finds: a stream and its packet, in the order in which they were stored.
pub type Sees<'s> = dyn FnMut(StreamNumber, &Packet<'_>) + 's;

/// How far a follower has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// As many bytes as were allowed: there may be more.
    Limit,
    /// All there is now.
    Now,
    /// All there is now but for frames that are on their way; if they do not come, [`Follower::pass_over`].
    Gap,
    /// The end: it is sealed.
    Sealed,
}

/// A reader of a recording that still grows.
pub struct Follower {
    folders: Folders,
    recording: RecordingId,
    reading: ReadingKey,
    /// The number of the next frame.
    next: u32,
    /// Where in the file of the recording to read on.
    file_at: u64,
    /// Where in the journal: a segment, and a place in it.
    journal_at: (u64, u64),
    keys: VecDeque<(u16, Wall, Cipher)>,
    plain: Zeroizing<Vec<u8>>,
    passes_over: bool,
    missed: u64,
    not_held: Option<KeyId>,
}

impl Follower {
    pub(crate) fn new(folders: Folders, recording: RecordingId, reading: &ReadingKey) -> Self {
        Self {
            folders,
            recording,
            reading: reading.clone(),
            next: 0,
            file_at: FILE_HEAD_BYTES as u64,
            journal_at: (0, 0),
            keys: VecDeque::new(),
            plain: Zeroizing::new(Vec::new()),
            passes_over: false,
            missed: 0,
            not_held: None,
        }
    }

    /// A reading key that the recording is made for, and whose private half is not at hand: what is under it counts as missed.
    pub fn not_held(&self) -> Option<KeyId> {
        self.not_held
    }

    /// Frames that were not there, or could not be read.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Has the next look go on behind a gap.
    pub fn pass_over(&mut self) {
        self.passes_over = true;
    }

    /// Shows what is new to `sees`, some `limit` bytes of it. `unsettled` says where in the journal the recording's
    /// frames lie that are durable there and not settled: of an earlier run first, then
    /// [`crate::JournalWriter::unsettled`].
    ///
    /// # Errors
    /// [`DiskError`]; damage is no error. The next call goes on.
    pub fn look(
        &mut self,
        unsettled: &[Settlement],
        limit: u64,
        sees: &mut Sees<'_>,
    ) -> Result<Reached, DiskError> {
        let mut left = limit;
        match self.look_into_file(&mut left, sees)? {
            Reached::Now => {}
            reached => return Ok(reached),
        }
        let reached = self.look_into_journal(unsettled, &mut left, sees)?;
        if reached != Reached::Gap {
            self.passes_over = false;
        }
        Ok(reached)
    }

    /// Opens the file of the recording, in whatever state it is.
    fn open(&self) -> Result<Option<Window>, DiskError> {
        let places = [place::part, place::suspect, place::sealed];
        for place in places {
            if let Some(window) = self.folders.window(&self.folders.root.join(place(self.recording)))? {
                return Ok(Some(window));
            }
        }
        Ok(None)
    }

    fn look_into_file(&mut self, left: &mut u64, sees: &mut Sees<'_>) -> Result<Reached, DiskError> {
        let Some(mut window) = self.open()? else { return Ok(Reached::Now) };
        let end = window.end();
        // Where no frame begins any more, the file was written anew: then it is read from its beginning.
        if self.file_at > end || (self.file_at < end && window.frame(self.file_at)?.is_none()) {
            self.file_at = FILE_HEAD_BYTES as u64;
        }
        let mut scan = Scan::new(window, self.file_at);
        while let Some(scanned) = scan.next()? {
            let Scanned::Frame { offset, frame } = scanned else { continue };
            if is_tail(&frame) {
                return Ok(Reached::Sealed);
            }
            self.file_at = offset + frame.bytes.len() as u64;
            let Some((_, number)) = lane_and_number(&frame) else { continue };
            self.begin_at(number, &frame);
            if number >= self.next && self.take(number, &frame, left, sees) {
                return Ok(Reached::Limit);
            }
        }
        Ok(Reached::Now)
    }

    fn look_into_journal(
        &mut self,
        unsettled: &[Settlement],
        left: &mut u64,
        sees: &mut Sees<'_>,
    ) -> Result<Reached, DiskError> {
        for run in unsettled.iter().flat_map(|settlement| &settlement.runs) {
            let end = run.offset + run.bytes;
            if (run.segment, end) <= self.journal_at {
                continue;
            }
            let path = segment_path(&self.folders.journal(), run.segment);
            let file = match self.folders.open(&path, Access::Read)? {
                Some(file) => file,
                None if self.passes_over => continue,
                // Gone since: what it held is in the part file by now.
                None => return Ok(Reached::Gap),
            };
            let (segment, at) = self.journal_at;
            let from = if segment == run.segment { run.offset.max(at) } else { run.offset };
            let mut scan = Scan::new(Window::new(file, &path, end)?, from);
            scan.limit(from, end);
            while let Some(scanned) = scan.next()? {
                let Scanned::Frame { offset, frame } = scanned else {
                    if self.passes_over {
                        continue;
                    }
                    return Ok(Reached::Gap);
                };
                let Some((_, number)) = lane_and_number(&frame) else { continue };
                self.begin_at(number, &frame);
                if number > self.next && !self.passes_over {
                    return Ok(Reached::Gap);
                }
                self.journal_at = (run.segment, offset + frame.bytes.len() as u64);
                if number >= self.next && self.take(number, &frame, left, sees) {
                    return Ok(Reached::Limit);
                }
            }
        }
        Ok(Reached::Now)
    }

    /// What has left the memory before the recording was kept is not waited for, and not missed.
    fn begin_at(&mut self, number: u32, frame: &Frame<'_>) {
        let is_first = || KeyFrame::read(frame).is_some_and(|key| key.is_first);
        if self.next == 0 && number > 0 && is_first() {
            self.next = number;
        }
    }

    /// Takes a frame that is not behind. Says whether that was enough.
    fn take(&mut self, number: u32, frame: &Frame<'_>, left: &mut u64, sees: &mut Sees<'_>) -> bool {
        self.missed += u64::from(number - self.next);
        self.next = number.saturating_add(1);
        let read = match frame.kind {
            Kind::Key => self.take_key(frame),
            _ => self.take_block(frame, sees),
        };
        self.missed += u64::from(read.is_none());
        *left = left.saturating_sub(frame.bytes.len() as u64);
        *left == 0
    }

    fn take_key(&mut self, frame: &Frame<'_>) -> Option<()> {
        let key = KeyFrame::read(frame).filter(|key| key.place.recording == self.recording)?;
        if !self.reading.holds(key.kept.reading_key) {
            self.not_held = Some(key.kept.reading_key);
        }
        let cipher = self.reading.unwrap(&key.place, &key.kept)?;
        self.keys.truncate(KEYS - 1);
        self.keys.push_front((key.place.key, key.place.base, cipher));
        Some(())
    }

    fn take_block(&mut self, frame: &Frame<'_>, sees: &mut Sees<'_>) -> Option<()> {
        let (head, sealed) = MediaHead::read(frame)?;
        let (_, base, cipher) = self.keys.iter().find(|(number, ..)| *number == head.key)?;
        let aad = head.aad(self.recording, *base);
        if !cipher.decrypt(u64::from(head.number), &aad, sealed, &mut self.plain) {
            return None;
        }
        let mut unpack = Unpack::new(head.first(*base), head.packets);
        while let Some((packet, start)) = unpack.next(&self.plain).ok()? {
            sees(head.stream, &packet.with(&self.plain[start..start + packet.payload_bytes]));
        }
        Some(())
    }
}
