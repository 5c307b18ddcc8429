//! IMPORTUSER: agents as users of the original (wfo-api section 4.7). An agent of ours is a user with the agent flag; there
//! are no others here.

use calls::agent::{Agent, AgentIdentifier};
use calls::id::AgentId;
use calls::tracker::{Refusal, Target};

use super::answer::{Done, Xml};
use super::code::{Code, Fault};
use super::parameters::Parameters;
use crate::desk::AskError;
use crate::http::App;

/// The most characters a value of an agent may have, as in an agents file.
const MAX_CHARS: usize = 256;

/// When it was never, as the original writes it. When agents come and change is not kept.
const NEVER: &str = "1/1/0001 12:00:00 AM +00:00";

/// Whether agents are not changed by it: they are listed, or nothing is done, for want of an action.
pub(super) fn is_list(parameters: &Parameters) -> bool {
    let changes = |action: &str| ["add", "update", "import"].iter().any(|it| it.eq_ignore_ascii_case(action));
    !parameters.get("ACTION").is_some_and(changes)
}

/// Lists, adds or changes agents.
pub(super) async fn import(app: &App, parameters: &mut Parameters) -> Result<Done, Fault> {
    let action = parameters.required("ACTION")?.to_ascii_lowercase();
    match action.as_str() {
        "list" => list(app).await,
        "add" | "update" | "import" => change(app, &action, parameters).await,
        _ => Err(Fault::new(Code::ACTION, "ACTION must be list, add, update or import")),
    }
}

async fn list(app: &App) -> Result<Done, Fault> {
    let agents =
        app.desk.look(|tracker| tracker.state().agents.values().cloned().collect::<Vec<_>>()).await?;
    let mut xml = Xml::default();
    xml.open("USERS");
    xml.element("COUNT", &agents.len().to_string());
    agents.iter().for_each(|agent| print(&mut xml, agent));
    xml.close("USERS");
    Ok(Done::with(Code::OK, xml))
}

fn print(xml: &mut Xml, agent: &Agent) {
    let (first, last) = agent.name.split_once(' ').unwrap_or((&agent.name, ""));
    let (domain, user) = agent.system_username.rsplit_once('\\').unwrap_or(("", &agent.system_username));
    let id = agent.id.to_string();
    let elements = [
        ("USER_ID", id.as_str()),
        ("USERNAME", &agent.username),
        ("EMPLOYEE_ID", ""),
        ("FIRST_NAME", first),
        ("LAST_NAME", last),
        ("AGENT", "TRUE"),
        ("STATUS", "A"),
        ("ADD_TIME", NEVER),
        ("MOD_TIME", NEVER),
        ("SYS_USER", user),
        ("SYS_DOMAIN", domain),
        ("EMAIL", ""),
        ("CRM_USER", &agent.crm_username),
        ("SITE_ID", "-1"),
        ("PHONES", &agent.phone),
    ];
    xml.open("USER");
    elements.into_iter().for_each(|(name, text)| xml.element(name, text));
    xml.close("USER");
}

/// What is said of an agent; what is not said stays.
#[derive(Debug, Default)]
struct Said {
    id: Option<AgentId>,
    username: Option<String>,
    name: [Option<String>; 2],
    system: [Option<String>; 2],
    crm_username: Option<String>,
    phone: Option<String>,
    device_alias: Option<String>,
    station: Option<String>,
}

impl Said {
    fn read(parameters: &mut Parameters) -> Result<Self, Fault> {
        let id = parameters.number("USER_ID", 0..=u32::MAX)?.map(AgentId);
        let mut text = |name| match parameters.take(name) {
            Some(value) if value.chars().count() > MAX_CHARS => {
                Err(Fault::format(format!("{name} has at most {MAX_CHARS} characters")))
            }
            value => Ok(value),
        };
        let said = Self {
            id,
            username: text("USERNAME")?,
            name: [text("FIRST_NAME")?, text("LAST_NAME")?],
            system: [text("SYS_DOMAIN")?, text("SYS_USER")?],
            crm_username: text("CRM_USER")?,
            phone: text("PHONES")?,
            device_alias: text("DEVICEALIAS")?,
            station: text("STATIONNAME")?,
        };
        if said.phone.as_ref().is_some_and(|phone| phone.contains([',', ';', ' '])) {
            return Err(Fault::format("PHONES must be one phone: an agent sits at one here"));
        }
        Ok(said)
    }

    /// By which name the agent is looked for.
    fn meant(&self) -> Result<Target, Fault> {
        let named = |kind, value: String| Ok(Target::Agent { kind, value });
        match (&self.id, &self.username) {
            (Some(id), _) => named(AgentIdentifier::Id, id.to_string()),
            (None, Some(username)) => named(AgentIdentifier::Username, username.clone()),
            (None, None) => Err(Fault::new(Code::BLANK, "USER_ID or USERNAME must say which user is meant")),
        }
    }

    fn write(self, agent: &mut Agent) {
        let set = |place: &mut String, said: Option<String>| {
            if let Some(said) = said {
                *place = said;
            }
        };
        let joined = |parted: (&str, &str), said: [Option<String>; 2], by: &str| {
            let [one, other] = said;
            let (one, other) = (one.unwrap_or(parted.0.to_owned()), other.unwrap_or(parted.1.to_owned()));
            if one.is_empty() || other.is_empty() { one + &other } else { one + by + &other }
        };
        let (first, last) = agent.name.split_once(' ').unwrap_or((&agent.name, ""));
        agent.name = joined((first, last), self.name, " ");
        let (domain, user) = agent.system_username.rsplit_once('\\').unwrap_or(("", &agent.system_username));
        agent.system_username = joined((domain, user), self.system, "\\");
        set(&mut agent.username, self.username);
        set(&mut agent.crm_username, self.crm_username);
        set(&mut agent.phone, self.phone);
        set(&mut agent.device_alias, self.device_alias);
        set(&mut agent.station, self.station);
    }
}

async fn change(app: &App, action: &str, parameters: &mut Parameters) -> Result<Done, Fault> {
    let said = Said::read(parameters)?;
    let meant = said.meant()?;
    let (adds, updates) = (action != "update", action != "add");
    let unknown = meant.unknown();
    let changed = app.desk.change_agent(meant, move |known| match known {
        Some(mut agent) if updates => {
            said.write(&mut agent);
            Ok(agent)
        }
        Some(agent) => {
            let (kind, value) = (AgentIdentifier::Id, agent.id.to_string());
            Err(Refusal::IdentifierTaken { id: agent.id, kind, value, other: agent.id })
        }
        None => match said.id.filter(|_| adds) {
            Some(id) => {
                let mut agent = nobody(id);
                said.write(&mut agent);
                Ok(agent)
            }
            None => Err(unknown),
        },
    });
    let agent = match changed.await {
        Ok(view) => view.agent,
        Err(AskError::Refused(unknown @ Refusal::UnknownAgent { .. })) => {
            let what = format!("{unknown}; to add one, send USER_ID with ACTION add or import");
            return Err(Fault::new(Code::USER_NOT_FOUND, what));
        }
        Err(error) => return Err(error.into()),
    };
    let mut xml = Xml::default();
    xml.open("USERS");
    xml.element("COUNT", if agent.is_some() { "1" } else { "0" });
    agent.iter().for_each(|agent| print(&mut xml, agent));
    xml.close("USERS");
    Ok(Done::with(Code::OK, xml))
}

fn nobody(id: AgentId) -> Agent {
    let none = String::new;
    Agent {
        id,
        phone: none(),
        username: none(),
        system_username: none(),
        crm_username: none(),
        name: none(),
        business_unit: 0,
        device_alias: none(),
        station: none(),
    }
}
