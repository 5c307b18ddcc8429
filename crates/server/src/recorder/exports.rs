//! What exports are made from is handed to them.

use std::sync::Arc;

use index::Index;
use vault::{Archive, ReadingKey};

use super::Core;
use crate::config::Config;
use crate::export::{Exports, Source};
use crate::observe::health::Readiness;

impl Core {
    /// Lets recordings leave as files.
    pub(super) fn exports(
        &self,
        config: &Config,
        (index, archive, reading): (&Index, &Archive, &ReadingKey),
        readiness: &Readiness,
    ) -> Exports {
        let source = Source {
            index: index.clone(),
            archive: archive.clone(),
            reading: reading.clone(),
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
