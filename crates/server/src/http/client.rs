//! Who is at the other end of a request, as far as the line tells.
//!
//! Behind a proxy the address is that of whoever asked the proxy, if the settings trust it to say so; from anybody
//! else such words are not believed. Does not belong here: who that is by name, and what they may do.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, header};

use super::guard::is_no_name;
use crate::config::Network;
use crate::tls::ClientCertificate;

/// The other end of a request. Every request that came over a socket has one as an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its address; behind a trusted proxy that of whoever asked the proxy.
    pub address: IpAddr,
    /// Whether all of the line that is known of is TLS.
    pub secure: bool,
    /// Whether it has come from the very address it came to, so that its line does not leave the machine.
    ///
    /// In the clear only if it asks by address: a page in a browser here may have a name of its own that was made to lead here
    /// (F-CSRF).
    pub own: bool,
    /// Whether somebody in between says to ask for another. An address of this machine is then no proof of being on it.
    pub proxied: bool,
    /// The certificate it has shown on this connection, which one of our authorities has given.
    pub certificate: Option<Arc<ClientCertificate>>,
}

impl Client {
    /// One that asks from an address, in the clear and with nobody in between.
    pub fn at(address: IpAddr) -> Self {
        Self { address, secure: false, own: false, proxied: false, certificate: None }
    }

    /// Whether it is a program or a person on this very machine.
    pub fn is_local(&self) -> bool {
        (self.own || self.address.to_canonical().is_loopback()) && !self.proxied
    }
}

/// A connection, before anything was said on it.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) peer: SocketAddr,
    /// The address it came to, if the system says.
    pub(super) at: Option<SocketAddr>,
    pub(super) secure: bool,
    pub(super) certificate: Option<Arc<ClientCertificate>>,
}

/// Proxies whose word is taken on who asks.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<siprec::Network>);

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

impl Proxies {
    /// Those of these networks.
    pub fn new(networks: &[Network]) -> Self {
        Self(networks.iter().map(|network| network.of_peer()).collect())
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.holds(address.to_canonical()))
    }

    /// Who asks with these headers on this line.
    pub(super) fn client(&self, line: &Line, headers: &HeaderMap) -> Client {
        let peer = line.peer.ip().to_canonical();
        let certificate = line.certificate.clone();
        let by_name = text(headers, &header::HOST).is_some_and(|host| !is_no_name(host));
        let own = line.at.is_some_and(|at| at.ip().to_canonical() == peer) && (line.secure || !by_name);
        let proxied = [FORWARDED_FOR, FORWARDED_PROTO, header::FORWARDED, header::VIA]
            .iter()
            .any(|name| headers.contains_key(name));
        if !proxied || !self.trust(peer) {
            return Client { address: peer, secure: line.secure, own, proxied, certificate };
        }
        // A proxy that we do not know to have the same authorities has checked no certificate of ours.
        let by_tls =
            text(headers, &FORWARDED_PROTO).is_some_and(|said| said.trim().eq_ignore_ascii_case("https"));
        Client { address: self.origin(peer, headers), secure: by_tls, own, proxied, certificate: None }
    }

    /// The address nearest to us that is no trusted proxy's. Each proxy adds who asked it at the end.
    fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines = headers.get_all(FORWARDED_FOR);
        let said: Vec<&str> =
            lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).collect();
        let mut nearest = peer;
        for hop in said.iter().rev() {
            // What is no address was not written by a proxy we trust: go no further.
            let Some(address) = read_hop(hop.trim()) else { break };
            nearest = address;
            if !self.trust(address) {
                break;
            }
        }
        nearest
    }
}

/// An address, with or without a port.
fn read_hop(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let alone = || bare.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    alone().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

/// A header that stands there once.
fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn asked(trusted: &[&str], peer: &str, headers: &[(&'static str, &'static str)]) -> Client {
        asked_at("192.0.2.10:8443", trusted, peer, headers)
    }

    fn asked_at(at: &str, trusted: &[&str], peer: &str, headers: &[(&'static str, &'static str)]) -> Client {
        let networks: Vec<Network> = trusted.iter().map(|&net| net.to_owned().try_into().unwrap()).collect();
        let certificate = Arc::new(ClientCertificate {
            subject: "CN=crm".to_owned(),
            names: Vec::new(),
            fingerprint: [7; 32],
        });
        let (peer, at) = (peer.parse().unwrap(), at.parse().ok());
        let line = Line { peer, at, secure: false, certificate: Some(certificate) };
        let mut map = HeaderMap::new();
        for &(name, value) in headers {
            map.append(name, HeaderValue::from_static(value));
        }
        Proxies::new(&networks).client(&line, &map)
    }

    fn address(trusted: &[&str], peer: &str, forwarded: &'static str) -> String {
        asked(trusted, peer, &[("x-forwarded-for", forwarded)]).address.to_string()
    }

    #[test]
    fn the_word_of_a_proxy_counts_only_if_it_is_listed() {
        assert_eq!(address(&["10.1.0.0/16"], "10.1.2.3:443", "192.0.2.9"), "192.0.2.9");
        assert_eq!(address(&["10.1.0.0/16"], "10.2.2.3:443", "192.0.2.9"), "10.2.2.3");
        assert_eq!(address(&[], "127.0.0.1:443", "192.0.2.9"), "127.0.0.1");
    }

    #[test]
    fn what_the_client_itself_has_written_before_the_proxy_is_not_believed() {
        for forwarded in ["127.0.0.1, 192.0.2.9", "127.0.0.1,10.1.0.1,192.0.2.9", "nonsense, 192.0.2.9"] {
            assert_eq!(address(&["10.1.0.0/16"], "10.1.2.3:443", forwarded), "192.0.2.9", "{forwarded}");
        }
        let two = [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "192.0.2.9")];
        assert_eq!(asked(&["10.1.0.0/16"], "10.1.2.3:1", &two).address.to_string(), "192.0.2.9");
    }

    #[test]
    fn several_proxies_in_a_row_are_followed_to_the_first_that_is_none() {
        assert_eq!(address(&["10.1.0.0/16"], "10.1.2.3:443", "198.51.100.1, 10.1.9.9"), "198.51.100.1");
        assert_eq!(address(&["10.1.0.0/16"], "10.1.2.3:443", "[2001:db8::1]:4711"), "2001:db8::1");
        assert_eq!(address(&["::1"], "[::1]:443", "192.0.2.9:4711, nonsense"), "::1");
        assert_eq!(address(&["10.1.0.0/16"], "[::ffff:10.1.2.3]:443", "::ffff:192.0.2.9"), "192.0.2.9");
    }

    #[test]
    fn who_comes_by_a_proxy_is_not_on_this_machine() {
        assert!(asked(&[], "127.0.0.1:9", &[]).is_local());
        for header in ["x-forwarded-for", "forwarded", "via", "x-forwarded-proto"] {
            assert!(!asked(&[], "127.0.0.1:9", &[(header, "127.0.0.1")]).is_local(), "{header}");
        }
        assert!(!asked(&["127.0.0.1"], "127.0.0.1:9", &[("x-forwarded-for", "127.0.0.1")]).is_local());
    }

    #[test]
    fn who_comes_from_the_address_that_is_asked_is_on_this_machine_and_no_other_is() {
        let at = |at, peer| asked_at(at, &[], peer, &[]).is_local();
        assert!(at("192.0.2.10:8443", "192.0.2.10:50000"));
        assert!(at("[::ffff:192.0.2.10]:8443", "192.0.2.10:50000"));
        assert!(at("[2001:db8::1]:8443", "[2001:db8::1]:50000"));
        assert!(!at("192.0.2.10:8443", "192.0.2.11:50000"));
        let named = |host| asked_at("192.0.2.10:80", &[], "192.0.2.10:50000", &[("host", host)]).is_local();
        assert!(named("192.0.2.10") && !named("rebound.example.com"));
        assert!(!at("", "192.0.2.10:50000"));
        // A proxy on this machine asks for others, whoever it is listed as.
        for trusted in [&[][..], &["192.0.2.10"]] {
            for said in ["192.0.2.10", "198.51.100.7"] {
                let headers = [("x-forwarded-for", said)];
                assert!(!asked_at("192.0.2.10:8443", trusted, "192.0.2.10:50000", &headers).is_local());
            }
        }
    }

    #[test]
    fn tls_before_a_listed_proxy_counts_and_a_certificate_is_its_own_affair() {
        let secure = [("x-forwarded-proto", "https"), ("x-forwarded-for", "192.0.2.9")];
        assert!(asked(&["127.0.0.1"], "127.0.0.1:9", &secure).secure);
        assert_eq!(asked(&["127.0.0.1"], "127.0.0.1:9", &secure).certificate, None);
        assert!(!asked(&[], "127.0.0.1:9", &secure).secure);
        let twice = [("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")];
        assert!(!asked(&["127.0.0.1"], "127.0.0.1:9", &twice).secure);
    }
}
