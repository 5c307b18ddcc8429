//! The load benchmark and its floor: what a call costs the whole recorder, and what receiving it costs at least.
//!
//! `cargo run --release --package bench` measures everything on a small scale in some three minutes. README.md says what
//! each figure means.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a report is printed, a failure too")]

mod child;
mod figures;
mod floor;
mod http;
mod load;
mod long;
mod pace;
mod parts;
mod proc;
mod sip;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "bench", about = "The load benchmark and its floor.")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// What to measure; everything if left out.
    #[arg(long, value_enum, value_delimiter = ',')]
    parts: Vec<Part>,
    /// Larger sizes, longer times, medians of three rounds: some ten minutes instead of some three.
    #[arg(long)]
    full: bool,
    /// Calls of the parts that talk of "so many calls up".
    #[arg(long, default_value_t = 500)]
    calls: usize,
    /// Seconds a load talks while it is measured [default: 5, or 10].
    #[arg(long)]
    seconds: Option<u64>,
    /// Seconds the calls last whose bytes on disk are counted [default: 30, or 90].
    #[arg(long)]
    disk_seconds: Option<u64>,
    /// Rounds of what is noisy; medians are printed [default: 1, or 3].
    #[arg(long)]
    rounds: Option<usize>,
    /// Calls on one core to try, ascending [default: 1000, or 1000,2000,3000].
    #[arg(long, value_delimiter = ',')]
    one_core: Option<Vec<usize>>,
    /// Few calls and many, to compare for growth [default: 100,1000, or 100,2000].
    #[arg(long, value_delimiter = ',')]
    growth: Option<Vec<usize>>,
    /// Where data folders are made.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Media threads of the recorder, if not its default.
    #[arg(long)]
    media_threads: Option<usize>,
    /// The recorder's log filter (`RUST_LOG`).
    #[arg(long, default_value = "info")]
    log: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// CPU per call-minute beside the floor, memory, loss, INVITE to 200.
    Cost,
    /// Bytes written until sealed, and the time a seal takes.
    Disk,
    /// Commands over HTTP with calls up.
    Commands,
    /// Status questions beside a bare handler.
    Status,
    /// CPU per call at many calls and at few.
    Growth,
    /// Calls on one core.
    OneCore,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The floor, started by the benchmark itself.
    #[command(hide = true)]
    Floor { streams: usize, folder: PathBuf },
    /// Writes a recording of a long call into the data folder of a recorder that rests, and prints its id.
    LongCall {
        /// The data folder.
        #[arg(long)]
        data: PathBuf,
        /// How long the call lasted.
        #[arg(long, default_value_t = 60)]
        minutes: u32,
    },
    /// The bare handler, started by the benchmark itself.
    #[command(hide = true)]
    BareAxum { body: String },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Some(Command::Floor { streams, ref folder }) => floor::run(streams, folder),
        Some(Command::BareAxum { ref body }) => http::run_bare(body),
        Some(Command::LongCall { ref data, minutes }) => {
            long::write(data, minutes).map(|id| println!("{id}"))
        }
        None => measure(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), String> {
    build_recorder()?;
    let settings = child::Settings {
        program: child::beside("sidetone")?,
        folder: arguments.folder.clone(),
        media_threads: arguments.media_threads,
        log: arguments.log.clone(),
    };
    let full = arguments.full;
    let either = |quick, full_run| if full { full_run } else { quick };
    let plan = parts::Plan {
        settings,
        calls: arguments.calls,
        talk: Duration::from_secs(arguments.seconds.unwrap_or(either(5, 10))),
        rounds: arguments.rounds.unwrap_or(if full { 3 } else { 1 }).max(1),
    };
    println!("{}\n", proc::machine());
    let wanted = |part| arguments.parts.is_empty() || arguments.parts.contains(&part);
    if wanted(Part::Cost) {
        parts::cost(&plan)?;
    }
    if wanted(Part::Disk) {
        parts::disk(&plan, Duration::from_secs(arguments.disk_seconds.unwrap_or(either(30, 90))))?;
    }
    if wanted(Part::Commands) {
        parts::commands(&plan)?;
    }
    if wanted(Part::Status) {
        parts::status(&plan)?;
    }
    if wanted(Part::Growth) {
        parts::growth(
            &plan,
            arguments.growth.as_deref().unwrap_or(if full { &[100, 2000] } else { &[100, 1000] }),
        )?;
    }
    if wanted(Part::OneCore) {
        parts::one_core(
            &plan,
            arguments.one_core.as_deref().unwrap_or(if full { &[1000, 2000, 3000] } else { &[1000] }),
        )?;
    }
    Ok(())
}

/// The recorder is another package's program; cargo builds only ours before it runs us.
fn build_recorder() -> Result<(), String> {
    let Ok(cargo) = std::env::var("CARGO") else { return Ok(()) };
    let mut command = std::process::Command::new(cargo);
    command.args(["build", "--quiet", "--release", "--package", "sidetone"]);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the recorder does not build: {status}")),
        Err(error) => Err(format!("cargo cannot be started: {error}")),
    }
}
