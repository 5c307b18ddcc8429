//! What can go wrong, one enum per kind of operation. All say what is wrong and, where somebody can do
//! something about it, what would be right.

use std::path::PathBuf;

use calls::id::RecordingId;

use crate::query::PAGE_MAX;

/// The database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// Somebody else held it for too long.
    #[error("the index was busy for too long while {doing}; it can be tried again")]
    Busy {
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no room.
    #[error("no room is left on the disk of the index while {doing}")]
    Full {
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Anything else; the source says what.
    #[error("the index failed while {doing}")]
    Failed {
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row holds what nobody of ours writes.
    #[error("row {ident} of the index holds no valid {column}; `sidetone check` compares rows with files")]
    Row {
        /// The row's numeric key.
        ident: i64,
        /// The column.
        column: &'static str,
    },
}

/// SQLite's primary result codes that have a meaning of their own to us.
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_FULL: i32 = 13;

impl DatabaseError {
    pub(crate) fn from_sqlx(doing: &'static str, error: sqlx::Error) -> Self {
        let code = match &error {
            sqlx::Error::Database(inner) => inner.code().and_then(|code| code.parse::<i32>().ok()),
            sqlx::Error::PoolTimedOut => Some(SQLITE_BUSY),
            _ => None,
        };
        // An extended code keeps its primary code in the low byte.
        let code = code.map(|code| code & 0xff);
        let source = Box::new(error);
        match code {
            Some(SQLITE_BUSY | SQLITE_LOCKED) => Self::Busy { doing, source },
            Some(SQLITE_FULL) => Self::Full { doing, source },
            _ => Self::Failed { doing, source },
        }
    }
}

/// Lets `?` turn a database's own error into ours, with the words for what was being done.
pub(crate) trait Doing<T> {
    fn doing(self, what: &'static str) -> Result<T, DatabaseError>;
}

impl<T> Doing<T> for Result<T, sqlx::Error> {
    fn doing(self, what: &'static str) -> Result<T, DatabaseError> {
        self.map_err(|error| DatabaseError::from_sqlx(what, error))
    }
}

/// A receiver of events cannot be added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HookError {
    /// There are too many.
    #[error("there are {} webhooks, and no more are taken; remove one first", crate::outbox::WEBHOOKS_MAX)]
    TooMany,
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The index cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A later Sidetone wrote it. Nothing was changed.
    #[error(
        "{path} has version {found} and this Sidetone knows versions up to {known}; \
         start the newer Sidetone that wrote it, or go back to a backup"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// It is a database of something else. Nothing was changed.
    #[error("{path} is a database, but no index of Sidetone; name another file or move this one away")]
    Stranger {
        /// The database.
        path: PathBuf,
    },
    /// The copy to be made before an upgrade has a file in its way. Nothing was changed.
    #[error(
        "before upgrading, a copy goes to {copy}, and that file exists already; move it away and start again"
    )]
    CopyInTheWay {
        /// The file.
        copy: PathBuf,
    },
    /// It is to be read only, and is not there.
    #[error("there is no index {path}; name the data folder of a recorder that was started once")]
    Missing {
        /// The database.
        path: PathBuf,
    },
    /// It is to be read only, and an earlier Sidetone wrote it. Nothing was changed.
    #[error(
        "{path} has version {found} and this Sidetone reads {known}; run sidetone upgrade, or start the recorder, which does the same"
    )]
    Older {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A recording cannot be put.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// The id has a row with another file or digest. A sealed file never changes, so one of the two is wrong.
    #[error("{recording:?} has a row for another file already: {file}")]
    Different {
        /// The recording.
        recording: RecordingId,
        /// The file its row names.
        file: String,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A recording cannot be annotated. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnnotateError {
    /// No row has this id.
    #[error("{0:?} is not in the index")]
    Unknown(RecordingId),
    /// Too many fields at once.
    #[error("{given} fields at once; at most {} are taken", crate::FIELDS_MAX)]
    TooMany {
        /// How many were given.
        given: usize,
    },
    /// A field name that cannot be one.
    #[error("a field name has 1 to {} bytes; one here has {bytes}", crate::FIELD_NAME_MAX_BYTES)]
    FieldName {
        /// How long it is.
        bytes: usize,
    },
    /// A value that is too long.
    #[error("the value of {field} has {bytes} bytes; at most {} are taken", crate::FIELD_VALUE_MAX_BYTES)]
    TooLong {
        /// The field.
        field: String,
        /// How long the value is.
        bytes: usize,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Something cannot be done to a recording. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CareError {
    /// No row has this id, or it was erased.
    #[error("{0:?} is not in the index")]
    Unknown(RecordingId),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A hold cannot be placed or released. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HoldError {
    /// A recording that is named has no row, or was erased.
    #[error("there is no recording {0} that could be held; leave it out")]
    Unknown(RecordingId),
    /// A condition cannot be one.
    #[error(transparent)]
    Condition(FindError),
    /// No hold has this number.
    #[error("there is no hold {0}")]
    NoSuch(i64),
    /// It was released before.
    #[error("hold {0} was released already")]
    Released(i64),
    /// Too many hold at a time.
    #[error(
        "{} holds hold already, which is the most; release those that need not",
        crate::sqlite::hold::HOLDS_MAX
    )]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A redaction cannot be written down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedactError {
    /// No row has this id.
    #[error("{0:?} is not in the index")]
    Unknown(RecordingId),
    /// A hold holds it, and it is no card data that goes (C6).
    #[error(
        "the recording is under legal hold {0}; only card data is erased under a hold: say card_data if it is that"
    )]
    Held(i64),
    /// Its file, or a copy, is in an archive.
    #[error(
        "the recording is in the archive {0}, and of a file there no span can be cut; it can be erased as a whole, or restricted, so that nobody hears it"
    )]
    Archived(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A remark cannot be written down. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemarkError {
    /// No row has this id.
    #[error("{0:?} is not in the index")]
    Unknown(RecordingId),
    /// The text is none, or too long.
    #[error("the text of a remark has 1 to {} bytes; this one has {bytes}", crate::REMARK_MAX_BYTES)]
    Text {
        /// How long it is.
        bytes: usize,
    },
    /// The recording has as many as it can have.
    #[error("the recording has {} remarks already; take one back first", crate::REMARKS_MAX)]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// An account, a key or a request cannot be written down. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// There is an account already.
    #[error("there is an account already, so this cannot be the first")]
    NotFirst,
    /// Another has the name.
    #[error("another has this name, or had it; take another")]
    NameTaken,
    /// There are as many as there can be.
    #[error("there are as many as there can be")]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A search that cannot be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// The cursor is none of ours.
    #[error(
        "this cursor is not one that a search has returned; leave it out to start from the newest recording"
    )]
    Cursor,
    /// The page size is out of range.
    #[error("limit is {given}; it can be 1 to {PAGE_MAX}")]
    Limit {
        /// What was asked for.
        given: u32,
    },
    /// A number without a digit.
    #[error("the number searched for has no digit; search for names and addresses as text")]
    Number,
    /// A user field that does not exist.
    #[error("there is no user{given}; user fields are user1 to user15")]
    UserField {
        /// The number given.
        given: u8,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
