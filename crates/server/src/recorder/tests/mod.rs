//! The recorder in a world that is made up: the desk, the media table, the journal, the sealer and all between them are the
//! real ones, on one thread; the disk, the network, the clock and the recording clients are simulated and drawn from a
//! seed. What a seed does it does every time (E2-29).
//!
//! `cargo xtask sim --seeds 10000` plays many. What is held against each is in [`book`].

mod book;
mod clients;
mod disks;
mod looks;
mod reader;
mod wire;
mod world;

use world::{Sabotage, World};

fn told(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn nothing_is_lost_and_nothing_leaked_in_any_world() {
    let first = told("SIDETONE_TEST_SEED", 0);
    let seeds = told("SIDETONE_TEST_SEEDS", 60);
    for seed in first..first + seeds {
        let mut world = World::new(seed, None);
        let wrong = world.play();
        assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}\n{}", world.told());
    }
}

#[test]
fn the_world_of_a_seed_is_the_same_every_time() {
    for seed in [3, 4, 5] {
        let mut worlds = [World::new(seed, None), World::new(seed, None)];
        worlds.iter_mut().for_each(|world| drop(world.play()));
        let [one, other] = worlds.map(|world| world.told());
        assert!(one.lines().count() > 20, "{one}");
        assert_eq!(one, other, "seed {seed}");
    }
}

#[test]
fn the_power_may_go_at_any_disk_call_of_a_life() {
    let mut call = 0;
    loop {
        // Every other time pages are torn.
        let torn = (call % 2 == 1).then_some(call);
        let mut world = World::cut_at(17, call, torn);
        let wrong = world.play();
        assert!(wrong.is_empty(), "call {call}: {wrong:#?}\n{}", world.told());
        if !world.was_cut {
            break;
        }
        call += 1;
    }
    assert!(call > 100, "{call} disk calls make a life");
}

#[test]
fn the_power_may_go_while_what_was_held_back_is_brought_to_the_disk() {
    let mut kept = 0;
    for seed in [22, 26, 34, 38] {
        let mut call = 0;
        loop {
            let mut world = World::cut_at(seed, call, (call % 2 == 1).then_some(call));
            let wrong = world.play();
            assert!(wrong.is_empty(), "seed {seed}, call {call}: {wrong:#?}\n{}", world.told());
            kept += world.rows().iter().filter(|row| row.why.contains("from its beginning")).count();
            if !world.was_cut {
                break;
            }
            call += 1;
        }
    }
    assert!(kept > 20, "{kept} recordings were kept from their beginning");
}

/// That a violation would be seen is seen where one is made.
fn is_caught(sabotage: Sabotage, says: &str) {
    let mut seen = Vec::new();
    for seed in 0..40 {
        let wrong = World::new(seed, Some(sabotage)).play();
        if wrong.iter().any(|wrong| wrong.contains(says)) {
            return;
        }
        seen.extend(wrong);
    }
    panic!("{sabotage:?} is not found out; what was seen is {seen:#?}");
}

#[test]
fn a_sync_that_is_left_out_is_found_out() {
    is_caught(Sabotage::NoSync, "acknowledged");
}

#[test]
fn a_gate_that_closes_late_is_found_out() {
    is_caught(Sabotage::LateGate, "in the dark");
}

#[test]
fn a_gate_that_opens_late_is_found_out() {
    is_caught(Sabotage::LateLight, "is not stored");
}

#[test]
fn a_call_that_is_kept_although_nobody_asked_is_found_out() {
    is_caught(Sabotage::RecordsAll, "nobody asked for");
}

#[test]
fn a_beginning_that_is_not_held_back_is_found_out() {
    is_caught(Sabotage::HoldsLate, "is not stored");
}

#[test]
fn a_digest_that_is_not_checked_is_found_out() {
    is_caught(Sabotage::NoDigest, "a flipped bit");
}

#[test]
fn a_receipt_before_the_row_is_found_out() {
    is_caught(Sabotage::NoRow, "has no row");
}

#[test]
fn a_call_that_is_kept_although_a_schedule_leaves_it_out_is_found_out() {
    is_caught(Sabotage::KeepAll, "is not kept");
}
