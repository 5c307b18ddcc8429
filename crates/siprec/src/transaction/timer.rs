//! The timers of RFC 3261, table 4, and the queue that keeps them.

use core::{hash::Hash, time::Duration};
use std::collections::{BTreeSet, HashMap};

use crate::Now;

/// Estimated round trip: the first retransmission interval.
pub const T1: Duration = Duration::from_millis(500);
/// Longest interval between retransmissions of a non-INVITE request or a response to INVITE.
pub const T2: Duration = Duration::from_secs(4);
/// Longest time a message stays in the network.
pub const T4: Duration = Duration::from_secs(5);
/// How long anything is tried: 64*T1.
pub const GIVE_UP: Duration = Duration::from_secs(32);

/// A transaction's timer, by the letters of RFC 3261, table 4, and RFC 6026.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// A, E or G: send again.
    Retransmit,
    /// B, F or H: give up.
    GiveUp,
    /// D, I, J, K or L: forget.
    Linger,
}

/// The next retransmission interval: doubled, at most T2.
pub fn back_off(interval: Duration) -> Duration {
    (interval * 2).min(T2)
}

/// Running timers, at most one for each key.
#[derive(Debug)]
pub struct TimerQueue<K> {
    queue: BTreeSet<(Now, K)>,
    due: HashMap<K, Now>,
}

impl<K> Default for TimerQueue<K> {
    fn default() -> Self {
        Self { queue: BTreeSet::new(), due: HashMap::new() }
    }
}

impl<K: Copy + Ord + Hash> TimerQueue<K> {
    /// Starts a timer, or moves it.
    pub fn start(&mut self, key: K, at: Now) {
        self.stop(&key);
        self.queue.insert((at, key));
        self.due.insert(key, at);
    }

    /// Stops a timer if it runs.
    pub fn stop(&mut self, key: &K) {
        if let Some(at) = self.due.remove(key) {
            self.queue.remove(&(at, *key));
        }
    }

    /// Whether a timer runs.
    pub fn is_running(&self, key: &K) -> bool {
        self.due.contains_key(key)
    }

    /// When the first timer is due.
    pub fn next(&self) -> Option<Now> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes the first timer that is due.
    pub fn take_due(&mut self, now: Now) -> Option<K> {
        let (at, key) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.queue.pop_first();
        self.due.remove(&key);
        Some(key)
    }

    /// How many timers run.
    pub fn len(&self) -> usize {
        self.due.len()
    }

    /// Whether no timer runs.
    pub fn is_empty(&self) -> bool {
        self.due.is_empty()
    }
}
