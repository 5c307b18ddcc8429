//! Inside the server: which room may look into which. Read from the paths in the code.

use super::Violation;
use crate::source::{Source, line_of};
use crate::tree::Tree;

const SERVER: &str = "crates/server/src/";

/// What a room may not look into.
enum Closed {
    /// A module of the server: `crate::NAME`.
    Module(&'static str),
    /// A crate: `NAME::`.
    Crate(&'static str),
}

use Closed::{Crate, Module};

/// Path of the room (or file) under the server's sources, what is closed to it, what to do instead.
const DOORS: &[(&str, Closed, &str)] = &[
    ("control", Module("ingest"), "commands enter at the desk: ask desk::Handle"),
    ("playback", Module("ingest"), "what plays comes from the vault, what is live from desk::Handle"),
    ("export", Module("control"), "an export does not know how it was asked for"),
    ("export", Module("ingest"), "what is exported comes from the vault by playback"),
    ("playback", Module("export"), "sound does not know in what it leaves"),
    ("ingest", Module("export"), "the wire does not know who exports"),
    ("keep", Module("export"), "exports read what was kept, not the other way"),
    ("desk", Module("export"), "the desk decides; it exports nothing"),
    ("ingest", Module("control"), "the wire does not know who gives commands; tell the desk"),
    ("ingest", Module("playback"), "the wire does not know who listens"),
    ("ingest", Crate("index"), "media never waits for SQL; keep/seal puts the row"),
    ("keep/writer", Crate("index"), "media never waits for SQL; keep/seal puts the row"),
    ("desk", Module("control"), "the desk answers through the reply it was given"),
    ("desk", Module("playback"), "the desk decides; it plays nothing"),
    ("keep", Module("control"), "keeping a recording does not depend on who asked"),
    ("keep", Module("playback"), "playback reads what was kept, not the other way"),
    ("keep", Module("aftercare"), "what is done later to what was kept is no matter of its keeping"),
    ("desk", Module("aftercare"), "the desk decides about calls, not about recordings that are done"),
];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust() {
        let Some(inside) = file.path.strip_prefix(SERVER) else { continue };
        let source = Source::new(&file.text);
        for (room, closed, right) in DOORS.iter().filter(|(room, ..)| is_in(inside, room)) {
            let (name, places) = match closed {
                Module(name) => (name, modules(&source.code, name)),
                Crate(name) => (name, crates(&source.code, name)),
            };
            violations.extend(places.into_iter().map(|place| Violation {
                file: file.path.clone(),
                line: line_of(&source.code, place),
                wrong: format!("{room} uses {name}"),
                right: (*right).to_owned(),
            }));
        }
    }
    violations
}

/// Whether a file is the room, or lies in it.
fn is_in(file: &str, room: &str) -> bool {
    file.strip_prefix(room).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// Places of `crate::name` and of `crate::{.., name, ..}`.
fn modules(code: &str, name: &str) -> Vec<usize> {
    let mut found = Vec::new();
    for (place, path) in code.match_indices("crate::") {
        let after = place + path.len();
        match code[after..].strip_prefix('{') {
            Some(group) => {
                found.extend(
                    first_words(group).filter(|(_, word)| *word == name).map(|(at, _)| after + 1 + at),
                );
            }
            None if word(&code[after..]) == name => found.push(place),
            None => {}
        }
    }
    found
}

/// Places of `name::` that begin a path.
fn crates(code: &str, name: &str) -> Vec<usize> {
    let path = format!("{name}::");
    let begins = |place: usize| {
        !code[..place].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '.')
    };
    code.match_indices(&path).map(|(place, _)| place).filter(|&place| begins(place)).collect()
}

/// The first word of each path in a group of imports, with its place.
fn first_words(group: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut depth = 1_usize;
    let mut fresh = true;
    group
        .char_indices()
        .map_while(move |(at, c)| {
            let begins = fresh && depth == 1 && (c.is_alphabetic() || c == '_');
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            fresh = c == ',' || (fresh && c.is_whitespace());
            (depth > 0).then_some((at, begins))
        })
        .filter(|(_, begins)| *begins)
        .map(|(at, _)| (at, word(&group[at..])))
}

fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrongs(path: &str, text: &str) -> Vec<(usize, String)> {
        let found = check(&Tree::made_up(&[(path, text)]));
        found.into_iter().map(|violation| (violation.line, violation.wrong)).collect()
    }

    #[test]
    fn open_doors_and_mere_words_are_no_violation() {
        let text = "//! crate::ingest\nuse crate::desk::Handle;\nuse crate::ingestion;\nlet s = \"crate::ingest\";\n";
        assert_eq!(wrongs("crates/server/src/control/native/mod.rs", text), []);
        assert_eq!(wrongs("crates/server/src/keep/seal.rs", "use index::Index;"), []);
        assert_eq!(
            wrongs("crates/server/src/ingest/media.rs", "let a = row.index::<u8>(); crate::index::x();"),
            []
        );
        assert_eq!(wrongs("crates/server/src/lib.rs", "use crate::{ingest, control};"), []);
    }

    #[test]
    fn closed_doors_are_found_in_every_spelling() {
        let ingest = |line: usize| (line, "control uses ingest".to_owned());
        let room = "crates/server/src/control/error.rs";
        assert_eq!(wrongs(room, "\nuse crate::ingest;"), [ingest(2)]);
        assert_eq!(
            wrongs(room, "use crate::{\n    desk::{ingest, Handle},\n    ingest::sip,\n};"),
            [ingest(3)]
        );
        assert_eq!(wrongs("crates/server/src/control.rs", "fn a() { crate::ingest::b() }"), [ingest(1)]);
        assert_eq!(
            wrongs("crates/server/src/keep/writer.rs", "use index::Index;"),
            [(1, "keep/writer uses index".into())]
        );
        assert_eq!(
            wrongs("crates/server/src/ingest/mod.rs", "a(index::Query)"),
            [(1, "ingest uses index".into())]
        );
    }
}
