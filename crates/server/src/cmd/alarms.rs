//! `sidetone alarms`: what somebody should see to.

use super::Failure;
use super::client::{Server, text};

/// Arguments of `sidetone alarms`.
#[derive(Debug, clap::Args)]
pub(super) struct Alarms {
    /// What was the matter within the last day and is over.
    #[arg(long)]
    over: bool,
    #[command(flatten)]
    server: Server,
}

impl Alarms {
    /// Ends with a failure while something critical is active, so that a script can ask.
    #[expect(clippy::print_stdout, reason = "the alarms are what was asked for")]
    pub(super) fn run(self) -> Result<(), Failure> {
        let state = if self.over { "over" } else { "active" };
        let answer = self.server.get("/v1/alarms", &[("state", state.to_owned())])?;
        let alarms = answer["items"].as_array().cloned().unwrap_or_default();
        if alarms.is_empty() {
            println!("nothing is the matter");
        }
        for alarm in &alarms {
            let [severity, kind, about, what] =
                ["severity", "kind", "about", "what"].map(|key| text(&alarm[key]));
            let times = alarm["count"].as_u64().filter(|count| *count > 1);
            let times = times.map_or_else(String::new, |count| format!(", {count} times"));
            let (since, means, todo) = (text(&alarm["since"]), text(&alarm["means"]), text(&alarm["todo"]));
            println!(
                "{severity}  {kind}  {about}: {what}\n    since {since}{times}\n    {means}\n    to do: {todo}"
            );
        }
        let critical = alarms.iter().filter(|alarm| alarm["severity"] == "critical").count();
        match critical {
            0 => Ok(()),
            _ if self.over => Ok(()),
            1 => Err("one alarm is critical".to_owned()),
            many => Err(format!("{many} alarms are critical")),
        }
    }
}
