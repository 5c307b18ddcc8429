//! `sidetone refusals`: who was turned away and why; `sidetone trunks`: how each trunk does.

use super::Failure;
use super::client::{Server, print_table, text};

/// Arguments of `sidetone refusals`.
#[derive(Debug, clap::Args)]
pub(super) struct Refusals {
    #[command(flatten)]
    server: Server,
}

/// Arguments of `sidetone trunks`.
#[derive(Debug, clap::Args)]
pub(super) struct Trunks {
    #[command(flatten)]
    server: Server,
}

impl Refusals {
    #[expect(clippy::print_stdout, reason = "that there is none is an answer")]
    pub(super) fn run(self) -> Result<(), Failure> {
        let answer = self.server.get("/v1/refusals", &[])?;
        let refusals = answer["items"].as_array().cloned().unwrap_or_default();
        if refusals.is_empty() {
            println!("nobody was turned away since the recorder was started");
            return Ok(());
        }
        let columns = ["at", "count", "peer", "trunk", "method", "status", "why", "offered"];
        let row = |refusal: &serde_json::Value| {
            let offered = refusal["offered"].as_array().into_iter().flatten().map(text);
            let offered = offered.collect::<Vec<_>>().join("; ");
            let mut cells = columns[..7].iter().map(|column| text(&refusal[*column])).collect::<Vec<_>>();
            cells.push(if offered.is_empty() { "-".to_owned() } else { offered });
            cells
        };
        print_table(&columns, &refusals.iter().map(row).collect::<Vec<_>>());
        Ok(())
    }
}

impl Trunks {
    pub(super) fn run(self) -> Result<(), Failure> {
        let answer = self.server.get("/v1/trunks", &[])?;
        let trunks = answer["items"].as_array().cloned().unwrap_or_default();
        let row = |trunk: &serde_json::Value| {
            let name = trunk["name"].as_str().map_or("(no trunk)".to_owned(), |_| text(&trunk["name"]));
            let last = &trunk["last_refusal"];
            let mut cells = vec![name];
            cells.extend(["last_invite", "invites", "live_sessions", "refused"].map(|key| text(&trunk[key])));
            cells.extend(["at", "status", "why"].map(|key| text(&last[key])));
            cells
        };
        let columns = ["trunk", "last INVITE", "INVITEs", "live", "refused", "last refusal", "status", "why"];
        print_table(&columns, &trunks.iter().map(row).collect::<Vec<_>>());
        Ok(())
    }
}
