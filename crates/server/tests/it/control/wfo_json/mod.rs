//! `/api/...`: the WFO Recording API.

mod agent;
mod any_input;
mod blackout;
pub(crate) mod export;
mod faults;
mod logs;
mod record;

use serde_json::{Map, Value, json};

/// The 32 metadata keys in the order of the wire.
pub(crate) const KEYS: [&str; 32] = [
    "deviceid",
    "devicealias",
    "gate",
    "ani",
    "dnis",
    "user1",
    "user2",
    "user3",
    "user4",
    "user5",
    "user6",
    "user7",
    "user8",
    "user9",
    "user10",
    "user11",
    "user12",
    "user13",
    "user14",
    "user15",
    "callid",
    "sgroup",
    "callinstance",
    "calldirection",
    "station",
    "istrunk",
    "sessionid",
    "starttime",
    "endtime",
    "callsegmentid",
    "keepdays",
    "archiveaction",
];

/// Metadata with these values and all other keys unset.
pub(crate) fn metadata(set: &[(&str, &Value)]) -> Value {
    let mut all: Map<String, Value> = KEYS.iter().map(|key| ((*key).to_owned(), json!(""))).collect();
    all["keepdays"] = json!("-1");
    all["archiveaction"] = json!("-1");
    for (key, value) in set {
        assert!(KEYS.contains(key));
        all[*key] = (*value).clone();
    }
    Value::Object(all)
}

/// Agent 1 with no call.
pub(crate) fn idle_agent() -> Value {
    json!({
        "AgentId": 1, "BusinessUnit": 3, "AgentPhone": "4678", "SystemUsername": "CORP\\rpike",
        "CrmUsername": "pike.r", "ActiveCall": null, "InactiveCalls": [], "Username": "rpike",
        "DeviceId": "4678", "DeviceAlias": "front desk", "DesktopOnlySessions": [], "BlackoutActive": false,
    })
}
