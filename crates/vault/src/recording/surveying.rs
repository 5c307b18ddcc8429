//! Makes catalogue and leaves from the frames of a recording.
//!
//! Belongs here: taking frames in order. Does not: where they come from, what the result is compared with.

use calls::time::Wall;
use sha2::{Digest as _, Sha256};

use super::catalogue::{Catalogue, Minute, MinuteStream, count};
use super::digest::sha256;
use super::layout::{FIRST_BYTES, KEY_BODY_BYTES, KeyFrame, MediaHead, Version};
use super::merkle::{self, Leaf, LeafPlace};
use crate::frame::{self, Frame, Kind};

/// What a survey has found.
#[derive(Debug, Default)]
pub(crate) struct Surveyed {
    pub(crate) catalogue: Catalogue,
    /// Leaves of the Merkle tree, of all minutes in order; none for a file of the first version.
    pub(crate) leaves: Vec<[u8; 32]>,
    /// Which frames are under each.
    pub(crate) places: Vec<LeafPlace>,
}

/// How the media frames of a minute are digested.
#[derive(Debug)]
enum Blocks {
    /// Not at all.
    Counted,
    /// All of them under one SHA-256.
    Flat(Sha256),
    /// By the root over their leaves; with the number of leaves before the minute.
    Tree { open: Option<Leaf>, before: usize },
}

/// Makes catalogue and leaves from the frames of a recording, in order.
#[derive(Debug)]
pub(crate) struct Surveying {
    found: Surveyed,
    blocks: Blocks,
    next_number: u64,
    next_key: u16,
}

impl Surveying {
    /// Of a file of this version.
    pub(crate) fn of(version: Version) -> Self {
        let blocks = match version {
            Version::One => Blocks::Flat(Sha256::new()),
            Version::Two => Blocks::Tree { open: None, before: 0 },
        };
        Self { found: Surveyed::default(), blocks, next_number: 0, next_key: 0 }
    }

    /// A survey for its counts, at a third of the cost: the digests in its catalogue mean nothing.
    pub(crate) fn of_counts() -> Self {
        Self { blocks: Blocks::Counted, ..Self::of(Version::Two) }
    }

    /// Takes the next frame, which lies at `offset`. Frames that are neither key nor media are passed over.
    pub(crate) fn frame(&mut self, offset: u64, frame: &Frame<'_>) {
        match frame.kind {
            Kind::Key => {
                let Some(key) = KeyFrame::read(frame) else { return };
                if key.is_first && self.found.catalogue.minutes.is_empty() {
                    self.next_number = u64::from(key.number);
                }
                self.begin_minute(key.place.key, key.place.base, offset);
                self.count(key.number, frame.bytes.len());
                if let Some(minute) = self.found.catalogue.minutes.last_mut() {
                    minute.key_bytes = count(frame.bytes.len());
                    minute.key_digest = sha256(frame.bytes);
                }
            }
            Kind::Media => {
                let Some((head, _)) = MediaHead::read(frame) else { return };
                if self.found.catalogue.minutes.last().is_none_or(|minute| minute.key != head.key) {
                    self.begin_minute(head.key, Wall::EPOCH, offset);
                }
                self.count(head.number, frame.bytes.len());
                self.digest(offset, head.number, frame.bytes);
                self.block(offset, &head);
            }
            _ => {}
        }
    }

    /// Begins a minute whose key frame was taken out of the file: of that, what is stated is believed.
    pub(crate) fn minute_without_key(&mut self, stated: &Minute) {
        const FIRST_KEY_BYTES: usize = frame::HEAD_BYTES + KEY_BODY_BYTES + FIRST_BYTES;
        let bytes = usize::try_from(stated.key_bytes).unwrap_or(usize::MAX);
        if bytes == FIRST_KEY_BYTES && self.found.catalogue.minutes.is_empty() {
            self.next_number = u64::from(stated.first_number);
        }
        self.begin_minute(stated.key, stated.base, stated.offset);
        self.count(stated.first_number, bytes);
        if let Some(minute) = self.found.catalogue.minutes.last_mut() {
            minute.key_bytes = stated.key_bytes;
            minute.key_digest = stated.key_digest;
        }
    }

    /// The key number a writer that goes on begins with.
    pub(crate) fn next_key(&self) -> u16 {
        self.next_key
    }

    /// The frame number a writer that goes on begins with.
    pub(crate) fn next_number(&self) -> u32 {
        u32::try_from(self.next_number).unwrap_or(u32::MAX)
    }

    pub(crate) fn end(mut self) -> Surveyed {
        self.end_minute();
        self.found
    }

    fn digest(&mut self, offset: u64, number: u32, frame: &[u8]) {
        match &mut self.blocks {
            Blocks::Counted => {}
            Blocks::Flat(hasher) => hasher.update(frame),
            Blocks::Tree { open, .. } => {
                let leaf = open.get_or_insert_with(|| Leaf::begin(offset, number));
                leaf.add(number, frame);
                if leaf.is_full() {
                    self.end_leaf();
                }
            }
        }
    }

    fn end_leaf(&mut self) {
        if let Blocks::Tree { open, .. } = &mut self.blocks
            && let Some(leaf) = open.take()
        {
            self.found.places.push(leaf.place);
            self.found.leaves.push(leaf.end());
        }
    }

    fn begin_minute(&mut self, key: u16, base: Wall, offset: u64) {
        self.end_minute();
        self.next_key = self.next_key.max(key.saturating_add(1));
        self.found.catalogue.minutes.push(Minute {
            key,
            base,
            offset,
            bytes: 0,
            key_bytes: 0,
            first_number: u32::MAX,
            last_number: 0,
            frames: 0,
            key_digest: [0; 32],
            blocks_digest: [0; 32],
            streams: Vec::new(),
        });
    }

    fn end_minute(&mut self) {
        self.end_leaf();
        let Some(minute) = self.found.catalogue.minutes.last_mut() else { return };
        minute.blocks_digest = match &mut self.blocks {
            Blocks::Counted => [0; 32],
            Blocks::Flat(hasher) => std::mem::take(hasher).finalize().into(),
            Blocks::Tree { before, .. } => {
                let from = std::mem::replace(before, self.found.leaves.len());
                merkle::root(&self.found.leaves[from..])
            }
        };
        if minute.is_lost() {
            self.found.catalogue.missing_frames += u64::from(minute.frames);
        }
    }

    fn count(&mut self, number: u32, bytes: usize) {
        let number_wide = u64::from(number);
        self.found.catalogue.missing_frames += number_wide.saturating_sub(self.next_number);
        self.next_number = self.next_number.max(number_wide + 1);
        if let Some(minute) = self.found.catalogue.minutes.last_mut() {
            minute.bytes += bytes as u64;
            minute.first_number = minute.first_number.min(number);
            minute.last_number = minute.last_number.max(number);
            minute.frames += 1;
        }
    }

    fn block(&mut self, offset: u64, head: &MediaHead) {
        let Some(minute) = self.found.catalogue.minutes.last_mut() else { return };
        let (first, last) = (head.first(minute.base), head.last(minute.base));
        let packets = u32::from(head.packets);
        match minute.streams.iter_mut().find(|part| part.stream == head.stream) {
            Some(part) => {
                part.blocks += 1;
                part.packets = part.packets.saturating_add(packets);
                part.first = part.first.min(first);
                part.last = part.last.max(last);
            }
            None => minute.streams.push(MinuteStream {
                stream: head.stream,
                blocks: 1,
                packets,
                first,
                last,
                offset,
            }),
        }
    }
}
