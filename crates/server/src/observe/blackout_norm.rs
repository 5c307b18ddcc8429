//! How often and how long agents are dark: what is over the norm is an alarm (F-API-6).
//!
//! A blackout is there for card numbers, and could hide the awkward part of a call as well. Nobody is kept from one: who sees the
//! alarm looks at `/v1/blackouts` and decides.
//!
//! In memory; a restart begins anew.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use calls::blackout::Owner;
use calls::event::Event;
use calls::time::{Span, Wall};

/// The time that is looked at.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Blackouts of one owner that are remembered.
const SPANS: usize = 1_024;

/// Owners that are remembered before those are dropped whose last blackout is an hour ago.
const OWNERS: usize = 4_096;

/// What is usual within an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlackoutNorm {
    /// So many blackouts; without it any number is.
    pub times: Option<u32>,
    /// So long in all; without it any time is.
    pub dark: Option<Duration>,
}

impl Default for BlackoutNorm {
    fn default() -> Self {
        Self { times: Some(30), dark: Some(Duration::from_secs(30 * 60)) }
    }
}

/// Sees each blackout.
#[derive(Debug, Default)]
pub struct BlackoutWatch {
    norm: BlackoutNorm,
    owners: BTreeMap<Owner, Habit>,
}

#[derive(Debug, Default)]
struct Habit {
    /// Oldest first; only the last may last.
    spans: VecDeque<Span>,
    /// When it was last said that it is too much.
    told: Option<Wall>,
}

impl BlackoutWatch {
    /// Nothing was seen yet.
    pub fn new(norm: BlackoutNorm) -> Self {
        Self { norm, owners: BTreeMap::new() }
    }

    /// Takes what happened. Whose blackouts are over the norm with it, and in which way; once an hour for each.
    pub fn take(&mut self, event: &Event) -> Option<(Owner, String)> {
        let (owner, now) = match event {
            Event::BlackoutOpened { owner, at, .. } => {
                self.make_room(*at);
                let habit = self.owners.entry(owner.clone()).or_default();
                // A time-out that begins anew is no other blackout.
                if habit.spans.back().is_none_or(|last| last.until.is_some()) {
                    habit.spans.push_back(Span { from: *at, until: None });
                }
                (owner, *at)
            }
            Event::BlackoutClosed { owner, at, .. } => {
                let last = self.owners.get_mut(owner)?.spans.back_mut()?;
                last.until = Some(last.until.unwrap_or(*at));
                (owner, *at)
            }
            _ => return None,
        };
        let what = self.owners.get_mut(owner)?.over(self.norm, now)?;
        Some((owner.clone(), what))
    }

    fn make_room(&mut self, now: Wall) {
        if self.owners.len() >= OWNERS {
            let is_recent = |span: &Span| span.until.is_none_or(|until| now.since(until) < HOUR);
            self.owners.retain(|_, habit| habit.spans.back().is_some_and(is_recent));
        }
    }
}

impl Habit {
    fn over(&mut self, norm: BlackoutNorm, now: Wall) -> Option<String> {
        let is_past = |span: &Span| span.until.is_some_and(|until| now.since(until) >= HOUR);
        while self.spans.front().is_some_and(is_past) || self.spans.len() > SPANS {
            self.spans.pop_front();
        }
        if self.told.is_some_and(|told| now.since(told) < HOUR) {
            return None;
        }
        let began = now.before(HOUR);
        let dark: Duration =
            self.spans.iter().map(|span| span.until.unwrap_or(now).since(span.from.max(began))).sum();
        let what = if norm.times.is_some_and(|times| self.spans.len() > times as usize) {
            format!("{} blackouts within an hour", self.spans.len())
        } else if norm.dark.is_some_and(|most| dark > most) {
            format!("dark for {} minutes of an hour", dark.as_secs() / 60)
        } else {
            return None;
        };
        self.told = Some(now);
        Some(what)
    }
}

#[cfg(test)]
mod tests {
    use calls::blackout::Ended;
    use calls::id::AgentId;

    use super::*;

    const NORM: BlackoutNorm = BlackoutNorm { times: Some(3), dark: Some(Duration::from_secs(600)) };

    fn at(second: i64) -> Wall {
        Wall::from_ms(1_764_000_000_000 + second * 1_000)
    }

    fn opened(agent: u32, second: i64) -> Event {
        Event::BlackoutOpened { owner: Owner::Agent(AgentId(agent)), at: at(second), until: None }
    }

    fn closed(agent: u32, second: i64) -> Event {
        Event::BlackoutClosed { owner: Owner::Agent(AgentId(agent)), why: Ended::Stopped, at: at(second) }
    }

    fn told(watch: &mut BlackoutWatch, events: &[Event]) -> Vec<String> {
        events
            .iter()
            .filter_map(|event| watch.take(event))
            .map(|(owner, what)| format!("{owner:?} {what}"))
            .collect()
    }

    #[test]
    fn blackouts_too_often_are_told_once_an_hour_and_those_of_others_do_not_count() {
        let mut watch = BlackoutWatch::new(NORM);
        let usual =
            [opened(1, 0), closed(1, 20), opened(1, 600), closed(1, 620), opened(2, 700), closed(2, 710)];
        assert!(told(&mut watch, &usual).is_empty());
        let more = [
            opened(1, 900),
            opened(1, 910),
            closed(1, 920),
            opened(1, 1_000),
            closed(1, 1_010),
            opened(1, 1_100),
        ];
        let said = told(&mut watch, &more);
        assert_eq!(
            said.len(),
            1,
            "a time-out that begins anew is no other one, and it is told once: {said:?}"
        );
        assert!(said[0].ends_with("4 blackouts within an hour"), "{said:?}");
        // An hour later the first are forgotten.
        let later = [closed(1, 1_110), opened(1, 4_800), closed(1, 4_810)];
        assert!(told(&mut watch, &later).is_empty());
    }

    #[test]
    fn a_blackout_too_long_is_told_when_it_ends() {
        let mut watch = BlackoutWatch::new(NORM);
        let said = told(&mut watch, &[opened(1, 0), closed(1, 400), opened(1, 1_000), closed(1, 1_260)]);
        assert!(said.len() == 1 && said[0].ends_with("dark for 11 minutes of an hour"), "{said:?}");
    }

    #[test]
    fn what_is_not_limited_is_never_too_much_and_an_end_without_a_beginning_is_nothing() {
        let mut watch = BlackoutWatch::new(BlackoutNorm { times: None, dark: None });
        let many: Vec<Event> = (0..2_000).flat_map(|n| [opened(1, n * 2), closed(1, n * 2 + 1)]).collect();
        assert!(told(&mut watch, &many).is_empty());
        assert!(watch.owners.values().all(|habit| habit.spans.len() <= SPANS));
        assert!(told(&mut watch, &[closed(7, 1)]).is_empty());
    }

    #[test]
    fn owners_of_long_ago_make_room() {
        let mut watch = BlackoutWatch::new(NORM);
        for agent in 0..u32::try_from(OWNERS).unwrap() {
            told(&mut watch, &[opened(agent, 0), closed(agent, 1)]);
        }
        told(&mut watch, &[opened(9_999, 5_000)]);
        assert_eq!(watch.owners.len(), 1);
    }
}
