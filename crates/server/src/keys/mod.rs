//! The keys of a running recorder: who opens the private half of the reading key, and what happens when it is not here.
//!
//! A recorder records without it. Then everything that gives out sound, or what stands in a manifest, says why it cannot.
//!
//! Belongs here: opening it as the settings say, looking again, replacing keys while the recorder runs. Does not: the keys
//! themselves and their files (the vault), who may ask for it (`control`).

mod token;
mod unlock;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use calls::time::Wall;
use parking_lot::Mutex;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch as stopping;
use vault::keys::{self, Change, Form, KeyError, Kind, Listed};
use vault::{KeyFolder, ReadingKey, RecorderKeys};

use crate::config::{Keys as Settings, ReadingKeyPlace};
use crate::observe::alarms::{About, Alarms, Kind as Alarm};

pub use token::Token;
pub use unlock::{Asks, Unlocker};

/// The keys of a running recorder. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    folder: PathBuf,
    settings: Arc<Settings>,
    /// What records.
    pub recorder: RecorderKeys,
    /// What reads; empty without the private half.
    pub reading: ReadingKey,
    /// Why the private half is not here.
    away: Arc<Mutex<Option<Away>>>,
}

/// Why the private half of the reading key is not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Away {
    /// It is not to be.
    Wanted,
    /// It should be, and its file is not there.
    Missing(String),
    /// Its file is there, and does not open.
    Closed(String),
}

impl Away {
    /// As the end of a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::Wanted => "this recorder is set up to record only (keys.reading_key = \"none\")".to_owned(),
            Self::Missing(why) | Self::Closed(why) => why.clone(),
        }
    }
}

/// Opens the private half as the settings say: what there is, and why there is none.
///
/// # Errors
/// [`KeyError`] for what is wrong and not just away: a file that others can read, that is no key, or of another pair.
pub fn open_reading(
    settings: &Settings,
    folder: &Path,
    asks: Asks,
) -> Result<(ReadingKey, Option<Away>), KeyError> {
    let unlocker = Unlocker::new(settings.clone(), asks);
    let opened = match &settings.reading_key {
        Some(ReadingKeyPlace::None) => return Ok((ReadingKey::default(), Some(Away::Wanted))),
        Some(ReadingKeyPlace::File(file)) => keys::reading_key(file, &unlocker),
        None => keys::reading_key_in(folder, &unlocker),
    };
    match opened {
        Ok(key) => Ok((key, None)),
        Err(error @ KeyError::Missing { .. }) => {
            Ok((ReadingKey::default(), Some(Away::Missing(error.to_string()))))
        }
        Err(error @ KeyError::Unopened { .. }) => {
            Ok((ReadingKey::default(), Some(Away::Closed(error.to_string()))))
        }
        Err(error) => Err(error),
    }
}

impl Keys {
    /// Opens the key folder, made at the first start.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open(folder: PathBuf, settings: Settings, asks: Asks) -> Result<Self, KeyError> {
        let opened = KeyFolder::open_with_state(&folder, settings.state_key.as_deref())?;
        if opened.made_signing_key() {
            let key = opened.recorder().signing().public().id();
            tracing::info!(%key, "the key folder had no signing key, and has one now; keep a copy of keys/signing.pub apart");
        }
        let (reading, away) = open_reading(&settings, &folder, asks)?;
        let recorder = opened.recorder();
        if !recorder.is_locked() || !reading.is_locked() {
            tracing::warn!("the system locks no memory for keys (LimitMEMLOCK): they may get into swap");
        }
        Ok(Self { folder, settings: Arc::new(settings), recorder, reading, away: Arc::new(Mutex::new(away)) })
    }

    /// Why the private half is not here, if it is not.
    pub fn away(&self) -> Option<Away> {
        self.away.lock().clone()
    }

    /// Looks at the files again: what is recorded from now on is for the key that is there now.
    ///
    /// # Errors
    /// [`KeyError`]; then all is as before.
    pub fn look_again(&self) -> Result<(), KeyError> {
        let there = KeyFolder::open_with_state(&self.folder, self.settings.state_key.as_deref())?.recorder();
        let (reading, away) = open_reading(&self.settings, &self.folder, Asks::Nobody)?;
        self.recorder.exchange_reading(&there);
        let is_open = self.reading.holds(there.reading_id());
        *self.away.lock() = match away {
            // Somebody had to be asked for what opened it, and nobody is now.
            Some(Away::Closed(_)) if is_open => None,
            Some(Away::Closed(why)) if !self.reading.ids().is_empty() => Some(Away::Closed(why)),
            away => {
                self.reading.exchange(&reading);
                away
            }
        };
        Ok(())
    }

    /// Replaces a key, and takes the new one: the reading key at once, the state key at the next start.
    ///
    /// # Errors
    /// [`KeyError`]; [`KeyError::Missing`] and [`KeyError::Unopened`] where the private half is not here, or cannot be kept in
    /// its form without somebody at a terminal.
    pub fn replace(&self, kind: Kind, at: Wall) -> Result<Change, KeyError> {
        let change = match kind {
            Kind::State => return keys::replace_state(&self.folder, at),
            Kind::Reading => {
                let unlocker = Unlocker::new((*self.settings).clone(), Asks::Nobody);
                keys::replace_reading(&self.folder, at, &unlocker)?
            }
        };
        self.look_again()?;
        Ok(change)
    }

    /// All keys of the folder.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn list(&self) -> Result<Vec<Listed>, KeyError> {
        keys::list(&self.folder)
    }

    /// The form in which the private half is kept, if it is to be here and is.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn form(&self) -> Result<Option<Form>, KeyError> {
        let form = match &self.settings.reading_key {
            Some(ReadingKeyPlace::None) => return Ok(None),
            Some(ReadingKeyPlace::File(file)) => keys::form_of(file),
            None => keys::form_in(&self.folder),
        };
        match form {
            Err(KeyError::Missing { .. }) => Ok(None),
            form => form.map(Some),
        }
    }

    /// Whether a key is where the recorder replaces it: in the key folder.
    pub fn is_replaced_here(&self, kind: Kind) -> bool {
        match kind {
            Kind::Reading => self.settings.reading_key.is_none(),
            Kind::State => self.settings.state_key.is_none(),
        }
    }

    /// Tells whether the private half is amiss.
    pub fn tell(&self, alarms: &Alarms) {
        let about = About::Part("reading key".to_owned());
        match self.away() {
            Some(Away::Missing(why) | Away::Closed(why)) => alarms.raise(Alarm::ReadingKeyAway, about, why),
            Some(Away::Wanted) | None => alarms.clear(Alarm::ReadingKeyAway, &about),
        }
    }
}

/// Looks at the key files again on SIGHUP.
pub(crate) async fn watch(keys: Keys, alarms: Alarms, mut stop: stopping::Receiver<bool>) {
    let mut told = match signal(SignalKind::hangup()) {
        Ok(told) => told,
        Err(error) => return tracing::error!(%error, "keys cannot be exchanged without a restart"),
    };
    let files = || About::Part("key files".to_owned());
    loop {
        keys.tell(&alarms);
        tokio::select! {
            _ = told.recv() => {}
            _ = stop.wait_for(|stopping| *stopping) => return,
        }
        let looking = keys.clone();
        match tokio::task::spawn_blocking(move || looking.look_again()).await {
            Ok(Ok(())) => {
                alarms.clear(Alarm::KeysNotTaken, &files());
                let key = keys.recorder.reading_id();
                tracing::info!(%key, "the key files were looked at: what is new is for this reading key");
            }
            Ok(Err(error)) => alarms.raise(Alarm::KeysNotTaken, files(), error.to_string()),
            Err(panicked) => tracing::error!(%panicked, "looking at the key files failed"),
        }
    }
}
