//! A number names one page of decisions: in its file's name and at the head of its title.

use std::collections::BTreeMap;

use super::Violation;
use crate::tree::Tree;

const FOLDER: &str = "design/decisions/";

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut pages: BTreeMap<&str, &str> = BTreeMap::new();
    for file in tree.files.iter().filter(|file| file.is("md")) {
        let Some(name) = file.path.strip_prefix(FOLDER) else { continue };
        let mut add = |wrong: String, right: String| {
            violations.push(Violation { file: file.path.clone(), line: 1, wrong, right });
        };
        let number = name.split('-').next().unwrap_or_default();
        if number.len() != 4 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            add("a page of decisions without a number".to_owned(), "0000-words.md, with the next".to_owned());
            continue;
        }
        let title = file.text.lines().next().unwrap_or_default();
        if !title.starts_with(&format!("# {number}")) {
            add(format!("the title is `{title}`"), format!("a title that begins with `# {number}`"));
        }
        if let Some(other) = pages.insert(number, name) {
            add(format!("{number} is also the number of {other}"), "the next that no page has".to_owned());
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_two_pages_have_and_one_that_the_title_does_not_know_are_found() {
        let tree = Tree::made_up(&[
            ("design/decisions/0001-one.md", "# 0001: One"),
            ("design/decisions/0002-one.md", "# 0002 One"),
            ("design/decisions/0002-two.md", "# 0002 Two"),
            ("design/decisions/0003-three.md", "# 0004 Three"),
            ("design/decisions/four.md", "# Four"),
            ("design/0002-flow.md", "# Flow"),
        ]);
        let found: Vec<_> = check(&tree).into_iter().map(|it| (it.file, it.wrong)).collect();
        let expected = [
            ("0002-two.md", "0002 is also the number of 0002-one.md"),
            ("0003-three.md", "the title is `# 0004 Three`"),
            ("four.md", "a page of decisions without a number"),
        ];
        assert_eq!(found, expected.map(|(file, wrong)| (format!("{FOLDER}{file}"), wrong.to_owned())));
    }
}
