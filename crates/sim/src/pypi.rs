//! Real counterparts: programs from the index of Python packages, in a folder of the build.

use std::path::{Path, PathBuf};

/// Where a program is that `cargo xtask test` has installed.
///
/// # Panics
/// When it is not there; the sentence says how it gets there.
pub fn program(name: &str) -> PathBuf {
    let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python/bin");
    let path = bin.join(name);
    assert!(path.is_file(), "this test runs `{name}` and it is not installed: cargo xtask test does it");
    path
}
