//! A file is read in one sitting.

use super::Violation;
use crate::source::Source;
use crate::tree::Tree;

/// Lines of a file, tests not counted. 150 is what to aim for.
const LINES_MAX: usize = 500;

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust().filter(|file| !file.is_test()) {
        let lines = Source::new(&file.text).product_lines().count();
        if lines > LINES_MAX {
            violations.push(Violation {
                file: file.path.clone(),
                line: LINES_MAX + 1,
                wrong: format!("{lines} lines without tests; the limit is {LINES_MAX}"),
                right: "split it by what happens, and give the folder a mod.rs that introduces the parts"
                    .to_owned(),
            });
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_do_not_count_and_one_line_too_many_does() {
        let full = "fn a() {}\n".repeat(LINES_MAX);
        let with_tests = format!("{full}#[cfg(test)]\nmod tests {{\n{full}}}\n");
        let too_long = format!("{full}fn b() {{}}\n");
        let tree = Tree::made_up(&[
            ("crates/a/src/full.rs", &with_tests),
            ("crates/a/src/long.rs", &too_long),
            ("crates/a/tests/it/long.rs", &too_long),
            ("crates/a/src/b/tests.rs", &too_long),
        ]);
        let found = check(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].file.as_str(), found[0].line), ("crates/a/src/long.rs", 501));
    }
}
