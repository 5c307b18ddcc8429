//! What exports are made from is handed to them.

use std::sync::Arc;

use index::Index;
use vault::{ReadingKey, SigningKey};

use super::Core;
use crate::aftercare::retention::Archives;
use crate::config::Config;
use crate::export::{Exports, Source};
use crate::observe::health::Readiness;
use crate::trail::Audit;

impl Core {
    /// Lets recordings leave as files.
    pub(super) fn exports(
        &self,
        config: &Config,
        (index, audit, archives, reading): (&Index, &Audit, &Archives, &ReadingKey),
        signing: &SigningKey,
        readiness: &Readiness,
    ) -> Exports {
        let source = Source {
            index: index.clone(),
            audit: audit.clone(),
            archives: archives.clone(),
            reading: reading.clone(),
            signing: signing.clone(),
            ffmpeg: config.ffmpeg.clone(),
            clock: self.finisher.clock,
            zone: config.zone.clone(),
            readiness: readiness.clone(),
            metrics: Arc::clone(&self.finisher.metrics),
            feed: self.feed.clone(),
        };
        Exports::new(source, config.smtp.clone())
    }
}
