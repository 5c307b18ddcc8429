//! What goes in comes out: packets with every kind of value, by stream and by time, through settling and sealing.

use std::time::Duration;

use calls::id::StreamNumber;
use calls::time::Wall;
use proptest::prelude::*;
use vault::disk::sim::{Crash, SimDisk};
use vault::{FrameBatch, Opened};

use crate::world::{EVER, Kept, admitted, open, read_all, reading_key, recording, talk};

fn any_kept() -> impl Strategy<Value = Kept> {
    let arrival = prop_oneof![
        6 => 0..600_000_000_000i64,
        1 => any::<i64>(),
        1 => Just(i64::MIN),
        1 => Just(i64::MAX),
    ];
    let payload = prop_oneof![
        9 => prop::collection::vec(any::<u8>(), 0..300),
        1 => prop::collection::vec(any::<u8>(), 60_000..65_535),
    ];
    (arrival, any::<u16>(), any::<u32>(), any::<u32>(), any::<u8>(), any::<bool>(), payload).prop_map(
        |(arrival, sequence, timestamp, ssrc, payload_type, marker, payload)| Kept {
            arrival,
            sequence,
            timestamp,
            ssrc,
            payload_type,
            marker,
            payload,
        },
    )
}

/// Stores packets, settling now and then, seals, and hands the store back.
fn store(packets: &[(u16, Kept)], settle_every: usize) -> (SimDisk, Opened) {
    let disk = SimDisk::new();
    let mut store = open(&disk, 20_000);
    let mut call = store.intake.begin(recording(1));
    for (i, (stream, kept)) in packets.iter().enumerate() {
        let mut batch = FrameBatch::new();
        call.append(admitted(recording(1), StreamNumber(*stream), kept), &mut batch).unwrap();
        if i % 3 == 2 {
            call.flush(Wall::EPOCH, Duration::ZERO, &mut batch);
        }
        store.writer.append(batch).unwrap();
        if i % settle_every == settle_every - 1 {
            store.writer.commit().unwrap();
            let receipt = store.sealer.settle(&store.writer.take_unsettled(recording(1))).unwrap();
            let _ = store.writer.settled(receipt).unwrap();
        }
    }
    let mut batch = FrameBatch::new();
    call.flush(Wall::EPOCH, Duration::ZERO, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.commit().unwrap();
    let sealed = store.sealer.seal(&store.writer.take_unsettled(recording(1)), b"who and when").unwrap();
    assert_eq!(sealed.missing_frames, 0);
    let _ = store.writer.settled(sealed.receipt).unwrap();
    (disk, store)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn whatever_values_packets_have_they_come_back(packets in prop::collection::vec((0..3u16, any_kept()), 0..40), settle_every in 1..20usize) {
        let (_disk, store) = store(&packets, settle_every);
        let mut reader = store.archive.open(recording(1), reading_key()).unwrap();
        for stream in 0..3 {
            let sent: Vec<_> = packets.iter().filter(|(number, _)| *number == stream).map(|(_, kept)| kept.clone()).collect();
            // The span is half-open: what arrives at the end of time is outside.
            let sent: Vec<_> = sent.into_iter().filter(|kept| kept.arrival < i64::MAX).collect();
            prop_assert_eq!(read_all(&mut reader, StreamNumber(stream)), sent);
        }
        prop_assert_eq!(reader.manifest().unwrap(), b"who and when");
        let verified = store.archive.verify(recording(1), Some(reading_key())).unwrap();
        prop_assert_eq!(verified.digest, reader.digest());
    }
}

#[test]
fn a_span_of_time_gives_its_packets_and_no_others() {
    let packets: Vec<_> = (0..9_000).map(|i| (u16::from(i % 2 == 1), Kept::g711(0, i, 40))).collect();
    let (_disk, store) = store(&packets, 500);
    let mut reader = store.archive.open(recording(1), reading_key()).unwrap();
    let start = packets[0].1.arrival;
    for (from_ms, until_ms) in
        [(0, 1), (59_900, 60_100), (61_234, 61_234), (100_000, 170_000), (179_000, 999_000)]
    {
        let (from, until) = (start + from_ms * 1_000_000, start + until_ms * 1_000_000);
        for stream in [0, 1] {
            let sent = packets
                .iter()
                .filter(|(number, kept)| *number == stream && from <= kept.arrival && kept.arrival < until);
            let span = (Wall::from_ns(from), Wall::from_ns(until));
            let heads: Vec<_> =
                reader.heads(StreamNumber(stream), span.0, span.1).map(Result::unwrap).collect();
            let sequences: Vec<_> = heads.iter().map(|head| head.sequence).collect();
            assert_eq!(sequences, sent.map(|(_, kept)| kept.sequence).collect::<Vec<_>>());
            assert!(heads.iter().all(|head| head.payload_bytes == 40));
        }
    }
}

#[test]
fn streams_tell_their_packets_and_times() {
    let packets: Vec<_> = (0..100).map(|i| (u16::from(i % 4 == 0) * 5, Kept::g711(0, i, 40))).collect();
    let (_disk, store) = store(&packets, 30);
    let reader = store.archive.open(recording(1), reading_key()).unwrap();
    let counts: Vec<_> = reader.streams().iter().map(|tally| (tally.stream.0, tally.packets)).collect();
    assert_eq!(counts, [(0, 75), (5, 25)]);
    let last = reader.streams()[0].last_arrival.as_ns() - packets[99].1.arrival;
    assert!((0..1_000_000).contains(&last));
    assert_eq!(reader.streams()[1].first_arrival.as_ns(), packets[0].1.arrival);
}

#[test]
fn a_recording_without_packets_can_be_sealed() {
    let (_disk, store) = store(&[], 1);
    let mut reader = store.archive.open(recording(1), reading_key()).unwrap();
    assert!(reader.streams().is_empty());
    assert_eq!(reader.heads(StreamNumber(0), EVER.0, EVER.1).count(), 0);
    assert_eq!(reader.manifest().unwrap(), b"who and when");
}

#[test]
fn sealing_twice_gives_the_same_file() {
    let disk = SimDisk::new();
    let mut store = open(&disk, 1 << 20);
    let mut call = store.intake.begin(recording(1));
    let mut batch = FrameBatch::new();
    talk(&mut call, 2, 30, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.commit().unwrap();
    let settlement = store.writer.take_unsettled(recording(1));
    let first = store.sealer.seal(&settlement, b"first").unwrap();
    let second = store.sealer.seal(&settlement, b"second").unwrap();
    assert_eq!((first.digest, first.bytes), (second.digest, second.bytes));
    let found = store.sealer.find(recording(1)).unwrap().unwrap();
    assert_eq!(found.digest, first.digest);
    assert!(store.sealer.find(recording(2)).unwrap().is_none());
}

#[test]
fn a_recording_goes_on_after_a_restart_under_a_fresh_key() {
    let disk = SimDisk::new();
    let mut store = open(&disk, 1 << 20);
    let mut call = store.intake.begin(recording(1));
    let mut batch = FrameBatch::new();
    talk(&mut call, 2, 10, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.commit().unwrap();
    drop(store);

    let mut store = open(&disk, 1 << 20);
    let unfinished = store.recovered.unfinished.remove(0);
    let survey = store.sealer.survey(&unfinished.settlement).unwrap();
    assert_eq!(survey.streams.iter().map(|tally| tally.packets).collect::<Vec<_>>(), [10, 10]);
    let mut call = store.intake.resume(&survey);
    let mut batch = FrameBatch::new();
    talk(&mut call, 2, 10, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.commit().unwrap();
    // The new frames are settled before the old ones: they still end in their order.
    let new = store.sealer.settle(&store.writer.take_unsettled(recording(1))).unwrap();
    let _ = store.writer.settled(new).unwrap();
    let sealed = store.sealer.seal(&unfinished.settlement, b"").unwrap();
    assert_eq!(sealed.missing_frames, 0);
    let mut reader = store.archive.open(recording(1), reading_key()).unwrap();
    let sequences: Vec<_> = read_all(&mut reader, StreamNumber(1)).iter().map(|kept| kept.sequence).collect();
    assert_eq!(sequences, (7_000..7_010).chain(7_000..7_010).collect::<Vec<_>>());
}

#[test]
fn a_seal_that_was_cut_short_does_not_hinder_going_on() {
    let disk = SimDisk::new();
    let mut store = open(&disk, 1 << 20);
    let mut call = store.intake.begin(recording(1));
    let mut batch = FrameBatch::new();
    talk(&mut call, 1, 10, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.commit().unwrap();
    let settlement = store.writer.take_unsettled(recording(1));
    // The part file gets head, frames and tail, is synced, its folder is synced; the folders of the day fail.
    disk.crash_at(disk.calls() + 5);
    store.sealer.seal(&settlement, b"facts").unwrap_err();

    let disk = disk.after(Crash::Process);
    let mut store = open(&disk, 1 << 20);
    let unfinished = store.recovered.unfinished.remove(0);
    assert!(!unfinished.already_sealed);
    let survey = store.sealer.survey(&unfinished.settlement).unwrap();
    assert_eq!(survey.streams[0].packets, 10);
    let mut call = store.intake.resume(&survey);
    let mut batch = FrameBatch::new();
    talk(&mut call, 1, 10, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.commit().unwrap();
    store.writer.give_back(unfinished.settlement);
    let sealed = store.sealer.seal(&store.writer.take_unsettled(recording(1)), b"later facts").unwrap();
    assert_eq!((sealed.missing_frames, sealed.streams[0].packets), (0, 20));
    store.archive.verify(recording(1), Some(reading_key())).unwrap();
}

#[test]
fn a_lost_batch_costs_its_own_packets_only() {
    let disk = SimDisk::new();
    let mut store = open(&disk, 1 << 20);
    let mut call = store.intake.begin(recording(1));
    let mut lost = FrameBatch::new();
    talk(&mut call, 1, 5, &mut lost);
    let mut batch = FrameBatch::new();
    let kept = Kept::g711(0, 5, 160);
    call.append(admitted(recording(1), StreamNumber(0), &kept), &mut batch).unwrap();
    assert_eq!(call.batch_lost(&mut batch), 0);
    call.flush(Wall::EPOCH, Duration::ZERO, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.commit().unwrap();
    let sealed = store.sealer.seal(&store.writer.take_unsettled(recording(1)), b"").unwrap();
    assert_eq!(sealed.missing_frames, 2, "a key and a block");
    let mut reader = store.archive.open(recording(1), reading_key()).unwrap();
    assert_eq!(read_all(&mut reader, StreamNumber(0)), [kept]);
}
