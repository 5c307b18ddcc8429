//! The pages `rfc/rfcNNNN.md`, the threats and the ASVS: each demand has its place in the code and its test, or a reason.
//!
//! A row is `| section | demand | where | shown by |`. *Where* names paths in backticks, with `::item` if an item of the
//! file is meant. *Shown by* names tests in backticks, or begins with `not ours:` (another's duty, or a thing we do not
//! do) or `open:` (what is missing).

use std::collections::BTreeSet;

use super::Violation;
use crate::tree::{File, Tree};

/// How the rows of a page stand.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    shown: usize,
    not_ours: usize,
    open: usize,
}

/// One row of a table.
struct Row<'a> {
    place: &'a str,
    shown: &'a str,
}

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let tests = tests(tree);
    let mut violations = Vec::new();
    for page in pages(tree) {
        for (line, cells) in lines(page) {
            let wrong = match row(&cells) {
                Ok(row) => faults(tree, &tests, &row),
                Err(wrong) => vec![wrong],
            };
            violations.extend(wrong.into_iter().map(|(wrong, right)| Violation {
                file: page.path.clone(),
                line,
                wrong,
                right: right.to_owned(),
            }));
        }
    }
    violations
}

/// One line for each page: how many demands are shown by a test, are not ours, are open.
pub(super) fn counts(tree: &Tree) -> Vec<String> {
    let line = |page: &File| {
        let mut count = Count::default();
        for (_, cells) in lines(page) {
            match row(&cells).map(|row| row.shown) {
                Ok(shown) if shown.starts_with("not ours:") => count.not_ours += 1,
                Ok(shown) if shown.starts_with("open:") => count.open += 1,
                Ok(_) => count.shown += 1,
                Err(_) => {}
            }
        }
        let Count { shown, not_ours, open } = count;
        format!("{}: {shown} shown, {not_ours} not ours, {open} open", page.path)
    };
    pages(tree).map(line).collect()
}

fn pages(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.files.iter().filter(|file| {
        if matches!(file.path.as_str(), "design/threats.md" | "ref/asvs.md") {
            return true;
        }
        let number = file.path.strip_prefix("rfc/rfc").and_then(|rest| rest.strip_suffix(".md"));
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// The rows of the tables with their cells; heads and rules left out.
fn lines(page: &File) -> impl Iterator<Item = (usize, Vec<&str>)> {
    (1..).zip(page.text.lines()).filter_map(|(number, line)| {
        let cells = line.strip_prefix('|')?.strip_suffix('|')?;
        let cells: Vec<&str> = cells.split('|').map(str::trim).collect();
        // Sections of an RFC or of the ASVS, or a threat.
        let is_row = cells
            .first()
            .is_some_and(|first| first.starts_with(|c: char| c.is_ascii_digit()) || first.starts_with("F-"));
        is_row.then_some((number, cells))
    })
}

type Fault = (String, &'static str);

fn row<'a>(cells: &[&'a str]) -> Result<Row<'a>, Fault> {
    match *cells {
        [section, demand, place, shown] if !section.is_empty() && !demand.is_empty() => {
            Ok(Row { place, shown })
        }
        _ => Err(("row without its four cells".to_owned(), "| section | demand | where | shown by |")),
    }
}

fn faults(tree: &Tree, tests: &BTreeSet<&str>, row: &Row<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for place in quoted(row.place) {
        let (path, item) = place.split_once("::").map_or((place, None), |(path, item)| (path, Some(item)));
        let folder = format!("{}/", path.trim_end_matches('/'));
        match (tree.get(path), item) {
            (Some(file), Some(item)) if !defines(file, item) => {
                faults.push((format!("{path} has no item {item}"), "an item defined in that file"));
            }
            (None, _) if !tree.files.iter().any(|file| file.path.starts_with(&folder)) => {
                faults.push((format!("there is no {path}"), "a path from the root of the project"));
            }
            _ => {}
        }
    }
    let reason = ["not ours:", "open:"].iter().find_map(|word| row.shown.strip_prefix(word));
    match reason {
        Some(reason) if reason.trim().is_empty() => {
            faults.push(("a reason that says nothing".to_owned(), "why, after the colon"));
        }
        Some(_) => {}
        None => {
            if quoted(row.shown).next().is_none() {
                let right = "names of tests in backticks, or `not ours:` or `open:` and why";
                faults.push(("a demand without test or reason".to_owned(), right));
            }
            if quoted(row.place).next().is_none() {
                faults.push(("a demand without its place in the code".to_owned(), "a path in backticks"));
            }
            for test in quoted(row.shown).filter(|test| !tests.contains(test)) {
                faults.push((format!("there is no test {test}"), "the name of a test"));
            }
        }
    }
    faults
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Whether a file defines an item of this name.
fn defines(file: &File, item: &str) -> bool {
    let kinds = ["fn ", "struct ", "enum ", "const ", "static ", "trait ", "type ", "mod "];
    file.text.lines().any(|line| {
        kinds.iter().any(|kind| {
            line.match_indices(kind).any(|(at, _)| {
                let name = &line[at + kind.len()..];
                let rest = name.strip_prefix(item);
                rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
            })
        })
    })
}

/// The names of all tests: functions under `#[test]` or `#[tokio::test]`.
fn tests(tree: &Tree) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for file in tree.rust() {
        let mut is_test = false;
        for line in file.text.lines().map(str::trim) {
            if line.starts_with("#[") {
                is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            } else if let Some(name) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")) {
                if is_test {
                    names.extend(name.split(['(', '<']).next());
                }
                is_test = false;
            } else if !line.starts_with("//") && !line.is_empty() {
                is_test = false;
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrongs(rows: &str) -> Vec<(usize, String)> {
        let page =
            format!("# RFC 9\n\n| section | demand | where | shown by |\n| --- | --- | --- | --- |\n{rows}");
        let tree = Tree::made_up(&[
            ("crates/a/src/a.rs", "pub(crate) fn answer() {}\nconst LIMIT: u8 = 1;\n"),
            ("crates/a/tests/it/a.rs", "#[test]\nfn it_answers() {}\n\nfn it_helps() {}\n"),
            ("rfc/rfc9.md", &page),
            ("rfc/notes.md", "| 1 | nobody reads this |"),
        ]);
        check(&tree).into_iter().map(|violation| (violation.line, violation.wrong)).collect()
    }

    #[test]
    fn rows_with_place_and_test_or_a_reason_are_kept() {
        let rows = "| 1.2 | answers | `crates/a/src/a.rs::answer` | `it_answers` |\n\
                    | 2 | limits | `crates/a/src/a.rs::LIMIT`, `crates/a` | `it_answers` |\n\
                    | 3 | plays | | not ours: the client's duty |\n\
                    | 4 | sings | `crates/a/src/a.rs` | open: no test |\n";
        assert_eq!(wrongs(rows), []);
    }

    #[test]
    fn rows_that_show_nothing_are_found() {
        let wrong = |row: &str| wrongs(row).into_iter().map(|(_, wrong)| wrong).collect::<Vec<_>>();
        assert_eq!(wrong("| 1 | a | `crates/b.rs` | `it_answers` |"), ["there is no crates/b.rs"]);
        let item = "crates/a/src/a.rs has no item answers";
        assert_eq!(wrong("| 1 | a | `crates/a/src/a.rs::answers` | `it_answers` |"), [item]);
        assert_eq!(wrong("| 1 | a | `crates/a` | `it_helps` |"), ["there is no test it_helps"]);
        assert_eq!(wrong("| 1 | a | `crates/a` | |"), ["a demand without test or reason"]);
        assert_eq!(wrong("| 1 | a | | `it_answers` |"), ["a demand without its place in the code"]);
        assert_eq!(wrong("| 1 | a | | not ours: |"), ["a reason that says nothing"]);
        assert_eq!(wrong("| 1 | a | `crates/a` |"), ["row without its four cells"]);
    }

    #[test]
    fn rows_are_counted_by_how_they_stand() {
        let page = "| 1 | a | `x` | `t` |\n| 2 | b | | not ours: c |\n| 3 | d | | open: e |\n";
        let tree = Tree::made_up(&[("rfc/rfc7.md", page)]);
        assert_eq!(counts(&tree), ["rfc/rfc7.md: 1 shown, 1 not ours, 1 open"]);
    }
}
