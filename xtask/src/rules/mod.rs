//! The house rules, one file each. A rule looks at the tree and lists what breaks it; each finding names the
//! place, what is wrong and what would be right.

use std::fmt;
use std::path::Path;

use crate::tree::Tree;

mod console;
mod coverage;
mod decisions;
mod doors;
mod layers;
mod links;
mod names;
mod places;
mod requirements;
mod sizes;

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: usize,
    pub(crate) wrong: String,
    pub(crate) right: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}\n    right: {}", self.file, self.line, self.wrong, self.right)
    }
}

type Rule = fn(&Tree) -> Vec<Violation>;

const RULES: &[(&str, Rule)] = &[
    ("crate layers", layers::check),
    ("doors inside the server", doors::check),
    ("names of modules", names::check),
    ("sizes of files", sizes::check),
    ("sources of the console", console::check),
    ("links in documents", links::check),
    ("numbers of decisions", decisions::check),
    ("requirement ids", requirements::check),
    ("coverage of the RFCs", coverage::check),
    ("places of SQL, files and clocks", places::check),
];

/// Checks the tree under `root` and prints what it finds.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::read(root)?;
    let mut total = 0;
    for (name, rule) in RULES {
        let violations = rule(&tree);
        println!(
            "{name}: {}",
            if violations.is_empty() { "kept".to_owned() } else { format!("{} broken", violations.len()) }
        );
        for violation in &violations {
            println!("  {violation}");
        }
        total += violations.len();
    }
    coverage::counts(&tree).iter().for_each(|line| println!("{line}"));
    if total == 0 { Ok(()) } else { Err(format!("{total} violations of the house rules")) }
}
