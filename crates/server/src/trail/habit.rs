//! How many recordings somebody hears or takes away: more than is usual is an alarm (F-INS-1, ASVS 2.4.1).
//!
//! Who may hear everything could carry everything away, a listen at a time, and each would be on record and none would be
//! looked at. Nobody is kept from it: who sees the alarm looks into the audit and decides. Programs are looked at while their keys
//! are young, for somebody could have made one to hear with it; later not, for most of them are there to take all.
//!
//! What was heard is in memory; a restart begins anew.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use access::Kind;
use audit::{Entry, Outcome};
use calls::time::Wall;

/// The time that is looked at.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// People that are remembered before those are dropped who have heard nothing for an hour.
const PEOPLE: usize = 4_096;

/// How long a key is young.
const YOUNG: Duration = Duration::from_hours(7 * 24);

/// What is usual, and what is known of keys at the start.
#[derive(Debug, Default)]
pub struct Usual {
    /// So many recordings within an hour are usual; without it any number is.
    pub norm: Option<u32>,
    /// When each key was made, by its name.
    pub keys: HashMap<String, Wall>,
}

impl From<Option<u32>> for Usual {
    fn from(norm: Option<u32>) -> Self {
        Self { norm, keys: HashMap::new() }
    }
}

/// Sees each entry of the audit.
#[derive(Debug)]
pub(super) struct ListenWatch {
    usual: Usual,
    people: HashMap<(String, String), Habit>,
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
    pub(super) fn new(usual: Usual) -> Self {
        Self { usual, people: HashMap::new() }
    }

    /// Takes what was done. Who has heard more than is usual with it; once an hour for each.
    pub(super) fn take<'a>(&mut self, entry: &'a Entry) -> Option<&'a str> {
        let norm = self.usual.norm? as usize;
        let (is_done, now) = (entry.outcome == Outcome::Done.label(), Wall::from_ns(entry.at_ns));
        if is_done && entry.action == "api-key.add" {
            self.usual.keys.retain(|_, made| now.since(*made) < YOUNG);
            self.usual.keys.insert(entry.about.clone(), now);
        }
        if !is_done || entry.action != "recording.listen" || !self.is_looked_at(entry, now) {
            return None;
        }
        if self.people.len() >= PEOPLE {
            let is_recent = |(_, at): &(String, Wall)| now.since(*at) < HOUR;
            self.people.retain(|_, habit| habit.heard.back().is_some_and(is_recent));
        }
        let habit = self.people.entry((entry.kind.clone(), entry.who.clone())).or_default();
        habit.hear(&entry.recording, now, norm);
        let is_news = habit.told.is_none_or(|told| now.since(told) >= HOUR);
        if habit.heard.len() <= norm || !is_news {
            return None;
        }
        habit.told = Some(now);
        Some(&entry.who)
    }

    fn is_looked_at(&self, entry: &Entry, now: Wall) -> bool {
        let is_young = |name: &str| self.usual.keys.get(name).is_some_and(|made| now.since(*made) < YOUNG);
        let is = |kind: Kind| entry.kind == kind.as_str();
        is(Kind::Person) || ((is(Kind::Program) || is(Kind::Peer)) && is_young(&entry.who))
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
        let mut watch = ListenWatch::new(Some(3).into());
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
        let mut watch = ListenWatch::new(Some(1).into());
        assert!(watch.take(&listen("person", "dana", 1, 0)).is_none());
        assert!(watch.take(&listen("person", "robin", 2, 1)).is_none());
        for recording in 0..100 {
            assert!(watch.take(&listen("program", "speech", recording, 2)).is_none());
            let mut refused = listen("person", "dana", recording, 3);
            refused.outcome = Outcome::Refused.label().to_owned();
            assert!(watch.take(&refused).is_none());
        }
        assert_eq!(watch.take(&listen("person", "dana", 3, 4)), Some("dana"));
        let mut any = ListenWatch::new(None.into());
        assert!((0..100).all(|recording| any.take(&listen("person", "dana", recording, 0)).is_none()));
    }

    #[test]
    fn a_program_is_looked_at_while_its_key_is_young() {
        const DAY: i64 = 86_400;
        let made = listen("person", "ada", 0, 0);
        let keys = HashMap::from([("speech".to_owned(), Wall::from_ns(made.at_ns))]);
        let mut watch = ListenWatch::new(Usual { norm: Some(1), keys });
        let mut add = Entry { action: "api-key.add".to_owned(), about: "comp".to_owned(), ..made };
        assert!(watch.take(&add).is_none());
        (add.about, add.outcome) = ("refused".to_owned(), Outcome::Refused.label().to_owned());
        assert!(watch.take(&add).is_none());
        let mut told =
            |who: &str, second| (0..3).any(|n| watch.take(&listen("program", who, n, second)).is_some());
        assert!(told("comp", 1) && told("speech", 6 * DAY) && told("comp", 6 * DAY));
        assert!(!told("refused", 2) && !told("of last year", 3));
        assert!(!told("comp", 7 * DAY) && !told("speech", 8 * DAY));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut watch = ListenWatch::new(Some(10).into());
        for second in 0..5_000 {
            let recording = u8::try_from(second % 256).expect("of a byte");
            watch.take(&listen("person", &format!("person {second}"), recording, second));
            watch.take(&listen("person", "dana", recording, second));
        }
        assert!(
            watch.people.len() <= PEOPLE
                && watch.people[&("person".to_owned(), "dana".to_owned())].heard.len() == 11
        );
    }
}
