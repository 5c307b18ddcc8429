//! Files of the vault, on a disk in memory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use calls::gate::{Closed, Gate};
use calls::id::{RecordingId, StreamNumber};
use calls::packet::Packet;
use calls::time::Wall;
use vault::disk::Disk as _;
use vault::disk::sim::SimDisk;
use vault::keys::{KeyFolder, ReadingKey, RecorderKeys};
use vault::{FrameBatch, Opened, Settings, Store};

const ROOT: &str = "/data";
const PACKETS: u16 = 120;
const MANIFEST: &[u8] = b"{\"made up\":true}";

/// A small store that was written once: its disk while the call ran, and after the seal.
struct Written {
    recorder: RecorderKeys,
    reading: ReadingKey,
    live: Vec<(PathBuf, Vec<u8>)>,
    sealed: Vec<(PathBuf, Vec<u8>)>,
}

fn id() -> RecordingId {
    RecordingId::from_bytes(*b"\x01\x98\xc7\xa2\x4f\x3e\x7a\xbc\x8d\xef\x01\x23\x45\x67\x89\xab")
}

fn packet(sequence: u16, payload: &[u8]) -> Packet<'_> {
    Packet {
        arrival: Wall::from_ms(1_700_000_000_000 + i64::from(sequence) * 20),
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc: 9,
        payload_type: 0,
        marker: sequence == 0,
        payload,
    }
}

fn payload(sequence: u16) -> [u8; 20] {
    sequence.to_be_bytes()[1]
        .wrapping_mul(31)
        .to_be_bytes()
        .repeat(20)
        .try_into()
        .expect("twenty times one byte")
}

fn written() -> &'static Written {
    static WRITTEN: OnceLock<Written> = OnceLock::new();
    WRITTEN.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("sidetone-fuzz-{}", std::process::id()));
        let keys = KeyFolder::open_or_create(&folder).expect("keys in a temporary folder");
        let (recorder, reading) = (keys.recorder(), keys.reading().expect("both halves were made"));
        std::fs::remove_dir_all(&folder).expect("the folder is ours");

        let disk = SimDisk::new();
        disk.create_dir(Path::new(ROOT)).expect("an empty disk");
        let Opened { intake, mut writer, mut sealer, .. } = open(&disk, &recorder).expect("an empty disk");
        let mut gate = Gate::closed(id(), StreamNumber(0));
        gate.open(Closed::Blackout, Wall::EPOCH);
        let mut recording = intake.begin(id());
        let mut batch = FrameBatch::new();
        for sequence in 0..PACKETS {
            let bytes = payload(sequence);
            let packet = packet(sequence, &bytes);
            let admitted = gate.admit(packet.arrival, packet).expect("the gate is open");
            recording.append(admitted, &mut batch).expect("a small packet");
        }
        recording.flush(Wall::from_ms(1_700_000_060_000), Duration::ZERO, &mut batch);
        writer.append(batch).expect("room");
        writer.append_event(b"something has happened").expect("room");
        writer.commit().expect("the disk works");
        let live = disk.files();
        let settlement = writer.take_unsettled(id());
        sealer.seal(&settlement, MANIFEST).expect("the disk works");
        Written { recorder, reading, live, sealed: disk.files() }
    })
}

fn open(disk: &SimDisk, keys: &RecorderKeys) -> Result<Opened, vault::OpenError> {
    Store::open(Arc::new(disk.clone()), Path::new(ROOT), keys, Settings::default())
}

/// The disk of `files`, where the one that `is` says holds `input` instead.
fn disk(files: &[(PathBuf, Vec<u8>)], is: fn(&Path) -> bool, input: &[u8]) -> SimDisk {
    let disk = SimDisk::new();
    for (path, bytes) in files {
        let folders: Vec<&Path> = path.ancestors().skip(1).collect();
        for folder in folders.into_iter().rev().filter(|folder| folder.starts_with(ROOT)) {
            disk.create_dir(folder).expect("the folder above is there");
        }
        disk.put(path, if is(path) { input.to_vec() } else { bytes.clone() });
    }
    disk
}

fn seeds(files: &[(PathBuf, Vec<u8>)], is: fn(&Path) -> bool) -> Vec<Vec<u8>> {
    files.iter().filter(|(path, _)| is(path)).map(|(_, bytes)| bytes.clone()).collect()
}

fn is_journal(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "journal")
}

fn is_recording(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "rec")
}

pub(crate) fn journal_seeds() -> Vec<Vec<u8>> {
    seeds(&written().live, is_journal)
}

pub(crate) fn recording_seeds() -> Vec<Vec<u8>> {
    seeds(&written().sealed, is_recording)
}

/// A start finds what is whole, in order, and can seal it; what was sealed verifies.
pub(crate) fn journal(input: &[u8]) {
    recover(input);
}

/// A changed file is refused or read as far as it is whole; no altered packet passes for a good one (C8-08).
pub(crate) fn recording(input: &[u8]) {
    let written = written();
    let disk = disk(&written.sealed, is_recording, input);
    let Ok(Opened { archive, .. }) = open(&disk, &written.recorder) else { return };
    let _ = archive.verify(id(), Some(&written.reading));
    read(&archive, id());
}

/// Starts on a journal and seals what it finds: how many events and packets there were.
fn recover(input: &[u8]) -> (usize, usize) {
    let written = written();
    let disk = disk(&written.live, is_journal, input);
    // The writer holds the folder; it lives until the end.
    let Ok(Opened { mut sealer, archive, recovered, writer: _writer, .. }) = open(&disk, &written.recorder)
    else {
        return (0, 0);
    };
    assert!(recovered.events.is_sorted_by(|(a, _), (b, _)| a < b));
    let mut packets = 0;
    for unfinished in &recovered.unfinished {
        if sealer.seal(&unfinished.settlement, MANIFEST).is_ok() {
            archive.verify(unfinished.recording, Some(&written.reading)).expect("what was sealed is whole");
            packets += read(&archive, unfinished.recording);
        }
    }
    (recovered.events.len(), packets)
}

/// Reads all that can be read and counts the packets; each must be one that was written.
fn read(archive: &vault::Archive, recording: RecordingId) -> usize {
    let Ok(mut reader) = archive.open(recording, &written().reading) else { return 0 };
    if let Ok(manifest) = reader.manifest() {
        assert_eq!(manifest, MANIFEST);
    }
    let mut count = 0;
    let streams: Vec<StreamNumber> = reader.streams().iter().map(|tally| tally.stream).collect();
    for stream in streams {
        let mut packets = reader.packets(stream, Wall::EPOCH, Wall::from_ns(i64::MAX));
        let mut bad = 0;
        // After an error the reader goes on behind the bad frame; it cannot do so for ever.
        while bad < 10_000 {
            match packets.next_packet() {
                Ok(Some(found)) => {
                    assert_eq!(found, packet(found.sequence, &payload(found.sequence)));
                    count += 1;
                }
                Ok(None) => break,
                Err(_) => bad += 1,
            }
        }
        assert!(bad < 10_000, "a reader that does not come to an end");
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_found_to_the_last_packet() {
        let [journal, recording] = [journal_seeds(), recording_seeds()].map(|seeds| {
            assert_eq!(seeds.len(), 1);
            seeds.concat()
        });
        assert_eq!(recover(&journal), (1, usize::from(PACKETS)));

        let written = written();
        let opened = open(&disk(&written.sealed, is_recording, &recording), &written.recorder);
        assert_eq!(read(&opened.expect("a sound disk").archive, id()), usize::from(PACKETS));
    }
}
