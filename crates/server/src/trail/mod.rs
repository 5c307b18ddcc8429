//! Who did what is written down (C8-05): whoever acts hands an [`Act`] to the [`Audit`], a task writes acts into the index in
//! their order, a batch at a time, each tied to the one before (C8-03).
//!
//! Nobody who records waits for it. What lets content out waits until its act is durable ([`Audit::write`]); everything else
//! hands its act over ([`Audit::tell`]) or gives it a moment ([`Audit::note`]). What does not fit into the queue while the index
//! is away is counted, raises an alarm, and stands as a number in the audit itself when it is back.
//!
//! Belongs here: acts, the queue, what is noted in a request. Does not: the chain (the crate `audit`), rows (the index), which
//! request is which act ([`crate::control`]).

mod act;
pub mod check;
mod heard;
mod note;
mod signer;
mod stamp;
mod witness;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use audit::Entry;
use index::Trail;
use tokio::sync::{mpsc, oneshot};

pub use act::{Act, Actor};
pub use heard::Heard;
pub(crate) use note::{Note, note};
pub use signer::Signer;
pub use stamp::{Authority, NoToken};
pub use witness::{WITNESS_FILE, Witness};

use crate::clock::Clock;
use crate::observe::alarms::Alarms;
use crate::observe::metrics::Metrics;

/// Acts that may wait: some minutes of a busy recorder, and at most 250 MB of the longest.
const WAITING_LIMIT: usize = 10_000;

/// How long somebody waits for an act without which nothing may leave.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long an answer is held back for its act. A blackout is confirmed within 250 ms (C2-02).
const MOMENT: Duration = Duration::from_millis(100);

/// An act could not be made durable, so what it is about may not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("who did it cannot be written down now")]
pub struct NotWritten;

/// An act on its way.
struct Queued {
    entry: Entry,
    /// Told the entry's number. An act with one is given up when it cannot be written.
    reply: Option<oneshot::Sender<u64>>,
    /// Whether it is given up when it cannot be written: then what it is about has not happened.
    must: bool,
}

/// The way to the audit. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    queue: mpsc::Sender<Queued>,
    /// Acts that found no place.
    lost: Arc<AtomicU64>,
    clock: Clock,
    metrics: Arc<Metrics>,
    asks_reason: bool,
}

impl Audit {
    /// Starts the task that writes into `trail`.
    pub fn start(trail: Trail, clock: Clock, metrics: Arc<Metrics>, alarms: Alarms) -> Self {
        let (queue, queued) = mpsc::channel(WAITING_LIMIT);
        let lost = Arc::new(AtomicU64::new(0));
        let writer =
            writer::Writer { trail, clock, metrics: Arc::clone(&metrics), alarms, lost: Arc::clone(&lost) };
        tokio::spawn(writer.run(queued));
        Self { queue, lost, clock, metrics, asks_reason: false }
    }

    /// Whether who listens has to say why (C5-06).
    #[must_use]
    pub fn asking_reasons(self, asks_reason: bool) -> Self {
        Self { asks_reason, ..self }
    }

    /// Whether who listens has to say why.
    pub fn asks_reason(&self) -> bool {
        self.asks_reason
    }

    /// Writes an act down; durable on return. Returns the number of its entry.
    ///
    /// # Errors
    /// [`NotWritten`]; then what it is about may not happen, and nothing of it will be written.
    pub async fn write(&self, act: Act) -> Result<u64, NotWritten> {
        let number = self.queue(act, true).ok_or(NotWritten)?;
        // Who stops waiting has it given up.
        tokio::time::timeout(PATIENCE, number).await.map_err(|_| NotWritten)?.map_err(|_| NotWritten)
    }

    /// Hands an act over that has happened; never waits.
    pub fn tell(&self, act: Act) {
        self.queue(act, false);
    }

    /// Hands an act over that has happened, and waits a moment until it is durable.
    pub async fn note(&self, act: Act) {
        if let Some(number) = self.queue(act, false) {
            let _ = tokio::time::timeout(MOMENT, number).await;
        }
    }

    /// Waits until all that was handed over so far is written, or cannot be.
    pub async fn flush(&self, act: Act) {
        if let Some(number) = self.queue(act, false) {
            let _ = tokio::time::timeout(PATIENCE, number).await;
        }
    }

    fn queue(&self, act: Act, must: bool) -> Option<oneshot::Receiver<u64>> {
        let (reply, number) = oneshot::channel();
        let queued = Queued { entry: act.into_entry(self.clock.now()), reply: Some(reply), must };
        if self.queue.try_send(queued).is_ok() {
            return Some(number);
        }
        if !must {
            self.lost.fetch_add(1, Ordering::Relaxed);
            self.metrics.audit_lost.increment();
        }
        None
    }
}
