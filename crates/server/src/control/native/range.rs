//! Byte ranges and validators of one representation (RFC 9110 sections 13 and 14).

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// What of a representation is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// These bytes of it; never empty, never behind the end.
    Part(Range<u64>),
    /// Nothing it has: 416.
    Nothing,
    /// Nothing, for the caller has it already: 304.
    NotModified,
}

/// Reads the headers of a request for a representation of `total` bytes with this strong `etag`. More than one
/// range, or a range that is none, is answered with the whole, as the RFC allows.
pub(super) fn wanted(headers: &HeaderMap, etag: &str, total: u64) -> Wanted {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if is_known(headers, etag) {
        return Wanted::NotModified;
    }
    // A range of an older representation must not be joined to this one: If-Range asks for the whole then.
    if text(header::IF_RANGE).is_some_and(|given| given.trim() != etag) {
        return Wanted::Whole;
    }
    match text(header::RANGE) {
        Some(range) => part(range, total).unwrap_or(Wanted::Whole),
        None => Wanted::Whole,
    }
}

/// Whether the caller has this representation already: 304. `etag` without `W/`.
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let given = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    given.is_some_and(|given| names(given, etag))
}

/// Whether an `If-None-Match` names the etag; weak comparison is meant there.
fn names(given: &str, etag: &str) -> bool {
    let named = |one: &str| one.trim() == "*" || one.trim().trim_start_matches("W/") == etag;
    given.split(',').any(named)
}

fn part(range: &str, total: u64) -> Option<Wanted> {
    let (unit, spec) = range.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = spec.trim().split_once('-')?;
    let range = match (number(first)?, number(last)?) {
        (None, None) => return None,
        (Some(first), Some(last)) if last < first => return None,
        (Some(first), last) => first..last.map_or(total, |last| last.saturating_add(1)).min(total),
        (None, Some(suffix)) => total.saturating_sub(suffix)..total,
    };
    Some(if range.start < range.end { Wanted::Part(range) } else { Wanted::Nothing })
}

/// A position; the outer `None` if it is none, the inner one if nothing stands there. One too large to count is
/// behind every end.
fn number(text: &str) -> Option<Option<u64>> {
    match text.trim() {
        "" => Some(None),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(Some(digits.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(range: &str, total: u64) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().unwrap());
        wanted(&headers, "\"e\"", total)
    }

    #[test]
    fn one_range_is_read_in_each_of_its_three_forms() {
        assert_eq!(asked("bytes=0-9", 100), Wanted::Part(0..10));
        assert_eq!(asked("BYTES = 90-", 100), Wanted::Part(90..100));
        assert_eq!(asked("bytes=-10", 100), Wanted::Part(90..100));
        assert_eq!(asked("bytes=-1000", 100), Wanted::Part(0..100));
        assert_eq!(asked("bytes=99-99999999999999999999999", 100), Wanted::Part(99..100));
    }

    #[test]
    fn a_range_behind_the_end_is_told_from_one_that_is_none() {
        for behind in ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(asked(behind, 100), Wanted::Nothing, "{behind}");
        }
        for none in
            ["bytes=", "bytes=-", "bytes=9-0", "bytes=0-1,5-6", "lines=0-1", "bytes=a-b", "0-9", "bytes=+1-2"]
        {
            assert_eq!(asked(none, 100), Wanted::Whole, "{none}");
        }
        assert_eq!(asked("bytes=0-", 0), Wanted::Nothing);
    }

    #[test]
    fn validators_are_heard_before_the_range() {
        let with = |name, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, "bytes=0-0".parse().unwrap());
            headers.insert(name, value.parse().unwrap());
            wanted(&headers, "\"e\"", 10)
        };
        assert_eq!(with(header::IF_NONE_MATCH, "\"x\", W/\"e\""), Wanted::NotModified);
        assert_eq!(with(header::IF_NONE_MATCH, "*"), Wanted::NotModified);
        assert_eq!(with(header::IF_NONE_MATCH, "\"x\""), Wanted::Part(0..1));
        assert_eq!(with(header::IF_RANGE, "\"e\""), Wanted::Part(0..1));
        assert_eq!(with(header::IF_RANGE, "W/\"e\""), Wanted::Whole);
        assert_eq!(with(header::IF_RANGE, "Mon, 23 Nov 2026 00:00:00 GMT"), Wanted::Whole);
    }

    proptest! {
        #[test]
        fn no_header_asks_for_what_is_not_there(range in "(bytes=)?[0-9,a-c -]{0,24}", total in 0u64..1_000) {
            if let Wanted::Part(part) = asked(&range, total) {
                prop_assert!(part.start < part.end && part.end <= total);
            }
        }
    }
}
