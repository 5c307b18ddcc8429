//! Redaction of sealed recordings (C2-12): a span is erased for good, and it is on record who wanted it and why.
//!
//! The order never changes: the wish is durable; then the journal lets go of what it holds of sealed recordings; then the
//! file is replaced and the keys are destroyed; then the row says so. What was asked for and not done when the recorder
//! stopped is done after the next start.

use std::sync::Arc;
use std::time::Duration;

use calls::time::{Span, Wall};
use index::{Index, RedactionAsked, RedactionDone};
use tokio::sync::Mutex;
use vault::{Archive, Erased, ReadingKey, Sealed};

use super::erasure::Erasure;
use crate::clock::Clock;
use crate::keep::manifest::{Manifest, RedactedMinute, RedactedSpan};
use crate::keep::{Handle, Sealing};
use crate::observe::alarms::{About, Alarms, Kind};
use crate::observe::feed::Feed;
use crate::playback::SoundError;

/// How long to wait before a redaction that failed is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Why a span cannot be erased. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RedactFailure {
    /// There is nothing in it.
    #[error("no packet of the recording sounds in this span, so there is nothing to erase")]
    Nothing,
    /// A hold holds it, or it is in an archive.
    #[error(transparent)]
    Stays(index::RedactError),
    /// The recording cannot be read.
    #[error("the recording cannot be read")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nobody here can read it, and say which packets go.
    #[error(transparent)]
    NotHeld(SoundError),
    /// The wish cannot be written down.
    #[error("the redaction cannot be written down")]
    Index(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Erases spans of sealed recordings. Cheap to clone.
#[derive(Clone)]
pub struct Redactor {
    /// The clock.
    pub clock: Clock,
    /// Where wishes and rows stand.
    pub index: Index,
    /// The sealed files.
    pub archive: Archive,
    /// The key they are read with.
    pub reading: ReadingKey,
    /// Who replaces them.
    pub sealing: Sealing,
    /// The journal, which may hold frames of them still.
    pub journal: Handle,
    /// What somebody should see to.
    pub alarms: Alarms,
    /// Where it is told.
    pub feed: Feed,
    /// One at a time: two of one recording would each be made of the file before.
    pub turn: Arc<Mutex<()>>,
}

impl Redactor {
    /// Writes down that a span is to be erased, if there is something in it; returns the redaction's number. Durable on
    /// return: it will be done, if not in this run then in the next.
    ///
    /// # Errors
    /// [`RedactFailure`].
    pub async fn ask(&self, asked: &RedactionAsked) -> Result<i64, RedactFailure> {
        let (archive, key) = (self.archive.clone(), self.reading.clone());
        let (recording, span) = (asked.recording, (asked.from, asked.until));
        let count = tokio::task::spawn_blocking(move || {
            let (_, erasure) = Erasure::of(&archive, &key, recording, span)?;
            erasure.count(&archive, &key, recording)
        });
        let count = count.await.map_err(|error| RedactFailure::Unreadable(error.into()))?;
        let count = count.map_err(|error| match error {
            away @ SoundError::NotHeld(_) => RedactFailure::NotHeld(away),
            error => RedactFailure::Unreadable(error.into()),
        });
        if count? == 0 {
            return Err(RedactFailure::Nothing);
        }
        let number = self.index.ask_redaction(asked).await.map_err(|error| match error {
            stays @ (index::RedactError::Held(_) | index::RedactError::Archived(_)) => {
                RedactFailure::Stays(stays)
            }
            error => RedactFailure::Index(error.into()),
        })?;
        if asked.card_data {
            self.tell_owner(number, asked).await.map_err(|error| RedactFailure::Index(error.into()))?;
        }
        Ok(number)
    }

    /// The owner of a hold is told when something under it goes (C6).
    async fn tell_owner(&self, number: i64, asked: &RedactionAsked) -> Result<(), index::DatabaseError> {
        let redactions = self.index.redactions(asked.recording).await?;
        let redaction = redactions.into_iter().find(|redaction| redaction.number == number);
        let Some(hold) = redaction.and_then(|redaction| redaction.under_hold) else { return Ok(()) };
        let owner = self.index.hold(hold).await?.map_or_else(String::new, |hold| hold.wanted.owner);
        let what = format!("{} had it erased, under hold {hold} of {owner}", asked.who);
        self.alarms.raise(Kind::HeldRedacted, About::Recording(asked.recording), what);
        Ok(())
    }

    /// Does what was asked for, however often that has to be tried.
    pub async fn carry_out(self, number: i64, asked: RedactionAsked) {
        let _turn = self.turn.lock().await;
        let about = About::Recording(asked.recording);
        while let Err(error) = self.try_once(number, &asked).await {
            self.alarms.raise(Kind::NotRedacted, about.clone(), error);
            tokio::time::sleep(RETRY_AFTER).await;
        }
        self.alarms.clear(Kind::NotRedacted, &about);
        tracing::info!(recording.id = %asked.recording, number, "a span of a recording was erased");
        self.feed.tell_redacted(self.clock.now(), asked.recording, &asked.who);
    }

    /// Does what an earlier run was asked for and has not done.
    pub async fn go_on(self) {
        let waiting = loop {
            match self.index.redactions_not_done().await {
                Ok(waiting) => break waiting,
                Err(error) => {
                    tracing::error!(%error, "redactions that wait cannot be read");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        };
        for redaction in waiting {
            self.clone().carry_out(redaction.number, redaction.asked).await;
        }
    }

    async fn try_once(&self, number: i64, asked: &RedactionAsked) -> Result<(), String> {
        self.journal.begin_anew().await?;
        let (archive, key) = (self.archive.clone(), self.reading.clone());
        let (recording, span) = (asked.recording, (asked.from, asked.until));
        let read = tokio::task::spawn_blocking(move || Erasure::of(&archive, &key, recording, span));
        let read = read.await.map_err(|error| error.to_string())?;
        let (manifest, erasure) = read.map_err(|error| error.to_string())?;
        let at = self.clock.now();
        let done = if let Some(before) = manifest.redacted.iter().find(|span| span.number == number) {
            // It was replaced, and the recorder stopped before the row said so.
            let sealed = self.sealing.find(recording).await?.ok_or("its file is not there")?;
            let vault::Digest(digest_before) =
                before.digest_before.parse().map_err(|error: vault::NotADigest| error.to_string())?;
            done_of(at, &sealed, before.packets, digest_before)
        } else {
            let asked = asked.clone();
            let manifest_of = move |erased: &Erased| manifest_with(manifest, number, &asked, erased);
            let erases = move |stream, packet: &vault::PacketHead| erasure.covers(stream, packet);
            let job = (Box::new(erases) as _, Box::new(manifest_of) as _);
            let (sealed, erased) = self.sealing.redact(recording, self.reading.clone(), job).await?;
            done_of(at, &sealed, erased.packets, erased.digest_before.0)
        };
        self.index.end_redaction(number, &done).await.map_err(|error| error.to_string())
    }
}

fn done_of(at: Wall, sealed: &Sealed, packets: u64, digest_before: [u8; 32]) -> RedactionDone {
    RedactionDone {
        at,
        packets,
        packets_left: sealed.streams.iter().map(|tally| tally.packets).sum(),
        digest_before,
        digest_after: sealed.digest.0,
        file_bytes: sealed.bytes,
    }
}

/// The manifest of what remains: the one before, with what was erased and by whom.
fn manifest_with(mut manifest: Manifest, number: i64, asked: &RedactionAsked, erased: &Erased) -> Vec<u8> {
    manifest.redacted.push(RedactedSpan {
        number,
        span: Span { from: asked.from, until: Some(asked.until) },
        who: asked.who.clone(),
        why: asked.why.clone(),
        asked: asked.at,
        packets: erased.packets,
        digest_before: erased.digest_before.to_string(),
        minutes: erased
            .minutes
            .iter()
            .map(|minute| RedactedMinute {
                key: minute.key,
                key_digest: minute.key_digest.to_string(),
                blocks_digest: minute.blocks_digest.to_string(),
            })
            .collect(),
    });
    serde_json::to_vec(&manifest).expect("a manifest is made of texts, numbers and lists")
}
