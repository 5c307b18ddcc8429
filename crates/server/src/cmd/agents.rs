//! `sidetone agents`: who the agents are, and where they sit.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::Failure;
use super::client::{Server, print_table, text};

/// Arguments of `sidetone agents`.
#[derive(Debug, clap::Args)]
pub(super) struct Agents {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Take agents from a CSV or JSON file into a running recorder.
    Import {
        /// The file; `id,phone,username,system_username,crm_username,name,business_unit,device_alias,station`.
        file: PathBuf,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Add an agent, or change some of what is known of one.
    Set(Set),
    /// Remove an agent. Recordings keep the agent's number and name.
    Remove {
        /// The agent's own number.
        id: u32,
    },
    /// Seat an agent at a phone; whoever sat there sits nowhere then.
    Seat {
        /// The agent's own number.
        id: u32,
        /// The number of the phone; left out, the agent sits nowhere.
        #[arg(default_value = "")]
        phone: String,
    },
    /// List the agents of a running recorder.
    List,
}

/// What is to be known of an agent. What is not said stays as it is.
#[derive(Debug, clap::Args)]
struct Set {
    /// The agent's own number.
    id: u32,
    /// The number of the agent's phone.
    #[arg(long)]
    phone: Option<String>,
    /// Login in the recorder.
    #[arg(long)]
    username: Option<String>,
    /// Operating-system login.
    #[arg(long)]
    system_username: Option<String>,
    /// User name in the CRM.
    #[arg(long)]
    crm_username: Option<String>,
    /// The name people know the agent by.
    #[arg(long)]
    name: Option<String>,
    /// Business unit.
    #[arg(long)]
    business_unit: Option<i64>,
    /// The phone's second name.
    #[arg(long)]
    device_alias: Option<String>,
    /// The workstation.
    #[arg(long)]
    station: Option<String>,
}

impl Set {
    #[expect(clippy::print_stdout, reason = "what was done is what the command tells")]
    fn run(self, server: &Server) -> Result<(), Failure> {
        let path = format!("/v1/agents/{}", self.id);
        let (status, known) = server.look(&path)?;
        let mut agent: Value = match status {
            200 => serde_json::from_str(&known).map_err(|error| error.to_string())?,
            404 => json!({}),
            _ => server.get(&path, &[])?,
        };
        let texts = [
            ("phone", self.phone),
            ("username", self.username),
            ("system_username", self.system_username),
            ("crm_username", self.crm_username),
            ("name", self.name),
            ("device_alias", self.device_alias),
            ("station", self.station),
        ];
        for (key, said) in texts {
            if let Some(said) = said {
                agent[key] = said.into();
            }
        }
        if let Some(unit) = self.business_unit {
            agent["business_unit"] = unit.into();
        }
        // What the agent does now is no part of who it is.
        if let Some(fields) = agent.as_object_mut() {
            fields.retain(|key, _| calls::agents_file::COLUMNS.contains(&key.as_str()));
        }
        server.put(&path, &agent)?;
        println!("agent {} is {}", self.id, if status == 404 { "added" } else { "changed" });
        Ok(())
    }
}

impl Agents {
    #[expect(clippy::print_stdout, reason = "what was imported is what the command tells")]
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.what {
            What::Set(set) => set.run(&self.server),
            What::Remove { id } => {
                self.server.delete(&format!("/v1/agents/{id}"))?;
                println!("agent {id} is removed");
                Ok(())
            }
            What::Seat { id, phone } => {
                let seated = self.server.put(&format!("/v1/agents/{id}/seat"), &json!({ "phone": phone }))?;
                let place = if phone.is_empty() { "nowhere".to_owned() } else { format!("at {phone}") };
                println!("agent {id} sits {place}");
                for other in seated["unseated"].as_array().into_iter().flatten() {
                    println!("agent {other} sat there and sits nowhere now");
                }
                Ok(())
            }
            What::Import { file, dry_run } => {
                let bytes = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
                // What is wrong with the file is said here, where its name is known.
                let agents = calls::agents_file::parse(&bytes)
                    .map_err(|error| format!("{}: {}", file.display(), error.listed("\n  ")))?;
                let path = if dry_run { "/v1/agents/import?dry_run=true" } else { "/v1/agents/import" };
                let done = self.server.post(path, &bytes)?;
                let [added, changed, unchanged] =
                    ["added", "changed", "unchanged"].map(|key| text(&done[key]));
                if dry_run {
                    println!("{added} agents would be new, {changed} changed, {unchanged} as they are");
                } else {
                    println!("{} agents are known to the recorder now", agents.len());
                    println!("{added} are new, {changed} changed, {unchanged} as they were");
                }
                Ok(())
            }
            What::List => {
                let answer = self.server.get("/v1/agents", &[])?;
                let agents = answer["items"].as_array().or(answer.as_array()).cloned().unwrap_or_default();
                let columns = ["id", "phone", "username", "system_username", "crm_username", "name"];
                let rows: Vec<Vec<String>> =
                    agents.iter().map(|agent| columns.map(|column| text(&agent[column])).to_vec()).collect();
                print_table(&columns, &rows);
                Ok(())
            }
        }
    }
}
