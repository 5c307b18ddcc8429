//! Signs how the chain stands, each minute in which it has grown, and has that witnessed elsewhere (C8-03).

use std::sync::Arc;
use std::time::Duration;

use audit::{Head, Line, Link, PURPOSE};
use index::Trail;
use index::trail::KeptHead;
use tokio::sync::{Mutex, watch};
use vault::SigningKey;

use super::stamp::Authority;
use super::tell_touched;
use super::witness::Witness;
use crate::clock::Clock;
use crate::observe::alarms::{About, Alarms, Kind};
use crate::observe::metrics::Metrics;

/// Signs heads. Cheap to clone.
#[derive(Clone)]
pub struct Signer {
    /// The audit.
    pub trail: Trail,
    /// The key of the install.
    pub key: SigningKey,
    /// The clock.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What somebody should see to.
    pub alarms: Alarms,
    /// Where heads are copied to.
    pub witnesses: Arc<[Witness]>,
    /// Who says when a head was there, if somebody does.
    pub authority: Option<Authority>,
    /// How often.
    pub every: Duration,
    /// One at a time.
    pub turn: Arc<Mutex<()>>,
}

impl Signer {
    /// Until the recorder stops. What an earlier run has left is signed at once.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        loop {
            self.vouch().await;
            tokio::select! {
                () = tokio::time::sleep(self.every) => {}
                _ = stop.wait_for(|stopping| *stopping) => return,
            }
        }
    }

    /// Signs how the chain stands, and has that stamped where an authority does so.
    pub async fn vouch(&self) {
        self.sign().await;
        self.stamp().await;
    }

    /// Signs how the chain stands, if it has grown since it was signed last.
    pub async fn sign(&self) {
        let _turn = self.turn.lock().await;
        let about = || About::Part("head".to_owned());
        match self.sign_new().await {
            Err(error) => self.alarms.raise(Kind::AuditFailing, about(), error.to_string()),
            Ok(None) => {}
            Ok(Some(head)) => {
                self.alarms.clear(Kind::AuditFailing, &about());
                self.metrics.audit_heads.increment();
                self.witness(&head).await;
            }
        }
    }

    /// Has the newest head stamped, if it is not yet: it vouches for all before.
    async fn stamp(&self) {
        let Some(authority) = self.authority.clone() else { return };
        let about = || About::Part("time stamp".to_owned());
        match self.stamp_last(authority).await {
            Ok(()) => self.alarms.clear(Kind::AuditUnwitnessed, &about()),
            Err(why) => {
                self.metrics.audit_unwitnessed.increment();
                self.alarms.raise(Kind::AuditUnwitnessed, about(), why);
            }
        }
    }

    async fn stamp_last(&self, authority: Authority) -> Result<(), String> {
        let last = self.trail.last_head().await.map_err(|error| error.to_string())?;
        let Some(KeptHead { head, token: None }) = last else { return Ok(()) };
        let (number, hash) = (head.link.number, head.link.hash.0);
        let line = Line::Head(head).to_json();
        // Nobody could have known it before.
        let nonce =
            u64::from_be_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]]);
        let token = tokio::task::spawn_blocking(move || authority.stamp(line.as_bytes(), nonce));
        let token = token.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        self.trail.put_token(number, &token).await.map_err(|error| error.to_string())
    }

    async fn sign_new(&self) -> Result<Option<Head>, index::DatabaseError> {
        // What somebody else has put behind the end is named first: no head vouches for it in silence.
        let last = self.trail.append(&[]).await?.after;
        tell_touched(&self.trail, &self.alarms);
        sign_head(&self.trail, last, &self.key, self.clock).await
    }

    /// One that does not take a head gets the next: that vouches for all before as well.
    async fn witness(&self, head: &Head) {
        for witness in self.witnesses.iter() {
            let about = About::Part(witness.name());
            match witness.take(&Line::Head(head.clone()), head.link.number).await {
                Ok(()) => self.alarms.clear(Kind::AuditUnwitnessed, &about),
                Err(why) => {
                    self.metrics.audit_unwitnessed.increment();
                    self.alarms.raise(Kind::AuditUnwitnessed, about, why);
                }
            }
        }
    }
}

/// Signs a head over the chain up to its last entry, if none vouches for that yet.
pub(crate) async fn sign_head(
    trail: &Trail,
    last: Link,
    key: &SigningKey,
    clock: Clock,
) -> Result<Option<Head>, index::DatabaseError> {
    let signed = trail.last_head().await?.map_or(0, |kept| kept.head.link.number);
    if last.number <= signed {
        return Ok(None);
    }
    let head = Head::signed(last, clock.now().as_ns(), |message| key.sign(PURPOSE, message).to_string());
    trail.put_head(&head).await?;
    Ok(Some(head))
}
