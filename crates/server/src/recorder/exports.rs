//! What exports are made from is handed to them.

use std::sync::Arc;

use index::Index;

use super::Core;
use crate::aftercare::retention::Archives;
use crate::config::Config;
use crate::export::{Exports, Source};
use crate::identity::Identity;
use crate::keys::Keys;
use crate::observe::health::Readiness;
use crate::trail::Audit;

impl Core {
    /// Lets recordings leave as files.
    pub(super) fn exports(
        &self,
        config: &Config,
        (index, audit, archives, keys): (&Index, &Audit, &Archives, &Keys),
        (readiness, identity): (&Readiness, &Identity),
    ) -> Exports {
        let source = Source {
            index: index.clone(),
            audit: audit.clone(),
            archives: archives.clone(),
            reading: keys.reading.clone(),
            signing: keys.recorder.signing().clone(),
            ffmpeg: config.ffmpeg.clone(),
            clock: self.finisher.clock,
            zone: config.zone.clone(),
            readiness: readiness.clone(),
            identity: identity.clone(),
            metrics: Arc::clone(&self.finisher.metrics),
            feed: self.feed.clone(),
            alarms: self.finisher.alarms.clone(),
        };
        Exports::new(source, config.smtp.clone())
    }
}
