//! SIP as a recorder that runs hears it.

use std::sync::Arc;

use super::{Core, Notices, StartError, seed};
use crate::config::{Config, Nat, Trunk, Unlisted};
use crate::ingest;
use crate::tls::TlsServer;

impl Core {
    pub(super) async fn hear_sip(
        &self,
        config: &Config,
        tls: Option<TlsServer>,
        notices: Notices,
    ) -> Result<ingest::Handle, StartError> {
        let wiring = ingest::Wiring {
            clock: self.finisher.clock,
            desk: self.finisher.desk.clone(),
            media: self.finisher.media.clone(),
            notices,
            ports: self.ports.clone(),
            metrics: Arc::clone(&self.finisher.metrics),
            alarms: self.finisher.alarms.clone(),
            refusals: self.refusals.clone(),
            chronicles: self.finisher.chronicles.clone(),
            begun: Arc::clone(&self.begun),
            tasks: self.tasks.clone(),
        };
        let mut settings = sip_settings(config, seed()?);
        settings.tls = config.sip_tls.as_ref().map(|heard| heard.listen).zip(tls);
        let started = ingest::start(settings, wiring).await;
        started.map_err(|cause| StartError::Port { what: "SIP", address: config.sip, cause })
    }
}

fn sip_settings(config: &Config, seed: [u8; 32]) -> ingest::Settings {
    let address = config.sip_advertised.unwrap_or(config.sip.ip());
    let host = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
    let identity = siprec::Identity {
        user: "sidetone".to_owned(),
        host,
        udp_port: config.sip.port(),
        tcp_port: config.sip.port(),
        tls_port: 0,
        media_address: address,
    };
    let mut endpoint = siprec::Config::new(identity);
    endpoint.session_timer.probe_every = config.probe_every;
    endpoint.limits.sessions = config.limits.recording_sessions;
    endpoint.peers = config.trunks.iter().map(Trunk::peer_rule).collect();
    endpoint.unlisted = match config.unlisted {
        Unlisted::Strict => siprec::Unlisted::Strict,
        Unlisted::Refuse => siprec::Unlisted::Refuse,
        Unlisted::Silent => siprec::Unlisted::Silent,
    };
    let terms = |trunk: &Trunk| ingest::TrunkTerms {
        name: Some(trunk.name.clone()),
        max_streams: trunk.max_streams,
        networks: trunk.networks.iter().map(|network| network.of_media()).collect(),
        media_networks: trunk.media_networks.iter().map(|network| network.of_media()).collect(),
        nat: trunk.nat == Nat::Latch,
        business_unit: trunk.business_unit,
        keep: trunk.keep.as_ref().unwrap_or(&config.keep).clone(),
    };
    let others = ingest::TrunkTerms { keep: config.keep.clone(), ..ingest::TrunkTerms::default() };
    let named = |trunk: &Trunk| (trunk.name.clone(), Arc::new(terms(trunk)));
    ingest::Settings {
        endpoint,
        bind: config.sip,
        tls: None,
        connections_per_address: config.connections_per_address,
        trunks: ingest::TermsByTrunk {
            trunks: config.trunks.iter().map(named).collect(),
            others: Arc::new(others),
        },
        seed,
    }
}
