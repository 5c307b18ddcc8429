//! A foreign agent is answered about as one that does not exist, to the byte: nobody finds out by asking who there is (F-API-1).

use axum::http::Method;
use serde_json::json;

use super::{Person, asking, by_key, log_in};
use crate::control::native::recordings::row;
use crate::fake::{Answer, Recorder};
use crate::talk::Talk;

/// Agent 1 is one's own; 90417 is another's, and sits at a phone, has a call, a blackout and a recording.
const AGENTS: &str = "id,phone,username,system_username,crm_username,name,business_unit\n\
                      1,4678,rpike,CORP\\rpike,pike.r,Rowan Pike,3\n\
                      90417,8005550142,zaphod,CORP\\zaphod,crm-zaphod,Zaphod B,8\n";

/// By what the other is named, and what nobody has, of the same length.
const NAMES: [(&str, &str, &str); 5] = [
    ("Id", "90417", "90418"),
    ("Phone", "8005550142", "8005550143"),
    ("Username", "zaphod", "nobody"),
    ("SystemUsername", "CORP\\zaphod", "CORP\\nobody"),
    ("CrmUsername", "crm-zaphod", "crm-nobody"),
];

const COMMANDS: [&str; 5] =
    ["Record/StartFor", "Record/UpdateFor", "Record/StopFor", "Blackout/StartFor", "Blackout/StopFor"];

async fn world() -> (Recorder, Person) {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let setup = ada.add_key(&recorder, "setup", &json!({"roles": ["administrator", "integration"]})).await;
    let taken = by_key(&recorder, &setup, Method::POST, "/v1/agents/import", AGENTS).await;
    assert_eq!(taken.status, 200, "{}", taken.text());
    let body = json!({"AgentIdentifier": "Id", "Value": "90417"}).to_string();
    for command in ["/api/Record/StartForAgent", "/api/Blackout/StartForAgent"] {
        let done = by_key(&recorder, &setup, Method::POST, command, &body).await;
        assert_eq!(done.status, 200, "{}", done.text());
    }
    let mut foreign = row(1);
    (foreign.agent, foreign.business_unit) = (Some(calls::id::AgentId(90_417)), 8);
    (foreign.agent_name, foreign.device) = (Some("Zaphod B".to_owned()), Some("8005550142".to_owned()));
    let sealed = crate::talk::seal(&mut recorder.store.lock().unwrap(), foreign, &Talk::default());
    recorder.index.put_recording(&sealed).await.unwrap();
    (recorder, ada)
}

/// All that is told: status, headers and body.
fn told(answer: &Answer) -> String {
    let headers: Vec<String> =
        answer.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    format!("{} {headers:?} {}", answer.status, answer.text())
}

/// Requests that name an agent, with `{}` where the name stands; and by which kinds of names.
fn requests() -> Vec<(Method, String, String, &'static str)> {
    let mut all = Vec::new();
    for (kind, ..) in NAMES {
        all.push((Method::GET, format!("/api/Agent?agentIdentifier={kind}&value={{}}"), String::new(), kind));
        for command in COMMANDS {
            let fields = json!({"user1": "x", "keepdays": "3", "nonsense": "y"});
            let blanks = json!({"AgentIdentifier": kind, "Value": " {} ", "CallMetadata": fields});
            let uri = format!("/api/{command}Agent");
            all.push((Method::POST, uri.clone(), blanks.to_string(), kind));
            let other_call = json!({"AgentIdentifier": kind, "Value": "{}", "CallInstance": "1"});
            all.push((Method::POST, uri, other_call.to_string(), kind));
        }
        let search = json!({"query": {"agent": "{}"}}).to_string();
        all.push((Method::GET, "/v1/recordings?agent={}".to_owned(), String::new(), kind));
        all.push((Method::POST, "/v1/exports".to_owned(), search.clone(), kind));
        all.push((Method::POST, "/v1/holds".to_owned(), search, kind));
    }
    for command in COMMANDS {
        for number in ["{}", " {} "] {
            let body = json!({"DeviceId": number, "CallMetadata": {"user1": "x"}}).to_string();
            all.push((Method::POST, format!("/api/{command}Device"), body, "Phone"));
        }
    }
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        for id in ["{}", "0{}"] {
            all.push((method.clone(), format!("/v1/agents/{id}"), json!({"phone": "1"}).to_string(), "Id"));
        }
    }
    all.push((Method::PUT, "/v1/agents/{}/seat".to_owned(), json!({"phone": "1"}).to_string(), "Id"));
    all.push((Method::POST, "/v1/schedules/explain".to_owned(), r#"{"agents": [{}]}"#.to_owned(), "Id"));
    all
}

#[tokio::test]
async fn a_foreign_agent_is_answered_about_in_the_words_of_none() {
    let (recorder, ada) = world().await;
    let recorder = recorder.with_rates(access::Rates { telling: 10_000, content: 10_000, change: 10_000 });
    let (mut compared, mut looked_for) = (0, 0);
    for grant in [
        json!({"roles": ["integration"], "business_units": [3]}),
        json!({"roles": ["supervisor"], "business_units": [3]}),
        json!({"roles": ["supervisor", "integration"], "agents": [1]}),
        json!({"roles": ["agent"], "agents": [1]}),
    ] {
        let key = ada.add_key(&recorder, &format!("k{compared}"), &grant).await;
        for (method, uri, body, kind) in requests() {
            let (_, foreign, none) = NAMES.into_iter().find(|(known, ..)| *known == kind).unwrap();
            let ask = async |name: &str| {
                let in_uri = uri.replace("{}", &name.replace('\\', "%5C"));
                // In JSON, where the backslash is doubled.
                let in_body = body.replace("{}", &name.replace('\\', "\\\\"));
                told(&by_key(&recorder, &key, method.clone(), &in_uri, &in_body).await)
            };
            let of_foreign = ask(foreign).await;
            let of_none = ask(none).await;
            let swapped = |text: &str| text.replace(foreign, none).replace("zaphod", "nobody");
            assert_eq!(swapped(&of_foreign), of_none, "{grant} {method} {uri} {body}");
            compared += 1;
            looked_for += usize::from(of_none.starts_with("404"));
        }
    }
    assert!(compared > 300 && looked_for > 150, "{compared} {looked_for}");
}

#[tokio::test]
async fn ones_own_recordings_are_found_by_a_name_that_a_foreign_agent_logs_in_with() {
    let (recorder, ada) = world().await;
    let mut own = row(2);
    (own.agent, own.business_unit) = (Some(calls::id::AgentId(1)), 3);
    own.agent_name = Some("zaphod".to_owned());
    let sealed = crate::talk::seal(&mut recorder.store.lock().unwrap(), own, &Talk::default());
    recorder.index.put_recording(&sealed).await.unwrap();
    let key = ada.add_key(&recorder, "desk", &json!({"roles": ["supervisor"], "business_units": [3]})).await;
    let found = by_key(&recorder, &key, Method::GET, "/v1/recordings?agent=zaphod", "").await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
}
