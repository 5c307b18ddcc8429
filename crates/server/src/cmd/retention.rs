//! `sidetone retention`: how deletion stands, and what somebody has to confirm.

use clap::Subcommand;
use serde_json::json;

use super::Failure;
use super::client::{Server, text};

/// Arguments of `sidetone retention`.
#[derive(Debug, clap::Args)]
pub(super) struct Retention {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what is kept, marked, held and erased, and what stops deletions.
    Status,
    /// Say that what has stopped deletions is in order, so that they go on.
    Confirm {
        /// Who says so.
        #[arg(long)]
        by: String,
    },
}

impl Retention {
    #[expect(clippy::print_stdout, reason = "how it stands is what was asked for")]
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.what {
            What::Status => {
                let status = self.server.get("/v1/retention", &[])?;
                for (key, means) in [
                    ("kept", "recordings are kept"),
                    ("archived", "of them in archives"),
                    ("marked", "of them marked to be erased"),
                    ("held", "of them under legal holds"),
                    ("restricted", "of them restricted"),
                    ("erased", "recordings were erased"),
                    ("not_done", "erasures are decided and not done"),
                ] {
                    println!("{:>9} {means}", text(&status[key]));
                }
                if let Some(why) = status["why"].as_str() {
                    println!("stopped: {why}");
                    return Err("somebody has to look; sidetone retention confirm has it go on".to_owned());
                }
            }
            What::Confirm { by } => {
                let body = json!({"by": by}).to_string();
                let confirmed = self.server.post("/v1/retention/confirm", body.as_bytes())?;
                println!("confirmed: {}", text(&confirmed["what"]));
            }
        }
        Ok(())
    }
}
