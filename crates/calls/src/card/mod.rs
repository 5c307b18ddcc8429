//! Card numbers in text: found, and struck out.
//!
//! During a blackout no digit of a card may reach a disk by way of a metadata field either (C2-04). A card
//! number is a run of 13 to 19 digits, possibly grouped by a few signs, that passes the Luhn check (ISO/IEC 7812-1). Where what
//! parts the groups is as well a sign of lists, times and addresses, they must also be grouped as cards are, and begin as one
//! does. Escapes of addresses and markup are read as what they stand for.

mod reading;

use std::borrow::Cow;
use std::ops::Range;

use reading::{READINGS, Sign};

/// The fewest digits of a card number.
const MIN_DIGITS: usize = 13;

/// Signs between two groups of digits at most, where they may be grouped in any way: a sign and a space on each side of it.
const MAX_SEPARATOR: usize = 3;

/// The same where the groups are a card's.
const MAX_ODD_SEPARATOR: usize = 4;

/// How the digits of cards are grouped in print.
const GROUPS: [&[usize]; 6] =
    [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 1], &[8, 8]];

/// Strikes out every card number in `text`: each of its digits, or what stands for it, becomes `*`. `None` if there is none.
pub fn strike_out(text: &str) -> Option<String> {
    // However a digit is written, there is one in it.
    if text.chars().filter(|c| c.is_numeric()).count() < MIN_DIGITS {
        return None;
    }
    let mut struck: Option<String> = None;
    for read in READINGS {
        let text = struck.as_deref().unwrap_or(text);
        let Some(signs) = read(text) else { continue };
        let cards = cards(&signs);
        if cards.contains(&true) {
            struck = Some(without(text, signs.iter().zip(cards).filter_map(|(sign, is)| is.then_some(sign))));
        }
    }
    struck
}

/// The text without its card numbers.
pub fn struck(text: &str) -> Cow<'_, str> {
    strike_out(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The text without these signs of it, as many stars in the place of each as it takes letters.
fn without<'s>(text: &str, signs: impl Iterator<Item = &'s Sign>) -> String {
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for Sign { place, .. } in signs {
        out.push_str(&text[from..place.start]);
        out.extend(text[place.clone()].chars().map(|_| '*'));
        from = place.end;
    }
    out.push_str(&text[from..]);
    out
}

/// Which signs are digits of a card.
fn cards(signs: &[Sign]) -> Vec<bool> {
    let mut of_card = vec![false; signs.len()];
    let groups = groups(signs);
    let mut from = 0;
    while from < groups.len() {
        let joined =
            groups[from..].windows(2).take_while(|pair| joins(&signs[pair[0].end..pair[1].start])).count();
        let run: Vec<usize> = groups[from..=from + joined].iter().cloned().flatten().collect();
        for window in card_windows(signs, &run) {
            window.iter().for_each(|at| of_card[*at] = true);
        }
        from += joined + 1;
    }
    for (from, lengths) in (0..groups.len()).flat_map(|from| GROUPS.map(|lengths| (from, lengths))) {
        let Some(row) = groups.get(from..from + lengths.len()) else { continue };
        let is_grouped = row.iter().map(Range::len).eq(lengths.iter().copied())
            && row.windows(2).all(|pair| joins_oddly(&signs[pair[0].end..pair[1].start]));
        let digits: Vec<usize> = row.iter().cloned().flatten().collect();
        if is_grouped && begins_as_card(signs, &digits) && passes_luhn(signs, &digits) {
            digits.into_iter().for_each(|at| of_card[at] = true);
        }
    }
    of_card
}

/// Where digits stand one right after the other.
fn groups(signs: &[Sign]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (at, _) in signs.iter().enumerate().filter(|(_, sign)| sign.digit.is_some()) {
        match groups.last_mut() {
            Some(group) if group.end == at => group.end = at + 1,
            _ => groups.push(at..at + 1),
        }
    }
    groups
}

/// Whether what stands between two groups joins them to one number, however they are grouped.
fn joins(between: &[Sign]) -> bool {
    let parts = |sign: &Sign| sign.what.is_ascii_alphabetic() || "@:;".contains(sign.what);
    between.len() <= MAX_SEPARATOR && !between.iter().any(parts)
}

/// Whether it does if they are grouped as a card's.
fn joins_oddly(between: &[Sign]) -> bool {
    let mut letters = between.iter().map(|sign| sign.what).filter(char::is_ascii_alphabetic);
    let is_cross =
        letters.next().is_none_or(|letter| letter.eq_ignore_ascii_case(&'x')) && letters.next().is_none();
    between.len() <= MAX_ODD_SEPARATOR && is_cross
}

/// Whether numbers of cards begin so (ISO/IEC 7812-1: the digits of who has issued it).
fn begins_as_card(signs: &[Sign], digits: &[usize]) -> bool {
    let digit = |place: usize| digits.get(place).and_then(|at| signs[*at].digit);
    matches!((digit(0), digit(1)), (Some(3..=6), _) | (Some(2), Some(2..=7)) | (Some(8), Some(1 | 2)))
}

/// The stretches of a run that are card numbers: from the start of a group to the end of one; in a run longer than
/// most cards also those that only begin or end with a group, so that one with its security code stuck to it is
/// found; in a run too long to be one number those that lie anywhere.
fn card_windows<'r>(signs: &'r [Sign], run: &'r [usize]) -> impl Iterator<Item = &'r [usize]> {
    let (anywhere, stuck) = (run.len() > 19, run.len() > 16);
    let is_digit = |at: usize| signs.get(at).is_some_and(|sign| sign.digit.is_some());
    let starts_group = move |at: usize| at == 0 || !is_digit(at - 1);
    let ends_group = move |at: usize| !is_digit(at + 1);
    (MIN_DIGITS..=19)
        .flat_map(move |length| run.windows(length))
        .filter(move |digits| {
            let (first, last) = (digits[0], digits[digits.len() - 1]);
            anywhere
                || (starts_group(first) && ends_group(last))
                || (stuck && (starts_group(first) || ends_group(last)))
        })
        .filter(move |digits| passes_luhn(signs, digits))
}

fn passes_luhn(signs: &[Sign], digits: &[usize]) -> bool {
    let digits = digits.iter().rev().filter_map(|at| signs[*at].digit);
    let sum: u32 = digits
        .zip(0..)
        .map(|(digit, place): (u8, u32)| match (place % 2, u32::from(digit) * 2) {
            (0, _) => u32::from(digit),
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_test_card_is_struck_out_however_it_is_grouped() {
        assert_eq!(strike_out("pan 4111111111111111!"), Some("pan ****************!".into()));
        assert_eq!(strike_out("4111 1111 1111 1111"), Some("**** **** **** ****".into()));
        assert_eq!(strike_out("3782-822463-10005"), Some("****-******-*****".into()));
    }

    #[test]
    fn a_card_is_struck_out_whatever_stands_between_its_groups() {
        for between in [
            " ",
            "  ",
            ".",
            "/",
            "_",
            " - ",
            "\u{a0}",
            "\u{2013}",
            "\t",
            ", ",
            " \u{2013} ",
            " \u{b7} ",
            "----",
            ":",
            ";",
            " : ",
            "x",
            " X ",
            "\u{200b}\u{200b}",
            "\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}",
            "\u{2060}-\u{feff}",
            "&nbsp;",
            "&#45;",
            "%E2%80%93",
        ] {
            let text = ["4111", "1111", "1111", "1111"].join(between);
            let out = strike_out(&text).unwrap_or_else(|| panic!("{text:?} passes"));
            assert!(!out.contains("11"), "{out:?}");
        }
        for between in [":", "x", " ; ", "----"] {
            let text = ["3782", "822463", "10005"].join(between);
            assert_eq!(strike_out(&text), Some(["****", "******", "*****"].join(between)));
        }
    }

    #[test]
    fn digits_that_are_parted_as_lists_times_and_addresses_are_no_card() {
        for text in [
            "2026-12-01T12:30:45.123456Z",
            "12:30:45:12:30:45:12:30",
            "4;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1",
            "41;11;11;11;11;11;11;11",
            "411;1111;1111;1111;1",
            "4111a1111b1111c1111",
            "4111xx1111xx1111xx1111",
            "2001:1111:1111:1118",
            "1920x1080x1920x1088",
            "4111-----1111-----1111-----1111",
            "4111 then 1111 then 1111 then 1111",
        ] {
            assert_eq!(strike_out(text), None, "{text}");
        }
    }

    #[test]
    fn a_card_whose_digits_are_references_of_markup_is_struck_out_too() {
        for (text, out) in [
            ("&#52;111111111111111", "*".repeat(20)),
            ("&#x34;111-1111-1111-1111", "*********-****-****-****".into()),
            ("4111&#8211;1111&#8211;1111&#x2013;1111", "****&#8211;****&#8211;****&#x2013;****".into()),
            ("%26%2352%3B111111111111111", "*".repeat(26)),
        ] {
            assert_eq!(strike_out(text), Some(out), "{text}");
        }
        assert_eq!(strike_out("a & b, &amp; &#; &#x; &#99999999999999; 4111"), None);
    }

    #[test]
    fn a_card_that_is_percent_encoded_is_struck_out_too() {
        for (text, out) in [
            ("<sip:4111%2D1111%2d1111%2D1111@192.0.2.1>", "<sip:****%2D****%2d****%2D****@192.0.2.1>"),
            ("x=4111%201111%201111%201111&y=50%", "x=****%20****%20****%20****&y=50%"),
            ("%34%31%31%31111111111111", "************111111111111"),
        ] {
            let struck = strike_out(text).unwrap();
            assert!(struck == out || !struck.contains("1111"), "{text}: {struck}");
            assert_eq!(struck.len(), text.len(), "{text}: {struck}");
        }
        assert_eq!(strike_out("100 %, 4111%2G1111"), None);
        assert_eq!(strike_out("50%25 of 4%"), None);
        assert!(strike_out("a\u{e9}%344111%2D1111%2D1111%2D111").is_none(), "no card by its sum");
    }

    #[test]
    fn a_card_in_the_digits_of_another_script_is_struck_out_too() {
        for zero in ['\u{ff10}', '\u{660}', '\u{966}', '\u{1d7ce}', '\u{1d7e2}'] {
            let digit = |c: char| char::from_u32(u32::from(zero) + c.to_digit(10).unwrap()).unwrap();
            let card: String = "4111111111111111".chars().map(digit).collect();
            assert_eq!(strike_out(&format!("pan {card}!")), Some("pan ****************!".into()), "{zero:?}");
        }
        assert_eq!(strike_out("\u{ff14}\u{ff11}11 1111 1111 1111"), Some("**** **** **** ****".into()));
        assert_eq!(strike_out("\u{661}\u{662}\u{663}"), None);
    }

    #[test]
    fn numbers_that_are_no_cards_stay() {
        assert_eq!(strike_out("1234567890"), None);
        assert_eq!(strike_out("4111111111111112"), None);
        assert_eq!(strike_out("+14155550123"), None);
        assert_eq!(strike_out("sip:41111111@11.11.11.11:5060"), None, "an address is not one number");
        assert_eq!(strike_out("caf\u{e9} 12"), None);
    }

    #[test]
    fn a_card_beside_another_number_is_found() {
        let struck = strike_out("order 7 4111111111111111 12").unwrap();
        assert!(struck.contains(" **************** "), "{struck}");
    }

    #[test]
    fn a_card_with_other_digits_stuck_to_it_is_found() {
        for text in ["4111111111111111123", "14111111111111111"] {
            assert!(!strike_out(text).unwrap().contains("4111111111111111"), "{text}");
        }
    }

    #[test]
    fn a_card_inside_a_longer_run_is_found() {
        let text = "99999999994111111111111111";
        assert!(strike_out(text).is_some_and(|out| !out.contains("4111111111111111")));
    }

    /// A number that passes the check.
    fn card() -> impl Strategy<Value = String> {
        ("[3-6][0-9]{14}", 0u32..10).prop_map(|(digits, _)| {
            let check = ('0'..='9').find(|check| {
                let whole = format!("{digits}{check}");
                let signs = READINGS[0](&whole).unwrap();
                passes_luhn(&signs, &(0..16).collect::<Vec<_>>())
            });
            format!("{digits}{}", check.unwrap())
        })
    }

    proptest! {
        #[test]
        fn whatever_stands_around_a_card_and_between_its_groups_its_digits_go(
            card in card(),
            before in "[a-z%&#;]{0,8} ",
            behind in " [a-z%&#;]{0,8}",
            between in "[ :;x._\u{2013}\u{b7}-]|[ .\u{2013}/\u{200b}-]{0,3}|-{4}",
        ) {
            let groups = [&card[..4], &card[4..8], &card[8..12], &card[12..]];
            let text = format!("{before}{}{behind}", groups.join(&between));
            let out = strike_out(&text).expect("it is found");
            prop_assert!(!out.contains(|c: char| c.is_ascii_digit()), "{text:?}: {out:?}");
            prop_assert_eq!(strike_out(&out), None);
        }

        #[test]
        fn of_any_text_nothing_but_signs_is_starred(text in ".{0,40}|[0-9%&#;x -]{13,60}") {
            if let Some(out) = strike_out(&text) {
                prop_assert_eq!(out.chars().count(), text.chars().count());
                let kept = |(was, is): &(char, char)| was == is || *is == '*';
                prop_assert!(text.chars().zip(out.chars()).all(|pair| kept(&pair)), "{text:?}: {out:?}");
            }
        }
    }
}
