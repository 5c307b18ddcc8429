//! Lines of extracts and witnesses: what was written is what is read.

use audit::{Checker, Hash, Head, Line, Link, Start};
use proptest::prelude::*;

use crate::world::{entries, entry, written};

fn read_again(line: &Line) -> Line {
    let text = line.to_json();
    assert!(!text.contains('\n'), "{text}");
    Line::from_json(&text).expect("a line")
}

proptest! {
    #[test]
    fn an_extract_reads_back_as_it_was_and_its_chain_can_be_followed(entries in entries(), whole in any::<u16>()) {
        let rows = written(entries);
        let mut checker = Checker::new();
        for (place, row) in rows.iter().enumerate() {
            let content = row.entry.content(row.number);
            let line = if whole >> place & 1 == 1 {
                Line::Entry { number: row.number, entry: Box::new(row.entry.clone()), hash: row.hash }
            } else {
                Line::Stub { number: row.number, content }
            };
            let read = read_again(&line);
            prop_assert_eq!(&read, &line);
            match read {
                Line::Entry { number, entry, hash } => checker.next(number, entry.content(number), hash).unwrap(),
                Line::Stub { number, content } => checker.next_stub(number, content).unwrap(),
                _ => unreachable!("it was one of both"),
            }
        }
        let last = rows.last().unwrap();
        prop_assert_eq!(checker.end().unwrap(), Link { number: last.number, hash: last.hash });
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in ".{0,80}") {
        let _ = Line::from_json(&text);
    }
}

#[test]
fn a_head_and_a_start_read_back_as_they_were() {
    let link = Link { number: 7, hash: Hash([0xab; 32]) };
    let head = Head::signed(link, 1_796_000_000_123_456_789, |message| {
        assert_eq!(message.len(), 8 + 32 + 8);
        "ed25519:00".to_owned()
    });
    assert_eq!(read_again(&Line::Head(head.clone())), Line::Head(head));
    let stamp = Line::Stamp { number: 7, token: vec![0, 0xff, 0x30] };
    assert_eq!(read_again(&stamp), stamp);
    let start = Line::Start(Start { behind: link, asked: "who=Robin".into() });
    assert_eq!(read_again(&start), start);
}

#[test]
fn what_is_no_line_is_refused_with_what_would_be_right() {
    let row = &written(vec![entry(1, "Robin", "")])[0];
    let whole = Line::Entry { number: 1, entry: Box::new(row.entry.clone()), hash: row.hash }.to_json();
    let cases = [
        ("[]", "expected a JSON object"),
        ("{", "it cannot be read: EOF"),
        (&whole.replacen('{', "{\"who\":\"eve\",", 1), "it says who twice"),
        (r#"{"head":1,"hash":"","head":2}"#, "it says head twice"),
        (&whole.replace("\"who\":", "\"whom\":"), "its who should be a text"),
        (&whole.replacen('{', "{\"approved\":\"yes\",", 1), "approved, which is no part of it"),
        (&whole.replace("\"number\":1", "\"number\":-1"), "its number should be a whole number"),
        (&whole.replace("1970", "19x0"), "its at should be an instant"),
        (r#"{"number":1,"content":"ab"}"#, "its content should be 64 hexadecimal digits"),
        (r#"{"extract":"sidetone-audit-9","behind":0,"hash":"","asked":""}"#, "its form is sidetone-audit-9"),
        (r#"{"extract":"\u001b[2K","behind":0,"hash":"","asked":""}"#, "its form is \\u{1b}[2K"),
        (r#"{"head":1}"#, "not the head of an audit"),
    ];
    for (text, right) in cases {
        let fault = Line::from_json(text).unwrap_err().to_string();
        assert!(fault.contains(right), "{text}: {fault}");
    }
}

#[test]
fn a_text_that_could_forge_a_line_is_shown_as_escapes_and_a_long_one_is_cut() {
    let mut entry = entry(1, "Robin\r\n2026-01-01 nobody\u{1b}[2J\u{202e}", &"ä".repeat(3_000));
    entry.fit();
    assert_eq!(entry.who, "Robin\\u{d}\\u{a}2026-01-01 nobody\\u{1b}[2J\\u{202e}");
    assert!(
        entry.detail.len() <= audit::TEXT_MAX_BYTES && entry.detail.ends_with("ä..."),
        "{}",
        entry.detail.len()
    );
    let once = entry.clone();
    entry.fit();
    assert_eq!(entry, once, "again changes nothing");
}
