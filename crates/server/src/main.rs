//! The program `sidetone`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sidetone::tls::install_provider();
    sidetone::cmd::main()
}
