//! `sidetone holds`: legal holds, as people place and release them.

use calls::id::RecordingId;
use clap::Subcommand;
use serde_json::{Value, json};

use super::Failure;
use super::approvals::waiting;
use super::client::{Server, print_table, text};

/// Arguments of `sidetone holds`.
#[derive(Debug, clap::Args)]
pub(super) struct Holds {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show the holds that hold.
    List {
        /// Those that were released too.
        #[arg(long)]
        all: bool,
    },
    /// Place a hold: on recordings that are named, on all that match, or on both.
    Place(Box<Place>),
    /// Release a hold.
    Release {
        /// Its number.
        number: i64,
        /// Who releases it.
        #[arg(long)]
        by: String,
        /// Why.
        #[arg(long)]
        why: String,
    },
}

#[derive(Debug, clap::Args)]
struct Place {
    /// The matter's id.
    #[arg(long)]
    matter: String,
    /// Whose it is.
    #[arg(long)]
    owner: String,
    /// Why.
    #[arg(long)]
    reason: String,
    /// Who places it.
    #[arg(long)]
    by: String,
    /// A recording it holds; may be said again.
    #[arg(long = "recording", value_name = "ID")]
    recordings: Vec<RecordingId>,
    /// An agent's number, name, phone or user name, whole.
    #[arg(long)]
    agent: Option<String>,
    /// The end of a caller's, callee's or device's number.
    #[arg(long)]
    number: Option<String>,
    /// Started at or after this, as 2026-11-23T08:00:00Z.
    #[arg(long)]
    from: Option<String>,
    /// Started before this.
    #[arg(long)]
    to: Option<String>,
    /// Words over names, numbers, addresses and fields.
    #[arg(long)]
    text: Option<String>,
}

impl Holds {
    #[expect(clippy::print_stdout, reason = "what holds is what was asked for")]
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.what {
            What::List { all } => {
                let state: &[(&str, String)] = if all { &[("state", "all".to_owned())] } else { &[] };
                let answer = self.server.get("/v1/holds", state)?;
                let holds = answer["items"].as_array().cloned().unwrap_or_default();
                if holds.is_empty() {
                    println!("no hold holds anything");
                    return Ok(());
                }
                let head = ["hold", "matter", "owner", "placed", "count", "released", "reason"];
                let row = |hold: &Value| {
                    ["id", "matter", "owner", "placed", "count", "released", "reason"]
                        .map(|key| text(&hold[key]))
                        .to_vec()
                };
                print_table(&head, &holds.iter().map(row).collect::<Vec<_>>());
            }
            What::Place(place) => {
                let placed = self.server.post("/v1/holds", place.body().to_string().as_bytes())?;
                println!("hold {} holds {} recordings", text(&placed["id"]), text(&placed["count"]));
            }
            What::Release { number, by, why } => {
                let body = json!({"by": by, "why": why}).to_string();
                let answer = self.server.post(&format!("/v1/holds/{number}/release"), body.as_bytes())?;
                println!("{}", waiting(&answer).unwrap_or_else(|| format!("hold {number} is released")));
            }
        }
        Ok(())
    }
}

impl Place {
    fn body(&self) -> Value {
        let Self { matter, owner, reason, by, recordings, agent, number, from, to, text } = self;
        let conditions = [("agent", agent), ("number", number), ("from", from), ("to", to), ("text", text)];
        let query: serde_json::Map<String, Value> = conditions
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into())))
            .collect();
        let ids: Vec<String> = recordings.iter().map(ToString::to_string).collect();
        let query = (!query.is_empty()).then_some(query);
        json!({
            "matter": matter, "owner": owner, "reason": reason, "by": by, "recordings": ids, "query": query,
        })
    }
}
