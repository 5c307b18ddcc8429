//! The recorder is stopped at every single disk call of a scripted life (invariants 1 to 3 of
//! `design/durability.md`): what was acknowledged is there, what was sealed is unchanged, and recovery may crash
//! and be repeated.

use vault::disk::sim::{Crash, SimDisk};

use crate::world::{Life, SEGMENT_BYTES, check, crashes, open, recover};

/// How many disk calls the whole life makes.
fn calls_of_a_life() -> u64 {
    let disk = SimDisk::new();
    let book = Life::begin(&disk, 1).unwrap().live();
    assert!(book.ended, "the script runs to its end on a good disk");
    disk.calls()
}

#[test]
fn a_whole_life_leaves_everything_sealed_and_no_media_in_the_journal() {
    let disk = SimDisk::new();
    let book = Life::begin(&disk, 1).unwrap().live();
    assert_eq!(book.rows.len(), 2);
    let (events, sealed) = recover(&disk.after(Crash::Power)).unwrap();
    assert!(sealed.is_empty(), "after an orderly stop nothing is unfinished");
    check(&disk.after(Crash::Power), &book, events, &sealed);
    let segments: Vec<_> =
        disk.files().into_iter().filter(|(path, _)| path.starts_with("/journal")).collect();
    assert_eq!(segments.len(), 1, "only the segment with the last checkpoint");
    assert!(segments[0].1.len() < 200, "a head and a checkpoint");
    assert!(open(&disk.after(Crash::Power), SEGMENT_BYTES).recovered.damage.is_empty());
}

#[test]
fn stopped_after_any_disk_call_nothing_acknowledged_is_lost() {
    for call in 0..calls_of_a_life() {
        let disk = SimDisk::new();
        disk.crash_at(call);
        let book = Life::begin(&disk, 1).map(Life::live).unwrap_or_default();
        assert!(disk.is_off(), "the life reaches call {call}");
        for crash in crashes(call) {
            let found = disk.after(crash);
            let (events, sealed) = recover(&found)
                .unwrap_or_else(|| panic!("the store does not recover after call {call}, {crash:?}"));
            check(&found, &book, events, &sealed);
            if call % 3 != 0 {
                continue;
            }
            // Once more: the same end state.
            let again = found.after(Crash::Power);
            let (events_again, _) = recover(&again).unwrap();
            assert_eq!(events_again, events, "call {call}, {crash:?}");
            check(&again, &book, events_again, &sealed);
        }
    }
}

#[test]
fn recovery_may_crash_at_any_of_its_calls() {
    let life = calls_of_a_life();
    for call in (0..life).step_by(23) {
        let disk = SimDisk::new();
        disk.crash_at(call);
        let book = Life::begin(&disk, 1).map(Life::live).unwrap_or_default();
        let found = disk.after(Crash::Torn(call + 1));
        let clean = found.after(Crash::Power);
        let (events, _) = recover(&clean).unwrap();
        for stop in (0..clean.calls()).step_by(3) {
            let mut disk = found.after(Crash::Power);
            // Several crashes in a row, each a little later, with another kind of loss (E2-04).
            for (i, crash) in crashes(stop).into_iter().enumerate() {
                disk.crash_at(stop + i as u64);
                let done = recover(&disk).is_some();
                disk = disk.after(crash);
                if done {
                    break;
                }
            }
            let (events_at_last, sealed) = recover(&disk).unwrap();
            assert_eq!(events_at_last, events);
            check(&disk, &book, events_at_last, &sealed);
        }
    }
}
