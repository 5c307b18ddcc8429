//! Reads a sealed recording by stream and by time, one block in memory at a time.
//!
//! Belongs here: finding, decrypting and unpacking blocks. Does not: checking the whole file ([`crate::verify`]),
//! sound (the `audio` crate).

use std::ops::Range;
use std::path::{Path, PathBuf};

use calls::id::{RecordingId, StreamNumber};
use calls::packet::Packet;
use calls::time::Wall;
use zeroize::Zeroizing;

use super::catalogue::{Catalogue, Minute, StreamTally};
use super::digest::{Digest, sha256};
use super::layout::{FILE_HEAD_BYTES, KeyFrame, MediaHead, TRAILER_BYTES, Trailer, Version, read_file_head};
use super::part::Folders;
use super::place;
use super::statement::{self, Seal};
use super::writer::{SALT_BYTES, manifest_aad, manifest_place};
use crate::block::{PacketHead, Unpack};
use crate::disk::{Access, DiskError};
use crate::frame::{Kind, Scan, Scanned, Window};
use crate::keys::{Cipher, KeyId, ReadingKey};

/// Why something of a sealed recording cannot be read. Names the first bad place; offsets count from the beginning
/// of the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// There is no sealed file of this recording.
    #[error("there is no sealed recording {recording}")]
    NotSealed {
        /// The recording asked for.
        recording: RecordingId,
    },
    /// The file does not begin, or end, as a sealed recording does.
    #[error("{} is no sealed recording of this version: its {part} is not whole", path.display())]
    NotWhole {
        /// The file.
        path: PathBuf,
        /// Head, trailer, catalogue or tail.
        part: &'static str,
    },
    /// The file is of another recording than its name says.
    #[error("{} is the file of recording {found}", path.display())]
    WrongRecording {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: RecordingId,
    },
    /// The digest chain does not lead to the digest.
    #[error("{} was altered: its {part} does not fit its digest", path.display())]
    WrongDigest {
        /// The file.
        path: PathBuf,
        /// The first part that does not fit: a minute or the end.
        part: String,
    },
    /// A frame is damaged: its checksum does not hold.
    #[error("{}: the frame at byte {offset} is damaged ({bytes} bytes, in the minute of key {key})", path.display())]
    BadFrame {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// How many bytes to the next whole frame.
        bytes: u64,
        /// The number of the minute's key.
        key: u16,
    },
    /// Blocks are not those that were sealed, though their checksums hold: somebody has changed them.
    #[error("{}: frames {first_number} to {last_number}, {bytes} bytes from byte {offset} on, in the minute of key {key}, were altered: they do not fit the seal", path.display())]
    AlteredBlocks {
        /// The file.
        path: PathBuf,
        /// Where the first of them is.
        offset: u64,
        /// How many bytes they are.
        bytes: u64,
        /// The number of the first.
        first_number: u32,
        /// The number of the last.
        last_number: u32,
        /// The number of the minute's key.
        key: u16,
    },
    /// The seal is not that of this file.
    #[error("{}: {reason}", path.display())]
    BadSeal {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A block does not open: it was altered, or moved from another place or recording.
    #[error("{}: frame {number} at byte {offset} was altered: its tag does not hold", path.display())]
    Altered {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// The frame's number.
        number: u32,
    },
    /// It was recorded for a reading key whose private half is not at hand.
    #[error("{} was recorded for the reading key {key}, whose private half is not here", path.display())]
    NotHeld {
        /// The file.
        path: PathBuf,
        /// Which reading key.
        key: KeyId,
    },
    /// A data key does not unwrap: it was erased or altered.
    #[error("{}: data key {key} at byte {offset} cannot be unwrapped: {reason}", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// The key's number.
        key: u16,
        /// Why.
        reason: &'static str,
    },
}

/// What a sealed file says of itself, its catalogue checked against its digest.
#[derive(Debug)]
pub(crate) struct Sheet {
    pub(crate) recording: RecordingId,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) digest: Digest,
    pub(crate) trailer: Trailer,
    pub(crate) catalogue: Catalogue,
    /// The seals, the newest first; none in a file of the first version.
    pub(crate) seals: Vec<Seal>,
    /// The leaves, as they are stated.
    pub(crate) leaves: Vec<[u8; 32]>,
}

/// What stands after the catalogue.
type Sealing = (Vec<[u8; 32]>, Vec<Seal>);

impl Sheet {
    /// Of a recording, if it is sealed.
    pub(crate) fn find(folders: &Folders, recording: RecordingId) -> Result<Option<Self>, ReadError> {
        let path = folders.root.join(place::sealed(recording));
        let Some(file) = folders.open(&path, Access::Read)? else { return Ok(None) };
        let sheet = Self::read(&mut Window::new(file, &path, u64::MAX)?)?;
        if sheet.recording != recording {
            return Err(ReadError::WrongRecording { path, found: sheet.recording });
        }
        Ok(Some(sheet))
    }

    /// Of an open file.
    pub(crate) fn read(window: &mut Window) -> Result<Self, ReadError> {
        let sheet = Self::stated(window)?;
        let path = || sheet.path.clone();
        let end = sheet.bytes - TRAILER_BYTES as u64;
        let tail_bytes = usize::try_from(end - sheet.trailer.tail);
        let tail_bytes = tail_bytes.map_err(|_| ReadError::NotWhole { path: path(), part: "tail" })?;
        let head = window.get(0, FILE_HEAD_BYTES)?.to_vec();
        if sheet.catalogue.digest(&head, window.get(sheet.trailer.tail, tail_bytes)?) != sheet.digest {
            return Err(ReadError::WrongDigest {
                path: path(),
                part: "end (manifest or catalogue)".to_owned(),
            });
        }
        Ok(sheet)
    }

    /// Of an open file whose keys may have been taken out of it: the digest is the one it states.
    pub(crate) fn stated(window: &mut Window) -> Result<Self, ReadError> {
        let path = window.path().to_owned();
        let not_whole = |part| ReadError::NotWhole { path: path.clone(), part };
        let bytes = window.end();
        let head = window.get(0, FILE_HEAD_BYTES)?.to_vec();
        let recording = read_file_head(&head).ok_or_else(|| not_whole("head"))?;
        let end = bytes.checked_sub(TRAILER_BYTES as u64).ok_or_else(|| not_whole("trailer"))?;
        let trailer = Trailer::read(window.get(end, TRAILER_BYTES)?).ok_or_else(|| not_whole("trailer"))?;
        if trailer.tail < FILE_HEAD_BYTES as u64
            || trailer.tail >= trailer.catalogue
            || trailer.catalogue >= end
        {
            return Err(not_whole("trailer"));
        }
        let frame = window.frame(trailer.catalogue)?.filter(|frame| frame.kind == Kind::Catalogue);
        let read = frame.and_then(|frame| Some((Catalogue::read(frame.body)?, frame.bytes.len() as u64)));
        let (catalogue, catalogue_bytes) = read.ok_or_else(|| not_whole("catalogue"))?;
        let after = trailer.catalogue + catalogue_bytes;
        let (leaves, seals) = match trailer.version {
            Version::One if after == end => Sealing::default(),
            Version::One => return Err(not_whole("catalogue")),
            Version::Two => read_sealing(window, after, end)?.ok_or_else(|| not_whole("seal"))?,
        };
        let mut at = FILE_HEAD_BYTES as u64;
        for minute in &catalogue.minutes {
            if minute.offset != at || minute.end() > trailer.tail {
                return Err(not_whole("catalogue"));
            }
            at = minute.end();
        }
        if at != trailer.tail {
            return Err(not_whole("catalogue"));
        }
        let digest = Digest(trailer.digest);
        Ok(Self { recording, path, bytes, digest, trailer, catalogue, seals, leaves })
    }
}

/// The leaves and the seals, which lie between `at` and `end`; `None` if they are not whole.
fn read_sealing(window: &mut Window, at: u64, end: u64) -> Result<Option<Sealing>, DiskError> {
    let Some(frame) = window.frame(at)?.filter(|frame| frame.kind == Kind::Leaves) else { return Ok(None) };
    let (leaves, rest) = frame.body.as_chunks::<32>();
    let (leaves, is_whole) = (leaves.to_vec(), rest.is_empty());
    let at = at + frame.bytes.len() as u64;
    let Some(frame) = window.frame(at)?.filter(|frame| frame.kind == Kind::Seal) else { return Ok(None) };
    let is_last = at + frame.bytes.len() as u64 == end;
    let seals = statement::read_all(frame.body);
    Ok(seals.filter(|_| is_whole && is_last).map(|seals| (leaves, seals)))
}

/// An open sealed recording.
pub struct RecordingReader {
    sheet: Sheet,
    streams: Vec<StreamTally>,
    key: ReadingKey,
    scan: Scan,
}

impl RecordingReader {
    pub(crate) fn open(
        folders: &Folders,
        recording: RecordingId,
        key: &ReadingKey,
    ) -> Result<Self, ReadError> {
        let path = folders.root.join(place::sealed(recording));
        let file = folders.open(&path, Access::Read)?.ok_or(ReadError::NotSealed { recording })?;
        let mut window = Window::new(file, &path, u64::MAX)?;
        let sheet = Sheet::read(&mut window)?;
        if sheet.recording != recording {
            return Err(ReadError::WrongRecording { path, found: sheet.recording });
        }
        Ok(Self::from_parts(sheet, window, key))
    }

    pub(crate) fn from_parts(sheet: Sheet, window: Window, key: &ReadingKey) -> Self {
        let streams = sheet.catalogue.streams();
        Self { sheet, streams, key: key.clone(), scan: Scan::new(window, FILE_HEAD_BYTES as u64) }
    }

    /// Which recording.
    pub fn recording(&self) -> RecordingId {
        self.sheet.recording
    }

    /// The digest of the file.
    pub fn digest(&self) -> Digest {
        self.sheet.digest
    }

    /// Frames that should be there and are not: lost by a disk before the seal.
    pub fn missing_frames(&self) -> u64 {
        self.sheet.catalogue.missing_frames
    }

    /// What there is of each stream, in order of stream numbers.
    pub fn streams(&self) -> &[StreamTally] {
        &self.streams
    }

    /// The seals, the newest first; none in a file of the first version. Their signatures are not checked here.
    pub fn seals(&self) -> &[Seal] {
        &self.sheet.seals
    }

    /// The manifest, as it was given to the seal.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn manifest(&mut self) -> Result<Vec<u8>, ReadError> {
        let mut salted = self.salted_manifest()?;
        Ok(match self.sheet.trailer.version {
            Version::One => salted,
            Version::Two => salted.split_off(SALT_BYTES),
        })
    }

    /// The manifest with its salt before it, of which the seal has the SHA-256; without salt in a file of the first version.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn salted_manifest(&mut self) -> Result<Vec<u8>, ReadError> {
        let recording = self.sheet.recording;
        let (tail, path) = (self.sheet.trailer.tail, self.sheet.path.clone());
        let window = self.whole();
        let not_whole = || ReadError::NotWhole { path: path.clone(), part: "tail" };
        let frame = window.frame(tail)?.ok_or_else(not_whole)?;
        let at = tail + frame.bytes.len() as u64;
        let key_frame = KeyFrame::read(&frame).ok_or_else(not_whole)?;
        if key_frame.place != manifest_place(recording) {
            return Err(not_whole());
        }
        let cipher = unwrap(&self.key, &key_frame, (&path, tail))?;
        let frame =
            self.whole().frame(at)?.filter(|frame| frame.kind == Kind::Manifest).ok_or_else(not_whole)?;
        let mut plain = Vec::new();
        if !cipher.decrypt(0, &manifest_aad(recording), frame.body, &mut plain) {
            return Err(ReadError::Altered { path, offset: at, number: key_frame.number });
        }
        if let Some(seal) = self.sheet.seals.first() {
            if plain.len() < SALT_BYTES {
                return Err(ReadError::NotWhole { path, part: "manifest" });
            }
            if seal.statement().manifest.0 != sha256(&plain) {
                let reason = "the manifest is not the one that was sealed".to_owned();
                return Err(ReadError::BadSeal { path, reason });
            }
        }
        Ok(plain)
    }

    /// The packets of a stream that arrived at or after `from` and before `until`, in the order they were stored.
    pub fn packets(&mut self, stream: StreamNumber, from: Wall, until: Wall) -> Packets<'_> {
        Packets {
            reader: self,
            stream,
            from,
            until,
            next_minute: 0,
            minute: None,
            plain: Zeroizing::new(Vec::new()),
            unpack: None,
            block: (0, 0),
        }
    }

    /// The same without payloads: for a first pass.
    pub fn heads(&mut self, stream: StreamNumber, from: Wall, until: Wall) -> Heads<'_> {
        Heads(self.packets(stream, from, until))
    }

    fn whole(&mut self) -> &mut Window {
        self.scan.limit(FILE_HEAD_BYTES as u64, u64::MAX);
        self.scan.window()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.sheet.path
    }

    pub(crate) fn minutes(&self) -> &[Minute] {
        &self.sheet.catalogue.minutes
    }
}

/// Opens a data key; says why it cannot.
pub(crate) fn unwrap(
    reading: &ReadingKey,
    frame: &KeyFrame,
    (path, offset): (&Path, u64),
) -> Result<Cipher, ReadError> {
    let (path, key) = (path.to_owned(), frame.kept.reading_key);
    if !reading.holds(key) {
        return Err(ReadError::NotHeld { path, key });
    }
    let reason = "it was altered";
    let no_key = ReadError::NoKey { path, offset, key: frame.place.key, reason };
    reading.unwrap(&frame.place, &frame.kept).ok_or(no_key)
}

/// Packets of one stream in a span of time. Each borrows from the block in memory, so this is no [`Iterator`].
pub struct Packets<'r> {
    reader: &'r mut RecordingReader,
    stream: StreamNumber,
    from: Wall,
    until: Wall,
    next_minute: usize,
    minute: Option<OpenMinute>,
    plain: Zeroizing<Vec<u8>>,
    unpack: Option<Unpack>,
    /// Offset and number of the block in memory.
    block: (u64, u32),
}

struct OpenMinute {
    cipher: Cipher,
    key: u16,
    base: Wall,
}

impl Packets<'_> {
    /// The next packet; `None` after the last.
    ///
    /// # Errors
    /// [`ReadError`] names the first bad place. The next call goes on behind it.
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, ReadError> {
        let Some((head, payload)) = self.step()? else { return Ok(None) };
        Ok(Some(head.with(&self.plain[payload])))
    }

    fn step(&mut self) -> Result<Option<(PacketHead, Range<usize>)>, ReadError> {
        loop {
            if let Some(unpack) = &mut self.unpack {
                match unpack.next(&self.plain) {
                    Ok(Some((head, start))) => {
                        if self.from <= head.arrival && head.arrival < self.until {
                            return Ok(Some((head, start..start + head.payload_bytes)));
                        }
                    }
                    Ok(None) => self.unpack = None,
                    Err(_) => {
                        self.unpack = None;
                        let (offset, number) = self.block;
                        let path = self.reader.path().to_owned();
                        return Err(ReadError::Altered { path, offset, number });
                    }
                }
            } else if self.minute.is_some() {
                self.next_block()?;
            } else if !self.enter_minute()? {
                return Ok(None);
            }
        }
    }

    /// Goes to the next minute that has packets of the stream in the span; false if there is none.
    fn enter_minute(&mut self) -> Result<bool, ReadError> {
        while let Some(minute) = self.reader.minutes().get(self.next_minute) {
            self.next_minute += 1;
            let part = minute.streams.iter().find(|part| part.stream == self.stream);
            let part = part.filter(|part| part.last >= self.from && part.first < self.until);
            let Some(part) = part.filter(|_| !minute.is_lost()) else { continue };
            let (offset, end, key, first_block) = (minute.offset, minute.end(), minute.key, part.offset);
            let no_key =
                |path: &Path, reason| ReadError::NoKey { path: path.to_owned(), offset, key, reason };
            let reading = self.reader.key.clone();
            let frame = self.reader.whole().frame(offset)?.and_then(|frame| KeyFrame::read(&frame));
            let recording = self.reader.recording();
            let frame = frame.filter(|frame| frame.place.recording == recording && frame.place.key == key);
            let frame = frame.ok_or_else(|| no_key(self.reader.path(), "it was altered or erased"))?;
            let cipher = unwrap(&reading, &frame, (self.reader.path(), offset))?;
            self.reader.scan.limit(first_block.clamp(offset, end), end);
            self.minute = Some(OpenMinute { cipher, key, base: frame.place.base });
            return Ok(true);
        }
        Ok(false)
    }

    /// Decrypts the next block of the stream in this minute, or leaves the minute.
    fn next_block(&mut self) -> Result<(), ReadError> {
        let Some(minute) = &self.minute else { return Ok(()) };
        let path = &self.reader.sheet.path;
        let recording = self.reader.sheet.recording;
        match self.reader.scan.next()? {
            None => self.minute = None,
            Some(Scanned::Damage { offset, bytes, .. }) => {
                return Err(ReadError::BadFrame { path: path.clone(), offset, bytes, key: minute.key });
            }
            Some(Scanned::Frame { offset, frame }) => {
                let Some((head, sealed)) = MediaHead::read(&frame) else { return Ok(()) };
                let wanted = head.stream == self.stream
                    && head.last(minute.base) >= self.from
                    && head.first(minute.base) < self.until;
                if !wanted {
                    return Ok(());
                }
                let aad = head.aad(recording, minute.base);
                let opens = head.key == minute.key
                    && minute.cipher.decrypt(u64::from(head.number), &aad, sealed, &mut self.plain);
                if !opens {
                    return Err(ReadError::Altered { path: path.clone(), offset, number: head.number });
                }
                self.block = (offset, head.number);
                self.unpack = Some(Unpack::new(head.first(minute.base), head.packets));
            }
        }
        Ok(())
    }
}

/// Heads of the packets of one stream in a span of time.
pub struct Heads<'r>(Packets<'r>);

impl Iterator for Heads<'_> {
    type Item = Result<PacketHead, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.step().map(|step| step.map(|(head, _)| head)).transpose()
    }
}
