//! Times as clients write them: RFC 3339, and its poor relations.

/// A time the client claims, kept as text and as far as it can be understood (A4-08).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamp {
    /// As sent, trimmed.
    pub text: String,
    /// Milliseconds since 1970 on the clock face shown, before the zone is taken off; `None` when unreadable.
    local_ms: Option<i64>,
    /// Seconds east of UTC; `None` when no zone is given.
    offset_s: Option<i32>,
}

impl Timestamp {
    /// Reads a time; text that is none keeps its words and has no value.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        let (local_ms, offset_s) = read(text).map_or((None, None), |(ms, offset)| (Some(ms), offset));
        Self { text: text.to_owned(), local_ms, offset_s }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z; `None` when no zone is stated, which is not guessed, or unreadable.
    #[must_use]
    pub fn unix_ms(&self) -> Option<i64> {
        Some(self.local_ms? - i64::from(self.offset_s?) * 1_000)
    }

    /// Whether the text could be read as a time at all.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.local_ms.is_some()
    }
}

/// `2026-03-02T20:25:46[.frac][Z|+0300|+03:00|+03]`, also with a blank or small letters.
fn read(text: &str) -> Option<(i64, Option<i32>)> {
    let bytes = text.as_bytes();
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        let digits = bytes.get(range)?;
        digits
            .iter()
            .all(u8::is_ascii_digit)
            .then(|| digits.iter().fold(0, |n, d| n * 10 + i64::from(d - b'0')))
    };
    let punctuation = [(4, "-"), (7, "-"), (10, "Tt "), (13, ":"), (16, ":")];
    if punctuation.iter().any(|&(at, any)| !bytes.get(at).is_some_and(|b| any.as_bytes().contains(b))) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    // Second 60 is a leap second.
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut millis = 0;
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let len = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let digits = fraction.bytes().take(len).chain([b'0', b'0', b'0']).take(3);
        millis = digits.fold(0, |n, digit| n * 10 + i64::from(digit - b'0'));
        rest = &fraction[len..];
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some((seconds * 1_000 + millis, zone(rest.trim())?))
}

/// `Some(None)` for no zone, `None` for text that is no zone.
fn zone(text: &str) -> Option<Option<i32>> {
    if text.is_empty() {
        return Some(None);
    }
    if text.eq_ignore_ascii_case("z") {
        return Some(Some(0));
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let digits: String = rest.chars().filter(|&c| c != ':').collect();
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits[..2].parse().ok()?;
    let minutes: i32 = digits.get(2..).filter(|m| !m.is_empty()).map_or(Some(0), |m| m.parse().ok())?;
    (hours <= 23 && minutes <= 59).then_some(Some(sign * (hours * 3_600 + minutes * 60)))
}

/// Days of the proleptic Gregorian calendar, counted in years that begin in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}
