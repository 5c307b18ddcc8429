//! `sidetone agents import FILE` and `sidetone agents list`.

use std::path::PathBuf;

use clap::Subcommand;

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
    },
    /// List the agents of a running recorder.
    List,
}

impl Agents {
    #[expect(clippy::print_stdout, reason = "what was imported is what the command tells")]
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.what {
            What::Import { file } => {
                let bytes = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
                // What is wrong with the file is said here, where its name is known.
                let agents = calls::agents_file::parse(&bytes)
                    .map_err(|error| format!("{}: {error}", file.display()))?;
                self.server.post("/v1/agents/import", &bytes)?;
                println!("{} agents are known to the recorder now", agents.len());
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
