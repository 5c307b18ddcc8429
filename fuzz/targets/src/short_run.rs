//! Runs one target over many inputs and judges each: no panic, no hang.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fuzz_targets::Target;
use peak_alloc::PeakAlloc;

use crate::mutate::{Numbers, mutated};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// How long the largest input should take (E2-25).
const SLOW: Duration = Duration::from_millis(100);

/// How many times as long as it should an input may take. Machines differ, what is wrong with a parser does not: one that is
/// more than linear goes past this on some input; one that is merely slow somewhere is told of and is no find.
const MACHINES_DIFFER: u32 = 10;

/// How much memory one input may take (E2-25). Runs beside it count too, so that a find is one for sure only when it is
/// run alone.
const MEMORY_BYTES: usize = 64 << 20;

/// What this thread has spent of its core: other work on the machine does not count.
fn spent() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let part = |number: i64| u64::try_from(number).unwrap_or(0);
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}

/// How long an input should take: a quarter of [`SLOW`] whatever it is, and the rest by its size.
fn slow(input: &[u8]) -> Duration {
    let share = u32::try_from(input.len()).unwrap_or(u32::MAX).min(INPUT_MAX_BYTES_U32);
    SLOW / 4 + SLOW * 3 / 4 * share / INPUT_MAX_BYTES_U32
}

/// [`INPUT_MAX_BYTES`], as times are divided by it.
const INPUT_MAX_BYTES_U32: u32 = 64 * 1024;

/// After this long an input is taken to hang, and the program ends.
const HANG: Duration = Duration::from_secs(10);

/// How often the watch looks.
const LOOK: Duration = Duration::from_millis(500);

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) inputs: u64,
    pub(crate) slowest: Duration,
    /// How many took longer than they should, and no longer than they may.
    pub(crate) slow: u64,
    pub(crate) found: Option<Found>,
}

/// An input that found something.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) what: String,
    pub(crate) number: u64,
    pub(crate) input: Vec<u8>,
}

/// How long a run goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// So many inputs.
    Inputs(u64),
    /// So much time.
    Time(Duration),
}

impl Until {
    fn is_over(self, inputs: u64, began: Instant) -> bool {
        match self {
            Self::Inputs(limit) => inputs >= limit,
            Self::Time(limit) => began.elapsed() >= limit,
        }
    }
}

/// Runs `target` on its inputs as they are, if they are to be, then on changed ones, until something is found or it is
/// over.
pub(crate) fn short_run(
    target: &Target,
    inputs: &[Vec<u8>],
    seed: u64,
    as_they_are: bool,
    until: Until,
) -> Outcome {
    let watch = Watch::begin(target.name);
    let began = Instant::now();
    let mut numbers = Numbers::new(seed);
    let mut outcome = Outcome { inputs: 0, slowest: Duration::ZERO, slow: 0, found: None };
    let mut untouched = if as_they_are { inputs } else { &[] }.iter();
    while outcome.found.is_none() && (!until.is_over(outcome.inputs, began) || untouched.len() > 0) {
        let input = untouched.next().cloned().unwrap_or_else(|| mutated(&mut numbers, inputs));
        watch.next(outcome.inputs, &input);
        let (taken, what) = judge(target, &input);
        outcome.slowest = outcome.slowest.max(taken);
        outcome.slow += u64::from(taken > slow(&input));
        outcome.found = what.map(|what| Found { what, number: outcome.inputs, input });
        outcome.inputs += 1;
    }
    outcome
}

/// How long one input takes, and what is wrong with that or else.
fn judge(target: &Target, input: &[u8]) -> (Duration, Option<String>) {
    let (mut fastest, mut least) = (Duration::MAX, usize::MAX);
    for _ in 0..3 {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let began = spent();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
            return (spent().saturating_sub(began), Some(format!("panicked: {}", message(panic.as_ref()))));
        }
        fastest = fastest.min(spent().saturating_sub(began));
        least = least.min(MEMORY.peak_usage().saturating_sub(before));
        if fastest <= slow(input) && least <= MEMORY_BYTES {
            return (fastest, None);
        }
    }
    let (limit, bytes) = (slow(input) * MACHINES_DIFFER, input.len());
    if fastest <= limit && least <= MEMORY_BYTES {
        return (fastest, None);
    }
    let what = if least > MEMORY_BYTES {
        format!("took {least} bytes of memory for {bytes} bytes; {MEMORY_BYTES} is the limit")
    } else {
        format!("took {fastest:?} for {bytes} bytes; {limit:?} is the limit")
    };
    (fastest, Some(what))
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
        short_run(&target, &[b"abc".to_vec()], 1, true, Until::Inputs(2_000))
    }

    #[test]
    fn a_parser_that_holds_is_run_many_times() {
        let outcome = run(|input| drop(input.to_vec()));
        assert!(outcome.inputs == 2_000 && outcome.found.is_none(), "{outcome:?}");
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
            let began = spent();
            while input.len() < 3 && spent().saturating_sub(began) < SLOW / 2 * MACHINES_DIFFER {}
        });
        let found = found.found.expect("shorter inputs are made");
        assert!(found.what.contains("is the limit"), "{}", found.what);
    }

    #[test]
    fn an_input_that_takes_longer_than_it_should_is_told_of_and_is_no_find() {
        let target = Target {
            name: "made_up",
            run: |_| {
                let began = spent();
                while spent().saturating_sub(began) < SLOW / 2 {}
            },
            seeds: Vec::new,
        };
        let outcome = short_run(&target, &[b"abc".to_vec()], 1, true, Until::Inputs(1));
        assert!(outcome.slow == 1 && outcome.found.is_none(), "{outcome:?}");
    }

    #[test]
    fn an_input_that_takes_much_memory_is_found() {
        let found = run(|input| {
            if input.len() < 3 {
                drop(std::hint::black_box(vec![7_u8; MEMORY_BYTES + 1_024]));
            }
        });
        let found = found.found.expect("shorter inputs are made");
        assert!(found.what.contains("bytes of memory"), "{}", found.what);
    }

    #[test]
    fn the_limit_of_time_grows_with_the_input() {
        assert_eq!(slow(&[]), SLOW / 4);
        assert_eq!(slow(&[0; 64 * 1024]), SLOW);
    }

    #[test]
    fn a_run_by_time_ends_and_runs_its_inputs_at_least() {
        let target = Target { name: "made_up", run: |_| {}, seeds: Vec::new };
        let outcome = short_run(&target, &[vec![1], vec![2]], 1, true, Until::Time(Duration::ZERO));
        assert_eq!(outcome.inputs, 2);
    }
}
