//! Recordings leave as files: one or many, in a zip, to whoever downloads it or to a mailbox.
//!
//! An export is pulled: the next window of sound is rendered when the one before has left, so that it takes the same few
//! megabytes for one recording and for thousands, and a client that stops reading holds no thread. Nothing of it touches
//! the disk. That a recording leaves is written down before its first byte does (C8-05).
//!
//! Belongs here: zips, the order of recordings in them, jobs, mail. Does not: sound ([`crate::playback`]), who may hear it
//! (there too), requests and answers ([`crate::control`]).

mod bundle;
mod jobs;
mod letter;
mod listing;
mod mail;
mod name;
mod papers;
mod progress;
mod run;
mod work;

use std::fmt;
use std::sync::Arc;

use access::Principal;
use calls::id::RecordingId;
use index::RecordingRow;

pub use jobs::{ExportId, Exports, Job, JobRun, JobView, Refused, State};
pub use letter::{Letter, LetterFault};
pub(crate) use listing::{LIST, Listed, Listing};
pub use mail::{Smtp, SmtpTls};
pub(crate) use papers::SealedManifest;
pub use progress::{Failure, Tally};
pub use run::{Run, Source};

use crate::playback::{self, Channels, Form};

/// The most recordings of one export.
pub const MAX_RECORDINGS: usize = 10_000;

/// The longest that may be combined into one file: less than a WAV file holds at any rate.
pub const MAX_COMBINED_MS: u64 = 12 * 3_600_000;

/// What stands for a form of sound where a package is asked for.
pub(crate) const PACKAGE: &str = "package";

/// The most characters of a password; no more than people type.
const MAX_PASSWORD_CHARS: usize = 128;

/// What encrypts a zip. It is never logged or told.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Arc<str>);

impl Password {
    /// Takes a password.
    ///
    /// # Errors
    /// What would be right; never the password.
    pub fn new(text: &str) -> Result<Self, String> {
        let chars = text.chars().count();
        if chars == 0 || chars > MAX_PASSWORD_CHARS || text.chars().any(char::is_control) {
            return Err(format!("a password has 1 to {MAX_PASSWORD_CHARS} characters, on one line"));
        }
        Ok(Self(text.into()))
    }

    fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// What is to leave.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Which recordings, in the order they are to have.
    pub recordings: Vec<RecordingId>,
    /// How many more were asked for and are not there, or may not be heard by who asks.
    pub omitted: u64,
    /// How long they are together, ms.
    pub lasts_ms: u64,
    /// The form of sound.
    pub form: Form,
    /// How many channels; as each was recorded if nothing is said.
    pub channels: Option<Channels>,
    /// All in one file, one after the other, in one channel.
    pub combined: bool,
    /// As a package: with each sound its sealed file and what it can be verified with.
    pub package: bool,
    /// What encrypts it.
    pub password: Option<Password>,
    /// Who asks.
    pub asker: Principal,
    /// Why, as they say.
    pub reason: String,
    /// The letter it is sent in, if it is.
    pub letter: Option<Letter>,
}

impl Wanted {
    /// An export of nothing yet.
    pub fn of(asker: Principal) -> Self {
        Self {
            recordings: Vec::new(),
            omitted: 0,
            lasts_ms: 0,
            form: Form::default(),
            channels: None,
            combined: false,
            package: false,
            password: None,
            asker,
            reason: String::new(),
            letter: None,
        }
    }

    /// Adds a recording if who asks may hear it; else it is left out.
    pub fn add(&mut self, row: &RecordingRow) {
        if playback::may_hear(&self.asker, row) {
            self.recordings.push(row.id);
            self.lasts_ms = self.lasts_ms.saturating_add(row.duration_ms);
        } else {
            self.omitted += 1;
        }
    }

    /// What the log of listens says of it.
    fn what(&self) -> String {
        let channels = match (self.combined, self.channels) {
            (true, _) => "combined".to_owned(),
            (false, None) => "channels as recorded".to_owned(),
            (false, Some(channels)) => format!("channels {}", channels.count()),
        };
        let sealed = if self.password.is_some() { ", encrypted" } else { "" };
        let way = self.letter.as_ref().map_or_else(|| "download".to_owned(), Letter::way);
        format!("export, {way}, {}, {channels}{sealed}", self.form_name())
    }

    /// What its recordings leave as: the form of sound, or `package`.
    pub fn form_name(&self) -> &'static str {
        if self.package { PACKAGE } else { self.form.name() }
    }
}

/// Why an export came to no good end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// None of the recordings is there any more, or may be heard.
    #[error("no recording is left to be exported")]
    Nothing,
    /// None of those there are could be made sound.
    #[error("none of the recordings can be made sound: {0}")]
    Unreadable(String),
    /// The listen could not be written down.
    #[error("that somebody listens cannot be written down now, so nothing may be heard")]
    NotWrittenDown,
    /// Who asked for it may not any more.
    #[error("what who asked for it may do has ended, or was changed meanwhile")]
    NotTheSame,
    /// Somebody ended it.
    #[error("it was cancelled")]
    Cancelled,
    /// The combined file would be too long.
    #[error("{0}")]
    TooLong(String),
    /// A sound file could not be made.
    #[error("{0}")]
    Unmade(String),
    /// The zip could not be made.
    #[error("the zip cannot be made: {0}")]
    Zip(String),
    /// It would be larger than a letter may be.
    #[error(
        "it is larger than the {0} bytes a letter may have (smtp.max_bytes); export it as a download, or in a smaller form"
    )]
    TooLarge(u64),
    /// The mail server did not take it.
    #[error("the mail server did not take it: {0}")]
    Mail(String),
}
