//! `sidetone webhooks`: who is told of what happens.

use serde_json::{Value, json};

use super::Failure;
use super::client::{Server, print_items, text};

/// Arguments of `sidetone webhooks`.
#[derive(Debug, clap::Args)]
pub(super) struct Webhooks {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List them.
    List,
    /// Have events be sent to a URL. Prints the secret, once.
    Add {
        /// Where to.
        url: String,
        /// The kinds that are wanted, or families of them, parted by commas, as recording,call.ended [default: all].
        #[arg(long, value_delimiter = ',')]
        kinds: Vec<String>,
    },
    /// Remove one, with what waits for it.
    Remove {
        /// Its id.
        id: String,
    },
    /// Send one a test, and say what came of it.
    Test {
        /// Its id.
        id: String,
    },
    /// Give one another secret. Prints it, once; the one before holds for a day.
    Secret {
        /// Its id.
        id: String,
    },
    /// Show what became of events on their way to one, the newest first.
    Deliveries {
        /// Its id.
        id: String,
        /// Only waiting, delivered or dead ones.
        #[arg(long)]
        state: Option<String>,
        /// How many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Have events sent to one again.
    Replay {
        /// Its id.
        id: String,
        /// Those since this time, as 2026-11-23T08:00:00Z.
        #[arg(long, required_unless_present = "after", conflicts_with = "after")]
        from: Option<String>,
        /// Those behind the event with this id.
        #[arg(long)]
        after: Option<String>,
        /// Only those that were given up.
        #[arg(long)]
        only_dead: bool,
    },
}

impl Webhooks {
    #[expect(clippy::print_stdout, reason = "what was done is what was asked for")]
    pub(super) fn run(self) -> Result<(), Failure> {
        let server = self.server;
        let of = |id: &str, what: &str| format!("/v1/webhooks/{id}{what}");
        match self.what {
            What::List => list(&server.get("/v1/webhooks", &[])?),
            What::Add { url, kinds } => {
                let wanted = json!({"url": url, "kinds": kinds}).to_string();
                let made = server.post("/v1/webhooks", wanted.as_bytes())?;
                println!("webhook {}\nsecret {}", text(&made["id"]), text(&made["secret"]));
            }
            What::Remove { id } => {
                server.delete(&of(&id, ""))?;
                println!("webhook {id} is removed");
            }
            What::Test { id } => {
                let tested = server.post(&of(&id, "/test"), b"")?;
                if tested["delivered"] != true {
                    return Err(text(&tested["problem"]));
                }
                println!("it has taken it, and answers {}", text(&tested["status"]));
            }
            What::Secret { id } => {
                let exchanged = server.post(&of(&id, "/secret"), b"")?;
                println!("secret {}", text(&exchanged["secret"]));
            }
            What::Deliveries { id, state, limit } => {
                let mut parameters = vec![("limit", limit.to_string())];
                parameters.extend(state.map(|state| ("state", state)));
                deliveries(&server.get(&of(&id, "/deliveries"), &parameters)?);
            }
            What::Replay { id, from, after, only_dead } => {
                let mut wanted = json!({"only_dead": only_dead});
                for (name, value) in [("from", from), ("after", after)] {
                    if let Some(value) = value {
                        wanted[name] = value.into();
                    }
                }
                let replayed = server.post(&of(&id, "/replay"), wanted.to_string().as_bytes())?;
                println!("{} events are on their way", text(&replayed["events"]));
            }
        }
        Ok(())
    }
}

fn list(page: &Value) {
    let row = |webhook: &Value| {
        let kinds = webhook["kinds"].as_array().into_iter().flatten().map(text);
        let kinds = kinds.collect::<Vec<_>>().join(",");
        let is_on = webhook["active"] == true;
        let why_off =
            if webhook["why_off"].is_null() { "by hand".to_owned() } else { text(&webhook["why_off"]) };
        vec![
            text(&webhook["id"]),
            text(&webhook["url"]),
            if kinds.is_empty() { "all".to_owned() } else { kinds },
            if is_on { "on".to_owned() } else { format!("off: {why_off}") },
        ]
    };
    print_items(&["ID", "URL", "KINDS", "STATE"], page, row);
}

fn deliveries(page: &Value) {
    let columns = ["at", "kind", "state", "attempts", "status", "problem", "id"];
    let row = |delivery: &Value| columns.iter().map(|column| text(&delivery[*column])).collect();
    print_items(&["AT", "KIND", "STATE", "TRIES", "STATUS", "PROBLEM", "EVENT"], page, row);
}
