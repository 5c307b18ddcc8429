//! What the console's sources may not do, whoever wrote what they show (F-XSS-1).

use super::Violation;
use crate::tree::{File, Tree};

/// What is forbidden, and what to do instead.
const FORBIDDEN: &[(&str, &str)] = &[
    ("{@html", "set text: what calls bring is never markup"),
    ("innerHTML", "set text: what calls bring is never markup"),
    ("outerHTML", "set text: what calls bring is never markup"),
    ("insertAdjacentHTML", "set text: what calls bring is never markup"),
    (" style=\"", "the policy forbids inline styles: a class, or `style:name={value}`"),
    ("http://", "nothing is asked from elsewhere: a path of the recorder"),
    ("__proto__", "look names up with Object.hasOwn, or keep them in a Map"),
    ("Object.assign(", "name what is taken: an object from elsewhere may have names that every object has"),
    ("Object.setPrototypeOf(", "objects keep the prototype they were made with"),
    ("https://", "nothing is asked from elsewhere: a path of the recorder"),
];

/// Lines of a source file.
const LINES_MAX: usize = 500;

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let sources = tree.files.iter().filter(|file| {
        file.path.starts_with("console/src/")
            && (file.is("ts") || file.is("svelte"))
            && !file.path.ends_with("/schema.d.ts")
    });
    sources.flat_map(violations).collect()
}

fn violations(file: &File) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for (forbidden, right) in FORBIDDEN.iter().filter(|(forbidden, _)| line.contains(forbidden)) {
            violations.push(Violation {
                file: file.path.clone(),
                line: number + 1,
                wrong: format!("`{}` in the console", forbidden.trim()),
                right: (*right).to_owned(),
            });
        }
    }
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        violations.push(Violation {
            file: file.path.clone(),
            line: LINES_MAX + 1,
            wrong: format!("{lines} lines; the limit is {LINES_MAX}"),
            right: "split it by what it shows or does".to_owned(),
        });
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_change_a_prototype_is_found() {
        let tree = Tree::made_up(&[(
            "console/src/a.ts",
            "a[\"__proto__\"] = b;\nObject.assign(a, b);\nObject.setPrototypeOf(a, b);\nconst a = Object.create(null);\n",
        )]);
        let lines: Vec<usize> = check(&tree).into_iter().map(|it| it.line).collect();
        assert_eq!(lines, [1, 2, 3]);
    }

    #[test]
    fn markup_from_texts_inline_styles_and_foreign_addresses_are_found() {
        let tree = Tree::made_up(&[
            ("console/src/a.svelte", "<p>{name}</p>\n<p>{@html name}</p>\n<p style=\"color: red\"></p>\n"),
            ("console/src/b.ts", "node.innerHTML = name;\nfetch(\"https://elsewhere.example/\");\n"),
            ("console/src/api/schema.d.ts", "/** https://example.com */\n"),
            ("console/tests/a.test.ts", "https://example.com\n"),
            ("console/src/long.ts", &"a();\n".repeat(LINES_MAX + 1)),
        ]);
        let found: Vec<(String, usize)> = check(&tree).into_iter().map(|it| (it.file, it.line)).collect();
        let at = |file: &str, line| (format!("console/src/{file}"), line);
        assert_eq!(
            found,
            [
                at("a.svelte", 2),
                at("a.svelte", 3),
                at("b.ts", 1),
                at("b.ts", 2),
                at("long.ts", LINES_MAX + 1)
            ]
        );
    }
}
