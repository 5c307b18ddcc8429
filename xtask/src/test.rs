//! Everything that must hold, cheapest first.

use std::path::Path;
use std::process::ExitCode;

use crate::steps::{self, Output, command, exists, heading, watch};
use crate::{console, fuzz, install, rules, supply};

/// Installs, checks and tests. The last line printed is `N passed, N failed`, whatever stopped it.
pub(crate) fn run(root: &Path) -> ExitCode {
    let mut count = Count::default();
    let outcome = checks(root).and_then(|()| tests(root, &mut count));
    if let Err(sentence) = &outcome {
        println!("\nnot green: {sentence}");
        // What stopped us before a test could fail is a failure too.
        count.failed = count.failed.max(1);
    }
    println!("{} passed, {} failed", count.passed, count.failed);
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All but the tests themselves.
fn checks(root: &Path) -> Result<(), String> {
    install::run_if_missing(root)?;
    install::from_pypi(root)?;
    install::node_if_missing(root)?;

    heading("format");
    steps::run(command(root, "cargo fmt --all --check"))?;

    heading("house rules");
    rules::run(root)?;

    heading("lints");
    steps::run(command(root, "cargo clippy --workspace --all-targets --quiet -- -D warnings"))?;

    heading("documentation");
    let mut doc = command(root, "cargo doc --workspace --no-deps --quiet");
    doc.env("RUSTDOCFLAGS", "-D warnings");
    steps::run(doc)?;

    supply::check(root)?;

    heading("examples in the documentation");
    steps::run(command(root, "cargo test --workspace --doc --quiet"))?;

    heading("mutated inputs");
    fuzz::run(root, &[])?;

    console::check(root)
}

/// All tests; those in a browser also when others have failed.
fn tests(root: &Path, count: &mut Count) -> Result<(), String> {
    let rust = in_rust(root, count);
    let in_browser = console::test(root, |line| count.add_playwright(line));
    rust.and(in_browser)
}

/// With nextest if it is there.
fn in_rust(root: &Path, count: &mut Count) -> Result<(), String> {
    heading("tests");
    if exists("cargo-nextest") {
        let line = command(root, "cargo nextest run --workspace --no-fail-fast");
        watch(line, Output::Err, |line| count.add_nextest(line))?;
    } else {
        let line = command(root, "cargo test --workspace --no-fail-fast --lib --bins --tests --quiet");
        watch(line, Output::Out, |line| count.add_libtest(line))?;
    }
    if count.passed == 0 { Err("no test ran".to_owned()) } else { Ok(()) }
}

/// How many tests ended how.
#[derive(Default, Debug, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
}

impl Count {
    /// `     Summary [   1.273s] 48 tests run: 47 passed (1 slow), 1 failed, 0 skipped`
    fn add_nextest(&mut self, line: &str) {
        let Some((_, counts)) =
            line.trim_start().strip_prefix("Summary [").and_then(|rest| rest.split_once("run: "))
        else {
            return;
        };
        self.add(counts.split(','));
    }

    /// `test result: ok. 36 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.22s`
    fn add_libtest(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        self.add(counts.split(';'));
    }

    /// `  12 passed (34.5s)`, `  1 failed`, `  1 flaky`, each on a line of its own. What passed at the second try passed.
    fn add_playwright(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let Some(Ok(number)) = words.next().map(str::parse::<u64>) else { return };
        match (words.next(), words.next()) {
            (Some("passed"), _) | (Some("flaky"), None) => self.passed += number,
            (Some("failed"), None) => self.failed += number,
            _ => {}
        }
    }

    fn add<'a>(&mut self, counts: impl Iterator<Item = &'a str>) {
        for count in counts {
            let mut words = count.split_whitespace();
            let number = words.next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
            match words.next() {
                Some("passed") => self.passed += number,
                Some("failed" | "timed") => self.failed += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_runners_are_counted() {
        let mut count = Count::default();
        count.add_nextest(
            "     Summary [   1.273s] 50 tests run: 47 passed (1 slow), 2 failed, 1 timed out, 3 skipped",
        );
        count.add_nextest("        PASS [   0.005s] index::it finding::passed");
        assert_eq!(count, Count { passed: 47, failed: 3 });
        count.add_libtest("test result: ok. 36 passed; 1 failed; 0 ignored; 0 measured; finished in 1.22s");
        count.add_libtest("test finding::all ... ok");
        assert_eq!(count, Count { passed: 83, failed: 4 });
        for line in
            ["  2 failed", "    shell.test.ts:3:1 \u{203a} 4 passed", "  1 flaky", "  10 passed (41.0s)"]
        {
            count.add_playwright(line);
        }
        assert_eq!(count, Count { passed: 94, failed: 6 });
    }
}
