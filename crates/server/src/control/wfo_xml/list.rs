//! CALLLIST: the calls that are known. The shape of its answer is ours, after that of IMPORTUSER.

use calls::call::{Call, CallState};
use calls::field::Field;
use calls::recording::RecordingState;

use super::answer::{Done, Xml};
use super::code::{Code, Fault};
use super::parameters::{Parameters, wire_name};
use crate::control::time::wfo;
use crate::http::App;

/// How many calls one answer holds at most: the desk is busy for as long as it takes to list them.
const MAX_LISTED: u32 = 1_000;

/// How many where nobody says.
const USUAL: u32 = 100;

/// No call is begun in an answer that is so long.
const ENOUGH_BYTES: usize = 1 << 20;

/// Lists calls, newest first: those of a device or agent, or all.
pub(super) async fn calls(app: &App, parameters: &mut Parameters) -> Result<Done, Fault> {
    let count = parameters.number("CALLCOUNT", 1..=MAX_LISTED)?.unwrap_or(USUAL) as usize;
    let owner = match parameters.named_if_any()? {
        None => None,
        Some(named) => {
            let found = app.desk.look(move |tracker| tracker.resolve(&named.target)).await?;
            Some(found.map_err(crate::desk::AskError::from)?)
        }
    };
    let listed = app.desk.look(move |tracker| {
        let shown: Vec<Call> = match owner {
            Some(owner) => {
                let view = tracker.view(&owner);
                let mut calls: Vec<Call> = view.active.into_iter().chain(view.inactive).collect();
                calls.sort_by_key(|call| std::cmp::Reverse(call.id));
                calls
            }
            None => {
                let is_shown = |call: &&Call| !call.is_chat() && call.copy_of().is_none();
                tracker.state().calls.values().rev().filter(is_shown).take(count).cloned().collect()
            }
        };
        let dark = |call: Call| {
            let is_dark = tracker.is_dark(&call);
            (call, is_dark)
        };
        shown.into_iter().take(count).map(dark).collect::<Vec<_>>()
    });
    let mut calls = Xml::default();
    let mut listed_count = 0;
    for (call, is_dark) in listed.await? {
        if calls.0.len() > ENOUGH_BYTES {
            break;
        }
        listed_count += 1;
        print(&mut calls, &call, is_dark, app);
    }
    let mut xml = Xml::default();
    xml.open("CALLS");
    xml.element("COUNT", &listed_count.to_string());
    xml.0.push_str(&calls.0);
    xml.close("CALLS");
    Ok(Done::with(Code::OK, xml))
}

fn print(xml: &mut Xml, call: &Call, is_dark: bool, app: &App) {
    xml.open("CALL");
    xml.element("CALLINSTANCE", call.named.as_deref().unwrap_or(&call.instance));
    xml.element("DEVICEID", call.device.as_ref().map_or("", |device| &device.0));
    for agent in &call.agents {
        xml.element("AGENTID", &agent.to_string());
    }
    let state = match call.state {
        CallState::OnCall => "OnCall",
        CallState::OnHold => "OnHold",
        CallState::Ended => "Ended",
    };
    xml.element("CALLSTATE", state);
    xml.element("STARTTIME", &wfo(call.started, &app.zone));
    // While a call lasts its end is written as its start, as the original does in its metadata.
    xml.element("ENDTIME", &wfo(call.ended.unwrap_or(call.started), &app.zone));
    for field in Field::all().filter(|field| !call.field(*field).is_empty()) {
        xml.element(&wire_name(field), call.field(field));
    }
    for recording in &call.recordings {
        xml.open("RECORDING");
        xml.element("RECORDINGIDENTIFIER", &recording.id.to_string());
        let state = match recording.state {
            RecordingState::Pending => "Pending",
            RecordingState::Recording if is_dark || recording.is_dark() => "Blackout",
            RecordingState::Recording => "Recording",
            RecordingState::Stopped | RecordingState::Sealed => "Stopped",
            RecordingState::Error => "Error",
        };
        xml.element("RECORDINGSTATE", state);
        xml.close("RECORDING");
    }
    xml.close("CALL");
}
