//! What happens is told to other programs: each event that a receiver wants is sent to it over HTTP until it has it.
//!
//! Events come from the feed and go through the outbox in the index, so that neither a restart nor a slow receiver loses one; what
//! was told and had not reached the outbox when the recorder was killed is found in the journal. Recording waits for none of it.
//!
//! Belongs here: the way from the feed to the receiver. Does not: what is told ([`crate::observe::feed`]), rows (the index).

mod address;
mod client;
mod courier;
mod envelope;
mod follow;
mod pause;
mod signature;
mod target;

use std::sync::Arc;

use calls::event::Event;
use calls::time::Wall;
use index::{Outbox, OutboxEvent, Webhook};
use tokio::sync::watch;
use vault::RecorderKeys;

use crate::clock::Clock;
use crate::observe::alarms::{About, Alarms};
use crate::observe::feed::Feed;
use crate::observe::metrics::Metrics;

pub use address::Allow;
pub use client::Client;
pub use target::{Target, TargetError};

/// How long a secret is still signed with after it was exchanged (F-WH-1).
const BOTH_SECRETS: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// What the webhooks need of others.
pub struct Wiring {
    /// The clock.
    pub clock: Clock,
    /// Receivers, and events on their way to them.
    pub outbox: Outbox,
    /// What secrets are made of.
    pub keys: RecorderKeys,
    /// What happens.
    pub feed: Feed,
    /// What somebody should see to.
    pub alarms: Alarms,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The recorder's host, for the source of events.
    pub host: String,
    /// Receivers in networks that are closed to others.
    pub allow: Allow,
    /// Authorities that are believed beside those of the system, PEM.
    pub ca: Option<Vec<u8>>,
}

/// The way of events to their receivers. Copies of it are the same.
#[derive(Clone)]
pub struct Webhooks(Arc<Inner>);

struct Inner {
    wiring: Wiring,
    client: Client,
    /// Told when receivers or what waits for them may have changed.
    changed: watch::Sender<()>,
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What was wrong, if it was not taken.
    pub problem: Option<String>,
}

impl Webhooks {
    /// Nothing is sent yet.
    pub fn new(wiring: Wiring) -> Self {
        let client = Client::new(wiring.allow.clone(), wiring.ca.clone());
        Self(Arc::new(Inner { wiring, client, changed: watch::Sender::new(()) }))
    }

    /// Puts into the outbox what the journal holds and an earlier run did not put there: `events` with the numbers of their
    /// frames, those behind the journal's last checkpoint, which has the number `checkpoint`. `last` is the journal's last
    /// number. What cannot be put is counted and an alarm: recording waits for no receiver.
    pub async fn recover(&self, events: &[(u64, Vec<Event>)], checkpoint: u64, last: u64) {
        follow::recover(self, events, checkpoint, last).await;
    }

    /// Begins to follow the feed, and to send until `stop` becomes true. What is returned ends some time after `close` becomes true,
    /// when all that was told is in the outbox.
    pub fn start(
        &self,
        stop: watch::Receiver<bool>,
        close: watch::Receiver<bool>,
    ) -> tokio::task::JoinHandle<()> {
        tokio::spawn(courier::run(self.clone(), stop));
        let feed = &self.0.wiring.feed;
        // What the start itself tells, such as alarms, is there already.
        tokio::spawn(follow::run(self.clone(), feed.after(0), close))
    }

    /// Receivers and what waits for them.
    pub(crate) fn outbox(&self) -> &Outbox {
        &self.0.wiring.outbox
    }

    /// The number of the journal's frame up to which all was told.
    pub(crate) fn journal(&self) -> u64 {
        self.0.wiring.feed.journal()
    }

    /// Has what was written about receivers be looked at.
    pub(crate) fn look_again(&self) {
        self.0.changed.send_replace(());
    }

    /// The alarms of a receiver that is gone, or switched off by hand, are over.
    pub(crate) fn is_quiet(&self, id: &str) {
        self.0.wiring.alarms.clear(crate::observe::alarms::Kind::WebhookFailing, &about(id));
    }

    /// The secret of a receiver, as it is told once.
    pub(crate) fn secret(&self, webhook: &Webhook) -> String {
        signature::written(&self.key(webhook, webhook.secret))
    }

    fn key(&self, webhook: &Webhook, number: u32) -> zeroize::Zeroizing<[u8; 32]> {
        self.0.wiring.keys.secret(&format!("webhook {} {number}", webhook.id))
    }

    /// The keys a message to a receiver is signed with now: the newest, and the one before for a day.
    fn keys(&self, webhook: &Webhook, now: Wall) -> Vec<zeroize::Zeroizing<[u8; 32]>> {
        let before = webhook.secret.checked_sub(1).filter(|_| now.since(webhook.secret_since) < BOTH_SECRETS);
        [Some(webhook.secret), before].into_iter().flatten().map(|number| self.key(webhook, number)).collect()
    }

    /// Sends a receiver an event of kind `webhook.test`, now and once.
    pub(crate) async fn test(&self, webhook: &Webhook) -> Tested {
        let now = self.0.wiring.clock.now();
        let event = envelope::test(&self.0.wiring.host, &webhook.id, now);
        match courier::send(self, webhook, &event).await {
            Ok(answer) => {
                let problem = (!answer.is_good()).then(|| answer.problem());
                Tested { status: Some(answer.status), problem }
            }
            Err(problem) => Tested { status: None, problem: Some(problem) },
        }
    }

    /// Whether a URL can be a receiver's at all. Whether its addresses are open is looked at with each try.
    ///
    /// # Errors
    /// What would be right.
    pub(crate) fn check(url: &str) -> Result<(), TargetError> {
        Target::read(url).map(drop)
    }

    fn events_lost(&self, count: u64, why: &str) {
        self.0.wiring.metrics.webhook_lost.add(count);
        let what = format!("up to {count} events: {why}");
        let kind = crate::observe::alarms::Kind::WebhookLost;
        self.0.wiring.alarms.raise(kind, About::Part("outbox".to_owned()), what);
    }

    /// An event that says that others are missing; every receiver gets it.
    fn missed(&self, count: u64, why: &str) -> OutboxEvent {
        envelope::missed(&self.0.wiring.host, count, why, self.0.wiring.clock.now())
    }
}

/// What an alarm about a receiver is about.
fn about(id: &str) -> About {
    About::Part(format!("webhook {id}"))
}

/// A new id: a version 7 UUID.
pub(crate) fn new_id(now: Wall) -> String {
    let mut random = [0; 10];
    // Without randomness no recorder starts; a number that comes twice is refused by the index.
    let _ = getrandom::fill(&mut random);
    let ms = u64::try_from(now.as_ms()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid().hyphenated().to_string()
}
