//! Wrong passwords, for those who look after the recorder: each is counted, and guesses are an alarm.

use std::collections::HashMap;
use std::time::Duration;

use super::Identity;
use crate::observe::alarms::{About, Kind};

/// From so many addresses wrong passwords are not slips any more, within so long.
const ADDRESSES: usize = 20;
const WHILE: Duration = Duration::from_secs(10 * 60);

/// Addresses that are remembered.
const MAX: usize = 1_000;

/// From where passwords were wrong lately.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    addresses: HashMap<String, Duration>,
    /// When it was last told that they are many.
    told: Option<Duration>,
}

impl Guesses {
    /// A password from an address was wrong. From how many addresses some were, if they are too many; told once in a while.
    fn take(&mut self, from: &str, now: Duration) -> Option<usize> {
        self.addresses.retain(|_, at| now.saturating_sub(*at) < WHILE);
        if self.addresses.len() < MAX {
            self.addresses.insert(from.to_owned(), now);
        }
        let count = self.addresses.len();
        let is_news = self.told.is_none_or(|told| now.saturating_sub(told) >= WHILE);
        if count < ADDRESSES || !is_news {
            return None;
        }
        self.told = Some(now);
        Some(count)
    }
}

impl Identity {
    /// Tells that a password or code was wrong, and whether whoever has that name waits for it now.
    pub(super) fn tell_wrong(&self, name: &str, from: &str, waits: bool) {
        let inner = &self.0;
        inner.metrics.logins_wrong.increment();
        if let Some(account) = self.account_named(name).filter(|_| waits) {
            let what = format!("too many wrong passwords, the last from {from}: logins have to wait");
            inner.alarms.raise(Kind::LoginGuessed, About::Account(account.name), what);
        }
        let many = inner.guesses.lock().take(from, inner.clock.since_start());
        if let Some(count) = many {
            let what = format!("wrong passwords came from {count} addresses within ten minutes");
            inner.alarms.raise(Kind::LoginGuessed, About::Part("logins".to_owned()), what);
        }
        // What is typed as a name may be something else.
        let name: String = name.chars().take(64).collect();
        let name = calls::card::struck(&name);
        tracing::warn!(name = &*name, from, "a login was wrong");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_addresses_within_a_while_are_news_once_and_one_that_guesses_on_is_none() {
        let mut guesses = Guesses::default();
        let second = |seconds: usize| Duration::from_secs(seconds as u64);
        assert!((0..500).all(|n| guesses.take("192.0.2.1", second(n)).is_none()));
        let told: Vec<_> =
            (1..30).filter_map(|n| guesses.take(&format!("198.51.100.{n}"), second(500))).collect();
        assert_eq!(told, [ADDRESSES]);
        assert_eq!(guesses.take("198.51.100.1", second(1_100)), None, "those of before are forgotten");
        let again = (1..30).filter_map(|n| guesses.take(&format!("203.0.113.{n}"), second(1_200)));
        assert_eq!(again.count(), 1);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut guesses = Guesses::default();
        for n in 0..3 * MAX {
            guesses.take(&format!("address {n}"), Duration::ZERO);
        }
        assert_eq!(guesses.addresses.len(), MAX);
    }
}
