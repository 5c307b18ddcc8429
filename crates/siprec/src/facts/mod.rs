//! From a client's headers and metadata to the facts a contact centre asks for: who called whom, which of the parties
//! may be the agent, and the ids under which other systems know the call.
//!
//! *Belongs here*: lifting what the clients of A12 say out of headers, elements and vendor extensions, with its source
//! and how sure it is. *Does not*: the agent registry, number normalisation by tenant, anything that decides.
//!
//! Requirements A12 (what products send) and A13 (one call record). Everything is read by local name; what is missing
//! stays missing, and no fault here fails a call.

mod derive;
mod forked;
mod roles;
#[cfg(test)]
mod tests;
mod vendor;

use crate::metadata::is_number;
pub(crate) use forked::{is_gateway_fork, is_phone_fork};

/// How sure a fact is (A13-01).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Confidence {
    /// Concluded from other facts.
    Inferred,
    /// Set by the operator of the recorder for this trunk.
    Configured,
    /// Said by the client in so many words.
    Stated,
}

/// A value, where it comes from and how sure it is (A13-01).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact<T = String> {
    /// The value. Numbers and names are as sent, never normalised (A13-02).
    pub value: T,
    /// The header or element it was read from, such as `Diversion` or `callData/fromhdr`.
    pub source: String,
    /// How sure it is.
    pub confidence: Confidence,
}

impl<T> Fact<T> {
    pub(crate) fn stated(value: impl Into<T>, source: &str) -> Self {
        Self { value: value.into(), source: source.to_owned(), confidence: Confidence::Stated }
    }

    pub(crate) fn inferred(value: impl Into<T>, source: &str) -> Self {
        Self { value: value.into(), source: source.to_owned(), confidence: Confidence::Inferred }
    }
}

/// Direction of the call as the contact centre sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallDirection {
    /// Somebody called the centre.
    Inbound,
    /// The centre called somebody.
    Outbound,
}

/// A participant's part in the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Made the call.
    Caller,
    /// Was called.
    Callee,
    /// No party at all: the client's own name until the real one is known.
    Placeholder,
    /// The client does not say.
    Unknown,
}

/// Kind of an id another system gave the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VendorIdKind {
    /// Avaya universal call id.
    Ucid,
    /// Cisco GUID.
    CiscoGuid,
    /// Ribbon global call id.
    Gcid,
    /// SIP Call-ID of the call that is copied, not of the recording session.
    OriginalCallId,
    /// RFC 7989 session identifier of the call.
    SipSessionId,
    /// Genesys call UUID.
    GenesysUuid,
    /// `BroadWorks` external tracking id.
    BroadWorksTrackingId,
    /// `BroadWorks` call half id.
    BroadWorksCallId,
}

impl VendorIdKind {
    /// Short name for records and search.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ucid => "ucid",
            Self::CiscoGuid => "cisco_guid",
            Self::Gcid => "gcid",
            Self::OriginalCallId => "original_call_id",
            Self::SipSessionId => "sip_session_id",
            Self::GenesysUuid => "genesys_uuid",
            Self::BroadWorksTrackingId => "broadworks_tracking_id",
            Self::BroadWorksCallId => "broadworks_call_id",
        }
    }
}

/// An id another system gave the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorId {
    /// What kind.
    pub kind: VendorIdKind,
    /// The id without decoration such as `;encoding=hex`; a UCID in upper case (A13-03).
    pub id: Fact,
    /// As sent.
    pub raw: String,
}

/// What is known about a participant's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantRole {
    /// Participant id of the metadata.
    pub participant: String,
    /// The part.
    pub role: Fact<Role>,
}

/// Which end of a call a telephone forks to the recorder, when it forks each end in a dialog of its own (A12, CUCM).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForkedEnd {
    /// The recorded phone's own voice.
    Near,
    /// The other party's.
    Far,
}

/// One of the two recording sessions that make one call (A13-07).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkedLeg {
    /// Which end is heard.
    pub end: Fact<ForkedEnd>,
    /// Equal for both legs of one call: cluster id and call reference, as `cluster/reference`.
    pub pair_key: Option<Fact>,
    /// Name of the recorded phone.
    pub device: Option<Fact>,
    /// Address of the recorded phone.
    pub near_address: Option<Fact>,
    /// Address of the other party: the caller's or the dialled one, which is not said.
    pub far_address: Option<Fact>,
}

/// Somebody who speaks on an m-line, named by a header rather than by metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    /// The m-line, from 0.
    pub line: usize,
    /// Number or user.
    pub address: Fact,
}

/// Whether and how the client described the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetadataStatus {
    /// RFC 7865 metadata.
    Ok,
    /// Metadata in an older or a vendor's form, understood.
    OkLegacy,
    /// None; the call is known from headers only (A1-09).
    HeadersOnly,
}

/// All facts of a recording session's call at this moment. Derive anew after each update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFacts {
    /// Where the facts can come from.
    pub metadata_status: MetadataStatus,
    /// The caller's number or user, as sent.
    pub ani: Option<Fact>,
    /// The number that was dialled, as sent.
    pub dnis: Option<Fact>,
    /// Inbound or outbound.
    pub direction: Option<Fact<CallDirection>>,
    /// Each participant's part, in the picture's order.
    pub roles: Vec<ParticipantRole>,
    /// Users, extensions and numbers one of which may be an agent's, likeliest first (A13-08).
    pub agent_candidates: Vec<Fact>,
    /// All numbers of parties, without repetition.
    pub numbers: Vec<Fact>,
    /// Ids of other systems.
    pub vendor_ids: Vec<VendorId>,
    /// Name of the queue the call came through.
    pub queue: Option<Fact>,
    /// Its number.
    pub queue_number: Option<Fact>,
    /// The number recording was ordered for.
    pub recorded_party: Option<Fact>,
    /// The user account recording was ordered for.
    pub recorded_user: Option<Fact>,
    /// Display name of the recorded user.
    pub agent_display_name: Option<Fact>,
    /// The number the call was diverted from.
    pub diverted_from: Option<Fact>,
    /// Several parties speak into one stream: no split into channels is possible.
    pub mixed: Option<Fact<bool>>,
    /// Set when this recording session is one end of a call forked by the phone itself.
    pub forked_leg: Option<ForkedLeg>,
    /// Who speaks where, by headers; empty where metadata says it.
    pub speakers: Vec<Speaker>,
}

impl CallFacts {
    /// The first id of a kind.
    #[must_use]
    pub fn vendor_id(&self, kind: VendorIdKind) -> Option<&VendorId> {
        self.vendor_ids.iter().find(|id| id.kind == kind)
    }

    /// A participant's part.
    #[must_use]
    pub fn role(&self, participant: &str) -> Role {
        let role = self.roles.iter().find(|role| role.participant == participant);
        role.map_or(Role::Unknown, |role| role.role.value)
    }
}

/// Without `;encoding=hex`, in upper case.
fn ucid(raw: &str) -> String {
    raw.split(';').next().unwrap_or_default().trim().to_ascii_uppercase()
}

/// Whether two numbers may be one: equal digits, or one is the other's tail of at least seven digits, as when a
/// country code is left out. Numbers differ in form from header to header; neither is changed.
#[must_use]
pub fn same_number(one: &str, other: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    if one.eq_ignore_ascii_case(other) {
        return true;
    }
    if !is_number(one) || !is_number(other) {
        return false;
    }
    let (one, other) = (digits(one), digits(other));
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    short == long || (short.len() >= 7 && long.ends_with(&short))
}
