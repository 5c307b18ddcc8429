//! Exports that were asked for: a few at a time on their way, each looked at, downloaded or sent, and cancelled.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use access::Principal;
use axum::body::Bytes;
use calls::time::Wall;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::letter::Letter;

use super::mail::Smtp;
use super::progress::{Progress, Tally};
use super::run::{Run, Source};
use super::{ExportError, Wanted};
use crate::identity::{NoPlace, Places};

/// Exports on their way at a time: each holds some megabytes and, now and then, a core (F-API-4).
const MAX_RUNNING: usize = 8;

/// Jobs that are kept at a time.
const MAX_JOBS: usize = 64;

/// Of them those of one account or key, so that nobody takes all places.
const MAX_JOBS_EACH: usize = 16;

/// How long a job is kept on which nothing happens. It holds a password, if it has one.
const KEPT: Duration = Duration::from_secs(3_600);

/// All exports. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Exports(Arc<Inner>);

struct Inner {
    source: Source,
    smtp: Option<Smtp>,
    places: Places,
    jobs: Mutex<BTreeMap<ExportId, Arc<Job>>>,
}

/// A job's id: nobody guesses it (F-API-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExportId(Uuid);

impl fmt::Display for ExportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for ExportId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::try_parse(text).map(Self)
    }
}

/// An export that was asked for.
pub struct Job {
    id: ExportId,
    created: Wall,
    wanted: Arc<Wanted>,
    progress: Progress,
    way: Mutex<Way>,
}

struct Way {
    state: State,
    touched: Wall,
    stop: CancellationToken,
}

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It waits to be downloaded.
    Ready,
    /// It is on its way.
    Running,
    /// All of it has left.
    Done,
    /// It broke off, and why. It may be downloaded again.
    Failed(String),
    /// Somebody ended it.
    Cancelled,
}

impl State {
    /// The word for it.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed(_) => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A job as it is now.
#[derive(Debug, Clone)]
pub struct JobView {
    /// Its id.
    pub id: ExportId,
    /// When it was asked for.
    pub created: Wall,
    /// What is to leave.
    pub wanted: Arc<Wanted>,
    /// What became of it.
    pub state: State,
    /// How far it is, 0 to 100.
    pub percent: u8,
    /// What has left.
    pub tally: Tally,
}

/// Why an export does not begin now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too many are on their way.
    #[error("{MAX_RUNNING} exports are on their way, which is all there may be; ask again in a moment")]
    Busy,
    /// Too many of theirs are on their way.
    #[error(
        "{0} exports are on their way to you, which is all one account or key may have; take one to its end, or close it, and ask again"
    )]
    BusyWithTheirs(usize),
    /// Too many are kept.
    #[error("{MAX_JOBS} exports are kept, which is all there may be; delete one, or ask again in an hour")]
    Full,
    /// Too many of theirs are kept.
    #[error(
        "{MAX_JOBS_EACH} exports of yours are kept, which is all one may have; delete one, or ask again in an hour"
    )]
    FullOfTheirs,
    /// This one is on its way already.
    #[error("this export is on its way already; delete it and ask anew, or wait until it is done")]
    Running,
    /// It is not one to be downloaded.
    #[error("this export is sent by mail; it cannot be downloaded")]
    Mailed,
    /// The machine gives no random bytes.
    #[error("the machine does not give what an id is made of")]
    NoId,
}

impl Exports {
    /// Nothing is asked for yet.
    pub fn new(source: Source, smtp: Option<Smtp>) -> Self {
        let (places, jobs) = (Places::new(MAX_RUNNING), Mutex::default());
        Self(Arc::new(Inner { source, smtp, places, jobs }))
    }

    /// What letters are sent by, if anything is.
    pub fn smtp(&self) -> Option<&Smtp> {
        self.0.smtp.as_ref()
    }

    /// Begins an export that leaves with the answer to who asked.
    ///
    /// # Errors
    /// [`Refused::Busy`].
    pub fn begin(&self, wanted: Wanted) -> Result<Run, Refused> {
        self.run(Arc::new(wanted), Progress::default(), CancellationToken::new())
    }

    /// Keeps an export until it is downloaded.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn keep(&self, wanted: Wanted) -> Result<JobView, Refused> {
        Ok(self.add(wanted)?.view())
    }

    /// A job.
    pub fn job(&self, id: ExportId) -> Option<JobView> {
        self.0.jobs.lock().get(&id).map(|job| job.view())
    }

    /// All jobs, newest first.
    pub fn jobs(&self) -> Vec<JobView> {
        let mut jobs = self.0.jobs.lock();
        self.forget_old(&mut jobs);
        let mut views: Vec<JobView> = jobs.values().map(|job| job.view()).collect();
        views.sort_by_key(|view| std::cmp::Reverse((view.created, view.id)));
        views
    }

    /// Ends a job, wherever it is, and forgets it; says whether there was one.
    pub fn cancel(&self, id: ExportId) -> bool {
        let job = self.0.jobs.lock().remove(&id);
        if let Some(job) = &job {
            let mut way = job.way.lock();
            way.stop.cancel();
            way.state = State::Cancelled;
        }
        job.is_some()
    }

    /// Begins the download of a job, with what `asker` may hear now, whatever they might when they asked; `None` if there is no
    /// such job.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn download(&self, id: ExportId, asker: Principal) -> Option<Result<JobRun, Refused>> {
        let job = Arc::clone(self.0.jobs.lock().get(&id)?);
        if job.wanted.letter.is_some() {
            return Some(Err(Refused::Mailed));
        }
        Some(self.run_job(job, Some(asker)))
    }

    /// Sends an export as a letter, from now on.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn send(&self, mut wanted: Wanted, smtp: Smtp, letter: Letter) -> Result<JobView, Refused> {
        wanted.letter = Some(letter.clone());
        let job = self.add(wanted)?;
        let id = job.id;
        let mut run = self.run_job(Arc::clone(&job), None).inspect_err(|_| {
            self.0.jobs.lock().remove(&id);
        })?;
        let view = job.view();
        let at = self.0.source.clock.now();
        let metrics = Arc::clone(&self.0.source.metrics);
        let handle = tokio::runtime::Handle::current();
        // A thread of its own: a mail server that takes its time keeps nobody from stopping.
        let sending = std::thread::Builder::new().name("mail".to_owned()).spawn(move || {
            let sent = send(&handle, &mut run, (&smtp, &letter), (at, &id.to_string()));
            match &sent {
                Ok(()) => metrics.letters_sent.increment(),
                Err(error) => {
                    metrics.letters_failed.increment();
                    tracing::error!(export.id = %id, %error, "an export was not sent");
                }
            }
            run.end(sent);
        });
        sending.map_err(|_| Refused::Busy)?;
        Ok(view)
    }

    fn add(&self, wanted: Wanted) -> Result<Arc<Job>, Refused> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| Refused::NoId)?;
        let now = self.0.source.clock.now();
        let way = Way { state: State::Ready, touched: now, stop: CancellationToken::new() };
        let job = Arc::new(Job {
            id: ExportId(uuid::Builder::from_random_bytes(bytes).into_uuid()),
            created: now,
            wanted: Arc::new(wanted),
            progress: Progress::default(),
            way: Mutex::new(way),
        });
        let mut jobs = self.0.jobs.lock();
        self.forget_old(&mut jobs);
        if jobs.len() >= MAX_JOBS {
            return Err(Refused::Full);
        }
        let asker = &job.wanted.asker;
        let is_theirs =
            |it: &&Arc<Job>| it.wanted.asker.kind == asker.kind && it.wanted.asker.name == asker.name;
        if asker.is_known() && jobs.values().filter(is_theirs).count() >= MAX_JOBS_EACH {
            return Err(Refused::FullOfTheirs);
        }
        jobs.insert(job.id, Arc::clone(&job));
        Ok(job)
    }

    fn run_job(&self, job: Arc<Job>, asker: Option<Principal>) -> Result<JobRun, Refused> {
        let stop = CancellationToken::new();
        {
            let mut way = job.way.lock();
            if way.state == State::Running {
                return Err(Refused::Running);
            }
            way.state = State::Running;
            way.stop = stop.clone();
        }
        let wanted = match asker {
            Some(asker) => Arc::new(Wanted { asker, ..Wanted::clone(&job.wanted) }),
            None => Arc::clone(&job.wanted),
        };
        match self.run(wanted, job.progress.clone(), stop) {
            Ok(run) => Ok(JobRun { run, job, exports: self.clone() }),
            Err(refused) => {
                job.way.lock().state = State::Ready;
                Err(refused)
            }
        }
    }

    fn run(&self, wanted: Arc<Wanted>, progress: Progress, stop: CancellationToken) -> Result<Run, Refused> {
        let place = self.0.places.take(&wanted.asker).map_err(|none| match none {
            NoPlace::Full => Refused::Busy,
            NoPlace::FullOfTheirs(each) => {
                self.0.source.metrics.http_over_rate.increment();
                Refused::BusyWithTheirs(each)
            }
        })?;
        Ok(Run::new(self.0.source.clone(), wanted, progress, stop, place))
    }

    fn forget_old(&self, jobs: &mut BTreeMap<ExportId, Arc<Job>>) {
        let now = self.0.source.clock.now();
        jobs.retain(|_, job| {
            let way = job.way.lock();
            way.state == State::Running || now.since(way.touched) < KEPT
        });
    }
}

impl Job {
    fn view(&self) -> JobView {
        let state = self.way.lock().state.clone();
        let tally = self.progress.tally();
        let percent = match state {
            State::Done => 100,
            _ => percent(tally.sounded_ms, self.wanted.lasts_ms),
        };
        let (id, created, wanted) = (self.id, self.created, Arc::clone(&self.wanted));
        JobView { id, created, wanted, state, percent, tally }
    }
}

/// How much of the sound has left; never all of it, for the end of the zip is still to come.
fn percent(sounded_ms: u64, lasts_ms: u64) -> u8 {
    let percent = sounded_ms.saturating_mul(100).checked_div(lasts_ms).unwrap_or(0);
    u8::try_from(percent.min(99)).unwrap_or(99)
}

/// The export of a job on its way. Dropped before it is ended, whoever took it went away.
pub struct JobRun {
    run: Run,
    job: Arc<Job>,
    exports: Exports,
}

impl JobRun {
    /// As [`Run::next`].
    ///
    /// # Errors
    /// [`ExportError`].
    pub async fn next(&mut self) -> Option<Result<Bytes, ExportError>> {
        self.run.next().await
    }

    /// Says how it ended.
    pub fn end(self, ended: Result<(), ExportError>) {
        self.note(match ended {
            Ok(()) => State::Done,
            Err(error) => State::Failed(error.to_string()),
        });
    }

    fn note(&self, state: State) {
        let mut way = self.job.way.lock();
        if way.state == State::Running {
            way.state = state;
            way.touched = self.exports.0.source.clock.now();
        }
    }
}

impl Drop for JobRun {
    fn drop(&mut self) {
        self.note(State::Failed("who took it went away before its end".to_owned()));
    }
}

/// Makes the zip and sends it. Nothing is sent of an export that has nothing in it.
fn send(
    handle: &tokio::runtime::Handle,
    run: &mut JobRun,
    (smtp, letter): (&Smtp, &Letter),
    when: (Wall, &str),
) -> Result<(), ExportError> {
    let first = handle.block_on(run.next()).unwrap_or(Err(ExportError::Nothing))?;
    let rest = std::iter::from_fn(|| handle.block_on(run.next()));
    smtp.send(letter, when, "recordings.zip", std::iter::once(Ok(first)).chain(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_grows_and_is_full_only_when_all_is_done() {
        assert_eq!([percent(0, 10), percent(5, 10), percent(10, 10), percent(11, 10)], [0, 50, 99, 99]);
        assert_eq!([percent(0, 0), percent(u64::MAX, 1)], [0, 99]);
    }
}
