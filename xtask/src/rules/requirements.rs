//! A requirement that code or a page cites (A2-06, F-SQL-1) is one that exists.

use std::collections::BTreeSet;

use super::Violation;
use crate::tree::{File, Tree};

/// One line for each requirement: its id, then what it is about in a few words.
const LIST: &str = "rfc/requirements.txt";

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let known: BTreeSet<&str> = tree.get(LIST).map(|file| listed(&file.text)).unwrap_or_default();
    let mut violations = Vec::new();
    for file in tree.files.iter().filter(|file| is_read(file)) {
        for (line, text) in (1..).zip(file.text.lines()) {
            for id in ids(text).filter(|id| !known.contains(id)) {
                violations.push(Violation {
                    file: file.path.clone(),
                    line,
                    wrong: format!("cites {id}, which is no requirement"),
                    right: format!("an id of {LIST}, or a new line there"),
                });
            }
        }
    }
    violations
}

/// The workshop's own tests make ids up.
fn is_read(file: &File) -> bool {
    ["rs", "md", "sql", "toml"].iter().any(|end| file.is(end)) && !file.path.starts_with("xtask/")
}

fn listed(text: &str) -> BTreeSet<&str> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

/// Everything in a line that has the form of an id.
fn ids(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| is_id(word))
}

/// `A1-01` to `E9-99`, or `F-WORD` and `F-WORD-1`.
fn is_id(word: &str) -> bool {
    let mut parts = word.split('-');
    let (Some(part), Some(number)) = (parts.next(), parts.next()) else { return false };
    let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if part == "F" {
        let letters = number.len() >= 2 && number.bytes().all(|byte| byte.is_ascii_uppercase());
        return letters && parts.next().is_none_or(|last| digits(last, 1..=2)) && parts.next().is_none();
    }
    let letter = part.starts_with(|c| matches!(c, 'A'..='E'));
    letter && digits(&part[1..], 1..=2) && digits(number, 2..=2) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_other_words() {
        let line =
            "(A1-01) B10-04, F-SQL-1. F-SUP; UTF-8 A1-1 0198A1-01-02 G1-01 F-x a1-01 RFC-3550 E2-25/26";
        assert_eq!(ids(line).collect::<Vec<_>>(), ["A1-01", "B10-04", "F-SQL-1", "F-SUP", "E2-25"]);
    }

    #[test]
    fn an_id_that_is_not_listed_is_found() {
        let tree = Tree::made_up(&[
            (LIST, "# comment A9-99\nA1-01 something\nF-SQL-1 injection\n"),
            ("crates/a/src/a.rs", "//! A1-01\n// and A9-99\n"),
            ("design/a.md", "F-SQL-1 and F-SQL-9"),
            ("xtask/src/a.rs", "B9-99"),
        ]);
        let found: Vec<_> = check(&tree).into_iter().map(|it| (it.file, it.line, it.wrong)).collect();
        assert_eq!(
            found,
            [
                ("crates/a/src/a.rs".to_owned(), 2, "cites A9-99, which is no requirement".to_owned()),
                ("design/a.md".to_owned(), 1, "cites F-SQL-9, which is no requirement".to_owned()),
            ]
        );
    }
}
