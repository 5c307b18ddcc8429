//! A list of calls, as PBXs write them: CSV with a header, one call in a line.
//!
//! ```text
//! time,from,to,duration_s,call_id
//! 2026-03-02T09:15:00+01:00,+15550100,4678,187,00FA08010F5C6D7E8A9B03
//! ```

use std::collections::BTreeMap;
use std::str::FromStr;

use calls::time::Wall;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::control::time::parse_rfc3339;

/// The most calls in one list.
pub const MAX_CALLS: usize = 1_000_000;

/// What a list may tell of a call.
const MEANINGS: [&str; 5] = ["time", "from", "to", "duration_s", "call_id"];

/// A call that should have been recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Its line in the list, counted from 1.
    pub line: u64,
    /// When it began.
    pub at: Wall,
    /// Who called; empty if it is not told.
    pub from: String,
    /// Who was called; empty if it is not told.
    pub to: String,
    /// How long they talked.
    pub seconds: u64,
    /// Its id; empty if it is not told.
    pub call_id: String,
}

/// What is wrong with a list, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct CdrError {
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong, and what would be right.
    pub what: String,
}

/// Under which names the columns stand in the list, where that is not what they mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns(BTreeMap<&'static str, String>);

impl FromStr for Columns {
    type Err = String;

    /// `meaning=name` between commas, such as `time=Start Time,from=Calling Number`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut columns = BTreeMap::new();
        for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
            let known = pair.split_once('=').and_then(|(meaning, name)| {
                let meaning = MEANINGS.into_iter().find(|known| *known == meaning.trim())?;
                Some((meaning, name.trim().to_owned()))
            });
            let (meaning, name) = known.ok_or_else(|| {
                let all = MEANINGS.join(", ");
                format!("\"{pair}\" names no column; a pair such as time=Start Time does, with one of {all}")
            })?;
            columns.insert(meaning, name);
        }
        Ok(Self(columns))
    }
}

impl Columns {
    fn name(&self, meaning: &'static str) -> &str {
        self.0.get(meaning).map_or(meaning, String::as_str)
    }

    /// Where each meaning stands in the header; a time has to, and something to know a call by.
    fn places(&self, header: &csv::StringRecord) -> Result<[Option<usize>; 5], CdrError> {
        let wrong = |what: String| Err(CdrError { line: 1, what });
        let places = MEANINGS.map(|meaning| {
            header.iter().position(|name| name.trim().eq_ignore_ascii_case(self.name(meaning)))
        });
        let named = MEANINGS
            .iter()
            .zip(&places)
            .find(|(meaning, place)| place.is_none() && self.0.contains_key(*meaning));
        let there = || header.iter().collect::<Vec<_>>().join(", ");
        if let Some((meaning, _)) = named {
            return wrong(format!("there is no column \"{}\"; there are {}", self.name(meaning), there()));
        }
        let [time, from, to, _, call_id] = places;
        if time.is_none() {
            return wrong(format!(
                "no column is called \"time\"; there are {}. Say which it is: --columns time=NAME",
                there()
            ));
        }
        if from.or(to).or(call_id).is_none() {
            return wrong("a call is known by from, to or call_id, and none of them is there".to_owned());
        }
        Ok(places)
    }
}

/// Reads a list. Times without an offset are in `zone`.
///
/// # Errors
/// The first fault, with its line.
pub fn parse(bytes: &[u8], columns: &Columns, zone: &TimeZone) -> Result<Vec<Expected>, CdrError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let unreadable = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        CdrError { line, what: format!("this is no CSV in UTF-8: {error}") }
    };
    let places = columns.places(reader.headers().map_err(unreadable)?)?;
    let mut calls = Vec::new();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let line = record.position().map_or(1, csv::Position::line);
        let cell = |place: Option<usize>| place.and_then(|at| record.get(at)).unwrap_or_default().trim();
        let [time, from, to, seconds, call_id] = places.map(cell);
        let wrong = |what: String| CdrError { line, what };
        let at = instant(time, zone).ok_or_else(|| {
            wrong(format!(
                "\"{time}\" is no time; 2026-03-02T09:15:00Z, 2026-03-02 09:15:00 and seconds since 1970 are"
            ))
        })?;
        let length = duration(seconds).ok_or_else(|| {
            wrong(format!("\"{seconds}\" is no duration; seconds such as 187, or 0:03:07, are"))
        })?;
        if from.is_empty() && to.is_empty() && call_id.is_empty() {
            return Err(wrong(
                "neither from, to nor call_id is told: the call could not be found".to_owned(),
            ));
        }
        if calls.len() == MAX_CALLS {
            return Err(wrong(format!("more than {MAX_CALLS} calls; give them in several lists")));
        }
        let [from, to, call_id] = [from, to, call_id].map(str::to_owned);
        calls.push(Expected { line, at, from, to, seconds: length, call_id });
    }
    Ok(calls)
}

fn instant(text: &str, zone: &TimeZone) -> Option<Wall> {
    let civil = || {
        let at: DateTime = text.parse().ok()?;
        let at = zone.to_timestamp(at).ok()?.as_nanosecond();
        i64::try_from(at).ok().map(Wall::from_ns)
    };
    let counted = || {
        let number: i64 = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))?;
        match text.len() {
            9 | 10 => Some(Wall::from_ms(number * 1_000)),
            12 | 13 => Some(Wall::from_ms(number)),
            _ => None,
        }
    };
    parse_rfc3339(text).or_else(counted).or_else(civil)
}

/// Seconds, also with a fraction, which is left out, or as hours, minutes and seconds between colons; nothing is 0.
fn duration(text: &str) -> Option<u64> {
    let parts: Vec<&str> = text.split(':').collect();
    if text.is_empty() || parts.len() > 3 {
        return text.is_empty().then_some(0);
    }
    let whole = |part: &str| part.split_once('.').map_or(part, |(whole, _)| whole).parse::<u64>().ok();
    parts.iter().try_fold(0u64, |sum, part| sum.checked_mul(60)?.checked_add(whole(part)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, columns: &str) -> Result<Vec<Expected>, CdrError> {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        parse(text.as_bytes(), &columns.parse().unwrap(), &zone)
    }

    #[test]
    fn lists_are_read_with_names_times_and_durations_as_pbxs_write_them() {
        let text = "\u{feff}Start Time;x\n";
        assert!(read(text, "").unwrap_err().what.contains("--columns time=NAME"));
        let text = "ID,Start Time,Calling,Talk\n\
                    a-1,2026-03-02T08:15:00Z,+15550100,187\n\
                    a-2,2026-03-02 09:15:00,,0:03:07\n\
                    a-3,1772439300,4678,\n\
                    a-4,1772439300500,4678,1.9\n";
        let calls = read(text, "time=start time,from=Calling,duration_s=Talk,call_id=ID").unwrap();
        assert_eq!(calls.len(), 4);
        assert!(calls[..3].iter().all(|call| call.at == Wall::from_ms(1_772_439_300_000)), "{calls:?}");
        assert_eq!(calls.iter().map(|call| call.seconds).collect::<Vec<_>>(), [187, 187, 0, 1]);
        assert_eq!((calls[1].line, calls[1].call_id.as_str(), calls[1].from.as_str()), (3, "a-2", ""));
        assert_eq!(calls[3].at, Wall::from_ms(1_772_439_300_500));
    }

    #[test]
    fn a_fault_is_told_with_its_line_and_what_would_be_right() {
        for (text, columns, line, what) in [
            ("time,from\nyesterday,1\n", "", 2, "is no time"),
            ("time,from,duration_s\n1772439300,1,long\n", "", 2, "is no duration"),
            ("time,from\n1772439300,1\n1772439300,\n", "", 3, "neither from"),
            ("time,duration_s\n", "", 1, "known by"),
            ("time,from\n", "to=Called", 1, "no column \"Called\"; there are time, from"),
        ] {
            let error = read(text, columns).unwrap_err();
            assert_eq!(error.line, line, "{error}");
            assert!(error.what.contains(what), "{error}");
        }
        assert!("when=x".parse::<Columns>().unwrap_err().contains("names no column"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), columns in "\\PC{0,40}") {
            let _ = columns.parse::<Columns>();
            let _ = parse(&bytes, &Columns::default(), &TimeZone::UTC);
            let text = [b"time,from,to,duration_s,call_id\n".as_slice(), &bytes].concat();
            let _ = parse(&text, &Columns::default(), &TimeZone::UTC);
        }
    }
}
