//! Whether the same source makes the same program wherever it is built (F-SUP-1): it is built twice, in two folders.

use std::fs;
use std::path::{Path, PathBuf};

use crate::steps::{command, heading, run};

/// What a run is told.
struct Wanted<'a> {
    package: &'a str,
    profile: &'a str,
}

/// Builds a commit twice and compares the programs byte by byte.
pub(crate) fn check(root: &Path, options: &[&str]) -> Result<(), String> {
    let mut wanted = Wanted { package: "sidetone", profile: "release" };
    for option in options.chunks(2) {
        match *option {
            ["--package", package] => wanted.package = package,
            ["--profile", profile] => wanted.profile = profile,
            _ => {
                return Err(format!(
                    "{} is not known; --package NAME and --profile NAME are",
                    option.join(" ")
                ));
            }
        }
    }
    let first = build(root, "one", &wanted)?;
    let second = build(root, "another/and longer", &wanted)?;
    heading("the two programs");
    run(command(root, &format!("sha256sum {}", first.display())))?;
    let differ = first_difference(&read(&first)?, &read(&second)?);
    match differ {
        None => {
            println!("they are the same, byte by byte");
            Ok(())
        }
        Some(at) => Err(format!("{} and {} differ at byte {at}", first.display(), second.display())),
    }
}

/// Builds what is committed, in a folder of its own with a target folder of its own.
fn build(root: &Path, name: &str, wanted: &Wanted<'_>) -> Result<PathBuf, String> {
    heading(&format!("a build in the folder `{name}`"));
    let folder = root.join("target/reproducible").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // The compiler knows its folder by the name that follows every link, and only that one is replaced.
    let folder = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut unpack = std::process::Command::new("sh");
    unpack.current_dir(root).arg("-c").arg("git archive HEAD | tar -x -C \"$0\"").arg(&folder);
    run(unpack)?;
    let Wanted { package, profile } = wanted;
    let mut cargo =
        command(&folder, &format!("cargo build --locked --package {package} --profile {profile}"));
    for (variable, value) in surroundings(root, &folder)? {
        cargo.env(variable, value);
    }
    run(cargo)?;
    let output = if *profile == "dev" { "debug" } else { profile };
    Ok(folder.join("target").join(output).join(package))
}

/// What a release is built with: paths of this machine are named as if they were everybody's.
fn surroundings(root: &Path, folder: &Path) -> Result<Vec<(&'static str, String)>, String> {
    let home = std::env::var("HOME").unwrap_or_default();
    let cargo = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    let output =
        command(root, "git log -1 --format=%ct").output().map_err(|error| format!("git: {error}"))?;
    let seconds = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let source = folder.display();
    // By the separator that lets a path have a blank in it.
    let flags =
        [format!("--remap-path-prefix={source}=/sidetone"), format!("--remap-path-prefix={cargo}=/cargo")];
    // C compilers part their flags by blanks, so a folder with one is named from the working folder.
    let c = format!("-ffile-prefix-map={cargo}=/cargo");
    Ok(vec![
        ("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")),
        ("CFLAGS", c),
        ("SOURCE_DATE_EPOCH", seconds),
        ("CARGO_TARGET_DIR", format!("{source}/target")),
        ("CARGO_INCREMENTAL", "0".to_owned()),
    ])
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn first_difference(one: &[u8], another: &[u8]) -> Option<usize> {
    let longest = one.len().max(another.len());
    (0..longest).find(|&at| one.get(at) != another.get(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_the_same_to_their_last_byte_or_not_at_all() {
        assert_eq!(first_difference(b"abc", b"abc"), None);
        assert_eq!(first_difference(b"abc", b"abd"), Some(2));
        assert_eq!(first_difference(b"abc", b"ab"), Some(2));
    }
}
