//! What may be done, in the grain in which it is allowed.

/// Something that may be done. Each route of the API wants one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Know which agents there are.
    SeeAgents,
    /// Add, change and remove agents.
    ManageAgents,
    /// See calls, recordings and what is told of them, without their sound.
    SeeCalls,
    /// Hear recordings and calls, see their waveform.
    Hear,
    /// Take recordings away as files: exports, vCons.
    Export,
    /// Attach bookmarks, notes and categories, and write user fields.
    Annotate,
    /// Start, update and stop recordings and blackouts: the WFO commands.
    Command,
    /// Say with a command for how long a call is kept, and what becomes of it then.
    SetKeeping,
    /// Erase a span of a recording.
    Redact,
    /// Restrict a recording, and lift that.
    Restrict,
    /// See legal holds, erasures, and what waits for approval.
    SeeCare,
    /// Place legal holds, and ask for their release.
    Hold,
    /// Have the recordings of somebody erased.
    Erase,
    /// Approve what another has asked for, or refuse it.
    Approve,
    /// See schedules, archive actions and what retention does.
    SeePolicy,
    /// Change schedules and archive actions, let retention go on.
    ManagePolicy,
    /// See how the recorder is: alarms, refusals, trunks, load.
    SeeHealth,
    /// Have the recorder call itself, to see whether it records.
    PlaceTestCalls,
    /// Have events sent to other programs.
    ManageWebhooks,
    /// Make, change and lock accounts and keys.
    ManageAccess,
    /// Read the audit.
    ReadAudit,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::SeeAgents,
        Self::ManageAgents,
        Self::SeeCalls,
        Self::Hear,
        Self::Export,
        Self::Annotate,
        Self::Command,
        Self::SetKeeping,
        Self::Redact,
        Self::Restrict,
        Self::SeeCare,
        Self::Hold,
        Self::Erase,
        Self::Approve,
        Self::SeePolicy,
        Self::ManagePolicy,
        Self::SeeHealth,
        Self::PlaceTestCalls,
        Self::ManageWebhooks,
        Self::ManageAccess,
        Self::ReadAudit,
    ];

    /// Its word in answers and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SeeAgents => "see_agents",
            Self::ManageAgents => "manage_agents",
            Self::SeeCalls => "see_calls",
            Self::Hear => "hear",
            Self::Export => "export",
            Self::Annotate => "annotate",
            Self::Command => "command",
            Self::SetKeeping => "set_keeping",
            Self::Redact => "redact",
            Self::Restrict => "restrict",
            Self::SeeCare => "see_care",
            Self::Hold => "hold",
            Self::Erase => "erase",
            Self::Approve => "approve",
            Self::SeePolicy => "see_policy",
            Self::ManagePolicy => "manage_policy",
            Self::SeeHealth => "see_health",
            Self::PlaceTestCalls => "place_test_calls",
            Self::ManageWebhooks => "manage_webhooks",
            Self::ManageAccess => "manage_access",
            Self::ReadAudit => "read_audit",
        }
    }
}
