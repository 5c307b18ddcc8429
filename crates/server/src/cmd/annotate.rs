//! `sidetone annotate ID`: attaches a bookmark, a note or a category to a finished recording.

use serde_json::json;

use super::Failure;
use super::client::{Server, text};
use super::times::{clock, milliseconds};

/// Arguments of `sidetone annotate`.
#[derive(Debug, clap::Args)]
pub(super) struct Annotate {
    /// The recording's id.
    id: calls::id::RecordingId,
    #[command(flatten)]
    what: What,
    /// The place it is about, from the recording's start: seconds, or minutes:seconds, as 12.5 or 1:02 [default: the whole].
    #[arg(long, value_parser = milliseconds)]
    from: Option<u64>,
    /// Where that place ends [default: it is a point].
    #[arg(long, value_parser = milliseconds, requires = "from")]
    to: Option<u64>,
    /// Who says it.
    #[arg(long)]
    by: String,
    #[command(flatten)]
    server: Server,
}

/// One of three.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// A few words for a place to come back to.
    #[arg(long, value_name = "TEXT")]
    bookmark: Option<String>,
    /// A text.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// The name of a category to put it into.
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
}

impl Annotate {
    #[expect(clippy::print_stdout, reason = "what was done is what was asked for")]
    pub(super) fn run(self) -> Result<(), Failure> {
        let What { bookmark, note, category } = self.what;
        let kinds = [("bookmark", bookmark), ("note", note), ("category", category)];
        let said = kinds.into_iter().find_map(|(kind, said)| Some((kind, said?)));
        let (kind, said) = said.ok_or("say what: --bookmark, --note or --category")?;
        let mut wanted = json!({"kind": kind, "text": said, "by": self.by});
        if let Some(from) = self.from {
            wanted["from_ms"] = from.into();
            wanted["to_ms"] = self.to.into();
        }
        let path = format!("/v1/recordings/{}/annotations", self.id);
        let done = self.server.post(&path, wanted.to_string().as_bytes())?;
        let place = self.from.map(|from| format!(" at {}", clock(from))).unwrap_or_default();
        println!("{kind} {}{place}: {}", text(&done["number"]), text(&done["text"]));
        Ok(())
    }
}
