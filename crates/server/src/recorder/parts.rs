//! Parts of the recorder that stand beside the way of a call, put together.

use std::sync::Arc;

use index::Index;
use vault::Archive;
use vault::keys::RecorderKeys;

use super::{Core, recover, watch};
use crate::config::Config;
use crate::http::KnownAs;
use crate::identity::Identity;
use crate::keep::Volumes;
use crate::observe::health::Readiness;
use crate::observe::overload::LoadGauge;
use crate::sign_on::{SignOn, Wiring};
use crate::webhooks::{self, Webhooks};

impl Core {
    /// What tells whether calls can be taken.
    pub(super) fn looked(
        &self,
        config: &Config,
        volumes: Volumes,
        readiness: &Readiness,
        load: &LoadGauge,
        archive: &Archive,
    ) -> watch::Looked {
        watch::Looked {
            clock: self.finisher.clock,
            limits: config.limits,
            readiness: readiness.clone(),
            alarms: self.finisher.alarms.clone(),
            load: load.clone(),
            archive: archive.clone(),
            volumes,
            ports: self.ports.clone(),
            journal: self.finisher.journal.clone(),
        }
    }

    /// Who vouches for people, if somebody does.
    pub(super) fn sign_on(&self, config: &Config, identity: &Identity) -> Option<SignOn> {
        let settings = config.sign_on.clone()?;
        let metrics = Arc::clone(&self.finisher.metrics);
        Some(SignOn::new(Wiring {
            settings,
            identity: identity.clone(),
            clock: self.finisher.clock,
            metrics,
        }))
    }

    /// As what the recorder is known, and the way of events to their receivers; what an earlier run has not put on it is on it.
    pub(super) async fn webhooks(
        &self,
        config: &Config,
        index: &Index,
        keys: RecorderKeys,
    ) -> (KnownAs, Webhooks) {
        let known_as = KnownAs::new(config.public_url.clone());
        let webhooks = Webhooks::new(webhooks::Wiring {
            clock: self.finisher.clock,
            outbox: index.outbox(),
            keys,
            feed: self.feed.clone(),
            alarms: self.finisher.alarms.clone(),
            metrics: Arc::clone(&self.finisher.metrics),
            host: known_as.host.clone(),
            allow: config.webhooks_allow.clone(),
            ca: config.webhooks_ca.clone(),
        });
        let recover::Journaled { events, checkpoint, last } = &self.journaled;
        webhooks.recover(events, *checkpoint, *last).await;
        (known_as, webhooks)
    }
}
