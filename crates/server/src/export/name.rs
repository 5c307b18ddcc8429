//! What files in a bundle are called.
//!
//! Names are made of our own digits and of letters and digits of what others said: no dots, slashes, colons, controls or
//! marks of direction come from outside, so no name leads out of a folder, hides its ending or is a device of Windows.

use calls::time::Wall;
use index::RecordingRow;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The most characters of what others said.
const MAX_SAID_CHARS: usize = 40;

/// The name of a recording's file: when, who, and its number, which no two share.
pub(super) fn of_recording(row: &RecordingRow, zone: &TimeZone, extension: &str) -> String {
    let who = row.agent_name.as_deref().or(row.device.as_deref()).map(said).unwrap_or_default();
    let who = if who.is_empty() { who } else { format!("_{who}") };
    format!("{}{who}_{}.{extension}", when(row.started, zone), row.ident)
}

/// The name of the file into which several recordings went.
pub(super) fn of_combined(first: Wall, count: usize, zone: &TimeZone, extension: &str) -> String {
    format!("{}_{count}-recordings.{extension}", when(first, zone))
}

fn when(at: Wall, zone: &TimeZone) -> String {
    local(at, zone).strftime("%Y-%m-%d_%H-%M-%S").to_string()
}

fn local(at: Wall, zone: &TimeZone) -> DateTime {
    let at =
        Timestamp::from_nanosecond(at.as_ns().into()).expect("64-bit nanoseconds lie within jiff's range");
    zone.to_datetime(at)
}

/// The same instant as a zip writes it; its first one for what lies before 1980.
pub(super) fn zip_time(at: Wall, zone: &TimeZone) -> zip::DateTime {
    let local = local(at, zone);
    let two = |number: i8| u8::try_from(number).unwrap_or(0);
    let year = u16::try_from(local.year()).unwrap_or(0);
    let (date, time) =
        ((two(local.month()), two(local.day())), (local.hour(), local.minute(), local.second()));
    let time = (two(time.0), two(time.1), two(time.2));
    zip::DateTime::from_date_and_time(year, date.0, date.1, time.0, time.1, time.2).unwrap_or_default()
}

/// Letters and digits of a text, whatever their script; what lies between them becomes one hyphen.
fn said(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
        if name.chars().count() >= MAX_SAID_CHARS {
            break;
        }
    }
    name.trim_end_matches('-').to_owned()
}

/// An instant in UTC with milliseconds (RFC 3339).
pub(super) fn rfc3339(at: Wall) -> String {
    let at = Timestamp::from_nanosecond(i128::from(at.as_ns()));
    at.map(|at| at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_keep_letters_of_any_script_and_nothing_that_steers() {
        for (text, name) in [
            ("Rowan Pike", "Rowan-Pike"),
            ("../../etc/passwd", "etc-passwd"),
            ("<b onload=x>\u{1f600}</b>", "b-onload-x-b"),
            ("J\u{f6}rg \u{5c71}\u{7530}", "J\u{f6}rg-\u{5c71}\u{7530}"),
            ("evil\u{202e}vaw.exe", "evil-vaw-exe"),
            ("\u{1f600}", ""),
            ("CON:\0\r\n", "CON"),
        ] {
            assert_eq!(said(text), name);
        }
    }

    #[test]
    fn an_instant_before_zips_began_is_their_first() {
        assert_eq!(zip_time(Wall::from_ms(-1), &TimeZone::UTC).year(), 1980);
        assert_eq!(
            zip_time(Wall::from_ns(i64::MAX), &TimeZone::UTC).year(),
            1980,
            "2262 is behind their last"
        );
        let at = zip_time(Wall::from_ms(1_764_000_060_000), &TimeZone::UTC);
        assert_eq!((at.year(), at.hour(), at.minute()), (2025, 16, 1));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_name_that_leads_anywhere(text in "\\PC{0,80}|.{0,80}") {
            let name = said(&text);
            prop_assert!(name.chars().all(|c| c.is_alphanumeric() || c == '-'));
            prop_assert!(name.chars().count() <= MAX_SAID_CHARS);
            prop_assert!(!name.starts_with('-') && !name.ends_with('-'));
        }
    }
}
