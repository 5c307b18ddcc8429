//! Numbers are compared by their digits: how they are written does not matter.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most characters a pattern has.
const MAX_CHARS: usize = 64;

/// A number, or many: digits, with `*` for any digits or none. `4678` is one number, `1555*` all that begin so,
/// `*0100` all that end so, `1*00` all that do both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct NumberPattern(String);

/// A text that is no pattern of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a number is digits, with * for any of them, such as 15550100, 1555* or *0100; spaces and +-./() do not count"
)]
pub struct NoNumber;

impl NumberPattern {
    /// Whether a number fits, however it is written.
    pub fn fits(&self, number: &str) -> bool {
        let digits = digits_of(number);
        if digits.is_empty() {
            return false;
        }
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == digits };
        let Some(mut left) = digits.strip_prefix(first) else { return false };
        let mut parts: Vec<&str> = rest.split('*').collect();
        let last = parts.pop().unwrap_or_default();
        for part in parts {
            match left.find(part) {
                Some(at) => left = &left[at + part.len()..],
                None => return false,
            }
        }
        left.ends_with(last)
    }
}

/// The digits of a number, of `tel:` and `sip:` addresses those before the host.
fn digits_of(number: &str) -> String {
    let bare = number.split_once(':').map_or(number, |(_, rest)| rest);
    let bare = bare.split(['@', ';']).next().unwrap_or_default();
    bare.chars().filter(char::is_ascii_digit).collect()
}

impl FromStr for NumberPattern {
    type Err = NoNumber;

    fn from_str(text: &str) -> Result<Self, NoNumber> {
        let kept: String = text.chars().filter(|c| !" +-./()".contains(*c)).collect();
        let is_pattern = kept.chars().all(|c| c.is_ascii_digit() || c == '*')
            && kept.contains(|c: char| c.is_ascii_digit())
            && kept.len() <= MAX_CHARS;
        if is_pattern { Ok(Self(kept)) } else { Err(NoNumber) }
    }
}

impl fmt::Display for NumberPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<NumberPattern> for String {
    fn from(pattern: NumberPattern) -> Self {
        pattern.0
    }
}

impl TryFrom<String> for NumberPattern {
    type Error = NoNumber;

    fn try_from(text: String) -> Result<Self, NoNumber> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fits(pattern: &str, number: &str) -> bool {
        pattern.parse::<NumberPattern>().unwrap().fits(number)
    }

    #[test]
    fn numbers_are_compared_by_their_digits() {
        assert!(fits("+1 (555) 01-00", "15550100"));
        assert!(fits("15550100", "sip:+15550100@192.0.2.9;user=phone"));
        assert!(fits("4678", "tel:4678"));
        assert!(!fits("4678", "14678") && !fits("4678", "") && !fits("4678", "anonymous"));
    }

    #[test]
    fn a_star_is_any_digits_or_none() {
        assert!(fits("1555*", "1555") && fits("1555*", "+1 555 0100") && !fits("1555*", "2555"));
        assert!(fits("*0100", "0100") && fits("*0100", "15550100") && !fits("*0100", "01001"));
        assert!(fits("1*00", "100") && !fits("1*00", "10"));
        assert!(fits("1*5*00", "1234567800") && !fits("1*5*00", "123467800"));
        assert!(!fits("12*21", "121"), "no digit counts twice");
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for wrong in ["", "*", "alice", "4678x", "４６７８", &"1".repeat(65)] {
            assert_eq!(wrong.parse::<NumberPattern>(), Err(NoNumber), "{wrong}");
        }
    }

    /// Tries every way a star can stand for something.
    fn fits_slowly(pattern: &[u8], number: &[u8]) -> bool {
        match pattern {
            [] => number.is_empty(),
            [b'*', rest @ ..] => (0..=number.len()).any(|skip| fits_slowly(rest, &number[skip..])),
            [digit, rest @ ..] => number.first() == Some(digit) && fits_slowly(rest, &number[1..]),
        }
    }

    proptest! {
        #[test]
        fn patterns_fit_what_trying_every_way_finds(pattern in "[12*]{0,6}[12][12*]{0,6}", number in "[12]{1,12}") {
            prop_assert_eq!(fits(&pattern, &number), fits_slowly(pattern.as_bytes(), number.as_bytes()));
        }

        #[test]
        fn any_text_is_a_pattern_or_refused(text in "\\PC{0,20}", number in "\\PC{0,20}") {
            if let Ok(pattern) = text.parse::<NumberPattern>() {
                prop_assert_eq!(pattern.to_string().parse::<NumberPattern>(), Ok(pattern.clone()));
                pattern.fits(&number);
            }
        }
    }
}
