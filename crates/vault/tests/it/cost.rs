//! What it costs: bytes on disk per byte of payload, memory per live call.

use std::time::Duration;

use calls::id::StreamNumber;
use calls::time::Wall;
use vault::FrameBatch;
use vault::disk::sim::SimDisk;

use crate::world::{Kept, admitted, open, recording};

#[test]
fn ten_minutes_of_g711_cost_nine_percent_in_the_journal_and_twice_that_until_sealed() {
    let disk = SimDisk::new();
    let mut store = open(&disk, u64::MAX);
    let mut call = store.intake.begin(recording(1));
    let (mut payload, mut largest_batch) = (0, 0);
    let mut batch = FrameBatch::new();
    for i in 0..30_000u32 {
        for stream in [0, 1] {
            let kept = Kept::g711(stream, i, 160);
            payload += kept.payload.len();
            call.append(admitted(recording(1), StreamNumber(stream), &kept), &mut batch).unwrap();
        }
        if i % 5 == 4 {
            call.flush(Wall::EPOCH, Duration::ZERO, &mut batch);
            largest_batch = largest_batch.max(batch.bytes());
            store.writer.append(std::mem::take(&mut batch)).unwrap();
        }
    }
    store.writer.commit().unwrap();
    let journal: usize =
        disk.files().iter().filter(|(path, _)| path.starts_with("/journal")).map(|(_, b)| b.len()).sum();
    let sealed = store.sealer.seal(&store.writer.take_unsettled(recording(1)), &[b'm'; 4_000]).unwrap();
    let ratio = |bytes: usize| bytes as f64 / payload as f64;
    let file = usize::try_from(sealed.bytes).unwrap();
    assert!(ratio(journal) <= 1.0925, "{}", ratio(journal));
    assert!(ratio(journal + file) <= 2.2, "{}", ratio(journal + file));
    assert!(largest_batch < 2_100, "a tick of a two-leg call is small: {largest_batch}");
}
