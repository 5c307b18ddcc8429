//! A look at everything when a world has come to its end.

use std::collections::{BTreeMap, BTreeSet};

use calls::id::{CallId, RecordingId, StreamNumber};
use calls::time::Wall;
use index::RecordingRow;
use vault::disk::sim::Crash;

use super::wire::PacketId;
use super::world::{Sabotage, World};
use crate::keep::manifest::Manifest;

impl World {
    pub(super) fn look_at_everything(&mut self) {
        let rows = self.rows();
        self.rows_and_files(&rows);
        let mut stored: BTreeMap<PacketId, u32> = BTreeMap::new();
        let mut tags: BTreeMap<CallId, BTreeSet<u64>> = BTreeMap::new();
        for row in &rows {
            let tag = row.fields.get("user1").and_then(|tag| tag.parse().ok()).unwrap_or(0);
            tags.entry(row.call).or_default().insert(tag);
            if let Err(error) = self.look_into(row, &mut stored) {
                self.wrong.push(format!("recording {}: {error}", row.id));
            }
        }
        let book = std::sync::Arc::clone(&self.book);
        let mut book = book.lock();
        self.wrong.extend(book.wrong_with_packets(&stored));
        self.wrong.extend(book.wrong_with_tags(&tags));
        let safe = book.safe_packets();
        book.note(format!("{} recordings, {} packets stored, {safe} safe", rows.len(), stored.len()));
        drop(book);
        self.flips_are_found(&rows);
        self.nothing_is_left_in_the_journal();
    }

    /// What the journal holds in the end is sealed.
    fn nothing_is_left_in_the_journal(&mut self) {
        self.disks = self.disks.after(Crash::Process);
        let Some(opened) = self.open_store() else { return };
        let left = opened.recovered.unfinished.into_iter().filter(|unfinished| !unfinished.already_sealed);
        self.wrong.extend(left.map(|left| format!("recording {} is in the journal only", left.recording)));
    }

    /// Each row has its file, each file its row, and nothing else is there.
    fn rows_and_files(&mut self, rows: &[RecordingRow]) {
        let listing = match self.archive().list() {
            Ok(listing) => listing,
            Err(error) => return self.wrong.push(format!("the folder cannot be listed: {error}")),
        };
        let known: BTreeSet<RecordingId> = rows.iter().map(|row| row.id).collect();
        let sealed: BTreeSet<RecordingId> = listing.sealed.iter().copied().collect();
        self.wrong
            .extend(sealed.difference(&known).map(|id| format!("recording {id} is sealed and has no row")));
        self.wrong
            .extend(known.difference(&sealed).map(|id| format!("recording {id} has a row and no file")));
        self.wrong
            .extend(listing.unsealed.iter().map(|id| format!("recording {id} is not sealed in the end")));
        self.wrong.extend(listing.strangers.iter().map(|path| format!("{} is left over", path.display())));
    }

    /// The file is what its row says, and holds what its ledgers say.
    fn look_into(&self, row: &RecordingRow, stored: &mut BTreeMap<PacketId, u32>) -> Result<(), String> {
        let (archive, key) = (self.archive(), &self.keys.1);
        let verified = archive.verify(row.id, Some(key)).map_err(|error| error.to_string())?;
        if verified.digest.0 != row.digest || verified.bytes != row.file_bytes {
            return Err("the file is another than the one that was sealed".to_owned());
        }
        if verified.missing_frames > 0 && !self.was_torn {
            return Err(format!("{} frames of it are lost", verified.missing_frames));
        }
        let mut reader = archive.open(row.id, key).map_err(|error| error.to_string())?;
        let manifest = reader.manifest().map_err(|error| error.to_string())?;
        let manifest: Manifest = serde_json::from_slice(&manifest).map_err(|error| error.to_string())?;
        let mut counts: BTreeMap<StreamNumber, u64> = BTreeMap::new();
        let streams: Vec<StreamNumber> = reader.streams().iter().map(|tally| tally.stream).collect();
        for stream in streams {
            let mut packets = reader.packets(stream, Wall::from_ns(i64::MIN), Wall::from_ns(i64::MAX));
            while let Some(packet) = packets.next_packet().map_err(|error| error.to_string())? {
                if packet.arrival < manifest.started {
                    return Err(format!("it holds a packet of before its beginning, {:?}", manifest.started));
                }
                let id = PacketId::of(packet.payload).ok_or("it holds a packet that nobody sent")?;
                *stored.entry(id).or_default() += 1;
                *counts.entry(stream).or_default() += 1;
            }
        }
        for stream in &manifest.streams {
            let Some(ledger) = &stream.ledger else { continue };
            let count = counts.get(&stream.number).copied().unwrap_or(0);
            if !ledger.balances() || ledger.stored != count {
                return Err(format!(
                    "stream {}: {count} packets are stored, and its ledger says {ledger:?}",
                    stream.number
                ));
            }
        }
        Ok(())
    }

    /// A bit is flipped in a file, and a look at the file has to find it (C8-08).
    fn flips_are_found(&mut self, rows: &[RecordingRow]) {
        if rows.is_empty() || !self.wrong.is_empty() {
            return;
        }
        for _ in 0..4 {
            let row = &rows[usize::try_from(self.below(u32::MAX)).expect("it fits") % rows.len()];
            let path = std::path::Path::new("/").join(&row.file);
            let Some((disk, whole)) = self.disks.file(&path) else { return };
            let bit = usize::try_from(self.below(u32::MAX)).expect("it fits") % (whole.len() * 8);
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            disk.put(&path, flipped);
            let is_found = match self.sabotage {
                Some(Sabotage::NoDigest) => {
                    self.archive().bytes_of(row.id).ok().flatten() != Some(row.file_bytes)
                }
                _ => {
                    let found = self.archive().verify(row.id, Some(&self.keys.1));
                    found.is_err() || found.is_ok_and(|verified| verified.digest.0 != row.digest)
                }
            };
            if !is_found {
                self.wrong.push(format!("a flipped bit ({bit} of {}) is not found", row.file));
            }
            disk.put(&path, whole);
        }
    }
}
