//! From parameters to a command, and from what it came to back to an answer.

use access::{Grant, Permission, Role, Scope};
use calls::tracker::Refusal;

use super::answer::{Done, Outcome, result};
use super::call;
use super::code::{Code, Fault};
use super::document::safe;
use super::parameters::{Named, Parameters};
use super::{list, users};
use crate::desk::AskError;
use crate::http::App;
use crate::observe::metrics::Metrics;
use crate::trail::{Act, Actor, Note, note};

/// A command of the API Server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Test,
    CallStart,
    CallUpdate,
    CallStop,
    CallList,
    ChatStart,
    ChatUpdate,
    ChatStop,
    RecordStart,
    RecordStop,
    BlackoutStart,
    BlackoutStop,
    ImportUser,
    /// On the event port only.
    EventRegister,
}

/// Every command by its TYPE.
pub(super) const COMMANDS: [(&str, Command); 14] = [
    ("TEST", Command::Test),
    ("CALLSTART", Command::CallStart),
    ("CALLUPDATE", Command::CallUpdate),
    ("CALLSTOP", Command::CallStop),
    ("CALLLIST", Command::CallList),
    ("CHATSTART", Command::ChatStart),
    ("CHATUPDATE", Command::ChatUpdate),
    ("CHATSTOP", Command::ChatStop),
    ("RECORDSTART", Command::RecordStart),
    ("RECORDSTOP", Command::RecordStop),
    ("BLACKOUTSTART", Command::BlackoutStart),
    ("BLACKOUTSTOP", Command::BlackoutStop),
    ("IMPORTUSER", Command::ImportUser),
    ("EVENTREGISTER", Command::EventRegister),
];

impl Command {
    /// What somebody must be allowed to who sends it. Agents are managed by who may do so elsewhere too.
    fn wants(self, parameters: &Parameters) -> Permission {
        match self {
            Self::ImportUser if !users::is_list(parameters) => Permission::ManageAgents,
            _ => Permission::Command,
        }
    }

    /// What stands in the audit; none for a question.
    fn action(self) -> Option<&'static str> {
        Some(match self {
            Self::Test | Self::CallList | Self::EventRegister => return None,
            Self::CallStart => "call.report-begin",
            Self::CallUpdate => "call.report-change",
            Self::CallStop => "call.report-end",
            Self::ChatStart => "chat.report-begin",
            Self::ChatUpdate => "chat.report-change",
            Self::ChatStop => "chat.report-end",
            Self::RecordStart => "record.start",
            Self::RecordStop => "record.stop",
            Self::BlackoutStart => "blackout.open",
            Self::BlackoutStop => "blackout.close",
            Self::ImportUser => "agent.import",
        })
    }
}

/// Who sends commands, and what they may.
#[derive(Debug)]
pub(super) struct Speaker {
    pub(super) actor: Actor,
    pub(super) grant: Grant,
}

impl Speaker {
    /// Somebody who is known by the address they may speak from. Where a login is asked for they command, and do no more.
    pub(super) fn peer(from: String, asks: bool) -> Self {
        let commands = || Grant::new([Role::Integration], Scope::All).unwrap_or_else(|_| Grant::nothing());
        let grant = if asks { commands() } else { Grant::everything() };
        Self { actor: Actor::peer(from), grant }
    }

    fn may(&self, wanted: Permission) -> Result<(), Fault> {
        if self.grant.has(wanted) {
            return Ok(());
        }
        let roles = Role::ALL.into_iter().filter(|role| role.permissions().contains(&wanted));
        let roles: Vec<&str> = roles.map(Role::as_str).collect();
        let what = format!("this is not for who sends it, but for the role {}", roles.join(" or "));
        Err(Fault::new(Code::ACTION, what))
    }
}

/// A request whose head could be read.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) command: Command,
    pub(super) parameters: Parameters,
    pub(super) head: Head,
}

/// What is repeated in the answer.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// As it was sent; 0 if it was no number.
    id: String,
    /// In upper case.
    kind: String,
}

impl Head {
    /// The answer to the request.
    pub(super) fn answer(&self, outcome: &Outcome) -> String {
        let id = if self.id.is_empty() { "0" } else { &self.id };
        result(id, &self.kind, outcome)
    }
}

/// Reads the head of a request; the fault comes with what of the head could be read.
pub(super) fn read(parameters: Result<Parameters, Fault>) -> Result<Request, (Head, Fault)> {
    let mut head = Head::default();
    let mut parameters = match parameters {
        Ok(parameters) => parameters,
        Err(fault) => return Err((head, fault)),
    };
    let kind = parameters.take("TYPE").unwrap_or_default();
    head.kind = safe(&kind).to_ascii_uppercase();
    let id = parameters.take("REQUESTID").unwrap_or_default();
    if !is_id(&id) {
        let what = "REQUESTID must be there and be a whole number of at most 18 digits, such as 1";
        return Err((head, Fault::new(Code::REQUEST_ID, what)));
    }
    head.id = id;
    if kind.is_empty() {
        let what = "TYPE is missing or blank; <TYPE>TEST</TYPE> is the simplest";
        return Err((head, Fault::new(Code::REQUEST_TYPE, what)));
    }
    match COMMANDS.iter().find(|(name, _)| *name == head.kind) {
        Some((_, command)) => Ok(Request { command: *command, parameters, head }),
        None => {
            let names: Vec<&str> = COMMANDS.iter().map(|(name, _)| *name).collect();
            let what = format!("there is no such TYPE; there are {}", names.join(", "));
            Err((head, Fault::new(Code::UNKNOWN_TYPE, what)))
        }
    }
}

fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (1..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Carries a request out and gives the answer to it. The answer comes when what it says is durable.
pub(super) async fn answer(app: &App, speaker: &Speaker, parameters: Result<Parameters, Fault>) -> String {
    let (head, outcome) = match read(parameters) {
        Ok(Request { command, parameters, head }) => {
            let (outcome, note) = Note::of(run(app, speaker, command, parameters)).await;
            if let Some(action) = command.action() {
                audit(app, Act::new(&speaker.actor, action), note, &outcome).await;
            }
            (head, outcome)
        }
        Err((head, fault)) => (head, Err(fault)),
    };
    tell(&app.metrics, &head, &outcome);
    head.answer(&outcome)
}

/// Writes down what a request has come to.
async fn audit(app: &App, mut act: Act, note: Note, outcome: &Outcome) {
    note.put_into(&mut act);
    let (outcome, code) = match outcome {
        Ok(done) => (::audit::Outcome::Done, done.code),
        Err(fault) if fault.code == Code::PROCESSING => (::audit::Outcome::Failed, fault.code),
        Err(fault) => (::audit::Outcome::Refused, fault.code),
    };
    app.audit.note(act.outcome(outcome, code.number().to_string())).await;
}

/// Counts and logs what a request has come to: names and numbers, never a value.
pub(super) fn tell(metrics: &Metrics, head: &Head, outcome: &Outcome) {
    let (code, counter) = match outcome {
        Ok(done) => (done.code, &metrics.commands_done),
        Err(fault) if fault.code == Code::PROCESSING => (fault.code, &metrics.commands_failed),
        Err(fault) => (fault.code, &metrics.commands_refused),
    };
    counter.increment();
    // A TYPE that is none of ours is a text of the client.
    let known = COMMANDS.iter().map(|(name, _)| *name).find(|name| *name == head.kind);
    tracing::info!(command = known, code = code.number(), "WFO XML command");
}

async fn run(app: &App, speaker: &Speaker, command: Command, mut parameters: Parameters) -> Outcome {
    speaker.may(command.wants(&parameters))?;
    let mut done = match command {
        Command::Test => Done::ok(),
        Command::CallList => list::calls(app, &mut parameters).await?,
        Command::ImportUser => users::import(app, &mut parameters).await?,
        Command::EventRegister => {
            let what = "EVENTREGISTER is for the event port; connect there";
            return Err(Fault::new(Code::UNKNOWN_TYPE, what));
        }
        of_call => {
            let named = parameters.named()?;
            note(|note| note.about = Some(named.target.to_string()));
            match call::run(app, of_call, named.clone(), &mut parameters).await {
                Ok(done) => done,
                Err(error) => return Err(explain(app, named, error).await),
            }
        }
    };
    done.ignored = parameters.left();
    Ok(done)
}

/// Why a command for a call was not obeyed.
#[derive(Debug)]
pub(super) enum Refused {
    Desk(AskError),
    Fault(Fault),
}

impl From<AskError> for Refused {
    fn from(error: AskError) -> Self {
        Self::Desk(error)
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// An agent who has no call and sits at no phone is not active; one who sits at a phone is not in a call.
async fn explain(app: &App, named: Named, refused: Refused) -> Fault {
    let error = match refused {
        Refused::Desk(error) => error,
        Refused::Fault(fault) => return fault,
    };
    if named.is_agent
        && let AskError::Refused(refusal @ Refusal::NoCall(_)) = &error
        && let Ok(view) = app.desk.agent(named.target).await
        && view.device.is_none()
    {
        return Fault::new(Code::AGENT_NOT_ACTIVE, format!("{refusal}, and sits at no phone"));
    }
    error.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_pairs(pairs: &[(&str, &str)]) -> Result<Command, usize> {
        let mut parameters = Parameters::default();
        pairs.iter().for_each(|(name, value)| parameters.add(name, (*value).to_owned()).unwrap());
        read(Ok(parameters)).map(|request| request.command).map_err(|(_, fault)| fault.code.number())
    }

    #[test]
    fn the_head_is_read_in_any_case_and_its_faults_have_codes_of_their_own() {
        assert_eq!(read_pairs(&[("requestid", "1"), ("type", "Test")]), Ok(Command::Test));
        for id in ["", " ", "x", "1.5", "+1", "0x1", "1234567890123456789", "\u{661}", "--1", "-"] {
            assert_eq!(read_pairs(&[("REQUESTID", id), ("TYPE", "TEST")]), Err(14), "{id:?}");
        }
        for id in ["0", "18213567", "-1", "007", "123456789012345678"] {
            assert_eq!(read_pairs(&[("REQUESTID", id), ("TYPE", "TEST")]), Ok(Command::Test), "{id:?}");
        }
        assert_eq!(read_pairs(&[("TYPE", "TEST")]), Err(14));
        assert_eq!(read_pairs(&[("REQUESTID", "1")]), Err(15));
        assert_eq!(read_pairs(&[("REQUESTID", "1"), ("TYPE", " ")]), Err(15));
        assert_eq!(read_pairs(&[("REQUESTID", "1"), ("TYPE", "CALLPAUSE")]), Err(10));
    }

    #[test]
    fn the_reference_page_explains_every_command() {
        let page = include_str!("../../../../../ref/wfo-xml.md");
        for (name, _) in COMMANDS {
            assert!(page.contains(&format!("`{name}`")), "ref/wfo-xml.md does not explain {name}");
        }
    }
}
