//! Expected against recorded (C4-03): which calls of a PBX's own list are recorded, in part or whole, and which are not.
//!
//! Belongs here: reading such a list, and comparing. Pure. Does not: asking for recordings, printing.

mod cdr;
mod compare;

pub use cdr::{CdrError, Columns, Expected, MAX_CALLS, parse};
pub use compare::{Recorded, TurnedAway, Verdict, compare};
