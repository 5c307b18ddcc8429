//! An agent: a person whose calls may be kept, and the five ways to name one.
//!
//! Belongs here: the record and its identifiers. Does not: logins (a user of the recorder is not an agent),
//! how a name finds a call ([`crate::tracker`]).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::AgentId;

/// An agent, as imported. Texts are trimmed; an unset one is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// The agent's own number.
    pub id: AgentId,
    /// The number of the agent's phone: also the device the agent sits at.
    #[serde(default)]
    pub phone: String,
    /// Login name in the recorder's own user list.
    #[serde(default)]
    pub username: String,
    /// Operating-system login.
    #[serde(default)]
    pub system_username: String,
    /// User name in the CRM.
    #[serde(default)]
    pub crm_username: String,
    /// The name people know the agent by.
    #[serde(default)]
    pub name: String,
    /// Business unit, 0 where there is only one.
    #[serde(default)]
    pub business_unit: i64,
    /// The device's second name while this agent sits there.
    #[serde(default)]
    pub device_alias: String,
    /// The workstation.
    #[serde(default)]
    pub station: String,
}

/// One of the five ways to name an agent on the WFO wire (wfo-api section 2.1, product decision 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AgentIdentifier {
    /// The agent's own number.
    Id,
    /// The agent's phone.
    Phone,
    /// The user name in the CRM.
    CrmUsername,
    /// The operating-system login.
    SystemUsername,
    /// The recorder login.
    Username,
}

impl AgentIdentifier {
    /// Every kind, in the order the API names them.
    pub const ALL: [Self; 5] =
        [Self::Id, Self::Phone, Self::CrmUsername, Self::SystemUsername, Self::Username];

    /// Reads a kind from the wire, without regard to case; `AgentId` and `Agent ID` mean `Id`.
    pub fn from_wire(text: &str) -> Option<Self> {
        let text = text.trim();
        let is = |name: &str| text.eq_ignore_ascii_case(name);
        if is("AgentId") || is("Agent ID") {
            return Some(Self::Id);
        }
        Self::ALL.into_iter().find(|kind| is(kind.wire_name()))
    }

    /// The word on the wire.
    pub const fn wire_name(self) -> &'static str {
        match self {
            Self::Id => "Id",
            Self::Phone => "Phone",
            Self::CrmUsername => "CrmUsername",
            Self::SystemUsername => "SystemUsername",
            Self::Username => "Username",
        }
    }

    /// The agent's value of this kind.
    pub fn value_of(self, agent: &Agent) -> String {
        match self {
            Self::Id => agent.id.to_string(),
            Self::Phone => agent.phone.clone(),
            Self::CrmUsername => agent.crm_username.clone(),
            Self::SystemUsername => agent.system_username.clone(),
            Self::Username => agent.username.clone(),
        }
    }
}

impl fmt::Display for AgentIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.wire_name())
    }
}
