//! Roles: what somebody is there for (F-API-5).

use std::fmt;
use std::str::FromStr;

use crate::Permission as P;

/// What somebody is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sees, hears and commands their own calls.
    Agent,
    /// Sees, hears, exports and commands the calls of a business unit, or of some agents.
    Supervisor,
    /// Shows that rules were kept: hears all, holds, restricts, redacts, reads the audit, approves.
    Compliance,
    /// Does what people ask of their data: finds, hears, exports, restricts, redacts and erases, approves.
    PrivacyOfficer,
    /// Runs the recorder, and hears nothing.
    Administrator,
    /// A program that commands, and does nothing else.
    Integration,
    /// Reads the audit.
    Auditor,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Agent,
        Self::Supervisor,
        Self::Compliance,
        Self::PrivacyOfficer,
        Self::Administrator,
        Self::Integration,
        Self::Auditor,
    ];

    /// Its word on the wire and in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Supervisor => "supervisor",
            Self::Compliance => "compliance",
            Self::PrivacyOfficer => "privacy_officer",
            Self::Administrator => "administrator",
            Self::Integration => "integration",
            Self::Auditor => "auditor",
        }
    }

    /// What it is there for, as a sentence.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Agent => "sees, hears and commands their own calls",
            Self::Supervisor => {
                "sees, hears, exports and commands the calls of a business unit, or of some agents"
            }
            Self::Compliance => {
                "shows that rules were kept: hears all, holds, restricts, redacts, reads the audit, approves"
            }
            Self::PrivacyOfficer => {
                "does what people ask of their data: finds, hears, exports, restricts, redacts and erases, approves"
            }
            Self::Administrator => "runs the recorder, and hears nothing",
            Self::Integration => "a program that commands, and does nothing else",
            Self::Auditor => "reads the audit",
        }
    }

    /// What it may do.
    pub const fn permissions(self) -> &'static [P] {
        match self {
            Self::Agent => &[P::SeeAgents, P::SeeCalls, P::Hear, P::Annotate, P::Command],
            Self::Supervisor => &[P::SeeAgents, P::SeeCalls, P::Hear, P::Export, P::Annotate, P::Command],
            Self::Compliance => &[
                P::SeeAgents,
                P::SeeCalls,
                P::Hear,
                P::Export,
                P::Annotate,
                P::Redact,
                P::Restrict,
                P::SeeCare,
                P::Hold,
                P::Approve,
                P::SeePolicy,
                P::ReadAudit,
            ],
            Self::PrivacyOfficer => &[
                P::SeeAgents,
                P::SeeCalls,
                P::Hear,
                P::Export,
                P::Annotate,
                P::Redact,
                P::Restrict,
                P::SeeCare,
                P::Erase,
                P::Approve,
                P::SeePolicy,
            ],
            Self::Administrator => &[
                P::SeeAgents,
                P::ManageAgents,
                P::SeeCalls,
                P::SeePolicy,
                P::ManagePolicy,
                P::SeeHealth,
                P::PlaceTestCalls,
                P::ManageWebhooks,
                P::ManageAccess,
            ],
            Self::Integration => &[P::Command, P::SetKeeping],
            Self::Auditor => &[P::SeeCare, P::ReadAudit],
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// There is no such role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no role of that name; there are agent, supervisor, compliance, privacy_officer, administrator, integration, auditor"
)]
pub struct NoRole;

impl FromStr for Role {
    type Err = NoRole;

    fn from_str(text: &str) -> Result<Self, NoRole> {
        let word = text.trim().to_ascii_lowercase().replace('-', "_");
        Self::ALL.into_iter().find(|role| role.as_str() == word).ok_or(NoRole)
    }
}
