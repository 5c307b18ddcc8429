//! Telephone numbers as they are compared: digits from the end.
//!
//! `sip:+15550100@192.0.2.9;user=phone`, `+1 (555) 0100` and `tel:1-555-0100` are one number. A search is for
//! an ending, because what stands before it (country code, trunk prefix, nothing) depends on who wrote it.

/// How many digits of a number count; E.164 allows 15, prefixes and extensions may stand around them.
const DIGITS_MAX: usize = 32;

/// The digits of a number or address in reverse order; `None` if it has none. Two of one person begin alike.
pub fn reversed_digits(address: &str) -> Option<String> {
    let user = user_part(address);
    let digits: String = user.chars().rev().filter(char::is_ascii_digit).take(DIGITS_MAX).collect();
    (!digits.is_empty()).then_some(digits)
}

/// The smallest text that is greater than every text of digits which begins with `prefix`.
pub(crate) fn after(prefix: &str) -> String {
    // ':' follows '9' in ASCII.
    format!("{prefix}:")
}

/// What stands for the person in an address: without scheme, host and parameters (RFC 3261 section 19.1,
/// RFC 3966).
fn user_part(address: &str) -> &str {
    let address = match address.split_once(':') {
        Some((scheme, rest)) if !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphabetic()) => rest,
        _ => address,
    };
    let user = address.split_once('@').map_or(address, |(user, _)| user);
    user.split_once(';').map_or(user, |(user, _)| user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_in_many_spellings_has_one_key() {
        for spelling in
            ["+15550100", "+1 (555) 0100", "tel:1-555-0100", "sip:+15550100@192.0.2.9:5060;user=phone"]
        {
            assert_eq!(reversed_digits(spelling).as_deref(), Some("00105551"), "{spelling}");
        }
    }

    #[test]
    fn the_host_is_not_part_of_the_number() {
        assert_eq!(reversed_digits("sip:alice@192.0.2.9"), None);
        assert_eq!(reversed_digits(""), None);
    }

    #[test]
    fn the_end_of_a_range_lies_behind_every_longer_number() {
        assert!("0010".to_owned() + "9999999" < after("0010"));
        assert!("0011" > after("0010").as_str());
    }
}
