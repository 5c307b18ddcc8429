//! Some things are done in one place only: SQL in the index, files in the vault, the clock in one file.

use super::Violation;
use crate::source::Source;
use crate::tree::{File, Tree};

/// Beginnings of statements, each with a word that must follow somewhere: UPDATE is a SIP method as well.
const SQL: &[(&str, &str)] = &[
    ("SELECT ", " FROM "),
    ("INSERT INTO ", ""),
    ("INSERT OR ", " INTO "),
    ("UPDATE ", " SET "),
    ("DELETE FROM ", ""),
    ("CREATE TABLE ", ""),
    ("CREATE INDEX ", ""),
    ("CREATE VIRTUAL ", ""),
    ("ALTER TABLE ", ""),
    ("DROP TABLE ", ""),
    ("PRAGMA ", ""),
    ("BEGIN IMMEDIATE", ""),
    ("VACUUM", ""),
];

/// Where files are touched beside the vault, and why.
const FILES: &[(&str, &str)] = &[
    ("crates/vault/", "owns the files"),
    ("crates/server/src/cmd/", "commands read and write the files that are named to them"),
    ("crates/server/src/caller/", "the test client plays the sound file that is named to it"),
    ("crates/server/src/config", "reads the settings"),
    ("crates/server/src/observe/machine.rs", "reads /proc: what the process takes of the machine"),
    ("crates/server/build.rs", "builds"),
];

const CLOCK: &str = "crates/server/src/clock.rs";

/// Ways to ask what time it is.
const CLOCK_READS: &[&str] = &[
    "Instant::now(",
    "SystemTime::now(",
    "Utc::now(",
    "Local::now(",
    "OffsetDateTime::now",
    "Timestamp::now(",
    "Zoned::now(",
    "Uuid::now_v7(",
];

/// Programs of the workshop and tests are no product: they may touch what they like.
fn is_product(file: &File) -> bool {
    file.path.starts_with("crates/") && !file.path.starts_with("crates/sim/") && !file.is_test()
}

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust().filter(|file| is_product(file)) {
        let source = Source::new(&file.text);
        let mut add = |line, wrong: String, right: &str| {
            violations.push(Violation { file: file.path.clone(), line, wrong, right: right.to_owned() });
        };
        if !file.path.starts_with("crates/index/") {
            let tests = source.test_lines();
            for (line, text) in source.strings.iter().filter(|(line, _)| !tests.contains(line)) {
                if is_sql(text) {
                    add(
                        *line,
                        "a string that is SQL".to_owned(),
                        "ask crates/index a question in domain words",
                    );
                }
            }
        }
        for (line, text) in source.product_lines() {
            if touches_files(text) && !FILES.iter().any(|(place, _)| file.path.starts_with(place)) {
                add(
                    line,
                    "touches files".to_owned(),
                    "files are the vault's; see FILES in xtask/src/rules/places.rs",
                );
            }
            if let Some(read) =
                CLOCK_READS.iter().find(|read| text.contains(**read)).filter(|_| file.path != CLOCK)
            {
                let wrong = format!("reads a clock: {}", read.trim_end_matches('('));
                add(line, wrong, "time is an argument; crates/server/src/clock.rs alone reads it");
            }
        }
    }
    violations
}

fn is_sql(text: &str) -> bool {
    let text = text.trim_start();
    SQL.iter().any(|(begin, follows)| {
        text.strip_prefix(begin).is_some_and(|rest| {
            // Words of a statement may be parted by line ends.
            let rest = format!(" {}", rest.split_whitespace().collect::<Vec<_>>().join(" "));
            rest.contains(follows)
        })
    })
}

/// `std::fs`, `tokio::fs`, or `fs` in a group of imports from either.
fn touches_files(line: &str) -> bool {
    let grouped = |root: &str| {
        line.split_once(root).is_some_and(|(_, group)| {
            group.split([',', '{', '}', ' ']).any(|word| {
                word.starts_with("fs") && !word[2..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
            })
        })
    };
    ["std::fs", "tokio::fs"].iter().any(|path| {
        line.match_indices(path)
            .any(|(at, _)| !line[at + path.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    }) || grouped("use std::{")
        || grouped("use tokio::{")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrongs(path: &str, text: &str) -> Vec<(usize, String)> {
        let found = check(&Tree::made_up(&[(path, text)]));
        found.into_iter().map(|violation| (violation.line, violation.wrong)).collect()
    }

    #[test]
    fn sql_is_found_outside_the_index_and_sip_methods_are_none() {
        let text =
            "\nlet a = \"select one\";\nlet b = \"SELECT *\n FROM x\";\nlet c = \"UPDATE sip:a@b SIP/2.0\";";
        assert_eq!(wrongs("crates/server/src/a.rs", text), [(3, "a string that is SQL".to_owned())]);
        assert_eq!(wrongs("crates/index/src/a.rs", text), []);
        let hostile = "#[cfg(test)]\nmod tests {\n    const A: &str = \"DROP TABLE x\";\n}";
        assert_eq!(wrongs("crates/siprec/src/a.rs", hostile), []);
    }

    #[test]
    fn files_are_touched_in_the_vault_and_by_commands() {
        let found = [(1, "touches files".to_owned())];
        for text in ["use std::fs;", "use std::{env, fs};", "tokio::fs::read(a)", "use std::{fs::File, io};"]
        {
            assert_eq!(wrongs("crates/server/src/keep/seal.rs", text), found, "{text}");
            assert_eq!(wrongs("crates/vault/src/disk.rs", text), []);
            assert_eq!(wrongs("crates/server/src/cmd/export.rs", text), []);
        }
        for text in ["use std::{ffi, fmt};", "// std::fs", "use std::fsx;"] {
            assert_eq!(wrongs("crates/server/src/keep/seal.rs", text), [], "{text}");
        }
    }

    #[test]
    fn a_clock_is_read_in_one_file_and_in_tests() {
        let text = "let now = Instant::now();\n#[cfg(test)]\nmod tests {\n    fn a() { Instant::now(); }\n}";
        assert_eq!(
            wrongs("crates/server/src/desk/mod.rs", text),
            [(1, "reads a clock: Instant::now".to_owned())]
        );
        assert_eq!(wrongs(CLOCK, text), []);
        assert_eq!(wrongs("crates/server/tests/it/main.rs", text), []);
        assert_eq!(wrongs("bench/src/main.rs", text), []);
    }
}
