//! `sidetone erase`: all that is about somebody goes, but for what has to stay (C5-02).

use serde_json::{Value, json};

use super::Failure;
use super::approvals::waiting;
use super::client::{Server, print_table, text};
use super::redact::confirm;

/// Arguments of `sidetone erase`.
#[derive(Debug, clap::Args)]
pub(super) struct Erase {
    /// The end of their number, of 6 digits or more.
    #[arg(long)]
    number: Option<String>,
    /// Their whole name, in any case.
    #[arg(long)]
    name: Option<String>,
    /// An exact value of a user field, such as user2=1234567890; may be said again.
    #[arg(long = "field", value_name = "FIELD=VALUE", value_parser = field)]
    fields: Vec<(String, String)>,
    /// Who asks for it.
    #[arg(long)]
    by: String,
    /// The legal ground.
    #[arg(long)]
    why: String,
    /// Only say what would go, and what stays.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask again.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    server: Server,
}

fn field(text: &str) -> Result<(String, String), String> {
    let (field, value) = text.split_once('=').ok_or("say FIELD=VALUE, such as user2=1234567890")?;
    Ok((field.to_owned(), value.to_owned()))
}

impl Erase {
    #[expect(clippy::print_stdout, reason = "what goes and what stays is what was asked for")]
    pub(super) fn run(self) -> Result<(), Failure> {
        let seen = self.ask(true)?;
        let would_go = items(&seen["would_go"]);
        print_concerned("would go", &would_go);
        print_concerned("stay", &items(&seen["stays"]));
        if self.dry_run || would_go.is_empty() {
            return Ok(());
        }
        if !self.yes {
            confirm(&format!("{} recordings", would_go.len()))?;
        }
        let done = self.ask(false)?;
        if let Some(waits) = waiting(&done) {
            println!("{waits}");
            return Ok(());
        }
        let erased = items(&done["erased"]);
        let (ended, waiting): (Vec<_>, Vec<_>) = erased.iter().partition(|item| !item["done"].is_null());
        println!("{} recordings are erased", ended.len());
        let rows: Vec<Vec<String>> = erased
            .iter()
            .map(|item| {
                ["number", "recording", "done", "keys", "digest"].map(|key| text(&item[key])).to_vec()
            })
            .collect();
        print_table(&["proof", "recording", "done", "keys", "digest"], &rows);
        match waiting.len() {
            0 => Ok(()),
            count => Err(format!(
                "{count} are on record and not erased yet; sidetone alarms says what is in the way"
            )),
        }
    }

    fn ask(&self, dry_run: bool) -> Result<Value, Failure> {
        let fields: serde_json::Map<String, Value> =
            self.fields.iter().map(|(field, value)| (field.clone(), value.clone().into())).collect();
        let body = json!({
            "number": self.number, "name": self.name, "fields": fields, "by": self.by, "why": self.why,
            "dry_run": dry_run,
        });
        self.server.post("/v1/erasures", body.to_string().as_bytes())
    }
}

fn items(list: &Value) -> Vec<Value> {
    list.as_array().cloned().unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "what goes and what stays is what was asked for")]
fn print_concerned(what: &str, items: &[Value]) {
    println!("{} recordings {what}", items.len());
    let row = |item: &Value| ["id", "started", "why"].map(|key| text(&item[key])).to_vec();
    if !items.is_empty() {
        print_table(&["recording", "started", "why"], &items.iter().map(row).collect::<Vec<_>>());
    }
}
