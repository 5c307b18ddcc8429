//! `Via: SIP/2.0/UDP host:port;branch=...` (RFC 3261 §20.42, RFC 3581).

use core::{fmt, net::SocketAddr};

use super::params::Params;
use crate::message::uri::host_port;

/// The first seven characters of every branch made by RFC 3261 rules (§8.1.1.7).
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// One hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// Transport in upper case: `UDP`, `TCP`, `TLS`.
    pub transport: String,
    /// Host of sent-by.
    pub host: String,
    /// Port of sent-by, if written.
    pub port: Option<u16>,
    /// Parameters: `branch`, `received`, `rport`, `maddr`.
    pub params: Params,
}

impl Via {
    /// Reads one via-parm.
    ///
    /// # Errors
    /// Words that say what is wrong.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (front, params) = text.split_once(';').unwrap_or((text, ""));
        // Blanks may stand around the slashes: "SIP / 2.0 / UDP host" (RFC 4475 §3.1.1.1).
        let mut parts = front.trim().splitn(3, '/');
        let (name, version, rest) = (parts.next(), parts.next(), parts.next());
        if !name.is_some_and(|n| n.trim().eq_ignore_ascii_case("SIP"))
            || version.map(str::trim) != Some("2.0")
        {
            return Err("want SIP/2.0/ and a transport");
        }
        let rest = rest.unwrap_or("").trim_start();
        let (transport, sent_by) = rest.split_once([' ', '\t']).ok_or("no host")?;
        let sent_by: String = sent_by.split_whitespace().collect();
        let (host, port) = host_port(&sent_by).map_err(|_| "host or port malformed")?;
        let params = Params::parse(params);
        Ok(Self { transport: transport.to_ascii_uppercase(), host, port, params })
    }

    /// The branch; an empty one counts as none.
    pub fn branch(&self) -> Option<&str> {
        self.params.get("branch").filter(|branch| !branch.is_empty())
    }

    /// Notes where the message really came from: `received` if it differs from sent-by (RFC 3261 §18.2.1), and
    /// `rport` with `received` if the sender asked for it (RFC 3581 §4).
    pub fn note_source(&mut self, peer: SocketAddr) {
        let wants_port = self.params.has("rport");
        if wants_port {
            self.params.set("rport", Some(peer.port().to_string()));
        }
        let address = self.host.trim_start_matches('[').trim_end_matches(']').parse();
        let ip = peer.ip().to_canonical();
        if wants_port || address != Ok(ip) {
            self.params.set("received", Some(ip.to_string()));
        }
    }

    /// Where a response goes over UDP when the request came from `peer` (RFC 3261 §18.2.2, RFC 3581 §4): the source
    /// address; the source port if `rport` was asked for, else the port of sent-by. `maddr` is not followed: it
    /// would let a sender point our answers at a third party (F-SIP-2).
    pub fn reply_address(&self, peer: SocketAddr) -> SocketAddr {
        if self.params.has("rport") {
            return peer;
        }
        SocketAddr::new(peer.ip(), self.port.unwrap_or(5060))
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)
    }
}
