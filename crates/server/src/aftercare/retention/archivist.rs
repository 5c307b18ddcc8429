//! Carries out what is due: brings files to archives, and has the rest erased (design/retention.md).
//!
//! The order never changes: what is to be done is durable in the index; it is done; it is seen to be done; the row says so;
//! only then is what was before taken away. What was begun and not ended when the recorder stopped is ended after the next
//! start, and every step may be done again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use calls::archive::ArchiveActions;
use calls::id::ArchiveActionId;
use calls::time::Wall;
use index::{DatabaseError, Due, Index, Transfer, TransferEnd, TransferKind};
use tokio::sync::{Mutex, Notify, watch};
use vault::Digest;

use super::brake::Brake;
use super::guard::Reading;
use super::plan::{self, Step};
use super::{Archives, Files, Memory, Stopped};
use crate::clock::Clock;
use crate::desk::Later;
use crate::observe::alarms::{About, Alarms, Kind};
use crate::observe::feed::Feed;
use crate::observe::metrics::Metrics;
use crate::trail::{Act, Actor, Audit};

/// Recordings that are looked at together.
pub(super) const AT_ONCE: u32 = 50;

/// How retention goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long a mark stands before it is carried out (C7-03).
    pub grace: Duration,
    /// No recording is erased before it is so old.
    pub minimum_days: u32,
    /// Between two jobs that erase.
    pub purge_every: Duration,
    /// Recordings one of them marks, and erases, at most; 0 for no limit.
    pub purge_limit: u32,
    /// Between two jobs that bring files to archives.
    pub archive_every: Duration,
    /// Recordings one of them brings at most; 0 for none.
    pub archive_limit: u32,
    /// How much is too much.
    pub brake: Brake,
}

impl Default for Settings {
    /// As the WFO family has them (wfo-api section 5.3), with a day's grace.
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(86_400),
            minimum_days: 0,
            purge_every: Duration::from_secs(3_600),
            purge_limit: 0,
            archive_every: Duration::from_secs(60),
            archive_limit: 100,
            brake: Brake::default(),
        }
    }
}

/// The archive actions there are, asked when they are needed; `None` when the recorder stops.
pub type Actions = Arc<dyn Fn() -> Later<Option<ArchiveActions>> + Send + Sync>;

/// Carries out retention. Cheap to clone.
#[derive(Clone)]
pub struct Archivist {
    /// The recorder's timeline.
    pub clock: Clock,
    /// Reads the machine's clocks.
    pub readings: Arc<dyn Fn() -> Reading + Send + Sync>,
    /// The rows.
    pub index: Index,
    /// The data folder.
    pub files: Arc<dyn Files>,
    /// The archives.
    pub archives: Archives,
    /// The archive actions.
    pub actions: Actions,
    /// How to go about it.
    pub settings: Settings,
    /// What somebody should see to.
    pub alarms: Alarms,
    /// Where it is told.
    pub feed: Feed,
    /// Where it is written down.
    pub audit: Audit,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What is remembered.
    pub memory: Arc<Mutex<Memory>>,
    /// One job at a time.
    pub turn: Arc<Mutex<()>>,
    /// Has the next jobs begin at once.
    pub wake: Arc<Notify>,
    /// The journal has let go of all recordings up to this numeric key.
    pub forgotten: Arc<AtomicI64>,
}

impl Archivist {
    /// Runs the jobs until the recorder stops; begins with what an earlier run has left.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut next_purge = Duration::ZERO;
        loop {
            let now = self.clock.since_start();
            if now >= next_purge {
                self.purge_job().await;
                next_purge = self.clock.since_start() + self.settings.purge_every;
            }
            self.archive_job().await;
            let pause = next_purge.saturating_sub(self.clock.since_start());
            let pause = pause.min(self.settings.archive_every);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.wake.notified() => next_purge = Duration::ZERO,
                _ = stop.wait_for(|stopping| *stopping) => return,
            }
        }
    }

    /// What time it is for retention, with the actions there are; `None` if nothing may be done now.
    pub(super) async fn begin(&self) -> Option<(Wall, ArchiveActions)> {
        let actions = (self.actions)().await?;
        let mut memory = self.memory.lock().await;
        match memory.time(&self.index, &(self.readings)()).await {
            Ok(Some(now)) => {
                self.alarms.clear(Kind::RetentionStopped, &part("clock"));
                Some((now, actions))
            }
            Ok(None) => {
                if let Some(stopped) = memory.stopped {
                    self.alarms.raise(Kind::RetentionStopped, part(stopped.as_str()), stopped.to_string());
                }
                None
            }
            Err(error) => {
                self.failed(part("index"), &error);
                None
            }
        }
    }

    /// Brings to archives what is due.
    pub async fn archive_job(&self) {
        let _turn = self.turn.lock().await;
        let Some((now, actions)) = self.begin().await else { return };
        let mut failing = BTreeSet::new();
        if let Err(error) = self.go_on(&actions, now, &mut failing).await {
            return self.failed(part("index"), &error);
        }
        if let Err(error) = self.bring(&actions, now, &mut failing).await {
            return self.failed(part("index"), &error);
        }
        self.alarms.clear(Kind::NotArchived, &part("index"));
        for name in self.archives.names().filter(|name| !failing.contains(*name)) {
            self.alarms.clear(Kind::NotArchived, &part(name));
        }
    }

    /// Ends what was begun.
    async fn go_on(
        &self,
        actions: &ArchiveActions,
        now: Wall,
        failing: &mut BTreeSet<String>,
    ) -> Result<(), DatabaseError> {
        for transfer in self.index.transfers_not_done().await? {
            if failing.contains(&transfer.target) {
                continue;
            }
            if let Err(error) = self.carry(actions, &transfer, now).await {
                self.failed(part(&transfer.target), &error);
                failing.insert(transfer.target);
            }
        }
        Ok(())
    }

    async fn bring(
        &self,
        actions: &ArchiveActions,
        now: Wall,
        failing: &mut BTreeSet<String>,
    ) -> Result<(), DatabaseError> {
        let (_, ids) = plan::by_kind(actions);
        let mut left = self.settings.archive_limit;
        while left > 0 {
            let works = |id: &&i64| match step_of(actions, **id) {
                Some(Step::Transfer(_, target)) => !failing.contains(&target),
                _ => false,
            };
            let ids: Vec<i64> = ids.iter().filter(works).copied().collect();
            let due = match ids.as_slice() {
                [] => Vec::new(),
                ids => self.index.due((now, now), ids, left.min(AT_ONCE)).await?,
            };
            let mut brought = 0;
            for due in due {
                brought += u32::from(self.bring_one(actions, &due, now, failing).await?);
            }
            // What is left was refused for a reason that lasts.
            if brought == 0 {
                return Ok(());
            }
            left = left.saturating_sub(brought);
        }
        Ok(())
    }

    /// Whether it was brought.
    async fn bring_one(
        &self,
        actions: &ArchiveActions,
        due: &Due,
        now: Wall,
        failing: &mut BTreeSet<String>,
    ) -> Result<bool, DatabaseError> {
        let Some(Step::Transfer(kind, target)) = step_of(actions, due.action) else { return Ok(false) };
        if failing.contains(&target) {
            return Ok(false);
        }
        let Some(transfer) = self.index.begin_transfer(due, kind, &target, now).await? else {
            return Ok(false);
        };
        match self.carry(actions, &transfer, now).await {
            Ok(brought) => Ok(brought),
            Err(error) => {
                self.failed(part(&target), &error);
                failing.insert(target);
                Ok(false)
            }
        }
    }

    /// Carries a transfer to its end, wherever it stands; whether the recording is in the archive then.
    async fn carry(
        &self,
        actions: &ArchiveActions,
        transfer: &Transfer,
        now: Wall,
    ) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        let Transfer { number, recording, kind, target, origin, .. } = transfer;
        if !transfer.is_done {
            let digest = Digest(transfer.digest);
            let source = self.archives.reader(origin.as_deref(), *recording, digest).await?;
            self.archives.put(target, *recording, digest, source).await?;
            let next = plan::next(actions, action_id(transfer.action), now);
            let next = next.map(|(id, due)| (i64::from(id.0), due));
            match self.index.end_transfer(transfer, next, now).await? {
                TransferEnd::Done => {}
                TransferEnd::Held(_) | TransferEnd::Changed => {
                    self.take_back(transfer).await?;
                    return Ok(false);
                }
            }
            self.tell_brought(transfer);
        }
        if *kind == TransferKind::Move && origin.as_deref() != Some(target.as_str()) {
            match origin {
                None => {
                    self.forget_journal(transfer.ident).await?;
                    self.files.remove_moved(*recording).await?;
                }
                Some(archive) => drop(self.archives.erase(archive, *recording).await?),
            }
        }
        if *kind == TransferKind::Move {
            self.index.end_removal(*number, now).await?;
        }
        Ok(true)
    }

    /// Has the journal let go of a recording, and of all that were sealed by now: it takes its time, so that of a job only the
    /// first waits. A recording that has a row is in no segment that is begun later.
    pub(super) async fn forget_journal(&self, ident: i64) -> Result<(), String> {
        if ident <= self.forgotten.load(Ordering::Acquire) {
            return Ok(());
        }
        let last = self.index.last_ident().await.map_err(|error| error.to_string())?;
        self.files.forget_journal().await?;
        self.forgotten.store(last, Ordering::Release);
        Ok(())
    }

    /// What was put into an archive for nothing goes, unless it is there for another reason.
    async fn take_back(&self, transfer: &Transfer) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Transfer { number, recording, target, .. } = transfer;
        let row = self.index.recording(*recording).await?;
        let is_there = row.is_some_and(|row| row.care.place.as_ref() == Some(target));
        if !is_there && !self.index.copies_of(*recording).await?.contains(target) {
            self.archives.erase(target, *recording).await?;
        }
        Ok(self.index.give_up_transfer(*number).await?)
    }

    fn tell_brought(&self, transfer: &Transfer) {
        let (counter, what) = match transfer.kind {
            TransferKind::Move => (&self.metrics.archive_moved, "moved"),
            TransferKind::Copy => (&self.metrics.archive_copied, "copied"),
            TransferKind::Backup => (&self.metrics.archive_backed_up, "backed up"),
        };
        counter.increment();
        let why = format!("{what} to {}", transfer.target);
        let act = Act::new(&Actor::recorder(), "recording.archive").recording(transfer.recording);
        self.audit.tell(act.detail(why.as_str()));
        self.feed.tell_of(self.clock.now(), "recording.archived", transfer.recording, why);
    }

    pub(super) fn failed(&self, about: About, error: &dyn std::fmt::Display) {
        self.metrics.retention_failed.increment();
        self.alarms.raise(Kind::NotArchived, about, error.to_string());
    }

    /// Somebody says that what has stopped deletions is in order; what it was, if something was.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn confirm(&self, who: &str) -> Result<Option<Stopped>, DatabaseError> {
        let mut memory = self.memory.lock().await;
        let Some(stopped) = memory.stopped else { return Ok(None) };
        memory.confirm(&self.index, &(self.readings)(), stopped).await?;
        self.alarms.clear(Kind::RetentionStopped, &part(stopped.as_str()));
        tracing::warn!(who, what = %stopped, "retention goes on: this was confirmed");
        self.wake.notify_one();
        Ok(Some(stopped))
    }
}

pub(super) fn part(name: &str) -> About {
    About::Part(name.to_owned())
}

pub(super) fn action_id(id: i64) -> ArchiveActionId {
    // No action has a number that does not fit: it does nothing.
    ArchiveActionId(u32::try_from(id).unwrap_or(0))
}

fn step_of(actions: &ArchiveActions, id: i64) -> Option<Step> {
    plan::step(actions, action_id(id))
}
