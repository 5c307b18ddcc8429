//! The short fuzz run: builds `fuzz/targets` with optimisation and every check on, and lets it run.
//!
//! Long runs use the same targets through `cargo fuzz` (see `fuzz/README.md`).

use std::path::Path;

use crate::steps::{command, run as run_step};

/// Runs the targets; the options are those of the runner.
pub(crate) fn run(root: &Path, options: &[&str]) -> Result<(), String> {
    let mut runner = command(root, "cargo run --quiet --profile fuzz --package fuzz-targets --");
    runner.args(options);
    run_step(runner)
}
