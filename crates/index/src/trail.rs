//! The audit as it is kept: who did what, chained (C8-03); the crate `audit` says what a chain is.

use std::fmt;

use ::audit::{Entry, Hash, Head, Link, Tip};
use calls::id::RecordingId;
use calls::time::Wall;

use crate::custody::{Custody, Unrecorded};
use crate::error::DatabaseError;
use crate::query::PAGE_DEFAULT;
use crate::row::Listen;
use crate::sqlite::{Database, custody, trail};

/// How many entries or heads are read at once.
pub const TRAIL_PAGE: u32 = 500;

/// Vouches for how the chain ends: has the key of the install, of which nothing is known here.
pub trait Notary: fmt::Debug + Send + Sync {
    /// Now, ns since 1970.
    fn now_ns(&self) -> i64;
    /// Signs the message of a [`Tip`].
    fn sign(&self, message: &[u8]) -> String;
    /// Whose signature stands under one.
    fn whose(&self, message: &[u8], signature: &str) -> Whose;
}

/// Whose a signature is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// This recorder's.
    Own,
    /// That of a key which was this install's before, by its id.
    Former(String),
    /// It does not count, for this reason.
    Nobodys(String),
}

/// How the chain ends, at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The last entry.
    pub last: Link,
    /// What was signed of it; absent in an index that nobody with the key has written to.
    pub tip: Option<Tip>,
    /// The link of the chain at the tip's number, if it has one.
    pub there: Option<Link>,
}

/// What was appended: how the chain stood before and stands now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Before.
    pub before: Link,
    /// Now.
    pub after: Link,
}

/// A row of the audit, as it lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its number.
    pub number: u64,
    /// What it says and the hash beside it, or why that cannot be read.
    pub said: Result<(Entry, Hash), String>,
}

/// A head, and the token of a time stamping authority if there is one (RFC 3161, DER).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptHead {
    /// The head.
    pub head: Head,
    /// The token.
    pub token: Option<Vec<u8>>,
}

/// Which entries are wanted; all by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The name of the login or key, whole.
    pub who: Option<String>,
    /// The action, or the noun before its dot for a family of them.
    pub action: Option<String>,
    /// The recording's id.
    pub recording: Option<String>,
    /// The call's id.
    pub call: Option<String>,
    /// At or after this instant.
    pub from: Option<Wall>,
    /// Before this instant.
    pub to: Option<Wall>,
    /// Before this number: the `next` of the page before.
    pub before: Option<u64>,
    /// How many at most, 1 to [`crate::PAGE_MAX`].
    pub limit: u32,
}

impl Default for Query {
    fn default() -> Self {
        let (who, action, recording, call, from, to, before) = (None, None, None, None, None, None, None);
        Self { who, action, recording, call, from, to, before, limit: PAGE_DEFAULT }
    }
}

/// Entries, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// They.
    pub items: Vec<Kept>,
    /// What to ask on with, if there are more.
    pub next: Option<u64>,
}

/// Where what meets a query lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// How many.
    pub count: u64,
}

/// The audit of an install. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Trail {
    database: Database,
}

#[expect(
    clippy::missing_errors_doc,
    reason = "each fails with the error of its signature, and in no other way"
)]
impl Trail {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Appends entries, all or none, and has the end signed. Durable on return. Before that it looks whether the chain ends where
    /// it was left; with no entries it does that alone.
    pub async fn append(&self, entries: &[Entry]) -> Result<Appended, DatabaseError> {
        trail::append(&self.database, entries).await
    }

    /// How the chain ends, and what was signed of that.
    pub async fn end(&self) -> Result<End, DatabaseError> {
        trail::end(&self.database).await
    }

    /// What was found at the end of the chain since this was asked last, if somebody else has written there: the chain itself
    /// has an entry of it.
    pub fn take_touched(&self) -> Option<String> {
        self.database.take_touched()
    }

    /// How the chain stands.
    pub async fn last(&self) -> Result<Link, DatabaseError> {
        trail::last(&self.database).await
    }

    /// How it stands behind one entry; `None` if that is not there.
    pub async fn link(&self, number: u64) -> Result<Option<Link>, DatabaseError> {
        trail::link(&self.database, number).await
    }

    /// Entries that meet a query, newest first.
    pub async fn find(&self, query: &Query) -> Result<Page, DatabaseError> {
        trail::find(&self.database, query).await
    }

    /// Where those lie.
    pub async fn span(&self, query: &Query) -> Result<Option<Span>, DatabaseError> {
        trail::span(&self.database, query).await
    }

    /// The rows behind a number in their order, at most [`TRAIL_PAGE`], each with whether it meets the query. A row that
    /// cannot be read is the last of its page.
    pub async fn after(&self, number: u64, query: &Query) -> Result<Vec<(Kept, bool)>, DatabaseError> {
        trail::after(&self.database, number, query).await
    }

    /// What the database finds wrong with how the audit is stored, beyond what its rows say.
    pub async fn damages(&self) -> Result<Vec<String>, DatabaseError> {
        trail::damages(&self.database).await
    }

    /// Keeps a head. Durable on return.
    pub async fn put_head(&self, head: &Head) -> Result<(), DatabaseError> {
        trail::put_head(&self.database, head).await
    }

    /// Keeps the token of a time stamping authority for a head that has none.
    pub async fn put_token(&self, number: u64, token: &[u8]) -> Result<(), DatabaseError> {
        trail::put_token(&self.database, number, token).await
    }

    /// The heads of entries from a number on, in their order, at most [`TRAIL_PAGE`].
    pub async fn heads_from(&self, number: u64) -> Result<Vec<KeptHead>, DatabaseError> {
        trail::heads_from(&self.database, number).await
    }

    /// The newest head.
    pub async fn last_head(&self) -> Result<Option<KeptHead>, DatabaseError> {
        trail::last_head(&self.database).await
    }

    /// What became of the recordings whose seals are behind a number, at most some hundreds, in the order of their entries.
    pub async fn custody(&self, number: u64) -> Result<Vec<Custody>, DatabaseError> {
        custody::after(&self.database, number).await
    }

    /// How many recordings the chain says nothing of.
    pub async fn unrecorded(&self) -> Result<Unrecorded, DatabaseError> {
        custody::unrecorded(&self.database).await
    }

    /// The last listens to a recording, newest first.
    pub async fn listens(&self, id: RecordingId) -> Result<Vec<Listen>, DatabaseError> {
        trail::listens(&self.database, id).await
    }
}
