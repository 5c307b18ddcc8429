//! What retention remembers over restarts, and why it has stopped.

use std::fmt;

use calls::time::Wall;
use index::{DatabaseError, Index};
use serde::{Deserialize, Serialize};

use super::brake::Allowance;
use super::guard::{Guard, Jump, Reading};

/// Why nothing is deleted until somebody has looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The clock was set forward (C7-05).
    Clock(Jump),
    /// A run would mark too much (C7-03).
    Brake {
        /// How many recordings it would mark.
        due: u64,
        /// How many it may.
        room: u64,
    },
}

impl Stopped {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clock(_) => "clock",
            Self::Brake { .. } => "brake",
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock(jump) => write!(
                f,
                "the system clock is {} s ahead of what it should say; nothing is deleted until that is confirmed",
                jump.by.as_secs()
            ),
            Self::Brake { due, room } => write!(
                f,
                "a run would mark {due} recordings to be erased, and {room} are in order; nothing is marked until that is \
                 confirmed"
            ),
        }
    }
}

/// What is remembered. It stands in the index.
#[derive(Debug, Default)]
pub struct Memory {
    kept: Kept,
    written: Option<String>,
    /// Why nothing is deleted, as the last look found it.
    pub stopped: Option<Stopped>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    #[serde(default)]
    guard: Guard,
    #[serde(default)]
    allowance: Allowance,
}

impl Memory {
    /// Reads it, once.
    async fn load(&mut self, index: &Index) -> Result<(), DatabaseError> {
        if self.written.is_none() {
            let text = index.retention_state().await?.unwrap_or_default();
            // What a later version has written otherwise is begun anew: then the clock is measured from now.
            self.kept = serde_json::from_str(&text).unwrap_or_default();
            self.written = Some(text);
        }
        Ok(())
    }

    async fn store(&mut self, index: &Index) -> Result<(), DatabaseError> {
        let text = serde_json::to_string(&self.kept).expect("numbers and texts");
        if self.written.as_ref() != Some(&text) {
            index.remember_retention(&text).await?;
            self.written = Some(text);
        }
        Ok(())
    }

    /// What time it is for retention, durable before anything is done by it; `None` if nobody can tell.
    ///
    /// # Errors
    /// [`DatabaseError`]: then nothing may be deleted either.
    pub async fn time(&mut self, index: &Index, reading: &Reading) -> Result<Option<Wall>, DatabaseError> {
        self.load(index).await?;
        match self.kept.guard.look(reading) {
            Ok(now) => {
                if matches!(self.stopped, Some(Stopped::Clock(_))) {
                    self.stopped = None;
                }
                self.store(index).await?;
                Ok(Some(now))
            }
            Err(jump) => {
                self.stopped = Some(Stopped::Clock(jump));
                Ok(None)
            }
        }
    }

    /// What may be marked beside the plan.
    pub fn allowance(&self) -> Allowance {
        self.kept.allowance
    }

    /// So many of it were used.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn use_allowance(&mut self, index: &Index, used: u64) -> Result<(), DatabaseError> {
        self.kept.allowance.left = self.kept.allowance.left.saturating_sub(used);
        self.store(index).await
    }

    /// Somebody says that the clock is right and that so many recordings may be marked.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn confirm(
        &mut self,
        index: &Index,
        reading: &Reading,
        stopped: Stopped,
    ) -> Result<(), DatabaseError> {
        self.load(index).await?;
        match stopped {
            Stopped::Clock(_) => self.kept.guard.confirm(reading),
            Stopped::Brake { due, .. } => self.kept.allowance = Allowance { left: due },
        }
        self.store(index).await?;
        self.stopped = None;
        Ok(())
    }

    /// Why nothing is deleted, and the latest time that was seen and believed.
    pub fn told(&self) -> (Option<Stopped>, Option<Wall>) {
        (self.stopped, self.seen())
    }

    /// The latest time that was seen and believed.
    pub fn seen(&self) -> Option<Wall> {
        self.kept.guard.seen()
    }
}
