//! A blackout: the span in which nothing of an agent may be written.
//!
//! It belongs to the agent, not to the call (product decision 3): it covers every leg of every call the agent
//! is in, hold, consult and the next call included, until it is stopped or times out. A device nobody sits at
//! can have one of its own.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, DeviceId};
use crate::time::Wall;

/// Whose blackout it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Owner {
    /// An agent's, on every call of the agent.
    Agent(AgentId),
    /// A device's without an agent, on every call of the device.
    Device(DeviceId),
}

/// A blackout that lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blackout {
    /// Whose it is.
    pub owner: Owner,
    /// When the last gate had closed.
    pub since: Wall,
    /// When it times out, if ever.
    #[serde(default)]
    pub until: Option<Wall>,
    /// The time-out has passed and the policy is to stay dark.
    #[serde(default)]
    pub overdue: bool,
}

/// Why a blackout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ended {
    /// Somebody stopped it.
    Stopped,
    /// Nobody did, and its time was up.
    TimedOut,
}

/// What happens to a blackout nobody stops (wfo-api section 9 row 17, C2-10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How long a blackout may last; `None` for ever.
    pub timeout: Option<Duration>,
    /// At the time-out: stay dark and raise an alarm, rather than resume and raise one.
    pub stay_dark: bool,
}

impl Default for Policy {
    /// Ten minutes, then recording resumes (product decision 3).
    fn default() -> Self {
        Self { timeout: Some(Duration::from_secs(600)), stay_dark: false }
    }
}
