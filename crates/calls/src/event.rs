//! What has happened: the facts the tracker is rebuilt from.
//!
//! Events are journaled before anybody is told of them and replayed in the same order at start. They carry
//! decisions, not wishes: replaying needs no clock, no chance and no settings.

use serde::{Deserialize, Serialize};

use crate::agent::Agent;
use crate::archive::{ArchiveAction, Retention};
use crate::blackout::{Ended, Owner};
use crate::call::{Call, Carrier, Fact, Link, Origin, Party, Snapshot, Stream};
use crate::field::Fields;
use crate::id::{AgentId, CallId, DeviceId, RecordingId, ScheduleId};
use crate::recording::HeldBack;
use crate::schedule::{Counted, Schedule};
use crate::time::Wall;
use crate::tracker::SessionText;

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// An agent was added, or replaced by one of the same id.
    AgentPut {
        /// The agent as it is now.
        agent: Agent,
    },
    /// An agent was removed.
    AgentRemoved {
        /// The agent.
        agent: AgentId,
    },
    /// An archive action was added, or replaced by one of the same id.
    ArchiveActionPut {
        /// The action as it is now.
        action: ArchiveAction,
    },
    /// A schedule was made, or changed.
    SchedulePut {
        /// The schedule as it is now.
        schedule: Schedule,
    },
    /// A schedule was removed.
    ScheduleRemoved {
        /// The schedule.
        schedule: ScheduleId,
    },
    /// A call began.
    CallBegan {
        /// The call.
        call: CallId,
        /// Its name on the wire.
        instance: String,
        /// How we know of it.
        origin: Origin,
        /// The phone it is on.
        device: Option<DeviceId>,
        /// The agents it is tied to.
        agents: Vec<AgentId>,
        /// When.
        at: Wall,
    },
    /// A call was reported under a name of its own.
    CallNamed {
        /// The call.
        call: CallId,
        /// The name.
        instance: String,
    },
    /// A workstation was said to stand beside a device.
    StationMapped {
        /// The device.
        device: DeviceId,
        /// The workstation; empty for none.
        station: String,
    },
    /// An SRC told (again) what a call is: the whole picture, media included.
    CallDescribed {
        /// The call.
        call: CallId,
        /// What the SRC told.
        description: Description,
        /// When.
        at: Wall,
    },
    /// A metadata document came.
    SnapshotArrived {
        /// The call.
        call: CallId,
        /// The document; absent if it was not kept.
        snapshot: Option<Snapshot>,
    },
    /// The parties stopped hearing each other, or began to again.
    CallHeld {
        /// The call.
        call: CallId,
        /// Whether it is on hold now.
        on_hold: bool,
        /// When.
        at: Wall,
    },
    /// Somebody wrote fields of a call.
    CallTagged {
        /// The call.
        call: CallId,
        /// The fields written.
        fields: Fields,
        /// When.
        at: Wall,
    },
    /// A call was over.
    CallEnded {
        /// The call.
        call: CallId,
        /// When.
        at: Wall,
    },
    /// Nobody may ask for the call any more: it left the inactive calls.
    CallForgotten {
        /// The call.
        call: CallId,
    },
    /// A recording was started.
    RecordingStarted {
        /// The call it is of.
        call: CallId,
        /// The recording.
        recording: RecordingId,
        /// Why it is kept, as a sentence.
        why: String,
        /// How long it is kept, and what becomes of it then.
        #[serde(default)]
        retention: Retention,
        /// What a schedule had to do with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        taken: Option<Taken>,
        /// That its beginning was held back in memory, from `at` on; how far the memory reaches is told by
        /// [`Event::RecordingReaches`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        held_back: Option<HeldBack>,
        /// When.
        at: Wall,
    },
    /// What was held back of a recording is in the journal.
    RecordingReaches {
        /// The recording.
        recording: RecordingId,
        /// Its first instant.
        from: Wall,
        /// Why it is kept, and how far back, as a sentence.
        why: String,
    },
    /// A call is not kept.
    RecordingDeclined {
        /// The call.
        call: CallId,
        /// Why, as a sentence.
        why: String,
        /// What a schedule had to do with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        taken: Option<Taken>,
        /// Whether a command said so.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_command: bool,
        /// Whether it may be held back, for a command to keep it from its beginning.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        may_hold: bool,
        /// When.
        at: Wall,
    },
    /// A recording was stopped.
    RecordingStopped {
        /// The recording.
        recording: RecordingId,
        /// Why, as a sentence; empty if that is not known.
        #[serde(default)]
        why: String,
        /// When.
        at: Wall,
    },
    /// A recording's file was finished, or could not be.
    RecordingSealed {
        /// The recording.
        recording: RecordingId,
        /// Whether the file is good.
        good: bool,
    },
    /// A blackout began, or its time-out began anew.
    BlackoutOpened {
        /// Whose.
        owner: Owner,
        /// When the last gate had closed.
        at: Wall,
        /// When it times out.
        until: Option<Wall>,
    },
    /// A blackout's time-out passed, and it stays dark.
    BlackoutOverdue {
        /// Whose.
        owner: Owner,
    },
    /// A blackout ended.
    BlackoutClosed {
        /// Whose.
        owner: Owner,
        /// Why.
        why: Ended,
        /// When.
        at: Wall,
    },
    /// A recording session is to go on after a restart as this says (A9-12).
    SessionRemembered {
        /// Its name.
        session: String,
        /// What only the shell understands.
        text: SessionText,
    },
    /// A recording session was over.
    SessionForgotten {
        /// Its name.
        session: String,
    },
}

/// What a schedule had to do with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The schedule that took it.
    pub schedule: ScheduleId,
    /// The number that was drawn, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<u8>,
    /// What the call changed in what the schedule counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
}

/// What an SRC tells of a call, in the domain's words.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Description {
    /// SIP's Call-ID of the recording session.
    #[serde(default)]
    pub sip_call_id: Option<String>,
    /// The recording sessions that bring its media.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carriers: Vec<Carrier>,
    /// What is the same for the recording sessions that make this one call together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<String>,
    /// How it belongs to an earlier call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// The trunk it came by, if a trunk holds its peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<String>,
    /// Where it was brought from: transport, address, and the certificate that was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brought_by: Option<String>,
    /// The trunk's business unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_unit: Option<i64>,
    /// The communication session's id.
    #[serde(default)]
    pub session_id: String,
    /// The device, once known.
    #[serde(default)]
    pub device: Option<DeviceId>,
    /// The agents it is tied to.
    #[serde(default)]
    pub agents: Vec<AgentId>,
    /// Fields the SRC's facts fill; they never overwrite what an API call has written.
    #[serde(default)]
    pub fields: Fields,
    /// What headers and metadata say of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// Who is or was in it.
    #[serde(default)]
    pub parties: Vec<Party>,
    /// All streams so far, ended ones included.
    #[serde(default)]
    pub streams: Vec<Stream>,
}

impl Description {
    /// What has been told of a call so far.
    pub fn of(call: &Call) -> Self {
        Self {
            sip_call_id: call.sip_call_id.clone(),
            carriers: call.carriers.clone(),
            pair: call.pair.clone(),
            link: call.link,
            trunk: call.trunk.clone(),
            brought_by: call.brought_by.clone(),
            business_unit: call.business_unit,
            session_id: call.session_id.clone(),
            device: call.device.clone(),
            agents: call.agents.clone(),
            fields: call.told.clone(),
            facts: call.facts.clone(),
            parties: call.parties.clone(),
            streams: call.streams.clone(),
        }
    }
}
