//! What clocks show in the zones of the world. Lists of zones are the machine's, or, where it has none, our own.

use calls::schedule::hours::Civil;
use calls::time::Wall;
use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

/// The first day of the count.
const FIRST: Date = date(1970, 1, 1);

/// What the clocks of a zone show; `None` if there is no such zone.
pub fn civil(zone: &str, at: Wall) -> Option<Civil> {
    let zone = TimeZone::get(zone).ok()?;
    let shown = zone.to_datetime(Timestamp::from_nanosecond(i128::from(at.as_ns())).ok()?);
    let day = FIRST.until(shown.date()).ok()?.get_days();
    let minute = u16::try_from(shown.hour()).ok()? * 60 + u16::try_from(shown.minute()).ok()?;
    Some(Civil { day, minute })
}

/// The last midnight that the clocks of a zone showed, or the first instant after it where there was none; `None` if there is
/// no such zone.
pub fn midnight(zone: &str, at: Wall) -> Option<Wall> {
    let zone = TimeZone::get(zone).ok()?;
    let now = Timestamp::from_nanosecond(i128::from(at.as_ns())).ok()?.to_zoned_datetime(zone);
    let midnight = now.start_of_day().ok()?.timestamp().as_nanosecond();
    i64::try_from(midnight).ok().map(Wall::from_ns)
}

/// The name of a zone, as schedules name zones; UTC where it has none.
pub fn name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Wall {
        let at: Timestamp = text.parse().unwrap();
        Wall::from_ns(i64::try_from(at.as_nanosecond()).unwrap())
    }

    #[test]
    fn days_and_hours_are_those_of_the_zone_over_changes_of_the_clocks() {
        let berlin = |text| civil("Europe/Berlin", at(text)).unwrap();
        let before = berlin("2026-03-29T00:59:59Z");
        let after = berlin("2026-03-29T01:00:00Z");
        assert_eq!((before.minute, after.minute), (119, 180), "02:00 to 03:00 is skipped");
        let (first, second) = (berlin("2026-10-25T00:30:00Z"), berlin("2026-10-25T01:30:00Z"));
        assert_eq!(first, second, "02:30 comes twice");
        assert_eq!(berlin("2026-10-24T22:00:00Z").day, first.day, "the day has 25 hours");
        assert_eq!(berlin("2026-10-25T22:59:59Z").day, first.day);
        assert_eq!(berlin("2026-10-25T23:00:00Z").day, first.day + 1);
        assert_eq!(
            civil("UTC", at("2026-11-30T07:08:59Z")),
            Civil::in_utc("UTC", at("2026-11-30T07:08:59Z"))
        );
        assert_eq!(civil("UTC", Wall::from_ns(-1)), Civil::in_utc("UTC", Wall::from_ns(-1)));
        assert_eq!(civil("Mars/Olympus", Wall::EPOCH), None);
    }

    #[test]
    fn midnight_is_the_first_instant_of_a_day_also_where_clocks_change_then() {
        assert_eq!(midnight("Europe/Berlin", at("2026-11-30T07:00:00Z")), Some(at("2026-11-29T23:00:00Z")));
        let beirut = midnight("Asia/Beirut", at("2026-03-29T12:00:00Z"));
        assert_eq!(beirut, Some(at("2026-03-28T22:00:00Z")), "00:00 is skipped there, 01:00 is first");
        assert_eq!(midnight("Mars/Olympus", Wall::EPOCH), None);
    }
}
