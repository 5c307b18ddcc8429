//! Who may speak: this machine, and the networks that are allowed. Who may not is refused, counted, and said in the log.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;
use crate::observe::metrics::Metrics;

/// Connections to the ports of XML at a time.
const MAX_CONNECTIONS: usize = 256;

/// How often the log says that somebody is refused: who knocks again and again must not fill it.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// See the module's head. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Peers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    allowed: Vec<rtp::Network>,
    places: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    clock: Clock,
    /// When the log was told last, and how many were refused since.
    said: Mutex<(Option<Duration>, u64)>,
}

impl Peers {
    pub(super) fn new(allowed: Vec<rtp::Network>, metrics: Arc<Metrics>, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            allowed,
            places: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            metrics,
            clock,
            said: Mutex::default(),
        }))
    }

    /// Whether a peer may speak. Counts, and says so in the log if not.
    pub(crate) fn admit(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        if peer.is_loopback() || self.0.allowed.iter().any(|network| network.contains(peer)) {
            return true;
        }
        self.0.metrics.xml_peers_refused.increment();
        let (now, mut said) = (self.0.clock.since_start(), self.0.said.lock());
        said.1 += 1;
        if said.0.is_none_or(|last| now.saturating_sub(last) >= SAY_EVERY) {
            let refused = said.1;
            tracing::warn!(%peer, refused, "a peer that wfo_xml.allow does not name is refused");
            *said = (Some(now), 0);
        }
        false
    }

    /// A place for a connection of a peer, given back when it is dropped.
    pub(super) fn place(&self, peer: IpAddr) -> Option<OwnedSemaphorePermit> {
        if !self.admit(peer) {
            return None;
        }
        let place = Arc::clone(&self.0.places).try_acquire_owned().ok();
        match place {
            Some(_) => self.0.metrics.xml_connections.increment(),
            None => self.0.metrics.xml_too_many.increment(),
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(metrics: &Arc<Metrics>) -> Peers {
        let allowed = [("192.0.2.10", 32), ("10.20.0.0", 16), ("2001:db8::", 32)];
        let network = |(address, bits): (&str, u8)| rtp::Network::new(address.parse().unwrap(), bits);
        Peers::new(allowed.map(network).into(), Arc::clone(metrics), Clock::start())
    }

    #[test]
    fn this_machine_and_who_is_allowed_may_speak_and_others_are_counted() {
        let metrics = Arc::new(Metrics::default());
        let peers = peers(&metrics);
        for peer in [
            "127.0.0.1",
            "127.8.8.8",
            "::1",
            "::ffff:127.0.0.1",
            "192.0.2.10",
            "::ffff:10.20.3.4",
            "2001:db8:1::1",
        ] {
            assert!(peers.admit(peer.parse().unwrap()), "{peer}");
        }
        assert_eq!(metrics.xml_peers_refused.get(), 0);
        for peer in ["192.0.2.11", "10.21.0.1", "::ffff:192.0.2.11", "2001:db9::1", "fe80::1", "0.0.0.0"] {
            assert!(!peers.admit(peer.parse().unwrap()), "{peer}");
        }
        assert_eq!(metrics.xml_peers_refused.get(), 6);
        assert!(peers.place("192.0.2.11".parse().unwrap()).is_none());
    }

    #[test]
    fn there_are_so_many_places_and_no_more_until_one_is_given_back() {
        let metrics = Arc::new(Metrics::default());
        let peers = peers(&metrics);
        let here: IpAddr = "127.0.0.1".parse().unwrap();
        let mut held: Vec<_> = (0..300).filter_map(|_| peers.place(here)).collect();
        assert_eq!((held.len(), metrics.xml_too_many.get()), (MAX_CONNECTIONS, 300 - MAX_CONNECTIONS as u64));
        held.pop();
        assert!(peers.place(here).is_some());
    }
}
