//! Who may ask: people with accounts, programs with keys; and what waits for approval.
//!
//! Belongs here: what is kept of them. Does not: passwords, secrets and hashes, which are made and compared elsewhere; who may do
//! what (`access`).

use std::time::Duration;

use access::Grant;
use calls::time::Wall;

use crate::error::{DatabaseError, RegisterError};
use crate::sqlite::{self, Database};

/// Accounts there may be.
pub const ACCOUNTS_MAX: usize = 10_000;

/// Keys there may be, those that were taken back included.
pub const API_KEYS_MAX: usize = 10_000;

/// Requests that may wait for approval.
pub const APPROVALS_MAX: usize = 1_000;

/// What stands instead of whom an erasure was about: they wanted to be forgotten.
pub const STRUCK: &str = r#"{"struck":true}"#;

/// A person who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number. The index assigns it.
    pub number: i64,
    /// The name it logs in with.
    pub name: String,
    /// The hash of its password; none if it logs in elsewhere only.
    pub password: Option<String>,
    /// Who vouches for it elsewhere, and its name there.
    pub external: Option<(String, String)>,
    /// How often its second factor was made anew; 0 if it has none.
    pub factor: u32,
    /// Whether the second factor is asked for.
    pub factor_on: bool,
    /// What it may do.
    pub grant: Grant,
    /// Whether it may log in.
    pub active: bool,
    /// When it was made.
    pub created: Wall,
    /// By whom.
    pub created_by: String,
    /// When its password was set.
    pub password_set: Option<Wall>,
    /// Whether somebody else has set it, and it was not changed since.
    pub password_is_first: bool,
    /// Searches that it comes back to, as JSON.
    pub searches: Option<String>,
}

/// An account that was removed. Its name stays its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerAccount {
    /// What its number was; unknown of one that was removed before such was kept.
    pub number: Option<i64>,
    /// The name it logged in with.
    pub name: String,
    /// When it was made; unknown with the number.
    pub created: Option<Wall>,
    /// By whom; unknown with the number.
    pub created_by: Option<String>,
}

/// What is kept of a key's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHash {
    /// The part that finds it.
    pub handle: String,
    /// What the hash is salted with.
    pub salt: [u8; 16],
    /// The hash.
    pub hash: [u8; 32],
}

/// A key by which a program asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its number. The index assigns it.
    pub number: i64,
    /// What it is called.
    pub name: String,
    /// Its text.
    pub key: KeyHash,
    /// Its text before it was exchanged, and until when that is taken.
    pub old: Option<(KeyHash, Wall)>,
    /// The client certificate that stands for it: a name in it, or `sha256:` and its fingerprint.
    pub certificate: Option<String>,
    /// What it may do.
    pub grant: Grant,
    /// When it was made.
    pub created: Wall,
    /// By whom.
    pub created_by: String,
    /// For how long it was made, and its text exchanged, last.
    pub lasts: Duration,
    /// When it ends by itself.
    pub expires: Option<Wall>,
    /// When it was taken back, and by whom.
    pub revoked: Option<(Wall, String)>,
}

/// What needs the eyes of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalKind {
    /// Recordings of somebody are erased.
    Erasure,
    /// A legal hold is released.
    HoldRelease,
    /// The private half of a reading key is given out.
    KeyExport,
}

impl ApprovalKind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Erasure => "erasure",
            Self::HoldRelease => "hold_release",
            Self::KeyExport => "key_export",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Erasure, Self::HoldRelease, Self::KeyExport].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalAsked {
    /// What kind it is.
    pub kind: ApprovalKind,
    /// What is to be done, as JSON; [`STRUCK`] of an erasure that was carried out, refused, or has waited too long.
    pub what: String,
    /// The name it is asked under.
    pub by: String,
    /// Who asks, as it is known: the kind of the principal and its name.
    pub asker: String,
    /// Why.
    pub why: String,
    /// From where.
    pub source: String,
    /// When.
    pub at: Wall,
    /// Until when it can be approved.
    pub expires: Wall,
}

/// What was asked for, and what another said to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Its number. The index assigns it.
    pub number: i64,
    /// What is asked for.
    pub asked: ApprovalAsked,
    /// What was said to it.
    pub decision: Option<Decision>,
    /// What came of it, once it was carried out: why it could not be done, if it could not, or was taken back.
    pub outcome: Option<Result<(), String>>,
    /// When it was given out, if that was what was asked for.
    pub given: Option<Wall>,
}

/// What somebody said to what another asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether they approved.
    pub approved: bool,
    /// Who.
    pub by: String,
    /// From where.
    pub source: String,
    /// When.
    pub at: Wall,
}

/// Accounts, keys and approvals as they are on the disk. All writes are durable when they return.
#[derive(Debug, Clone)]
pub struct Register {
    database: Database,
}

impl Register {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// All accounts, oldest first.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn accounts(&self) -> Result<Vec<Account>, DatabaseError> {
        sqlite::account::all(&self.database).await
    }

    /// Makes an account; its number is returned. With `first` only if there is none.
    ///
    /// # Errors
    /// [`RegisterError`]; then there is none.
    pub async fn add_account(&self, account: &Account, first: bool) -> Result<i64, RegisterError> {
        sqlite::account::add(&self.database, account, first).await
    }

    /// Changes all of an account but its number, its name and how it was made. Whether there is one.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn change_account(&self, account: &Account) -> Result<bool, DatabaseError> {
        sqlite::account::change(&self.database, account).await
    }

    /// All accounts that were removed.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn former_accounts(&self) -> Result<Vec<FormerAccount>, DatabaseError> {
        sqlite::account::former(&self.database).await
    }

    /// Removes an account; nobody else gets its name. Whether there was one.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn remove_account(&self, number: i64) -> Result<bool, DatabaseError> {
        sqlite::account::remove(&self.database, number).await
    }

    /// Uses up the code of a half minute, counted from 1970, of an account's second factor. False if it, or a later one, was used
    /// before (RFC 6238 section 5.2).
    ///
    /// # Errors
    /// [`DatabaseError`]; it may be used up.
    pub async fn use_factor_step(&self, account: i64, step: u64) -> Result<bool, DatabaseError> {
        sqlite::account::use_factor_step(&self.database, account, step).await
    }

    /// All keys, oldest first.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, DatabaseError> {
        sqlite::api_key::all(&self.database).await
    }

    /// Makes a key; its number is returned.
    ///
    /// # Errors
    /// [`RegisterError`]; then there is none.
    pub async fn add_api_key(&self, key: &ApiKey) -> Result<i64, RegisterError> {
        sqlite::api_key::add(&self.database, key).await
    }

    /// Changes a key's texts, and whether it was taken back. Whether there is one.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn change_api_key(&self, key: &ApiKey) -> Result<bool, DatabaseError> {
        sqlite::api_key::change(&self.database, key).await
    }

    /// Writes down what somebody asks for.
    ///
    /// # Errors
    /// [`RegisterError`]; then it is not asked for.
    pub async fn ask_approval(&self, asked: &ApprovalAsked) -> Result<Approval, RegisterError> {
        sqlite::approval::ask(&self.database, asked).await
    }

    /// So much of what was asked for, newest first: what waits at a time, or all; of those before a number, if there is one.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn approvals(
        &self,
        waiting_at: Option<Wall>,
        (before, limit): (Option<i64>, u32),
    ) -> Result<Vec<Approval>, DatabaseError> {
        sqlite::approval::list(&self.database, waiting_at, (before, limit)).await
    }

    /// One of them.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn approval(&self, number: i64) -> Result<Option<Approval>, DatabaseError> {
        sqlite::approval::one(&self.database, number).await
    }

    /// Writes a decision down, if nobody has decided, and strikes out whom an erasure was about that is refused. The request as it
    /// stands then; none if it was decided before, or too late.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn decide_approval(
        &self,
        number: i64,
        decision: &Decision,
    ) -> Result<Option<Approval>, DatabaseError> {
        sqlite::approval::decide(&self.database, number, decision).await
    }

    /// Writes down what came of what was approved, if it was not before, and strikes out whom an erasure was about. The request as
    /// it stands then; none if there is none.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn carried_out(
        &self,
        number: i64,
        outcome: &Result<(), String>,
    ) -> Result<Option<Approval>, DatabaseError> {
        sqlite::approval::carried_out(&self.database, number, outcome).await
    }

    /// Says of what was approved, and nobody knows to be done, that it failed and why: for the start of a program.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn fail_unfinished(&self, problem: &str) -> Result<(), DatabaseError> {
        sqlite::approval::fail_unfinished(&self.database, problem).await
    }

    /// Strikes out whom the erasures were about that nobody has decided in time.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn strike_expired(&self, now: Wall) -> Result<(), DatabaseError> {
        sqlite::approval::strike_expired(&self.database, now).await
    }

    /// Takes back what was approved, if it was not given out and not taken back before. The request as it stands then; none if it
    /// was not the first time.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn take_back_approved(
        &self,
        number: i64,
        by: &str,
        at: Wall,
    ) -> Result<Option<Approval>, DatabaseError> {
        sqlite::approval::take_back(&self.database, number, by, at).await
    }

    /// Writes down that what was approved is given out, if it was not before, nor taken back. Whether it was the first time.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn give_approved(&self, number: i64, at: Wall) -> Result<bool, DatabaseError> {
        sqlite::approval::give(&self.database, number, at).await
    }
}
