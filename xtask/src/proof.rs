//! Long runs of the proofs that CI runs a share of: the process killed, and blackouts hunted, many times.

use std::path::Path;

use crate::steps::{command, run as run_step};

/// `crash`: the recorder is killed so many times under live calls and commands (E2-01).
pub(crate) fn crash(root: &Path, options: &[&str]) -> Result<(), String> {
    let told = match options {
        [] => "1000",
        ["--kills", kills] => kills,
        _ => return Err("crash takes --kills N and nothing else".to_owned()),
    };
    let kills = number("--kills", told)?;
    run(root, &["crash::kills_at_random_instants"], &[("SIDETONE_TEST_KILLS", kills)])
}

/// `canary`: so many calls with blackouts and kills at random instants (C2-01).
pub(crate) fn canary(root: &Path, options: &[&str]) -> Result<(), String> {
    let told = seeded("canary", options, ("--runs", "SIDETONE_TEST_RUNS", "1000"))?;
    run(root, &["random_blackouts::nothing_of_random_blackouts"], &told)
}

/// `flips`: so many bits are flipped in all that is stored, one at a time (C8-08).
pub(crate) fn flips(root: &Path, options: &[&str]) -> Result<(), String> {
    let told = seeded("flips", options, ("--count", "SIDETONE_TEST_FLIPS", "10000"))?;
    run(root, &["flips::each_flipped_bit"], &told)
}

/// `sim`: so many made-up worlds, each drawn from its seed (E2-29).
pub(crate) fn sim(root: &Path, options: &[&str]) -> Result<(), String> {
    let told = seeded("sim", options, ("--seeds", "SIDETONE_TEST_SEEDS", "10000"))?;
    let mut tests = command(root, "cargo test --release --package sidetone --lib --");
    tests.args(["recorder::tests::nothing_is_lost", "--nocapture"]).envs(told);
    run_step(tests)
}

/// The variables for a proof that is played so many times, from a seed on.
fn seeded(
    proof: &str,
    options: &[&str],
    (count, variable, usual): (&str, &'static str, &str),
) -> Result<Vec<(&'static str, String)>, String> {
    let mut told = vec![(variable, usual.to_owned())];
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let name = match *option {
            "--seed" => "SIDETONE_TEST_SEED",
            option if option == count => variable,
            other => return Err(format!("{proof} takes {count} N and --seed N, not {other}")),
        };
        let value = number(option, options.next().unwrap_or(&""))?;
        told.retain(|(known, _)| *known != name);
        told.push((name, value));
    }
    Ok(told)
}

/// `export`: so many recordings leave in one zip, in memory that does not grow (F-API-4).
pub(crate) fn export(root: &Path, options: &[&str]) -> Result<(), String> {
    let told = match options {
        [] => "1000",
        ["--recordings", count] => count,
        _ => return Err("export takes --recordings N and nothing else".to_owned()),
    };
    let count = number("--recordings", told)?;
    run(root, &["export_zip::an_export_of_many"], &[("SIDETONE_EXPORT_RECORDINGS", count)])
}

/// `disk`: the disk is pulled from under fifty calls (E2-07, E2-10). Wants root: it mounts a disk.
pub(crate) fn disk(root: &Path) -> Result<(), String> {
    run(root, &["--ignored", "pulled_disk::", "--test-threads", "1"], &[])
}

fn number(option: &str, text: &str) -> Result<String, String> {
    let number: u64 = text.parse().map_err(|_| format!("{option} wants a whole number, not \"{text}\""))?;
    Ok(number.to_string())
}

fn run(root: &Path, test: &[&str], told: &[(&str, String)]) -> Result<(), String> {
    let mut tests = command(root, "cargo test --package sidetone --test it --");
    tests.args(test).arg("--nocapture").envs(told.iter().map(|(name, value)| (name, value)));
    run_step(tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_or_no_option_is_refused() {
        let root = Path::new(".");
        assert!(crash(root, &["--kills", "many"]).unwrap_err().contains("--kills wants a whole number"));
        assert!(crash(root, &["--runs", "3"]).unwrap_err().contains("takes --kills"));
        assert!(export(root, &["--recordings", "all"]).unwrap_err().contains("--recordings wants"));
        assert!(canary(root, &["--runs"]).unwrap_err().contains("--runs wants"));
        assert!(sim(root, &["--seeds", "-1"]).unwrap_err().contains("--seeds wants a whole number"));
        assert!(sim(root, &["--runs", "3"]).unwrap_err().contains("not --runs"));
        assert!(canary(root, &["--kills", "3"]).unwrap_err().contains("not --kills"));
    }
}
