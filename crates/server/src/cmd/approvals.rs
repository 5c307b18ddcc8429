//! `sidetone approvals`: what waits for the approval of another.

use clap::Subcommand;
use serde_json::Value;

use super::Failure;
use super::client::{Server, print_items, text};

/// Arguments of `sidetone approvals`.
#[derive(Debug, clap::Args)]
pub(super) struct Approvals {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List what waits. People approve and refuse on the page, where they are logged in.
    List {
        /// What was decided or has expired too.
        #[arg(long)]
        all: bool,
    },
}

impl Approvals {
    pub(super) fn run(self) -> Result<(), Failure> {
        let What::List { all } = self.what;
        let state: &[(&str, String)] = if all { &[("state", "all".to_owned())] } else { &[] };
        let answer = self.server.get("/v1/approvals", state)?;
        let head =
            ["request", "kind", "what", "by", "why", "asked", "expires", "state", "problem", "decided by"];
        let cells = |item: &Value| {
            let what = item["what"].to_string().into();
            [
                &item["id"],
                &item["kind"],
                &what,
                &item["by"],
                &item["why"],
                &item["asked"],
                &item["expires"],
                &item["state"],
                &item["problem"],
                &item["decided_by"],
            ]
            .map(text)
            .to_vec()
        };
        print_items(&head, &answer, cells);
        Ok(())
    }
}

/// What is said of something that was asked for and waits; `None` if it was done.
pub(super) fn waiting(answer: &Value) -> Option<String> {
    let waits = answer["state"] == "waiting";
    waits.then(|| {
        format!(
            "request {} waits until {} for another to approve it",
            text(&answer["id"]),
            text(&answer["expires"])
        )
    })
}
