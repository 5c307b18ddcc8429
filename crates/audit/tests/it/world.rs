//! Made-up chains.

use std::sync::Arc;

use audit::{Checker, Entry, Fault, Hash, Head, Link};
use proptest::prelude::*;

/// A row as it lies in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) number: u64,
    pub(crate) entry: Entry,
    pub(crate) hash: Hash,
}

pub(crate) fn entry(at_ns: i64, who: &str, detail: &str) -> Entry {
    Entry {
        at_ns,
        kind: "person".into(),
        who: who.into(),
        role: "compliance".into(),
        source: "127.0.0.1".into(),
        action: "recording.listen".into(),
        outcome: "done".into(),
        answer: "200".into(),
        recording: "01a22159-a313-7b8b-983f-bf78e968dc25".into(),
        call: String::new(),
        about: String::new(),
        detail: detail.into(),
        reason: String::new(),
    }
}

/// Entries as they might be written.
pub(crate) fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let one = (any::<i64>(), "[a-z]{0,6}", ".{0,12}").prop_map(|(at, who, detail)| entry(at, &who, &detail));
    prop::collection::vec(one, 2..12)
}

/// Writes a chain behind a link.
pub(crate) fn written_behind(mut at: Link, entries: Vec<Entry>) -> Vec<Row> {
    let row = |entry: Entry| {
        let number = at.number + 1;
        at = at.then(entry.content(number));
        Row { number, hash: at.hash, entry }
    };
    entries.into_iter().map(row).collect()
}

pub(crate) fn written(entries: Vec<Entry>) -> Vec<Row> {
    written_behind(Link::default(), entries)
}

pub(crate) fn head_of(row: &Row) -> Head {
    Head::signed(Link { number: row.number, hash: row.hash }, 0, |_| "a signature".into())
}

/// Where the heads of a test are read.
pub(crate) fn place() -> Arc<str> {
    "a witness".into()
}

/// Goes through rows as a check does.
pub(crate) fn checked(rows: &[Row], heads: &[Head]) -> Result<Link, Fault> {
    let mut checker = Checker::new();
    for head in heads {
        checker.add(head.link, &place())?;
    }
    walked(checker, rows)
}

/// Goes through rows with heads that are known already.
pub(crate) fn walked(mut checker: Checker, rows: &[Row]) -> Result<Link, Fault> {
    for Row { number, entry, hash } in rows {
        checker.next(*number, entry.content(*number), *hash)?;
    }
    checker.end()
}
