//! How many recordings somebody hears or takes away: more than is usual is an alarm (F-INS-1, ASVS 2.4.1).
//!
//! Who may hear everything could carry everything away, a listen at a time, and each would be on record and none would be
//! looked at. Nobody is kept from it: who sees the alarm looks into the audit and decides. Programs are not looked at, for
//! most of them are there to take all.
//!
//! In memory; a restart begins anew.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use audit::{Entry, Outcome};
use calls::time::Wall;

/// The time that is looked at.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// People that are remembered before those are dropped who have heard nothing for an hour.
const PEOPLE: usize = 4_096;

/// Sees each entry of the audit.
#[derive(Debug)]
pub(super) struct ListenWatch {
    /// So many recordings within an hour are usual; without it any number is.
    norm: Option<u32>,
    people: HashMap<String, Habit>,
}

#[derive(Debug, Default)]
struct Habit {
    /// The recordings, each with when it was last heard, in the order of that; one more than is usual at most.
    heard: VecDeque<(String, Wall)>,
    /// When it was last said that they are too many.
    told: Option<Wall>,
}

impl ListenWatch {
    /// Nothing was heard yet.
    pub(super) fn new(norm: Option<u32>) -> Self {
        Self { norm, people: HashMap::new() }
    }

    /// Takes what was done. Who has heard more than is usual with it; once an hour for each.
    pub(super) fn take<'a>(&mut self, entry: &'a Entry) -> Option<&'a str> {
        let norm = self.norm? as usize;
        let is_listen = entry.action == "recording.listen" && entry.outcome == Outcome::Done.label();
        if !is_listen || entry.kind != access::Kind::Person.as_str() {
            return None;
        }
        let now = Wall::from_ns(entry.at_ns);
        if self.people.len() >= PEOPLE {
            let is_recent = |(_, at): &(String, Wall)| now.since(*at) < HOUR;
            self.people.retain(|_, habit| habit.heard.back().is_some_and(is_recent));
        }
        let habit = self.people.entry(entry.who.clone()).or_default();
        habit.hear(&entry.recording, now, norm);
        let is_news = habit.told.is_none_or(|told| now.since(told) >= HOUR);
        if habit.heard.len() <= norm || !is_news {
            return None;
        }
        habit.told = Some(now);
        Some(&entry.who)
    }
}

impl Habit {
    fn hear(&mut self, recording: &str, now: Wall, norm: usize) {
        self.heard.retain(|(known, at)| known != recording && now.since(*at) < HOUR);
        self.heard.push_back((recording.to_owned(), now));
        if self.heard.len() > norm + 1 {
            self.heard.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use access::Principal;
    use calls::id::RecordingId;

    use super::super::{Act, Actor};
    use super::*;

    fn listen(kind: &'static str, who: &str, recording: u8, second: i64) -> Entry {
        let actor = Actor { kind, who: who.to_owned(), ..Actor::from(&Principal::local("192.0.2.1")) };
        let act = Act::new(&actor, "recording.listen").recording(RecordingId::from_bytes([recording; 16]));
        act.into_entry(Wall::from_ms(1_764_000_000_000 + second * 1_000))
    }

    #[test]
    fn who_hears_many_recordings_is_told_of_once_an_hour_and_the_same_one_again_does_not_count() {
        let mut watch = ListenWatch::new(Some(3));
        let mut told = |recording, second| watch.take(&listen("person", "dana", recording, second)).is_some();
        assert!(!told(1, 0) && !told(2, 10) && !told(3, 20));
        assert!((0..50).all(|again| !told(2, 30 + again)), "the same one is one");
        assert!(told(4, 100));
        assert!(!told(5, 110) && !told(6, 3_600), "it was told");
        assert!(!told(7, 3_800), "those of more than an hour ago are forgotten");
        assert!(!told(8, 3_900) && told(9, 3_950), "and an hour later it is news again");
    }

    #[test]
    fn others_programs_and_what_was_refused_do_not_count_and_no_norm_is_never_too_much() {
        let mut watch = ListenWatch::new(Some(1));
        assert!(watch.take(&listen("person", "dana", 1, 0)).is_none());
        assert!(watch.take(&listen("person", "robin", 2, 1)).is_none());
        for recording in 0..100 {
            assert!(watch.take(&listen("program", "speech", recording, 2)).is_none());
            let mut refused = listen("person", "dana", recording, 3);
            refused.outcome = Outcome::Refused.label().to_owned();
            assert!(watch.take(&refused).is_none());
        }
        assert_eq!(watch.take(&listen("person", "dana", 3, 4)), Some("dana"));
        let mut any = ListenWatch::new(None);
        assert!((0..100).all(|recording| any.take(&listen("person", "dana", recording, 0)).is_none()));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut watch = ListenWatch::new(Some(10));
        for second in 0..5_000 {
            let recording = u8::try_from(second % 256).expect("of a byte");
            watch.take(&listen("person", &format!("person {second}"), recording, second));
            watch.take(&listen("person", "dana", recording, second));
        }
        assert!(watch.people.len() <= PEOPLE && watch.people["dana"].heard.len() == 11);
    }
}
