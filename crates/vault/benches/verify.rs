//! How fast a sealed file is verified, on one core, without the reading key (C8-04: 200 MB/s).
//!
//! `cargo bench --package vault --bench verify -- --megabytes 512`

#![expect(clippy::print_stdout, reason = "a report is printed")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use calls::gate::{Closed, Gate};
use calls::id::{RecordingId, StreamNumber};
use calls::packet::Packet;
use calls::time::Wall;
use vault::disk::Access;
use vault::{Disk as _, FrameBatch, KeyFolder, RealDisk, Settings, Store};

/// Payload of a packet: 20 ms of L16, so that the file is made in a short while.
const PAYLOAD_BYTES: usize = 640;

fn main() {
    let told = std::env::args().skip_while(|argument| argument != "--megabytes").nth(1);
    let megabytes: usize = told.map_or(256, |told| told.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyFolder::open_or_create(&folder.path().join("keys")).unwrap();
    let disk = RealDisk::new();
    let mut store =
        Store::open(Arc::new(disk), folder.path(), &keys.recorder(), Settings::default()).unwrap();
    let id = RecordingId::from_bytes([1; 16]);
    let (mut gate, stream) = (Gate::closed(id, StreamNumber(0)), StreamNumber(0));
    gate.open(Closed::Blackout, Wall::EPOCH);
    let mut writer = store.intake.begin(id);
    let payload = [7; PAYLOAD_BYTES];
    for n in 0..u32::try_from(megabytes * 1_000_000 / PAYLOAD_BYTES).unwrap() {
        let arrival = Wall::from_ms(1_755_700_000_000 + i64::from(n) * 20);
        let sequence = u16::try_from(n % 65_536).unwrap();
        let packet = Packet {
            arrival,
            sequence,
            timestamp: n,
            ssrc: 1,
            payload_type: 96,
            marker: false,
            payload: &payload,
        };
        let mut batch = FrameBatch::new();
        writer.append(gate.admit(arrival, packet).unwrap(), &mut batch).unwrap();
        if n % 4 == 3 {
            writer.flush(Wall::EPOCH, Duration::ZERO, &mut batch);
        }
        store.writer.append(batch).unwrap();
        if n % 5_000 == 0 {
            store.writer.commit().unwrap();
        }
        let _ = stream;
    }
    store.writer.commit().unwrap();
    let sealed = store.sealer.seal(&store.writer.take_unsettled(id), b"{}").unwrap();
    let path = folder.path().join(sealed.path);
    let bytes = std::fs::metadata(&path).unwrap().len();
    for round in 1..=3 {
        let began = Instant::now();
        let verified = vault::verify_file(RealDisk::new().open(&path, Access::Read).unwrap(), &path).unwrap();
        verified.seals[0].verify(&[keys.recorder().signing().public()]).unwrap();
        let took = began.elapsed().as_secs_f64();
        println!("round {round}: {:.0} MB/s ({bytes} bytes in {took:.2} s, from memory)", mega(bytes) / took);
    }
}

fn mega(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1_000).unwrap()) / 1_000.0
}
