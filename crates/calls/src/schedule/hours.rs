//! Days and hours as clocks on a wall show them.
//!
//! Which instant that is depends on a zone, and on a list of zones that only the shell has: it comes in as
//! [`CivilTime`]. Summer time needs no rule here: an hour that is skipped has no calls, one that comes twice has both.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::time::Wall;

/// Seconds of a day without a change of the clocks.
const DAY_S: i64 = 86_400;

/// What the clocks of a zone show at an instant; `None` for a zone that is not known.
pub type CivilTime = fn(&str, Wall) -> Option<Civil>;

/// What clocks show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil {
    /// The day, counted from 1970-01-01.
    pub day: i32,
    /// Minutes since the clocks showed midnight, 0 to 1439.
    pub minute: u16,
}

impl Civil {
    /// What clocks show in UTC; no other zone is known.
    pub fn in_utc(zone: &str, at: Wall) -> Option<Self> {
        let seconds = at.as_ms().div_euclid(1_000);
        let day = i32::try_from(seconds.div_euclid(DAY_S)).ok()?;
        let minute = u16::try_from(seconds.rem_euclid(DAY_S) / 60).ok()?;
        (zone == "UTC").then_some(Self { day, minute })
    }

    /// The day of the week.
    pub fn weekday(self) -> Weekday {
        weekday_of(self.day)
    }

    /// The week, counted from that of 1970-01-01. A week begins on Monday (ISO 8601).
    pub fn week(self) -> i32 {
        (self.day + 3).div_euclid(7)
    }
}

fn weekday_of(day: i32) -> Weekday {
    // 1970-01-01 was a Thursday.
    let place = (day + 3).rem_euclid(7);
    Weekday::ALL[usize::try_from(place).unwrap_or_default()]
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they are the days of the week")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// Every day, from Monday on.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];
}

/// A time of day: 00:00 to 24:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TimeOfDay(u16);

/// A text that is no time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time of day is written as 08:30, from 00:00 to 24:00")]
pub struct NoTimeOfDay;

impl TimeOfDay {
    /// Minutes since midnight, 0 to 1440.
    pub const fn minute(self) -> u16 {
        self.0
    }
}

impl FromStr for TimeOfDay {
    type Err = NoTimeOfDay;

    fn from_str(text: &str) -> Result<Self, NoTimeOfDay> {
        let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        let (hour, minute) = text.split_once(':').ok_or(NoTimeOfDay)?;
        if !digits(hour) || !digits(minute) {
            return Err(NoTimeOfDay);
        }
        let number = |part: &str| part.parse::<u16>().map_err(|_| NoTimeOfDay);
        let (hour, minute) = (number(hour)?, number(minute)?);
        let at = hour * 60 + minute;
        if minute < 60 && at <= 1_440 { Ok(Self(at)) } else { Err(NoTimeOfDay) }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = NoTimeOfDay;

    fn try_from(text: String) -> Result<Self, NoTimeOfDay> {
        text.parse()
    }
}

/// Hours of some days of the week. Where `to` is not after `from` they go on over midnight, and belong to the day on
/// which they begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// On which days; on every one if none is named.
    #[serde(default)]
    pub days: BTreeSet<Weekday>,
    /// The first minute.
    pub from: TimeOfDay,
    /// The first minute after it.
    pub to: TimeOfDay,
}

impl Hours {
    /// Whether clocks show such an hour.
    pub fn contains(&self, civil: Civil) -> bool {
        let on = |day| self.days.is_empty() || self.days.contains(&weekday_of(day));
        let (from, to, minute) = (self.from.0, self.to.0, civil.minute);
        if from < to {
            return on(civil.day) && (from..to).contains(&minute);
        }
        (on(civil.day) && minute >= from) || (on(civil.day - 1) && minute < to)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hours(days: &[Weekday], from: &str, to: &str) -> Hours {
        Hours { days: days.iter().copied().collect(), from: from.parse().unwrap(), to: to.parse().unwrap() }
    }

    /// 2026-11-30 is a Monday.
    fn civil(days_later: i32, time: &str) -> Civil {
        Civil { day: 20_787 + days_later, minute: time.parse::<TimeOfDay>().unwrap().minute() }
    }

    #[test]
    fn weeks_begin_on_monday() {
        let names: Vec<_> = (0..8).map(|later| civil(later, "00:00").weekday()).collect();
        assert_eq!(names[..7], Weekday::ALL);
        assert_eq!(names[7], Weekday::Monday);
        assert_eq!(civil(6, "23:59").week(), civil(0, "00:00").week());
        assert_eq!(civil(7, "00:00").week(), civil(0, "00:00").week() + 1);
        let thursday = Civil::in_utc("UTC", Wall::EPOCH).unwrap();
        assert_eq!((thursday.weekday(), thursday.day, thursday.minute), (Weekday::Thursday, 0, 0));
        assert_eq!(Civil::in_utc("Europe/Berlin", Wall::EPOCH), None);
    }

    #[test]
    fn the_first_minute_is_inside_and_the_last_is_not() {
        let office = hours(&[Weekday::Monday], "08:00", "17:30");
        let inside = |later, time| office.contains(civil(later, time));
        assert!(inside(0, "08:00") && inside(0, "17:29"));
        assert!(!inside(0, "07:59") && !inside(0, "17:30") && !inside(1, "09:00"));
        assert!(hours(&[], "00:00", "24:00").contains(civil(3, "23:59")));
    }

    #[test]
    fn hours_over_midnight_are_of_the_day_they_begin_on() {
        let night = hours(&[Weekday::Friday], "22:00", "06:00");
        assert!(night.contains(civil(4, "23:00")) && night.contains(civil(5, "05:59")));
        assert!(!night.contains(civil(4, "05:59")) && !night.contains(civil(5, "22:00")));
        assert!(!night.contains(civil(5, "06:00")));
    }

    #[test]
    fn times_that_are_none_are_refused() {
        for wrong in ["", "8:00", "08:60", "24:01", "25:00", "08", "08:00:00", "+8:00", "ab:cd"] {
            assert_eq!(wrong.parse::<TimeOfDay>(), Err(NoTimeOfDay), "{wrong}");
        }
        assert!("24:00".parse::<TimeOfDay>().is_ok());
    }

    proptest! {
        #[test]
        fn times_read_back(minute in 0..=1_440_u16) {
            let time = TimeOfDay(minute);
            prop_assert_eq!(time.to_string().parse::<TimeOfDay>(), Ok(time));
        }

        #[test]
        fn any_text_is_a_time_or_refused(text in "\\PC{0,8}") {
            let _ = text.parse::<TimeOfDay>();
        }
    }
}
