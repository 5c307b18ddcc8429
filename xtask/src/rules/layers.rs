//! Who may depend on whom, read from the Cargo.toml files.

use super::Violation;
use crate::tree::{File, Tree};

/// Our crates and what of ours each may depend on. Everything else of ours is forbidden to it.
const ALLOWED: &[(&str, &[&str])] = &[
    ("siprec", &[]),
    ("rtp", &[]),
    ("calls", &[]),
    ("access", &[]),
    ("audio", &[]),
    ("vcon", &[]),
    ("audit", &[]),
    ("vault", &["calls"]),
    ("index", &["calls", "access", "audit"]),
    ("sidetone", &["siprec", "rtp", "calls", "vault", "access", "audit", "index", "audio", "vcon"]),
    ("sim", &["siprec", "rtp", "calls", "vault", "audio", "sidetone"]),
    ("bench", &["siprec", "rtp", "calls", "vault", "index", "audio", "sidetone", "sim"]),
    ("fuzz-targets", &["siprec", "rtp", "calls", "vault", "audio", "sidetone", "sim"]),
    ("xtask", &[]),
];

/// Tests of any crate may use it.
const FOR_TESTS: &str = "sim";

/// Crates that decide and perform nothing.
const PURE: &[&str] = &["siprec", "rtp", "calls", "access", "audit", "audio", "vcon"];

/// What a pure crate cannot need.
const IMPURE: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "rustix",
    "nix",
    "libc",
    "getrandom",
    "rayon",
    "sqlx",
    "axum",
    "hyper",
    "reqwest",
];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let Some(package) = package(&file.text) else { continue };
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package) else { continue };
        for Dependency { line, name, for_tests } in dependencies(file) {
            let ours = ALLOWED.iter().any(|(ours, _)| *ours == name);
            // A crate may ask for its own features in its tests.
            let fine = allowed.contains(&name) || (for_tests && (name == FOR_TESTS || name == package));
            let wrong = if ours && !fine {
                format!("{package} depends on {name}")
            } else if !for_tests && PURE.contains(&package) && IMPURE.contains(&name) {
                format!("{package} is pure and depends on {name}")
            } else {
                continue;
            };
            let right = match (ours, *allowed) {
                (false, _) => "time and bytes come in as arguments; the server does the rest".to_owned(),
                (true, []) => format!("{package} depends on no crate of ours; the server joins them"),
                (true, allowed) => format!("of ours, {package} may depend on {}", allowed.join(", ")),
            };
            violations.push(Violation { file: file.path.clone(), line, wrong, right });
        }
    }
    violations
}

/// The name in `[package]`.
fn package(manifest: &str) -> Option<&str> {
    let (_, package) = manifest.split_once("[package]")?;
    let line = package.lines().find(|line| line.starts_with("name"))?;
    line.split('"').nth(1)
}

struct Dependency<'a> {
    line: usize,
    name: &'a str,
    for_tests: bool,
}

fn dependencies(file: &File) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let mut section = "";
    for (line, text) in (1..).zip(file.text.lines().map(str::trim)) {
        if let Some(header) = text.strip_prefix('[').and_then(|text| text.split(']').next()) {
            section = header;
            // [dependencies.name]
            if let Some((table, name)) = header.rsplit_once("dependencies.") {
                found.push(Dependency { line, name, for_tests: table.ends_with("dev-") });
            }
        } else if section.ends_with("dependencies") && !text.starts_with('#') {
            let name = text.split(['=', '.', ' ']).next().unwrap_or_default().trim_matches('"');
            if !name.is_empty() {
                found.push(Dependency { line, name, for_tests: section.ends_with("dev-dependencies") });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(name: &str, rest: &str) -> String {
        format!("[package]\nname = \"{name}\"\n\n{rest}\n")
    }

    fn wrongs(name: &str, rest: &str) -> Vec<(usize, String)> {
        let path = format!("crates/{name}/Cargo.toml");
        let found = check(&Tree::made_up(&[(&path, &manifest(name, rest))]));
        found.into_iter().map(|violation| (violation.line, violation.wrong)).collect()
    }

    #[test]
    fn what_the_table_allows_is_kept() {
        assert_eq!(wrongs("vault", "[dependencies]\ncalls = { workspace = true }\naes-gcm = \"0.10\""), []);
        assert_eq!(
            wrongs(
                "calls",
                "[dependencies]\nserde.workspace = true\n[dev-dependencies]\nsim.workspace = true"
            ),
            []
        );
        assert_eq!(wrongs("siprec", "[dev-dependencies]\ntokio = \"1\""), []);
        assert_eq!(wrongs("vault", "[dev-dependencies]\nvault = { path = \".\" }"), []);
    }

    #[test]
    fn a_step_sideways_or_up_is_found_in_every_spelling() {
        assert_eq!(
            wrongs("vault", "[dependencies]\nindex.workspace = true"),
            [(5, "vault depends on index".into())]
        );
        assert_eq!(
            wrongs("calls", "[dependencies.siprec]\npath = \"../siprec\""),
            [(4, "calls depends on siprec".into())]
        );
        let target = "[target.'cfg(unix)'.dependencies]\nsidetone = { workspace = true }";
        assert_eq!(wrongs("index", target), [(5, "index depends on sidetone".into())]);
    }

    #[test]
    fn a_pure_crate_with_a_runtime_is_found() {
        let found = wrongs("rtp", "[dependencies]\ntokio = { version = \"1\" }");
        assert_eq!(found, [(5, "rtp is pure and depends on tokio".into())]);
    }
}
