//! The audit of a recorder that runs.

use std::sync::Arc;

use index::Index;
use tokio::sync::watch;
use vault::RecorderKeys;

use super::{Core, StartError};
use crate::config::Config;
use crate::trail::{Act, Actor, Audit, Authority, Signer, Usual, Witness};

impl Core {
    /// Writes down who does what from now on; begins with the start and the settings it is under. What is written is signed
    /// until the recorder stops.
    pub(super) async fn audit(
        &self,
        config: &Config,
        index: &Index,
        keys: &RecorderKeys,
        stop: watch::Receiver<bool>,
    ) -> Result<(Audit, Signer), StartError> {
        let finisher = &self.finisher;
        let (clock, metrics, alarms) =
            (finisher.clock, Arc::clone(&finisher.metrics), finisher.alarms.clone());
        let wrong = |error: index::DatabaseError| StartError::Index(error.to_string());
        let keys_made = index.register().api_keys().await.map_err(wrong)?.into_iter();
        let keys_made = keys_made.map(|key| (key.name, key.created)).collect();
        let usual = Usual { norm: config.audit.norm(), keys: keys_made };
        let audit = Audit::start(index.trail(), clock, Arc::clone(&metrics), alarms.clone(), usual)
            .asking_reasons(config.audit.ask_reason);
        let act = Act::new(&Actor::recorder(), "recorder.start");
        audit.tell(act.about(concat!("version ", env!("CARGO_PKG_VERSION"))).detail(config.told()));
        let mut witnesses = Vec::new();
        witnesses.extend(config.audit.witness_folder.as_deref().map(Witness::in_folder));
        if let Some(bucket) = &config.audit.bucket {
            let wrong = |error| StartError::Archive(format!("audit.witness_s3: {error}"));
            witnesses.push(Witness::bucket(bucket).map_err(wrong)?);
        }
        let signer = Signer {
            trail: index.trail(),
            key: keys.signing().clone(),
            clock,
            metrics,
            alarms,
            witnesses: witnesses.into(),
            authority: config.audit.timestamp_url.clone().map(|url| Authority { url }),
            every: config.audit.every(),
            turn: Arc::default(),
        };
        tokio::spawn(signer.clone().run(stop));
        Ok((audit, signer))
    }
}
