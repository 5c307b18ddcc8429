//! What we are made of: licences, bans, sources and known holes by cargo-deny, and a bill of materials (F-SUP-1).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::steps::{command, exists, heading, run};
use crate::{console, install};

/// The cargo-deny that is installed where there is none.
const CARGO_DENY: &str = "0.20.2";

/// Where tools of the build are kept.
const TOOLS: &str = "target/tools";

/// The bill of materials of the program.
pub(crate) const SBOM: &str = "target/sidetone.cdx.json";

/// Judges every crate that is linked, and writes down which they are.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    judge(root, &cargo_deny(root)?)?;
    write_bill(root)
}

fn judge(root: &Path, deny: &Path) -> Result<(), String> {
    heading("licences, bans, sources");
    let asked = |what: &str| command(root, &format!("{} check {what}", deny.display()));
    run(asked("licenses bans sources"))?;

    heading("known holes");
    // The list of them is fetched anew each time; where it cannot be had nothing is known, which is no failure of ours.
    let fetched = command(root, &format!("{} fetch db", deny.display())).output();
    if fetched.is_ok_and(|output| output.status.success()) {
        run(asked("advisories"))?;
    } else {
        println!("SKIPPED: the advisory database (github.com/rustsec/advisory-db) cannot be had from here");
    }
    let asked = console::npm(root, &["audit", "--json", "--audit-level=high"]).output();
    let asked = asked.map_err(|error| format!("npm audit: {error}"))?;
    let said = String::from_utf8_lossy(&asked.stdout);
    if !said.contains("\"auditReportVersion\"") {
        println!("SKIPPED: the registry of npm does not say from here which holes are known");
    } else if !asked.status.success() {
        return Err(format!("packages of the console have known holes:\n{said}"));
    }
    Ok(())
}

fn write_bill(root: &Path) -> Result<(), String> {
    heading("bill of materials");
    let path = root.join(SBOM);
    fs::write(&path, bill(root)?).map_err(|error| format!("{SBOM}: {error}"))?;
    let judge = install::in_python("cdx-ev").join("cdx-ev");
    run(command(root, &format!("{} validate {SBOM}", judge.display())))
}

/// The program of the machine, or one that is built into the build's folder once: that takes some minutes.
fn cargo_deny(root: &Path) -> Result<PathBuf, String> {
    if exists("cargo-deny") {
        return Ok("cargo-deny".into());
    }
    let ours = root.join(TOOLS).join("bin/cargo-deny");
    if !ours.is_file() {
        println!("cargo-deny is missing, and is built; that takes some minutes");
        let line = format!("cargo install cargo-deny --version {CARGO_DENY} --locked --quiet --root {TOOLS}");
        run(command(root, &line))?;
    }
    Ok(ours)
}

/// What the page is made of, as the console's build writes it.
const PAGE_PARTS: &str = "crates/server/src/web/dist/parts.txt";

/// A crate that is linked into the program, or a package of which some is in the page.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    /// `cargo` or `npm`, as package URLs have it.
    registry: &'static str,
    name: String,
    version: String,
    licence: String,
    /// What the registry has, by algorithm; none of our own crates, which are in no registry.
    sum: Option<(&'static str, String)>,
}

/// The bill of materials: CycloneDX 1.6, as JSON.
fn bill(root: &Path) -> Result<String, String> {
    let line = "cargo tree --package sidetone --edges normal,build --locked --prefix none --no-dedupe --format {p}|{l}";
    let output = command(root, line).output().map_err(|error| format!("cargo tree: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{line}` failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let lock = fs::read_to_string(root.join("Cargo.lock")).map_err(|error| format!("Cargo.lock: {error}"))?;
    let mut parts = crates(&String::from_utf8_lossy(&output.stdout), &checksums(&lock))?;
    let page = fs::read_to_string(root.join(PAGE_PARTS)).map_err(|error| format!("{PAGE_PARTS}: {error}"))?;
    parts.extend(packages(&page)?);
    Ok(render(&parts))
}

/// Each crate once, by name and version.
fn crates(tree: &str, checksums: &BTreeMap<(String, String), String>) -> Result<Vec<Part>, String> {
    let mut found = BTreeMap::new();
    for line in tree.lines().filter(|line| !line.trim().is_empty()) {
        let wrong = || format!("`cargo tree` says what cannot be read: {line}");
        let (package, licence) = line.split_once('|').ok_or_else(wrong)?;
        let mut words = package.split_whitespace();
        let (name, version) = words.next().zip(words.next()).ok_or_else(wrong)?;
        let version = version.strip_prefix('v').ok_or_else(wrong)?;
        // Old crates write alternatives with a slash.
        let licence = licence.trim().trim_end_matches(" (*)").replace('/', " OR ").replace("  ", " ");
        let key = (name.to_owned(), version.to_owned());
        let sum = checksums.get(&key).map(|sum| ("SHA-256", sum.clone()));
        let (name, version) = key.clone();
        found.insert(key, Part { registry: "cargo", name, version, licence, sum });
    }
    Ok(found.into_values().collect())
}

/// Each package in the page.
fn packages(lines: &str) -> Result<Vec<Part>, String> {
    let part = |line: &str| {
        let mut words = line.splitn(4, ' ').map(str::to_owned);
        let (name, version, sum) = (words.next()?, words.next()?, words.next()?);
        let licence = words.next().filter(|licence| !licence.is_empty())?;
        Some(Part { registry: "npm", name, version, licence, sum: Some(("SHA-512", sum)) })
    };
    let read = |line: &str| part(line).ok_or_else(|| format!("{PAGE_PARTS} has a line that is none: {line}"));
    lines.lines().map(read).collect()
}

/// SHA-256 of each crate as the registry has it, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""))?;
        line.strip_suffix('"').map(str::to_owned)
    };
    let blocks = lock.split("[[package]]");
    let of =
        |block: &str| Some(((value(block, "name")?, value(block, "version")?), value(block, "checksum")?));
    blocks.filter_map(of).collect()
}

fn render(parts: &[Part]) -> String {
    let mut text =
        String::from("{\n  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.6\",\n  \"version\": 1,\n");
    let (own, others): (Vec<_>, Vec<_>) = parts.iter().partition(|part| part.name == "sidetone");
    if let Some(program) = own.first() {
        let component = component(program, "application");
        let _ = writeln!(text, "  \"metadata\": {{\"component\": {component}}},");
    }
    let components: Vec<_> =
        others.iter().map(|part| format!("    {}", component(part, "library"))).collect();
    let _ = writeln!(text, "  \"components\": [\n{}\n  ]\n}}", components.join(",\n"));
    text
}

fn component(part: &Part, kind: &str) -> String {
    let (name, version, licence) = (quoted(&part.name), quoted(&part.version), quoted(&part.licence));
    let mut text = format!("{{\"type\": \"{kind}\", \"name\": {name}, \"version\": {version}");
    let purl = quoted(&format!("pkg:{}/{}@{}", part.registry, part.name.replace('@', "%40"), part.version));
    let _ = write!(text, ", \"bom-ref\": {purl}");
    if let Some((algorithm, sum)) = &part.sum {
        let _ = write!(
            text,
            ", \"purl\": {purl}, \"hashes\": [{{\"alg\": \"{algorithm}\", \"content\": {}}}]",
            quoted(sum)
        );
    }
    let _ = write!(text, ", \"licenses\": [{{\"expression\": {licence}}}]}}");
    text
}

/// A text as JSON writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_crate_is_named_once_with_its_licence_and_its_checksum() {
        let tree = "sidetone v0.0.0 (/src/crates/server)|Apache-2.0\nfnv v1.0.7|Apache-2.0/MIT\n\
                    fnv v1.0.7|Apache-2.0/MIT (*)\nproc v2.0.0 (proc-macro)|MIT\n";
        let lock = "version = 4\n\n[[package]]\nname = \"fnv\"\nversion = \"1.0.7\"\nsource = \"registry\"\nchecksum = \"3f\"\n";
        let parts = crates(tree, &checksums(lock)).unwrap();
        let names: Vec<_> = parts.iter().map(|part| (part.name.as_str(), part.licence.as_str())).collect();
        assert_eq!(names, [("fnv", "Apache-2.0 OR MIT"), ("proc", "MIT"), ("sidetone", "Apache-2.0")]);
        let text = render(&parts);
        assert!(
            text.contains("\"metadata\": {\"component\": {\"type\": \"application\", \"name\": \"sidetone\""),
            "{text}"
        );
        assert!(text.contains(
            "\"purl\": \"pkg:cargo/fnv@1.0.7\", \"hashes\": [{\"alg\": \"SHA-256\", \"content\": \"3f\"}]"
        ));
        assert!(crates("nonsense", &BTreeMap::new()).is_err());
    }

    #[test]
    fn packages_in_the_page_are_named_as_their_registry_does() {
        let parts = packages("@scope/a 1.0.0 ab MIT\nb 2.1.0 cd MIT OR Apache-2.0\n").unwrap();
        let text = render(&parts);
        assert!(text.contains(
            "\"purl\": \"pkg:npm/%40scope/a@1.0.0\", \"hashes\": [{\"alg\": \"SHA-512\", \"content\": \"ab\"}]"
        ), "{text}");
        assert!(text.contains("{\"expression\": \"MIT OR Apache-2.0\"}"), "{text}");
        assert!(packages("svelte 5.0.0 ab").is_err());
    }

    #[test]
    fn a_name_cannot_break_out_of_its_quotes() {
        assert_eq!(quoted("a\"b\\c\nd"), "\"a\\\"b\\\\c\\u000ad\"");
    }
}
