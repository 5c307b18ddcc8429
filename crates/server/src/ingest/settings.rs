//! What the SIP task is told, and what it works with.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use calls::id::RecordingId;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::{KeepList, Ports};
use crate::clock::Clock;
use crate::observe::alarms::Alarms;
use crate::observe::chronicle::Chronicles;
use crate::observe::metrics::Metrics;
use crate::observe::refusals::Refusals;
use crate::tls::TlsServer;
use crate::{desk, media};

/// What the endpoint is told, and where it listens.
#[derive(Clone)]
pub struct Settings {
    /// The endpoint's settings; ports of the identity that are 0 are filled in from what is bound.
    pub endpoint: siprec::Config,
    /// Where to listen for datagrams and connections.
    pub bind: SocketAddr,
    /// Where to listen for TLS, and what is shown there.
    pub tls: Option<(SocketAddr, TlsServer)>,
    /// Connections of one address at a time.
    pub connections_per_address: usize,
    /// What the endpoint need not know.
    pub trunks: TermsByTrunk,
    /// Unpredictable.
    pub seed: [u8; 32],
}

/// The terms of all peers that do not concern SIP.
#[derive(Debug, Clone, Default)]
pub struct TermsByTrunk {
    /// Of each trunk, by its name.
    pub trunks: HashMap<String, Arc<TrunkTerms>>,
    /// Of peers without a trunk.
    pub others: Arc<TrunkTerms>,
}

impl TermsByTrunk {
    /// The terms of a peer by this trunk.
    pub fn of(&self, trunk: Option<&str>) -> &Arc<TrunkTerms> {
        trunk.and_then(|trunk| self.trunks.get(trunk)).unwrap_or(&self.others)
    }
}

/// The terms of a trunk that do not concern SIP.
#[derive(Debug, Clone, Default)]
pub struct TrunkTerms {
    /// Its name; none for peers without a trunk.
    pub name: Option<String>,
    /// Streams of it at a time, if there is a limit.
    pub max_streams: Option<usize>,
    /// Networks it signals from.
    pub networks: Vec<rtp::Network>,
    /// Networks that may send media besides the address in the SDP (B8-01).
    pub media_networks: Vec<rtp::Network>,
    /// Whether media comes through an address translator (B8-02).
    pub nat: bool,
    /// The business unit of its calls.
    pub business_unit: Option<i64>,
    /// What is kept of what it tells.
    pub keep: KeepList,
}

/// What the task works with.
#[derive(Debug)]
pub struct Wiring {
    /// The clock.
    pub clock: Clock,
    /// The desk.
    pub desk: desk::Handle,
    /// The media threads.
    pub media: media::Handle,
    /// What they notice.
    pub notices: mpsc::Receiver<media::Notice>,
    /// The media ports.
    pub ports: Ports,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What somebody should see to.
    pub alarms: Alarms,
    /// Who is turned away.
    pub refusals: Refusals,
    /// What happens to each call.
    pub chronicles: Chronicles,
    /// The recordings of an earlier run that hold something.
    pub begun: Arc<BTreeSet<RecordingId>>,
    /// Work that a stop of the recorder waits for.
    pub tasks: TaskTracker,
}
