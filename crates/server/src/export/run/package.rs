//! What a package has beside sound: papers and sealed files, and the list at its end (C8-07).

use sha2::Digest as _;
use vault::Digest;

use super::super::listing::{LIST, Listing};
use super::super::papers::{KEY, README};
use super::super::work::SealedFile;
use super::super::{ExportError, name};
use super::{Run, Stage, broken};

impl Run {
    /// What lies beside the sound in a package.
    pub(super) async fn put_papers(&mut self, sealed: Box<SealedFile>) -> Result<(), ExportError> {
        let listens = self.source.index.trail().listens(sealed.recording).await.map_err(|error| {
            tracing::error!(%error, "a package cannot be made");
            ExportError::Unmade("who listened cannot be read now".to_owned())
        })?;
        let source = self.source.clone();
        let mut work = self.work.take().ok_or_else(|| broken("a thread has lost it"))?;
        let put = tokio::task::spawn_blocking(move || {
            work.put_papers(&source, &sealed, &listens).map(|()| (work, sealed))
        });
        let (work, sealed) = put.await.map_err(|error| broken(&error.to_string()))??;
        self.work = Some(work);
        self.stage = Stage::Copying(sealed);
        Ok(())
    }

    /// The next piece of a sealed file.
    pub(super) async fn copy(&mut self, mut sealed: Box<SealedFile>) -> Result<(), ExportError> {
        let mut work = self.work.take().ok_or_else(|| broken("a thread has lost it"))?;
        let copied = tokio::task::spawn_blocking(move || {
            let is_over = work.copy(&mut sealed)?;
            Ok((work, sealed, is_over))
        });
        let (work, sealed, is_over) = copied.await.map_err(|error| broken(&error.to_string()))??;
        self.work = Some(work);
        if is_over {
            self.has_left();
        } else {
            self.stage = Stage::Copying(sealed);
        }
        Ok(())
    }

    /// The end of a package: the list of what is in it, signed.
    pub(super) fn finish_package(&mut self) -> Result<(), ExportError> {
        let now = self.source.clock.now();
        let at = name::zip_time(now, &self.source.zone);
        let work = self.work.as_mut().ok_or_else(|| broken("a thread has lost it"))?;
        let key = self.source.signing.public();
        work.put_file(README.0, README.1.as_bytes(), at)?;
        work.put_file(KEY, key.line().as_bytes(), at)?;
        let listing = Listing {
            program: concat!("sidetone ", env!("CARGO_PKG_VERSION")).to_owned(),
            made: name::rfc3339(now),
            who: self.wanted.asker.name.clone(),
            files: work.bundle.listed(),
        };
        work.put_file(LIST, listing.sign(&self.source.signing).as_bytes(), at)
    }

    /// Takes bytes of a package into account as they leave, and logs what all of them come to (C8-07).
    pub(super) fn hash(&mut self, made: &[u8]) {
        let Some(hasher) = &mut self.hasher else { return };
        hasher.update(made);
        if matches!(self.stage, Stage::Made) {
            let digest = Digest(std::mem::take(hasher).finalize().into());
            let who = &self.wanted.asker.name;
            tracing::info!(%digest, who, recordings = self.wanted.recordings.len(), "a package has left");
        }
    }
}
