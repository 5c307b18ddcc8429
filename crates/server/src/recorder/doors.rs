//! What a recorder shows who comes by TLS, and HTTP as it is heard.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch as signal;

use super::{Core, StartError};
use crate::config::Config;
use crate::http::listener::LimitedListener;
use crate::http::{self, App, Entrance, Proxies};
use crate::tls::{Spoken, TlsError, TlsServer};

/// What is shown to whom.
pub(super) struct Certificates {
    pub(super) sip: Option<TlsServer>,
    pub(super) http: Option<TlsServer>,
}

impl Certificates {
    /// Reads the files of the settings.
    pub(super) fn open(config: &Config) -> Result<Self, TlsError> {
        let open = |files: &_, spoken| TlsServer::open(Clone::clone(files), spoken);
        Ok(Self {
            sip: config.sip_tls.as_ref().map(|heard| open(&heard.files, Spoken::Sip)).transpose()?,
            http: config.http_tls.as_ref().map(|files| open(files, Spoken::Http)).transpose()?,
        })
    }
}

impl Core {
    /// Has certificates exchanged when their files change.
    pub(super) fn watch_tls(&self, certificates: &Certificates, stop: &signal::Receiver<bool>) {
        let sip = certificates.sip.clone().map(|tls| (tls, "certificate"));
        let http = certificates.http.clone().map(|tls| (tls, "certificate of HTTP"));
        for (tls, part) in sip.into_iter().chain(http) {
            let (clock, alarms) = (self.finisher.clock, self.finisher.alarms.clone());
            tokio::spawn(crate::tls::watch(tls, part, clock, alarms, stop.clone()));
        }
    }
}

pub(super) async fn serve_http(
    config: &Config,
    app: App,
    stop: signal::Receiver<bool>,
) -> Result<SocketAddr, StartError> {
    let port = |cause| StartError::Port { what: "HTTP", address: config.http, cause };
    let listener = TcpListener::bind(config.http).await.map_err(port)?;
    let heard = listener.local_addr().map_err(port)?;
    let entrance = Entrance {
        listener: LimitedListener::new(listener),
        tls: app.http_tls.clone(),
        proxies: Proxies::new(&config.trusted_proxies),
        hsts: http::hsts(config.hsts),
        metrics: Arc::clone(&app.metrics),
    };
    tokio::spawn(http::serve(entrance, http::router(app), stop));
    Ok(heard)
}
