//! The workshop of the project, as a program: `cargo xtask test`, `rules`, `console`, `fuzz`, `crash`, `canary`, `sim`, `export`,
//! `flips`, `disk`, `supply`, `reproducible`.
//!
//! It depends on nothing, so that it builds in a second on a fresh machine.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to a terminal")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod console;
mod fuzz;
mod install;
mod proof;
mod reproducible;
mod rules;
mod source;
mod steps;
mod supply;
mod test;
mod tree;

const USAGE: &str = "\
cargo xtask test                       install what tests need, then check and test everything
cargo xtask rules                      the house rules
cargo xtask console                    the console alone: types, build, and tests in a browser
cargo xtask fuzz [--inputs N]          mutated inputs into every parser (100,000 for each unless told otherwise)
                 [--seconds N] [--target NAME] [--seed N]
cargo xtask crash [--kills N]          the recorder killed under live calls and commands (1,000 times unless told otherwise)
cargo xtask canary [--runs N]          calls with blackouts and kills at random instants (1,000 unless told otherwise)
                   [--seed N]
cargo xtask sim [--seeds N] [--seed N] made-up worlds, each with its faults (10,000 unless told otherwise)
cargo xtask export [--recordings N]    many recordings in one zip, and the memory that takes (1,000 unless told otherwise)
cargo xtask supply                     licences, bans, sources and known holes of all crates, and a bill of materials
cargo xtask reproducible               the program built twice, in two folders, and compared (--package NAME, --profile NAME)
cargo xtask flips [--count N]          bits flipped in all that is stored, one at a time (10,000 unless told otherwise)
                  [--seed N]
cargo xtask disk                       fifty calls, and the disk full, then read-only (as root: it mounts one)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = root();
    let outcome = match arguments.as_slice() {
        ["test"] => return test::run(&root),
        ["rules"] => rules::run(&root),
        ["console"] => console::check(&root).and_then(|()| console::test(&root, |_| ())),
        ["fuzz", options @ ..] => fuzz::run(&root, options),
        ["crash", options @ ..] => proof::crash(&root, options),
        ["sim", options @ ..] => proof::sim(&root, options),
        ["export", options @ ..] => proof::export(&root, options),
        ["supply"] => install::from_pypi(&root).and_then(|()| supply::check(&root)),
        ["reproducible", options @ ..] => reproducible::check(&root, options),
        ["flips", options @ ..] => proof::flips(&root, options),
        ["disk"] => proof::disk(&root),
        ["canary", options @ ..] => proof::canary(&root, options),
        _ => Err(format!("there is no such command; there are\n\n{USAGE}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("xtask: {sentence}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace: the one above this package, as cargo tells whoever it runs. Where this was built is not in
/// the program, so that it can be built again elsewhere.
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    package.as_deref().and_then(Path::parent).unwrap_or(Path::new(".")).to_owned()
}
