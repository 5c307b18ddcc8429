//! The agent object: what the WFO face shows of an agent (wfo-api section 2.3).
//!
//! Fields of the documented API stand in its order and spelling. Ours are added beside them, never inside
//! `Metadata`, which has its 32 keys and no more: `BlackoutActive` (wfo-api section 9 row 11), `starttimeutc`
//! and `endtimeutc` (row 19).

use calls::call::{Call, CallState};
use calls::field::Field;
use calls::recording::{Recording, RecordingState};
use calls::tracker::AgentView;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::control::time::{rfc3339, wfo};

/// An agent, or a device nobody sits at (`AgentId` 0, empty names).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AgentObject {
    /// The agent's own number.
    agent_id: u32,
    /// Business unit, 0 where there is only one.
    business_unit: i64,
    /// The agent's phone.
    agent_phone: String,
    /// Operating-system login.
    system_username: String,
    /// User name in the CRM.
    crm_username: String,
    /// The newest live call, null when there is none.
    active_call: Option<CallObject>,
    /// Other calls, newest first; an ended one stays for a while.
    inactive_calls: Vec<CallObject>,
    /// Login in the recorder.
    username: String,
    /// The physical number of the phone.
    device_id: String,
    /// Its second name.
    device_alias: String,
    /// Always empty: screens are not recorded.
    #[schema(value_type = Vec<Object>)]
    desktop_only_sessions: Vec<()>,
    /// Extension: whether the agent is in a blackout, with a call or without.
    blackout_active: bool,
}

/// A call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CallObject {
    /// Tells two calls of one agent apart.
    call_instance: String,
    /// The 32 metadata keys, each a text, empty when unset.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    metadata: Metadata,
    /// `OnCall`, `OnHold` or `Ended`; more may come.
    call_state: &'static str,
    /// The recordings of the call, oldest first.
    recordings: Vec<RecordingObject>,
    /// Extension: when the call began, RFC 3339 in UTC.
    #[serde(rename = "starttimeutc")]
    start_time_utc: String,
    /// Extension: when it ended, null while it lasts.
    #[serde(rename = "endtimeutc")]
    end_time_utc: Option<String>,
}

/// A recording.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RecordingObject {
    /// A GUID; the id under `/v1/recordings`.
    recording_identifier: String,
    /// Always false: no call is recorded twice at once.
    is_duplicate: bool,
    /// `Recording`, `Blackout`, `Stopped`, `Pending` or `Error`; more may come.
    recording_state: &'static str,
    /// Extension: always `Audio`.
    media_type: &'static str,
    /// Extension: `MM/dd/yyyy HH:mm:ss` in the server's zone.
    start_time: String,
    /// Extension: whether nothing is being written because of a blackout.
    blackout_active: bool,
}

/// The 32 keys in the order of the wire.
#[derive(Debug)]
struct Metadata(Vec<(&'static str, String)>);

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl AgentObject {
    /// Prints a view with its times in `zone`.
    pub(crate) fn new(view: &AgentView, zone: &TimeZone) -> Self {
        let agent = view.agent.as_ref();
        let text = |of: fn(&calls::agent::Agent) -> &String| agent.map(of).cloned().unwrap_or_default();
        Self {
            agent_id: agent.map_or(0, |agent| agent.id.0),
            business_unit: agent.map_or(0, |agent| agent.business_unit),
            agent_phone: text(|agent| &agent.phone),
            system_username: text(|agent| &agent.system_username),
            crm_username: text(|agent| &agent.crm_username),
            active_call: view.active.as_ref().map(|call| CallObject::new(call, view, view.dark, zone)),
            inactive_calls: view
                .inactive
                .iter()
                .map(|call| CallObject::new(call, view, false, zone))
                .collect(),
            username: text(|agent| &agent.username),
            device_id: view.device.as_ref().map(ToString::to_string).unwrap_or_default(),
            device_alias: text(|agent| &agent.device_alias),
            desktop_only_sessions: Vec::new(),
            blackout_active: view.blackout.is_some(),
        }
    }
}

impl CallObject {
    fn new(call: &Call, view: &AgentView, dark: bool, zone: &TimeZone) -> Self {
        Self {
            call_instance: call.instance.clone(),
            metadata: Metadata::new(call, view, zone),
            call_state: match call.state {
                CallState::OnCall => "OnCall",
                CallState::OnHold => "OnHold",
                CallState::Ended => "Ended",
            },
            recordings: call.recordings.iter().map(|it| RecordingObject::new(it, dark, zone)).collect(),
            start_time_utc: rfc3339(call.started),
            end_time_utc: call.ended.map(rfc3339),
        }
    }
}

impl RecordingObject {
    fn new(recording: &Recording, call_is_dark: bool, zone: &TimeZone) -> Self {
        let dark = recording.is_live() && (call_is_dark || recording.is_dark());
        Self {
            recording_identifier: recording.id.to_string(),
            is_duplicate: false,
            recording_state: match recording.state {
                RecordingState::Pending => "Pending",
                RecordingState::Recording if dark => "Blackout",
                RecordingState::Recording => "Recording",
                RecordingState::Stopped | RecordingState::Sealed => "Stopped",
                RecordingState::Error => "Error",
            },
            media_type: "Audio",
            start_time: wfo(recording.started, zone),
            blackout_active: dark,
        }
    }
}

impl Metadata {
    fn new(call: &Call, view: &AgentView, zone: &TimeZone) -> Self {
        let field = |field: Field| call.field(field).to_owned();
        let field_or = |wanted: Field, otherwise: &str| match call.field(wanted) {
            "" => otherwise.to_owned(),
            value => value.to_owned(),
        };
        let agent = view.agent.as_ref();
        let device = call.device.as_ref().or(view.device.as_ref()).map(ToString::to_string);
        let alias = agent.map_or("", |agent| &agent.device_alias);
        let station = agent.map_or("", |agent| &agent.station);
        let started = wfo(call.started, zone);

        let mut keys = vec![
            ("deviceid", device.unwrap_or_default()),
            ("devicealias", field_or(Field::DeviceAlias, alias)),
            ("gate", field(Field::AcdGate)),
            ("ani", field(Field::Ani)),
            ("dnis", field(Field::Dnis)),
        ];
        keys.extend(USER_KEYS.into_iter().zip(1..).map(|(key, n)| (key, field(Field::User(n)))));
        keys.extend([
            ("callid", field_or(Field::PbxCallId, call.sip_call_id.as_deref().unwrap_or_default())),
            ("sgroup", field(Field::SkillGroup)),
            ("callinstance", call.instance.clone()),
            ("calldirection", field(Field::Direction)),
            ("station", field_or(Field::Station, station)),
            ("istrunk", String::new()),
            ("sessionid", call.session_id.clone()),
            ("starttime", started.clone()),
            // While a call lasts its end is written as its start, as the original does.
            ("endtime", call.ended.map_or(started, |ended| wfo(ended, zone))),
            ("callsegmentid", String::new()),
            ("keepdays", field_or(Field::KeepDays, "-1")),
            ("archiveaction", field_or(Field::ArchiveAction, "-1")),
        ]);
        Self(keys)
    }
}

const USER_KEYS: [&str; 15] = [
    "user1", "user2", "user3", "user4", "user5", "user6", "user7", "user8", "user9", "user10", "user11",
    "user12", "user13", "user14", "user15",
];
