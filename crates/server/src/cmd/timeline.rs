//! `sidetone timeline ID`: what happened to a call.

use super::Failure;
use super::client::{Server, text};

/// Arguments of `sidetone timeline`.
#[derive(Debug, clap::Args)]
pub(super) struct Timeline {
    /// The id of a call, or of a recording of it.
    id: String,
    /// Print the SIP messages too.
    #[arg(long)]
    messages: bool,
    #[command(flatten)]
    server: Server,
}

impl Timeline {
    #[expect(clippy::print_stdout, reason = "the timeline is what was asked for")]
    pub(super) fn run(self) -> Result<(), Failure> {
        let id: calls::id::RecordingId =
            self.id.parse().map_err(|error: calls::id::NotAnId| error.to_string())?;
        // An id may be either's; a recording says of which call it is.
        let call = match self.server.get(&format!("/v1/recordings/{id}"), &[]) {
            Ok(recording) => text(&recording["call"]),
            Err(_) => id.to_string(),
        };
        let timeline = self.server.get(&format!("/v1/calls/{call}/timeline"), &[])?;
        for entry in timeline["entries"].as_array().into_iter().flatten() {
            let times = entry["times"].as_u64().filter(|times| *times > 1);
            let times = times.map_or_else(String::new, |times| format!(" ({times} times)"));
            println!("{}  {:<8}  {}{times}", text(&entry["at"]), text(&entry["kind"]), text(&entry["what"]));
            if let Some(message) = entry["text"].as_str().filter(|_| self.messages) {
                message.lines().for_each(|line| println!("    {line}"));
            }
        }
        if let Some(dropped) = timeline["dropped"].as_u64().filter(|dropped| *dropped > 0) {
            println!("{dropped} entries in the middle were dropped for want of room");
        }
        Ok(())
    }
}
