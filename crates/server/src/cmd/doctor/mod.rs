//! `sidetone doctor`: looks at a deployment in the order in which a call would meet it, then places a call through the
//! running recorder, and says in words what an SBC would see (product decision 18).

mod certificate;
mod folder;
mod machine;
mod network;
mod report;
mod server;
mod test_call;

use report::{Report, State};

use super::Failure;
use super::client::{ApiKey, Server};
use super::trust::Trust;
use crate::config::{Config, Flags};

/// Arguments of `sidetone doctor`. Settings are found as `sidetone serve` finds them.
#[derive(Debug, clap::Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    flags: Flags,
    /// The running recorder [default: the address of the settings].
    #[arg(long, env = "SIDETONE_SERVER", value_name = "URL")]
    to: Option<String>,
    #[command(flatten)]
    key: ApiKey,
    #[command(flatten)]
    trust: Trust,
    /// Look only, place no call.
    #[arg(long)]
    no_call: bool,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    #[expect(clippy::print_stdout, reason = "the findings are what was asked for")]
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut report = Report::new(!self.json);
        self.look(&mut report);
        if self.json {
            println!("{:#}", report.json());
        }
        match (report.count(State::Failed), report.count(State::Warning)) {
            (0, warnings) => {
                if !self.json {
                    println!("\nnothing failed; {warnings} warnings");
                }
                Ok(())
            }
            (1, _) => Err("one check failed".to_owned()),
            (failed, _) => Err(format!("{failed} checks failed")),
        }
    }

    fn look(&self, report: &mut Report) {
        let config = self.settings(report);
        let scheme = if config.http_tls.is_some() { "https" } else { "http" };
        let url = self.to.clone().unwrap_or_else(|| format!("{scheme}://{}", config.http));
        let recorder = Server::at(url, self.key.clone(), self.trust.clone());
        let running = server::look(report, &recorder);
        folder::look(report, &config, running.as_ref());
        machine::look(report, &config, running.as_ref());
        certificate::look(report, &config);
        let reachable = network::look(report, &config, running.is_some());
        match (running, reachable) {
            (Some(_), Some(sip)) if !self.no_call => test_call::place(report, &recorder, sip),
            (Some(_), None) if !self.no_call => {
                report.fail(
                    "test call",
                    "no call was placed: the recorder does not answer on its SIP address",
                    "see what is said of sip and address above",
                );
            }
            _ => {}
        }
    }

    /// The settings, or those of a fresh install where they cannot be used.
    fn settings(&self, report: &mut Report) -> Config {
        match Config::load(&self.flags) {
            Ok(config) => {
                match &self.flags.config {
                    Some(path) => report.ok("settings", format!("{} can be used", path.display())),
                    None => report
                        .ok("settings", "no settings file was named; flags, variables and defaults hold"),
                }
                for doubt in config.doubts() {
                    report.warn("settings", doubt, "make sure that it is meant so");
                }
                config
            }
            Err(error) => {
                report.fail(
                    "settings",
                    error.to_string(),
                    "correct it: a recorder does not start with it. What follows looks at the defaults",
                );
                let data = self.flags.data.clone().unwrap_or_else(|| "sidetone-data".into());
                let mut config = Config::of_fresh_install(data);
                config.http = self.flags.http.unwrap_or(config.http);
                config.sip = self.flags.sip.unwrap_or(config.sip);
                config
            }
        }
    }
}
