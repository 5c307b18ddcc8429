//! Runs other programs, and says so.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Prints what comes next.
pub(crate) fn heading(text: &str) {
    println!("\n== {text}");
}

/// A command in the folder `root`, from a line of words.
pub(crate) fn command(root: &Path, line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).current_dir(root);
    command
}

/// Runs a command; what it prints goes where ours goes.
pub(crate) fn run(mut command: Command) -> Result<(), String> {
    let shown = shown(&command);
    println!("$ {shown}");
    let status = command.status().map_err(|error| format!("cannot start `{shown}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` failed ({status})")) }
}

/// Which of a command's two outputs to look at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Runs a command, prints one of its outputs as it comes and shows each line to `look`.
pub(crate) fn watch(mut command: Command, output: Output, mut look: impl FnMut(&str)) -> Result<(), String> {
    let shown = shown(&command);
    println!("$ {shown}");
    match output {
        Output::Out => command.stdout(Stdio::piped()),
        Output::Err => command.stderr(Stdio::piped()),
    };
    let mut child = command.spawn().map_err(|error| format!("cannot start `{shown}`: {error}"))?;
    let pipe: Option<Box<dyn std::io::Read>> = match output {
        Output::Out => child.stdout.take().map(|pipe| Box::new(pipe) as _),
        Output::Err => child.stderr.take().map(|pipe| Box::new(pipe) as _),
    };
    let mut lines = BufReader::new(pipe.ok_or("a pipe was asked for and is missing")?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).map_err(|error| format!("reading from `{shown}`: {error}"))? > 0
    {
        let text = String::from_utf8_lossy(&line);
        print!("{text}");
        look(text.trim_end());
        line.clear();
    }
    let status = child.wait().map_err(|error| format!("waiting for `{shown}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` failed ({status})")) }
}

/// Whether a program of this name can be started.
pub(crate) fn exists(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else { return false };
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
