//! Which of what clients tell is kept (A4-14; RFC 7865 section 10).

use std::str::FromStr;

use serde::Deserialize;

/// Whatever can be kept: facts by their names, who takes part, and what was said word for word.
const NAMES: [&str; 25] = [
    "agent_candidate",
    "agent_display_name",
    "ani",
    "broadworks_call_id",
    "broadworks_tracking_id",
    "cisco_guid",
    "communication_session",
    "communication_session_group",
    "direction",
    "diverted_from",
    "dnis",
    "documents",
    "gcid",
    "genesys_uuid",
    "messages",
    "mixed",
    "original_call_id",
    "party_address",
    "party_name",
    "queue",
    "queue_number",
    "recorded_party",
    "recorded_user",
    "sip_session_id",
    "ucid",
];

/// What is kept of what clients tell; by default all of it.
///
/// `documents` are metadata documents as they came, `messages` SIP messages in timelines. What ties a call to its agent,
/// its device and its copies is known while the call is, whatever the list says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct KeepList {
    only: Option<Vec<String>>,
}

/// A name that stands for nothing that could be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is nothing that is told of a call; {list} are", list = NAMES.join(", "))]
pub struct NothingToKeep(String);

impl TryFrom<Vec<String>> for KeepList {
    type Error = NothingToKeep;

    fn try_from(names: Vec<String>) -> Result<Self, NothingToKeep> {
        match names.iter().find(|name| !NAMES.contains(&name.as_str())) {
            Some(wrong) => Err(NothingToKeep(wrong.clone())),
            None => Ok(Self { only: Some(names) }),
        }
    }
}

impl FromStr for KeepList {
    type Err = NothingToKeep;

    /// Names between commas; none for an empty text.
    fn from_str(text: &str) -> Result<Self, NothingToKeep> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(str::to_owned).collect::<Vec<_>>().try_into()
    }
}

impl KeepList {
    /// Whether what has this name is kept.
    pub fn takes(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|kept| kept == name))
    }
}

#[cfg(test)]
mod tests {
    use siprec::facts::VendorIdKind;

    use super::*;

    #[test]
    fn a_list_keeps_what_it_names_and_refuses_what_nobody_tells() {
        assert!(KeepList::default().takes("documents"), "without a list everything is kept");
        let some: KeepList = "ani, ucid".parse().unwrap();
        assert!(some.takes("ani") && some.takes("ucid") && !some.takes("dnis") && !some.takes("documents"));
        assert!(!"".parse::<KeepList>().unwrap().takes("ani"));
        let wrong = "ani,caller".parse::<KeepList>().unwrap_err().to_string();
        assert!(wrong.starts_with("\"caller\" is nothing") && wrong.contains("ani, "), "{wrong}");
    }

    #[test]
    fn each_id_that_a_vendor_tells_can_be_named() {
        use VendorIdKind as Kind;
        let all = [
            Kind::Ucid,
            Kind::CiscoGuid,
            Kind::Gcid,
            Kind::OriginalCallId,
            Kind::SipSessionId,
            Kind::GenesysUuid,
            Kind::BroadWorksTrackingId,
            Kind::BroadWorksCallId,
        ];
        assert!(all.iter().all(|kind| NAMES.contains(&kind.as_str())));
    }
}
