//! Real counterparts: programs from the index of Python packages, in folders of the build.

use std::path::{Path, PathBuf};

/// A Python that has this package.
///
/// # Panics
/// When it is not there; the sentence says how it gets there.
pub fn python(package: &str) -> PathBuf {
    let python = bin(package).join("python3");
    let looked = std::process::Command::new(&python).args(["-c", &format!("import {package}")]).output();
    let is_there = looked.is_ok_and(|output| output.status.success());
    assert!(
        is_there,
        "this test uses Python's `{package}`, which is not installed: cargo xtask test does it"
    );
    python
}

/// Where a program is that `cargo xtask test` has installed.
///
/// # Panics
/// When it is not there; the sentence says how it gets there.
pub fn program(name: &str) -> PathBuf {
    let path = bin(name).join(name);
    assert!(path.is_file(), "this test runs `{name}` and it is not installed: cargo xtask test does it");
    path
}

/// The same, if it had to be installed.
pub fn found(name: &str) -> Option<PathBuf> {
    Some(bin(name).join(name)).filter(|path| path.is_file())
}

/// Each has a Python of its own.
fn bin(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python").join(name).join("bin")
}
