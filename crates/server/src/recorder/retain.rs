//! Retention as a recorder that runs has it.

use std::sync::Arc;

use index::Index;
use tokio::sync::watch;

use super::{Core, StartError};
use crate::aftercare::retention::{Archives, Archivist, LocalFiles};
use crate::config::Config;
use crate::keep::Volumes;
use crate::keep::finish::Finisher;
use crate::observe::machine;
use crate::trail::Audit;

impl Core {
    /// Carries out retention; begins with what an earlier run has left.
    pub(super) fn archivist(
        &self,
        config: &Config,
        volumes: &Volumes,
        (index, audit): (&Index, &Audit),
        stop: watch::Receiver<bool>,
    ) -> Result<Archivist, StartError> {
        let Finisher { clock, sealing, journal, alarms, metrics, desk, .. } = self.finisher.clone();
        let boot = machine::boot_id();
        let archivist = Archivist {
            clock,
            readings: Arc::new(move || crate::clock::reading(boot.clone())),
            index: index.clone(),
            files: Arc::new(LocalFiles { sealing, journal }),
            archives: Archives::of(config, volumes, "fetched")
                .map_err(|error| StartError::Archive(error.to_string()))?,
            actions: Arc::new(move || {
                let desk = desk.clone();
                Box::pin(
                    async move { desk.look(|tracker| tracker.state().archive_actions.clone()).await.ok() },
                )
            }),
            settings: config.retention,
            alarms,
            feed: self.feed.clone(),
            audit: audit.clone(),
            metrics,
            memory: Arc::default(),
            turn: Arc::default(),
            wake: Arc::default(),
            forgotten: Arc::default(),
        };
        tokio::spawn(archivist.clone().run(stop));
        Ok(archivist)
    }
}
