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
mod habit;
mod heard;
mod notary;
mod note;
mod past;
mod signer;
mod stamp;
mod witness;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use audit::Entry;
use index::Trail;
use tokio::sync::{mpsc, oneshot};

pub use act::{Act, Actor};
pub use habit::Usual;
pub use heard::Heard;
pub use notary::TipSigner;
pub(crate) use note::{Note, note, note_more, note_name};
pub(crate) use past::said_of;
pub use signer::Signer;
pub(crate) use signer::sign_head;
pub use stamp::{Authority, NoToken};
pub use witness::{WITNESS_FILE, Witness};

use crate::clock::Clock;
use crate::observe::alarms::{About, Alarms, Kind};
use crate::observe::metrics::Metrics;

/// Acts that may wait: some minutes of a busy recorder, and at most 250 MB of the longest.
const WAITING_LIMIT: usize = 10_000;

/// How long somebody waits for an act without which nothing may leave.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long an answer is held back for its act. A blackout is confirmed within 250 ms (C2-02).
const MOMENT: Duration = Duration::from_millis(100);

/// Raises the alarm if something was found at the end of the chain that is not ours. The chain says it for good.
fn tell_touched(trail: &Trail, alarms: &Alarms) {
    if let Some(found) = trail.take_touched() {
        alarms.raise(Kind::AuditTouched, About::Part("audit".to_owned()), found);
    }
}

/// An act could not be made durable, so what it is about may not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("who did it cannot be written down now")]
pub struct NotWritten;

/// An act on its way.
struct Queued {
    entry: Entry,
    /// Told the entry's number.
    reply: oneshot::Sender<u64>,
    /// Whether it is given up when it cannot be written: then what it is about has not happened.
    must: bool,
    /// Who decides what becomes of it.
    hands: Arc<AtomicU8>,
}

/// It waits: who waits for it may still give it up.
const WAITING: u8 = 0;
/// It is being written: who waits for it has to hear what comes of that.
const TAKEN: u8 = 1;
/// Who waited for it has gone on without it: it is not written.
const GIVEN_UP: u8 = 2;

/// Passes an act from one state to another; false if somebody else was faster.
fn pass(hands: &AtomicU8, to: u8) -> bool {
    hands.compare_exchange(WAITING, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
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
    ///
    /// Who hears more recordings within an hour than is `usual` is an alarm.
    pub fn start(
        trail: Trail,
        clock: Clock,
        metrics: Arc<Metrics>,
        alarms: Alarms,
        usual: impl Into<Usual>,
    ) -> Self {
        let (queue, queued) = mpsc::channel(WAITING_LIMIT);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = writer::Writer {
            trail,
            clock,
            metrics: Arc::clone(&metrics),
            alarms,
            lost: Arc::clone(&lost),
            listens: habit::ListenWatch::new(usual.into()),
        };
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
        let (mut number, hands) = self.queue(act, true).ok_or(NotWritten)?;
        match tokio::time::timeout(PATIENCE, &mut number).await {
            Ok(written) => written.map_err(|_| NotWritten),
            Err(_) if pass(&hands, GIVEN_UP) => Err(NotWritten),
            // It is just being written: the database has its own patience, and then there is an answer.
            Err(_) => number.await.map_err(|_| NotWritten),
        }
    }

    /// Hands an act over that has happened; never waits.
    pub fn tell(&self, act: Act) {
        self.queue(act, false);
    }

    /// Hands an act over that has happened, and waits a moment until it is durable.
    pub async fn note(&self, act: Act) {
        self.tell_within(MOMENT, act).await;
    }

    /// Waits until all that was handed over so far is written, or cannot be.
    pub async fn flush(&self, act: Act) {
        self.tell_within(PATIENCE, act).await;
    }

    /// Hands an act over, and waits until it is durable, or for so long.
    async fn tell_within(&self, longest: Duration, act: Act) {
        if let Some((number, _)) = self.queue(act, false) {
            let _ = tokio::time::timeout(longest, number).await;
        }
    }

    fn queue(&self, act: Act, must: bool) -> Option<(oneshot::Receiver<u64>, Arc<AtomicU8>)> {
        let ((reply, number), hands) = (oneshot::channel(), Arc::new(AtomicU8::new(WAITING)));
        let queued =
            Queued { entry: act.into_entry(self.clock.now()), reply, must, hands: Arc::clone(&hands) };
        if self.queue.try_send(queued).is_ok() {
            return Some((number, hands));
        }
        if !must {
            self.lost.fetch_add(1, Ordering::Relaxed);
            self.metrics.audit_lost.increment();
        }
        None
    }
}
