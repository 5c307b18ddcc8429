//! What is changed, taken out, put in, moved or cut off is found, and the first of it is named.

use audit::{Fault, Hash, Head, Link};
use proptest::prelude::*;

use crate::world::{Row, checked, entries, entry, head_of, written, written_behind};

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
        prop_assert_eq!(checked(&forged, &heads), Err(Fault::Rewritten { first: number, last: number }));
        let last = heads.last().unwrap().clone();
        let length = forged.len() as u64;
        prop_assert_eq!(checked(&forged, &[last]), Err(Fault::Rewritten { first: 1, last: length }));
    }

    #[test]
    fn an_end_that_was_cut_off_is_told_by_a_head(entries in entries(), left in any::<prop::sample::Index>()) {
        let mut rows = written(entries);
        let signed = rows.len() as u64;
        let heads = [head_of(rows.last().unwrap())];
        rows.truncate(left.index(rows.len()));
        let last = rows.len() as u64;
        prop_assert_eq!(checked(&rows, &heads), Err(Fault::Cut { last, signed }));
        // Nor does it help that others have come in the place of what was cut off.
        let behind = rows.last().map_or(Link::default(), |row| Link { number: row.number, hash: row.hash });
        let more = (last..signed).map(|_| entry(0, "nobody", "nothing happened"));
        rows.extend(written_behind(behind, more.collect()));
        prop_assert_eq!(checked(&rows, &heads), Err(Fault::Rewritten { first: 1, last: signed }));
    }
}
