//! `sidetone redact ID`: erases a span of a finished recording for good.

use std::io::{IsTerminal, Write};

use serde_json::json;

use super::Failure;
use super::client::{Server, text};
use super::times::{clock, milliseconds};

/// Arguments of `sidetone redact`.
#[derive(Debug, clap::Args)]
pub(super) struct Redact {
    /// The recording's id.
    id: calls::id::RecordingId,
    /// Where the span begins, from the recording's start: seconds, or minutes:seconds, as 12.5 or 1:02.
    #[arg(long, value_parser = milliseconds)]
    from: u64,
    /// Where it ends.
    #[arg(long, value_parser = milliseconds)]
    to: u64,
    /// Who approves it.
    #[arg(long)]
    by: String,
    /// Why it has to go.
    #[arg(long)]
    why: String,
    /// It is card data: that is erased even under a legal hold.
    #[arg(long)]
    card_data: bool,
    /// Do not ask again.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    server: Server,
}

impl Redact {
    #[expect(clippy::print_stdout, reason = "what was done is what was asked for")]
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.to <= self.from {
            return Err("--to must lie behind --from".to_owned());
        }
        let span = format!("{} to {}", clock(self.from), clock(self.to));
        if !self.yes {
            confirm(&format!("{span} of recording {}", self.id))?;
        }
        let wanted = json!({
            "from_ms": self.from, "to_ms": self.to, "by": self.by, "why": self.why, "card_data": self.card_data,
        });
        let path = format!("/v1/recordings/{}/redactions", self.id);
        let done = self.server.post(&path, wanted.to_string().as_bytes())?;
        if done["done"].is_null() {
            println!("{span} is on record to be erased; the recorder goes on with it until it is done");
        } else {
            println!("{span} is erased: {} packets, and the keys they were under", text(&done["packets"]));
        }
        Ok(())
    }
}

/// Has somebody at a terminal say it once more.
#[expect(clippy::print_stdout, reason = "a question is to be seen")]
pub(super) fn confirm(what: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err("this cannot be undone: say --yes where nobody can be asked".to_owned());
    }
    print!("This erases {what}, and cannot be undone. Type erase to go on: ");
    let mut said = String::new();
    let read = std::io::stdout().flush().and_then(|()| std::io::stdin().read_line(&mut said));
    read.map_err(|error| error.to_string())?;
    if said.trim() == "erase" { Ok(()) } else { Err("nothing was erased".to_owned()) }
}
