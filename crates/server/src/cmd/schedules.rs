//! `sidetone schedules`: which calls are kept; `sidetone archive-actions`: what becomes of recordings in the end.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::Failure;
use super::client::{Server, items, print_table, text};

/// Arguments of `sidetone schedules`.
#[derive(Debug, clap::Args)]
pub(super) struct Schedules {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the schedules of a running recorder, in the order in which they are asked.
    List {
        /// Everything, as JSON that can be put again.
        #[arg(long)]
        json: bool,
    },
    /// Put schedules from a JSON file: one, or a list. Those with an id are changed, others are made.
    Put {
        /// The file.
        file: PathBuf,
    },
    /// Remove a schedule. Recordings keep its name.
    Remove {
        /// Its number.
        id: u32,
    },
    /// Say what would become of a call, and why. Nothing is changed or counted.
    Explain(Explain),
}

/// A call that has not been. What is not said is not known.
#[derive(Debug, clap::Args)]
struct Explain {
    /// The agent in it, by number.
    #[arg(long)]
    agent: Vec<u32>,
    /// The number of the other side: calling, or, of an outbound call, called.
    #[arg(long)]
    number: Option<String>,
    /// Which way it goes.
    #[arg(long, value_enum)]
    direction: Option<Way>,
    /// When it begins (RFC 3339, such as 2026-03-02T09:00:00Z) [default: now].
    #[arg(long)]
    at: Option<String>,
    /// The number called.
    #[arg(long)]
    dnis: Option<String>,
    /// The ACD queue.
    #[arg(long)]
    gate: Option<String>,
    /// The skill group.
    #[arg(long)]
    skill_group: Option<String>,
    /// Its business unit [default: the agent's].
    #[arg(long)]
    business_unit: Option<i64>,
    /// The trunk it comes by, by name.
    #[arg(long)]
    trunk: Option<String>,
    /// The phone it is on [default: the agent's].
    #[arg(long)]
    device: Option<String>,
    /// A command starts its recording.
    #[arg(long)]
    by_command: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    Inbound,
    Outbound,
}

impl Explain {
    fn body(self) -> Value {
        let mut call = Map::new();
        let mut said =
            |key: &str, value: Option<Value>| drop(value.map(|value| call.insert(key.to_owned(), value)));
        let other = if self.direction == Some(Way::Outbound) { "dnis" } else { "ani" };
        said("agents", Some(self.agent.into()));
        said(other, self.number.map(Value::from));
        said("dnis", self.dnis.map(Value::from));
        let direction = self.direction.map(|way| if way == Way::Inbound { "inbound" } else { "outbound" });
        said("direction", direction.map(Value::from));
        said("at", self.at.map(Value::from));
        said("gate", self.gate.map(Value::from));
        said("skill_group", self.skill_group.map(Value::from));
        said("business_unit", self.business_unit.map(Value::from));
        said("trunk", self.trunk.map(Value::from));
        said("device", self.device.map(Value::from));
        said("by_command", Some(self.by_command.into()));
        Value::Object(call)
    }
}

impl Schedules {
    #[expect(clippy::print_stdout, reason = "what was done is what the command tells")]
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.what {
            What::List { json: false } => list(&self.server),
            What::List { json: true } => print_json(&self.server.get("/v1/schedules", &[])?["items"]),
            What::Put { file } => put(&self.server, &file, "/v1/schedules", "schedule"),
            What::Remove { id } => {
                self.server.delete(&format!("/v1/schedules/{id}"))?;
                println!("schedule {id} is removed");
                Ok(())
            }
            What::Explain(call) => explain(&self.server, call),
        }
    }
}

fn list(server: &Server) -> Result<(), Failure> {
    let answer = server.get("/v1/schedules", &[])?;
    let rows: Vec<Vec<String>> = items(&answer)
        .map(|schedule| {
            let keep_days = &schedule["keep_days"];
            vec![
                text(&schedule["id"]),
                text(&schedule["name"]),
                text(&schedule["priority"]),
                kind(&schedule["kind"]),
                text(&schedule["probability"]),
                if keep_days.is_null() { "for ever".to_owned() } else { text(keep_days) },
                text(&schedule["archive_action"]),
                text(&schedule["active"]),
            ]
        })
        .collect();
    print_table(&["id", "name", "priority", "keeps", "probability", "days", "then", "active"], &rows);
    Ok(())
}

fn kind(kind: &Value) -> String {
    match kind["type"].as_str().unwrap_or_default() {
        "percentage" => format!("{} %", kind["percent"]),
        "agent_percentage" => format!("{} % of each agent", kind["percent"]),
        "set_number" if kind["per"] == "life" => format!("{} calls", kind["count"]),
        "set_number" => format!("{} calls a {}", kind["count"], text(&kind["per"])),
        other => other.replace('_', " "),
    }
}

#[expect(clippy::print_stdout, reason = "what would be is what was asked for")]
fn explain(server: &Server, call: Explain) -> Result<(), Failure> {
    let said = server.post("/v1/schedules/explain", call.body().to_string().as_bytes())?;
    println!("{}", text(&said["why"]));
    let rows: Vec<Vec<String>> = said["schedules"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|asked| {
            let passed_over = &asked["passed_over"];
            let then = if passed_over.is_null() { "takes the call".to_owned() } else { text(passed_over) };
            vec![text(&asked["id"]), text(&asked["name"]), text(&asked["priority"]), then]
        })
        .collect();
    print_table(&["id", "name", "priority", "what it says"], &rows);
    Ok(())
}

/// Arguments of `sidetone archive-actions`.
#[derive(Debug, clap::Args)]
pub(super) struct ArchiveActions {
    #[command(subcommand)]
    what: ActionWhat,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum ActionWhat {
    /// List the archive actions of a running recorder.
    List {
        /// Everything, as JSON that can be put again.
        #[arg(long)]
        json: bool,
    },
    /// Put archive actions from a JSON file: one, or a list. Those with an id are changed, others are made.
    Put {
        /// The file.
        file: PathBuf,
    },
}

impl ArchiveActions {
    pub(super) fn run(self) -> Result<(), Failure> {
        let answer = match self.what {
            ActionWhat::Put { file } => {
                return put(&self.server, &file, "/v1/archive-actions", "archive action");
            }
            ActionWhat::List { json } => {
                let answer = self.server.get("/v1/archive-actions", &[])?;
                if json {
                    return print_json(&answer["items"]);
                }
                answer
            }
        };
        let rows: Vec<Vec<String>> = items(&answer)
            .map(|action| {
                let next = &action["next"];
                let next = match next["action"].as_u64() {
                    Some(id) => format!("{id} after {} days", next["after_days"]),
                    None => String::new(),
                };
                let [id, name, kind, target, active] =
                    ["id", "name", "kind", "target", "active"].map(|key| text(&action[key]));
                vec![id, name, kind, target, next, active]
            })
            .collect();
        print_table(&["id", "name", "kind", "target", "next", "active"], &rows);
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "it is what was asked for")]
fn print_json(value: &Value) -> Result<(), Failure> {
    println!("{}", serde_json::to_string_pretty(value).map_err(|error| error.to_string())?);
    Ok(())
}

/// Puts what a file holds, in its order. What is refused ends it; what was put before stays.
#[expect(clippy::print_stdout, reason = "what was done is what the command tells")]
fn put(server: &Server, file: &Path, path: &str, what: &str) -> Result<(), Failure> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let bytes = std::fs::read(file).map_err(|error| named(&error))?;
    let read: Value = serde_json::from_slice(&bytes).map_err(|error| named(&error))?;
    let all = match read {
        Value::Array(all) => all,
        one => vec![one],
    };
    for (place, one) in (1..).zip(&all) {
        let of_many = |error: Failure| {
            if all.len() > 1 { format!("{what} {place} of the file: {error}") } else { error }
        };
        let (put, done) = match one["id"].as_u64() {
            Some(id) => (server.put(&format!("{path}/{id}"), one).map_err(of_many)?, "changed"),
            None => (server.post(path, json!(one).to_string().as_bytes()).map_err(of_many)?, "made"),
        };
        println!("{what} {} ({}) is {done}", text(&put["id"]), text(&put["name"]));
    }
    Ok(())
}
