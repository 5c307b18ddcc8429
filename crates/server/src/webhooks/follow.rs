//! From the feed into the outbox, and from the journal what a killed recorder had not brought there.

use std::time::Duration;

use calls::event::Event;
use calls::time::Wall;
use index::{DatabaseError, OutboxEvent};
use tokio::sync::watch;

use super::{Webhooks, envelope};
use crate::observe::feed::{Listener, Next, Told, told_of};

/// How often it is noted that nothing was told.
const NOTE_EVERY: Duration = Duration::from_secs(5);

/// How long to wait before the index is asked again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How old an event may become in the outbox, delivered or not.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How often the outbox is tidied at least.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// After how many events it is tidied.
const TIDY_AFTER: u64 = 4_096;

/// Why the feed no longer has what it told.
const TOO_FAST: &str = "they came faster than the index took them";

/// Events that are put at once.
const AT_ONCE: usize = 256;

/// Follows the feed until the recorder stops and all that was told is in the outbox.
pub(super) async fn run(webhooks: Webhooks, listener: Listener, mut close: watch::Receiver<bool>) {
    let (changed, tidied) = (webhooks.0.changed.subscribe(), webhooks.0.wiring.clock.now());
    let mut follower =
        Follower { webhooks, listener, changed, is_anybody: None, noted: 0, missed: 0, put: 0, tidied };
    loop {
        tokio::select! {
            biased;
            next = follower.listener.next() => match next {
                Some(next) => follower.take(next).await,
                None => return,
            },
            () = async { drop(close.wait_for(|closing| *closing).await) }, if follower.listener.is_level() => {
                return follower.note().await;
            }
            () = tokio::time::sleep(NOTE_EVERY) => {
                if follower.listener.is_level() {
                    follower.note().await;
                }
            }
        }
        follower.tidy().await;
    }
}

struct Follower {
    webhooks: Webhooks,
    listener: Listener,
    changed: watch::Receiver<()>,
    /// Whether anybody wants to be told; absent when nobody knows any more.
    is_anybody: Option<bool>,
    /// Up to where in the journal it is on record that everything is in the outbox.
    noted: u64,
    /// Events that came too fast and are not said to be lost yet.
    missed: u64,
    /// Events put since the outbox was tidied.
    put: u64,
    tidied: Wall,
}

impl Follower {
    /// Puts what the feed has told. It waits for the index as long as that takes: the feed keeps what comes meanwhile, and
    /// counts what it cannot.
    async fn take(&mut self, next: Next) {
        while let Err(error) = self.try_to_take(&next).await {
            tracing::warn!(%error, "events cannot be put into the outbox yet");
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    async fn try_to_take(&mut self, next: &Next) -> Result<(), DatabaseError> {
        if !self.is_anybody().await? {
            return Ok(());
        }
        let wiring = &self.webhooks.0.wiring;
        let now = wiring.clock.now();
        let events: Vec<OutboxEvent> = match next {
            Next::Told(told) => {
                told.iter().map(|(_, told)| envelope::of(&wiring.host, told.clone(), now)).collect()
            }
            Next::Missed(count) => vec![self.webhooks.missed(*count, TOO_FAST)],
        };
        self.put_up_to(&events).await?;
        match next {
            Next::Missed(count) => self.missed += count,
            // The alarm is told by the feed as well: only now is there room in it, and nothing is pushed out that was not read.
            Next::Told(_) if self.missed > 0 => {
                self.webhooks.events_lost(std::mem::take(&mut self.missed), TOO_FAST);
            }
            Next::Told(_) => {}
        }
        Ok(())
    }

    /// Whether anybody wants to be told. While nobody does, the index is left alone.
    async fn is_anybody(&mut self) -> Result<bool, DatabaseError> {
        if self.changed.has_changed().unwrap_or(true) {
            self.changed.mark_unchanged();
            self.is_anybody = None;
        }
        if let Some(is_anybody) = self.is_anybody {
            return Ok(is_anybody);
        }
        let receivers = self.webhooks.outbox().webhooks().await?;
        let is_anybody = receivers.iter().any(|receiver| receiver.active);
        self.is_anybody = Some(is_anybody);
        Ok(is_anybody)
    }

    /// Puts events, and notes up to where in the journal everything is in the outbox.
    async fn put_up_to(&mut self, events: &[OutboxEvent]) -> Result<(), DatabaseError> {
        let wiring = &self.webhooks.0.wiring;
        let journal = self.listener.journal().max(self.noted);
        let count = wiring.outbox.put(events, journal, wiring.clock.now()).await?;
        wiring.metrics.webhook_events.add(count);
        self.noted = journal;
        self.put += count;
        if count > 0 {
            self.webhooks.look_again();
        }
        Ok(())
    }

    /// Notes that there was nothing more to put, so that the next start need not look for it.
    async fn note(&mut self) {
        if self.listener.journal() > self.noted && self.is_anybody().await.unwrap_or(false) {
            // If the index does not take it, what is put again is told twice, with another id.
            let _ = self.put_up_to(&[]).await;
        }
    }

    async fn tidy(&mut self) {
        let wiring = &self.webhooks.0.wiring;
        let now = wiring.clock.now();
        if self.put < TIDY_AFTER && now.since(self.tidied) < TIDY_EVERY {
            return;
        }
        (self.put, self.tidied) = (0, now);
        match wiring.outbox.tidy(now.before(KEPT)).await {
            Ok(0) => {}
            Ok(lost) => self.webhooks.events_lost(lost, "they waited too long, or too many did"),
            Err(error) => tracing::warn!(%error, "the outbox cannot be tidied yet"),
        }
    }
}

/// Puts what the journal holds and the outbox does not.
pub(super) async fn recover(webhooks: &Webhooks, events: &[(u64, Vec<Event>)], checkpoint: u64, last: u64) {
    if let Err(error) = try_to_recover(webhooks, events, checkpoint, last).await {
        tracing::error!(%error, "events of the last run cannot be put into the outbox");
        let count = events.iter().map(|(_, events)| events.len() as u64).sum();
        webhooks.events_lost(count, "the index did not take them when the recorder was started");
    }
}

async fn try_to_recover(
    webhooks: &Webhooks,
    events: &[(u64, Vec<Event>)],
    checkpoint: u64,
    last: u64,
) -> Result<(), DatabaseError> {
    let wiring = &webhooks.0.wiring;
    let mark = wiring.outbox.mark().await?;
    let is_anybody = wiring.outbox.webhooks().await?.iter().any(|receiver| receiver.active);
    if is_anybody {
        let now = wiring.clock.now();
        let mut found: Vec<OutboxEvent> = Vec::new();
        // What lies between the two is in the state of the journal, and no more by itself.
        let gone = checkpoint.saturating_sub(mark + 1);
        if gone > 0 {
            let why =
                "the recorder was killed before they were in the outbox, and the journal has let go of them";
            webhooks.events_lost(gone, why);
            found.push(webhooks.missed(gone, why));
        }
        let told = events.iter().filter(|(number, _)| *number > mark);
        let told = told.flat_map(|(_, events)| told_of(events, now).collect::<Vec<Told>>());
        found.extend(told.map(|told| envelope::of(&wiring.host, told, now)));
        if !found.is_empty() {
            tracing::info!(events = found.len(), "events of the last run are put into the outbox");
        }
        // All of it or nothing, but in pieces: each says how far it comes only with the last.
        let pieces = found.chunks(AT_ONCE).count();
        for (place, piece) in (1..).zip(found.chunks(AT_ONCE)) {
            let journal = if place == pieces { last } else { mark };
            wiring.metrics.webhook_events.add(wiring.outbox.put(piece, journal, now).await?);
        }
    }
    wiring.outbox.set_mark(last).await
}
