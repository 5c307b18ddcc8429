//! The frame: one checksummed unit on disk, the atom of the journal and of the recording file.
//!
//! Belongs here: the head every frame has, its checksum, the kinds, finding whole frames in damaged bytes. Does
//! not: what stands in a body ([`crate::journal`], [`crate::recording`]), encryption ([`crate::keys`]).
//!
//! ```text
//! 0        4      5          8
//! | crc32c | kind | length   | body, `length` bytes ...
//! ```
//! Little-endian. The checksum covers everything after itself, so it is readable without any key.

use crate::disk::{Attempt, DiskError, DiskFile, failed, read_full};
use std::path::{Path, PathBuf};

/// Bytes before the body.
pub(crate) const HEAD_BYTES: usize = 8;

/// The longest body: three bytes of length.
pub(crate) const MAX_BODY_BYTES: usize = (1 << 24) - 1;

/// How many bytes a scan may checksum in search of the next whole frame: what keeps hostile bytes from costing
/// quadratic time. Beyond it the rest of the file is given up, and reported.
const SEARCH_BUDGET_BYTES: u64 = 256 << 20;

/// In a search, longer opaque frames than this are not believed without a good frame before them.
const MAX_SEARCHED_BODY_BYTES: usize = 128 << 10;

/// How much is read from the disk at once.
const WINDOW_BYTES: usize = 256 << 10;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Which recording a lane stands for (journal only).
    Lane = 1,
    /// A data key of a recording, wrapped.
    Key = 2,
    /// A block of packets of one stream, encrypted.
    Media = 3,
    /// Something that happened, encrypted (journal only).
    Event = 4,
    /// The whole state the events led to, encrypted (journal only).
    Checkpoint = 5,
    /// The manifest, encrypted (recording file only).
    Manifest = 6,
    /// Where everything is (recording file only).
    Catalogue = 7,
    /// Leaves of the Merkle tree over its blocks (recording file only).
    Leaves = 8,
    /// Its seals (recording file only).
    Seal = 9,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Lane,
            2 => Self::Key,
            3 => Self::Media,
            4 => Self::Event,
            5 => Self::Checkpoint,
            6 => Self::Manifest,
            7 => Self::Catalogue,
            8 => Self::Leaves,
            9 => Self::Seal,
            _ => return None,
        })
    }
}

/// One frame as it lies in memory, its checksum already checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: Kind,
    pub(crate) body: &'a [u8],
    /// Head and body, for moving it verbatim.
    pub(crate) bytes: &'a [u8],
}

/// What a frame's head claims.
struct Claim {
    kind: Kind,
    total: usize,
}

fn claim(bytes: &[u8]) -> Option<Claim> {
    let head = bytes.get(..HEAD_BYTES)?;
    let kind = Kind::from_byte(head[4])?;
    let body = usize::from(head[5]) | usize::from(head[6]) << 8 | usize::from(head[7]) << 16;
    Some(Claim { kind, total: HEAD_BYTES + body })
}

impl<'a> Frame<'a> {
    /// Reads the frame at the start of `bytes`; `None` if no whole frame with a good checksum stands there.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.get(..claim(bytes)?.total)?;
        let stated = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        if crc32c::crc32c(&bytes[4..]) == stated { Self::checked(bytes) } else { None }
    }

    /// The frame whose bytes these are, its checksum checked before.
    fn checked(bytes: &'a [u8]) -> Option<Self> {
        Some(Self { kind: claim(bytes)?.kind, body: &bytes[HEAD_BYTES..], bytes })
    }
}

/// Starts a frame at the end of `out`; the body follows, then [`finish`] with what this returned.
pub(crate) fn start(out: &mut Vec<u8>, kind: Kind) -> usize {
    let at = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, kind as u8, 0, 0, 0]);
    at
}

/// Completes the frame that starts `at`: length and checksum.
///
/// The caller has checked that the body is at most [`MAX_BODY_BYTES`] long.
pub(crate) fn finish(out: &mut [u8], at: usize) {
    let body = out.len() - at - HEAD_BYTES;
    assert!(body <= MAX_BODY_BYTES, "a frame body of {body} bytes was let through");
    let length = (body as u64).to_le_bytes();
    out[at + 5..at + 8].copy_from_slice(&length[..3]);
    let crc = crc32c::crc32c(&out[at + 4..]);
    out[at..at + 4].copy_from_slice(&crc.to_le_bytes());
}

/// A view into a file that reads ahead.
pub(crate) struct Window {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    end: u64,
    file_end: u64,
    start: u64,
    held: Vec<u8>,
}

impl Window {
    /// Looks at `file`, which is at `path`, up to `end` or its own end, whichever is first.
    pub(crate) fn new(file: Box<dyn DiskFile>, path: &Path, end: u64) -> Result<Self, DiskError> {
        let end = file.len().map_err(failed(Attempt::Read, path))?.min(end);
        Ok(Self { file, path: path.to_owned(), end, file_end: end, start: 0, held: Vec::new() })
    }

    /// Where the view ends.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// The file's name, for errors.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes from `offset`, `len` of them or as many as there are.
    pub(crate) fn get(&mut self, offset: u64, len: usize) -> Result<&[u8], DiskError> {
        let left = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = len.min(left);
        let inside = offset >= self.start && offset + len as u64 <= self.start + self.held.len() as u64;
        if !inside {
            self.held.resize(len.max(WINDOW_BYTES).min(left), 0);
            let read = read_full(&*self.file, &mut self.held, offset);
            let read = read.map_err(failed(Attempt::Read, &self.path))?;
            self.held.truncate(read);
            self.start = offset;
        }
        let from = usize::try_from(offset - self.start).unwrap_or(usize::MAX).min(self.held.len());
        Ok(&self.held[from..(from + len).min(self.held.len())])
    }

    /// The whole frame at `offset`, if there is one.
    pub(crate) fn frame(&mut self, offset: u64) -> Result<Option<Frame<'_>>, DiskError> {
        let Some(claim) = claim(self.get(offset, HEAD_BYTES)?) else { return Ok(None) };
        if offset + claim.total as u64 > self.end {
            return Ok(None);
        }
        Ok(Frame::read(self.get(offset, claim.total)?))
    }
}

/// What a scan came upon.
#[derive(Debug)]
pub(crate) enum Scanned<'a> {
    /// A whole frame at `offset`.
    Frame { offset: u64, frame: Frame<'a> },
    /// Bytes that are no frame. `torn`: no whole frame follows them.
    Damage { offset: u64, bytes: u64, torn: bool },
}

/// Walks over the frames of a file, past damage.
pub(crate) struct Scan {
    window: Window,
    at: u64,
    budget: u64,
}

impl Scan {
    /// Starts `at`.
    pub(crate) fn new(window: Window, at: u64) -> Self {
        Self { window, at, budget: SEARCH_BUDGET_BYTES }
    }

    /// Goes on at `from` and ends at `until`, or where the file ends.
    pub(crate) fn limit(&mut self, from: u64, until: u64) {
        self.at = from;
        self.window.end = self.window.file_end.min(until);
    }

    /// The bytes below.
    pub(crate) fn window(&mut self) -> &mut Window {
        &mut self.window
    }

    /// The next frame or the next damage; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Scanned<'_>>, DiskError> {
        let offset = self.at;
        if offset >= self.window.end() {
            return Ok(None);
        }
        let whole = self.window.frame(offset)?.map(|frame| frame.bytes.len());
        if let Some(total) = whole {
            self.at = offset + total as u64;
            let frame = Frame::checked(self.window.get(offset, total)?);
            return Ok(frame.map(|frame| Scanned::Frame { offset, frame }));
        }
        let next = self.search(offset)?;
        self.at = next.unwrap_or(self.window.end());
        Ok(Some(Scanned::Damage { offset, bytes: self.at - offset, torn: next.is_none() }))
    }

    /// The next whole frame after the bad one at `bad`: first where its head says it ends, then byte by byte.
    fn search(&mut self, bad: u64) -> Result<Option<u64>, DiskError> {
        if let Some(claim) = claim(self.window.get(bad, HEAD_BYTES)?) {
            let after = bad + claim.total as u64;
            if after < self.window.end() && self.window.frame(after)?.is_some() {
                return Ok(Some(after));
            }
        }
        for at in bad + 1..self.window.end().saturating_sub(HEAD_BYTES as u64 - 1) {
            let Some(claim) = claim(self.window.get(at, HEAD_BYTES)?) else { continue };
            if claim.total > MAX_SEARCHED_BODY_BYTES + HEAD_BYTES
                || !plausible(claim.kind, claim.total - HEAD_BYTES)
            {
                continue;
            }
            let Some(budget) = self.budget.checked_sub(claim.total as u64) else { return Ok(None) };
            self.budget = budget;
            if self.window.frame(at)?.is_some() {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }
}

/// Whether a body of this kind can have this length: spares checksums in a search.
fn plausible(kind: Kind, body: usize) -> bool {
    match kind {
        Kind::Lane => body == crate::recording::layout::LANE_BODY_BYTES,
        Kind::Key => body == crate::recording::layout::KEY_BODY_BYTES,
        Kind::Media => body > crate::recording::layout::MEDIA_HEAD_BYTES,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reads_back_and_every_flip_is_seen() {
        let mut bytes = Vec::new();
        let at = start(&mut bytes, Kind::Event);
        bytes.extend_from_slice(b"something that happened");
        finish(&mut bytes, at);
        assert_eq!(Frame::read(&bytes).unwrap().body, b"something that happened");
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::read(&flipped).is_none(), "bit {bit}");
        }
    }
}
