//! Who may call, and on which terms.

use core::net::IpAddr;

use crate::{digest::Credentials, sdp};

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

/// A known peer or trunk (A10-08).
#[derive(Debug, Clone)]
pub struct PeerRule {
    /// The trunk's name, for people.
    pub name: String,
    /// Where it sends from; empty: anywhere, which is right only with a certificate.
    pub networks: Vec<Network>,
    /// The client certificate it must show (F-SIP-5).
    pub certificate: Option<CertificateRule>,
    /// What it may leave out.
    pub leniency: Leniency,
    /// Whether an INVITE with unreadable metadata is refused with 400 instead of being recorded (A4-10).
    pub strict_metadata: bool,
    /// Whether it is heard over TLS only (A10-02). What its media must be is in `media`.
    pub secure_only: bool,
    /// What may be recorded of it.
    pub media: sdp::Policy,
    /// The login it must give with every request but ACK and CANCEL (RFC 8760).
    pub digest: Option<Credentials>,
    /// Recording sessions of it at a time; the next INVITE gets 503 (F-SIP-3).
    pub max_sessions: usize,
}

impl PeerRule {
    /// A rule for what comes from some networks, as strict as for peers without a rule.
    pub fn new(name: impl Into<String>, networks: Vec<Network>) -> Self {
        Self {
            name: name.into(),
            networks,
            certificate: None,
            leniency: Leniency::Strict,
            strict_metadata: false,
            secure_only: false,
            media: sdp::Policy::default(),
            digest: None,
            max_sessions: usize::MAX,
        }
    }

    /// Whether a peer with this address, which has shown this certificate, is the one meant.
    pub fn holds(&self, address: IpAddr, certificate: Option<&Certificate>) -> bool {
        let named = self.certificate.as_ref();
        let shown = named.is_none_or(|wanted| certificate.is_some_and(|shown| wanted.is_met_by(shown)));
        let from_there = self.networks.iter().any(|network| network.holds(address));
        shown && (from_there || (self.networks.is_empty() && named.is_some()))
    }
}

/// A client certificate that the shell has verified against an authority it trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the certificate as it came (DER).
    pub fingerprint: [u8; 32],
    /// DNS names, URIs and IP addresses of its subject alternative names; its common name if it has none of them
    /// (RFC 5922 §7.1).
    pub names: Vec<String>,
}

/// Which certificate a peer must show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateRule {
    /// One with this name, compared without regard to case. No wildcards (RFC 5922 §7.2).
    Name(String),
    /// This one, by SHA-256.
    Fingerprint([u8; 32]),
}

impl CertificateRule {
    fn is_met_by(&self, shown: &Certificate) -> bool {
        match self {
            Self::Name(name) => shown.names.iter().any(|shown| shown.eq_ignore_ascii_case(name)),
            Self::Fingerprint(fingerprint) => *fingerprint == shown.fingerprint,
        }
    }
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
    /// Those, or the headers of Cisco's gateway forking (A1-06).
    HeaderOnly,
    /// Those, or one of the two INVITEs of a CUCM built-in bridge (A1-06, A13-07).
    BibPair,
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

    #[test]
    fn a_rule_with_a_certificate_holds_who_shows_it_and_nobody_else() {
        let certificate = |names: &[&str], byte| Certificate {
            fingerprint: [byte; 32],
            names: names.iter().map(|&name| name.to_owned()).collect(),
        };
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let named = CertificateRule::Name("sbc1.example.com".into());
        let mut rule = PeerRule { certificate: Some(named), ..PeerRule::new("a", Vec::new()) };
        assert!(rule.holds(address, Some(&certificate(&["other", "SBC1.example.com"], 1))));
        assert!(!rule.holds(address, Some(&certificate(&["sbc2.example.com", "*.example.com"], 1))));
        assert!(!rule.holds(address, None));
        rule.certificate = Some(CertificateRule::Fingerprint([2; 32]));
        assert!(rule.holds(address, Some(&certificate(&[], 2))));
        assert!(!rule.holds(address, Some(&certificate(&["sbc1.example.com"], 1))));
        rule.networks = vec![network("198.51.100.0", 24)];
        assert!(!rule.holds(address, Some(&certificate(&[], 2))), "from elsewhere");
        assert!(!PeerRule::new("nobody", Vec::new()).holds(address, None), "neither address nor certificate");
    }
}
