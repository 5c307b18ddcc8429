//! The program `sidetone`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sidetone::cmd::main()
}
