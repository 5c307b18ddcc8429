//! Runs one target over many inputs and judges each: no panic, no hang.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fuzz_targets::Target;

use crate::mutate::{Numbers, mutated};

/// How long one input may take (E2-25 names 100 ms for 64 KiB; a busy machine is given three tries).
const SLOW: Duration = Duration::from_millis(100);

/// After this long an input is taken to hang, and the program ends.
const HANG: Duration = Duration::from_secs(10);

/// How often the watch looks.
const LOOK: Duration = Duration::from_millis(500);

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) inputs: u64,
    pub(crate) slowest: Duration,
    pub(crate) found: Option<Found>,
}

/// An input that found something.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) what: String,
    pub(crate) number: u64,
    pub(crate) input: Vec<u8>,
}

/// Runs `target` for `time`: its inputs as they are, then changed ones, until something is found.
pub(crate) fn short_run(target: &Target, inputs: Vec<Vec<u8>>, seed: u64, time: Duration) -> Outcome {
    let watch = Watch::begin(target.name);
    let began = Instant::now();
    let mut numbers = Numbers::new(seed);
    let mut outcome = Outcome { inputs: 0, slowest: Duration::ZERO, found: None };
    let mut untouched = inputs.iter();
    while outcome.found.is_none() && (began.elapsed() < time || untouched.len() > 0) {
        let input = untouched.next().cloned().unwrap_or_else(|| mutated(&mut numbers, &inputs));
        watch.next(outcome.inputs, &input);
        let (taken, what) = judge(target, &input);
        outcome.slowest = outcome.slowest.max(taken);
        outcome.found = what.map(|what| Found { what, number: outcome.inputs, input });
        outcome.inputs += 1;
    }
    outcome
}

/// How long one input takes, and what is wrong with that or else.
fn judge(target: &Target, input: &[u8]) -> (Duration, Option<String>) {
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        let began = Instant::now();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
            return (began.elapsed(), Some(format!("panicked: {}", message(panic.as_ref()))));
        }
        fastest = fastest.min(began.elapsed());
        if fastest <= SLOW {
            return (fastest, None);
        }
    }
    (fastest, Some(format!("took {fastest:?} for {} bytes; {SLOW:?} is the limit", input.len())))
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}

/// Looks from another thread whether the run still moves, and ends the program if it does not.
struct Watch {
    turn: Arc<AtomicU64>,
    input: Arc<Mutex<Vec<u8>>>,
}

impl Watch {
    fn begin(name: &'static str) -> Self {
        let watch = Self { turn: Arc::default(), input: Arc::default() };
        let (turn, input) = (Arc::downgrade(&watch.turn), Arc::clone(&watch.input));
        std::thread::spawn(move || {
            let mut seen = (0, Instant::now());
            // The run holds the other end; when it is over, so is the watch.
            while let Some(turn) = turn.upgrade().map(|turn| turn.load(Ordering::Relaxed)) {
                if turn != seen.0 {
                    seen = (turn, Instant::now());
                } else if seen.1.elapsed() > HANG {
                    let input = input.lock().unwrap_or_else(PoisonError::into_inner);
                    eprintln!("{name}: input {turn} hangs for {HANG:?}; its bytes are {:02x?}", *input);
                    std::process::exit(1);
                }
                std::thread::sleep(LOOK);
            }
        });
        watch
    }

    fn next(&self, number: u64, input: &[u8]) {
        self.input.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&input.to_vec());
        self.turn.store(number + 1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(run: fn(&[u8])) -> Outcome {
        let target = Target { name: "made_up", run, seeds: Vec::new };
        short_run(&target, vec![b"abc".to_vec()], 1, Duration::from_millis(400))
    }

    #[test]
    fn a_parser_that_holds_is_run_many_times() {
        let outcome = run(|input| drop(input.to_vec()));
        assert!(outcome.inputs > 100 && outcome.found.is_none(), "{outcome:?}");
    }

    #[test]
    fn a_panic_is_found_with_its_input() {
        let found =
            run(|input| assert!(input.len() < 5, "five bytes")).found.expect("longer inputs are made");
        assert!(found.input.len() >= 5);
        assert_eq!(found.what, "panicked: five bytes");
    }

    #[test]
    fn a_slow_input_is_found() {
        let found = run(|input| {
            if input.len() < 3 {
                std::thread::sleep(SLOW + Duration::from_millis(20));
            }
        });
        let found = found.found.expect("shorter inputs are made");
        assert!(found.what.contains("100ms is the limit"), "{}", found.what);
    }
}
