//! The settings of an [`crate::Endpoint`].

mod peer;

use core::{net::IpAddr, time::Duration};

pub use peer::{Certificate, CertificateRule, Leniency, Network, PeerRule, Unlisted};

use crate::{Source, Transport, sdp};

/// Everything an endpoint is told once.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who we are.
    pub identity: Identity,
    /// Text for `Server` and `User-Agent`.
    pub product: String,
    /// Known peers; the first rule that holds the peer counts.
    pub peers: Vec<PeerRule>,
    /// What peers without a rule get (F-SIP-1).
    pub unlisted: Unlisted,
    /// What we take on at most.
    pub limits: Limits,
    /// What may be recorded of peers without a rule.
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

    /// Our Contact for a call that came to a SIPS URI over TLS (RFC 3261 §12.1.1).
    pub fn sips_contact(&self) -> String {
        format!("<sips:{}@{}>;+sip.srs", self.user, self.sent_by(Transport::Tls))
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

/// What an endpoint takes on at most.
///
/// Memory: a session of a call with usual metadata takes about 20 KiB. The worst one a listed peer can build takes about
/// 2.5 MiB (two pictures of [`crate::metadata::MAX_PICTURE_BYTES`] while one waits for `Accept`, and a message); a
/// connection takes up to 256 KiB, a transaction up to 32 KiB.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Recording sessions at a time; the next INVITE gets 503.
    pub sessions: usize,
    /// Recording sessions at a time of one address without a rule; the next INVITE gets 503 (F-SIP-3).
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

    /// The place in [`Config::peers`] of the rule that holds a peer.
    pub fn find_rule(&self, address: IpAddr, certificate: Option<&Certificate>) -> Option<usize> {
        self.peers.iter().position(|rule| rule.holds(address, certificate))
    }

    /// The rule a source was found to belong to.
    pub fn rule(&self, source: &Source) -> Option<&PeerRule> {
        self.peers.get(source.rule?)
    }

    /// What may be recorded of a peer.
    pub fn media(&self, rule: Option<usize>) -> &sdp::Policy {
        rule.and_then(|rule| self.peers.get(rule)).map_or(&self.media, |rule| &rule.media)
    }
}
