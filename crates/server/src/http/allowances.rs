//! How often each account and key may ask: one that takes all it can find, by mistake or on purpose, is slowed down and seen.
//!
//! Commands of the WFO family are not counted: a blackout is never refused for having been asked for too often. Its exports are, as
//! sound by any other way is. Nor is
//! somebody of whom nobody asks who they are; addresses have limits of their own, in what listens.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use access::{Allowance, Asked, Principal, Rates};
use axum::http::{Extensions, HeaderValue, StatusCode, header};
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::control::error::Problem;
use crate::identity::{Place, Places};
use crate::observe::metrics::Metrics;

/// Streams of events that one account or key follows at a time: a page has one, and somebody has a few pages.
const MAX_STREAMS: usize = 16;

/// Accounts and keys that are remembered.
const MAX: usize = 10_000;

/// What each has asked for lately. Clones are the same.
#[derive(Clone)]
pub struct Allowances(Arc<Inner>);

struct Inner {
    rates: Rates,
    clock: Clock,
    metrics: Arc<Metrics>,
    known: Mutex<HashMap<String, Allowance>>,
    /// Of the streams of events that are followed.
    streams: Places,
}

/// Somebody has to wait.
#[derive(Debug)]
pub(crate) struct OverRate {
    /// What is too much, and when to ask again.
    pub(crate) why: String,
    /// That in seconds.
    pub(crate) seconds: u64,
}

impl Allowances {
    /// Nobody has asked for anything.
    pub fn new(rates: Rates, clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner {
            rates,
            clock,
            metrics,
            known: Mutex::default(),
            streams: Places::shared(usize::MAX, MAX_STREAMS),
        }))
    }

    /// A place for a stream of events: each account and key has [`MAX_STREAMS`] of them, so that none has all connections.
    ///
    /// # Errors
    /// They have all they may have: 429.
    pub(crate) fn take_stream(&self, who: &Principal) -> Result<Place, Problem> {
        self.0.streams.take(who).map_err(|_| {
            self.0.metrics.http_over_rate.increment();
            let right = format!("{MAX_STREAMS} streams of events are open by {}; close one first", who.name);
            Problem::new(StatusCode::TOO_MANY_REQUESTS, right)
        })
    }

    /// Takes one of those that somebody may have.
    fn draw(&self, who: &Principal, asked: Asked) -> Result<(), Duration> {
        let Inner { rates, clock, known, .. } = &*self.0;
        let (now, mut known) = (clock.since_start(), known.lock());
        let key = who.kind_and_name();
        if known.len() >= MAX && !known.contains_key(&key) {
            known.retain(|_, allowance| !allowance.is_whole(now));
        }
        if known.len() >= MAX && !known.contains_key(&key) {
            // Fewer of them exist: somebody has made and removed keys within a minute.
            known.clear();
        }
        known.entry(key).or_default().draw(*rates, asked, now)
    }
}

/// Takes one of those that who asks may have, where requests carry an [`Allowances`].
///
/// # Errors
/// They have to wait.
pub(crate) fn draw(extensions: &Extensions, who: &Principal, asked: Asked) -> Result<(), OverRate> {
    let Some(allowances) = extensions.get::<Allowances>().filter(|_| who.is_known()) else { return Ok(()) };
    let Err(wait) = allowances.draw(who, asked) else { return Ok(()) };
    allowances.0.metrics.http_over_rate.increment();
    let (most, seconds) = (allowances.0.rates.of(asked), wait.as_secs() + 1);
    let (what, name) = (asked.as_str(), &who.name);
    let why = format!("there are more than {most} {what} a minute by {name}; ask again in {seconds} s");
    Err(OverRate { why, seconds })
}

impl From<OverRate> for Problem {
    fn from(OverRate { why, seconds }: OverRate) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, why)
            .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }
}
