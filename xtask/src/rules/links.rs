//! Links between our documents lead somewhere: to a file or folder that exists, to a heading that is there.

use std::collections::BTreeSet;

use super::Violation;
use crate::tree::{File, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.files.iter().filter(|file| file.is("md")) {
        for (line, target) in links(&file.text) {
            if let Some((wrong, right)) = fault(tree, file, target) {
                violations.push(Violation { file: file.path.clone(), line, wrong, right });
            }
        }
    }
    violations
}

/// What is wrong with a link, and what would be right; links to other places are not looked at.
fn fault(tree: &Tree, from: &File, target: &str) -> Option<(String, String)> {
    if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let Some(path) = resolve(&from.path, path) else {
        return Some((
            format!("link to {target} leaves the project"),
            "link to a file of the project".to_owned(),
        ));
    };
    let folder = format!("{}/", path.trim_end_matches('/'));
    let file = tree.get(&path);
    if file.is_none() && !path.is_empty() && !tree.files.iter().any(|file| file.path.starts_with(&folder)) {
        return Some((
            format!("link to {target}, which is not there"),
            "a path relative to this file".to_owned(),
        ));
    }
    let (Some(file), Some(anchor)) = (file, anchor) else { return None };
    if !file.is("md") || headings(&file.text).contains(anchor) {
        return None;
    }
    Some((
        format!("link to {target}, and {path} has no such heading"),
        "one of its headings, as #words-with-hyphens".to_owned(),
    ))
}

/// The path a link names, from the root; `None` if it leads out.
fn resolve(from: &str, path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop()?,
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Lines of a document that are not inside a fenced block, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// Targets of `[text](target)` and `[name]: target`, with their lines.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        for (at, _) in line.match_indices("](") {
            let in_code = line[..at].matches('`').count() % 2 == 1 && !line[..at].ends_with('`');
            let rest = &line[at + 2..];
            if let (false, Some(end)) = (in_code, rest.find(')')) {
                let target = rest[..end].split_whitespace().next().unwrap_or_default();
                found.push((number, target.trim_matches(['<', '>'])));
            }
        }
        if let Some((name, target)) =
            line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once("]: "))
            && !name.contains(['[', ']'])
        {
            found.push((number, target.split_whitespace().next().unwrap_or_default()));
        }
    }
    found
}

/// The anchors of a document's headings, as forges make them.
fn headings(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for (_, line) in prose(text).filter(|(_, line)| line.starts_with('#')) {
        let title = line.trim_start_matches('#').trim();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let mut unique = anchor.clone();
        let mut number = 0;
        while !anchors.insert(unique.clone()) {
            number += 1;
            unique = format!("{anchor}-{number}");
        }
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrongs(text: &str) -> Vec<(usize, String)> {
        let tree = Tree::made_up(&[
            ("design/flow.md", text),
            ("design/glossary.md", "# Words\n\n## One call, `two` words!\n## Words\n"),
            ("crates/calls/src/gate.rs", ""),
            ("README.md", ""),
        ]);
        check(&tree).into_iter().map(|violation| (violation.line, violation.wrong)).collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_kept() {
        let text = "\
# Here
[a](glossary.md) [b](../README.md \"title\") [c](../crates/calls/) [d](#here) [e](https://example.com/x)
[f](glossary.md#one-call-two-words) [g](glossary.md#words-1) [h][r] `[no](nothing.md)`
```text
[no](nothing.md)
```
[r]: ../crates/calls/src/gate.rs
";
        assert_eq!(wrongs(text), []);
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        assert_eq!(wrongs("\n[a](missing.md)"), [(2, "link to missing.md, which is not there".into())]);
        assert_eq!(wrongs("[a](../../x.md)"), [(1, "link to ../../x.md leaves the project".into())]);
        let heading = "link to glossary.md#none, and design/glossary.md has no such heading";
        assert_eq!(wrongs("[a](glossary.md#none)"), [(1, heading.into())]);
        assert_eq!(wrongs("[a][r]\n\n[r]: nowhere/"), [(3, "link to nowhere/, which is not there".into())]);
    }
}
