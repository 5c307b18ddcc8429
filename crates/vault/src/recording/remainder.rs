//! What remains of a sealed recording when some of its packets are erased.
//!
//! A minute that loses no packet is copied as it is. Any other is encrypted again, without them, under a data key of its
//! own: once its old key is destroyed, nobody can read what was there (C2-12).
//!
//! Belongs here: the minutes of the new file. Does not: its way into the place of the old one ([`crate::redact`]).

use std::path::PathBuf;

use calls::id::{RecordingId, StreamNumber};
use calls::time::Wall;
use zeroize::Zeroizing;

use super::catalogue::Minute;
use super::layout::{FILE_HEAD_BYTES, KeyFrame, MediaHead, file_head};
use super::part::{Folders, Gather};
use super::reader::{ReadError, Sheet, unwrap};
use crate::block::{OpenBlock, PacketHead, Unpack};
use crate::disk::{Access, DiskError};
use crate::frame::{self, Kind, Scan, Scanned, Window};
use crate::keys::{Cipher, ReadingKey, RecorderKeys};
use crate::recording::digest::Digest;

/// Says of each packet whether it is to be erased.
pub type Erases<'e> = dyn FnMut(StreamNumber, &PacketHead) -> bool + 'e;

/// What was erased of a recording: enough to show later that it was once part of what was sealed, and nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// The digest of the file before.
    pub digest_before: Digest,
    /// The minutes that lost packets.
    pub minutes: Vec<ErasedMinute>,
    /// How many packets were erased.
    pub packets: u64,
    /// Blocks of these minutes that could not be read, and were erased with them.
    pub unreadable: u64,
}

/// A minute that lost packets, by the digests it had: with them the chain of the file before can still be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedMinute {
    /// The number of its key.
    pub key: u16,
    /// SHA-256 of the key frame that was destroyed.
    pub key_digest: Digest,
    /// SHA-256 of the media frames it was for.
    pub blocks_digest: Digest,
}

/// Writes the minutes of the new file to `path`, and says what was left out. Not durable.
pub(crate) fn write(
    folders: &Folders,
    sheet: &Sheet,
    path: PathBuf,
    (recorder, reading): (&RecorderKeys, &ReadingKey),
    erases: &mut Erases<'_>,
) -> Result<Erased, ReadError> {
    let mut erased = Erased { digest_before: sheet.digest, minutes: Vec::new(), packets: 0, unreadable: 0 };
    let mut gather = Gather::begin(folders, path, file_head(sheet.recording).to_vec())?;
    let source = Source { folders, sheet, recorder, reading };
    for minute in &sheet.catalogue.minutes {
        let left = if minute.is_lost() { None } else { source.open(minute)?.without(erases)? };
        match left {
            None => source.copy(minute, &mut gather)?,
            Some(left) => {
                source.write_again(minute, &left, &mut gather)?;
                erased.packets += left.erased;
                erased.unreadable += left.unreadable;
                erased.minutes.push(ErasedMinute {
                    key: minute.key,
                    key_digest: Digest(minute.key_digest),
                    blocks_digest: Digest(minute.blocks_digest),
                });
            }
        }
    }
    gather.flush()?;
    Ok(erased)
}

/// The file that loses packets, and the keys at hand.
struct Source<'s> {
    folders: &'s Folders,
    sheet: &'s Sheet,
    recorder: &'s RecorderKeys,
    reading: &'s ReadingKey,
}

/// One minute, open for reading.
struct OpenMinute {
    scan: Scan,
    recording: RecordingId,
    key: KeyFrame,
    cipher: Cipher,
}

/// What remains of a minute that lost packets.
struct Left {
    key: KeyFrame,
    blocks: Vec<(MediaHead, OpenBlock)>,
    erased: u64,
    unreadable: u64,
}

impl Source<'_> {
    fn scan(&self, minute: &Minute) -> Result<Scan, ReadError> {
        let Sheet { path, recording, .. } = self.sheet;
        let file = self.folders.open(path, Access::Read)?;
        let file = file.ok_or(ReadError::NotSealed { recording: *recording })?;
        let mut scan = Scan::new(Window::new(file, path, u64::MAX)?, FILE_HEAD_BYTES as u64);
        scan.limit(minute.offset, minute.end());
        Ok(scan)
    }

    fn open(&self, minute: &Minute) -> Result<OpenMinute, ReadError> {
        let recording = self.sheet.recording;
        let no_key = |reason| ReadError::NoKey {
            path: self.sheet.path.clone(),
            offset: minute.offset,
            key: minute.key,
            reason,
        };
        let mut scan = self.scan(minute)?;
        let key = match scan.next()? {
            Some(Scanned::Frame { frame, .. }) => KeyFrame::read(&frame),
            _ => None,
        };
        let key = key.filter(|key| key.place.recording == recording && key.place.key == minute.key);
        let key = key.ok_or_else(|| no_key("it was altered or erased"))?;
        let cipher = unwrap(self.reading, &key, (&self.sheet.path, minute.offset))?;
        Ok(OpenMinute { scan, recording, key, cipher })
    }

    /// Takes the whole frames of a minute over. What is damaged stays behind, and is missing from now on.
    fn copy(&self, minute: &Minute, out: &mut Gather) -> Result<(), ReadError> {
        let mut scan = self.scan(minute)?;
        while let Some(scanned) = scan.next()? {
            if let Scanned::Frame { frame, .. } = scanned {
                out.append(frame.bytes)?;
            }
        }
        Ok(())
    }

    /// Encrypts what remains of a minute under a fresh key. Every frame keeps its number, so that none seems to be lost.
    fn write_again(&self, minute: &Minute, left: &Left, out: &mut Gather) -> Result<(), DiskError> {
        let KeyFrame { lane, number, place, is_first, .. } = left.key;
        let (cipher, kept) = self.recorder.draw(&place);
        let mut bytes = Vec::with_capacity(usize::try_from(minute.bytes).unwrap_or(0));
        KeyFrame { lane, number, place, kept, is_first }.write(&mut bytes);
        for (head, block) in &left.blocks {
            let at = frame::start(&mut bytes, Kind::Media);
            head.write(&mut bytes);
            let text = bytes.len();
            bytes.extend_from_slice(block.plain());
            cipher.encrypt(u64::from(head.number), &head.aad(place.recording, place.base), &mut bytes, text);
            frame::finish(&mut bytes[..], at);
        }
        out.append(&bytes)
    }
}

impl OpenMinute {
    /// Leaves packets out; `None` if none is to be erased.
    fn without(mut self, erases: &mut Erases<'_>) -> Result<Option<Left>, ReadError> {
        let base = self.key.place.base;
        let mut left = Left { key: self.key, blocks: Vec::new(), erased: 0, unreadable: 0 };
        let mut plain = Zeroizing::new(Vec::new());
        while let Some(scanned) = self.scan.next()? {
            let Scanned::Frame { frame, .. } = scanned else {
                left.unreadable += 1;
                continue;
            };
            let Some((mut head, sealed)) = MediaHead::read(&frame) else { continue };
            let aad = head.aad(self.recording, base);
            let opens = head.key == self.key.place.key
                && self.cipher.decrypt(u64::from(head.number), &aad, sealed, &mut plain);
            let packets = opens.then(|| unpack(&head, base, &plain)).flatten();
            let Some(packets) = packets else {
                left.unreadable += 1;
                continue;
            };
            let count = packets.len();
            let span = (head.first(base), head.last(base));
            let kept: Vec<_> =
                packets.into_iter().filter(|(packet, _)| !erases(head.stream, packet)).collect();
            left.erased += (count - kept.len()) as u64;
            let kept = kept.into_iter().map(|(packet, start)| {
                let length = u16::try_from(packet.payload_bytes).expect("it was two bytes when it was read");
                (packet.with(&plain[start..start + packet.payload_bytes]), length)
            });
            let block = OpenBlock::of_some(span, kept);
            head.packets = block.packets();
            left.blocks.push((head, block));
        }
        Ok((left.erased > 0).then_some(left))
    }
}

/// The packets of a block, each with the place of its payload; `None` if they make no sense.
fn unpack(head: &MediaHead, base: Wall, plain: &[u8]) -> Option<Vec<(PacketHead, usize)>> {
    let mut unpack = Unpack::new(head.first(base), head.packets);
    let mut packets = Vec::with_capacity(usize::from(head.packets));
    while let Some(packet) = unpack.next(plain).ok()? {
        packets.push(packet);
    }
    Some(packets)
}
