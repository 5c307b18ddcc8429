//! Who has how many connections, so that no address takes the places of all others (F-SIP-3).
//!
//! Pure: the caller opens and closes. A connection that has said nothing yet is worth little: when there are too many
//! of them the oldest makes room, so that whoever speaks at once always finds a place.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use siprec::ConnectionId;

/// Connections at a time that have said nothing yet, of one address.
const SILENT_PER_ADDRESS: usize = 64;

/// The same, of all addresses.
const SILENT: usize = 512;

/// What becomes of a connection that wants in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// It has a place.
    Entered,
    /// It has the place of this one, which is to be closed.
    InPlaceOf(ConnectionId),
    /// There is none.
    Full,
}

/// The places and who has them.
#[derive(Debug)]
pub(in crate::ingest) struct Places {
    limit: usize,
    per_address: usize,
    taken: HashMap<ConnectionId, IpAddr>,
    by_address: HashMap<IpAddr, usize>,
    /// Those that have said nothing yet, oldest first.
    silent: VecDeque<(ConnectionId, IpAddr)>,
}

impl Places {
    /// So many places in all, and so many for one address.
    pub(in crate::ingest) fn new(limit: usize, per_address: usize) -> Self {
        let (taken, by_address, silent) = (HashMap::new(), HashMap::new(), VecDeque::new());
        Self { limit, per_address, taken, by_address, silent }
    }

    /// A connection wants in.
    pub(super) fn enter(&mut self, connection: ConnectionId, address: IpAddr) -> Entry {
        let of_address = self.by_address.get(&address).copied().unwrap_or_default();
        let silent = self.silent.iter().filter(|(_, other)| *other == address).count();
        let pushed = if of_address >= self.per_address || silent >= SILENT_PER_ADDRESS {
            self.silent.iter().find(|(_, other)| *other == address).map(|(id, _)| *id)
        } else if self.taken.len() >= self.limit || self.silent.len() >= SILENT {
            self.silent.front().map(|(id, _)| *id)
        } else {
            None
        };
        if let Some(pushed) = pushed {
            self.leave(pushed);
        } else if of_address >= self.per_address || self.taken.len() >= self.limit {
            return Entry::Full;
        }
        self.taken.insert(connection, address);
        *self.by_address.entry(address).or_default() += 1;
        self.silent.push_back((connection, address));
        pushed.map_or(Entry::Entered, Entry::InPlaceOf)
    }

    /// A connection has said something.
    pub(super) fn spoke(&mut self, connection: ConnectionId) {
        self.silent.retain(|(silent, _)| *silent != connection);
    }

    /// A connection is gone.
    pub(super) fn leave(&mut self, connection: ConnectionId) {
        let Some(address) = self.taken.remove(&connection) else { return };
        self.spoke(connection);
        if let Some(count) = self.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn an_address_that_only_connects_leaves_room_for_itself_and_others() {
        let mut places = Places::new(1_000, 256);
        for number in 0..500 {
            let entry = places.enter(ConnectionId(number), address(1));
            let oldest = number.checked_sub(SILENT_PER_ADDRESS as u64);
            assert_eq!(entry, oldest.map_or(Entry::Entered, |oldest| Entry::InPlaceOf(ConnectionId(oldest))));
        }
        assert_eq!(places.enter(ConnectionId(1_000), address(2)), Entry::Entered);
        places.spoke(ConnectionId(1_000));
    }

    #[test]
    fn an_address_that_speaks_on_each_connection_is_held_to_its_share() {
        let mut places = Places::new(1_000, 256);
        for number in 0..256 {
            assert_eq!(places.enter(ConnectionId(number), address(1)), Entry::Entered);
            places.spoke(ConnectionId(number));
        }
        assert_eq!(places.enter(ConnectionId(500), address(1)), Entry::Full);
        assert_eq!(places.enter(ConnectionId(501), address(2)), Entry::Entered);
        places.leave(ConnectionId(0));
        assert_eq!(places.enter(ConnectionId(502), address(1)), Entry::Entered);
    }

    proptest! {
        #[test]
        fn counts_hold_whatever_comes(steps in prop::collection::vec((0u8..3, 0u64..60, 0u8..4), 0..400)) {
            let mut places = Places::new(20, 8);
            for (what, id, last) in steps {
                let id = ConnectionId(id);
                match what {
                    0 if !places.taken.contains_key(&id) => drop(places.enter(id, address(last))),
                    1 => places.spoke(id),
                    _ => places.leave(id),
                }
                prop_assert!(places.taken.len() <= 20 && places.silent.len() <= places.taken.len());
                prop_assert!(places.by_address.values().all(|count| (1..=8).contains(count)));
                prop_assert_eq!(places.by_address.values().sum::<usize>(), places.taken.len());
            }
        }
    }
}
