//! The settings of an [`crate::Endpoint`].

use core::{net::IpAddr, time::Duration};

use crate::{Transport, sdp};

/// Everything an endpoint is told once.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who we are.
    pub identity: Identity,
    /// Text for `Server` and `User-Agent`.
    pub product: String,
    /// Known peers; the first rule that holds the address counts.
    pub peers: Vec<PeerRule>,
    /// What peers without a rule get (F-SIP-1).
    pub unlisted: Unlisted,
    /// What we take on at most.
    pub limits: Limits,
    /// What may be recorded.
    pub media: sdp::Policy,
    /// Session timers.
    pub session_timer: SessionTimerPolicy,
    /// Whether messages of recording sessions are told of, as [`crate::Event::Passed`].
    pub tell_messages: bool,
}

/// The addresses we state about ourselves.
#[derive(Debug, Clone)]
pub struct Identity {
    /// User part of our Contact.
    pub user: String,
    /// Host part of our Contact and Via: the address peers reach us at. IPv6 in brackets.
    pub host: String,
    /// UDP port peers reach us at.
    pub udp_port: u16,
    /// TCP port peers reach us at.
    pub tcp_port: u16,
    /// TLS port peers reach us at.
    pub tls_port: u16,
    /// Address in our SDP.
    pub media_address: IpAddr,
}

impl Identity {
    /// `host:port` for a transport.
    pub fn sent_by(&self, transport: Transport) -> String {
        let port = match transport {
            Transport::Udp => self.udp_port,
            Transport::Tcp => self.tcp_port,
            Transport::Tls => self.tls_port,
        };
        format!("{}:{port}", self.host)
    }

    /// Our Contact with the SRS feature tag (RFC 7866 §6.2; A1-07).
    pub fn contact(&self, transport: Transport) -> String {
        let param = match transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            Transport::Tls => ";transport=tls",
        };
        format!("<sip:{}@{}{param}>;+sip.srs", self.user, self.sent_by(transport))
    }
}

/// Addresses with a common prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Any address of the network.
    pub address: IpAddr,
    /// How many leading bits count: 0 to 32, or 0 to 128.
    pub prefix_bits: u8,
}

impl Network {
    /// Whether an address is in the network. IPv4 mapped into IPv6 counts as IPv4.
    pub fn holds(&self, address: IpAddr) -> bool {
        let bits = |width: u32| width.saturating_sub(u32::from(self.prefix_bits));
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differing = ours.to_bits() ^ theirs.to_bits();
                differing.checked_shr(bits(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differing = ours.to_bits() ^ theirs.to_bits();
                differing.checked_shr(bits(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// A known peer or trunk.
#[derive(Debug, Clone)]
pub struct PeerRule {
    /// The trunk's name, for people.
    pub name: String,
    /// Where it sends from.
    pub network: Network,
    /// What it may leave out.
    pub leniency: Leniency,
    /// Whether an INVITE with unreadable metadata is refused with 400 instead of being recorded (A4-10).
    pub strict_metadata: bool,
}

/// By which marks an INVITE is taken for a recording session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leniency {
    /// `+sip.src` in Contact and `siprec` in Require (A1-01).
    Strict,
    /// Either of them, or the drafts' `src` tag (A1-04).
    TagLess,
    /// Those, or a metadata part alone (A1-06).
    BodyOnly,
}

/// What happens to messages from peers without a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlisted {
    /// They are served, by [`Leniency::Strict`].
    Strict,
    /// One stateless 403, never longer than the request (F-SIP-2).
    Refuse,
    /// Nothing, not even parsing.
    Silent,
}

/// What an endpoint takes on at most.
///
/// Memory: a session of a call with usual metadata takes about 20 KiB. The worst one a listed peer can build takes about
/// 2.5 MiB (two pictures of [`crate::metadata::MAX_PICTURE_BYTES`] while one waits for `Accept`, and a message); a
/// connection takes up to 256 KiB, a transaction up to 32 KiB.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Recording sessions at a time; the next INVITE gets 503.
    pub sessions: usize,
    /// Recording sessions of one address at a time; the next INVITE gets 503 (F-SIP-3).
    pub sessions_per_peer: usize,
    /// Server transactions at a time; the next request gets a stateless 503.
    pub transactions: usize,
    /// Stream connections at a time; the next one is closed.
    pub connections: usize,
    /// How long the program may take to accept or reject before 503 is sent for it.
    pub decision: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 5_000,
            sessions_per_peer: 5_000,
            transactions: 20_000,
            connections: 1_000,
            decision: Duration::from_secs(10),
        }
    }
}

/// Session timers (RFC 4028).
#[derive(Debug, Clone, Copy)]
pub struct SessionTimerPolicy {
    /// Smallest interval we take, seconds; below 90 counts as 90 (A8-01).
    pub min_se_s: u32,
    /// The interval we ask for when the client leaves it to us, seconds (A8-03).
    pub default_s: u32,
    /// How often a dialog without timer is probed (A8-06).
    pub probe_every: Duration,
}

impl Default for SessionTimerPolicy {
    fn default() -> Self {
        Self { min_se_s: 90, default_s: 1800, probe_every: Duration::from_secs(300) }
    }
}

impl Config {
    /// A configuration with the defaults of the standards and peers without a rule served strictly.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            product: String::from("Sidetone"),
            peers: Vec::new(),
            unlisted: Unlisted::Strict,
            limits: Limits::default(),
            media: sdp::Policy::default(),
            session_timer: SessionTimerPolicy::default(),
            tell_messages: false,
        }
    }

    /// The rule for an address.
    pub fn rule(&self, address: IpAddr) -> Option<&PeerRule> {
        self.peers.iter().find(|rule| rule.network.holds(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str, prefix_bits: u8) -> Network {
        Network { address: address.parse().unwrap(), prefix_bits }
    }

    #[test]
    fn networks_hold_their_addresses_and_no_others() {
        let holds = |network: Network, address: &str| network.holds(address.parse().unwrap());
        assert!(holds(network("192.0.2.0", 24), "192.0.2.255"));
        assert!(holds(network("192.0.2.77", 24), "::ffff:192.0.2.1"));
        assert!(!holds(network("192.0.2.0", 24), "192.0.3.0"));
        assert!(holds(network("192.0.2.1", 32), "192.0.2.1"));
        assert!(!holds(network("192.0.2.1", 32), "192.0.2.0"));
        assert!(holds(network("0.0.0.0", 0), "203.0.113.9"));
        assert!(!holds(network("0.0.0.0", 0), "2001:db8::1"));
        assert!(holds(network("2001:db8::", 32), "2001:db8:ffff::1"));
        assert!(!holds(network("2001:db8::", 128), "2001:db8::1"));
        assert!(holds(network("2001:db8::1", 200), "2001:db8::1"), "more bits than there are count as all");
    }
}
