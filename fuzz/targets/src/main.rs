//! The short fuzz run: seeded, no fuzzer needed.
//!
//! ```text
//! fuzz-targets [--seconds N] [--target NAME] [--seed N]
//! ```
//!
//! Starts from the seeds and from `fuzz/corpus/NAME`, changes them, and runs the targets in turn. A panic, or an input
//! that takes too long, is written to `fuzz/artifacts/NAME` and ends the run with an error.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to a terminal")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use fuzz_targets::TARGETS;

mod mutate;
mod short_run;

use short_run::{Found, short_run};

struct Arguments {
    seconds: u64,
    target: Option<String>,
    seed: u64,
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments { seconds: 20, target: None, seed: 1 };
    let mut words = std::env::args().skip(1);
    while let Some(option) = words.next() {
        let value = words.next().ok_or_else(|| format!("{option} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{option} takes a whole number, not {value:?}"));
        match option.as_str() {
            "--seconds" => arguments.seconds = number()?,
            "--seed" => arguments.seed = number()?,
            "--target" if TARGETS.iter().any(|target| target.name == value) => arguments.target = Some(value),
            "--target" => {
                let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
                return Err(format!("there is no target {value:?}; there are {}", names.join(", ")));
            }
            _ => return Err(format!("{option} is no option; there are --seconds, --target and --seed")),
        }
    }
    Ok(arguments)
}

fn main() -> ExitCode {
    match arguments().and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("fuzz: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = targets.parent().unwrap_or(targets);
    let chosen: Vec<_> = TARGETS
        .iter()
        .filter(|target| arguments.target.as_deref().is_none_or(|name| name == target.name))
        .collect();
    let share = Duration::from_secs(arguments.seconds) / u32::try_from(chosen.len()).unwrap_or(1).max(1);
    let mut failures = 0;
    for target in chosen {
        let mut inputs = (target.seeds)();
        inputs.extend(corpus(&folder.join("corpus").join(target.name)));
        let outcome = short_run(target, inputs, arguments.seed, share);
        println!("{:<16} {:>9} inputs, slowest {:?}", target.name, outcome.inputs, outcome.slowest);
        if let Some(found) = outcome.found {
            let place = keep(&folder.join("artifacts").join(target.name), &found)?;
            println!("{:<16} {}\n    the input is in {}", target.name, found.what, place.display());
            failures += 1;
        }
    }
    if failures == 0 { Ok(()) } else { Err(format!("{failures} targets found something")) }
}

/// The inputs kept in a folder; none if it is not there.
fn corpus(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

/// Writes an input that found something where `cargo fuzz` would.
fn keep(folder: &Path, found: &Found) -> Result<PathBuf, String> {
    let place = folder.join(format!("short-run-{}", found.number));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&place, &found.input))
        .map_err(|error| format!("writing {}: {error}", place.display()))?;
    Ok(place)
}
