//! Instants as the faces write them (product decision 13).

use calls::time::Wall;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `MM/dd/yyyy HH:mm:ss` in the zone: the form of the WFO metadata.
pub(crate) fn wfo(at: Wall, zone: &TimeZone) -> String {
    timestamp(at).to_zoned_datetime(zone.clone()).strftime("%m/%d/%Y %H:%M:%S").to_string()
}

/// RFC 3339 in UTC with milliseconds (B7-09).
pub(crate) fn rfc3339(at: Wall) -> String {
    timestamp(at).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Reads RFC 3339, with any offset; `None` if it is none, or lies outside the years 1678 to 2262.
pub(crate) fn parse_rfc3339(text: &str) -> Option<Wall> {
    // Without an offset an instant would have to be guessed: jiff refuses it.
    let at: Timestamp = text.parse().ok()?;
    i64::try_from(at.as_nanosecond()).ok().map(Wall::from_ns)
}

fn timestamp(at: Wall) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(at.as_ns())).expect("64-bit nanoseconds lie within jiff's range")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_in_both_forms() {
        let at = Wall::from_ms(1_481_209_600_123);
        let new_york = TimeZone::get("America/New_York").unwrap();
        assert_eq!(wfo(at, &new_york), "12/08/2016 10:06:40");
        assert_eq!(rfc3339(at), "2016-12-08T15:06:40.123Z");
        assert_eq!(rfc3339(Wall::from_ms(-1)), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn the_ends_of_the_timeline_can_be_written() {
        for ns in [i64::MIN, i64::MAX] {
            assert!(rfc3339(Wall::from_ns(ns)).ends_with('Z'));
            assert_eq!(wfo(Wall::from_ns(ns), &TimeZone::UTC).len(), 19);
        }
    }

    #[test]
    fn only_rfc_3339_with_an_offset_is_read() {
        assert_eq!(parse_rfc3339("2016-12-08T15:06:40.123Z"), Some(Wall::from_ms(1_481_209_600_123)));
        assert_eq!(parse_rfc3339("2016-12-08T16:06:40.123+01:00"), Some(Wall::from_ms(1_481_209_600_123)));
        for wrong in ["", "yesterday", "2016-12-08", "2016-12-08T15:06:40", "9999-01-01T00:00:00Z"] {
            assert_eq!(parse_rfc3339(wrong), None, "{wrong}");
        }
    }
}
