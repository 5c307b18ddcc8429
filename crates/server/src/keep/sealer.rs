//! The sealer's thread: moves encrypted frames out of the journal into part files, and makes part files final.
//!
//! It sees a reading key only to erase a span of a recording. It works beside the journal's thread so that no commit waits for a seal.

use std::thread::JoinHandle;

use calls::id::{RecordingId, StreamNumber};
use crossbeam_channel::{Receiver, Sender};
use tokio::sync::oneshot;
use vault::{Destroyed, Erased, PacketHead, ReadingKey, Sealed, Sealer, Settlement, Survey};

use super::Handle;

/// Jobs that may wait. A settlement that finds no place is asked for again a second later.
const LIMIT: usize = 16_384;

/// Which packets are erased, and the manifest of what remains.
pub(crate) type Redaction =
    (Box<dyn FnMut(StreamNumber, &PacketHead) -> bool + Send>, Box<dyn FnOnce(&Erased) -> Vec<u8> + Send>);

type Redacted = Result<(Sealed, Erased), String>;

enum Job {
    Settle(Settlement),
    Seal { settlement: Settlement, manifest: Vec<u8>, reply: oneshot::Sender<Result<Sealed, String>> },
    Redact { recording: RecordingId, reading: ReadingKey, job: Redaction, reply: oneshot::Sender<Redacted> },
    Erase { recording: RecordingId, reply: oneshot::Sender<Result<Destroyed, String>> },
    RemoveMoved { recording: RecordingId, reply: oneshot::Sender<Result<(), String>> },
    Find { recording: RecordingId, reply: oneshot::Sender<Result<Option<Sealed>, String>> },
    Survey { settlement: Box<Settlement>, reply: oneshot::Sender<(Box<Settlement>, Result<Survey, String>)> },
}

/// The way to the sealer's thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sealing {
    jobs: Sender<Job>,
}

/// The thread, before it knows the journal it gives space back to.
#[derive(Debug)]
pub struct Unstarted {
    jobs: Receiver<Job>,
}

impl Sealing {
    /// Makes the way; the thread is started with [`start`] once the journal's thread is.
    pub fn new() -> (Self, Unstarted) {
        let (jobs, waiting) = crossbeam_channel::bounded(LIMIT);
        (Self { jobs }, Unstarted { jobs: waiting })
    }

    /// Moves what the settlement names into the recording's part file.
    pub fn settle(&self, settlement: Settlement) {
        if self.jobs.send(Job::Settle(settlement)).is_err() {
            tracing::error!("the sealer's thread is gone");
        }
    }

    /// Makes a recording's file final.
    ///
    /// # Errors
    /// What stood in the way, as a sentence.
    pub async fn seal(&self, settlement: Settlement, manifest: Vec<u8>) -> Result<Sealed, String> {
        let (reply, sealed) = oneshot::channel();
        self.put(Job::Seal { settlement, manifest, reply })?;
        sealed.await.map_err(|_| GONE.to_owned())?
    }

    /// What the part file and the settlement hold together.
    ///
    /// # Errors
    /// What stood in the way, as a sentence.
    pub async fn survey(&self, settlement: Settlement) -> Result<(Settlement, Survey), String> {
        let (reply, surveyed) = oneshot::channel();
        self.put(Job::Survey { settlement: Box::new(settlement), reply })?;
        let (settlement, survey) = surveyed.await.map_err(|_| GONE.to_owned())?;
        Ok((*settlement, survey?))
    }

    /// Erases packets of a sealed recording, and seals what remains.
    ///
    /// # Errors
    /// What stood in the way, as a sentence.
    pub(crate) async fn redact(
        &self,
        recording: RecordingId,
        reading: ReadingKey,
        job: Redaction,
    ) -> Result<(Sealed, Erased), String> {
        let (reply, redacted) = oneshot::channel();
        self.put(Job::Redact { recording, reading, job, reply })?;
        redacted.await.map_err(|_| GONE.to_owned())?
    }

    /// Destroys a sealed recording, its keys first.
    ///
    /// # Errors
    /// What stood in the way, as a sentence.
    pub(crate) async fn erase(&self, recording: RecordingId) -> Result<Destroyed, String> {
        let (reply, erased) = oneshot::channel();
        self.put(Job::Erase { recording, reply })?;
        erased.await.map_err(|_| GONE.to_owned())?
    }

    /// Removes the file of a recording that is kept elsewhere.
    ///
    /// # Errors
    /// What stood in the way, as a sentence.
    pub(crate) async fn remove_moved(&self, recording: RecordingId) -> Result<(), String> {
        let (reply, removed) = oneshot::channel();
        self.put(Job::RemoveMoved { recording, reply })?;
        removed.await.map_err(|_| GONE.to_owned())?
    }

    /// What is sealed of a recording, if it is.
    ///
    /// # Errors
    /// What stood in the way, as a sentence.
    pub async fn find(&self, recording: RecordingId) -> Result<Option<Sealed>, String> {
        let (reply, found) = oneshot::channel();
        self.put(Job::Find { recording, reply })?;
        found.await.map_err(|_| GONE.to_owned())?
    }

    fn put(&self, job: Job) -> Result<(), String> {
        self.jobs.send(job).map_err(|_| GONE.to_owned())
    }
}

const GONE: &str = "the sealer's thread is gone";

/// Starts the sealer's thread. It ends when the last [`Sealing`] is gone.
///
/// # Errors
/// What the kernel says to the making of a thread.
pub fn start(sealer: Sealer, unstarted: Unstarted, journal: Handle) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("sealer".into()).spawn(move || run(sealer, &unstarted.jobs, &journal))
}

fn run(mut sealer: Sealer, jobs: &Receiver<Job>, journal: &Handle) {
    if let Err(error) = sealer.end_redactions() {
        tracing::error!(%error, "a key that was to be destroyed is still there; the next redaction or start tries again");
    }
    for job in jobs {
        obey(&mut sealer, job, journal);
    }
}

/// The sealer without a thread: each call of the function does what waits, false after the last.
#[cfg(test)]
pub(crate) fn by_turns(mut sealer: Sealer, unstarted: Unstarted, journal: Handle) -> impl FnMut() -> bool {
    move || match unstarted.jobs.try_recv() {
        Ok(job) => {
            obey(&mut sealer, job, &journal);
            true
        }
        Err(error) => error == crossbeam_channel::TryRecvError::Empty,
    }
}

fn obey(sealer: &mut Sealer, job: Job, journal: &Handle) {
    match job {
        Job::Settle(settlement) => match sealer.settle(&settlement) {
            Ok(receipt) => journal.settled(receipt),
            Err(error) => {
                let recording = settlement.recording();
                tracing::error!(%error, recording.id = %recording, "a live recording stays in the journal");
            }
        },
        Job::Seal { settlement, manifest, reply } => {
            let _ = reply.send(sealer.seal(&settlement, &manifest).map_err(|error| error.to_string()));
        }
        Job::Redact { recording, reading, job: (mut erases, manifest), reply } => {
            let redacted = sealer.redact(recording, &reading, &mut erases, manifest);
            let _ = reply.send(redacted.map_err(|error| error.to_string()));
        }
        Job::Erase { recording, reply } => {
            let _ = reply.send(sealer.erase(recording).map_err(|error| error.to_string()));
        }
        Job::RemoveMoved { recording, reply } => {
            let _ = reply.send(sealer.remove_moved(recording).map_err(|error| error.to_string()));
        }
        Job::Find { recording, reply } => {
            let _ = reply.send(sealer.find(recording).map_err(|error| error.to_string()));
        }
        Job::Survey { settlement, reply } => {
            let survey = sealer.survey(&settlement).map_err(|error| error.to_string());
            let _ = reply.send((settlement, survey));
        }
    }
}
