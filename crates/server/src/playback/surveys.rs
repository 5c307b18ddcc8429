//! The newest surveys: whoever goes on listening to a recording, or looks at it and then listens, does not have the heads of all its
//! packets read again. Of an hour's call they are a third of a million.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use vault::{Digest, RecordingReader};

use super::SoundError;
use super::survey::Survey;
use crate::keep::manifest::Manifest;

/// How many are kept: some ten kilobytes each as a rule, some hundred at most.
const KEPT: usize = 64;

/// One that is there, or in the making: who asks meanwhile waits for it.
type Place = Arc<Mutex<Option<Arc<Survey>>>>;

/// Surveys by the digests of their files: a redaction makes another file. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Surveys(Arc<Mutex<VecDeque<(Digest, Place)>>>);

impl Surveys {
    /// The survey of an open recording.
    pub(super) fn of(
        &self,
        reader: &mut RecordingReader,
        manifest: &Manifest,
    ) -> Result<Arc<Survey>, SoundError> {
        let place = self.place(reader.digest());
        let mut known = place.lock();
        if let Some(survey) = &*known {
            return Ok(Arc::clone(survey));
        }
        let survey = Arc::new(Survey::read(reader, manifest)?);
        // What was damaged may be read another time: the disk is asked again.
        if survey.damaged == 0 {
            *known = Some(Arc::clone(&survey));
        }
        Ok(survey)
    }

    /// The place of a file, newest first.
    fn place(&self, digest: Digest) -> Place {
        let mut kept = self.0.lock();
        let found = kept.iter().position(|(of, _)| *of == digest).and_then(|at| kept.remove(at));
        let (digest, place) = found.unwrap_or_else(|| (digest, Place::default()));
        kept.push_front((digest, Arc::clone(&place)));
        kept.truncate(KEPT);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_the_same_file_has_the_same_place() {
        let surveys = Surveys::default();
        let digest = |n: u8| Digest([n; 32]);
        let first = surveys.place(digest(0));
        for n in 1..=60 {
            surveys.place(digest(n));
        }
        assert!(Arc::ptr_eq(&first, &surveys.place(digest(0))));
        for n in 61..=124 {
            surveys.place(digest(n));
        }
        assert!(!Arc::ptr_eq(&first, &surveys.place(digest(0))), "it was let go");
        assert_eq!(surveys.0.lock().len(), KEPT);
    }
}
