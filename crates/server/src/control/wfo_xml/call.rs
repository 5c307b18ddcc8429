//! Commands for calls, chats, recordings and blackouts.

use calls::call::Call;
use calls::tracker::{Medium, Report, Target};

use super::answer::{Done, Xml};
use super::code::{Code, Fault};
use super::command::{Command, Refused};
use super::parameters::{MAX_VALUE_CHARS, Named, Parameters};
use crate::http::App;

/// Runs a command for whom it names.
pub(super) async fn run(
    app: &App,
    command: Command,
    named: Named,
    parameters: &mut Parameters,
) -> Result<Done, Refused> {
    let desk = &app.desk;
    match command {
        Command::BlackoutStart => {
            desk.open_blackout(named.target).await?;
            return Ok(Done::ok());
        }
        Command::BlackoutStop => {
            desk.close_blackout(named.target).await?;
            return Ok(Done::ok());
        }
        _ => {}
    }
    let is_update = matches!(command, Command::CallUpdate | Command::ChatUpdate);
    let report = report(command, named, parameters, is_update)?;
    match command {
        Command::CallStart | Command::ChatStart => {
            let call = desk.report_begin(report).await?;
            let is_kept = call.live_recording().is_some();
            if let Some(ruling) = call.ruling.as_ref().filter(|ruling| !is_kept && !ruling.kept) {
                return Err(Fault::new(Code::NO_SCHEDULE, ruling.why.clone()).into());
            }
            Ok(Done::with(Code::OK, named_as(&call)))
        }
        Command::CallUpdate | Command::ChatUpdate => {
            if report.fields.is_empty() && report.station.is_none() {
                let what = "there is nothing to write; send for example <USER1>text</USER1>";
                return Err(Fault::new(Code::BLANK, what).into());
            }
            desk.report_change(report).await?;
            Ok(Done::ok())
        }
        Command::CallStop | Command::ChatStop => {
            desk.report_end(report).await?;
            Ok(Done::ok())
        }
        Command::RecordStart => {
            let call = desk.start_unrecorded(report).await?;
            let mut data = named_as(&call);
            if let Some(recording) = call.live_recording() {
                data.element("RECORDINGIDENTIFIER", &recording.id.to_string());
            }
            Ok(Done::with(Code::RECORDING_STARTED, data))
        }
        Command::RecordStop => {
            desk.stop_recorded(report).await?;
            Ok(Done::with(Code::RECORDING_STOPPED, Xml::default()))
        }
        Command::Test
        | Command::CallList
        | Command::BlackoutStart
        | Command::BlackoutStop
        | Command::ImportUser
        | Command::EventRegister => unreachable!("it is no command for a call"),
    }
}

fn report(
    command: Command,
    named: Named,
    parameters: &mut Parameters,
    empties: bool,
) -> Result<Report, Fault> {
    let instance = parameters.short("CALLINSTANCE")?;
    // What is stopped is not written to; what was sent all the same is named in the answer.
    let writes = !matches!(command, Command::RecordStop);
    let fields = if writes { parameters.fields(empties)? } else { calls::field::Fields::new() };
    let is_report = matches!(
        command,
        Command::CallStart | Command::CallUpdate | Command::ChatStart | Command::ChatUpdate
    );
    let station = fields.get(&calls::field::Field::Station).cloned();
    let station = station.filter(|_| is_report && matches!(named.target, Target::Device(_)));
    if station.as_ref().is_some_and(|station| station.chars().count() > MAX_VALUE_CHARS) {
        return Err(Fault::format(format!("STATIONNAME has at most {MAX_VALUE_CHARS} characters")));
    }
    let medium = match command {
        Command::ChatStart | Command::ChatUpdate | Command::ChatStop => Medium::Chat,
        _ => Medium::Talk,
    };
    Ok(Report { target: named.target, instance, station, fields, medium })
}

/// The name under which later commands find the call.
fn named_as(call: &Call) -> Xml {
    let mut xml = Xml::default();
    xml.element("CALLINSTANCE", call.named.as_deref().unwrap_or(&call.instance));
    xml
}
