//! Who may feed a stream: the address rule and the rate guard.
//!
//! Belongs here: B8-01 (the SDP address and the trunk's media networks), B8-05 (rate), A2-15 (old and new address after
//! a change). Does not: counting what was refused ([`crate::Ledger`]).

use std::net::{IpAddr, SocketAddr};

/// A network that may send media, such as `10.20.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

impl Network {
    /// A network from any address inside it and its prefix length, which is cut at the address family's width.
    #[must_use]
    pub fn new(address: IpAddr, prefix_bits: u8) -> Self {
        let address = address.to_canonical();
        let width = if address.is_ipv4() { 32 } else { 128 };
        Self { address, prefix_bits: prefix_bits.min(width) }
    }

    /// Whether the address lies inside. Families do not mix, except that an IPv4 address mapped into IPv6 is IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                u32::from(self.prefix_bits) <= differing.leading_zeros()
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                u32::from(self.prefix_bits) <= differing.leading_zeros()
            }
            _ => false,
        }
    }
}

/// From where a stream accepts packets (B8-01). Ports are never looked at, as senders differ in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceRule {
    /// Any address. For tests and simulations.
    Anywhere,
    /// The address of the SDP `c=` line, and the trunk's media networks.
    Listed {
        /// Address of the `c=` line that governs this m-line.
        address: IpAddr,
        /// Further networks, from the trunk's settings; at most [`MAX_NETWORKS`] are looked at.
        networks: Vec<Network>,
    },
    /// Through an address translator: the first source that delivers four packets in sequence of an agreed payload type,
    /// and then no other (B8-02). Those four but the last are not taken.
    Latched {
        /// What the SDP says, right or not: when it changes, another source may prove itself.
        stated: Option<SocketAddr>,
        /// From where a source may come; empty: from anywhere. At most [`MAX_NETWORKS`] are looked at.
        networks: Vec<Network>,
    },
}

/// Networks of one [`SourceRule`] that are looked at.
pub const MAX_NETWORKS: usize = 64;

impl SourceRule {
    /// Whether a packet from this address may feed the stream.
    #[inline]
    #[must_use]
    pub fn admits(&self, from: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Listed { address, networks } => {
                address.to_canonical() == from.to_canonical()
                    || networks.iter().take(MAX_NETWORKS).any(|network| network.contains(from))
            }
            Self::Latched { stated, networks } => {
                networks.is_empty()
                    || stated.is_some_and(|stated| stated.ip().to_canonical() == from.to_canonical())
                    || networks.iter().take(MAX_NETWORKS).any(|network| network.contains(from))
            }
        }
    }
}

/// How far ahead of its allowance a sender may be before packets are refused (B8-05).
const BURST_NS: i64 = 2_000_000_000;
/// Allowed multiple of the expected packet rate (B8-05).
const RATE_FACTOR: u32 = 4;

/// Refuses the surplus of a sender that exceeds four times the expected rate for two seconds (B8-05).
///
/// A leaky bucket kept as one instant: every packet pushes `owed_until` by the time one packet may take at the allowed
/// rate, and is refused when that instant is more than [`BURST_NS`] ahead. So the allowed rate always gets through.
#[derive(Debug, Clone)]
pub(crate) struct RateGuard {
    packet_ns: i64,
    owed_until_ns: i64,
}

impl RateGuard {
    pub(crate) fn new(expected_packets_per_s: u32) -> Self {
        let allowed = i64::from(expected_packets_per_s.max(1).saturating_mul(RATE_FACTOR));
        Self { packet_ns: 1_000_000_000 / allowed, owed_until_ns: i64::MIN }
    }

    pub(crate) fn set_expected(&mut self, expected_packets_per_s: u32) {
        self.packet_ns = Self::new(expected_packets_per_s).packet_ns;
    }

    /// Accounts for one packet; false when it is surplus.
    #[inline]
    pub(crate) fn admits(&mut self, now_ns: i64) -> bool {
        let owed = self.owed_until_ns.max(now_ns);
        if owed.saturating_sub(now_ns) > BURST_NS {
            return false;
        }
        self.owed_until_ns = owed.saturating_add(self.packet_ns);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_prefix_and_no_more() {
        let net = Network::new("10.20.0.0".parse().unwrap(), 16);
        assert!(net.contains("10.20.255.1".parse().unwrap()));
        assert!(net.contains("::ffff:10.20.1.1".parse().unwrap()));
        assert!(!net.contains("10.21.0.0".parse().unwrap()));
        assert!(!net.contains("2001:db8::1".parse().unwrap()));
        assert!(Network::new("2001:db8::".parse().unwrap(), 32).contains("2001:db8:9::1".parse().unwrap()));
        assert!(Network::new("0.0.0.0".parse().unwrap(), 0).contains("192.0.2.1".parse().unwrap()));
        assert!(!Network::new("192.0.2.1".parse().unwrap(), 200).contains("192.0.2.2".parse().unwrap()));
    }

    #[test]
    fn four_times_the_rate_passes_for_ever_and_more_is_cut_to_it() {
        let mut guard = RateGuard::new(50);
        assert!((0..4000).all(|n| guard.admits(n * 5_000_000)), "200 a second for 20 s");
        let mut guard = RateGuard::new(50);
        let admitted = (0..20_000).filter(|n| guard.admits(n * 500_000)).count();
        assert!((2390..=2410).contains(&admitted), "2000/s for 10 s: 2 s burst and 200/s, got {admitted}");
    }
}
