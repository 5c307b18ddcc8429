//! The journal's thread: everything that must survive passes here, in one order.
//!
//! Media is committed at least every [`COMMIT_EVERY`]; a fact somebody waits for is committed at once, together
//! with all that came meanwhile (group commit). A commit that fails is tried again in a new segment until it
//! succeeds: an asker may give up waiting, the fact does not.
//!
//! Belongs here: when to commit. Does not: the bytes (the vault), what a fact means (the desk).

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use calls::id::RecordingId;
use calls::time::Wall;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};
use tokio::sync::oneshot;
use vault::{FrameBatch, JournalWriter, Receipt, Settlement, WriteError};

use super::sealer::Sealing;
use crate::clock::Clock;
use crate::observe::alarms::{About, Alarms, Kind};
use crate::observe::metrics::Metrics;

/// How long media may wait for its commit; a power cut costs at most this and a block's age (E2-02).
const COMMIT_EVERY: Duration = Duration::from_millis(250);

/// How long to wait before a failed commit is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// How often to look for recordings whose journal frames should move to their part file.
const SETTLE_EVERY: Duration = Duration::from_secs(1);

/// Jobs that may wait.
const LIMIT: usize = 4_096;

/// Receipts that may wait: one for each recording that is settled or sealed. They have a queue of their own, for
/// the sealer may not wait for the journal while the journal waits for the sealer.
const RECEIPTS_LIMIT: usize = 65_536;

/// Of the jobs, the share media may take: the rest is kept free for facts.
const MEDIA_LIMIT: usize = LIMIT / 2;

/// Empty batches kept ready for the media threads: each holds on to its memory.
const SPARES: usize = 8;

/// Batches taken with one commit at most, so that a flood of media cannot put a commit off.
const DRAIN_LIMIT: usize = 256;

enum Job {
    Media(FrameBatch),
    Facts {
        events: Vec<Vec<u8>>,
        done: oneshot::Sender<()>,
    },
    Checkpoint(Vec<u8>),
    Take {
        recording: RecordingId,
        reply: oneshot::Sender<Settlement>,
    },
    /// What a follower reads; nothing is taken.
    Unsettled {
        recording: RecordingId,
        reply: oneshot::Sender<Settlement>,
    },
    /// Let go of all that is settled.
    Anew {
        done: oneshot::Sender<()>,
    },
    /// Nothing more will come: commit and end.
    End,
}

/// The way to the journal's thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    jobs: Sender<Job>,
    receipts: Sender<Receipt>,
    spares: Receiver<FrameBatch>,
}

/// What the thread needs of others.
pub struct Wiring {
    /// The clock.
    pub clock: Clock,
    /// Where recordings are settled.
    pub sealing: Sealing,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What somebody should see to.
    pub alarms: Alarms,
    /// How the thread waits before it tries the disk again.
    pub pause: fn(Duration),
    /// Called when the journal has grown enough for a checkpoint of the tracker.
    pub checkpoint_due: Box<dyn Fn() + Send>,
}

fn journal() -> About {
    About::Part("journal".to_owned())
}

impl Handle {
    /// A cleared batch, with its memory still there if the journal has one to spare.
    pub fn spare_batch(&self) -> FrameBatch {
        self.spares.try_recv().unwrap_or_default()
    }

    /// Hands media over, unless too much is waiting.
    ///
    /// # Errors
    /// The batch, untouched.
    pub fn try_media(&self, batch: FrameBatch) -> Result<(), FrameBatch> {
        if self.jobs.len() >= MEDIA_LIMIT {
            return Err(batch);
        }
        self.jobs.try_send(Job::Media(batch)).map_err(|full| match full.into_inner() {
            Job::Media(batch) => batch,
            _ => FrameBatch::default(),
        })
    }

    /// Jobs that wait, and how many may until no more facts are taken.
    pub fn backlog(&self) -> (usize, usize) {
        (self.jobs.len(), LIMIT - LIMIT / 8)
    }

    /// Whether facts can be handed over.
    pub fn has_room(&self) -> bool {
        self.jobs.len() < LIMIT - LIMIT / 8
    }

    /// Appends facts; ends when they are durable.
    pub fn facts(&self, events: Vec<Vec<u8>>) -> impl Future<Output = ()> + Send + 'static {
        let (done, durable) = oneshot::channel();
        let jobs = self.jobs.clone();
        let mut refused = jobs.try_send(Job::Facts { events, done }).err();
        async move {
            // Full only when the disk hangs and blackouts go on closing gates: the fact waits, the gates do not.
            while let Some(TrySendError::Full(job)) = refused {
                tokio::time::sleep(RETRY_AFTER).await;
                refused = jobs.try_send(job).err();
            }
            if durable.await.is_err() {
                // The thread is gone: what is not durable must never be said to be.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Appends the tracker's whole state.
    pub fn checkpoint(&self, state: Vec<u8>) {
        self.put(Job::Checkpoint(state));
    }

    /// What the journal holds of a recording and its part file does not. Absent when the thread is gone.
    pub async fn take_unsettled(&self, recording: RecordingId) -> Option<Settlement> {
        let (reply, taken) = oneshot::channel();
        self.put(Job::Take { recording, reply });
        taken.await.ok()
    }

    /// Where in the journal the frames of a recording lie that are durable there and in no part file yet, for whoever
    /// follows it. Absent when the thread is gone, or has too much to do.
    pub async fn unsettled(&self, recording: RecordingId) -> Option<Settlement> {
        let (reply, told) = oneshot::channel();
        if self.jobs.len() >= MEDIA_LIMIT {
            return None;
        }
        self.put(Job::Unsettled { recording, reply });
        told.await.ok()
    }

    /// What was settled may leave the journal.
    pub fn settled(&self, receipt: Receipt) {
        if self.receipts.try_send(receipt).is_err() {
            tracing::warn!("the journal keeps frames that were settled until the next start");
        }
    }

    /// Has the journal let go, for good, of all it holds of recordings that are sealed by now.
    ///
    /// # Errors
    /// That the thread is gone.
    pub async fn begin_anew(&self) -> Result<(), String> {
        let (done, anew) = oneshot::channel();
        self.put(Job::Anew { done });
        anew.await.map_err(|_| "the journal's thread is gone, or full".to_owned())
    }

    /// Has the thread commit and end, once all that was handed over before is in.
    pub async fn end(&self) {
        let mut job = Job::End;
        while let Err(TrySendError::Full(refused)) = self.jobs.try_send(job) {
            job = refused;
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    fn put(&self, job: Job) {
        match self.jobs.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => tracing::error!("the journal's queue is full: a fact is refused"),
            Err(TrySendError::Disconnected(_)) => tracing::error!("the journal's thread is gone"),
        }
    }
}

/// Starts the journal's thread.
///
/// # Errors
/// What the kernel says to the making of a thread.
pub fn start(journal: JournalWriter, wiring: Wiring) -> std::io::Result<(Handle, JoinHandle<()>)> {
    let (handle, thread) = make(journal, wiring);
    let thread = std::thread::Builder::new().name("vault-0".into()).spawn(move || thread.run())?;
    Ok((handle, thread))
}

fn make(journal: JournalWriter, wiring: Wiring) -> (Handle, WriterThread) {
    let (jobs, waiting) = crossbeam_channel::bounded(LIMIT);
    let (receipts, received) = crossbeam_channel::bounded(RECEIPTS_LIMIT);
    let (spare, spares) = crossbeam_channel::bounded(SPARES);
    let now = wiring.clock.now();
    let thread = WriterThread {
        journal,
        wiring,
        jobs: waiting,
        receipts: received,
        spare,
        waiting: Vec::new(),
        takes: Vec::new(),
        anew: Vec::new(),
        uncommitted: false,
        commit_by: now,
        settle_at: now,
    };
    (Handle { jobs, receipts, spares }, thread)
}

/// The journal without a thread: each call of the function is a turn, false after the last.
#[cfg(test)]
pub(crate) fn by_turns(journal: JournalWriter, wiring: Wiring) -> (Handle, impl FnMut() -> bool) {
    let (handle, mut thread) = make(journal, wiring);
    let turn = move || {
        let came = thread.jobs.try_recv().map_err(|error| match error {
            crossbeam_channel::TryRecvError::Empty => RecvTimeoutError::Timeout,
            crossbeam_channel::TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
        });
        thread.turn(came)
    };
    (handle, turn)
}

struct WriterThread {
    journal: JournalWriter,
    wiring: Wiring,
    jobs: Receiver<Job>,
    receipts: Receiver<Receipt>,
    spare: Sender<FrameBatch>,
    /// Askers of facts that are appended and not committed.
    waiting: Vec<oneshot::Sender<()>>,
    takes: Vec<(RecordingId, oneshot::Sender<Settlement>)>,
    /// Askers who wait until the journal was begun anew.
    anew: Vec<oneshot::Sender<()>>,
    uncommitted: bool,
    commit_by: Wall,
    settle_at: Wall,
}

impl WriterThread {
    fn run(mut self) {
        loop {
            let came = self.jobs.recv_timeout(self.may_wait());
            if !self.turn(came) {
                return;
            }
        }
    }

    /// How long nothing has to be done, if nothing comes.
    fn may_wait(&self) -> Duration {
        let wake = if self.uncommitted { self.commit_by.min(self.settle_at) } else { self.settle_at };
        wake.since(self.wiring.clock.now())
    }

    /// Does what has come, and what is due. False when it was the last turn.
    fn turn(&mut self, came: Result<Job, RecvTimeoutError>) -> bool {
        let mut going = true;
        match came {
            Ok(job) => {
                going = self.take(job);
                let more: Vec<Job> = self.jobs.try_iter().take(DRAIN_LIMIT).collect();
                for job in more {
                    going &= self.take(job);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => going = false,
        }
        let now = self.wiring.clock.now();
        let asked = !self.waiting.is_empty() || !self.takes.is_empty() || !going;
        if asked || self.journal.holds_back() || (self.uncommitted && now >= self.commit_by) {
            self.commit();
        }
        for receipt in self.receipts.try_iter() {
            if let Err(error) = self.journal.settled(receipt) {
                tracing::warn!(%error, "the journal could not give space back yet");
            }
        }
        if !self.anew.is_empty() && self.journal.is_anew() {
            for done in self.anew.drain(..) {
                let _ = done.send(());
            }
        }
        if now >= self.settle_at {
            self.settle_at = now.after(SETTLE_EVERY);
            for recording in self.journal.settle_due() {
                let settlement = self.journal.take_unsettled(recording);
                self.wiring.sealing.settle(settlement);
            }
        }
        going
    }

    /// Appends a job's frames. False when it was the last.
    fn take(&mut self, job: Job) -> bool {
        if !self.uncommitted {
            self.commit_by = self.wiring.clock.now().after(COMMIT_EVERY);
        }
        match job {
            Job::Media(batch) => {
                self.uncommitted = true;
                self.append(batch);
            }
            Job::Facts { events, done } => {
                self.uncommitted = true;
                for event in events {
                    self.persist(|journal| journal.append_event(&event).map(drop));
                }
                self.waiting.push(done);
            }
            Job::Checkpoint(state) => {
                self.uncommitted = true;
                self.persist(|journal| journal.append_checkpoint(&state).map(drop));
            }
            Job::Take { recording, reply } => self.takes.push((recording, reply)),
            Job::Unsettled { recording, reply } => drop(reply.send(self.journal.unsettled(recording))),
            Job::Anew { done } => {
                self.journal.begin_anew();
                self.anew.push(done);
                self.settle_at = self.wiring.clock.now();
                // Old segments go when a later one has the whole state.
                (self.wiring.checkpoint_due)();
            }
            Job::End => return false,
        }
        true
    }

    fn append(&mut self, batch: FrameBatch) {
        let mut batch = Some(batch);
        self.persist(|journal| match journal.append(batch.take().unwrap_or_default()) {
            Ok(()) => Ok(()),
            Err(unappended) => {
                batch = Some(unappended.batch);
                Err(unappended.cause)
            }
        });
    }

    /// Does it until the journal takes it: the queue fills meanwhile, and says so to those who would add to it.
    /// What the journal can never take is counted and let go.
    fn persist(&mut self, mut act: impl FnMut(&mut JournalWriter) -> Result<(), WriteError>) {
        loop {
            match act(&mut self.journal) {
                Ok(()) => return,
                // What waits for the disk must get there first.
                Err(WriteError::Full | WriteError::Disk(_)) => self.commit(),
                Err(error) => {
                    self.wiring.metrics.frames_refused.increment();
                    let what = format!("the journal cannot take what it was given: {error}");
                    return self.wiring.alarms.raise(Kind::Storage, journal(), what);
                }
            }
        }
    }

    fn commit(&mut self) {
        let committed = loop {
            match self.journal.commit() {
                Ok(committed) => break committed,
                Err(error) => {
                    self.wiring.metrics.journal_failed.increment();
                    self.wiring.alarms.raise(Kind::JournalFailing, journal(), error.to_string());
                    (self.wiring.pause)(RETRY_AFTER);
                }
            }
        };
        self.uncommitted = false;
        self.wiring.metrics.journal_committed.increment();
        self.wiring.alarms.clear(Kind::JournalFailing, &journal());
        if let Some(error) = &committed.trouble {
            let what = format!("a segment was given up and its frames were written again elsewhere: {error}");
            self.wiring.alarms.raise(Kind::Storage, journal(), what);
        }
        for done in self.waiting.drain(..) {
            let _ = done.send(());
        }
        for (recording, reply) in std::mem::take(&mut self.takes) {
            let _ = reply.send(self.journal.take_unsettled(recording));
        }
        while !self.spare.is_full() {
            let batch = self.journal.spare_batch();
            if self.spare.try_send(batch).is_err() {
                break;
            }
        }
        if committed.checkpoint_due {
            (self.wiring.checkpoint_due)();
        }
    }
}
