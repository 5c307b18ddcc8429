//! What is changed, taken out, put in, moved or cut off is found, and the first of it is named.

use std::sync::Arc;

use audit::{Checker, Fault, Hash, Head, Link};
use proptest::prelude::*;

use crate::world::{Row, checked, entries, entry, head_of, place, walked, written, written_behind};

/// Changes one thing of an entry, which one and how.
fn change(row: &mut Row, which: usize) {
    let entry = &mut row.entry;
    let texts = [
        &mut entry.kind,
        &mut entry.who,
        &mut entry.role,
        &mut entry.source,
        &mut entry.action,
        &mut entry.outcome,
        &mut entry.answer,
        &mut entry.recording,
        &mut entry.call,
        &mut entry.about,
        &mut entry.detail,
        &mut entry.reason,
    ];
    match texts.into_iter().nth(which) {
        Some(text) => text.push('x'),
        None if which == 12 => entry.at_ns = entry.at_ns.wrapping_add(1),
        None => row.hash.0[which - 13] ^= 1,
    }
}

proptest! {
    #[test]
    fn a_chain_as_it_was_written_is_whole(entries in entries()) {
        let rows = written(entries);
        let heads: Vec<Head> = rows.iter().map(head_of).collect();
        let end = checked(&rows, &heads).unwrap();
        prop_assert_eq!(end.number, rows.len() as u64);
    }

    #[test]
    fn a_changed_entry_is_named(entries in entries(), at in any::<prop::sample::Index>(), which in 0..45_usize) {
        let mut rows = written(entries);
        let at = at.index(rows.len());
        change(&mut rows[at], which);
        prop_assert_eq!(checked(&rows, &[]), Err(Fault::Changed { number: at as u64 + 1 }));
    }

    #[test]
    fn an_entry_that_was_taken_out_is_named(entries in entries(), at in any::<prop::sample::Index>()) {
        let mut rows = written(entries);
        // The last is the matter of the witness.
        let at = at.index(rows.len() - 1);
        rows.remove(at);
        let number = at as u64 + 1;
        prop_assert_eq!(checked(&rows, &[]), Err(Fault::Missing { first: number, next: number + 1 }));
    }

    #[test]
    fn taking_one_out_and_counting_anew_does_not_hide_it(entries in entries(), at in any::<prop::sample::Index>()) {
        let mut rows = written(entries);
        let at = at.index(rows.len() - 1);
        rows.remove(at);
        rows.iter_mut().skip(at).for_each(|row| row.number -= 1);
        prop_assert_eq!(checked(&rows, &[]), Err(Fault::Changed { number: at as u64 + 1 }));
    }

    #[test]
    fn entries_that_changed_places_are_named(entries in entries(), a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let mut rows = written(entries);
        let (a, b) = (a.index(rows.len()), b.index(rows.len()));
        let (first, second) = (a.min(b), a.max(b));
        prop_assume!(first != second);
        rows.swap(first, second);
        let (low, high) = (first as u64 + 1, second as u64 + 1);
        prop_assert_eq!(checked(&rows, &[]), Err(Fault::Missing { first: low, next: high }));
        // Nor does it help to exchange their numbers.
        rows[first].number = low;
        rows[second].number = high;
        prop_assert_eq!(checked(&rows, &[]), Err(Fault::Changed { number: low }));
    }

    #[test]
    fn an_entry_that_was_put_in_is_named(entries in entries(), at in any::<prop::sample::Index>()) {
        let mut rows = written(entries);
        let at = at.index(rows.len());
        let number = at as u64 + 1;
        let forged = Row { number, entry: entry(0, "nobody", "put in"), hash: Hash([7; 32]) };
        rows.insert(at, forged.clone());
        prop_assert_eq!(checked(&rows, &[]), Err(Fault::Changed { number }));
        // With a hash that fits what is before it, what is behind it shows it.
        let before = rows[..at].last().map_or(Link::default(), |row| Link { number: row.number, hash: row.hash });
        rows[at].hash = before.then(forged.entry.content(number)).hash;
        prop_assert_eq!(checked(&rows, &[]), Err(Fault::OutOfOrder { number, after: number }));
    }

    #[test]
    fn a_chain_that_was_written_anew_is_told_by_a_head(entries in entries(), at in any::<prop::sample::Index>()) {
        let rows = written(entries);
        let at = at.index(rows.len());
        let heads: Vec<Head> = rows.iter().map(head_of).collect();
        let mut forged: Vec<_> = rows.iter().map(|row| row.entry.clone()).collect();
        forged[at].who.push_str(", not");
        let forged = written(forged);
        prop_assert!(checked(&forged, &[]).is_ok(), "without a head nobody can tell");
        let number = at as u64 + 1;
        prop_assert_eq!(checked(&forged, &heads), Err(Fault::Rewritten { first: number, last: number, place: place() }));
        let last = heads.last().unwrap().clone();
        let length = forged.len() as u64;
        prop_assert_eq!(checked(&forged, &[last]), Err(Fault::Rewritten { first: 1, last: length, place: place() }));
    }

    #[test]
    fn an_end_that_was_cut_off_is_told_by_a_head(entries in entries(), left in any::<prop::sample::Index>()) {
        let mut rows = written(entries);
        let signed = rows.len() as u64;
        let heads = [head_of(rows.last().unwrap())];
        rows.truncate(left.index(rows.len()));
        let last = rows.len() as u64;
        prop_assert_eq!(checked(&rows, &heads), Err(Fault::Cut { last, signed, place: place() }));
        // Nor does it help that others have come in the place of what was cut off.
        let behind = rows.last().map_or(Link::default(), |row| Link { number: row.number, hash: row.hash });
        let more = (last..signed).map(|_| entry(0, "nobody", "nothing happened"));
        rows.extend(written_behind(behind, more.collect()));
        prop_assert_eq!(checked(&rows, &heads), Err(Fault::Rewritten { first: 1, last: signed, place: place() }));
    }
}

/// Two chains that were both signed, of which the second is there.
fn two_ways() -> (Vec<Row>, Vec<Row>) {
    let way = |who: &str| written((0..6).map(|at| entry(at, who, "")).collect());
    (way("dana"), way("nobody"))
}

#[test]
fn who_has_the_key_and_signs_a_rewritten_chain_anew_does_not_silence_the_head_that_was_kept_elsewhere() {
    let (honest, forged) = two_ways();
    let (elsewhere, index): (Arc<str>, Arc<str>) = ("honest.jsonl, line 1".into(), "the index".into());
    let mut checker = Checker::new();
    checker.add(head_of(&honest[3]).link, &elsewhere).unwrap();
    checker.add(head_of(&honest[3]).link, &index).unwrap();
    let two = checker.add(head_of(&forged[3]).link, &index).unwrap_err();
    assert_eq!(two, Fault::TwoHeads { number: 4, one: Arc::clone(&elsewhere), other: index });
    for name in ["entry 4", "honest.jsonl, line 1", "the index"] {
        assert!(two.to_string().contains(name), "{two}");
    }
    // The forged one holds, and hides nothing.
    assert_eq!(walked(checker, &forged), Err(Fault::Rewritten { first: 1, last: 4, place: elsewhere }));
}

#[test]
fn after_a_chain_was_taken_back_and_has_grown_past_its_old_end_the_old_heads_are_held_against_it() {
    let (honest, forged) = two_ways();
    // A later line of the same witness has a head of the same number.
    let mut checker = Checker::new();
    checker.add(head_of(&honest[4]).link, &place()).unwrap();
    assert!(checker.add(head_of(&forged[4]).link, &place()).is_err());
    checker.add(head_of(&forged[5]).link, &place()).unwrap();
    assert_eq!(walked(checker, &forged), Err(Fault::Rewritten { first: 1, last: 5, place: place() }));
}

#[test]
fn a_head_of_the_entry_an_extract_begins_behind_is_held_against_it() {
    let (honest, forged) = two_ways();
    let mut checker = Checker::behind(head_of(&forged[2]).link);
    checker.add(head_of(&forged[1]).link, &place()).unwrap();
    assert_eq!(
        checker.add(head_of(&honest[2]).link, &place()),
        Err(Fault::Rewritten { first: 3, last: 3, place: place() })
    );
}
