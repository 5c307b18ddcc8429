//! `sidetone find`: recordings by agent, number, time and text; `sidetone show ID`: all that is known of one.

use super::Failure;
use super::client::{Server, print_table, text};

/// Arguments of `sidetone find`.
#[derive(Debug, clap::Args)]
pub(super) struct Find {
    /// An agent's id, phone or name.
    #[arg(long)]
    agent: Option<String>,
    /// A number: calling, called, or a party's; the end of it is enough.
    #[arg(long)]
    number: Option<String>,
    /// Started at or after this time (RFC 3339, such as 2026-03-02T09:00:00Z).
    #[arg(long)]
    from: Option<String>,
    /// Started before this time.
    #[arg(long)]
    to: Option<String>,
    /// Words in names, numbers, fields, bookmarks and notes.
    #[arg(long)]
    text: Option<String>,
    /// An id that another system gave the call, such as a UCID in any spelling; or SIP's Call-ID.
    #[arg(long)]
    known_as: Option<String>,
    /// A category it was put into, whole.
    #[arg(long)]
    category: Option<String>,
    /// Only what has a bookmark, a note or a category.
    #[arg(long, value_name = "KIND")]
    annotated: Option<String>,
    /// Copies too, brought by other recording clients, all of which another recording holds.
    #[arg(long)]
    copies: bool,
    /// How many at most.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    server: Server,
}

impl Find {
    pub(super) fn run(self) -> Result<(), Failure> {
        let asked = [
            ("agent", self.agent),
            ("number", self.number),
            ("from", self.from),
            ("to", self.to),
            ("text", self.text),
            ("known_as", self.known_as),
            ("category", self.category),
            ("annotated", self.annotated),
            ("copies", self.copies.then(|| "all".to_owned())),
            ("limit", Some(self.limit.to_string())),
        ];
        let parameters: Vec<(&str, String)> =
            asked.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        let answer = self.server.get("/v1/recordings", &parameters)?;
        let recordings = answer["items"].as_array().cloned().unwrap_or_default();
        let rows: Vec<Vec<String>> = recordings
            .iter()
            .map(|recording| {
                let seconds = recording["duration_ms"].as_u64().unwrap_or_default() / 1_000;
                vec![
                    text(&recording["id"]),
                    text(&recording["started"]),
                    format!("{}:{:02}", seconds / 60, seconds % 60),
                    text(&recording["agent_name"]),
                    text(&recording["device"]),
                    text(&recording["ani"]),
                    text(&recording["dnis"]),
                    text(&recording["completeness"]),
                ]
            })
            .collect();
        print_table(&["id", "started", "length", "agent", "device", "ani", "dnis", "state"], &rows);
        Ok(())
    }
}

/// Arguments of `sidetone show`.
#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// The recording's id.
    id: String,
    #[command(flatten)]
    server: Server,
}

impl Show {
    #[expect(clippy::print_stdout, reason = "the recording is what was asked for")]
    pub(super) fn run(self) -> Result<(), Failure> {
        let id: calls::id::RecordingId =
            self.id.parse().map_err(|error: calls::id::NotAnId| error.to_string())?;
        let recording = self.server.get(&format!("/v1/recordings/{id}"), &[])?;
        let pretty = serde_json::to_string_pretty(&recording).map_err(|error| error.to_string())?;
        println!("{pretty}");
        Ok(())
    }
}
