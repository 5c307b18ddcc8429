//! No drawer without a label: folders and modules are named for what is in them.

use super::Violation;
use crate::source::Source;
use crate::tree::Tree;

/// Words that say nothing about what they name, alone or as a part (`sip_utils`).
const EMPTY: &[&str] = &["common", "util", "utils", "helper", "helpers", "manager", "misc"];

/// Words that are drawers when they stand alone.
const EMPTY_ALONE: &[&str] = &["core", "types", "base", "handler", "handlers"];

const RIGHT: &str = "name it for what it holds, in a word of design/glossary.md";

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for file in tree.rust() {
        let path = file.path.trim_end_matches(".rs");
        for (end, name) in path.match_indices('/').map(|(at, _)| at).chain([path.len()]).map(|end| {
            let start = path[..end].rfind('/').map_or(0, |at| at + 1);
            (end, &path[start..end])
        }) {
            if is_empty(name) && seen.insert(path[..end].to_owned()) {
                let wrong = format!("`{name}` says nothing about what is in it");
                violations.push(Violation {
                    file: file.path.clone(),
                    line: 1,
                    wrong,
                    right: RIGHT.to_owned(),
                });
            }
        }
        for (line, text) in (1..).zip(Source::new(&file.text).code.lines()) {
            let Some((before, after)) = text.split_once("mod ") else { continue };
            let name = after.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            let inline = after[name.len()..].trim_start().starts_with('{');
            if inline && is_empty(name) && !before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                let wrong = format!("module `{name}` says nothing about what is in it");
                violations.push(Violation { file: file.path.clone(), line, wrong, right: RIGHT.to_owned() });
            }
        }
    }
    violations
}

fn is_empty(name: &str) -> bool {
    let name = name.to_lowercase();
    EMPTY_ALONE.contains(&name.as_str()) || name.split(['_', '-']).any(|part| EMPTY.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[(&str, &str)]) -> Vec<(String, usize)> {
        check(&Tree::made_up(paths)).into_iter().map(|violation| (violation.file, violation.line)).collect()
    }

    #[test]
    fn names_that_say_something_are_kept() {
        assert_eq!(
            files(&[
                ("crates/a/src/media_types.rs", "mod score { }\n// mod util {"),
                ("a/src/utilisation.rs", "")
            ]),
            []
        );
    }

    #[test]
    fn drawers_are_found_as_file_folder_part_and_inline_module() {
        let paths = [
            ("c/src/util.rs", ""),
            ("c/src/core/a.rs", ""),
            ("c/src/core/b.rs", ""),
            ("c/src/sip_helpers/mod.rs", ""),
        ];
        let found: Vec<String> = files(&paths).into_iter().map(|(file, _)| file).collect();
        assert_eq!(found, ["c/src/util.rs", "c/src/core/a.rs", "c/src/sip_helpers/mod.rs"]);
        assert_eq!(files(&[("c/src/a.rs", "\npub(crate) mod misc {\n}")]), [("c/src/a.rs".to_owned(), 2)]);
    }
}
