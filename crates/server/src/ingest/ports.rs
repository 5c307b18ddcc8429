//! Media ports: leased in pairs, at random, and not again for a while.
//!
//! A port that was given back rests for [`COOL_DOWN`], so that a late sender cannot leak into the next call
//! (B8-04).

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use calls::time::Wall;
use parking_lot::Mutex;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::clock::Clock;
use crate::media::Sockets;

/// How long a port rests.
const COOL_DOWN: Duration = Duration::from_secs(60);

/// Pairs tried when the system has some in use for others.
const TRIES: usize = 64;

/// An inclusive range of UDP ports, taken as pairs of an even port and the odd one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    first_even: u16,
    pairs: u16,
}

/// A range that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no port range; A-B with 1024 <= A < B <= 65535 is, such as 20000-29999")]
pub struct NoPortRange(String);

impl FromStr for PortRange {
    type Err = NoPortRange;

    fn from_str(text: &str) -> Result<Self, NoPortRange> {
        let wrong = || NoPortRange(text.to_owned());
        let (first, last) = text.split_once('-').ok_or_else(wrong)?;
        let (first, last): (u16, u16) =
            (first.trim().parse().map_err(|_| wrong())?, last.trim().parse().map_err(|_| wrong())?);
        let first_even = first.checked_next_multiple_of(2).ok_or_else(wrong)?;
        if first < 1024 || last <= first_even {
            return Err(wrong());
        }
        Ok(Self { first_even, pairs: (last - first_even).div_ceil(2) })
    }
}

impl PortRange {
    /// The even port of a pair, counted from 0.
    pub fn pair(&self, index: u16) -> u16 {
        self.first_even.saturating_add(index.saturating_mul(2))
    }

    fn contains(&self, rtp_port: u16) -> bool {
        let up = rtp_port.checked_sub(self.first_even);
        up.is_some_and(|up| up % 2 == 0 && up / 2 < self.pairs)
    }

    /// How many streams find place.
    pub fn pairs(&self) -> usize {
        usize::from(self.pairs)
    }
}

/// All media ports of the recorder. Clones share them.
#[derive(Debug, Clone)]
pub struct Ports {
    clock: Clock,
    bind: IpAddr,
    range: PortRange,
    most: usize,
    state: Arc<Mutex<State>>,
}

/// Whose call a pair is for. None may have all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Lessee {
    /// A trunk, by name: as many streams at a time as its terms say.
    Trunk(String),
    /// An address without a trunk: three quarters of all pairs, those that rest after its calls included.
    Address(IpAddr),
}

#[derive(Debug)]
struct State {
    leased: HashSet<u16>,
    /// Pairs that rest, until when, and who is answerable for them until then.
    resting: VecDeque<(Wall, u16, Option<Lessee>)>,
    of_lessee: HashMap<Lessee, usize>,
    random: ChaCha12Rng,
}

/// A pair of ports in use; gives it back when dropped.
#[derive(Debug)]
pub struct Lease {
    /// The even port.
    pub rtp_port: u16,
    lessee: Lessee,
    ports: Ports,
}

impl Lease {
    /// The odd port.
    pub fn rtcp_port(&self) -> u16 {
        self.rtp_port + 1
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let now = self.ports.clock.now();
        let mut state = self.ports.state.lock();
        let answerable = match &self.lessee {
            // A trunk is trusted not to use up ports by calling and hanging up.
            Lessee::Trunk(_) => {
                state.give_back(&self.lessee);
                None
            }
            Lessee::Address(_) => Some(self.lessee.clone()),
        };
        state.resting.push_back((now.after(COOL_DOWN), self.rtp_port, answerable));
    }
}

impl State {
    fn give_back(&mut self, lessee: &Lessee) {
        if let Some(count) = self.of_lessee.get_mut(lessee) {
            *count -= 1;
            if *count == 0 {
                self.of_lessee.remove(lessee);
            }
        }
    }
}

impl Ports {
    /// Ports of `range` on `bind`.
    pub fn new(clock: Clock, bind: IpAddr, range: PortRange, seed: [u8; 32]) -> Self {
        let state = State {
            leased: HashSet::new(),
            resting: VecDeque::new(),
            of_lessee: HashMap::new(),
            random: ChaCha12Rng::from_seed(seed),
        };
        Self { clock, bind, range, most: range.pairs(), state: Arc::new(Mutex::new(state)) }
    }

    /// The same, but with at most so many pairs leased at a time.
    #[must_use]
    pub fn at_most(self, most: usize) -> Self {
        Self { most: most.min(self.range.pairs()), ..self }
    }

    /// An address as our sockets reach it: those for both families want IPv4 mapped.
    pub fn reachable(&self, peer: SocketAddr) -> SocketAddr {
        super::wire::mapped_for(self.bind, peer)
    }

    /// Pairs that are leased, resting ones left out, and the most there may be.
    pub fn taken(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.leased.len() - state.resting.len(), self.most)
    }

    /// Leases a pair and opens its sockets; only the first of the two where RTCP shares it. `most_of_trunk` is what a
    /// trunk may have at a time.
    ///
    /// # Errors
    /// When no pair is free, the lessee has all it may have, or none can be opened.
    pub fn lease(
        &self,
        lessee: &Lessee,
        most_of_trunk: Option<usize>,
        rtcp_mux: bool,
    ) -> std::io::Result<(Lease, Sockets)> {
        let mut last_error = None;
        let pairs = self.range.pairs();
        let most = match lessee {
            Lessee::Trunk(_) => most_of_trunk.unwrap_or(pairs),
            Lessee::Address(_) => pairs - pairs / 4,
        };
        for _ in 0..TRIES {
            if self.state.lock().of_lessee.get(lessee).is_some_and(|count| *count >= most) {
                let why = format!("all {most} streams that it may have at a time are in use");
                return Err(std::io::Error::new(std::io::ErrorKind::QuotaExceeded, why));
            }
            let Some(port) = self.draw() else { break };
            match self.open(port, rtcp_mux) {
                Ok(sockets) => return Ok((self.leased(port, lessee), sockets)),
                Err(error) => {
                    // Another program has it. It rests, so that others are tried first; nobody is answerable for that.
                    let until = self.clock.now().after(COOL_DOWN);
                    self.state.lock().resting.push_back((until, port, None));
                    last_error = Some(error);
                }
            }
        }
        Err(last_error.unwrap_or_else(|| {
            let (taken, most) = self.taken();
            let all = self.range.pairs();
            let why = if taken >= most && most < all {
                format!("all {most} streams that may be received at a time are (limits.streams)")
            } else {
                format!("all {all} media port pairs are in use")
            };
            std::io::Error::new(std::io::ErrorKind::AddrNotAvailable, why)
        }))
    }

    /// Leases the pair that a call of an earlier run had.
    ///
    /// # Errors
    /// When it is not one of ours, is taken, or cannot be opened.
    pub fn lease_again(
        &self,
        lessee: &Lessee,
        rtp_port: u16,
        rtcp_mux: bool,
    ) -> std::io::Result<(Lease, Sockets)> {
        let is_ours = self.range.contains(rtp_port);
        if !is_ours || !self.state.lock().leased.insert(rtp_port) {
            let why = if is_ours { "is taken" } else { "is outside of media.ports now" };
            return Err(std::io::Error::new(
                std::io::ErrorKind::AddrNotAvailable,
                format!("port {rtp_port} {why}"),
            ));
        }
        let opened = self.open(rtp_port, rtcp_mux);
        let sockets = opened.inspect_err(|_| {
            self.state.lock().leased.remove(&rtp_port);
        })?;
        Ok((self.leased(rtp_port, lessee), sockets))
    }

    fn leased(&self, rtp_port: u16, lessee: &Lessee) -> Lease {
        *self.state.lock().of_lessee.entry(lessee.clone()).or_default() += 1;
        Lease { rtp_port, lessee: lessee.clone(), ports: self.clone() }
    }

    fn draw(&self) -> Option<u16> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        while state.resting.front().is_some_and(|(until, ..)| *until <= now) {
            let (_, port, answerable) = state.resting.pop_front()?;
            state.leased.remove(&port);
            if let Some(lessee) = answerable {
                state.give_back(&lessee);
            }
        }
        let pairs = u32::from(self.range.pairs);
        let taken = state.leased.len() - state.resting.len();
        if taken >= self.most || state.leased.len() >= self.range.pairs() {
            return None;
        }
        let start = state.random.next_u32() % pairs;
        let ports = (0..pairs).map(|step| (start + step) % pairs);
        let mut ports =
            ports.filter_map(|pair| u16::try_from(pair * 2).ok()).map(|up| self.range.first_even + up);
        let free = ports.find(|port| !state.leased.contains(port))?;
        state.leased.insert(free);
        Some(free)
    }

    fn open(&self, port: u16, rtcp_mux: bool) -> std::io::Result<Sockets> {
        let bind = |port| {
            let socket = UdpSocket::bind(SocketAddr::new(self.bind, port))?;
            crate::media::prepare(&socket)?;
            Ok::<_, std::io::Error>(socket)
        };
        let rtcp = if rtcp_mux { None } else { Some(bind(port + 1)?) };
        Ok(Sockets { rtp: bind(port)?, rtcp })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_or_refused_with_an_example() {
        assert_eq!("20000-29999".parse::<PortRange>().unwrap().pairs(), 5_000);
        assert_eq!("20001-20004".parse::<PortRange>().unwrap().pairs(), 1);
        for wrong in ["", "20000", "30000-20000", "10-20", "20000-99999", "a-b", "65535-65535"] {
            assert!(wrong.parse::<PortRange>().unwrap_err().to_string().contains("20000-29999"), "{wrong}");
        }
    }

    fn trunk() -> Lessee {
        Lessee::Trunk("lab".into())
    }

    #[test]
    fn neither_an_address_nor_a_trunk_has_all_ports() {
        let range = "34100-34115".parse().unwrap();
        let ports = Ports::new(Clock::start(), "127.0.0.1".parse().unwrap(), range, [4; 32]);
        let stranger = Lessee::Address("192.0.2.1".parse().unwrap());
        let many: Vec<_> = (0..8).map_while(|_| ports.lease(&stranger, None, false).ok()).collect();
        assert_eq!(many.len(), 6);
        let one = ports.lease(&trunk(), Some(1), false).unwrap();
        let refused = ports.lease(&trunk(), Some(1), false).unwrap_err().to_string();
        assert!(refused.contains("all 1 streams"), "{refused}");
        drop(one);
        assert!(
            ports.lease(&trunk(), Some(1), false).is_ok(),
            "a trunk's stream that is over counts no more"
        );
        drop(many);
        assert!(ports.lease(&stranger, None, false).is_err(), "what rests after a stranger's calls counts");
    }

    #[test]
    fn a_pair_that_another_program_has_counts_for_nobody() {
        let range = "34200-34215".parse().unwrap();
        let ports = Ports::new(Clock::start(), "127.0.0.1".parse().unwrap(), range, [5; 32]);
        let _others = [34202, 34208].map(|port| UdpSocket::bind(("127.0.0.1", port)).unwrap());
        let stranger = Lessee::Address("192.0.2.1".parse().unwrap());
        let six: Vec<_> = (0..6).map_while(|_| ports.lease(&stranger, None, false).ok()).collect();
        assert_eq!(six.len(), 6);
        assert_eq!(ports.taken(), (6, 8));
        let refused = ports.lease(&trunk(), None, false).unwrap_err().to_string();
        assert!(refused.contains("8 media port pairs") || refused.contains("in use"), "{refused}");
        assert!(ports.lease_again(&trunk(), 34208, false).is_err());
    }

    #[test]
    fn leases_are_pairs_and_a_port_given_back_rests() {
        let range = "34000-34007".parse().unwrap();
        let ports = Ports::new(Clock::start(), "127.0.0.1".parse().unwrap(), range, [3; 32]);
        let leases: Vec<_> = (0..4).map(|_| ports.lease(&trunk(), None, false).unwrap()).collect();
        let mut numbers: Vec<u16> = leases.iter().map(|(lease, _)| lease.rtp_port).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [34000, 34002, 34004, 34006]);
        assert_eq!(ports.taken(), (4, 4));
        drop(leases);
        assert_eq!(ports.taken(), (0, 4));
        let refused = ports.lease(&trunk(), None, false).unwrap_err().to_string();
        assert!(refused.contains("all 4 media port pairs are in use"), "{refused}");
    }

    #[test]
    fn no_more_streams_than_may_be_are_leased_though_ports_are_free() {
        let range = "34100-34107".parse().unwrap();
        let ports = Ports::new(Clock::start(), "127.0.0.1".parse().unwrap(), range, [3; 32]).at_most(2);
        let leases: Vec<_> = (0..2).map(|_| ports.lease(&trunk(), None, false).unwrap()).collect();
        let refused = ports.lease(&trunk(), None, false).unwrap_err().to_string();
        assert!(refused.contains("limits.streams"), "{refused}");
        drop(leases);
        assert!(ports.lease(&trunk(), None, false).is_ok());
    }
}
