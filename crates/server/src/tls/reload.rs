//! Looks at the files of TLS when told, and from time to time.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch as stopping;

use super::{Reloaded, TlsServer};
use crate::clock::Clock;
use crate::observe::alarms::{About, Alarms, Kind};

/// How often the files are looked at without being told.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// From when on somebody should see to it that there is a new one.
const EXPIRES_SOON_S: i64 = 14 * 24 * 60 * 60;

/// Exchanges the certificate whenever its files change, and at once on SIGHUP. A bad one is said and not taken.
///
/// `part` is whose certificate it is, in alarms.
pub(crate) async fn watch(
    tls: TlsServer,
    part: &'static str,
    clock: Clock,
    alarms: Alarms,
    mut stop: stopping::Receiver<bool>,
) {
    let certificate = || About::Part(part.to_owned());
    let mut told = match signal(SignalKind::hangup()) {
        Ok(told) => told,
        Err(error) => return tracing::error!(%error, "certificates cannot be exchanged without a restart"),
    };
    loop {
        let left_s = tls.expires_s() - clock.now().as_ms() / 1_000;
        if left_s < EXPIRES_SOON_S {
            let what = format!("{} days are left", left_s.max(0) / (24 * 60 * 60));
            alarms.raise(Kind::TlsCertificateExpires, certificate(), what);
        } else {
            alarms.clear(Kind::TlsCertificateExpires, &certificate());
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = told.recv() => {}
            _ = stop.wait_for(|stopping| *stopping) => return,
        }
        let looked = tls.clone();
        let Ok(looked) = tokio::task::spawn_blocking(move || looked.reload()).await else { continue };
        match looked {
            Ok(Reloaded::Same) => alarms.clear(Kind::TlsCertificate, &certificate()),
            Ok(Reloaded::Exchanged) => {
                alarms.clear(Kind::TlsCertificate, &certificate());
                tracing::info!(
                    part,
                    "another certificate is shown from now on; connections that stand go on"
                );
            }
            Err(error) => alarms.raise(Kind::TlsCertificate, certificate(), error.to_string()),
        }
    }
}
