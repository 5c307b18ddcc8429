//! Card numbers in text: found, and struck out.
//!
//! During a blackout no digit of a card may reach a disk by way of a metadata field either (C2-04). A card
//! number is a run of 13 to 19 digits, possibly grouped by spaces or signs (not by letters nor the signs that
//! part an address), that passes the Luhn check (ISO/IEC 7812-1). Digits and signs may be percent-encoded (RFC 3986 section 2.1).

use std::ops::Range;

/// Bytes between two groups of digits at most: a sign and a space on each side of it, or one sign of UTF-8.
const MAX_SEPARATOR_BYTES: usize = 3;

/// Strikes out every card number in `text`: each of its digits becomes `*`. `None` if there is none.
pub fn strike_out(text: &str) -> Option<String> {
    if text.is_ascii() {
        return strike_out_ours(text);
    }
    // A card number in other digits is one all the same; they are written as ours then.
    let ours: String = text.chars().map(|c| decimal(c).unwrap_or(c)).collect();
    strike_out_ours(&ours)
}

/// The same where all digits are ours: read as it stands, and as it would be without percent-encoding.
fn strike_out_ours(text: &str) -> Option<String> {
    let as_it_stands = strike_out_ascii(text);
    let text = as_it_stands.as_deref().unwrap_or(text);
    if !text.contains('%') {
        return as_it_stands;
    }
    let (decoded, places) = percent_decoded(text.as_bytes());
    let Some(safe) = strike_out_bytes(&decoded) else { return as_it_stands };
    let mut out = text.as_bytes().to_vec();
    for ((place, was), is) in places.into_iter().zip(&decoded).zip(safe) {
        if *was != is {
            out[place].fill(b'*');
        }
    }
    Some(String::from_utf8(out).expect("only ASCII was replaced, by ASCII"))
}

/// What a text says without percent-encoding, and where each byte of that stands in it.
fn percent_decoded(text: &[u8]) -> (Vec<u8>, Vec<Range<usize>>) {
    let hex = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut decoded, mut places, mut at) = (Vec::new(), Vec::new(), 0);
    while at < text.len() {
        let encoded = hex(at + 1).zip(hex(at + 2)).filter(|_| text[at] == b'%');
        let byte = encoded.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        let length = if byte.is_some() { 3 } else { 1 };
        decoded.push(byte.unwrap_or(text[at]));
        places.push(at..at + length);
        at += length;
    }
    (decoded, places)
}

/// A decimal digit of another script as ours.
fn decimal(c: char) -> Option<char> {
    /// The zeros of scripts, each followed by its other nine (Unicode, general category Nd).
    const ZEROS: [u32; 19] = [
        0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66,
        0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x17e0, 0x1810, 0xff10,
    ];
    // Five forms for mathematics stand one after the other.
    const MATHEMATICAL: std::ops::RangeInclusive<u32> = 0x1d7ce..=0x1d7ff;
    let code = u32::from(c);
    let digit = if MATHEMATICAL.contains(&code) {
        Some((code - MATHEMATICAL.start()) % 10)
    } else {
        ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)).map(|zero| code - zero)
    };
    digit.and_then(|digit| char::from_digit(digit, 10))
}

fn strike_out_ascii(text: &str) -> Option<String> {
    let struck = strike_out_bytes(text.as_bytes());
    struck.map(|bytes| String::from_utf8(bytes).expect("only ASCII digits were replaced, by ASCII"))
}

fn strike_out_bytes(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut struck: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let run = digit_run(bytes, at);
        let end = run.last().map_or(at + 1, |last| last + 1);
        for window in card_windows(bytes, &run) {
            let out = struck.get_or_insert_with(|| bytes.to_vec());
            for &digit in window {
                out[digit] = b'*';
            }
        }
        at = end;
    }
    struck
}

/// The positions of the digits of the run that starts at `at`, through separators.
fn digit_run(bytes: &[u8], at: usize) -> Vec<usize> {
    let mut digits = Vec::new();
    let mut next = at;
    while next < bytes.len() {
        if bytes[next].is_ascii_digit() {
            digits.push(next);
            next += 1;
        } else if let Some(digit) =
            bytes[next..].iter().take(MAX_SEPARATOR_BYTES + 1).position(u8::is_ascii_digit)
            && !bytes[next..next + digit]
                .iter()
                .any(|byte| byte.is_ascii_alphabetic() || b"@:;".contains(byte))
        {
            next += digit;
        } else {
            break;
        }
    }
    digits
}

/// The stretches of a run that are card numbers: from the start of a group to the end of one; in a run longer than
/// most cards also those that only begin or end with a group, so that one with its security code stuck to it is
/// found; in a run too long to be one number those that lie anywhere.
fn card_windows<'r>(bytes: &'r [u8], run: &'r [usize]) -> impl Iterator<Item = &'r [usize]> {
    let (anywhere, stuck) = (run.len() > 19, run.len() > 16);
    let starts_group = |at: usize| at == 0 || !bytes[at - 1].is_ascii_digit();
    let ends_group = |at: usize| !bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
    (13..=19usize)
        .flat_map(move |length| run.windows(length))
        .filter(move |digits| {
            let (first, last) = (digits[0], digits[digits.len() - 1]);
            anywhere
                || (starts_group(first) && ends_group(last))
                || (stuck && (starts_group(first) || ends_group(last)))
        })
        .filter(move |digits| passes_luhn(bytes, digits))
}

fn passes_luhn(bytes: &[u8], digits: &[usize]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &at)| {
            let digit = u32::from(bytes[at] - b'0');
            match (place % 2, digit * 2) {
                (0, _) => digit,
                (_, doubled) if doubled > 9 => doubled - 9,
                (_, doubled) => doubled,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_card_is_struck_out_however_it_is_grouped() {
        assert_eq!(strike_out("pan 4111111111111111!"), Some("pan ****************!".into()));
        assert_eq!(strike_out("4111 1111 1111 1111"), Some("**** **** **** ****".into()));
        assert_eq!(strike_out("3782-822463-10005"), Some("****-******-*****".into()));
    }

    #[test]
    fn a_card_is_struck_out_whatever_stands_between_its_groups() {
        for between in [" ", "  ", ".", "/", "_", " - ", "\u{a0}", "\u{2013}", "\t", ", "] {
            let text = ["4111", "1111", "1111", "1111"].join(between);
            let out = strike_out(&text).unwrap_or_else(|| panic!("{text:?} passes"));
            assert!(!out.contains(|sign: char| sign.is_ascii_digit()), "{out:?}");
        }
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
}
