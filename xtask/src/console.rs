//! The console: what is committed is what `console/` is built into, and it works in a browser.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install;
use crate::steps::{self, heading};

/// Where the built console is committed.
const COMMITTED: &str = "crates/server/src/web/dist";

/// Where the tests leave pictures of each page.
const PICTURES: &str = "target/screenshots";

/// Checks the types, builds the console anew and compares it with what is committed.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    heading("console: types, and the build that is committed");
    steps::run(npm(root, &["ci"]))?;
    steps::run(npm(root, &["run", "check"]))?;
    let built = root.join("target/console-dist");
    let mut build = npm(root, &["run", "build"]);
    build.env("CONSOLE_OUT", "../target/console-dist");
    steps::run(build)?;
    compare(&files(&root.join(COMMITTED))?, &files(&built)?)
}

/// Tests it in a browser, against the built program; `look` sees each line that is printed.
pub(crate) fn test(root: &Path, look: impl FnMut(&str)) -> Result<(), String> {
    heading("console: in a browser");
    // As the tests were built, so that nothing is built twice.
    steps::run(steps::command(root, "cargo build --workspace --bins --tests --quiet"))?;
    let tested = steps::watch(npm(root, &["test"]), steps::Output::Out, look);
    let pictures = fs::read_dir(root.join(PICTURES)).map_or(0, Iterator::count);
    println!("{pictures} pictures of the pages are kept in {PICTURES}");
    tested
}

/// npm in the console's folder, with the Node.js of the machine, or the one that was installed for us.
pub(crate) fn npm(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    let installed = root.join(install::in_python("node"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    // One that was installed was so because the machine's is too old.
    let folders: Vec<PathBuf> = std::iter::once(installed).chain(std::env::split_paths(&path)).collect();
    if let Ok(path) = std::env::join_paths(folders) {
        command.env("PATH", path);
    }
    command.args(arguments).current_dir(root.join("console"));
    command
}

/// The files of a folder by name.
fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let failed = |error: std::io::Error| format!("reading {}: {error}", folder.display());
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.insert(name, fs::read(entry.path()).map_err(failed)?);
    }
    Ok(files)
}

fn compare(committed: &BTreeMap<String, Vec<u8>>, built: &BTreeMap<String, Vec<u8>>) -> Result<(), String> {
    let names = committed.keys().chain(built.keys().filter(|name| !committed.contains_key(*name)));
    let differ: Vec<&str> =
        names.filter(|name| committed.get(*name) != built.get(*name)).map(String::as_str).collect();
    if differ.is_empty() {
        println!("what is committed in {COMMITTED} is what is built");
        return Ok(());
    }
    Err(format!(
        "{COMMITTED} is not what console/ is built into ({} differ): run `npm run build` in console/ and commit",
        differ.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_committed_file_that_is_old_missing_or_left_over_is_named() {
        let folder = |files: &[(&str, &str)]| {
            files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
        };
        let built = folder(&[("console.css", "a"), ("console.js", "b"), ("index.html", "c")]);
        assert_eq!(compare(&built, &built), Ok(()));
        let committed = folder(&[("console.js", "old"), ("index.html", "c"), ("page.js", "d")]);
        let said = compare(&committed, &built).unwrap_err();
        assert!(said.contains("(console.js, page.js, console.css differ)"), "{said}");
    }
}
