//! SQL: finds recordings again; never on the packet path.
//!
//! [`Index`] answers the questions the recorder has, in domain words. What stands behind it is SQLite in WAL
//! mode; a second database joins as a second folder beside `sqlite/` and nobody outside notices, for no
//! caller sees SQL, a connection or a transaction.
//!
//! The order of things (invariant: a row implies a synced file): seal the file, sync it, then
//! [`Index::put_recording`]. All writes are durable when they return.
//!
//! Belongs here: every SQL statement of the project, the schema, its upgrades. Does not: the sealed files
//! themselves (`vault`; the two do not know each other), permission to read, the live state of calls.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use access::Scope;
use calls::id::RecordingId;
use calls::time::Wall;

mod care;
pub mod custody;
mod error;
mod id_key;
mod moment;
mod number;
mod outbox;
mod query;
mod register;
mod remark;
mod row;
mod sqlite;
mod text;
pub mod trail;
mod upgrade;

pub use care::{
    Care, Cause, Due, Erasure, Hold, HoldWanted, Mark, Marked, Restriction, Rule, Standing, Transfer,
    TransferEnd, TransferKind, Verdict,
};
pub use error::{
    AnnotateError, CareError, DatabaseError, FindError, HoldError, HookError, OpenError, PutError,
    RedactError, RegisterError, RemarkError,
};
pub use id_key::id_key;
pub use number::reversed_digits;
pub use outbox::{
    Delivery, DeliveryQuery, DeliveryState, EVENTS_MAX, Outbox, OutboxEvent, ReplayFrom, Tried, Upcoming,
    WEBHOOKS_MAX, Webhook,
};
pub use query::{Named, PAGE_DEFAULT, PAGE_MAX, Page, Query};
pub use register::{
    ACCOUNTS_MAX, API_KEYS_MAX, APPROVALS_MAX, Account, ApiKey, Approval, ApprovalAsked, ApprovalKind,
    Decision, FormerAccount, KeyHash, Register, STRUCK,
};
pub use remark::{REMARK_MAX_BYTES, REMARKS_MAX, Remark, RemarkKind, RemarkWanted};
pub use row::{
    Completeness, DarkTotals, Direction, FileEntry, Inherited, Listen, Party, RecordingRow, Redaction,
    RedactionAsked, RedactionDone, Related, Relation,
};
pub use text::WORDS_MAX;
pub use trail::Trail;

/// How many fields one annotation can set: all 32 metadata keys, twice over.
pub const FIELDS_MAX: usize = 64;

/// How long a field's name can be.
pub const FIELD_NAME_MAX_BYTES: usize = 64;

/// How long a field's value can be: a long note.
pub const FIELD_VALUE_MAX_BYTES: usize = 4_096;

/// The index of all sealed recordings.
///
/// Cheap to clone; all clones share one writer and a few readers.
#[derive(Debug, Clone)]
pub struct Index {
    database: sqlite::Database,
}

impl Index {
    /// Opens the index at `path`, or makes a new one there; the folder must exist. An older schema is upgraded
    /// after a copy was made beside it.
    ///
    /// # Errors
    /// [`OpenError`]; a database of a newer Sidetone or of something else is refused before anything is written.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { database: sqlite::Database::open(path, None).await? })
    }

    /// The same, for who has the key of the install: the end of the audit is signed with each entry, and compared with what
    /// was signed before each. An index of a version that did not is begun to be ([`trail::Notary`]).
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_signing(path: &Path, notary: Arc<dyn trail::Notary>) -> Result<Self, OpenError> {
        Ok(Self { database: sqlite::Database::open(path, Some(notary)).await? })
    }

    /// What is more in the schema of this index than this program makes, missing or different, in words (C8-03).
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn schema_differences(&self) -> Result<Vec<String>, DatabaseError> {
        self.database.schema_differences().await
    }

    /// The version of the index at `path`, if there is one, and the version this program knows. Nothing is changed.
    ///
    /// # Errors
    /// [`OpenError`]; a database of a newer Sidetone or of something else is refused.
    pub async fn versions(path: &Path) -> Result<(Option<i64>, i64), OpenError> {
        sqlite::Database::versions(path).await
    }

    /// Opens the index at `path` for reading, also beside a recorder that runs. Every write fails.
    ///
    /// # Errors
    /// [`OpenError`]; one that is not there or of another version is not touched.
    pub async fn open_to_read(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { database: sqlite::Database::open_to_read(path).await? })
    }

    /// Writes a copy of the index as it is at one instant, to a file that is not there yet.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn copy_to(&self, copy: &Path) -> Result<(), DatabaseError> {
        sqlite::copy(&self.database, copy).await
    }

    /// Receivers of events, and the events on their way to them.
    pub fn outbox(&self) -> Outbox {
        Outbox::new(self.database.clone())
    }

    /// Who did what.
    pub fn trail(&self) -> Trail {
        Trail::new(self.database.clone())
    }

    /// Who may ask, and what waits for approval.
    pub fn register(&self) -> Register {
        Register::new(self.database.clone())
    }

    /// Finishes what is under way and closes the files. Dropping the last clone is safe too, but does not wait.
    pub async fn close(self) {
        self.database.close().await;
    }

    /// Makes a sealed recording findable and returns its numeric key. Durable on return.
    ///
    /// Putting it again changes nothing, annotations made since included, and returns the same key: start-up
    /// recovery repeats it without looking.
    ///
    /// # Errors
    /// [`PutError::Different`] if the id has a row for another file.
    pub async fn put_recording(&self, row: &RecordingRow) -> Result<i64, PutError> {
        sqlite::put::recording(&self.database, row).await
    }

    /// Sets metadata fields of a sealed recording, as said `at`. Durable on return. Keys are taken in any case;
    /// `ani`, `dnis` and `calldirection` change the row's own columns too. What was said before is kept in a log.
    ///
    /// Which keys may be written is the caller's to decide.
    ///
    /// # Errors
    /// [`AnnotateError`]; then nothing was changed.
    pub async fn annotate(
        &self,
        id: RecordingId,
        fields: &[(String, String)],
        at: Wall,
    ) -> Result<(), AnnotateError> {
        sqlite::annotate::recording(&self.database, id, fields, at).await
    }

    /// The last value of each field that was written after the seal.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn annotated(&self, id: RecordingId) -> Result<BTreeMap<String, String>, DatabaseError> {
        sqlite::annotate::of(&self.database, id).await
    }

    /// The row of one recording, if it has one.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn recording(&self, id: RecordingId) -> Result<Option<RecordingRow>, DatabaseError> {
        sqlite::read::recording(&self.database, id).await
    }

    /// What else there is of a recording's call: other recordings of it, copies, what it goes on from or goes on with, and
    /// those to whose calls another system gave the same id within a day. The nearest 50 in time, oldest first.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn related(&self, id: RecordingId) -> Result<Vec<Related>, DatabaseError> {
        sqlite::related::recordings(&self.database, id).await
    }

    /// How much of the recordings of a time each agent was dark in; see [`DarkTotals`].
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn dark_by_agent(
        &self,
        (from, to): (Wall, Wall),
        scope: &Scope,
    ) -> Result<Vec<DarkTotals>, DatabaseError> {
        sqlite::dark::by_agent(&self.database, (from, to), scope).await
    }

    /// Finds recordings, newest first.
    ///
    /// # Errors
    /// [`FindError`] names the condition that cannot be one. Free text never is at fault.
    pub async fn find(&self, query: &Query) -> Result<Page<RecordingRow>, FindError> {
        sqlite::find::recordings(&self.database, query).await
    }

    /// The newest recording in a scope that is named so; one that is no copy of another comes before one that is.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn newest(&self, named: &Named, scope: &Scope) -> Result<Option<RecordingRow>, DatabaseError> {
        sqlite::pick::newest(&self.database, named, scope).await
    }

    /// Those of these numeric keys that there are, in the order of the keys; of more than [`PAGE_MAX`] keys the first.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn by_idents(&self, idents: &[i64]) -> Result<Vec<RecordingRow>, DatabaseError> {
        let most = idents.len().min(PAGE_MAX as usize);
        sqlite::pick::by_idents(&self.database, &idents[..most]).await
    }

    /// The files of the recordings behind numeric key `after` (0 for the beginning), oldest first, at most
    /// [`PAGE_MAX`]; an empty page is the end.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn files_after(&self, after: i64) -> Result<Vec<FileEntry>, DatabaseError> {
        sqlite::read::files_after(&self.database, after).await
    }

    /// The files of all recordings, oldest first.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn files(&self) -> Result<Vec<FileEntry>, DatabaseError> {
        let mut files: Vec<FileEntry> = Vec::new();
        loop {
            let page = self.files_after(files.last().map_or(0, |last| last.ident)).await?;
            if page.is_empty() {
                return Ok(files);
            }
            files.extend(page);
        }
    }

    /// How many recordings there are.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn count(&self) -> Result<u64, DatabaseError> {
        sqlite::read::count(&self.database).await
    }

    /// Writes down that a span of a recording is to be erased, and returns the redaction's number. Durable on return; nothing
    /// may be erased before.
    ///
    /// # Errors
    /// [`RedactError`]; then nothing may be erased.
    pub async fn ask_redaction(&self, asked: &RedactionAsked) -> Result<i64, RedactError> {
        sqlite::redact::ask(&self.database, asked).await
    }

    /// Writes down that a redaction is done, and what the recording's file is now, both at once. Ending one that is ended
    /// changes nothing.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn end_redaction(&self, number: i64, done: &RedactionDone) -> Result<(), DatabaseError> {
        sqlite::redact::end(&self.database, number, done).await
    }

    /// The redactions of a recording, in the order they were asked for.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn redactions(&self, id: RecordingId) -> Result<Vec<Redaction>, DatabaseError> {
        sqlite::redact::of(&self.database, id).await
    }

    /// The redactions that were asked for and are not done, of all recordings.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn redactions_not_done(&self) -> Result<Vec<Redaction>, DatabaseError> {
        sqlite::redact::not_done(&self.database).await
    }

    /// Attaches a bookmark, a note or a category to a recording; its text is found by searches from now on. Durable on
    /// return. A category that stands already is returned as it is.
    ///
    /// # Errors
    /// [`RemarkError`]; then nothing was changed.
    pub async fn add_remark(&self, wanted: &RemarkWanted) -> Result<Remark, RemarkError> {
        sqlite::remark::add(&self.database, wanted).await
    }

    /// Takes a remark of a recording back: it stays on record, and is found no more. Whether one was standing there.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn remove_remark(
        &self,
        recording: RecordingId,
        number: i64,
        who: &str,
        at: Wall,
    ) -> Result<bool, DatabaseError> {
        sqlite::remark::remove(&self.database, (recording, number), who, at).await
    }

    /// All remarks of a recording, in the order they were made, those that were taken back included.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn remarks(&self, id: RecordingId) -> Result<Vec<Remark>, DatabaseError> {
        sqlite::remark::of(&self.database, id).await
    }

    /// The last [`PAGE_MAX`] listens to a recording, newest first.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn listens(&self, id: RecordingId) -> Result<Vec<Listen>, DatabaseError> {
        self.trail().listens(id).await
    }
}
