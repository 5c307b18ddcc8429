//! The vault from outside, on a disk that fails on demand.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod apart;
mod cost;
mod crash;
mod damage;
mod erasing;
mod follow;
mod held;
mod hostile;
mod keys;
mod opening;
mod redaction;
mod round_trip;
mod seals;
mod spill;
mod trouble;
mod world;
