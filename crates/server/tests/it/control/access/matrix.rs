//! Each role at each route, asking for what is its own and for what is another's: what the matrix allows is done, what it does
//! not is refused, and nothing of another's is told (F-API-1, F-API-5).

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use serde_json::{Value, json};

use super::{Person, asking, by_key, log_in};
use crate::control::native::recordings::row;
use crate::fake::Recorder;
use crate::talk::Talk;

const MATRIX: &str = include_str!("matrix.txt");

/// Long enough that no digest or id holds it by chance.
const FOREIGN_PHONE: &str = "8005550142";

/// Words that stand in nothing but what is foreign.
const FOREIGN: [&str; 4] = ["Zaphod", FOREIGN_PHONE, "4999887766", "0198c7a2-4f3e-7abc-8def-012345678902"];

/// The roles: letter, name, whether a scope goes with it.
const ROLES: [(char, &str, bool); 7] = [
    ('A', "agent", true),
    ('S', "supervisor", true),
    ('C', "compliance", false),
    ('P', "privacy_officer", false),
    ('M', "administrator", false),
    ('I', "integration", true),
    ('U', "auditor", false),
];

fn matrix() -> BTreeMap<(String, String), String> {
    let lines = MATRIX.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        let mut word = || words.next().unwrap_or_else(|| panic!("{line}"));
        ((word(), word()), word())
    };
    lines.map(row).collect()
}

/// Each operation of the description.
fn described() -> BTreeSet<(String, String)> {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../ref/openapi.json")).unwrap();
    let api: Value = serde_json::from_str(&text).unwrap();
    let paths = api["paths"].as_object().unwrap().iter();
    let operations = |(path, item): (&String, &Value)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
    };
    paths.flat_map(operations).collect()
}

#[test]
fn each_route_that_is_described_and_each_that_is_served_is_in_the_matrix() {
    let listed: BTreeSet<_> = matrix().into_keys().collect();
    assert_eq!(listed, described());
    let served: BTreeSet<_> =
        sidetone::http::rules().into_iter().map(|(method, path, _)| (method, path.to_owned())).collect();
    let native: BTreeSet<_> = listed.into_iter().filter(|(_, path)| !path.starts_with("/api/")).collect();
    let known: BTreeSet<_> = served.into_iter().filter(|(_, path)| path != "/openapi.json").collect();
    assert_eq!(native, known);
}

/// Things of one's own and things of another's.
struct World {
    recorder: Recorder,
    ada: Person,
    /// Ids by what they are of, own and foreign.
    ids: BTreeMap<&'static str, [String; 2]>,
}

const AGENTS: &str = "id,phone,name,business_unit\n1,4678,Rowan Pike,3\n9,8005550142,Zaphod Beeblebrox,8\n";

impl World {
    async fn new() -> Self {
        let recorder = asking().await;
        let ada = log_in(&recorder, "ada").await;
        let key = ada.add_key(&recorder, "setup", &json!({"roles": ["administrator", "integration"]})).await;
        let taken = by_key(&recorder, &key, Method::POST, "/v1/agents/import", AGENTS).await;
        assert_eq!(taken.status, 200, "{}", taken.text());
        for (n, agent, unit) in [(1, 1, 3), (2, 9, 8)] {
            let foreign = agent == 9;
            let mut wanted = row(n);
            wanted.agent = Some(calls::id::AgentId(agent));
            wanted.business_unit = unit;
            if foreign {
                wanted.agent_name = Some("Zaphod Beeblebrox".to_owned());
                wanted.device = Some(FOREIGN_PHONE.to_owned());
                wanted.ani = Some("+4999887766".to_owned());
            }
            let sealed = crate::talk::seal(&mut recorder.store.lock().unwrap(), wanted, &Talk::default());
            recorder.index.put_recording(&sealed).await.unwrap();
        }
        let mut calls = Vec::new();
        for agent in ["1", "9"] {
            let body = json!({"AgentIdentifier": "Id", "Value": agent}).to_string();
            let answer = by_key(&recorder, &key, Method::POST, "/api/Record/StartForAgent", &body).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        let live = by_key(&recorder, &key, Method::GET, "/v1/calls", "").await.json();
        for agent in [1, 9] {
            let items = live["items"].as_array().unwrap().iter();
            let call = items.clone().find(|call| call["agents"][0] == agent).expect("it is live");
            calls.push(call["id"].as_str().unwrap().to_owned());
        }
        let other = ada.add_key(&recorder, "other", &json!({"roles": ["compliance"]})).await;
        let both = json!({"recordings": [row(1).id.to_string(), row(2).id.to_string()]}).to_string();
        let export = by_key(&recorder, &other, Method::POST, "/v1/exports", &both).await;
        let ids = BTreeMap::from([
            ("recordings", [row(1).id.to_string(), row(2).id.to_string()]),
            ("calls", [calls[0].clone(), calls[1].clone()]),
            ("agents", ["1".to_owned(), "9".to_owned()]),
            ("exports", ["own".to_owned(), export.json()["id"].as_str().unwrap().to_owned()]),
        ]);
        Self { recorder, ada, ids }
    }

    /// The key of a role: for agent 1, or their unit, where the role takes a scope.
    async fn key(&self, role: &str, is_scoped: bool) -> String {
        let mut grant = json!({"roles": [role]});
        match role {
            "agent" => grant["agents"] = json!([1]),
            _ if is_scoped => grant["business_units"] = json!([3]),
            _ => {}
        }
        self.ada.add_key(&self.recorder, &format!("key-{role}"), &grant).await
    }

    /// Address and body of a request for something of one's own (0), or of another's (1).
    fn request(&self, path: &str, whose: usize) -> (String, String) {
        let kind = path.split('/').nth(2).unwrap_or_default();
        let id = self.ids.get(kind).map_or("1", |ids| &ids[whose]);
        let (agent, phone, ident) = (["1", "9"][whose], ["4678", FOREIGN_PHONE][whose], ["1", "2"][whose]);
        let uri = match path {
            "/api/Agent" => format!("{path}?agentIdentifier=Id&value={agent}"),
            "/api/WebExport/SingleExport" => {
                format!("{path}?uniquefield=ident&uniquevalue={ident}&mediaformat=WAV")
            }
            path => path.replace("{id}", id).replace("{number}", "1"),
        };
        let recording = &self.ids["recordings"][whose];
        let body = match path {
            path if path.starts_with("/api/") && path.contains("Export") => {
                json!({"idents": ident, "mediaformat": "WAV", "emailaddress": "a@example.com"}).to_string()
            }
            path if path.starts_with("/api/") => {
                json!({"AgentIdentifier": "Id", "Value": agent, "DeviceId": phone, "CallMetadata": {"user1": "x"}}).to_string()
            }
            "/v1/recordings/{id}/annotations" => {
                json!({"kind": "note", "text": "heard", "by": "Kim"}).to_string()
            }
            "/v1/recordings/{id}" => json!({"fields": {"user1": "x"}}).to_string(),
            "/v1/exports" => json!({"recordings": [recording]}).to_string(),
            "/v1/erasures" => json!({"number": "+15550100", "why": "w", "dry_run": true}).to_string(),
            "/v1/agents/import" => AGENTS.to_owned(),
            _ => json!({"by": "Robin", "why": "w"}).to_string(),
        };
        (uri, body)
    }
}

/// What reads goes first, and what removes last.
fn in_order() -> Vec<((String, String), String)> {
    let rank =
        |method: &str| ["GET", "POST", "PATCH", "PUT", "DELETE"].iter().position(|known| *known == method);
    let mut all: Vec<_> = matrix().into_iter().collect();
    all.sort_by_key(|((method, path), _)| (rank(method), path.clone()));
    all
}

/// Commands without media fail or succeed by themselves; the address of one is what is looked at.
fn is_about_one(path: &str) -> bool {
    let own = ["/v1/recordings/{id}", "/v1/calls/{id}", "/v1/agents/{id}", "/v1/exports/{id}"];
    own.iter().any(|one| path.starts_with(one))
        || (path.starts_with("/api/") && path != "/api/Agent/GetAll" && !path.starts_with("/api/EmailExport"))
}

#[tokio::test]
async fn no_role_passes_where_the_matrix_does_not_say_so_and_none_is_told_of_what_is_anothers() {
    let mut tried = 0;
    for (letter, role, is_scoped) in ROLES {
        let mut world = World::new().await;
        let key = world.key(role, is_scoped).await;
        let made = world.request("/v1/exports", 0);
        let made = by_key(&world.recorder, &key, Method::POST, &made.0, &made.1).await;
        if made.status == 201 {
            let own = made.json()["id"].as_str().unwrap().to_owned();
            world.ids.get_mut("exports").unwrap()[0] = own;
        }
        for ((method, path), who) in in_order() {
            let may = who == "open" || who.contains(letter);
            for whose in [0, 1] {
                // What is open is asked by everybody, and a session is not about calls; what is followed has no end.
                if path.starts_with("/v1/session") || matches!(path.as_str(), "/v1/events" | "/v1/levels") {
                    continue;
                }
                tried += 1;
                let (uri, body) = world.request(&path, whose);
                let answer = by_key(&world.recorder, &key, method.parse().unwrap(), &uri, &body).await;
                let (status, text) = (answer.status.as_u16(), answer.text());
                let what = format!("{role} {method} {uri}: {status} {text}");
                let is_refused = matches!(status, 401 | 403);
                let foreign = is_scoped && whose == 1;
                match (may, is_about_one(&path)) {
                    (false, _) => assert_eq!(status, 403, "{what}"),
                    (true, true) if foreign || (whose == 1 && path.starts_with("/v1/exports/")) => {
                        assert_eq!(status, 404, "{what}");
                    }
                    // Commands say by themselves that there is no call to be stopped.
                    (true, true) if path.starts_with("/v1/") && method != "DELETE" => {
                        assert!(!is_refused && status != 404, "{what}");
                    }
                    (true, _) if path == "/v1/users/first" => assert_eq!(status, 403, "{what}"),
                    // A program may not decide for two.
                    (true, _) if path.starts_with("/v1/approvals/{id}/") => {
                        assert!(matches!(status, 403 | 404), "{what}");
                    }
                    // Nor have a key given out.
                    (true, _) if path.starts_with("/v1/keys/exports") && method != "GET" => {
                        assert!(text.contains("and not a program"), "{what}");
                    }
                    (true, _) => assert!(!is_refused, "{what}"),
                }
                if is_scoped {
                    // What was asked for may be said back, and nothing else.
                    let asked = format!("{uri} {body}");
                    let told: Vec<&str> = FOREIGN
                        .into_iter()
                        .filter(|word| text.contains(word) && !asked.contains(word))
                        .collect();
                    assert!(told.is_empty(), "{what} tells {told:?}");
                }
            }
        }
    }
    assert!(tried > 1_000, "{tried}");
}

#[tokio::test]
async fn lists_and_counts_hold_what_is_ones_own_and_would_show_the_rest() {
    let world = World::new().await;
    let all = world.key("compliance", false).await;
    let agent = world.key("agent", true).await;
    let supervisor = world.key("supervisor", true).await;
    for (uri, of_all, of_one) in [
        ("/v1/recordings", 2, 1),
        ("/v1/recordings?text=kim", 2, 1),
        ("/v1/recordings?number=4678", 2, 1),
        ("/v1/recordings?user2=1234567890", 2, 1),
        ("/v1/recordings?agent=9", 1, 0),
        ("/v1/recordings?text=zaphod", 1, 0),
        ("/v1/recordings?number=99887766", 1, 0),
        ("/v1/calls", 2, 1),
        ("/v1/agents", 2, 1),
        ("/v1/devices", 2, 1),
        ("/v1/blackouts?from=2025-11-20T00:00:00Z&to=2025-12-01T00:00:00Z", 2, 1),
    ] {
        for (key, count) in [(&all, of_all), (&agent, of_one), (&supervisor, of_one)] {
            let list = by_key(&world.recorder, key, Method::GET, uri, "").await.json();
            assert_eq!(list["items"].as_array().unwrap().len(), count, "{uri}: {list}");
            if uri == "/v1/calls" {
                assert_eq!(list["total"], count);
            }
        }
    }
    // Of a call of two recordings with different agents, and of calls that share an id, only one's own are told.
    let own =
        by_key(&world.recorder, &agent, Method::GET, &format!("/v1/recordings/{}", row(1).id), "").await;
    assert_eq!(own.json()["related"], json!([]));
}

#[tokio::test]
async fn nobody_passes_anything_but_what_is_open() {
    let world = World::new().await;
    for ((method, path), who) in in_order() {
        let (uri, body) = world.request(&path, 0);
        for key in ["", "stk_0123456789_x", "nonsense"] {
            let answer = by_key(&world.recorder, key, method.parse().unwrap(), &uri, &body).await;
            let what = format!("{method} {uri}: {} {}", answer.status, answer.text());
            if who == "open" {
                assert_ne!((answer.status.as_u16(), path.as_str() == "/v1/session"), (401, false), "{what}");
            } else {
                assert_eq!(answer.status, 401, "{what}");
                assert!(answer.header("www-authenticate").contains(if path.starts_with("/api/") {
                    "Basic"
                } else {
                    "Bearer"
                }));
            }
        }
    }
    assert_eq!(world.recorder.get("/v1/nothing").await.status, 404);
}
