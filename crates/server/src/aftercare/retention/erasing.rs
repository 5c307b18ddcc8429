//! Recordings whose days are over are marked, and erased when the mark is old enough (C7-03); every decision to erase is
//! carried out here.

use calls::archive::ArchiveActions;
use calls::time::Wall;
use index::{Cause, DatabaseError, Erasure, Mark, Rule, Verdict};
use vault::Destroyed;

use super::archivist::{AT_ONCE, Archivist, part};
use super::brake::Leave;
use super::plan;
use super::{Memory, Stopped};
use crate::observe::alarms::{About, Kind};
use crate::trail::{Act, Actor};

/// Who has recordings erased whose days are over.
const ITSELF: &str = "retention";

/// From where nobody asked.
const NOBODY: &str = "recorder";

impl Archivist {
    /// Erases what was marked long enough ago, and marks what is due.
    pub async fn purge_job(&self) {
        let _turn = self.turn.lock().await;
        let Some((now, actions)) = self.begin().await else { return };
        match self.purge(&actions, now).await {
            Ok(()) => self.alarms.clear(Kind::NotArchived, &part("index")),
            Err(error) => self.failed(part("index"), &error),
        }
    }

    async fn purge(&self, actions: &ArchiveActions, now: Wall) -> Result<(), DatabaseError> {
        let mut decided = self.index.erasures_not_done().await?;
        let mut memory = self.memory.lock().await;
        self.mark_due(&mut memory, actions, now).await?;
        drop(memory);
        self.index.register().strike_expired(now).await?;
        let limit = limit_of(self.settings.purge_limit);
        let mut left = limit;
        while left > 0 {
            let marked = self.index.marked_by(now, left.min(AT_ONCE)).await?;
            let is_last = marked.is_empty();
            for marked in &marked {
                match self.index.decide_erasure(marked.ident, now).await? {
                    Verdict::Done(erasure) => decided.push(erasure),
                    Verdict::Held(hold) => self.tell_restored(marked.recording, hold),
                    Verdict::Gone => {}
                }
            }
            left = left.saturating_sub(u32::try_from(marked.len()).unwrap_or(u32::MAX));
            self.destroy(std::mem::take(&mut decided)).await?;
            if is_last {
                break;
            }
        }
        Ok(())
    }

    fn tell_restored(&self, recording: calls::id::RecordingId, hold: i64) {
        self.metrics.retention_restored.increment();
        let why = format!("hold {hold} keeps it");
        let act = Act::new(&Actor::recorder(), "recording.restore").recording(recording);
        self.audit.tell(act.detail(why.as_str()));
        self.feed.tell_of(self.clock.now(), "recording.restored", recording, why);
    }

    /// Marks what is due, unless that is too much.
    async fn mark_due(
        &self,
        memory: &mut Memory,
        actions: &ArchiveActions,
        now: Wall,
    ) -> Result<(), DatabaseError> {
        let (ids, _) = plan::by_kind(actions);
        // C6: what the law wants kept is kept, whatever the settings of retention say.
        let by = (now, now.before(std::time::Duration::from_secs(86_400) * self.settings.minimum_days));
        let limit = limit_of(self.settings.purge_limit);
        let due = self.index.count_due(by, &ids).await?.min(u64::from(limit));
        let day_ago = now.before(std::time::Duration::from_secs(86_400));
        let (volume, marked) = self.index.volume(now, day_ago).await?;
        let confirmed = match self.settings.brake.judge(due, volume, marked, memory.allowance()) {
            Leave::Go { confirmed } => confirmed,
            Leave::Stop { due, room } => {
                let stopped = Stopped::Brake { due, room };
                memory.stopped = Some(stopped);
                self.alarms.raise(Kind::RetentionStopped, part(stopped.as_str()), stopped.to_string());
                return Ok(());
            }
        };
        if matches!(memory.stopped, Some(Stopped::Brake { .. })) {
            memory.stopped = None;
            self.alarms.clear(Kind::RetentionStopped, &part("brake"));
        }
        let confirmed = self.mark_some(by, &ids, (confirmed, false)).await?;
        memory.use_allowance(&self.index, confirmed).await?;
        self.mark_some(by, &ids, (due.saturating_sub(confirmed), true)).await.map(drop)
    }

    /// Marks at most so many; how many were marked.
    async fn mark_some(
        &self,
        by: (Wall, Wall),
        ids: &[i64],
        (most, counted): (u64, bool),
    ) -> Result<u64, DatabaseError> {
        let now = by.0;
        let mut marked = 0;
        while marked < most {
            let at_once = u32::try_from(most - marked).unwrap_or(u32::MAX).min(AT_ONCE);
            let due = self.index.due(by, ids, at_once).await?;
            let idents: Vec<i64> = due.iter().map(|due| due.ident).collect();
            let cause = Cause {
                rule: Rule::Retention,
                who: ITSELF.to_owned(),
                why: "its days are over".to_owned(),
                source: NOBODY.to_owned(),
            };
            let mark = Mark { marked: now, erase: now.after(self.settings.grace), cause };
            let mut done = 0;
            for (ident, verdict) in self.index.mark(&idents, &mark, counted).await? {
                if verdict != Verdict::Done(()) {
                    continue;
                }
                done += 1;
                self.metrics.retention_marked.increment();
                let Some(due) = due.iter().find(|due| due.ident == ident) else { continue };
                let why = mark.cause.why.clone();
                let act = Act::new(&Actor::recorder(), "recording.mark").recording(due.recording);
                self.audit.tell(act.detail(why.as_str()));
                self.feed.tell_of(self.clock.now(), "recording.marked", due.recording, why);
            }
            if done == 0 {
                break;
            }
            marked += done;
        }
        Ok(marked)
    }

    /// Carries out what was decided. What fails is tried again with the next job.
    pub(super) async fn destroy(&self, decided: Vec<Erasure>) -> Result<(), DatabaseError> {
        let Some(last) = decided.iter().map(|erasure| erasure.ident).max() else { return Ok(()) };
        if let Err(error) = self.forget_journal(last).await {
            for erasure in &decided {
                self.not_erased(erasure, &error);
            }
            return Ok(());
        }
        let mut is_done = false;
        for erasure in decided {
            match self.destroy_one(&erasure).await {
                Err(error) => self.not_erased(&erasure, &error),
                Ok(Destroyed { files, keys }) => {
                    let at = self.clock.now();
                    self.index.end_erasure(erasure.number, at, (files, keys)).await?;
                    self.alarms.clear(Kind::NotErased, &About::Recording(erasure.recording));
                    self.metrics.retention_erased.increment();
                    let Cause { who, why, .. } = &erasure.cause;
                    self.feed.tell_of(at, "recording.erased", erasure.recording, format!("by {who}: {why}"));
                    is_done = true;
                }
            }
        }
        if is_done {
            self.index.scrub().await?;
        }
        Ok(())
    }

    fn not_erased(&self, erasure: &Erasure, error: &dyn std::fmt::Display) {
        self.metrics.retention_failed.increment();
        self.alarms.raise(Kind::NotErased, About::Recording(erasure.recording), error.to_string());
    }

    async fn destroy_one(&self, erasure: &Erasure) -> Result<Destroyed, String> {
        let mut all = self.files.erase(erasure.recording).await?;
        for place in &erasure.places {
            let there = self.archives.erase(place, erasure.recording).await;
            let Destroyed { files, keys } = there.map_err(|error| error.to_string())?;
            all.files += files;
            all.keys += keys;
        }
        Ok(all)
    }
}

const fn limit_of(limit: u32) -> u32 {
    if limit == 0 { u32::MAX } else { limit }
}
