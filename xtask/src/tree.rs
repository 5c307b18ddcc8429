//! The files of the project, read once; rules look at nothing else, so that a test can give them a made-up tree.

use std::fs;
use std::path::Path;

/// Folders that hold nothing of ours to judge: what was built, what was found, what somebody wrote for tests.
const SKIPPED: &[&str] =
    &["target", "corpus", "artifacts", "coverage", "node_modules", "proptest-regressions"];

/// What is read; of other files only the name counts.
const TEXTS: &[&str] = &["rs", "md", "toml", "sql", "txt", "ts", "svelte"];

/// One file.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the root, `/` between its parts.
    pub(crate) path: String,
    /// Its text; empty for a file that is not read.
    pub(crate) text: String,
}

impl File {
    /// Whether its name ends so.
    pub(crate) fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }

    /// Whether it is Rust that belongs to tests as a whole.
    pub(crate) fn is_test(&self) -> bool {
        let path = &self.path;
        path.starts_with("tests/")
            || path.contains("/tests/")
            || path.contains("/benches/")
            || path.ends_with("/tests.rs")
    }
}

/// All files, sorted by path.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

impl Tree {
    /// Reads the tree under `root`.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut files = Vec::new();
        read_folder(root, "", &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    /// A tree out of paths and texts.
    #[cfg(test)]
    pub(crate) fn made_up(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
        Self { files: files.iter().map(file).collect() }
    }

    pub(crate) fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is("rs"))
    }
}

fn read_folder(folder: &Path, prefix: &str, files: &mut Vec<File>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("reading {}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            if !name.starts_with(".git") && !SKIPPED.contains(&name.as_str()) {
                read_folder(&entry.path(), &format!("{path}/"), files)?;
            }
        } else {
            let read = TEXTS.iter().any(|end| name.ends_with(&format!(".{end}")));
            let text = if read { fs::read(entry.path()).map_err(failed)? } else { Vec::new() };
            files.push(File { path, text: String::from_utf8_lossy(&text).into_owned() });
        }
    }
    Ok(())
}
