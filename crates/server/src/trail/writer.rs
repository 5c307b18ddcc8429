//! The task that writes acts into the index.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use audit::{Entry, Link, Outcome};
use index::Trail;
use tokio::sync::mpsc;

use super::habit::ListenWatch;
use super::{Act, Actor, Queued, TAKEN, WAITING_LIMIT, pass, tell_touched};
use crate::clock::Clock;
use crate::observe::alarms::{About, Alarms, Kind};
use crate::observe::metrics::Metrics;

/// Acts that are written at once, with one sync.
const BATCH: usize = 500;

/// How long to wait before the index is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes what is queued, in its order.
pub(super) struct Writer {
    pub(super) trail: Trail,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) alarms: Alarms,
    pub(super) lost: Arc<AtomicU64>,
    pub(super) listens: ListenWatch,
}

fn about() -> About {
    About::Part("audit".to_owned())
}

impl Writer {
    /// Until nobody is left who could tell something.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Queued>) {
        let mut waiting: VecDeque<Queued> = VecDeque::new();
        let mut last: Option<Link> = None;
        let mut is_failing = false;
        loop {
            if waiting.is_empty() {
                match queue.recv().await {
                    Some(queued) => waiting.push_back(queued),
                    None => return,
                }
            }
            while waiting.len() < WAITING_LIMIT
                && let Ok(queued) = queue.try_recv()
            {
                waiting.push_back(queued);
            }
            match self.write(&mut waiting, &mut last).await {
                Ok(()) if is_failing => {
                    is_failing = false;
                    self.alarms.clear(Kind::AuditFailing, &about());
                }
                Ok(()) => {}
                Err(error) => {
                    is_failing = true;
                    self.metrics.audit_failures.increment();
                    self.alarms.raise(Kind::AuditFailing, about(), error.to_string());
                    // They are told so, and do not happen.
                    waiting.retain(|queued| !queued.must);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Writes the next batch of what waits; it waits on if that fails.
    async fn write(
        &mut self,
        waiting: &mut VecDeque<Queued>,
        last: &mut Option<Link>,
    ) -> Result<(), index::DatabaseError> {
        // Who has stopped waiting has been told that it was not written: it is not.
        waiting.retain(|queued| !queued.must || queued.is_taken());
        let count = waiting.len().min(BATCH);
        let mut entries: Vec<Entry> = waiting.iter().take(count).map(|queued| queued.entry.clone()).collect();
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > 0 {
            entries.push(self.lost_entry(lost));
        }
        if entries.is_empty() {
            return Ok(());
        }
        let appended = self.trail.append(&entries).await?;
        tell_touched(&self.trail, &self.alarms);
        self.lost.fetch_sub(lost, Ordering::Relaxed);
        self.metrics.audit_entries.add(entries.len() as u64);
        for entry in &entries {
            if let Some(who) = self.listens.take(entry) {
                let what = format!("{who} has heard or taken more recordings within an hour than is usual");
                let is_person = entry.kind == access::Kind::Person.as_str();
                let key = || About::Part(format!("API key {who}"));
                let about = if is_person { About::Account(who.to_owned()) } else { key() };
                self.alarms.raise(Kind::ListensOverNorm, about, what);
            }
        }
        let numbers = appended.before.number + 1..;
        for (queued, number) in waiting.drain(..count).zip(numbers) {
            // Who is not there any more has not waited.
            let _ = queued.reply.send(number);
        }
        match last.replace(appended.after) {
            Some(known) if known != appended.before => self.look_for(known, last).await,
            _ => Ok(()),
        }
    }

    /// Others of this recorder have written since, and left what was there; or the chain was taken back to an earlier end, with what
    /// was signed of that. Then the chain says so from now on.
    async fn look_for(&self, known: Link, last: &mut Option<Link>) -> Result<(), index::DatabaseError> {
        if self.trail.link(known.number).await? == Some(known) {
            return Ok(());
        }
        let found = format!("entry {} is not the one that was written", known.number);
        self.alarms.raise(Kind::AuditTouched, about(), found.clone());
        let act = Act::new(&Actor::recorder(), "audit.touched").outcome(Outcome::Failed, "");
        let entry = act.about(format!("entry {}", known.number)).detail(found).into_entry(self.clock.now());
        *last = Some(self.trail.append(&[entry]).await?.after);
        Ok(())
    }

    fn lost_entry(&self, lost: u64) -> Entry {
        let act = Act::new(&Actor::recorder(), "audit.lost").outcome(Outcome::Failed, "");
        let detail = format!("{lost} entries before this one could not be written");
        act.detail(detail).into_entry(self.clock.now())
    }
}

impl Queued {
    /// Takes it, so that nobody gives it up any more; false if somebody has.
    fn is_taken(&self) -> bool {
        pass(&self.hands, TAKEN) || self.hands.load(Ordering::Acquire) == TAKEN
    }
}
