//! The tracker: the state machine that knows agents, devices, calls, recordings and blackouts.
//!
//! Each of its methods takes `now` and a wish, decides, changes the state and returns an [`Outcome`]: the
//! events to journal and the effects to carry out. The order is the caller's duty:
//!
//! 1. effects that darken ([`Effect::is_darkening`]) are done first,
//! 2. then the events are journaled and committed,
//! 3. then the other effects are done, and only then is anybody told.
//!
//! After a restart [`Tracker::restore`] takes the last checkpoint and [`Tracker::replay`] the events since;
//! the tracker is then what it was when the last event became durable.
//!
//! Belongs here: every decision about agents and calls. Does not: SIP, files, sockets, clocks, HTTP.

mod agents;
mod apply;
mod archive;
mod blackout;
mod copies;
mod hold_back;
mod recording;
mod reported;
mod resolve;
mod restart;
mod ruling;
mod schedules;
mod streams;
mod tag;
mod view;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use hold_back::Held;
pub use hold_back::{HeldCalls, HoldBack};
use recording::over_since;
pub use reported::{Medium, Report};
pub use resolve::Target;
pub use restart::SessionText;
pub use schedules::{Asked, Explanation};
pub use view::AgentView;
pub use wire::{Arrival, ArrivingParty, ArrivingStream, Document};

use crate::agent::Agent;
use crate::agent::AgentIdentifier;
use crate::archive::{ActionFault, ArchiveActions, Keeping};
use crate::blackout::{Blackout, Owner, Policy};
use crate::call::Call;
use crate::effect::Effect;
use crate::event::Event;
use crate::field::FieldError;
use crate::id::{AgentId, ArchiveActionId, CallId, DeviceId, RecordingId, ScheduleId};
use crate::schedule::hours::{Civil, CivilTime};
use crate::schedule::{MAX_SCHEDULES, Schedule, ScheduleFault, Tally};
use crate::time::Wall;

/// The most inactive calls kept for one agent or device; the oldest leave first.
pub const MAX_INACTIVE: usize = 50;

/// The most agents known at once.
pub const MAX_AGENTS: usize = crate::agents_file::MAX_AGENTS;

/// The most devices that have a workstation by command.
pub const MAX_STATIONS: usize = MAX_AGENTS;

/// What the tracker may be told by configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What happens to a blackout nobody stops.
    pub blackout: Policy,
    /// How long an ended call stays among its agent's inactive calls (wfo-api section 9 row 13).
    pub inactive_grace: Duration,
    /// Whether a start with no call known makes one (wfo-api section 9 row 4).
    pub callless_start: bool,
    /// How long what no schedule decides is kept, and what becomes of it then.
    pub keeping: Keeping,
    /// What becomes of calls that no schedule is for, where there are schedules.
    pub unmatched: Unmatched,
    /// Whether, and which, calls that are not kept are held back in memory (product decision 10).
    pub hold_back: Option<HoldBack>,
    /// What clocks show in the zones of schedules.
    pub civil: CivilTime,
}

/// What becomes of calls that no schedule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unmatched {
    /// They are kept.
    #[default]
    Keep,
    /// They are not.
    Drop,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            blackout: Policy::default(),
            inactive_grace: Duration::from_secs(300),
            callless_start: true,
            keeping: Keeping::default(),
            unmatched: Unmatched::Keep,
            hold_back: None,
            civil: Civil::in_utc,
        }
    }
}

/// What a decision comes to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What has happened: to be journaled, in this order.
    pub events: Vec<Event>,
    /// What must be done, in this order within its kind.
    pub effects: Vec<Effect>,
}

/// Why a wish is not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No agent answers to that name.
    #[error("no agent has the {kind} \"{value}\"")]
    UnknownAgent {
        /// The kind of name.
        kind: AgentIdentifier,
        /// The name.
        value: String,
    },
    /// No agent sits at that device and no call is on it.
    #[error("the device \"{0}\" is not known: no agent has it as phone and no call is on it")]
    UnknownDevice(String),
    /// No device goes by that second name, and no agent has it.
    #[error("no device has the alias \"{0}\": no agent has it")]
    UnknownAlias(String),
    /// No device stands beside that workstation.
    #[error("no device stands beside the workstation \"{0}\": no agent has it, and no command has mapped it")]
    UnknownStation(String),
    /// Several agents could be meant.
    #[error("{agents} agents have the {what} \"{value}\"; name the device or the agent's number")]
    Ambiguous {
        /// What they were named by.
        what: &'static str,
        /// The name.
        value: String,
        /// How many have it.
        agents: usize,
    },
    /// There is no call the command could act on.
    #[error("{0} has no call")]
    NoCall(String),
    /// The `CallInstance` asked for is not among the calls.
    #[error("{who} has no call with the CallInstance \"{instance}\"")]
    UnknownInstance {
        /// Who was named.
        who: String,
        /// The instance asked for.
        instance: String,
    },
    /// The call is being recorded.
    #[error("{0} is being recorded already")]
    AlreadyRecording(String),
    /// No call is being recorded.
    #[error("{0} has a call, and it is not being recorded")]
    NotRecording(String),
    /// More workstations than [`MAX_STATIONS`].
    #[error("no more than {MAX_STATIONS} devices can have a workstation mapped by command")]
    TooManyStations,
    /// A field was not taken.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// An agent could not be taken.
    #[error("agent {id}: the {kind} \"{value}\" is already agent {other}'s")]
    IdentifierTaken {
        /// The agent that was to be put.
        id: AgentId,
        /// The kind of identifier.
        kind: AgentIdentifier,
        /// Its value.
        value: String,
        /// Who has it.
        other: AgentId,
    },
    /// An agent cannot go now.
    #[error("agent {id} has {what}; remove the agent when it is over")]
    AgentBusy {
        /// The agent.
        id: AgentId,
        /// What keeps the agent.
        what: &'static str,
    },
    /// More agents than [`MAX_AGENTS`].
    #[error("no more than {MAX_AGENTS} agents can be known")]
    TooManyAgents,
    /// An archive action could not be taken.
    #[error(transparent)]
    ArchiveAction(#[from] ActionFault),
    /// `archiveaction` names an action that does not exist (wfo-api section 9 row 20).
    #[error("there is no archive action {0}; -1 is no override")]
    UnknownArchiveAction(ArchiveActionId),
    /// A schedule could not be taken.
    #[error(transparent)]
    Schedule(#[from] ScheduleFault),
    /// No such schedule.
    #[error("there is no schedule {0}")]
    UnknownSchedule(ScheduleId),
    /// More than [`MAX_SCHEDULES`].
    #[error("no more than {MAX_SCHEDULES} schedules can be known")]
    TooManySchedules,
}

/// All the tracker knows; what a checkpoint holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Agents by id.
    pub agents: BTreeMap<AgentId, Agent>,
    /// Calls by id; ids are time-ordered, so the newest is last.
    pub calls: BTreeMap<CallId, Call>,
    /// Blackouts that last.
    pub blackouts: Vec<Blackout>,
    /// What may become of recordings when their days are over.
    #[serde(default)]
    pub archive_actions: ArchiveActions,
    /// Schedules by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub schedules: BTreeMap<ScheduleId, Schedule>,
    /// The highest number a schedule was ever given.
    #[serde(default)]
    pub last_schedule: u32,
    /// What schedules have counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tallies: BTreeMap<ScheduleId, Tally>,
    /// The workstation beside a device, where a command has said so: it counts before what agents bring.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stations: BTreeMap<DeviceId, String>,
    /// Recording sessions that can go on after a restart, by name: text that only the shell understands.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sessions: BTreeMap<String, SessionText>,
}

/// See the module's head.
#[derive(Debug)]
pub struct Tracker {
    state: State,
    settings: Settings,
    random: ChaCha12Rng,
    /// Blackouts asked for whose gates are still closing: dark already, not yet a fact.
    closing: BTreeSet<Owner>,
    /// When a blackout, or the making of one, last ended: no gate opens to what came before.
    lightened: Option<Wall>,
    /// Calls that are held back in memory: what a restart takes, so that no event tells of it.
    held: BTreeMap<CallId, Held>,
    /// Copies that are known, by the call they are copies of: follows from the state.
    copies: BTreeMap<CallId, BTreeSet<CallId>>,
    /// Calls that are over, of which nothing is still in the making, by when they ended: follows from the state.
    over: BTreeSet<(Wall, CallId)>,
    /// The last instant an id was drawn for, so that ids never run backwards.
    last_id_ms: u64,
}

impl Tracker {
    /// An empty tracker. `seed` must be unpredictable: ids are drawn from it.
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        Self {
            state: State::default(),
            settings,
            random: ChaCha12Rng::from_seed(seed),
            closing: BTreeSet::new(),
            lightened: None,
            held: BTreeMap::new(),
            copies: BTreeMap::new(),
            over: BTreeSet::new(),
            last_id_ms: 0,
        }
    }

    /// Starts again from a checkpoint.
    pub fn restore(&mut self, state: State) {
        self.state = state;
        self.over = self.state.calls.values().filter_map(|call| Some((over_since(call)?, call.id))).collect();
        self.copies.clear();
        let links: Vec<_> = self.state.calls.values().map(|call| (call.id, call.link)).collect();
        for (call, link) in links {
            self.note_copy(call, link);
        }
    }

    /// Applies an event of an earlier run: changes the state and decides nothing.
    pub fn replay(&mut self, event: &Event) {
        self.apply(event);
    }

    /// All that is known now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// A call by its id.
    pub fn call(&self, id: CallId) -> Option<&Call> {
        self.state.calls.get(&id)
    }

    /// Makes the event a fact of the state and of the outcome.
    fn emit(&mut self, outcome: &mut Outcome, event: Event) {
        self.apply(&event);
        outcome.events.push(event);
    }

    fn draw_uuid(&mut self, now: Wall) -> Uuid {
        let ms = u64::try_from(now.as_ms()).unwrap_or(0).max(self.last_id_ms + 1);
        self.last_id_ms = ms;
        let mut random = [0; 10];
        self.random.fill_bytes(&mut random);
        uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid()
    }

    fn draw_call(&mut self, now: Wall) -> CallId {
        CallId::new(self.draw_uuid(now))
    }

    fn draw_recording(&mut self, now: Wall) -> RecordingId {
        RecordingId::new(self.draw_uuid(now))
    }
}
