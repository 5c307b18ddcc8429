//! Which connection makes room for the next when all places are taken (F-API-4).
//!
//! Clients that connect and say nothing must keep nobody out, from however few or many addresses they come: of the network that
//! has the most connections, the one that has gone forward least recently goes ([`super::pace`]).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// All connections that have a place. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Room {
    seats: Arc<Mutex<HashMap<u64, Arc<Seat>>>>,
    steps: Arc<AtomicU64>,
}

/// One of them.
#[derive(Debug)]
struct Seat {
    network: IpAddr,
    /// When it went forward last, in steps of all connections.
    stepped: AtomicU64,
    cut: Notify,
}

/// A place in the room; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    seat: Arc<Seat>,
    room: Room,
}

/// What a connection with a place does. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Presence {
    seat: Arc<Seat>,
    steps: Arc<AtomicU64>,
}

impl Room {
    /// A place for a connection from this address.
    pub(super) fn enter(&self, address: IpAddr) -> Place {
        let number = self.steps.fetch_add(1, Ordering::Relaxed);
        let stepped = AtomicU64::new(number);
        let seat = Arc::new(Seat { network: network_of(address), stepped, cut: Notify::new() });
        self.seats.lock().insert(number, Arc::clone(&seat));
        Place { number, seat, room: self.clone() }
    }

    /// Has the connection end that is worth least. Whether there was one.
    pub(super) fn make(&self) -> bool {
        let mut seats = self.seats.lock();
        let known =
            seats.iter().map(|(number, seat)| (*number, seat.network, seat.stepped.load(Ordering::Relaxed)));
        let Some(seat) = worth_least(known).and_then(|number| seats.remove(&number)) else { return false };
        seat.cut.notify_one();
        true
    }
}

impl Place {
    pub(super) fn presence(&self) -> Presence {
        Presence { seat: Arc::clone(&self.seat), steps: Arc::clone(&self.room.steps) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.seats.lock().remove(&self.number);
    }
}

impl Presence {
    /// It has gone forward.
    pub(super) fn step(&self) {
        self.seat.stepped.store(self.steps.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Waits until it has to make room.
    pub(super) async fn cut(&self) {
        self.seat.cut.notified().await;
    }
}

/// Of the network that has the most, the one that has gone forward least recently.
fn worth_least(seats: impl Iterator<Item = (u64, IpAddr, u64)>) -> Option<u64> {
    let mut networks: HashMap<IpAddr, (usize, u64, u64)> = HashMap::new();
    for (number, network, stepped) in seats {
        let (count, oldest, who) = networks.entry(network).or_insert((0, u64::MAX, number));
        *count += 1;
        if stepped < *oldest {
            (*oldest, *who) = (stepped, number);
        }
    }
    let heaviest = networks.into_values().max_by_key(|(count, oldest, _)| (*count, u64::MAX - oldest));
    heaviest.map(|(.., who)| who)
}

/// What one client has at the least: an address of IPv4, or a network of 64 bits of IPv6.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn of_who_has_the_most_the_one_that_has_long_done_nothing_goes() {
        let room = Room::default();
        let crm = room.enter(at("192.0.2.1"));
        let many: Vec<Place> = (0..3).map(|_| room.enter(at("192.0.2.9"))).collect();
        let more: Vec<Place> = (1..=4).map(|host| room.enter(at(&format!("2001:db8::{host}")))).collect();
        // The addresses of one network are one client's.
        more[0].presence().step();
        assert!(room.make());
        assert!(
            !room.seats.lock().contains_key(&more[1].number),
            "the first of them has just done something"
        );
        drop(more);
        many[0].presence().step();
        assert!(room.make() && room.make() && room.make());
        assert!(
            room.seats.lock().contains_key(&many[0].number),
            "of equals the one that did something last stays"
        );
        assert!(!room.seats.lock().contains_key(&crm.number));
        assert!(room.make() && !room.make());
        assert_eq!(network_of(at("::ffff:192.0.2.9")), at("192.0.2.9"));
    }

    #[tokio::test]
    async fn who_has_to_make_room_is_told() {
        let room = Room::default();
        let place = room.enter(at("192.0.2.1"));
        assert!(room.make());
        place.presence().cut().await;
        drop(place);
        assert!(room.seats.lock().is_empty());
    }
}
