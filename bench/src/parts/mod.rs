//! The parts of the report, one function each: measure, print.

mod commands;
mod cost;
mod disk;
mod one_core;
mod status;

use std::time::Duration;

pub(crate) use commands::commands;
pub(crate) use cost::{cost, growth};
pub(crate) use disk::disk;
pub(crate) use one_core::one_core;
pub(crate) use status::status;

use crate::child::Settings;

/// Calls placed a second.
const CALLS_PER_S: u32 = 100;

/// Time for what starting calls has set off (caches, allocations, log) to settle.
const CALM: Duration = Duration::from_secs(2);

/// What is measured, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// How recorders are started.
    pub(crate) settings: Settings,
    /// Calls up.
    pub(crate) calls: usize,
    /// How long they talk while they are measured.
    pub(crate) talk: Duration,
    /// Rounds of what is noisy.
    pub(crate) rounds: usize,
}
