//! Looks at the files of TLS when told, and from time to time.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch as stopping;

use super::{Reloaded, TlsServer};
use crate::observe::metrics::Metrics;

/// How often the files are looked at without being told.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Exchanges the certificate whenever its files change, and at once on SIGHUP. A bad one is said and not taken.
pub(crate) async fn watch(tls: TlsServer, metrics: Arc<Metrics>, mut stop: stopping::Receiver<bool>) {
    let mut told = match signal(SignalKind::hangup()) {
        Ok(told) => told,
        Err(error) => return tracing::error!(%error, "certificates cannot be exchanged without a restart"),
    };
    let mut said = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = told.recv() => said = None,
            _ = stop.wait_for(|stopping| *stopping) => return,
        }
        let looked = tls.clone();
        let Ok(looked) = tokio::task::spawn_blocking(move || looked.reload()).await else { continue };
        match looked {
            Ok(Reloaded::Same) => said = None,
            Ok(Reloaded::Exchanged) => {
                said = None;
                tracing::info!("another certificate is shown from now on; connections that stand go on");
            }
            Err(error) => {
                let why = error.to_string();
                if said.as_ref() != Some(&why) {
                    metrics.alarm_tls_certificate.increment();
                    tracing::error!(
                        why,
                        "the certificate on disk cannot be used; the one before is shown on"
                    );
                    said = Some(why);
                }
            }
        }
    }
}
