//! Receivers of events, and the events on their way to them.
//!
//! Belongs here: what is kept of both, and the order in which one gets to the other. Does not: sending (the server does), which
//! receivers may be called, secrets.

use calls::time::Wall;

use crate::error::{DatabaseError, HookError};
use crate::sqlite::{self, Database};

/// Receivers there may be.
pub const WEBHOOKS_MAX: usize = 64;

/// Events kept; beyond it the oldest go.
pub const EVENTS_MAX: u32 = 100_000;

/// A receiver of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its number. The index assigns it.
    pub number: i64,
    /// Its id in the API.
    pub id: String,
    /// Where events go.
    pub url: String,
    /// The kinds that are wanted, or families of them; all if there is none.
    pub kinds: Vec<String>,
    /// Whether events go to it.
    pub active: bool,
    /// Why the recorder has switched it off.
    pub why_off: Option<String>,
    /// How often its secret was exchanged.
    pub secret: u32,
    /// When that was last.
    pub secret_since: Wall,
    /// When it was made.
    pub created: Wall,
}

impl Webhook {
    /// Whether it wants events of a kind: one it names, or of a family it names.
    pub fn wants(&self, kind: &str) -> bool {
        let is_of = |wanted: &String| {
            kind.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.kinds.is_empty() || self.kinds.iter().any(is_of)
    }
}

/// An event for the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEvent {
    /// Its id on the wire.
    pub id: String,
    /// When it happened.
    pub at: Wall,
    /// What kind it is.
    pub kind: String,
    /// What is sent.
    pub body: String,
    /// Whether every active receiver is to get it, whatever it wants.
    pub for_all: bool,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is still to be delivered.
    Waiting,
    /// The receiver has it.
    Delivered,
    /// It was given up.
    Dead,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Dead];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// An event on its way to a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event's number: later events have higher ones.
    pub number: i64,
    /// The event.
    pub event: OutboxEvent,
    /// What became of it.
    pub state: DeliveryState,
    /// Since when it waits.
    pub since: Wall,
    /// When it may be tried next.
    pub due: Wall,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was tried last.
    pub tried: Option<Wall>,
    /// The HTTP status of the last answer.
    pub status: Option<u16>,
    /// What was wrong with the last try.
    pub problem: Option<String>,
}

/// What a receiver gets next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upcoming {
    /// This, now.
    Now(Box<Delivery>),
    /// Something, not before this.
    NotBefore(Wall),
    /// Nothing that is known of.
    Nothing,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// The receiver has it.
    Delivered,
    /// It is tried again at this time. Those behind it wait for it if it `holds`.
    Again {
        /// When.
        due: Wall,
        /// Whether those behind it wait.
        holds: bool,
        /// What was wrong.
        problem: String,
    },
    /// It is given up.
    Dead {
        /// What was wrong.
        problem: String,
    },
}

/// Where a replay begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayFrom {
    /// With what happened at this time or later.
    Time(Wall),
    /// Behind the event with this id.
    After(String),
}

/// Which deliveries are looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryQuery {
    /// What became of them; any if absent.
    pub state: Option<DeliveryState>,
    /// Only events before this number: the last of the page before.
    pub before: Option<i64>,
    /// How many at most.
    pub limit: u32,
}

/// The outbox of an index. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    database: Database,
}

impl Outbox {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// All receivers, oldest first.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, DatabaseError> {
        sqlite::webhook::all(&self.database).await
    }

    /// One receiver by its id.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn webhook(&self, id: &str) -> Result<Option<Webhook>, DatabaseError> {
        sqlite::webhook::one(&self.database, id).await
    }

    /// Adds a receiver; its number is not looked at. If nobody was active before, it is told what the journal holds beyond
    /// `journal`. Durable on return.
    ///
    /// # Errors
    /// [`HookError::TooMany`] if there are [`WEBHOOKS_MAX`].
    pub async fn add(&self, webhook: &Webhook, journal: u64) -> Result<(), HookError> {
        sqlite::webhook::add(&self.database, webhook, journal).await
    }

    /// Writes address, kinds, whether it is active and its secret's number anew; false if there is no such receiver. What waits for
    /// an active one is due at once. Durable on return.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn change(&self, webhook: &Webhook, journal: u64) -> Result<bool, DatabaseError> {
        sqlite::webhook::change(&self.database, webhook, journal).await
    }

    /// Removes a receiver with its deliveries; false if there is none.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn remove(&self, id: &str) -> Result<bool, DatabaseError> {
        sqlite::webhook::remove(&self.database, id).await
    }

    /// The number of the journal's frame up to which everything is in the outbox.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn mark(&self) -> Result<u64, DatabaseError> {
        sqlite::outbox::mark(&self.database).await
    }

    /// Notes that everything up to this frame of the journal is in the outbox, or is nobody's.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn set_mark(&self, journal: u64) -> Result<(), DatabaseError> {
        sqlite::outbox::set_mark(&self.database, journal).await
    }

    /// Puts events into the outbox, each with a delivery for each active receiver that wants it, and notes that everything up to
    /// `journal` is there. Returns how many were put. Durable on return; all of it or nothing.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn put(&self, events: &[OutboxEvent], journal: u64, now: Wall) -> Result<u64, DatabaseError> {
        sqlite::outbox::put(&self.database, events, journal, now).await
    }

    /// Lets go of events older than `oldest`, and of the oldest beyond [`EVENTS_MAX`]. Returns how many deliveries were lost by
    /// it that were still waiting.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn tidy(&self, oldest: Wall) -> Result<u64, DatabaseError> {
        sqlite::outbox::tidy(&self.database, oldest, EVENTS_MAX).await
    }

    /// What a receiver gets next.
    ///
    /// In order, as far as it can be kept: an event the receiver does not take for a reason of its own is passed by those behind
    /// it; one it could not be asked about holds them back.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn upcoming(&self, webhook: i64, now: Wall) -> Result<Upcoming, DatabaseError> {
        sqlite::outbox::upcoming(&self.database, webhook, now).await
    }

    /// Notes what came of a try. Durable on return.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn tried(
        &self,
        (webhook, event): (i64, i64),
        at: Wall,
        status: Option<u16>,
        tried: &Tried,
    ) -> Result<(), DatabaseError> {
        sqlite::outbox::tried(&self.database, (webhook, event), at, status, tried).await
    }

    /// A page of the deliveries of a receiver, the newest events first.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn deliveries(
        &self,
        webhook: i64,
        query: &DeliveryQuery,
    ) -> Result<Vec<Delivery>, DatabaseError> {
        sqlite::outbox::deliveries(&self.database, webhook, query).await
    }

    /// Has events sent to a receiver again, or for the first time if it did not want them then: all that it wants now, or only
    /// those given up. Returns how many; `None` if the event to begin behind is not kept.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn replay(
        &self,
        webhook: &Webhook,
        from: &ReplayFrom,
        only_dead: bool,
        now: Wall,
    ) -> Result<Option<u64>, DatabaseError> {
        sqlite::outbox::replay(&self.database, webhook, from, only_dead, now).await
    }

    /// How many deliveries are waiting, over all receivers.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn waiting(&self) -> Result<u64, DatabaseError> {
        sqlite::outbox::waiting(&self.database).await
    }
}
