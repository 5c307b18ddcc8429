//! The short fuzz run: seeded, no fuzzer needed.
//!
//! ```text
//! fuzz-targets [--inputs N | --seconds N] [--target NAME] [--seed N]
//! ```
//!
//! Starts from the seeds and from `fuzz/corpus/NAME`, changes them, and runs each target on so many inputs, on all cores.
//! A panic, or an input that takes too long or too much memory, is written to `fuzz/artifacts/NAME` and ends the run with an error.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to a terminal")]

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fuzz_targets::{TARGETS, Target};

mod mutate;
mod short_run;

use short_run::{Found, Until, short_run};

/// How many inputs each target gets unless told otherwise (E2-25).
const INPUTS: u64 = 100_000;

/// Inputs that one worker takes at a time.
const SHARE: u64 = 10_000;

struct Arguments {
    inputs: u64,
    seconds: Option<u64>,
    target: Option<String>,
    seed: u64,
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments { inputs: INPUTS, seconds: None, target: None, seed: 1 };
    let mut words = std::env::args().skip(1);
    while let Some(option) = words.next() {
        let value = words.next().ok_or_else(|| format!("{option} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{option} takes a whole number, not {value:?}"));
        match option.as_str() {
            "--inputs" => arguments.inputs = number()?,
            "--seconds" => arguments.seconds = Some(number()?),
            "--seed" => arguments.seed = number()?,
            "--target" if TARGETS.iter().any(|target| target.name == value) => arguments.target = Some(value),
            "--target" => {
                let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
                return Err(format!("there is no target {value:?}; there are {}", names.join(", ")));
            }
            _ => {
                return Err(format!(
                    "{option} is no option; there are --inputs, --seconds, --target and --seed"
                ));
            }
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

/// A part of a target's run.
struct Share {
    target: &'static Target,
    number: u64,
    until: Until,
}

/// What became of all parts of a target.
#[derive(Default)]
struct Total {
    inputs: u64,
    spent: Duration,
    slowest: Duration,
    slow: u64,
    found: Vec<Found>,
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = targets.parent().unwrap_or(targets);
    let chosen: Vec<&'static Target> = TARGETS
        .iter()
        .filter(|target| arguments.target.as_deref().is_none_or(|name| name == target.name))
        .collect();
    let totals = work_off(shares(arguments, &chosen), folder, arguments.seed);
    let mut failures = 0;
    for target in chosen {
        let Some(total) = totals.get(target.name) else { continue };
        println!(
            "{:<16} {:>9} inputs in {:>5.1} s, slowest {:?}",
            target.name,
            total.inputs,
            total.spent.as_secs_f64(),
            total.slowest
        );
        if total.slow > 0 {
            println!("{:<16} {} of them took longer than they should (E2-25)", target.name, total.slow);
        }
        if let Some(found) = total.found.first() {
            let place = keep(&folder.join("artifacts").join(target.name), found)?;
            println!("{:<16} {}\n    the input is in {}", target.name, found.what, place.display());
            failures += 1;
        }
    }
    if failures == 0 { Ok(()) } else { Err(format!("{failures} targets found something")) }
}

fn shares(arguments: &Arguments, chosen: &[&'static Target]) -> VecDeque<Share> {
    let mut shares = VecDeque::new();
    for target in chosen {
        if let Some(seconds) = arguments.seconds {
            let each = Duration::from_secs(seconds) / u32::try_from(chosen.len()).unwrap_or(1).max(1);
            shares.push_back(Share { target, number: 0, until: Until::Time(each) });
            continue;
        }
        for number in 0..arguments.inputs.div_ceil(SHARE) {
            let until = Until::Inputs((arguments.inputs - number * SHARE).min(SHARE));
            shares.push_back(Share { target, number, until });
        }
    }
    shares
}

/// Two workers, or as many as there are cores, take part after part. What is found is the same for a seed, however
/// many they are.
fn work_off(shares: VecDeque<Share>, folder: &Path, seed: u64) -> BTreeMap<&'static str, Total> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let (shares, totals) = (Mutex::new(shares), Mutex::new(BTreeMap::<_, Total>::new()));
    let next = || shares.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(Share { target, number, until }) = next() {
                    let mut inputs = (target.seeds)();
                    inputs.extend(corpus(&folder.join("corpus").join(target.name)));
                    let began = Instant::now();
                    let seed = seed.wrapping_add(number << 32);
                    let outcome = short_run(target, &inputs, seed, number == 0, until);
                    let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
                    let total = totals.entry(target.name).or_default();
                    total.inputs += outcome.inputs;
                    total.spent += began.elapsed();
                    total.slowest = total.slowest.max(outcome.slowest);
                    total.slow += outcome.slow;
                    total.found.extend(outcome.found);
                }
            });
        }
    });
    totals.into_inner().unwrap_or_else(PoisonError::into_inner)
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
